//! `examine-badblocks` beside `mdadm --examine-badblocks`.

use crate::support::{Bench, builder, image, mdadm, raid1};
use paritas_format::superblock::{FeatureMap, V1, Version};
use paritas_manage::bad_blocks::{ExamineBadBlocksError, examine_bad_blocks};
use paritas_units::Level;

/// A change of a superblock.
type Change = fn(&mut V1);

/// A log of 8 sectors, 16 after the superblock, that has entries.
fn configured(sb: &mut V1) {
    let header = sb.header_mut();
    header.feature_map.set(FeatureMap::BAD_BLOCKS.0);
    header.bad_block_sectors.set(8);
    header.bad_block_offset.set(16);
}

/// The image of a member with this superblock and these words at sector 24.
fn member(change: Change, words: &[u64]) -> Vec<u8> {
    let mut image = image(&raid1(|sb| {
        configured(sb);
        change(sb);
    }));
    image[24 * 512..28 * 512].fill(0xFF);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    image[24 * 512..24 * 512 + bytes.len()].copy_from_slice(&bytes);
    image
}

const fn entry(sector: u64, count: u64) -> u64 {
    sector << 10 | count
}

#[test]
fn u32_lists_read_as_mdadm_says() {
    let many: Vec<u64> = (0..512).map(|place| entry(place * 3, 1)).collect();
    let few = [entry(1000, 8), entry(5000, 8), entry(8512, 88), entry(8000, 512)];
    let cases: [(&str, Change, &[u64]); 14] = [
        ("unsorted", |_| (), &few),
        ("overlapping", |_| (), &[entry(1000, 8), entry(1004, 8), entry(1000, 1)]),
        ("odd", |_| (), &[entry(7, 0), entry(20, 1023), 0]),
        ("shifted", |sb| sb.header_mut().bad_block_shift = 3, &few),
        ("far", |_| (), &[u64::MAX - 1, entry((1 << 54) - 1, 5)]),
        ("empty list", |_| (), &[]),
        ("no feature", |sb| sb.header_mut().feature_map.set(0), &few),
        ("no sectors", |sb| sb.header_mut().bad_block_sectors.set(0), &few),
        ("no offset", |sb| sb.header_mut().bad_block_offset.set(0), &few),
        ("neither", |sb| sb.header_mut().bad_block_sectors.set(0), &[]),
        ("one sector", |sb| sb.header_mut().bad_block_sectors.set(1), &many),
        ("long", |sb| sb.header_mut().bad_block_sectors.set(16), &many),
        ("full", |_| (), &many),
        ("bitmap too", |sb| sb.header_mut().feature_map.set(9), &few),
    ];
    let bench = Bench::new();
    for (name, change, words) in cases {
        let found = bench.put(name, &member(change, words));
        let expected = mdadm(bench.path(), &["--examine-badblocks", name]);
        let report = examine_bad_blocks(&found).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((report.to_string(), Some(0)), (expected.stdout, expected.code), "{name}");
    }
    let report = examine_bad_blocks(&bench.put("json", &member(|_| (), &few))).expect("a list");
    assert_eq!(report.json().bad_blocks.len(), 4);
}

#[test]
fn u32_refusals_have_mdadms_exit_code() {
    let bench = Bench::new();
    let old = builder(Version::V0_90, Level::Raid1, 2).build();
    let cases: [(&str, Vec<u8>); 4] = [
        ("no superblock", vec![0; 1 << 20]),
        ("0.90", image(&old)),
        ("before", member(|sb| sb.header_mut().bad_block_offset.set(-100), &[])),
        ("behind", member(|sb| sb.header_mut().bad_block_offset.set(1 << 20), &[])),
    ];
    for (name, content) in cases {
        let found = bench.put(name, &content);
        let expected = mdadm(bench.path(), &["--examine-badblocks", name]);
        let error = examine_bad_blocks(&found).expect_err(name);
        assert_eq!(Some(i32::from(error.exit_code())), expected.code, "{name}");
        assert_eq!(expected.stdout, "", "{name}");
    }
    let bad_shift = member(|sb| sb.header_mut().bad_block_shift = 64, &[entry(1, 1)]);
    let error = examine_bad_blocks(&bench.put("shift", &bad_shift)).expect_err("no such unit");
    assert!(matches!(error, ExamineBadBlocksError::Damaged { .. }));
}
