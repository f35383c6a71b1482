//! Superblocks: what a member says about itself and its array.
//!
//! The one thing to understand: [`Superblock`] is one view over both formats; what only one format
//! has is `None` in the other. Where a superblock says nothing clear (a dirty 0.90 array, a stale
//! field without its feature bit) the accessor answers what the driver would make of it.
//!
//! Deliberately absent: comparing members beyond the fields that must agree, and any choice
//! between them.

mod check;
mod feature;
mod find;
mod refusal;
mod types;
mod v090;
mod v1;

#[cfg(test)]
mod tests;

pub use feature::FeatureMap;
pub use find::{Search, choose, find, places};
pub use refusal::{Disagreement, ReadOnlyReason, Refusal};
pub use types::{
    Area, ArrayName, ByteOrder, Place, Reshape, Role, Timestamp, UnknownVersion, Version,
};
pub use v1::{Header1, MAX_ROLES, V1};
pub use v090::{Disk090, Header090, MAX_DESCRIPTORS, V090};

use crate::{ArrayUuid, Broken, DeviceUuid};
use paritas_units::{Chunk, Descriptor, Level, Sector, Sectors, UnknownLevel};

/// Bytes to read at a place: the greatest superblock of either format.
pub const SUPERBLOCK_BYTES: usize = 4096;

/// A superblock of either format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Superblock {
    /// Version 0.90.
    V090(V090),
    /// Version 1.0, 1.1 or 1.2.
    V1(V1),
}

impl Superblock {
    /// Reads the superblock in `bytes` ([`SUPERBLOCK_BYTES`] of them), found at `place`.
    ///
    /// # Errors
    /// [`Broken`] if there is no superblock of that format; a damaged one is decoded, see
    /// [`Superblock::faults`].
    pub fn decode(bytes: &[u8], place: Place) -> Result<Self, Broken> {
        match place.version {
            Version::V0_90 => V090::decode(bytes, place.at).map(Self::V090),
            _ => V1::decode(bytes, place).map(Self::V1),
        }
    }

