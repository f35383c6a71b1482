//! dm-io's parts (rows J): clients, contexts, error bits, notices. Memory has its own file.

use crate::common::*;
use paritas_disk::decorator::{FaultDisk, Kind, Rule};
use paritas_disk::region::{Client, Clients, ErrorBits, Memory, Request, SyncError, Why, perform};
use paritas_disk::{Disk, Facts, FaultKind, MemoryDisk, Operation, Wait};
use paritas_units::Sectors;
use std::sync::Arc;

fn limited(max_transfer: u64) -> Arc<dyn Disk> {
    let facts = Facts::of_memory("limited".to_owned(), Sectors(1 << 20));
    Arc::new(MemoryDisk::with_facts(Facts { max_transfer: Sectors(max_transfer), ..facts }))
}

#[test]
fn d704_a_write_to_three_regions_brings_the_same_bytes_to_each() {
    let disks = memory_disks(3, 1024);
    let bytes = pattern(8192, 1);
    let (mut buffer, loan) = loan_of(&bytes);
    let regions = [region(0, 0, 16), region(1, 100, 16), region(2, 1008, 16)];
    let memory = perform(&disks, request(WRITE, &regions, Memory::Contiguous(loan)));
    let Ok(Memory::Contiguous(loan)) = memory else { panic!("{memory:?}") };
    buffer.take_back(loan);
    for (disk, at) in disks.iter().zip([0, 100, 1008]) {
        assert_eq!(content(disk.as_ref(), at, 8192), bytes);
    }
}

#[test]
fn j15_four_mib_over_a_disk_that_takes_128_kib() {
    let disk = limited(256);
    let mut spy = Spy::new(3);
    let seen = spy.seen.clone();
    paritas_disk::Driver::attach(&mut spy, Arc::clone(&disk));
    let mut clients = Clients::new(Box::new(spy));
    let (mut one, mut buffers) = (Vec::new(), Vec::new());
    for k in 0..4 {
        let (buffer, loan) = loan_of(&pattern(1 << 20, k));
        one.push(loan);
        buffers.push(buffer);
    }
    let memory = Memory::Vectors { vectors: one, done: 0 };
    let memory = clients.perform(request(WRITE, &[region(0, 8, 8192)], memory)).expect("good");
    assert_eq!(seen.borrow().len(), 32);
    assert!(seen.borrow().iter().all(|io| io.sectors == 256));
    let memory = clients.perform(request(Operation::Read, &[region(0, 8, 8192)], memory));
    let Ok(Memory::Vectors { vectors, .. }) = memory else { panic!("{memory:?}") };
    for (k, (mut buffer, loan)) in buffers.into_iter().zip(vectors).enumerate() {
        assert_eq!(loan.bytes(), pattern(1 << 20, u8::try_from(k).expect("small")));
        buffer.take_back(loan);
    }
}

#[test]
fn j20_d703_read_of_two_regions_is_refused() {
    let mut spy = Spy::new(1);
    let seen = spy.seen.clone();
    for disk in memory_disks(2, 64) {
        paritas_disk::Driver::attach(&mut spy, disk);
    }
    let mut clients = Clients::new(Box::new(spy));
    let client = clients.add(16);
    let (_buffer, loan) = loan_of(&[0; 512]);
    let two = [region(0, 0, 1), region(1, 0, 1)];
    let refused = clients.start(client, request(Operation::Read, &two, Memory::Contiguous(loan)));
    assert_eq!(refused.map_err(|refused| refused.why), Err(Why::ReadOfSeveral { regions: 2 }));
    let mut notices = Vec::new();
    clients.poll(Wait::ForOne, &mut notices);
    assert!(notices.is_empty() && seen.borrow().is_empty());
}

