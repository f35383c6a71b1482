//! The four kinds of memory (rows J06 to J14, J19, D715, D716, D720): each walks over the same
//! bytes.

use crate::common::*;
use paritas_disk::region::{Memory, PAGE, perform};
use paritas_disk::{Buffer, Disk, Loan, MemoryDisk, Operation, Pool};
use paritas_units::{Sector, Sectors};
use std::sync::Arc;

/// Memory of one kind with this content from its head on, and the buffers it is lent from.
fn memory(pool: &Pool, kind: usize, content: &[u8], head: usize) -> (Vec<Buffer>, Memory) {
    match kind {
        0 => {
            let mut buffers = Vec::new();
            let mut pages = Vec::new();
            let mut left = content;
            let mut skip = head;
            while !left.is_empty() || skip >= PAGE {
                let mut buffer = pool.take(PAGE).expect("free");
                let start = skip.min(PAGE);
                let now = left.len().min(PAGE - start);
                buffer.bytes_mut()[start..start + now].copy_from_slice(&left[..now]);
                left = &left[now..];
                skip -= start;
                pages.push(buffer.lend(0..PAGE));
                buffers.push(buffer);
            }
            (buffers, Memory::PageList { pages, offset: head as u32 })
        }
        1 => {
            let (buffer, loan) = filled(pool, content, head);
            let lengths = [512, 1536, 4096, 1, 511, 0, 3000];
            let mut vectors = vec![loan];
            for length in lengths.iter().cycle().take(20) {
                let last = vectors.last_mut().expect("one");
                if last.len() <= *length {
                    break;
                }
                let rest = last.split_off(*length);
                vectors.push(rest);
            }
            (vec![buffer], Memory::Vectors { vectors, done: head as u64 })
        }
        2 => {
            let (buffer, loan) = filled(pool, content, head);
            (vec![buffer], Memory::Mapped { memory: loan, offset: head as u32 })
        }
        _ => {
            let mut buffer = pool.take(content.len() + 512).expect("free");
            buffer.bytes_mut()[512..].copy_from_slice(content);
            let loan = buffer.lend(512..content.len() + 512);
            (vec![buffer], Memory::Contiguous(loan))
        }
    }
}

fn filled(pool: &Pool, content: &[u8], head: usize) -> (Buffer, Loan) {
    let mut buffer = pool.take(head + content.len()).expect("free");
    buffer.bytes_mut()[head..].copy_from_slice(content);
    let loan = buffer.lend(0..head + content.len());
    (buffer, loan)
}

fn bytes_of(memory: &Memory) -> Vec<u8> {
    memory.slices(0).flatten().copied().collect()
}

#[test]
fn j06_a_cursor_covers_the_data_exactly() {
    let pool = Pool::new(16 << 20);
    for kind in 0..4 {
        for head in [0, 1, 512, 4095, 5000] {
            let content = pattern(20_000, 1);
            let (_buffers, memory) = memory(&pool, kind, &content, head);
            let bytes = bytes_of(&memory);
            assert!(bytes.len() >= 20_000 && bytes[..20_000] == content, "kind {kind} head {head}");
            assert_eq!(memory.len(), bytes.len() as u64);
            let skipped: Vec<u8> = memory.slices(7777).flatten().copied().collect();
            assert_eq!(skipped, bytes[7777..], "kind {kind} head {head}");
        }
    }
}

#[test]
fn j08_a_list_of_three_pages() {
    let pool = Pool::new(1 << 20);
    let content = pattern(3 * PAGE, 2);
    let (_buffers, pages) = memory(&pool, 0, &content, 0);
    assert!(matches!(&pages, Memory::PageList { pages, .. } if pages.len() == 3));
    round_trip(pages, &content);
}

#[test]
fn j11_an_offset_of_512_applies_to_the_first_page_alone() {
    let pool = Pool::new(1 << 20);
    let content = pattern(2 * PAGE, 3);
    let (_buffers, pages) = memory(&pool, 0, &content, 512);
    let slices: Vec<_> = pages.slices(0).map(<[u8]>::len).collect();
    assert_eq!(slices, [PAGE - 512, PAGE, PAGE]);
    round_trip(pages, &content);
}

#[test]
fn j12_vectors_of_512_1536_and_4096_with_a_part_dealt_with() {
    let pool = Pool::new(8 << 20);
    for done in [0, 512, 700, 512 + 1536, 512 + 1536 + 100] {
        let content = pattern(6144, 4);
        let mut buffer = pool.take(done + 6144).expect("free");
        buffer.bytes_mut()[done..].copy_from_slice(&content);
        let mut first = buffer.lend(0..done + 6144);
        let mut second = first.split_off(512);
        let mut third = second.split_off(1536);
        let rest = third.split_off(4096);
        let vectors = vec![first, second, third, rest];
        round_trip(Memory::Vectors { vectors, done: done as u64 }, &content);
    }
}

