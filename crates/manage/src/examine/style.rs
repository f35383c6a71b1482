//! What the texts need to know of the machine that prints them.

use jiff::Timestamp;
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
        let last = Timestamp::MAX.as_second();
        let signed = i64::try_from(seconds).unwrap_or(i64::MAX);
        // The calendar repeats every 400 years, so a year that jiff cannot count is one it can
        // plus a multiple of that.
        const CYCLE: i64 = 146_097 * 86_400;
        let cycles = if signed > last - 86_400 { (signed - last) / CYCLE + 1 } else { 0 };
        let countable = Timestamp::from_second(signed - cycles * CYCLE).unwrap_or_default();
        let zoned = countable.to_zoned_datetime(self.zone.clone());
        let year = i64::from(zoned.year()) + 400 * cycles;
        let mut text = format!("{} {year}", zoned.strftime("%a %b %e %H:%M:%S"));
        text.truncate(24);
        text
    }
}
