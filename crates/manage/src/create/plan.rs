//! From options and sizes to the exact metadata of every member, as mdadm 4.2 makes it.
//!
//! The one thing to understand: parity arrays are not born whole. With all slots given, levels 4
//! and 5 begin with their last member outside (a spare with the number after all others), so that
//! it is rebuilt instead of all parity being written; level 6 does so when one slot is missing.
//!
//! Deliberately absent: devices, time and randomness. The same input gives the same bytes.

use super::options::{BITMAP_FROM, BitmapWish, Identity, NewMember, Options, Position};
use super::refusal::PlanError;
use super::superblocks::{Outline, bitmap_bytes, superblock};
use paritas_format::Superblock;
use paritas_format::place::{
    self, BAD_BLOCK_SECTORS, BitmapChoice, Extra, available, bitmap_choice, bitmap_choice_of,
    component_size,
};
use paritas_format::superblock::{MAX_DESCRIPTORS, MAX_ROLES, Role, Version};
use paritas_personality::{BadShape, Geometry, Raid0Default, Shape, Survival, personality};
use paritas_units::{Chunk, Descriptor, Level, Sector, Sectors, Slot};
use std::sync::Arc;

/// What is to be written, and what it makes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is used of each member; zero for linear and raid0.
    pub size: Sectors,
    /// The size of the array.
    pub array: Sectors,
    /// Whether an internal bitmap is kept.
    pub has_bitmap: bool,
    /// The members, in the order of the positions.
    pub members: Vec<Planned>,
    /// What mdadm would ask about.
    pub questions: Vec<String>,
}

/// One member's metadata.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its place among the positions.
    pub position: usize,
    /// Its number in the array.
    pub descriptor: Descriptor,
    /// What it is.
    pub role: Role,
    /// Its superblock, with where it belongs.
    pub superblock: Superblock,
    /// Its bitmap, if it has one, and where it belongs.
    pub bitmap: Option<(Sector, Vec<u8>)>,
}

/// A member with its number and role.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned<'a> {
    pub(super) position: usize,
    pub(super) descriptor: Descriptor,
    pub(super) role: Role,
    pub(super) member: &'a NewMember,
}

