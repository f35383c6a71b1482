//! Where an array is known to read as zeroes, since nothing is stored there on its members.
//!
//! The one thing to understand: a hole is a promise, and a wrong one loses data for whoever copies
//! by it. So a sector is a hole only if every member that holds it, in sync or not, has a hole
//! there, at least one of them counts as right there, and no member calls it bad. Where parity
//! may disagree with data (an array that is not in sync), nothing is a hole: a member that fails
//! later would be computed from parity, and come out as something else.
//!
//! It is taken once, when the array is opened for reading, and asked without waiting. Deliberately
//! absent: following writes.

use crate::{Assembly, MemberStart};
use paritas_disk::{Disk, Hole};
use paritas_personality::{Geometry, Spot};
use paritas_units::{Level, Sector, SectorRange, Sectors};
use std::fmt;
use std::sync::Arc;

/// Holes that are remembered of one member; what lies behind them counts as data.
const MOST_HOLES: usize = 1 << 16;

/// The holes of an array that is only read.
pub struct HoleMap {
    geometry: Arc<dyn Geometry>,
    /// By slot: the members that hold it.
    holders: Vec<Vec<Holder>>,
}

/// A member as far as holes go. Positions are component positions.
struct Holder {
    /// Sorted, without overlaps; bad blocks are not in them.
    holes: Vec<SectorRange>,
    recovery_offset: Sector,
}

impl HoleMap {
    /// Asks `disks` (disk `i` is that of member `i`) for their holes. `None` if the level keeps
    /// data in a way of which holes tell nothing, or if no member has a hole.
    #[must_use]
    pub fn new(assembly: &Assembly, disks: &[Arc<dyn Disk>]) -> Option<Self> {
        let dimensions = assembly.geometry.dimensions();
        let is_telling = match dimensions.level {
            Level::Linear | Level::Raid0 | Level::Raid1 | Level::Raid10 => true,
            Level::Raid4 | Level::Raid5 | Level::Raid6 => assembly.resync_offset == Sector::MAX,
            _ => false,
        };
        if !is_telling {
            return None;
        }
        let mut holders: Vec<Vec<Holder>> = Vec::new();
        holders.resize_with(usize::from(dimensions.slots), Vec::new);
        for (member, disk) in assembly.members.iter().zip(disks) {
            let slot = member.slot.index();
            let used = dimensions.used.get(slot).copied().unwrap_or(Sectors::ZERO);
            let holes = holes_of(member, disk.as_ref(), used);
            holders.get_mut(slot)?.push(Holder { holes, recovery_offset: member.recovery_offset });
        }
        let has_any = holders.iter().flatten().any(|holder| !holder.holes.is_empty());
        has_any.then(|| Self { geometry: Arc::clone(&assembly.geometry), holders })
    }

    /// The runs of holes and data in `range`, in order, neighbours of different kinds, at most
    /// `most`. `range` must lie in the array.
    #[must_use]
    pub fn runs(&self, range: SectorRange, most: usize) -> Vec<Hole> {
        let mut runs: Vec<Hole> = Vec::new();
        let mut spots = Vec::new();
        let mut at = range.start;
        while at < range.end() {
            let mut run = self.run(at, &mut spots);
            run.sectors = Sectors(run.sectors.0.clamp(1, range.end().0 - at.0));
            at = Sector(at.0 + run.sectors.0);
            let has_room = runs.len() < most;
            match runs.last_mut() {
                Some(last) if last.is_hole == run.is_hole => last.sectors.0 += run.sectors.0,
                _ if has_room => runs.push(run),
                _ => break,
            }
        }
        runs
    }

    /// What array sector `at` is, and for how long.
    fn run(&self, at: Sector, spots: &mut Vec<Spot>) -> Hole {
        self.geometry.locate(at, spots);
        let (mut is_hole, mut is_right, mut sectors) = (true, false, Sectors(u64::MAX));
        for spot in spots.iter() {
            sectors = sectors.min(spot.run);
            for holder in self.holders.get(spot.slot.index()).into_iter().flatten() {
                let run = holder.run(spot.at);
                sectors = sectors.min(run.sectors);
                is_hole &= run.is_hole;
                if let Some(rest) = holder.recovery_offset.0.checked_sub(spot.at.0)
                    && rest > 0
                {
                    is_right = true;
                    sectors = sectors.min(Sectors(rest));
                }
            }
        }
        Hole { is_hole: is_hole && is_right, sectors }
    }
}

impl Holder {
    /// What component sector `at` is, and for how long.
    fn run(&self, at: Sector) -> Hole {
        let next = self.holes.partition_point(|hole| hole.end() <= at);
        match self.holes.get(next) {
            Some(hole) if hole.start <= at => {
                Hole { is_hole: true, sectors: Sectors(hole.end().0 - at.0) }
            }
            Some(hole) => Hole { is_hole: false, sectors: Sectors(hole.start.0 - at.0) },
            None => Hole { is_hole: false, sectors: Sectors(u64::MAX) },
        }
    }
}

/// The holes in the first `used` sectors of a member's data.
fn holes_of(member: &MemberStart, disk: &dyn Disk, used: Sectors) -> Vec<SectorRange> {
    let mut holes = Vec::new();
    let base = member.data_offset.0;
    let end = base.saturating_add(used.0).min(disk.facts().sectors.0);
    let mut at = base;
    while at < end && holes.len() < MOST_HOLES {
        let run = disk.hole(Sector(at));
        let len = run.sectors.0.min(end - at);
        if len == 0 {
            break;
        }
        if run.is_hole {
            without(SectorRange::new(at - base, len), &member.bad_blocks, &mut holes);
        }
        at += len;
    }
    holes
}

/// Appends to `holes` what is left of `hole` beside `bad`, which is sorted.
fn without(hole: SectorRange, bad: &[SectorRange], holes: &mut Vec<SectorRange>) {
    let (mut start, end) = (hole.start.0, hole.end().0);
    for bad in bad.iter().filter(|bad| bad.start.0 < end) {
        if bad.start.0 > start {
            holes.push(SectorRange::new(start, bad.start.0 - start));
        }
        start = start.max(bad.end().0.min(end));
    }
    if start < end {
        holes.push(SectorRange::new(start, end - start));
    }
}

impl fmt::Debug for HoleMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holes: usize = self.holders.iter().flatten().map(|holder| holder.holes.len()).sum();
        f.debug_struct("HoleMap").field("holes", &holes).finish_non_exhaustive()
    }
}
