//! From the judgement to an array that can be run for reading, or to the reason why not.

use super::{ArrayJudgement, Candidate, JournalFacts, Verdict};
use crate::{Access, Assembly, MemberStart};
use paritas_format::Superblock;
use paritas_personality::{BadShape, Geometry, Raid0Default, Shape, Survival, personality};
use paritas_units::{Descriptor, Level, Seat, Sector, SectorRange, Sectors, Slot};
use std::sync::Arc;

/// What only the user can decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadChoices {
    /// What a raid0 without a recorded layout means.
    pub raid0: Raid0Default,
    /// Read as if the array had no journal.
    pub without_journal: bool,
}

/// An assembly, and the candidate (by index) that each of its members is.
#[derive(Clone, Debug)]
pub struct AssembledFrom {
    /// The assembly; always read-only.
    pub assembly: Assembly,
    /// By member of the assembly.
    pub candidates: Vec<usize>,
}

/// Why an array is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAssembly {
    /// Too few members can be used.
    #[error("too few members are usable: slots {missing:?} of {slots} are missing")]
    TooFew {
        /// Slots without a member in sync.
        missing: Vec<u16>,
        /// Slots in all.
        slots: usize,
    },
    /// Two candidates, and nobody can say which is right.
    #[error("{first} and {second} both claim to be {what}; leave one of them out")]
    Ambiguous {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// What they claim to be.
        what: String,
    },
    /// Two groups of members went on without each other.
    #[error(
        "split brain: {first} and {second} each say that the other has failed, and both have gone on; \
         give only the members of one side"
    )]
    SplitBrain {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// The array was changing its shape.
    #[error("a reshape is under way (at array sector {position}), which cannot be read yet")]
    Reshape {
        /// How far it had come.
        position: Sector,
    },
    /// The array's journal may hold the newest writes.
    #[error("{why}; --without-journal reads the array as if it had none")]
    Journal {
        /// What is wrong with the journal.
        why: &'static str,
    },
    /// No array has this level.
    #[error("md has no level {0}")]
    Level(i32),
    /// No array has this shape.
    #[error("the superblock describes no array: {0}")]
    Shape(#[from] BadShape),
    /// More slots than an array can have.
    #[error("the superblock claims {0} slots")]
    Slots(u32),
    /// A member's superblock is of the other byte order, or damaged, so that none is left.
    #[error("no member has a usable superblock")]
    NoSuperblock,
}

/// The shape that `superblock` describes.
pub(super) fn shape(
    superblock: &Superblock,
    data_sizes: Vec<Sectors>,
    raid0_default: Raid0Default,
) -> Result<Shape, BadShape> {
    let bad = |why| BadShape::Size { level: Level::Linear, why };
    let level = superblock.level().map_err(|_| bad("md has no such level"))?;
    let slots = u16::try_from(superblock.raid_disks()).map_err(|_| bad("too many slots"))?;
    let layout = match level {
        // Without its feature bit the word means nothing at level 0.
        Level::Raid0 => superblock.raid0_layout().unwrap_or(0),
        _ => superblock.layout(),
    };
    let component = superblock.component_size();
    Ok(Shape {
        level,
        layout,
        chunk: superblock.chunk(),
        slots,
        component,
        data_sizes,
        raid0_default,
    })
}

/// Lays a shape out.
pub(super) fn arrange(shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
    let why = "no personality serves it";
    personality(shape.level).ok_or(BadShape::Size { level: shape.level, why })?.arrange(shape)
}

/// Makes an assembly for reading from the members that the judgement accepts.
///
/// # Errors
/// [`RefusedAssembly`] says why; nothing was touched.
pub fn assemble_for_reading(
    array: &ArrayJudgement,
    candidates: &[Candidate],
    choices: ReadChoices,
) -> Result<AssembledFrom, RefusedAssembly> {
    let fresh = candidates.get(array.freshest).and_then(|c| c.superblock.as_ref());
    let fresh = fresh.ok_or(RefusedAssembly::NoSuperblock)?;
    if array.members.iter().all(|(_, verdict)| matches!(verdict, Verdict::Unusable(_))) {
        return Err(RefusedAssembly::NoSuperblock);
    }
    let level = array.level.map_err(RefusedAssembly::Level)?;
    if let Some(reshape) = fresh.reshape() {
        return Err(RefusedAssembly::Reshape { position: reshape.position });
    }
    refuse_rivals(array, candidates)?;
    refuse_journal(array, candidates, fresh, choices)?;
    refuse_too_few(array)?;
    let data_sizes = array.slots.iter().map(|seats| data_size(seats, candidates)).collect();
    let geometry = arrange(&shape(fresh, data_sizes, choices.raid0)?)?;
    let mut members = Vec::new();
    let mut indices = Vec::new();
    for (index, verdict) in &array.members {
        let Some(candidate) = candidates.get(*index) else { continue };
        if let Some(start) = member_start(candidate, verdict, level) {
            members.push(start);
            indices.push(*index);
        }
    }
    let assembly = Assembly {
        name: array_name(fresh),
        geometry,
        members,
        spares: Vec::new(),
        resync_offset: array.resync_offset,
        access: Access::ReadOnly,
    };
    Ok(AssembledFrom { assembly, candidates: indices })
}

fn name_of(candidates: &[Candidate], index: usize) -> String {
    candidates.get(index).map(|c| c.name.clone()).unwrap_or_default()
}

fn refuse_rivals(array: &ArrayJudgement, candidates: &[Candidate]) -> Result<(), RefusedAssembly> {
    for (index, verdict) in &array.members {
        let name = |index: usize| name_of(candidates, index);
        let ambiguous = |of: usize, what: &str| RefusedAssembly::Ambiguous {
            first: name(of),
            second: name(*index),
            what: what.to_owned(),
        };
        let events = |index: usize| {
            candidates.get(index).and_then(|c| c.superblock.as_ref()).map(Superblock::events)
        };
        match verdict {
            Verdict::Duplicate(of) => return Err(ambiguous(*of, "the same storage")),
            Verdict::Clone { of, .. } if events(*of) == events(*index) => {
                return Err(ambiguous(*of, "one member"));
            }
            Verdict::SlotTaken(of) if events(*of) == events(*index) => {
                return Err(ambiguous(*of, "the member of one slot"));
            }
            Verdict::SplitBrain { .. } => {
                let (first, second) = (name(array.freshest), name(*index));
                return Err(RefusedAssembly::SplitBrain { first, second });
            }
            _ => {}
        }
    }
    Ok(())
}

fn refuse_journal(
    array: &ArrayJudgement,
    candidates: &[Candidate],
    fresh: &Superblock,
    choices: ReadChoices,
) -> Result<(), RefusedAssembly> {
    if !fresh.has_journal() || choices.without_journal {
        return Ok(());
    }
    let journal = array.members.iter().find(|(_, verdict)| matches!(verdict, Verdict::Journal));
    let facts = journal.and_then(|(index, _)| candidates.get(*index)).map(|c| c.journal);
    let why = match facts {
        Some(JournalFacts::Clean) => return Ok(()),
        Some(JournalFacts::NotReplayed) => "the journal holds writes that the members may not have",
        Some(JournalFacts::Unreadable | JournalFacts::None) => "the journal cannot be read",
        None => "the array has a journal, and it is not among the members",
    };
    Err(RefusedAssembly::Journal { why })
}

fn refuse_too_few(array: &ArrayJudgement) -> Result<(), RefusedAssembly> {
    if !matches!(array.survival, Ok(Survival::Failed)) {
        return Ok(());
    }
    let is_in_sync = |index: &usize| {
        array.members.iter().any(|(i, v)| i == index && v.trusted_below() == Some(Sector::MAX))
    };
    let missing = array.slots.iter().enumerate();
    let missing = missing.filter(|(_, seats)| !seats.iter().flatten().any(is_in_sync));
    let missing = missing.filter_map(|(slot, _)| u16::try_from(slot).ok()).collect();
    Err(RefusedAssembly::TooFew { missing, slots: array.slots.len() })
}

fn data_size(seats: &[Option<usize>; 2], candidates: &[Candidate]) -> Sectors {
    let holder = seats.iter().flatten().next().and_then(|&index| candidates.get(index));
    holder.and_then(|c| c.superblock.as_ref()).map_or(Sectors::ZERO, Superblock::data_size)
}

fn member_start(candidate: &Candidate, verdict: &Verdict, level: Level) -> Option<MemberStart> {
    let superblock = candidate.superblock.as_ref()?;
    let (slot, seat): (Slot, Seat) = verdict.seat()?;
    // The driver's `faulty` sends a request to the sector of the device that it names in the array,
    // wherever the superblock says that data begins; the content is where the driver has put it.
    let data_offset = if level == Level::Faulty { Sector(0) } else { superblock.data_offset() };
    // Multipath members are paths to one disk; what one could not read was the path's fault.
    let log = candidate.bad_blocks.as_ref().ok().filter(|_| level != Level::Multipath);
    let relative = |bad: &SectorRange| {
        let start = Sector(bad.start.0.max(data_offset.0));
        let len = Sectors(bad.end().0.saturating_sub(start.0));
        let range = Sector(start.0 - data_offset.0).range(len);
        (!range.is_empty()).then_some(range)
    };
    Some(MemberStart {
        name: candidate.name.clone(),
        descriptor: superblock.descriptor().unwrap_or(Descriptor(u16::MAX)),
        slot,
        seat,
        data_offset,
        recovery_offset: verdict.trusted_below()?,
        is_write_mostly: superblock.is_write_mostly(),
        superblock: Some(superblock.clone()),
        bad_blocks: log.map(|log| log.iter().filter_map(relative).collect()).unwrap_or_default(),
    })
}

/// The array's name for people: the name in the superblock, or `md` with the preferred number.
fn array_name(superblock: &Superblock) -> String {
    match (superblock.name(), superblock.preferred_minor()) {
        (Some(name), _) if !name.bytes().is_empty() => name.to_string(),
        (_, Some(minor)) => format!("md{minor}"),
        _ => superblock.array_uuid().to_string(),
    }
}
