//! What the tests of this crate share.
use paritas_disk::region::{Memory, Region, Regions, Request};
use paritas_disk::{
    Buffer, Disk, DiskIndex, Done, Driver, Facts, Inline, Io, IoMemory, Loan, MemoryDisk,
    Operation, Pool, Priority, Wait,
};
use paritas_units::{Sector, Sectors};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

pub(crate) const WRITE: Operation = Operation::Write { flush_before: false, durable: false };
pub(crate) const FLUSH_WRITE: Operation = Operation::Write { flush_before: true, durable: false };

/// Bytes that differ from sector to sector and from byte to byte.
pub(crate) fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at / 512 * 31 + at % 251) as u8 ^ seed).collect()
}

/// A buffer of a new pool with this content, lent whole.
pub(crate) fn loan_of(content: &[u8]) -> (Buffer, Loan) {
    let pool = Pool::new(4 << 20);
    let mut buffer = pool.take(content.len()).expect("free");
    buffer.bytes_mut().copy_from_slice(content);
    let loan = buffer.lend(0..content.len());
    (buffer, loan)
}

pub(crate) fn region(disk: u16, at: u64, count: u64) -> Region {
    Region { disk: DiskIndex(disk), at: Sector(at), count: Sectors(count) }
}

pub(crate) fn request(operation: Operation, regions: &[Region], memory: Memory) -> Request {
    let regions = match regions {
        [one] => Regions::One(*one),
        many => Regions::Many(many.to_vec()),
    };
    Request { tag: 7, operation, regions, memory, priority: Priority::Data }
}

pub(crate) fn memory_disks(count: usize, sectors: u64) -> Vec<Arc<dyn Disk>> {
    (0..count)
        .map(|k| Arc::new(MemoryDisk::new(&format!("m{k}"), Sectors(sectors))) as Arc<dyn Disk>)
        .collect()
}

pub(crate) fn content(disk: &dyn Disk, at: u64, bytes: usize) -> Vec<u8> {
    let mut into = vec![0xEE; bytes];
    disk.read(Sector(at), &mut into).expect("a good disk");
    into
}

/// What a driver was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) disk: u16,
    pub(crate) operation: Operation,
    pub(crate) at: u64,
    pub(crate) sectors: u64,
    pub(crate) priority: Priority,
    pub(crate) slices: usize,
}

/// A driver that notes every request and ends them in an order of the test's choice.
pub(crate) struct Spy {
    inner: Inline,
    held: Vec<Done>,
    pub(crate) seen: Rc<RefCell<Vec<Seen>>>,
    /// Every how many-th of the held requests ends next; 1 is first come, first served.
    pub(crate) stride: usize,
    pub(crate) most_in_flight: Rc<RefCell<usize>>,
}

impl Spy {
    pub(crate) fn new(stride: usize) -> Self {
        Self {
            inner: Inline::new(),
            held: Vec::new(),
            seen: Rc::default(),
            stride,
            most_in_flight: Rc::default(),
        }
    }
}

impl Driver for Spy {
    fn attach(&mut self, disk: Arc<dyn Disk>) -> DiskIndex {
        self.inner.attach(disk)
    }

    fn detach(&mut self, disk: DiskIndex) {
        self.inner.detach(disk);
    }

    fn submit(&mut self, io: Io) {
        let bytes = usize::try_from(io.sectors.0 * 512).expect("small");
        let slices = match &io.memory {
            IoMemory::None => 0,
            memory => memory.slices(bytes).count(),
        };
        self.seen.borrow_mut().push(Seen {
            disk: io.disk.0,
            operation: io.operation,
            at: io.at.0,
            sectors: io.sectors.0,
            priority: io.priority,
            slices,
        });
        self.inner.submit(io);
        self.inner.poll(Wait::No, &mut self.held);
        let mut most = self.most_in_flight.borrow_mut();
        *most = self.held.len().max(*most);
    }

    fn poll(&mut self, _wait: Wait, done: &mut Vec<Done>) {
        if !self.held.is_empty() {
            let next = (self.stride - 1) % self.held.len();
            done.push(self.held.remove(next));
        }
    }

    fn in_flight(&self) -> usize {
        self.held.len()
    }

    fn facts(&self, disk: DiskIndex) -> Option<&Facts> {
        self.inner.facts(disk)
    }
}

/// Contiguous memory.
pub(crate) fn contiguous(loan: Loan) -> Memory {
    Memory::Contiguous(loan)
}
