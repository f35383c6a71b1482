//! From words to an array that can be read: open, judge, assemble.
//!
//! The one thing to understand: nothing here writes, and nothing is decided here: the facts are
//! gathered, `judge_members` decides.
//!
//! Deliberately absent: hosting the array, which is the caller's.

use crate::forcing::Pending;
use crate::gather::{Found, gather};
use crate::writing::Force;
use paritas_disk::{Disk, OpenError, Opener};
use paritas_engine::Assembly;
use paritas_engine::judge_members::{
    ArrayJudgement, BitmapFacts, Candidate, Concern, Forced, JournalFacts, Judgement, ReadChoices,
    RefusedAssembly, Verdict, assemble_for_reading, force, judge_members,
};
use paritas_format::journal::{MetaBlock, Seed};
use paritas_format::ppl;
use paritas_format::superblock::{Role, Superblock};
use paritas_units::{Sector, Sectors};
use std::fmt::Write;
use std::sync::Arc;

/// An array that can be read.
#[derive(Clone, Debug)]
pub struct Readable {
    /// What the engine needs.
    pub assembly: Assembly,
    /// The disks of the assembly's members, in their order.
    pub disks: Vec<Arc<dyn Disk>>,
    /// Every disk that was opened, also those that are not read.
    pub all: Vec<Arc<dyn Disk>>,
    /// What people must know before they trust what they read.
    pub concerns: Vec<Concern>,
    /// Those that are not read, and why: a line each.
    pub left_out: Vec<String>,
    /// What was forced: a line each.
    pub forced: Vec<String>,
    /// Superblocks that force is to write before the array starts.
    pub pending: Pending,
}

/// Why no array can be read from what was given.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A member did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// None of them is a member.
    #[error(
        "none of the {count} files carries a superblock of an md array\n\
         next: paritas look says what is on them"
    )]
    NoMembers {
        /// How many were given.
        count: usize,
    },
    /// Some are no members.
    #[error(
        "{name} carries no superblock of an md array\n\
         next: leave it out, or see what it is with paritas look {name}"
    )]
    Stranger {
        /// Which.
        name: String,
    },
    /// They belong to several arrays.
    #[error(
        "the members belong to {count} arrays:\n{groups}\
         next: give the members of one array"
    )]
    Mixed {
        /// How many arrays.
        count: usize,
        /// A line for each.
        groups: String,
    },
    /// The array cannot be assembled.
    #[error("cannot assemble the array: {why}\n{members}next: {next}")]
    Refused {
        /// Why.
        why: RefusedAssembly,
        /// A line for each member.
        members: String,
        /// What to do.
        next: &'static str,
    },
}

/// Opens `words` read-only, judges them and assembles the one array that they belong to.
///
/// # Errors
/// [`ReadError`] says what, why and what next; nothing was written.
pub fn open_for_reading(
    opener: &dyn Opener,
    words: &[String],
    choices: ReadChoices,
) -> Result<Readable, ReadError> {
    let found = gather(opener, words)?;
    assemble(&found, words.len(), choices, Force::No).map(|assembled| assembled.readable)
}

/// An array from what was found.
pub(crate) struct Assembled {
    pub(crate) readable: Readable,
    /// The verdict on each member of the array, by number of what was found.
    pub(crate) verdicts: Vec<(usize, Verdict)>,
    /// What force makes of the array, if it was asked; its superblocks are still to be written.
    pub(crate) forced: Option<Forced>,
}

/// Judges what was found and assembles the one array that it belongs to.
pub(crate) fn assemble(
    found: &[Found],
    count: usize,
    choices: ReadChoices,
    by_force: Force,
) -> Result<Assembled, ReadError> {
    let candidates: Vec<Candidate> = found.iter().map(candidate).collect();
    let judgement = judge_members(&candidates);
    let name = |index: &usize| candidates.get(*index).map_or("", |c| c.name.as_str()).to_owned();
    let array = match judgement.arrays.as_slice() {
        [] => return Err(ReadError::NoMembers { count }),
        [array] => array,
        _ => return Err(mixed(&judgement, &candidates)),
    };
    if let Some(stranger) = judgement.strangers.first() {
        return Err(ReadError::Stranger { name: name(stranger) });
    }
    let refuse = |why: RefusedAssembly| refused(why, array, &candidates);
    let forced = match by_force {
        Force::No => None,
        Force::Yes => Some(force(array, &candidates).map_err(refuse)?),
    };
    let (array, judged) = match &forced {
        None => (array, &candidates),
        Some(forced) => (&forced.judgement, &forced.candidates),
    };
    let from = assemble_for_reading(array, judged, choices).map_err(refuse)?;
    let left_out = array.members.iter().filter(|(index, _)| !from.candidates.contains(index));
    let left_out = left_out.map(|(index, verdict)| format!("{}: {verdict}", name(index))).collect();
    let disk = |index: &usize| found.get(*index).map(|f| Arc::clone(&f.disk));
    let deeds = forced.iter().flat_map(|forced| &forced.deeds);
    let readable = Readable {
        disks: from.candidates.iter().filter_map(disk).collect(),
        all: found.iter().map(|f| Arc::clone(&f.disk)).collect(),
        assembly: from.assembly,
        concerns: array.concerns.clone(),
        left_out,
        forced: deeds.map(ToString::to_string).collect(),
        pending: Pending::default(),
    };
    Ok(Assembled { readable, verdicts: array.members.clone(), forced })
}

