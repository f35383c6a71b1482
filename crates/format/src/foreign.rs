//! Metadata of other RAID systems at a member's end: Intel's IMSM and SNIA's DDF, recognised and
//! named.
//!
//! The one thing to understand: such members carry no md superblock; both are only *found* here,
//! so that a person is told what the disk is, and nothing of ours is written over it.
//!
//! Deliberately absent: what the containers hold.

use crate::bytes::{self, Device};
use crate::crc::crc32;
use paritas_units::{Sector, Sectors};

/// What an IMSM anchor begins with.
#[doc(alias = "MPB_SIGNATURE")]
const IMSM_SIGNATURE: &[u8] = b"Intel Raid ISM Cfg Sig. ";
/// The first four bytes of a DDF header.
const DDF_MAGIC: u32 = 0xDE11_DE11;
/// Bytes of a DDF anchor.
const DDF_BYTES: usize = 512;
/// Where the CRC of a DDF header stands.
const DDF_CRC: std::ops::Range<usize> = 4..8;

/// Another system's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Intel Matrix Storage Manager.
    Imsm(Imsm),
    /// The SNIA's disk data format.
    Ddf(Ddf),
}

/// An IMSM anchor.
#[doc(alias = "imsm_super")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imsm {
    /// The version, such as `1.3.00`.
    pub version: String,
    /// Bytes of the whole metadata; more than a block lies before the anchor.
    pub metadata_bytes: u32,
    /// The family of members that belong together.
    pub family: u32,
    /// Counts the changes.
    pub generation: u32,
    /// Disks that the metadata lists.
    pub disks: u8,
    /// Volumes that the metadata lists.
    pub volumes: u8,
    /// Whether the checksum fits; `None` where not all the metadata was given.
    pub is_intact: Option<bool>,
}

/// A DDF anchor header.
#[doc(alias = "ddf_header")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ddf {
    /// The group's identity, 24 bytes.
    pub guid: [u8; 24],
    /// The revision, such as `01.02.00`.
    pub revision: String,
    /// The block of the primary header.
    pub primary: u64,
    /// The block of the secondary header; all ones if there is none.
    pub secondary: u64,
    /// The type of this header.
    pub kind: u8,
    /// Whether the CRC fits.
    pub is_intact: bool,
}

impl Foreign {
    /// The name that mdadm has for the metadata.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Imsm(_) => "imsm",
            Self::Ddf(_) => "ddf",
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Imsm(_) => "Intel Matrix Storage Manager (IMSM)",
            Self::Ddf(_) => "SNIA disk data format (DDF)",
        }
    }
}

impl Imsm {
    /// Reads the block that holds an anchor. The checksum is judged if the metadata fits into it.
    #[must_use]
    pub fn decode(block: &[u8]) -> Option<Self> {
        if !block.starts_with(IMSM_SIGNATURE) {
            return None;
        }
        let metadata_bytes = bytes::le32(block, 0x24)?;
        let whole = usize::try_from(metadata_bytes).ok().and_then(|end| block.get(..end));
        Some(Self {
            version: bytes::text(block.get(IMSM_SIGNATURE.len()..0x20)?).unwrap_or_default(),
            metadata_bytes,
            family: bytes::le32(block, 0x28)?,
            generation: bytes::le32(block, 0x2C)?,
            disks: *block.get(0x38)?,
            volumes: *block.get(0x39)?,
            is_intact: whole.map(|whole| Some(imsm_sum(whole)) == bytes::le32(block, 0x20)),
        })
    }
}

/// The sum of all words but the checksum's own.
fn imsm_sum(metadata: &[u8]) -> u32 {
    let (words, _) = metadata.as_chunks::<4>();
    let words = words.iter().enumerate().filter(|(place, _)| *place != 0x20 / 4);
    words.fold(0, |sum: u32, (_, &word)| sum.wrapping_add(u32::from_le_bytes(word)))
}

impl Ddf {
    /// Reads a header of 512 bytes.
    #[must_use]
    pub fn decode(block: &[u8]) -> Option<Self> {
        let block = block.get(..DDF_BYTES)?;
        if bytes::be32(block, 0) != Some(DDF_MAGIC) {
            return None;
        }
        let mut without = block.to_vec();
        without.get_mut(DDF_CRC)?.fill(0xFF);
        Some(Self {
            guid: bytes::array(block, 8)?,
            revision: bytes::text(block.get(32..40)?).unwrap_or_default(),
            primary: bytes::be64(block, 96)?,
            secondary: bytes::be64(block, 104)?,
            kind: *block.get(112)?,
            is_intact: bytes::be32(block, DDF_CRC.start) == Some(crc32(&without)),
        })
    }
}

