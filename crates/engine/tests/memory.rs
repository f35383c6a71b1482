//! What the engine allocates: nothing while it reads, and as much for a PiB as for a GiB.
//!
//! A binary of its own with one test, since the allocator that counts is the program's.

use paritas_disk::region::{ClientId, Clients, Notice};
use paritas_disk::{Disk, Facts, Inline, MemoryDisk, NullDisk, Pool, Wait};
use paritas_engine::{
    Actions, Array, Assembly, Config, HostRequest, HostWork, Limits, MemberStart, Shard,
};
use paritas_personality::{Raid0Default, Shape, personality};
use paritas_units::{Chunk, Descriptor, Level, Seat, Sector, SectorRange, Sectors, Slot};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// A shard with its driver, as a thread has them.
struct Engine {
    shard: Shard,
    members: Clients,
    client: ClientId,
    pool: Pool,
    actions: Actions,
    notices: Vec<Notice>,
    seed: u64,
}

impl Engine {
    fn new(shape: &Shape, lost: &[u16], disk: &dyn Fn(Sectors) -> Arc<dyn Disk>) -> Self {
        let found = personality(shape.level).expect("every level has one");
        let geometry = found.arrange(shape).expect("a good shape");
        let kept = (0..shape.slots).filter(|slot| !lost.contains(slot));
        let members: Vec<_> = kept.map(member).collect();
        let used = &geometry.dimensions().used;
        let disks: Vec<_> = members.iter().map(|member| disk(used[member.slot.index()])).collect();
        let facts: Vec<Facts> = disks.iter().map(|disk| disk.facts().clone()).collect();
        let assembly = Assembly {
            name: "test".to_owned(),
            geometry,
            members,
            spares: Vec::new(),
            resync_offset: Sector::MAX,
            access: paritas_engine::Access::ReadOnly,
        };
        let array = Array::new(&assembly, &facts, 1).expect("a good assembly");
        let limits = Limits::new(&Config::default(), array.dimensions());
        let mut clients = Clients::new(Box::new(Inline::new()));
        let client = clients.add(256);
        for disk in disks {
            clients.attach(disk);
        }
        Self {
            shard: array.shard(0, &limits),
            members: clients,
            client,
            pool: Pool::new(64 << 20),
            actions: Actions::default(),
            notices: Vec::new(),
            seed: 1,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        (self.seed >> 20) % limit
    }

    /// Reads `count` times `sectors` sectors anywhere in the array, `depth` at a time.
    fn read(&mut self, array: Sectors, sectors: u64, depth: u64, count: u64) {
        for _ in 0..count / depth {
            for cookie in 0..depth {
                let range = SectorRange::new(self.below(array.0 - sectors), sectors);
                let bytes = usize::try_from(sectors * 512).expect("small");
                let buffer = Some(self.pool.take(bytes).expect("the depth is small"));
                let request = HostRequest { cookie, work: HostWork::Read(range), buffer };
                assert!(self.shard.submit(0, request).is_ok(), "the queue is longer than this");
            }
            let mut answered = 0;
            while answered < depth {
                answered += self.turn();
            }
        }
    }

    /// Performs what the shard wants; gives the number of replies.
    fn turn(&mut self) -> u64 {
        self.shard.take_actions(&mut self.actions);
        for request in self.actions.requests.drain(..) {
            assert!(self.members.start(self.client, request).is_ok(), "a good request");
        }
        self.actions.reports.clear();
        let mut replies = 0;
        for (_, reply) in self.actions.replies.drain(..) {
            assert_eq!(reply.result, Ok(()));
            replies += 1;
        }
        self.members.poll(Wait::No, &mut self.notices);
        for notice in self.notices.drain(..) {
            self.shard.complete(notice);
        }
        replies
    }
}

fn member(number: u16) -> MemberStart {
    MemberStart {
        name: format!("disk-{number}.img"),
        descriptor: Descriptor(number),
        slot: Slot(number),
        seat: Seat::Original,
        data_offset: Sector(0),
        recovery_offset: Sector::MAX,
        is_write_mostly: false,
        bad_blocks: Vec::new(),
        superblock: None,
    }
}

fn shape(level: Level, layout: u32, chunk: u32, slots: u16, component: u64) -> Shape {
    Shape {
        level,
        layout,
        chunk: Chunk(chunk),
        slots,
        component: Sectors(component),
        data_sizes: vec![Sectors(component); usize::from(slots)],
        raid0_default: Raid0Default::Alternate,
    }
}

fn null(sectors: Sectors) -> Arc<dyn Disk> {
    Arc::new(NullDisk::new("null".to_owned(), sectors))
}

fn sparse(sectors: Sectors) -> Arc<dyn Disk> {
    Arc::new(MemoryDisk::new("sparse", sectors))
}

/// Blocks that are allocated by 20 000 reads, when more at once have been made before: each place
/// in the tables keeps what its first user has allocated.
fn steady(shape: &Shape, sectors: u64, array: Sectors) -> u64 {
    let mut engine = Engine::new(shape, &[], &null);
    engine.read(array, sectors, 48, 4800);
    let before = dhat::HeapStats::get().total_blocks;
    engine.read(array, sectors, 32, 20_000);
    dhat::HeapStats::get().total_blocks - before
}

/// Bytes at the peak of reading a raid6 of `component` sectors per member with two lost.
fn peak(component: u64, lost: &[u16]) -> usize {
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut engine = Engine::new(&shape(Level::Raid6, 2, 1024, 6, component), lost, &sparse);
    for sectors in [1, 8, 200, 2048] {
        engine.read(Sectors(component * 4), sectors, 4, 200);
    }
    dhat::HeapStats::get().max_bytes
}

#[test]
fn reading_allocates_nothing_and_memory_does_not_grow_with_the_array() {
    let profiler = dhat::Profiler::builder().testing().build();
    for (level, array) in [(Level::Raid0, 4 << 20), (Level::Raid1, 1 << 20)] {
        let chunk = if level == Level::Raid0 { 128 } else { 0 };
        let shape = shape(level, 0, chunk, 4, 1 << 20);
        for sectors in [8, 256] {
            let blocks = steady(&shape, sectors, Sectors(array));
            assert_eq!(blocks, 0, "{level}: reads of {sectors} sectors allocate");
        }
    }
    drop(profiler);
    for lost in [&[][..], &[1, 4]] {
        // 1 GiB and 1 PiB of data on four of six members.
        let (small, large) = (peak(1 << 19, lost), peak(1 << 39, lost));
        assert!(small < 128 << 20, "{small} bytes, but 128 MiB is the default");
        let difference = small.abs_diff(large);
        assert!(difference < small / 100, "{small} bytes for a GiB, {large} for a PiB");
    }
}