/// Why there is no array, with a line for each member.
fn refused(why: RefusedAssembly, array: &ArrayJudgement, candidates: &[Candidate]) -> ReadError {
    let mut members = String::new();
    for (index, verdict) in &array.members {
        let name = candidates.get(*index).map_or("", |one| one.name.as_str());
        let _ = writeln!(members, "  {name}: {verdict}");
    }
    let next = next_step(&why);
    ReadError::Refused { why, members, next }
}

const fn next_step(refused: &RefusedAssembly) -> &'static str {
    match refused {
        RefusedAssembly::TooFew { .. } => {
            "find the missing members and give them too; paritas look shows each with its reason"
        }
        RefusedAssembly::Ambiguous { .. } | RefusedAssembly::SplitBrain { .. } => {
            "leave one side out, and read again; nothing is written, so both can be tried"
        }
        RefusedAssembly::Reshape { .. } => "finish the reshape where it was begun",
        RefusedAssembly::Journal { .. } => {
            "give the journal as a member too, or accept the loss of its writes as said above"
        }
        RefusedAssembly::Shape(paritas_personality::BadShape::AmbiguousRaid0) => {
            "try --layout original and --layout alternate: nothing is written, and a file system \
             checks out in one of them only"
        }
        RefusedAssembly::Level(_)
        | RefusedAssembly::Shape(_)
        | RefusedAssembly::Slots(_)
        | RefusedAssembly::NoSuperblock => "see the superblocks with paritas examine",
    }
}

fn mixed(judgement: &Judgement, candidates: &[Candidate]) -> ReadError {
    let mut groups = String::new();
    for array in &judgement.arrays {
        let names: Vec<&str> = array
            .members
            .iter()
            .filter_map(|(index, _)| candidates.get(*index))
            .map(|candidate| candidate.name.as_str())
            .collect();
        let _ = writeln!(groups, "  {}: {}", array.uuid, names.join(" "));
    }
    ReadError::Mixed { count: judgement.arrays.len(), groups }
}

/// The facts of a member, read from its metadata.
#[must_use]
pub fn candidate(found: &Found) -> Candidate {
    let facts = found.disk.facts();
    let superblock = found.superblock().cloned();
    let mut candidate = Candidate::new(&facts.name, facts.sectors, superblock.clone());
    candidate.span = facts.span;
    let Some(superblock) = superblock else { return candidate };
    candidate.bad_blocks = match found.bad_blocks(&superblock) {
        Ok(log) => Ok(log.map(|log| log.ranges()).unwrap_or_default()),
        Err(error) => Err(error.to_string()),
    };
    candidate.bitmap = match found.bitmap(&superblock) {
        Ok(None) => BitmapFacts::None,
        Ok(Some(bitmap)) => BitmapFacts::Read {
            events: bitmap.superblock.events,
            marked: bitmap.marked,
            bits: bitmap.bits,
            chunk: bitmap.superblock.chunk().unwrap_or(Sectors::ZERO),
        },
        Err(error) => BitmapFacts::Broken(error.to_string()),
    };
    if superblock.role() == Role::Journal {
        candidate.journal = journal(found, &superblock);
    }
    candidate.ppl_stripes = ppl_stripes(found, &superblock);
    candidate
}

/// Whether anything in the journal waits: its tail holds a block without payload, and no valid
/// block follows.
fn journal(found: &Found, superblock: &Superblock) -> JournalFacts {
    let Some(tail) = superblock.journal_tail() else { return JournalFacts::Unreadable };
    let ring = superblock.data_size().rounded_down(Sectors(8));
    if tail.0 >= ring.0 {
        return JournalFacts::Unreadable;
    }
    let seed = Seed::new(superblock.array_uuid());
    let block = |position: u64| {
        let at = superblock.data_offset().checked_add(Sectors(position))?;
        at.checked_add(Sectors(8)).filter(|end| end.0 <= found.disk.facts().sectors.0)?;
        let mut bytes = vec![0; 4096];
        found.disk.read(at, &mut bytes).ok()?;
        let block = MetaBlock::decode(&bytes).ok()?;
        (block.check(seed).is_ok() && block.position == Sector(position)).then_some(block)
    };
    let Some(first) = block(tail.0) else { return JournalFacts::Unreadable };
    let is_empty = first.payloads().is_ok_and(|payloads| payloads.is_empty());
    let next = block((tail.0 + 8) % ring.0);
    match next {
        None if is_empty => JournalFacts::Clean,
        Some(next) if is_empty && next.sequence != first.sequence.wrapping_add(1) => {
            JournalFacts::Clean
        }
        _ => JournalFacts::NotReplayed,
    }
}

/// 4 KiB stripes that the first unit of the member's partial parity log has records of.
fn ppl_stripes(found: &Found, superblock: &Superblock) -> u64 {
    let Some(start) = superblock.ppl_area().and_then(|area| area.start()) else { return 0 };
    let mut bytes = vec![0; 4096];
    let end = start.checked_add(Sectors(8)).unwrap_or(Sector::MAX);
    if end.0 > found.disk.facts().sectors.0 || found.disk.read(start, &mut bytes).is_err() {
        return 0;
    }
    let Ok(header) = ppl::Header::decode(&bytes) else { return 0 };
    if header.check(superblock.array_uuid()).is_err() {
        return 0;
    }
    let stripes = |entry: ppl::Entry| u64::from(entry.data_bytes.div_ceil(4096));
    header.entries().map_or(0, |entries| entries.map(stripes).sum())
}
