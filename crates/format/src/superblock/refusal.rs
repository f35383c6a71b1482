//! Why a superblock is not accepted, not written, or does not belong to another.
//!
//! The one thing to understand: a [`Refusal`] is what makes the driver leave the member out; a
//! [`ReadOnlyReason`] is where the driver would leave it out too, but nothing says that what we
//! understand is wrong, so we read and never write; a [`Disagreement`] is between two members.

use super::{FeatureMap, Version};
use crate::ArrayUuid;
use paritas_units::{Chunk, Sector, Sectors};

/// Something for which the driver does not take the member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The checksum is wrong: bytes changed that should not have.
    #[error("the checksum is {stored:#010x}, the content sums up to {computed:#010x}")]
    Checksum {
        /// As stored.
        stored: u32,
        /// As it should be.
        computed: u32,
    },
    /// The minor version is none that 0.90 superblocks have.
    #[error("the minor version is {0}, not 90 or 91")]
    MinorVersion(u32),
    /// There are no slots.
    #[error("the array has {0} slots")]
    RaidDisks(u32),
    /// The table of roles is longer than it can be.
    #[error("the table of roles has {0} entries, at most 1920 fit")]
    RoleTable(u32),
    /// The device's own number is beyond the greatest.
    #[error("the device's number is {found}, the format has {limit}")]
    DeviceNumber {
        /// As stored.
        found: u32,
        /// How many there can be.
        limit: u32,
    },
    /// It says that it is elsewhere: the device was moved, grown or cut, or this is a copy.
    #[error("the superblock is at sector {read_at} and says it is at {stored}")]
    SuperOffset {
        /// As stored.
        stored: Sector,
        /// Where it was found.
        read_at: Sector,
    },
    /// There is next to no room for data.
    #[error("there are {0} sectors for data, less than 10")]
    DataSize(Sectors),
    /// Data would lie on the superblock.
    #[error("data begins at sector {data_offset}, before the superblock's end at {least}")]
    DataOffset {
        /// Where data begins.
        data_offset: Sector,
        /// Where it may at the earliest.
        least: Sector,
    },
    /// Data would lie on the superblock, or before the device, after the reshape.
    #[error(
        "the reshape moves data from sector {data_offset} by {by}, before the superblock's end \
         at {least}"
    )]
    NewDataOffset {
        /// Where data begins now.
        data_offset: Sector,
        /// How far it moves.
        by: i32,
        /// Where it may begin at the earliest.
        least: Sector,
    },
    /// The bad-block log is longer than it can be.
    #[error("the bad-block log has {0} sectors, more than 8")]
    BadBlockSize(u16),
    /// The bad-block log has entries and no place.
    #[error("the bad-block log has entries, but its offset is 0")]
    BadBlockOffset,
    /// The bad-block log's unit is impossible.
    #[error("the bad-block log's unit is 2^{0} sectors, more than 64 bits can count")]
    BadBlockShift(u8),
    /// The feature that gives raid0 a layout stands at another level.
    #[error("a raid0 layout at level {0}")]
    Raid0Layout(i32),
    /// Features that exclude each other.
    #[error("the features {0} exclude each other")]
    Exclusive(FeatureMap),
    /// The array belongs to a cluster, whose other nodes we cannot ask.
    #[error("the array belongs to a cluster")]
    Clustered,
    /// The device is shorter than the superblock says.
    #[error("{needs} sectors are said to be usable, the device has {has}")]
    DeviceTooSmall {
        /// Sectors that should be there.
        needs: Sectors,
        /// Sectors that are.
        has: Sectors,
    },
}

/// Something newer than we are: the member is read and never written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadOnlyReason {
    /// Feature bits that nobody here knows.
    #[error("unknown features {0}")]
    UnknownFeatures(FeatureMap),
    /// Padding that is not zero.
    #[error("the padding at byte {at} of the superblock is {value:#x}, not zero")]
    Padding {
        /// Byte offset in the superblock of the first one.
        at: usize,
        /// The byte that stands there.
        value: u8,
    },
    /// A logical block size that cannot be.
    #[error("the logical block size is {0}, not a power of two from 512 to 65536")]
    LogicalBlockSize(u32),
}

/// How a superblock contradicts that of the freshest member of its array.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// Another format.
    #[error("its metadata is {0}, the array's is {1}")]
    Format(Version, Version),
    /// Another array.
    #[error("it belongs to array {0}, not to {1}")]
    Uuid(ArrayUuid, ArrayUuid),
    /// Another level.
    #[error("its level is {0}, the array's is {1}")]
    Level(i32, i32),
    /// Another layout.
    #[error("its layout is {0}, the array's is {1}")]
    Layout(u32, u32),
    /// Another chunk.
    #[error("its chunk is {} sectors, the array's is {}", .0.0, .1.0)]
    Chunk(Chunk, Chunk),
    /// Another number of slots (1.x).
    #[error("it is of an array of {0} slots, the array has {1}")]
    Slots(u32, u32),
    /// Another size used of each member (1.x).
    #[error("it gives {0} sectors of each member to the array, the array uses {1}")]
    Size(Sectors, Sectors),
    /// Another byte order, or another value among the words that never change (0.90).
    #[error("byte {at} of its superblock, which never changes, is another than the array's")]
    Constant {
        /// Byte offset of the first word that differs.
        at: usize,
    },
}
