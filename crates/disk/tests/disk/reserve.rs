//! Reserves of descriptors and writes that share memory (rows B01, B02, B03, B13).

use crate::common::*;
use paritas_disk::region::{Clients, Memory, Request};
use paritas_disk::{
    Disk, DiskIndex, Driver, Facts, Inline, Io, MemoryDisk, Operation, Priority, Reserve,
    SharedWrite, Wait, perform,
};
use paritas_units::{Sector, SectorRange, Sectors};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

#[test]
fn b01_the_last_descriptor_is_metadatas() {
    let mut reserve = Reserve::new(3);
    assert!(reserve.take(Priority::Data) && reserve.take(Priority::Background));
    assert!(!reserve.take(Priority::Data) && !reserve.take(Priority::Background));
    assert!(reserve.has(Priority::Metadata) && reserve.take(Priority::Metadata));
    assert!(!reserve.take(Priority::Metadata));
    assert_eq!(reserve.free(), 0);
    reserve.give_back();
    assert!(!reserve.take(Priority::Data), "one is left, and it is kept");
    let mut one = Reserve::new(0);
    assert!(one.take(Priority::Data), "a reserve of one serves all");
}

#[test]
fn b01_a_superblock_is_written_while_data_holds_all_the_rest() {
    let mut spy = Spy::new(usize::MAX);
    let seen = spy.seen.clone();
    spy.attach(Arc::new(MemoryDisk::new("m", Sectors(64))));
    let mut clients = Clients::new(Box::new(spy));
    let client = clients.add(4);
    for _ in 0..20 {
        let flush = request(Operation::Flush, &[region(0, 0, 0)], Memory::None);
        clients.start(client, flush).expect("queued");
    }
    let (_buffer, loan) = loan_of(&pattern(4096, 1));
    let write = request(WRITE, &[region(0, 8, 8)], contiguous(loan));
    let superblock = Request { tag: 1000, priority: Priority::Metadata, ..write };
    clients.start(client, superblock).expect("begun");
    assert_eq!(seen.borrow().last().map(|io| io.priority), Some(Priority::Metadata));
    let mut notices = Vec::new();
    clients.poll(Wait::ForOne, &mut notices);
    assert!(notices.iter().any(|notice| notice.tag == 1000), "before the flushes that wait");
    while clients.outstanding() > 0 {
        clients.poll(Wait::ForOne, &mut notices);
    }
    assert_eq!(notices.len(), 21);
}

/// Memory of three unequal vectors with this content.
fn three_vectors(content: &[u8]) -> (paritas_disk::Buffer, Arc<Memory>) {
    let (buffer, mut first) = loan_of(content);
    let mut second = first.split_off(700);
    let third = second.split_off(1500);
    (buffer, Arc::new(Memory::Vectors { vectors: vec![first, second, third], done: 0 }))
}

#[test]
fn b02_a_clone_shares_the_bytes_and_trimming_it_leaves_its_parent_alone() {
    let content = pattern(8192, 2);
    let (_buffer, memory) = three_vectors(&content);
    let range = SectorRange::new(100, 16);
    let parent = SharedWrite::new(range, Arc::clone(&memory), true, Priority::Data).expect("fits");
    let mut child = parent.clone();
    child.trim(Sectors(3), Sectors(4));
    let addresses = |write: &SharedWrite| write.slices().map(<[u8]>::as_ptr).collect::<Vec<_>>();
    let whole: Vec<u8> = parent.slices().flatten().copied().collect();
    assert_eq!((parent.range(), whole), (range, content.clone()));
    assert_eq!(child.range(), SectorRange::new(103, 4));
    let bytes: Vec<u8> = child.slices().flatten().copied().collect();
    assert_eq!(bytes, content[1536..1536 + 2048]);
    assert_eq!(addresses(&parent)[1].wrapping_add(836), addresses(&child)[0], "no copy");
}

