//! Opening members and reading what they say: the first step of every verb.
//!
//! The one thing to understand: everything that can be wrong with a member's bytes is kept beside
//! the member, not returned as an error, since the judgement wants to see all members at once. Only
//! a member that cannot be opened ends the gathering.
//!
//! Deliberately absent: any verdict.

use paritas_disk::{Access, Disk, Fault, OpenError, Opener};
use paritas_format::bad_blocks::{BadBlockError, BadBlockLog};
use paritas_format::bitmap::{self, BitmapError};
use paritas_format::partition;
use paritas_format::superblock::{self, Place, Superblock};
use paritas_units::{Sector, SectorRange, Sectors};
use std::sync::Arc;

/// A member as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The word that named it.
    pub word: String,
    /// The open disk.
    pub disk: Arc<dyn Disk>,
    /// Every superblock on it, damaged ones too, in the order of detection.
    pub superblocks: Vec<Superblock>,
    /// The places of superblocks that could not be read.
    pub unreadable: Vec<(Place, Fault)>,
}

/// What a member's metadata beside the superblock holds, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BesideError {
    /// The area is not on the device.
    #[error("the {what} would lie outside of the device")]
    Outside {
        /// Bitmap or bad-block log.
        what: &'static str,
    },
    /// The area cannot be read.
    #[error("the {what} cannot be read: {source}")]
    Unreadable {
        /// Bitmap or bad-block log.
        what: &'static str,
        /// Why.
        source: Fault,
    },
    /// The log is damaged.
    #[error(transparent)]
    BadBlocks(#[from] BadBlockError),
    /// The bitmap is damaged.
    #[error(transparent)]
    Bitmap(#[from] BitmapError),
}

/// A member's bitmap in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitmapSummary {
    /// Its superblock.
    pub superblock: bitmap::Superblock,
    /// Chunks in all.
    pub bits: u64,
    /// Chunks that are marked.
    pub marked: u64,
}

/// Where partition `number` of an image lies: what openers ask to resolve `FILE@pN`.
///
/// # Errors
/// Why there is none, in words.
pub fn partition_of(disk: &dyn Disk, number: u32) -> Result<SectorRange, String> {
    let read = |at, bytes: &mut [u8]| disk.read(at, bytes);
    let table = partition::read(disk.facts().sectors, read)
        .map_err(|fault| format!("its partition table cannot be read: {fault}"))?
        .ok_or("it has no partition table")?;
    let numbers: Vec<String> = table.partitions.iter().map(|p| p.number.to_string()).collect();
    let found = table.partitions.iter().find(|partition| partition.number == number);
    found.map(partition::Partition::range).ok_or_else(|| {
        format!("it has no partition {number}; its partitions are {}", numbers.join(", "))
    })
}

/// The most sectors that a bad-block log can have.
const MAX_LOG: Sectors = Sectors(8);
/// Bytes in which a bitmap is read.
const PAGE: usize = 4096;

/// Opens each of `words` read-only and reads its superblocks.
///
/// # Errors
/// [`OpenError`] of the first word that does not open.
pub fn gather(opener: &dyn Opener, words: &[String]) -> Result<Vec<Found>, OpenError> {
    words.iter().map(|word| open(opener, word, Access::Read)).collect()
}

/// Opens one member and reads its superblocks.
///
/// # Errors
/// [`OpenError`] if it does not open.
pub fn open(opener: &dyn Opener, word: &str, access: Access) -> Result<Found, OpenError> {
    Ok(search(word, opener.open(word, access)?))
}

/// Reads the superblocks of a disk that is open already.
#[must_use]
pub fn search(word: &str, disk: Arc<dyn Disk>) -> Found {
    let search = superblock::find(disk.facts().sectors, |at, bytes| disk.read(at, bytes));
    Found { word: word.to_owned(), disk, superblocks: search.found, unreadable: search.unreadable }
}

impl Found {
    /// The superblock that counts, by mdadm's rule; byte-swapped ones too.
    #[must_use]
    pub fn superblock(&self) -> Option<&Superblock> {
        superblock::choose(&self.superblocks)
    }

    /// Why it is not known whether this is a member: no superblock was found, and a place where one
    /// may stand cannot be read.
    #[must_use]
    pub fn doubt(&self) -> Option<&Fault> {
        let (_, fault) = self.unreadable.first()?;
        self.superblock().is_none().then_some(fault)
    }

    /// The bad-block log that belongs to `superblock`; `None` if it says that there is none or that
    /// it is empty.
    ///
    /// # Errors
    /// [`BesideError`] if there should be one and it cannot be had.
    pub fn bad_blocks(&self, superblock: &Superblock) -> Result<Option<BadBlockLog>, BesideError> {
        let Some(area) = superblock.bad_block_area().filter(|_| superblock.has_bad_blocks()) else {
            return Ok(None);
        };
        let outside = BesideError::Outside { what: "bad-block log" };
        let sectors = area.sectors.filter(|len| *len <= MAX_LOG).ok_or_else(|| outside.clone())?;
        let start = area.start().ok_or_else(|| outside.clone())?;
        let mut bytes = vec![0; PAGE];
        let length = usize::try_from(sectors.0 * 512).unwrap_or(PAGE).min(PAGE);
        bytes.truncate(length);
        self.read("bad-block log", start, &mut bytes)?;
        Ok(Some(BadBlockLog::decode(&bytes, superblock.bad_block_shift())?))
    }

    /// The internal bitmap that belongs to `superblock`, counted; `None` if there is none.
    ///
    /// # Errors
    /// [`BesideError`] if there should be one and it cannot be had.
    pub fn bitmap(&self, superblock: &Superblock) -> Result<Option<BitmapSummary>, BesideError> {
        let Some(area) = superblock.bitmap_area() else { return Ok(None) };
        let start = area.start().ok_or(BesideError::Outside { what: "bitmap" })?;
        let mut page = vec![0; PAGE];
        self.read("bitmap", start, &mut page)?;
        let header = bitmap::Superblock::decode(&page)?;
        let bits = header.bits()?;
        let mut marked = bits.count_marked(0, &page).unwrap_or(0);
        for number in 1..bits.pages() {
            let at = start.checked_add(Sectors(number.saturating_mul(8)));
            let at = at.ok_or(BesideError::Outside { what: "bitmap" })?;
            self.read("bitmap", at, &mut page)?;
            marked += bits.count_marked(number, &page).unwrap_or(0);
        }
        Ok(Some(BitmapSummary { superblock: header, bits: bits.count(), marked }))
    }

    /// Reads metadata, which need not lie on the device.
    fn read(&self, what: &'static str, at: Sector, into: &mut [u8]) -> Result<(), BesideError> {
        let length = Sectors::to_hold(u64::try_from(into.len()).unwrap_or(u64::MAX));
        let end = at.checked_add(length).filter(|end| end.0 <= self.disk.facts().sectors.0);
        end.ok_or(BesideError::Outside { what })?;
        self.disk.read(at, into).map_err(|source| BesideError::Unreadable { what, source })
    }
}
