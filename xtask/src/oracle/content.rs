//! The content of the oracle's arrays: bytes that both sides know without passing them on.
//!
//! The pattern is a function of the byte's place, so that a chunk from a wrong place is always seen.
//! An array holds the pattern from its own offset on; the hash of any range is computed here.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;

/// How much of the pattern the guest gets as a file, in bytes.
pub(super) const PATTERN_SIZE: u64 = 192 << 20;

/// Bytes that are made at a time; every offset is a multiple of it.
const BLOCK: u64 = 64 << 10;

/// A number that looks like chance: a function of `place`.
pub(super) fn mixed(place: u64) -> u64 {
    let mut value = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

fn fill(buffer: &mut [u8], offset: u64) {
    for (word, place) in buffer.chunks_exact_mut(8).zip(offset / 8..) {
        word.copy_from_slice(&mixed(place + 1).to_le_bytes());
    }
}

/// Fills a buffer of any length with the pattern from `offset` on, a multiple of 8.
pub(super) fn fill_bytes(buffer: &mut [u8], offset: u64) {
    fill(buffer, offset);
    let rest = buffer.len() / 8 * 8;
    buffer[rest..].fill(0xa5);
}

/// Writes the pattern's file.
pub(super) fn write_pattern(path: &Path) -> Result<()> {
    let file = std::fs::File::create(path)
        .with_context(|| format!("cannot make the pattern {}", path.display()))?;
    let mut file = std::io::BufWriter::new(file);
    let mut block = vec![0; usize::try_from(BLOCK)?];
    for offset in (0..PATTERN_SIZE).step_by(block.len()) {
        fill(&mut block, offset);
        file.write_all(&block)?;
    }
    file.flush().context("cannot write the pattern")
}

/// The SHA-256 of `size` bytes of the pattern from `offset` on.
pub(super) fn hash_of_pattern(offset: u64, size: u64) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; usize::try_from(BLOCK)?];
    let mut done = 0;
    while done < size {
        fill(&mut block, offset + done);
        let length = BLOCK.min(size - done);
        hasher.update(&block[..usize::try_from(length)?]);
        done += length;
    }
    Ok(text(&hasher.finalize()))
}

/// The SHA-256 of a file, and its length.
pub(super) fn hash_of_file(path: &Path) -> Result<(String, u64)> {
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    hash_of_reader(file).with_context(|| format!("cannot read {}", path.display()))
}

/// The SHA-256 of everything that a reader gives, and its length.
pub(super) fn hash_of_reader(mut reader: impl std::io::Read) -> Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0;
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok((text(&hasher.finalize()), length));
        }
        hasher.update(&buffer[..count]);
        length += count as u64;
    }
}

/// Bytes as lower-case hexadecimal.
pub(super) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
