//! Places measured on members that mdadm 4.2 made.

use crate::build::SuperblockBuilder;
use crate::place::{
    Extra, Plan, SizeRefusal, allow_data_offset, available, bitmap_choice, bitmap_space,
    component_size, data_offset, role_table_len, size_after_growth,
};
use crate::superblock::{FeatureMap, Header1, Superblock, Version};
use paritas_units::{Chunk, Level, Sector, Sectors};

const MIB: u64 = 2048;
const GIB: u64 = 1024 * MIB;

#[test]
fn data_offset_follows_the_first_device() {
    let raid1 = |device| data_offset(Version::V1_2, Sectors(device), Chunk(0), Extra::Bitmap).0;
    assert_eq!(raid1(64 * MIB), 2048);
    assert_eq!(raid1(GIB), 4096);
    assert_eq!(raid1(9 * GIB), 18_432);
    assert_eq!(raid1(210 * GIB), 264_192);
    assert_eq!(data_offset(Version::V1_0, Sectors(GIB), Chunk(0), Extra::None), Sector(0));
    let ppl = data_offset(Version::V1_1, Sectors(64 * MIB), Chunk(128), Extra::Ppl);
    assert_eq!(ppl, Sector(4096));
}

#[test]
fn headroom_keeps_two_chunks() {
    let of =
        |kib: u32| data_offset(Version::V1_2, Sectors(64 * MIB), Chunk(kib * 2), Extra::None).0;
    assert_eq!((of(64), of(512), of(1024)), (2048, 4096, 6144));
}

#[test]
fn bitmap_space_has_four_steps() {
    let of = |size| bitmap_space(Sectors(size)).0;
    assert_eq!((of(127), of(128), of(8 * GIB + 8), of(8 * GIB + 9)), (0, 8, 8, 128));
    assert_eq!((of(200 * GIB + 127), of(200 * GIB + 128)), (128, 256));
}

#[test]
fn component_sizes_are_whole_chunks() {
    let of = |level, least, chunk| component_size(level, Sectors(least), Chunk(chunk)).0;
    assert_eq!(of(Level::Raid5, 129_024, 1024), 129_024);
    assert_eq!(of(Level::Raid5, 129_023, 1024), 128_000);
    assert_eq!(of(Level::Raid1, 129_100, 0), 129_024);
    assert_eq!(of(Level::Raid0, 129_100, 128), 0);
    let least = available(Version::V1_0, Sectors(64 * MIB), Sector(0));
    assert_eq!(least, Sectors(131_072 - 16 - 8 - 8));
    assert_eq!(available(Version::V0_90, Sectors(64 * MIB), Sector(0)), Sectors(130_944));
}

#[test]
fn bad_block_logs_stand_after_what_is_there() {
    let log = |version, size: u64, device, offset, extra| {
        let size = Sectors(size);
        let plan = Plan::new(version, Sectors(device), Sector(offset), size, size, extra);
        plan.and_then(|plan| plan.bad_block_offset)
    };
    let v12 = Version::V1_2;
    assert_eq!(log(v12, 129_024, 64 * MIB, 2048, Extra::Bitmap), Some(16));
    assert_eq!(log(v12, 129_024, 64 * MIB, 2048, Extra::None), Some(16));
    assert_eq!(log(v12, 0, 64 * MIB, 2048, Extra::None), Some(8));
    assert_eq!(log(v12, 9 * GIB - 18_432, 9 * GIB, 18_432, Extra::None), Some(136));
    assert_eq!(log(v12, 210 * GIB - 264_192, 210 * GIB, 264_192, Extra::None), Some(264));
    assert_eq!(log(v12, 126_976, 64 * MIB, 4096, Extra::Ppl), Some(2056));
    assert_eq!(log(Version::V1_0, 129_024, 64 * MIB, 0, Extra::Bitmap), Some(-8));
    assert_eq!(log(Version::V0_90, 129_024, 64 * MIB, 0, Extra::Bitmap), None);
}

