//! A disk whose writes go to another, so the one beneath stays as it is.
//!
//! The one thing to understand: a set tells which sectors were written; those are read from the
//! top, all others from the base. A sector enters the set after it has been written to the top.
//!
//! Invariant: the base is only read.

use super::fault::range;
use super::ranges::Ranges;
use crate::{Disk, Facts, Fault, FaultKind, Hole, MemoryDisk};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};
use std::sync::{Arc, PoisonError, RwLock};

/// Bytes that are copied or zeroed at a time.
const STEP: Sectors = Sectors(512);

/// A disk whose writes go to another.
#[derive(Debug)]
pub struct OverlayDisk {
    base: Arc<dyn Disk>,
    top: Arc<dyn Disk>,
    written: RwLock<Ranges>,
    facts: Facts,
}

impl OverlayDisk {
    /// `base`, with writes kept in memory.
    #[must_use]
    pub fn in_memory(base: Arc<dyn Disk>) -> Self {
        let facts = base.facts();
        let top = MemoryDisk::new(&facts.name, facts.sectors);
        let facts = Self::facts_of(base.as_ref());
        Self { base, top: Arc::new(top), written: RwLock::default(), facts }
    }

    /// `base`, with writes kept in `top` at the same sectors. `None` if `top` is shorter.
    #[must_use]
    pub fn new(base: Arc<dyn Disk>, top: Arc<dyn Disk>) -> Option<Self> {
        let facts = Self::facts_of(base.as_ref());
        let fits = top.facts().sectors >= facts.sectors;
        fits.then(|| Self { base, top, written: RwLock::default(), facts })
    }

    fn facts_of(base: &dyn Disk) -> Facts {
        let facts = base.facts().clone();
        Facts {
            is_read_only: false,
            max_discard: Sectors::ZERO,
            max_write_zeroes: facts.sectors,
            ..facts
        }
    }

    /// The sectors that were written, in order.
    #[must_use]
    pub fn written(&self) -> Vec<SectorRange> {
        self.written.read().unwrap_or_else(PoisonError::into_inner).iter().collect()
    }

    /// How many sectors were written.
    #[must_use]
    pub fn changed(&self) -> Sectors {
        self.written.read().unwrap_or_else(PoisonError::into_inner).count()
    }

    /// Forgets what was written; the disk is the base again.
    pub fn forget(&self) {
        *self.written.write().unwrap_or_else(PoisonError::into_inner) = Ranges::default();
    }

    /// Writes what was written to `target`, and flushes it.
    ///
    /// # Errors
    /// A [`Fault`] of either; the overlay stays as it is.
    pub fn commit_to(&self, target: &dyn Disk) -> Result<(), Fault> {
        let written = self.written.read().unwrap_or_else(PoisonError::into_inner);
        for run in written.iter() {
            for part in steps(run) {
                let mut bytes = vec![0; bytes_of(part.len)];
                self.top.read(part.start, &mut bytes)?;
                target.write(part.start, &bytes, false)?;
            }
        }
        target.flush()
    }

    fn mark(&self, range: SectorRange) {
        self.written.write().unwrap_or_else(PoisonError::into_inner).add(range);
    }
}

/// The range in steps.
fn steps(range: SectorRange) -> impl Iterator<Item = SectorRange> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let len = range.end().since(at)?.min(STEP);
        let part = at.range(len);
        at = part.end();
        (!part.is_empty()).then_some(part)
    })
}

fn bytes_of(sectors: Sectors) -> usize {
    usize::try_from(sectors.0.saturating_mul(SECTOR_BYTES)).unwrap_or(usize::MAX)
}

impl Disk for OverlayDisk {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.facts.check(at, into.len())?;
        let written = self.written.read().unwrap_or_else(PoisonError::into_inner);
        let mut rest = into;
        for (part, is_written) in written.split(range(at, rest.len())) {
            let (now, later) = rest.split_at_mut(bytes_of(part.len));
            let disk = if is_written { &self.top } else { &self.base };
            disk.read(part.start, now)?;
            rest = later;
        }
        Ok(())
    }

    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        self.facts.check(at, from.len())?;
        self.top.write(at, from, durable)?;
        self.mark(range(at, from.len()));
        Ok(())
    }

    fn flush(&self) -> Result<(), Fault> {
        self.top.flush()
    }

    fn discard(&self, at: Sector, _sectors: Sectors) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Unsupported, at })
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.facts.check_sectors(at, sectors)?;
        let longest = self.top.facts().max_write_zeroes;
        if !longest.is_zero() && sectors <= longest {
            self.top.write_zeroes(at, sectors)?;
        } else {
            let zeroes = vec![0; bytes_of(STEP)];
            for part in steps(at.range(sectors)) {
                let zeroes = zeroes.get(..bytes_of(part.len)).unwrap_or(&zeroes);
                self.top.write(part.start, zeroes, false)?;
            }
        }
        self.mark(at.range(sectors));
        Ok(())
    }

    fn tail(&self) -> Result<Vec<u8>, Fault> {
        self.base.tail()
    }

    fn may_wait(&self) -> bool {
        self.base.may_wait() || self.top.may_wait()
    }

    fn hole(&self, at: Sector) -> Hole {
        let rest = Sectors(self.facts.sectors.0.saturating_sub(at.0));
        let written = self.written.read().unwrap_or_else(PoisonError::into_inner);
        let Some((part, is_written)) = written.split(at.range(rest)).next() else {
            return Hole { is_hole: false, sectors: Sectors::ZERO };
        };
        let hole = if is_written { self.top.hole(at) } else { self.base.hole(at) };
        Hole { sectors: hole.sectors.min(part.len), ..hole }
    }
}
