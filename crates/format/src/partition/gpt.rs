//! The GPT: a header, and a table of entries anywhere on the device.
//!
//! The one thing to understand: the table's place and size come from the header, so they are
//! believed only after the header's CRC, the device's size and a limit of 1 MiB have agreed; the
//! table is then read in pieces.

use super::{Copy, Guid, Kind, Partition, Scheme, Table};
use crate::bytes::{self, Device};
use crate::crc::{Crc32, crc32};
use paritas_units::{SECTOR_BYTES, Sector, Sectors};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first bytes of a header.
const SIGNATURE: [u8; 8] = *b"EFI PART";
/// Bytes of a header that every version has.
pub const HEADER_BYTES: usize = 92;
/// Bytes of an entry that every version has.
pub const ENTRY_BYTES: usize = 128;
/// The longest table that is read.
const MAX_TABLE_BYTES: u64 = 1 << 20;
/// The longest entry that is read.
const MAX_ENTRY_BYTES: u32 = 4096;
/// Bytes of a header that its own CRC fills.
const CRC: std::ops::Range<usize> = 16..20;
/// The logical blocks that are tried.
const BLOCKS: [Sectors; 2] = [Sectors(1), Sectors(8)];

/// A header; what follows it in its block is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The revision; 0x00010000.
    pub revision: u32,
    /// Bytes that the CRC covers.
    pub header_bytes: u32,
    /// The stored CRC.
    pub checksum: u32,
    /// Zero, kept as it is.
    pub reserved: u32,
    /// The header's own block.
    pub own_block: u64,
    /// The block of the other copy.
    pub other_block: u64,
    /// The first block that partitions may use.
    pub first_usable: u64,
    /// The last block that partitions may use.
    pub last_usable: u64,
    /// The disk's identity.
    pub guid: Guid,
    /// The first block of the entries.
    pub entries_block: u64,
    /// How many entries there are.
    pub entries: u32,
    /// Bytes of an entry.
    pub entry_bytes: u32,
    /// The CRC of all entries.
    pub entries_checksum: u32,
    /// The bytes after the header.
    pub rest: Vec<u8>,
}

/// The bytes of a header in their order.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Wire {
    signature: [u8; 8],
    revision: U32,
    header_bytes: U32,
    checksum: U32,
    reserved: U32,
    own_block: U64,
    other_block: U64,
    first_usable: U64,
    last_usable: U64,
    guid: [u8; 16],
    entries_block: U64,
    entries: U32,
    entry_bytes: U32,
    entries_checksum: U32,
}

/// An entry; every byte is kept but those past 128.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Entry {
    kind: [u8; 16],
    guid: [u8; 16],
    first: U64,
    last: U64,
    attributes: U64,
    name: [u8; 72],
}

impl Header {
    /// Reads the block of a header. Only its signature is judged; see [`Header::is_intact`].
    #[must_use]
    pub fn decode(block: &[u8]) -> Option<Self> {
        let (wire, rest) = Wire::read_from_prefix(block).ok()?;
        (wire.signature == SIGNATURE).then(|| Self {
            revision: wire.revision.get(),
            header_bytes: wire.header_bytes.get(),
            checksum: wire.checksum.get(),
            reserved: wire.reserved.get(),
            own_block: wire.own_block.get(),
            other_block: wire.other_block.get(),
            first_usable: wire.first_usable.get(),
            last_usable: wire.last_usable.get(),
            guid: Guid(wire.guid),
            entries_block: wire.entries_block.get(),
            entries: wire.entries.get(),
            entry_bytes: wire.entry_bytes.get(),
            entries_checksum: wire.entries_checksum.get(),
            rest: rest.to_vec(),
        })
    }

    /// The bytes of the header's block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let head: [u8; HEADER_BYTES] = zerocopy::transmute!(Wire {
            signature: SIGNATURE,
            revision: self.revision.into(),
            header_bytes: self.header_bytes.into(),
            checksum: self.checksum.into(),
            reserved: self.reserved.into(),
            own_block: self.own_block.into(),
            other_block: self.other_block.into(),
            first_usable: self.first_usable.into(),
            last_usable: self.last_usable.into(),
            guid: self.guid.0,
            entries_block: self.entries_block.into(),
            entries: self.entries.into(),
            entry_bytes: self.entry_bytes.into(),
            entries_checksum: self.entries_checksum.into(),
        });
        [head.as_slice(), &self.rest].concat()
    }

    /// The CRC that the header should have; `None` if it claims more bytes than its block has.
    #[must_use]
    pub fn computed_checksum(&self) -> Option<u32> {
        let mut block = self.encode();
        block.get_mut(CRC)?.fill(0);
        let covered = usize::try_from(self.header_bytes).ok().filter(|&n| n >= HEADER_BYTES)?;
        Some(crc32(block.get(..covered)?))
    }

    /// Whether the CRC fits.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.computed_checksum() == Some(self.checksum)
    }

    /// The bytes of the table, if its numbers can be believed.
    fn table_bytes(&self) -> Option<u64> {
        let bytes = u64::from(self.entries) * u64::from(self.entry_bytes);
        let is_entry_good = self.entry_bytes.is_power_of_two()
            && (128..=MAX_ENTRY_BYTES).contains(&self.entry_bytes);
        (is_entry_good && bytes <= MAX_TABLE_BYTES && bytes > 0).then_some(bytes)
    }
}

