//! Disks in memory, views, the inline driver, and the decorators.

use crate::common::*;
use paritas_disk::decorator::{
    Counts, DelayDisk, FaultDisk, Kind, OverlayDisk, Rule, Trace, TraceDisk, When,
};
use paritas_disk::{
    Disk, DiskIndex, Driver, Facts, Fault, FaultKind, Inline, Io, IoMemory, MemoryDisk, NullDisk,
    OffsetDisk, Operation, Priority, ReadOnly, Wait,
};
use paritas_units::{Sector, SectorRange, Sectors};
use std::sync::{Arc, Mutex};

fn kind<T>(result: Result<T, Fault>) -> Result<T, FaultKind> {
    result.map_err(|fault| fault.kind)
}

#[test]
fn a_pebibyte_costs_what_is_in_it() {
    let sectors = 1 << (50 - 9);
    let disk = MemoryDisk::new("huge", Sectors(sectors));
    assert_eq!(disk.allocated(), 0);
    let places = [0, 127, 1 << 20, sectors / 2 + 5, sectors - 8];
    for (seed, at) in places.iter().enumerate() {
        disk.write(Sector(*at), &pattern(4096, seed as u8), false).expect("written");
    }
    for (seed, at) in places.iter().enumerate() {
        assert_eq!(content(&disk, *at, 4096)[3584..], pattern(4096, seed as u8)[3584..]);
    }
    assert!(disk.allocated() < 1 << 20);
    assert_eq!(content(&disk, sectors / 3, 65_536), vec![0; 65_536]);
    let (mut at, mut data, mut steps) = (Sector(0), 0, 0);
    while at.0 < sectors {
        let hole = disk.hole(at);
        data += if hole.is_hole { 0 } else { hole.sectors.0 };
        at += hole.sectors;
        steps += 1;
    }
    assert!(steps < 20 && data * 512 == disk.allocated(), "{steps} steps over {data} sectors");
    disk.write_zeroes(Sector(0), Sectors(sectors)).expect("zeroed");
    assert_eq!(disk.allocated(), 0);
}

#[test]
fn a_memory_disk_agrees_with_a_vector() {
    let mut model = pattern(1 << 18, 1);
    let disk = MemoryDisk::from_bytes("m", &model);
    let mut random = 777_u64;
    for round in 0..2000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        let (at, len) = ((random >> 20) % 500, 1 + (random >> 40) % 12);
        let bytes = at as usize * 512..(at + len) as usize * 512;
        match random >> 61 {
            0..=2 => {
                let new = pattern(bytes.len(), round as u8);
                disk.write(Sector(at), &new, false).expect("written");
                model[bytes].copy_from_slice(&new);
            }
            3 => {
                disk.write_zeroes(Sector(at), Sectors(len)).expect("zeroed");
                model[bytes].fill(0);
            }
            _ => assert!(content(&disk, at, bytes.len()) == model[bytes]),
        }
    }
    assert!(content(&disk, 0, 1 << 18) == model);
}

#[test]
fn requests_are_checked() {
    let facts = Facts {
        max_discard: Sectors(0),
        max_write_zeroes: Sectors(0),
        ..Facts::of_memory("m".into(), Sectors(8))
    };
    let disk = MemoryDisk::with_facts(facts);
    let mut sector = [0; 512];
    assert_eq!(kind(disk.read(Sector(8), &mut sector)), Err(FaultKind::Invalid));
    assert_eq!(kind(disk.read(Sector(u64::MAX), &mut sector)), Err(FaultKind::Invalid));
    assert_eq!(kind(disk.read(Sector(0), &mut sector[..100])), Err(FaultKind::Invalid));
    assert_eq!(kind(disk.write(Sector(7), &[0; 1024], false)), Err(FaultKind::Invalid));
    assert_eq!(kind(disk.discard(Sector(0), Sectors(1))), Err(FaultKind::Unsupported));
    assert_eq!(kind(disk.write_zeroes(Sector(0), Sectors(1))), Err(FaultKind::Unsupported));
    let null = NullDisk::new("null".into(), Sectors(8));
    assert_eq!(kind(null.write(Sector(0), &[1; 4096], true)), Ok(()));
    assert_eq!(kind(null.read(Sector(1), &mut [0; 4096])), Err(FaultKind::Invalid));
    let only = ReadOnly::new(Arc::new(MemoryDisk::from_bytes("m", &pattern(512, 1))));
    assert!(only.facts().is_read_only);
    assert_eq!(content(&only, 0, 512), pattern(512, 1));
    assert_eq!(kind(only.write(Sector(0), &[0; 512], false)), Err(FaultKind::ReadOnly));
    assert_eq!(kind(only.discard(Sector(0), Sectors(1))), Err(FaultKind::ReadOnly));
    assert_eq!(kind(only.write_zeroes(Sector(0), Sectors(1))), Err(FaultKind::ReadOnly));
}

