//! The 1.x superblock: little-endian, 256 bytes and a table of roles.
//!
//! The one thing to understand: the minor version is not stored; it follows from where the
//! superblock was found. A value holds the whole 4 KiB in which a superblock of the greatest size
//! fits, so what is behind the role table is kept too.

use super::types::{Area, Place, Reshape, Role, Timestamp, Version};
use super::{FeatureMap, SUPERBLOCK_BYTES};
use crate::{Broken, checksum};
use paritas_units::{Chunk, Descriptor, Sector, Sectors};
use zerocopy::little_endian::{I32, U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The number with which every superblock begins.
pub(super) const MAGIC: u32 = 0xa92b_4efc;
/// The most roles that a superblock can hold.
pub const MAX_ROLES: u32 = 1920;
const WHAT: &str = "superblock 1.x";

/// The first 256 bytes, field by field. Sectors are of 512 bytes.
#[doc(alias = "mdp_superblock_1")]
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
#[expect(missing_docs, reason = "the names are the format's; the rest says what is not evident")]
pub struct Header1 {
    pub magic: U32,
    pub major_version: U32,
    pub feature_map: U32,
    /// Zero, or something newer than we are was here.
    pub pad0: U32,
    pub set_uuid: [u8; 16],
    pub set_name: [u8; 32],
    /// Seconds in the low 40 bits, microseconds above.
    pub ctime: U64,
    pub level: I32,
    pub layout: U32,
    /// Sectors used of each member; zero for linear and raid0.
    pub size: U64,
    #[doc(alias = "chunksize")]
    pub chunk_sectors: U32,
    /// Slots; during a reshape, of the new shape.
    pub raid_disks: U32,
    /// With a PPL: its offset (16 bits, signed) and its size (16 bits) in sectors.
    pub bitmap_offset: I32,
    pub new_level: I32,
    pub reshape_position: U64,
    pub delta_disks: I32,
    pub new_layout: U32,
    /// In sectors.
    pub new_chunk: U32,
    pub new_offset: I32,
    pub data_offset: U64,
    pub data_size: U64,
    pub super_offset: U64,
    /// On a journal: the journal's tail.
    #[doc(alias = "journal_tail")]
    pub recovery_offset: U64,
    pub dev_number: U32,
    #[doc(alias = "cnt_corrected_read")]
    pub corrected_reads: U32,
    pub device_uuid: [u8; 16],
    /// Bit 0 write-mostly, bit 1 failfast.
    pub devflags: u8,
    #[doc(alias = "bblog_shift")]
    pub bad_block_shift: u8,
    #[doc(alias = "bblog_size")]
    pub bad_block_sectors: U16,
    #[doc(alias = "bblog_offset")]
    pub bad_block_offset: I32,
    pub utime: U64,
    pub events: U64,
    pub resync_offset: U64,
    #[doc(alias = "sb_csum")]
    pub checksum: U32,
    /// Entries in the table of roles.
    #[doc(alias = "max_dev")]
    pub max_roles: U32,
    /// Bytes; written by kernels after 6.18, zero before.
    pub logical_block_size: U32,
    /// Zero, or something newer than we are was here.
    pub pad3: [u8; 28],
}

/// Header and roles as they stand on the device.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Block1 {
    header: Header1,
    roles: [U16; 1920],
}

const _: () = assert!(size_of::<Block1>() == SUPERBLOCK_BYTES);

/// A 1.x superblock, with the place where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V1 {
    place: Place,
    block: Box<Block1>,
}

impl V1 {
    /// Reads the superblock in `bytes`, found at `place`.
    ///
    /// # Errors
    /// [`Broken`] if the bytes are fewer than [`SUPERBLOCK_BYTES`], or magic number or major
    /// version are others. Nothing else is checked; see [`V1::faults`].
    pub fn decode(bytes: &[u8], place: Place) -> Result<Self, Broken> {
        Broken::if_shorter(WHAT, bytes, SUPERBLOCK_BYTES)?;
        let mut block = Box::new(Block1::new_zeroed());
        block.as_mut_bytes().copy_from_slice(bytes.get(..SUPERBLOCK_BYTES).unwrap_or_default());
        let found = block.header.magic.get();
        if found != MAGIC {
            return Err(Broken::Magic { what: WHAT, found: found.into(), expected: MAGIC.into() });
        }
        match block.header.major_version.get() {
            1 => Ok(Self { place, block }),
            other => Err(Broken::Version { what: WHAT, found: other.into() }),
        }
    }

