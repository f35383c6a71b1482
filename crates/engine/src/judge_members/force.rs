//! `assemble --force`: which members that are behind are taken all the same, and what is written into
//! superblocks for that (U14).
//!
//! The one thing to understand: force brings in no more than is needed. While too few slots are in
//! sync, the members with most events among those that are behind are taken (all of them that have as
//! many), and their superblocks get the events of the freshest; the freshest's table then lists them
//! again. An array with parity that is dirty and not whole is marked clean. Nothing here writes: the
//! superblocks are given back, to be written when all else has been checked.
//!
//! Never taken: a member that is being rebuilt, one that calls itself faulty, one that went on without
//! the freshest, and who contradicts the freshest or cannot be told from another one.

use super::assembly::{arrange, shape};
use super::{ArrayJudgement, Candidate, Concern, RefusedAssembly, Verdict};
use paritas_format::Superblock;
use paritas_format::superblock::{Disk090, Header090, Role};
use paritas_personality::{BadShape, Raid0Default, Survival};
use paritas_units::{Descriptor, Level, Seat, Sector, Sectors, Slot};
use std::fmt;

/// An array as force makes it.
#[derive(Clone, Debug)]
pub struct Forced {
    /// The judgement with those that are taken.
    pub judgement: ArrayJudgement,
    /// The candidates with their new superblocks.
    pub candidates: Vec<Candidate>,
    /// Whose superblocks are to be written, in this order.
    pub changed: Vec<usize>,
    /// What was forced.
    pub deeds: Vec<Deed>,
}

/// Something that was forced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A member that is behind counts as fresh.
    Taken {
        /// The member's name.
        member: String,
        /// Its slot.
        slot: Slot,
        /// The events that it had.
        from: u64,
        /// The events that it gets.
        to: u64,
    },
    /// The freshest lists a member again.
    Listed {
        /// The member's name.
        member: String,
        /// Its slot.
        slot: Slot,
    },
    /// The array is called clean, though it is dirty and degraded.
    Clean {
        /// The members whose superblocks said dirty.
        members: Vec<String>,
    },
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { member, slot, from, to } => write!(
                f,
                "forcing event count in {member} (slot {slot}) from {from} up to {to}: what was \
                 written since then is not on it"
            ),
            Self::Listed { member, slot } => {
                write!(f, "clearing FAULTY flag for {member} (slot {slot})")
            }
            Self::Clean { members } => write!(
                f,
                "marking the array as clean, though {} dirty: blocks that were being written may \
                 be computed wrong",
                match members.as_slice() {
                    [one] => format!("{one} says"),
                    several => format!("{} say", several.join(", ")),
                }
            ),
        }
    }
}

/// What force does with the members of `array`.
///
/// # Errors
/// [`RefusedAssembly::TooFew`] if even all that can be taken are too few; other refusals are left to
/// the assembly.
pub fn force(array: &ArrayJudgement, candidates: &[Candidate]) -> Result<Forced, RefusedAssembly> {
    let fresh = candidates.get(array.freshest).and_then(|one| one.superblock.as_ref());
    let fresh = fresh.ok_or(RefusedAssembly::NoSuperblock)?.clone();
    let mut forced = Forced {
        judgement: array.clone(),
        candidates: candidates.to_vec(),
        changed: Vec::new(),
        deeds: Vec::new(),
    };
    let mut in_sync = vec![false; array.slots.len()];
    let missing = array.missing();
    for (slot, is_in_sync) in (0..).zip(&mut in_sync) {
        *is_in_sync = !missing.contains(&slot);
    }
    let mut behind = behind(array, candidates, &fresh);
    while survival(array, &fresh, &in_sync)? == Survival::Failed {
        behind.retain(|one| in_sync.get(one.slot.index()) == Some(&false));
        let Some(most) = behind.iter().map(|one| one.events).max() else {
            return Err(too_few(&in_sync));
        };
        for one in behind.iter().filter(|one| one.events == most) {
            if let Some(slot) = in_sync.get_mut(one.slot.index()).filter(|taken| !**taken) {
                *slot = true;
                forced.take(one, &fresh);
            }
        }
    }
    forced.judgement.survival = Ok(survival(array, &fresh, &in_sync)?);
    forced.list_again();
    forced.mark_clean(in_sync.contains(&false));
    Ok(forced)
}

/// A member that could be taken.
struct Behind {
    index: usize,
    slot: Slot,
    events: u64,
}

/// Those that are behind and may be taken, in the order in which they were given.
fn behind(array: &ArrayJudgement, candidates: &[Candidate], fresh: &Superblock) -> Vec<Behind> {
    let of = |(index, verdict): &(usize, Verdict)| {
        let own = candidates.get(*index)?.superblock.as_ref()?;
        let slot = own.role().slot()?;
        let is_behind = matches!(verdict, Verdict::Stale { .. } | Verdict::Faulty);
        let is_wanted = is_behind
            && own.recovery_offset().is_none()
            && !own.is_replacement()
            && own.disagreement(fresh).is_none()
            && !has_dropped(own, fresh);
        is_wanted.then(|| Behind { index: *index, slot, events: own.events() })
    };
    array.members.iter().filter_map(of).collect()
}

/// Whether `own` lists the freshest as failed: it went on without it.
fn has_dropped(own: &Superblock, fresh: &Superblock) -> bool {
    fresh.descriptor().is_some_and(|descriptor| own.role_of(descriptor) == Role::Faulty)
}

