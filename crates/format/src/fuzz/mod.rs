//! What every parser must withstand: one plain function over bytes for each of them.
//!
//! The one thing to understand: a body panics when a promise is broken (what decodes must encode
//! to the same bytes, print, and never go out of bounds), and returns otherwise. The same bodies
//! are run by [`run`] on stable Rust and by libFuzzer.
//!
//! Deliberately absent: files, clocks and process control; whoever calls brings them.

mod driver;

pub use driver::{Crash, Entry, Random, run, run_bodies};

use crate::bad_blocks::BadBlockLog;
use crate::partition::gpt;
use crate::partition::mbr::Mbr;
use crate::superblock::{Area, Superblock};
use crate::{ArrayUuid, bitmap, foreign, journal, partition, ppl, signature, superblock};
use paritas_units::{Sector, Sectors};
use std::fmt::Debug;

/// A body: takes any bytes, and panics if a promise is broken.
pub type Body = fn(&[u8]);

/// Every body with its name.
pub const BODIES: &[(&str, Body)] = &[
    ("superblock", superblocks),
    ("bitmap", bitmap_page),
    ("bad_blocks", bad_block_log),
    ("ppl", ppl_header),
    ("journal", journal_block),
    ("mbr", mbr_sector),
    ("gpt_header", gpt_header),
    ("partition", partition_table),
    ("signature", signatures),
    ("foreign", foreign_anchors),
];

/// An array that owns nothing; the checksums of foreign bytes are computed all the same.
const NOBODY: ArrayUuid = ArrayUuid([0x5A; 16]);

/// Prints a value in the way of error messages and logs.
fn show(value: &impl Debug) {
    assert!(!format!("{value:?}").is_empty(), "a value prints as nothing");
}

/// The promise of every decoder.
fn same(encoded: &[u8], given: &[u8]) {
    assert_eq!(Some(encoded), given.get(..encoded.len()), "bytes changed on their way");
}

/// Bytes as a device that a recogniser may read; whole sectors only, out of range is an error.
fn device(image: &[u8]) -> (Sectors, impl FnMut(Sector, &mut [u8]) -> Result<(), ()>) {
    let size = Sectors::whole_in(u64::try_from(image.len()).unwrap_or(0));
    let read = |at: Sector, into: &mut [u8]| {
        let start = at.bytes().and_then(|start| usize::try_from(start).ok()).ok_or(())?;
        let from = image.get(start..).and_then(|rest| rest.get(..into.len())).ok_or(())?;
        assert!(into.len().is_multiple_of(512), "a read of {} bytes", into.len());
        into.copy_from_slice(from);
        Ok(())
    };
    (size, read)
}

/// A superblock of every format, each as if it stood in its own place on a device of 1 GiB.
pub fn superblocks(bytes: &[u8]) {
    let device = Sectors(1 << 21);
    for place in superblock::places(device) {
        let sb = match Superblock::decode(bytes, place) {
            Ok(sb) => sb,
            Err(error) => {
                show(&error.to_string());
                continue;
            }
        };
        same(&sb.encode(), bytes);
        show(&sb);
        say_all(&sb, device);
        let mut sealed = sb.clone();
        match &mut sealed {
            Superblock::V090(sb) => sb.seal(),
            Superblock::V1(sb) => sb.seal(),
        }
        say_all(&sealed, device);
        show(&sealed.disagreement(&sb));
        assert_eq!(Superblock::decode(&sealed.encode(), place), Ok(sealed.clone()));
        show(&superblock::choose([&sb, &sealed]).is_some());
    }
    let (size, read) = self::device(bytes);
    show(&superblock::find(size, read));
}

/// Asks a superblock for everything it can say.
fn say_all(sb: &Superblock, device: Sectors) {
    show(&(sb.version_text(), sb.array_uuid(), sb.array_uuid_in_memory(), sb.device_uuid()));
    show(&(sb.name(), sb.preferred_minor(), sb.level(), sb.layout(), sb.raid0_layout()));
    show(&(sb.chunk(), sb.raid_disks(), sb.component_size(), sb.data_offset(), sb.data_size()));
    show(&(sb.ctime(), sb.utime(), sb.resync_offset(), sb.is_clean(), sb.recovery_offset()));
    show(&(sb.descriptor(), sb.role(), sb.roles(), sb.feature_map(), sb.reshape()));
    show(&(sb.bitmap_area(), sb.bad_block_area(), sb.ppl_area(), sb.journal_tail()));
    let areas = [sb.bitmap_area(), sb.bad_block_area(), sb.ppl_area()];
    show(&areas.map(|area| area.and_then(Area::start)));
    show(&(sb.faults(Some(device)), sb.faults(None), sb.why_read_only()));
}

