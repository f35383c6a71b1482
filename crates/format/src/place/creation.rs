//! What mdadm chooses at creation.
//!
//! The one thing to understand: the data offset of a whole array is computed from its first
//! device, so that every member can be replaced by one of the same size.

use crate::superblock::Version;
use paritas_units::{Chunk, Level, Sector, Sectors};

/// Sectors of a partial parity log.
pub const PPL_SECTORS: u64 = 2048;
/// Sectors of a bad-block log.
pub const BAD_BLOCK_SECTORS: u64 = 8;
/// Sectors from the beginning of a 1.1 superblock that data never begins before: twelve KiB.
const LEAST_HEAD: u64 = 24;
const GIB: u64 = 1 << 21;

/// What has its place beside the superblock, apart from the bad-block log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Nothing: space for a bitmap is kept free.
    None,
    /// An internal bitmap.
    Bitmap,
    /// A partial parity log.
    Ppl,
}

/// The sectors kept for a bitmap, by the size of what it covers.
#[doc(alias = "choose_bm_space")]
#[must_use]
pub const fn bitmap_space(size: Sectors) -> Sectors {
    let size = size.0;
    Sectors(if size < 128 {
        0
    } else if size - 128 >= 200 * GIB {
        256
    } else if size - 8 > 8 * GIB {
        128
    } else {
        8
    })
}

/// Where data begins on 1.1 and 1.2 members, from the size of the first device. 1.0 and 0.90
/// begin at sector 0.
#[must_use]
pub const fn data_offset(version: Version, device: Sectors, chunk: Chunk, extra: Extra) -> Sector {
    if matches!(version, Version::V0_90 | Version::V1_0) {
        return Sector(0);
    }
    let mut headroom: u64 = 1 << 18;
    while headroom << 10 > device.0 && (chunk.0 == 0 || headroom >> 1 >= chunk.sectors().0 * 2) {
        headroom >>= 1;
    }
    let space = match extra {
        Extra::Ppl => PPL_SECTORS,
        Extra::None | Extra::Bitmap => bitmap_space(device).0,
    };
    Sector((LEAST_HEAD + space + headroom).next_multiple_of(2048))
}

/// What a device offers for data at the choice of the component size.
#[doc(alias = "avail_size")]
#[must_use]
pub fn available(version: Version, device: Sectors, data_offset: Sector) -> Sectors {
    Sectors(match version {
        Version::V0_90 => version.sector_on(device).map_or(0, |at| at.0),
        Version::V1_0 => (device.0 & !7).saturating_sub(16 + 8 + bitmap_space(device).0),
        Version::V1_1 | Version::V1_2 => device.0.saturating_sub(data_offset.0),
    })
}

/// The component size for an array whose poorest member has `least` sectors: whole chunks, or
/// whole 64 KiB where there are none (raid1). Zero for linear and raid0, which use all.
#[must_use]
pub fn component_size(level: Level, least: Sectors, chunk: Chunk) -> Sectors {
    if matches!(level, Level::Linear | Level::Raid0) {
        return Sectors::ZERO;
    }
    let kib = least.0 / 2;
    let unit = match (chunk.kib(), level) {
        (0, Level::Raid1) => 64,
        (0, _) => 1,
        (kib, _) => u64::from(kib),
    };
    Sectors((kib - kib % unit) * 2)
}

/// The chunk and place of an internal bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitmapChoice {
    /// Bytes of the array or component for a bit.
    pub chunk_bytes: u64,
    /// Sectors of the bitmap, with its superblock, in whole 4 KiB.
    pub sectors: Sectors,
    /// Sectors from the superblock; negative for 1.0.
    pub offset: i64,
}

/// What mdadm chooses for a bitmap that covers `covered` sectors, where `size` is the component
/// size: at least 64 MiB for a bit, and more until the bitmap fits into the space kept for it.
#[must_use]
pub fn bitmap_choice(version: Version, covered: Sectors, size: Sectors) -> BitmapChoice {
    let most = most_bits(version, size);
    let mut chunk_bytes: u64 = 64 << 20;
    while covered.0.div_ceil(chunk_bytes / 512) > most {
        chunk_bytes *= 2;
    }
    choice(version, covered, chunk_bytes)
}

/// The same with a chunk that somebody asked for, a power of two of 512 bytes or more; `None` if
/// the bits for it do not fit into the space kept for a bitmap.
#[must_use]
pub fn bitmap_choice_of(
    version: Version,
    covered: Sectors,
    size: Sectors,
    chunk_bytes: u64,
) -> Option<BitmapChoice> {
    let fits = chunk_bytes.is_power_of_two()
        && chunk_bytes >= 512
        && covered.0.div_ceil(chunk_bytes / 512) <= most_bits(version, size);
    fits.then(|| choice(version, covered, chunk_bytes))
}