fn survival(
    array: &ArrayJudgement,
    fresh: &Superblock,
    in_sync: &[bool],
) -> Result<Survival, RefusedAssembly> {
    // The levels that need everybody's size survive no loss.
    if matches!(array.level, Ok(Level::Linear | Level::Raid0)) {
        let is_whole = !in_sync.is_empty() && !in_sync.contains(&false);
        return Ok(if is_whole { Survival::Whole } else { Survival::Failed });
    }
    let sizes = vec![Sectors::ZERO; in_sync.len()];
    let laid_out = shape(fresh, sizes, Raid0Default::Alternate).and_then(|shape| arrange(&shape));
    let geometry = laid_out.map_err(|why: BadShape| RefusedAssembly::Shape(why))?;
    Ok(geometry.survives(in_sync))
}

fn too_few(in_sync: &[bool]) -> RefusedAssembly {
    let missing = (0..).zip(in_sync).filter(|(_, in_sync)| !**in_sync).map(|(slot, _)| slot);
    RefusedAssembly::TooFew { missing: missing.collect(), slots: in_sync.len() }
}

impl Forced {
    /// Counts a member as fresh.
    fn take(&mut self, one: &Behind, fresh: &Superblock) {
        let (from, to) = (one.events, fresh.events());
        for (index, verdict) in &mut self.judgement.members {
            if *index == one.index {
                *verdict = Verdict::InSync(one.slot, Seat::Original);
            }
        }
        if let Some(seats) = self.judgement.slots.get_mut(one.slot.index()) {
            seats[0] = Some(one.index);
        }
        if from == to {
            return;
        }
        let member = self.name(one.index);
        self.deeds.push(Deed::Taken { member, slot: one.slot, from, to });
        self.change(one.index, |superblock| set_events(superblock, to));
    }

    /// Has the freshest list all that are in sync.
    fn list_again(&mut self) {
        let fresh = self.judgement.freshest;
        let seated = self.judgement.members.clone();
        for (index, verdict) in seated {
            let Verdict::InSync(slot, Seat::Original) = verdict else { continue };
            let Some(descriptor) = self.superblock(index).and_then(Superblock::descriptor) else {
                continue;
            };
            let listed = self.superblock(fresh).map(|own| own.role_of(descriptor));
            if listed == Some(Role::Slot(slot)) {
                continue;
            }
            self.deeds.push(Deed::Listed { member: self.name(index), slot });
            self.change(fresh, |superblock| list(superblock, descriptor, slot));
        }
    }

    /// Calls an array with parity clean if it is dirty and not whole.
    fn mark_clean(&mut self, is_degraded: bool) {
        let has_parity = self.judgement.level.is_ok_and(Level::has_parity);
        if !is_degraded || !has_parity {
            return;
        }
        let accepted =
            self.judgement.members.iter().filter(|(_, verdict)| verdict.seat().is_some());
        let says_dirty = |index: &usize| {
            self.superblock(*index).is_some_and(|own| own.resync_offset() != Sector::MAX)
        };
        let dirty: Vec<usize> = accepted.map(|(index, _)| *index).filter(says_dirty).collect();
        self.judgement.resync_offset = Sector::MAX;
        let is_dirt = |one: &Concern| {
            matches!(one, Concern::DirtyDegraded { .. } | Concern::PplNotReplayed { .. })
        };
        self.judgement.concerns.retain(|one| !is_dirt(one));
        if dirty.is_empty() {
            return;
        }
        let members = dirty.iter().map(|index| self.name(*index)).collect();
        self.deeds.push(Deed::Clean { members });
        dirty.into_iter().for_each(|index| self.change(index, set_clean));
    }

    fn change(&mut self, index: usize, change: impl FnOnce(&mut Superblock)) {
        let candidate = self.candidates.get_mut(index);
        if let Some(superblock) = candidate.and_then(|one| one.superblock.as_mut()) {
            change(superblock);
            match superblock {
                Superblock::V1(own) => own.seal(),
                Superblock::V090(own) => own.seal(),
            }
        }
        // The freshest is written last: until then nobody counts on who is taken.
        self.changed.retain(|other| *other != index);
        let is_fresh = |other: &usize| *other == self.judgement.freshest;
        let at = match self.changed.last() {
            Some(last) if is_fresh(last) && !is_fresh(&index) => self.changed.len() - 1,
            _ => self.changed.len(),
        };
        self.changed.insert(at, index);
    }

    fn superblock(&self, index: usize) -> Option<&Superblock> {
        self.candidates.get(index)?.superblock.as_ref()
    }

    fn name(&self, index: usize) -> String {
        self.candidates.get(index).map(|one| one.name.clone()).unwrap_or_default()
    }
}

fn set_events(superblock: &mut Superblock, events: u64) {
    match superblock {
        Superblock::V1(own) => own.header_mut().events.set(events),
        Superblock::V090(own) => own.header_mut().events.set(events),
    }
}

fn list(superblock: &mut Superblock, descriptor: Descriptor, slot: Slot) {
    match superblock {
        Superblock::V1(own) => own.set_raw_role(descriptor, Role::Slot(slot).raw()),
        Superblock::V090(own) => {
            if let Some(entry) = own.disks_mut().get_mut(usize::from(descriptor.0)) {
                entry.raid_disk.set(u32::from(slot.0));
                entry.state.set(Disk090::ACTIVE | Disk090::SYNC);
            }
        }
    }
}

fn set_clean(superblock: &mut Superblock) {
    match superblock {
        Superblock::V1(own) => own.header_mut().resync_offset.set(Sector::MAX.0),
        Superblock::V090(own) => {
            let state = own.header().state.get();
            own.header_mut().state.set(state | Header090::CLEAN);
        }
    }
}
