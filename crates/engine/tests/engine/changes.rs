//! An array that changes while it runs: members that come and go, what may be done to it, and what
//! people order of it.

use crate::rig::{Rig, shape};
use crate::stepper::Stepper;
use paritas_disk::{Disk, DiskIndex, Operation};
use paritas_engine::{
    Access, AccessError, ActionError, AddError, ArrayState, FailError, HostError, HostWork,
    MemberState, RemoveError, SpareStart, SyncAction, WalkAction,
};
use paritas_format::DeviceUuid;
use paritas_format::superblock::Role;
use paritas_personality::Shape;
use paritas_units::{Descriptor, Level, MemberId, Sector, SectorRange, Sectors, Slot};
use std::sync::Arc;

fn redundant() -> [Shape; 4] {
    [
        shape(Level::Raid1, 0, 0, 3, 5000),
        shape(Level::Raid5, 2, 16, 4, 320),
        shape(Level::Raid6, 2, 16, 5, 320),
        shape(Level::Raid10, 0x102, 16, 4, 512),
    ]
}

/// Lets time go by and everything end.
fn settle(stepper: &mut Stepper<'_>, turns: u32) {
    for _ in 0..turns {
        stepper.tick(20);
        stepper.finish();
    }
}

fn read_everything(stepper: &mut Stepper<'_>) {
    let array = stepper.rig.geometry.dimensions().array.0;
    for start in (0..array).step_by(500) {
        stepper.check(SectorRange::new(start, 500.min(array - start)));
    }
}

/// Writes what is there already.
fn write(stepper: &mut Stepper<'_>, range: SectorRange) -> Result<(), HostError> {
    let content = stepper.rig.expected(range).to_vec();
    stepper.ask(9, HostWork::Write { range, durable: false }, Some(&content));
    stepper.finish();
    stepper.replies.pop().expect("every request is answered").result
}

fn add(stepper: &mut Stepper<'_>, number: usize) -> Result<MemberId, AddError> {
    let facts = stepper.rig.disks[number].facts().clone();
    let spare = SpareStart {
        name: facts.name.clone(),
        descriptor: Descriptor(0),
        data_offset: Sector(24),
        superblock: None,
    };
    let index = DiskIndex(u16::try_from(number).expect("few"));
    stepper.array.add_spare(&spare, DeviceUuid([7; 16]), (index, &facts))
}

#[test]
fn u18_a_disk_that_is_added_takes_the_place_of_a_removed_member() {
    for shape in redundant() {
        let mut rig = Rig::writable(&shape, 0);
        let new = rig.blank();
        let mut stepper = Stepper::new(&rig, 2);
        write(&mut stepper, SectorRange::new(3, 90)).expect("it is written");
        let first = MemberId(0);
        stepper.array.fail_member(first).expect("the others stand in");
        let early = stepper.array.remove_member(first);
        assert!(matches!(early, Err(RemoveError::StillUsed { .. })), "{shape:?}: {early:?}");
        stepper.act();
        settle(&mut stepper, 2);
        assert_eq!(rig.superblock(1).roles()[0], Role::Faulty);
        stepper.array.remove_member(first).expect("nothing is under way on it");
        assert_eq!(stepper.array.remove_member(first), Err(RemoveError::Unknown { id: first }));
        stepper.act();
        assert_eq!(stepper.released, [DiskIndex(0)]);
        let id = add(&mut stepper, new).expect("it is large enough");
        assert_eq!(usize::from(id.0), new, "{shape:?}");
        stepper.act();
        settle(&mut stepper, 300);
        let member = &stepper.array.members()[new];
        assert_eq!(member.state(), MemberState::InSync, "{shape:?}");
        assert_eq!(stepper.array.members()[0].state(), MemberState::Removed);
        let descriptor = usize::from(member.descriptor().0);
        assert_eq!(descriptor, usize::from(shape.slots), "the first number after the slots'");
        for other in 1..=new {
            let superblock = rig.superblock(other);
            assert_eq!(superblock.roles()[descriptor], Role::Slot(Slot(0)), "{shape:?} {other}");
            assert_eq!(superblock.roles()[0], Role::Spare, "nobody has the number any more");
            assert_eq!(superblock.events(), stepper.array.events());
        }
        let own = rig.superblock(new);
        assert_eq!(own.device_uuid(), Some(DeviceUuid([7; 16])));
        assert_eq!(own.descriptor(), Some(Descriptor(u16::try_from(descriptor).expect("few"))));
        assert_eq!(own.array_uuid(), rig.superblock(1).array_uuid());
        read_everything(&mut stepper);
        // With another member gone, the new one is needed.
        stepper.faults.gone.insert(1);
        read_everything(&mut stepper);
        assert!(stepper.faults.by_member[&id.0] > 0);
        let touched = stepper.faults.by_member[&0];
        settle(&mut stepper, 5);
        assert_eq!(stepper.faults.by_member[&0], touched, "a removed member is never asked again");
    }
}

