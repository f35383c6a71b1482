//! Members that come and go while the array runs.
//!
//! The one thing to understand: a member's number, and that of its disk, are never given twice. So
//! a member that is removed leaves a vacant place, and a map, a report or a request that names it
//! can never mean another one.
//!
//! A member leaves in two steps: it is made faulty (unless it is a spare), and it is removed when no
//! shard acts on an older map any more and the superblocks of the others say so; then its disk is
//! released.
//!
//! Kernel counterpart: `hot_add_disk`, `set_disk_faulty`, `hot_remove_disk`, `bind_rdev_to_array`.

use super::{Access, Array};
use crate::assembly::SpareStart;
use crate::{Member, MemberState};
use paritas_disk::{DiskIndex, Facts};
use paritas_format::place::{Plan, bitmap_space};
use paritas_format::superblock::{FeatureMap, Place, V1, V090, Version};
use paritas_format::{DeviceUuid, Superblock};
use paritas_units::{Descriptor, Level, MemberId, Sector, SectorRange, Sectors, Slot};

/// Entries of the tables of members in superblocks.
const MOST_V090: u16 = 27;
const MOST_V1: u16 = 1920;

/// A disk that does not become a spare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// There is nothing that a spare could be rebuilt from.
    #[error("{level} arrays have no redundancy, so a spare is of no use to them")]
    NoRedundancy {
        /// The level.
        level: Level,
    },
    /// The array is not written.
    #[error("the array is read-only\nnext: make it writable with paritas readwrite, then add")]
    ReadOnly,
    /// It is being stopped, or is just becoming read-only.
    #[error("the array is being stopped or closed")]
    Ending,
    /// What members lie on has failed.
    #[error("{why}")]
    Frozen {
        /// Why, and what to do.
        why: String,
    },
    /// Its disk refuses writes.
    #[error("{spare} is read-only")]
    ReadOnlyDisk {
        /// The spare's name.
        spare: String,
    },
    /// It ends before the data of a member would.
    #[error(
        "{spare} has {has} sectors, but a member of this array needs {needs}: it is not large \
         enough to join"
    )]
    TooSmall {
        /// The spare's name.
        spare: String,
        /// Sectors that are needed, with the superblock.
        needs: u64,
        /// Sectors that there are.
        has: u64,
    },
    /// Its data would begin in its superblock.
    #[error(
        "the data of {spare} would begin at sector {at}, but its superblock, or bitmap, ends at {least}"
    )]
    Offset {
        /// The spare's name.
        spare: String,
        /// Where data would begin.
        at: Sector,
        /// The end of the superblock.
        least: Sector,
    },
    /// The superblocks' table of members is full.
    #[error("superblocks of this format name {most} members at most")]
    TooMany {
        /// The most.
        most: u16,
    },
}

/// A member that is not made faulty, or that took the array with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailError {
    /// There is no such member.
    #[error("the array has no member number {0}", .id.0)]
    Unknown {
        /// The number.
        id: MemberId,
    },
    /// Nothing stands in for a member.
    #[error("{level} arrays have no redundancy: without {member} its data are lost")]
    NoRedundancy {
        /// The level.
        level: Level,
        /// The member's name.
        member: String,
    },
    /// It is the last: it stays, and the array is broken.
    #[error(
        "{member} holds the last copy: it stays, and nothing is written to the array any more\n\
         next: add a member before this one is given up"
    )]
    LastMember {
        /// The member's name.
        member: String,
    },
    /// It is faulty now, and without it the array is broken.
    #[error("{member} is marked faulty; too much has failed, and the array is broken")]
    Broken {
        /// The member's name.
        member: String,
    },
}

/// A member that is not removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// There is no such member.
    #[error("the array has no member number {0}", .id.0)]
    Unknown {
        /// The number.
        id: MemberId,
    },
    /// It has a slot and works.
    #[error("{member} is in use in slot {slot}\nnext: paritas fail it first")]
    InUse {
        /// The member's name.
        member: String,
        /// Its slot.
        slot: Slot,
    },
    /// It is faulty, but something is still under way on it.
    #[error("{member} is still being let go of; try again in a moment")]
    StillUsed {
        /// The member's name.
        member: String,
    },
}

