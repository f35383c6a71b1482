//! What cannot be read is computed, written anew and read again.

use crate::rig::{Rig, shape};
use crate::stepper::Stepper;
use paritas_engine::{Access, HostError, HostWork, Member, MemberState, SyncAction};
use paritas_personality::{Shape, Survival};
use paritas_units::{Level, Sector, SectorRange, Slot};
use std::time::Duration;

fn redundant() -> [Shape; 6] {
    [
        shape(Level::Raid1, 0, 0, 3, 5000),
        shape(Level::Raid4, 0, 16, 4, 320),
        shape(Level::Raid5, 2, 16, 4, 320),
        shape(Level::Raid6, 2, 16, 5, 320),
        shape(Level::Raid10, 0x102, 16, 4, 512),
        shape(Level::Raid10, 0x1_0201, 16, 3, 512),
    ]
}

/// Two places on each member, in different windows.
fn spoil_some(stepper: &mut Stepper<'_>, slots: u16) {
    for member in 0..slots {
        let places = [u64::from(member) * 40 + 3, u64::from(member) * 40 + 130];
        stepper.faults.bad.extend(places.map(|sector| (member, sector)));
    }
}

fn read_everything(stepper: &mut Stepper<'_>) {
    let array = stepper.rig.geometry.dimensions().array.0;
    for start in (0..array).step_by(56) {
        stepper.check(SectorRange::new(start, 56.min(array - start)));
    }
}

fn walk(stepper: &mut Stepper<'_>, action: SyncAction) {
    stepper.tick(1);
    stepper.array.order_action(action).expect("nothing else is done");
    stepper.act();
    while stepper.array.progress().is_some() {
        stepper.tick(20);
        stepper.finish();
    }
}

fn corrected(stepper: &Stepper<'_>) -> u64 {
    stepper.array.members().iter().map(Member::corrected_errors).sum()
}

/// A sector of the first member that hosts' data lie in.
fn data_sector(rig: &Rig) -> u64 {
    let is_data = |at: &u64| rig.geometry.array_sector(Slot(0), Sector(*at)).is_some();
    (11..).step_by(16).find(is_data).expect("every member holds data")
}

/// Whether the members hold what they did: no write of a mend changed a byte.
fn is_unchanged(rig: &Rig, before: &[Vec<u8>]) -> bool {
    before.iter().enumerate().all(|(number, before)| data_of(rig, number) == *before)
}

fn data_of(rig: &Rig, number: usize) -> Vec<u8> {
    let disk = &rig.disks[number];
    let offset = rig.assembly.members[number].data_offset;
    let sectors = disk.facts().sectors.0 - offset.0;
    let mut bytes = vec![0; usize::try_from(sectors * 512).expect("small")];
    disk.read(offset, &mut bytes).expect("memory disks do not fail");
    bytes
}

#[test]
fn p106_p508_bad_sectors_are_mended_by_reading_over_them() {
    for shape in redundant() {
        let rig = Rig::writable(&shape, 0);
        let before: Vec<_> = (0..rig.disks.len()).map(|number| data_of(&rig, number)).collect();
        let mut stepper = Stepper::new(&rig, 1);
        spoil_some(&mut stepper, shape.slots);
        read_everything(&mut stepper);
        // What reads did not come by: copies, and parity.
        walk(&mut stepper, SyncAction::Check);
        assert_eq!(stepper.array.mismatches(), 0, "{shape:?}");
        assert!(stepper.faults.bad.is_empty(), "{shape:?}: {:?}", stepper.faults.bad);
        let corrected = corrected(&stepper);
        assert!(corrected > 0 && corrected.is_multiple_of(8), "{shape:?}: {corrected}");
        assert_eq!(stepper.array.survival(), Survival::Whole, "{shape:?}");
        assert!(is_unchanged(&rig, &before), "{shape:?}");
    }
}

#[test]
fn p106_one_bad_sector_is_eight_corrected_ones_and_the_member_stays() {
    for shape in redundant() {
        let mut rig = Rig::writable(&shape, 0);
        rig.assembly.members.iter_mut().skip(1).for_each(|one| one.is_write_mostly = true);
        let mut stepper = Stepper::new(&rig, 1);
        stepper.faults.bad.insert((0, data_sector(&rig)));
        read_everything(&mut stepper);
        let first = &stepper.array.members()[0];
        assert_eq!(first.corrected_errors(), 8, "{shape:?}");
        assert_eq!(first.state(), MemberState::InSync);
        let failed = stepper.faults.failed;
        read_everything(&mut stepper);
        assert_eq!(stepper.faults.failed, failed, "{shape:?}: it is healed");
    }
}

