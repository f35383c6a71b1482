//! A disk in memory.
//!
//! The one thing to understand: it has pages only where something was written, so a
//! disk of a PiB costs what is in it. Pages are grouped, so that a lookup is one step in a small
//! tree and one in an array.
//!
//! Invariant: a page that does not exist reads as zeroes, and is a hole.

use crate::{Disk, Facts, Fault, FaultKind, Hole};
use paritas_units::{SECTOR_BYTES, Sector, Sectors};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Bytes of a page.
const PAGE: usize = 64 << 10;
/// Pages in a group.
const GROUP: usize = 1024;
/// Bytes of a group.
const GROUP_BYTES: u64 = (PAGE * GROUP) as u64;

type Page = Box<[u8]>;
type Group = RwLock<Vec<Option<Page>>>;

/// A disk in memory.
pub struct MemoryDisk {
    facts: Facts,
    groups: RwLock<BTreeMap<u64, Arc<Group>>>,
}

impl Facts {
    /// The facts of a disk in memory: no alignment, no limits, discard and write-zeroes work.
    #[must_use]
    pub const fn of_memory(name: String, sectors: Sectors) -> Self {
        Self {
            name,
            sectors,
            logical_block: 512,
            physical_block: 512,
            alignment: 1,
            is_read_only: false,
            is_solid_state: true,
            max_transfer: Sectors::ZERO,
            max_discard: Sectors(u64::MAX),
            max_write_zeroes: Sectors(u64::MAX),
            span: None,
        }
    }

    /// Checks a request of `bytes` bytes at `at`: whole sectors, in the disk.
    ///
    /// # Errors
    /// [`FaultKind::Invalid`].
    pub fn check(&self, at: Sector, bytes: usize) -> Result<(), Fault> {
        let bytes = u64::try_from(bytes).ok().filter(|bytes| bytes.is_multiple_of(SECTOR_BYTES));
        let sectors = bytes.map(Sectors::whole_in).ok_or(Fault { kind: FaultKind::Invalid, at })?;
        self.check_sectors(at, sectors)
    }

    /// Checks a request of `sectors` at `at`: in the disk.
    ///
    /// # Errors
    /// [`FaultKind::Invalid`].
    pub fn check_sectors(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        match at.checked_add(sectors) {
            Some(end) if end.0 <= self.sectors.0 => Ok(()),
            _ => Err(Fault { kind: FaultKind::Invalid, at }),
        }
    }
}

impl MemoryDisk {
    /// A disk of zeroes.
    #[must_use]
    pub fn new(name: &str, sectors: Sectors) -> Self {
        Self::with_facts(Facts::of_memory(name.to_owned(), sectors))
    }

    /// A disk of zeroes with limits and sizes of blocks of the caller's choice.
    #[must_use]
    pub fn with_facts(facts: Facts) -> Self {
        let most = Sectors::whole_in(u64::MAX);
        let facts = Facts { sectors: facts.sectors.min(most), ..facts };
        Self { facts, groups: RwLock::new(BTreeMap::new()) }
    }

    /// A disk with this content; a broken last sector is filled up with zeroes.
    #[must_use]
    pub fn from_bytes(name: &str, content: &[u8]) -> Self {
        let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let disk = Self::new(name, Sectors::to_hold(bytes));
        disk.store(0, content);
        disk
    }

