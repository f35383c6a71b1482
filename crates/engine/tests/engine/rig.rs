//! Arrays for tests: members filled from a byte model, a shard, and a driver that ends requests in
//! an order of its own and fails what it is told to.

use paritas_disk::region::{self, Memory, Notice};
use paritas_disk::{Disk, FaultKind, MemoryDisk, Pool};
use paritas_engine::{
    Actions, Array, Assembly, Config, Control, Home, HostRequest, HostWork, Limits, MemberStart,
    Reply, Shard,
};
use paritas_personality::{
    BufferId, Geometry, Intent, Plan, Presence, Raid0Default, SeatView, Shape, SlotView, Step,
    Term, View, personality,
};
use paritas_units::{Chunk, Descriptor, Level, Seat, Sector, SectorRange, Sectors, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where data begins on each member: not the same everywhere, as in real arrays.
const DATA_OFFSETS: [u64; 3] = [16, 24, 8];

/// A small, reproducible source of chance.
#[derive(Clone, Debug)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % limit
    }
}

/// A case: a level with what it is made from.
pub(crate) fn shape(level: Level, layout: u32, chunk: u32, slots: u16, component: u64) -> Shape {
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

/// Every personality, with layouts that differ in kind; small, but of several windows.
pub(crate) fn cases() -> Vec<Shape> {
    vec![
        Shape {
            data_sizes: vec![Sectors(1016), Sectors(2400), Sectors(800)],
            ..shape(Level::Linear, 0, 8, 3, 0)
        },
        Shape {
            data_sizes: vec![Sectors(512), Sectors(1024), Sectors(512)],
            ..shape(Level::Raid0, 0, 16, 3, 0)
        },
        shape(Level::Raid1, 0, 0, 3, 5000),
        shape(Level::Raid4, 0, 16, 4, 320),
        shape(Level::Raid5, 2, 16, 4, 320),
        shape(Level::Raid5, 0, 8, 3, 256),
        shape(Level::Raid6, 2, 16, 5, 320),
        shape(Level::Raid6, 8, 16, 4, 320),
        shape(Level::Raid10, 0x102, 16, 4, 512),
        shape(Level::Raid10, 0x201, 16, 3, 512),
        shape(Level::Raid10, 0x1_0201, 16, 3, 512),
        shape(Level::Raid10, 0x103, 16, 4, 512),
        shape(Level::Multipath, 0, 0, 2, 3000),
        shape(Level::Faulty, 0, 0, 1, 3000),
    ]
}

pub(crate) fn geometry(shape: &Shape) -> Arc<dyn Geometry> {
    let found = personality(shape.level).expect("every level has a personality");
    found.arrange(shape).unwrap_or_else(|error| panic!("{shape:?}: {error}"))
}

/// Bytes of the array: every sector differs from every other.
pub(crate) fn content(sectors: Sectors) -> Vec<u8> {
    let mut chance = Chance(sectors.0 + 7);
    let bytes = usize::try_from(sectors.0 * 512).expect("a small array");
    let mut all: Vec<u8> = (0..bytes).map(|_| chance.below(256).to_le_bytes()[0]).collect();
    for (number, sector) in all.chunks_mut(512).enumerate() {
        sector[..8].copy_from_slice(&number.to_le_bytes());
    }
    all
}

/// An array over memory disks.
pub(crate) struct Rig {
    pub(crate) geometry: Arc<dyn Geometry>,
    pub(crate) assembly: Assembly,
    pub(crate) disks: Vec<Arc<dyn Disk>>,
    pub(crate) content: Vec<u8>,
}

impl Rig {
    /// An array with all of its members.
    pub(crate) fn new(shape: &Shape) -> Self {
        Self::with_content(shape, content(geometry(shape).dimensions().array))
    }

    /// An array with all of its members, and this content.
    pub(crate) fn with_content(shape: &Shape, content: Vec<u8>) -> Self {
        let geometry = geometry(shape);
        let members = fill(geometry.as_ref(), &content);
        let (starts, disks) =
            members.iter().enumerate().map(|(slot, bytes)| start(slot, bytes)).unzip();
        let assembly = Assembly {
            name: "test".to_owned(),
            geometry: Arc::clone(&geometry),
            members: starts,
            resync_offset: Sector::MAX,
            is_read_only: true,
        };
        Self { geometry, assembly, disks, content }
    }

    /// The same array without the members of some slots.
    pub(crate) fn without(&self, lost: &[u16]) -> Self {
        let mut assembly = self.assembly.clone();
        let kept = |member: &MemberStart| !lost.contains(&member.slot.0);
        let disks = assembly.members.iter().zip(&self.disks).filter(|(member, _)| kept(member));
        let disks = disks.map(|(_, disk)| Arc::clone(disk)).collect();
        assembly.members.retain(kept);
        Self {
            geometry: Arc::clone(&self.geometry),
            assembly,
            disks,
            content: self.content.clone(),
        }
    }

    /// Overwrites sectors of a member's data.
    pub(crate) fn spoil(&self, member: usize, range: SectorRange) {
        let at = self.assembly.members[member].data_offset + Sectors(range.start.0);
        let bytes = vec![0xBB; usize::try_from(range.len.0 * 512).expect("small")];
        self.disks[member].write(at, &bytes, false).expect("memory disks do not fail");
    }

    pub(crate) fn array(&self, shards: u16) -> Array {
        let facts: Vec<_> = self.disks.iter().map(|disk| disk.facts().clone()).collect();
        Array::new(&self.assembly, &facts, shards).expect("the rig makes good assemblies")
    }

    pub(crate) fn expected(&self, range: SectorRange) -> &[u8] {
        let start = usize::try_from(range.start.0 * 512).expect("small");
        &self.content[start..start + usize::try_from(range.len.0 * 512).expect("small")]
    }
}

fn start(slot: usize, bytes: &[u8]) -> (MemberStart, Arc<dyn Disk>) {
    let data_offset = DATA_OFFSETS[slot % DATA_OFFSETS.len()];
    let mut all = vec![0xEE; usize::try_from(data_offset * 512).expect("small")];
    all.extend_from_slice(bytes);
    let name = format!("disk-{slot}.img");
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::from_bytes(&name, &all));
    let number = u16::try_from(slot).expect("small");
    let member = MemberStart {
        name,
        descriptor: Descriptor(number),
        slot: Slot(number),
        seat: Seat::Original,
        data_offset: Sector(data_offset),
        recovery_offset: Sector::MAX,
        is_write_mostly: false,
        bad_blocks: Vec::new(),
    };
    (member, disk)
}

