//! From an array and what is known around it to a picture.
//!
//! The one thing to understand: an array knows its members and what superblocks say; where members
//! come from, under which name the array is served and who uses it is known to its host.

use crate::detail::{
    Access, Bitmap, Condition, Detail, MemberDetail, Policy, Role, VERSION, Work, WorkKind,
};
use paritas_engine::{Array, Member, MemberState, Progress, WalkAction};
use paritas_format::Superblock;
use paritas_format::superblock::FeatureMap;
use paritas_personality::{Survival, layout_name};
use paritas_units::{Level, SECTOR_BYTES, Seat, Sectors};

/// What an array does not know about itself.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The array's name as it is shown: `/dev/md0`.
    pub device: String,
    /// The name below /dev/md, where it has one.
    pub map_name: Option<String>,
    /// The name of this machine, to tell arrays that are local to it.
    pub host: Option<String>,
    /// The members' places, in the order of the array's members; a member without one is shown by
    /// its name.
    pub members: Vec<MemberPlace>,
    /// The write-intent bitmap, where somebody keeps it.
    pub bitmap: Option<Bitmap>,
    /// Clients that have the array open.
    pub clients: usize,
}

/// Where a member is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberPlace {
    /// Its path as it was given.
    pub path: String,
    /// Major and minor number of a block device; zeroes for a file.
    pub device: (u32, u32),
}

impl Surroundings {
    /// Nothing but the name as it is shown.
    #[must_use]
    pub fn of(device: impl Into<String>) -> Self {
        Self {
            device: device.into(),
            map_name: None,
            host: None,
            members: Vec::new(),
            bitmap: None,
            clients: 0,
        }
    }
}

impl Detail {
    /// A picture of `array` as it is now.
    #[must_use]
    pub fn of(array: &Array, around: &Surroundings) -> Self {
        let dimensions = array.dimensions();
        let level = dimensions.level;
        let newest = newest(array);
        let layout = newest.and_then(layout);
        let chunk = match level {
            Level::Linear => newest.map_or(0, |sb| bytes(sb.chunk().sectors())),
            _ => bytes(dimensions.chunk.sectors()),
        };
        let has_component =
            !matches!(level, Level::Linear | Level::Raid0 | Level::Multipath | Level::Faulty);
        let component = dimensions.used.iter().max().filter(|_| has_component);
        let work = array.progress().map(Work::from);
        let is_redundant = level.has_parity() || matches!(level, Level::Raid1 | Level::Raid10);
        Self {
            version: VERSION,
            name: array.name().to_owned(),
            device: around.device.clone(),
            map_name: around.map_name.clone(),
            metadata: newest.map(|sb| sb.version().word().to_owned()),
            created: newest.map(|sb| sb.ctime().seconds),
            updated: newest.map(|sb| sb.utime().seconds),
            level: level.name().to_owned(),
            layout,
            layout_name: words(level, layout),
            chunk,
            array_size: bytes(dimensions.array),
            component_size: component.map(|used| bytes(*used)),
            slots: dimensions.slots,
            preferred_minor: newest.and_then(Superblock::preferred_minor),
            access: match array.access() {
                paritas_engine::Access::ReadWrite => Access::ReadWrite,
                paritas_engine::Access::AutoRead => Access::AutoRead,
                paritas_engine::Access::ReadOnly => Access::ReadOnly,
            },
            state: array.state().word().to_owned(),
            action: array.action().word().to_owned(),
            last_action: array.last_action().map(|action| action.word().to_owned()),
            is_clean: array.is_clean(),
            condition: match array.survival() {
                Survival::Whole => Condition::Whole,
                Survival::Degraded => Condition::Degraded,
                Survival::Failed => Condition::Failed,
            },
            is_resync_pending: array.is_resync_owed() && work.is_none(),
            work,
            policy: policy(is_redundant, newest),
            bitmap: around.bitmap.clone().or_else(|| bitmap(newest?)),
            uuid: newest.map(|sb| sb.array_uuid().to_string()),
            full_name: newest.and_then(full_name),
            local_to: newest.and_then(|sb| local_to(sb, around.host.as_deref()?)),
            events: newest.map(Superblock::events),
            mismatches: array.mismatches(),
            clients: around.clients,
            members: members(array, around, layout),
        }
    }
}

/// The superblock that says most of the array: the one with the most events of a member that works.
fn newest(array: &Array) -> Option<&Superblock> {
    let working = array.members().iter().filter(|member| member.works());
    let superblocks = working.filter_map(Member::superblock);
    // Of those with as many events the first one.
    superblocks.rev().max_by_key(|superblock| superblock.events())
}

/// Bytes of so many sectors.
const fn bytes(sectors: Sectors) -> u64 {
    sectors.0.saturating_mul(SECTOR_BYTES)
}

/// The layout, if the superblock records it: raid0's stands there only together with its feature.
fn layout(superblock: &Superblock) -> Option<u32> {
    match superblock.level() {
        Ok(Level::Raid0) => superblock.raid0_layout(),
        _ => Some(superblock.layout()),
    }
}

