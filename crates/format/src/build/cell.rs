//! The members of a cell: what a handful of superblocks say, as words that a person can review.
//!
//! The one thing to understand: a cell is an array that everybody agrees on, and each member's
//! departures from it. `raid5 3 1.2` with the members `0 sees=01F; 1 sees=01F; 2 -1` is a raid5 of
//! three in which 0 and 1 have dropped 2, which is one event behind and does not know. The same
//! words make superblocks for a test in memory and on images for the real driver.
//!
//! Words of a member: its number, which comes first; `-N` events behind; `dirty`; `sees=TABLE`, its
//! table of roles, a character per number (a digit is a slot, `F` faulty, `S` spare or nobody);
//! `below=N`, being rebuilt and right below that sector; `replacement`; `device=N`, with the device
//! uuid of that number; and what all members should agree on: `uuid=N`, `name=WORD`,
//! `format=VERSION`, `level=LEVEL`, `layout=N`, `chunk=SECTORS`, `slots=N`, `size=SECTORS`.

use super::SuperblockBuilder;
use crate::superblock::{FeatureMap, Role, Superblock, Version};
use crate::{ArrayUuid, DeviceUuid};
use paritas_units::{Chunk, Descriptor, Level, Sector, Sectors, Slot};
use std::str::FromStr;

/// The events of a member that is behind nobody.
pub const CELL_EVENTS: u64 = 100;

/// A word that says nothing, or nothing possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cell cannot be made of {0:?}")]
pub struct BadCell(pub String);

/// Makes the superblocks of a cell: `array` is `LEVEL SLOTS VERSION [LAYOUT]`, `members` are parted
/// by semicolons.
///
/// # Errors
/// [`BadCell`] names the words that are not understood.
pub fn cell(array: &str, members: &str) -> Result<Vec<Superblock>, BadCell> {
    let base = base(array)?;
    members.split(';').map(|words| member(&base, words.trim())).collect()
}

fn base(array: &str) -> Result<SuperblockBuilder, BadCell> {
    let bad = || BadCell(array.to_owned());
    let mut words = array.split(' ');
    let level: Level = parse(words.next().ok_or_else(bad)?)?;
    let slots = parse(words.next().ok_or_else(bad)?)?;
    let version = parse(words.next().ok_or_else(bad)?)?;
    let mut base = SuperblockBuilder::new(version, level, slots);
    base.events = CELL_EVENTS;
    if let Some(layout) = words.next() {
        base.layout = parse(layout)?;
    }
    Ok(base)
}

fn member(base: &SuperblockBuilder, words: &str) -> Result<Superblock, BadCell> {
    let bad = || BadCell(words.to_owned());
    let mut builder = base.clone();
    let mut words_left = words.split(' ');
    let number: u8 = parse(words_left.next().ok_or_else(bad)?)?;
    builder.descriptor = Descriptor(number.into());
    builder.device_uuid = device_uuid(number);
    let mut below = None;
    for word in words_left {
        match word.split_once('=') {
            Some(("below", sector)) => below = Some(parse(sector)?),
            Some((key, value)) => set(&mut builder, key, value)?,
            None => match word.strip_prefix('-') {
                Some(behind) => {
                    builder.events = CELL_EVENTS - parse::<u64>(behind)?.min(CELL_EVENTS)
                }
                None if word == "dirty" => builder.resync_offset = Sector(0),
                None if word == "replacement" => {
                    builder.features = builder.features | FeatureMap::REPLACEMENT;
                }
                None => return Err(bad()),
            },
        }
    }
    let mut superblock = builder.build();
    if let (Some(below), Superblock::V1(sb)) = (below, &mut superblock) {
        let features = FeatureMap(builder.features.0) | FeatureMap::RECOVERY_OFFSET;
        sb.header_mut().feature_map.set(features.0);
        sb.header_mut().recovery_offset.set(below);
        sb.seal();
    }
    Ok(superblock)
}

fn set(builder: &mut SuperblockBuilder, key: &str, value: &str) -> Result<(), BadCell> {
    match key {
        "sees" => builder.roles = roles(value)?,
        "device" => builder.device_uuid = device_uuid(parse(value)?),
        "uuid" => builder.uuid = ArrayUuid([parse(value)?; 16]),
        "name" => value.clone_into(&mut builder.name),
        "format" => builder.version = parse::<Version>(value)?,
        "level" => builder.level = parse(value)?,
        "layout" => builder.layout = parse(value)?,
        "chunk" => builder.chunk = Chunk(parse(value)?),
        "slots" => builder.raid_disks = parse(value)?,
        "size" => builder.size = Sectors(parse(value)?),
        _ => return Err(BadCell(format!("{key}={value}"))),
    }
    Ok(())
}

fn roles(table: &str) -> Result<Vec<Role>, BadCell> {
    let role = |letter: char| match letter {
        'F' => Ok(Role::Faulty),
        'S' => Ok(Role::Spare),
        letter => {
            let digit = letter.to_digit(10).and_then(|digit| u16::try_from(digit).ok());
            digit.map(|digit| Role::Slot(Slot(digit))).ok_or_else(|| BadCell(table.to_owned()))
        }
    };
    table.chars().map(role).collect()
}

fn device_uuid(number: u8) -> DeviceUuid {
    DeviceUuid([number.wrapping_add(1); 16])
}

fn parse<T: FromStr>(word: &str) -> Result<T, BadCell> {
    word.parse().map_err(|_| BadCell(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_what_the_superblocks_say() {
        let made = cell("raid5 3 1.2", "0 sees=01FS; 1 -2 dirty device=0; 3 sees=01S2 below=8");
        let made = made.expect("a cell");
        let [first, second, third] = made.as_slice() else { panic!("{} members", made.len()) };
        assert_eq!(first.role_of(Descriptor(2)), Role::Faulty);
        assert_eq!((second.events(), second.is_clean()), (CELL_EVENTS - 2, false));
        assert_eq!(second.device_uuid(), first.device_uuid());
        assert_eq!((third.role(), third.recovery_offset()), (Role::Slot(Slot(2)), Some(Sector(8))));
        assert!(made.iter().all(|one| one.faults(None).is_empty()));
        let old = cell("raid1 2 0.90", "0; 1 format=1.0").expect("a cell");
        let versions: Vec<_> = old.iter().map(Superblock::version).collect();
        assert_eq!(versions, [Version::V0_90, Version::V1_0]);
    }

    #[test]
    fn words_that_say_nothing_are_refused() {
        for members in ["", "0 wet", "0 sees=01x", "0 colour=red", "300"] {
            assert!(cell("raid1 2 1.2", members).is_err(), "{members}");
        }
        assert!(cell("raid1 2", "0").is_err() && cell("raid7 2 1.2", "0").is_err());
    }
}