/// The data of each member, by slot: copies where the geometry says so, then parity.
fn fill(geometry: &dyn Geometry, content: &[u8]) -> Vec<Vec<u8>> {
    let dimensions = geometry.dimensions();
    let len = |sectors: &Sectors| usize::try_from(sectors.0 * 512).expect("small");
    let mut members: Vec<Vec<u8>> =
        dimensions.used.iter().map(|used| vec![0xDD; len(used)]).collect();
    let mut spots = Vec::new();
    for (number, sector) in (0..).zip(content.chunks(512)) {
        geometry.locate(Sector(number), &mut spots);
        for spot in &spots {
            let at = usize::try_from(spot.at.0 * 512).expect("small");
            members[spot.slot.index()][at..at + 512].copy_from_slice(sector);
        }
    }
    if dimensions.level.has_parity() {
        let rows = dimensions.used[0].0 / 8;
        (0..rows).for_each(|row| fill_parity(geometry, Sector(row * 8), &mut members));
    }
    members
}

/// What each slot is in the 4 KiB row at `at`: learnt from plans with slots missing.
fn terms(geometry: &dyn Geometry, at: Sector) -> Vec<Term> {
    let slots = geometry.dimensions().slots;
    let data: Vec<Slot> =
        (0..slots).map(Slot).filter(|slot| geometry.array_sector(*slot, at).is_some()).collect();
    let mut terms = vec![Term::Q; usize::from(slots)];
    let mut plan = Plan::new();
    for (number, slot) in data.iter().enumerate() {
        // For P+Q a second block is missing too, so that both equations are used.
        let second = data[(number + 1) % data.len()];
        let missing =
            if slots - u16::try_from(data.len()).expect("few") == 2 { second } else { *slot };
        let seat = |number| {
            let is_missing = Slot(number) == *slot || Slot(number) == missing;
            let presence = if is_missing { Presence::Absent } else { Presence::InSync };
            SlotView {
                original: SeatView { presence, ..SeatView::default() },
                ..SlotView::default()
            }
        };
        let view: Vec<SlotView<'_>> = (0..slots).map(seat).collect();
        let view = View { slots: &view, resync_offset: Sector::MAX };
        let range = geometry.array_sector(*slot, at).expect("a data block").range(Sectors(8));
        geometry.plan(&Intent::Read(range), &view, &mut plan).expect("one loss is survived");
        learn(&plan, *slot, &mut terms);
    }
    terms
}

