//! Reading numbers out of byte slices, and bytes out of a device, without ever indexing.
//!
//! The one thing to understand: every helper answers `None` for what is not there, so a caller
//! cannot go wrong with a hostile offset.

use paritas_units::{SECTOR_BYTES, Sector, Sectors};

/// `N` bytes at `at`.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Whether `expected` stands at `at`.
pub(crate) fn is_at(bytes: &[u8], at: usize, expected: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(expected))
}

/// The bytes up to the first NUL as text, without blanks at the end; `None` if nothing is left.
/// Bytes that are not UTF-8 become replacement characters.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end)?);
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// UTF-16LE up to the first NUL as text; `None` if nothing is left.
pub(crate) fn text_utf16(bytes: &[u8]) -> Option<String> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| u16::from_le_bytes(pair)).take_while(|&unit| unit != 0);
    let text: String =
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (!text.is_empty()).then_some(text)
}

/// A device as the recognisers see it: a size, and a closure that reads whole sectors.
pub(crate) struct Device<R> {
    /// The size.
    pub(crate) sectors: Sectors,
    /// Fills memory from a sector on.
    pub(crate) read: R,
}

impl<E, R: FnMut(Sector, &mut [u8]) -> Result<(), E>> Device<R> {
    /// `N` sectors' bytes at `at`, or `None` if they are not all on the device.
    pub(crate) fn sectors_at(&mut self, at: Sector, count: Sectors) -> Result<Option<Vec<u8>>, E> {
        let fits = at.checked_add(count).is_some_and(|end| end.0 <= self.sectors.0);
        let length = count.bytes().filter(|&bytes| bytes <= MAX_PIECE);
        let Some(length) = length.filter(|_| fits).and_then(|bytes| usize::try_from(bytes).ok())
        else {
            return Ok(None);
        };
        let mut piece = vec![0; length];
        (self.read)(at, &mut piece)?;
        Ok(Some(piece))
    }

    /// As [`Device::sectors_at`], but shortened to what the device has; empty past its end.
    pub(crate) fn up_to(&mut self, at: Sector, count: Sectors) -> Result<Vec<u8>, E> {
        let there = Sectors(self.sectors.0.saturating_sub(at.0).min(count.0));
        Ok(self.sectors_at(at, there)?.unwrap_or_default())
    }
}

/// The longest piece that is read at once; callers ask for constants far below it.
const MAX_PIECE: u64 = 2048 * SECTOR_BYTES;
