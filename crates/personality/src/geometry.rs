//! What a level promises ([`Identity`]), what it is made from ([`Shape`]) and what it then is
//! ([`Geometry`]).

use crate::{Intent, Plan, Unservable, View};
use paritas_units::{Chunk, Level, Sector, SectorRange, Sectors, Slot};
use std::fmt;
use std::sync::Arc;

/// How one RAID level arranges data, and how it gets work done.
///
/// A new level is a folder with an implementation of this, and a line in the registry.
#[doc(alias = "md_personality")]
pub trait Personality: Sync + fmt::Debug {
    /// Names and limits, as data.
    fn identity(&self) -> &'static Identity;

    /// Lays an array of `shape` out.
    ///
    /// # Errors
    /// [`BadShape`] says which number is impossible and what would be right. Every number in the
    /// shape may come from a disk: none is trusted, no product may overflow.
    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape>;
}

/// Names and limits of a personality.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The levels that it serves.
    pub levels: &'static [Level],
    /// The word for the personality itself (`raid456` serves three levels).
    pub name: &'static str,
    /// The fewest slots that an array can have, by level in the order of `levels`.
    pub least_slots: &'static [u16],
    /// Whether slots hold copies or parity, so that resync, recovery and check exist.
    pub is_redundant: bool,
    /// Whether the level has chunks.
    pub has_chunk: bool,
}

/// What an array is made from: the numbers that its superblocks carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The level.
    pub level: Level,
    /// The layout word of the superblock, untouched; its meaning is the level's.
    pub layout: u32,
    /// Chunk; zero where the level has none.
    pub chunk: Chunk,
    /// How many slots there are (`raid_disks`).
    pub slots: u16,
    /// The part of each member that is used, equal for all (levels 1, 4, 5, 6, 10). Zero for
    /// linear and raid0, and then [`Shape::data_sizes`] counts.
    #[doc(alias = "dev_sectors")]
    pub component: Sectors,
    /// Room for data on the member of each slot, by slot; needed by linear and raid0, ignored by
    /// the others (may be empty).
    pub data_sizes: Vec<Sectors>,
    /// What a raid0 of unequal members without a recorded layout means; only the user can say.
    pub raid0_default: Raid0Default,
}

/// The user's word for a raid0 whose superblocks do not record the layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Raid0Default {
    /// Nothing was said: an array for which it matters is refused.
    #[default]
    Refuse,
    /// As kernels before 3.14 wrote it (layout 1).
    Original,
    /// As kernels from 3.14 on wrote it (layout 2).
    Alternate,
}

/// An array laid out: where each sector lies, and the plan for any work on it.
///
/// Positions on members are counted from the beginning of their data (data_offset), equal for the
/// two seats of a slot.
pub trait Geometry: Send + Sync + fmt::Debug {
    /// The numbers that everyone asks for.
    fn dimensions(&self) -> &Dimensions;

    /// Where array sector `sector` is stored: each copy (the level's first choice first), with
    /// how many array sectors from there on lie contiguously on that slot as well.
    ///
    /// Parity is not a copy. `sector` must lie in the array.
    fn locate(&self, sector: Sector, spots: &mut Vec<Spot>);

    /// The inverse: which array sector lies at `at` of `slot`; `None` for parity, for space that
    /// the level leaves unused, and past the end.
    fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector>;

    /// Whether the array can serve everything when only the slots in `usable` (by slot) can be
    /// read.
    fn survives(&self, usable: &[bool]) -> Survival;

    /// Writes into `plan` (cleared first) how to do `intent` when `view` is true.
    ///
    /// The range of the intent lies in one window (see [`Dimensions::window`]). Steps between two
    /// fences may run at once. Host data is the buffer [`BufferId::HOST`](crate::BufferId::HOST),
    /// whose byte 0 is the first byte of the intent's range.
    ///
    /// # Errors
    /// [`Unservable`] names the slots that would be needed. Nothing may be played then.
    fn plan(&self, intent: &Intent, view: &View<'_>, plan: &mut Plan) -> Result<(), Unservable>;
}

/// The numbers of a laid-out array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// The level.
    pub level: Level,
    /// How many slots there are.
    pub slots: u16,
    /// The chunk; zero where there is none.
    pub chunk: Chunk,
    /// The size of the array as the block device shows it.
    pub array: Sectors,
    /// The part of each member that holds data, by slot.
    pub used: Vec<Sectors>,
    /// Array sectors in a window: window `i` covers `[i * window, (i + 1) * window)`, cut at the
    /// end of the array. Never zero. The unit of identity, ownership and planning: a chunk row
    /// at levels 4, 5, 6; elsewhere a run of about 1 MiB that is a multiple of the chunk.
    pub window: Sectors,
    /// How many slots may be missing in the best case.
    pub may_miss: u16,
}

impl Dimensions {
    /// The window that array sector `sector` belongs to.
    #[must_use]
    pub fn window_of(&self, sector: Sector) -> u64 {
        debug_assert!(!self.window.is_zero(), "a window has a length");
        sector.0 / self.window.0.max(1)
    }

    /// The array sectors of window `number`, cut at the end of the array.
    #[must_use]
    pub fn window_range(&self, number: u64) -> SectorRange {
        let start = number.saturating_mul(self.window.0);
        let whole = SectorRange::new(start, self.window.0);
        whole.intersection(SectorRange { start: Sector::ZERO, len: self.array })
    }
}

/// A place where an array sector is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The slot.
    pub slot: Slot,
    /// The position on the slot's members, from the beginning of data.
    pub at: Sector,
    /// How many array sectors from there on follow each other on this slot too; at least 1.
    pub run: Sectors,
}

/// What is left of an array when slots are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survival {
    /// Some data cannot be read.
    Failed,
    /// All data can be read; some redundancy is gone.
    Degraded,
    /// Every slot is there.
    Whole,
}

/// Why no array can have this shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadShape {
    /// Too few or too many slots.
    #[error("{level} needs {needs} members, the array has {slots}")]
    Slots {
        /// The level.
        level: Level,
        /// How many slots the shape has.
        slots: u16,
        /// What would be right, in words.
        needs: &'static str,
    },
    /// The chunk does not suit the level.
    #[error("a chunk of {} sectors does not suit {level}: {needs}", chunk.0)]
    Chunk {
        /// The level.
        level: Level,
        /// The chunk of the shape.
        chunk: Chunk,
        /// What would be right, in words.
        needs: &'static str,
    },
    /// The layout word means nothing for the level, or something dangerous.
    #[error("layout {layout:#x} of {level} cannot be used: {why}")]
    Layout {
        /// The level.
        level: Level,
        /// The layout word.
        layout: u32,
        /// Why, in words.
        why: &'static str,
    },
    /// A raid0 of unequal members whose layout is not recorded.
    #[error(
        "raid0 of unequal members without a recorded layout: \
         kernels before 3.14 and since then wrote it differently"
    )]
    AmbiguousRaid0,
    /// Sizes that make no array.
    #[error("the sizes make no {level} array: {why}")]
    Size {
        /// The level.
        level: Level,
        /// Why, in words.
        why: &'static str,
    },
}