fn learn(plan: &Plan, lost: Slot, terms: &mut [Term]) {
    let sources: Vec<_> = plan
        .steps()
        .iter()
        .filter_map(|step| match step {
            Step::Read { from, into, .. } => Some((into.buffer, into.byte, from.slot)),
            _ => None,
        })
        .collect();
    for step in plan.steps() {
        let Step::Solve { inputs, outputs, first, .. } = *step else { continue };
        for part in plan.parts(first, inputs) {
            let source = sources
                .iter()
                .find(|(buffer, byte, _)| (*buffer, *byte) == (part.place.buffer, part.place.byte));
            terms[source.expect("inputs are read").2.index()] = part.term;
        }
        for part in plan.parts(first + u32::from(inputs), outputs) {
            if part.place.buffer == BufferId::HOST {
                terms[lost.index()] = part.term;
            }
        }
    }
}

fn fill_parity(geometry: &dyn Geometry, at: Sector, members: &mut [Vec<u8>]) {
    let terms = terms(geometry, at);
    let start = usize::try_from(at.0 * 512).expect("small");
    for byte in start..start + 4096 {
        let (mut p, mut q) = (0, 0);
        for (term, member) in terms.iter().zip(members.iter()) {
            if let Term::Data(exponent) = term {
                p ^= member[byte];
                q ^= times_power_of_two(member[byte], *exponent);
            }
        }
        for (term, member) in terms.iter().zip(members.iter_mut()) {
            match term {
                Term::P => member[byte] = p,
                Term::Q => member[byte] = q,
                Term::Data(_) => {}
            }
        }
    }
}

/// `value` times 2 to the `exponent` in md's field, bit by bit.
fn times_power_of_two(value: u8, exponent: u8) -> u8 {
    (0..exponent).fold(value, |value, _| {
        let carry = if value & 0x80 == 0 { 0 } else { 0x1D };
        (value << 1) ^ carry
    })
}

/// How requests to members end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Component sectors that cannot be read, by member.
    pub(crate) bad: BTreeSet<(u16, u64)>,
    /// Members that are gone.
    pub(crate) gone: BTreeSet<u16>,
    /// The number of the request (from 0) that fails, whatever it is.
    pub(crate) fail_nth: Option<u64>,
    /// Requests so far.
    pub(crate) count: u64,
    /// Requests that failed.
    pub(crate) failed: u64,
    /// Requests so far, by member.
    pub(crate) by_member: BTreeMap<u16, u64>,
    /// The longest request that succeeds; longer ones fail though each sector is good.
    pub(crate) longest: Option<u64>,
}

