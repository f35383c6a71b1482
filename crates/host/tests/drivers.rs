//! One suite for all drivers: random work against a model, errors, a thousand requests under way,
//! waiting, dropping.
//!
//! Where io_uring is forbidden the ring's half fails and says so, unless `PARITAS_NO_RING=1` says
//! that this is known.

use paritas_disk::region::{Clients, Memory, Region, Regions, Request};
use paritas_disk::{
    Access, Buffer, Disk, DiskIndex, Done, Driver, FaultKind, Inline, Io, IoMemory, MemoryDisk,
    OffsetDisk, Opener, Operation, Pool, Priority, Wait,
};
use paritas_host::{Choice, PathOpener, Ring, Workers, choose};
use paritas_units::{Sector, SectorRange, Sectors};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const WRITE: Operation = Operation::Write { flush_before: false, durable: false };

/// The drivers, by name; each a test of its own.
fn driver(name: &str, pool: &Pool) -> Option<Box<dyn Driver>> {
    match name {
        "inline" => Some(Box::new(Inline::new())),
        "workers" => Some(Box::new(Workers::new())),
        _ => match Ring::new(pool) {
            Ok(ring) => Some(Box::new(ring)),
            Err(error) if std::env::var_os("PARITAS_NO_RING").is_some_and(|word| word == "1") => {
                eprintln!("PARITAS_NO_RING=1: the ring is not tested: {error}");
                None
            }
            Err(error) => panic!("{error}; if this is known, say PARITAS_NO_RING=1"),
        },
    }
}

/// A file of its own, in the folder `parent` or where temporary files are.
struct Image {
    _folder: TempDir,
    path: PathBuf,
}

impl Image {
    fn new(parent: Option<&str>, content: &[u8]) -> Self {
        let folder = match parent {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        };
        let folder = folder.expect("a folder");
        let path = folder.path().join("member.img");
        std::fs::write(&path, content).expect("written");
        Self { _folder: folder, path }
    }

    fn open(&self, access: Access) -> Arc<dyn Disk> {
        let none = |_: &dyn Disk, _| Err("no partitions".to_owned());
        PathOpener::new(&none).open(self.path.to_str().expect("plain"), access).expect("opened")
    }
}

/// A small generator of numbers; the same seed gives the same test.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn pattern(len: usize, seed: u64) -> Vec<u8> {
    (0..len).map(|at| (at / 512 * 7 + at % 253) as u8 ^ seed as u8).collect()
}

fn io(tag: u64, disk: DiskIndex, operation: Operation, at: u64, sectors: u64) -> Io {
    Io {
        tag,
        disk,
        operation,
        at: Sector(at),
        sectors: Sectors(sectors),
        memory: IoMemory::None,
        priority: Priority::Data,
    }
}

/// Buffers whose loans are under way, by tag.
#[derive(Default)]
struct Lent(HashMap<u64, (Buffer, Range)>);

#[derive(Clone, Copy)]
struct Range {
    at: usize,
    len: usize,
    is_read: bool,
}

fn all_done(driver: &mut dyn Driver) -> Vec<Done> {
    let mut done = Vec::new();
    while driver.in_flight() > 0 {
        driver.poll(Wait::ForOne, &mut done);
    }
    done
}

