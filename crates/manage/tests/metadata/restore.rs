//! `restore` beside `mdadm --restore`: the same bytes, and more refusals.

use crate::support::{Bench, Bytes, Made, builder, changed, found, image, mdadm};
use paritas_format::superblock::{Superblock, Version};
use paritas_format::{ArrayUuid, DeviceUuid};
use paritas_manage::dump::dump;
use paritas_manage::gather;
use paritas_manage::restore::{Overwrite, RestoreError, candidates, restore};
use paritas_units::{Descriptor, Level, Sectors};

const VERSIONS: [Version; 4] = Version::ALL;

/// A member with a bitmap and a bad-block log where the format has them, 0xAA everywhere else.
fn member(version: Version) -> Vec<u8> {
    let plain = builder(version, Level::Raid1, 2).build();
    let superblock = match version {
        Version::V0_90 => plain,
        _ => changed(plain, |sb| {
            let header = sb.header_mut();
            header.feature_map.set(9);
            let is_at_end = version == Version::V1_0;
            header.bitmap_offset.set(if is_at_end { -24 } else { 8 });
            header.bad_block_offset.set(if is_at_end { -8 } else { 24 });
            header.bad_block_sectors.set(8);
        }),
    };
    let mut content = vec![0xAA; 1 << 20];
    let at = usize::try_from(superblock.place().at.0 * 512).expect("small");
    content[at..at + 4096].copy_from_slice(&superblock.encode());
    if let Some(start) = superblock.bitmap_area().and_then(paritas_format::superblock::Area::start)
    {
        let uuid = ArrayUuid(superblock.array_uuid_in_memory());
        let bitmap = paritas_format::bitmap::Superblock::new(uuid, Sectors(1024), 4096);
        let start = usize::try_from(start.0 * 512).expect("small");
        content[start..start + 256].copy_from_slice(&bitmap.encode());
    }
    content
}

#[test]
fn u35_a_restored_member_is_mdadms() {
    for version in VERSIONS {
        for damage in [0u8, 0x55] {
            let bench = Bench::new();
            std::fs::create_dir(bench.file("out")).expect("a directory");
            let whole = bench.put("m", &member(version));
            assert_eq!(mdadm(bench.path(), &["--dump=out", "m"]).code, Some(0));
            let wiped = vec![damage; 1 << 20];
            std::fs::write(bench.file("m"), &wiped).expect("a writable directory");
            let expected = mdadm(bench.path(), &["--restore=out/m", "m"]);
            assert_eq!(expected.code, Some(0), "{expected:?}");
            let theirs = std::fs::read(bench.file("m")).expect("a member");

            let made = Made::default();
            dump(&whole, "out", &[], &made).expect("a dump");
            let dumped = found("out/m", &made.content("out/m"));
            for block in [512, 4096] {
                let disk = Bytes::with_block("m", wiped.clone(), block);
                let target = gather::search("m", disk.clone());
                let restored = restore(&dumped, &target, &[]).expect("restored");
                assert_eq!(restored.to_string(), expected.stdout);
                let ours = disk.content();
                let difference = ours.iter().zip(&theirs).position(|(a, b)| a != b);
                assert_eq!(difference, None, "{version}: first different byte");
            }
        }
    }
}

#[test]
fn u35_another_length_is_refused() {
    let bench = Bench::new();
    let content = member(Version::V1_2);
    let dumped = bench.put("dumped", &content);
    for length in [content.len() - 512, content.len() + 512, content.len() + 100] {
        let mut other = content.clone();
        other.resize(length, 0);
        let target = bench.put("m", &other);
        let expected = mdadm(bench.path(), &["--restore=dumped", "m"]);
        let error = restore(&dumped, &target, &[Overwrite::Md]).expect_err("another length");
        assert!(matches!(error, RestoreError::Size { .. }), "{error}");
        assert_eq!(Some(i32::from(error.exit_code())), expected.code);
        assert_eq!(std::fs::read(bench.file("m")).expect("a member"), other);
    }
    let empty = found("empty", &vec![0; content.len()]);
    assert!(matches!(restore(&empty, &dumped, &[]), Err(RestoreError::Dump(_))));
}

