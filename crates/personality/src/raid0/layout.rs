//! Where raid0 keeps each sector.
//!
//! The one thing to understand: a *zone* is a run of positions that the same members reach. Within
//! a zone chunks go round its members; the two multi-zone layouts differ only in whether chunks
//! are counted from the beginning of the array (`original`) or of the zone (`alternate`).

use crate::copies::Copies;
use crate::limits::{check_length, check_slots, member_lengths, usual_window};
use crate::{BadShape, Dimensions, Raid0Default, Shape, Spot, Survival};
use paritas_units::{Chunk, Sector, Sectors, Slot};

/// A striped array laid out.
#[derive(Debug)]
pub(super) struct StripedLayout {
    pub(super) dimensions: Dimensions,
    /// Rising in both members' and array positions.
    zones: Vec<Zone>,
    counting: Counting,
}

/// Positions of members that the same members reach.
#[derive(Debug)]
struct Zone {
    /// Where the zone begins on its members.
    member_start: u64,
    /// The first position of members behind it.
    member_end: u64,
    /// Where it begins in the array.
    array_start: u64,
    /// The first array sector behind it, were the array not cut.
    array_end: u64,
    /// The members that reach it, rising, and how many there are.
    slots: Vec<u16>,
    width: u64,
}

/// From where chunks are counted to find the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// From the beginning of the array: `original`, layout 1.
    FromArray,
    /// From the beginning of the zone: `alternate`, layout 2.
    FromZone,
}

impl StripedLayout {
    pub(super) fn new(shape: &Shape) -> Result<Self, BadShape> {
        check_slots(shape, 1, "at least 1")?;
        if shape.chunk == Chunk(0) {
            let needs = "it must be at least one sector";
            return Err(BadShape::Chunk { level: shape.level, chunk: shape.chunk, needs });
        }
        let used = member_lengths(shape)?;
        let array = check_length(shape.level, exported(&used, shape.chunk))?;
        let zones = zones(&used);
        let counting = counting(shape, &zones)?;
        let dimensions = Dimensions {
            level: shape.level,
            slots: shape.slots,
            chunk: shape.chunk,
            array,
            used,
            window: usual_window(shape.chunk),
            may_miss: 0,
        };
        Ok(Self { dimensions, zones, counting })
    }

    pub(super) fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector> {
        let zone = self.zones.get(self.zones.partition_point(|zone| zone.member_end <= at.0))?;
        let place = u64::try_from(zone.slots.binary_search(&slot.0).ok()?).ok()?;
        let (chunk, width) = (self.chunk(), zone.width);
        let in_zone = at.0 - zone.member_start;
        let turn = match self.counting {
            Counting::FromZone => place,
            Counting::FromArray => (place + width - zone.array_start / chunk % width) % width,
        };
        let sector = zone.array_start + (in_zone / chunk * width + turn) * chunk + at.0 % chunk;
        (sector < self.dimensions.array.0).then_some(Sector(sector))
    }

    pub(super) fn survives(&self, usable: &[bool]) -> Survival {
        let slots = usize::from(self.dimensions.slots);
        let missing = (0..slots).any(|slot| !usable.get(slot).copied().unwrap_or(false));
        if missing { Survival::Failed } else { Survival::Whole }
    }

    fn chunk(&self) -> u64 {
        u64::from(self.dimensions.chunk.0)
    }
}

impl Copies for StripedLayout {
    fn copies(&self) -> u16 {
        1
    }

    fn copy(&self, sector: Sector, _number: u16) -> Spot {
        debug_assert!(sector.0 < self.dimensions.array.0, "the sector lies in the array");
        let zone = &self.zones[self.zones.partition_point(|zone| zone.array_end <= sector.0)];
        let (chunk, width) = (self.chunk(), zone.width);
        let offset = sector.0 % chunk;
        let in_zone = (sector.0 - zone.array_start) / chunk;
        let turn = match self.counting {
            Counting::FromArray => sector.0 / chunk % width,
            Counting::FromZone => in_zone % width,
        };
        let place = usize::try_from(turn).expect("a remainder is below the number of members");
        Spot {
            slot: Slot(zone.slots[place]),
            at: Sector(zone.member_start + in_zone / width * chunk + offset),
            run: Sectors(chunk - offset),
        }
    }
}

/// The size that md shows: the sum of the members. Of each member the bits below the chunk are
/// masked away, which takes more than the remainder where the chunk is no power of two; the array
/// is then shorter than its zones.
fn exported(used: &[Sectors], chunk: Chunk) -> Option<u64> {
    let mask = !(u64::from(chunk.0) - 1);
    used.iter().try_fold(0_u64, |sum, length| sum.checked_add(length.0 & mask))
}

/// The zones of members with these lengths, none of which is zero.
fn zones(used: &[Sectors]) -> Vec<Zone> {
    let mut ends: Vec<u64> = used.iter().map(|length| length.0).collect();
    ends.sort_unstable();
    ends.dedup();
    let (mut member_start, mut array_start) = (0, 0);
    let mut zones = Vec::with_capacity(ends.len());
    for member_end in ends {
        let reaches = (0..).zip(used).filter(|(_, length)| length.0 >= member_end);
        let slots: Vec<u16> = reaches.map(|(slot, _)| slot).collect();
        let width = u64::try_from(slots.len()).expect("slots were counted");
        let array_end = array_start + (member_end - member_start) * width;
        zones.push(Zone { member_start, member_end, array_start, array_end, slots, width });
        (member_start, array_start) = (member_end, array_end);
    }
    zones
}

/// Which layout is meant. It matters only if the second zone has several members; then somebody
/// must know, the superblock or the user.
fn counting(shape: &Shape, zones: &[Zone]) -> Result<Counting, BadShape> {
    if zones.get(1).is_none_or(|second| second.slots.len() == 1) {
        return Ok(Counting::FromZone);
    }
    match (shape.layout, shape.raid0_default) {
        (1, _) => Ok(Counting::FromArray),
        (2, _) => Ok(Counting::FromZone),
        (_, Raid0Default::Original) => Ok(Counting::FromArray),
        (_, Raid0Default::Alternate) => Ok(Counting::FromZone),
        (_, Raid0Default::Refuse) => Err(BadShape::AmbiguousRaid0),
    }
}
