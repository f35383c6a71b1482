//! Checks of shapes that all levels share. Every number in a shape may come from a hostile disk.

use crate::{BadShape, Shape};
use paritas_units::{Chunk, Level, Sectors};

/// The most slots of an array: as many devices as a version 1 superblock has roles for.
pub const MOST_SLOTS: u16 = 1920;

/// The longest array and the longest member: 2^63 bytes, the end of what file offsets reach.
pub const MOST_SECTORS: Sectors = Sectors((1 << 54) - 1);

/// About how long a window is where the level does not decide: 1 MiB.
const USUAL_WINDOW: u64 = 2048;

/// Refuses fewer than `least` slots, and more than any array can have.
pub(crate) fn check_slots(shape: &Shape, least: u16, needs: &'static str) -> Result<(), BadShape> {
    let slots = shape.slots;
    if slots > MOST_SLOTS {
        return Err(BadShape::Slots { level: shape.level, slots, needs: "at most 1920" });
    }
    if slots < least {
        return Err(BadShape::Slots { level: shape.level, slots, needs });
    }
    Ok(())
}

/// A length that was computed with care (`None`: it did not fit) as the length of an array.
pub(crate) fn check_length(level: Level, sectors: Option<u64>) -> Result<Sectors, BadShape> {
    match sectors {
        Some(0) => Err(BadShape::Size { level, why: "no room for data" }),
        Some(sectors) if sectors <= MOST_SECTORS.0 => Ok(Sectors(sectors)),
        _ => Err(BadShape::Size { level, why: "more than 2^63 bytes" }),
    }
}

/// Room for data by slot, rounded down to the chunk; linear and raid0 need it for every slot.
pub(crate) fn member_lengths(shape: &Shape) -> Result<Vec<Sectors>, BadShape> {
    let level = shape.level;
    if shape.data_sizes.len() != usize::from(shape.slots) {
        return Err(BadShape::Size { level, why: "the size of a member is not known" });
    }
    let rounded = |size: &Sectors| {
        check_length(level, Some(size.0))?;
        match size.rounded_down(shape.chunk.sectors()) {
            Sectors::ZERO => Err(BadShape::Size { level, why: "a member is below one chunk" }),
            whole => Ok(whole),
        }
    };
    shape.data_sizes.iter().map(rounded).collect()
}

/// The length that multipath and faulty have: the component, or where the superblock has none
/// the room on the smallest member.
pub(crate) fn single_length(shape: &Shape) -> Result<Sectors, BadShape> {
    let length = match shape.component {
        Sectors::ZERO => shape.data_sizes.iter().copied().min().unwrap_or_default(),
        component => component,
    };
    check_length(shape.level, Some(length.0))
}

/// A window of about 1 MiB that is a multiple of `chunk`.
pub(crate) fn usual_window(chunk: Chunk) -> Sectors {
    match u64::from(chunk.0) {
        0 => Sectors(USUAL_WINDOW),
        chunk => Sectors(chunk * (USUAL_WINDOW / chunk).max(1)),
    }
}