impl Array {
    /// Adds a spare: its superblock is made from those of the others, with `identity` where the
    /// format has room for one, and it is rebuilt at once if a slot is empty. What its disk held
    /// is not looked at. `disk` must be known to whoever performs requests, under a number that no
    /// member ever had; the descriptor is the array's choice.
    ///
    /// # Errors
    /// [`AddError`]; then nothing has changed.
    #[doc(alias("hot_add_disk", "md_add_new_disk"))]
    pub fn add_spare(
        &mut self,
        spare: &SpareStart,
        identity: DeviceUuid,
        disk: (DiskIndex, &Facts),
    ) -> Result<MemberId, AddError> {
        let (number, facts) = disk;
        self.check_spare(spare, facts)?;
        let descriptor = self.free_descriptor()?;
        let superblock = self.superblock_for(spare, identity, descriptor, facts)?;
        let id = u16::try_from(self.members.len()).ok().filter(|id| *id < u16::MAX);
        let id = id.ok_or(AddError::TooMany { most: u16::MAX })?;
        if !self.record.has_room(self.members.iter().filter(|member| member.works()).count()) {
            return Err(AddError::TooMany { most: id });
        }
        if self.access != Access::ReadWrite && self.open().is_err() {
            return Err(AddError::ReadOnly);
        }
        let start = SpareStart { descriptor, superblock, ..spare.clone() };
        let mut member = Member::spare(&start);
        member.lies_on(number, facts);
        self.members.push(member);
        self.record.add_member();
        self.bitmaps.look_again(&self.members);
        // A recovery that could not go on with the others may with this one.
        self.walker.enable();
        self.publish();
        self.want_record();
        self.go_on_walking();
        self.go_on_recording();
        Ok(MemberId(id))
    }

    fn check_spare(&self, spare: &SpareStart, facts: &Facts) -> Result<(), AddError> {
        if !self.is_redundant() {
            return Err(AddError::NoRedundancy { level: self.dimensions().level });
        }
        if self.access == Access::ReadOnly {
            return Err(AddError::ReadOnly);
        }
        if self.is_ending() {
            return Err(AddError::Ending);
        }
        if let Some(why) = self.frozen() {
            return Err(AddError::Frozen { why });
        }
        if facts.is_read_only {
            return Err(AddError::ReadOnlyDisk { spare: spare.name.clone() });
        }
        let needs = spare.data_offset.checked_add(self.longest_used()).unwrap_or(Sector::MAX);
        if needs.0 > facts.sectors.0 {
            return Err(too_small(spare, needs, facts));
        }
        Ok(())
    }

    /// Sectors that the array uses of its largest member.
    pub(super) fn longest_used(&self) -> Sectors {
        self.dimensions().used.iter().copied().max().unwrap_or_default()
    }

    /// The first number after the slots' that no member has.
    #[doc(alias = "desc_nr")]
    fn free_descriptor(&self) -> Result<Descriptor, AddError> {
        let most = match self.template() {
            Some(Superblock::V090(_)) => MOST_V090,
            _ => MOST_V1,
        };
        let present = || self.members.iter().filter(|one| one.state() != MemberState::Removed);
        let is_free = |number: &u16| present().all(|one| one.descriptor().0 != *number);
        // In 0.90 each slot has an entry, and all others stand behind those.
        let others = present().filter(|one| one.state() != MemberState::InSync).count();
        let entries = usize::from(self.dimensions().slots) + others + 1;
        let found = (self.dimensions().slots..most).find(is_free);
        found
            .filter(|_| entries <= usize::from(most))
            .map(Descriptor)
            .ok_or(AddError::TooMany { most })
    }

    /// The superblock of a member that works, one in sync if there is one.
    fn template(&self) -> Option<&Superblock> {
        let in_sync = self.members.iter().filter(|one| one.state() == MemberState::InSync);
        let others = self.members.iter().filter(|one| one.works());
        in_sync.chain(others).find_map(Member::superblock)
    }

    /// The superblock of a new spare; none in an array without superblocks.
    fn superblock_for(
        &self,
        spare: &SpareStart,
        identity: DeviceUuid,
        descriptor: Descriptor,
        facts: &Facts,
    ) -> Result<Option<Superblock>, AddError> {
        let Some(template) = self.template() else { return Ok(None) };
        let used = self.longest_used();
        let version = template.version();
        let plan = Plan::beside(version, facts.sectors, spare.data_offset, used, None);
        let needs = spare.data_offset.checked_add(used).unwrap_or(Sector::MAX);
        let plan = plan.ok_or_else(|| too_small(spare, needs, facts))?;
        let superblock = match template {
            Superblock::V090(old) => Superblock::V090(blank_v090(old, plan.superblock)),
            Superblock::V1(old) => {
                let place = Place { version, at: plan.superblock };
                let mut new = blank_v1(old, place);
                let header = new.header_mut();
                header.data_offset.set(spare.data_offset.0);
                header.data_size.set(plan.data_size.0);
                header.dev_number.set(descriptor.0.into());
                header.device_uuid = identity.0;
                new.seal();
                Superblock::V1(new)
            }
        };
        let end = plan.superblock + superblock_len(&superblock);
        let is_at_end = matches!(version, Version::V0_90 | Version::V1_0);
        if is_at_end && needs > plan.superblock {
            // Data, superblock, and what lies behind a superblock at the end.
            let behind = facts.sectors.0.saturating_sub(plan.superblock.0);
            return Err(too_small(spare, Sector(needs.0.saturating_add(behind)), facts));
        }
        if !is_at_end && spare.data_offset < end {
            let (at, spare) = (spare.data_offset, spare.name.clone());
            return Err(AddError::Offset { spare, at, least: end });
        }
        let copy = superblock.bitmap_area().and_then(|area| area.start());
        if let Some(copy) = copy.map(|start| start.range(bitmap_space(used))) {
            let data = SectorRange { start: spare.data_offset, len: used };
            if copy.overlaps(data) && is_at_end {
                let needs = needs.0.saturating_add(facts.sectors.0 - copy.start.0);
                return Err(too_small(spare, Sector(needs), facts));
            }
            if copy.overlaps(data) {
                let (at, spare) = (spare.data_offset, spare.name.clone());
                return Err(AddError::Offset { spare, at, least: copy.end() });
            }
        }
        Ok(Some(superblock))
    }

