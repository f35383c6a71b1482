//! `query` beside `mdadm -Q`.

use crate::support::{Bench, builder, changed, image, mdadm, raid1};
use paritas_format::Superblock;
use paritas_format::superblock::{ByteOrder, Version};
use paritas_manage::query::query;
use paritas_units::{Descriptor, Level};

#[test]
fn u32_every_level_and_format_reads_as_mdadm_says() {
    let bench = Bench::new();
    let mut cases = Vec::new();
    for version in Version::ALL {
        for level in Level::ALL {
            cases.push((format!("{version}-{level}"), builder(version, level, 4).build()));
        }
    }
    let odd = |name: &str, superblock| (name.to_owned(), superblock);
    cases.push(odd("number", raid1(|sb| sb.header_mut().dev_number.set(77))));
    cases.push(odd("negative", raid1(|sb| sb.header_mut().dev_number.set(u32::MAX))));
    cases.push(odd("disks", raid1(|sb| sb.header_mut().raid_disks.set(u32::MAX))));
    cases.push(odd("level", raid1(|sb| sb.header_mut().level.set(7))));
    cases.push(odd("faulty", raid1(|sb| sb.set_raw_role(Descriptor(0), 0xFFFE))));
    cases.push(odd("journal", raid1(|sb| sb.set_raw_role(Descriptor(0), 0xFFFD))));
    let features = builder(Version::V1_1, Level::Raid5, 3).build();
    cases.push(odd("features", changed(features, |sb| sb.header_mut().feature_map.set(0x8000))));
    let mut second = builder(Version::V0_90, Level::Raid5, 3);
    second.descriptor = Descriptor(2);
    cases.push(odd("second", second.build()));
    for (name, superblock) in &cases {
        let member = bench.put(name, &image(superblock));
        let expected = mdadm(bench.path(), &["-Q", name]);
        assert_eq!(query(&member).to_string(), expected.stdout, "{name}");
        assert_eq!(expected.code, Some(0), "{name}: {expected:?}");
    }
    assert!(cases.len() >= 40);
}

#[test]
fn u32_what_is_no_member_reads_as_mdadm_says() {
    let bench = Bench::new();
    for (name, content) in
        [("zeroes", vec![0; 1 << 20]), ("short", vec![1; 700]), ("text", b"md".to_vec())]
    {
        let member = bench.put(name, &content);
        let expected = mdadm(bench.path(), &["-Q", name]);
        assert_eq!(query(&member).to_string(), expected.stdout, "{name}");
        assert_eq!(query(&member).membership, None);
    }
}

#[test]
fn a_superblock_of_the_other_byte_order_is_a_members_too() {
    let mut swapped = builder(Version::V0_90, Level::Raid1, 2);
    swapped.order = ByteOrder::Big;
    let superblock = swapped.build();
    assert!(matches!(superblock, Superblock::V090(_)));
    let answer = query(&crate::support::found("swapped", &image(&superblock)));
    let membership = answer.membership.expect("a member");
    assert_eq!(
        (membership.descriptor, membership.raid_disks, membership.level),
        (0, 2, Some("raid1"))
    );
}
