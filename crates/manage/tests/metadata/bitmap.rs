//! `examine-bitmap` beside `mdadm -X`.
//!
//! mdadm reads the bitmap of a member from devices only, so its text for members is recorded from a
//! guest, or taken from a file that holds the same bitmap.

use crate::support::{Bench, builder, changed, found, image, mdadm};
use paritas_format::ArrayUuid;
use paritas_format::bitmap::Superblock as Bitmap;
use paritas_format::superblock::{ByteOrder, FeatureMap, Superblock, Version};
use paritas_manage::bitmap::{Complaint, ExamineBitmapError, examine_bitmap};
use paritas_units::{Level, Sectors};

/// A bitmap of 4864 bits, some of which are set, and its padding.
fn bitmap(change: impl FnOnce(&mut Bitmap)) -> Vec<u8> {
    let uuid = ArrayUuid(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10");
    let mut superblock = Bitmap::new(uuid, Sectors(38_912), 4096);
    (superblock.events, superblock.events_cleared) = (18, 17);
    change(&mut superblock);
    let mut bytes = superblock.encode().to_vec();
    bytes.resize(256 + 4864 / 8, 0);
    bytes[256..300].copy_from_slice(&[0b1010_0101; 44]);
    bytes.extend([0xFF; 416]);
    bytes
}

#[test]
fn u32_bitmap_files_read_as_mdadm_says() {
    type Change = fn(&mut Bitmap);
    let cases: [(&str, Change); 36] = [
        ("plain", |_| ()),
        ("version 3", |b| b.version = 3),
        ("version 5", |b| b.version = 5),
        ("version 2", |b| b.version = 2),
        ("version 6", |b| b.version = 6),
        ("version huge", |b| b.version = u32::MAX),
        ("stale", |b| b.state = 2),
        ("state 1", |b| b.state = 1),
        ("state 4", |b| b.state = 4),
        ("host endian", |b| b.state = 0x8000),
        ("stale host endian", |b| b.state = 0x8002),
        ("chunk 100", |b| b.chunk_bytes = 100),
        ("chunk 512", |b| b.chunk_bytes = 512),
        ("chunk 1K", |b| b.chunk_bytes = 1024),
        ("chunk 3K", |b| b.chunk_bytes = 3072),
        ("chunk 1M", |b| b.chunk_bytes = 1 << 20),
        ("chunk over 1M", |b| b.chunk_bytes = (1 << 20) + 512),
        ("chunk 64M", |b| b.chunk_bytes = 64 << 20),
        ("chunk 1G", |b| b.chunk_bytes = 1 << 30),
        ("chunk 2G", |b| b.chunk_bytes = 1 << 31),
        ("sleep 0", |b| b.daemon_sleep = 0),
        ("sleep 60", |b| b.daemon_sleep = 60),
        ("sleep huge", |b| b.daemon_sleep = u32::MAX),
        ("behind", |b| b.write_behind = 256),
        ("behind huge", |b| b.write_behind = u32::MAX),
        ("size 0", |b| b.sync_size = Sectors(0)),
        ("size 1", |b| b.sync_size = Sectors(1)),
        ("size 39", |b| b.sync_size = Sectors(39)),
        ("size 9999", |b| b.sync_size = Sectors(9999)),
        ("size 10001", |b| b.sync_size = Sectors(10_001)),
        ("size 5G", |b| (b.sync_size, b.chunk_bytes) = (Sectors(10 << 20), 64 << 20)),
        ("size 3T", |b| (b.sync_size, b.chunk_bytes) = (Sectors(6 << 30), 1 << 31)),
        ("size 2^40", |b| b.sync_size = Sectors(1 << 40)),
        ("size 2^63", |b| b.sync_size = Sectors(1 << 63)),
        ("size max", |b| b.sync_size = Sectors(u64::MAX)),
        ("events", |b| (b.events, b.events_cleared) = (u64::MAX, 1 << 63)),
    ];
    let bench = Bench::new();
    for (name, change) in cases {
        compare(&bench, name, &bitmap(change));
    }
}

/// Compares text and exit code, whole and brief.
fn compare(bench: &Bench, name: &str, content: &[u8]) {
    let file = bench.put(name, content);
    let report = examine_bitmap(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (arguments, is_brief) in [(vec!["-X", name], false), (vec!["-X", "--brief", name], true)] {
        let expected = mdadm(bench.path(), &arguments);
        assert_eq!(report.text(is_brief), expected.stdout, "{name}: {}", expected.stderr);
        assert_eq!(Some(i32::from(report.exit_code())), expected.code, "{name}");
        let complains = |c: &Complaint| matches!(c, Complaint::TooSmall { .. });
        // mdadm warns of a size before it looks at the version.
        if !is_brief && report.superblock.version().is_ok() {
            let is_short = expected.stderr.contains("not large enough");
            assert_eq!(report.complaints.iter().any(complains), is_short, "{name}");
        }
    }
}

#[test]
fn u32_percentages_round_as_mdadms_do() {
    let bench = Bench::new();
    for (bits, dirty) in [(400, 1), (800, 1), (2000, 1), (16, 1), (4000, 3), (3, 1), (2000, 1999)] {
        let mut content = bitmap(|b| b.sync_size = Sectors(bits * 8));
        content[256..].fill(0);
        for bit in 0..dirty {
            content[256 + bit / 8] |= 1 << (bit % 8);
        }
        compare(&bench, &format!("{dirty} of {bits}"), &content);
    }
}

#[test]
fn u32_files_may_end_anywhere() {
    let bench = Bench::new();
    let whole = bitmap(|_| ());
    for length in [256, 257, 300, 511, 512, 863, 864, 865, 1280] {
        let mut content = whole.clone();
        content.resize(length, 0xFF);
        let file = bench.put("cut", &content);
        let expected = mdadm(bench.path(), &["-X", "cut"]);
        let report = examine_bitmap(&file).expect("a bitmap");
        assert_eq!(report.text(false), expected.stdout, "{length}");
        assert_eq!(!report.complaints.is_empty(), !expected.stderr.is_empty(), "{length}");
    }
    for length in [0, 100, 255] {
        let file = bench.put("cut", &whole[..length]);
        let error = examine_bitmap(&file).expect_err("too short");
        assert_eq!(mdadm(bench.path(), &["-X", "cut"]).code, Some(i32::from(error.exit_code())));
    }
}

#[test]
fn u32_what_is_no_bitmap_reads_as_mdadm_says() {
    let bench = Bench::new();
    for (name, content) in [("zeroes", vec![0; 65536]), ("text", vec![b'x'; 65536])] {
        let file = bench.put(name, &content);
        let report = examine_bitmap(&file).expect("something to show");
        let expected = mdadm(bench.path(), &["-X", name]);
        assert_eq!(report.text(false), expected.stdout, "{name}");
        assert_eq!((report.exit_code(), expected.code), (1, Some(1)), "{name}");
        assert_eq!(report.complaints.len(), 2, "{name}");
    }
}

/// What mdadm printed for a member of a cluster's array: the first lines,
const RECORDED_CLUSTER: &str = "        Filename : member
           Magic : 6d746962
         Version : 5
            UUID : 01234567:89abcdef:fedcba98:76543210
       Chunksize : 4 KB
          Daemon : 5s flush period
      Write Mode : Normal
       Sync Size : 19456 (19.00 MiB 19.92 MB)
   Cluster nodes : 3
    Cluster name : mycluster                                                       
       Node Slot : 0
          Events : 18
  Events Cleared : 17
           State : OK
          Bitmap : 4864 bits (chunks), 176 dirty (3.6%)
";

/// and for further nodes.
fn recorded_node(slot: u32, rest: &str) -> String {
    format!("       Node Slot : {slot}\n          Events : {rest}\n")
}

const STALE: &str = "77
  Events Cleared : 17
           State : Out of date
          Bitmap : 4864 bits (chunks), 176 dirty (3.6%)";
const ZEROES: &str = "0
  Events Cleared : 0
           State : OK
          Bitmap : 0 bits (chunks), 0 dirty (0.0%)";

#[test]
fn u32_a_cluster_has_a_bitmap_for_each_node() {
    let node = |change: fn(&mut Bitmap)| {
        let mut page = bitmap(|b| {
            (b.version, b.nodes) = (5, 3);
            b.cluster_name[..9].copy_from_slice(b"mycluster");
            change(b);
        });
        page.resize(4096, 0);
        page
    };
    let first = node(|_| ());
    let stale = node(|b| (b.state, b.events) = (2, 77));
    let mut damaged = stale.clone();
    damaged[0] = 1;
    let both = recorded_node(1, STALE) + &recorded_node(2, STALE);
    let cases = [
        ([&stale, &stale], both.clone(), 0),
        ([&stale, &vec![0; 4096]], recorded_node(1, STALE) + &recorded_node(2, ZEROES), 1),
        ([&damaged, &stale], both, 1),
        // A superblock of zeroes says that there are no further nodes.
        ([&vec![0; 4096], &stale], recorded_node(1, ZEROES), 1),
    ];
    for ([second, third], nodes, complaints) in cases {
        let area = [first.as_slice(), second, third].concat();
        let report = examine_bitmap(&found("member", &member(Version::V1_2, 8, &area)));
        let report = report.expect("a bitmap");
        assert_eq!(report.text(false), RECORDED_CLUSTER.to_owned() + &nodes);
        assert_eq!((report.complaints.len(), report.exit_code()), (complaints, 0));
        assert!(!report.text(true).contains("bits (chunks)"));
    }
}

/// A member of format 1.x with the bitmap `offset` sectors from its superblock.
fn member(version: Version, offset: i32, bitmap: &[u8]) -> Vec<u8> {
    let superblock = changed(builder(version, Level::Raid1, 2).build(), |sb| {
        sb.header_mut().feature_map.set(FeatureMap::BITMAP_OFFSET.0);
        sb.header_mut().bitmap_offset.set(offset);
    });
    let mut image = image(&superblock);
    let at = superblock.place().at.0.checked_add_signed(offset.into()).expect("on the device");
    let at = usize::try_from(at * 512).expect("small");
    let end = image.len().min(at + bitmap.len());
    image[at..end].copy_from_slice(&bitmap[..end - at]);
    image
}

#[test]
fn u32_members_of_every_1x_format_read_as_the_bitmap_alone() {
    let bench = Bench::new();
    let marks = bitmap(|_| ());
    for (version, offset) in [
        (Version::V1_0, -8),
        (Version::V1_0, -16),
        (Version::V1_1, 8),
        (Version::V1_2, 8),
        (Version::V1_2, 100),
        (Version::V1_2, -8),
    ] {
        bench.put("alone", &marks);
        let expected = mdadm(bench.path(), &["-X", "alone"]);
        let report = examine_bitmap(&found("alone", &member(version, offset, &marks)));
        let report = report.unwrap_or_else(|error| panic!("{version} {offset}: {error}"));
        assert_eq!(report.text(false), expected.stdout, "{version} {offset}");
        assert_eq!(report.json().nodes.len(), 1);
    }
}

#[test]
fn u32_members_without_a_bitmap_are_refused() {
    let plain = builder(Version::V1_2, Level::Raid5, 3).build();
    let plain = examine_bitmap(&found("plain", &image(&plain))).expect_err("none");
    assert_eq!(plain.to_string(), "plain doesn't have bitmap");
    let zeroes =
        examine_bitmap(&found("zeroes", &member(Version::V1_2, 8, &[]))).expect_err("none");
    assert_eq!(zeroes.to_string(), "zeroes doesn't have bitmap");
    let far = changed(builder(Version::V1_2, Level::Raid1, 2).build(), |sb| {
        sb.header_mut().feature_map.set(FeatureMap::BITMAP_OFFSET.0);
        sb.header_mut().bitmap_offset.set(-100);
    });
    let far = examine_bitmap(&found("far", &image(&far))).expect_err("not there");
    assert!(matches!(far, ExamineBitmapError::Outside { offset: -100, .. }));
    let endless = bitmap(|b| b.chunk_bytes = 0);
    let endless = examine_bitmap(&found("endless", &endless)).expect_err("no chunk");
    assert!(matches!(endless, ExamineBitmapError::Damaged { .. }));
}

/// The text for the member of a raid1 in format 0.90, which a driver stopped.
const RECORDED_090: &str = "        Filename : member
           Magic : 6d746962
         Version : 4
            UUID : 58f404ac:d06f5b76:0002fec5:13a5c7d1
          Events : 18
  Events Cleared : 1
           State : OK
       Chunksize : 64 MB
          Daemon : 5s flush period
      Write Mode : Normal
       Sync Size : 20416 (19.94 MiB 20.91 MB)
          Bitmap : 1 bits (chunks), 0 dirty (0.0%)
";

/// The text for a member of a raid10 in format 1.2, which a driver stopped.
const RECORDED_RAID10: &str = "        Filename : member
           Magic : 6d746962
         Version : 4
            UUID : 76382cae:f053046d:06e4907d:6b127227
          Events : 17
  Events Cleared : 0
           State : OK
       Chunksize : 64 KB
          Daemon : 5s flush period
      Write Mode : Normal
       Sync Size : 36864 (36.00 MiB 37.75 MB)
          Bitmap : 576 bits (chunks), 0 dirty (0.0%)
";

fn corpus(name: &str) -> Vec<u8> {
    let path = format!("{}/../format/tests/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn u32_members_made_by_the_driver_read_as_recorded() {
    let cases = [
        (20_905_984, "superblock.raid1_v0_90.bin", 4096, "bitmap.raid1_v090.bin", RECORDED_090),
        (4096, "superblock.raid10_v1_2.bin", 4096, "bitmap.raid10.bin", RECORDED_RAID10),
    ];
    for (at, superblock, distance, bitmap, recorded) in cases {
        let mut image = vec![0; 20 << 20];
        image[at..at + 4096].copy_from_slice(&corpus(superblock));
        image[at + distance..at + distance + 4096].copy_from_slice(&corpus(bitmap));
        let report = examine_bitmap(&found("member", &image)).expect("a bitmap");
        assert_eq!(report.text(false), recorded);
    }
}

#[test]
fn a_big_endian_members_uuid_prints_in_its_own_order() {
    let mut old = builder(Version::V0_90, Level::Raid1, 2);
    for order in [ByteOrder::Little, ByteOrder::Big] {
        old.order = order;
        let superblock = old.build();
        let Superblock::V090(v090) = &superblock else { panic!("0.90") };
        let mut image = image(&superblock);
        let at = usize::try_from(v090.at().0 * 512).expect("small") + 4096;
        let bits = bitmap(|b| b.uuid = ArrayUuid(superblock.array_uuid_in_memory()));
        image[at..at + bits.len()].copy_from_slice(&bits);
        let report = examine_bitmap(&found("old", &image)).expect("a bitmap");
        assert_eq!(report.uuid, superblock.array_uuid(), "{order:?}");
    }
}
