//! One probe for each kind of signature: where it stands, its label and its identity.

use super::{Areas, Kind, Signature};
use crate::bytes::{self, be16, be32, be64, is_at, le32, le64, text};

/// Looks for one thing in what was read of a device.
type Probe = fn(&Areas) -> Option<Signature>;

/// Every probe.
pub(super) const ALL: [Probe; 21] = [
    ext,
    xfs,
    btrfs,
    luks,
    lvm2,
    swap,
    zfs,
    f2fs,
    ntfs,
    vfat,
    exfat,
    iso9660,
    squashfs,
    bcachefs,
    bcache,
    reiserfs,
    jfs,
    hfsplus,
    apfs,
    integrity,
    reiserfs_old,
];

/// The parts of a signature, so that a probe is one expression.
fn signature(kind: Kind, label: Option<String>, uuid: Option<String>) -> Option<Signature> {
    Some(Signature { kind, label, uuid })
}

/// Sixteen bytes as a UUID; `None` if they are all zero.
fn uuid(head: &[u8], at: usize) -> Option<String> {
    let bytes: [u8; 16] = bytes::array(head, at)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let groups =
        [hex.get(..8)?, hex.get(8..12)?, hex.get(12..16)?, hex.get(16..20)?, hex.get(20..)?];
    (bytes != [0; 16]).then(|| groups.join("-"))
}

/// `length` bytes at `at` as a label.
fn label(head: &[u8], at: usize, length: usize) -> Option<String> {
    text(head.get(at..)?.get(..length)?)
}

fn ext(areas: &Areas) -> Option<Signature> {
    const HAS_JOURNAL: u32 = 0x4;
    const IS_JOURNAL: u32 = 0x8;
    /// Extents, 64 bit, multiple mount protection, flexible groups.
    const EXT4_INCOMPATIBLE: u32 = 0x40 | 0x80 | 0x100 | 0x200;
    /// Huge files, group checksums, many links, larger inodes, metadata checksums.
    const EXT4_READ_ONLY: u32 = 0x8 | 0x10 | 0x20 | 0x40 | 0x400;
    let block = areas.head.get(1024..)?;
    if !is_at(block, 56, &[0x53, 0xEF]) {
        return None;
    }
    let (compatible, incompatible) = (le32(block, 92)?, le32(block, 96)?);
    let is_ext4 = incompatible & EXT4_INCOMPATIBLE != 0 || le32(block, 100)? & EXT4_READ_ONLY != 0;
    let kind = if incompatible & IS_JOURNAL != 0 {
        Kind::ExtJournal
    } else if is_ext4 {
        Kind::Ext4
    } else if compatible & HAS_JOURNAL != 0 {
        Kind::Ext3
    } else {
        Kind::Ext2
    };
    signature(kind, label(block, 120, 16), uuid(block, 104))
}

fn xfs(areas: &Areas) -> Option<Signature> {
    let head = areas.head.as_slice();
    is_at(head, 0, b"XFSB").then(|| signature(Kind::Xfs, label(head, 108, 12), uuid(head, 32)))?
}

fn btrfs(areas: &Areas) -> Option<Signature> {
    let block = areas.head.get(65536..)?;
    let found = is_at(block, 64, b"_BHRfS_M");
    found.then(|| signature(Kind::Btrfs, label(block, 299, 256), uuid(block, 32)))?
}

fn luks(areas: &Areas) -> Option<Signature> {
    let head = areas.head.as_slice();
    if !is_at(head, 0, b"LUKS\xBA\xBE") {
        return None;
    }
    let identity = label(head, 168, 40);
    match be16(head, 6)? {
        1 => signature(Kind::Luks1, None, identity),
        2 => signature(Kind::Luks2, label(head, 24, 48), identity),
        _ => None,
    }
}

fn lvm2(areas: &Areas) -> Option<Signature> {
    let sector = areas
        .head
        .chunks_exact(512)
        .take(4)
        .find(|sector| is_at(sector, 0, b"LABELONE") && is_at(sector, 24, b"LVM2 001"))?;
    let at = usize::try_from(le32(sector, 20)?).ok()?;
    let identity = label(sector, at, 32).filter(|id| id.len() == 32 && id.is_ascii());
    let groups = identity.and_then(|id| {
        let cuts = [(0, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 26), (26, 32)];
        let groups: Option<Vec<_>> = cuts.iter().map(|&(start, end)| id.get(start..end)).collect();
        groups.map(|groups| groups.join("-"))
    });
    signature(Kind::Lvm2, None, groups)
}

fn swap(areas: &Areas) -> Option<Signature> {
    let head = areas.head.as_slice();
    let marks: [&[u8]; 4] = [b"SWAPSPACE2", b"SWAP-SPACE", b"S1SUSPEND\0", b"LINHIB0001"];
    let is_there =
        |page: usize| marks.iter().any(|mark| is_at(head, page.saturating_sub(10), mark));
    let found = [4096, 8192, 16384, 32768, 65536].into_iter().any(is_there);
    found.then(|| signature(Kind::Swap, label(head, 1052, 16), uuid(head, 1036)))?
}

fn zfs(areas: &Areas) -> Option<Signature> {
    const MAGIC: u64 = 0x00BA_B10C;
    let found = areas
        .uberblocks
        .chunks_exact(1024)
        .any(|uberblock| le64(uberblock, 0) == Some(MAGIC) || be64(uberblock, 0) == Some(MAGIC));
    found.then(|| signature(Kind::Zfs, None, None))?
}