/// What is refused although mdadm would do it.
#[test]
fn another_members_metadata_is_not_overwritten() {
    let dumped = found("dump", &member(Version::V1_2));
    let raid1 = || builder(Version::V1_2, Level::Raid1, 2);
    let mut other_array = raid1();
    other_array.uuid = ArrayUuid([1; 16]);
    let mut other_device = raid1();
    other_device.device_uuid = DeviceUuid([1; 16]);
    let old = builder(Version::V0_90, Level::Raid1, 2);
    for builder in [other_array, other_device, old] {
        let content = image(&builder.build());
        let disk = Bytes::new("m", content.clone());
        let target = gather::search("m", disk.clone());
        let error = restore(&dumped, &target, &[]).expect_err("something else is there");
        assert!(error.to_string().contains("--overwrite=md"), "{error}");
        assert_eq!(disk.content(), content, "nothing may be written");
        restore(&dumped, &target, &[Overwrite::Md]).expect("allowed");
        assert_ne!(disk.content(), content);
    }
    let mut newer = raid1();
    newer.events = 99;
    let target = found("m", &image(&newer.build()));
    restore(&dumped, &target, &[]).expect("the same member, later");
}

#[test]
fn an_old_members_number_is_its_identity() {
    let first = builder(Version::V0_90, Level::Raid1, 2);
    let mut second = first.clone();
    second.descriptor = Descriptor(1);
    let dumped = found("dump", &image(&first.build()));
    let error = restore(&dumped, &found("m", &image(&second.build())), &[]).expect_err("the other");
    assert!(matches!(error, RestoreError::Mismatch { .. }), "{error}");
    assert!(matches!(first.build(), Superblock::V090(_)));
}

#[test]
fn a_file_system_or_a_table_is_not_overwritten() {
    let dumped = found("dump", &member(Version::V1_2));
    let mut xfs = vec![0; 1 << 20];
    xfs[..4].copy_from_slice(b"XFSB");
    let entry = paritas_format::partition::mbr::Entry::new(0x83, 64, 100);
    let empty = paritas_format::partition::mbr::Entry::EMPTY;
    let table = paritas_format::partition::mbr::Mbr::new(1, [entry, empty, empty, empty]);
    let mut parted = vec![0; 1 << 20];
    parted[..512].copy_from_slice(table.encode());
    for (content, kind) in [(xfs, Overwrite::Filesystem), (parted, Overwrite::Partitions)] {
        let target = found("m", &content);
        let error = restore(&dumped, &target, &[]).expect_err("it is occupied");
        assert!(error.to_string().contains(kind.word()), "{error}");
        restore(&dumped, &target, &[kind]).expect("allowed");
    }
    // At the device's end nothing of a file system is touched: a raid1's content begins at 0.
    let mut xfs = vec![0; 1 << 20];
    xfs[..4].copy_from_slice(b"XFSB");
    restore(&found("dump", &member(Version::V1_0)), &found("m", &xfs), &[]).expect("no harm");
}

#[test]
fn u35_dumps_are_found_by_name() {
    let aliases = ["/dev/disk/by-id/wwn-1".to_owned()];
    assert_eq!(candidates("d", "/dev/sda", &aliases), ["d/sda", "d/wwn-1"]);
    let bench = Bench::new();
    std::fs::create_dir(bench.file("d")).expect("a directory");
    bench.put("m", &member(Version::V1_2));
    std::fs::write(bench.file("d/m"), member(Version::V1_2)).expect("a writable directory");
    let expected = mdadm(bench.path(), &["--restore=d", "m"]);
    assert_eq!(expected.stdout, format!("m restored from {}.\n", candidates("d", "m", &[])[0]));
}
