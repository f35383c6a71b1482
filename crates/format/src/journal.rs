//! The journal of levels 4, 5 and 6: its meta blocks and their payloads.
//!
//! The one thing to understand: a meta block of 4 KiB lists what follows it in the ring; its
//! checksum, and those of the blocks, are raw CRC32C seeded with the raw CRC of the array's uuid
//! ([`Seed`]), so a block of another array never fits.
//!
//! Deliberately absent: walking the ring and replay.

use crate::ArrayUuid;
use crate::crc::crc32c_raw;
use paritas_units::{Sector, Sectors};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

#[doc(alias = "R5LOG_MAGIC")]
/// The first four bytes of a meta block.
pub const MAGIC: u32 = 0x6433_C509;
/// The only version.
#[doc(alias = "R5LOG_VERSION")]
pub const VERSION: u8 = 1;
/// Bytes of a meta block, and of a block of data or parity.
pub const BLOCK_BYTES: usize = 4096;
/// Bytes before the first payload.
pub const HEADER_BYTES: usize = 32;
/// Sectors of a block.
const BLOCK_SECTORS: u64 = 8;

/// A meta block; every byte is kept.
#[doc(alias = "r5l_meta_block")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaBlock {
    /// The stored checksum.
    pub checksum: u32,
    /// The version; 1.
    pub version: u8,
    /// Zeroes, kept as they are.
    pub padding: [u8; 3],
    /// Bytes in use, the header's 32 among them.
    pub meta_bytes: u32,
    /// The number of the block: each is one more than the one before.
    pub sequence: u64,
    /// Where the block lies in the ring.
    pub position: Sector,
    /// What follows the header: payloads, then padding.
    body: Box<[u8; BLOCK_BYTES - HEADER_BYTES]>,
}

/// The bytes of a header in their order.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Wire {
    magic: U32,
    checksum: U32,
    version: u8,
    padding: [u8; 3],
    meta_bytes: U32,
    sequence: U64,
    position: U64,
}

/// The first bytes of every payload.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct WirePayload {
    kind: U16,
    flags: U16,
    size: U32,
}

/// What a meta block lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Data blocks follow in the ring.
    Data {
        /// Flags; zero today.
        flags: u16,
        /// The first array sector.
        location: Sector,
        /// A checksum for each block.
        checksums: Vec<u32>,
    },
    /// Parity blocks follow in the ring: P, or P and Q.
    Parity {
        /// Flags; zero today.
        flags: u16,
        /// The stripe's sector on the members.
        location: Sector,
        /// A checksum for each block.
        checksums: Vec<u32>,
    },
    /// These stripes are safe on the members; nothing follows in the ring.
    Flush {
        /// Flags; zero today.
        flags: u16,
        /// The stripes' sectors on the members.
        stripes: Vec<Sector>,
    },
}

/// Why a meta block cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Not as many bytes as a block has.
    #[error("a journal's meta block has {BLOCK_BYTES} bytes, here are {0}")]
    BadLength(usize),
    /// Something else stands there.
    #[error("no journal meta block here: the magic number is {0:#010x}, not {MAGIC:#010x}")]
    NotAMetaBlock(u32),
    /// A version that nobody knows.
    #[error("the journal has version {0}; only version 1 is known")]
    UnknownVersion(u8),
    /// The checksum does not fit the bytes, or the block is another array's.
    #[error("the meta block's checksum is {stored:#010x}, its bytes give {computed:#010x}")]
    BadChecksum {
        /// As stored.
        stored: u32,
        /// As the bytes and the array's uuid give it.
        computed: u32,
    },
    /// The used length is shorter than a header or longer than a block.
    #[error("the meta block claims {0} bytes in use; it has from 32 to 4096")]
    BadMetaBytes(u32),
    /// A payload ends past the used length, or its size is no multiple of its unit.
    #[error("the payload at byte {at} of the meta block does not fit (type {kind}, size {size})")]
    BadPayload {
        /// Where it begins in the block.
        at: usize,
        /// Its type.
        kind: u16,
        /// Its size as stored.
        size: u32,
    },
    /// The payloads take more than a block.
    #[error("the payloads do not fit into a meta block")]
    TooMany,
}

