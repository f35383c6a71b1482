//! Where superblocks stand on a device, and reading them all.
//!
//! The one thing to understand: a device can carry several superblocks (an old one that was never
//! wiped, or that of a partition which ends where the disk ends), so all places are read and
//! [`choose`] takes the latest made, as mdadm does.

use super::{Place, SUPERBLOCK_BYTES, Superblock, Timestamp, Version, v1, v090};
use paritas_units::{Sector, Sectors};

impl Version {
    /// Where a superblock of this format stands on a device; `None` if the device is too short.
    #[doc(alias = "calc_dev_sboffset")]
    #[must_use]
    pub fn sector_on(self, device: Sectors) -> Option<Sector> {
        let at = match self {
            Self::V0_90 => v090::sector_of(device),
            _ => v1::sector_of(self, device),
        }?;
        (at.0.checked_add(8)? <= device.0).then_some(at)
    }
}

/// The places on a device where superblocks may stand, in the order of detection. None lies beyond
/// the device's end.
#[must_use]
pub fn places(device: Sectors) -> Vec<Place> {
    let place = |version: Version| Some(Place { version, at: version.sector_on(device)? });
    Version::ALL.into_iter().filter_map(place).collect()
}

/// What a device carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search<E> {
    /// The superblocks, damaged ones too, in the order of detection.
    pub found: Vec<Superblock>,
    /// The places that could not be read.
    pub unreadable: Vec<(Place, E)>,
}

/// Reads every place of a device of the given size. `read` fills the buffer from a sector on.
///
/// A place where nothing with the right magic number and version stands is passed over.
pub fn find<E>(
    device: Sectors,
    mut read: impl FnMut(Sector, &mut [u8]) -> Result<(), E>,
) -> Search<E> {
    let mut search = Search { found: Vec::new(), unreadable: Vec::new() };
    let mut bytes = vec![0; SUPERBLOCK_BYTES];
    for place in places(device) {
        match read(place.at, &mut bytes) {
            Err(error) => search.unreadable.push((place, error)),
            Ok(()) => search.found.extend(Superblock::decode(&bytes, place).ok()),
        }
    }
    search
}

/// The superblock that counts where there are several: the one whose array was made last.
///
/// A superblock that says it is elsewhere is passed over, as it is for mdadm. Byte-swapped ones
/// are considered: filter them out to see what mdadm sees.
pub fn choose<'a>(found: impl IntoIterator<Item = &'a Superblock>) -> Option<&'a Superblock> {
    let is_here = |sb: &&Superblock| sb.super_offset() == sb.place().at;
    let made = |sb: &Superblock| Timestamp { micros: 0, ..sb.ctime() };
    let mut best: Option<&Superblock> = None;
    for sb in found.into_iter().filter(is_here) {
        if best.is_none_or(|best| made(best) < made(sb)) {
            best = Some(sb);
        }
    }
    best
}
