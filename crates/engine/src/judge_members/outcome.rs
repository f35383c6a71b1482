//! What mdadm and the driver would do with the same members, told before anybody lets them.
//!
//! The one thing to understand: this is about *them*, by their rules, as they were seen to act on the
//! cells of `oracle/judge/cells.tsv`: the freshest alone says whether the array is clean, a member
//! that it has dropped is taken if it has as many events, and a side of a split brain is dropped
//! without a word. What we do is [`assemble_for_reading`](super::assemble_for_reading).

use super::{ArrayJudgement, Candidate, Verdict};
use paritas_format::Superblock;
use paritas_format::superblock::{Role, Version};
use paritas_personality::{BadShape, Raid0Default, Survival};
use paritas_units::{Level, Seat, Sector, Sectors, Slot};
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
    /// One of them contradicts the freshest; mdadm takes none then.
    Stranger,
    /// Two with as many events claim one slot.
    Rivals,
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
            Self::Fails(FailReason::Stranger) => {
                f.write_str("does not start: one of them does not belong to the others")
            }
            Self::Fails(FailReason::Rivals) => {
                f.write_str("does not start: two of them claim one slot")
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
    if let Some(reason) = all_refused(array, candidates, fresh) {
        return DriverOutcome::Fails(reason);
    }
    let taken = Taken::by_driver(array, candidates, fresh);
    let missing = taken.missing();
    match taken.survival(array, fresh) {
        Err(why) => return DriverOutcome::Fails(FailReason::Shape(why.to_string())),
        Ok(Survival::Failed) if is_enough_with_stale(array, &missing) => {
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
    // Even where only parity is missing.
    let needs_clean = fresh.level().is_ok_and(Level::has_parity);
    if !missing.is_empty() && needs_clean && !fresh.is_clean() && !heals {
        return DriverOutcome::NeedsForce(ForceReason::DirtyDegraded);
    }
    let newly = taken.newly_missing(fresh);
    if newly.is_empty() { DriverOutcome::Starts } else { DriverOutcome::NeedsRun(newly) }
}

/// Why mdadm takes none of the members because of one of them.
fn all_refused(
    array: &ArrayJudgement,
    candidates: &[Candidate],
    fresh: &Superblock,
) -> Option<FailReason> {
    let superblocks =
        || array.members.iter().filter_map(|(index, _)| superblock(candidates, *index));
    if superblocks().any(|own| own.disagreement(fresh).is_some()) {
        return Some(FailReason::Stranger);
    }
    // With 1.x it takes one of the two.
    let claims = |a: &Superblock, b: &Superblock| {
        a.events() == b.events() && a.role().slot().is_some() && a.role() == b.role()
    };
    let is_claimed_twice =
        superblocks().enumerate().any(|(at, a)| superblocks().skip(at + 1).any(|b| claims(a, b)));
    (fresh.version() == Version::V0_90 && is_claimed_twice).then_some(FailReason::Rivals)
}

fn superblock(candidates: &[Candidate], index: usize) -> Option<&Superblock> {
    candidates.get(index)?.superblock.as_ref()
}

/// Who the driver has in one slot.
#[derive(Clone, Copy, Debug, Default)]
struct Holders {
    is_in_sync: bool,
    /// How many mdadm counts as being there, of those that the freshest's table has in the slot.
    counted: usize,
}

/// Whom the driver takes, by slot.
struct Taken(Vec<Holders>);

impl Taken {
    fn by_driver(array: &ArrayJudgement, candidates: &[Candidate], fresh: &Superblock) -> Self {
        let mut taken = Self(vec![Holders::default(); array.slots.len()]);
        for (index, verdict) in &array.members {
            let Some(own) = superblock(candidates, *index) else { continue };
            let Some((slot, holder)) = place(verdict, own, fresh) else { continue };
            if let Some(holders) = taken.0.get_mut(slot.index()) {
                holders.is_in_sync |= holder.is_in_sync;
                holders.counted += holder.counted;
            }
        }
        taken
    }

    fn missing(&self) -> Vec<u16> {
        let slots = (0_u16..).zip(&self.0);
        slots.filter(|(_, holders)| !holders.is_in_sync).map(|(slot, _)| slot).collect()
    }

    fn survival(&self, array: &ArrayJudgement, fresh: &Superblock) -> Result<Survival, BadShape> {
        // The levels that need everybody's size survive no loss, and lose nobody to our caution.
        if matches!(array.level, Ok(Level::Linear | Level::Raid0)) {
            return array.survival.clone();
        }
        let usable: Vec<bool> = self.0.iter().map(|holders| holders.is_in_sync).collect();
        let sizes = vec![Sectors::ZERO; usable.len()];
        let shape = super::assembly::shape(fresh, sizes, Raid0Default::Alternate)?;
        Ok(super::assembly::arrange(&shape)?.survives(&usable))
    }

    /// Slots in which the freshest's table has more than are there.
    fn newly_missing(&self, fresh: &Superblock) -> Vec<u16> {
        let roles = fresh.roles();
        let listed = |slot| roles.iter().filter(|role| **role == Role::Slot(Slot(slot))).count();
        let slots = (0_u16..).zip(&self.0);
        slots.filter(|(slot, there)| there.counted < listed(*slot)).map(|(slot, _)| slot).collect()
    }
}

/// Where the driver puts a member, and as what.
fn place(verdict: &Verdict, own: &Superblock, fresh: &Superblock) -> Option<(Slot, Holders)> {
    let behind = fresh.events().saturating_sub(own.events());
    let is_old_format = own.version() == Version::V0_90;
    let in_sync = Holders { is_in_sync: true, counted: 1 };
    let rebuilt = Holders { is_in_sync: false, counted: 1 };
    match (verdict, own.role()) {
        // mdadm does not count a replacement that is done.
        (
            Verdict::InSync(slot, Seat::Replacement) | Verdict::OneBehind(slot, Seat::Replacement),
            _,
        ) => Some((*slot, Holders { counted: 0, ..in_sync })),
        (Verdict::InSync(slot, _) | Verdict::OneBehind(slot, _), _) => Some((*slot, in_sync)),
        (Verdict::Recovering(slot, ..), _) => Some((*slot, rebuilt)),
        (Verdict::Faulty, Role::Slot(slot)) if own.recovery_offset().is_some() && behind <= 1 => {
            Some((slot, rebuilt))
        }
        // The freshest has dropped it; only with 1.x, and one behind, that counts.
        (Verdict::Faulty, Role::Slot(slot)) if behind == 0 || (behind == 1 && is_old_format) => {
            Some((slot, in_sync))
        }
        // It calls itself faulty; what is older goes by the table of the freshest, and --run brings
        // it back, however old.
        (Verdict::Faulty, Role::Faulty) if behind > 0 && !is_old_format => {
            let slot = fresh.role_of(own.descriptor()?).slot()?;
            Some((slot, Holders { counted: 0, ..in_sync }))
        }
        (Verdict::Clone { .. } | Verdict::SlotTaken(_), Role::Slot(slot)) if behind == 0 => {
            Some((slot, in_sync))
        }
        _ => None,
    }
}

/// Whether there would be enough members if the old ones were taken as new.
fn is_enough_with_stale(array: &ArrayJudgement, missing: &[u16]) -> bool {
    let old = array.members.iter().filter_map(|(_, verdict)| match verdict {
        Verdict::Stale { slot: Some(slot), .. } => Some(slot.0),
        _ => None,
    });
    let old: Vec<u16> = old.collect();
    let still_missing = missing.iter().filter(|slot| !old.contains(slot)).count();
    let may_miss = match array.level {
        Ok(Level::Raid1 | Level::Multipath) => array.slots.len().saturating_sub(1),
        Ok(Level::Raid4 | Level::Raid5 | Level::Raid10) => 1,
        Ok(Level::Raid6) => 2,
        _ => 0,
    };
    !old.is_empty() && still_missing <= may_miss
}
