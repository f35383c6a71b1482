//! One request on its way: what has been handed out, what is under way, what failed.
//!
//! States: *issuing* (requests to disks are still to be made), *issued* (all are made, some are
//! under way), *over* (none is). A context is over once; that is when its notice is made.
//!
//! Invariant: `pending` counts the requests under way plus one until all are made, so a context is
//! not over while it is issuing.

use super::source::Source;
use super::{ErrorBits, Memory, Notice, Region, Regions, Request};
use crate::{Driver, FaultKind, Io, IoMemory, Operation, Priority};
use paritas_units::{SECTOR_BYTES, Sector, Sectors};

/// The most slices that one request to a disk has.
#[doc(alias = "BIO_MAX_VECS")]
pub(super) const MOST_SLICES: usize = 256;

/// A request on its way.
#[doc(alias = "io")]
#[derive(Debug)]
pub(super) struct Context {
    tag: u64,
    operation: Operation,
    pub(super) priority: Priority,
    regions: Regions,
    source: Source,
    /// The region at which issuing stands.
    region: usize,
    /// Sectors of that region that have been issued.
    done: u64,
    /// Requests made so far.
    made: u32,
    pending: u32,
    errors: ErrorBits,
    fault: Option<FaultKind>,
}

/// A request to a disk, without its tag's client and context.
pub(super) struct Part {
    pub(super) region: u32,
    pub(super) number: u32,
    pub(super) io: Io,
}

impl Context {
    /// A context that nothing uses.
    pub(super) fn idle() -> Self {
        Self::new(Request {
            tag: 0,
            operation: Operation::Flush,
            regions: Regions::Many(Vec::new()),
            memory: Memory::None,
            priority: Priority::Data,
        })
    }

    pub(super) fn new(request: Request) -> Self {
        Self {
            tag: request.tag,
            operation: request.operation,
            priority: request.priority,
            regions: request.regions,
            source: Source::Kept(request.memory),
            region: 0,
            done: 0,
            made: 0,
            pending: 1,
            errors: ErrorBits::default(),
            fault: None,
        }
    }

    /// The next request to a disk, or `None` when all have been made.
    #[doc(alias("dispatch_io", "do_region"))]
    pub(super) fn next(&mut self, driver: &dyn Driver) -> Option<Part> {
        while let Some(region) = self.regions.as_slice().get(self.region).copied() {
            if let Some(part) = self.next_of(region, driver) {
                return Some(part);
            }
            self.region += 1;
            self.done = 0;
        }
        None
    }

    /// Whether there is anything left to make.
    pub(super) fn is_issued(&self) -> bool {
        self.region >= self.regions.as_slice().len()
    }

    /// The next request for the region at which issuing stands.
    fn next_of(&mut self, region: Region, driver: &dyn Driver) -> Option<Part> {
        let flushes = match self.operation {
            Operation::Flush => true,
            Operation::Write { flush_before, .. } => flush_before && region.count.is_zero(),
            _ => false,
        };
        if flushes {
            let is_first = self.done == 0;
            self.done = 1;
            return is_first
                .then(|| self.part(region, Operation::Flush, Sectors::ZERO, IoMemory::None));
        }
        let rest = region.count.0.saturating_sub(self.done);
        if rest == 0 {
            return None;
        }
        let most = match self.limit(region, driver) {
            Ok(most) => rest.min(most),
            Err(kind) => {
                self.failed(self.region_number(), kind);
                return None;
            }
        };
        let (sectors, memory) = match self.operation {
            Operation::Read | Operation::Write { .. } => self.take(most),
            _ => (most, IoMemory::None),
        };
        let part = self.part(region, self.operation, Sectors(sectors), memory);
        self.done += sectors;
        Some(part)
    }

    /// The longest request that the region's disk takes; at least one sector.
    fn limit(&self, region: Region, driver: &dyn Driver) -> Result<u64, FaultKind> {
        let facts = driver.facts(region.disk).ok_or(FaultKind::Gone)?;
        let end = region.at.checked_add(region.count).ok_or(FaultKind::Invalid)?;
        if end.0 > facts.sectors.0 {
            return Err(FaultKind::Invalid);
        }
        let (most, none) = match self.operation {
            Operation::Discard => (facts.max_discard, Err(FaultKind::Unsupported)),
            Operation::WriteZeroes => (facts.max_write_zeroes, Err(FaultKind::Unsupported)),
            _ => (facts.max_transfer, Ok(u64::MAX)),
        };
        if most.is_zero() {
            return none;
        }
        let block = Sectors(u64::from(facts.logical_block) / SECTOR_BYTES);
        let whole = most.rounded_down(block);
        Ok(if whole.is_zero() { most.0 } else { whole.0 })
    }

    /// Takes memory for at most `most` sectors: as many as lie in [`MOST_SLICES`] slices.
    fn take(&mut self, most: u64) -> (u64, IoMemory) {
        if let Source::Kept(_) = &self.source {
            if self.operation == Operation::Read {
                self.source.cut();
            } else {
                self.source.share();
            }
        }
        let skip = self.done * SECTOR_BYTES;
        let fits = self.source.bytes_in(skip, MOST_SLICES) / SECTOR_BYTES;
        let sectors = most.min(fits.max(1));
        (sectors, self.source.take(skip, sectors * SECTOR_BYTES))
    }

    fn part(
        &mut self,
        region: Region,
        operation: Operation,
        sectors: Sectors,
        memory: IoMemory,
    ) -> Part {
        self.made += 1;
        self.pending += 1;
        let at = Sector(region.at.0 + self.done.min(region.count.0));
        let at = if operation == Operation::Flush { region.at } else { at };
        let io = Io {
            tag: 0,
            disk: region.disk,
            operation,
            at,
            sectors,
            memory,
            priority: self.priority,
        };
        Part { region: self.region_number(), number: self.made, io }
    }

    fn region_number(&self) -> u32 {
        u32::try_from(self.region).unwrap_or(u32::MAX)
    }

    /// A request to a disk has ended.
    #[doc(alias = "endio")]
    pub(super) fn ended(
        &mut self,
        region: u32,
        number: u32,
        failure: Option<FaultKind>,
        mut memory: IoMemory,
    ) {
        if let Some(kind) = failure {
            self.failed(region, kind);
            if self.operation == Operation::Read {
                memory.zero(usize::MAX);
            }
        }
        self.source.give_back(number, memory);
        self.pending -= 1;
    }

    /// All requests have been made.
    pub(super) const fn all_made(&mut self) {
        self.pending -= 1;
    }

    fn failed(&mut self, region: u32, kind: FaultKind) {
        self.errors.set(region);
        self.fault.get_or_insert(kind);
    }

    /// The notice, if the context is over.
    #[doc(alias("dec_count", "complete_io"))]
    pub(super) fn notice(&mut self) -> Option<Notice> {
        (self.pending == 0).then(|| Notice {
            tag: self.tag,
            errors: self.errors,
            fault: self.fault,
            memory: self.source.finish(),
        })
    }
}
