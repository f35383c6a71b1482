//! A member of a running array, and the states that it can be in.
//!
//! The one thing to understand: "works" and "is in sync" are not two flags (A02). A member is a
//! spare, or it is being rebuilt up to a position, or it is in sync, or it is faulty; a faulty
//! member that is in sync cannot be written down.
//!
//! # Transitions
//! *spare* → *recovering* by [`Member::take_slot`]; *recovering* → *in sync* by
//! [`Member::reached`]; all → *faulty* by [`Member::fail`]; *spare* and *faulty* → *removed* by
//! [`Member::remove`]. A faulty member never comes back by itself, a removed one never at all.

use crate::assembly::SpareStart;
use crate::{Assembly, MemberStart};
use paritas_disk::{DiskIndex, Facts};
use paritas_format::Superblock;
use paritas_personality::{Presence, Target};
use paritas_units::{Descriptor, Sector, SectorRange};
use std::sync::Arc;
use std::time::Duration;

/// How far a member can be trusted.
#[doc(alias("Faulty", "In_sync", "rdev_flags"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// It failed; it is not read nor written.
    Faulty,
    /// It has no slot.
    Spare,
    /// Its content is right below this component position.
    Recovering(Sector),
    /// All of its content is right.
    InSync,
    /// It was removed: its place in the list of members is vacant for good.
    Removed,
}

/// A member of a running array, as its array knows it.
#[doc(alias = "md_rdev")]
#[derive(Clone, Debug)]
pub struct Member {
    name: Arc<str>,
    descriptor: Descriptor,
    target: Option<Target>,
    state: MemberState,
    read_errors: u64,
    corrected: u64,
    error_weight: u64,
    last_error: Duration,
    /// The map in which nobody uses it any more: of a faulty member.
    pub(crate) retired: u64,
    pub(crate) disk: DiskIndex,
    pub(crate) data_offset: Sector,
    pub(crate) is_write_mostly: bool,
    pub(crate) is_solid_state: bool,
    pub(crate) is_on_read_only_disk: bool,
    /// The host's file system that the member is a file of.
    pub(crate) host: Option<u64>,
    /// Bytes that a superblock is written in multiples of.
    pub(crate) logical_block: u32,
    pub(crate) bad_blocks: Arc<[SectorRange]>,
    pub(crate) superblock: Option<Superblock>,
}

impl MemberState {
    /// The state that a member starts in.
    #[must_use]
    pub fn of(start: &MemberStart) -> Self {
        match start.recovery_offset {
            Sector::MAX => Self::InSync,
            below => Self::Recovering(below),
        }
    }

    /// Whether this is the state of a member that is neither faulty nor removed.
    #[must_use]
    pub const fn works(self) -> bool {
        !matches!(self, Self::Faulty | Self::Removed)
    }

    /// The state as a personality sees it.
    #[must_use]
    pub const fn presence(self) -> Presence {
        match self {
            Self::Faulty | Self::Spare | Self::Removed => Presence::Absent,
            Self::Recovering(below) => Presence::Recovering(below),
            Self::InSync => Presence::InSync,
        }
    }
}

impl Member {
    /// All members and spares of an assembly; `disks` are in the same order.
    pub(crate) fn all(assembly: &Assembly, disks: &[Facts]) -> Vec<Self> {
        let members = assembly.members.iter().map(Self::new);
        let mut all: Vec<Self> = members.chain(assembly.spares.iter().map(Self::spare)).collect();
        for (number, (member, facts)) in (0..).zip(all.iter_mut().zip(disks)) {
            member.lies_on(DiskIndex(number), facts);
        }
        all
    }

    /// Notes the disk under the member.
    pub(crate) fn lies_on(&mut self, number: DiskIndex, facts: &Facts) {
        self.disk = number;
        self.is_solid_state = facts.is_solid_state;
        self.logical_block = facts.logical_block;
        self.is_on_read_only_disk = facts.is_read_only;
        let file = facts.span.filter(|span| span.inode != 0);
        self.host = file.map(|span| span.device);
    }

