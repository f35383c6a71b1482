//! The text of `mdadm --detail`.

use crate::calendar::calendar_time;
use crate::detail::{Bitmap, Condition, Detail, MemberDetail, Policy, Role, WorkKind};
use jiff::tz::TimeZone;
use paritas_units::human_size;
use std::fmt::Write;

/// Writes the line `LABEL : VALUE`, the label to the right of 18 columns.
macro_rules! field {
    ($text:expr, $label:expr, $($value:tt)*) => {{
        let _ = writeln!($text, "{:>18} : {}", $label, format_args!($($value)*));
    }};
}

impl Detail {
    /// The text of `--detail`, with times in `zone`.
    #[must_use]
    pub fn text(&self, zone: &TimeZone) -> String {
        let mut text = format!("{}:\n", self.device);
        self.write_identity(zone, &mut text);
        text.push('\n');
        self.write_state(zone, &mut text);
        text.push('\n');
        self.write_shape(&mut text);
        field!(text, "Consistency Policy", "{}", self.policy.word());
        text.push('\n');
        if let Some(work) = &self.work {
            let label = match work.kind {
                WorkKind::Resync | WorkKind::Repair => "Resync Status",
                WorkKind::Recovery => "Rebuild Status",
                WorkKind::Check => "Check Status",
            };
            field!(text, label, "{}% complete", work.permille() / 10);
            text.push('\n');
        }
        self.write_names(&mut text);
        self.write_members(&mut text);
        text
    }

    fn write_identity(&self, zone: &TimeZone, text: &mut String) {
        if let Some(metadata) = &self.metadata {
            field!(text, "Version", "{metadata}");
        }
        if let Some(created) = self.created {
            field!(text, "Creation Time", "{}", calendar_time(zone, created));
        }
        field!(text, "Raid Level", "{}", self.level);
        field!(text, "Array Size", "{}", size(self.array_size));
        if let Some(component) = self.component_size {
            field!(text, "Used Dev Size", "{}", size(component));
        }
        field!(text, "Raid Devices", "{}", self.slots);
        field!(text, "Total Devices", "{}", self.members.len());
        if let Some(minor) = self.preferred_minor {
            field!(text, "Preferred Minor", "{}", minor.cast_signed());
        }
        let is_persistent = if self.metadata.is_some() { "is" } else { "is not" };
        field!(text, "Persistence", "Superblock {is_persistent} persistent");
        match &self.bitmap {
            None => {}
            Some(Bitmap { file: None, .. }) => {
                text.push('\n');
                field!(text, "Intent Bitmap", "Internal");
            }
            Some(Bitmap { file: Some(file), .. }) => {
                text.push('\n');
                field!(text, "Intent Bitmap", "{file}");
            }
        }
    }

    fn write_state(&self, zone: &TimeZone, text: &mut String) {
        if let Some(updated) = self.updated {
            field!(text, "Update Time", "{}", calendar_time(zone, updated));
        }
        field!(text, "State", "{} ", self.state_words());
        field!(text, "Active Devices", "{}", self.count(|role| role == Role::Active));
        field!(text, "Working Devices", "{}", self.count(|role| role != Role::Faulty));
        field!(text, "Failed Devices", "{}", self.count(|role| role == Role::Faulty));
        field!(text, "Spare Devices", "{}", self.spares());
    }

    /// The words after `State :`.
    #[must_use]
    pub fn state_words(&self) -> String {
        let mut words = if self.is_clean { "clean" } else { "active" }.to_owned();
        words.push_str(match self.condition {
            Condition::Whole => "",
            Condition::Degraded => ", degraded",
            Condition::Failed => ", FAILED",
        });
        words.push_str(match self.work.map(|work| work.kind) {
            Some(WorkKind::Resync | WorkKind::Repair) => ", resyncing",
            Some(WorkKind::Recovery) => ", recovering",
            Some(WorkKind::Check) => ", checking",
            None if self.is_resync_pending => ", resyncing (PENDING)",
            None => "",
        });
        words
    }