/// Works out the metadata of a new array.
///
/// # Errors
/// [`PlanError`] says what is wrong with the options, or which member does not suit them.
pub fn plan(
    options: &Options,
    identity: &Identity,
    positions: &[Position],
) -> Result<Plan, PlanError> {
    check_words(options)?;
    check_count(options, positions)?;
    let assigned = assign(options, positions);
    let sizes = sizes(options, &assigned)?;
    let geometry = geometry(options, &sizes, &assigned)?;
    check_survival(options, geometry.as_ref(), &assigned)?;
    let array = geometry.dimensions().array;
    let covered = if options.level == Level::Raid10 { array } else { sizes.component };
    let bitmap = bitmap(options, sizes.component, covered)?;
    check_room(options, sizes.data_offset, bitmap, &assigned)?;
    let places = assigned
        .iter()
        .map(|one| {
            let sectors = one.member.sectors;
            let component = sizes.component;
            place::Plan::beside(options.version, sectors, sizes.data_offset, component, bitmap)
                .ok_or_else(|| no_space(one.member))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let outline = Outline {
        options,
        identity,
        component: sizes.component,
        resync_offset: resync_offset(options, &assigned),
        is_uneven: places.windows(2).any(|pair| match pair {
            [one, other] => one.data_size.0 / 2 != other.data_size.0 / 2,
            _ => false,
        }),
        assigned: &assigned,
    };
    let mut members = Vec::with_capacity(assigned.len());
    for (one, places) in assigned.iter().zip(&places) {
        let superblock = superblock(&outline, one, places);
        let bitmap = bitmap.and_then(|choice| bitmap_bytes(&outline, &superblock, choice, covered));
        let Assigned { position, descriptor, role, .. } = *one;
        members.push(Planned { position, descriptor, role, superblock, bitmap });
    }
    let questions = question(options, &sizes).into_iter().collect();
    Ok(Plan { size: sizes.component, array, has_bitmap: bitmap.is_some(), members, questions })
}

/// What is wrong with the options whatever the members are.
fn check_words(options: &Options) -> Result<(), PlanError> {
    let (level, slots) = (options.level, options.slots);
    if slots == 1 && !options.is_forced && level != Level::Faulty {
        return Err(PlanError::OneSlot);
    }
    let least = match level {
        Level::Raid4 | Level::Raid5 | Level::Raid10 => 2,
        Level::Raid6 => 4,
        _ => 1,
    };
    if slots < least {
        return Err(PlanError::TooFewSlots { level, least });
    }
    if level == Level::Raid10 {
        let [near, far, ..] = options.layout_or_default().to_le_bytes();
        let least = u32::from(near) * u32::from(far);
        if least > u32::from(slots) {
            return Err(PlanError::TooFewForLayout { least });
        }
    }
    let redundant = options.is_redundant();
    if options.spares > 0 && !redundant {
        return Err(PlanError::SparesMeaningless(level));
    }
    match options.chunk {
        Some(_) if matches!(level, Level::Raid1 | Level::Multipath | Level::Faulty) => {
            return Err(PlanError::ChunkMeaningless);
        }
        Some(chunk) if chunk.0 < 8 => {
            return Err(PlanError::ChunkTooSmall { kib: chunk.kib() });
        }
        _ => {}
    }
    if options.version == Version::V0_90 && level == Level::Raid0 {
        return Err(PlanError::Raid0WithoutLayout);
    }
    if options.bitmap == BitmapWish::Internal && !redundant {
        return Err(PlanError::BitmapMeaningless(level));
    }
    match options.write_behind {
        Some(writes) if writes > 16383 => return Err(PlanError::WriteBehind(writes)),
        Some(writes) if writes > 0 && options.bitmap != BitmapWish::Internal => {
            return Err(PlanError::WriteBehindWithoutBitmap);
        }
        _ => {}
    }
    let is_at_start = matches!(options.version, Version::V1_1 | Version::V1_2);
    if options.data_offset.is_some() && !is_at_start {
        return Err(PlanError::DataOffsetMeaningless(options.version));
    }
    Ok(())
}

/// Whether there are as many positions as slots and spares, and enough of them are members.
fn check_count(options: &Options, positions: &[Position]) -> Result<(), PlanError> {
    let wanted = usize::from(options.slots) + usize::from(options.spares);
    let given = positions.len();
    if given > wanted {
        return Err(PlanError::TooMany { given, wanted });
    }
    if given < wanted {
        return Err(PlanError::NotEnough { given, wanted });
    }
    let missing = positions.iter().filter(|one| **one == Position::Missing).count();
    if missing == given {
        return Err(PlanError::AllMissing);
    }
    if missing > 0 && !options.is_redundant() {
        return Err(PlanError::MissingMeaningless);
    }
    let most = match options.version {
        Version::V0_90 => MAX_DESCRIPTORS,
        _ => u16::try_from(MAX_ROLES).unwrap_or(u16::MAX),
    };
    // The member that is rebuilt has a number behind all others.
    let numbers = wanted + usize::from(outsider(options, positions).is_some());
    if numbers > usize::from(most) {
        return Err(PlanError::TooManyDevices { version: options.version, most });
    }
    Ok(())
}

/// The position of the member that begins outside and is rebuilt.
fn outsider(options: &Options, positions: &[Position]) -> Option<usize> {
    if options.is_forced || options.is_assumed_clean {
        return None;
    }
    let slots = positions.iter().take(usize::from(options.slots));
    let missing = slots.clone().filter(|one| **one == Position::Missing).count();
    match (options.level, missing) {
        (Level::Raid4 | Level::Raid5, 0) | (Level::Raid6, 1) => {
            slots.enumerate().rfind(|(_, one)| **one != Position::Missing).map(|(at, _)| at)
        }
        _ => None,
    }
}

/// Gives numbers and roles: slots in their order, then spares, then the one that is rebuilt.
fn assign<'a>(options: &Options, positions: &'a [Position]) -> Vec<Assigned<'a>> {
    let outsider = outsider(options, positions);
    let mut assigned = Vec::with_capacity(positions.len());
    for (number, (position, one)) in (0_u16..).zip(positions.iter().enumerate()) {
        let Position::Member(member) = one else { continue };
        let (number, role) = match () {
            () if outsider == Some(position) => (options.slots + options.spares, Role::Spare),
            () if number < options.slots => (number, Role::Slot(Slot(number))),
            () => (number, Role::Spare),
        };
        assigned.push(Assigned { position, descriptor: Descriptor(number), role, member });
    }
    assigned
}

/// What members' sizes lead to.
struct Sizes {
    data_offset: Sector,
    component: Sectors,
    /// The most that a member offers.
    greatest: Sectors,
    greatest_name: String,
}