/// Random reads and writes that do not overlap while under way, against a model.
fn random_work(name: &str, parent: Option<&str>) {
    let pool = Pool::new(16 << 20);
    let Some(mut driver) = driver(name, &pool) else { return };
    let mut model = pattern(4 << 20, 1);
    let image = Image::new(parent, &model);
    let disk = driver.attach(image.open(Access::Write));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut lent = Lent::default();
    let mut done = Vec::new();
    let (mut started, mut ended) = (0_u64, 0_u64);
    while ended < 2000 {
        if started < 2000 && lent.0.len() < 48 && random.below(4) > 0 {
            // Each request has its own slot of 64 KiB, so none overlaps another.
            let slot = random.below(64);
            if lent.0.values().any(|(_, range)| range.at / 65_536 == slot as usize) {
                continue;
            }
            let sectors = 1 + random.below(100);
            let at = slot * 128 + random.below(128 - sectors);
            let len = sectors as usize * 512;
            let shift = if random.below(3) == 0 { random.below(8) as usize * 512 } else { 0 };
            let mut buffer = pool.take(len + shift).expect("free");
            let is_read = random.below(2) == 0;
            let content = pattern(len, random.below(256));
            buffer.bytes_mut()[shift..].copy_from_slice(&content);
            let range = Range { at: at as usize * 512, len, is_read };
            let operation = if is_read {
                Operation::Read
            } else {
                model[range.at..range.at + len].copy_from_slice(&content);
                let flush_before = random.below(16) == 0;
                Operation::Write { flush_before, durable: random.below(16) == 0 }
            };
            let loan = buffer.lend(shift..shift + len);
            let request = io(started, disk, operation, at, sectors);
            driver.submit(Io { memory: IoMemory::Own(loan), ..request });
            lent.0.insert(started, (buffer, range));
            started += 1;
            continue;
        }
        let wait = if lent.0.len() > 24 { Wait::ForOne } else { Wait::No };
        driver.poll(wait, &mut done);
        for done in done.drain(..) {
            assert_eq!(done.result, Ok(()));
            let (mut buffer, range) = lent.0.remove(&done.tag).expect("reported once");
            let IoMemory::Own(loan) = done.memory else { panic!("the memory comes back") };
            if range.is_read {
                assert!(loan.bytes() == &model[range.at..range.at + range.len], "{}", done.tag);
            }
            buffer.take_back(loan);
            ended += 1;
        }
    }
    driver.submit(io(9, disk, Operation::Flush, 0, 0));
    assert_eq!(all_done(driver.as_mut())[0].result, Ok(()));
    assert!(std::fs::read(&image.path).expect("read") == model);
}

fn thousand_requests(name: &str) {
    let pool = Pool::new(64 << 20);
    let Some(mut driver) = driver(name, &pool) else { return };
    let content = pattern(1 << 20, 3);
    let image = Image::new(None, &content);
    let disk = driver.attach(image.open(Access::Read));
    let count = 1500;
    let mut buffers = HashMap::new();
    for tag in 0..count {
        let mut buffer = pool.take(4096).expect("free");
        let loan = buffer.lend(0..4096);
        let request = io(tag, disk, Operation::Read, tag * 8 % 2048, 8);
        driver.submit(Io { memory: IoMemory::Own(loan), ..request });
        buffers.insert(tag, buffer);
    }
    driver.flush_batch();
    assert_eq!(driver.in_flight(), count as usize);
    for done in all_done(driver.as_mut()) {
        assert_eq!(done.result, Ok(()));
        let mut buffer = buffers.remove(&done.tag).expect("reported once");
        let IoMemory::Own(loan) = done.memory else { panic!("the memory comes back") };
        buffer.take_back(loan);
        let at = (done.tag * 4096 % (1 << 20)) as usize;
        assert!(buffer.bytes() == &content[at..at + 4096]);
    }
    assert!(buffers.is_empty());
    assert_eq!(driver.in_flight(), 0);
}

/// What a request with memory comes to.
fn result_of(
    driver: &mut dyn Driver,
    pool: &Pool,
    request: Io,
    bytes: usize,
) -> Result<(), FaultKind> {
    let mut buffer = pool.take(bytes.max(1)).expect("free");
    let loan = buffer.lend(0..bytes);
    let memory = if bytes == 0 { IoMemory::None } else { IoMemory::Own(loan) };
    driver.submit(Io { memory, ..request });
    let done = all_done(driver).pop().expect("reported");
    if let IoMemory::Own(loan) = done.memory {
        buffer.take_back(loan);
    }
    done.result.map_err(|fault| fault.kind)
}

