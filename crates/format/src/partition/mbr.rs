//! The MBR: four primary partitions, and a chain of extended boot records with one logical
//! partition each.
//!
//! The one thing to understand: a link of the chain counts from the beginning of the extended
//! partition, a logical partition from its own record. The walk stops at a record that was seen.

use super::{Kind, Partition, Scheme, Table};
use crate::bytes::Device;
use paritas_units::{Sector, Sectors};
use std::collections::BTreeSet;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of an MBR or an extended boot record.
pub const MBR_BYTES: usize = 512;
/// Extended boot records that are followed in one chain.
const MAX_RECORDS: usize = 256;
/// The number of the first logical partition.
const FIRST_LOGICAL: u32 = 5;
/// The last two bytes.
const SIGNATURE: [u8; 2] = [0x55, 0xAA];
/// The type of the partition that protects a GPT.
pub const PROTECTIVE: u8 = 0xEE;
/// The types whose partition holds a chain.
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];

/// An MBR; every byte is kept.
#[derive(Clone, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Mbr {
    code: [u8; 440],
    signature: U32,
    padding: [u8; 2],
    entries: [Entry; 4],
    magic: [u8; 2],
}

/// An entry of an MBR; every byte is kept.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Entry {
    /// 0x80 on the partition to boot from, else 0.
    pub status: u8,
    /// The first sector in cylinders; not used.
    pub first_chs: [u8; 3],
    /// The type; zero for an unused entry.
    pub kind: u8,
    /// The last sector in cylinders; not used.
    pub last_chs: [u8; 3],
    start: U32,
    len: U32,
}

impl Entry {
    /// An entry that says nothing.
    pub const EMPTY: Self = Self {
        status: 0,
        first_chs: [0; 3],
        kind: 0,
        last_chs: [0; 3],
        start: U32::ZERO,
        len: U32::ZERO,
    };

    /// An entry of a type, from a start for a length.
    #[must_use]
    pub fn new(kind: u8, start: u32, len: u32) -> Self {
        let chs = [0xFE, 0xFF, 0xFF];
        let (start, len) = (start.into(), len.into());
        Self { status: 0, first_chs: chs, kind, last_chs: chs, start, len }
    }

    /// The first sector, from wherever the entry counts.
    #[must_use]
    pub fn start(&self) -> Sectors {
        Sectors(u64::from(self.start.get()))
    }

    /// The length.
    #[must_use]
    pub fn len(&self) -> Sectors {
        Sectors(u64::from(self.len.get()))
    }

    /// Whether the entry says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kind == 0 || self.len().is_zero()
    }

    /// Whether the entry leads to a chain of logical partitions.
    fn is_extended(&self) -> bool {
        !self.is_empty() && EXTENDED.contains(&self.kind)
    }

    /// The partition that the entry names, counted from `base`.
    fn partition(&self, number: u32, base: Sector) -> Option<Partition> {
        let start = base.checked_add(self.start())?;
        let kind = Kind::Mbr(self.kind);
        Some(Partition { number, start, len: self.len(), kind, name: None })
    }
}

impl Mbr {
    /// An MBR with these entries and nothing to boot.
    #[must_use]
    pub fn new(signature: u32, entries: [Entry; 4]) -> Self {
        let signature = signature.into();
        Self { signature, entries, magic: SIGNATURE, ..Self::new_zeroed() }
    }

    /// Reads 512 bytes that end as an MBR does.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Self::read_from_bytes(bytes).ok().filter(|mbr| mbr.magic == SIGNATURE)
    }

    /// The bytes of the MBR.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        self.as_bytes()
    }

    /// The four entries.
    #[must_use]
    pub const fn entries(&self) -> &[Entry; 4] {
        &self.entries
    }

    /// The disk's signature.
    #[must_use]
    pub fn signature(&self) -> u32 {
        self.signature.get()
    }

    /// Whether an entry protects a GPT.
    #[must_use]
    pub fn is_protective(&self) -> bool {
        self.entries.iter().any(|entry| entry.kind == PROTECTIVE)
    }

    /// Whether the four entries can be a table; `bytes` are the sector, to tell it from the boot
    /// sector of a FAT or NTFS file system, which ends in the same way.
    pub(super) fn is_plausible(&self, bytes: &[u8]) -> bool {
        let marks: [(usize, &[u8]); 4] =
            [(3, b"NTFS    "), (3, b"EXFAT   "), (54, b"FAT"), (82, b"FAT32")];
        let is_boot_sector = marks.iter().any(|&(at, mark)| crate::bytes::is_at(bytes, at, mark));
        let is_status_good = self.entries.iter().all(|entry| entry.status & 0x7F == 0);
        is_status_good && !is_boot_sector && self.entries.iter().any(|entry| !entry.is_empty())
    }
}

impl std::fmt::Debug for Mbr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mbr")
            .field("signature", &self.signature())
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

/// The partitions of an MBR, the logical ones among them.
pub(super) fn table<E, R>(mbr: &Mbr, device: &mut Device<R>) -> Result<Table, E>
where
    R: FnMut(Sector, &mut [u8]) -> Result<(), E>,
{
    let used = (1..).zip(&mbr.entries).filter(|(_, entry)| !entry.is_empty());
    let mut partitions: Vec<_> =
        used.filter_map(|(number, entry)| entry.partition(number, Sector::ZERO)).collect();
    let mut is_chain_broken = false;
    let mut next_number = FIRST_LOGICAL;
    for extended in mbr.entries.iter().filter(|entry| entry.is_extended()) {
        let base = Sector::ZERO + extended.start();
        is_chain_broken |= !walk(base, device, &mut next_number, &mut partitions)?;
    }
    let signature = mbr.signature();
    Ok(Table { scheme: Scheme::Mbr { signature, is_chain_broken }, partitions })
}

/// Follows the chain that begins at `base`; false if it was left before its end.
fn walk<E, R>(
    base: Sector,
    device: &mut Device<R>,
    next_number: &mut u32,
    partitions: &mut Vec<Partition>,
) -> Result<bool, E>
where
    R: FnMut(Sector, &mut [u8]) -> Result<(), E>,
{
    let mut seen = BTreeSet::new();
    let mut at = base;
    loop {
        if !seen.insert(at) || seen.len() > MAX_RECORDS {
            return Ok(false);
        }
        let record = device.sectors_at(at, Sectors(1))?;
        let Some(record) = record.as_deref().and_then(Mbr::decode) else { return Ok(false) };
        let mut next = None;
        for entry in record.entries.iter().filter(|entry| !entry.is_empty()) {
            if entry.is_extended() {
                next = next.or(base.checked_add(entry.start()));
            } else if let Some(partition) = entry.partition(*next_number, at) {
                partitions.push(partition);
                *next_number += 1;
            }
        }
        match next {
            Some(link) => at = link,
            None => return Ok(true),
        }
    }
}

/// A name for the common types.
pub(super) const fn type_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x05 | 0x0F | 0x85 => "Extended",
        0x07 => "HPFS/NTFS/exFAT",
        0x0B | 0x0C => "W95 FAT32",
        0x06 | 0x0E => "FAT16",
        0x82 => "Linux swap",
        0x83 => "Linux",
        0x8E => "Linux LVM",
        0xA5 => "FreeBSD",
        0xDA => "Non-FS data",
        0xEE => "GPT",
        0xEF => "EFI (FAT-12/16/32)",
        0xFD => "Linux raid autodetect",
        _ => return None,
    })
}