#[test]
fn a_member_that_does_not_take_the_mend_is_failed() {
    for shape in redundant() {
        for write_fails in [false, true] {
            let mut rig = Rig::writable(&shape, 0);
            rig.assembly.members.iter_mut().skip(1).for_each(|one| one.is_write_mostly = true);
            let mut stepper = Stepper::new(&rig, 1);
            stepper.faults.stays_bad = Some(write_fails);
            stepper.faults.bad.insert((0, data_sector(&rig)));
            read_everything(&mut stepper);
            stepper.tick(300);
            stepper.finish();
            let state = stepper.array.members()[0].state();
            assert_eq!(state, MemberState::Faulty, "{shape:?} {write_fails}");
            let role = rig.superblock(1).roles()[0];
            assert_eq!(role, paritas_format::superblock::Role::Faulty, "{shape:?}");
        }
    }
}

#[test]
fn writes_mend_what_they_had_to_read() {
    for shape in redundant().into_iter().filter(|shape| shape.level.has_parity()) {
        let rig = Rig::writable(&shape, 0);
        let mut stepper = Stepper::new(&rig, 1);
        spoil_some(&mut stepper, shape.slots);
        let array = rig.geometry.dimensions().array.0;
        for start in (0..array - 8).step_by(8) {
            let range = SectorRange::new(start, 5);
            let content = rig.expected(range).to_vec();
            stepper.ask(1, HostWork::Write { range, durable: false }, Some(&content));
            stepper.finish();
            stepper.replies.pop().expect("answered").result.expect("it is written");
        }
        read_everything(&mut stepper);
        assert!(stepper.faults.bad.is_empty(), "{shape:?}: {:?}", stepper.faults.bad);
        assert_eq!(stepper.array.survival(), Survival::Whole);
    }
}

#[test]
fn a_resync_mends_and_a_recovery_without_a_source_stops() {
    for shape in redundant().into_iter().filter(|shape| shape.level.has_parity()) {
        let mut rig = Rig::writable(&shape, 0);
        rig.assembly.resync_offset = Sector(0);
        let mut stepper = Stepper::new(&rig, 1);
        // A resync computes parity: unreadable data could come from nowhere but parity that may be
        // wrong, and it is what the driver does.
        stepper.faults.bad.insert((1, 20));
        stepper.tick(1);
        while stepper.array.progress().is_some() {
            stepper.tick(20);
            stepper.finish();
        }
        assert_eq!(stepper.array.resync_offset(), Sector::MAX, "{shape:?}");
        assert!(stepper.faults.bad.is_empty(), "{shape:?}");
        let mut rig = Rig::writable(&shape, 1);
        rig.assembly.members.remove(0);
        rig.disks.remove(0);
        if rig.geometry.dimensions().may_miss == 2 {
            rig.assembly.members.remove(0);
            rig.disks.remove(0);
        }
        let mut stepper = Stepper::new(&rig, 1);
        let last = u16::try_from(rig.assembly.members.len() - 1).expect("few");
        stepper.faults.bad.insert((last, 60));
        for _ in 0..50 {
            stepper.tick(20);
            stepper.finish();
        }
        let spare = stepper.array.members().last().expect("a spare");
        assert!(matches!(spare.state(), MemberState::Recovering(at) if at <= Sector(60)));
        assert_eq!(stepper.array.progress(), None, "{shape:?}: it is not tried for ever");
        let why = stepper.array.walk_error().expect("it says why");
        assert!(
            matches!(why, HostError::Lost(text) if text.contains("56+8 cannot be read")),
            "{why}"
        );
        assert_eq!(stepper.array.members()[usize::from(last)].state(), MemberState::InSync);
    }
}

#[test]
fn p109_too_many_errors_in_an_hour_make_a_member_faulty() {
    for (pause, state) in [(0, MemberState::Faulty), (3601, MemberState::InSync)] {
        let mut rig = Rig::writable(&shape(Level::Raid1, 0, 0, 2, 5000), 0);
        rig.assembly.members[1].is_write_mostly = true;
        let mut stepper = Stepper::new(&rig, 1);
        for place in 0..30 {
            stepper.clock.steady += Duration::from_secs(pause);
            stepper.tick(1);
            stepper.finish();
            stepper.faults.bad.insert((0, place * 100));
            stepper.check(SectorRange::new(place * 100, 8));
        }
        assert_eq!(stepper.array.members()[0].state(), state);
    }
}

#[test]
fn p107_an_array_that_is_not_written_is_not_mended() {
    for access in [Access::ReadOnly, Access::AutoRead] {
        let mut rig = Rig::writable(&shape(Level::Raid5, 2, 16, 4, 320), 0);
        rig.assembly.access = access;
        let mut stepper = Stepper::new(&rig, 1);
        spoil_some(&mut stepper, 4);
        let bad = stepper.faults.bad.clone();
        read_everything(&mut stepper);
        assert_eq!(stepper.faults.bad, bad);
        assert_eq!(corrected(&stepper), 0);
    }
}
