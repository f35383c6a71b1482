//! dm-io's semantics (rows D7): flushes, splitting, limits, failures, order, ending.

use crate::common::*;
use paritas_disk::decorator::{FaultDisk, Kind, Rule, When};
use paritas_disk::region::{Clients, ErrorBits, Memory, Request, SyncError, Why, perform};
use paritas_disk::{
    Disk, Driver, Facts, FaultKind, Inline, MemoryDisk, Operation, Pool, Priority, Wait,
};
use paritas_units::{SectorRange, Sectors};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

fn with_facts(change: impl FnOnce(&mut Facts)) -> Arc<dyn Disk> {
    let mut facts = Facts::of_memory("limited".to_owned(), Sectors(1 << 16));
    change(&mut facts);
    Arc::new(MemoryDisk::with_facts(facts))
}

fn spied(stride: usize, disks: Vec<Arc<dyn Disk>>) -> (Clients, Rc<RefCell<Vec<Seen>>>) {
    let mut spy = Spy::new(stride);
    let seen = spy.seen.clone();
    for disk in disks {
        spy.attach(disk);
    }
    (Clients::new(Box::new(spy)), seen)
}

#[test]
fn d701_a_reserve_of_one_serves_a_thousand_requests() {
    let mut spy = Spy::new(1);
    let most = spy.most_in_flight.clone();
    for disk in memory_disks(3, 64) {
        spy.attach(disk);
    }
    let mut clients = Clients::new(Box::new(spy));
    let client = clients.add(1);
    let regions = [region(0, 0, 8), region(1, 0, 8), region(2, 0, 8)];
    let pool = Pool::new(64 << 20);
    let mut buffers: Vec<_> = (0..1000).map(|_| pool.take(4096).expect("free")).collect();
    for (tag, buffer) in buffers.iter_mut().enumerate() {
        let write = request(WRITE, &regions, contiguous(buffer.lend(0..4096)));
        clients.start(client, Request { tag: tag as u64, ..write }).expect("queued");
    }
    let mut notices = Vec::new();
    while clients.outstanding() > 0 {
        clients.poll(Wait::ForOne, &mut notices);
    }
    let tags: Vec<_> = notices.iter().map(|notice| notice.tag).collect();
    assert_eq!(tags, (0..1000).collect::<Vec<_>>(), "first come, first served");
    assert_eq!(*most.borrow(), 1, "one descriptor");
}

