//! What the texts need to know of the machine that prints them.

use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The host and the time zone that mdadm would take from its surroundings.
#[derive(Clone, Debug)]
pub struct Style {
    /// The name of this machine, to mark arrays that are local to it.
    pub host: Option<String>,
    /// The zone in which times are shown.
    pub zone: TimeZone,
    /// The paths of this machine's block devices by their major and minor numbers; a 0.90
    /// superblock holds such numbers, and they are shown beside them.
    pub devices: BTreeMap<(u32, u32), String>,
}

impl Default for Style {
    fn default() -> Self {
        Self { host: None, zone: TimeZone::UTC, devices: BTreeMap::new() }
    }
}

impl Style {
    /// The time zone of this machine; its name and devices are for the caller to fill in.
    #[must_use]
    pub fn here() -> Self {
        Self { zone: TimeZone::system(), ..Self::default() }
    }

    /// A time as C's `ctime` prints it, cut to 24 characters as mdadm does.
    pub(super) fn time(&self, seconds: u64) -> String {
        paritas_control::calendar_time(&self.zone, seconds)
    }
}
