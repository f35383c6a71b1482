//! The cyclic checksums of the tables: CRC32C in its two spellings, and the CRC of zlib.
//!
//! The one thing to understand: the *raw* spelling has no final inversion, so its result can be
//! the seed of the next run. The journal uses it; PPL uses the standard one.

use crc_fast::{CrcAlgorithm, Digest};

/// Standard CRC32C (start all ones, inverted at the end).
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// CRC32C that starts at `seed` and is not inverted at the end.
#[must_use]
pub fn crc32c_raw(seed: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(seed));
    digest.update(bytes);
    !low_half(digest.finalize())
}

/// CRC-32 as zlib, GPT and DDF compute it.
#[must_use]
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iso_hdlc(bytes)
}

/// [`crc32`] of bytes that come in pieces.
pub(crate) struct Crc32(Digest);

impl Crc32 {
    pub(crate) fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc32IsoHdlc))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(&self) -> u32 {
        low_half(self.0.finalize())
    }
}

/// The checksum in the low half of what the CRC library hands out.
fn low_half(wide: u64) -> u32 {
    let [a, b, c, d, ..] = wide.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogue() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c_raw(u32::MAX, b"123456789"), !0xE306_9283);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn raw_runs_join() {
        let whole = crc32c_raw(u32::MAX, b"parity and bitmap");
        assert_eq!(crc32c_raw(crc32c_raw(u32::MAX, b"parity "), b"and bitmap"), whole);
    }

    #[test]
    fn pieces_and_the_whole_agree() {
        let mut pieces = Crc32::new();
        pieces.update(b"1234");
        pieces.update(b"56789");
        assert_eq!(pieces.finish(), crc32(b"123456789"));
    }
}
