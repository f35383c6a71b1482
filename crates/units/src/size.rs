//! Chunks, and sizes as people write and read them.

use crate::{SECTOR_BYTES, Sectors};
use std::fmt;

/// How much of the array lies on one member before the next takes over; may be zero where a
/// level has no chunks (raid1), and need not be a power of two (raid0, linear).
#[doc(alias("chunk_sectors", "chunksize"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chunk(pub u32);

impl Chunk {
    /// The chunk as a length.
    #[must_use]
    pub const fn sectors(self) -> Sectors {
        Sectors(self.0 as u64)
    }

    /// The chunk in whole KiB.
    #[must_use]
    pub const fn kib(self) -> u32 {
        self.0 / 2
    }

    /// Whether the chunk is a power of two (zero is not).
    #[must_use]
    pub const fn is_power_of_two(self) -> bool {
        self.0.is_power_of_two()
    }
}

/// A size that could not be read, with the word that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSize(pub String);

impl fmt::Display for BadSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a size; give bytes, or a number with K, M, G or T", self.0)
    }
}

impl std::error::Error for BadSize {}

/// Reads a size in bytes: plain, or with `s` (sectors), `K`, `M`, `G` or `T` (powers of 1024).
///
/// # Errors
/// [`BadSize`] for anything else, and for what does not fit into 64 bits.
pub fn parse_size(word: &str) -> Result<u64, BadSize> {
    let bad = || BadSize(word.to_owned());
    let digits_end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (digits, suffix) = word.split_at(digits_end);
    let number: u64 = digits.parse().map_err(|_| bad())?;
    let unit = match suffix {
        "" => 1,
        "s" => SECTOR_BYTES,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "m" | "MiB" => 1 << 20,
        "G" | "g" | "GiB" => 1 << 30,
        "T" | "t" | "TiB" => 1 << 40,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

/// Prints bytes with one or two decimals and a binary unit, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HumanSize(pub u64);

impl fmt::Display for HumanSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] =
            [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (name, unit) in UNITS {
            if self.0 >= unit {
                let hundredths = (u128::from(self.0) * 100) / u128::from(unit);
                let (whole, part) = (hundredths / 100, hundredths % 100);
                return match part {
                    0 => write!(f, "{whole} {name}"),
                    _ => write!(f, "{whole}.{part:02} {name}"),
                };
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("64K"), Ok(65536));
        assert_eq!(parse_size("8s"), Ok(4096));
        assert_eq!(parse_size("2T"), Ok(2 << 40));
        for word in ["", "K", "1X", "-1", "99999999999999T", "1.5G"] {
            assert!(parse_size(word).is_err(), "{word}");
        }
    }

    #[test]
    fn sizes_print_short() {
        assert_eq!(HumanSize(512).to_string(), "512 bytes");
        assert_eq!(HumanSize(3 << 29).to_string(), "1.50 GiB");
    }
}
