//! The steady state allocates nothing: reads of one region with contiguous memory, over each
//! driver.
//!
//! One test alone in its process, since the count is the process's.

use paritas_disk::region::{Clients, Memory, Region, Regions, Request};
use paritas_disk::{Access, Driver, Inline, MemoryDisk, Opener, Operation, Pool, Priority, Wait};
use paritas_host::{PathOpener, Ring, Workers};
use paritas_units::{Sector, Sectors};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator is unsafe to implement")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a thousand reads, after a hundred that warm up.
fn allocations_of_reads(
    driver: Box<dyn Driver>,
    disk: Arc<dyn paritas_disk::Disk>,
    pool: &Pool,
) -> u64 {
    let mut clients = Clients::new(driver);
    let disk = clients.attach(disk);
    let client = clients.add(16);
    let mut notices = Vec::with_capacity(16);
    let mut before = 0;
    for tag in 0..1100 {
        if tag == 100 {
            before = ALLOCATIONS.load(Ordering::Relaxed);
        }
        let mut buffer = pool.take(4096).expect("free");
        let request = Request {
            tag,
            operation: Operation::Read,
            regions: Regions::One(Region { disk, at: Sector(tag % 64 * 8), count: Sectors(8) }),
            memory: Memory::Contiguous(buffer.lend(0..4096)),
            priority: Priority::Data,
        };
        clients.start(client, request).expect("begun");
        clients.poll(Wait::ForOne, &mut notices);
        let notice = notices.pop().expect("one");
        assert!(notice.errors.is_empty() && notices.is_empty());
        let Memory::Contiguous(loan) = notice.memory else { panic!("the kind stays") };
        buffer.take_back(loan);
    }
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn reads_of_one_region_allocate_nothing() {
    let pool = Pool::new(4 << 20);
    let memory = Arc::new(MemoryDisk::from_bytes("m", &vec![1; 1 << 18]));
    assert_eq!(allocations_of_reads(Box::new(Inline::new()), memory.clone(), &pool), 0);
    assert_eq!(allocations_of_reads(Box::new(Workers::new()), memory, &pool), 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.img");
    std::fs::write(&path, vec![1; 1 << 18]).expect("written");
    let none = |_: &dyn paritas_disk::Disk, _| Err("no partitions".to_owned());
    let opener = PathOpener::new(&none);
    let disk = opener.open(path.to_str().expect("plain"), Access::Read).expect("opened");
    let ring = match Ring::new(&pool) {
        Ok(ring) => ring,
        Err(error) => {
            let is_known = std::env::var_os("PARITAS_NO_RING").is_some_and(|word| word == "1");
            assert!(is_known, "{error}; if this is known, say PARITAS_NO_RING=1");
            return;
        }
    };
    assert_eq!(allocations_of_reads(Box::new(ring), disk, &pool), 0);
}