    /// The bytes, exactly those that were decoded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::V090(sb) => sb.encode(),
            Self::V1(sb) => sb.encode(),
        }
    }

    /// How many bytes of its 4 KiB belong to it, in whole sectors: all of them for 0.90; as many
    /// as the table of roles needs for 1.x.
    #[must_use]
    pub fn own_bytes(&self) -> usize {
        match self {
            Self::V090(_) => SUPERBLOCK_BYTES,
            Self::V1(sb) => {
                let bytes = sb.covered_bytes().next_multiple_of(512);
                usize::try_from(bytes).unwrap_or(SUPERBLOCK_BYTES).min(SUPERBLOCK_BYTES)
            }
        }
    }

    /// Where it was found.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::V090(sb) => Place { version: Version::V0_90, at: sb.at() },
            Self::V1(sb) => sb.place(),
        }
    }

    /// The format.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.place().version
    }

    /// The version as `--examine` prints it: `0.90.00`, `0.91.00`, `1.2`.
    #[must_use]
    pub fn version_text(&self) -> String {
        match self {
            Self::V090(sb) => {
                let (minor, patch) =
                    (sb.header().minor_version.get(), sb.header().patch_version.get());
                format!("0.{minor:02}.{patch:02}")
            }
            Self::V1(sb) => sb.place().version.word().to_owned(),
        }
    }

    /// Whether the driver of this machine cannot read it, since a machine of the other byte order
    /// wrote it.
    #[must_use]
    pub fn is_byte_swapped(&self) -> bool {
        let own = if cfg!(target_endian = "little") { ByteOrder::Little } else { ByteOrder::Big };
        matches!(self, Self::V090(sb) if sb.byte_order() != own)
    }

    /// The array's identity.
    #[must_use]
    pub fn array_uuid(&self) -> ArrayUuid {
        match self {
            Self::V090(sb) => sb.uuid(),
            Self::V1(sb) => ArrayUuid(sb.header().set_uuid),
        }
    }

    /// The identity in the byte order in which bitmap, PPL and journal use it.
    #[must_use]
    pub fn array_uuid_in_memory(&self) -> [u8; 16] {
        match self {
            Self::V090(sb) => sb.uuid_in_memory(),
            Self::V1(sb) => sb.header().set_uuid,
        }
    }

    /// The member's identity; 0.90 has none.
    #[must_use]
    pub fn device_uuid(&self) -> Option<DeviceUuid> {
        match self {
            Self::V090(_) => None,
            Self::V1(sb) => Some(DeviceUuid(sb.header().device_uuid)),
        }
    }

    /// The array's name; 0.90 has none.
    #[must_use]
    pub fn name(&self) -> Option<ArrayName> {
        match self {
            Self::V090(_) => None,
            Self::V1(sb) => Some(ArrayName(sb.header().set_name)),
        }
    }

    /// The number of the md device that the array wants to be; only 0.90 stores one.
    #[must_use]
    pub fn preferred_minor(&self) -> Option<u32> {
        match self {
            Self::V090(sb) => Some(sb.header().md_minor.get()),
            Self::V1(_) => None,
        }
    }

    /// The level's number as it is stored.
    #[must_use]
    pub fn level_number(&self) -> i32 {
        match self {
            Self::V090(sb) => sb.header().level.get(),
            Self::V1(sb) => sb.header().level.get(),
        }
    }

    /// The level.
    ///
    /// # Errors
    /// [`UnknownLevel`] if the number is none of md's.
    pub fn level(&self) -> Result<Level, UnknownLevel> {
        Level::from_number(self.level_number())
    }

    /// The layout as it is stored. For raid0 use [`Superblock::raid0_layout`].
    #[must_use]
    pub fn layout(&self) -> u32 {
        match self {
            Self::V090(sb) => sb.header().layout.get(),
            Self::V1(sb) => sb.header().layout.get(),
        }
    }

    /// The layout of a raid0 whose superblock says that it is meaningful.
    #[must_use]
    pub fn raid0_layout(&self) -> Option<u32> {
        self.feature_map().contains(FeatureMap::RAID0_LAYOUT).then(|| self.layout())
    }

    /// The chunk; zero where the level has none. A 0.90 chunk of a broken sector loses the rest.
    #[must_use]
    pub fn chunk(&self) -> Chunk {
        match self {
            Self::V090(sb) => Chunk(sb.header().chunk_bytes.get() / 512),
            Self::V1(sb) => Chunk(sb.header().chunk_sectors.get()),
        }
    }

    /// Slots; during a reshape, of the new shape.
    #[must_use]
    pub fn raid_disks(&self) -> u32 {
        match self {
            Self::V090(sb) => sb.header().raid_disks.get(),
            Self::V1(sb) => sb.header().raid_disks.get(),
        }
    }

    /// What is used of each member; zero for linear and raid0.
    #[must_use]
    pub fn component_size(&self) -> Sectors {
        match self {
            Self::V090(sb) => Sectors(u64::from(sb.header().size.get()) * 2),
            Self::V1(sb) => Sectors(sb.header().size.get()),
        }
    }

    /// Where data begins on this member.
    #[must_use]
    pub fn data_offset(&self) -> Sector {
        match self {
            Self::V090(_) => Sector::ZERO,
            Self::V1(sb) => Sector(sb.header().data_offset.get()),
        }
    }

    /// What of this member can hold data; for 0.90 all that is before the superblock.
    #[must_use]
    pub fn data_size(&self) -> Sectors {
        match self {
            Self::V090(sb) => Sectors(sb.at().0),
            Self::V1(sb) => Sectors(sb.header().data_size.get()),
        }
    }

    /// The sector that the superblock says it is at; for 0.90, where it was found.
    #[must_use]
    pub fn super_offset(&self) -> Sector {
        match self {
            Self::V090(sb) => sb.at(),
            Self::V1(sb) => Sector(sb.header().super_offset.get()),
        }
    }

    /// How many changes of the array's state this superblock has seen.
    #[must_use]
    pub fn events(&self) -> u64 {
        match self {
            Self::V090(sb) => sb.header().events.get(),
            Self::V1(sb) => sb.header().events.get(),
        }
    }

    /// When the array was made.
    #[must_use]
    pub fn ctime(&self) -> Timestamp {
        match self {
            Self::V090(sb) => Timestamp::from_seconds(sb.header().ctime.get().into()),
            Self::V1(sb) => v1::time(sb.header().ctime),
        }
    }

    /// When the superblock was last written.
    #[must_use]
    pub fn utime(&self) -> Timestamp {
        match self {
            Self::V090(sb) => Timestamp::from_seconds(sb.header().utime.get().into()),
            Self::V1(sb) => v1::time(sb.header().utime),
        }
    }

    /// Below here all members agree; [`Sector::MAX`] if the array is clean, zero if dirty.
    #[doc(alias = "recovery_cp")]
    #[must_use]
    pub fn resync_offset(&self) -> Sector {
        match self {
            Self::V090(sb) => sb.resync_offset(),
            Self::V1(sb) => Sector(sb.header().resync_offset.get()),
        }
    }

    /// Whether nothing is to be resynced.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.resync_offset() == Sector::MAX
    }

    /// This device's number in the array; `None` if it is beyond what the format can have.
    #[doc(alias("dev_number", "desc_nr"))]
    #[must_use]
    pub fn descriptor(&self) -> Option<Descriptor> {
        match self {
            Self::V090(sb) => sb.descriptor(),
            Self::V1(sb) => sb.descriptor(),
        }
    }

    /// What this device is according to its own table.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::V090(sb) => sb.role(),
            Self::V1(sb) => sb.role(),
        }
    }

    /// What `descriptor` is according to this table; spare if the table does not know it.
    #[must_use]
    pub fn role_of(&self, descriptor: Descriptor) -> Role {
        match self {
            Self::V090(sb) => sb.role_of(descriptor),
            Self::V1(sb) => Role::from_raw(sb.raw_role(descriptor)),
        }
    }

    /// The table of roles by descriptor; at most 1920 entries.
    #[doc(alias = "dev_roles")]
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        match self {
            Self::V090(sb) => {
                (0..MAX_DESCRIPTORS).map(|number| sb.role_of(Descriptor(number))).collect()
            }
            Self::V1(sb) => sb.raw_roles().map(Role::from_raw).collect(),
        }
    }

    /// For a member with a slot that is not in sync: below here it is.
    #[must_use]
    pub fn recovery_offset(&self) -> Option<Sector> {
        match self {
            Self::V090(sb) => sb.recovery_offset(),
            Self::V1(sb) => sb.recovery_offset(),
        }
    }

    /// Whether reads shall go to other members.
    #[must_use]
    pub fn is_write_mostly(&self) -> bool {
        match self {
            Self::V090(sb) => sb.this_disk().has(Disk090::WRITE_MOSTLY),
            Self::V1(sb) => sb.header().devflags & 1 != 0,
        }
    }

    /// Whether requests shall fail at the first error.
    #[must_use]
    pub fn is_fail_fast(&self) -> bool {
        match self {
            Self::V090(sb) => sb.this_disk().has(Disk090::FAIL_FAST),
            Self::V1(sb) => sb.header().devflags & 2 != 0,
        }
    }

    /// Whether this member is to replace the one with the same slot.
    #[must_use]
    pub fn is_replacement(&self) -> bool {
        self.feature_map().contains(FeatureMap::REPLACEMENT)
    }

    /// The features; 0.90 has no map, so none.
    #[must_use]
    pub fn feature_map(&self) -> FeatureMap {
        match self {
            Self::V090(_) => FeatureMap::default(),
            Self::V1(sb) => sb.features(),
        }
    }

    /// Where the internal bitmap is.
    #[must_use]
    pub fn bitmap_area(&self) -> Option<Area> {
        match self {
            Self::V090(sb) => sb.bitmap_area(),
            Self::V1(sb) => sb.bitmap_area(),
        }
    }

    /// Where the bad-block log is, whether or not it has entries.
    #[must_use]
    pub fn bad_block_area(&self) -> Option<Area> {
        match self {
            Self::V090(_) => None,
            Self::V1(sb) => sb.bad_block_area(),
        }
    }

    /// Whether the bad-block log has entries.
    #[must_use]
    pub fn has_bad_blocks(&self) -> bool {
        self.feature_map().contains(FeatureMap::BAD_BLOCKS)
    }

    /// The unit of the bad-block log: this many bits are shifted out of sectors.
    #[must_use]
    pub fn bad_block_shift(&self) -> u8 {
        match self {
            Self::V090(_) => 0,
            Self::V1(sb) => sb.header().bad_block_shift,
        }
    }

    /// Where the partial parity log is.
    #[must_use]
    pub fn ppl_area(&self) -> Option<Area> {
        match self {
            Self::V090(_) => None,
            Self::V1(sb) => sb.ppl_area(),
        }
    }

    /// Whether the array has a journal.
    #[must_use]
    pub fn has_journal(&self) -> bool {
        self.feature_map().contains(FeatureMap::JOURNAL)
    }

    /// On the journal itself: where its log begins, in sectors from its data offset.
    #[must_use]
    pub fn journal_tail(&self) -> Option<Sector> {
        match self {
            Self::V090(_) => None,
            Self::V1(sb) => sb.journal_tail(),
        }
    }

    /// The reshape under way.
    #[must_use]
    pub fn reshape(&self) -> Option<Reshape> {
        match self {
            Self::V090(sb) => sb.reshape(),
            Self::V1(sb) => sb.reshape(),
        }
    }

    /// Read errors that were corrected from other members.
    #[must_use]
    pub fn corrected_reads(&self) -> u32 {
        match self {
            Self::V090(_) => 0,
            Self::V1(sb) => sb.header().corrected_reads.get(),
        }
    }
}
