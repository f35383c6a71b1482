//! What assembly says of members is obeyed, and what changes while the array runs is adopted.

use crate::rig::{Rig, shape};
use crate::stepper::Stepper;
use paritas_engine::{Array, Control, HostError, MemberState, Report, StartError};
use paritas_units::{Level, MemberId, Seat, Sector, SectorRange, Slot};
use std::sync::Arc;

fn read_everything(stepper: &mut Stepper<'_>) {
    let array = stepper.rig.geometry.dimensions().array.0;
    for start in (0..array).step_by(500) {
        stepper.check(SectorRange::new(start, 500.min(array - start)));
    }
}

#[test]
fn known_bad_blocks_are_never_tried() {
    for shape in [shape(Level::Raid1, 0, 0, 2, 3000), shape(Level::Raid6, 2, 16, 5, 320)] {
        let mut rig = Rig::new(&shape);
        let bad = [SectorRange::new(3, 8), SectorRange::new(100, 60)];
        rig.assembly.members[1].bad_blocks = bad.to_vec();
        bad.iter().for_each(|range| rig.spoil(1, *range));
        let mut stepper = Stepper::new(&rig, 1);
        let sectors = bad.iter().flat_map(|range| range.start.0..range.end().0);
        stepper.faults.bad.extend(sectors.map(|sector| (1, sector)));
        read_everything(&mut stepper);
        assert_eq!(stepper.faults.failed, 0, "no bad block was read");
        assert!(stepper.faults.by_member[&1] > 0, "the rest of the member is read");
    }
}

#[test]
fn a_member_being_rebuilt_is_read_only_below_its_offset() {
    for shape in [shape(Level::Raid5, 2, 16, 4, 320), shape(Level::Raid10, 0x102, 16, 4, 512)] {
        let mut rig = Rig::new(&shape);
        rig.assembly.members[2].recovery_offset = Sector(100);
        rig.spoil(2, SectorRange::new(100, 220));
        let mut stepper = Stepper::new(&rig, 1);
        read_everything(&mut stepper);
        assert!(stepper.faults.by_member[&2] > 0, "what is rebuilt is read");
        assert_eq!(stepper.array.members()[2].state(), MemberState::Recovering(Sector(100)));
    }
}

#[test]
fn a_write_mostly_member_is_read_only_when_nobody_else_can() {
    let mut rig = Rig::new(&shape(Level::Raid1, 0, 0, 2, 3000));
    rig.assembly.members[0].is_write_mostly = true;
    let mut stepper = Stepper::new(&rig, 1);
    read_everything(&mut stepper);
    assert_eq!(stepper.faults.by_member.get(&0), None);
    stepper.faults.gone.insert(1);
    read_everything(&mut stepper);
    assert!(stepper.faults.by_member[&0] > 0);
}

#[test]
fn beyond_the_resync_offset_the_first_copy_is_read() {
    let mut rig = Rig::new(&shape(Level::Raid1, 0, 0, 3, 3000));
    rig.assembly.resync_offset = Sector(1000);
    rig.spoil(1, SectorRange::new(1000, 2000));
    rig.spoil(2, SectorRange::new(1000, 2000));
    read_everything(&mut Stepper::new(&rig, 1));
}

#[test]
fn a_replacement_serves_what_it_has_where_the_original_does_not() {
    let mut rig = Rig::new(&shape(Level::Raid5, 2, 16, 3, 320));
    let (bad, built) = (SectorRange::new(40, 16), Sector(200));
    let original = rig.assembly.members[1].clone();
    let mut replacement = original.clone();
    replacement.seat = Seat::Replacement;
    replacement.recovery_offset = built;
    let bytes = rig.disks[1].facts().sectors.bytes().expect("small");
    let mut copy = vec![0; usize::try_from(bytes).expect("small")];
    rig.disks[1].read(Sector(0), &mut copy).expect("memory disks do not fail");
    rig.disks.push(Arc::new(paritas_disk::MemoryDisk::from_bytes("new.img", &copy)));
    rig.assembly.members.push(replacement);
    rig.assembly.members[1].bad_blocks = vec![bad];
    rig.spoil(1, bad);
    rig.spoil(3, SectorRange::new(200, 120));
    // Without the member of slot 0, the bad blocks can come from the replacement only.
    let rig = rig.without(&[0]);
    let mut stepper = Stepper::new(&rig, 1);
    read_everything(&mut stepper);
    assert!(stepper.faults.by_member[&2] > 0, "the replacement is read");
}