impl Faults {
    fn judge(&mut self, rig: &Rig, request: &region::Request) -> Option<FaultKind> {
        let number = self.count;
        self.count += 1;
        let [region] = request.regions.as_slice() else { panic!("reads are of one region") };
        let data_offset = rig.assembly.members[usize::from(region.disk.0)].data_offset.0;
        let start = region.at.0 - data_offset;
        let is_bad = (start..start + region.count.0)
            .any(|sector| self.bad.contains(&(region.disk.0, sector)));
        *self.by_member.entry(region.disk.0).or_default() += 1;
        if self.gone.contains(&region.disk.0) {
            self.failed += 1;
            return Some(FaultKind::Gone);
        }
        let is_long = self.longest.is_some_and(|longest| region.count.0 > longest);
        let fails = is_bad || is_long || self.fail_nth == Some(number);
        self.failed += u64::from(fails);
        fails.then_some(FaultKind::Io)
    }
}

/// Shards of an array, stepped by hand.
pub(crate) struct Stepper<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) array: Array,
    pub(crate) shards: Vec<Shard>,
    pub(crate) home: Home,
    pub(crate) pool: Pool,
    pub(crate) faults: Faults,
    pub(crate) chance: Chance,
    /// Requests to members that have not ended, each with its shard.
    pub(crate) pending: Vec<(usize, region::Request)>,
    /// The longest that list has been.
    pub(crate) most_pending: usize,
    pub(crate) replies: Vec<Reply>,
    actions: Actions,
}

impl<'a> Stepper<'a> {
    pub(crate) fn new(rig: &'a Rig, shards: u16) -> Self {
        let array = rig.array(shards);
        let limits = Limits::new(&Config::default(), array.dimensions());
        Self::with_limits(rig, shards, &limits)
    }

    pub(crate) fn with_limits(rig: &'a Rig, shards: u16, limits: &Limits) -> Self {
        let array = rig.array(shards);
        Self {
            rig,
            shards: (0..shards).map(|number| array.shard(number, limits)).collect(),
            home: Home::new(array.sharding(), 4096),
            array,
            pool: Pool::new(64 << 20),
            faults: Faults::default(),
            chance: Chance(1),
            pending: Vec::new(),
            most_pending: 0,
            replies: Vec::new(),
            actions: Actions::default(),
        }
    }

    pub(crate) fn submit(&mut self, cookie: u64, range: SectorRange) {
        let bytes = usize::try_from(range.len.0 * 512).expect("small");
        let mut buffer = self.pool.take(bytes).expect("tests keep within the pool");
        buffer.bytes_mut().fill(0xAA);
        let request = HostRequest { cookie, work: HostWork::Read(range), buffer: Some(buffer) };
        let mut parts = Vec::new();
        self.home.take(0, request, &mut parts).expect("tests keep within the home");
        for (shard, part) in parts {
            self.shards[usize::from(shard)].submit(0, part).expect("tests keep within the queue");
        }
        self.act();
    }

    /// Asks for a read that need not be taken; gives it back if it is not.
    pub(crate) fn try_submit(&mut self, cookie: u64, range: SectorRange) -> Result<(), ()> {
        let bytes = usize::try_from(range.len.0 * 512).expect("small");
        let buffer = Some(self.pool.take(bytes).expect("tests keep within the pool"));
        let request = HostRequest { cookie, work: HostWork::Read(range), buffer };
        let mut parts = Vec::new();
        self.home.take(0, request, &mut parts).expect("tests keep within the home");
        let (shard, part) = parts.pop().expect("one part");
        assert!(parts.is_empty(), "this is for arrays of one shard");
        let refused = self.shards[usize::from(shard)].submit(0, part).err();
        self.act();
        let Some(HostRequest { cookie, buffer, .. }) = refused else { return Ok(()) };
        // Strike it from the home's books.
        self.home.returned(Reply { cookie, result: Ok(()), buffer });
        Err(())
    }

    /// Checks the replies that have come against what was wanted, by cookie.
    pub(crate) fn check_replies(&mut self, wanted: &[SectorRange]) {
        assert_eq!(self.replies.len(), wanted.len(), "each request is answered once");
        for reply in std::mem::take(&mut self.replies) {
            let range = wanted[usize::try_from(reply.cookie).expect("small")];
            reply.result.unwrap_or_else(|error| panic!("{range}: {error}"));
            let buffer = reply.buffer.expect("the buffer comes back");
            assert!(buffer.bytes() == self.rig.expected(range), "wrong bytes at {range}");
        }
    }

