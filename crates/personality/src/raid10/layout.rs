//! Where raid10 keeps each sector.
//!
//! The one thing to understand: chunks and their near copies are written one after the other into
//! rows of all slots, so a near copy has a *position* (row, slot) that follows from its number.
//! A far copy of a position lies in the same row of a later section (or, with `offset`, in one of
//! the next rows), on the slot to which its slot is *moved*; how slots move is a table, made once,
//! and must be a permutation or two chunks would share a place.

use super::word::{FarPlace, Word};
use crate::copies::{Balance, Copies};
use crate::limits::{check_length, check_slots, usual_window};
use crate::{BadShape, Dimensions, Shape, Spot, Survival};
use paritas_units::{Chunk, Sector, Sectors, Slot};

/// Pages of the systems that md's chunks are made for, in sectors.
const PAGE: u32 = 8;

/// An array of striped copies laid out.
#[derive(Debug)]
pub(super) struct CopiesLayout {
    pub(super) dimensions: Dimensions,
    pub(super) balance: Balance,
    word: Word,
    /// Array chunks.
    chunks: u64,
    /// Rows of one section; with `offset`, rows without their far copies.
    rows: u64,
    /// To which slot a far copy moves, by slot, and back.
    moves: Vec<u16>,
    moves_back: Vec<u16>,
}

impl CopiesLayout {
    pub(super) fn new(shape: &Shape) -> Result<Self, BadShape> {
        let level = shape.level;
        check_slots(shape, 2, "at least 2")?;
        if !shape.chunk.is_power_of_two() || shape.chunk < Chunk(PAGE) {
            let needs = "it must be a power of two and at least 8 sectors";
            return Err(BadShape::Chunk { level, chunk: shape.chunk, needs });
        }
        let word = Word::decode(shape)?;
        check_length(level, Some(shape.component.0))?;
        let chunk = u64::from(shape.chunk.0);
        let slots = u64::from(shape.slots);
        let rows = shape.component.0 / chunk / u64::from(word.far);
        let chunks = check_length(level, rows.checked_mul(slots))?.0 / u64::from(word.near);
        let array = check_length(level, chunks.checked_mul(chunk))?;
        let moves = word.moves(shape.slots);
        let moves_back = word.check(shape, &moves)?;
        let used = Sectors(rows * u64::from(word.far) * chunk);
        let dimensions = Dimensions {
            level,
            slots: shape.slots,
            chunk: shape.chunk,
            array,
            used: vec![used; usize::from(shape.slots)],
            window: usual_window(shape.chunk),
            may_miss: word.may_miss(shape.slots),
        };
        let balance = if word.far > 1 { Balance::LowestPosition } else { Balance::Nearest };
        Ok(Self { dimensions, balance, word, chunks, rows, moves, moves_back })
    }

    pub(super) fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector> {
        let used = self.dimensions.used.get(slot.index())?;
        if at.0 >= used.0 {
            return None;
        }
        let (line, offset) = (at.0 / self.chunk(), at.0 % self.chunk());
        let far = u64::from(self.word.far);
        let (row, copy) = match self.word.place {
            FarPlace::Section => (line % self.rows, line / self.rows),
            FarPlace::NextRows => (line / far, line % far),
        };
        let mut home = slot.0;
        for _ in 0..copy {
            home = self.moves_back[usize::from(home)];
        }
        let position = row * u64::from(self.dimensions.slots) + u64::from(home);
        let chunk = position / u64::from(self.word.near);
        (chunk < self.chunks).then(|| Sector(chunk * self.chunk() + offset))
    }

    pub(super) fn survives(&self, usable: &[bool]) -> Survival {
        let is_usable = |slot: Slot| usable.get(slot.index()).copied().unwrap_or(false);
        if (0..self.dimensions.slots).all(|slot| is_usable(Slot(slot))) {
            return Survival::Whole;
        }
        // After as many chunks as slots the sets of slots repeat.
        let period = self.chunks.min(u64::from(self.dimensions.slots));
        let served = |chunk: u64| {
            let sector = Sector(chunk * self.chunk());
            (0..self.copies()).any(|number| is_usable(self.copy(sector, number).slot))
        };
        if (0..period).all(served) { Survival::Degraded } else { Survival::Failed }
    }

    fn chunk(&self) -> u64 {
        u64::from(self.dimensions.chunk.0)
    }
}

impl Copies for CopiesLayout {
    fn copies(&self) -> u16 {
        self.word.copies()
    }

    /// Copies are numbered near copy by near copy, each followed by its far copies.
    fn copy(&self, sector: Sector, number: u16) -> Spot {
        debug_assert!(sector.0 < self.dimensions.array.0, "the sector lies in the array");
        let slots = u64::from(self.dimensions.slots);
        let (chunk, offset) = (sector.0 / self.chunk(), sector.0 % self.chunk());
        let (near, copy) = (number / self.word.far, number % self.word.far);
        let position = chunk * u64::from(self.word.near) + u64::from(near);
        let mut slot =
            u16::try_from(position % slots).expect("a remainder is below the number of slots");
        for _ in 0..copy {
            slot = self.moves[usize::from(slot)];
        }
        let row = position / slots;
        let line = match self.word.place {
            FarPlace::Section => row + u64::from(copy) * self.rows,
            FarPlace::NextRows => row * u64::from(self.word.far) + u64::from(copy),
        };
        let run = match self.word.near {
            // Every slot has everything, as in a mirror.
            near if near == self.dimensions.slots => self.dimensions.array.0 - sector.0,
            _ => self.chunk() - offset,
        };
        Spot { slot: Slot(slot), at: Sector(line * self.chunk() + offset), run: Sectors(run) }
    }
}
