//! The report for people.

use super::{Array, Member, Report};
use paritas_engine::judge_members::Slots;
use paritas_units::HumanSize;
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} found; nothing was written", count(self.arrays.len(), "array"))?;
        for array in &self.arrays {
            writeln!(f)?;
            array.fmt(f)?;
        }
        if !self.others.is_empty() {
            writeln!(f, "\nNo members:")?;
        }
        for other in &self.others {
            writeln!(f, "  {}: {}", escaped(&other.word), escaped(&other.holds.join("; ")))?;
        }
        for note in &self.notes {
            writeln!(f, "\nNote: {}", escaped(note))?;
        }
        writeln!(f, "\nNext: {}", self.next.command)?;
        writeln!(f, "      {}", escaped(&self.next.why))?;
        match &self.next.mdadm {
            Some(mdadm) => writeln!(f, "      with mdadm: {mdadm}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.unwrap_or("unknown level");
        let slots = count(self.slots.try_into().unwrap_or(usize::MAX), "slot");
        write!(f, "{}  {level}, {slots}, {}", escaped(&self.name), self.state)?;
        f.write_str(if self.is_clean { ", clean" } else { ", not clean" })?;
        if let Some(bytes) = self.bytes {
            write!(f, ", {}", HumanSize(bytes))?;
        }
        writeln!(f, "\n  {} metadata, uuid {}", self.metadata, self.uuid)?;
        let width = self.members.iter().map(|member| escaped(&member.word).len()).max();
        for member in &self.members {
            print_member(f, member, width.unwrap_or(0))?;
        }
        let held: Vec<u16> = self.members.iter().filter_map(|member| member.slot).collect();
        let empty: Vec<u16> =
            self.missing.iter().copied().filter(|slot| !held.contains(slot)).collect();
        if !empty.is_empty() {
            writeln!(f, "  missing: {}", Slots(&empty))?;
        }
        if !self.holds.is_empty() {
            writeln!(f, "  holds: {}", escaped(&self.holds.join("; ")))?;
        }
        writeln!(f, "  mdadm: {}", self.mdadm_text)?;
        match &self.refused {
            None => writeln!(f, "  paritas: reads it")?,
            Some(why) => writeln!(f, "  paritas: does not read it: {}", escaped(why))?,
        }
        self.concerns.iter().try_for_each(|one| writeln!(f, "  warning: {}", escaped(one)))
    }
}

fn print_member(f: &mut fmt::Formatter<'_>, member: &Member, width: usize) -> fmt::Result {
    write!(f, "  {:<width$}  {}", escaped(&member.word), escaped(&member.text))?;
    writeln!(f, " (events {}, written {})", member.events, time(member.updated))
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(|| format!("{seconds} s"), |t| t.strftime("%F %T UTC").to_string())
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Names come from disks: control characters must not reach a terminal.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default().to_string());
            escaped.unwrap_or_else(|| c.to_string()).chars().collect::<Vec<_>>()
        })
        .collect()
}
