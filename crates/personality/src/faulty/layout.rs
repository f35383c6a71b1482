//! Where faulty keeps each sector: at its own number, on the one member.

use crate::copies::Copies;
use crate::limits::{check_slots, single_length, usual_window};
use crate::{BadShape, Dimensions, Shape, Spot, Survival};
use paritas_units::{Chunk, Sector, Sectors, Slot};

/// A single member laid out.
#[derive(Debug)]
pub(super) struct SingleLayout {
    pub(super) dimensions: Dimensions,
}

impl SingleLayout {
    pub(super) fn new(shape: &Shape) -> Result<Self, BadShape> {
        let needs = "exactly 1";
        check_slots(shape, 1, needs)?;
        if shape.slots > 1 {
            return Err(BadShape::Slots { level: shape.level, slots: shape.slots, needs });
        }
        let length = single_length(shape)?;
        let dimensions = Dimensions {
            level: shape.level,
            slots: 1,
            chunk: Chunk(0),
            array: length,
            used: vec![length],
            window: usual_window(Chunk(0)),
            may_miss: 0,
        };
        Ok(Self { dimensions })
    }

    pub(super) fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector> {
        (slot == Slot(0) && at.0 < self.dimensions.array.0).then_some(at)
    }

    pub(super) fn survives(&self, usable: &[bool]) -> Survival {
        if usable.first() == Some(&true) { Survival::Whole } else { Survival::Failed }
    }
}

impl Copies for SingleLayout {
    fn copies(&self) -> u16 {
        1
    }

    fn copy(&self, sector: Sector, _number: u16) -> Spot {
        debug_assert!(sector.0 < self.dimensions.array.0, "the sector lies in the array");
        let run = Sectors(self.dimensions.array.0 - sector.0);
        Spot { slot: Slot(0), at: sector, run }
    }
}
