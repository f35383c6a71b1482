//! The memory of a hosted array is what was configured, whatever the size of the array.
//!
//! A binary of its own with one test, since the allocator that counts is the program's.

use paritas_disk::{Disk, MemoryDisk};
use paritas_engine::{Assembly, Config, Drive, HostRequest, HostWork, MemberStart};
use paritas_personality::{Raid0Default, Shape, personality};
use paritas_runtime::Hosted;
use paritas_units::{Chunk, Descriptor, Level, Seat, Sector, SectorRange, Sectors, Slot};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SLOTS: u16 = 6;
/// What may come on top of the configured memory for each shard and for the handle: tables,
/// plans, and the alignment of each pool to huge pages.
const TABLES: usize = 5 << 20;

/// A raid6 without its first two members.
fn assembly(component: u64) -> Assembly {
    let shape = Shape {
        level: Level::Raid6,
        layout: 2,
        chunk: Chunk(1024),
        slots: SLOTS,
        component: Sectors(component),
        data_sizes: Vec::new(),
        raid0_default: Raid0Default::Refuse,
    };
    let geometry = personality(Level::Raid6).expect("it is there").arrange(&shape);
    let member = |number| MemberStart {
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
        geometry: geometry.expect("a good shape"),
        members: (2..SLOTS).map(member).collect(),
        spares: Vec::new(),
        resync_offset: Sector::MAX,
        access: paritas_engine::Access::ReadOnly,
    }
}

/// Bytes at the peak of reading an array of `component` sectors per member.
fn peak(component: u64, config: &Config) -> usize {
    let _profiler = dhat::Profiler::builder().testing().build();
    let disks = (2..SLOTS)
        .map(|_| -> Arc<dyn Disk> { Arc::new(MemoryDisk::new("sparse", Sectors(component))) });
    let mut hosted = Hosted::start(&assembly(component), disks.collect(), config).expect("starts");
    let (pool, array) = (hosted.pool(), component * 4);
    let mut replies = Vec::new();
    for number in 0..400_u64 {
        let sectors = [1, 64, 2048][usize::try_from(number % 3).expect("small")];
        let start = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (array - sectors);
        let bytes = usize::try_from(sectors * 512).expect("small");
        let buffer = loop {
            if let Ok(buffer) = pool.take(bytes) {
                break buffer;
            }
            hosted.wait(&mut replies);
            replies.drain(..).for_each(|reply| assert_eq!(reply.result, Ok(())));
        };
        let work = HostWork::Read(SectorRange::new(start, sectors));
        hosted.submit(HostRequest { cookie: number, work, buffer: Some(buffer) });
    }
    hosted.stop();
    dhat::HeapStats::get().max_bytes
}

#[test]
fn a_hosted_array_keeps_to_its_memory_at_a_gib_and_at_a_pib() {
    for config in [Config::default(), Config { shards: 3, pool_bytes: 64 << 20 }] {
        for component in [1 << 19, 1 << 39] {
            let bytes = peak(component, &config);
            let most = config.pool_bytes + TABLES * (1 + usize::from(config.shards));
            assert!(bytes <= most, "{bytes} bytes for {component} sectors per member: {config:?}");
        }
    }
}