fn errors(name: &str) {
    let pool = Pool::new(32 << 20);
    let Some(mut driver) = driver(name, &pool) else { return };
    let driver = driver.as_mut();
    let image = Image::new(None, &pattern(1 << 20, 5));
    let disk = driver.attach(image.open(Access::Read));
    let result = |driver: &mut dyn Driver, request, bytes| result_of(driver, &pool, request, bytes);
    let read = |at, sectors| io(1, disk, Operation::Read, at, sectors);
    assert_eq!(result(driver, read(2047, 1), 512), Ok(()), "the last sector");
    assert_eq!(result(driver, read(2047, 2), 1024), Err(FaultKind::Invalid), "past the end");
    assert_eq!(result(driver, read(u64::MAX, 8), 4096), Err(FaultKind::Invalid));
    assert_eq!(result(driver, read(0, 8), 512), Err(FaultKind::Invalid), "short memory");
    assert_eq!(result(driver, read(0, 8), 0), Err(FaultKind::Invalid), "no memory");
    assert_eq!(result(driver, read(3, 5), 2560), Ok(()), "not aligned to 4096");
    let write = |operation| io(2, disk, operation, 0, 8);
    assert_eq!(result(driver, write(WRITE), 4096), Err(FaultKind::ReadOnly));
    let durable = Operation::Write { flush_before: true, durable: true };
    assert_eq!(result(driver, write(durable), 4096), Err(FaultKind::ReadOnly));
    assert_eq!(result(driver, write(Operation::Discard), 0), Err(FaultKind::ReadOnly));
    assert_eq!(result(driver, write(Operation::WriteZeroes), 0), Err(FaultKind::ReadOnly));
    assert_eq!(result(driver, io(3, disk, Operation::Flush, 0, 0), 0), Ok(()));
    let nobody = io(4, DiskIndex(7), Operation::Read, 0, 1);
    assert_eq!(result(driver, nobody, 512), Err(FaultKind::Gone));
    let file = OpenOptions::new().write(true).open(&image.path).expect("opened");
    file.set_len(8192 + 512).expect("cut");
    assert_eq!(result(driver, read(0, 16), 8192), Ok(()), "what is left");
    assert_eq!(result(driver, read(16, 1), 512), Ok(()), "what is left");
    for (at, sectors) in [(8, 16), (16, 8), (24, 8), (1024, 1), (2040, 8)] {
        let bytes = sectors as usize * 512;
        assert_eq!(result(driver, read(at, sectors), bytes), Err(FaultKind::Gone), "{at}");
    }
    assert_eq!(driver.facts(disk).map(|facts| facts.sectors), Some(Sectors(2048)));
    assert_eq!(driver.facts(DiskIndex(7)), None);
}

/// Zeroes, discards, a part of a file, memory in pieces, one of a request's memories shared.
fn kinds_of_requests(name: &str) {
    let pool = Pool::new(8 << 20);
    let Some(mut driver) = driver(name, &pool) else { return };
    let image = Image::new(None, &pattern(1 << 20, 5));
    let whole = image.open(Access::Write);
    let part = SectorRange::new(512, 1024);
    let part = OffsetDisk::new(Arc::clone(&whole), part, "part".to_owned()).expect("inside");
    let (whole, part) = (driver.attach(whole), driver.attach(Arc::new(part)));
    let memory = driver.attach(Arc::new(MemoryDisk::new("memory", Sectors(2048))));
    driver.submit(io(1, part, Operation::WriteZeroes, 0, 16));
    driver.submit(io(2, whole, Operation::Discard, 2000, 16));
    for done in all_done(driver.as_mut()) {
        assert_eq!(done.result, Ok(()), "{}", done.tag);
    }
    let mut clients = Clients::new(driver);
    let mut pages = Vec::new();
    let mut buffers: Vec<Buffer> = (0..40).map(|_| pool.take(4096).expect("free")).collect();
    for (k, buffer) in buffers.iter_mut().enumerate() {
        buffer.bytes_mut().copy_from_slice(&pattern(4096, k as u64));
        pages.push(buffer.lend(0..4096));
    }
    let regions = [(whole, 1024), (part, 24), (memory, 1)].map(|(disk, at)| Region {
        disk,
        at: Sector(at),
        count: Sectors(311),
    });
    let request = |operation, regions: &[Region], memory| Request {
        tag: 1,
        operation,
        regions: Regions::Many(regions.to_vec()),
        memory,
        priority: Priority::Metadata,
    };
    let pages = Memory::PageList { pages, offset: 512 };
    let pages = clients.perform(request(WRITE, &regions, pages)).expect("written");
    let Memory::PageList { pages, .. } = pages else { panic!("the kind stays") };
    let expected: Vec<u8> = (0..40).flat_map(|k| pattern(4096, k)).collect();
    for region in regions {
        let mut target = pool.take(311 * 512 + 8192).expect("free");
        let vectors = vec![target.lend(4096..4096 + 100), target.lend(4196..4096 + 311 * 512)];
        let read = request(Operation::Read, &[region], Memory::Vectors { vectors, done: 0 });
        let Ok(Memory::Vectors { vectors, .. }) = clients.perform(read) else { panic!("read") };
        vectors.into_iter().for_each(|loan| target.take_back(loan));
        let read = &target.bytes()[4096..4096 + 311 * 512];
        assert!(read == &expected[512..512 + 311 * 512], "{region:?}");
    }
    for (buffer, page) in buffers.iter_mut().zip(pages) {
        buffer.take_back(page);
    }
    let whole_file = std::fs::read(&image.path).expect("read");
    assert!(whole_file[512 * 512..528 * 512].iter().all(|byte| *byte == 0));
}

