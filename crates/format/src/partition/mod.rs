//! Partition tables: GPT, and MBR with its chain of logical partitions.
//!
//! The one thing to understand: a GPT is used where a protective MBR says so, or where there is
//! no MBR at all (it may have been overwritten); the copy at the device's end serves when the
//! first is damaged. All numbers are checked against the device before anything is read by them.
//!
//! Deliberately absent: writing tables (builders are for tests), and other schemes.

pub mod gpt;
pub mod mbr;
#[cfg(test)]
mod tests;

use crate::bytes::Device;
use paritas_units::{Sector, SectorRange, Sectors};
use std::fmt;

/// A partition table that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Which kind, and what belongs to it alone.
    pub scheme: Scheme,
    /// The partitions, by number.
    pub partitions: Vec<Partition>,
}

/// The kinds of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// An MBR.
    Mbr {
        /// The disk's signature.
        signature: u32,
        /// Whether the chain of logical partitions was left before its end: a loop, a link past
        /// the device or too many.
        is_chain_broken: bool,
    },
    /// A GPT.
    Gpt {
        /// The disk's identity.
        guid: Guid,
        /// Which copy was used.
        copy: Copy,
        /// Whether the other copy is damaged or missing.
        is_other_damaged: bool,
        /// Sectors of the logical block in which the table counts.
        block: Sectors,
    },
}

/// The two copies of a GPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// Behind the protective MBR.
    Primary,
    /// In the last block.
    Backup,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number as Linux counts: MBR's logical ones from 5.
    pub number: u32,
    /// The first sector.
    pub start: Sector,
    /// The length; it may end past the device where an image was cut.
    pub len: Sectors,
    /// What it is for.
    pub kind: Kind,
    /// The name, where the table has names.
    pub name: Option<String>,
}

/// What a partition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MBR's type.
    Mbr(u8),
    /// GPT's type.
    Gpt(Guid),
}

/// A GUID in the byte order of the disk: the first three groups are little-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guid(pub [u8; 16]);

impl Partition {
    /// Where the partition lies.
    #[must_use]
    pub const fn range(&self) -> SectorRange {
        SectorRange { start: self.start, len: self.len }
    }
}

impl Kind {
    /// Linux RAID, the type that members carry.
    pub const LINUX_RAID_MBR: Self = Self::Mbr(0xFD);
    /// Linux RAID, the type that members carry.
    pub const LINUX_RAID_GPT: Self = Self::Gpt(Guid([
        0x0F, 0x88, 0x9D, 0xA1, 0xFC, 0x05, 0x3B, 0x4D, 0xA0, 0x06, 0x74, 0x3F, 0x0F, 0x84, 0x91,
        0x1E,
    ]));

    /// A name for the common types.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let guid = match self {
            Self::Mbr(kind) => return mbr::type_name(kind),
            Self::Gpt(guid) => guid.to_string(),
        };
        GPT_NAMES.iter().find(|(known, _)| *known == guid).map(|(_, name)| *name)
    }
}

/// The GPT types that members' disks have.
const GPT_NAMES: [(&str, &str); 12] = [
    ("A19D880F-05FC-4D3B-A006-743F0F84911E", "Linux RAID"),
    ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "Linux filesystem"),
    ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "Linux swap"),
    ("E6D6D379-F507-44C2-A23C-238F2A3DF928", "Linux LVM"),
    ("CA7D7CCB-63ED-4C53-861C-1742536059CC", "Linux LUKS"),
    ("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "Linux root (x86-64)"),
    ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EFI System"),
    ("21686148-6449-6E6F-744E-656564454649", "BIOS boot"),
    ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "Microsoft basic data"),
    ("E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "Microsoft reserved"),
    ("6A898CC3-1DD2-11B2-99A6-080020736631", "Solaris /usr & Apple ZFS"),
    ("516E7CBA-6ECF-11D6-8FF8-00022D09712B", "FreeBSD ZFS"),
];

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a3, a2, a1, a0, b1, b0, c1, c0, rest @ ..] = self.0;
        let first = u32::from_be_bytes([a0, a1, a2, a3]);
        let (second, third) = (u16::from_be_bytes([b0, b1]), u16::from_be_bytes([c0, c1]));
        let [d0, d1, tail @ ..] = rest;
        write!(f, "{first:08X}-{second:04X}-{third:04X}-{d0:02X}{d1:02X}-")?;
        tail.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => f.write_str(name),
            (None, Self::Mbr(kind)) => write!(f, "type {kind:#04x}"),
            (None, Self::Gpt(guid)) => write!(f, "type {guid}"),
        }
    }
}

/// Looks for a partition table on a device. `None`: there is none, or nothing of it is left.
///
/// # Errors
/// What `read` gives.
pub fn read<E>(
    device: Sectors,
    read: impl FnMut(Sector, &mut [u8]) -> Result<(), E>,
) -> Result<Option<Table>, E> {
    let mut device = Device { sectors: device, read };
    let Some(first) = device.sectors_at(Sector::ZERO, Sectors(1))? else { return Ok(None) };
    let mbr = mbr::Mbr::decode(&first).filter(|mbr| mbr.is_plausible(&first));
    match mbr {
        Some(mbr) if !mbr.is_protective() => mbr::table(&mbr, &mut device).map(Some),
        _ => gpt::table(&mut device),
    }
}