#[test]
fn a_view_is_the_part_and_nothing_else() {
    let under: Arc<dyn Disk> = Arc::new(MemoryDisk::from_bytes("m", &pattern(8192, 1)));
    let range = SectorRange::new(4, 8);
    let view = OffsetDisk::new(Arc::clone(&under), range, "part".into()).expect("inside");
    assert_eq!((view.facts().sectors, view.facts().name.as_str()), (Sectors(8), "part"));
    assert_eq!(content(&view, 0, 4096), pattern(8192, 1)[2048..6144]);
    view.write(Sector(7), &[9; 512], false).expect("written");
    assert_eq!(content(under.as_ref(), 11, 512), [9; 512]);
    let fault = view.read(Sector(7), &mut [0; 1024]).expect_err("outside");
    assert_eq!(fault, Fault { kind: FaultKind::Invalid, at: Sector(7) });
    for range in [(9, 8), (17, 0), (0, 17), (u64::MAX, 1), (1, u64::MAX)] {
        let range = SectorRange::new(range.0, range.1);
        assert!(OffsetDisk::new(Arc::clone(&under), range, "part".into()).is_none(), "{range}");
    }
    let failing = FaultDisk::new(under);
    failing.add(Rule::all(Kind::Read, FaultKind::Io));
    let view = OffsetDisk::new(Arc::new(failing), range, "part".into()).expect("inside");
    let fault = view.read(Sector(3), &mut [0; 512]).expect_err("fails");
    assert_eq!(fault, Fault { kind: FaultKind::Io, at: Sector(3) }, "the view's own sector");
}

#[test]
fn the_inline_driver_reports_what_it_did_when_asked() {
    let mut driver = Inline::new();
    let disk = driver.attach(Arc::new(MemoryDisk::from_bytes("m", &pattern(4096, 1))));
    let io = |tag, disk, operation, memory| Io {
        tag,
        disk,
        operation,
        at: Sector(0),
        sectors: Sectors(8),
        memory,
        priority: Priority::Data,
    };
    let (_buffer, loan) = loan_of(&[0; 4096]);
    driver.submit(io(5, disk, Operation::Read, IoMemory::Own(loan)));
    driver.submit(io(6, DiskIndex(9), Operation::Discard, IoMemory::None));
    let (_other, loan) = loan_of(&[0; 4096]);
    driver.submit(io(7, disk, Operation::Read, IoMemory::Shared(Arc::new(loan))));
    assert_eq!(driver.in_flight(), 3);
    let mut done = Vec::new();
    driver.poll(Wait::ForOne, &mut done);
    assert_eq!((done.len(), driver.in_flight()), (3, 0));
    let results: Vec<_> = done.iter().map(|done| (done.tag, kind(done.result.clone()))).collect();
    let (gone, shared) = (Err(FaultKind::Gone), Err(FaultKind::Invalid));
    assert_eq!(results, [(5, Ok(())), (6, gone), (7, shared)]);
    assert!(matches!(&done[0].memory, IoMemory::Own(loan) if loan.bytes() == pattern(4096, 1)));
}