/// A bitmap's superblock and the bits of its first page.
pub fn bitmap_page(bytes: &[u8]) {
    let superblock = match bitmap::Superblock::decode(bytes) {
        Ok(superblock) => superblock,
        Err(error) => return show(&error.to_string()),
    };
    same(&superblock.encode(), bytes);
    show(&superblock);
    let bits = match superblock.bits() {
        Ok(bits) => bits,
        Err(error) => return show(&error.to_string()),
    };
    assert!(bits.area_bytes() <= bitmap::MAX_AREA_BYTES, "{bits:?}");
    let last = bits.pages().saturating_sub(1);
    assert_eq!(bits.in_page(last).end, bits.count(), "{bits:?}");
    let mut page = bytes.to_vec();
    let Ok(marked) = bits.marked(0, bytes).map(Iterator::collect::<Vec<_>>) else { return };
    assert_eq!(bits.count_marked(0, bytes).map(usize::try_from), Ok(Ok(marked.len())));
    for &bit in &marked {
        assert_eq!(bits.bit_of(bits.sectors_of(bit).start), Some(bit), "{bits:?}");
        bits.set(bit, false, &mut page).expect("a bit that was read can be cleared");
    }
    assert_eq!(bits.count_marked(0, &page), Ok(0));
    for &bit in &marked {
        bits.set(bit, true, &mut page).expect("a bit that was read can be set");
    }
    assert_eq!(page, bytes, "setting what was set changes nothing");
}

/// A bad-block log; the first byte is the shift.
pub fn bad_block_log(bytes: &[u8]) {
    let Some((&shift, bytes)) = bytes.split_first() else { return };
    let log = match BadBlockLog::decode(bytes, shift) {
        Ok(log) => log,
        Err(error) => return show(&error.to_string()),
    };
    same(&log.encode(), bytes);
    show(&log);
    let ranges = log.ranges();
    for pair in ranges.windows(2) {
        let [before, after] = pair else { continue };
        assert!(before.end() < after.start, "{before} touches {after}");
    }
    assert!(log.entries().filter(|entry| !entry.is_empty()).count() >= ranges.len());
    if let Ok(again) = BadBlockLog::new(&ranges, bytes.len() / 8, shift) {
        assert_eq!(again.ranges(), ranges, "ranges changed on their way");
    }
}

/// A PPL header.
pub fn ppl_header(bytes: &[u8]) {
    let Ok(header) = ppl::Header::decode(bytes) else { return };
    same(header.encode(), bytes);
    show(&header);
    match header.check(NOBODY) {
        Ok(()) => show(&header.entries().expect("they were counted").collect::<Vec<_>>()),
        Err(error) => show(&error.to_string()),
    }
}

/// A journal's meta block.
pub fn journal_block(bytes: &[u8]) {
    let block = match journal::MetaBlock::decode(bytes) {
        Ok(block) => block,
        Err(error) => return show(&error.to_string()),
    };
    same(&block.encode(), bytes);
    show(&block);
    let seed = journal::Seed::new(NOBODY);
    show(&block.check(seed));
    let Ok(payloads) = block.payloads() else { return };
    show(&payloads);
    assert!(block.unit_sectors().is_ok_and(|unit| unit.0 <= 8 * 1024));
    let again = journal::MetaBlock::new(seed, block.sequence, block.position, &payloads);
    assert_eq!(again.and_then(|again| again.payloads()), Ok(payloads));
}

/// A sector that may be an MBR.
pub fn mbr_sector(bytes: &[u8]) {
    let Some(mbr) = Mbr::decode(bytes) else { return };
    same(mbr.encode(), bytes);
    show(&mbr);
}

/// A block that may hold a GPT header.
pub fn gpt_header(bytes: &[u8]) {
    let Some(header) = gpt::Header::decode(bytes) else { return };
    same(&header.encode(), bytes);
    show(&(&header, header.is_intact()));
    if let Some(entry) = gpt::Entry::decode(bytes) {
        same(entry.encode(), bytes);
    }
}

/// A device that may have a partition table of either kind: as it is, and once more with the
/// checksum of its GPT header made good, so that hostile numbers get past it.
pub fn partition_table(bytes: &[u8]) {
    list_partitions(bytes);
    let header = bytes.get(512..1024).and_then(gpt::Header::decode);
    let Some((mut header, sum)) = header.and_then(|h| h.computed_checksum().map(|sum| (h, sum)))
    else {
        return;
    };
    header.checksum = sum;
    let mut image = bytes.to_vec();
    for (place, byte) in image.iter_mut().skip(512).zip(header.encode()) {
        *place = byte;
    }
    list_partitions(&image);
}

/// Reads the table of an image and prints what it lists.
fn list_partitions(image: &[u8]) {
    let (size, read) = device(image);
    let table = partition::read(size, read).expect("only what is there is read");
    for partition in table.iter().flat_map(|table| &table.partitions) {
        show(&(partition, partition.kind.to_string()));
        assert!(partition.start.checked_add(partition.len).is_some(), "{partition:?}");
    }
}

/// A device on which anything may lie.
pub fn signatures(bytes: &[u8]) {
    let (size, read) = device(bytes);
    show(&signature::recognise(size, read).expect("only what is there is read"));
}

/// A device that another RAID system may have used.
pub fn foreign_anchors(bytes: &[u8]) {
    let (size, read) = device(bytes);
    show(&foreign::recognise(size, read).expect("only what is there is read"));
}
