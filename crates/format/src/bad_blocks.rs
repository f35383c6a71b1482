//! The bad-block log: a table of sector ranges that a member cannot give back.
//!
//! The one thing to understand: sectors are *absolute on the member* (the data offset is in
//! them), entries come in any order, and both numbers of an entry count units of 2^shift sectors.
//! The first word of all ones ends the list; what follows is kept as it is.
//!
//! Deliberately absent: the decision what to do about a bad block.

use paritas_units::{SectorRange, Sectors};

/// The most units that one entry covers; longer ranges take several entries.
pub const MAX_ENTRY_UNITS: u64 = 512;
/// The word that ends the list.
const END: u64 = u64::MAX;
/// Low bits of a word that hold the length.
const LENGTH_BITS: u32 = 10;
/// The mask of those bits.
const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;

/// The words of a bad-block log, all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBlockLog {
    words: Vec<u64>,
    shift: u8,
}

/// Why a bad-block log cannot be read or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBlockError {
    /// The length is no multiple of 8 bytes.
    #[error("a bad-block log is a table of 8-byte words; {0} bytes are none")]
    NotWords(usize),
    /// The unit is larger than any device.
    #[error("the bad-block log counts in units of 2^{0} sectors; that is no unit")]
    BadShift(u8),
    /// An entry is past the last countable sector.
    #[error("entry {entry} of the bad-block log lies past the last countable sector: {word:#x}")]
    TooFar {
        /// The entry's number, from 0.
        entry: usize,
        /// The entry as stored.
        word: u64,
    },
    /// The table has too few words for the ranges.
    #[error("{needed} entries do not fit into a bad-block log of {room}")]
    Full {
        /// Entries needed.
        needed: usize,
        /// Entries that fit.
        room: usize,
    },
}

impl BadBlockLog {
    /// Reads a log that counts in units of 2^`shift` sectors.
    ///
    /// # Errors
    /// Any [`BadBlockError`] but [`BadBlockError::Full`].
    pub fn decode(bytes: &[u8], shift: u8) -> Result<Self, BadBlockError> {
        let (chunks, []) = bytes.as_chunks::<8>() else {
            return Err(BadBlockError::NotWords(bytes.len()));
        };
        if u32::from(shift) >= u64::BITS {
            return Err(BadBlockError::BadShift(shift));
        }
        let log =
            Self { words: chunks.iter().map(|&word| u64::from_le_bytes(word)).collect(), shift };
        for (entry, word) in log.used().enumerate() {
            range_of(word, shift).ok_or(BadBlockError::TooFar { entry, word })?;
        }
        Ok(log)
    }

    /// Makes a log of `room` entries that holds `ranges`, split and widened to whole units.
    ///
    /// # Errors
    /// [`BadBlockError::BadShift`], [`BadBlockError::TooFar`] and [`BadBlockError::Full`].
    pub fn new(ranges: &[SectorRange], room: usize, shift: u8) -> Result<Self, BadBlockError> {
        if u32::from(shift) >= u64::BITS {
            return Err(BadBlockError::BadShift(shift));
        }
        let mut words = Vec::new();
        for range in ranges.iter().filter(|range| !range.is_empty()) {
            let mut unit = range.start.0 >> shift;
            let last = (range.end().0 - 1) >> shift;
            while unit <= last && words.len() <= room {
                let count = (last - unit + 1).min(MAX_ENTRY_UNITS);
                if unit > u64::MAX >> LENGTH_BITS {
                    return Err(BadBlockError::TooFar { entry: words.len(), word: unit });
                }
                words.push(unit << LENGTH_BITS | count);
                unit += count;
            }
        }
        if words.len() > room {
            return Err(BadBlockError::Full { needed: words.len(), room });
        }
        words.resize(room, END);
        Ok(Self { words, shift })
    }

    /// The bytes of the log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The entries in the order of the table, as stored but in sectors.
    pub fn entries(&self) -> impl Iterator<Item = SectorRange> {
        self.used().filter_map(|word| range_of(word, self.shift))
    }

    /// The bad sectors in order, joined where they touch, empty entries left out.
    #[must_use]
    pub fn ranges(&self) -> Vec<SectorRange> {
        let mut ranges: Vec<_> = self.entries().filter(|range| !range.is_empty()).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, joined| {
            let touches = next.start <= joined.end();
            if touches {
                let end = next.end().max(joined.end());
                joined.len = Sectors(end.0 - joined.start.0);
            }
            touches
        });
        ranges
    }

    /// The words up to the one that ends the list.
    fn used(&self) -> impl Iterator<Item = u64> {
        self.words.iter().copied().take_while(|&word| word != END)
    }
}

/// The sectors of an entry, or `None` where they cannot be counted.
fn range_of(word: u64, shift: u8) -> Option<SectorRange> {
    let unit = 1u64.checked_shl(u32::from(shift))?;
    let start = (word >> LENGTH_BITS).checked_mul(unit)?;
    let len = (word & LENGTH_MASK).checked_mul(unit)?;
    start.checked_add(len)?;
    Some(SectorRange::new(start, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list that a driver stored, in its order: 1000+8, 5000+8, 8512+88, 8000+512.
    fn stored() -> Vec<u8> {
        let mut bytes = vec![0xFF; 4096];
        let words = [0x0F_A008u64, 0x4E_2008, 0x85_0058, 0x7D_0200];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn entries_are_sorted_and_joined() {
        let log = BadBlockLog::decode(&stored(), 0).expect("a good log");
        assert_eq!(log.entries().count(), 4);
        let expected = [(1000, 8), (5000, 8), (8000, 600)].map(|(a, n)| SectorRange::new(a, n));
        assert_eq!(log.ranges(), expected);
        assert_eq!(log.encode(), stored());
    }

    #[test]
    fn long_ranges_are_split() {
        let log = BadBlockLog::new(&[SectorRange::new(8000, 600)], 512, 0).expect("fits");
        let bytes = log.encode();
        assert_eq!(bytes[..8], 0x7D_0200u64.to_le_bytes());
        assert_eq!(bytes[8..16], 0x85_0058u64.to_le_bytes());
        assert_eq!(bytes[16..24], [0xFF; 8]);
    }

    #[test]
    fn units_widen_what_they_hold() {
        let log = BadBlockLog::new(&[SectorRange::new(9, 8)], 512, 3).expect("fits");
        assert_eq!(log.ranges(), [SectorRange::new(8, 16)]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let many: Vec<_> = (0..3).map(|n| SectorRange::new(n * 100, 1)).collect();
        let full = BadBlockError::Full { needed: 3, room: 2 };
        assert_eq!(BadBlockLog::new(&many, 2, 0), Err(full));
        let endless = BadBlockLog::new(&[SectorRange::new(0, u64::MAX)], 4, 0);
        assert_eq!(endless, Err(BadBlockError::Full { needed: 5, room: 4 }));
        let far = BadBlockLog::new(&[SectorRange::new(u64::MAX - 9, 4)], 4, 0);
        assert!(matches!(far, Err(BadBlockError::TooFar { .. })));
    }

    #[test]
    fn hostile_words_are_refused() {
        assert_eq!(BadBlockLog::decode(&[0; 9], 0), Err(BadBlockError::NotWords(9)));
        assert_eq!(BadBlockLog::decode(&[0; 8], 64), Err(BadBlockError::BadShift(64)));
        let word = u64::MAX - 1;
        let far = BadBlockError::TooFar { entry: 0, word };
        assert_eq!(BadBlockLog::decode(&word.to_le_bytes(), 11), Err(far));
    }
}
