//! A host file system that is full, or gives up, freezes the array and costs no member.

use crate::rig::{Rig, shape};
use crate::stepper::Stepper;
use paritas_disk::FaultKind;
use paritas_engine::{
    Access, AccessError, AddError, ArrayState, HostError, HostWork, MemberState, SpareStart,
};
use paritas_format::superblock::Role;
use paritas_personality::Shape;
use paritas_units::{Descriptor, Level, Sector, SectorRange, Slot};

fn redundant() -> [Shape; 4] {
    [
        shape(Level::Raid1, 0, 0, 3, 5000),
        shape(Level::Raid5, 2, 16, 4, 320),
        shape(Level::Raid6, 2, 16, 5, 320),
        shape(Level::Raid10, 0x102, 16, 4, 512),
    ]
}

fn settle(stepper: &mut Stepper<'_>, turns: u32) {
    for _ in 0..turns {
        stepper.tick(20);
        stepper.finish();
    }
}

fn write(stepper: &mut Stepper<'_>, range: SectorRange) -> Result<(), HostError> {
    let content = stepper.rig.expected(range).to_vec();
    stepper.ask(9, HostWork::Write { range, durable: false }, Some(&content));
    stepper.finish();
    stepper.replies.pop().expect("every request is answered").result
}

fn flush(stepper: &mut Stepper<'_>) -> Result<(), HostError> {
    stepper.ask(8, HostWork::Flush, None);
    stepper.finish();
    stepper.replies.pop().expect("every request is answered").result
}

fn read_everything(stepper: &mut Stepper<'_>) {
    let array = stepper.rig.geometry.dimensions().array.0;
    for start in (0..array).step_by(500) {
        stepper.check(SectorRange::new(start, 500.min(array - start)));
    }
}

/// Everybody is in sync, in memory and on disk.
fn assert_whole(stepper: &Stepper<'_>, shape: &Shape) {
    for member in stepper.array.members() {
        assert_eq!(member.state(), MemberState::InSync, "{shape:?} {}", member.name());
    }
    for number in 0..usize::from(shape.slots) {
        let superblock = stepper.rig.superblock(number);
        for slot in 0..shape.slots {
            let role = superblock.roles()[usize::from(slot)];
            assert_eq!(role, Role::Slot(Slot(slot)), "{shape:?} {number}");
        }
    }
}

#[test]
fn a_full_file_system_freezes_the_array_until_it_is_thawed() {
    for shape in redundant() {
        // Before the first write superblocks are changed, afterwards they are not.
        for was_active in [false, true] {
            let rig = Rig::writable(&shape, 0);
            let mut stepper = Stepper::new(&rig, 2);
            if was_active {
                write(&mut stepper, SectorRange::new(0, 8)).expect("there is room");
            }
            for member in 0..shape.slots {
                stepper.faults.unwritable.insert(member, FaultKind::NoSpace);
            }
            for _ in 0..3 {
                let refused = write(&mut stepper, SectorRange::new(40, 100));
                let Err(HostError::NoSpace(text)) = refused else { panic!("{refused:?}") };
                assert!(text.contains("no space left") && text.contains("next: "), "{text}");
            }
            assert!(flush(&mut stepper).is_err(), "nothing is promised");
            settle(&mut stepper, 30);
            assert_whole(&stepper, &shape);
            assert!(stepper.array.frozen().is_some());
            assert!(!stepper.array.is_broken());
            if was_active {
                assert_eq!(rig.superblock(0).resync_offset(), Sector(0), "it stays active");
                assert_eq!(stepper.array.state(), ArrayState::Active);
            }
            read_everything(&mut stepper);
            assert_eq!(stepper.array.set_access(Access::ReadOnly), Err(AccessError::Frozen));
            stepper.faults.unwritable.clear();
            stepper.array.set_access(Access::ReadWrite).expect("it tries again");
            stepper.act();
            settle(&mut stepper, 400);
            assert_eq!(stepper.array.frozen(), None);
            assert_eq!(stepper.array.resync_offset(), Sector::MAX, "{shape:?}: made to agree");
            assert_eq!(stepper.array.mismatches(), 0, "{shape:?}");
            write(&mut stepper, SectorRange::new(40, 100)).expect("there is room again");
            flush(&mut stepper).expect("and it is kept");
            settle(&mut stepper, 30);
            assert_whole(&stepper, &shape);
            assert_eq!(stepper.array.state(), ArrayState::Clean);
            assert_eq!(rig.superblock(1).resync_offset(), Sector::MAX);
            read_everything(&mut stepper);
        }
    }
}

