//! The partial parity log: the header of a unit and its entries.
//!
//! The one thing to understand: each member has its own log, for the stripes whose parity it
//! holds; a header is a block of 4 KiB, and the partial parity of its entries follows it in their
//! order.
//!
//! Deliberately absent: replay, and where the log lies (the superblock says).

use crate::ArrayUuid;
use crate::crc::crc32c;
use paritas_units::Sector;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a header.
#[doc(alias = "PPL_HEADER_SIZE")]
pub const HEADER_BYTES: usize = 4096;
/// Entries that a header has room for.
#[doc(alias = "PPL_HDR_MAX_ENTRIES")]
pub const MAX_ENTRIES: usize = 148;

/// A header; every byte is kept.
#[doc(alias = "ppl_header")]
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    wire: Box<Wire>,
}

/// The bytes of a header in their order.
#[derive(Clone, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Wire {
    reserved: [u8; 512],
    signature: U32,
    padding: U32,
    generation: U64,
    entries_count: U32,
    checksum: U32,
    entries: [WireEntry; MAX_ENTRIES],
    rest: [u8; 8],
}

/// The bytes of an entry in their order.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct WireEntry {
    data_sector: U64,
    parity_bytes: U32,
    data_bytes: U32,
    parity_slot: U32,
    checksum: U32,
}

/// What an entry says: data of these stripes was about to change.
#[doc(alias = "ppl_header_entry")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The first array sector that changes.
    pub data_sector: Sector,
    /// Bytes of partial parity that follow the header; zero for whole stripes.
    pub parity_bytes: u32,
    /// Bytes of all data that changes.
    pub data_bytes: u32,
    /// The slot that holds the parity.
    pub parity_slot: u32,
    /// CRC32C of the entry's partial parity.
    pub checksum: u32,
}

/// Why a header cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PplError {
    /// Not as many bytes as a header has.
    #[error("a PPL header has {HEADER_BYTES} bytes, here are {0}")]
    BadLength(usize),
    /// The checksum does not fit the bytes.
    #[error("the PPL header's checksum is {stored:#010x}, its bytes give {computed:#010x}")]
    BadChecksum {
        /// As stored.
        stored: u32,
        /// As the bytes give it.
        computed: u32,
    },
    /// It belongs to another array.
    #[error("the PPL header's signature is {stored:#010x}; this array's is {expected:#010x}")]
    Foreign {
        /// As stored.
        stored: u32,
        /// What the array's uuid gives.
        expected: u32,
    },
    /// More entries than a header has room for.
    #[error("the PPL header counts {0} entries; it has room for {MAX_ENTRIES}")]
    TooManyEntries(u32),
}

/// The signature of an array's logs.
#[must_use]
pub fn signature(set_uuid: ArrayUuid) -> u32 {
    crc32c(&set_uuid.0)
}

impl Header {
    /// A header with these entries and a good checksum.
    ///
    /// # Errors
    /// [`PplError::TooManyEntries`].
    pub fn new(set_uuid: ArrayUuid, generation: u64, entries: &[Entry]) -> Result<Self, PplError> {
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut wire = Box::new(Wire::new_zeroed());
        let Some(places) = wire.entries.get_mut(..entries.len()) else {
            return Err(PplError::TooManyEntries(count));
        };
        for (place, entry) in places.iter_mut().zip(entries) {
            *place = WireEntry::from(*entry);
        }
        wire.reserved = [0xFF; 512];
        wire.signature = signature(set_uuid).into();
        wire.generation = generation.into();
        wire.entries_count = count.into();
        let mut header = Self { wire };
        header.wire.checksum = header.computed_checksum().into();
        Ok(header)
    }

