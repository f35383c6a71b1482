//! Bytes to values to the same bytes, and values that a kernel wrote.

use super::{DEVICE, built, meaning};
use crate::Broken;
use crate::build::SuperblockBuilder;
use crate::superblock::{
    ArrayName, ByteOrder, Place, Role, SUPERBLOCK_BYTES, Superblock, Version, choose, find, places,
};
use paritas_units::{Chunk, Level, Sector, Sectors, Slot};
use proptest::prelude::*;

/// A 1.2 superblock of a raid1, one member replaced, as a kernel wrote it; up to byte 262, from
/// where on all bytes of the first sector are 0xff.
const GOLDEN: &str = "\
fc4e2ba90100000001000000000000004cca79dc72245b5766ce1c30c5ad95c0\
616e793a30000000000000000000000000000000000000000000000000000000\
93a1046b00000000010000000000000000380100000000000000000002000000\
0800000000000000000000000000000000000000000000000000000000000000\
0008000000000000003801000000000008000000000000000000000000000000\
00000000000000005aed6b2e40da19559ed711beaa1f4beb0000080010000000\
b4a1046b000000003000000000000000ffffffffffffffff7da31f0b80000000\
0000000000000000000000000000000000000000000000000000000000000000\
0000feff0100";

const AT_1_2: Place = Place { version: Version::V1_2, at: Sector(8) };

fn golden() -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap();
    let mut bytes: Vec<u8> = GOLDEN
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap())
        .collect();
    bytes.resize(512, 0xff);
    bytes.resize(SUPERBLOCK_BYTES, 0);
    bytes
}

#[test]
fn a07_a_kernels_superblock_is_read_and_written_back() {
    let bytes = golden();
    let sb = Superblock::decode(&bytes, AT_1_2).unwrap();
    assert_eq!(sb.encode(), bytes);
    assert_eq!(sb.faults(Some(Sectors(81_920))), []);
    assert_eq!(sb.why_read_only(), []);
    assert_eq!(sb.array_uuid().to_string(), "4cca79dc:72245b57:66ce1c30:c5ad95c0");
    assert_eq!(sb.device_uuid().unwrap().to_string(), "5aed6b2e:40da1955:9ed711be:aa1f4beb");
    assert_eq!(sb.name().unwrap().bytes(), b"any:0");
    assert_eq!((sb.level(), sb.raid_disks(), sb.chunk()), (Ok(Level::Raid1), 2, Chunk(0)));
    assert_eq!((sb.component_size(), sb.data_size()), (Sectors(79_872), Sectors(79_872)));
    assert_eq!((sb.data_offset(), sb.events()), (Sector(2048), 48));
    assert!(sb.is_clean());
    assert_eq!(sb.bitmap_area().and_then(|area| area.start()), Some(Sector(16)));
    let log = sb.bad_block_area().unwrap();
    assert_eq!((log.start(), log.sectors), (Some(Sector(24)), Some(Sectors(8))));
    assert_eq!(
        sb.roles()[..4],
        [Role::Slot(Slot(0)), Role::Faulty, Role::Slot(Slot(1)), Role::Spare]
    );
    assert_eq!((sb.roles().len(), sb.role()), (128, Role::Slot(Slot(0))));
    let Superblock::V1(sb) = sb else { panic!("decoded as 0.90") };
    assert_eq!(sb.computed_checksum(), 0x0b1f_a37d);
}

#[test]
fn what_is_built_is_accepted_and_comes_back() {
    for version in Version::ALL {
        for level in Level::ALL {
            let sb = SuperblockBuilder::new(version, level, 4).build();
            assert_eq!(sb.faults(Some(DEVICE)), [], "{version} {level}");
            assert_eq!(sb.why_read_only(), []);
            assert_eq!(Superblock::decode(&sb.encode(), sb.place()), Ok(sb.clone()));
            assert_eq!(sb.level(), Ok(level));
            assert_eq!((sb.raid_disks(), sb.role()), (4, Role::Slot(Slot(0))));
        }
    }
}

#[test]
fn a06_both_byte_orders_mean_the_same() {
    let mut builder = SuperblockBuilder::new(Version::V0_90, Level::Raid5, 3);
    builder.events = 0x1_0000_0002;
    let little = builder.build();
    builder.order = ByteOrder::Big;
    let big = builder.build();
    assert_eq!(meaning(&little), meaning(&big));
    assert_ne!(little.encode(), big.encode());
    assert_eq!(big.faults(Some(DEVICE)), []);
    assert_ne!(big.is_byte_swapped(), little.is_byte_swapped());
    let bytes = big.encode();
    assert_eq!(bytes[..4], [0xa9, 0x2b, 0x4e, 0xfc]);
    assert_eq!(bytes[156..164], [0, 0, 0, 1, 0, 0, 0, 2], "the upper word of events is first");
    assert_eq!(Superblock::decode(&bytes, big.place()), Ok(big.clone()));
    assert_eq!(big.array_uuid_in_memory(), big.array_uuid().0);
    assert_eq!(little.array_uuid_in_memory()[..4], [0x67, 0x45, 0x23, 0x01]);
}

#[test]
fn d01_places_are_those_of_the_driver() {
    let sector = |version: Version, device| version.sector_on(Sectors(device)).map(|at| at.0);
    assert_eq!(sector(Version::V0_90, 2048), Some(1920));
    assert_eq!(sector(Version::V0_90, 2048 + 127), Some(1920));
    assert_eq!(sector(Version::V0_90, 127), None);
    assert_eq!(sector(Version::V0_90, 128), Some(0));
    assert_eq!(sector(Version::V0_90, 10_737_418_240), Some(10_737_418_112));
    assert_eq!(sector(Version::V1_0, 131_072), Some(131_056));
    assert_eq!(sector(Version::V1_0, 131_079), Some(131_056));
    assert_eq!(sector(Version::V1_0, 24), Some(8));
    for version in [Version::V1_0, Version::V1_1, Version::V1_2] {
        assert_eq!(sector(version, 23), None);
    }
    assert_eq!(places(Sectors(0)), []);
    for device in 0..600 {
        for place in places(Sectors(device)) {
            assert!(place.at.0 + 8 <= device, "{place:?} of {device}");
        }
    }
}