/// The raw CRC of an array's uuid, from which all its journal checksums start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u32);

impl Seed {
    /// The seed of an array.
    #[must_use]
    pub fn new(set_uuid: ArrayUuid) -> Self {
        Self(crc32c_raw(u32::MAX, &set_uuid.0))
    }

    /// The checksum of a block of data or parity.
    #[must_use]
    pub fn checksum(self, block: &[u8]) -> u32 {
        crc32c_raw(self.0, block)
    }
}

impl MetaBlock {
    /// A block with these payloads and a good checksum.
    ///
    /// # Errors
    /// [`JournalError::TooMany`].
    pub fn new(
        seed: Seed,
        sequence: u64,
        position: Sector,
        payloads: &[Payload],
    ) -> Result<Self, JournalError> {
        let bytes: Vec<u8> = payloads.iter().flat_map(Payload::encode).collect();
        let mut body = Box::new([0; BLOCK_BYTES - HEADER_BYTES]);
        body.get_mut(..bytes.len()).ok_or(JournalError::TooMany)?.copy_from_slice(&bytes);
        let meta_bytes = u32::try_from(HEADER_BYTES.saturating_add(bytes.len()))
            .map_err(|_| JournalError::TooMany)?;
        let mut block = Self {
            checksum: 0,
            version: VERSION,
            padding: [0; 3],
            meta_bytes,
            sequence,
            position,
            body,
        };
        block.checksum = block.computed_checksum(seed);
        Ok(block)
    }

    /// Reads a block of 4 KiB. Only its length and its magic number are judged; see
    /// [`MetaBlock::check`].
    ///
    /// # Errors
    /// [`JournalError::BadLength`] and [`JournalError::NotAMetaBlock`].
    pub fn decode(bytes: &[u8]) -> Result<Self, JournalError> {
        let bad_length = || JournalError::BadLength(bytes.len());
        let (wire, body) = Wire::read_from_prefix(bytes).map_err(|_| bad_length())?;
        let body = <[u8; BLOCK_BYTES - HEADER_BYTES]>::try_from(body).map_err(|_| bad_length())?;
        if wire.magic.get() != MAGIC {
            return Err(JournalError::NotAMetaBlock(wire.magic.get()));
        }
        Ok(Self {
            checksum: wire.checksum.get(),
            version: wire.version,
            padding: wire.padding,
            meta_bytes: wire.meta_bytes.get(),
            sequence: wire.sequence.get(),
            position: Sector(wire.position.get()),
            body: Box::new(body),
        })
    }

