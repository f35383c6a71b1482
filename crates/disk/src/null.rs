//! A disk that keeps nothing, one that refuses writes for another, and one that is not there.

use crate::{Disk, Facts, Fault, FaultKind, Hole};
use paritas_units::{Sector, Sectors};
use std::sync::Arc;

/// A disk that forgets what is written and reads as whatever the memory held.
#[derive(Debug)]
pub struct NullDisk {
    facts: Facts,
}

/// Another disk, read only.
#[derive(Debug)]
pub struct ReadOnly {
    under: Arc<dyn Disk>,
    facts: Facts,
}

/// What stands for a disk that was given back: it fails everything.
#[derive(Debug)]
pub struct GoneDisk {
    facts: Facts,
}

impl GoneDisk {
    /// In the place of a disk with these facts.
    #[must_use]
    pub const fn new(facts: Facts) -> Self {
        Self { facts }
    }
}

impl NullDisk {
    /// A disk of this size.
    #[must_use]
    pub const fn new(name: String, sectors: Sectors) -> Self {
        Self { facts: Facts::of_memory(name, sectors) }
    }
}

impl Disk for NullDisk {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.facts.check(at, into.len())
    }

    fn write(&self, at: Sector, from: &[u8], _durable: bool) -> Result<(), Fault> {
        self.facts.check(at, from.len())
    }

    fn flush(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.facts.check_sectors(at, sectors)
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.facts.check_sectors(at, sectors)
    }

    fn may_wait(&self) -> bool {
        false
    }
}

impl ReadOnly {
    /// `under`, without its writes.
    #[must_use]
    pub fn new(under: Arc<dyn Disk>) -> Self {
        let facts = Facts { is_read_only: true, ..under.facts().clone() };
        Self { under, facts }
    }
}

impl Disk for ReadOnly {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.under.read(at, into)
    }

    fn write(&self, at: Sector, _from: &[u8], _durable: bool) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::ReadOnly, at })
    }

    fn flush(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn discard(&self, at: Sector, _sectors: Sectors) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::ReadOnly, at })
    }

    fn write_zeroes(&self, at: Sector, _sectors: Sectors) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::ReadOnly, at })
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

impl Disk for GoneDisk {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, _into: &mut [u8]) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Gone, at })
    }

    fn write(&self, at: Sector, _from: &[u8], _durable: bool) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Gone, at })
    }

    fn flush(&self) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Gone, at: Sector::ZERO })
    }

    fn discard(&self, at: Sector, _sectors: Sectors) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Gone, at })
    }

    fn write_zeroes(&self, at: Sector, _sectors: Sectors) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Gone, at })
    }

    fn may_wait(&self) -> bool {
        false
    }
}