    /// Bytes of memory that the content takes.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let pages = groups.values().map(|group| {
            group.read().unwrap_or_else(PoisonError::into_inner).iter().flatten().count()
        });
        pages.map(|pages| u64::try_from(pages * PAGE).unwrap_or(u64::MAX)).sum()
    }

    fn group(&self, number: u64) -> Option<Arc<Group>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.get(&number).map(Arc::clone)
    }

    fn group_or_new(&self, number: u64) -> Arc<Group> {
        self.group(number).unwrap_or_else(|| {
            let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
            let new =
                || Arc::new(RwLock::new(std::iter::repeat_with(|| None).take(GROUP).collect()));
            Arc::clone(groups.entry(number).or_insert_with(new))
        })
    }

    /// Copies `from` into the pages from byte `at` on.
    fn store(&self, at: u64, from: &[u8]) {
        for_each_page(at, from.len(), |place, bytes| {
            let group = self.group_or_new(place.group);
            let mut pages = group.write().unwrap_or_else(PoisonError::into_inner);
            let page = pages
                .get_mut(place.page)
                .map(|page| page.get_or_insert_with(|| vec![0; PAGE].into_boxed_slice()));
            let target =
                page.and_then(|page| page.get_mut(place.offset..place.offset + bytes.len()));
            if let (Some(target), Some(source)) = (target, from.get(bytes)) {
                target.copy_from_slice(source);
            }
        });
    }

    /// Copies the pages from byte `at` on to `into`.
    fn load(&self, at: u64, into: &mut [u8]) {
        for_each_page(at, into.len(), |place, bytes| {
            let Some(target) = into.get_mut(bytes) else { return };
            let group = self.group(place.group);
            let pages = group.as_ref().map(|g| g.read().unwrap_or_else(PoisonError::into_inner));
            let page = pages.as_ref().and_then(|pages| pages.get(place.page)?.as_ref());
            match page.and_then(|page| page.get(place.offset..place.offset + target.len())) {
                Some(source) => target.copy_from_slice(source),
                None => target.fill(0),
            }
        });
    }

    /// Drops whole pages and zeroes parts of pages.
    fn clear(&self, at: u64, bytes: u64) {
        let end = at.saturating_add(bytes);
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let last = end.div_ceil(GROUP_BYTES);
        for (number, group) in groups.range(at / GROUP_BYTES..last) {
            let base = number * GROUP_BYTES;
            let mut pages = group.write().unwrap_or_else(PoisonError::into_inner);
            for (start, slot) in (base..).step_by(PAGE).zip(pages.iter_mut()) {
                let from = at.max(start) - start;
                let to = end.min(start + page_bytes()).saturating_sub(start);
                if from == 0 && to == page_bytes() {
                    *slot = None;
                } else if let (Some(page), Ok(from), Ok(to)) =
                    (slot, usize::try_from(from), usize::try_from(to))
                    && let Some(part) = page.get_mut(from..to)
                {
                    part.fill(0);
                }
            }
        }
    }

    /// The byte at or after `at` from which on the answer to "is there a page" is `wanted`.
    fn seek(&self, at: u64, wanted: bool) -> u64 {
        let size = self.facts.sectors.0.saturating_mul(SECTOR_BYTES);
        let mut at = at;
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        while at < size {
            let number = at / GROUP_BYTES;
            let Some(group) = groups.get(&number) else {
                if !wanted {
                    return at;
                }
                let next = groups.range(number..).next();
                at = next.map_or(size, |(number, _)| number * GROUP_BYTES);
                continue;
            };
            let pages = group.read().unwrap_or_else(PoisonError::into_inner);
            let first = usize::try_from(at % GROUP_BYTES / page_bytes()).unwrap_or(0);
            let found = pages.iter().skip(first).position(|page| page.is_some() == wanted);
            match found {
                Some(0) => return at,
                Some(found) => {
                    let page = u64::try_from(first + found).unwrap_or(0);
                    return size.min(number * GROUP_BYTES + page * page_bytes());
                }
                None => at = (number + 1).saturating_mul(GROUP_BYTES),
            }
        }
        size
    }
}

/// Where a byte lies.
struct Place {
    group: u64,
    page: usize,
    offset: usize,
}

const fn page_bytes() -> u64 {
    PAGE as u64
}

/// Calls `act` for each page that `len` bytes from `at` on touch, with the bytes of the request.
fn for_each_page(at: u64, len: usize, mut act: impl FnMut(Place, std::ops::Range<usize>)) {
    let mut at = at;
    let mut done = 0;
    while done < len {
        let in_group = usize::try_from(at % GROUP_BYTES).unwrap_or(0);
        let place =
            Place { group: at / GROUP_BYTES, page: in_group / PAGE, offset: in_group % PAGE };
        let now = (PAGE - place.offset).min(len - done);
        act(place, done..done + now);
        done += now;
        at += u64::try_from(now).unwrap_or(0);
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDisk").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Disk for MemoryDisk {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.facts.check(at, into.len())?;
        self.load(at.0 * SECTOR_BYTES, into);
        Ok(())
    }

    fn write(&self, at: Sector, from: &[u8], _durable: bool) -> Result<(), Fault> {
        self.facts.check(at, from.len())?;
        if self.facts.is_read_only {
            return Err(Fault { kind: FaultKind::ReadOnly, at });
        }
        self.store(at.0 * SECTOR_BYTES, from);
        Ok(())
    }

    fn flush(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        if self.facts.max_discard.is_zero() {
            return Err(Fault { kind: FaultKind::Unsupported, at });
        }
        self.zero(at, sectors)
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        if self.facts.max_write_zeroes.is_zero() {
            return Err(Fault { kind: FaultKind::Unsupported, at });
        }
        self.zero(at, sectors)
    }

    fn may_wait(&self) -> bool {
        false
    }

    fn hole(&self, at: Sector) -> Hole {
        let start = at.0.saturating_mul(SECTOR_BYTES);
        let data = self.seek(start, true);
        let is_hole = data > start;
        let end = if is_hole { data } else { self.seek(start, false) };
        Hole { is_hole, sectors: Sectors::whole_in(end.saturating_sub(start)) }
    }
}

impl MemoryDisk {
    fn zero(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.facts.check_sectors(at, sectors)?;
        if self.facts.is_read_only {
            return Err(Fault { kind: FaultKind::ReadOnly, at });
        }
        self.clear(at.0 * SECTOR_BYTES, sectors.0 * SECTOR_BYTES);
        Ok(())
    }
}
