//! The layout word of raid10: near and far copies, and how far copies move.
//!
//! Deliberately stricter than md: words that make two copies share a member, or two chunks share
//! a place, are refused, though the driver starts them. The first loses data with one member, the
//! second at once.

use crate::{BadShape, Shape};
use paritas_units::Level;

/// A layout word taken apart; both counts are at least one, their product at most the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Copies side by side.
    pub(super) near: u16,
    /// Copies far apart; each has all near copies.
    pub(super) far: u16,
    pub(super) place: FarPlace,
    sets: FarSets,
}

/// Where far copies lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FarPlace {
    /// Each in a section of its own (`far`).
    Section,
    /// In the rows that follow (`offset`).
    NextRows,
}

/// Within which groups of slots far copies move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FarSets {
    /// All slots are one group.
    One,
    /// As many groups as far copies: the first attempt, bit 17.
    AsManyAsCopies,
    /// Groups of as many slots as copies: bit 18.
    AsLongAsCopies,
}

impl Word {
    /// Takes the word of `shape` apart.
    pub(super) fn decode(shape: &Shape) -> Result<Self, BadShape> {
        let layout = shape.layout;
        let bad = |why| BadShape::Layout { level: Level::Raid10, layout, why };
        let [near, far, flags, top] = layout.to_le_bytes();
        if top != 0 || flags > 0b111 {
            return Err(bad("bits above the eighteenth mean nothing"));
        }
        let sets = match flags >> 1 {
            0 => FarSets::One,
            1 => FarSets::AsManyAsCopies,
            2 => FarSets::AsLongAsCopies,
            _ => return Err(bad("both kinds of far sets at once")),
        };
        let place = if flags & 1 == 0 { FarPlace::Section } else { FarPlace::NextRows };
        let word = Self { near: u16::from(near), far: u16::from(far), place, sets };
        match word.near * word.far {
            0 => Err(bad("near and far copies must both be at least 1")),
            1 => Err(bad("there must be at least 2 copies")),
            copies if copies > shape.slots => Err(bad("there are more copies than members")),
            _ => Ok(word),
        }
    }

    /// How often each chunk is stored.
    pub(super) fn copies(self) -> u16 {
        self.near * self.far
    }

    /// Slots in a group (all, where there are no far copies to move); what does not fill a group
    /// belongs to the last one.
    fn group(self, slots: u16) -> u16 {
        match self.sets {
            _ if self.far == 1 => slots,
            FarSets::One => slots,
            FarSets::AsManyAsCopies => slots / self.far,
            FarSets::AsLongAsCopies => self.copies(),
        }
    }

    /// To which slot the far copy of each slot moves: past the near copies, within its group.
    pub(super) fn moves(self, slots: u16) -> Vec<u16> {
        let group = self.group(slots);
        let rest = slots % group;
        let last = (slots / group - 1) * group;
        let to = |slot: u16| {
            let next = slot + self.near;
            if rest != 0 && next > last {
                // md asks where the copy goes, not whence it comes: a near pair at the edge of the
                // last but one group leaks into the last. `check` refuses what follows from it.
                last + (next - last) % (group + rest)
            } else {
                next % group + slot / group * group
            }
        };
        (0..slots).map(to).collect()
    }

    /// Refuses words that store two chunks in one place, or two copies on one member; returns
    /// `moves` turned round.
    pub(super) fn check(self, shape: &Shape, moves: &[u16]) -> Result<Vec<u16>, BadShape> {
        let bad = |why| BadShape::Layout { level: Level::Raid10, layout: shape.layout, why };
        let wraps = !shape.slots.is_multiple_of(self.near);
        if self.place == FarPlace::NextRows && self.far > 1 && wraps {
            return Err(bad("near copies that go on in the next row would lie on offset copies"));
        }
        let mut back = vec![u16::MAX; moves.len()];
        for (from, to) in (0..).zip(moves) {
            match back.get_mut(usize::from(*to)) {
                Some(free) if *free == u16::MAX => *free = from,
                _ => return Err(bad("two chunks would share a place: the far sets overlap")),
            }
        }
        // The chunk that was last seen on each slot, of as many chunks as slots: then it repeats.
        let mut seen = vec![u16::MAX; moves.len()];
        for chunk in 0..shape.slots {
            for slot in self.slots_of(chunk, moves) {
                if std::mem::replace(&mut seen[usize::from(slot)], chunk) == chunk {
                    return Err(bad("two copies of a chunk would lie on the same member"));
                }
            }
        }
        Ok(back)
    }

    /// The slots of all copies of one of the first chunks.
    fn slots_of(self, chunk: u16, moves: &[u16]) -> impl Iterator<Item = u16> {
        let start = usize::from(chunk) * usize::from(self.near);
        let positions = start..start + usize::from(self.near);
        let firsts = positions.map(|position| position % moves.len());
        firsts.flat_map(move |first| {
            let first = u16::try_from(first).expect("a remainder is below the number of slots");
            let next = |slot: &u16| moves.get(usize::from(*slot)).copied();
            std::iter::successors(Some(first), next).take(usize::from(self.far))
        })
    }

    /// How many slots may be missing in the best case: in each group as many as leave one of any
    /// as many neighbours as there are copies.
    pub(super) fn may_miss(self, slots: u16) -> u16 {
        let group = self.group(slots);
        let needed = |length: u16| length.div_ceil(self.copies());
        slots - (slots / group - 1) * needed(group) - needed(group + slots % group)
    }
}