#[test]
fn what_is_lost_is_named_with_its_members_and_places() {
    let mut rig = Rig::new(&shape(Level::Raid1, 0, 0, 4, 3000)).without(&[0]);
    rig.assembly.members[0].recovery_offset = Sector(64);
    rig.assembly.members[1].bad_blocks = vec![SectorRange::new(64, 8)];
    let mut stepper = Stepper::new(&rig, 1);
    stepper.faults.bad.extend((66..70).map(|sector| (2, sector)));
    let reply = stepper.read(SectorRange::new(60, 100));
    let lost = "array test: sectors 64+8 cannot be read: slot 0: no member; slot 1: disk-1.img is \
                rebuilt only below sector 64 of its data; slot 2: disk-2.img has bad blocks there; \
                slot 3: disk-3.img cannot be read at sectors 64+8 of its data";
    assert_eq!(reply.result, Err(HostError::Lost(lost.to_owned())));
    stepper.check(SectorRange::new(0, 64));
    stepper.check(SectorRange::new(72, 500));
}

#[test]
fn a_new_map_is_acknowledged_when_no_plan_is_older() {
    let rig = Rig::new(&shape(Level::Raid1, 0, 0, 2, 3000));
    let mut stepper = Stepper::new(&rig, 1);
    stepper.submit(0, SectorRange::new(0, 100));
    let adopt = Control::Adopt(Arc::clone(stepper.array.map()));
    stepper.array.report(Report::Gone { member: MemberId(1) });
    let first = stepper.array.map().generation();
    stepper.array.report(Report::Gone { member: MemberId(1) });
    assert_eq!((first, stepper.array.map().generation()), (1, 1), "it was known");
    stepper.act();
    assert_eq!(stepper.array.oldest_generation(), 0, "a plan of the old map is under way");
    stepper.submit(1, SectorRange::new(200, 100));
    stepper.finish();
    assert_eq!(stepper.array.oldest_generation(), 1);
    stepper.check_replies(&[SectorRange::new(0, 100), SectorRange::new(200, 100)]);
    stepper.shards[0].control(adopt);
    stepper.act();
    assert_eq!(stepper.array.oldest_generation(), 1, "a map that was overtaken is not adopted");
}

#[test]
fn p110_the_last_copy_is_not_given_up() {
    let rig = Rig::new(&shape(Level::Raid1, 0, 0, 2, 3000));
    let mut stepper = Stepper::new(&rig, 1);
    stepper.array.report(Report::Gone { member: MemberId(1) });
    stepper.array.report(Report::Gone { member: MemberId(0) });
    stepper.act();
    assert!(stepper.array.is_broken());
    assert_eq!(stepper.array.members()[0].state(), paritas_engine::MemberState::InSync);
    stepper.check(SectorRange::new(0, 8));
}

#[test]
fn assemblies_that_do_not_fit_are_refused() {
    let rig = Rig::new(&shape(Level::Raid5, 2, 16, 3, 320));
    let facts: Vec<_> = rig.disks.iter().map(|disk| disk.facts().clone()).collect();
    let refused = |change: &dyn Fn(&mut paritas_engine::Assembly)| {
        let mut assembly = rig.assembly.clone();
        change(&mut assembly);
        Array::new(&assembly, &facts, 1).err()
    };
    assert_eq!(refused(&|_| {}), None);
    let missing = refused(&|assembly| drop(assembly.members.pop()));
    assert_eq!(missing, Some(StartError::Disks { members: 2, disks: 3 }));
    let beyond = refused(&|assembly| assembly.members[1].slot = Slot(3));
    assert!(matches!(beyond, Some(StartError::Slot { slot: Slot(3), slots: 3, .. })));
    let twice = refused(&|assembly| assembly.members[1].slot = Slot(0));
    assert!(matches!(twice, Some(StartError::SeatTaken { slot: Slot(0), .. })));
    for offset in [1 << 20, u64::MAX, u64::MAX - 319] {
        let outside = refused(&|assembly| assembly.members[2].data_offset = Sector(offset));
        assert!(matches!(outside, Some(StartError::TooSmall { .. })), "{offset}: {outside:?}");
    }
}

#[test]
fn stopping_ends_what_is_under_way_and_lets_nothing_in() {
    let rig = Rig::new(&shape(Level::Raid5, 2, 16, 3, 320));
    let mut stepper = Stepper::new(&rig, 1);
    stepper.submit(0, SectorRange::new(0, 100));
    stepper.shards[0].control(Control::Stop);
    stepper.submit(1, SectorRange::new(0, 8));
    stepper.finish();
    stepper.replies.sort_by_key(|reply| reply.cookie);
    let results: Vec<_> = stepper.replies.iter().map(|reply| reply.result.clone()).collect();
    assert_eq!(results, [Ok(()), Err(HostError::Stopping)]);
}
