//! The bytes of a new member: superblock and bitmap.
//!
//! The one thing to understand: values that nobody has chosen (events, times, checkpoints) are
//! those of mdadm 4.2: 1.x begins with event 0, 0.90 with event 1, and the bitmap with event 0 and
//! every bit set.

use super::options::{Identity, Options};
use super::plan::Assigned;
use paritas_format::place::{self, BAD_BLOCK_SECTORS, BitmapChoice, role_table_len};
use paritas_format::superblock::{
    ByteOrder, Disk090, FeatureMap, Header090, Place, Role, Superblock, V1, V090, Version,
};
use paritas_format::{ArrayUuid, bitmap};
use paritas_units::{Descriptor, Level, Sector, Sectors};

/// Bytes of the area that a 0.90 bitmap may fill, and does when it is made.
const V090_BITMAP_BYTES: usize = 60 << 10;

/// What all members of a new array have in common.
pub(super) struct Outline<'a> {
    pub(super) options: &'a Options,
    pub(super) identity: &'a Identity,
    pub(super) component: Sectors,
    pub(super) resync_offset: Sector,
    /// Whether members offer different amounts, so that raid0 has more than one zone.
    pub(super) is_uneven: bool,
    pub(super) assigned: &'a [Assigned<'a>],
}

/// One member's superblock.
pub(super) fn superblock(
    outline: &Outline<'_>,
    one: &Assigned<'_>,
    places: &place::Plan,
) -> Superblock {
    match outline.options.version {
        Version::V0_90 => Superblock::V090(v090(outline, one, places)),
        version => Superblock::V1(v1(outline, one, places, version)),
    }
}

fn v1(outline: &Outline<'_>, one: &Assigned<'_>, places: &place::Plan, version: Version) -> V1 {
    let Outline { options, identity, .. } = outline;
    let mut sb = V1::blank(Place { version, at: places.superblock });
    let layout = options.layout_or_default();
    let mut features = 0;
    let header = sb.header_mut();
    if let Some(choice) = places.bitmap {
        features |= FeatureMap::BITMAP_OFFSET.0;
        header.bitmap_offset.set(i32::try_from(choice.offset).unwrap_or(0));
    }
    if options.level == Level::Raid0 && layout != 0 && outline.is_uneven {
        features |= FeatureMap::RAID0_LAYOUT.0;
    }
    header.feature_map.set(features);
    header.set_uuid = identity.uuid.0;
    header.set_name = identity.name.0;
    header.ctime.set(identity.seconds);
    header.level.set(options.level.number());
    header.layout.set(layout);
    header.size.set(outline.component.0);
    header.chunk_sectors.set(options.chunk_or_default().0);
    header.raid_disks.set(options.slots.into());
    header.data_offset.set(places.data_offset.0);
    header.data_size.set(places.data_size.0);
    header.dev_number.set(one.descriptor.0.into());
    header.device_uuid = one.member.device_uuid.0;
    header.devflags = u8::from(one.member.is_write_mostly) | u8::from(one.member.is_fail_fast) << 1;
    if let Some(offset) = places.bad_block_offset {
        header.bad_block_sectors.set(u16::try_from(BAD_BLOCK_SECTORS).unwrap_or(0));
        header.bad_block_offset.set(offset);
    }
    header.utime.set(identity.seconds);
    header.resync_offset.set(outline.resync_offset.0);
    let roles = role_table_len(options.slots.saturating_add(options.spares));
    header.max_roles.set(roles);
    for number in 0..u16::try_from(roles).unwrap_or(u16::MAX) {
        sb.set_raw_role(Descriptor(number), outline.role(number).raw());
    }
    sb.seal();
    sb
}