#[test]
fn j13_j14_memory_that_begins_100_sectors_into_a_page() {
    let pool = Pool::new(4 << 20);
    let content = pattern(100_000 / 512 * 512, 5);
    for kind in [2, 3] {
        let (_buffers, memory) = memory(&pool, kind, &content, PAGE + 100 * 512);
        assert_eq!(memory.slices(0).count(), 1, "neighbouring pages are one slice");
        round_trip(memory, &content);
    }
}

/// Writes the data, reads it back into the same memory, and compares.
fn round_trip(memory: Memory, content: &[u8]) {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("m", Sectors(1 << 12)));
    let disks = std::slice::from_ref(&disk);
    let here = [region(0, 17, content.len() as u64 / 512)];
    let mut memory = perform(disks, request(WRITE, &here, memory)).expect("written");
    assert!(self::content(disk.as_ref(), 17, content.len()) == content);
    let other: Vec<u8> = content.iter().map(|byte| byte ^ 0xFF).collect();
    disk.write(Sector(17), &other, false).expect("written");
    for _ in 0..2 {
        memory = perform(disks, request(Operation::Read, &here, memory)).expect("read");
        assert!(bytes_of(&memory)[..content.len()] == other);
    }
}

#[test]
fn j09_d715_all_kinds_carry_the_same_bytes() {
    let pool = Pool::new(32 << 20);
    let mut random = 88_172_645_463_325_252_u64;
    for _ in 0..200 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let sectors = 1 + random % 60;
        let head = (random >> 20) as usize % 6000;
        let content = pattern(sectors as usize * 512, random as u8);
        for kind in 0..4 {
            let (mut buffers, memory) = memory(&pool, kind, &content, head);
            let loans = buffers.len();
            let shapes = shape(&memory);
            let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new("m", Sectors(64)));
            let disks = std::slice::from_ref(&disk);
            let here = [region(0, 2, sectors)];
            let memory = perform(disks, request(WRITE, &here, memory)).expect("written");
            assert!(self::content(disk.as_ref(), 2, content.len()) == content, "kind {kind}");
            let memory = perform(disks, request(Operation::Read, &here, memory)).expect("read");
            assert!(bytes_of(&memory)[..content.len()] == content, "kind {kind}");
            assert_eq!(shape(&memory), shapes, "the memory comes back as it went");
            give_back(&mut buffers, memory);
            assert_eq!((buffers.len(), buffers[0].loans()), (loans, 0));
        }
    }
    assert!(pool.stats().classes.iter().all(|class| class.free == class.total));
}

/// J19, D716: the kinds are closed. A fifth would not compile here, so none can be unknown.
fn shape(memory: &Memory) -> (u64, Vec<(usize, usize)>) {
    let (head, loans): (u64, Vec<&Loan>) = match memory {
        Memory::None => (0, Vec::new()),
        Memory::PageList { pages, offset } => (u64::from(*offset), pages.iter().collect()),
        Memory::Vectors { vectors, done } => (*done, vectors.iter().collect()),
        Memory::Mapped { memory, offset } => (u64::from(*offset), vec![memory]),
        Memory::Contiguous(loan) => (0, vec![loan]),
    };
    (head, loans.iter().map(|loan| (loan.range().start, loan.len())).collect())
}

fn give_back(buffers: &mut [Buffer], memory: Memory) {
    let mut loans = match memory {
        Memory::None => Vec::new(),
        Memory::PageList { pages, .. } => {
            for (buffer, page) in buffers.iter_mut().zip(pages) {
                buffer.take_back(page);
            }
            return;
        }
        Memory::Vectors { vectors, .. } => vectors,
        Memory::Mapped { memory, .. } | Memory::Contiguous(memory) => vec![memory],
    };
    let mut whole = loans.remove(0);
    loans.into_iter().for_each(|loan| whole.join(loan));
    buffers[0].take_back(whole);
}

#[test]
fn d720_what_was_read_into_mapped_memory_is_seen_by_its_owner() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::from_bytes("m", &pattern(4096, 9)));
    let mut buffer = Pool::new(0).take(8192).expect("free");
    let mapped = Memory::Mapped { memory: buffer.lend(0..8192), offset: 1000 };
    let read = request(Operation::Read, &[region(0, 0, 8)], mapped);
    let Ok(Memory::Mapped { memory, .. }) = perform(&[disk], read) else { panic!("read") };
    buffer.take_back(memory);
    assert_eq!(buffer.bytes()[1000..5096], pattern(4096, 9));
}
