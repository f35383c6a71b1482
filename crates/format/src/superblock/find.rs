//! Where superblocks stand on a device, and reading them all.
//!
//! The one thing to understand: a device can carry several superblocks (an old one that was never
//! wiped, or that of a partition which ends where the disk ends), so all places are read and
//! [`choose`] takes the latest made, as mdadm does.

use super::{Place, SUPERBLOCK_BYTES, Superblock, Version, v1, v090};
use paritas_units::{Sector, Sectors};

/// No 1.x superblock is looked for on a device that is shorter.
const LEAST_DEVICE: Sectors = Sectors(24);

impl Version {
    /// Where a superblock of this format stands on a device; `None` if the device is too short.
    #[doc(alias = "calc_dev_sboffset")]
    #[must_use]
    pub fn sector_on(self, device: Sectors) -> Option<Sector> {
        let at = match self {
            Self::V0_90 => v090::sector_of(device),
            _ if device < LEAST_DEVICE => None,
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
    let found = Version::ALL.into_iter().filter_map(place);
    // On the shortest devices the place of 1.0 is that of 1.2, which takes it.
    found.filter(|place| place.version != Version::V1_0 || place.at > Sector(8)).collect()
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

/// The superblock that counts where there are several: the one whose array was made last. Among
/// 1.x superblocks the whole time counts, first of all its microseconds since they are the upper
/// bits; against 0.90 only seconds. Where times are equal, the order is 0.90, 1.0, 1.1, 1.2.
///
/// A superblock that says it is elsewhere is passed over, as it is for mdadm. Byte-swapped ones
/// are considered: filter them out to see what mdadm sees.
pub fn choose<'a>(found: impl IntoIterator<Item = &'a Superblock>) -> Option<&'a Superblock> {
    let is_here = |sb: &&Superblock| sb.super_offset() == sb.place().at;
    let mut found: Vec<&Superblock> = found.into_iter().filter(is_here).collect();
    found.sort_by_key(|sb| sb.version());
    let (old, new): (Vec<_>, Vec<_>) = found.into_iter().partition(|sb| !sb.version().is_v1());
    let latest = |all: Vec<&'a Superblock>, made: fn(&Superblock) -> u64| {
        all.into_iter().reduce(|best, sb| if made(sb) > made(best) { sb } else { best })
    };
    let seconds = |sb: &Superblock| sb.ctime().seconds;
    let best = [latest(old, seconds), latest(new, |sb| sb.ctime().raw())];
    latest(best.into_iter().flatten().collect(), seconds)
}
