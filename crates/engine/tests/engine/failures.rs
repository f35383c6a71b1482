//! The Nth request to a member fails, for every N, over every kind of plan: what was answered is
//! there, and a start from the members' superblocks trusts nobody who has missed it.
//!
//! Bounds: at most six members and two windows, one failure, a crash at the end of each run. The
//! other order of failures and crashes is for the simulator.

use crate::rig::{Rig, shape};
use crate::stepper::{Faults, Stepper};
use paritas_disk::{Disk, MemoryDisk};
use paritas_engine::{Access, HostWork, SyncAction};
use paritas_format::superblock::Role;
use paritas_personality::{Shape, Survival};
use paritas_units::{Level, Sector, SectorRange};
use std::sync::Arc;

/// What is done while a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Write {
        start: u64,
        len: u64,
        durable: bool,
    },
    WriteZeroes {
        start: u64,
        len: u64,
    },
    Discard {
        start: u64,
        len: u64,
    },
    Flush,
    Read,
    /// Parity or copies differ, and superblocks say so.
    Resync,
    Recover,
    Check,
    Repair,
}

/// Two windows, or the least that has them.
fn shapes() -> Vec<Shape> {
    vec![
        shape(Level::Raid0, 0, 16, 3, 32),
        shape(Level::Raid1, 0, 0, 3, 2100),
        shape(Level::Raid4, 0, 8, 3, 16),
        shape(Level::Raid5, 2, 8, 4, 16),
        shape(Level::Raid6, 2, 8, 6, 16),
        shape(Level::Raid6, 8, 8, 4, 16),
        shape(Level::Raid10, 0x102, 8, 4, 16),
        shape(Level::Raid10, 0x201, 8, 3, 16),
        shape(Level::Raid10, 0x1_0201, 8, 3, 16),
    ]
}

fn deeds(shape: &Shape, array: u64) -> Vec<Deed> {
    // A payload is 1 MiB at most, and lies over the border between the windows.
    let long = (array - 9).min(1400);
    let mut deeds = vec![
        // A part of a block, a block, one window whole, both windows.
        Deed::Write { start: 3, len: 2, durable: false },
        Deed::Write { start: 8, len: 8, durable: true },
        Deed::Write { start: 0, len: (array / 2).min(1400), durable: false },
        Deed::Write { start: array - 4 - long, len: long, durable: true },
        Deed::WriteZeroes { start: 2, len: array - 5 },
        Deed::Discard { start: 0, len: array },
        Deed::Flush,
        Deed::Read,
    ];
    if shape.level != Level::Raid0 {
        deeds.extend([Deed::Resync, Deed::Recover, Deed::Check, Deed::Repair]);
    }
    deeds
}

/// The same rig on disks of its own.
fn copy(rig: &Rig) -> Rig {
    let disks = rig.disks.iter().map(|disk| -> Arc<dyn Disk> {
        let sectors = disk.facts().sectors;
        let mut bytes = vec![0; usize::try_from(sectors.0 * 512).expect("small")];
        disk.read(Sector(0), &mut bytes).expect("memory disks do not fail");
        Arc::new(MemoryDisk::from_bytes(&disk.facts().name, &bytes))
    });
    Rig {
        geometry: Arc::clone(&rig.geometry),
        assembly: rig.assembly.clone(),
        disks: disks.collect(),
        content: rig.content.clone(),
        hosts: Vec::new(),
    }
}

/// The array before the deed.
fn prepared(shape: &Shape, deed: Deed) -> Rig {
    let spares = u16::from(deed == Deed::Recover);
    let mut rig = Rig::writable(shape, spares);
    match deed {
        Deed::Recover => rig = rig.without_disk_of(0),
        Deed::Resync => rig.assembly.resync_offset = Sector(0),
        _ => {}
    }
    rig
}

/// One run: the model after it, and what may hold anything.
struct Outcome {
    model: Vec<u8>,
    unsure: Option<SectorRange>,
    requests: u64,
}

fn bytes_of(range: SectorRange) -> std::ops::Range<usize> {
    let start = usize::try_from(range.start.0 * 512).expect("small");
    start..start + usize::try_from(range.len.0 * 512).expect("small")
}

