//! What both superblock formats speak about: versions, places, roles, times, names, areas.
//!
//! The one thing to understand: these are the values that the rest of the project works with; the
//! fields of one format live with that format.

use paritas_units::{Chunk, Sector, Sectors, Slot};
use std::fmt;
use std::str::FromStr;

/// The formats of superblocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 64 KiB aligned near the end of the device, in the byte order of the writer.
    V0_90,
    /// 8 to 12 KiB before the end of the device.
    V1_0,
    /// At the beginning of the device.
    V1_1,
    /// 4 KiB after the beginning.
    V1_2,
}

impl Version {
    /// Every format, in the order in which a device is searched for them.
    pub const ALL: [Self; 4] = [Self::V1_1, Self::V1_2, Self::V1_0, Self::V0_90];

    /// The word for the format, as `-e` takes it and `/proc/mdstat` prints it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::V0_90 => "0.90",
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// Whether this is one of the 1.x formats.
    #[must_use]
    pub const fn is_v1(self) -> bool {
        !matches!(self, Self::V0_90)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a metadata version; give 0.90, 1.0, 1.1 or 1.2")]
pub struct UnknownVersion(pub String);

impl FromStr for Version {
    type Err = UnknownVersion;
    fn from_str(word: &str) -> Result<Self, UnknownVersion> {
        match word {
            "0" | "0.90" => Ok(Self::V0_90),
            "1.0" => Ok(Self::V1_0),
            "1.1" => Ok(Self::V1_1),
            "1" | "1.2" | "default" => Ok(Self::V1_2),
            _ => Err(UnknownVersion(word.to_owned())),
        }
    }
}

/// Where a superblock was, or would be, found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The format that belongs there.
    pub version: Version,
    /// The first sector.
    #[doc(alias = "sb_start")]
    pub at: Sector,
}

/// The byte order of the machine that wrote a 0.90 superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first (x86, most ARM).
    Little,
    /// Most significant byte first.
    Big,
}

/// What a device is to its array, according to a superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A member with a slot, in sync or on the way there.
    Slot(Slot),
    /// No slot: a spare, or (in the role table) a number that nobody has.
    Spare,
    /// Marked faulty; not read any more.
    Faulty,
    /// The journal of a parity array.
    Journal,
}

impl Role {
    /// The first 16-bit role that is not a slot; those up to the journal's are reserved.
    pub const FIRST_SPECIAL: u16 = 0xff00;
    /// The journal's 16-bit role.
    pub const JOURNAL: u16 = 0xfffd;
    /// The 16-bit role of a faulty device.
    pub const FAULTY: u16 = 0xfffe;
    /// The 16-bit role of a spare and of an unused number.
    pub const SPARE: u16 = 0xffff;

    /// The role for a number of a 1.x role table. Reserved numbers are nobody's: spare.
    #[must_use]
    pub const fn from_raw(raw: u16) -> Self {
        match raw {
            Self::JOURNAL => Self::Journal,
            Self::FAULTY => Self::Faulty,
            Self::FIRST_SPECIAL.. => Self::Spare,
            slot => Self::Slot(Slot(slot)),
        }
    }

    /// The number for a 1.x role table.
    #[must_use]
    pub const fn raw(self) -> u16 {
        match self {
            Self::Slot(Slot(slot)) => slot,
            Self::Spare => Self::SPARE,
            Self::Faulty => Self::FAULTY,
            Self::Journal => Self::JOURNAL,
        }
    }

    /// The slot, if there is one.
    #[must_use]
    pub const fn slot(self) -> Option<Slot> {
        match self {
            Self::Slot(slot) => Some(slot),
            _ => None,
        }
    }
}

/// A time in a superblock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970 (40 bits in 1.x, 32 in 0.90).
    pub seconds: u64,
    /// Microseconds; 24 bits, so not always below a million.
    pub micros: u32,
}

