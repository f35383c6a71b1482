//! What stands in the superblocks that an array writes: pure, from members to bytes.
//!
//! The one thing to understand: a superblock says two things, what the array is (events, clean or
//! not, how far redundancy agrees) and what each member is, and the second is written on all of
//! them. So who is faulty is known to all others.
//!
//! Sources: the formats of the driver (D12 for 1.x, D13 for 0.90).

use crate::{Member, MemberState};
use paritas_format::Superblock;
use paritas_format::superblock::{Disk090, FeatureMap, Header090, Role, Timestamp, V1, V090};
use paritas_units::{MemberId, Seat, Sector, Slot};

/// What superblocks say of the array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) events: u64,
    /// Nothing is being written.
    pub(super) is_clean: bool,
    /// As superblocks hold it; counts only while clean.
    pub(super) resync_offset: Sector,
    /// Seconds since 1970.
    pub(super) seconds: u64,
}

/// A superblock to be written.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) at: Sector,
    pub(super) bytes: Vec<u8>,
    pub(super) superblock: Superblock,
}

/// The superblocks of all members that work and have one.
pub(super) fn all(members: &[Member], slots: u16, facts: &Facts) -> Vec<(MemberId, Image)> {
    let known: Vec<&Member> =
        members.iter().filter(|member| member.state() != MemberState::Removed).collect();
    let working = (0..).zip(members).filter(|(_, member)| member.works());
    working
        .filter_map(|(id, member)| Some((MemberId(id), image(&known, member, slots, facts)?)))
        .collect()
}

fn image(members: &[&Member], own: &Member, slots: u16, facts: &Facts) -> Option<Image> {
    match own.superblock()?.clone() {
        Superblock::V1(mut superblock) => {
            fill_v1(&mut superblock, members, own, facts);
            let mut bytes = superblock.encode();
            let sectors = usize::try_from(superblock.sectors().0).unwrap_or(8);
            bytes.truncate(sectors * 512);
            let superblock = Superblock::V1(superblock);
            Some(Image { at: superblock.super_offset(), bytes, superblock })
        }
        Superblock::V090(mut superblock) => {
            fill_v090(&mut superblock, members, own, slots, facts);
            let (at, bytes) = (superblock.at(), superblock.encode());
            Some(Image { at, bytes, superblock: Superblock::V090(superblock) })
        }
    }
}

fn fill_v1(superblock: &mut V1, members: &[&Member], own: &Member, facts: &Facts) {
    let needed = members.iter().map(|member| u32::from(member.descriptor().0) + 1).max();
    let header = superblock.header_mut();
    let entries = header.max_roles.get().max(needed.unwrap_or(0));
    header.max_roles.set(entries);
    header.events.set(facts.events);
    let time = Timestamp { seconds: facts.seconds, micros: 0 };
    header.utime.set(time.raw());
    header.resync_offset.set(if facts.is_clean { facts.resync_offset.0 } else { 0 });
    let mut features = header.feature_map.get();
    features &= !(FeatureMap::RECOVERY_OFFSET.0 | FeatureMap::REPLACEMENT.0);
    header.recovery_offset.set(0);
    header.corrected_reads.set(u32::try_from(own.corrected_errors()).unwrap_or(u32::MAX));
    if let MemberState::Recovering(below) = own.state() {
        features |= FeatureMap::RECOVERY_OFFSET.0;
        header.recovery_offset.set(below.0);
    }
    if own.target().is_some_and(|target| target.seat == Seat::Replacement) {
        features |= FeatureMap::REPLACEMENT.0;
    }
    header.feature_map.set(features);
    for number in 0..u16::try_from(entries).unwrap_or(u16::MAX) {
        superblock.set_raw_role(paritas_units::Descriptor(number), Role::SPARE);
    }
    for member in members {
        superblock.set_raw_role(member.descriptor(), role(member).raw());
    }
    superblock.seal();
}

fn role(member: &Member) -> Role {
    match (member.state(), member.target()) {
        (MemberState::Faulty, _) => Role::Faulty,
        (_, Some(target)) => Role::Slot(target.slot),
        (_, None) => Role::Spare,
    }
}

