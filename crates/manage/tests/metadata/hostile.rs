//! Damaged and hostile members: every verb ends, says something, and writes nothing.

use crate::support::{Bytes, Made, builder, changed, image};
use paritas_disk::decorator::{FaultDisk, Kind, Rule, When};
use paritas_disk::{Disk, FaultKind};
use paritas_format::fuzz::Random;
use paritas_format::superblock::{Superblock, Version};
use paritas_manage::bad_blocks::examine_bad_blocks;
use paritas_manage::bitmap::examine_bitmap;
use paritas_manage::dump::dump;
use paritas_manage::gather::{self, Found};
use paritas_manage::query::query;
use paritas_manage::restore::{RestoreError, restore};
use paritas_units::{Level, Sector, SectorRange, Sectors};
use std::sync::Arc;

/// A member with a bitmap and a bad-block log, where the format has them.
fn member(version: Version) -> (Superblock, Vec<u8>) {
    let plain = builder(version, Level::Raid1, 2).build();
    let superblock = match version {
        Version::V0_90 => plain,
        _ => changed(plain, |sb| {
            let header = sb.header_mut();
            header.feature_map.set(9);
            header.bitmap_offset.set(if version == Version::V1_0 { -24 } else { 8 });
            header.bad_block_offset.set(if version == Version::V1_0 { -8 } else { 24 });
            header.bad_block_sectors.set(8);
        }),
    };
    let mut content = image(&superblock);
    let start = match &superblock {
        Superblock::V090(superblock) => superblock.at().0 + 8,
        Superblock::V1(_) => {
            superblock.bitmap_area().and_then(|area| area.start()).expect("there").0
        }
    };
    let start = usize::try_from(start * 512).expect("small");
    let bitmap =
        paritas_format::bitmap::Superblock::new(superblock.array_uuid(), Sectors(1024), 4096);
    content[start..start + 256].copy_from_slice(&bitmap.encode());
    (superblock, content)
}

/// Runs every verb that only looks, and prints all that it says.
fn look(found: &Found) -> String {
    let bitmap = examine_bitmap(found).map(|report| (report.text(false), report.json()));
    let bad_blocks = examine_bad_blocks(found).map(|report| (report.to_string(), report.json()));
    let dumped = dump(found, "out", &[], &Made::default());
    format!("{bitmap:?} {bad_blocks:?} {} {dumped:?}", query(found))
}

#[test]
fn mutated_metadata_is_survived() {
    let mut random = Random::new(1);
    for case in 0..3000 {
        let (superblock, mut content) = member(Version::ALL[random.below(4)]);
        let metadata = usize::try_from(superblock.place().at.0 * 512).expect("small");
        for _ in 0..=random.below(6) {
            // The superblock, and what lies around it.
            let from = metadata.saturating_sub(if random.below(4) == 0 { 16_384 } else { 0 });
            let at = (from + random.below(16_384)).min(content.len() - 8) / 4 * 4;
            let number = [0, 1, 0xFFFF, u32::MAX, 0x8000_0000, 512][random.below(6)];
            content[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        if random.below(2) == 0 {
            // Let the change get past the checksum.
            let bytes = content[metadata..].first_chunk::<4096>().expect("a whole block");
            if let Ok(Superblock::V1(mut damaged)) = Superblock::decode(bytes, superblock.place()) {
                damaged.seal();
                content[metadata..metadata + 4096].copy_from_slice(&damaged.encode());
            }
        }
        let disk = Bytes::new("m", content.clone());
        let found = gather::search("m", disk.clone());
        assert!(!look(&found).is_empty());
        assert_eq!(disk.content(), content, "case {case}: a verb that looks has written");
        let target = Bytes::new("t", vec![0; content.len()]);
        let _ = restore(&found, &gather::search("t", target.clone()), &[]).map_err(|error| {
            assert!(target.content().iter().all(|byte| *byte == 0), "case {case}: {error}");
        });
    }
}

#[test]
fn cut_images_are_survived() {
    for version in Version::ALL {
        let (_, content) = member(version);
        for length in [0, 1, 511, 512, 4096, 4607, 8191, 8192, 8448, 8704, 65_536, 131_071] {
            for part in [&content[..length], &content[content.len() - length..]] {
                let disk = Bytes::new("m", part.to_vec());
                look(&gather::search("m", disk.clone()));
                assert_eq!(disk.content(), part);
            }
        }
    }
}

/// A member that cannot be read at these sectors.
fn unreadable(content: Vec<u8>, place: SectorRange) -> Found {
    let disk = FaultDisk::new(Bytes::new("m", content));
    let (kind, fault, torn_after) = (Some(Kind::Read), FaultKind::Io, Sectors::ZERO);
    disk.add(Rule { kind, place: Some(place), when: When::Always, fault, torn_after });
    gather::search("m", Arc::new(disk))
}

#[test]
fn unreadable_metadata_is_named() {
    let (_, content) = member(Version::V1_2);
    for (place, of_bitmap, of_log) in [
        (SectorRange::new(8, 1), true, true),
        (SectorRange::new(16, 1), true, false),
        (SectorRange::new(32, 1), false, true),
    ] {
        let found = unreadable(content.clone(), place);
        let says = |error: Option<String>| error.is_some_and(|e| e.contains("input/output error"));
        let bitmap = examine_bitmap(&found).err().map(|error| error.to_string());
        let log = examine_bad_blocks(&found).err().map(|error| error.to_string());
        assert_eq!((says(bitmap), says(log)), (of_bitmap, of_log), "{place}");
        let made = Made::default();
        assert!(says(dump(&found, "out", &[], &made).err().map(|error| error.to_string())));
        assert!(made.0.lock().expect("not poisoned").is_empty(), "{place}");
    }
}

#[test]
fn a_restore_that_fails_leaves_no_superblock() {
    let (superblock, content) = member(Version::V1_2);
    let dumped = gather::search("d", Bytes::new("d", content.clone()));
    for failing in 1..=2 {
        let under = Bytes::new("m", vec![0; content.len()]);
        let disk = Arc::new(FaultDisk::new(under.clone()));
        let (kind, fault, torn_after) = (Some(Kind::Write), FaultKind::NoSpace, Sectors::ZERO);
        disk.add(Rule { kind, place: None, when: When::Nth(failing), fault, torn_after });
        let target = gather::search("m", disk.clone() as Arc<dyn Disk>);
        let error = restore(&dumped, &target, &[]).expect_err("a write fails");
        assert!(matches!(error, RestoreError::Fault { verb: "written", .. }), "{error}");
        assert!(gather::search("m", under.clone()).superblocks.is_empty());
        restore(&dumped, &target, &[]).expect("the second time");
        assert_eq!(gather::search("m", under).superblocks.first(), Some(&superblock));
    }
    assert_eq!(superblock.place().at, Sector(8));
}