/// The memory of requests that are under way outlives a driver that is dropped.
fn dropping_waits(name: &str) {
    let pool = Pool::new(64 << 20);
    let Some(mut driver) = driver(name, &pool) else { return };
    let image = Image::new(None, &vec![0; 8 << 20]);
    let disk = driver.attach(image.open(Access::Write));
    let mut buffers = Vec::new();
    for tag in 0..64 {
        let mut buffer = pool.take(65_536).expect("free");
        buffer.bytes_mut().fill(tag as u8 + 1);
        let loan = buffer.lend(0..65_536);
        let operation = Operation::Write { flush_before: tag % 8 == 0, durable: tag % 8 == 1 };
        let request = io(tag, disk, operation, tag * 128, 128);
        driver.submit(Io { memory: IoMemory::Own(loan), ..request });
        buffers.push(buffer);
    }
    driver.flush_batch();
    drop(driver);
    let content = std::fs::read(&image.path).expect("read");
    for (tag, part) in content.chunks(65_536).take(64).enumerate() {
        assert!(part.iter().all(|byte| usize::from(*byte) == tag + 1), "request {tag}");
    }
}

/// A lock goes with the last user of a file, and a driver that is gone uses none.
fn locks_go_with_a_driver(name: &str) {
    let pool = Pool::new(0);
    let image = Image::new(None, &pattern(1 << 20, 2));
    for _ in 0..20 {
        let Some(mut driver) = driver(name, &pool) else { return };
        let disk = driver.attach(image.open(Access::Read));
        let read = io(1, disk, Operation::Read, 0, 8);
        assert_eq!(result_of(driver.as_mut(), &pool, read, 4096), Ok(()));
        drop(driver);
        drop(image.open(Access::Write));
    }
}

/// A thread that waits for other things too hears of completions.
fn waiting_elsewhere(name: &str) {
    let pool = Pool::new(8 << 20);
    let Some(mut driver) = driver(name, &pool) else { return };
    let image = Image::new(None, &pattern(1 << 20, 6));
    let disk = driver.attach(image.open(Access::Write));
    let mut done = Vec::new();
    driver.poll(Wait::ForOne, &mut done);
    driver.poll(Wait::AtMost(Duration::from_millis(1)), &mut done);
    assert!(done.is_empty(), "nothing is under way, so nothing is waited for");
    // Again and again: kernels tell a second time of what they told once only by way of one event.
    for tag in 0..400 {
        let (operation, sectors) = match tag % 4 {
            0 => (Operation::Flush, 0),
            _ => (Operation::WriteZeroes, 8),
        };
        driver.submit(io(tag, disk, operation, 0, sectors));
        driver.flush_batch();
        while done.is_empty() {
            if let Some(fd) = driver.wait_fd() {
                let seconds = if driver.may_sleep() { 20 } else { 0 };
                let time = rustix::event::Timespec { tv_sec: seconds, tv_nsec: 0 };
                let mut events = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
                let ready = rustix::event::poll(&mut events, Some(&time)).expect("waited");
                assert!(ready == 1 || seconds == 0, "request {tag} was slept over");
            }
            driver.poll(Wait::No, &mut done);
        }
        assert_eq!(done.drain(..).map(|done| done.result).collect::<Vec<_>>(), [Ok(())]);
    }
    driver.submit(io(400, disk, Operation::Flush, 0, 0));
    while done.is_empty() {
        driver.poll(Wait::AtMost(Duration::from_secs(60)), &mut done);
    }
}