    /// Reads a header of 4 KiB. Nothing is judged but the length; see [`Header::check`].
    ///
    /// # Errors
    /// [`PplError::BadLength`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PplError> {
        let wire = Wire::read_from_bytes(bytes).map_err(|_| PplError::BadLength(bytes.len()))?;
        Ok(Self { wire: Box::new(wire) })
    }

    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        self.wire.as_bytes()
    }

    /// The stored signature.
    #[must_use]
    pub fn signature(&self) -> u32 {
        self.wire.signature.get()
    }

    /// The count that all members' logs share; the highest valid one is the newest.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.wire.generation.get()
    }

    /// The stored checksum.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.wire.checksum.get()
    }

    /// CRC32C of the header with its checksum taken as zero.
    #[must_use]
    pub fn computed_checksum(&self) -> u32 {
        let mut wire = self.wire.clone();
        wire.checksum = 0.into();
        crc32c(wire.as_bytes())
    }

    /// Judges the header: checksum, owner, count.
    ///
    /// # Errors
    /// Any [`PplError`] but [`PplError::BadLength`].
    pub fn check(&self, set_uuid: ArrayUuid) -> Result<(), PplError> {
        let (stored, computed) = (self.checksum(), self.computed_checksum());
        if stored != computed {
            return Err(PplError::BadChecksum { stored, computed });
        }
        let (stored, expected) = (self.signature(), signature(set_uuid));
        if stored != expected {
            return Err(PplError::Foreign { stored, expected });
        }
        self.entries().map(|_| ())
    }

    /// The entries.
    ///
    /// # Errors
    /// [`PplError::TooManyEntries`].
    pub fn entries(&self) -> Result<impl Iterator<Item = Entry>, PplError> {
        let count = self.wire.entries_count.get();
        let used = usize::try_from(count).ok().and_then(|count| self.wire.entries.get(..count));
        let used = used.ok_or(PplError::TooManyEntries(count))?;
        Ok(used.iter().map(Entry::from))
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries: Option<Vec<_>> = self.entries().ok().map(Iterator::collect);
        f.debug_struct("Header")
            .field("signature", &self.signature())
            .field("generation", &self.generation())
            .field("checksum", &self.checksum())
            .field("entries", &entries)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Whether `parity` is the partial parity that the entry was written with.
    #[must_use]
    pub fn is_intact(&self, parity: &[u8]) -> bool {
        match (self.parity_bytes, parity) {
            (0, []) => self.checksum == 0,
            (expected, given) => {
                u32::try_from(given.len()) == Ok(expected) && crc32c(given) == self.checksum
            }
        }
    }
}

impl From<Entry> for WireEntry {
    fn from(entry: Entry) -> Self {
        Self {
            data_sector: entry.data_sector.0.into(),
            parity_bytes: entry.parity_bytes.into(),
            data_bytes: entry.data_bytes.into(),
            parity_slot: entry.parity_slot.into(),
            checksum: entry.checksum.into(),
        }
    }
}

impl From<&WireEntry> for Entry {
    fn from(wire: &WireEntry) -> Self {
        Self {
            data_sector: Sector(wire.data_sector.get()),
            parity_bytes: wire.parity_bytes.get(),
            data_bytes: wire.data_bytes.get(),
            parity_slot: wire.parity_slot.get(),
            checksum: wire.checksum.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: ArrayUuid = ArrayUuid(0xa7e8_c49d_d23d_8a87_0462_bd19_1965_d86f_u128.to_be_bytes());

    #[test]
    fn an_empty_header_is_the_drivers() {
        assert_eq!(signature(UUID), 0xD0F6_D3E3);
        let header = Header::new(UUID, 0, &[]).expect("no entries");
        assert_eq!(header.checksum(), 0x1E1C_3164);
        assert_eq!(header.check(UUID), Ok(()));
    }

    #[test]
    fn entries_come_back() {
        let parity = [0x5A; 4096];
        let checksum = crc32c(&parity);
        let entry = Entry {
            data_sector: Sector(1 << 40),
            parity_bytes: 4096,
            data_bytes: 8192,
            parity_slot: 2,
            checksum,
        };
        let header = Header::new(UUID, 9, &[entry; 148]).expect("they fit");
        let again = Header::decode(header.encode()).expect("a whole block");
        assert_eq!(again, header);
        assert_eq!(again.entries().expect("counted").collect::<Vec<_>>(), [entry; 148]);
        assert!(entry.is_intact(&parity) && !entry.is_intact(&parity[1..]));
        assert_eq!(Header::new(UUID, 9, &[entry; 149]), Err(PplError::TooManyEntries(149)));
    }

    #[test]
    fn damage_is_named() {
        let mut bytes = Header::new(UUID, 1, &[]).expect("no entries").encode().to_vec();
        assert_eq!(Header::decode(&bytes[1..]), Err(PplError::BadLength(4095)));
        let foreign = Header::decode(&bytes).expect("whole").check(ArrayUuid([0; 16]));
        assert!(matches!(foreign, Err(PplError::Foreign { stored: 0xD0F6_D3E3, .. })));
        bytes[528] = 149;
        let header = Header::decode(&bytes).expect("whole");
        assert!(matches!(header.check(UUID), Err(PplError::BadChecksum { .. })));
        assert_eq!(header.entries().err(), Some(PplError::TooManyEntries(149)));
        assert!(format!("{header:?}").contains("None"));
    }
}
