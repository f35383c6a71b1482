//! What is called a hole reads as zeroes, for every personality, whole and with members lost,
//! recovering, unlike each other, or out of sync; and what is one is found.

use crate::rig::{Chance, Rig, cases, content, geometry};
use paritas_disk::{Disk, Facts, Fault, Hole};
use paritas_engine::HoleMap;
use paritas_personality::Shape;
use paritas_units::{Level, Sector, SectorRange, Sectors};
use std::sync::Arc;

/// A disk that calls every sector of zeroes a hole.
#[derive(Debug)]
struct Sparse(Arc<dyn Disk>);

impl Sparse {
    fn is_zero(&self, at: u64) -> bool {
        let mut sector = [0; 512];
        self.0.read(Sector(at), &mut sector).expect("memory disks do not fail");
        sector == [0; 512]
    }
}

impl Disk for Sparse {
    fn facts(&self) -> &Facts {
        self.0.facts()
    }
    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.0.read(at, into)
    }
    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        self.0.write(at, from, durable)
    }
    fn flush(&self) -> Result<(), Fault> {
        self.0.flush()
    }
    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.0.discard(at, sectors)
    }
    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.0.write_zeroes(at, sectors)
    }
    fn hole(&self, at: Sector) -> Hole {
        let is_hole = self.is_zero(at.0);
        let end = self.facts().sectors.0;
        let len = (at.0..end).take_while(|sector| self.is_zero(*sector) == is_hole).count();
        Hole { is_hole, sectors: Sectors(u64::try_from(len).expect("small")) }
    }
}

/// An array with runs of zeroes in its content.
fn sparse(shape: &Shape) -> Rig {
    let mut content = content(geometry(shape).dimensions().array);
    let mut chance = Chance(11);
    for block in content.chunks_mut(24 * 512) {
        if chance.below(3) == 0 {
            continue;
        }
        let skip = usize::try_from(chance.below(3)).expect("small") * 512;
        let skip = skip.min(block.len());
        block[skip..].fill(0);
    }
    Rig::with_content(shape, content)
}

fn map(rig: &Rig) -> Option<HoleMap> {
    let disks: Vec<Arc<dyn Disk>> =
        rig.disks.iter().map(|disk| Arc::new(Sparse(Arc::clone(disk))) as Arc<dyn Disk>).collect();
    HoleMap::new(&rig.assembly, &disks)
}

/// Sectors that the map calls holes, each of which is zero in the content.
fn claimed(rig: &Rig) -> Vec<u64> {
    let Some(map) = map(rig) else { return Vec::new() };
    let array = rig.geometry.dimensions().array.0;
    let mut at = 0;
    let mut claimed = Vec::new();
    for run in map.runs(SectorRange::new(0, array), usize::MAX) {
        let range = SectorRange::new(at, run.sectors.0);
        if run.is_hole {
            assert!(rig.expected(range).iter().all(|byte| *byte == 0), "{range} is no hole");
            claimed.extend(at..at + run.sectors.0);
        }
        at += run.sectors.0;
    }
    assert_eq!(at, array, "the runs cover the array");
    claimed
}

fn zeroes(rig: &Rig) -> Vec<u64> {
    (0..)
        .zip(rig.content.chunks(512))
        .filter(|(_, s)| s.iter().all(|b| *b == 0))
        .map(|(n, _)| n)
        .collect()
}

const fn tells(level: Level) -> bool {
    !matches!(level, Level::Multipath | Level::Faulty)
}

#[test]
fn every_hole_of_a_whole_array_is_found_and_nothing_else() {
    for shape in cases() {
        let rig = sparse(&shape);
        let want = if tells(shape.level) { zeroes(&rig) } else { Vec::new() };
        assert_eq!(claimed(&rig), want, "{shape:?}");
        assert!(!zeroes(&rig).is_empty());
    }
}

#[test]
fn lost_members_take_holes_away_and_add_none() {
    for shape in cases().into_iter().filter(|shape| tells(shape.level)) {
        let rig = sparse(&shape);
        let all = claimed(&rig);
        for lost in 0..shape.slots {
            let fewer = claimed(&rig.without(&[lost]));
            assert!(fewer.iter().all(|sector| all.contains(sector)), "{shape:?}");
            let is_parity = shape.level == Level::Raid4 && lost == shape.slots - 1;
            let is_spared = is_parity || matches!(shape.level, Level::Raid1 | Level::Raid10);
            assert_eq!(fewer.len() == all.len(), is_spared, "{shape:?} without {lost}");
        }
    }
}

#[test]
fn a_member_with_other_bytes_speaks_against_a_hole() {
    for shape in cases().into_iter().filter(|shape| tells(shape.level)) {
        for member in 0..usize::from(shape.slots) {
            let mut rig = sparse(&shape);
            let spoiled = SectorRange::new(40, 80);
            rig.spoil(member, spoiled);
            // What is not rebuilt may be anything, and is not read; it is no hole all the same.
            let lost = rig.assembly.members[member].clone();
            rig.assembly.members[member].recovery_offset = Sector(32);
            let holes = claimed(&rig);
            let mut spots = Vec::new();
            for sector in &holes {
                rig.geometry.locate(Sector(*sector), &mut spots);
                let is_spoiled = |spot: &paritas_personality::Spot| {
                    spot.slot == lost.slot && spoiled.contains(spot.at)
                };
                assert!(!spots.iter().any(is_spoiled), "{shape:?}: sector {sector}");
                let others = spots.iter().any(|spot| spot.slot != lost.slot || spot.at.0 < 32);
                assert!(others, "{shape:?}: sector {sector} is right nowhere");
            }
        }
    }
}

#[test]
fn bad_blocks_and_parity_that_may_be_wrong_take_holes_away() {
    for shape in cases().into_iter().filter(|shape| tells(shape.level)) {
        let mut rig = sparse(&shape);
        let all = claimed(&rig);
        let bad = SectorRange::new(16, 100);
        for member in &mut rig.assembly.members {
            member.bad_blocks = vec![bad, SectorRange::new(120, 1)];
        }
        let mut spots = Vec::new();
        let mut is_bad = |sector: &u64| {
            rig.geometry.locate(Sector(*sector), &mut spots);
            spots.iter().any(|spot| bad.contains(spot.at) || spot.at.0 == 120)
        };
        let want: Vec<u64> = all.iter().copied().filter(|sector| !is_bad(sector)).collect();
        assert!(want.len() < all.len(), "{shape:?}: the bad blocks lie in holes");
        assert_eq!(claimed(&rig), want, "{shape:?}");
        rig.assembly.resync_offset = Sector(8);
        let want = if shape.level.has_parity() { Vec::new() } else { want };
        assert_eq!(claimed(&rig), want, "{shape:?}, not in sync");
    }
}

#[test]
fn runs_alternate_end_with_the_range_and_keep_to_their_number() {
    let rig = sparse(&cases()[4]);
    let map = map(&rig).expect("it has holes");
    let array = rig.geometry.dimensions().array.0;
    let all = map.runs(SectorRange::new(0, array), usize::MAX);
    assert!(all.windows(2).all(|pair| pair[0].is_hole != pair[1].is_hole), "{all:?}");
    assert_eq!(map.runs(SectorRange::new(0, array), 3), all[..3]);
    let part = map.runs(SectorRange::new(7, 13), usize::MAX);
    assert_eq!(part.iter().map(|run| run.sectors.0).sum::<u64>(), 13);
}