/// How many bits the space kept for a bitmap can hold.
fn most_bits(version: Version, size: Sectors) -> u64 {
    let room = match version {
        Version::V0_90 => 120,
        _ => bitmap_space(size).0,
    };
    (room * 512).saturating_sub(256).max(1) * 8
}

fn choice(version: Version, covered: Sectors, chunk_bytes: u64) -> BitmapChoice {
    let bytes = 256 + covered.0.div_ceil(chunk_bytes / 512).div_ceil(8);
    let sectors = bytes.div_ceil(4096) * 8;
    let offset = match version {
        Version::V1_0 => -i64::try_from(sectors + 8).unwrap_or(i64::MAX),
        _ => 8,
    };
    BitmapChoice { chunk_bytes, sectors: Sectors(sectors), offset }
}

/// Where the bad-block log stands, in sectors from the superblock; 0.90 has none.
#[must_use]
pub fn bad_block_offset(
    version: Version,
    data_offset: Sector,
    size: Sectors,
    extra: Extra,
    bitmap: Option<BitmapChoice>,
) -> Option<i32> {
    let after = match (extra, bitmap) {
        (Extra::Bitmap, Some(bitmap)) => bitmap.sectors.0,
        (Extra::Ppl, _) => PPL_SECTORS,
        _ => bitmap_space(size).0,
    };
    let superblock = match version {
        Version::V0_90 => return None,
        Version::V1_0 => return Some(-8),
        Version::V1_1 => 0,
        Version::V1_2 => 8,
    };
    let room = data_offset.0.checked_sub(superblock)?;
    let offset = 8 + after;
    let offset = if offset + BAD_BLOCK_SECTORS <= room { offset } else { room.checked_sub(8)? };
    i32::try_from(offset).ok()
}

/// Entries of the role table of a new 1.x array with so many members and spares.
#[doc(alias = "max_dev")]
#[must_use]
pub const fn role_table_len(devices: u16) -> u32 {
    // A u16 in a u32; From is not const.
    let [low, high] = devices.to_le_bytes();
    let devices = u32::from_le_bytes([low, high, 0, 0]);
    ((256 + 2 * devices).next_multiple_of(512) - 256) / 2
}

/// All places of a new member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The superblock's sector.
    pub superblock: Sector,
    /// Where data begins.
    pub data_offset: Sector,
    /// What is usable for data from there.
    pub data_size: Sectors,
    /// The bitmap, if there is one.
    pub bitmap: Option<BitmapChoice>,
    /// The bad-block log, in sectors from the superblock.
    pub bad_block_offset: Option<i32>,
    /// The partial parity log, in sectors from the superblock.
    pub ppl_offset: Option<i32>,
}

impl Plan {
    /// The places on a device, once the array's data offset and component size are known;
    /// `covered` is what a bitmap covers. `None` if the device is too short.
    #[must_use]
    pub fn new(
        version: Version,
        device: Sectors,
        data_offset: Sector,
        size: Sectors,
        covered: Sectors,
        extra: Extra,
    ) -> Option<Self> {
        let bitmap = match extra {
            Extra::Bitmap => Some(bitmap_choice(version, covered, size)),
            Extra::None | Extra::Ppl => None,
        };
        Self::with(version, device, data_offset, size, extra, bitmap)
    }

    /// The places on a device beside a bitmap that was chosen already, or beside none.
    #[must_use]
    pub fn beside(
        version: Version,
        device: Sectors,
        data_offset: Sector,
        size: Sectors,
        bitmap: Option<BitmapChoice>,
    ) -> Option<Self> {
        let extra = if bitmap.is_some() { Extra::Bitmap } else { Extra::None };
        Self::with(version, device, data_offset, size, extra, bitmap)
    }

    fn with(
        version: Version,
        device: Sectors,
        data_offset: Sector,
        size: Sectors,
        extra: Extra,
        bitmap: Option<BitmapChoice>,
    ) -> Option<Self> {
        let superblock = version.sector_on(device)?;
        let data_size = match version {
            Version::V0_90 => superblock.0,
            Version::V1_0 => {
                let kept = match (extra, bitmap) {
                    (Extra::Ppl, _) => PPL_SECTORS,
                    (_, Some(bitmap)) => bitmap.sectors.0,
                    (_, None) => bitmap_space(size).0,
                };
                superblock.0.saturating_sub(kept + 8).max(size.0)
            }
            Version::V1_1 | Version::V1_2 => device.0.checked_sub(data_offset.0)?,
        };
        let ppl_offset = match (extra, version) {
            (Extra::Ppl, Version::V1_0) => Some(-2056),
            (Extra::Ppl, Version::V1_1 | Version::V1_2) => Some(8),
            _ => None,
        };
        Some(Self {
            superblock,
            data_offset,
            data_size: Sectors(data_size),
            bitmap,
            bad_block_offset: bad_block_offset(version, data_offset, size, extra, bitmap),
            ppl_offset,
        })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