    /// The 4 KiB that it was decoded from, with what was changed since. The checksum is as it is:
    /// call [`V1::seal`] after a change.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.block.as_bytes().to_vec()
    }

    /// Where it was found.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The fields.
    #[must_use]
    pub fn header(&self) -> &Header1 {
        &self.block.header
    }

    /// The fields, to change.
    pub fn header_mut(&mut self) -> &mut Header1 {
        &mut self.block.header
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> FeatureMap {
        FeatureMap(self.block.header.feature_map.get())
    }

    /// The table of roles as far as the superblock says it goes, in raw numbers by descriptor.
    pub fn raw_roles(&self) -> impl Iterator<Item = u16> {
        let len = usize::try_from(self.block.header.max_roles.get()).unwrap_or(usize::MAX);
        self.block.roles.iter().take(len).map(|role| role.get())
    }

    /// The raw role of a descriptor; spare if the table does not reach so far.
    #[must_use]
    pub fn raw_role(&self, descriptor: Descriptor) -> u16 {
        self.raw_roles().nth(usize::from(descriptor.0)).unwrap_or(Role::SPARE)
    }

    /// Sets the raw role of a descriptor; numbers that the greatest table lacks are ignored.
    pub fn set_raw_role(&mut self, descriptor: Descriptor, role: u16) {
        if let Some(entry) = self.block.roles.get_mut(usize::from(descriptor.0)) {
            entry.set(role);
        }
    }

    /// This device's descriptor, if it is a number that the format can have.
    #[must_use]
    pub fn descriptor(&self) -> Option<Descriptor> {
        let number = self.block.header.dev_number.get();
        (number < MAX_ROLES).then(|| u16::try_from(number).ok().map(Descriptor)).flatten()
    }

    /// What this device is according to itself.
    #[must_use]
    pub fn role(&self) -> Role {
        self.descriptor().map_or(Role::Spare, |number| Role::from_raw(self.raw_role(number)))
    }

    /// Bytes that the superblock itself takes: those that the checksum covers.
    #[must_use]
    pub fn covered_bytes(&self) -> u64 {
        256 + 2 * u64::from(self.block.header.max_roles.get())
    }

    /// Sectors that the superblock takes, in whole ones.
    #[must_use]
    pub fn sectors(&self) -> Sectors {
        Sectors(self.covered_bytes().div_ceil(512))
    }

    /// The checksum as it should be. Where the table of roles is said to be longer than the
    /// greatest possible, the sum is over what there is.
    #[must_use]
    pub fn computed_checksum(&self) -> u32 {
        let bytes = self.block.as_bytes();
        let end = usize::try_from(self.covered_bytes()).unwrap_or(usize::MAX).min(bytes.len());
        let before = bytes.get(..216).unwrap_or_default();
        checksum::sum(&[before, bytes.get(220..end).unwrap_or_default()])
    }

    /// Makes the checksum right.
    pub fn seal(&mut self) {
        let sum = self.computed_checksum();
        self.block.header.checksum.set(sum);
    }

    /// The data offset that a reshape leads to, as the driver computes it.
    #[must_use]
    pub fn new_data_offset(&self) -> Option<Sector> {
        let header = &self.block.header;
        let moves = FeatureMap::RESHAPE_ACTIVE | FeatureMap::NEW_OFFSET;
        let by = if self.features().contains(moves) { header.new_offset.get() } else { 0 };
        header.data_offset.get().checked_add_signed(i64::from(by)).map(Sector)
    }

    pub(super) fn area(&self, offset: i64, sectors: Option<Sectors>) -> Area {
        Area { superblock: self.place.at, offset, sectors }
    }

    pub(super) fn bitmap_area(&self) -> Option<Area> {
        let features = self.features();
        let is_there = features.contains(FeatureMap::BITMAP_OFFSET) && !features.has_ppl();
        is_there.then(|| self.area(self.block.header.bitmap_offset.get().into(), None))
    }

    pub(super) fn bad_block_area(&self) -> Option<Area> {
        let header = &self.block.header;
        let (offset, len) = (header.bad_block_offset.get(), header.bad_block_sectors.get());
        (offset != 0 && len != 0).then(|| self.area(offset.into(), Some(Sectors(len.into()))))
    }

    pub(super) fn ppl_area(&self) -> Option<Area> {
        let [a, b, c, d] = self.block.header.bitmap_offset.get().to_le_bytes();
        let (offset, len) = (i16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        self.features().has_ppl().then(|| self.area(offset.into(), Some(Sectors(len.into()))))
    }

    pub(super) fn reshape(&self) -> Option<Reshape> {
        let (header, features) = (&self.block.header, self.features());
        let delta_disks = header.delta_disks.get();
        let backwards_in_place =
            delta_disks == 0 && features.contains(FeatureMap::RESHAPE_BACKWARDS);
        let moves = features.contains(FeatureMap::NEW_OFFSET);
        features.contains(FeatureMap::RESHAPE_ACTIVE).then(|| Reshape {
            position: Sector(header.reshape_position.get()),
            delta_disks,
            new_level: header.new_level.get(),
            new_layout: header.new_layout.get(),
            new_chunk: Chunk(header.new_chunk.get()),
            new_offset: if moves { header.new_offset.get() } else { 0 },
            is_backwards: delta_disks < 0 || backwards_in_place,
        })
    }

    pub(super) fn recovery_offset(&self) -> Option<Sector> {
        let counts = self.features().contains(FeatureMap::RECOVERY_OFFSET)
            && matches!(self.role(), Role::Slot(_));
        counts.then(|| Sector(self.block.header.recovery_offset.get()))
    }

    pub(super) fn journal_tail(&self) -> Option<Sector> {
        let is_journal = self.role() == Role::Journal;
        is_journal.then(|| Sector(self.block.header.recovery_offset.get()))
    }

    /// An empty superblock for `place`: magic number, version and place set, no roles, no sum.
    #[must_use]
    pub fn blank(place: Place) -> Self {
        let mut block = Box::new(Block1::new_zeroed());
        block.header.magic.set(MAGIC);
        block.header.major_version.set(1);
        block.header.super_offset.set(place.at.0);
        Self { place, block }
    }
}

/// Where a 1.x superblock of `version` stands on a device.
#[must_use]
pub(super) fn sector_of(version: Version, device: Sectors) -> Option<Sector> {
    match version {
        Version::V1_0 => device.0.checked_sub(16).map(|sector| Sector(sector & !7)),
        Version::V1_1 => Some(Sector(0)),
        Version::V1_2 => Some(Sector(8)),
        Version::V0_90 => None,
    }
}

/// A time field.
pub(super) fn time(field: U64) -> Timestamp {
    Timestamp::from_raw(field.get())
}
