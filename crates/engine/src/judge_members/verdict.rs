//! What the judgement says: of each candidate, and of each array.

use paritas_format::superblock::{Disagreement, Refusal, Timestamp};
use paritas_format::{ArrayUuid, DeviceUuid};
use paritas_personality::{BadShape, Survival};
use paritas_units::{Level, Seat, Sector, Sectors, Slot};
use std::fmt;

/// What a candidate is to its array. Only the first four are ever read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// In sync, as new as the freshest.
    InSync(Slot, Seat),
    /// In sync, one event behind, which the driver accepts: the freshest gave it its role.
    OneBehind(Slot, Seat),
    /// Being rebuilt: right below the position.
    Recovering(Slot, Seat, Sector),
    /// The array's journal.
    Journal,
    /// A spare: it holds no data.
    Spare,
    /// It failed or was removed, by the word of the freshest or by its own.
    Faulty,
    /// It missed changes: its data is old.
    Stale {
        /// The slot it had.
        slot: Option<Slot>,
        /// Events that it missed.
        behind: u64,
        /// When it was last written.
        since: Timestamp,
    },
    /// It and the freshest each say that the other has failed: both went on alone.
    SplitBrain {
        /// Events that it has less than the freshest, which does not make it older.
        behind: u64,
    },
    /// The same storage as another candidate (by index).
    Duplicate(usize),
    /// Another storage with the identity of another candidate (by index): a copy.
    Clone {
        /// The candidate with the same identity.
        of: usize,
        /// The identity that both carry.
        identity: Option<DeviceUuid>,
    },
    /// Another candidate (by index) has the slot.
    SlotTaken(usize),
    /// The driver would not take the superblock, and why.
    Unusable(Vec<Refusal>),
    /// Less room for data than the array uses.
    TooSmall {
        /// Sectors for data.
        has: Sectors,
        /// Sectors that the array uses.
        needs: Sectors,
    },
    /// The superblock contradicts the freshest.
    Disagrees(Disagreement),
    /// The bad-block log has entries and cannot be read, so nothing is known to be good.
    BadBlocksUnreadable(String),
}

impl Verdict {
    /// Slot and seat, if it is read from.
    #[must_use]
    pub const fn seat(&self) -> Option<(Slot, Seat)> {
        match self {
            Self::InSync(slot, seat) | Self::OneBehind(slot, seat) => Some((*slot, *seat)),
            Self::Recovering(slot, seat, _) => Some((*slot, *seat)),
            _ => None,
        }
    }

    /// Below here its data is right, if it is read from.
    #[must_use]
    pub const fn trusted_below(&self) -> Option<Sector> {
        match self {
            Self::InSync(..) | Self::OneBehind(..) => Some(Sector::MAX),
            Self::Recovering(_, _, below) => Some(*below),
            _ => None,
        }
    }

    /// One word for tables and JSON.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::InSync(..) => "in-sync",
            Self::OneBehind(..) => "one-behind",
            Self::Recovering(..) => "recovering",
            Self::Journal => "journal",
            Self::Spare => "spare",
            Self::Faulty => "faulty",
            Self::Stale { .. } => "stale",
            Self::SplitBrain { .. } => "split-brain",
            Self::Duplicate(_) => "duplicate",
            Self::Clone { .. } => "clone",
            Self::SlotTaken(_) => "slot-taken",
            Self::Unusable(_) => "unusable",
            Self::TooSmall { .. } => "too-small",
            Self::Disagrees(_) => "disagrees",
            Self::BadBlocksUnreadable(_) => "bad-blocks-unreadable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seat = |seat: &Seat| match seat {
            Seat::Original => "",
            Seat::Replacement => " (replacement)",
        };
        match self {
            Self::InSync(slot, s) => write!(f, "slot {slot}{}: in sync", seat(s)),
            Self::OneBehind(slot, s) => {
                write!(f, "slot {slot}{}: in sync, one event behind, which is accepted", seat(s))
            }
            Self::Recovering(slot, s, below) => {
                write!(f, "slot {slot}{}: being rebuilt, right below sector {below}", seat(s))
            }
            Self::Journal => f.write_str("journal"),
            Self::Spare => f.write_str("spare: holds no data"),
            Self::Faulty => {
                f.write_str("faulty: it failed or was removed, as it or the newest member says")
            }
            Self::Stale { slot: Some(slot), behind, .. } => {
                write!(f, "stale: was slot {slot}, {behind} events behind")
            }
            Self::Stale { slot: None, behind, .. } => write!(f, "stale: {behind} events behind"),
            Self::SplitBrain { .. } => {
                f.write_str("split brain: it and the newest member each say the other has failed")
            }
            Self::Duplicate(_) => f.write_str("the same storage as another of the members given"),
            Self::Clone { .. } => f.write_str("a copy of another of the members given"),
            Self::SlotTaken(_) => f.write_str("its slot is taken by another of the members given"),
            Self::Unusable(refusals) => {
                f.write_str("unusable: ")?;
                for (number, refusal) in refusals.iter().enumerate() {
                    write!(f, "{}{refusal}", if number == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::TooSmall { has, needs } => {
                write!(f, "too small: {has} sectors for data, the array uses {needs}")
            }
            Self::Disagrees(disagreement) => write!(f, "does not belong here: {disagreement}"),
            Self::BadBlocksUnreadable(why) => {
                write!(f, "unusable: its bad-block log cannot be read: {why}")
            }
        }
    }
}

/// What the judgement says of all candidates.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// The arrays, in the order in which their first member was given.
    pub arrays: Vec<ArrayJudgement>,
    /// Candidates without a superblock, by index.
    pub strangers: Vec<usize>,
}

