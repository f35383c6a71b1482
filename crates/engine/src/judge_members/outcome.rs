//! What mdadm and the driver would do with the same members, told before anybody lets them.
//!
//! The one thing to understand: this is about *them*, by their rules: the freshest alone says
//! whether the array is clean, and a side of a split brain is dropped without a word. What we do is
//! [`assemble_for_reading`](super::assemble_for_reading).

use super::{ArrayJudgement, Candidate, Verdict};
use paritas_format::Superblock;
use paritas_format::superblock::Role;
use paritas_personality::Survival;
use paritas_units::{Level, Sector, Slot};
use std::fmt;

/// What `mdadm --assemble ARRAY MEMBER…` does with the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverOutcome {
    /// It starts.
    Starts,
    /// It starts only with `--run`: these slots are missing for the first time.
    NeedsRun(Vec<u16>),
    /// It starts only with `--force`.
    NeedsForce(ForceReason),
    /// It does not start.
    Fails(FailReason),
}

/// What `--force` would override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForceReason {
    /// Parity may be wrong, and is needed.
    DirtyDegraded,
    /// Members that are old would be taken as new.
    Stale,
    /// The journal is missing.
    Journal,
}

/// Why nothing starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// Too few members, of any age.
    TooFew(Vec<u16>),
    /// The superblock describes nothing that can be laid out.
    Shape(String),
    /// No superblock that the driver takes.
    Unusable,
    /// A change of shape is under way, which it would go on with.
    Reshape,
}

impl DriverOutcome {
    /// One word for tables and JSON.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Starts => "starts",
            Self::NeedsRun(_) => "needs-run",
            Self::NeedsForce(_) => "needs-force",
            Self::Fails(_) => "fails",
        }
    }
}

impl fmt::Display for DriverOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starts => f.write_str("starts"),
            Self::NeedsRun(slots) => {
                let (are, slots) = (if slots.len() == 1 { "is" } else { "are" }, Slots(slots));
                write!(f, "starts only with --run, since {slots} {are} missing for the first time")
            }
            Self::NeedsForce(ForceReason::DirtyDegraded) => f.write_str(
                "does not start: members are missing and it was not stopped cleanly; --force would \
                 declare it clean",
            ),
            Self::NeedsForce(ForceReason::Stale) => f.write_str(
                "does not start: too few members are up to date; --force would declare old ones new",
            ),
            Self::NeedsForce(ForceReason::Journal) => {
                f.write_str("does not start without its journal; --force would forget it")
            }
            Self::Fails(FailReason::TooFew(slots)) => {
                write!(f, "does not start: {} missing", Slots(slots))
            }
            Self::Fails(FailReason::Shape(why)) => write!(f, "does not start: {why}"),
            Self::Fails(FailReason::Unusable) => {
                f.write_str("does not start: no superblock is usable")
            }
            Self::Fails(FailReason::Reshape) => f.write_str("goes on with the reshape, and writes"),
        }
    }
}

/// Slots for people, runs as `4-11`.
pub struct Slots<'a>(pub &'a [u16]);

impl fmt::Display for Slots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "slot" } else { "slots" })?;
        let runs = self.0.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        for (number, run) in runs.enumerate() {
            let comma = if number == 0 { "" } else { "," };
            match run {
                [] => {}
                [one] => write!(f, "{comma} {one}")?,
                [first, .., last] => write!(f, "{comma} {first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl ArrayJudgement {
    /// Slots that no member in sync holds, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<u16> {
        let trusted = |candidate: &usize| {
            self.members
                .iter()
                .any(|(c, verdict)| c == candidate && verdict.trusted_below() == Some(Sector::MAX))
        };
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, seats)| !seats.iter().flatten().any(trusted))
            .filter_map(|(slot, _)| u16::try_from(slot).ok())
            .collect()
    }
}

