//! Superblocks of every kind, one at a time.

use super::image::{Image, assert_like_mdadm, assert_same, devices, mdadm, style};
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{
    ByteOrder, Disk090, FeatureMap, Header1, Header090, Role, Superblock, Version,
};
use paritas_format::{ArrayUuid, bitmap};
use paritas_manage::examine::Style;
use paritas_units::{Chunk, Descriptor, Level, Sector, Sectors, Slot};

const DEVICE: u64 = 131_072;

fn with(version: Version, level: Level, change: impl FnOnce(&mut SuperblockBuilder)) -> Superblock {
    let mut builder = SuperblockBuilder::new(version, level, 4);
    change(&mut builder);
    builder.build()
}

/// A raid5 in format 1.2 with a change of its fields.
fn header(change: impl FnOnce(&mut Header1)) -> Superblock {
    changed(with(Version::V1_2, Level::Raid5, |_| ()), change)
}

fn changed(superblock: Superblock, change: impl FnOnce(&mut Header1)) -> Superblock {
    let Superblock::V1(mut sb) = superblock else { panic!("a 1.x superblock") };
    change(sb.header_mut());
    sb.seal();
    Superblock::V1(sb)
}

/// A raid5 in format 0.90 with a change of its fields.
fn old(change: impl FnOnce(&mut Header090)) -> Superblock {
    let Superblock::V090(mut sb) = with(Version::V0_90, Level::Raid5, |_| ()) else {
        panic!("a 0.90 superblock")
    };
    change(sb.header_mut());
    sb.seal();
    Superblock::V090(sb)
}

fn features(bits: &[FeatureMap]) -> u32 {
    bits.iter().fold(0, |all, bit| all | bit.0)
}

/// A bitmap of the array.
fn bitmap_of(superblock: &Superblock, chunk: u32, nodes: u32) -> Vec<u8> {
    let uuid = superblock.array_uuid_in_memory();
    let mut bitmap = bitmap::Superblock::new(ArrayUuid(uuid), Sectors(122_880), chunk);
    bitmap.nodes = nodes;
    bitmap.cluster_name[..4].copy_from_slice(b"club");
    let mut bytes = bitmap.encode().to_vec();
    bytes.resize(512, 0);
    bytes
}

fn check(cases: impl IntoIterator<Item = (String, Superblock)>) -> usize {
    let directory = tempfile::tempdir().expect("a directory");
    let mut count = 0;
    for (what, superblock) in cases {
        assert_like_mdadm(&directory, &what, &Image::of(DEVICE, &superblock));
        count += 1;
    }
    count
}

#[test]
fn every_level_in_every_format() {
    let mut cases = Vec::new();
    for version in Version::ALL {
        for level in Level::ALL {
            cases.push((format!("{level} {version}"), with(version, level, |_| ())));
        }
    }
    assert_eq!(check(cases), 36);
}

#[test]
fn every_layout() {
    let mut cases = Vec::new();
    let layouts: [(Level, Vec<u32>); 4] = [
        (Level::Raid0, (0..4).collect()),
        (Level::Raid5, (0..8).collect()),
        (Level::Raid6, (0..22).collect()),
        (Level::Raid10, vec![0x102, 0x103, 0x201, 0x202, 0x302, 0x1_0201, 0x2_0201, 0x101]),
    ];
    for (level, layouts) in layouts {
        for layout in layouts {
            let sb = with(Version::V1_2, level, |b| {
                b.layout = layout;
                if level == Level::Raid0 {
                    b.features = FeatureMap::RAID0_LAYOUT;
                }
            });
            cases.push((format!("{level} layout {layout:#x}"), sb));
        }
    }
    assert_eq!(check(cases), 42);
}

#[test]
fn every_feature_bit() {
    let cases = (0..32).map(|bit| {
        let sb = header(|h| {
            h.feature_map.set(1 << bit);
            h.bitmap_offset.set(8);
            h.recovery_offset.set(4711);
            h.reshape_position.set(122_880);
            h.new_level.set(6);
            h.delta_disks.set(-1);
            h.new_layout.set(18);
            h.new_chunk.set(256);
            h.new_offset.set(-128);
            h.bad_block_offset.set(16);
            h.bad_block_sectors.set(8);
        });
        (format!("feature bit {bit}"), sb)
    });
    assert_eq!(check(cases), 32);
}

