//! The text of a 1.x superblock.

use super::text::{Text, bytes_of, human_size};
use super::words::{self, UNKNOWN};
use super::{Report, Style};
use paritas_format::superblock::{ArrayName, FeatureMap, Header1, MAX_ROLES, Role, Timestamp, V1};
use paritas_format::{ArrayUuid, DeviceUuid};
use paritas_units::Descriptor;

/// Writes all lines after the member's name.
pub(super) fn write(report: &Report, sb: &V1, style: &Style, text: &mut Text) {
    let header = sb.header();
    write_identity(report, sb, style, text);
    text.blank();
    write_sizes(report, sb, text);
    let is_clean = header.resync_offset.get() == u64::MAX;
    text.field("State", &if is_clean { "clean" } else { "active" });
    text.field("Device UUID", &DeviceUuid(header.device_uuid));
    text.blank();
    write_areas(sb, text);
    write_reshape(sb, text);
    write_flags(header, text);
    text.field("Update Time", &style.time(Timestamp::from_raw(header.utime.get()).seconds));
    write_bad_blocks(sb, text);
    let (stored, computed) = (header.checksum.get(), sb.computed_checksum());
    if stored == computed {
        text.field("Checksum", &format_args!("{stored:x} - correct"));
    } else {
        text.field("Checksum", &format_args!("{stored:x} - expected {computed:x}"));
    }
    text.field("Events", &header.events.get());
    text.blank();
    write_layout(sb, text);
    text.blank();
    write_roles(sb, text);
}

fn write_identity(report: &Report, sb: &V1, style: &Style, text: &mut Text) {
    let header = sb.header();
    text.field("Magic", &format_args!("{:x}", header.magic.get()));
    text.field("Version", &sb.place().version);
    text.field("Feature Map", &format_args!("{:#x}", sb.features().0));
    text.field("Array UUID", &ArrayUuid(header.set_uuid));
    text.add(&"           Name : ");
    let name = ArrayName(header.set_name);
    text.bytes(name.bytes());
    if let (Some(host), (Some(owner), _)) = (&style.host, name.host_and_name())
        && owner == host.as_bytes()
    {
        text.add(&format_args!("  (local to host {host})"));
    }
    text.blank();
    if let Some(bitmap) = report.bitmap.as_ref().filter(|bitmap| bitmap.nodes > 0) {
        let name = bitmap.cluster_name.split(|byte| *byte == 0).next().unwrap_or_default();
        text.add(&"   Cluster Name : ");
        text.bytes(name);
        text.line(&format_args!("{:1$}", "", 64 - name.len()));
    }
    text.field("Creation Time", &style.time(Timestamp::from_raw(header.ctime.get()).seconds));
    text.field("Raid Level", &words::level(header.level.get()).unwrap_or(UNKNOWN));
    text.field("Raid Devices", &header.raid_disks.get().cast_signed());
}

/// The bytes that the array has, as mdadm computes them; `None` for levels whose size does not
/// follow from one member.
pub(super) fn array_bytes(header: &Header1) -> Option<i64> {
    let (level, layout) = (header.level.get(), header.layout.get());
    let (disks, parts) = words::data_members(level, layout, header.raid_disks.get())?;
    let all = bytes_of(header.size.get()).wrapping_mul(disks);
    all.checked_div(parts)
}

fn write_sizes(report: &Report, sb: &V1, text: &mut Text) {
    let header = sb.header();
    let (usable, size) = (header.data_size.get(), header.size.get());
    let sectors = |count: u64| format!("{count} sectors{}", human_size(bytes_of(count)));
    text.field("Avail Dev Size", &sectors(usable));
    if let Some(all) = array_bytes(header) {
        let kib = (all >> 10).cast_unsigned();
        text.field("Array Size", &format_args!("{kib} KiB{}", human_size(all)));
    }
    if size != usable && header.level.get() != 0 {
        text.field("Used Dev Size", &sectors(size));
    }
    let data_offset = header.data_offset.get();
    if data_offset != 0 {
        text.field("Data Offset", &format_args!("{data_offset} sectors"));
    }
    if sb.features().contains(FeatureMap::NEW_OFFSET) && header.new_offset.get() != 0 {
        let new = data_offset.wrapping_add_signed(header.new_offset.get().into());
        text.field("New Offset", &format_args!("{new} sectors"));
    }
    text.field("Super Offset", &format_args!("{} sectors", header.super_offset.get()));
    if sb.features().contains(FeatureMap::RECOVERY_OFFSET) {
        let recovered = header.recovery_offset.get();
        text.field("Recovery Offset", &format_args!("{recovered} sectors"));
    }
    if !sb.features().contains(FeatureMap::NEW_OFFSET) {
        write_unused(report, sb, text);
    }
}

/// What lies beside the data of a member, in sectors from the superblock.
struct Beside {
    bitmap: Option<i64>,
    /// Offset and length.
    ppl: Option<(i64, i64)>,
    /// Offset and length.
    bad_blocks: Option<(i64, i64)>,
}