fn f2fs(areas: &Areas) -> Option<Signature> {
    let block = areas.head.get(1024..)?;
    let name = bytes::text_utf16(block.get(124..124 + 1024)?);
    let found = le32(block, 0) == Some(0xF2F5_2010);
    found.then(|| signature(Kind::F2fs, name, uuid(block, 108)))?
}

fn ntfs(areas: &Areas) -> Option<Signature> {
    let head = areas.head.as_slice();
    let serial = format!("{:016X}", le64(head, 72)?);
    is_at(head, 3, b"NTFS    ").then(|| signature(Kind::Ntfs, None, Some(serial)))?
}

fn vfat(areas: &Areas) -> Option<Signature> {
    let head = areas.head.as_slice();
    let is_fat32 = is_at(head, 82, b"FAT32   ");
    let small: [&[u8]; 3] = [b"FAT12   ", b"FAT16   ", b"FAT     "];
    let is_small = small.iter().any(|mark| is_at(head, 54, mark));
    if !is_at(head, 510, &[0x55, 0xAA]) || !(is_fat32 || is_small) {
        return None;
    }
    let (serial_at, label_at) = if is_fat32 { (67, 71) } else { (39, 43) };
    let serial = le32(head, serial_at)?;
    let name = label(head, label_at, 11).filter(|name| name != "NO NAME");
    let serial = format!("{:04X}-{:04X}", serial >> 16, serial & 0xFFFF);
    signature(Kind::Vfat, name, Some(serial))
}

fn exfat(areas: &Areas) -> Option<Signature> {
    let head = areas.head.as_slice();
    let serial = le32(head, 100)?;
    let serial = format!("{:04X}-{:04X}", serial >> 16, serial & 0xFFFF);
    is_at(head, 3, b"EXFAT   ").then(|| signature(Kind::Exfat, None, Some(serial)))?
}

fn iso9660(areas: &Areas) -> Option<Signature> {
    let block = areas.head.get(32768..)?;
    let found = is_at(block, 1, b"CD001");
    found.then(|| signature(Kind::Iso9660, label(block, 40, 32), None))?
}

fn squashfs(areas: &Areas) -> Option<Signature> {
    let found = [b"hsqs", b"sqsh"].iter().any(|mark| is_at(&areas.head, 0, *mark));
    found.then(|| signature(Kind::Squashfs, None, None))?
}

/// Bytes at 24 of the block at 4096 that bcache and bcachefs share but for the second half.
fn is_bcache_family(block: &[u8], second_half: [u8; 8]) -> bool {
    is_at(block, 24, &[0xC6, 0x85, 0x73, 0xF6]) && is_at(block, 32, &second_half)
}

fn bcachefs(areas: &Areas) -> Option<Signature> {
    let block = areas.head.get(4096..)?;
    let is_new = is_at(block, 28, &[0x66, 0xCE, 0x90, 0xA9])
        && is_bcache_family(block, [0xD9, 0x6A, 0x60, 0xCF, 0x80, 0x3D, 0xF7, 0xEF]);
    is_new.then(|| signature(Kind::Bcachefs, label(block, 72, 32), uuid(block, 56)))?
}

fn bcache(areas: &Areas) -> Option<Signature> {
    let block = areas.head.get(4096..)?;
    let found = is_at(block, 28, &[0x4E, 0x1A, 0x45, 0xCA])
        && is_bcache_family(block, [0x82, 0x65, 0xF5, 0x7F, 0x48, 0xBA, 0x6D, 0x81]);
    found.then(|| signature(Kind::Bcache, label(block, 72, 32), uuid(block, 40)))?
}

fn reiserfs(areas: &Areas) -> Option<Signature> {
    reiserfs_at(areas.head.get(65536..)?)
}

fn reiserfs_old(areas: &Areas) -> Option<Signature> {
    reiserfs_at(areas.head.get(8192..)?)
}

fn reiserfs_at(block: &[u8]) -> Option<Signature> {
    let marks: [&[u8]; 3] = [b"ReIsErFs", b"ReIsEr2Fs", b"ReIsEr3Fs"];
    let found = marks.iter().any(|mark| is_at(block, 52, mark));
    found.then(|| signature(Kind::Reiserfs, label(block, 100, 16), uuid(block, 84)))?
}

fn jfs(areas: &Areas) -> Option<Signature> {
    let block = areas.head.get(32768..)?;
    is_at(block, 0, b"JFS1")
        .then(|| signature(Kind::Jfs, label(block, 152, 16), uuid(block, 136)))?
}

fn hfsplus(areas: &Areas) -> Option<Signature> {
    let block = areas.head.get(1024..)?;
    // "H+" version 4 or "HX" version 5.
    let found = matches!(be32(block, 0), Some(0x482B_0004 | 0x4858_0005));
    found.then(|| signature(Kind::HfsPlus, None, None))?
}

fn apfs(areas: &Areas) -> Option<Signature> {
    let head = areas.head.as_slice();
    is_at(head, 32, b"NXSB").then(|| signature(Kind::Apfs, None, uuid(head, 72)))?
}

fn integrity(areas: &Areas) -> Option<Signature> {
    let found = is_at(&areas.head, 0, b"integrt\0");
    found.then(|| signature(Kind::DmIntegrity, None, None))?
}
