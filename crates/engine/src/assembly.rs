//! What the engine needs to run an array: the outcome of the judgement of members.

use paritas_format::Superblock;
use paritas_personality::Geometry;
use paritas_units::{Descriptor, Seat, Sector, SectorRange, Slot};
use std::sync::Arc;

/// An array ready to be run. Members stand in the order of their disks, then come the spares.
#[derive(Clone, Debug)]
pub struct Assembly {
    /// The array's name for people.
    pub name: String,
    /// The geometry, laid out.
    pub geometry: Arc<dyn Geometry>,
    /// The members that take part; member `i` is disk `i`.
    pub members: Vec<MemberStart>,
    /// The spares; spare `i` is the `i`th disk after the members'.
    pub spares: Vec<SpareStart>,
    /// Redundancy agrees below this position, as superblocks hold it: component sectors, at level
    /// 10 array sectors; [`Sector::MAX`] when in sync.
    pub resync_offset: Sector,
    /// What may be done to it from the start.
    pub access: Access,
}

/// What may be done to an array.
#[doc(alias = "ro")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read; nothing is written on any member.
    ReadOnly,
    /// Nothing is written until a host writes for the first time.
    AutoRead,
    /// It is read and written.
    ReadWrite,
}

/// A member as assembly found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStart {
    /// Its name for people.
    pub name: String,
    /// Its permanent number.
    pub descriptor: Descriptor,
    /// Its slot; spares take no part and are not listed.
    pub slot: Slot,
    /// Original or replacement.
    pub seat: Seat,
    /// Where its data begins on the disk.
    pub data_offset: Sector,
    /// Below this component position its content is right; [`Sector::MAX`] when in sync.
    pub recovery_offset: Sector,
    /// Read only when nothing else can be.
    pub is_write_mostly: bool,
    /// Known bad blocks, as component positions (from `data_offset`), sorted, without overlaps.
    pub bad_blocks: Vec<SectorRange>,
    /// Its superblock; without one nothing is recorded on it.
    pub superblock: Option<Superblock>,
}

/// A spare as assembly found it: a member without a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpareStart {
    /// Its name for people.
    pub name: String,
    /// Its permanent number.
    pub descriptor: Descriptor,
    /// Where its data would begin on the disk.
    pub data_offset: Sector,
    /// Its superblock.
    pub superblock: Option<Superblock>,
}
