//! What may be moved on a member later: its usable size, and where its data begins.
//!
//! The one thing to understand: metadata beside the superblock never moves here, so new places
//! must keep clear of it.

use crate::Superblock;
use crate::superblock::Version;
use paritas_units::{Sector, Sectors};

/// Why a member's usable size stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeRefusal {
    /// Less than the array uses of each member.
    #[error("{wanted} sectors are less than the {used} that the array uses")]
    BelowUsed {
        /// What was asked for.
        wanted: Sectors,
        /// The component size.
        used: Sectors,
    },
    /// The superblock would have to move, and the bitmap beside it cannot.
    #[error("the superblock would move, and its internal bitmap cannot")]
    BitmapInTheWay,
    /// The device does not reach so far.
    #[error("the device has no room for its superblock")]
    DeviceTooShort,
}

/// The usable size of a member whose device now has `device` sectors, if `wanted` (zero: as much
/// as there is) are asked for. Where the superblock is at the end, it moves with the size.
///
/// # Errors
/// [`SizeRefusal`].
#[doc(alias = "rdev_size_change")]
pub fn size_after_growth(
    superblock: &Superblock,
    device: Sectors,
    wanted: Sectors,
) -> Result<Sectors, SizeRefusal> {
    let used = superblock.component_size();
    if wanted.0 != 0 && wanted < used {
        return Err(SizeRefusal::BelowUsed { wanted, used });
    }
    let version = superblock.version();
    let at_end = matches!(version, Version::V0_90 | Version::V1_0);
    if at_end && superblock.bitmap_area().is_some() {
        return Err(SizeRefusal::BitmapInTheWay);
    }
    let most = match version {
        Version::V0_90 => {
            let at = version.sector_on(device).ok_or(SizeRefusal::DeviceTooShort)?.0;
            let is_capped = superblock.level_number().cast_unsigned() >= 1;
            if is_capped { at.min((1 << 33) - 2) } else { at }
        }
        Version::V1_0 => {
            let at = version.sector_on(device).ok_or(SizeRefusal::DeviceTooShort)?.0;
            at.saturating_sub(8 + end_space(device))
        }
        Version::V1_1 | Version::V1_2 => device.0.saturating_sub(superblock.data_offset().0),
    };
    let size = if wanted.0 == 0 { most } else { wanted.0.min(most) };
    if size < used.0 {
        return Err(SizeRefusal::BelowUsed { wanted: Sectors(size), used });
    }
    Ok(Sectors(size))
}

/// The sectors that the driver keeps before a 1.0 superblock for a bitmap, by the device's size.
const fn end_space(device: Sectors) -> u64 {
    const GIB: u64 = 1 << 21;
    match device.0 {
        0..128 => 0,
        size if size <= 8 * GIB => 8,
        size if size <= 200 * GIB => 128,
        _ => 256,
    }
}

/// Whether data may begin at `new` after a reshape; `bitmap` is the length of the internal bitmap
/// where there is one.
#[doc(alias("allow_new_offset", "super_1_allow_new_offset"))]
#[must_use]
pub fn allow_data_offset(superblock: &Superblock, new: Sector, bitmap: Option<Sectors>) -> bool {
    let version = superblock.version();
    if version == Version::V0_90 {
        return new == Sector::ZERO;
    }
    if new >= superblock.data_offset() || version == Version::V1_0 {
        return true;
    }
    let ends_before = |area: Option<crate::superblock::Area>, len: Sectors| {
        area.and_then(|area| area.start()).is_none_or(|start| start.0 + len.0 <= new.0)
    };
    let log = superblock.bad_block_area();
    let log_len = log.and_then(|area| area.sectors).unwrap_or_default();
    new.0 >= superblock.place().at.0 + 72
        && ends_before(superblock.bitmap_area(), bitmap.unwrap_or_default())
        && ends_before(log, log_len)
}
