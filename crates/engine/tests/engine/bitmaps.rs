//! Internal bitmaps: all bits are set, in every copy, before anything else is written.

use crate::rig::{Rig, shape};
use crate::stepper::Stepper;
use paritas_disk::{FaultKind, Operation};
use paritas_engine::{Access, HostWork, MemberState};
use paritas_format::bitmap::Superblock;
use paritas_personality::Shape;
use paritas_units::{Level, MemberId, Sector, SectorRange};

fn redundant() -> [Shape; 4] {
    [
        shape(Level::Raid1, 0, 0, 3, 5000),
        shape(Level::Raid5, 2, 16, 4, 320),
        shape(Level::Raid6, 2, 16, 5, 320),
        shape(Level::Raid10, 0x102, 16, 4, 512),
    ]
}

/// How many bits of a member's copy are set, and how many there are.
fn bits(rig: &Rig, number: usize) -> (u64, u64) {
    let mut page = vec![0; 4096];
    rig.disks[number].read(Rig::BITMAP, &mut page).expect("memory disks do not fail");
    let bits = Superblock::decode(&page).expect("a bitmap").bits().expect("a good one");
    assert_eq!(bits.pages(), 1, "the test looks at one page");
    let behind = &page[bits.bytes_in_page(0)..];
    assert!(behind.iter().all(|byte| *byte == 0), "nothing is written behind the bits");
    (bits.count_marked(0, &page).expect("a page"), bits.count())
}

fn ask_to_write(stepper: &mut Stepper<'_>, range: SectorRange) {
    let content = stepper.rig.expected(range).to_vec();
    stepper.ask(1, HostWork::Write { range, durable: false }, Some(&content));
}

#[test]
fn bits_are_set_before_superblocks_and_superblocks_before_data() {
    for shape in redundant() {
        let rig = Rig::with_bitmap(&shape);
        let mut stepper = Stepper::new(&rig, 2);
        ask_to_write(&mut stepper, SectorRange::new(3, 90));
        let mut seen = (0, 0);
        while !stepper.pending.is_empty() {
            for (_, request) in &stepper.pending {
                let Operation::Write { durable, .. } = request.operation else { continue };
                for region in request.regions.as_slice() {
                    if region.at == Rig::BITMAP {
                        assert!(durable, "it is on stable storage before it counts");
                        continue;
                    }
                    for number in 0..rig.disks.len() {
                        let (set, all) = bits(&rig, number);
                        assert_eq!(set, all, "{shape:?}: {region:?} is written too early");
                        if region.at >= Sector(32) {
                            let superblock = rig.superblock(number);
                            assert_eq!(superblock.resync_offset(), Sector(0), "{shape:?}");
                            seen.1 += 1;
                        } else {
                            seen.0 += 1;
                        }
                    }
                }
            }
            stepper.end_one();
        }
        assert!(seen.0 > 0 && seen.1 > 0, "{shape:?}");
        stepper.replies.pop().expect("an answer").result.expect("it is written");
        for _ in 0..5 {
            stepper.tick(250);
            stepper.finish();
        }
        for number in 0..rig.disks.len() {
            let (set, all) = bits(&rig, number);
            assert_eq!(set, all, "they are never cleared");
            let superblock = rig.superblock(number);
            assert!(superblock.bitmap_area().is_some(), "the superblock goes on to name it");
            assert_eq!(superblock.resync_offset(), Sector::MAX);
        }
    }
}

#[test]
fn a_copy_that_is_broken_is_made_like_the_others_and_one_that_fails_costs_its_member() {
    let shape = shape(Level::Raid5, 2, 16, 4, 320);
    let rig = Rig::with_bitmap(&shape);
    rig.disks[0].write(Rig::BITMAP, &[0xAA; 4096], false).expect("memory disks do not fail");
    rig.disks[0].write(Rig::BITMAP, &[0; 4096], false).expect("memory disks do not fail");
    let mut stepper = Stepper::new(&rig, 1);
    stepper.faults.unwritable.insert(2, FaultKind::Io);
    ask_to_write(&mut stepper, SectorRange::new(3, 90));
    stepper.finish();
    stepper.replies.pop().expect("an answer").result.expect("it is written");
    assert_eq!(stepper.array.members()[2].state(), MemberState::Faulty);
    let (set, all) = bits(&rig, 0);
    assert_eq!(set, all);
    assert_eq!(bits(&rig, 2).0, 0);
    // Nothing at all is written on an array that is not written to.
    let mut rig = Rig::with_bitmap(&shape);
    rig.assembly.access = Access::AutoRead;
    let mut stepper = Stepper::new(&rig, 1);
    for _ in 0..5 {
        stepper.tick(250);
        stepper.finish();
    }
    stepper.check(SectorRange::new(0, 100));
    assert_eq!(bits(&rig, 0).0, 0);
}

#[test]
fn a_member_that_is_added_gets_a_copy_too() {
    let shape = shape(Level::Raid5, 2, 16, 4, 320);
    let mut rig = Rig::with_bitmap(&shape);
    let new = rig.blank();
    let mut stepper = Stepper::new(&rig, 1);
    stepper.array.fail_member(MemberId(1)).expect("parity stands in");
    stepper.act();
    stepper.finish();
    let facts = rig.disks[new].facts().clone();
    let spare = paritas_engine::SpareStart {
        name: facts.name.clone(),
        descriptor: paritas_units::Descriptor(0),
        data_offset: Sector(32),
        superblock: None,
    };
    let index = paritas_disk::DiskIndex(4);
    let identity = paritas_format::DeviceUuid([7; 16]);
    stepper.array.add_spare(&spare, identity, (index, &facts)).expect("it is large enough");
    stepper.act();
    for _ in 0..200 {
        stepper.tick(20);
        stepper.finish();
    }
    assert_eq!(stepper.array.members()[new].state(), MemberState::InSync);
    let (set, all) = bits(&rig, new);
    assert_eq!(set, all);
    assert!(rig.superblock(new).bitmap_area().is_some());
}

#[test]
fn a_bitmap_that_claims_too_much_is_not_written() {
    let shape = shape(Level::Raid5, 2, 16, 4, 320);
    let rig = Rig::with_bitmap(&shape);
    for number in 0..4 {
        let mut page = vec![0; 4096];
        rig.disks[number].read(Rig::BITMAP, &mut page).expect("memory disks do not fail");
        let mut bitmap = Superblock::decode(&page).expect("a bitmap");
        // As long as its sectors reach into the data.
        bitmap.sync_size = paritas_units::Sectors(1 << 20);
        bitmap.chunk_bytes = 512;
        page[..256].copy_from_slice(&bitmap.encode());
        rig.disks[number].write(Rig::BITMAP, &page, false).expect("memory disks do not fail");
    }
    let mut stepper = Stepper::new(&rig, 1);
    ask_to_write(&mut stepper, SectorRange::new(3, 90));
    stepper.finish();
    stepper.replies.pop().expect("an answer").result.expect("it is written");
    stepper.check(SectorRange::new(0, 900));
    assert!(stepper.array.members().iter().all(|one| one.state() == MemberState::InSync));
}