impl Beside {
    fn of(sb: &V1) -> Self {
        let header = sb.header();
        let has_bitmap = sb.features().contains(FeatureMap::BITMAP_OFFSET);
        let (offset, len) = ppl(header);
        let log = (i64::from(header.bad_block_offset.get()), header.bad_block_sectors.get());
        Self {
            bitmap: has_bitmap.then(|| header.bitmap_offset.get().into()),
            ppl: sb.features().has_ppl().then(|| (offset.into(), len.into())),
            bad_blocks: (log.0 != 0 && log.1 != 0).then_some((log.0, log.1.into())),
        }
    }
}

/// Offset and length of the PPL, from the field that it shares with the bitmap.
fn ppl(header: &Header1) -> (i16, u16) {
    let [a, b, c, d] = header.bitmap_offset.get().to_le_bytes();
    (i16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
}

/// Writes the sectors before and after the data that nothing uses, with mdadm's own ways: bitmap
/// and PPL are counted from the device's beginning, the bad-block log from the superblock.
fn write_unused(report: &Report, sb: &V1, text: &mut Text) {
    let header = sb.header();
    let (at, data_offset) = (header.super_offset.get(), header.data_offset.get());
    let beside = Beside::of(sb);
    let is_journal = sb.role() == Role::Journal;
    let is_sized = header.level.get() > 0;
    let used = if is_sized { header.size.get() } else { header.data_size.get() };
    let (before, after) = if at <= data_offset {
        let mut least = at.wrapping_add(72);
        let bitmap = beside.bitmap.map(|offset| (offset, bitmap_sectors(report)));
        let behind = [bitmap, beside.ppl].into_iter().flatten().filter(|(offset, _)| *offset > 0);
        for (offset, len) in behind {
            least = least.max(offset.saturating_add(len).unsigned_abs());
        }
        if let Some((offset, len)) = beside.bad_blocks {
            least = least.max(at.wrapping_add_signed(offset + len));
        }
        let after = report.device.0.wrapping_sub(used).wrapping_sub(data_offset);
        (data_offset.saturating_sub(least), after)
    } else {
        let before = |offset: i64| at.wrapping_add_signed(offset);
        let log = beside.bad_blocks.map(|area| before(area.0));
        let areas = [beside.bitmap.map(before), beside.ppl.map(|area| before(area.0)), log];
        let end = areas.into_iter().flatten().fold(at, u64::min);
        (data_offset, end.saturating_sub(used.saturating_add(data_offset)))
    };
    // A journal uses all of its device, in blocks of 4 KiB.
    let after = if is_journal { report.device.0.wrapping_sub(data_offset) % 8 } else { after };
    if after == 1 || (before == 0 && after == 0 && !is_journal) {
        return;
    }
    text.field("Unused Space", &format_args!("before={before} sectors, after={after} sectors"));
}

/// Sectors of the bitmap, in whole 4 KiB, whatever its version.
fn bitmap_sectors(report: &Report) -> i64 {
    let sectors = report.bitmap.as_ref().and_then(|bitmap| {
        let chunk = u64::from(bitmap.chunk_bytes / 512);
        (chunk > 0).then(|| {
            let bits = bitmap.sync_size.0.div_ceil(chunk);
            (256 + bits.div_ceil(8)).div_ceil(4096) * 8
        })
    });
    sectors.and_then(|sectors| i64::try_from(sectors).ok()).unwrap_or(0)
}

fn write_areas(sb: &V1, text: &mut Text) {
    let header = sb.header();
    if sb.features().contains(FeatureMap::BITMAP_OFFSET) {
        let offset = header.bitmap_offset.get();
        text.field("Internal Bitmap", &format_args!("{offset} sectors from superblock"));
    } else if sb.features().has_ppl() {
        let (offset, len) = ppl(header);
        text.field(
            "PPL",
            &format_args!("{len} sectors at offset {offset} sectors from superblock"),
        );
    }
}

fn write_reshape(sb: &V1, text: &mut Text) {
    if !sb.features().contains(FeatureMap::RESHAPE_ACTIVE) {
        return;
    }
    let header = sb.header();
    let position = header.reshape_position.get();
    let human = human_size(bytes_of(position));
    text.field("Reshape pos'n", &format_args!("{}{human}", position / 2));
    write_delta(header.delta_disks.get(), header.raid_disks.get(), text);
    let (level, new_level) = (header.level.get(), header.new_level.get());
    if new_level != level {
        text.field("New Level", &words::level(new_level).unwrap_or(UNKNOWN));
    }
    let new_layout = header.new_layout.get();
    if new_layout != header.layout.get() {
        // In the words of the old level.
        if let Some(words) = words::layout(level, new_layout) {
            write_words("New Layout", &words, text);
        }
    }
    if header.new_chunk.get() != header.chunk_sectors.get() {
        text.field("New Chunksize", &format_args!("{}K", header.new_chunk.get() / 2));
    }
    text.blank();
}

/// How many slots come or go.
pub(super) fn write_delta(delta: i32, raid_disks: u32, text: &mut Text) {
    if delta != 0 {
        let new = raid_disks.cast_signed();
        let old = new.wrapping_sub(delta);
        text.field("Delta Devices", &format_args!("{delta} ({old}->{new})"));
    }
}

/// A layout. The warning of a raid10 without redundancy stands without a blank.
pub(super) fn write_words(label: &str, words: &str, text: &mut Text) {
    let blank = if words.starts_with("NO") { "" } else { " " };
    text.line(&format_args!("{label:>15} :{blank}{words}"));
}

fn write_flags(header: &Header1, text: &mut Text) {
    if header.devflags == 0 {
        return;
    }
    text.add(&"          Flags :");
    for (bit, word) in [(1, " write-mostly"), (2, " failfast")] {
        if header.devflags & bit != 0 {
            text.add(&word);
        }
    }
    text.blank();
}

fn write_bad_blocks(sb: &V1, text: &mut Text) {
    let header = sb.header();
    let (offset, len) = (header.bad_block_offset.get(), header.bad_block_sectors.get());
    if offset == 0 || len == 0 {
        return;
    }
    let entries = u32::from(len) * 512 / 8;
    let present = match sb.features().contains(FeatureMap::BAD_BLOCKS) {
        true => " - bad blocks present.",
        false => "",
    };
    text.field(
        "Bad Block Log",
        &format_args!("{entries} entries available at offset {offset} sectors{present}"),
    );
}

fn write_layout(sb: &V1, text: &mut Text) {
    let header = sb.header();
    let level = header.level.get();
    let layout = header.layout.get();
    if level == 0 && sb.features().contains(FeatureMap::RAID0_LAYOUT) {
        text.field("Layout", &words::raid0_layout(layout));
    }
    if let Some(words) = words::layout(level, layout) {
        write_words("Layout", &words, text);
    }
    write_chunk(level, header.chunk_sectors.get() / 2, text);
}

/// The chunk of a level that has chunks.
pub(super) fn write_chunk(level: i32, kib: u32, text: &mut Text) {
    match level {
        0 | 4 | 5 | 6 | 10 => text.field("Chunk Size", &format_args!("{kib}K")),
        -1 => text.field("Rounding", &format_args!("{kib}K")),
        _ => (),
    }
}

fn write_roles(sb: &V1, text: &mut Text) {
    let number = sb.header().dev_number.get();
    let own = u16::try_from(number).ok().filter(|number| u32::from(*number) < MAX_ROLES);
    let own = own.map_or(Role::SPARE, |number| sb.raw_role(Descriptor(number)));
    text.add(&"   Device Role : ");
    match own {
        Role::JOURNAL => text.line(&"Journal"),
        Role::FAULTY.. => text.line(&"spare"),
        slot if sb.features().contains(FeatureMap::REPLACEMENT) => {
            text.line(&format_args!("Replacement device {slot}"));
        }
        slot => text.line(&format_args!("Active device {slot}")),
    }
    let shown = shown_slots(sb);
    let can_replace = sb.header().level.get() != 0;
    let roles: Vec<u16> = sb.raw_roles().collect();
    text.add(&"   Array State : ");
    let mut counts = vec![0_u32; shown];
    for role in &roles {
        if let Some(count) = counts.get_mut(usize::from(*role)) {
            *count += 1;
        }
    }
    for count in &counts {
        text.add(&match count {
            0 => '.',
            1 => 'A',
            2 if can_replace => 'R',
            _ => '?',
        });
    }
    text.line(&" ('A' == active, '.' == missing, 'R' == replacing)");
    let is_beyond = |role: &u16| *role <= Role::FIRST_SPECIAL && usize::from(*role) > shown;
    let most = if can_replace { 2 } else { 1 };
    if counts.iter().any(|count| *count > most) || roles.iter().any(is_beyond) {
        write_inconsistent(&roles, text);
    }
}

/// The slots that are shown: with those that a reshape takes away. Never more than there are
/// roles, whatever the superblock says.
fn shown_slots(sb: &V1) -> usize {
    let header = sb.header();
    let gone = match sb.features().contains(FeatureMap::RESHAPE_ACTIVE) {
        true => header.delta_disks.get().min(0).unsigned_abs(),
        false => 0,
    };
    let slots = header.raid_disks.get().saturating_add(gone);
    usize::try_from(slots).unwrap_or(usize::MAX).min(usize::from(Role::FIRST_SPECIAL))
}

fn write_inconsistent(roles: &[u16], text: &mut Text) {
    text.line(&"WARNING Array state is inconsistent - each number should appear only once");
    for (number, role) in roles.iter().enumerate() {
        match *role {
            Role::FAULTY.. => text.add(&format_args!(" {number}:-")),
            role => text.add(&format_args!(" {number}:{role}")),
        }
    }
    text.blank();
}
