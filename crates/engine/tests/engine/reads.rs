//! Reads by the real shard, every personality, against a byte model: whole, with members lost, with
//! sectors that cannot be read, with any single request failing, in any order of completion.

use crate::rig::{Chance, Rig, cases, ranges};
use crate::stepper::{Faults, Stepper};
use paritas_engine::HostError;
use paritas_personality::{Shape, Survival};
use paritas_units::{Level, SectorRange, Sectors};

/// Every set of at most `most` slots.
fn losses(slots: u16, most: u32) -> Vec<Vec<u16>> {
    (0..1_u32 << slots)
        .filter(|set| set.count_ones() <= most)
        .map(|set| (0..slots).filter(|slot| set & (1 << slot) != 0).collect())
        .collect()
}

fn is_survived(rig: &Rig, lost: &[u16]) -> bool {
    let usable: Vec<bool> =
        (0..rig.geometry.dimensions().slots).map(|slot| !lost.contains(&slot)).collect();
    rig.geometry.survives(&usable) != Survival::Failed
}

fn check_all(rig: &Rig, shape: &Shape, shards: u16) {
    let mut stepper = Stepper::new(rig, shards);
    let array = rig.geometry.dimensions().array;
    for range in ranges(array, u64::from(shape.chunk.0), &mut Chance(3)) {
        stepper.check(range);
    }
}

#[test]
fn every_level_reads_right_at_every_survivable_loss() {
    for shape in cases() {
        let rig = Rig::new(&shape);
        let mut survived = 0;
        for lost in losses(shape.slots, 3) {
            if is_survived(&rig, &lost) {
                check_all(&rig.without(&lost), &shape, 1);
                survived += 1;
            }
        }
        assert!(survived > 0, "{shape:?} does not survive with all of its members");
    }
}