#[test]
fn states_and_roles() {
    let spare = |own: Descriptor, role: Role| {
        with(Version::V1_2, Level::Raid5, |b| {
            b.roles.push(role);
            b.descriptor = own;
        })
    };
    let slot = |number| Role::Slot(Slot(number));
    let cases = [
        ("dirty", with(Version::V1_2, Level::Raid1, |b| b.resync_offset = Sector(0))),
        ("resync stopped", with(Version::V1_2, Level::Raid6, |b| b.resync_offset = Sector(8888))),
        ("spare", spare(Descriptor(4), Role::Spare)),
        ("faulty", spare(Descriptor(4), Role::Faulty)),
        ("journal", spare(Descriptor(4), Role::Journal)),
        ("beside a journal", spare(Descriptor(0), Role::Journal)),
        ("two in one slot", spare(Descriptor(0), slot(2))),
        ("a slot too many", spare(Descriptor(4), slot(4))),
        ("a slot far off", spare(Descriptor(4), slot(9))),
        ("missing", with(Version::V1_2, Level::Raid5, |b| b.roles[1] = Role::Faulty)),
        (
            "three in one slot",
            with(Version::V1_0, Level::Raid1, |b| b.roles = vec![slot(0), slot(0), slot(0)]),
        ),
        ("two in one slot of raid0", with(Version::V1_2, Level::Raid0, |b| b.roles[1] = slot(0))),
        ("a number beyond the table", header(|h| h.dev_number.set(500))),
        ("a short table", header(|h| h.max_roles.set(2))),
        ("an odd table", header(|h| h.max_roles.set(3))),
        ("the longest table", header(|h| h.max_roles.set(1920))),
        ("write-mostly", header(|h| h.devflags = 1)),
        ("write-mostly and failfast", header(|h| h.devflags = 3)),
        ("unknown device flags", header(|h| h.devflags = 0x84)),
        (
            "replacement",
            changed(spare(Descriptor(4), slot(1)), |h| {
                h.feature_map
                    .set(features(&[FeatureMap::REPLACEMENT, FeatureMap::RECOVERY_OFFSET]));
                h.recovery_offset.set(4096);
            }),
        ),
    ];
    assert_eq!(check(cases.map(|(what, sb)| (what.to_owned(), sb))), 20);
}

#[test]
fn odd_fields() {
    let cases = [
        ("events", header(|h| h.events.set(u64::MAX))),
        ("microseconds", header(|h| h.ctime.set(1_700_000_000 | (999_999 << 40)))),
        ("year 9999", header(|h| h.utime.set(253_402_300_799))),
        ("year 10000", header(|h| h.utime.set(253_402_300_800))),
        ("year 36812", header(|h| h.utime.set((1 << 40) - 1))),
        ("no name", header(|h| h.set_name = [0; 32])),
        ("bytes for a name", header(|h| h.set_name[..4].copy_from_slice(b"\xff\x01\xc3\xa9"))),
        ("a name of two lines", header(|h| h.set_name[..4].copy_from_slice(b"a\nbc"))),
        ("size beyond the device", header(|h| h.size.set(200_000))),
        ("size 2^63", header(|h| h.size.set(1 << 63))),
        ("size of petabytes", header(|h| h.size.set(1 << 46))),
        ("small sizes", header(|h| h.size.set(9999))),
        ("data size of terabytes", header(|h| h.data_size.set(1 << 32))),
        ("all of it used", header(|h| h.size.set(129_024))),
        ("one sector unused", header(|h| h.size.set(129_023))),
        ("data at 0", header(|h| h.data_offset.set(0))),
        ("data on the superblock", header(|h| h.data_offset.set(10))),
        ("no slots", header(|h| h.raid_disks.set(0))),
        ("one slot", header(|h| h.raid_disks.set(1))),
        ("chunk of one sector", header(|h| h.chunk_sectors.set(1))),
        ("greatest chunk", header(|h| h.chunk_sectors.set(u32::MAX))),
        ("level 7", header(|h| h.level.set(7))),
        ("container", header(|h| h.level.set(-100))),
        ("padding", header(|h| h.pad3 = [7; 28])),
        ("logical blocks", header(|h| h.logical_block_size.set(4096))),
        (
            "bad blocks far off",
            header(|h| {
                h.bad_block_offset.set(1000);
                h.bad_block_sectors.set(8);
            }),
        ),
        (
            "bad blocks before",
            header(|h| {
                h.bad_block_offset.set(-4);
                h.bad_block_sectors.set(9);
            }),
        ),
    ];
    assert_eq!(check(cases.map(|(what, sb)| (what.to_owned(), sb))), 27);
}