    fn new(start: &MemberStart) -> Self {
        Self {
            name: start.name.as_str().into(),
            descriptor: start.descriptor,
            target: Some(Target { slot: start.slot, seat: start.seat }),
            state: MemberState::of(start),
            read_errors: 0,
            corrected: corrected_in(start.superblock.as_ref()),
            error_weight: 0,
            last_error: Duration::ZERO,
            retired: 0,
            disk: DiskIndex(0),
            data_offset: start.data_offset,
            is_write_mostly: start.is_write_mostly,
            is_solid_state: false,
            is_on_read_only_disk: false,
            host: None,
            logical_block: 512,
            bad_blocks: start.bad_blocks.clone().into(),
            superblock: start.superblock.clone(),
        }
    }

    pub(crate) fn spare(start: &SpareStart) -> Self {
        Self {
            name: start.name.as_str().into(),
            descriptor: start.descriptor,
            target: None,
            state: MemberState::Spare,
            read_errors: 0,
            corrected: corrected_in(start.superblock.as_ref()),
            error_weight: 0,
            last_error: Duration::ZERO,
            retired: 0,
            disk: DiskIndex(0),
            data_offset: start.data_offset,
            is_write_mostly: false,
            is_solid_state: false,
            is_on_read_only_disk: false,
            host: None,
            logical_block: 512,
            bad_blocks: Arc::new([]),
            superblock: start.superblock.clone(),
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Its permanent number.
    #[must_use]
    pub const fn descriptor(&self) -> Descriptor {
        self.descriptor
    }

    /// Its slot and seat, if it has one. A faulty member keeps its own until it is removed.
    #[must_use]
    pub const fn target(&self) -> Option<Target> {
        self.target
    }

    /// How far it can be trusted.
    #[must_use]
    pub const fn state(&self) -> MemberState {
        self.state
    }

    /// Its superblock as it was written last, or as it was found.
    #[must_use]
    pub const fn superblock(&self) -> Option<&Superblock> {
        self.superblock.as_ref()
    }

    /// Sectors that could not be read since the array was started.
    #[must_use]
    pub const fn read_errors(&self) -> u64 {
        self.read_errors
    }

    /// Sectors that could not be read, and were written anew.
    #[doc(alias = "errors")]
    #[must_use]
    pub const fn corrected_errors(&self) -> u64 {
        self.corrected
    }

    /// Counts sectors that were written anew.
    pub(crate) const fn count_corrected(&mut self, sectors: u64) {
        self.corrected = self.corrected.saturating_add(sectors);
    }

    /// Counts sectors that could not be read; gives the weight of all errors so far, which halves
    /// with every hour in which there is none (P109).
    #[doc(alias = "check_decay_read_errors")]
    pub(crate) fn count_read_errors(&mut self, sectors: u64, now: Duration) -> u64 {
        self.read_errors = self.read_errors.saturating_add(sectors);
        let hours = now.saturating_sub(self.last_error).as_secs() / 3600;
        let halved = u32::try_from(hours).ok().and_then(|by| self.error_weight.checked_shr(by));
        self.error_weight = halved.unwrap_or(0).saturating_add(1);
        self.last_error = now;
        self.error_weight
    }

    /// Whether it is neither faulty nor removed.
    #[must_use]
    pub const fn works(&self) -> bool {
        self.state.works()
    }

    /// Makes the member faulty.
    pub(crate) const fn fail(&mut self) {
        self.state = MemberState::Faulty;
    }

    /// Takes a failure back that nobody has acted on.
    pub(crate) const fn is_back(&mut self, before: MemberState) {
        self.state = before;
    }

    /// Makes its place vacant.
    pub(crate) fn remove(&mut self) {
        self.state = MemberState::Removed;
        self.target = None;
        self.superblock = None;
    }

    /// Gives a spare a slot, in which nothing of it is right yet.
    pub(crate) fn take_slot(&mut self, target: Target) {
        debug_assert_eq!(self.state, MemberState::Spare, "only spares take slots");
        self.target = Some(target);
        self.state = MemberState::Recovering(Sector::ZERO);
    }

    /// A member that is being rebuilt is right below `position`; [`Sector::MAX`] makes it in sync.
    pub(crate) fn reached(&mut self, position: Sector) {
        if let MemberState::Recovering(below) = self.state {
            self.state = match position {
                Sector::MAX => MemberState::InSync,
                position => MemberState::Recovering(below.max(position)),
            };
        }
    }
}

/// What a superblock says of sectors that were written anew.
fn corrected_in(superblock: Option<&Superblock>) -> u64 {
    superblock.map_or(0, |superblock| superblock.corrected_reads().into())
}