/// What the judgement says of one array.
#[derive(Clone, Debug)]
pub struct ArrayJudgement {
    /// The array's identity.
    pub uuid: ArrayUuid,
    /// The candidate whose superblock speaks for the array: the freshest that is usable, or the
    /// first if none is.
    pub freshest: usize,
    /// Its candidates by index, in the order given, with their verdicts.
    pub members: Vec<(usize, Verdict)>,
    /// The level; an error if the number is none of md's.
    pub level: Result<Level, i32>,
    /// Who is read for each slot: candidate of the original and of the replacement.
    pub slots: Vec<[Option<usize>; 2]>,
    /// What is left, going by slots that are in sync.
    pub survival: Result<Survival, BadShape>,
    /// Below here redundancy agrees; [`Sector::MAX`] if the array is clean.
    pub resync_offset: Sector,
    /// What people must know.
    pub concerns: Vec<Concern>,
}

/// Something about an array that people must know before they trust what they read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// A parity array that is dirty and misses members: what is computed may be wrong where writes
    /// were under way.
    DirtyDegraded {
        /// Below here redundancy is known to agree.
        resync_offset: Sector,
        /// Chunks that the bitmap marks, of how many, and sectors of each.
        marked: Option<(u64, u64, Sectors)>,
    },
    /// As [`Concern::DirtyDegraded`], but a partial parity log could mend these stripes; it is not
    /// replayed.
    PplNotReplayed {
        /// Stripes that the log has records of.
        stripes: u64,
    },
    /// Something newer than we are is in a superblock: it is read, never written.
    ReadOnly {
        /// The candidate.
        candidate: usize,
        /// What it is.
        why: String,
    },
    /// Members' bitmaps that cannot be used.
    BitmapBroken {
        /// The candidate.
        candidate: usize,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DirtyDegraded { resync_offset, marked } => {
                f.write_str("the array was not stopped cleanly and misses members: ")?;
                match (marked, resync_offset) {
                    (Some((marked, bits, chunk)), _) => write!(
                        f,
                        "blocks computed from parity may be wrong in the {marked} of {bits} bitmap \
                         chunks ({chunk} sectors each) that are marked"
                    ),
                    (None, Sector(0)) => f.write_str("any block computed from parity may be wrong"),
                    (None, below) => write!(
                        f,
                        "blocks computed from parity may be wrong from component sector {below} on"
                    ),
                }
            }
            Self::PplNotReplayed { stripes } => write!(
                f,
                "the array was not stopped cleanly and misses a member: {stripes} stripes that its \
                 partial parity log could mend are in doubt where they are computed"
            ),
            Self::ReadOnly { why, .. } => write!(f, "a member is newer than this program: {why}"),
            Self::BitmapBroken { why, .. } => write!(f, "a bitmap cannot be used: {why}"),
        }
    }
}