#[test]
fn wrong_checksums() {
    let directory = tempfile::tempdir().expect("a directory");
    for version in Version::ALL {
        let mut sb = with(version, Level::Raid5, |_| ());
        match &mut sb {
            Superblock::V1(sb) => sb.header_mut().checksum.set(0xdead_beef),
            Superblock::V090(sb) => sb.header_mut().checksum.set(0xdead_beef),
        }
        assert_like_mdadm(&directory, &format!("{version}"), &Image::of(DEVICE, &sb));
    }
}

#[test]
fn bitmaps() {
    let directory = tempfile::tempdir().expect("a directory");
    let flag = FeatureMap::BITMAP_OFFSET;
    let places = [(Version::V1_2, 8), (Version::V1_1, 100), (Version::V1_0, -16)];
    for (version, offset) in places {
        for (chunk, nodes) in [(1 << 26, 0), (4096, 0), (512, 0), (1 << 26, 4)] {
            let sb = changed(with(version, Level::Raid5, |b| b.features = flag), |h| {
                h.bitmap_offset.set(offset);
            });
            let at = Sector(sb.place().at.0.checked_add_signed(offset.into()).expect("small"));
            let image = Image::of(DEVICE, &sb).with(at, bitmap_of(&sb, chunk, nodes));
            assert_like_mdadm(&directory, &format!("{version} {chunk} {nodes}"), &image);
            assert_like_mdadm(&directory, "no bitmap there", &Image::of(DEVICE, &sb));
            let other = with(version, Level::Raid5, |b| b.uuid = ArrayUuid([9; 16]));
            let image = Image::of(DEVICE, &sb).with(at, bitmap_of(&other, chunk, 0));
            assert_like_mdadm(&directory, "another's bitmap", &image);
        }
    }
    let sb = old(|h| h.state.set(Header090::CLEAN | Header090::BITMAP_PRESENT));
    let at = Sector(sb.place().at.0 + 8);
    let image = Image::of(DEVICE, &sb).with(at, bitmap_of(&sb, 1 << 26, 0));
    assert_like_mdadm(&directory, "0.90 with a bitmap", &image);
    assert_like_mdadm(&directory, "0.90 without it", &Image::of(DEVICE, &sb));
}

#[test]
fn ppl_in_every_format() {
    let cases = [(Version::V1_2, 8), (Version::V1_1, 8), (Version::V1_0, -2056)];
    let cases = cases.into_iter().flat_map(|(version, offset)| {
        [FeatureMap::PPL, FeatureMap::MULTIPLE_PPLS].map(|kind| {
            let sb = with(version, Level::Raid5, |b| b.features = kind);
            let sb = changed(sb, |h| h.bitmap_offset.set((2048 << 16) | (offset & 0xffff)));
            (format!("{version} ppl {kind}"), sb)
        })
    });
    assert_eq!(check(cases), 6);
}

#[test]
fn reshapes() {
    let mut cases = Vec::new();
    for (level, new_level) in [(5, 5), (5, 6), (6, 5), (0, 5), (1, 5), (4, 5), (10, 10), (5, 77)] {
        for (delta, layout, chunk) in [(1, 2, 128), (-2, 0x201, 256), (0, 0x102, 2), (9, 16, 128)] {
            let sb = header(|h| {
                h.feature_map.set(features(&[FeatureMap::RESHAPE_ACTIVE, FeatureMap::NEW_OFFSET]));
                h.level.set(level);
                h.layout.set(if level == 10 { 0x102 } else { 2 });
                h.new_level.set(new_level);
                h.delta_disks.set(delta);
                h.new_layout.set(layout);
                h.new_chunk.set(chunk);
                h.new_offset.set(delta * -64);
                h.reshape_position.set(1 << (8 + 6 * (layout & 7)));
            });
            cases.push((format!("1.2 {level}->{new_level} by {delta}"), sb));
            let sb = old(|h| {
                h.minor_version.set(91);
                h.level.set(level);
                h.layout.set(if level == 10 { 0x102 } else { 2 });
                h.new_level.set(new_level);
                h.delta_disks.set(delta);
                h.new_layout.set(layout);
                h.new_chunk.set(chunk * 512);
                h.reshape_position.set(1 << 20);
            });
            cases.push((format!("0.91 {level}->{new_level} by {delta}"), sb));
        }
    }
    assert_eq!(check(cases), 64);
}

