//! Writes by the real shard and array: every personality against a byte model, with members lost
//! before and after, with any single request failing, in any order of completion; and the order of
//! superblocks and data.

use crate::rig::{Chance, Rig, cases, ranges, shape};
use crate::stepper::{Faults, Stepper};
use paritas_engine::{HostError, HostWork, MemberState, WalkAction};
use paritas_personality::{Shape, Survival};
use paritas_units::{Level, Sector, SectorRange, Sectors, Slot};

fn bytes_of(range: SectorRange) -> std::ops::Range<usize> {
    let start = usize::try_from(range.start.0 * 512).expect("small");
    start..start + usize::try_from(range.len.0 * 512).expect("small")
}

/// New content for a range: no sector like another, nor like what was there.
fn fresh(range: SectorRange, chance: &mut Chance) -> Vec<u8> {
    let seed = chance.below(1 << 30);
    let word = |at: usize| (seed + at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    (0..bytes_of(range).len() / 8).flat_map(word).collect()
}

/// A model of the array beside the stepper.
struct Modelled<'a> {
    stepper: Stepper<'a>,
    model: Vec<u8>,
    chance: Chance,
}

impl<'a> Modelled<'a> {
    fn new(rig: &'a Rig, shards: u16) -> Self {
        let stepper = Stepper::new(rig, shards);
        Self { stepper, model: rig.content.clone(), chance: Chance(11) }
    }

    /// Writes to a range, and gives the outcome.
    fn write(&mut self, range: SectorRange, durable: bool) -> Result<(), HostError> {
        let content = fresh(range, &mut self.chance);
        self.stepper.ask(1, HostWork::Write { range, durable }, Some(&content));
        self.stepper.finish();
        let reply = self.stepper.replies.pop().expect("every request is answered");
        if reply.result.is_ok() {
            self.model[bytes_of(range)].copy_from_slice(&content);
        }
        reply.result
    }

    fn check(&mut self, range: SectorRange) {
        let reply = self.stepper.read(range);
        reply.result.unwrap_or_else(|error| panic!("{range}: {error}"));
        let buffer = reply.buffer.expect("the buffer comes back");
        let wanted = &self.model[bytes_of(range)];
        let wrong = buffer.bytes().iter().zip(wanted).position(|(seen, wanted)| seen != wanted);
        let wrong = wrong.map(|byte| range.start.0 + byte as u64 / 512);
        let level = self.stepper.rig.geometry.dimensions().level;
        let slots: Vec<u16> =
            self.stepper.rig.assembly.members.iter().map(|member| member.slot.0).collect();
        assert_eq!(wrong, None, "{level:?} {range}, members of slots {slots:?}");
    }

    fn check_everything(&mut self) {
        self.check_below(self.stepper.rig.geometry.dimensions().array);
    }

    fn check_below(&mut self, len: Sectors) {
        let mut left = SectorRange { start: Sector(0), len };
        while !left.is_empty() {
            let part = left.start.range(left.len.min(Sectors(1000)));
            self.check(part);
            left = SectorRange { start: part.end(), len: left.len - part.len };
        }
    }
}

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

/// Reads everything at each loss that is survived, from the disks as they are now.
fn sweep(rig: &Rig, shape: &Shape, model: &[u8], gone: &[u16]) {
    sweep_below(rig, shape, model, gone, rig.geometry.dimensions().array);
}

fn sweep_below(rig: &Rig, shape: &Shape, model: &[u8], gone: &[u16], len: Sectors) {
    for lost in losses(shape.slots, 2) {
        let all: Vec<u16> = lost.iter().chain(gone).copied().collect();
        if !is_survived(rig, &all) {
            continue;
        }
        let mut rig = rig.without(&all);
        rig.assembly.access = paritas_engine::Access::ReadOnly;
        let mut modelled = Modelled::new(&rig, 1);
        modelled.model = model.to_vec();
        modelled.check_below(len);
    }
}

fn write_all(rig: &Rig, shape: &Shape, shards: u16, gone: &[u16]) {
    let mut modelled = Modelled::new(rig, shards);
    let array = rig.geometry.dimensions().array;
    for range in ranges(array, u64::from(shape.chunk.0), &mut Chance(5)) {
        modelled.write(range, false).unwrap_or_else(|error| panic!("{shape:?} {range}: {error}"));
        modelled.check(range);
    }
    modelled.check_everything();
    sweep(rig, shape, &modelled.model, gone);
}

#[test]
fn every_level_writes_right_at_every_survivable_loss() {
    for shape in cases() {
        for lost in losses(shape.slots, 2) {
            let rig = Rig::writable(&shape, 0);
            if is_survived(&rig, &lost) {
                write_all(&rig.without(&lost), &shape, 1, &lost);
            }
        }
    }
}