fn sizes(options: &Options, assigned: &[Assigned<'_>]) -> Result<Sizes, PlanError> {
    let (version, chunk) = (options.version, options.chunk_or_default());
    let first = assigned.first().ok_or(PlanError::AllMissing)?;
    let usual = || place::data_offset(version, first.member.sectors, chunk, Extra::None);
    let data_offset = options.data_offset.unwrap_or_else(usual);
    let offers = |one: &Assigned<'_>| available(version, one.member.sectors, data_offset);
    let unit = if options.level == Level::Raid1 { Chunk(128) } else { chunk };
    let given = options.size.map(|size| whole(size, chunk));
    let mut least = Sectors(u64::MAX);
    let mut greatest = (Sectors(0), "");
    for one in assigned {
        let offer = offers(one);
        match given {
            Some(wanted) if wanted > offer => {
                let name = one.member.name.clone();
                let (available, wanted) = (offer.0 / 2, wanted.0 / 2);
                return Err(PlanError::Smaller { name, available, wanted });
            }
            _ if whole(offer, unit).is_zero() => return Err(no_space(one.member)),
            _ => {}
        }
        least = least.min(offer);
        if offer > greatest.0 {
            greatest = (offer, &one.member.name);
        }
    }
    let component = given.unwrap_or_else(|| component_size(options.level, least, chunk));
    if version == Version::V0_90 && component.0 > (1 << 33) - 2 {
        return Err(PlanError::TooLargeFor090 { kib: component.0 / 2 });
    }
    let (greatest, name) = greatest;
    Ok(Sizes { data_offset, component, greatest, greatest_name: name.to_owned() })
}

/// Whole chunks of a size; whole KiB where there are none.
fn whole(size: Sectors, chunk: Chunk) -> Sectors {
    let unit = chunk.sectors().0.max(2);
    Sectors(size.0 - size.0 % unit)
}

fn no_space(member: &NewMember) -> PlanError {
    PlanError::NoSpace { name: member.name.clone(), sectors: member.sectors.0 }
}

/// Lays the array out, which finds all that the driver would refuse.
fn geometry(
    options: &Options,
    sizes: &Sizes,
    assigned: &[Assigned<'_>],
) -> Result<Arc<dyn Geometry>, PlanError> {
    let level = options.level;
    // What is usable in the end, which is more than was counted on where nothing is kept free.
    let (version, offset, component) = (options.version, sizes.data_offset, sizes.component);
    let usable = |one: &Assigned<'_>| {
        let places = place::Plan::beside(version, one.member.sectors, offset, component, None);
        places.map_or(Sectors::ZERO, |places| places.data_size)
    };
    let shape = Shape {
        level,
        layout: options.layout_or_default(),
        chunk: options.chunk_or_default(),
        slots: options.slots,
        component: sizes.component,
        data_sizes: assigned.iter().map(usable).collect(),
        raid0_default: Raid0Default::Original,
    };
    let why = "it is not supported";
    let personality = personality(level).ok_or(BadShape::Size { level, why })?;
    Ok(personality.arrange(&shape)?)
}

/// Refuses what could never be started.
fn check_survival(
    options: &Options,
    geometry: &dyn Geometry,
    assigned: &[Assigned<'_>],
) -> Result<(), PlanError> {
    let has = |slot| assigned.iter().any(|one| one.role == Role::Slot(Slot(slot)));
    let usable: Vec<bool> = (0..options.slots).map(has).collect();
    if !options.is_redundant() || geometry.survives(&usable) != Survival::Failed {
        return Ok(());
    }
    let missing = usable.iter().filter(|is_there| !**is_there).count();
    Err(PlanError::TooManyMissing { missing, slots: options.slots, level: options.level })
}

/// The bitmap, if the array gets one.
fn bitmap(
    options: &Options,
    size: Sectors,
    covered: Sectors,
) -> Result<Option<BitmapChoice>, PlanError> {
    let is_wanted = match options.bitmap {
        BitmapWish::Default => options.is_redundant() && size > BITMAP_FROM,
        BitmapWish::None => false,
        BitmapWish::Internal => true,
    };
    match options.bitmap_chunk {
        _ if !is_wanted => Ok(None),
        None => Ok(Some(bitmap_choice(options.version, covered, size))),
        Some(bytes) => bitmap_choice_of(options.version, covered, size, bytes.into())
            .map(Some)
            .ok_or(PlanError::BitmapChunk { bytes }),
    }
}

/// Whether superblock, bitmap and bad-block log fit before a data offset that was asked for.
fn check_room(
    options: &Options,
    data_offset: Sector,
    bitmap: Option<BitmapChoice>,
    assigned: &[Assigned<'_>],
) -> Result<(), PlanError> {
    let (Some(_), Some(first)) = (options.data_offset, assigned.first()) else { return Ok(()) };
    let superblock = options.version.sector_on(first.member.sectors).map_or(0, |at| at.0);
    let least = superblock + 8 + bitmap.map_or(0, |one| one.sectors.0) + BAD_BLOCK_SECTORS;
    if data_offset.0 >= least {
        return Ok(());
    }
    let name = first.member.name.clone();
    Err(PlanError::DataOffsetTooSmall { name, given: data_offset.0, least })
}

/// [`Sector::MAX`] where nothing is to be resynced: no redundancy, somebody says so, or a parity
/// array that has as little left as it can have.
fn resync_offset(options: &Options, assigned: &[Assigned<'_>]) -> Sector {
    let active = assigned.iter().filter(|one| matches!(one.role, Role::Slot(_))).count();
    let missing = usize::from(options.slots).saturating_sub(active);
    let is_clean = match options.level {
        _ if options.is_assumed_clean || !options.is_redundant() => true,
        Level::Raid4 | Level::Raid5 => missing >= 1,
        Level::Raid6 => missing >= 2,
        _ => false,
    };
    if is_clean { Sector::MAX } else { Sector::ZERO }
}

/// mdadm asks when much of a member would lie idle.
fn question(options: &Options, sizes: &Sizes) -> Option<String> {
    let (greatest, size) = (sizes.greatest.0 / 2, sizes.component.0 / 2);
    let idle = greatest.saturating_sub(size);
    (options.is_redundant() && u128::from(idle) * 100 > u128::from(greatest)).then(|| {
        format!("largest drive ({}) exceeds size ({size}K) by more than 1%", sizes.greatest_name)
    })
}