#[test]
fn b03_any_part_of_memory_in_pieces_is_exact() {
    let content = pattern(8192, 3);
    let (_buffer, memory) = three_vectors(&content);
    let range = SectorRange::new(0, 16);
    let parent = SharedWrite::new(range, memory, false, Priority::Data).expect("fits");
    for offset in 0..16_u64 {
        for len in 0..=16 - offset {
            let mut part = parent.clone();
            part.trim(Sectors(offset), Sectors(len));
            let disk = MemoryDisk::new("m", Sectors(16));
            let mut io: Io = part.io(1, DiskIndex(0));
            perform(&disk, &mut io).expect("written");
            let mut expected = vec![0; 8192];
            let bytes = offset as usize * 512..(offset + len) as usize * 512;
            expected[bytes.clone()].copy_from_slice(&content[bytes]);
            assert!(self::content(&disk, 0, 8192) == expected, "{offset}+{len}");
        }
    }
    let mut twice = parent.clone();
    twice.trim(Sectors(2), Sectors(10));
    twice.trim(Sectors(3), Sectors(2));
    let bytes: Vec<u8> = twice.slices().flatten().copied().collect();
    assert_eq!((twice.range(), bytes), (SectorRange::new(5, 2), content[2560..3584].to_vec()));
}

#[test]
fn b03_memory_that_is_too_short_is_no_write() {
    let (_buffer, memory) = three_vectors(&pattern(8192, 3));
    assert!(SharedWrite::new(SectorRange::new(0, 17), memory, false, Priority::Data).is_none());
}

#[test]
#[should_panic(expected = "the part lies in the write")]
fn b03_a_part_outside_is_a_mistake() {
    let (_buffer, memory) = three_vectors(&pattern(8192, 3));
    let range = SectorRange::new(0, 16);
    let mut write = SharedWrite::new(range, memory, false, Priority::Data).expect("fits");
    write.trim(Sectors(10), Sectors(7));
}

/// A driver that collects requests until the batch ends.
struct Batching {
    inner: Inline,
    collected: Vec<Io>,
    batches: Rc<Cell<usize>>,
}

impl Driver for Batching {
    fn attach(&mut self, disk: Arc<dyn Disk>) -> DiskIndex {
        self.inner.attach(disk)
    }

    fn detach(&mut self, disk: DiskIndex) {
        self.inner.detach(disk);
    }

    fn submit(&mut self, io: Io) {
        self.collected.push(io);
    }

    fn poll(&mut self, wait: Wait, done: &mut Vec<paritas_disk::Done>) {
        self.inner.poll(wait, done);
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight() + self.collected.len()
    }

    fn facts(&self, disk: DiskIndex) -> Option<&Facts> {
        self.inner.facts(disk)
    }

    fn flush_batch(&mut self) {
        self.batches.set(self.batches.get() + 1);
        self.collected.drain(..).for_each(|io| self.inner.submit(io));
    }
}

#[test]
fn b13_the_end_of_a_batch_sends_what_was_collected() {
    let batches = Rc::new(Cell::new(0));
    let mut driver =
        Batching { inner: Inline::new(), collected: Vec::new(), batches: Rc::clone(&batches) };
    let disk = Arc::new(MemoryDisk::new("m", Sectors(64)));
    driver.attach(disk.clone());
    let mut clients = Clients::new(Box::new(driver));
    let client = clients.add(16);
    let mut notices = Vec::new();
    for at in 0..5 {
        let (_buffer, loan) = loan_of(&pattern(512, 7));
        clients
            .start(client, request(WRITE, &[region(0, at, 1)], contiguous(loan)))
            .expect("begun");
    }
    clients.poll(Wait::No, &mut notices);
    assert!(notices.is_empty(), "nothing was sent yet");
    clients.flush_batch();
    clients.poll(Wait::No, &mut notices);
    assert_eq!((notices.len(), batches.get()), (5, 1));
    let mut first = vec![0; 512];
    disk.read(Sector(0), &mut first).expect("read");
    assert_eq!(first, pattern(512, 7));
}
