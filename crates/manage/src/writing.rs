//! From words to an array that is read and written: open exclusively, judge, assemble, refuse.
//!
//! The one thing to understand: whatever on the members belongs to a mechanism that is not carried
//! out here (bad blocks, journal, partial parity log, reshape) would be made wrong by
//! writing past it. So an array that has any of it is refused for writing, with the name of it;
//! reading it stays possible.
//!
//! By force, members that are behind are brought in and a dirty, degraded array is called clean, as
//! `judge_members::force` decides; what is to be written for that is given back beside the array.
//!
//! Deliberately absent: hosting the array.

use crate::forcing::prepare;
use crate::gather::{Found, open};
use crate::reading::{Assembled, ReadError, Readable, assemble};
use paritas_disk::{Access, Facts, Fault, Opener};
use paritas_engine::judge_members::{Concern, ReadChoices, Verdict};
use paritas_engine::{Array, MemberState, SpareStart, StartError};
use paritas_format::Superblock;
use paritas_format::superblock::FeatureMap;
use paritas_units::{Descriptor, Level, Seat, Sectors};
use std::sync::Arc;

/// Why an array is not assembled for writing.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It cannot even be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something on a member that writing would make wrong.
    #[error(
        "{member} has {what}, and writing past it would make it wrong\n\
         next: read the array with paritas copy or paritas serve --readonly; nothing was written"
    )]
    Unkept {
        /// The member.
        member: String,
        /// What it has.
        what: &'static str,
    },
    /// Parity may be wrong where data would be computed from it.
    #[error(
        "the array is dirty and degraded: what is computed for the missing members may be wrong\n\
         next: give the missing members, or read with paritas copy; assemble --force goes on all the \
         same; nothing was written"
    )]
    DirtyDegraded,
    /// A superblock could not be read or written while forcing.
    #[error(
        "{member} cannot be given its new superblock: {fault}{}\n\
         next: see {member}'s disk, then assemble --force again",
        after(changed)
    )]
    Unforced {
        /// The member.
        member: String,
        /// Why.
        fault: Fault,
        /// Those that were written, the last one perhaps not wholly.
        changed: Vec<String>,
    },
    /// It would not run.
    #[error("the array cannot run: {0}\nnext: read it with paritas copy; nothing was written")]
    Start(#[from] StartError),
    /// A level that is read only.
    #[error("{level} arrays are only read\nnext: paritas serve --readonly; nothing was written")]
    Level {
        /// The level.
        level: Level,
    },
}

/// What was written of several members when one failed.
fn after(changed: &[String]) -> String {
    match changed {
        [] => "; nothing was written".to_owned(),
        changed => format!("; superblocks were written on {}", changed.join(", ")),
    }
}

/// Whether members are brought in that would be left out, and dirt is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// No.
    #[default]
    No,
    /// As `mdadm --assemble --force`: no more than is needed.
    Yes,
}

/// Opens `words` for writing, judges them and assembles the one array that they belong to. Nothing
/// is written yet.
///
/// # Errors
/// [`WriteError`] says what, why and what next; nothing was written.
pub fn open_for_writing(
    opener: &dyn Opener,
    words: &[String],
    choices: ReadChoices,
) -> Result<Readable, WriteError> {
    open_with(opener, words, choices, Force::No)
}

/// The same, with force if it is wanted: [`Readable::forced`] says what it does, and
/// [`Readable::pending`] is to be written when the caller has checked all that it wants to check, before
/// the array starts. An array that needs no force is not changed.
///
/// # Errors
/// [`WriteError`] says what, why and what next; nothing was written.
pub fn open_with(
    opener: &dyn Opener,
    words: &[String],
    choices: ReadChoices,
    force: Force,
) -> Result<Readable, WriteError> {
    let found = words
        .iter()
        .map(|word| open(opener, word, Access::Write))
        .collect::<Result<Vec<_>, _>>()
        .map_err(ReadError::from)?;
    let Assembled { readable: mut array, verdicts, forced } =
        assemble(&found, words.len(), choices, force)?;
    check(&array, &found)?;
    let used = array.assembly.geometry.dimensions().used.iter().copied().max();
    for (index, verdict) in &verdicts {
        let Some(one) = found.get(*index).filter(|_| *verdict == Verdict::Spare) else { continue };
        if let Some(spare) = spare(one, used.unwrap_or_default()) {
            array.disks.push(Arc::clone(&one.disk));
            array.left_out.retain(|line| !line.starts_with(&format!("{}: ", spare.name)));
            array.assembly.spares.push(spare);
        }
    }
    array.assembly.access = paritas_engine::Access::ReadWrite;
    if let Some(forced) = forced {
        // What would keep the array from running is known before the first byte is written.
        let facts: Vec<Facts> = array.disks.iter().map(|disk| disk.facts().clone()).collect();
        Array::new(&array.assembly, &facts, 1)?;
        array.pending = prepare(&forced, &found)?;
    }
    Ok(array)
}

/// Refuses what cannot be written without harm.
fn check(array: &Readable, found: &[Found]) -> Result<(), WriteError> {
    let level = array.assembly.geometry.dimensions().level;
    if matches!(level, Level::Multipath | Level::Faulty) {
        return Err(WriteError::Level { level });
    }
    if array.concerns.iter().any(|concern| matches!(concern, Concern::DirtyDegraded { .. })) {
        return Err(WriteError::DirtyDegraded);
    }
    let broken = array.concerns.iter().find_map(|concern| match concern {
        Concern::BitmapBroken { candidate, .. } => Some(*candidate),
        _ => None,
    });
    if let Some(candidate) = broken {
        let member = found.get(candidate).map(|one| one.disk.facts().name.clone());
        let what = "a write-intent bitmap that cannot be used";
        return Err(WriteError::Unkept { member: member.unwrap_or_default(), what });
    }
    for member in &array.assembly.members {
        let unkept = member.superblock.as_ref().and_then(unkept);
        let replacement = (member.seat == Seat::Replacement).then_some("a replacement half built");
        if let Some(what) = unkept.or(replacement) {
            return Err(WriteError::Unkept { member: member.name.clone(), what });
        }
        debug_assert_ne!(
            MemberState::of(member),
            MemberState::Faulty,
            "a failed member is left out"
        );
    }
    Ok(())
}

/// What a superblock speaks of that is not carried out.
fn unkept(superblock: &Superblock) -> Option<&'static str> {
    let features = superblock.feature_map();
    let has = |feature| features.intersects(feature);
    if !superblock.why_read_only().is_empty() {
        return Some("a feature that is newer than this program");
    }
    if superblock.has_bad_blocks() {
        return Some("entries in its bad-block log");
    }
    if has(FeatureMap::JOURNAL) {
        return Some("a journal");
    }
    if features.has_ppl() {
        return Some("a partial parity log");
    }
    if has(FeatureMap::CLUSTERED) {
        return Some("a share in a cluster");
    }
    superblock.reshape().map(|_| "a reshape under way")
}

/// A spare that is large enough.
fn spare(found: &Found, used: Sectors) -> Option<SpareStart> {
    let superblock = found.superblock()?.clone();
    let data_offset = superblock.data_offset();
    let end = data_offset.checked_add(used)?;
    let room = superblock.data_size();
    if end.0 > found.disk.facts().sectors.0 || room < used {
        return None;
    }
    Some(SpareStart {
        name: found.disk.facts().name.clone(),
        descriptor: superblock.descriptor().unwrap_or(Descriptor(u16::MAX)),
        data_offset,
        superblock: Some(superblock),
    })
}