    /// Makes a member faulty, as if it had failed.
    ///
    /// # Errors
    /// [`FailError`]; with [`FailError::Broken`] the member *is* faulty.
    #[doc(alias = "set_disk_faulty")]
    pub fn fail_member(&mut self, id: MemberId) -> Result<(), FailError> {
        let member = self.members.get(usize::from(id.0));
        let member = member.filter(|member| member.state() != MemberState::Removed);
        let Some(member) = member else { return Err(FailError::Unknown { id }) };
        let (state, name) = (member.state(), member.name().to_owned());
        if state == MemberState::Faulty {
            return Ok(());
        }
        if !self.survives_failures() {
            let level = self.dimensions().level;
            return Err(FailError::NoRedundancy { level, member: name });
        }
        self.fail(id);
        let is_faulty = !self.members.get(usize::from(id.0)).is_some_and(Member::works);
        match (is_faulty, self.is_broken) {
            (true, false) => Ok(()),
            (true, true) => Err(FailError::Broken { member: name }),
            (false, _) => Err(FailError::LastMember { member: name }),
        }
    }

    /// Whether the level has an idea of a member that has failed.
    fn survives_failures(&self) -> bool {
        self.is_redundant() || self.dimensions().level == Level::Multipath
    }

    /// Whether a member can be removed now.
    ///
    /// # Errors
    /// [`RemoveError`] says why not.
    pub fn check_removable(&self, id: MemberId) -> Result<(), RemoveError> {
        let member = self.members.get(usize::from(id.0)).ok_or(RemoveError::Unknown { id })?;
        let name = member.name().to_owned();
        match (member.state(), member.target()) {
            (MemberState::Removed, _) => return Err(RemoveError::Unknown { id }),
            (MemberState::InSync | MemberState::Recovering(_), Some(target)) => {
                return Err(RemoveError::InUse { member: name, slot: target.slot });
            }
            _ => {}
        }
        if self.oldest_generation() < member.retired || self.is_recording() {
            return Err(RemoveError::StillUsed { member: name });
        }
        Ok(())
    }

    /// Removes a member that is faulty or a spare: its place becomes vacant, the superblocks of the
    /// others name it no more, and its disk is released. Its own superblock stays as it is.
    ///
    /// # Errors
    /// [`RemoveError`]; then nothing has changed.
    #[doc(alias("hot_remove_disk", "kick_rdev_from_array"))]
    pub fn remove_member(&mut self, id: MemberId) -> Result<(), RemoveError> {
        self.check_removable(id)?;
        if let Some(member) = self.members.get_mut(usize::from(id.0)) {
            member.remove();
            let disk = member.disk;
            self.actions.released.push(disk);
        }
        self.publish();
        self.record_members();
        Ok(())
    }
}

fn too_small(spare: &SpareStart, needs: Sector, facts: &Facts) -> AddError {
    AddError::TooSmall { spare: spare.name.clone(), needs: needs.0, has: facts.sectors.0 }
}

/// What a superblock says of the array, without what it says of its own device.
fn blank_v1(old: &V1, place: Place) -> V1 {
    let own = FeatureMap::BAD_BLOCKS.0
        | FeatureMap::RECOVERY_OFFSET.0
        | FeatureMap::RECOVERY_BITMAP.0
        | FeatureMap::REPLACEMENT.0
        | FeatureMap::NEW_OFFSET.0;
    let mut new = V1::blank(place);
    let header = new.header_mut();
    *header = old.header().clone();
    header.super_offset.set(place.at.0);
    header.feature_map.set(old.features().0 & !own);
    header.recovery_offset.set(0);
    header.corrected_reads.set(0);
    header.devflags = 0;
    header.new_offset.set(0);
    header.bad_block_shift = 0;
    header.bad_block_sectors.set(0);
    header.bad_block_offset.set(0);
    new
}

fn blank_v090(old: &V090, at: Sector) -> V090 {
    let mut new = V090::blank(at, old.byte_order());
    *new.header_mut() = old.header().clone();
    *new.disks_mut() = old.disks().clone();
    new.seal();
    new
}

fn superblock_len(superblock: &Superblock) -> Sectors {
    match superblock {
        Superblock::V090(_) => Sectors(8),
        Superblock::V1(one) => one.sectors(),
    }
}
