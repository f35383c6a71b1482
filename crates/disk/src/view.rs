//! A part of a disk as a disk: a partition, or what lies at an offset.
//!
//! The one thing to understand: it adds its start to every position and keeps requests inside its
//! length; all else is the disk beneath.

use crate::{Descriptor, Disk, Facts, Fault, FaultKind, Hole};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Part of a disk.
#[derive(Debug)]
pub struct OffsetDisk {
    under: Arc<dyn Disk>,
    start: Sector,
    facts: Facts,
}

impl OffsetDisk {
    /// The sectors `range` of `under`, called `name`. `None` if they are not all there.
    #[must_use]
    pub fn new(under: Arc<dyn Disk>, range: SectorRange, name: String) -> Option<Self> {
        let whole = under.facts();
        if range.end().0 > whole.sectors.0 || range.start.checked_add(range.len).is_none() {
            return None;
        }
        let (start, len) = (range.start.bytes()?, range.len.bytes()?);
        let mut facts = Facts { name, sectors: range.len, ..whole.clone() };
        if let Some(span) = &mut facts.span {
            span.start = span.start.checked_add(start)?;
            span.len = len;
        }
        Some(Self { under, start: range.start, facts })
    }

    /// The position in the disk beneath, if the request lies in this one.
    fn shifted(&self, at: Sector, sectors: Sectors) -> Result<Sector, Fault> {
        let end = at.checked_add(sectors).filter(|end| end.0 <= self.facts.sectors.0);
        end.map(|_| Sector(self.start.0 + at.0)).ok_or(Fault { kind: FaultKind::Invalid, at })
    }

    /// Gives a fault the position in this disk.
    fn own(&self, fault: Fault) -> Fault {
        Fault { at: Sector(fault.at.0.saturating_sub(self.start.0)), ..fault }
    }

    /// Whether direct access through the disk beneath works at our positions.
    fn is_aligned(&self) -> bool {
        self.start
            .bytes()
            .is_some_and(|start| start.is_multiple_of(u64::from(self.facts.alignment)))
    }
}

/// The sectors of `bytes` bytes, rounded up so that a broken length is seen as too long.
fn sectors_of(bytes: usize) -> Sectors {
    u64::try_from(bytes).map_or(Sectors(u64::MAX / SECTOR_BYTES), Sectors::to_hold)
}

impl Disk for OffsetDisk {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        let at = self.shifted(at, sectors_of(into.len()))?;
        self.under.read(at, into).map_err(|fault| self.own(fault))
    }

    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        let at = self.shifted(at, sectors_of(from.len()))?;
        self.under.write(at, from, durable).map_err(|fault| self.own(fault))
    }

    fn flush(&self) -> Result<(), Fault> {
        self.under.flush()
    }

    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        let at = self.shifted(at, sectors)?;
        self.under.discard(at, sectors).map_err(|fault| self.own(fault))
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        let at = self.shifted(at, sectors)?;
        self.under.write_zeroes(at, sectors).map_err(|fault| self.own(fault))
    }

    fn tail(&self) -> Result<Vec<u8>, Fault> {
        match self.start.0.checked_add(self.facts.sectors.0) {
            Some(end) if end == self.under.facts().sectors.0 => self.under.tail(),
            _ => Ok(Vec::new()),
        }
    }

    fn descriptor(&self) -> Option<Descriptor<'_>> {
        let under = self.under.descriptor()?;
        if under.is_direct && !self.is_aligned() {
            return None;
        }
        Some(Descriptor { base: under.base.checked_add(Sectors(self.start.0))?, ..under })
    }

    fn open_file(&self) -> Option<(BorrowedFd<'_>, Sector)> {
        let (file, start) = self.under.open_file()?;
        Some((file, start.checked_add(Sectors(self.start.0))?))
    }

    fn may_wait(&self) -> bool {
        self.under.may_wait()
    }

    fn hole(&self, at: Sector) -> Hole {
        let left = self.facts.sectors.0.saturating_sub(at.0);
        if left == 0 {
            return Hole { is_hole: false, sectors: Sectors::ZERO };
        }
        let hole = self.under.hole(Sector(self.start.0 + at.0));
        Hole { sectors: Sectors(hole.sectors.0.min(left)), ..hole }
    }
}