#[test]
fn a_spare_of_a_whole_array_waits_and_can_be_removed_at_once() {
    let shape = shape(Level::Raid5, 2, 16, 4, 320);
    let mut rig = Rig::writable(&shape, 0);
    let new = rig.blank();
    let mut stepper = Stepper::new(&rig, 1);
    let id = add(&mut stepper, new).expect("it is large enough");
    stepper.act();
    settle(&mut stepper, 3);
    assert_eq!(stepper.array.members()[new].state(), MemberState::Spare);
    assert_eq!(rig.superblock(new).role(), Role::Spare);
    assert_eq!(stepper.array.progress(), None);
    let in_use = stepper.array.remove_member(MemberId(2));
    assert!(matches!(in_use, Err(RemoveError::InUse { slot: Slot(2), .. })), "{in_use:?}");
    stepper.array.remove_member(id).expect("a spare is not in use");
    stepper.act();
    settle(&mut stepper, 3);
    assert_eq!(stepper.released, [DiskIndex(u16::try_from(new).expect("few"))]);
    assert_eq!(stepper.array.fail_member(id), Err(FailError::Unknown { id }));
    // The number of the disk is not given again, the descriptor is.
    let again = add(&mut stepper, new).expect("it is large enough");
    assert_eq!(again, MemberId(id.0 + 1));
    assert_eq!(stepper.array.members()[new + 1].descriptor(), Descriptor(4));
}

#[test]
fn disks_that_do_not_fit_are_refused() {
    let mut rig = Rig::writable(&shape(Level::Raid5, 2, 16, 4, 320), 0);
    let short: Arc<dyn Disk> = Arc::new(paritas_disk::MemoryDisk::new("short", Sectors(343)));
    rig.disks.push(short);
    let new = rig.blank();
    let mut stepper = Stepper::new(&rig, 1);
    let refused = add(&mut stepper, 4);
    let wanted = AddError::TooSmall { spare: "short".to_owned(), needs: 344, has: 343 };
    assert_eq!(refused, Err(wanted));
    let facts = rig.disks[new].facts().clone();
    let inside = SpareStart {
        name: "new".to_owned(),
        descriptor: Descriptor(0),
        data_offset: Sector(0),
        superblock: None,
    };
    let index = DiskIndex(u16::try_from(new).expect("few"));
    let refused = stepper.array.add_spare(&inside, DeviceUuid([7; 16]), (index, &facts));
    assert!(matches!(refused, Err(AddError::Offset { at: Sector(0), .. })), "{refused:?}");
    let read_only = paritas_disk::Facts { is_read_only: true, ..facts };
    let refused = stepper.array.add_spare(&inside, DeviceUuid([7; 16]), (index, &read_only));
    assert!(matches!(refused, Err(AddError::ReadOnlyDisk { .. })), "{refused:?}");
    stepper.array.begin_stop();
    assert_eq!(add(&mut stepper, new), Err(AddError::Ending));
    let rig = Rig::writable(&shape(Level::Raid0, 0, 16, 3, 512), 0);
    let mut stepper = Stepper::new(&rig, 1);
    let refused = add(&mut stepper, 0);
    assert_eq!(refused, Err(AddError::NoRedundancy { level: Level::Raid0 }));
    let refused = stepper.array.fail_member(MemberId(0));
    assert!(matches!(refused, Err(FailError::NoRedundancy { .. })), "{refused:?}");
}

