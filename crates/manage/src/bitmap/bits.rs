//! Counting the bits of a stored bitmap, however few of them are there.
//!
//! The one thing to understand: the bits are read page by page up to the number that the superblock
//! calls for or the device's end, and never more than 64 MiB of them.

use super::ExamineBitmapError;
use paritas_disk::{Disk, Fault};
use paritas_format::bitmap::{BitmapError, MAX_AREA_BYTES, SUPERBLOCK_BYTES};
use paritas_units::{Sector, Sectors};

/// Sectors in which bits are read.
pub(super) const PAGE: Sectors = Sectors(8);

/// Bits that could be read.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    /// Bits there are.
    pub(super) bits: u64,
    /// How many of them are set.
    pub(super) dirty: u64,
}

/// Reads up to `needed` bits of the bitmap at `start`.
pub(super) fn count(
    name: &str,
    disk: &dyn Disk,
    start: Sector,
    needed: u64,
) -> Result<Counted, ExamineBitmapError> {
    let mut counted = Counted::default();
    let (mut at, mut skip) = (start, SUPERBLOCK_BYTES);
    while counted.bits < needed {
        let page = stored(disk, at)
            .map_err(|fault| ExamineBitmapError::Unreadable { name: name.to_owned(), fault })?;
        let bytes = page.get(skip..).unwrap_or_default();
        let room = u64::try_from(bytes.len()).unwrap_or(0).saturating_mul(8);
        let here = room.min(needed - counted.bits);
        if here == 0 {
            break;
        }
        counted.bits += here;
        counted.dirty += ones(bytes, here);
        if counted.bits / 8 > MAX_AREA_BYTES {
            let source = BitmapError::TooLong(needed);
            return Err(ExamineBitmapError::Damaged { name: name.to_owned(), source });
        }
        (at, skip) = (at + PAGE, 0);
    }
    Ok(counted)
}

/// How many of the first `bits` bits are set.
fn ones(bytes: &[u8], bits: u64) -> u64 {
    let whole = usize::try_from(bits / 8).unwrap_or(bytes.len()).min(bytes.len());
    let (full, rest) = bytes.split_at(whole);
    let mask = (1u8 << (bits % 8)) - 1;
    let last = rest.first().map_or(0, |byte| (byte & mask).count_ones());
    full.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>() + u64::from(last)
}

/// A page of what the device has from `at` on, shorter at its end.
pub(super) fn stored(disk: &dyn Disk, at: Sector) -> Result<Vec<u8>, Fault> {
    let size = disk.facts().sectors;
    let there = Sectors(size.0.saturating_sub(at.0)).min(PAGE);
    let bytes = there.bytes().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
    let mut page = vec![0; bytes];
    if bytes > 0 {
        disk.read(at, &mut page)?;
    }
    if at.0 <= size.0 && there < PAGE {
        page.extend(disk.tail()?);
    }
    Ok(page)
}