#[test]
fn d704_memory_shorter_than_a_region_is_refused() {
    let (mut clients, seen) = spied(1, memory_disks(2, 64));
    let (_buffer, loan) = loan_of(&[1; 1024]);
    let regions = [region(0, 0, 1), region(1, 0, 3)];
    let refused = clients.perform(request(WRITE, &regions, contiguous(loan)));
    let Err(SyncError::Refused(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.why, Why::ShortMemory { bytes: 1024, sectors: 3 });
    assert!(seen.borrow().is_empty());
}

#[test]
fn d705_an_empty_region_of_a_flushing_write_is_flushed() {
    let (mut clients, seen) = spied(1, memory_disks(2, 64));
    let (_buffer, loan) = loan_of(&pattern(4096, 1));
    let regions = [region(0, 9, 0), region(1, 0, 8)];
    clients.perform(request(FLUSH_WRITE, &regions, contiguous(loan))).expect("good");
    let seen: Vec<_> = seen.borrow().iter().map(|io| (io.disk, io.operation, io.sectors)).collect();
    assert_eq!(seen, [(0, Operation::Flush, 0), (1, FLUSH_WRITE, 8)]);
}

#[test]
fn d705_a_flush_goes_to_each_region_once_whatever_its_count() {
    let (mut clients, seen) = spied(1, memory_disks(2, 64));
    let regions = [region(0, 3, 0), region(1, 0, 8)];
    clients.perform(request(Operation::Flush, &regions, Memory::None)).expect("good");
    let seen: Vec<_> = seen.borrow().iter().map(|io| (io.disk, io.operation, io.sectors)).collect();
    assert_eq!(seen, [(0, Operation::Flush, 0), (1, Operation::Flush, 0)]);
}

#[test]
fn d706_every_part_of_a_split_write_flushes_first() {
    let disk = with_facts(|facts| facts.max_transfer = Sectors(8));
    let (mut clients, seen) = spied(1, vec![disk]);
    let (_buffer, loan) = loan_of(&pattern(16_384, 1));
    let durable = Operation::Write { flush_before: true, durable: true };
    clients.perform(request(durable, &[region(0, 0, 32)], contiguous(loan))).expect("good");
    assert_eq!(seen.borrow().len(), 4);
    assert!(seen.borrow().iter().all(|io| io.operation == durable && io.sectors == 8));
}

#[test]
fn d707_memory_in_more_slices_than_a_request_holds_is_split() {
    let (mut clients, seen) = spied(2, memory_disks(1, 1 << 12));
    let pool = Pool::new(16 << 20);
    let mut buffers: Vec<_> = (0..300).map(|_| pool.take(4096).expect("free")).collect();
    let pages = buffers.iter_mut().enumerate().map(|(k, buffer)| {
        buffer.bytes_mut().copy_from_slice(&pattern(4096, k as u8));
        buffer.lend(0..4096)
    });
    let pages = Memory::PageList { pages: pages.collect(), offset: 0 };
    let pages = clients.perform(request(WRITE, &[region(0, 0, 2400)], pages)).expect("good");
    let sizes: Vec<_> = seen.borrow().iter().map(|io| (io.at, io.sectors, io.slices)).collect();
    assert_eq!(sizes, [(0, 2048, 256), (2048, 352, 44)], "1 MiB at most");
    seen.borrow_mut().clear();
    let read = clients.perform(request(Operation::Read, &[region(0, 0, 2400)], pages));
    let Ok(Memory::PageList { pages, .. }) = read else { panic!("{read:?}") };
    assert_eq!(seen.borrow().len(), 2);
    for (k, page) in pages.iter().enumerate() {
        assert_eq!(page.bytes(), pattern(4096, k as u8));
    }
}

#[test]
fn d707_parts_are_whole_blocks() {
    let disk = with_facts(|facts| {
        facts.logical_block = 4096;
        facts.max_transfer = Sectors(20);
    });
    let (mut clients, seen) = spied(1, vec![disk]);
    let (_buffer, loan) = loan_of(&pattern(32_768, 1));
    clients.perform(request(WRITE, &[region(0, 0, 64)], contiguous(loan))).expect("good");
    assert!(seen.borrow().iter().all(|io| io.sectors == 16));
}

#[test]
fn d708_a_disk_without_discard_fails_its_bit_alone() {
    let disks = vec![
        with_facts(|facts| facts.max_discard = Sectors(100)),
        with_facts(|facts| facts.max_discard = Sectors(0)),
    ];
    let (mut clients, seen) = spied(1, disks);
    let regions = [region(1, 0, 250), region(0, 0, 250)];
    let failed = clients.perform(request(Operation::Discard, &regions, Memory::None));
    let Err(SyncError::Failed { errors, fault, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!((errors, fault), (ErrorBits(1), FaultKind::Unsupported));
    let seen: Vec<_> = seen.borrow().iter().map(|io| (io.disk, io.at, io.sectors)).collect();
    assert_eq!(seen, [(0, 0, 100), (0, 100, 100), (0, 200, 50)], "split at the limit");
}

#[test]
fn d709_write_zeroes_has_a_limit_of_its_own() {
    let bytes = pattern(1 << 16, 3);
    let mut facts = Facts::of_memory("limited".to_owned(), Sectors(128));
    facts.max_write_zeroes = Sectors(48);
    let limited = MemoryDisk::with_facts(facts);
    limited.write(paritas_units::Sector(0), &bytes, false).expect("written");
    let limited: Arc<dyn Disk> = Arc::new(limited);
    let without = with_facts(|facts| facts.max_write_zeroes = Sectors(0));
    let (mut clients, seen) = spied(1, vec![Arc::clone(&limited), without]);
    let regions = [region(0, 0, 100), region(1, 0, 8)];
    let failed = clients.perform(request(Operation::WriteZeroes, &regions, Memory::None));
    let Err(SyncError::Failed { errors, fault, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!((errors, fault), (ErrorBits(2), FaultKind::Unsupported));
    assert_eq!(seen.borrow().iter().map(|io| io.sectors).collect::<Vec<_>>(), [48, 48, 4]);
    let now = content(limited.as_ref(), 0, 1 << 16);
    assert!(now[..51_200].iter().all(|byte| *byte == 0) && now[51_200..] == bytes[51_200..]);
}

#[test]
fn d711_only_the_span_that_failed_is_zeroed() {
    let bytes = pattern(16_384, 5);
    let mut facts = Facts::of_memory("limited".to_owned(), Sectors(32));
    facts.max_transfer = Sectors(8);
    let under = MemoryDisk::with_facts(facts);
    under.write(paritas_units::Sector(0), &bytes, false).expect("written");
    let disk = FaultDisk::new(Arc::new(under));
    disk.add(Rule::at(Kind::Read, SectorRange::new(9, 1), FaultKind::Io));
    let disks: [Arc<dyn Disk>; 1] = [Arc::new(disk)];
    let (mut buffer, loan) = loan_of(&[0xAA; 16_384]);
    let failed = perform(&disks, request(Operation::Read, &[region(0, 0, 32)], contiguous(loan)));
    let Err(SyncError::Failed { memory: Memory::Contiguous(loan), errors, .. }) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(errors, ErrorBits(1));
    buffer.take_back(loan);
    let mut expected = bytes;
    expected[4096..8192].fill(0);
    assert!(buffer.bytes() == expected);
}

#[test]
fn d712_waiting_fails_if_any_bit_is_set() {
    let disks = memory_disks(1, 8);
    let (_buffer, loan) = loan_of(&[1; 512]);
    let regions = [region(0, 0, 1), region(0, 8, 1)];
    let failed = perform(&disks, request(WRITE, &regions, contiguous(loan)));
    let text = failed.as_ref().map_err(ToString::to_string).err();
    assert_eq!(text.as_deref(), Some("not a valid request in regions [1]"));
}

#[test]
fn d713_the_memory_comes_back_with_the_one_notice() {
    let (mut clients, _) = spied(1, memory_disks(1, 64));
    let client = clients.add(16);
    let (mut buffer, loan) = loan_of(&[1; 4096]);
    clients.start(client, request(WRITE, &[region(0, 0, 8)], contiguous(loan))).expect("begun");
    assert_eq!(buffer.loans(), 1, "the memory is out until the notice");
    let mut notices = Vec::new();
    clients.poll(Wait::ForOne, &mut notices);
    let Memory::Contiguous(loan) = notices.remove(0).memory else { panic!("the kind stays") };
    buffer.take_back(loan);
    clients.poll(Wait::ForOne, &mut notices);
    assert!(notices.is_empty(), "exactly once");
}

#[test]
fn d714_no_regions_end_at_once() {
    let (mut clients, seen) = spied(1, memory_disks(1, 64));
    let client = clients.add(16);
    for operation in [WRITE, Operation::Read, Operation::Flush, Operation::Discard] {
        clients.start(client, request(operation, &[], Memory::None)).expect("begun");
        let mut notices = Vec::new();
        clients.poll(Wait::No, &mut notices);
        assert_eq!((notices.len(), notices[0].errors), (1, ErrorBits(0)));
    }
    assert!(seen.borrow().is_empty());
}

#[test]
fn d717_the_priority_reaches_every_request_to_a_disk() {
    let disk = with_facts(|facts| facts.max_transfer = Sectors(8));
    for priority in [Priority::Metadata, Priority::Data, Priority::Background] {
        let (mut clients, seen) = spied(1, vec![Arc::clone(&disk)]);
        let (_buffer, loan) = loan_of(&pattern(16_384, 1));
        let write = request(WRITE, &[region(0, 0, 32), region(0, 64, 32)], contiguous(loan));
        clients.perform(Request { priority, ..write }).expect("good");
        assert_eq!(seen.borrow().len(), 8);
        assert!(seen.borrow().iter().all(|io| io.priority == priority));
    }
}

#[test]
fn d718_any_order_of_completions_gives_the_same_bytes() {
    let bytes = pattern(65_536, 6);
    for stride in [1, 2, 3, 5, 7, 11, usize::MAX] {
        let disk = with_facts(|facts| facts.max_transfer = Sectors(8));
        let (mut clients, seen) = spied(stride, vec![disk]);
        let (_source, loan) = loan_of(&bytes);
        clients.perform(request(WRITE, &[region(0, 0, 128)], contiguous(loan))).expect("good");
        let (mut buffer, mut first) = loan_of(&[0xAA; 65_536]);
        let (second, third) = (first.split_off(5000), 60_536);
        let vectors = Memory::Vectors { vectors: vec![first, second], done: 0 };
        let read = clients.perform(request(Operation::Read, &[region(0, 0, 128)], vectors));
        let Ok(Memory::Vectors { vectors, .. }) = read else { panic!("{read:?}") };
        let lengths: Vec<_> = vectors.iter().map(paritas_disk::Loan::len).collect();
        assert_eq!(lengths, [5000, third], "the vectors as they came");
        let mut vectors = vectors.into_iter();
        let mut whole = vectors.next().expect("two");
        whole.join(vectors.next().expect("two"));
        buffer.take_back(whole);
        assert!(buffer.bytes() == bytes);
        assert_eq!(seen.borrow().len(), 32, "nothing is merged");
    }
}

#[test]
fn d719_dropping_waits_for_what_is_under_way() {
    let disks = memory_disks(1, 64);
    let (mut clients, _) = spied(1, disks.clone());
    let client = clients.add(2);
    let (buffer, loan) = loan_of(&pattern(4096, 8));
    for at in 0..8 {
        let flush = request(Operation::Flush, &[region(0, at, 0)], Memory::None);
        clients.start(client, flush).expect("queued");
    }
    clients.start(client, request(WRITE, &[region(0, 8, 8)], contiguous(loan))).expect("queued");
    drop(clients);
    assert_eq!(content(disks[0].as_ref(), 8, 4096), pattern(4096, 8), "the queue was served too");
    drop(buffer);
}

#[test]
fn d721_a_context_is_not_over_while_it_is_issuing() {
    // The inline driver ends each request before the next is made.
    for count in 1..=64_u64 {
        let mut clients = Clients::new(Box::new(Inline::new()));
        clients.attach(Arc::new(MemoryDisk::new("m", Sectors(64))));
        let client = clients.add(3);
        let regions: Vec<_> = (0..count).map(|k| region(0, k, 1)).collect();
        let (_buffer, loan) = loan_of(&[1; 512]);
        clients.start(client, request(WRITE, &regions, contiguous(loan))).expect("begun");
        let mut notices = Vec::new();
        clients.poll(Wait::ForOne, &mut notices);
        assert_eq!((notices.len(), clients.outstanding()), (1, 0));
    }
}

#[test]
fn faults_by_number_reach_the_right_part() {
    let disk = FaultDisk::new(with_facts(|facts| facts.max_transfer = Sectors(8)));
    disk.add(Rule::all(Kind::Write, FaultKind::Gone).when(When::Nth(3)));
    let disk = Arc::new(disk);
    let disks: [Arc<dyn Disk>; 1] = [disk.clone()];
    let (_buffer, loan) = loan_of(&pattern(16_384, 1));
    let failed = perform(&disks, request(WRITE, &[region(0, 0, 32)], contiguous(loan)));
    assert!(matches!(failed, Err(SyncError::Failed { fault: FaultKind::Gone, .. })));
    assert_eq!((disk.counts().writes, disk.counts().failed), (4, 1), "the others are carried out");
    assert_eq!(content(disk.as_ref(), 16, 4096), [0; 4096]);
}
