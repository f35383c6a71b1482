//! Many requests under way on many disks: the types, and the port that drivers implement.
//!
//! The one thing to understand: a driver owns the memory of a request from [`Driver::submit`] to
//! the [`Done`] that hands it back, so nobody can touch bytes that a disk is working on.
//!
//! Deliberately absent: any driver. [`crate::Inline`] stands in this crate, those that keep
//! requests under way with the kernel's help stand in `host`.

use crate::region::Memory;
use crate::{Disk, Facts, Fault, Loan};
use paritas_units::{Sector, Sectors};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// A disk as a driver knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskIndex(pub u16);

/// What to do with the sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Bring them into memory.
    Read,
    /// Bring memory to them.
    Write {
        /// Flush the disk first (PREFLUSH).
        flush_before: bool,
        /// Be on stable storage before completing (FUA).
        durable: bool,
    },
    /// Bring earlier writes to stable storage; no sectors, no memory.
    Flush,
    /// They are not needed; no memory.
    Discard,
    /// They shall read as zeroes; no memory.
    WriteZeroes,
}

/// The memory of a request.
#[derive(Debug)]
pub enum IoMemory {
    /// No memory (flush, discard, write-zeroes).
    None,
    /// Memory of this request alone.
    Own(Loan),
    /// Memory that several requests read from at once (a write to many members).
    Shared(Arc<Loan>),
    /// A part, from byte `skip` on, of memory that several requests read from at once.
    Part {
        /// The whole memory.
        memory: Arc<Memory>,
        /// Bytes before the part.
        skip: u64,
    },
    /// Memory of this request alone, in several pieces one after the other.
    Vectors(Vec<Loan>),
}

/// How much a request matters when there is a choice.
#[doc(alias = "ioprio")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Superblocks, bitmaps, logs: others wait for these. It may take the last descriptor of a
    /// reserve.
    Metadata,
    /// What a host asked for.
    #[default]
    Data,
    /// Resync, check and the like.
    Background,
}

/// A request to one disk.
#[derive(Debug)]
pub struct Io {
    /// Comes back in [`Done`]; the driver does not look at it.
    pub tag: u64,
    /// The disk.
    pub disk: DiskIndex,
    /// What to do.
    pub operation: Operation,
    /// The first sector on the disk.
    pub at: Sector,
    /// How many; the memory has as many bytes.
    pub sectors: Sectors,
    /// Where the bytes are.
    pub memory: IoMemory,
    /// How much it matters; it changes no result.
    pub priority: Priority,
}

/// A request that has ended.
#[derive(Debug)]
pub struct Done {
    /// The tag of the request.
    pub tag: u64,
    /// How it ended. A short transfer is a fault.
    pub result: Result<(), Fault>,
    /// The memory back.
    pub memory: IoMemory,
}

/// Whether to wait for a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Take what has ended.
    No,
    /// Wait for at least one if any is under way.
    ForOne,
    /// As [`Wait::ForOne`], but not longer than this.
    AtMost(Duration),
}

/// Keeps many requests under way. It belongs to one thread.
///
/// There is no order between requests that are under way together. Dropping a driver waits until
/// none is.
pub trait Driver {
    /// Makes a disk known; its number is good as long as the driver lives.
    fn attach(&mut self, disk: Arc<dyn Disk>) -> DiskIndex;

    /// Lets go of a disk on which nothing is under way: its file is closed when nobody else has it.
    /// Its number is not given again, and requests to it fail as gone.
    fn detach(&mut self, disk: DiskIndex);

    /// Starts a request. It may be complete at once; it is still reported by [`Driver::poll`].
    fn submit(&mut self, io: Io);

    /// Appends what has ended to `done`, handing what was submitted to the system first.
    fn poll(&mut self, wait: Wait, done: &mut Vec<Done>);

    /// How many requests are under way: submitted and not yet reported.
    fn in_flight(&self) -> usize;

    /// What is known of a disk, or `None` for a number that [`Driver::attach`] never gave.
    fn facts(&self, disk: DiskIndex) -> Option<&Facts>;

    /// Says that a batch of submissions is complete: a driver that collects requests hands them to
    /// the system now, so that none waits for the next [`Driver::poll`].
    #[doc(alias = "md_unplug")]
    fn flush_batch(&mut self) {}

    /// What becomes readable when a request that is under way ends, for a thread that waits for
    /// other things too. `None` where every request ends within [`Driver::submit`].
    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether all that can be known of is told by [`Driver::wait_fd`], so that a thread may sleep
    /// until that is readable. To be asked *after* it and right before the sleep: a driver may hold
    /// what ended before the descriptor was asked for, or more than one poll takes.
    fn may_sleep(&self) -> bool {
        true
    }
}
