//! Arrays for tests: members filled from a byte model.

use paritas_disk::{Disk, MemoryDisk, Span};
use paritas_engine::{Array, Assembly, MemberStart, SpareStart};
use paritas_format::Superblock;
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{Place, Role, Version};
use paritas_personality::{
    BufferId, Geometry, Intent, Plan, Presence, Raid0Default, SeatView, Shape, SlotView, Step,
    Term, View, personality,
};
use paritas_units::{Chunk, Descriptor, Level, Seat, Sector, SectorRange, Sectors, Slot};
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
    /// By disk: the host's file system, if anything is known of it.
    pub(crate) hosts: Vec<u64>,
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
            spares: Vec::new(),
            resync_offset: Sector::MAX,
            access: paritas_engine::Access::ReadOnly,
        };
        Self { geometry, assembly, disks, content, hosts: Vec::new() }
    }

    /// The same, to be written, with an internal bitmap of which no bit is set; `Rig::BITMAP` is
    /// where it begins on each member.
    pub(crate) fn with_bitmap(shape: &Shape) -> Self {
        let mut rig = Self::writable(shape, 0);
        let dimensions = rig.geometry.dimensions().clone();
        let covered = match shape.level {
            Level::Raid10 => dimensions.array,
            _ => dimensions.used[0],
        };
        for number in 0..rig.disks.len() {
            let member = &mut rig.assembly.members[number];
            let Some(Superblock::V1(mut superblock)) = member.superblock.take() else {
                panic!("the rig's superblocks are 1.x")
            };
            let header = superblock.header_mut();
            header.feature_map.set(header.feature_map.get() | 1);
            header.bitmap_offset.set(8);
            superblock.seal();
            let uuid = paritas_format::ArrayUuid(superblock.header().set_uuid);
            let bitmap = paritas_format::bitmap::Superblock::new(uuid, covered, 4096);
            // The same data, behind the bitmap.
            let old = Arc::clone(&rig.disks[number]);
            let sectors = old.facts().sectors;
            let mut bytes = vec![0; usize::try_from(sectors.0 * 512).expect("small")];
            old.read(Sector(0), &mut bytes).expect("memory disks do not fail");
            let mut moved = vec![0; 32 * 512];
            moved[..4096].copy_from_slice(&superblock.encode());
            moved[8 * 512..8 * 512 + 256].copy_from_slice(&bitmap.encode());
            let skip = usize::try_from(member.data_offset.0 * 512).expect("small");
            moved.extend_from_slice(&bytes[skip..]);
            member.data_offset = Sector(32);
            member.superblock = Some(Superblock::V1(superblock));
            rig.disks[number] = Arc::new(MemoryDisk::from_bytes(&old.facts().name, &moved));
        }
        rig
    }

    pub(crate) const BITMAP: Sector = Sector(8);

    /// The same, to be written, with superblocks that say so, and with spares.
    pub(crate) fn writable(shape: &Shape, spares: u16) -> Self {
        let mut rig = Self::new(shape);
        rig.assembly.access = paritas_engine::Access::ReadWrite;
        if shape.level == Level::Multipath {
            // Its members are ways to one disk.
            let (first, offset) = (Arc::clone(&rig.disks[0]), rig.assembly.members[0].data_offset);
            rig.disks.fill(first);
            rig.assembly.members.iter_mut().for_each(|member| member.data_offset = offset);
        }
        let longest = rig.disks.iter().map(|disk| disk.facts().sectors).max().expect("members");
        for number in 0..spares {
            let name = format!("spare-{number}.img");
            let sectors = longest + Sectors(24);
            let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new(&name, sectors));
            let descriptor = Descriptor(shape.slots + number);
            let data_offset = Sector(24);
            let superblock = None;
            rig.disks.push(disk);
            rig.assembly.spares.push(SpareStart { name, descriptor, data_offset, superblock });
        }
        let mut roles: Vec<Role> = (0..shape.slots).map(|slot| Role::Slot(Slot(slot))).collect();
        roles.extend((0..spares).map(|_| Role::Spare));
        for (number, disk) in rig.disks.iter().enumerate() {
            let mut builder = SuperblockBuilder::new(Version::V1_1, shape.level, shape.slots);
            builder.descriptor = Descriptor(u16::try_from(number).expect("few"));
            builder.roles.clone_from(&roles);
            builder.device = disk.facts().sectors;
            let superblock = builder.build();
            let bytes = superblock.encode();
            disk.write(Sector(0), &bytes[..512], false).expect("memory disks do not fail");
            match rig.assembly.members.get_mut(number) {
                Some(member) => member.superblock = Some(superblock),
                None => {
                    rig.assembly.spares[number - rig.assembly.members.len()].superblock =
                        Some(superblock)
                }
            }
        }
        rig
    }

    /// The same without the first member; the spares stay.
    pub(crate) fn without_disk_of(mut self, number: usize) -> Self {
        self.disks.remove(number);
        self.assembly.members.remove(number);
        self
    }

    /// The superblock that a member's disk holds now.
    pub(crate) fn superblock(&self, number: usize) -> Superblock {
        let mut bytes = vec![0; 4096];
        self.disks[number].read(Sector(0), &mut bytes[..512]).expect("memory disks do not fail");
        let place = Place { version: Version::V1_1, at: Sector(0) };
        Superblock::decode(&bytes, place).expect("a superblock")
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
            hosts: Vec::new(),
        }
    }

    /// Where the data of a member or spare begins.
    pub(crate) fn data_offset(&self, number: usize) -> u64 {
        match self.assembly.members.get(number) {
            Some(member) => member.data_offset.0,
            None => {
                let spare = self.assembly.spares.get(number - self.assembly.members.len());
                spare.map_or(24, |spare| spare.data_offset.0)
            }
        }
    }

    /// A blank disk that the assembly does not know, large enough for a member; its number.
    pub(crate) fn blank(&mut self) -> usize {
        let longest = self.disks.iter().map(|disk| disk.facts().sectors).max().expect("members");
        let name = format!("new-{}.img", self.disks.len());
        self.disks.push(Arc::new(MemoryDisk::new(&name, longest + Sectors(24))));
        self.disks.len() - 1
    }

    /// Overwrites sectors of a member's data.
    pub(crate) fn spoil(&self, member: usize, range: SectorRange) {
        let at = self.assembly.members[member].data_offset + Sectors(range.start.0);
        let bytes = vec![0xBB; usize::try_from(range.len.0 * 512).expect("small")];
        self.disks[member].write(at, &bytes, false).expect("memory disks do not fail");
    }

    pub(crate) fn array(&self, shards: u16) -> Array {
        let known = self.assembly.members.len() + self.assembly.spares.len();
        let mut facts: Vec<_> =
            self.disks[..known].iter().map(|disk| disk.facts().clone()).collect();
        for ((number, facts), device) in (1..).zip(&mut facts).zip(&self.hosts) {
            facts.span = Some(Span { device: *device, inode: number, start: 0, len: 1 });
        }
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
        superblock: None,
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
