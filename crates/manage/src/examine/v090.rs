//! The text of a 0.90 superblock.

use super::text::{Text, bytes_of, human_size};
use super::v1::{write_chunk, write_delta, write_words};
use super::words::{self, UNKNOWN};
use super::{Report, Style};
use paritas_format::superblock::{Disk090, Header090, V090};

/// Writes all lines after the member's name.
pub(super) fn write(report: &Report, sb: &V090, style: &Style, text: &mut Text) {
    let sb = shown(report, sb);
    let header = sb.header();
    write_identity(&sb, style, text);
    text.blank();
    if is_reshaping(header) {
        write_reshape(header, text);
        text.blank();
    }
    text.field("Update Time", &style.time(header.utime.get().into()));
    let is_clean = header.state.get() & Header090::CLEAN != 0;
    text.field("State", &if is_clean { "clean" } else { "active" });
    if header.state.get() & Header090::BITMAP_PRESENT != 0 {
        text.field("Internal Bitmap", &"present");
    }
    text.field("Active Devices", &header.active_disks.get().cast_signed());
    text.field("Working Devices", &header.working_disks.get().cast_signed());
    text.field("Failed Devices", &header.failed_disks.get().cast_signed());
    text.field("Spare Devices", &header.spare_disks.get().cast_signed());
    let (stored, computed) = (header.checksum.get(), sb.computed_checksum());
    if stored == computed {
        text.field("Checksum", &format_args!("{stored:x} - correct"));
    } else {
        text.field("Checksum", &format_args!("{stored:x} - expected {computed:x}"));
    }
    text.field("Events", &header.events.get());
    text.blank();
    let level = header.level.get();
    if let Some(words) = words::layout(level, header.layout.get()) {
        write_words("Layout", &words, text);
    }
    write_chunk(level, header.chunk_bytes.get() / 1024, text);
    text.blank();
    write_disks(&sb, style, text);
}

/// The superblock as mdadm sees it: without the bitmap if there is none.
fn shown(report: &Report, sb: &V090) -> V090 {
    let mut shown = sb.clone();
    if report.bitmap.is_none() {
        let state = shown.header().state.get() & !Header090::BITMAP_PRESENT;
        shown.header_mut().state.set(state);
    }
    shown
}

fn write_identity(sb: &V090, style: &Style, text: &mut Text) {
    let header = sb.header();
    let (level, size) = (header.level.get(), header.size.get());
    text.field("Magic", &format_args!("{:x}", header.magic.get()));
    let (minor, patch) = (header.minor_version.get(), header.patch_version.get());
    text.field("Version", &format_args!("0.{:02}.{:02}", minor.cast_signed(), patch.cast_signed()));
    if minor >= 90 {
        let host = style.host.as_deref().filter(|host| sb.uuid().is_home_of(host));
        let local = host.map(|host| format!(" (local to host {host})")).unwrap_or_default();
        text.field("UUID", &format_args!("{}{local}", sb.uuid()));
    } else {
        text.field("UUID", &format_args!("{:08x}", header.set_uuid0.get()));
    }
    if header.not_persistent.get() != 0 {
        text.field("Eedk", &"not persistent");
    }
    text.field("Creation Time", &style.time(header.ctime.get().into()));
    text.field("Raid Level", &words::level(level).unwrap_or(UNKNOWN));
    if level > 0 {
        let human = human_size(i64::from(size) << 10);
        text.field("Used Dev Size", &format_args!("{}{human}", size.cast_signed()));
    }
    if let Some(all) = array_bytes(header) {
        let kib = (all >> 10).cast_unsigned();
        text.field("Array Size", &format_args!("{kib}{}", human_size(all)));
    }
    text.field("Raid Devices", &header.raid_disks.get().cast_signed());
    text.field("Total Devices", &header.nr_disks.get().cast_signed());
    text.field("Preferred Minor", &header.md_minor.get().cast_signed());
}

/// The bytes that the array has, as mdadm computes them.
fn array_bytes(header: &Header090) -> Option<i64> {
    let (disks, parts) =
        words::data_members(header.level.get(), header.layout.get(), header.raid_disks.get())?;
    (i64::from(header.size.get()) << 10).wrapping_mul(disks).checked_div(parts)
}

/// Whether mdadm sees a reshape; it takes a position of all ones for none.
fn is_reshaping(header: &Header090) -> bool {
    header.minor_version.get() > 90 && header.reshape_position.get() != u64::MAX
}

fn write_reshape(header: &Header090, text: &mut Text) {
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
        match level {
            10 => text.field("New Layout", &words::raid10_layout_in_full(new_layout)),
            level => {
                if let Some(words) = words::layout(level, new_layout) {
                    text.field("New Layout", &words);
                }
            }
        }
    }
    let new_chunk = header.new_chunk.get();
    if new_chunk != header.chunk_bytes.get() {
        text.field("New Chunksize", &new_chunk.cast_signed());
    }
}

fn write_disks(sb: &V090, style: &Style, text: &mut Text) {
    text.line(&"      Number   Major   Minor   RaidDevice State");
    text.add(&"this ");
    write_disk(sb.this_disk(), style, text);
    text.blank();
    let header = sb.header();
    let gone = match is_reshaping(header) {
        true => header.delta_disks.get().min(0).unsigned_abs(),
        false => 0,
    };
    let rows =
        header.raid_disks.get().saturating_add(header.spare_disks.get()).saturating_add(gone);
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    for (index, disk) in sb.disks().iter().enumerate().take(rows) {
        text.add(&format_args!("{index:>4} "));
        write_disk(disk, style, text);
    }
}

fn write_disk(disk: &Disk090, style: &Style, text: &mut Text) {
    text.add(&format_args!(
        "{:>5}   {:>5}    {:>5}    {:>5}     ",
        disk.number.get().cast_signed(),
        disk.major.get().cast_signed(),
        disk.minor.get().cast_signed(),
        disk.raid_disk.get().cast_signed()
    ));
    const WORDS: [(u32, &str); 6] = [
        (Disk090::FAULTY, " faulty"),
        (Disk090::ACTIVE, " active"),
        (Disk090::SYNC, " sync"),
        (Disk090::REMOVED, " removed"),
        (Disk090::WRITE_MOSTLY, " write-mostly"),
        (Disk090::FAIL_FAST, " failfast"),
    ];
    for (bit, word) in WORDS {
        if disk.has(bit) {
            text.add(&word);
        }
    }
    if !disk.has(!(Disk090::WRITE_MOSTLY | Disk090::FAIL_FAST)) {
        text.add(&" spare");
    }
    if let Some(path) = style.devices.get(&(disk.major.get(), disk.minor.get())) {
        text.add(&format_args!("   {path}"));
    }
    text.blank();
}