    /// The bytes of the block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let header: [u8; HEADER_BYTES] = zerocopy::transmute!(Wire {
            magic: MAGIC.into(),
            checksum: self.checksum.into(),
            version: self.version,
            padding: self.padding,
            meta_bytes: self.meta_bytes.into(),
            sequence: self.sequence.into(),
            position: self.position.0.into(),
        });
        [header.as_slice(), self.body.as_slice()].concat()
    }

    /// The checksum that the block should have.
    #[must_use]
    pub fn computed_checksum(&self, seed: Seed) -> u32 {
        let without = Self { checksum: 0, ..self.clone() };
        seed.checksum(&without.encode())
    }

    /// Judges version and checksum.
    ///
    /// # Errors
    /// [`JournalError::UnknownVersion`] and [`JournalError::BadChecksum`].
    pub fn check(&self, seed: Seed) -> Result<(), JournalError> {
        if self.version != VERSION {
            return Err(JournalError::UnknownVersion(self.version));
        }
        let (stored, computed) = (self.checksum, self.computed_checksum(seed));
        if stored != computed {
            return Err(JournalError::BadChecksum { stored, computed });
        }
        Ok(())
    }

    /// The payloads in their order. A type that nobody knows ends the list with an error.
    ///
    /// # Errors
    /// [`JournalError::BadMetaBytes`] and [`JournalError::BadPayload`].
    pub fn payloads(&self) -> Result<Vec<Payload>, JournalError> {
        let used = usize::try_from(self.meta_bytes)
            .ok()
            .and_then(|used| used.checked_sub(HEADER_BYTES))
            .and_then(|used| self.body.get(..used))
            .ok_or(JournalError::BadMetaBytes(self.meta_bytes))?;
        let mut payloads = Vec::new();
        let mut rest = used;
        while !rest.is_empty() {
            let at = HEADER_BYTES.saturating_add(used.len() - rest.len());
            let (payload, behind) = Payload::decode(at, rest)?;
            payloads.push(payload);
            rest = behind;
        }
        Ok(payloads)
    }

    /// How far the next meta block is: this one, and the blocks that its payloads list.
    ///
    /// # Errors
    /// As [`MetaBlock::payloads`].
    pub fn unit_sectors(&self) -> Result<Sectors, JournalError> {
        let blocks: usize = self.payloads()?.iter().map(Payload::blocks).sum();
        let blocks = u64::try_from(blocks).map_err(|_| JournalError::TooMany)?;
        Ok(Sectors((1 + blocks) * BLOCK_SECTORS))
    }
}

impl Payload {
    /// How many blocks follow in the ring.
    #[must_use]
    pub fn blocks(&self) -> usize {
        match self {
            Self::Data { checksums, .. } | Self::Parity { checksums, .. } => checksums.len(),
            Self::Flush { .. } => 0,
        }
    }

    /// Takes one payload from the front of `bytes`, which begin at byte `at` of the block.
    fn decode(at: usize, bytes: &[u8]) -> Result<(Self, &[u8]), JournalError> {
        let (wire, rest) = WirePayload::read_from_prefix(bytes)
            .map_err(|_| JournalError::BadPayload { at, kind: 0, size: 0 })?;
        let (kind, flags, size) = (wire.kind.get(), wire.flags.get(), wire.size.get());
        let bad = || JournalError::BadPayload { at, kind, size };
        if kind == 2 {
            if size % 8 != 0 {
                return Err(bad());
            }
            let length = usize::try_from(size).map_err(|_| bad())?;
            let (stripes, behind) = rest.split_at_checked(length).ok_or_else(bad)?;
            let (stripes, _) = stripes.as_chunks::<8>();
            let stripes = stripes.iter().map(|&at| Sector(u64::from_le_bytes(at))).collect();
            return Ok((Self::Flush { flags, stripes }, behind));
        }
        if kind > 2 || u64::from(size) % BLOCK_SECTORS != 0 || size == 0 {
            return Err(bad());
        }
        let length = usize::try_from(u64::from(size) / BLOCK_SECTORS * 4).map_err(|_| bad())?;
        let (location, rest) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
        let location = Sector(u64::from_le_bytes(*location));
        let (sums, behind) = rest.split_at_checked(length).ok_or_else(bad)?;
        let (sums, _) = sums.as_chunks::<4>();
        let checksums = sums.iter().map(|&sum| u32::from_le_bytes(sum)).collect();
        let payload = match kind {
            0 => Self::Data { flags, location, checksums },
            _ => Self::Parity { flags, location, checksums },
        };
        Ok((payload, behind))
    }

