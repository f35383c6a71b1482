//! Nothing grows: queues, tables and scratch are bounded, and what waits is served.

use crate::rig::{Chance, Rig, shape};
use crate::stepper::Stepper;
use paritas_engine::{Config, Control, HostError, Limits};
use paritas_units::{Level, SectorRange};

/// The least that an array can run with.
fn least(rig: &Rig) -> Limits {
    let config = Config { shards: 1, pool_bytes: 0 };
    let limits = Limits::new(&config, rig.geometry.dimensions());
    Limits { requests: 2, pieces: 0, waiting: 3, ..limits }
}

#[test]
fn a_full_queue_hands_requests_back_and_serves_the_others_in_order() {
    let rig = Rig::new(&shape(Level::Raid1, 0, 0, 2, 3000));
    let mut stepper = Stepper::with_limits(&rig, 1, &least(&rig));
    let wanted: Vec<_> = (0..5).map(|number| SectorRange::new(number * 100, 80)).collect();
    for (cookie, range) in (0..).zip(&wanted) {
        assert_eq!(stepper.try_submit(cookie, *range), Ok(()));
    }
    assert_eq!(stepper.shards[0].room(), 0);
    assert_eq!(stepper.try_submit(5, SectorRange::new(0, 8)), Err(()));
    assert_eq!(stepper.pending.len(), 2, "two are under way, three wait");
    while !stepper.pending.is_empty() {
        stepper.end_one();
        assert!(stepper.pending.len() <= 2);
    }
    stepper.check_replies(&wanted);
    assert_eq!(stepper.shards[0].room(), 3);
    stepper.check(SectorRange::new(0, 8));
}

#[test]
fn stopping_answers_those_who_wait() {
    let rig = Rig::new(&shape(Level::Raid1, 0, 0, 2, 3000));
    let mut stepper = Stepper::with_limits(&rig, 1, &least(&rig));
    for cookie in 0..4 {
        stepper.submit(cookie, SectorRange::new(0, 8));
    }
    stepper.shards[0].control(Control::Stop);
    stepper.finish();
    let stopped = |reply: &&paritas_engine::Reply| reply.result == Err(HostError::Stopping);
    assert_eq!(stepper.replies.len(), 4);
    assert_eq!(stepper.replies.iter().filter(stopped).count(), 2);
}

#[test]
fn scratch_for_one_plan_serves_many_readers_of_lost_members() {
    // A long chunk: a block of each survivor is far more than the scratch.
    for (shape, lost) in [
        (shape(Level::Raid6, 2, 2048, 6, 6144), &[1, 3][..]),
        (shape(Level::Raid5, 2, 1024, 4, 4096), &[0]),
    ] {
        let rig = Rig::new(&shape).without(lost);
        let array = rig.geometry.dimensions().array.0;
        let mut stepper = Stepper::with_limits(&rig, 1, &Limits { waiting: 100, ..least(&rig) });
        stepper.check(SectorRange::new(7, 2000));
        let limits = Limits { requests: 50, waiting: 100, ..least(&rig) };
        let mut stepper = Stepper::with_limits(&rig, 1, &limits);
        let mut chance = Chance(9);
        let mut wanted = Vec::new();
        for cookie in 0..40 {
            let start = chance.below(array - 2048);
            let range = SectorRange::new(start, 1 + chance.below(2048));
            stepper.submit(cookie, range);
            wanted.push(range);
        }
        // Readers that fail in the middle give their scratch up and want it again.
        stepper.faults.bad.extend((0..20).map(|_| (0, chance.below(100))));
        stepper.finish();
        if lost.len() == 1 {
            stepper.replies.retain(|reply| reply.result.is_ok());
            assert!(!stepper.replies.is_empty());
        } else {
            assert!(stepper.replies.iter().all(|reply| reply.cookie < 40));
            assert_eq!(stepper.replies.len(), wanted.len());
        }
        let good: Vec<_> = stepper.replies.drain(..).filter(|reply| reply.result.is_ok()).collect();
        for reply in good {
            let range = wanted[usize::try_from(reply.cookie).expect("small")];
            assert!(reply.buffer.expect("it comes back").bytes() == rig.expected(range));
        }
    }
}

#[test]
fn those_who_come_to_a_window_in_trouble_do_not_try_its_bad_sectors_again() {
    let rig = Rig::new(&shape(Level::Raid1, 0, 0, 2, 3000));
    let mut stepper = Stepper::new(&rig, 1);
    stepper.faults.bad.insert((0, 35));
    let range = SectorRange::new(0, 64);
    // The first reader takes member 0, or the second does; one of them meets the bad sector.
    stepper.submit(0, range);
    stepper.submit(1, range);
    while stepper.faults.failed == 0 {
        stepper.end_one();
    }
    for cookie in 2..20 {
        stepper.submit(cookie, range);
    }
    assert!(stepper.pending.len() <= 9, "the window is held; newcomers wait");
    stepper.finish();
    stepper.check_replies(&[range; 20]);
    assert_eq!(stepper.faults.failed, 2, "once as a whole, once in the part of 4 KiB");
}

#[test]
fn an_array_with_little_memory_says_how_much_it_needs() {
    let rig = Rig::new(&shape(Level::Raid5, 2, 16, 3, 320));
    let config = Config { shards: 2, pool_bytes: 4 << 20 };
    let limits = Limits::new(&config, rig.geometry.dimensions());
    let refused = limits.payload_bytes(&config).expect_err("two shards need more");
    assert_eq!(
        refused.to_string(),
        "4194304 bytes of memory for the array, but at least 6291456 are needed"
    );
    let config = Config { pool_bytes: 6 << 20, ..config };
    assert_eq!(limits.payload_bytes(&config), Ok(2 << 20));
}
