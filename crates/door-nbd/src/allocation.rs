//! What is known about holes of an export, and the extents that a client is told.
//!
//! The one thing to understand: without an [`AllocationMap`] everything is data, which is always
//! right. A map that says "hole" promises that the sectors read as zeroes.

use crate::limits::{EXTENTS, MAPPED_BYTES};
use crate::wire::{STATE_HOLE, STATE_ZERO};
use paritas_units::{SECTOR_BYTES, SectorRange, Sectors};
use std::ops::Range;

/// A run of sectors that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How long it is.
    pub len: Sectors,
    /// Whether nothing is stored there, so that it reads as zeroes.
    pub is_hole: bool,
}

/// Knowledge about which parts of exports are holes.
pub trait AllocationMap: Send + Sync {
    /// The extents of `range` of export number `export`, in order from its start, at most `most` of
    /// them. What they do not cover is data. It is asked on the data path and must not wait.
    fn extents(&self, export: usize, range: SectorRange, most: usize) -> Vec<Extent>;
}

/// The sectors that hold the bytes of `range`.
pub(crate) fn sectors_around(range: &Range<u64>) -> SectorRange {
    let start = range.start / SECTOR_BYTES;
    SectorRange::new(start, range.end.div_ceil(SECTOR_BYTES).saturating_sub(start))
}

/// The whole sectors inside the bytes of `range`.
pub(crate) fn sectors_inside(range: &Range<u64>) -> SectorRange {
    let start = range.start.div_ceil(SECTOR_BYTES);
    SectorRange::new(start, (range.end / SECTOR_BYTES).saturating_sub(start))
}

/// Lengths in bytes and states of the extents of the bytes of `range`: at least one, together not
/// longer than the range, neighbours of different states.
pub(crate) fn states(
    map: Option<&dyn AllocationMap>,
    export: usize,
    range: &Range<u64>,
    is_one_enough: bool,
) -> Vec<(u32, u32)> {
    let most = if is_one_enough { 1 } else { EXTENTS };
    let end = if map.is_some() {
        range.end.min(range.start.saturating_add(MAPPED_BYTES))
    } else {
        range.end
    };
    let range = &(range.start..end);
    let sectors = sectors_around(range);
    let extents = map.map(|map| map.extents(export, sectors, most)).unwrap_or_default();
    let mut states: Vec<(u32, u32)> = Vec::new();
    let mut told = range.start;
    let mut end = sectors.start.0.saturating_mul(SECTOR_BYTES);
    for extent in extents {
        end = end.saturating_add(extent.len.0.saturating_mul(SECTOR_BYTES)).min(range.end);
        let state = if extent.is_hole { STATE_HOLE | STATE_ZERO } else { 0 };
        if !tell(&mut states, &mut told, end, state, most) {
            return states;
        }
    }
    tell(&mut states, &mut told, range.end, 0, most);
    states
}

/// Extends `states` from `told` to `end`; false when there is no room for one more.
fn tell(states: &mut Vec<(u32, u32)>, told: &mut u64, end: u64, state: u32, most: usize) -> bool {
    let Ok(len) = u32::try_from(end.saturating_sub(*told)) else { return false };
    if len == 0 {
        return true;
    }
    let has_room = states.len() < most;
    match states.last_mut() {
        Some((last, same)) if *same == state => match last.checked_add(len) {
            Some(sum) => *last = sum,
            None => return false,
        },
        _ if has_room => states.push((len, state)),
        _ => return false,
    }
    *told = end;
    true
}