#[test]
fn writes_that_fail_on_several_members_of_one_file_system_freeze_the_array() {
    for shape in redundant() {
        for fault in [FaultKind::Io, FaultKind::ReadOnly] {
            let mut rig = Rig::writable(&shape, 0);
            rig.hosts = vec![7; usize::from(shape.slots)];
            let mut stepper = Stepper::new(&rig, 1);
            write(&mut stepper, SectorRange::new(0, 8)).expect("nothing has failed");
            for member in 0..shape.slots {
                stepper.faults.unwritable.insert(member, fault);
            }
            let refused = write(&mut stepper, SectorRange::new(40, 100));
            let Err(HostError::Failed(text)) = refused else { panic!("{shape:?}: {refused:?}") };
            assert!(text.contains("disk-0.img, disk-1.img") && text.contains("fails"), "{text}");
            settle(&mut stepper, 5);
            assert_whole(&stepper, &shape);
            read_everything(&mut stepper);
            stepper.faults.unwritable.clear();
            stepper.array.set_access(Access::ReadWrite).expect("it tries again");
            stepper.act();
            settle(&mut stepper, 400);
            write(&mut stepper, SectorRange::new(40, 100)).expect("it is over");
            settle(&mut stepper, 30);
            assert_whole(&stepper, &shape);
            read_everything(&mut stepper);
        }
    }
}

#[test]
fn one_member_that_fails_or_several_of_different_file_systems_are_given_up() {
    for shape in redundant() {
        let mut rig = Rig::writable(&shape, 0);
        rig.hosts = (0..u64::from(shape.slots)).collect();
        let mut stepper = Stepper::new(&rig, 1);
        stepper.faults.unwritable.insert(1, FaultKind::Io);
        write(&mut stepper, SectorRange::new(0, 200)).expect("the others stand in");
        assert_eq!(stepper.array.members()[1].state(), MemberState::Faulty, "{shape:?}");
        assert_eq!(rig.superblock(0).roles()[1], Role::Faulty);
        assert_eq!(stepper.array.frozen(), None);
        // What is on disk is not taken back when a second one of the same file system fails.
        let mut rig = Rig::writable(&shape, 0);
        rig.hosts = vec![7; usize::from(shape.slots)];
        let mut stepper = Stepper::new(&rig, 1);
        stepper.faults.unwritable.insert(1, FaultKind::Io);
        write(&mut stepper, SectorRange::new(0, 200)).expect("the others stand in");
        stepper.faults.unwritable.insert(2, FaultKind::Io);
        let _ = write(&mut stepper, SectorRange::new(0, 200));
        assert_eq!(stepper.array.members()[1].state(), MemberState::Faulty, "{shape:?}");
        assert_eq!(stepper.array.frozen(), None, "{shape:?}");
    }
}

#[test]
fn a_frozen_array_can_be_stopped_and_is_left_active() {
    let shape = shape(Level::Raid5, 2, 16, 4, 320);
    let rig = Rig::writable(&shape, 0);
    let mut stepper = Stepper::new(&rig, 1);
    write(&mut stepper, SectorRange::new(0, 8)).expect("there is room");
    stepper.faults.unwritable.insert(2, FaultKind::NoSpace);
    assert!(write(&mut stepper, SectorRange::new(0, 90)).is_err());
    let facts = rig.disks[0].facts().clone();
    let spare = SpareStart {
        name: "new".to_owned(),
        descriptor: Descriptor(0),
        data_offset: Sector(24),
        superblock: None,
    };
    let identity = paritas_format::DeviceUuid([7; 16]);
    let added = stepper.array.add_spare(&spare, identity, (paritas_disk::DiskIndex(4), &facts));
    assert!(matches!(added, Err(AddError::Frozen { .. } | AddError::TooSmall { .. })), "{added:?}");
    stepper.array.begin_stop();
    stepper.act();
    settle(&mut stepper, 3);
    assert!(stepper.array.is_stopped());
    assert_eq!(rig.superblock(0).resync_offset(), Sector(0), "the next start resyncs");
    assert_whole(&stepper, &shape);
}

#[test]
fn a_level_without_redundancy_says_that_there_is_no_space_and_goes_on() {
    let rig = Rig::writable(&shape(Level::Raid0, 0, 16, 3, 512), 0);
    let mut stepper = Stepper::new(&rig, 1);
    stepper.faults.unwritable.insert(0, FaultKind::NoSpace);
    let refused = write(&mut stepper, SectorRange::new(0, 8));
    assert!(matches!(refused, Err(HostError::NoSpace(_))), "{refused:?}");
    write(&mut stepper, SectorRange::new(16, 8)).expect("another member has room");
    stepper.faults.unwritable.clear();
    write(&mut stepper, SectorRange::new(0, 8)).expect("there is room again");
}
