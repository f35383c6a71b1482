//! `dump` beside `mdadm --dump`: the same files.

use crate::support::{Bench, Made, builder, changed, image, mdadm};
use paritas_format::ArrayUuid;
use paritas_format::bitmap::Superblock as Bitmap;
use paritas_format::superblock::{Superblock, Version};
use paritas_manage::dump::{DumpError, dump};
use paritas_units::{Level, Sectors};

/// A member with something in every byte that is no metadata, and an odd length if `extra`.
fn full(superblock: &Superblock, bitmap: Option<&[u8]>, extra: usize) -> Vec<u8> {
    let mut content = vec![0xAA; (1 << 20) + extra];
    let blank = image(superblock);
    let at = usize::try_from(superblock.place().at.0 * 512).expect("small");
    // What follows the roles of a 1.x superblock is no part of it, but is copied.
    let length = if superblock.version().is_v1() { 512 } else { 4096 };
    content[at..at + length].copy_from_slice(&blank[at..at + length]);
    if let Some(bitmap) = bitmap {
        let area = superblock.bitmap_area().and_then(paritas_format::superblock::Area::start);
        let start = usize::try_from(area.expect("a bitmap").0 * 512).expect("small");
        content[start..start + bitmap.len()].copy_from_slice(bitmap);
    }
    content
}

/// A superblock with a bitmap and a bad-block log at these places.
fn with(version: Version, features: u32, bitmap: i32, log: i32, log_sectors: u16) -> Superblock {
    changed(builder(version, Level::Raid1, 2).build(), |sb| {
        let header = sb.header_mut();
        header.feature_map.set(features);
        header.bitmap_offset.set(bitmap);
        header.bad_block_offset.set(log);
        header.bad_block_sectors.set(log_sectors);
    })
}

/// A bitmap's superblock for so many bits.
fn bits(count: u64) -> Vec<u8> {
    Bitmap::new(ArrayUuid([7; 16]), Sectors(count * 8), 4096).encode().to_vec()
}

#[test]
fn u35_dumps_are_mdadms() {
    let small = bits(2048);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("v12", full(&with(Version::V1_2, 0, 0, 0, 0), None, 0)),
        ("v11", full(&with(Version::V1_1, 0, 0, 0, 0), None, 0)),
        ("v10", full(&with(Version::V1_0, 0, 0, 0, 0), None, 0)),
        ("v090", full(&builder(Version::V0_90, Level::Raid5, 3).build(), None, 0)),
        ("bitmap", full(&with(Version::V1_2, 1, 8, 0, 0), Some(&small), 0)),
        ("bitmap of a page", full(&with(Version::V1_2, 1, 8, 0, 0), Some(&bits(30_720)), 0)),
        ("one bit more", full(&with(Version::V1_2, 1, 8, 0, 0), Some(&bits(30_721)), 0)),
        ("many bits", full(&with(Version::V1_1, 1, 8, 0, 0), Some(&bits(1_200_000)), 0)),
        ("bitmap before", full(&with(Version::V1_0, 1, -16, 0, 0), Some(&small), 0)),
        ("log", full(&with(Version::V1_2, 8, 0, 16, 8), None, 0)),
        ("log of a sector", full(&with(Version::V1_2, 8, 0, 17, 1), None, 0)),
        ("log without entries", full(&with(Version::V1_2, 0, 0, 16, 8), None, 0)),
        ("log before", full(&with(Version::V1_2, 8, 0, -8, 8), None, 0)),
        ("log without sectors", full(&with(Version::V1_2, 8, 0, 16, 0), None, 0)),
        ("log without offset", full(&with(Version::V1_2, 8, 0, 0, 8), None, 0)),
        ("both", full(&with(Version::V1_2, 9, 8, 16, 8), Some(&small), 0)),
        ("ppl", full(&with(Version::V1_2, 0x400, 8, 0, 0), None, 0)),
        ("journal", full(&with(Version::V1_2, 0x200, 0, 0, 0), None, 0)),
        ("odd length", full(&with(Version::V1_2, 1, 8, 0, 0), Some(&small), 100)),
        ("longer", full(&with(Version::V1_1, 1, 8, 0, 0), Some(&small), 511)),
    ];
    assert!(cases.len() >= 20);
    for (name, content) in cases {
        let bench = Bench::new();
        std::fs::create_dir(bench.file("out")).expect("a directory");
        let member = bench.put(name, &content);
        let expected = mdadm(bench.path(), &["--dump=out", name]);
        assert_eq!(expected.code, Some(0), "{name}: {expected:?}");
        let made = Made::default();
        let dumped = dump(&member, "out", &[], &made).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(dumped.to_string(), expected.stdout, "{name}");
        let theirs = std::fs::read(bench.file("out").join(name)).expect("a dump");
        let ours = made.content(&format!("out/{name}"));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let difference = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert_eq!(difference, None, "{name}: first different byte");
    }
}

#[test]
fn u35_refusals_have_mdadms_exit_code_and_make_nothing() {
    let zeroes = bits(0);
    let mut endless = Bitmap::new(ArrayUuid([7; 16]), Sectors(u64::MAX), 4096).encode().to_vec();
    endless[52..56].copy_from_slice(&512u32.to_le_bytes());
    let cases: [(&str, Vec<u8>); 3] = [
        ("nothing", vec![0; 1 << 20]),
        ("log behind", full(&with(Version::V1_2, 8, 0, 1 << 20, 8), None, 0)),
        ("log before", full(&with(Version::V1_2, 8, 0, -100, 8), None, 0)),
    ];
    for (name, content) in cases {
        let bench = Bench::new();
        std::fs::create_dir(bench.file("out")).expect("a directory");
        let member = bench.put(name, &content);
        let expected = mdadm(bench.path(), &["--dump=out", name]);
        let made = Made::default();
        let error = dump(&member, "out", &[], &made).expect_err(name);
        assert_eq!(Some(i32::from(error.exit_code())), expected.code, "{name}: {expected:?}");
        assert!(made.0.lock().expect("not poisoned").is_empty(), "{name}");
    }
    let member =
        crate::support::found("m", &full(&with(Version::V1_2, 1, 8, 0, 0), Some(&endless), 0));
    let error = dump(&member, "out", &[], &Made::default()).expect_err("endless");
    assert!(matches!(error, DumpError::Bitmap { .. }), "{error}");
    let good =
        crate::support::found("m", &full(&with(Version::V1_2, 1, 8, 0, 0), Some(&zeroes), 0));
    let made = Made::default();
    let first = dump(&good, "out", &["/dev/disk/by-id/wwn-1".to_owned()], &made).expect("a dump");
    assert_eq!(first.to_string(), "m saved as out/m.\nm also saved as out/wwn-1.\n");
    let again = dump(&good, "out", &[], &made).expect_err("it is there");
    assert_eq!(again.to_string(), "Cannot create dump file out/m: File exists");
}
