//! Signatures of file systems and volume managers: what else lies on a disk, by name.
//!
//! The one thing to understand: this only names things, so that a person learns what an array
//! holds or what would be overwritten. A signature says that something *was* there.
//!
//! Deliberately absent: md's own superblocks, containers of other RAID systems
//! ([`crate::foreign`]) and partition tables ([`crate::partition`]).

mod probes;
#[cfg(test)]
mod tests;

use crate::bytes::Device;
use paritas_units::{Sector, Sectors};
use std::fmt;

/// Something that was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What it is.
    pub kind: Kind,
    /// The label, if it has one.
    pub label: Option<String>,
    /// The identity as its own tools print it.
    pub uuid: Option<String>,
}

/// What can be recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An ext2 file system.
    Ext2,
    /// An ext3 file system.
    Ext3,
    /// An ext4 file system.
    Ext4,
    /// An external journal of an ext file system.
    ExtJournal,
    /// An XFS file system.
    Xfs,
    /// A btrfs file system, or one device of it.
    Btrfs,
    /// A LUKS volume, version 1.
    Luks1,
    /// A LUKS volume, version 2.
    Luks2,
    /// An LVM2 physical volume.
    Lvm2,
    /// Swap space.
    Swap,
    /// A member of a ZFS pool.
    Zfs,
    /// An F2FS file system.
    F2fs,
    /// An NTFS file system.
    Ntfs,
    /// A FAT file system.
    Vfat,
    /// An exFAT file system.
    Exfat,
    /// An ISO 9660 file system.
    Iso9660,
    /// A squashfs file system.
    Squashfs,
    /// A bcachefs file system, or one device of it.
    Bcachefs,
    /// A bcache device.
    Bcache,
    /// A ReiserFS file system.
    Reiserfs,
    /// A JFS file system.
    Jfs,
    /// An HFS+ file system.
    HfsPlus,
    /// An APFS container.
    Apfs,
    /// A dm-integrity volume.
    DmIntegrity,
}

impl Kind {
    /// The name, as `blkid` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::ExtJournal => "jbd",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Luks1 | Self::Luks2 => "crypto_LUKS",
            Self::Lvm2 => "LVM2_member",
            Self::Swap => "swap",
            Self::Zfs => "zfs_member",
            Self::F2fs => "f2fs",
            Self::Ntfs => "ntfs",
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
            Self::Iso9660 => "iso9660",
            Self::Squashfs => "squashfs",
            Self::Bcachefs => "bcachefs",
            Self::Bcache => "bcache",
            Self::Reiserfs => "reiserfs",
            Self::Jfs => "jfs",
            Self::HfsPlus => "hfsplus",
            Self::Apfs => "apfs",
            Self::DmIntegrity => "DM_integrity",
        }
    }

    /// Whether it holds files itself, rather than something that does.
    #[must_use]
    pub const fn is_filesystem(self) -> bool {
        !matches!(
            self,
            Self::ExtJournal
                | Self::Luks1
                | Self::Luks2
                | Self::Lvm2
                | Self::Swap
                | Self::Bcache
                | Self::DmIntegrity
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Luks1 => "LUKS1",
            Self::Luks2 => "LUKS2",
            Self::Lvm2 => "LVM2 physical volume",
            Self::Zfs => "ZFS pool member",
            Self::ExtJournal => "ext journal",
            Self::DmIntegrity => "dm-integrity volume",
            other => other.name(),
        })
    }
}

/// Where signatures are looked for: the first 72 KiB, and the first uberblocks of ZFS.
struct Areas {
    /// The device from its beginning.
    head: Vec<u8>,
    /// The second half of the first ZFS label.
    uberblocks: Vec<u8>,
}

/// How much of the beginning is read.
const HEAD: Sectors = Sectors(144);
/// Where the uberblocks of the first ZFS label begin, and how far they reach.
const UBERBLOCKS: (Sector, Sectors) = (Sector(256), Sectors(256));

/// Names what lies on a device, in no order of weight. More than one may be there, one of them
/// left over from earlier days.
///
/// # Errors
/// What `read` gives.
pub fn recognise<E>(
    device: Sectors,
    read: impl FnMut(Sector, &mut [u8]) -> Result<(), E>,
) -> Result<Vec<Signature>, E> {
    let mut device = Device { sectors: device, read };
    let areas = Areas {
        head: device.up_to(Sector::ZERO, HEAD)?,
        uberblocks: device.up_to(UBERBLOCKS.0, UBERBLOCKS.1)?,
    };
    Ok(probes::ALL.iter().filter_map(|probe| probe(&areas)).collect())
}