#[test]
fn several_shards_write_as_one() {
    for shape in cases() {
        let rig = Rig::writable(&shape, 0);
        write_all(&rig, &shape, 3, &[]);
    }
}

#[test]
fn many_writes_at_once_end_in_any_order() {
    for shape in cases() {
        let rig = Rig::writable(&shape, 0);
        let mut modelled = Modelled::new(&rig, 2);
        let array = rig.geometry.dimensions().array.0;
        for round in 0..20 {
            modelled.stepper.chance = Chance(round);
            // No two of them overlap, so that the result does not depend on the order.
            let slice = array / 16;
            for cookie in 0..16 {
                let start = cookie * slice + modelled.chance.below(slice / 2);
                let range = SectorRange::new(start, 1 + modelled.chance.below(slice / 2));
                let content = fresh(range, &mut modelled.chance);
                modelled.model[bytes_of(range)].copy_from_slice(&content);
                let work = HostWork::Write { range, durable: false };
                modelled.stepper.ask(cookie, work, Some(&content));
            }
            modelled.stepper.finish();
            assert_eq!(modelled.stepper.replies.len(), 16);
            for reply in modelled.stepper.replies.drain(..) {
                reply.result.unwrap_or_else(|error| panic!("{shape:?}: {error}"));
            }
        }
        modelled.check_everything();
        sweep(&rig, &shape, &modelled.model, &[]);
    }
}

#[test]
fn zeroes_read_as_zeroes_and_discards_do_no_harm() {
    for shape in cases() {
        let rig = Rig::writable(&shape, 0);
        let mut modelled = Modelled::new(&rig, 2);
        let array = rig.geometry.dimensions().array;
        for range in ranges(array, u64::from(shape.chunk.0), &mut Chance(9)) {
            modelled.stepper.ask(1, HostWork::WriteZeroes(range), None);
            modelled.stepper.finish();
            let reply = modelled.stepper.replies.pop().expect("every request is answered");
            reply.result.unwrap_or_else(|error| panic!("{shape:?} {range}: {error}"));
            modelled.model[bytes_of(range)].fill(0);
            modelled.check(range);
        }
        modelled.check_everything();
        sweep(&rig, &shape, &modelled.model, &[]);
        modelled.stepper.ask(1, HostWork::Discard(SectorRange::new(8, 64)), None);
        modelled.stepper.finish();
        let reply = modelled.stepper.replies.pop().expect("every request is answered");
        reply.result.unwrap_or_else(|error| panic!("{shape:?}: {error}"));
        modelled.check(SectorRange::new(72, 64));
    }
}

#[test]
fn i04_no_member_is_written_before_all_superblocks_say_active() {
    for shape in redundant_cases() {
        let rig = Rig::writable(&shape, 0);
        let mut stepper = Stepper::new(&rig, 2);
        let range = SectorRange::new(3, 40);
        let content = fresh(range, &mut Chance(1));
        stepper.ask(1, HostWork::Write { range, durable: false }, Some(&content));
        let data_starts = |member: usize| rig.assembly.members[member].data_offset;
        let mut data_writes = 0;
        while !stepper.pending.is_empty() {
            let is_data = stepper.pending.iter().any(|(_, request)| {
                let mut regions = request.regions.as_slice().iter();
                matches!(request.operation, paritas_disk::Operation::Write { .. })
                    && regions.any(|one| one.at >= data_starts(usize::from(one.disk.0)))
            });
            if is_data {
                data_writes += 1;
                for member in 0..rig.assembly.members.len() {
                    assert_eq!(rig.superblock(member).resync_offset(), Sector(0), "{shape:?}");
                }
            }
            stepper.end_one();
        }
        assert!(data_writes > 0);
        stepper.replies.pop().expect("an answer").result.expect("it is written");
        let dirty = rig.superblock(0).events();
        // Nothing is written for a while: the superblocks say clean again, after a flush.
        for _ in 0..4 {
            stepper.tick(250);
            stepper.finish();
        }
        for member in 0..rig.assembly.members.len() {
            let superblock = rig.superblock(member);
            assert_eq!(superblock.resync_offset(), Sector::MAX, "{shape:?}");
            assert_eq!(
                superblock.events(),
                dirty - 1,
                "a flip there and back costs no event (2.5)"
            );
        }
    }
}

