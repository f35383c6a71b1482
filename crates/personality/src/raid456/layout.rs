//! Where levels 4, 5 and 6 keep each sector. A window is a row of chunks.

use super::arrangement::{Arrangement, Block, Stripe};
use crate::limits::{check_length, check_slots};
use crate::{BadShape, Dimensions, Shape, Spot, Survival};
use paritas_units::{Chunk, Level, Sector, Sectors, Slot};

/// Pages of the systems that md's chunks are made for, in sectors.
const PAGE: u32 = 8;

/// The most slots at level 6: exponents of the equation of Q repeat after 255.
const MOST_WITH_Q: u16 = 255;

/// An array with parity laid out.
#[derive(Debug)]
pub(super) struct ParityLayout {
    pub(super) dimensions: Dimensions,
    /// Data chunks in a row.
    pub(super) data: u16,
    arrangement: Arrangement,
}

impl ParityLayout {
    pub(super) fn new(shape: &Shape) -> Result<Self, BadShape> {
        let parities = check_level(shape)?;
        let level = shape.level;
        let arrangement = Arrangement::of(level, shape.layout).ok_or(BadShape::Layout {
            level,
            layout: shape.layout,
            why: "the level has no layout with this number",
        })?;
        if !shape.chunk.is_power_of_two() || shape.chunk < Chunk(PAGE) {
            let needs = "it must be a power of two and at least 8 sectors";
            return Err(BadShape::Chunk { level, chunk: shape.chunk, needs });
        }
        let data = shape.slots - parities;
        check_length(level, Some(shape.component.0))?;
        let used = shape.component.rounded_down(shape.chunk.sectors());
        let array = check_length(level, used.0.checked_mul(u64::from(data)))?;
        let dimensions = Dimensions {
            level,
            slots: shape.slots,
            chunk: shape.chunk,
            array,
            used: vec![used; usize::from(shape.slots)],
            window: Sectors(u64::from(shape.chunk.0) * u64::from(data)),
            may_miss: parities,
        };
        Ok(Self { dimensions, data, arrangement })
    }

    /// The slots of row `row`.
    pub(super) fn stripe(&self, row: u64) -> Stripe {
        self.arrangement.stripe(row, self.dimensions.slots)
    }

    /// The chunk in sectors; never zero.
    pub(super) fn chunk(&self) -> u64 {
        u64::from(self.dimensions.chunk.0)
    }

    /// A place in a row of data as chunk and line.
    pub(super) fn split(&self, in_row: u64) -> (u16, u64) {
        // The chunk is a power of two: no division.
        let index = in_row >> self.dimensions.chunk.0.trailing_zeros();
        let index = u16::try_from(index).expect("a row has fewer chunks than slots");
        (index, in_row & (self.chunk() - 1))
    }

    pub(super) fn spot(&self, sector: Sector) -> Spot {
        debug_assert!(sector.0 < self.dimensions.array.0, "the sector lies in the array");
        let row = sector.0 / self.dimensions.window.0;
        let in_row = sector.0 % self.dimensions.window.0;
        let (index, offset) = self.split(in_row);
        Spot {
            slot: Slot(self.stripe(row).slot(index)),
            at: Sector(row * self.chunk() + offset),
            run: Sectors(self.chunk() - offset),
        }
    }

    pub(super) fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector> {
        let used = self.dimensions.used.get(slot.index())?;
        if at.0 >= used.0 {
            return None;
        }
        let (row, offset) = (at.0 / self.chunk(), at.0 % self.chunk());
        let Block::Data(index) = self.stripe(row).block(slot.0) else { return None };
        Some(Sector(row * self.dimensions.window.0 + u64::from(index) * self.chunk() + offset))
    }

    pub(super) fn survives(&self, usable: &[bool]) -> Survival {
        let slots = usize::from(self.dimensions.slots);
        let there = usable.iter().take(slots).filter(|usable| **usable).count();
        match slots - there {
            0 => Survival::Whole,
            missing if missing <= usize::from(self.dimensions.may_miss) => Survival::Degraded,
            _ => Survival::Failed,
        }
    }
}

/// Checks the number of slots, and says how many of each row hold parity.
fn check_level(shape: &Shape) -> Result<u16, BadShape> {
    if shape.level != Level::Raid6 {
        check_slots(shape, 2, "at least 2")?;
        return Ok(1);
    }
    check_slots(shape, 4, "at least 4")?;
    if shape.slots > MOST_WITH_Q {
        let needs = "at most 255";
        return Err(BadShape::Slots { level: shape.level, slots: shape.slots, needs });
    }
    Ok(2)
}
