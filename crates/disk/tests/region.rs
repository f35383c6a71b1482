//! dm-io's rows: requests to many regions, error bits, splitting, reserves.

mod common;

use common::*;
use paritas_disk::region::{Clients, Memory, SyncError, Why, perform};
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
fn d703_read_of_two_regions_is_refused() {
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