#[test]
fn d710_a_region_that_fails_leaves_the_others_alone() {
    let disks = memory_disks(2, 64);
    let (_buffer, loan) = loan_of(&pattern(512, 9));
    let regions = [region(0, 0, 1), region(7, 0, 1), region(0, 64, 1), region(1, 3, 1)];
    let failed = perform(&disks, request(WRITE, &regions, Memory::Contiguous(loan)));
    let Err(SyncError::Failed { errors, fault, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!((errors.iter().collect::<Vec<_>>(), fault), (vec![1, 2], FaultKind::Gone));
    assert_eq!(content(disks[0].as_ref(), 0, 512), pattern(512, 9));
    assert_eq!(content(disks[1].as_ref(), 3, 512), pattern(512, 9));
}

/// A set of clients over a spy, and what it has seen.
fn spied(
    stride: usize,
    disks: Vec<Arc<dyn Disk>>,
) -> (Clients, std::rc::Rc<std::cell::RefCell<Vec<Seen>>>) {
    let mut spy = Spy::new(stride);
    let seen = spy.seen.clone();
    for disk in disks {
        paritas_disk::Driver::attach(&mut spy, disk);
    }
    (Clients::new(Box::new(spy)), seen)
}

fn drain(clients: &mut Clients) -> Vec<paritas_disk::region::Notice> {
    let mut notices = Vec::new();
    while clients.outstanding() > 0 {
        clients.poll(Wait::ForOne, &mut notices);
    }
    clients.poll(Wait::No, &mut notices);
    notices
}

#[test]
fn j01_a_saturated_client_leaves_another_its_reserve() {
    let (mut clients, seen) = spied(usize::MAX, memory_disks(2, 64));
    let (busy, other) = (clients.add(4), clients.add(4));
    for _ in 0..100 {
        let flush = request(Operation::Flush, &[region(0, 0, 0)], Memory::None);
        clients.start(busy, flush).expect("queued");
    }
    assert_eq!(seen.borrow().len(), 3, "the last of four is kept for metadata");
    let mut flush = request(Operation::Flush, &[region(1, 0, 0)], Memory::None);
    flush.tag = 99;
    clients.start(other, flush).expect("begun");
    assert_eq!(seen.borrow().last().map(|io| io.disk), Some(1), "under way at once");
    assert_eq!(drain(&mut clients).len(), 101);
}

#[test]
fn j02_nothing_leaks_over_a_million_requests() {
    let pool = paritas_disk::Pool::new(1 << 20);
    let before = pool.stats();
    let disk: Arc<dyn Disk> = Arc::new(paritas_disk::NullDisk::new("null".into(), Sectors(64)));
    let mut clients = Clients::new(Box::new(paritas_disk::Inline::new()));
    clients.attach(disk);
    let client = clients.add(16);
    let mut notices = Vec::new();
    for tag in 0..1_000_000 {
        let mut buffer = pool.take(512).expect("free");
        let memory = Memory::Contiguous(buffer.lend(0..512));
        let read = request(Operation::Read, &[region(0, tag % 64, 1)], memory);
        clients.start(client, Request { tag, ..read }).expect("begun");
        clients.poll(Wait::No, &mut notices);
        let notice = notices.pop().expect("ended");
        assert_eq!((notice.tag, notices.len()), (tag, 0));
        let Memory::Contiguous(loan) = notice.memory else { panic!("the kind stays") };
        buffer.take_back(loan);
    }
    assert_eq!(clients.outstanding(), 0);
    let after = pool.stats();
    assert!(
        before.classes.iter().zip(&after.classes).all(|(b, a)| b.free == a.free && a.lost == 0)
    );
}

#[test]
fn j03_an_error_in_region_k_sets_bit_k_alone() {
    for failing in 0..64 {
        let disk = FaultDisk::new(Arc::new(MemoryDisk::new("m", Sectors(64))));
        let place = paritas_units::SectorRange::new(failing, 1);
        disk.add(Rule::at(Kind::Write, place, FaultKind::Io));
        let regions: Vec<_> = (0..64).map(|k| region(0, k, 1)).collect();
        let (_buffer, loan) = loan_of(&pattern(512, 1));
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let memory = Memory::Contiguous(loan);
        let failed = perform(std::slice::from_ref(&disk), request(WRITE, &regions, memory));
        let Err(SyncError::Failed { errors, fault, .. }) = failed else { panic!("{failed:?}") };
        assert_eq!((errors, fault), (ErrorBits(1 << failing), FaultKind::Io));
        let good = content(disk.as_ref(), (failing + 1) % 64, 512);
        assert_eq!(good, pattern(512, 1), "the others are carried out");
    }
}

#[test]
fn j04_64_regions_give_one_notice_each_request() {
    let (mut clients, _) = spied(7, memory_disks(64, 64));
    let client = clients.add(32);
    let regions: Vec<_> = (0..64).map(|k| region(k, 0, 1)).collect();
    for tag in 0..50 {
        let (_buffer, loan) = loan_of(&[1; 512]);
        let write = request(WRITE, &regions, Memory::Contiguous(loan));
        clients.start(client, Request { tag, ..write }).expect("begun");
    }
    let mut tags: Vec<_> = drain(&mut clients).iter().map(|notice| notice.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, (0..50).collect::<Vec<_>>());
}

#[test]
fn j05_a_failed_read_leaves_zeroes() {
    let disk = FaultDisk::new(Arc::new(MemoryDisk::from_bytes("m", &pattern(4096, 1))));
    disk.add(Rule::all(Kind::Read, FaultKind::Io));
    let disks: [Arc<dyn Disk>; 1] = [Arc::new(disk)];
    let (mut buffer, loan) = loan_of(&[0xAA; 4096]);
    let failed = perform(&disks, request(Operation::Read, &[region(0, 0, 8)], contiguous(loan)));
    let Err(SyncError::Failed { memory: Memory::Contiguous(loan), .. }) = failed else {
        panic!("{failed:?}")
    };
    buffer.take_back(loan);
    assert_eq!(buffer.bytes(), [0; 4096]);
}

#[test]
fn j07_a_region_of_nothing_is_no_request() {
    let (mut clients, seen) = spied(1, memory_disks(1, 64));
    let zeroes = [Operation::Discard, Operation::WriteZeroes, WRITE, Operation::Read];
    for operation in zeroes {
        clients.perform(request(operation, &[region(0, 5, 0)], Memory::None)).expect("nothing");
    }
    assert!(seen.borrow().is_empty());
}

#[test]
fn j10_waiting_and_notified_come_to_the_same() {
    let bytes = pattern(8192, 4);
    for fails in [false, true] {
        let (mut clients, _) = spied(1, memory_disks(2, 64));
        let client = clients.add(16);
        let regions = [region(0, 0, 16), region(if fails { 9 } else { 1 }, 0, 16)];
        let (_one, loan) = loan_of(&bytes);
        let waited = clients.perform(request(WRITE, &regions, contiguous(loan)));
        let (_two, loan) = loan_of(&bytes);
        clients.start(client, request(WRITE, &regions, contiguous(loan))).expect("begun");
        let notices = drain(&mut clients);
        let errors = match waited {
            Ok(_) => ErrorBits(0),
            Err(SyncError::Failed { errors, .. }) => errors,
            Err(error) => panic!("{error}"),
        };
        assert_eq!((notices.len(), notices[0].errors), (1, errors));
        assert_eq!(errors, ErrorBits(u64::from(fails) << 1));
    }
}

#[test]
fn j17_the_bits_that_come_out_are_those_that_failed() {
    for pattern_of_faults in [0_u64, 1, 0b1010, 0xFF, 0x80] {
        let disks: Vec<Arc<dyn Disk>> = (0..8)
            .map(|k| {
                let disk = FaultDisk::new(Arc::new(MemoryDisk::new("m", Sectors(64))));
                if pattern_of_faults & (1 << k) != 0 {
                    disk.add(Rule::all(Kind::Write, FaultKind::NoSpace));
                }
                Arc::new(disk) as Arc<dyn Disk>
            })
            .collect();
        let regions: Vec<_> = (0..8).map(|k| region(k, 0, 8)).collect();
        let (_buffer, loan) = loan_of(&[1; 4096]);
        let errors = match perform(&disks, request(WRITE, &regions, contiguous(loan))) {
            Ok(_) => 0,
            Err(SyncError::Failed { errors, .. }) => errors.0,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(errors, pattern_of_faults);
    }
}

#[test]
fn j18_a_notice_may_be_there_before_start_returns() {
    let mut driver = paritas_disk::Inline::new();
    let mut client = Client::new(0, 16);
    client.start(&mut driver, request(Operation::Flush, &[], Memory::None)).expect("begun");
    assert!(client.has_notices());
}

#[test]
fn j16_d702_64_regions_are_served_and_65_refused() {
    let (mut clients, seen) = spied(1, memory_disks(1, 128));
    let regions: Vec<_> = (0..65).map(|k| region(0, k, 1)).collect();
    let (_buffer, loan) = loan_of(&[1; 512]);
    let refused = clients.perform(request(WRITE, &regions, contiguous(loan)));
    let Err(SyncError::Refused(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.why, Why::TooManyRegions { regions: 65 });
    assert!(seen.borrow().is_empty(), "none issued");
    let memory = refused.request.memory;
    clients.perform(request(WRITE, &regions[..64], memory)).expect("64 are served");
    assert_eq!(seen.borrow().len(), 64);
}