    fn write_shape(&self, text: &mut String) {
        let kib = self.chunk / 1024;
        if let Some(layout) = &self.layout_name {
            field!(text, "Layout", "{layout}");
        }
        let has_more = match self.level.as_str() {
            "linear" => {
                field!(text, "Rounding", "{kib}K");
                true
            }
            "raid0" | "raid4" | "raid5" | "raid6" | "raid10" => {
                field!(text, "Chunk Size", "{kib}K");
                true
            }
            _ => false,
        };
        if has_more {
            text.push('\n');
        }
    }

    fn write_names(&self, text: &mut String) {
        let local = self.local_to.as_ref().map(|host| format!("(local to host {host})"));
        if let Some(name) = &self.full_name {
            let local = local.as_ref().map(|local| format!("  {local}")).unwrap_or_default();
            field!(text, "Name", "{name}{local}");
        }
        if let Some(uuid) = &self.uuid {
            // 0.90 has its mark of the host in the uuid.
            let local = local.filter(|_| self.full_name.is_none());
            let local = local.map(|local| format!(" {local}")).unwrap_or_default();
            field!(text, "UUID", "{uuid}{local}");
        }
        if let Some(events) = self.events {
            match self.metadata.as_deref() {
                Some("0.90") => {
                    field!(text, "Events", "{}.{}", events >> 32, events & 0xFFFF_FFFF);
                }
                _ => field!(text, "Events", "{events}"),
            }
        }
        if self.uuid.is_some() {
            text.push('\n');
        }
    }

    fn write_members(&self, text: &mut String) {
        text.push_str("    Number   Major   Minor   RaidDevice State\n");
        for slot in 0..self.slots {
            let mut here: Vec<_> =
                self.members.iter().filter(|member| member.slot == Some(slot)).collect();
            here.sort_by_key(|member| member.is_replacement);
            if here.is_empty() {
                let _ = writeln!(text, "       -{:>8}{:>9}{slot:>9}      removed", 0, 0);
            }
            here.iter().for_each(|member| write_member(member, text));
        }
        let mut others: Vec<_> = self.members.iter().filter(|one| one.slot.is_none()).collect();
        others.sort_by_key(|member| member.number);
        if !others.is_empty() {
            text.push('\n');
        }
        others.iter().for_each(|member| write_member(member, text));
    }
}

fn write_member(member: &MemberDetail, text: &mut String) {
    let (major, minor) = member.device;
    let slot = member.slot.map_or_else(|| "-".to_owned(), |slot| slot.to_string());
    let _ = write!(text, "{:>8}{major:>8}{minor:>9}{slot:>9}      ", member.number);
    text.push_str(match member.role {
        Role::Active => "active sync",
        Role::Rebuilding => "spare rebuilding",
        Role::Spare => "spare",
        Role::Faulty => "faulty",
        Role::Journal => "journal",
    });
    if let Some(letter) = member.set.and_then(letter) {
        let _ = write!(text, " set-{letter}");
    }
    if member.is_write_mostly {
        text.push_str(" writemostly");
    }
    if member.is_fail_fast {
        text.push_str(" failfast");
    }
    let _ = writeln!(text, "   {}", member.path);
}

/// The letter of a set of copies.
fn letter(set: u16) -> Option<char> {
    let letter = u32::from(b'A').checked_add(u32::from(set))?;
    char::from_u32(letter)
}

/// KiB, and the size for people.
fn size(bytes: u64) -> String {
    format!("{}{}", bytes / 1024, human_size(i64::try_from(bytes).unwrap_or(i64::MAX)))
}

impl Policy {
    /// mdadm's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Resync => "resync",
            Self::Bitmap => "bitmap",
            Self::Journal => "journal",
            Self::Ppl => "ppl",
        }
    }
}
