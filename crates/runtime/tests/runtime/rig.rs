//! Arrays on memory disks for the tests of the runtime.

use paritas_disk::{Disk, MemoryDisk};
use paritas_engine::{Assembly, Config, MemberStart};
use paritas_personality::{Raid0Default, Shape, personality};
use paritas_runtime::Hosted;
use paritas_units::{Chunk, Descriptor, Level, Seat, Sector, Sectors, Slot};
use std::sync::Arc;

/// Bytes in which no two sectors are alike.
pub(crate) fn content(sectors: u64) -> Vec<u8> {
    (0..sectors)
        .flat_map(|number| {
            let mut sector = [u8::try_from(number % 251).expect("small"); 512];
            sector[..8].copy_from_slice(&number.to_le_bytes());
            sector
        })
        .collect()
}

/// A level without parity over `members`, each of `sectors` sectors.
pub(crate) fn assembly(level: Level, members: u16, sectors: u64) -> Assembly {
    let shape = Shape {
        level,
        layout: 0,
        chunk: Chunk(if level == Level::Raid1 { 0 } else { 128 }),
        slots: members,
        component: Sectors(sectors),
        data_sizes: vec![Sectors(sectors); usize::from(members)],
        raid0_default: Raid0Default::Alternate,
    };
    let found = personality(level).expect("every level has one");
    let start = |number| MemberStart {
        name: format!("disk-{number}.img"),
        descriptor: Descriptor(number),
        slot: Slot(number),
        seat: Seat::Original,
        data_offset: Sector(0),
        recovery_offset: Sector::MAX,
        is_write_mostly: false,
        bad_blocks: Vec::new(),
        superblock: None,
    };
    Assembly {
        name: "test".to_owned(),
        geometry: found.arrange(&shape).expect("a good shape"),
        members: (0..members).map(start).collect(),
        spares: Vec::new(),
        resync_offset: Sector::MAX,
        access: paritas_engine::Access::ReadOnly,
    }
}

/// A mirror of two members with `content`, over `shards` shards.
pub(crate) fn mirror(content: &[u8], shards: u16) -> Hosted {
    mirror_with(content, &Config { shards, pool_bytes: 32 << 20 })
}

/// As [`mirror`], with bounds of the caller's choice.
pub(crate) fn mirror_with(content: &[u8], config: &Config) -> Hosted {
    let sectors = u64::try_from(content.len()).expect("small") / 512;
    let disk = |name: &str| -> Arc<dyn Disk> { Arc::new(MemoryDisk::from_bytes(name, content)) };
    let assembly = assembly(Level::Raid1, 2, sectors);
    Hosted::start(&assembly, vec![disk("a"), disk("b")], config).expect("it starts")
}
