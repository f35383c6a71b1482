//! What a new array shall be: the options of `create`, and what mdadm 4.2 takes when nothing is
//! said.
//!
//! The one thing to understand: nothing here knows a device. What depends on members' sizes is the
//! planner's.

use paritas_format::superblock::{ArrayName, Version};
use paritas_format::{ArrayUuid, DeviceUuid};
use paritas_units::{Chunk, Level, Sector, Sectors};

/// The options of `create`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The level.
    pub level: Level,
    /// The layout's number; the level's usual one when nothing is said.
    pub layout: Option<u32>,
    /// The chunk, or the rounding of linear; the level's usual one when nothing is said.
    pub chunk: Option<Chunk>,
    /// The format of superblocks.
    pub version: Version,
    /// How many slots (`raid_disks`).
    pub slots: u16,
    /// How many spares.
    pub spares: u16,
    /// What to use of each member; as much as all have when nothing is said.
    pub size: Option<Sectors>,
    /// Where data shall begin (1.1 and 1.2).
    pub data_offset: Option<Sector>,
    /// Whether to keep a write-intent bitmap.
    pub bitmap: BitmapWish,
    /// Bytes for a bit of the bitmap.
    pub bitmap_chunk: Option<u32>,
    /// How many writes may be outstanding to write-mostly members.
    pub write_behind: Option<u32>,
    /// Trust that the members agree already.
    pub is_assumed_clean: bool,
    /// mdadm's `--force`: one slot is meant, and parity arrays begin with a resync instead of
    /// rebuilding their last member.
    pub is_forced: bool,
}

/// What is said about a bitmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BitmapWish {
    /// Nothing: members of more than 100 GiB get one, where the level can have it.
    #[default]
    Default,
    /// None.
    None,
    /// One beside each superblock.
    Internal,
}

/// What tells the new array from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its identity; for 0.90 as it shall be stored, with the mark of the host if there is one.
    pub uuid: ArrayUuid,
    /// Its whole name, with the host (1.x).
    pub name: ArrayName,
    /// The number of the md device that it wants to be (0.90).
    pub minor: u32,
    /// When it is made, in seconds.
    pub seconds: u64,
}

/// A place of the command line where a member, or nothing, stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// `missing`.
    Missing,
    /// A member.
    Member(NewMember),
}

/// A device that is to be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// Its name for people.
    pub name: String,
    /// Its size.
    pub sectors: Sectors,
    /// Its new identity (1.x).
    pub device_uuid: DeviceUuid,
    /// Whether reads shall go to others.
    pub is_write_mostly: bool,
    /// Whether requests shall fail at the first error.
    pub is_fail_fast: bool,
}

/// The chunk that a level has when nothing is said.
pub(super) const DEFAULT_CHUNK: Chunk = Chunk(1024);
/// From what size of members on a bitmap is kept when nothing is said.
pub(super) const BITMAP_FROM: Sectors = Sectors(100 << 21);

impl Options {
    /// `level` over `slots` members; everything else as mdadm has it.
    #[must_use]
    pub const fn new(level: Level, slots: u16) -> Self {
        Self {
            level,
            layout: None,
            chunk: None,
            version: Version::V1_2,
            slots,
            spares: 0,
            size: None,
            data_offset: None,
            bitmap: BitmapWish::Default,
            bitmap_chunk: None,
            write_behind: None,
            is_assumed_clean: false,
            is_forced: false,
        }
    }

    /// The layout's number.
    #[must_use]
    pub fn layout_or_default(&self) -> u32 {
        self.layout.unwrap_or(match self.level {
            // Members of different sizes: kernels before 3.14 wrote it like that.
            Level::Raid0 => 1,
            Level::Raid5 | Level::Raid6 => 2,
            Level::Raid10 => 0x102,
            Level::Faulty => 31,
            Level::Linear | Level::Raid1 | Level::Raid4 | Level::Multipath => 0,
        })
    }

    /// The chunk; zero where the level has none.
    #[must_use]
    pub fn chunk_or_default(&self) -> Chunk {
        let usual = match self.level {
            Level::Raid0 | Level::Raid4 | Level::Raid5 | Level::Raid6 | Level::Raid10 => {
                DEFAULT_CHUNK
            }
            Level::Linear | Level::Raid1 | Level::Multipath | Level::Faulty => Chunk(0),
        };
        self.chunk.unwrap_or(usual)
    }

    /// Whether the level keeps copies or parity, so that spares, `missing` and a bitmap mean
    /// something.
    #[must_use]
    pub const fn is_redundant(&self) -> bool {
        self.level.number() > 0
    }
}
