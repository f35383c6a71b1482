//! One operation on many regions at once (dm-io): an error bit for each region.
//!
//! The one thing to understand: a [`Request`] is cut into requests to single disks
//! ([`crate::Io`]), each within the disk's limits, and its [`Notice`] comes when the last of them
//! has ended. There is no order between regions and none between requests.
//!
//! Deliberately absent: cancelling, merging, and a fifth kind of memory ([`Memory`] is closed, so
//! the driver's "unknown kind" cannot be said).

mod client;
mod clients;
mod context;
mod cursor;
mod lone;
mod source;

pub use client::{Client, MOST_REGIONS, RESERVE, Refused, Why};
pub use clients::{ClientId, Clients, SyncError, perform};
pub use cursor::{PAGE, Slices};

use crate::{DiskIndex, FaultKind, Loan, Operation, Priority};
use paritas_units::{Sector, Sectors};

/// A run of sectors on one disk.
#[doc(alias = "dm_io_region")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The disk.
    pub disk: DiskIndex,
    /// The first sector.
    pub at: Sector,
    /// How many; a region of zero is skipped, unless the operation flushes.
    pub count: Sectors,
}

/// The memory of a request, in one of four kinds.
#[doc(alias = "dm_io_memory")]
#[derive(Debug)]
pub enum Memory {
    /// No memory: flush, discard, write-zeroes.
    None,
    /// Pages in a list; data begins `offset` bytes into the first.
    PageList {
        /// The pages, each of one page's size.
        pages: Vec<Loan>,
        /// Where data begins in the first page.
        offset: u32,
    },
    /// Vectors of any length, of which the first `done` bytes have been dealt with already.
    Vectors {
        /// The vectors.
        vectors: Vec<Loan>,
        /// Bytes to skip.
        done: u64,
    },
    /// Mapped memory that begins anywhere in a page, taken page by page.
    Mapped {
        /// The memory.
        memory: Loan,
        /// Where data begins in it.
        offset: u32,
    },
    /// Contiguous memory.
    Contiguous(Loan),
}

/// A set of region numbers; bit k stands for region k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorBits(pub u64);

impl ErrorBits {
    /// Whether no region failed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether region `region` failed.
    #[must_use]
    pub const fn has(self, region: u32) -> bool {
        region < u64::BITS && self.0 & (1 << region) != 0
    }

    /// Notes that region `region` failed; numbers from 64 on do not exist and change nothing.
    pub const fn set(&mut self, region: u32) {
        if region < u64::BITS {
            self.0 |= 1 << region;
        }
    }

    /// The numbers of the regions that failed.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(move |region| self.has(*region))
    }
}

/// One operation on up to 64 regions.
#[doc(alias = "dm_io_request")]
#[derive(Debug)]
pub struct Request {
    /// Comes back with the notification.
    pub tag: u64,
    /// What to do; with more than one region only writes, flushes, discards and write-zeroes.
    pub operation: Operation,
    /// The regions.
    pub regions: Regions,
    /// The memory, the same for each region.
    pub memory: Memory,
    /// How much it matters; it is handed to every request to a disk.
    pub priority: Priority,
}

/// Regions of a request; one region needs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// One region.
    One(Region),
    /// Several.
    Many(Vec<Region>),
}

impl Regions {
    /// The regions as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[Region] {
        match self {
            Self::One(region) => std::slice::from_ref(region),
            Self::Many(regions) => regions,
        }
    }
}

/// How a request ended.
#[derive(Debug)]
pub struct Notice {
    /// The tag of the request.
    pub tag: u64,
    /// Which regions failed; zero if none did.
    pub errors: ErrorBits,
    /// What the first failure was; `None` if no region failed.
    pub fault: Option<FaultKind>,
    /// The memory back.
    pub memory: Memory,
}