/// The layout in mdadm's words.
fn words(level: Level, layout: Option<u32>) -> Option<String> {
    match level {
        Level::Raid0 | Level::Raid5 | Level::Raid6 | Level::Raid10 => {
            let name = layout.and_then(|layout| layout_name(level, layout));
            Some(name.map_or_else(|| "-unknown-".to_owned(), std::borrow::Cow::into_owned))
        }
        Level::Linear | Level::Raid1 | Level::Raid4 | Level::Multipath | Level::Faulty => None,
    }
}

fn policy(is_redundant: bool, superblock: Option<&Superblock>) -> Policy {
    let Some(superblock) = superblock.filter(|_| is_redundant) else {
        return if is_redundant { Policy::Resync } else { Policy::None };
    };
    let features = superblock.feature_map();
    if features.intersects(FeatureMap::JOURNAL) {
        Policy::Journal
    } else if features.has_ppl() {
        Policy::Ppl
    } else if superblock.bitmap_area().is_some() {
        Policy::Bitmap
    } else {
        Policy::Resync
    }
}

/// That there is a bitmap, when nobody keeps it.
fn bitmap(superblock: &Superblock) -> Option<Bitmap> {
    superblock.bitmap_area().map(|_| Bitmap { pages: None, chunk: 0, file: None })
}

fn full_name(superblock: &Superblock) -> Option<String> {
    let name = superblock.name()?.to_string();
    (!name.is_empty()).then_some(name)
}

/// `host`, if the array was made there.
fn local_to(superblock: &Superblock, host: &str) -> Option<String> {
    let is_local = match superblock {
        Superblock::V090(sb) => sb.uuid().is_home_of(host),
        Superblock::V1(_) => {
            superblock.name()?.host_and_name().0.is_some_and(|own| own == host.as_bytes())
        }
    };
    is_local.then(|| host.to_owned())
}

fn members(array: &Array, around: &Surroundings, layout: Option<u32>) -> Vec<MemberDetail> {
    let sets = sets(array.dimensions().level, layout, array.dimensions().slots);
    let mut places = around.members.iter();
    let mut member = |member: &Member| {
        let place = places.next().cloned().unwrap_or_default();
        // A member that was removed keeps its place in the list, and nothing else.
        (member.state() != MemberState::Removed).then(|| picture(member, place, sets))
    };
    array.members().iter().filter_map(&mut member).collect()
}

fn picture(member: &Member, place: MemberPlace, sets: Option<u16>) -> MemberDetail {
    let superblock = member.superblock();
    let is_journal =
        superblock.is_some_and(|sb| sb.role() == paritas_format::superblock::Role::Journal);
    let role = match member.state() {
        MemberState::Faulty | MemberState::Removed => Role::Faulty,
        _ if is_journal => Role::Journal,
        MemberState::Spare => Role::Spare,
        MemberState::Recovering(_) => Role::Rebuilding,
        MemberState::InSync => Role::Active,
    };
    let rebuilt = match member.state() {
        MemberState::Recovering(below) => Some(below.0.saturating_mul(SECTOR_BYTES)),
        _ => None,
    };
    let has_slot = matches!(role, Role::Active | Role::Rebuilding);
    let target = member.target().filter(|_| has_slot);
    let slot = target.map(|target| target.slot.0);
    let path = if place.path.is_empty() { member.name().to_owned() } else { place.path };
    MemberDetail {
        name: member.name().to_owned(),
        path,
        device: place.device,
        number: member.descriptor().0,
        slot,
        role,
        is_replacement: target.is_some_and(|target| target.seat == Seat::Replacement),
        is_write_mostly: member.is_write_mostly(),
        is_fail_fast: superblock.is_some_and(Superblock::is_fail_fast),
        set: slot.and_then(|slot| slot.checked_rem(sets?)),
        rebuilt,
        read_errors: member.read_errors(),
    }
}

/// How many sets of copies a raid10 array has: only where each chunk lies on as many slots in a row,
/// and the rows end together.
fn sets(level: Level, layout: Option<u32>, slots: u16) -> Option<u16> {
    let [near, far, ..] = layout.filter(|_| level == Level::Raid10)?.to_le_bytes();
    let near = u16::from(near);
    (far == 1 && near > 1 && slots.checked_rem(near) == Some(0)).then_some(near)
}

impl From<Progress> for Work {
    fn from(progress: Progress) -> Self {
        let kind = match progress.action {
            WalkAction::Resync => WorkKind::Resync,
            WalkAction::Recover => WorkKind::Recovery,
            WalkAction::Check => WorkKind::Check,
            WalkAction::Repair => WorkKind::Repair,
        };
        let (done, total) = (bytes(progress.done), bytes(progress.total));
        Self { kind, done, total, speed: progress.speed.saturating_mul(1024) }
    }
}