#[test]
fn p110_the_last_copy_stays_and_the_array_is_broken() {
    let rig = Rig::writable(&shape(Level::Raid1, 0, 0, 2, 3000), 0);
    let mut stepper = Stepper::new(&rig, 1);
    stepper.array.fail_member(MemberId(1)).expect("one is left");
    stepper.array.fail_member(MemberId(1)).expect("it was so before");
    let last = stepper.array.fail_member(MemberId(0));
    assert_eq!(last, Err(FailError::LastMember { member: "disk-0.img".to_owned() }));
    stepper.act();
    settle(&mut stepper, 2);
    assert_eq!(stepper.array.state(), ArrayState::Broken);
    assert_eq!(stepper.array.members()[0].state(), MemberState::InSync);
    stepper.check(SectorRange::new(0, 8));
    assert!(matches!(write(&mut stepper, SectorRange::new(0, 8)), Err(HostError::Lost(_))));
    // With parity the second one is marked, and the array is broken all the same.
    let rig = Rig::writable(&shape(Level::Raid5, 2, 16, 4, 320), 0);
    let mut stepper = Stepper::new(&rig, 1);
    stepper.array.fail_member(MemberId(1)).expect("parity stands in");
    let second = stepper.array.fail_member(MemberId(0));
    assert_eq!(second, Err(FailError::Broken { member: "disk-0.img".to_owned() }));
    assert_eq!(stepper.array.members()[0].state(), MemberState::Faulty);
}

fn writes_of(stepper: &Stepper<'_>) -> usize {
    let is_write = |(_, request): &&(usize, paritas_disk::region::Request)| {
        matches!(request.operation, Operation::Write { .. })
    };
    stepper.pending.iter().filter(is_write).count()
}

#[test]
fn a11_an_array_that_waits_for_the_first_write_writes_nothing_before_it() {
    for shape in redundant().into_iter().chain([shape(Level::Raid0, 0, 16, 3, 512)]) {
        let mut rig = Rig::writable(&shape, 0);
        rig.assembly.access = Access::AutoRead;
        rig.assembly.resync_offset = Sector(0);
        let mut stepper = Stepper::new(&rig, 2);
        for _ in 0..5 {
            stepper.tick(300);
            assert!(stepper.pending.is_empty(), "{shape:?}");
        }
        assert_eq!(stepper.array.state(), ArrayState::ReadAuto);
        read_everything(&mut stepper);
        write(&mut stepper, SectorRange::new(1, 20)).expect("the first write opens it");
        assert_eq!(stepper.array.access(), Access::ReadWrite);
        let (level, last) = (shape.level, stepper.array.last_action());
        settle(&mut stepper, 300);
        match level {
            Level::Raid0 => assert_eq!(last, None),
            _ => {
                assert_eq!(stepper.array.last_action(), Some(WalkAction::Resync));
                assert_eq!(stepper.array.resync_offset(), Sector::MAX, "{shape:?}");
                assert_eq!(stepper.array.state(), ArrayState::Clean);
            }
        }
    }
}