    /// The bytes of the payload.
    fn encode(&self) -> Vec<u8> {
        let (kind, flags, size) = match self {
            Self::Data { flags, checksums, .. } => (0, *flags, checksums.len().saturating_mul(8)),
            Self::Parity { flags, checksums, .. } => (1, *flags, checksums.len().saturating_mul(8)),
            Self::Flush { flags, stripes } => (2, *flags, stripes.len().saturating_mul(8)),
        };
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let wire = WirePayload { kind: U16::new(kind), flags: flags.into(), size: size.into() };
        let mut bytes = wire.as_bytes().to_vec();
        match self {
            Self::Data { location, checksums, .. } | Self::Parity { location, checksums, .. } => {
                bytes.extend(location.0.to_le_bytes());
                bytes.extend(checksums.iter().flat_map(|sum| sum.to_le_bytes()));
            }
            Self::Flush { stripes, .. } => {
                bytes.extend(stripes.iter().flat_map(|stripe| stripe.0.to_le_bytes()));
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: ArrayUuid = ArrayUuid(0x2dcd_fa10_c254_8dce_a0a4_2eb0_fe0d_7cad_u128.to_be_bytes());

    #[test]
    fn an_empty_block_is_mdadms() {
        let block = MetaBlock::new(Seed::new(UUID), 0x2E13_6E3B, Sector(0), &[]).expect("empty");
        let golden = 0x09c5_3364_0d3c_162c_0100_0000_2000_0000_u128.to_be_bytes();
        let mut expected = golden.to_vec();
        expected.extend(0x2E13_6E3B_u64.to_le_bytes());
        expected.resize(BLOCK_BYTES, 0);
        assert_eq!(block.encode(), expected);
        assert_eq!(block.check(Seed::new(UUID)), Ok(()));
        assert!(block.check(Seed::new(ArrayUuid([0; 16]))).is_err());
        assert_eq!(block.unit_sectors(), Ok(Sectors(8)));
    }

    fn payloads() -> Vec<Payload> {
        vec![
            Payload::Data { flags: 0, location: Sector(128), checksums: vec![1] },
            Payload::Parity { flags: 1, location: Sector(64), checksums: vec![2, 3] },
            Payload::Flush { flags: 0, stripes: vec![Sector(8), Sector(16)] },
        ]
    }

    #[test]
    fn payloads_come_back() {
        let seed = Seed::new(UUID);
        let block = MetaBlock::new(seed, 5, Sector(24), &payloads()).expect("they fit");
        let again = MetaBlock::decode(&block.encode()).expect("a whole block");
        assert_eq!(again, block);
        assert_eq!(again.payloads(), Ok(payloads()));
        assert_eq!(again.meta_bytes, 32 + 20 + 24 + 24);
        assert_eq!(again.unit_sectors(), Ok(Sectors(8 * 4)));
    }

    #[test]
    fn damage_is_named() {
        let seed = Seed::new(UUID);
        let mut block = MetaBlock::new(seed, 5, Sector(24), &payloads()).expect("they fit");
        block.meta_bytes = 31;
        assert_eq!(block.payloads(), Err(JournalError::BadMetaBytes(31)));
        block.meta_bytes = 4097;
        assert_eq!(block.payloads(), Err(JournalError::BadMetaBytes(4097)));
        block.meta_bytes = 53;
        let cut = JournalError::BadPayload { at: 52, kind: 0, size: 0 };
        assert_eq!(block.payloads(), Err(cut));
        block.meta_bytes = 4096;
        let nothing = JournalError::BadPayload { at: 100, kind: 0, size: 0 };
        assert_eq!(block.payloads(), Err(nothing));
        block.version = 2;
        assert_eq!(block.check(seed), Err(JournalError::UnknownVersion(2)));
        let many = vec![payloads().remove(0); 204];
        assert_eq!(MetaBlock::new(seed, 0, Sector(0), &many), Err(JournalError::TooMany));
        assert!(MetaBlock::new(seed, 0, Sector(0), &many[..203]).is_ok());
        assert_eq!(MetaBlock::decode(&[0; 4096]), Err(JournalError::NotAMetaBlock(0)));
        assert_eq!(MetaBlock::decode(&[0; 4095]), Err(JournalError::BadLength(4095)));
    }
}