    /// Performs what the shards want, but for ending requests to members.
    pub(crate) fn act(&mut self) {
        for number in 0..self.shards.len() {
            self.shards[number].take_actions(&mut self.actions);
            for request in self.actions.requests.drain(..) {
                self.pending.push((number, request));
            }
            for (_, reply) in self.actions.replies.drain(..) {
                if let Some((_, reply)) = self.home.returned(reply) {
                    self.replies.push(reply);
                }
            }
            let reports = std::mem::take(&mut self.actions.reports);
            for report in reports {
                if let Some(Control::Adopt(map)) = self.array.report(&report) {
                    self.shards
                        .iter_mut()
                        .for_each(|shard| shard.control(Control::Adopt(Arc::clone(&map))));
                }
            }
        }
        self.most_pending = self.most_pending.max(self.pending.len());
    }

    /// Ends one request to a member, chosen by chance.
    pub(crate) fn end_one(&mut self) {
        let count = u64::try_from(self.pending.len()).expect("few");
        let chosen = usize::try_from(self.chance.below(count)).expect("few");
        let (shard, request) = self.pending.swap_remove(chosen);
        let tag = request.tag;
        let fault = self.faults.judge(self.rig, &request);
        let memory = match fault {
            None => region::perform(&self.rig.disks, request).expect("memory disks do not fail"),
            Some(_) => spoilt(request.memory),
        };
        let mut errors = region::ErrorBits::default();
        if fault.is_some() {
            errors.set(0);
        }
        self.shards[shard].complete(Notice { tag, errors, fault, memory });
        self.act();
    }

    pub(crate) fn finish(&mut self) {
        let mut steps = 0;
        while !self.pending.is_empty() {
            self.end_one();
            steps += 1;
            assert!(steps < 1_000_000, "the rounds do not end");
        }
        assert!(self.shards.iter().all(Shard::is_idle), "everything was answered");
        let stats = self.pool.stats();
        assert!(stats.classes.iter().all(|class| class.lost == 0), "no loan was forgotten");
    }

    /// Reads one range and gives the reply.
    pub(crate) fn read(&mut self, range: SectorRange) -> Reply {
        self.submit(1, range);
        self.finish();
        self.replies.pop().expect("every request is answered")
    }

    /// Reads one range, which must give the right bytes.
    pub(crate) fn check(&mut self, range: SectorRange) {
        let reply = self.read(range);
        reply.result.as_ref().unwrap_or_else(|error| panic!("{range}: {error}"));
        let buffer = reply.buffer.expect("the buffer comes back");
        assert!(buffer.bytes() == self.rig.expected(range), "wrong bytes at {range}");
    }
}

/// Memory after a read that failed: anything may be in it.
fn spoilt(memory: Memory) -> Memory {
    match memory {
        Memory::Contiguous(mut loan) => {
            loan.bytes_mut().fill(0x99);
            Memory::Contiguous(loan)
        }
        other => other,
    }
}

/// Ranges that begin and end at chunk borders and beside them, small and long.
pub(crate) fn ranges(array: Sectors, chunk: u64, chance: &mut Chance) -> Vec<SectorRange> {
    let mut ranges = Vec::new();
    for _ in 0..12 {
        let start = chance.below(array.0);
        let len = 1 + chance.below((array.0 - start).min(2048));
        ranges.push(SectorRange::new(start, len));
        let start = (start / chunk.max(8)) * chunk.max(8);
        ranges.push(SectorRange::new(start, chunk.max(8).min(array.0 - start)));
    }
    ranges.push(SectorRange::new(0, array.0.min(2048)));
    ranges.push(SectorRange::new(array.0 - 1, 1));
    ranges
}
