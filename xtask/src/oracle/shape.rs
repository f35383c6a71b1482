//! Levels and layouts as the oracle speaks of them, and which losses content survives.
//!
//! This is written from md's documented rules alone and shares no code with the crates that it
//! judges: an error made in both places would have to be made twice.

use serde::Serialize;
use std::collections::BTreeSet;

/// What an array is made of, apart from its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Linear,
    Raid0,
    Raid1,
    Raid4,
    Raid5,
    Raid6,
    Raid10(Copies),
    Multipath,
    Faulty,
}

/// A raid10 layout word, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Copies {
    pub(super) near: usize,
    pub(super) far: usize,
    pub(super) arrangement: Arrangement,
}

/// Where the far copies of raid10 go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Arrangement {
    /// In another part of every member.
    Far,
    /// In the next row.
    Offset,
    /// In another part, within sets of as many members as `count / far` gives (the first rule).
    OldFarSets,
    /// In another part, within sets of `near * far` members.
    FarSets,
}

impl Level {
    /// mdadm's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Raid4 => "raid4",
            Self::Raid5 => "raid5",
            Self::Raid6 => "raid6",
            Self::Raid10(_) => "raid10",
            Self::Multipath => "multipath",
            Self::Faulty => "faulty",
        }
    }

    /// Whether the slots that are `present` hold the whole content.
    pub(super) fn survives(self, present: &[bool]) -> bool {
        let missing = present.iter().filter(|is_there| !**is_there).count();
        match self {
            Self::Linear | Self::Raid0 | Self::Faulty => missing == 0,
            Self::Raid1 | Self::Multipath => missing < present.len(),
            Self::Raid4 | Self::Raid5 => missing <= 1,
            Self::Raid6 => missing <= 2,
            Self::Raid10(copies) => (0..present.len())
                .all(|chunk| copies.slots(chunk, present.len()).iter().any(|slot| present[*slot])),
        }
    }

    /// Whether an array of this level may hold blocks that only parity can give back.
    pub(super) fn has_parity(self) -> bool {
        matches!(self, Self::Raid4 | Self::Raid5 | Self::Raid6)
    }
}

impl Copies {
    /// The slots that hold a copy of an array chunk.
    fn slots(self, chunk: usize, count: usize) -> BTreeSet<usize> {
        let mut slots = BTreeSet::new();
        for near in 0..self.near {
            let mut slot = (chunk * self.near + near) % count;
            slots.insert(slot);
            for _ in 1..self.far {
                slot = self.next_far(slot, count);
                slots.insert(slot);
            }
        }
        slots
    }

    /// The slot of the next far copy: as many further as there are near copies, inside the set.
    fn next_far(self, slot: usize, count: usize) -> usize {
        let set = match self.arrangement {
            Arrangement::Far | Arrangement::Offset => count,
            Arrangement::OldFarSets => count / self.far,
            Arrangement::FarSets => self.near * self.far,
        };
        let next = slot + self.near;
        let last = (count / set - 1) * set;
        if !count.is_multiple_of(set) && slot >= last {
            return last + (next - last) % (set + count % set);
        }
        slot / set * set + next % set
    }

    /// The layout word of the superblock.
    pub(super) fn number(self) -> u32 {
        let flag = match self.arrangement {
            Arrangement::Far => 0,
            Arrangement::Offset => 1 << 16,
            Arrangement::OldFarSets => 1 << 17,
            Arrangement::FarSets => 1 << 18,
        };
        u32::try_from(self.near | self.far << 8).unwrap_or(0) | flag
    }
}

/// All sets of the given things, the smallest first.
pub(super) fn subsets(things: &[usize]) -> Vec<BTreeSet<usize>> {
    let mut sets: Vec<BTreeSet<usize>> = (0..1_usize << things.len())
        .map(|mask| {
            let chosen = things.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
            chosen.map(|(_, thing)| *thing).collect()
        })
        .collect();
    sets.sort_by_key(|set| (set.len(), set.clone()));
    sets
}
