//! The port to members: disks, aligned buffers, regions.
//!
//! The one thing to understand: a [`Disk`] answers one request at a time and may wait; a
//! [`Driver`] keeps many requests under way on many disks and never waits unless told to. The
//! engine sees neither: it hands out region requests ([`region::Request`]) and is told how they
//! ended.
//!
//! Deliberately absent: system calls (crate `host` makes them), levels, formats.

pub mod decorator;
mod descriptor;
mod disk;
mod driver;
mod inline;
mod iomemory;
mod memory;
mod null;
mod pool;
pub mod region;
mod view;

pub use descriptor::{Reserve, SharedWrite};
pub use disk::{
    Access, Descriptor, Disk, Facts, Fault, FaultKind, Hole, Maker, OpenError, Opener, Span,
};
pub use driver::{DiskIndex, Done, Driver, Io, IoMemory, Operation, Priority, Wait};
pub use inline::{Inline, perform};
pub use memory::MemoryDisk;
pub use null::{GoneDisk, NullDisk, ReadOnly};
pub use pool::{Buffer, ClassStats, Loan, Pool, PoolEmpty, PoolStats};
pub use view::OffsetDisk;
