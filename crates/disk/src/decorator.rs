//! Disks over disks, for tests, simulations and looking without touching: faults, delays, traces,
//! overlays.
//!
//! The one thing to understand: each is a [`crate::Disk`] that passes requests on to the one
//! beneath, so they can be stacked in any order.

mod delay;
mod fault;
mod overlay;
mod ranges;
mod trace;

pub use delay::DelayDisk;
pub use fault::{Counts, FaultDisk, Rule, When};
pub use overlay::OverlayDisk;
pub use trace::{Trace, TraceDisk, Traced};

use crate::Operation;

/// Kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Reads.
    Read,
    /// Writes, durable or not.
    Write,
    /// Flushes.
    Flush,
    /// Discards.
    Discard,
    /// Write-zeroes.
    WriteZeroes,
}

impl From<Operation> for Kind {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Read => Self::Read,
            Operation::Write { .. } => Self::Write,
            Operation::Flush => Self::Flush,
            Operation::Discard => Self::Discard,
            Operation::WriteZeroes => Self::WriteZeroes,
        }
    }
}