#[test]
fn all_superblocks_of_a_device_are_found_and_the_latest_made_counts() {
    let mut image = vec![0; usize::try_from(DEVICE.0).unwrap() * 512];
    let mut ctime = 1_700_000_000;
    for version in [Version::V1_1, Version::V0_90, Version::V1_0] {
        let mut builder = SuperblockBuilder::new(version, Level::Raid1, 2);
        ctime += 1;
        builder.ctime = ctime;
        let sb = builder.build();
        let at = usize::try_from(sb.place().at.0).unwrap() * 512;
        image[at..at + SUPERBLOCK_BYTES].copy_from_slice(&sb.encode());
    }
    let search = find(DEVICE, |at, into: &mut [u8]| {
        let at = usize::try_from(at.0).unwrap() * 512;
        if at == 4096 {
            return Err("the medium is bad here");
        }
        into.copy_from_slice(&image[at..at + into.len()]);
        Ok(())
    });
    let versions: Vec<_> = search.found.iter().map(Superblock::version).collect();
    assert_eq!(versions, [Version::V1_1, Version::V1_0, Version::V0_90]);
    assert_eq!(search.unreadable, [(AT_1_2, "the medium is bad here")]);
    assert_eq!(choose(&search.found).map(Superblock::version), Some(Version::V1_0));
}

#[test]
fn of_equal_times_the_older_format_counts() {
    let made = |version, seconds: u32, micros: u64| {
        let mut builder = SuperblockBuilder::new(version, Level::Raid1, 2);
        builder.ctime = seconds;
        let mut sb = builder.build();
        if let Superblock::V1(sb) = &mut sb {
            let seconds = sb.header().ctime.get();
            sb.header_mut().ctime.set(seconds | (micros << 40));
        }
        sb
    };
    let chosen = |found: &[Superblock]| choose(found).map(Superblock::version);
    let (v0, v10, v11, v12) = (Version::V0_90, Version::V1_0, Version::V1_1, Version::V1_2);
    assert_eq!(chosen(&[made(v12, 5, 0), made(v10, 5, 0), made(v11, 5, 0)]), Some(v10));
    assert_eq!(chosen(&[made(v12, 5, 0), made(v0, 5, 0)]), Some(v0));
    assert_eq!(chosen(&[made(v12, 5, 9), made(v11, 6, 0)]), Some(v12));
    assert_eq!(chosen(&[made(v12, 5, 9), made(v0, 6, 0)]), Some(v0));
    let mut moved = made(v12, 9, 0);
    if let Superblock::V1(sb) = &mut moved {
        sb.header_mut().super_offset.set(9);
    }
    assert_eq!(chosen(&[moved, made(v11, 5, 0)]), Some(v11));
    assert_eq!(chosen(&[]), None);
}

#[test]
fn what_is_no_superblock_is_broken() {
    for version in Version::ALL {
        let place = Place { version, at: Sector(8) };
        assert!(matches!(Superblock::decode(&[0; 4095], place), Err(Broken::TooShort { .. })));
        assert!(matches!(Superblock::decode(&[0; 4096], place), Err(Broken::Magic { .. })));
        let mut bytes = built(version).encode();
        bytes[4] = 7;
        assert!(matches!(Superblock::decode(&bytes, place), Err(Broken::Version { .. })));
    }
}

#[test]
fn every_flipped_byte_is_reported_or_means_nothing() {
    for version in Version::ALL {
        let sb = built(version);
        let (bytes, expected) = (sb.encode(), meaning(&sb));
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                let Ok(flipped) = Superblock::decode(&bytes, sb.place()) else { continue };
                assert_eq!(flipped.encode(), bytes);
                let is_reported = !flipped.faults(Some(DEVICE)).is_empty();
                assert!(is_reported || meaning(&flipped) == expected, "{version}: byte {at}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_come_back(
        mut bytes in prop::collection::vec(any::<u8>(), SUPERBLOCK_BYTES),
        version in prop::sample::select(Version::ALL.to_vec()),
        is_big in any::<bool>(),
        roles in 0_u16..2100,
    ) {
        let at = Sector(1920);
        bytes[..4].copy_from_slice(&0xa92b_4efc_u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&u32::from(version.is_v1()).to_le_bytes());
        if version.is_v1() {
            bytes[220..224].copy_from_slice(&u32::from(roles).to_le_bytes());
        } else if is_big {
            bytes[..4].reverse();
        }
        let sb = Superblock::decode(&bytes, Place { version, at }).unwrap();
        prop_assert_eq!(sb.encode(), bytes);
        prop_assert!(sb.roles().len() <= 1920);
        prop_assert!(!meaning(&sb).is_empty());
        prop_assert!(!sb.faults(Some(Sectors(1 << 40))).is_empty());
    }
}

#[test]
fn a_name_of_any_bytes_is_shown_without_doing_anything_to_a_terminal() {
    let mut name = ArrayName::new("h:\u{1b}[2J\n\u{85}ä");
    assert_eq!(name.to_string(), "h:\\x1b[2J\\x0a\\u{85}ä");
    name.0[..2].copy_from_slice(&[0xff, 0xc3]);
    assert!(name.to_string().starts_with("\\xff\\xc3\\x1b"), "{name}");
}