#[test]
fn p511_what_survives_too_many_losses_is_read_and_the_rest_is_named() {
    for shape in cases() {
        let rig = Rig::new(&shape);
        for lost in losses(shape.slots, 3).into_iter().filter(|lost| !is_survived(&rig, lost)) {
            let rig = rig.without(&lost);
            let mut stepper = Stepper::new(&rig, 1);
            let (mut good, mut spots) = (0, Vec::new());
            let array = rig.geometry.dimensions().array;
            for start in (0..array.0 - 8).step_by(40) {
                let range = SectorRange::new(start, 8);
                rig.geometry.locate(range.start, &mut spots);
                let has_copy =
                    spots.iter().any(|spot| !lost.contains(&spot.slot.0) && spot.run >= Sectors(8));
                let reply = stepper.read(range);
                match reply.result {
                    Ok(()) => {
                        let buffer = reply.buffer.expect("the buffer comes back");
                        assert!(buffer.bytes() == rig.expected(range), "{shape:?} {range}");
                        good += 1;
                    }
                    Err(HostError::Lost(text)) => {
                        assert!(!has_copy, "{shape:?} {lost:?} {range}: {text}");
                        assert!(text.contains("no member"), "{text}");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            let must_have_some =
                shape.level == Level::Raid5 && lost.len() < usize::from(shape.slots);
            assert!(good > 0 || !must_have_some, "{shape:?} {lost:?}");
        }
    }
}

#[test]
fn p508_any_single_failed_read_is_served_from_redundancy() {
    for shape in cases() {
        let rig = Rig::new(&shape);
        let is_redundant = rig.geometry.dimensions().may_miss > 0;
        let array = rig.geometry.dimensions().array;
        let range = SectorRange::new(0, array.0.min(1500));
        let mut nth = 0;
        loop {
            let mut stepper = Stepper::new(&rig, 1);
            stepper.chance = Chance(nth);
            stepper.faults = Faults { fail_nth: Some(nth), ..Faults::default() };
            // A single failure goes away when it is tried in parts, so even raid0 reads right.
            let reply = stepper.read(range);
            match reply.result {
                Ok(()) => {
                    let buffer = reply.buffer.expect("the buffer comes back");
                    assert!(buffer.bytes() == rig.expected(range), "{shape:?}, request {nth}");
                }
                Err(error) => assert!(!is_redundant, "{shape:?}, request {nth}: {error}"),
            }
            if stepper.faults.count <= nth {
                break;
            }
            nth += 1;
        }
        assert!(nth > 0, "{shape:?} reads without a request");
    }
}

#[test]
fn p107_bad_sectors_are_read_from_elsewhere_and_counted() {
    for shape in cases() {
        let rig = Rig::new(&shape);
        let dimensions = rig.geometry.dimensions();
        if dimensions.may_miss == 0 {
            continue;
        }
        let mut stepper = Stepper::new(&rig, 1);
        // Two bad sectors on each member, in different places.
        for member in 0..shape.slots {
            for sector in [u64::from(member) * 40 + 3, u64::from(member) * 40 + 130] {
                stepper.faults.bad.insert((member, sector));
            }
        }
        let end = dimensions.array.0.min(2048);
        stepper.check(SectorRange::new(0, end));
        for start in (0..end - 64).step_by(56) {
            stepper.check(SectorRange::new(start, 64));
        }
        let errors: u64 =
            stepper.array.members().iter().map(paritas_engine::Member::read_errors).sum();
        assert!(errors > 0 && errors.is_multiple_of(8), "{shape:?}: errors in parts of 4 KiB");
        assert_eq!(stepper.array.survival(), Survival::Whole, "nobody is failed for a bad sector");
    }
}

#[test]
fn a_member_that_goes_is_failed_and_the_read_goes_on() {
    for shape in cases() {
        let rig = Rig::new(&shape);
        let is_redundant = rig.geometry.dimensions().may_miss > 0;
        let range = SectorRange::new(0, rig.geometry.dimensions().array.0.min(1000));
        for member in 0..shape.slots {
            let mut stepper = Stepper::new(&rig, 1);
            stepper.faults.gone.insert(member);
            if is_redundant {
                stepper.check(range);
                stepper.check(range);
            } else {
                let before = stepper.read(range).result;
                let after = stepper.read(range).result;
                if let Err(HostError::Lost(text)) = before {
                    assert!(text.contains(&format!("disk-{member}.img is gone")), "{text}");
                    let Err(HostError::Lost(text)) = after else { panic!("it came back") };
                    assert!(text.contains(&format!("disk-{member}.img has failed")), "{text}");
                }
            }
            let map = stepper.array.map().generation();
            assert_eq!(stepper.array.oldest_generation(), map, "the new map is acknowledged");
        }
    }
}

#[test]
fn long_reads_that_fail_though_every_sector_is_good_are_read_in_parts() {
    for shape in cases() {
        let rig = Rig::new(&shape);
        let mut stepper = Stepper::new(&rig, 1);
        stepper.faults.longest = Some(8);
        let array = rig.geometry.dimensions().array;
        for range in ranges(array, u64::from(shape.chunk.0), &mut Chance(5)) {
            stepper.check(range);
        }
        assert!(stepper.array.members().iter().all(|member| member.read_errors() == 0));
    }
}

#[test]
fn many_requests_at_once_in_any_order_with_errors() {
    for (shape, seed) in
        cases().into_iter().flat_map(|shape| (0..4).map(move |seed| (shape.clone(), seed)))
    {
        let rig = Rig::new(&shape);
        let dimensions = rig.geometry.dimensions();
        let mut chance = Chance(seed);
        let mut stepper = Stepper::new(&rig, 1);
        stepper.chance = Chance(seed + 100);
        if dimensions.may_miss > 0 {
            let member = u16::try_from(seed).expect("small") % shape.slots;
            for _ in 0..20 {
                stepper.faults.bad.insert((member, chance.below(dimensions.used[0].0)));
            }
        }
        let mut wanted = Vec::new();
        for cookie in 0..60 {
            let start = chance.below(dimensions.array.0);
            let range =
                SectorRange::new(start, 1 + chance.below((dimensions.array.0 - start).min(300)));
            stepper.submit(cookie, range);
            wanted.push(range);
            if chance.below(3) == 0 && !stepper.pending.is_empty() {
                stepper.end_one();
            }
        }
        stepper.finish();
        stepper.check_replies(&wanted);
    }
}

#[test]
fn one_to_four_shards_give_the_same_bytes() {
    // Long enough for several runs of 4 MiB.
    let shape = crate::rig::shape(Level::Raid5, 2, 128, 3, 20 * 1024);
    let rig = Rig::new(&shape);
    let array = rig.geometry.dimensions().array;
    for shards in 1..=4 {
        let mut stepper = Stepper::new(&rig, shards);
        let mut start = 0;
        while start < array.0 {
            let len = (array.0 - start).min(1900);
            stepper.check(SectorRange::new(start, len));
            start += len;
        }
        // Across the borders of runs, with an error on one side.
        stepper.faults.bad.extend((0..512).map(|sector| (1, 4096 + sector)));
        for border in (8192..array.0).step_by(8192) {
            stepper.check(SectorRange::new(border - 700, 1400.min(array.0 - border + 700)));
        }
    }
}