/// What ended before the descriptor was first asked for, and what one poll left, wakes nobody: the
/// driver says that its thread may not sleep. Both where a read passes the cache and where not.
fn nothing_is_slept_over(name: &str) {
    for parent in [None, Some("/dev/shm"), Some(env!("CARGO_TARGET_TMPDIR"))] {
        let pool = Pool::new(32 << 20);
        let Some(mut driver) = driver(name, &pool) else { return };
        let image = Image::new(parent, &pattern(1 << 20, 6));
        let disk = driver.attach(image.open(Access::Read));
        let mut lent = Vec::new();
        for tag in 0..200 {
            let mut buffer = pool.take(4096).expect("free");
            let memory = IoMemory::Own(buffer.lend(0..4096));
            driver.submit(Io { memory, ..io(tag, disk, Operation::Read, 8 * tag, 8) });
            lent.push(buffer);
        }
        driver.flush_batch();
        std::thread::sleep(Duration::from_millis(20));
        let mut done = Vec::new();
        while done.len() < 200 {
            let Some(fd) = driver.wait_fd() else { return };
            let seconds = if driver.may_sleep() { 20 } else { 0 };
            let time = rustix::event::Timespec { tv_sec: seconds, tv_nsec: 0 };
            let mut events = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
            let ready = rustix::event::poll(&mut events, Some(&time)).expect("waited");
            assert!(ready == 1 || seconds == 0, "{} of 200 ended, then nothing", done.len());
            driver.poll(Wait::No, &mut done);
        }
    }
}

macro_rules! suite {
    ($($driver:ident),*) => {$(
        mod $driver {
            const NAME: &str = stringify!($driver);

            #[test]
            fn nothing_is_slept_over() {
                super::nothing_is_slept_over(NAME);
            }

            #[test]
            fn random_work_agrees_with_a_model() {
                super::random_work(NAME, None);
            }

            #[test]
            fn random_work_in_memory_agrees_with_a_model() {
                super::random_work(NAME, Some("/dev/shm"));
            }

            #[test]
            fn a_thousand_requests_are_under_way() {
                super::thousand_requests(NAME);
            }

            #[test]
            fn errors_are_told_apart() {
                super::errors(NAME);
            }

            #[test]
            fn all_kinds_of_requests_and_memory_work() {
                super::kinds_of_requests(NAME);
            }

            #[test]
            fn dropping_a_driver_waits_for_what_is_under_way() {
                super::dropping_waits(NAME);
            }

            #[test]
            fn a_driver_that_is_gone_holds_no_lock() {
                super::locks_go_with_a_driver(NAME);
            }

            #[test]
            fn completions_can_be_waited_for_elsewhere() {
                super::waiting_elsewhere(NAME);
            }
        }
    )*};
}

suite!(inline, workers, ring);

#[test]
fn the_choice_follows_the_disks_and_the_word() {
    let pool = Pool::new(0);
    let threads = choose(Choice::Threads, &pool, &[]).expect("threads need nothing");
    assert!(threads.wait_fd().is_some());
    let memory: Arc<dyn Disk> = Arc::new(MemoryDisk::new("memory", Sectors(8)));
    assert!(choose(Choice::Automatic, &pool, &[memory]).is_ok());
    let image = Image::new(None, &[0; 4096]);
    assert!(choose(Choice::Automatic, &pool, &[image.open(Access::Read)]).is_ok());
}