#[test]
fn events_never_go_back_while_a_slot_is_empty() {
    for shape in redundant_cases() {
        let rig = Rig::writable(&shape, 0).without(&[1]);
        let mut stepper = Stepper::new(&rig, 1);
        let before = rig.superblock(0).events();
        for round in 1..4 {
            let range = SectorRange::new(round, 9);
            let content = fresh(range, &mut Chance(round));
            stepper.ask(round, HostWork::Write { range, durable: false }, Some(&content));
            stepper.finish();
            stepper.replies.pop().expect("an answer").result.expect("it is written");
            for _ in 0..4 {
                stepper.tick(250);
                stepper.finish();
            }
            let superblock = rig.superblock(0);
            assert_eq!(superblock.resync_offset(), Sector::MAX, "{shape:?}");
            // The member that left is told apart by the number alone.
            assert_eq!(superblock.events(), before + 2 * round, "{shape:?}");
        }
    }
}

#[test]
fn any_single_failure_loses_nothing_that_was_promised() {
    for shape in cases() {
        let survives = Rig::writable(&shape, 0).geometry.dimensions().may_miss > 0;
        for nth in 0..40 {
            let rig = Rig::writable(&shape, 0);
            let mut modelled = Modelled::new(&rig, 1);
            modelled.stepper.faults = Faults { fail_nth: Some(nth), ..Faults::default() };
            let ranges =
                [SectorRange::new(5, 30), SectorRange::new(40, 200), SectorRange::new(7, 1)];
            let before = modelled.model.clone();
            let mut unsure = Vec::new();
            for range in ranges {
                if modelled.write(range, nth % 2 == 0).is_err() {
                    unsure.push(range);
                }
            }
            assert!(unsure.is_empty() || !survives, "{shape:?} {nth}: a failure was not survived");
            let failed: Vec<u16> = (0..)
                .zip(modelled.stepper.array.members())
                .filter(|(_, member)| member.state() == MemberState::Faulty)
                .map(|(slot, _)| slot)
                .collect();
            let model = modelled.model.clone();
            // What was promised must be there without the member that failed; and the others know.
            for slot in &failed {
                for other in
                    (0..rig.assembly.members.len()).filter(|other| *other != usize::from(*slot))
                {
                    let role = rig.superblock(other).roles()[usize::from(*slot)];
                    assert_eq!(role, paritas_format::superblock::Role::Faulty, "{shape:?} {nth}");
                }
            }
            if unsure.is_empty() {
                sweep_below(&rig, &shape, &model, &failed, Sectors(300));
            }
            // What was not written to is untouched.
            let untouched = SectorRange::new(300, 100);
            assert_eq!(model[bytes_of(untouched)], before[bytes_of(untouched)]);
        }
    }
}

#[test]
fn a_flush_reaches_every_member_and_its_failure_counts() {
    for shape in [shape(Level::Raid1, 0, 0, 3, 5000), shape(Level::Raid10, 0x102, 16, 4, 512)] {
        let rig = Rig::writable(&shape, 0);
        let mut modelled = Modelled::new(&rig, 1);
        modelled.write(SectorRange::new(0, 8), false).expect("it is written");
        let flushes = |stepper: &Stepper<'_>| {
            let is_flush = |(_, request): &&(usize, paritas_disk::region::Request)| {
                request.operation == paritas_disk::Operation::Flush
            };
            stepper.pending.iter().filter(is_flush).count()
        };
        modelled.stepper.ask(2, HostWork::Flush, None);
        assert_eq!(flushes(&modelled.stepper), usize::from(shape.slots));
        modelled.stepper.faults.gone.insert(1);
        modelled.stepper.finish();
        let reply = modelled.stepper.replies.pop().expect("every request is answered");
        assert_eq!(reply.result, Ok(()), "the others have it, and know of the failure");
        let member = &modelled.stepper.array.members()[1];
        assert_eq!(member.state(), MemberState::Faulty);
        assert_eq!(rig.superblock(0).roles()[1], paritas_format::superblock::Role::Faulty);
    }
}