impl Outline<'_> {
    /// What the device with this number is.
    fn role(&self, number: u16) -> Role {
        let known = self.assigned.iter().find(|one| one.descriptor.0 == number);
        known.map_or(Role::Spare, |one| one.role)
    }

    /// The 0.90 numbers of devices: in all, in slots, there, not there, spare.
    fn counts(&self) -> [u32; 5] {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let is_active = |one: &&Assigned<'_>| matches!(one.role, Role::Slot(_));
        let active = count(self.assigned.iter().filter(is_active).count());
        let working = count(self.assigned.len());
        let wanted = u32::from(self.options.slots) + u32::from(self.options.spares);
        // A member that is to be rebuilt is a spare beyond those that were asked for.
        let is_outside = self.assigned.iter().any(|one| u32::from(one.descriptor.0) == wanted);
        let outside = u32::from(is_outside);
        let all = wanted + outside;
        [all, active, working, all - working, u32::from(self.options.spares) + outside]
    }
}

fn v090(outline: &Outline<'_>, one: &Assigned<'_>, places: &place::Plan) -> V090 {
    let Outline { options, identity, .. } = outline;
    let mut sb = V090::blank(places.superblock, ByteOrder::Little);
    let seconds = u32::try_from(identity.seconds).unwrap_or(u32::MAX);
    let header = sb.header_mut();
    set_uuid(header, identity.uuid);
    header.ctime.set(seconds);
    header.utime.set(seconds);
    header.level.set(options.level.number());
    header.size.set(u32::try_from(outline.component.0 / 2).unwrap_or(u32::MAX));
    header.raid_disks.set(options.slots.into());
    header.md_minor.set(identity.minor);
    let is_clean = outline.resync_offset == Sector::MAX;
    let clean = if is_clean { Header090::CLEAN } else { 0 };
    let has_bitmap = if places.bitmap.is_some() { Header090::BITMAP_PRESENT } else { 0 };
    header.state.set(clean | has_bitmap);
    let [all, active, working, failed, spare] = outline.counts();
    header.nr_disks.set(all);
    header.active_disks.set(active);
    header.working_disks.set(working);
    header.failed_disks.set(failed);
    header.spare_disks.set(spare);
    header.events.set(1);
    header.layout.set(options.layout_or_default());
    header.chunk_bytes.set(options.chunk_or_default().0.saturating_mul(512));
    for other in outline.assigned {
        if let Some(entry) = sb.disks_mut().get_mut(usize::from(other.descriptor.0)) {
            fill(entry, other);
        }
    }
    fill(sb.this_disk_mut(), one);
    sb.seal();
    sb
}

fn set_uuid(header: &mut Header090, uuid: ArrayUuid) {
    let [first, second, third, fourth] = uuid.words();
    header.set_uuid0.set(first);
    header.set_uuid1.set(second);
    header.set_uuid2.set(third);
    header.set_uuid3.set(fourth);
}

/// Device numbers stay zero: the driver writes them when it starts the array.
fn fill(entry: &mut Disk090, one: &Assigned<'_>) {
    let number = u32::from(one.descriptor.0);
    entry.number.set(number);
    let (slot, mut state) = match one.role {
        Role::Slot(slot) => (slot.0.into(), Disk090::ACTIVE | Disk090::SYNC),
        _ => (number, 0),
    };
    entry.raid_disk.set(slot);
    if one.member.is_write_mostly {
        state |= Disk090::WRITE_MOSTLY;
    }
    if one.member.is_fail_fast {
        state |= Disk090::FAIL_FAST;
    }
    entry.state.set(state);
}

/// A bitmap with every bit set, and the sector where it belongs.
pub(super) fn bitmap_bytes(
    outline: &Outline<'_>,
    superblock: &Superblock,
    choice: BitmapChoice,
    covered: Sectors,
) -> Option<(Sector, Vec<u8>)> {
    let uuid = ArrayUuid(superblock.array_uuid_in_memory());
    let chunk = u32::try_from(choice.chunk_bytes).ok()?;
    let mut header = bitmap::Superblock::new(uuid, covered, chunk);
    header.write_behind = outline.options.write_behind.unwrap_or(0);
    let length = match superblock.version() {
        Version::V0_90 => V090_BITMAP_BYTES,
        _ => usize::try_from(choice.sectors.bytes()?).ok()?,
    };
    let mut bytes = header.encode().to_vec();
    bytes.resize(length, 0xff);
    Some((superblock.bitmap_area()?.start()?, bytes))
}
