//! The JSON, and texts that need no mdadm to compare with.

use super::{JSON_VERSION, examine};
use paritas_disk::{Disk, MemoryDisk};
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{ByteOrder, FeatureMap, Role, Superblock, Version};
use paritas_units::{Level, Sector, Sectors};
use serde_json::{Value, json};

fn json_of(sb: &Superblock) -> Value {
    let disk = MemoryDisk::new("member", Sectors(131_072));
    disk.write(sb.place().at, &sb.encode(), false).unwrap();
    serde_json::to_value(examine(&disk, "member").unwrap().json()).unwrap()
}

#[test]
fn json_says_all_that_a_plain_superblock_says() {
    let json = json_of(&SuperblockBuilder::new(Version::V1_2, Level::Raid5, 3).build());
    let superblock = json!({
        "metadata": "1.2", "is_byte_swapped": false,
        "array_uuid": "01234567:89abcdef:fedcba98:76543210",
        "device_uuid": "d0d0d0d0:d0d0d0d0:d0d0d0d0:d0d0d0d0",
        "name": "any:0", "level": 5, "level_name": "raid5", "layout": 2, "chunk": 128,
        "raid_disks": 3, "component_size": 122_880, "data_offset": 2048, "data_size": 129_024,
        "super_offset": 8, "device_sectors": 131_072, "events": 17,
        "creation_time": 1_700_000_000, "update_time": 1_700_000_060, "is_clean": true,
        "descriptor": 0, "role": "active", "slot": 0, "array_state": "AAA",
        "is_write_mostly": false, "is_fail_fast": false, "feature_map": 0,
        "has_bad_blocks": false, "has_journal": false, "corrected_reads": 0,
        "faults": [], "read_only": [], "other_superblocks": 0,
    });
    let expected = json!({ "version": JSON_VERSION, "member": "member", "superblock": superblock });
    assert_eq!(json, expected);
}

#[test]
fn json_says_what_else_there_is() {
    let mut builder = SuperblockBuilder::new(Version::V1_1, Level::Raid10, 4);
    builder.roles = vec![Role::Slot(paritas_units::Slot(0)), Role::Faulty];
    builder.resync_offset = Sector(0);
    let Superblock::V1(mut sb) = builder.build() else { panic!("not 1.x") };
    let header = sb.header_mut();
    let features = FeatureMap::RESHAPE_ACTIVE
        | FeatureMap::NEW_OFFSET
        | FeatureMap::RECOVERY_OFFSET
        | FeatureMap::BITMAP_OFFSET
        | FeatureMap::BAD_BLOCKS;
    header.feature_map.set(features.0 | 0x4000);
    header.bitmap_offset.set(-16);
    header.bad_block_offset.set(24);
    header.bad_block_sectors.set(8);
    header.recovery_offset.set(99);
    header.new_offset.set(-32);
    header.delta_disks.set(-1);
    header.new_chunk.set(8);
    sb.seal();
    let json = &json_of(&Superblock::V1(sb))["superblock"];
    assert_eq!((&json["is_clean"], &json["resync_offset"]), (&json!(false), &json!(0)));
    assert_eq!((&json["recovery_offset"], &json["array_state"]), (&json!(99), &json!("A...")));
    assert_eq!(json["bitmap"], json!({ "offset": -16 }));
    assert_eq!(json["bad_block_log"], json!({ "offset": 24, "sectors": 8 }));
    let reshape = json!({
        "position": 0, "delta_disks": -1, "new_level": 0, "new_layout": 0, "new_chunk": 8,
        "new_offset": -32, "is_backwards": true,
    });
    assert_eq!(json["reshape"], reshape);
    assert_eq!(json["read_only"], json!(["unknown features 0x4000"]));
}

#[test]
fn json_says_why_a_member_is_refused() {
    let mut builder = SuperblockBuilder::new(Version::V0_90, Level::Raid1, 2);
    builder.order = ByteOrder::Big;
    let Superblock::V090(mut sb) = builder.build() else { panic!("not 0.90") };
    sb.header_mut().checksum.set(7);
    let json = &json_of(&Superblock::V090(sb))["superblock"];
    assert_eq!(json["is_byte_swapped"], true);
    assert_eq!(json["faults"].as_array().map(Vec::len), Some(1));
    assert!(json["faults"][0].as_str().unwrap().starts_with("the checksum is 0x00000007"));
    assert_eq!((&json["device_uuid"], &json["name"]), (&Value::Null, &Value::Null));
}

#[test]
fn display_is_the_text_in_utc() {
    let sb = SuperblockBuilder::new(Version::V1_2, Level::Raid5, 3).build();
    let disk = MemoryDisk::new("member", Sectors(131_072));
    disk.write(sb.place().at, &sb.encode(), false).unwrap();
    let text = examine(&disk, "member").unwrap().to_string();
    assert!(text.starts_with("member:\n          Magic : a92b4efc\n"), "{text}");
    assert!(text.contains("  Creation Time : Tue Nov 14 22:13:20 2023\n"), "{text}");
}
