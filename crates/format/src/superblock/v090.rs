//! The 0.90 superblock: 4 KiB of 32-bit words in the byte order of the machine that wrote it.
//!
//! The one thing to understand: a value holds the words in little-endian order whatever stands on
//! the device, and three pairs of words joined to the 64-bit numbers that they are; `order` says
//! what to turn back when encoding.

use super::types::{Area, ByteOrder, Reshape, Role};
use super::{SUPERBLOCK_BYTES, v1::MAGIC};
use crate::{ArrayUuid, Broken, checksum};
use paritas_units::{Chunk, Descriptor, Sector, Sectors, Slot};
use zerocopy::little_endian::{I32, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The most descriptors that a superblock can hold.
pub const MAX_DESCRIPTORS: u16 = 27;
const WHAT: &str = "superblock 0.90";
/// Byte offsets of the 64-bit numbers that a big-endian writer stores upper word first.
const PAIRS: [usize; 3] = [156, 164, 176];

/// The first 512 bytes, field by field.
#[doc(alias = "mdp_superblock_s")]
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
#[expect(missing_docs, reason = "the names are the format's; the rest says what is not evident")]
pub struct Header090 {
    pub magic: U32,
    pub major_version: U32,
    /// 90, or 91 while a reshape is under way.
    pub minor_version: U32,
    pub patch_version: U32,
    pub gvalid_words: U32,
    pub set_uuid0: U32,
    /// Seconds.
    pub ctime: U32,
    pub level: I32,
    /// KiB used of each member; zero for linear and raid0.
    pub size: U32,
    pub nr_disks: U32,
    /// Slots; during a reshape, of the new shape.
    pub raid_disks: U32,
    pub md_minor: U32,
    pub not_persistent: U32,
    pub set_uuid1: U32,
    pub set_uuid2: U32,
    pub set_uuid3: U32,
    pub pad1: [u8; 64],
    /// Seconds.
    pub utime: U32,
    /// See [`Header090::CLEAN`] and the others.
    pub state: U32,
    pub active_disks: U32,
    pub working_disks: U32,
    pub failed_disks: U32,
    pub spare_disks: U32,
    #[doc(alias = "sb_csum")]
    pub checksum: U32,
    pub events: U64,
    #[doc(alias = "cp_events")]
    pub checkpoint_events: U64,
    /// Sectors; valid only if the checkpoint's events are the events.
    #[doc(alias = "recovery_cp")]
    pub checkpoint: U32,
    pub reshape_position: U64,
    pub new_level: I32,
    pub delta_disks: I32,
    pub new_layout: U32,
    /// Bytes.
    pub new_chunk: U32,
    pub pad2: [u8; 56],
    pub layout: U32,
    /// Bytes.
    #[doc(alias = "chunk_size")]
    pub chunk_bytes: U32,
    pub root_pv: U32,
    pub root_block: U32,
    pub pad3: [u8; 240],
}

impl Header090 {
    /// Bit of `state`: nothing was being written, all is in sync.
    pub const CLEAN: u32 = 1;
    /// Bit of `state`: errors were seen.
    pub const ERRORS: u32 = 1 << 1;
    /// Bit of `state`: an internal bitmap follows the superblock.
    pub const BITMAP_PRESENT: u32 = 1 << 8;
}

/// One entry of the descriptor table.
#[doc(alias = "mdp_disk_t")]
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
#[expect(missing_docs, reason = "the names are the format's")]
pub struct Disk090 {
    pub number: U32,
    pub major: U32,
    pub minor: U32,
    /// The slot.
    pub raid_disk: U32,
    /// See [`Disk090::SYNC`] and the others.
    pub state: U32,
    pub pad: [u8; 108],
}

impl Disk090 {
    /// Bit of `state`: faulty.
    pub const FAULTY: u32 = 1;
    /// Bit of `state`: has a slot.
    pub const ACTIVE: u32 = 1 << 1;
    /// Bit of `state`: in sync.
    pub const SYNC: u32 = 1 << 2;
    /// Bit of `state`: nobody is here.
    pub const REMOVED: u32 = 1 << 3;
    /// Bit of `state`: reads go to others.
    pub const WRITE_MOSTLY: u32 = 1 << 9;
    /// Bit of `state`: fails at the first error.
    pub const FAIL_FAST: u32 = 1 << 10;
    /// Bit of `state`: the journal.
    pub const JOURNAL: u32 = 1 << 18;

    /// Whether any of `bits` is set in `state`.
    #[must_use]
    pub fn has(&self, bits: u32) -> bool {
        self.state.get() & bits != 0
    }

    /// What the driver makes of the entry, given the superblock's minor version: only during a
    /// reshape does a member out of sync keep its slot.
    fn role(&self, minor_version: u32) -> Role {
        if self.has(Self::FAULTY) {
            return Role::Faulty;
        }
        if self.has(Self::JOURNAL) {
            return Role::Journal;
        }
        let keeps_slot = self.has(Self::SYNC) || (minor_version >= 91 && self.has(Self::ACTIVE));
        match u16::try_from(self.raid_disk.get()) {
            Ok(slot) if keeps_slot && slot < Role::FIRST_SPECIAL => Role::Slot(Slot(slot)),
            _ => Role::Spare,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Block090 {
    header: Header090,
    disks: [Disk090; 27],
    this_disk: Disk090,
}

const _: () = assert!(size_of::<Block090>() == SUPERBLOCK_BYTES);

/// A 0.90 superblock, with the sector where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V090 {
    at: Sector,
    order: ByteOrder,
    block: Box<Block090>,
}

/// Turns every word around and exchanges the words of the pairs; its own inverse.
fn swap(bytes: &mut [u8]) {
    for word in bytes.as_chunks_mut::<4>().0 {
        word.reverse();
    }
    for pair in PAIRS {
        if let Some(pair) = bytes.get_mut(pair..pair + 8) {
            pair.rotate_left(4);
        }
    }
}

impl V090 {
    /// Reads the superblock in `bytes`, found at sector `at`, in whichever byte order its magic
    /// number says.
    ///
    /// # Errors
    /// [`Broken`] if the bytes are fewer than [`SUPERBLOCK_BYTES`], or magic number or major
    /// version are others. Nothing else is checked; see [`V090::faults`].
    pub fn decode(bytes: &[u8], at: Sector) -> Result<Self, Broken> {
        Broken::if_shorter(WHAT, bytes, SUPERBLOCK_BYTES)?;
        let mut block = Box::new(Block090::new_zeroed());
        block.as_mut_bytes().copy_from_slice(bytes.get(..SUPERBLOCK_BYTES).unwrap_or_default());
        let found = block.header.magic.get();
        let order = match found {
            MAGIC => ByteOrder::Little,
            _ if found.swap_bytes() == MAGIC => ByteOrder::Big,
            _ => {
                let (found, expected) = (found.into(), MAGIC.into());
                return Err(Broken::Magic { what: WHAT, found, expected });
            }
        };
        if order == ByteOrder::Big {
            swap(block.as_mut_bytes());
        }
        match block.header.major_version.get() {
            0 => Ok(Self { at, order, block }),
            other => Err(Broken::Version { what: WHAT, found: other.into() }),
        }
    }

    /// The 4 KiB that it was decoded from, with what was changed since, in its byte order. The
    /// checksum is as it is: call [`V090::seal`] after a change.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.block.as_bytes().to_vec();
        if self.order == ByteOrder::Big {
            swap(&mut bytes);
        }
        bytes
    }

    /// The sector where it was found.
    #[must_use]
    pub const fn at(&self) -> Sector {
        self.at
    }

    /// The byte order on the device.
    #[must_use]
    pub const fn byte_order(&self) -> ByteOrder {
        self.order
    }

    /// Changes the byte order in which it will be encoded.
    pub const fn set_byte_order(&mut self, order: ByteOrder) {
        self.order = order;
    }

    /// The fields.
    #[must_use]
    pub fn header(&self) -> &Header090 {
        &self.block.header
    }

    /// The fields, to change.
    pub fn header_mut(&mut self) -> &mut Header090 {
        &mut self.block.header
    }

    /// The descriptor table.
    #[must_use]
    pub fn disks(&self) -> &[Disk090; 27] {
        &self.block.disks
    }

    /// The descriptor table, to change.
    pub fn disks_mut(&mut self) -> &mut [Disk090; 27] {
        &mut self.block.disks
    }

    /// This device's own entry.
    #[must_use]
    pub fn this_disk(&self) -> &Disk090 {
        &self.block.this_disk
    }

    /// This device's own entry, to change.
    pub fn this_disk_mut(&mut self) -> &mut Disk090 {
        &mut self.block.this_disk
    }

    /// This device's descriptor, if it is a number that the format can have.
    #[must_use]
    pub fn descriptor(&self) -> Option<Descriptor> {
        let number = u16::try_from(self.block.this_disk.number.get()).ok()?;
        (number < MAX_DESCRIPTORS).then_some(Descriptor(number))
    }

    /// The array's identity.
    #[must_use]
    pub fn uuid(&self) -> ArrayUuid {
        let header = &self.block.header;
        ArrayUuid::from_words([
            header.set_uuid0.get(),
            header.set_uuid1.get(),
            header.set_uuid2.get(),
            header.set_uuid3.get(),
        ])
    }

    /// The identity as its bytes stand in the writer's memory, which is how a bitmap repeats it.
    #[must_use]
    pub fn uuid_in_memory(&self) -> [u8; 16] {
        let mut bytes = self.uuid().0;
        if self.order == ByteOrder::Little {
            for word in bytes.as_chunks_mut::<4>().0 {
                word.reverse();
            }
        }
        bytes
    }

    /// The role of a descriptor in the table.
    #[must_use]
    pub fn role_of(&self, descriptor: Descriptor) -> Role {
        let minor = self.block.header.minor_version.get();
        let entry = self.block.disks.get(usize::from(descriptor.0));
        entry.map_or(Role::Spare, |entry| entry.role(minor))
    }

    /// What this device is according to itself: the table's entry with its number.
    #[must_use]
    pub fn role(&self) -> Role {
        self.descriptor().map_or(Role::Spare, |number| self.role_of(number))
    }

    /// The checksum as it should be, not folded.
    #[must_use]
    pub fn computed_checksum(&self) -> u32 {
        let bytes = self.block.as_bytes();
        let before = bytes.get(..152).unwrap_or_default();
        checksum::sum(&[before, bytes.get(156..).unwrap_or_default()])
    }

    /// Makes the checksum right.
    pub fn seal(&mut self) {
        let sum = self.computed_checksum();
        self.block.header.checksum.set(sum);
    }

    pub(super) fn bitmap_area(&self) -> Option<Area> {
        let is_there = self.block.header.state.get() & Header090::BITMAP_PRESENT != 0;
        let sectors = Some(Sectors(120));
        is_there.then_some(Area { superblock: self.at, offset: 8, sectors })
    }

    pub(super) fn resync_offset(&self) -> Sector {
        let header = &self.block.header;
        if header.state.get() & Header090::CLEAN != 0 {
            Sector::MAX
        } else if header.checkpoint_events == header.events {
            Sector(header.checkpoint.get().into())
        } else {
            Sector::ZERO
        }
    }

    pub(super) fn reshape(&self) -> Option<Reshape> {
        let header = &self.block.header;
        let delta_disks = header.delta_disks.get();
        (header.minor_version.get() >= 91).then(|| Reshape {
            position: Sector(header.reshape_position.get()),
            delta_disks,
            new_level: header.new_level.get(),
            new_layout: header.new_layout.get(),
            new_chunk: Chunk(header.new_chunk.get() / 512),
            new_offset: 0,
            is_backwards: delta_disks < 0,
        })
    }

    /// Only a member that got its slot by a reshape and is not in sync has an offset: zero, since
    /// the format cannot hold one.
    pub(super) fn recovery_offset(&self) -> Option<Sector> {
        let entry = self.block.disks.get(usize::from(self.descriptor()?.0))?;
        let is_out = matches!(self.role(), Role::Slot(_)) && !entry.has(Disk090::SYNC);
        is_out.then_some(Sector::ZERO)
    }

    /// An empty superblock: magic number and version set, no descriptors, no sum.
    #[must_use]
    pub fn blank(at: Sector, order: ByteOrder) -> Self {
        let mut block = Box::new(Block090::new_zeroed());
        block.header.magic.set(MAGIC);
        block.header.minor_version.set(90);
        Self { at, order, block }
    }
}

/// Where a 0.90 superblock stands on a device.
#[doc(alias = "calc_dev_sboffset")]
pub(super) fn sector_of(device: Sectors) -> Option<Sector> {
    (device.0 & !127).checked_sub(128).map(Sector)
}
