//! Descriptors of requests: a bounded reserve of them, and one whose clones share their memory.
//!
//! The one thing to understand: a [`Reserve`] is a count. Who holds one may have a request under
//! way; the last of several is kept for metadata, so a superblock can always be written while data
//! holds all the rest.
//!
//! Invariant: `taken` is never above `total`.

use crate::region::Memory;
use crate::{DiskIndex, Io, IoMemory, Operation, Priority};
use paritas_units::{SECTOR_BYTES, SectorRange, Sectors};
use std::sync::Arc;

/// How many requests may be under way at once.
#[doc(alias("bio_alloc_mddev", "bio_set"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    total: u32,
    taken: u32,
}

impl Reserve {
    /// A reserve of `total` descriptors, at least one.
    #[must_use]
    pub const fn new(total: u32) -> Self {
        Self { total: if total == 0 { 1 } else { total }, taken: 0 }
    }

    /// Whether [`Reserve::take`] would succeed.
    #[must_use]
    pub const fn has(&self, priority: Priority) -> bool {
        let kept = match priority {
            Priority::Metadata => 0,
            Priority::Data | Priority::Background => (self.total > 1) as u32,
        };
        self.taken + kept < self.total
    }

    /// Takes a descriptor, or says that the caller must wait for one.
    #[must_use]
    pub const fn take(&mut self, priority: Priority) -> bool {
        let has = self.has(priority);
        self.taken += has as u32;
        has
    }

    /// Gives a descriptor back.
    ///
    /// # Panics
    /// When none is out: a mistake of the caller.
    pub const fn give_back(&mut self) {
        assert!(self.taken > 0, "a descriptor that was taken is given back");
        self.taken -= 1;
    }

    /// Descriptors that are not out.
    #[must_use]
    pub const fn free(&self) -> u32 {
        self.total - self.taken
    }
}

/// A write whose clones share its memory, and of which a part can be sent.
#[doc(alias = "bio_clone_mddev")]
#[derive(Clone, Debug)]
pub struct SharedWrite {
    range: SectorRange,
    memory: Arc<Memory>,
    skip: u64,
    durable: bool,
    priority: Priority,
}

impl SharedWrite {
    /// A write of `memory` to `range`, or `None` if the memory is shorter.
    #[must_use]
    pub fn new(
        range: SectorRange,
        memory: Arc<Memory>,
        durable: bool,
        priority: Priority,
    ) -> Option<Self> {
        let fits = range.len.bytes().is_some_and(|bytes| bytes <= memory.len());
        fits.then_some(Self { range, memory, skip: 0, durable, priority })
    }

    /// Where it writes.
    #[must_use]
    pub const fn range(&self) -> SectorRange {
        self.range
    }

    /// Keeps only `len` sectors from `offset` on: start, length and memory change together. Clones
    /// are not touched.
    ///
    /// # Panics
    /// When the part is not in the write: a mistake of the caller.
    #[doc(alias = "md_trim_bio")]
    pub fn trim(&mut self, offset: Sectors, len: Sectors) {
        let end = offset.0.checked_add(len.0).expect("the part lies in the write");
        assert!(end <= self.range.len.0, "the part lies in the write");
        self.range = (self.range.start + offset).range(len);
        self.skip += offset.0 * SECTOR_BYTES;
    }

    /// The bytes, slice by slice.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = usize::try_from(self.range.len.0 * SECTOR_BYTES).unwrap_or(0);
        self.memory.slices(self.skip).map_while(move |slice| {
            let slice = slice.get(..left).unwrap_or(slice);
            left -= slice.len();
            (!slice.is_empty()).then_some(slice)
        })
    }

    /// The request to `disk`.
    #[must_use]
    pub fn io(&self, tag: u64, disk: DiskIndex) -> Io {
        Io {
            tag,
            disk,
            operation: Operation::Write { flush_before: false, durable: self.durable },
            at: self.range.start,
            sectors: self.range.len,
            memory: IoMemory::Part { memory: Arc::clone(&self.memory), skip: self.skip },
            priority: self.priority,
        }
    }
}
