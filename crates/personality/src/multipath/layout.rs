//! Where multipath keeps each sector: at its own number. Slots are paths, not copies.

use crate::copies::Copies;
use crate::limits::{check_slots, single_length, usual_window};
use crate::{BadShape, Dimensions, Shape, Spot, Survival};
use paritas_units::{Chunk, Sector, Sectors, Slot};

/// A disk behind several paths, laid out.
#[derive(Debug)]
pub(super) struct PathsLayout {
    pub(super) dimensions: Dimensions,
}

impl PathsLayout {
    pub(super) fn new(shape: &Shape) -> Result<Self, BadShape> {
        check_slots(shape, 1, "at least 1")?;
        let length = single_length(shape)?;
        let dimensions = Dimensions {
            level: shape.level,
            slots: shape.slots,
            chunk: Chunk(0),
            array: length,
            used: vec![length; usize::from(shape.slots)],
            window: usual_window(Chunk(0)),
            may_miss: shape.slots - 1,
        };
        Ok(Self { dimensions })
    }

    pub(super) fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector> {
        (slot.0 < self.dimensions.slots && at.0 < self.dimensions.array.0).then_some(at)
    }

    pub(super) fn survives(&self, usable: &[bool]) -> Survival {
        let slots = usize::from(self.dimensions.slots);
        match usable.iter().take(slots).filter(|usable| **usable).count() {
            0 => Survival::Failed,
            all if all == slots => Survival::Whole,
            _ => Survival::Degraded,
        }
    }
}

impl Copies for PathsLayout {
    fn copies(&self) -> u16 {
        self.dimensions.slots
    }

    fn copy(&self, sector: Sector, number: u16) -> Spot {
        debug_assert!(sector.0 < self.dimensions.array.0, "the sector lies in the array");
        let run = Sectors(self.dimensions.array.0 - sector.0);
        Spot { slot: Slot(number), at: sector, run }
    }
}
