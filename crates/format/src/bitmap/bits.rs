//! The bits of a bitmap: which page, byte and bit stands for which sectors.
//!
//! The one thing to understand: bit c stands in byte 256 + c/8 of the area, so the first page
//! holds 2048 bits fewer than the others.

use super::{BitmapError, MAX_AREA_BYTES};
use paritas_units::{Sector, SectorRange, Sectors};
use std::ops::Range;

/// Bytes in a page of the bitmap.
pub const PAGE_BYTES: usize = 4096;
/// Sectors in a page of the bitmap.
pub const PAGE_SECTORS: Sectors = Sectors(8);
/// Bits in a page that holds nothing else.
const PAGE_BITS: u64 = 32768;
/// Bits whose place the superblock takes in page 0.
const SUPERBLOCK_BITS: u64 = 2048;

/// The shape of the bits: how many, and what each covers. It has been checked, so the area is not
/// longer than 64 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    sync_size: Sectors,
    chunk: Sectors,
    count: u64,
}

/// A page of which too few bytes were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("page {page} of the bitmap needs {needed} bytes, here are {given}")]
pub struct PageTooShort {
    /// The page.
    pub page: u64,
    /// Bytes up to the last bit of the page.
    pub needed: usize,
    /// Bytes that were given.
    pub given: usize,
}

impl Bits {
    /// Bits for `sync_size` sectors, `chunk` (not zero) for each.
    pub(super) fn new(sync_size: Sectors, chunk: Sectors) -> Result<Self, BitmapError> {
        let count = sync_size.0.div_ceil(chunk.0.max(1));
        if count > (MAX_AREA_BYTES * 8).saturating_sub(SUPERBLOCK_BITS) {
            return Err(BitmapError::TooLong(count));
        }
        Ok(Self { sync_size, chunk, count })
    }

    /// How many bits there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// What one bit covers.
    #[must_use]
    pub const fn chunk(&self) -> Sectors {
        self.chunk
    }

    /// Bytes of superblock and bits: the length of a bitmap file.
    #[must_use]
    pub const fn area_bytes(&self) -> u64 {
        (SUPERBLOCK_BITS + self.count).div_ceil(8)
    }

    /// Pages of superblock and bits; at least one.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        (SUPERBLOCK_BITS + self.count).div_ceil(PAGE_BITS)
    }

    /// How far the bitmaps of two cluster nodes are apart.
    #[must_use]
    pub const fn node_stride(&self) -> Sectors {
        Sectors(self.pages() * PAGE_SECTORS.0)
    }

    /// The bits that stand in a page; empty past the last page.
    #[must_use]
    pub const fn in_page(&self, page: u64) -> Range<u64> {
        let end = page.saturating_add(1).saturating_mul(PAGE_BITS);
        let start = (end - PAGE_BITS).saturating_sub(SUPERBLOCK_BITS);
        let end = end.saturating_sub(SUPERBLOCK_BITS);
        let end = if end < self.count { end } else { self.count };
        if start < end { start..end } else { end..end }
    }

    /// The sectors that a bit stands for: of each member, or of the array for raid10.
    #[must_use]
    pub fn sectors_of(&self, bit: u64) -> SectorRange {
        let start = bit.saturating_mul(self.chunk.0);
        SectorRange::new(start, self.chunk.0).intersection(SectorRange::new(0, self.sync_size.0))
    }

    /// The bit that stands for a sector, if any does.
    #[must_use]
    pub const fn bit_of(&self, sector: Sector) -> Option<u64> {
        if sector.0 < self.sync_size.0 { Some(sector.0 / self.chunk.0) } else { None }
    }

    /// The page in which a bit stands.
    #[must_use]
    pub const fn page_of(&self, bit: u64) -> u64 {
        bit.saturating_add(SUPERBLOCK_BITS) / PAGE_BITS
    }

    /// The bytes of a page up to its last bit.
    #[must_use]
    pub fn bytes_in_page(&self, page: u64) -> usize {
        let bits = self.in_page(page);
        let first = if page == 0 { SUPERBLOCK_BITS } else { 0 };
        usize::try_from((first + (bits.end - bits.start)).div_ceil(8)).unwrap_or(PAGE_BYTES)
    }

    /// The bits that are set in a page, in order. `bytes` is the page from its first byte.
    ///
    /// # Errors
    /// [`PageTooShort`] if bits are missing.
    pub fn marked<'a>(&self, page: u64, bytes: &'a [u8]) -> Result<Marked<'a>, PageTooShort> {
        let needed = self.bytes_in_page(page);
        let too_short = PageTooShort { page, needed, given: bytes.len() };
        let used = bytes.get(..needed).ok_or(too_short)?;
        let skip = if page == 0 { super::SUPERBLOCK_BYTES } else { 0 };
        let range = self.in_page(page);
        Ok(Marked {
            bytes: used.get(skip..).unwrap_or_default().iter(),
            pending: 0,
            next_base: range.start,
            base: range.start,
            end: range.end,
        })
    }

    /// How many bits are set in a page.
    ///
    /// # Errors
    /// [`PageTooShort`] if bits are missing.
    pub fn count_marked(&self, page: u64, bytes: &[u8]) -> Result<u64, PageTooShort> {
        let mut marked = self.marked(page, bytes)?;
        let mut ones = 0;
        while marked.end - marked.next_base >= 8 {
            let Some(byte) = marked.bytes.next() else { break };
            ones += u64::from(byte.count_ones());
            marked.next_base += 8;
        }
        Ok(marked.fold(ones, |sum, _| sum + 1))
    }

    /// Sets or clears one bit of a page; a bit that is not in `bytes` changes nothing and is
    /// reported.
    ///
    /// # Errors
    /// [`PageTooShort`] if the bit is not in the bytes.
    pub fn set(&self, bit: u64, is_marked: bool, bytes: &mut [u8]) -> Result<(), PageTooShort> {
        let place = bit.saturating_add(SUPERBLOCK_BITS) % PAGE_BITS;
        let (page, given) = (self.page_of(bit), bytes.len());
        let at = usize::try_from(place / 8).unwrap_or(PAGE_BYTES);
        let byte =
            bytes.get_mut(at).ok_or(PageTooShort { page, needed: at.saturating_add(1), given })?;
        let mask = 1u8 << (place % 8);
        if is_marked {
            *byte |= mask;
        } else {
            *byte &= !mask;
        }
        Ok(())
    }
}

/// The set bits of one page, in order.
#[derive(Clone, Debug)]
pub struct Marked<'a> {
    /// The bytes that have not been looked at.
    bytes: std::slice::Iter<'a, u8>,
    /// What is left of the byte that is being looked at.
    pending: u8,
    /// The bit that the lowest bit of `pending` was.
    base: u64,
    /// The first bit of the next byte.
    next_base: u64,
    /// The first bit that is not in the page any more; padding follows.
    end: u64,
}

impl Iterator for Marked<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.pending == 0 {
            self.pending = *self.bytes.next()?;
            self.base = self.next_base;
            self.next_base = self.next_base.saturating_add(8);
        }
        let bit = self.base + u64::from(self.pending.trailing_zeros());
        self.pending &= self.pending - 1;
        (bit < self.end).then_some(bit)
    }
}
