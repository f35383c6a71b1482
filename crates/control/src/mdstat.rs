//! The text of /proc/mdstat.

use crate::detail::{Access, Bitmap, Condition, Detail, MemberDetail, Role, Work, WorkKind};
use std::fmt::Write;

/// The personalities by the driver's names, in the order in which it lists them.
pub const PERSONALITIES: [&str; 9] =
    ["linear", "raid0", "raid1", "raid10", "raid6", "raid5", "raid4", "multipath", "faulty"];

/// The text of /proc/mdstat for `arrays`, which stand in the order of their making; the newest is
/// shown first, as the driver does.
#[must_use]
pub fn mdstat(arrays: &[Detail]) -> String {
    let mut text = "Personalities : ".to_owned();
    for name in PERSONALITIES {
        let _ = write!(text, "[{name}] ");
    }
    text.push('\n');
    for array in arrays.iter().rev() {
        array.write_mdstat(&mut text);
    }
    text.push_str("unused devices: <none>\n");
    text
}

impl Detail {
    /// The array's lines of /proc/mdstat, with the empty one at their end.
    #[must_use]
    pub fn mdstat(&self) -> String {
        let mut text = String::new();
        self.write_mdstat(&mut text);
        text
    }

    fn write_mdstat(&self, text: &mut String) {
        let access = match self.access {
            Access::ReadWrite => "",
            Access::AutoRead => " (auto-read-only)",
            Access::ReadOnly => " (read-only)",
        };
        let state = if self.condition == Condition::Failed { "broken" } else { "active" };
        let _ = write!(text, "{} : {state}{access} {}", self.name, self.level);
        for member in self.members.iter().rev() {
            let _ = write!(text, " {}[{}]{}", member.name, member.number, marks(member));
        }
        let _ = write!(text, "\n      {} blocks", self.array_size / 1024);
        match self.metadata.as_deref() {
            None => text.push_str(" super non-persistent"),
            Some("0.90") => {}
            Some(version) => {
                let _ = write!(text, " super {version}");
            }
        }
        self.write_shape_of_level(text);
        text.push_str("\n      ");
        if let Some(work) = &self.work {
            work.write_bar(text);
            text.push_str("\n      ");
        } else if self.is_resync_pending {
            text.push_str("\tresync=PENDING\n      ");
        }
        if let Some(bitmap) = &self.bitmap {
            bitmap.write(text);
        }
        text.push('\n');
    }

    /// What a personality adds to the second line.
    fn write_shape_of_level(&self, text: &mut String) {
        let kib = self.chunk / 1024;
        let _ = match self.level.as_str() {
            "linear" => write!(text, " {kib}k rounding"),
            "raid0" => write!(text, " {kib}k chunks"),
            "raid4" | "raid5" | "raid6" => {
                let level = self.level.trim_start_matches("raid");
                let algorithm = self.algorithm();
                write!(text, " level {level}, {kib}k chunk, algorithm {algorithm}")
            }
            "raid10" => self.write_copies(kib, text),
            "faulty" => write!(text, " nfaults=0"),
            _ => Ok(()),
        };
        if !matches!(self.level.as_str(), "linear" | "raid0" | "faulty") {
            let in_sync = self.slots_in_sync();
            let _ = write!(text, " [{}/{}] [", self.slots, in_sync.len() - self.missing());
            text.extend(in_sync.iter().map(|in_sync| if *in_sync { 'U' } else { '_' }));
            text.push(']');
        }
    }

    /// The driver's number for where parity lies; raid4 is a raid5 whose parity never moves.
    fn algorithm(&self) -> u32 {
        self.layout.unwrap_or(0)
    }

    fn write_copies(&self, kib: u64, text: &mut String) -> std::fmt::Result {
        let [near, far, kind, _] = self.layout.unwrap_or(0).to_le_bytes();
        if u16::from(near) < self.slots {
            write!(text, " {kib}K chunks")?;
        }
        if near > 1 {
            write!(text, " {near} near-copies")?;
        }
        if far > 1 {
            let kind = if kind & 1 == 0 { "far" } else { "offset" };
            write!(text, " {far} {kind}-copies")?;
        }
        Ok(())
    }
}

fn marks(member: &MemberDetail) -> String {
    let mut marks = String::new();
    if member.is_write_mostly {
        marks.push_str("(W)");
    }
    match member.role {
        Role::Journal => marks.push_str("(J)"),
        Role::Faulty => marks.push_str("(F)"),
        Role::Spare => marks.push_str("(S)"),
        Role::Active | Role::Rebuilding if member.is_replacement => marks.push_str("(R)"),
        Role::Active | Role::Rebuilding => {}
    }
    marks
}

impl Work {
    /// `[===>....]  resync = 12.6% (12288/97280) finish=0.1min speed=4096K/sec`
    fn write_bar(&self, text: &mut String) {
        let permille = self.permille();
        let filled = usize::try_from(permille / 50).unwrap_or(20).min(20);
        let _ = write!(text, "[{}>{}]", "=".repeat(filled), ".".repeat(20 - filled));
        let word = match self.kind {
            WorkKind::Resync | WorkKind::Repair => "resync",
            WorkKind::Recovery => "recovery",
            WorkKind::Check => "check",
        };
        let (whole, tenth) = (permille / 10, permille % 10);
        let (done, total) = (self.done / 1024, self.total / 1024);
        let seconds = self.seconds_left();
        let (minutes, part) = (seconds / 60, seconds % 60 / 6);
        let speed = self.speed / 1024;
        let _ = write!(
            text,
            "  {word} ={whole:>3}.{tenth}% ({done}/{total}) finish={minutes}.{part}min speed={speed}K/sec"
        );
    }

    /// How long the rest will take, in the driver's sum: in units of 16 KiB, one more of them a
    /// second, so that it never divides by nothing.
    fn seconds_left(&self) -> u64 {
        let left = self.total.saturating_sub(self.done) / 512;
        let per_second = self.speed / 512;
        (left / (per_second / 32 + 1)) >> 5
    }
}

impl Bitmap {
    fn write(&self, text: &mut String) {
        let Some((used, total)) = self.pages else { return };
        let (size, unit) = match self.chunk {
            chunk @ 1024.. => (chunk / 1024, "KB"),
            chunk => (chunk, "B"),
        };
        let kib = used.saturating_mul(4);
        let _ = write!(text, "bitmap: {used}/{total} pages [{kib}KB], {size}{unit} chunk");
        if let Some(file) = &self.file {
            let _ = write!(text, ", file: {file}");
        }
        text.push('\n');
    }
}