impl Timestamp {
    /// A time without microseconds.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self { seconds, micros: 0 }
    }

    /// The time in a 1.x field.
    #[must_use]
    pub fn from_raw(raw: u64) -> Self {
        let micros = u32::try_from(raw >> 40).unwrap_or(u32::MAX);
        Self { seconds: raw & 0xff_ffff_ffff, micros }
    }

    /// The 1.x field for this time; bits that do not fit are lost.
    #[must_use]
    pub fn raw(self) -> u64 {
        (self.seconds & 0xff_ffff_ffff) | (u64::from(self.micros) << 40)
    }
}

/// An array's name in a 1.x superblock: 32 bytes, ended by the first zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArrayName(pub [u8; 32]);

impl ArrayName {
    /// The name's bytes, without what follows the first zero. They may be any bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// A name from its first 32 bytes.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Self(bytes)
    }

    /// The host before the first colon, and the name after it.
    #[must_use]
    pub fn host_and_name(&self) -> (Option<&[u8]>, &[u8]) {
        let bytes = self.bytes();
        match bytes.iter().position(|byte| *byte == b':').and_then(|at| bytes.split_at_checked(at))
        {
            Some((host, rest)) => (Some(host), rest.get(1..).unwrap_or_default()),
            None => (None, bytes),
        }
    }
}

/// For people: bytes that are no letters, or that would make a terminal do something, as `\xNN`.
impl fmt::Display for ArrayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for chunk in self.bytes().utf8_chunks() {
            for letter in chunk.valid().chars() {
                match u8::try_from(letter) {
                    Ok(byte) if byte.is_ascii_control() => text.push_str(&format!("\\x{byte:02x}")),
                    _ if letter.is_control() => text.extend(letter.escape_unicode()),
                    _ => text.push(letter),
                }
            }
            chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
        }
        f.pad(&text)
    }
}

impl fmt::Debug for ArrayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.bytes()))
    }
}

/// Metadata beside the superblock, placed relative to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Area {
    /// The superblock's sector.
    pub superblock: Sector,
    /// Sectors from the superblock to the area; may be negative.
    pub offset: i64,
    /// The length where the superblock says it.
    pub sectors: Option<Sectors>,
}

impl Area {
    /// The area's first sector on the device; `None` if it would lie before the device.
    #[must_use]
    pub const fn start(self) -> Option<Sector> {
        match self.superblock.0.checked_add_signed(self.offset) {
            Some(start) => Some(Sector(start)),
            None => None,
        }
    }
}

/// A change of shape under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// How far it has come, in sectors of the array: what is before it (after it, if backwards)
    /// has the new shape.
    #[doc(alias = "reshape_position")]
    pub position: Sector,
    /// New slots minus old ones.
    pub delta_disks: i32,
    /// The new level's number.
    pub new_level: i32,
    /// The new layout.
    pub new_layout: u32,
    /// The new chunk.
    pub new_chunk: Chunk,
    /// Added to this member's data offset it gives the new one; zero where nothing moves.
    pub new_offset: i32,
    /// Whether it runs from the end to the beginning.
    pub is_backwards: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_lead_back_but_for_the_reserved() {
        for raw in [0, 1, 0xfeff, 0xfffd, 0xfffe, 0xffff] {
            assert_eq!(Role::from_raw(raw).raw(), raw);
        }
        assert_eq!(Role::from_raw(0xff00), Role::Spare);
    }

    #[test]
    fn names_end_at_the_first_zero_and_split_at_the_first_colon() {
        let name = ArrayName::new("host:a:b");
        assert_eq!(name.host_and_name(), (Some(&b"host"[..]), &b"a:b"[..]));
        assert_eq!(ArrayName::new("x").host_and_name(), (None, &b"x"[..]));
        assert_eq!(ArrayName([b'n'; 32]).bytes().len(), 32);
    }

    #[test]
    fn an_area_before_the_device_has_no_start() {
        let area = Area { superblock: Sector(4), offset: -8, sectors: None };
        assert_eq!(area.start(), None);
        assert_eq!(Area { offset: -4, ..area }.start(), Some(Sector(0)));
    }

    #[test]
    fn times_have_forty_bits_of_seconds() {
        let raw = 0x0000_0102_0304_0506 | (999 << 40);
        assert_eq!(Timestamp::from_raw(raw).raw(), raw);
    }
}
