//! A disk that notes what it is asked.
//!
//! The one thing to understand: several disks may share one [`Trace`], so the order of requests
//! to different disks can be seen: flushes before data, data before the superblock.

use super::fault::range;
use crate::{Disk, Facts, Fault, FaultKind, Hole, Operation};
use paritas_units::{Sector, SectorRange, Sectors};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    requests: Arc<Mutex<Vec<Traced>>>,
}

/// A request that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The disk's name.
    pub disk: String,
    /// What was asked. A flush before a write is a request of its own.
    pub operation: Operation,
    /// Where; empty for a flush.
    pub range: SectorRange,
    /// How it ended.
    pub result: Result<(), FaultKind>,
}

/// A disk that notes what it is asked.
#[derive(Debug)]
pub struct TraceDisk {
    under: Arc<dyn Disk>,
    trace: Trace,
}

impl Trace {
    /// A trace without requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was noted so far.
    #[must_use]
    pub fn take(&self) -> Vec<Traced> {
        std::mem::take(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, traced: Traced) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(traced);
    }
}

impl fmt::Display for Traced {
    /// One line: `a.img write 8+16 durable`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, is_durable) = match self.operation {
            Operation::Read => ("read", false),
            Operation::Write { durable, .. } => ("write", durable),
            Operation::Flush => ("flush", false),
            Operation::Discard => ("discard", false),
            Operation::WriteZeroes => ("write-zeroes", false),
        };
        write!(f, "{} {word}", self.disk)?;
        if self.operation != Operation::Flush {
            write!(f, " {}", self.range)?;
        }
        if is_durable {
            f.write_str(" durable")?;
        }
        match self.result {
            Ok(()) => Ok(()),
            Err(fault) => write!(f, ": {fault}"),
        }
    }
}

impl TraceDisk {
    /// `under`, noting in `trace`.
    #[must_use]
    pub fn new(under: Arc<dyn Disk>, trace: &Trace) -> Self {
        Self { under, trace: trace.clone() }
    }

    fn note(
        &self,
        operation: Operation,
        range: SectorRange,
        result: Result<(), Fault>,
    ) -> Result<(), Fault> {
        let kind = result.as_ref().map_err(|fault| fault.kind).copied();
        let disk = self.under.facts().name.clone();
        self.trace.add(Traced { disk, operation, range, result: kind });
        result
    }
}

impl Disk for TraceDisk {
    fn facts(&self) -> &Facts {
        self.under.facts()
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        let range = range(at, into.len());
        self.note(Operation::Read, range, self.under.read(at, into))
    }

    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        let operation = Operation::Write { flush_before: false, durable };
        self.note(operation, range(at, from.len()), self.under.write(at, from, durable))
    }

    fn flush(&self) -> Result<(), Fault> {
        self.note(Operation::Flush, SectorRange::default(), self.under.flush())
    }

    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.note(Operation::Discard, at.range(sectors), self.under.discard(at, sectors))
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.note(Operation::WriteZeroes, at.range(sectors), self.under.write_zeroes(at, sectors))
    }

    fn tail(&self) -> Result<Vec<u8>, Fault> {
        self.under.tail()
    }

    fn may_wait(&self) -> bool {
        self.under.may_wait()
    }

    fn hole(&self, at: Sector) -> Hole {
        self.under.hole(at)
    }
}
