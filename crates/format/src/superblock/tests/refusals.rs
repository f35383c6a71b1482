//! One negative test for each rule by which a driver refuses a superblock.

use super::{DEVICE, built};
use crate::build::SuperblockBuilder;
use crate::superblock::{
    Disagreement, FeatureMap, Header1, ReadOnlyReason, Refusal, Superblock, V1, V090, Version,
};
use paritas_units::{Chunk, Descriptor, Level, Sector, Sectors};

/// What is refused of a 1.2 superblock changed by `change` and sealed.
fn refused(change: impl FnOnce(&mut Header1)) -> Vec<Refusal> {
    changed(change).faults(Some(DEVICE))
}

fn changed(change: impl FnOnce(&mut Header1)) -> V1 {
    let Superblock::V1(mut sb) = built(Version::V1_2) else { panic!("not 1.x") };
    change(sb.header_mut());
    sb.seal();
    sb
}

fn changed_090(change: impl FnOnce(&mut V090)) -> V090 {
    let Superblock::V090(mut sb) = built(Version::V0_90) else { panic!("not 0.90") };
    change(&mut sb);
    sb.seal();
    sb
}

#[test]
fn d10_each_rule_of_1x_refuses() {
    let features = |map: FeatureMap| refused(|h| h.feature_map.set(map.0));
    assert_eq!(
        refused(|h| h.super_offset.set(16)),
        [Refusal::SuperOffset { stored: Sector(16), read_at: Sector(8) }]
    );
    assert_eq!(refused(|h| h.max_roles.set(1921)), [Refusal::RoleTable(1921)]);
    assert_eq!(
        refused(|h| h.dev_number.set(1920)),
        [Refusal::DeviceNumber { found: 1920, limit: 1920 }]
    );
    assert_eq!(refused(|h| h.data_size.set(9)), [Refusal::DataSize(Sectors(9))]);
    assert_eq!(
        refused(|h| h.data_offset.set(8)),
        [
            Refusal::DataOffset { data_offset: Sector(8), least: Sector(9) },
            Refusal::NewDataOffset { data_offset: Sector(8), by: 0, least: Sector(9) }
        ]
    );
    assert_eq!(
        refused(|h| {
            h.feature_map.set((FeatureMap::RESHAPE_ACTIVE | FeatureMap::NEW_OFFSET).0);
            h.new_offset.set(-2040);
        }),
        [Refusal::NewDataOffset { data_offset: Sector(2048), by: -2040, least: Sector(9) }]
    );
    assert_eq!(refused(|h| h.bad_block_sectors.set(9)), [Refusal::BadBlockSize(9)]);
    assert_eq!(features(FeatureMap::BAD_BLOCKS), [Refusal::BadBlockOffset]);
    assert_eq!(
        refused(|h| {
            h.feature_map.set(FeatureMap::BAD_BLOCKS.0);
            h.bad_block_offset.set(16);
            h.bad_block_shift = 64;
        }),
        [Refusal::BadBlockShift(64)]
    );
    assert_eq!(features(FeatureMap::RAID0_LAYOUT), [Refusal::Raid0Layout(5)]);
    let both = FeatureMap::PPL | FeatureMap::MULTIPLE_PPLS;
    assert_eq!(features(both), [Refusal::Exclusive(both)]);
    for other in [FeatureMap::BITMAP_OFFSET, FeatureMap::JOURNAL] {
        assert_eq!(
            features(other | FeatureMap::PPL),
            [Refusal::Exclusive(other | FeatureMap::PPL)]
        );
    }
    assert_eq!(features(FeatureMap::CLUSTERED), [Refusal::Clustered]);
    assert_eq!(
        refused(|h| h.data_size.set(129_025)),
        [Refusal::DeviceTooSmall { needs: Sectors(129_025), has: Sectors(129_024) }]
    );
    let mut bytes = built(Version::V1_2).encode();
    bytes[168] ^= 1;
    let sb = Superblock::decode(&bytes, built(Version::V1_2).place()).unwrap();
    assert!(matches!(sb.faults(None)[..], [Refusal::Checksum { .. }]));
}

#[test]
fn d10_what_1_0_uses_ends_at_its_superblock() {
    let Superblock::V1(mut sb) = built(Version::V1_0) else { panic!("not 1.x") };
    sb.header_mut().data_size.set(131_057);
    sb.seal();
    assert_eq!(
        sb.faults(Some(DEVICE)),
        [Refusal::DeviceTooSmall { needs: Sectors(131_057), has: Sectors(131_056) }]
    );
    assert_eq!(sb.faults(None), []);
}