#[test]
fn old_ones() {
    let disks = |states: &[u32]| {
        let Superblock::V090(mut sb) = old(|_| ()) else { panic!("a 0.90 superblock") };
        for (disk, state) in sb.disks_mut().iter_mut().zip(states) {
            disk.state.set(*state);
            disk.major.set(259);
            disk.minor.set(1_048_575);
        }
        *sb.this_disk_mut() = sb.disks()[2].clone();
        sb.header_mut().spare_disks.set(3);
        sb.seal();
        Superblock::V090(sb)
    };
    let cases = [
        ("dirty", old(|h| h.state.set(0))),
        ("errors", old(|h| h.state.set(3))),
        ("events", old(|h| h.events.set(0x1234_5678_9abc))),
        ("minor 89", old(|h| h.minor_version.set(89))),
        ("minor 92", old(|h| h.minor_version.set(92))),
        ("patch", old(|h| h.patch_version.set(3))),
        (
            "no reshape",
            old(|h| {
                h.minor_version.set(91);
                h.reshape_position.set(u64::MAX);
            }),
        ),
        ("greatest size", old(|h| h.size.set(u32::MAX))),
        ("preferred minor", old(|h| h.md_minor.set(u32::MAX))),
        ("27 slots", old(|h| h.raid_disks.set(27))),
        (
            "times",
            old(|h| {
                h.ctime.set(0);
                h.utime.set(u32::MAX);
            }),
        ),
        ("states", disks(&[1, 2, 6, 8, 9, 0, 0x10])),
        ("flags", disks(&[0x206, 0x406, 0x606, 0x600, 1 << 18, Disk090::WRITE_MOSTLY, 7])),
        (
            "home",
            with(Version::V0_90, Level::Raid1, |b| {
                b.uuid = b.uuid.with_home(style().host.as_deref().unwrap_or_default());
            }),
        ),
        (
            "home 1.2",
            with(Version::V1_2, Level::Raid1, |b| {
                b.name = format!("{}:photos", style().host.unwrap_or_default());
            }),
        ),
        ("chunk", with(Version::V0_90, Level::Linear, |b| b.chunk = Chunk(64))),
    ];
    assert_eq!(check(cases.map(|(what, sb)| (what.to_owned(), sb))), 16);
}

#[test]
fn devices_of_this_machine_are_named() {
    let known = devices();
    let (major, minor) = *known.keys().next().unwrap_or(&(8, 0));
    let Superblock::V090(mut sb) = old(|_| ()) else { panic!("a 0.90 superblock") };
    for disk in &mut sb.disks_mut()[1..3] {
        disk.major.set(major);
        disk.minor.set(minor);
    }
    sb.seal();
    let image = Image::of(DEVICE, &Superblock::V090(sb));
    assert_like_mdadm(&tempfile::tempdir().expect("a directory"), "devices", &image);
    let style = Style { devices: [((8, 16), "/dev/sdb".to_owned())].into(), ..Style::default() };
    let sb = with(Version::V0_90, Level::Raid1, |_| ());
    let Superblock::V090(mut sb) = sb else { panic!("a 0.90 superblock") };
    sb.this_disk_mut().major.set(8);
    sb.this_disk_mut().minor.set(16);
    let image = Image::of(DEVICE, &Superblock::V090(sb));
    let text = image.examined("a.img").expect("a superblock").text(&style);
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("this     0       8       16        0      active sync   /dev/sdb\n"));
}

#[test]
fn the_other_byte_order_reads_as_0_swap() {
    let directory = tempfile::tempdir().expect("a directory");
    let sb = with(Version::V0_90, Level::Raid5, |b| {
        b.order = ByteOrder::Big;
        b.events = 0x5_0000_0011;
    });
    let image = Image::of(DEVICE, &sb);
    image.store(&directory.path().join("a.img"));
    let theirs = mdadm(&directory, "UTC", &["--examine", "-e", "0.swap", "a.img"]);
    let ours = image.examined("a.img").expect("a superblock");
    assert_same("0.swap", &theirs.stdout, &ours.text(&style()));
}

#[test]
fn times_are_those_of_the_zone() {
    let directory = tempfile::tempdir().expect("a directory");
    let image = Image::of(DEVICE, &with(Version::V1_2, Level::Raid5, |_| ()));
    image.store(&directory.path().join("a.img"));
    for zone in ["IST-5:30", "PST8PDT,M3.2.0,M11.1.0", "UTC0"] {
        let theirs = mdadm(&directory, zone, &["--examine", "a.img"]);
        let zone = jiff::tz::TimeZone::posix(zone).expect("a zone");
        let ours = image.examined("a.img").expect("a superblock");
        assert_same("in a zone", &theirs.stdout, &ours.text(&Style { zone, ..style() }));
    }
}
