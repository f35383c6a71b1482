//! Where linear keeps each sector. The chunk, if there is one, only rounds members down.

use crate::copies::Copies;
use crate::limits::{check_length, check_slots, member_lengths, usual_window};
use crate::{BadShape, Dimensions, Shape, Spot, Survival};
use paritas_units::{Sector, Sectors, Slot};

/// A linear array laid out.
#[derive(Debug)]
pub(super) struct LinearLayout {
    pub(super) dimensions: Dimensions,
    /// By slot, the first array sector behind it; rising.
    ends: Vec<Sector>,
}

impl LinearLayout {
    pub(super) fn new(shape: &Shape) -> Result<Self, BadShape> {
        check_slots(shape, 1, "at least 1")?;
        let used = member_lengths(shape)?;
        let mut ends = Vec::with_capacity(used.len());
        let mut end = Sector::ZERO;
        for length in &used {
            end = Sector(check_length(shape.level, end.checked_add(*length).map(|end| end.0))?.0);
            ends.push(end);
        }
        let dimensions = Dimensions {
            level: shape.level,
            slots: shape.slots,
            chunk: shape.chunk,
            array: Sectors(end.0),
            used,
            window: usual_window(shape.chunk),
            may_miss: 0,
        };
        Ok(Self { dimensions, ends })
    }

    pub(super) fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector> {
        let length = *self.dimensions.used.get(slot.index())?;
        (at.0 < length.0).then(|| self.start(slot.index()).checked_add(Sectors(at.0)))?
    }

    pub(super) fn survives(&self, usable: &[bool]) -> Survival {
        let missing = (0..self.ends.len()).any(|slot| !usable.get(slot).copied().unwrap_or(false));
        if missing { Survival::Failed } else { Survival::Whole }
    }

    /// The first array sector of the member with this number.
    fn start(&self, slot: usize) -> Sector {
        slot.checked_sub(1).map_or(Sector::ZERO, |before| self.ends[before])
    }
}

impl Copies for LinearLayout {
    fn copies(&self) -> u16 {
        1
    }

    fn copy(&self, sector: Sector, _number: u16) -> Spot {
        debug_assert!(sector.0 < self.dimensions.array.0, "the sector lies in the array");
        let slot = self.ends.partition_point(|end| *end <= sector);
        let at = Sector(sector.0 - self.start(slot).0);
        let run = Sectors(self.ends[slot].0 - sector.0);
        Spot { slot: Slot(u16::try_from(slot).expect("slots were counted")), at, run }
    }
}