/// The whole table anew: members in sync at their slots, empty slots as removed, then the others.
fn fill_v090(superblock: &mut V090, members: &[&Member], own: &Member, slots: u16, facts: &Facts) {
    let numbers = numbers(members, slots);
    let previous = superblock.disks().clone();
    let devices: Vec<(u32, u32)> = members
        .iter()
        .map(|member| {
            let entry = previous.get(usize::from(member.descriptor().0));
            entry.map_or((0, 0), |entry| (entry.major.get(), entry.minor.get()))
        })
        .collect();
    for entry in superblock.disks_mut() {
        set(entry, 0, 0, 0, (0, 0));
    }
    let mut filled = vec![false; usize::from(slots)];
    for ((member, number), device) in members.iter().zip(&numbers).zip(&devices) {
        let Some(number) = *number else { continue };
        if let Some(taken) = filled.get_mut(usize::from(number)) {
            *taken = true;
        }
        if let Some(entry) = superblock.disks_mut().get_mut(usize::from(number)) {
            let number = u32::from(number);
            set(entry, number, number, state_bits(member), *device);
        }
    }
    let empty = filled.iter().filter(|taken| !**taken).count();
    for (slot, _) in (0..).zip(&filled).filter(|(_, taken)| !**taken) {
        if let Some(entry) = superblock.disks_mut().get_mut(usize::from(Slot(slot).0)) {
            let slot = u32::from(slot);
            set(entry, slot, slot, Disk090::REMOVED | Disk090::FAULTY, (0, 0));
        }
    }
    let own_number = members
        .iter()
        .zip(&numbers)
        .find(|(member, _)| member.descriptor() == own.descriptor())
        .and_then(|(_, number)| *number);
    let own_place = own_number.map_or(usize::MAX, usize::from);
    if let Some(entry) = superblock.disks().get(own_place) {
        let entry = entry.clone();
        *superblock.this_disk_mut() = entry;
    }
    fill_header(superblock.header_mut(), members, empty, facts);
    superblock.seal();
}

/// By member: its number in the table. Those in sync stand at their slots.
fn numbers(members: &[&Member], slots: u16) -> Vec<Option<u16>> {
    let mut next = slots;
    let number = |member: &&Member| match (member.state(), member.target()) {
        (MemberState::InSync, Some(target)) => Some(target.slot.0),
        _ => {
            let number = next;
            next += 1;
            (number < 27).then_some(number)
        }
    };
    members.iter().map(number).collect()
}

fn state_bits(member: &Member) -> u32 {
    let role = match member.state() {
        MemberState::InSync => Disk090::ACTIVE | Disk090::SYNC,
        MemberState::Faulty | MemberState::Removed => Disk090::FAULTY,
        MemberState::Spare | MemberState::Recovering(_) => 0,
    };
    if member.is_write_mostly { role | Disk090::WRITE_MOSTLY } else { role }
}

fn set(entry: &mut Disk090, number: u32, slot: u32, state: u32, device: (u32, u32)) {
    entry.number.set(number);
    entry.major.set(device.0);
    entry.minor.set(device.1);
    entry.raid_disk.set(slot);
    entry.state.set(state);
}

fn fill_header(header: &mut Header090, members: &[&Member], empty: usize, facts: &Facts) {
    let count = |counts: fn(MemberState) -> bool| {
        let count = members.iter().filter(|member| counts(member.state())).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let active = count(|state| state == MemberState::InSync);
    let spare = count(|state| matches!(state, MemberState::Spare | MemberState::Recovering(_)));
    header.nr_disks.set(u32::try_from(members.len()).unwrap_or(u32::MAX));
    header.active_disks.set(active);
    header.working_disks.set(active + spare);
    header.failed_disks.set(u32::try_from(empty).unwrap_or(u32::MAX));
    header.spare_disks.set(spare);
    header.utime.set(u32::try_from(facts.seconds).unwrap_or(u32::MAX));
    header.events.set(facts.events);
    let kept = header.state.get() & Header090::BITMAP_PRESENT;
    let (state, checkpoint) = match (facts.is_clean, facts.resync_offset) {
        (true, Sector::MAX) => (Header090::CLEAN, Some(u32::MAX)),
        (true, at) => (0, Some(u32::try_from(at.0).unwrap_or(0))),
        (false, _) => (0, None),
    };
    header.state.set(state | kept);
    header.checkpoint_events.set(if checkpoint.is_some() { facts.events } else { 0 });
    header.checkpoint.set(checkpoint.unwrap_or(0));
}