#[test]
fn h08_closing_ends_what_is_under_way_and_refuses_what_is_new() {
    for shape in redundant().into_iter().chain([shape(Level::Raid0, 0, 16, 3, 512)]) {
        let rig = Rig::writable(&shape, 0);
        let mut stepper = Stepper::new(&rig, 2);
        let range = SectorRange::new(0, 200);
        let content = rig.expected(range).to_vec();
        stepper.ask(1, HostWork::Write { range, durable: false }, Some(&content));
        while writes_of(&stepper) == 0 || stepper.array.state() == ArrayState::WritePending {
            stepper.end_one();
        }
        stepper.array.set_access(Access::ReadOnly).expect("it begins");
        stepper.act();
        assert_eq!(stepper.array.set_access(Access::ReadWrite), Err(AccessError::Closing));
        assert_eq!(stepper.array.access(), Access::ReadWrite, "{shape:?}: a write is under way");
        stepper.ask(2, HostWork::Write { range, durable: false }, Some(&content));
        settle(&mut stepper, 3);
        stepper.replies.sort_by_key(|reply| reply.cookie);
        let results: Vec<_> = stepper.replies.drain(..).map(|reply| reply.result).collect();
        assert_eq!(results[1], Err(HostError::ReadOnly), "{shape:?}");
        assert!(matches!(results[0], Ok(()) | Err(HostError::ReadOnly)), "{:?}", results[0]);
        assert_eq!(stepper.array.state(), ArrayState::ReadOnly);
        for member in 0..rig.disks.len() {
            assert_eq!(rig.superblock(member).resync_offset(), Sector::MAX, "{shape:?}");
        }
        assert_eq!(stepper.array.set_access(Access::ReadOnly), Err(AccessError::Already));
        // What fails meanwhile is known, and recorded when the array is opened again.
        if shape.level != Level::Raid0 {
            stepper.array.fail_member(MemberId(1)).expect("the others stand in");
            stepper.act();
            settle(&mut stepper, 2);
            assert_eq!(rig.superblock(0).roles()[1], Role::Slot(Slot(1)));
        }
        stepper.array.set_access(Access::ReadWrite).expect("it opens");
        stepper.act();
        settle(&mut stepper, 2);
        write(&mut stepper, range).expect("it can be written again");
        if shape.level != Level::Raid0 {
            assert_eq!(rig.superblock(0).roles()[1], Role::Faulty, "{shape:?}");
        }
        read_everything(&mut stepper);
    }
}

#[test]
fn an_array_on_a_read_only_disk_is_not_opened() {
    let mut rig = Rig::writable(&shape(Level::Raid1, 0, 0, 2, 3000), 0);
    rig.assembly.access = Access::AutoRead;
    rig.disks[1] = Arc::new(paritas_disk::ReadOnly::new(Arc::clone(&rig.disks[1])));
    let mut stepper = Stepper::new(&rig, 1);
    let refused = stepper.array.set_access(Access::ReadWrite);
    assert!(matches!(refused, Err(AccessError::ReadOnlyMember { .. })), "{refused:?}");
    assert_eq!(write(&mut stepper, SectorRange::new(0, 8)), Err(HostError::ReadOnly));
    assert_eq!(stepper.array.access(), Access::AutoRead);
}

#[test]
fn g13_orders_are_taken_as_the_table_says() {
    let rig = Rig::writable(&shape(Level::Raid5, 2, 16, 4, 320), 0);
    let mut stepper = Stepper::new(&rig, 1);
    settle(&mut stepper, 1);
    assert_eq!(stepper.array.action(), SyncAction::Idle);
    stepper.array.order_action(SyncAction::Check).expect("nothing else is done");
    stepper.act();
    assert_eq!(stepper.array.action(), SyncAction::Check);
    for action in ["check", "repair", "resync", "recover"] {
        let action = action.parse().expect("a word of the driver");
        let refused = stepper.array.order_action(action);
        assert_eq!(refused, Err(ActionError::Busy { running: WalkAction::Check }));
    }
    stepper.array.order_action(SyncAction::Frozen).expect("it can always be frozen");
    stepper.act();
    settle(&mut stepper, 5);
    assert_eq!((stepper.array.action(), stepper.array.progress()), (SyncAction::Frozen, None));
    stepper.array.order_action(SyncAction::Check).expect("it thaws");
    stepper.act();
    settle(&mut stepper, 100);
    assert_eq!(stepper.array.action(), SyncAction::Idle, "it is over");
    assert_eq!(stepper.array.last_action(), Some(WalkAction::Check));
    assert!("reshape".parse::<SyncAction>().is_err(), "not ours yet");
    let rig = Rig::writable(&shape(Level::Raid0, 0, 16, 3, 512), 0);
    let refused = Stepper::new(&rig, 1).array.order_action(SyncAction::Check);
    assert_eq!(refused, Err(ActionError::NoRedundancy { level: Level::Raid0 }));
}