/// Says what mdadm and the driver would do with the members of `array`.
#[must_use]
pub fn driver_outcome(array: &ArrayJudgement, candidates: &[Candidate]) -> DriverOutcome {
    let unusable = DriverOutcome::Fails(FailReason::Unusable);
    let fresh = candidates.get(array.freshest).and_then(|c| c.superblock.as_ref());
    let Some(fresh) = fresh else { return unusable };
    if array.members.iter().all(|(_, v)| matches!(v, Verdict::Unusable(_))) {
        return unusable;
    }
    let missing = array.missing();
    match &array.survival {
        Err(why) => return DriverOutcome::Fails(FailReason::Shape(why.to_string())),
        Ok(Survival::Failed) if is_enough_with_stale(array) => {
            return DriverOutcome::NeedsForce(ForceReason::Stale);
        }
        Ok(Survival::Failed) => return DriverOutcome::Fails(FailReason::TooFew(missing)),
        Ok(_) => {}
    }
    if fresh.reshape().is_some() {
        return DriverOutcome::Fails(FailReason::Reshape);
    }
    let has_journal = array.members.iter().any(|(_, v)| matches!(v, Verdict::Journal));
    if fresh.has_journal() && !has_journal {
        return DriverOutcome::NeedsForce(ForceReason::Journal);
    }
    let heals = fresh.has_journal() || fresh.ppl_area().is_some();
    if !missing.is_empty() && needs_clean(fresh, &missing) && !fresh.is_clean() && !heals {
        return DriverOutcome::NeedsForce(ForceReason::DirtyDegraded);
    }
    let newly: Vec<u16> =
        missing.into_iter().filter(|&slot| is_counted_on(array, fresh, Slot(slot))).collect();
    if newly.is_empty() { DriverOutcome::Starts } else { DriverOutcome::NeedsRun(newly) }
}

/// Whether the freshest's table has somebody in `slot`, and nobody is there, not even one who is
/// being rebuilt.
fn is_counted_on(array: &ArrayJudgement, fresh: &Superblock, slot: Slot) -> bool {
    let is_held =
        array.slots.get(slot.index()).is_some_and(|seats| seats.iter().any(Option::is_some));
    !is_held && fresh.roles().contains(&Role::Slot(slot))
}

/// Whether parity must be right for the array to be whole, when `missing` are.
fn needs_clean(fresh: &Superblock, missing: &[u16]) -> bool {
    let (Ok(level), Ok(slots)) = (fresh.level(), u16::try_from(fresh.raid_disks())) else {
        return false;
    };
    let layout = fresh.layout();
    level.has_parity() && !missing.iter().all(|&slot| is_parity_only(level, layout, slots, slot))
}

/// Whether `slot` never holds data.
fn is_parity_only(level: Level, layout: u32, slots: u16, slot: u16) -> bool {
    let from_end = slots.saturating_sub(slot);
    match (level, layout) {
        (Level::Raid4, _) | (Level::Raid5, 5) | (Level::Raid6, 16..=19) => from_end == 1,
        (Level::Raid5, 4) => slot == 0,
        (Level::Raid6, 4) => slot <= 1,
        (Level::Raid6, 5) => from_end <= 2,
        (Level::Raid6, 20) => slot == 0 || from_end == 1,
        _ => false,
    }
}

/// Whether there would be enough members if the old ones were taken as new.
fn is_enough_with_stale(array: &ArrayJudgement) -> bool {
    let old = array.members.iter().filter_map(|(_, verdict)| match verdict {
        Verdict::Stale { slot: Some(slot), .. } => Some(slot.0),
        _ => None,
    });
    let old: Vec<u16> = old.collect();
    let still_missing = array.missing().iter().filter(|slot| !old.contains(slot)).count();
    let may_miss = match array.level {
        Ok(Level::Raid1 | Level::Multipath) => array.slots.len().saturating_sub(1),
        Ok(Level::Raid4 | Level::Raid5 | Level::Raid10) => 1,
        Ok(Level::Raid6) => 2,
        _ => 0,
    };
    !old.is_empty() && still_missing <= may_miss
}