#[test]
fn d09_each_rule_of_0_90_refuses() {
    let refused = |change: fn(&mut V090)| changed_090(change).faults(Some(DEVICE));
    assert_eq!(refused(|sb| sb.header_mut().minor_version.set(92)), [Refusal::MinorVersion(92)]);
    assert_eq!(refused(|sb| sb.header_mut().minor_version.set(91)), []);
    assert_eq!(refused(|sb| sb.header_mut().raid_disks.set(0)), [Refusal::RaidDisks(0)]);
    assert_eq!(
        refused(|sb| sb.this_disk_mut().number.set(27)),
        [Refusal::DeviceNumber { found: 27, limit: 27 }]
    );
    assert_eq!(
        refused(|sb| sb.header_mut().size.set(65_473)),
        [Refusal::DeviceTooSmall { needs: Sectors(130_946), has: Sectors(130_944) }]
    );
    let mut sb = changed_090(|_| ());
    sb.header_mut().events.set(18);
    assert!(matches!(sb.faults(None)[..], [Refusal::Checksum { .. }]));
}

#[test]
fn d09_a_folded_checksum_is_as_good() {
    let mut sb = changed_090(|_| ());
    let folded = crate::checksum::fold(sb.header().checksum.get());
    sb.header_mut().checksum.set(folded);
    assert_eq!(sb.faults(None), []);
}

#[test]
fn what_is_newer_than_we_are_is_only_read() {
    let only = |change: fn(&mut Header1)| changed(change).why_read_only();
    assert_eq!(
        only(|h| h.feature_map.set(0x8000_2001)),
        [ReadOnlyReason::UnknownFeatures(FeatureMap(0x8000_2000))]
    );
    assert_eq!(only(|h| h.pad0.set(0x700)), [ReadOnlyReason::Padding { at: 13, value: 7 }]);
    assert_eq!(only(|h| h.pad3[27] = 1), [ReadOnlyReason::Padding { at: 255, value: 1 }]);
    assert_eq!(only(|h| h.logical_block_size.set(768)), [ReadOnlyReason::LogicalBlockSize(768)]);
    assert_eq!(only(|h| h.logical_block_size.set(131_072)).len(), 1);
    for block in [0, 512, 4096, 65_536] {
        assert_eq!(changed(|h| h.logical_block_size.set(block)).why_read_only(), []);
    }
    assert_eq!(changed(|h| h.feature_map.set(0x8000_2001)).faults(None), []);
}

#[test]
fn members_of_one_array_agree() {
    let builder = SuperblockBuilder::new(Version::V1_2, Level::Raid5, 3);
    let array = builder.build();
    let against = |change: fn(&mut SuperblockBuilder)| {
        let mut builder = builder.clone();
        change(&mut builder);
        builder.build().disagreement(&array)
    };
    assert_eq!(against(|b| b.descriptor = Descriptor(1)), None);
    assert_eq!(against(|b| b.layout = 3), Some(Disagreement::Layout(3, 2)));
    assert_eq!(against(|b| b.chunk = Chunk(8)), Some(Disagreement::Chunk(Chunk(8), Chunk(128))));
    assert_eq!(against(|b| b.level = Level::Raid4), Some(Disagreement::Level(4, 5)));
    assert!(matches!(against(|b| b.uuid.0[0] = 9), Some(Disagreement::Uuid(..))));
    assert!(matches!(against(|b| b.version = Version::V1_1), Some(Disagreement::Format(..))));
}

#[test]
fn d09_the_first_words_of_0_90_agree() {
    let array = Superblock::V090(changed_090(|_| ()));
    let against =
        |change: fn(&mut V090)| Superblock::V090(changed_090(change)).disagreement(&array);
    assert_eq!(against(|sb| sb.header_mut().nr_disks.set(9)), None);
    assert_eq!(against(|sb| sb.header_mut().utime.set(9)), None);
    let ctime = against(|sb| sb.header_mut().ctime.set(9));
    assert_eq!(ctime, Some(Disagreement::Constant { at: 24 }));
}

#[test]
fn resync_offset_of_0_90_follows_state_and_checkpoint() {
    let offset = |state: u32, checkpoint_events: u64| {
        let sb = changed_090(|sb| {
            let header = sb.header_mut();
            header.state.set(state);
            header.checkpoint_events.set(checkpoint_events);
            header.checkpoint.set(4711);
        });
        Superblock::V090(sb).resync_offset()
    };
    assert_eq!(offset(1, 0), Sector::MAX);
    assert_eq!(offset(0, 17), Sector(4711));
    assert_eq!(offset(0, 16), Sector::ZERO);
}