#[test]
fn bitmaps_take_the_least_chunk_that_fits() {
    let small = bitmap_choice(Version::V1_2, Sectors(129_024), Sectors(129_024));
    assert_eq!((small.chunk_bytes, small.sectors.0, small.offset), (64 << 20, 8, 8));
    let end = bitmap_choice(Version::V1_0, Sectors(129_024), Sectors(129_024));
    assert_eq!(end.offset, -16);
    let huge = Sectors(40_000 * GIB);
    assert_eq!(bitmap_choice(Version::V1_2, huge, huge).chunk_bytes, 64 << 20);
    let old = bitmap_choice(Version::V0_90, huge, huge);
    assert_eq!(old.chunk_bytes, 128 << 20);
}

#[test]
fn role_tables_fill_sectors() {
    assert_eq!((role_table_len(1), role_table_len(128), role_table_len(129)), (128, 128, 384));
}

fn changed(version: Version, change: impl FnOnce(&mut Header1)) -> Superblock {
    let Superblock::V1(mut sb) = SuperblockBuilder::new(version, Level::Raid1, 2).build() else {
        panic!("not 1.x")
    };
    change(sb.header_mut());
    sb.seal();
    Superblock::V1(sb)
}

#[test]
fn d15_size_goes_up_to_the_end_and_not_below_what_is_used() {
    let sb = changed(Version::V1_2, |_| ());
    let grown = Sectors(200_000);
    assert_eq!(size_after_growth(&sb, grown, Sectors::ZERO), Ok(Sectors(197_952)));
    assert_eq!(size_after_growth(&sb, grown, Sectors(150_000)), Ok(Sectors(150_000)));
    assert!(matches!(
        size_after_growth(&sb, grown, Sectors(100_000)),
        Err(SizeRefusal::BelowUsed { .. })
    ));
    let end = changed(Version::V1_0, |_| ());
    assert_eq!(size_after_growth(&end, grown, Sectors::ZERO), Ok(Sectors(199_984 - 16)));
    let with_bitmap = changed(Version::V1_0, |h| h.feature_map.set(FeatureMap::BITMAP_OFFSET.0));
    assert_eq!(
        size_after_growth(&with_bitmap, grown, Sectors::ZERO),
        Err(SizeRefusal::BitmapInTheWay)
    );
}

#[test]
fn d15_0_90_has_a_greatest_size() {
    let sb = SuperblockBuilder::new(Version::V0_90, Level::Raid1, 2).build();
    let huge = Sectors(6000 * GIB);
    assert_eq!(size_after_growth(&sb, huge, Sectors::ZERO), Ok(Sectors((1 << 33) - 2)));
    let striped = SuperblockBuilder::new(Version::V0_90, Level::Raid0, 2).build();
    assert_eq!(size_after_growth(&striped, huge, Sectors::ZERO), Ok(Sectors(6000 * GIB - 128)));
}

#[test]
fn d16_data_stays_clear_of_metadata() {
    let sb = changed(Version::V1_2, |h| {
        h.feature_map.set(FeatureMap::BITMAP_OFFSET.0);
        h.bitmap_offset.set(8);
        h.bad_block_offset.set(100);
        h.bad_block_sectors.set(8);
    });
    let allow = |new| allow_data_offset(&sb, Sector(new), Some(Sectors(8)));
    assert!(allow(4096) && allow(2048) && allow(116));
    assert!(!allow(115), "on the bad-block log");
    let plain = changed(Version::V1_2, |_| ());
    let allow = |new| allow_data_offset(&plain, Sector(new), None);
    assert!(allow(80) && !allow(79), "36 KiB from the superblock");
    let bitmap = |len| allow_data_offset(&sb, Sector(200), Some(Sectors(len)));
    assert!(bitmap(184) && !bitmap(185), "on the bitmap");
    assert!(allow_data_offset(&changed(Version::V1_0, |_| ()), Sector(0), None));
    let old = SuperblockBuilder::new(Version::V0_90, Level::Raid1, 2).build();
    assert!(allow_data_offset(&old, Sector(0), None) && !allow_data_offset(&old, Sector(8), None));
}