#[test]
fn faults_come_by_kind_place_and_number() {
    let disk = FaultDisk::new(Arc::new(MemoryDisk::new("m", Sectors(64))));
    disk.add(Rule::at(Kind::Read, SectorRange::new(8, 8), FaultKind::Io));
    disk.add(Rule::all(Kind::Flush, FaultKind::NoSpace).when(When::From(2)));
    disk.add(Rule::all(Kind::WriteZeroes, FaultKind::Unsupported).when(When::UpTo(1)));
    let mut two = [0; 1024];
    let reads: Vec<_> =
        [0, 6, 7, 8, 15, 16].map(|at| disk.read(Sector(at), &mut two).is_ok()).into();
    assert_eq!(reads, [true, true, false, false, false, true]);
    assert_eq!(kind(disk.flush()), Ok(()));
    assert_eq!(kind(disk.flush()), Err(FaultKind::NoSpace));
    assert_eq!(kind(disk.flush()), Err(FaultKind::NoSpace));
    assert!(disk.write_zeroes(Sector(0), Sectors(1)).is_err());
    assert!(disk.write_zeroes(Sector(0), Sectors(1)).is_ok());
    let torn = Rule::all(Kind::Write, FaultKind::Gone);
    disk.add(Rule { torn_after: Sectors(1), ..torn });
    assert_eq!(kind(disk.write(Sector(20), &[7; 1024], false)), Err(FaultKind::Gone));
    assert_eq!(content(&disk, 20, 1024)[510..514], [7, 7, 0, 0]);
    let counts =
        Counts { reads: 7, writes: 1, flushes: 3, discards: 0, write_zeroes: 2, failed: 7 };
    assert_eq!(disk.counts(), counts);
    disk.heal();
    assert_eq!(kind(disk.flush()), Ok(()));
}

#[test]
fn a_held_disk_waits_until_it_is_released() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let pause = move |kind| note.lock().expect("whole").push(kind);
    let disk = Arc::new(DelayDisk::new(Arc::new(MemoryDisk::new("m", Sectors(8))), pause));
    disk.hold();
    let other = Arc::clone(&disk);
    let writer = std::thread::spawn(move || other.write(Sector(0), &[1; 512], false));
    while disk.waiting() == 0 {
        std::thread::yield_now();
    }
    assert!(!writer.is_finished());
    disk.release();
    assert_eq!(writer.join().expect("ended"), Ok(()));
    assert_eq!(content(disk.as_ref(), 0, 512), [1; 512]);
    assert_eq!(*asked.lock().expect("whole"), [Kind::Write, Kind::Read]);
}

#[test]
fn a_trace_shows_the_order_over_all_disks() {
    let trace = Trace::new();
    let a = TraceDisk::new(Arc::new(MemoryDisk::new("a", Sectors(8))), &trace);
    let b = TraceDisk::new(Arc::new(MemoryDisk::new("b", Sectors(8))), &trace);
    a.flush().expect("flushed");
    b.write(Sector(2), &[0; 1024], true).expect("written");
    assert!(a.read(Sector(8), &mut [0; 512]).is_err());
    b.discard(Sector(0), Sectors(8)).expect("discarded");
    let lines: Vec<_> = trace.take().iter().map(ToString::to_string).collect();
    let read = "a read 8+1: not a valid request";
    assert_eq!(lines, ["a flush", "b write 2+2 durable", read, "b discard 0+8"]);
    assert!(trace.take().is_empty());
}

#[test]
fn an_overlay_takes_all_writes_and_the_base_stays() {
    let before = pattern(1 << 16, 1);
    let base: Arc<dyn Disk> = Arc::new(MemoryDisk::from_bytes("m", &before));
    let overlay = OverlayDisk::in_memory(Arc::new(ReadOnly::new(Arc::clone(&base))));
    assert!(!overlay.facts().is_read_only);
    let mut model = before.clone();
    for (at, len) in [(3, 5), (8, 1), (100, 28), (50, 2), (1, 4)] {
        let new = pattern(len * 512, at as u8);
        overlay.write(Sector(at as u64), &new, false).expect("written");
        model[at * 512..(at + len) * 512].copy_from_slice(&new);
    }
    overlay.write_zeroes(Sector(51), Sectors(40)).expect("zeroed");
    model[51 * 512..91 * 512].fill(0);
    assert!(content(&overlay, 0, 1 << 16) == model);
    assert!(content(base.as_ref(), 0, 1 << 16) == before);
    let runs: Vec<_> = overlay.written().iter().map(|run| (run.start.0, run.len.0)).collect();
    assert_eq!(runs, [(1, 8), (50, 41), (100, 28)]);
    assert_eq!(overlay.changed(), Sectors(77));
    overlay.commit_to(base.as_ref()).expect("committed");
    assert!(content(base.as_ref(), 0, 1 << 16) == model);
    overlay.write(Sector(0), &[5; 512], false).expect("written");
    overlay.forget();
    assert!(content(&overlay, 0, 1 << 16) == model);
    let short: Arc<dyn Disk> = Arc::new(MemoryDisk::new("short", Sectors(127)));
    assert!(OverlayDisk::new(base, short).is_none());
}
