//! Partitioned disks, other systems' metadata, sectors that cannot be read.

use super::image::{Image, assert_same, mdadm, style};
use paritas_format::build::SuperblockBuilder;
use paritas_format::foreign::{build_ddf, build_imsm};
use paritas_format::partition::mbr::{Entry, Mbr};
use paritas_format::superblock::Version;
use paritas_manage::examine::{Content, ExamineError, listing};
use paritas_units::{Level, Sector, Sectors};

const DEVICE: u64 = 131_072;

fn mbr(entries: [Entry; 4]) -> Image {
    Image::new(DEVICE).with(Sector(0), Mbr::new(0xdead_beef, entries).encode().to_vec())
}

#[test]
fn an_mbr_is_shown_as_mdadm_shows_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let tables = [
        [Entry::EMPTY; 4],
        [Entry::new(0xfd, 2048, 20_480), Entry::new(0x83, 22_528, 9), Entry::EMPTY, Entry::EMPTY],
        [Entry::new(0xee, 1, u32::MAX), Entry::EMPTY, Entry::EMPTY, Entry::new(5, u32::MAX, 7)],
        [Entry::new(0, 1, 5), Entry::new(0x83, 5, 0), Entry::EMPTY, Entry::EMPTY],
    ];
    for table in tables {
        let image = mbr(table);
        image.store(&directory.path().join("a.img"));
        let theirs = mdadm(&directory, "UTC", &["--examine", "a.img"]);
        assert_eq!(theirs.code, Some(0));
        let ours = image.examined("a.img").expect("a partition table");
        assert_same("MBR", &theirs.stdout, &ours.text(&style()));
        let theirs = mdadm(&directory, "UTC", &["--examine", "--export", "a.img"]);
        assert_same("MBR exported", &theirs.stdout, &ours.export());
        let theirs = mdadm(&directory, "UTC", &["--examine", "--brief", "a.img"]);
        assert_same("MBR in brief", &theirs.stdout, &listing(&[ours], false));
    }
}

#[test]
fn members_in_partitions_follow_the_table() {
    let mut builder = SuperblockBuilder::new(Version::V1_2, Level::Raid1, 2);
    builder.device = Sectors(20_480);
    let sb = builder.build();
    let table =
        [Entry::new(0xfd, 2048, 20_480), Entry::new(0x83, 22_528, 999), Entry::EMPTY, Entry::EMPTY];
    let image = mbr(table).with(Sector(2048 + 8), sb.encode());
    let ours = image.examined("disk.img").expect("a partition table");
    let part = Image::of(20_480, &sb).examined("disk.img@p1").expect("a superblock");
    let text = ours.to_string();
    assert!(text.starts_with("disk.img:\n   MBR Magic : aa55\nPartition[0] :"), "{text}");
    assert!(text.ends_with(&part.to_string()), "{text}");
    assert_eq!(listing(std::slice::from_ref(&ours), true), listing(&[part], true));
    let json = serde_json::to_value(ours.json()).expect("JSON");
    assert_eq!(json["partitions"][0]["number"], 1);
    assert_eq!(json["partitions"][0]["superblock"]["metadata"], "1.2");
    assert!(json["partitions"][1].get("superblock").is_none());
}

#[test]
fn a_superblock_hides_the_table() {
    let directory = tempfile::tempdir().expect("a directory");
    let sb = SuperblockBuilder::new(Version::V1_0, Level::Raid1, 2).build();
    let image = mbr([Entry::new(0xfd, 2048, 20_480), Entry::EMPTY, Entry::EMPTY, Entry::EMPTY])
        .with(sb.place().at, sb.encode());
    image.store(&directory.path().join("a.img"));
    let theirs = mdadm(&directory, "UTC", &["--examine", "a.img"]);
    let ours = image.examined("a.img").expect("a superblock");
    assert!(matches!(ours.content, Content::Superblock(_)));
    assert_same("1.0 on a partitioned disk", &theirs.stdout, &ours.text(&style()));
}

#[test]
fn metadata_of_others_is_named() {
    let imsm = Image::new(DEVICE).with(Sector(DEVICE - 2), build_imsm("1.3.00", 7, 2, 1));
    let error = imsm.examined("a.img").expect_err("no superblock");
    assert!(matches!(error, ExamineError::Foreign { .. }));
    assert!(error.to_string().contains("imsm"), "{error}");
    let ddf = Image::new(DEVICE).with(Sector(DEVICE - 1), build_ddf([7; 24], DEVICE - 100));
    let error = ddf.examined("a.img").expect_err("no superblock");
    assert!(error.to_string().contains("ddf"), "{error}");
}

#[test]
fn a_bad_sector_is_told_from_nothing() {
    let sb = SuperblockBuilder::new(Version::V1_2, Level::Raid1, 2).build();
    let mut image = Image::of(DEVICE, &sb);
    image.bad = Some(Sector(9));
    let error = image.examined("a.img").expect_err("unreadable");
    assert!(matches!(error, ExamineError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains("sector 8"), "{error}");
    image.bad = Some(Sector(0));
    assert!(image.examined("a.img").is_ok(), "the place of 1.1 is not needed");
}