#[test]
fn a_spare_takes_the_slot_of_a_failed_member_and_is_rebuilt() {
    for shape in redundant_cases() {
        let rig = Rig::writable(&shape, 1);
        let mut modelled = Modelled::new(&rig, 1);
        modelled.write(SectorRange::new(0, 100), false).expect("it is written");
        modelled
            .stepper
            .array
            .report(paritas_engine::Report::Gone { member: paritas_units::MemberId(0) });
        modelled.stepper.act();
        modelled.write(SectorRange::new(50, 100), false).expect("it is written");
        for _ in 0..2000 {
            modelled.stepper.tick(20);
            modelled.stepper.finish();
        }
        let spare = usize::from(shape.slots);
        let member = &modelled.stepper.array.members()[spare];
        assert_eq!(member.state(), MemberState::InSync, "{shape:?}");
        assert_eq!(member.target().expect("it has a slot").slot, Slot(0));
        modelled.check_everything();
        // The members of slot 0 now: the spare. Everything is there without another one.
        let mut rebuilt = rig.without(&[0]);
        let start = &rig.assembly.spares[0];
        rebuilt.disks.push(std::sync::Arc::clone(&rig.disks[spare]));
        let mut member = rig.assembly.members[0].clone();
        member.data_offset = start.data_offset;
        rebuilt.assembly.members.push(member);
        rebuilt.assembly.spares.clear();
        sweep(&rebuilt, &shape, &modelled.model, &[]);
    }
}

fn redundant_cases() -> impl Iterator<Item = Shape> {
    cases().into_iter().filter(|shape| {
        !matches!(shape.level, Level::Linear | Level::Raid0 | Level::Multipath | Level::Faulty)
    })
}

/// Makes 4 KiB of redundancy wrong, and leaves data as they are.
fn spoil_redundancy(rig: &Rig) {
    let dimensions = rig.geometry.dimensions();
    if dimensions.level.has_parity() {
        let slots = (0..dimensions.slots).map(Slot);
        let is_parity = |slot: &Slot| rig.geometry.array_sector(*slot, Sector(0)).is_none();
        let slot = slots.into_iter().find(is_parity).expect("every row has parity");
        return rig.spoil(slot.index(), SectorRange::new(0, 8));
    }
    let mut spots = Vec::new();
    rig.geometry.locate(Sector(16), &mut spots);
    rig.spoil(spots[1].slot.index(), spots[1].at.range(Sectors(8)));
}

fn walk_to_the_end(stepper: &mut Stepper<'_>) {
    stepper.tick(1);
    for _ in 0..5000 {
        stepper.finish();
        stepper.tick(10);
        if stepper.array.progress().is_none() {
            break;
        }
    }
    stepper.finish();
    assert_eq!(stepper.array.progress(), None, "the walk ends");
}

#[test]
fn s13_a_resync_makes_redundancy_agree_and_says_so() {
    for shape in redundant_cases() {
        let mut rig = Rig::writable(&shape, 0);
        rig.assembly.resync_offset = Sector(0);
        spoil_redundancy(&rig);
        let mut modelled = Modelled::new(&rig, 2);
        walk_to_the_end(&mut modelled.stepper);
        assert_eq!(modelled.stepper.array.resync_offset(), Sector::MAX, "{shape:?}");
        assert_eq!(rig.superblock(1).resync_offset(), Sector::MAX, "{shape:?}");
        sweep(&rig, &shape, &modelled.model, &[]);
    }
}

#[test]
fn a_check_counts_and_a_repair_mends() {
    for shape in redundant_cases() {
        let rig = Rig::writable(&shape, 0);
        spoil_redundancy(&rig);
        let mut modelled = Modelled::new(&rig, 2);
        let mut walk = |action| {
            modelled.stepper.array.request_walk(action);
            modelled.stepper.act();
            walk_to_the_end(&mut modelled.stepper);
            modelled.stepper.array.mismatches()
        };
        let found = walk(WalkAction::Check);
        assert!(found >= 8, "{shape:?}: {found} sectors differ");
        assert_eq!(walk(WalkAction::Check), found, "a check changes nothing: {shape:?}");
        assert_eq!(walk(WalkAction::Repair), found, "{shape:?}");
        assert_eq!(walk(WalkAction::Check), 0, "{shape:?}");
        sweep(&rig, &shape, &modelled.model, &[]);
    }
}

#[test]
fn s14_a_stop_keeps_how_far_a_recovery_has_come() {
    let shape = shape(Level::Raid5, 2, 16, 4, 32_000);
    let rig = Rig::writable(&shape, 1).without_disk_of(0);
    let mut stepper = Stepper::new(&rig, 1);
    stepper.tick(1);
    while stepper.array.progress().is_none_or(|progress| progress.done < Sectors(9000)) {
        stepper.end_one();
        stepper.tick(1);
    }
    stepper.array.begin_stop();
    stepper.act();
    for _ in 0..10 {
        stepper.finish();
        stepper.tick(300);
    }
    assert!(stepper.array.is_stopped());
    let spare = rig.superblock(rig.assembly.members.len());
    let kept = spare.recovery_offset().expect("it is being rebuilt");
    assert!(kept >= Sector(9000) && kept < Sector(32_000), "{kept:?}");
    assert_eq!(spare.role().slot(), Some(Slot(0)));
}