impl Entry {
    /// An entry of a type for the blocks from `first` to `last`.
    #[must_use]
    pub fn new(kind: Guid, guid: Guid, first: u64, last: u64, name: &str) -> Self {
        let mut place = [0; 72];
        for (pair, unit) in place.chunks_exact_mut(2).zip(name.encode_utf16()) {
            pair.copy_from_slice(&unit.to_le_bytes());
        }
        let (first, last, attributes) = (first.into(), last.into(), 0.into());
        Self { kind: kind.0, guid: guid.0, first, last, attributes, name: place }
    }

    /// Reads the first 128 bytes of an entry; `None` if it is too short.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Self::read_from_prefix(bytes).ok().map(|(entry, _)| entry)
    }

    /// The bytes of the entry.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        self.as_bytes()
    }

    /// The partition that the entry names; `None` if it is unused or its blocks cannot be counted.
    fn partition(&self, number: u32, block: Sectors) -> Option<Partition> {
        let (first, last) = (self.first.get(), self.last.get());
        let blocks = last.checked_sub(first)?.checked_add(1)?;
        let start = Sector(first.checked_mul(block.0)?);
        let len = Sectors(blocks.checked_mul(block.0)?);
        start.checked_add(len)?;
        let kind = Kind::Gpt(Guid(self.kind));
        let name = bytes::text_utf16(&self.name);
        (self.kind != [0; 16]).then_some(Partition { number, start, len, kind, name })
    }
}

/// The GPT of a device, from whichever copy is whole.
pub(super) fn table<E, R>(device: &mut Device<R>) -> Result<Option<Table>, E>
where
    R: FnMut(Sector, &mut [u8]) -> Result<(), E>,
{
    for block in BLOCKS {
        let blocks = device.sectors.0 / block.0;
        let Some(last) = blocks.checked_sub(1) else { continue };
        let primary = copy_at(device, block, 1)?;
        // Where the device has grown since, only the primary knows where the other copy lies.
        let other = primary.as_ref().map_or(last, |(header, _)| header.other_block);
        let backup = copy_at(device, block, other)?;
        let is_other_damaged = primary.is_none() || backup.is_none();
        let (copy, found) = match (primary, backup) {
            (Some(primary), _) => (Copy::Primary, primary),
            (None, Some(backup)) => (Copy::Backup, backup),
            (None, None) => continue,
        };
        let (header, partitions) = found;
        let scheme = Scheme::Gpt { guid: header.guid, copy, is_other_damaged, block };
        return Ok(Some(Table { scheme, partitions }));
    }
    Ok(None)
}

/// The header in block `at` and its partitions, if both CRCs fit.
fn copy_at<E, R>(
    device: &mut Device<R>,
    block: Sectors,
    at: u64,
) -> Result<Option<(Header, Vec<Partition>)>, E>
where
    R: FnMut(Sector, &mut [u8]) -> Result<(), E>,
{
    let Some(sector) = at.checked_mul(block.0).map(Sector) else { return Ok(None) };
    let bytes = device.sectors_at(sector, block)?;
    let header = bytes.as_deref().and_then(Header::decode);
    let Some(header) = header.filter(|found| found.is_intact() && found.own_block == at) else {
        return Ok(None);
    };
    Ok(entries(device, block, &header)?.map(|partitions| (header, partitions)))
}

/// The partitions of the table that a header leads to, if it is whole.
fn entries<E, R>(
    device: &mut Device<R>,
    block: Sectors,
    header: &Header,
) -> Result<Option<Vec<Partition>>, E>
where
    R: FnMut(Sector, &mut [u8]) -> Result<(), E>,
{
    let (Some(mut left), Some(at)) =
        (header.table_bytes(), header.entries_block.checked_mul(block.0))
    else {
        return Ok(None);
    };
    let entry_bytes = usize::try_from(header.entry_bytes).unwrap_or(ENTRY_BYTES);
    let (mut at, mut sum, mut number) = (Sector(at), Crc32::new(), 0);
    let mut partitions = Vec::new();
    while left > 0 {
        let now = left.min(u64::from(MAX_ENTRY_BYTES));
        let count = Sectors(now.div_ceil(SECTOR_BYTES));
        let Some(piece) = device.sectors_at(at, count)? else { return Ok(None) };
        let used = usize::try_from(now).ok().and_then(|now| piece.get(..now)).unwrap_or_default();
        sum.update(used);
        for bytes in used.chunks_exact(entry_bytes) {
            number += 1;
            let entry = Entry::decode(bytes);
            partitions.extend(entry.and_then(|entry| entry.partition(number, block)));
        }
        (left, at) = (left - now, at + count);
    }
    Ok((sum.finish() == header.entries_checksum).then_some(partitions))
}

/// A header with good CRCs for `table`, for tests. `own` and `other` are the copies' blocks.
#[must_use]
pub fn build_header(guid: Guid, own: u64, other: u64, entries_block: u64, table: &[u8]) -> Header {
    let count = u32::try_from(table.len() / ENTRY_BYTES).unwrap_or(u32::MAX);
    let mut header = Header {
        revision: 0x0001_0000,
        header_bytes: 92,
        checksum: 0,
        reserved: 0,
        own_block: own,
        other_block: other,
        first_usable: 34,
        last_usable: own.max(other).saturating_sub(34),
        guid,
        entries_block,
        entries: count,
        entry_bytes: 128,
        entries_checksum: crc32(table),
        rest: vec![0; 512 - HEADER_BYTES],
    };
    header.checksum = header.computed_checksum().unwrap_or(0);
    header
}