fn run(rig: &Rig, deed: Deed, nth: u64) -> Outcome {
    let mut stepper = Stepper::new(rig, 1);
    stepper.faults = Faults { fail_nth: Some(nth), ..Faults::default() };
    stepper.chance.0 = nth;
    let mut model = rig.content.clone();
    let array = rig.geometry.dimensions().array.0;
    let (work, content) = match deed {
        Deed::Write { start, len, durable } => {
            let range = SectorRange::new(start, len);
            let fresh = bytes_of(range).map(|at| (at * 7 + 1).to_le_bytes()[0]).collect();
            (Some(HostWork::Write { range, durable }), Some(fresh))
        }
        Deed::WriteZeroes { start, len } => {
            (Some(HostWork::WriteZeroes(SectorRange::new(start, len))), None)
        }
        Deed::Discard { start, len } => {
            (Some(HostWork::Discard(SectorRange::new(start, len))), None)
        }
        Deed::Flush => (Some(HostWork::Flush), None),
        Deed::Read => {
            let range = SectorRange::new(array - array.min(1400), array.min(1400));
            (Some(HostWork::Read(range)), Some(vec![0; bytes_of(range).len()]))
        }
        Deed::Resync | Deed::Recover | Deed::Check | Deed::Repair => (None, None),
    };
    let mut unsure = None;
    if let Some(work) = work {
        stepper.ask(1, work, content.as_deref());
        stepper.finish();
        let reply = stepper.replies.pop().expect("it is answered");
        let may_fail = rig.geometry.dimensions().may_miss == 0;
        let result = reply.result;
        assert!(result.is_ok() || may_fail, "{deed:?} {nth}: one failure is survived: {result:?}");
        match work {
            HostWork::Read(range) if result.is_ok() => {
                let buffer = reply.buffer.expect("the buffer comes back");
                assert!(buffer.bytes() == &model[bytes_of(range)], "{deed:?} {nth}: wrong bytes");
            }
            HostWork::Write { range, .. } if result.is_ok() => {
                model[bytes_of(range)].copy_from_slice(&content.expect("a payload"));
            }
            HostWork::WriteZeroes(range) if result.is_ok() => model[bytes_of(range)].fill(0),
            HostWork::Write { range, .. }
            | HostWork::WriteZeroes(range)
            | HostWork::Discard(range) => unsure = Some(range),
            HostWork::Read(_) | HostWork::Flush => {}
        }
    } else {
        walk(&mut stepper, deed);
    }
    let requests = stepper.faults.count;
    stepper.faults.fail_nth = None;
    check(&mut stepper, &model, unsure, &format!("{deed:?} {nth}, running"));
    Outcome { model, unsure, requests }
}

fn walk(stepper: &mut Stepper<'_>, deed: Deed) {
    stepper.tick(1);
    let action = match deed {
        Deed::Check => Some(SyncAction::Check),
        Deed::Repair => Some(SyncAction::Repair),
        _ => None,
    };
    if let Some(action) = action {
        stepper.array.order_action(action).expect("nothing else is done");
        stepper.act();
    }
    for _ in 0..20 {
        stepper.finish();
        stepper.tick(20);
    }
    stepper.finish();
    assert_eq!(stepper.array.progress(), None, "{deed:?} ends");
}

/// Whether one failure more is one too many: a member was missing from the start.
fn may_be_lost(rig: &Rig) -> bool {
    let dimensions = rig.geometry.dimensions();
    let missing = usize::from(dimensions.slots).saturating_sub(rig.assembly.members.len());
    missing > 0 && usize::from(dimensions.may_miss) <= missing
}

/// Reads everything, in parts. What is not given is said to be lost; what is given is right.
fn check(stepper: &mut Stepper<'_>, model: &[u8], unsure: Option<SectorRange>, when: &str) {
    let array = stepper.rig.geometry.dimensions().array.0;
    for start in (0..array).step_by(700) {
        let range = SectorRange::new(start, 700.min(array - start));
        let reply = stepper.read(range);
        if may_be_lost(stepper.rig) && reply.result.is_err() {
            continue;
        }
        reply.result.unwrap_or_else(|error| panic!("{when}: {range}: {error}"));
        let buffer = reply.buffer.expect("the buffer comes back");
        let sectors = buffer.bytes().chunks(512).zip(model[bytes_of(range)].chunks(512));
        for (sector, (seen, wanted)) in (start..).zip(sectors) {
            let is_unsure = unsure.is_some_and(|unsure| unsure.contains(Sector(sector)));
            assert!(is_unsure || seen == wanted, "{when}: wrong bytes in sector {sector}");
        }
    }
}