/// Looks where other systems keep their metadata on a device of `device` sectors. Logical blocks
/// of one sector and of eight are tried.
///
/// # Errors
/// What `read` gives.
pub fn recognise<E>(
    device: Sectors,
    read: impl FnMut(Sector, &mut [u8]) -> Result<(), E>,
) -> Result<Option<Foreign>, E> {
    let mut device = Device { sectors: device, read };
    let end = device.sectors.0;
    if let Some(at) = end.checked_sub(1)
        && let Some(block) = device.sectors_at(Sector(at), Sectors(1))?
        && let Some(ddf) = Ddf::decode(&block)
    {
        return Ok(Some(Foreign::Ddf(ddf)));
    }
    for block in [Sectors(1), Sectors(8)] {
        if let Some(at) = end.checked_sub(2 * block.0)
            && let Some(bytes) = device.sectors_at(Sector(at), block)?
            && let Some(imsm) = Imsm::decode(&bytes)
        {
            return Ok(Some(Foreign::Imsm(imsm)));
        }
    }
    Ok(None)
}

/// An IMSM anchor with a good checksum, for tests: the last-but-one block of a member.
#[must_use]
pub fn build_imsm(version: &str, family: u32, disks: u8, volumes: u8) -> Vec<u8> {
    let mut block = vec![0; 0x40];
    let version = version.get(..8).unwrap_or(version);
    let put = |block: &mut Vec<u8>, at: usize, bytes: &[u8]| {
        for (place, byte) in block.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    };
    put(&mut block, 0, IMSM_SIGNATURE);
    put(&mut block, IMSM_SIGNATURE.len(), version.as_bytes());
    put(&mut block, 0x24, &0x200u32.to_le_bytes());
    put(&mut block, 0x28, &family.to_le_bytes());
    put(&mut block, 0x2C, &1u32.to_le_bytes());
    put(&mut block, 0x38, &[disks, volumes]);
    block.resize(0x200, 0);
    let sum = imsm_sum(&block);
    put(&mut block, 0x20, &sum.to_le_bytes());
    block
}

/// A DDF anchor with a good CRC, for tests: the last sector of a member.
#[must_use]
pub fn build_ddf(guid: [u8; 24], primary: u64) -> Vec<u8> {
    let head = [&DDF_MAGIC.to_be_bytes()[..], &[0xFF; 4], &guid, b"01.02.00"].concat();
    let mut block = [head, vec![0xFF; 56]].concat();
    block.extend(primary.to_be_bytes());
    block.extend([0xFF; 8]);
    block.resize(DDF_BYTES, 0);
    let sum = crc32(&block);
    if let Some(place) = block.get_mut(DDF_CRC) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device_of(image: &[u8]) -> Option<Foreign> {
        let size = Sectors::whole_in(u64::try_from(image.len()).expect("small"));
        recognise(size, |at: Sector, into: &mut [u8]| {
            let start = usize::try_from(at.0 * 512).expect("small");
            into.copy_from_slice(&image[start..start + into.len()]);
            Ok::<_, ()>(())
        })
        .expect("memory can be read")
    }

    #[test]
    fn imsm_is_named_in_both_block_sizes() {
        let anchor = build_imsm("1.3.00", 0xABCD, 3, 1);
        for block in [512, 4096] {
            let mut image = vec![0; 65536];
            image[65536 - 2 * block..][..512].copy_from_slice(&anchor);
            let Some(Foreign::Imsm(found)) = device_of(&image) else { panic!("{block}") };
            assert_eq!((found.version.as_str(), found.family), ("1.3.00", 0xABCD));
            assert_eq!((found.disks, found.volumes, found.is_intact), (3, 1, Some(true)));
        }
    }

    #[test]
    fn ddf_is_named() {
        let mut image = vec![0; 65536];
        image[65024..].copy_from_slice(&build_ddf(*b"a group of disks, 24 byt", 127));
        let Some(Foreign::Ddf(found)) = device_of(&image) else { panic!("not found") };
        assert_eq!(
            (found.revision.as_str(), found.primary, found.is_intact),
            ("01.02.00", 127, true)
        );
        image[65530] ^= 1;
        let Some(Foreign::Ddf(damaged)) = device_of(&image) else { panic!("not found") };
        assert!(!damaged.is_intact);
    }

    #[test]
    fn nothing_is_found_on_nothing() {
        for sectors in [0, 1, 2, 15, 16, 17] {
            assert_eq!(device_of(&vec![0; sectors * 512]), None);
        }
    }
}