/// Starts from what superblocks say, as the driver would: the freshest is believed, whoever it does
/// not count on is left out, and so is who is more than one event behind.
fn assembled(rig: &Rig, shape: &Shape) -> Rig {
    let superblocks: Vec<_> = (0..rig.disks.len()).map(|disk| rig.superblock(disk)).collect();
    let freshest = superblocks.iter().max_by_key(|one| one.events()).expect("members");
    let mut next = copy(rig);
    next.assembly.members.clear();
    next.assembly.spares.clear();
    next.assembly.access = Access::ReadOnly;
    next.assembly.resync_offset = freshest.resync_offset();
    next.disks.clear();
    let known = rig.assembly.members.iter().map(|one| (one.data_offset, one.descriptor));
    let spares = rig.assembly.spares.iter().map(|one| (one.data_offset, one.descriptor));
    for (number, (data_offset, descriptor)) in known.chain(spares).enumerate() {
        let own = &superblocks[number];
        let role = freshest.roles()[usize::from(descriptor.0)];
        let Role::Slot(slot) = role else { continue };
        if own.events() + 1 < freshest.events() || slot.0 >= shape.slots {
            continue;
        }
        let mut member = rig.assembly.members[0].clone();
        member.name = rig.disks[number].facts().name.clone();
        (member.slot, member.descriptor, member.data_offset) = (slot, descriptor, data_offset);
        member.recovery_offset = own.recovery_offset().unwrap_or(Sector::MAX);
        next.assembly.members.push(member);
        next.disks.push(Arc::clone(&rig.disks[number]));
    }
    next
}

fn survives(rig: &Rig, without: Option<u16>) -> bool {
    let mut usable = vec![false; usize::from(rig.geometry.dimensions().slots)];
    for member in &rig.assembly.members {
        let is_whole = member.recovery_offset == Sector::MAX;
        usable[member.slot.index()] |= is_whole && Some(member.slot.0) != without;
    }
    rig.geometry.survives(&usable) != Survival::Failed
}

/// The content after a crash and a start, with everybody who is trusted and without any of them.
fn check_after_crash(rig: &Rig, shape: &Shape, outcome: &Outcome, when: &str) {
    let next = assembled(rig, shape);
    if may_be_lost(rig) && !survives(&next, None) {
        return;
    }
    assert!(survives(&next, None), "{when}: it can be started");
    check(&mut Stepper::new(&next, 1), &outcome.model, outcome.unsure, &format!("{when}, again"));
    if outcome.unsure.is_some() || next.assembly.resync_offset != Sector::MAX {
        // What was not answered may differ between members until the resync that is owed.
        return;
    }
    for lost in (0..shape.slots).filter(|lost| survives(&next, Some(*lost))) {
        let next = next.without(&[lost]);
        let when = format!("{when}, again without {lost}");
        check(&mut Stepper::new(&next, 1), &outcome.model, None, &when);
    }
}

#[test]
fn whichever_request_fails_what_was_answered_is_there() {
    let mut runs = 0;
    for shape in shapes() {
        let array = crate::rig::geometry(&shape).dimensions().array.0;
        for deed in deeds(&shape, array) {
            let prepared = prepared(&shape, deed);
            let mut nth = 0;
            loop {
                let rig = copy(&prepared);
                let outcome = run(&rig, deed, nth);
                let when = format!("{:?} {} members, {deed:?} {nth}", shape.level, shape.slots);
                check_after_crash(&rig, &shape, &outcome, &when);
                runs += 1;
                if outcome.requests <= nth {
                    break;
                }
                nth += 1;
            }
        }
    }
    assert!(runs > 1000, "{runs} runs are too few to mean anything");
}
