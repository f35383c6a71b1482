//! `create` and `zero-superblock` on disks in memory: defaults, numbers, refusals, and order.
//!
//! Sizes, numbers and words are those that mdadm 4.2 showed for the same options.

use crate::support::{Bench, Bytes, Made, image, mdadm, raid1};
use paritas_disk::{Access, Disk, Facts, Fault, FaultKind, OpenError, Opener};
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{ArrayName, Role, Superblock, Version};
use paritas_format::{ArrayUuid, DeviceUuid, bitmap};
use paritas_manage::create::{
    Allowed, BitmapWish, CreateError, Created, Identity, NewMember, Options, PlanError, Position,
    Request, Source, Word, create, plan,
};
use paritas_manage::gather;
use paritas_manage::restore::Overwrite;
use paritas_manage::zero::{ZeroError, zero_superblock};
use paritas_units::{Chunk, Level, Sector, Sectors, Slot};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const MIB: usize = 1 << 20;

fn identity() -> Identity {
    let uuid = ArrayUuid(*b"0123456789abcdef");
    Identity { uuid, name: ArrayName::new("host:7"), minor: 7, seconds: 1_700_000_000 }
}

fn member(name: &str, sectors: u64) -> Position {
    Position::Member(NewMember {
        name: name.to_owned(),
        sectors: Sectors(sectors),
        device_uuid: DeviceUuid([7; 16]),
        is_write_mostly: false,
        is_fail_fast: false,
    })
}

fn members(count: usize, sectors: u64) -> Vec<Position> {
    (0..count).map(|at| member(&format!("m{at}"), sectors)).collect()
}

/// Disks by name.
#[derive(Default)]
struct Shelf(BTreeMap<String, Arc<Bytes>>);

impl Shelf {
    fn new(contents: &[(&str, Vec<u8>)]) -> Self {
        let disk = |(name, content): &(&str, Vec<u8>)| {
            ((*name).to_owned(), Bytes::new(name, content.clone()))
        };
        Self(contents.iter().map(disk).collect())
    }

    fn contents(&self) -> Vec<Vec<u8>> {
        self.0.values().map(|disk| disk.content()).collect()
    }

    fn superblock(&self, name: &str) -> Superblock {
        let found = gather::search(name, Arc::clone(&self.0[name]) as Arc<dyn Disk>);
        found.superblock().expect("a superblock").clone()
    }
}

impl Opener for Shelf {
    fn open(&self, word: &str, _: Access) -> Result<Arc<dyn Disk>, OpenError> {
        let disk = self.0.get(word).ok_or_else(|| OpenError {
            word: word.to_owned(),
            why: "there is no such file".to_owned(),
        })?;
        Ok(Arc::clone(disk) as Arc<dyn Disk>)
    }
}

fn request(options: Options, names: &[&str]) -> Request {
    let word = |name: &&str| match *name {
        "missing" => Word::Missing,
        name => Word::Member {
            word: name.to_owned(),
            device_uuid: DeviceUuid([9; 16]),
            is_write_mostly: false,
            is_fail_fast: false,
        },
    };
    Request {
        options,
        identity: identity(),
        words: names.iter().map(word).collect(),
        allowed: Allowed::Nothing,
        is_run: false,
        least: Sectors::ZERO,
    }
}

fn make(shelf: &Shelf, request: &Request) -> Result<Created, CreateError> {
    create(&Source::Existing(shelf), request)
}

#[test]
fn u01_defaults_are_mdadms() {
    let chunk = |level, slots| {
        let made = plan(&Options::new(level, slots), &identity(), &members(slots.into(), 1 << 20));
        made.expect("a plan").members[0].superblock.chunk()
    };
    assert_eq!(chunk(Level::Raid5, 3), Chunk(1024));
    assert_eq!(chunk(Level::Raid1, 2), Chunk(0));
    let made = plan(&Options::new(Level::Raid6, 4), &identity(), &members(4, 1 << 20));
    let first = &made.expect("a plan").members[0].superblock;
    assert_eq!((first.version(), first.layout()), (Version::V1_2, 2));
    assert_eq!(first.name().expect("1.x").bytes(), b"host:7");
    assert_eq!((first.events(), first.resync_offset()), (0, Sector(0)));
    assert_eq!(first.faults(Some(Sectors(1 << 20))), vec![]);
}

#[test]
fn linear_of_1_0_uses_all_before_the_superblock_and_its_log() {
    let mut options = Options::new(Level::Linear, 2);
    options.version = Version::V1_0;
    let made = plan(&options, &identity(), &members(2, 81_920)).expect("a plan");
    assert_eq!(made.array, Sectors(2 * 81_896));
}

#[test]
fn u02_parity_arrays_begin_by_rebuilding_their_last_member() {
    let roles = |options: &Options, positions: &[Position]| {
        let made = plan(options, &identity(), positions).expect("a plan");
        let all = made.members.iter().map(|one| (one.descriptor.0, one.role.slot().map(|s| s.0)));
        (all.collect::<Vec<_>>(), made.members[0].superblock.resync_offset())
    };
    let mut options = Options::new(Level::Raid5, 3);
    options.spares = 1;
    let four = members(4, 1 << 20);
    let rebuilding = vec![(0, Some(0)), (1, Some(1)), (4, None), (3, None)];
    assert_eq!(roles(&options, &four), (rebuilding, Sector::MAX));
    options.is_forced = true;
    let whole = vec![(0, Some(0)), (1, Some(1)), (2, Some(2)), (3, None)];
    assert_eq!(roles(&options, &four), (whole, Sector(0)));
    let six = Options::new(Level::Raid6, 4);
    let mut one_missing = members(4, 1 << 20);
    one_missing[3] = Position::Missing;
    let rebuilding = vec![(0, Some(0)), (1, Some(1)), (4, None)];
    assert_eq!(roles(&six, &one_missing), (rebuilding, Sector::MAX));
}

#[test]
fn u05_bitmaps_are_full_of_ones_and_made_for_large_members() {
    let large = plan(&Options::new(Level::Raid1, 2), &identity(), &members(2, 210 << 21));
    let large = large.expect("a plan");
    let (at, bytes) = large.members[1].bitmap.clone().expect("a bitmap");
    assert_eq!(at, Sector(16));
    assert!(bytes[256..].iter().all(|byte| *byte == 0xff));
    let header = bitmap::Superblock::decode(&bytes).expect("a bitmap superblock");
    assert_eq!(header.sync_size, large.size);
    let mut options = Options::new(Level::Raid1, 2);
    let small = plan(&options, &identity(), &members(2, 1 << 20)).expect("a plan");
    assert_eq!(small.members[0].bitmap, None);
    options.bitmap = BitmapWish::None;
    let without = plan(&options, &identity(), &members(2, 210 << 21)).expect("a plan");
    assert!(!without.has_bitmap);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let image = |_: usize| {
        let shelf = Shelf::new(&[("a", vec![0; 8 * MIB]), ("b", vec![0; 8 * MIB])]);
        make(&shelf, &request(Options::new(Level::Raid1, 2), &["a", "b"])).expect("an array");
        shelf.contents()
    };
    assert_eq!(image(0), image(1));
}

#[test]
fn impossible_options_are_refused_in_words() {
    type Change = fn(&mut Options);
    let cases: [(Level, u16, Change, &str); 16] = [
        (Level::Raid5, 1, |_| {}, "give --force"),
        (Level::Raid5, 1, |o| o.is_forced = true, "at least 2 raid-devices needed for level 5"),
        (Level::Raid6, 3, |_| {}, "at least 4 raid-devices needed for level 6"),
        (Level::Raid10, 2, |o| o.layout = Some(0x103), "requires at least 3 devices"),
        (Level::Raid1, 2, |o| o.chunk = Some(Chunk(128)), "chunk size is forbidden"),
        (Level::Raid5, 3, |o| o.chunk = Some(Chunk(4)), "invalid chunk/rounding value: 2 KiB"),
        (Level::Raid5, 3, |o| o.chunk = Some(Chunk(192)), "power of two"),
        (Level::Raid0, 2, |o| o.bitmap = BitmapWish::Internal, "not meaningful with level raid0"),
        (Level::Raid0, 2, |o| o.version = Version::V0_90, "does not support layouts for RAID0"),
        (Level::Raid1, 28, |o| o.version = Version::V0_90, "at most 27 devices"),
        (Level::Raid5, 27, |o| o.version = Version::V0_90, "at most 27 devices"),
        (Level::Raid1, 2, |o| o.write_behind = Some(256), "requires a bitmap"),
        (Level::Raid1, 2, |o| o.write_behind = Some(16384), "between 0 and 16383"),
        (Level::Raid1, 2, |o| o.size = Some(Sectors(1 << 22)), "is smaller than given size"),
        (Level::Raid1, 2, |o| o.data_offset = Some(Sector(16)), "leaves no room for metadata"),
        (
            Level::Raid1,
            2,
            |o| (o.version, o.data_offset) = (Version::V1_0, Some(Sector(2048))),
            "data-offset not support for 1.0",
        ),
    ];
    for (level, slots, change, words) in cases {
        let mut options = Options::new(level, slots);
        change(&mut options);
        let refused = plan(&options, &identity(), &members(slots.into(), 1 << 20));
        let why = refused.expect_err(words).to_string();
        assert!(why.contains(words), "{why} without {words}");
    }
}

#[test]
fn too_few_members_are_refused() {
    let refused = |level, slots, positions: &[Position]| {
        plan(&Options::new(level, slots), &identity(), positions).expect_err("too few")
    };
    let some = |there: &[usize], count| {
        let there = |at: usize| there.contains(&at).then(|| member("m", 1 << 20));
        (0..count).map(|at| there(at).unwrap_or(Position::Missing)).collect::<Vec<_>>()
    };
    assert_eq!(refused(Level::Raid1, 2, &some(&[], 2)), PlanError::AllMissing);
    assert_eq!(refused(Level::Raid0, 2, &some(&[0], 2)), PlanError::MissingMeaningless);
    let (given, wanted) = (1, 2);
    assert_eq!(refused(Level::Raid1, 2, &some(&[0], 1)), PlanError::NotEnough { given, wanted });
    for (level, slots, there) in
        [(Level::Raid5, 3, &[0][..]), (Level::Raid6, 5, &[0, 4]), (Level::Raid10, 4, &[2, 3])]
    {
        let error = refused(level, slots, &some(there, slots.into()));
        assert!(matches!(error, PlanError::TooManyMissing { .. }), "{error}");
    }
    let whole = plan(&Options::new(Level::Raid10, 4), &identity(), &some(&[0, 2], 4));
    assert_eq!(whole.expect("a copy of everything").members.len(), 2);
    let small = refused(Level::Raid1, 2, &[member("big", 1 << 20), member("small", 2048)]);
    assert!(small.to_string().contains("no free space left on small"), "{small}");
}

/// What a second member carries, and the word that allows its loss.
fn occupied() -> Vec<(&'static str, Vec<u8>)> {
    let mut ext4 = vec![0; 8 * MIB];
    // The magic number, and a feature that only ext4 has.
    ext4[1024 + 56..1024 + 58].copy_from_slice(&[0x53, 0xef]);
    ext4[1024 + 96] = 0x40;
    let mut table = vec![0; 8 * MIB];
    table[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 100, 0, 0, 0]);
    table[510..512].copy_from_slice(&[0x55, 0xaa]);
    let mut array = image(&raid1(|_| {}));
    array.resize(8 * MIB, 0);
    let mut unknown = vec![0; 8 * MIB];
    unknown[4000] = 1;
    vec![
        ("--overwrite=filesystem", ext4),
        ("--overwrite=partitions", table),
        ("--overwrite=md", array),
        ("--overwrite=all", unknown),
    ]
}

#[test]
fn u10_what_is_in_use_is_refused_and_every_byte_stays() {
    for (word, content) in occupied() {
        let shelf = Shelf::new(&[("a", vec![0; 8 * MIB]), ("b", content)]);
        let before = shelf.contents();
        let mut request = request(Options::new(Level::Raid1, 2), &["a", "b"]);
        let refused = make(&shelf, &request).expect_err(word).to_string();
        assert!(refused.contains(word) && refused.contains("b carries"), "{refused}");
        assert_eq!(shelf.contents(), before, "{word}");
        // Another word than the one that is asked for is not enough.
        request.allowed = Allowed::Kinds(match word {
            "--overwrite=md" => vec![Overwrite::Filesystem, Overwrite::Partitions],
            _ => vec![Overwrite::Md],
        });
        assert!(make(&shelf, &request).is_err(), "{word}");
        assert_eq!(shelf.contents(), before, "{word}");
        request.allowed = match word {
            "--overwrite=filesystem" => Allowed::Kinds(vec![Overwrite::Filesystem]),
            "--overwrite=partitions" => Allowed::Kinds(vec![Overwrite::Partitions]),
            "--overwrite=md" => Allowed::Kinds(vec![Overwrite::Md]),
            _ => Allowed::All,
        };
        make(&shelf, &request).expect(word);
        assert_eq!(shelf.superblock("b").array_uuid(), identity().uuid, "{word}");
    }
}

#[test]
fn an_old_superblock_elsewhere_is_wiped() {
    let mut old = SuperblockBuilder::new(Version::V1_0, Level::Raid1, 2);
    old.device = Sectors(8 * 2048);
    let old = old.build();
    let mut content = vec![0; 8 * MIB];
    let at = usize::try_from(old.place().at.0 * 512).expect("small");
    content[at..at + 4096].copy_from_slice(&old.encode());
    let shelf = Shelf::new(&[("a", content), ("b", vec![0; 8 * MIB])]);
    let mut request = request(Options::new(Level::Raid1, 2), &["a", "b"]);
    request.allowed = Allowed::Kinds(vec![Overwrite::Md]);
    make(&shelf, &request).expect("an array");
    let found = gather::search("a", Arc::clone(&shelf.0["a"]) as Arc<dyn Disk>);
    assert_eq!(found.superblocks.len(), 1);
    assert_eq!(found.superblocks[0].version(), Version::V1_2);
}

#[test]
fn u10_questions_and_the_same_member_twice_are_refused() {
    let shelf = Shelf::new(&[("a", vec![0; 8 * MIB]), ("b", vec![0; 12 * MIB])]);
    let before = shelf.contents();
    let mut asked = request(Options::new(Level::Raid1, 2), &["a", "b"]);
    let refused = make(&shelf, &asked).expect_err("a question").to_string();
    assert!(refused.contains("by more than 1%") && refused.contains("--run"), "{refused}");
    let twice = request(Options::new(Level::Raid1, 2), &["a", "a"]);
    assert!(matches!(make(&shelf, &twice), Err(CreateError::Same { .. })));
    let gone = request(Options::new(Level::Raid1, 2), &["a", "c"]);
    assert!(matches!(make(&shelf, &gone), Err(CreateError::Open(_))));
    assert_eq!(shelf.contents(), before);
    asked.is_run = true;
    make(&shelf, &asked).expect("an array");
    assert_eq!(shelf.superblock("b").role(), Role::Slot(Slot(1)));
}

#[test]
fn new_files_are_made_only_for_a_plan_that_can_be() {
    let made = Made::default();
    let bad = request(Options::new(Level::Raid6, 3), &["a", "b", "c"]);
    assert!(create(&Source::New(&made, 8 << 20), &bad).is_err());
    assert!(made.0.lock().expect("not poisoned").is_empty());
    let good = request(Options::new(Level::Raid5, 3), &["a", "b", "missing"]);
    create(&Source::New(&made, 8 << 20), &good).expect("an array");
    assert_eq!(made.content("a").len(), 8 * MIB);
    assert!(matches!(create(&Source::New(&made, 8 << 20), &good), Err(CreateError::Open(_))));
}

/// A disk that takes so many writes.
#[derive(Debug)]
struct Tired(Arc<Bytes>, Mutex<u32>);

impl Disk for Tired {
    fn facts(&self) -> &Facts {
        self.0.facts()
    }
    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.0.read(at, into)
    }
    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        let mut left = self.1.lock().expect("not poisoned");
        *left = left.checked_sub(1).ok_or(Fault { kind: FaultKind::Io, at })?;
        self.0.write(at, from, durable)
    }
    fn flush(&self) -> Result<(), Fault> {
        Ok(())
    }
    fn discard(&self, _: Sector, _: Sectors) -> Result<(), Fault> {
        unreachable!("create discards nothing")
    }
    fn write_zeroes(&self, _: Sector, _: Sectors) -> Result<(), Fault> {
        unreachable!("create writes zeroes as bytes")
    }
}

struct TiredShelf(Vec<Arc<Tired>>);

impl Opener for TiredShelf {
    fn open(&self, word: &str, _: Access) -> Result<Arc<dyn Disk>, OpenError> {
        let disk = self.0.iter().find(|disk| disk.0.facts().name == word).expect("known");
        Ok(Arc::clone(disk) as Arc<dyn Disk>)
    }
}

#[test]
fn a_failed_write_names_the_members_that_were_changed() {
    let tired = |name: &str, writes| {
        Arc::new(Tired(Bytes::new(name, vec![0; 8 * MIB]), Mutex::new(writes)))
    };
    let shelf = TiredShelf(vec![tired("a", 9), tired("b", 0), tired("c", 9)]);
    let request = request(Options::new(Level::Raid1, 3), &["a", "b", "c"]);
    let error = create(&Source::Existing(&shelf), &request).expect_err("b fails");
    let CreateError::Unwritable { name, changed, .. } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), changed), ("b", &vec!["a".to_owned(), "b".to_owned()]));
    assert!(shelf.0[2].0.content().iter().all(|byte| *byte == 0));
}

#[test]
fn u33_every_superblock_goes_and_nothing_else() {
    let mut content = image(&raid1(|_| {}));
    content[600_000] = 7;
    let shelf = Shelf::new(&[("a", content.clone())]);
    let found = gather::search("a", Arc::clone(&shelf.0["a"]) as Arc<dyn Disk>);
    assert_eq!(zero_superblock(&found).expect("wiped").wiped, ["1.2"]);
    let bench = Bench::new();
    bench.put("a", &content);
    assert_eq!(mdadm(bench.path(), &["--zero-superblock", "a"]).code, Some(0));
    assert_eq!(shelf.contents(), [std::fs::read(bench.file("a")).expect("mdadm's image")]);
    content[4096..4608].fill(0);
    assert_eq!(shelf.contents(), [content]);
    let again = gather::search("a", Arc::clone(&shelf.0["a"]) as Arc<dyn Disk>);
    assert_eq!(zero_superblock(&again), Err(ZeroError::NoMember("a".to_owned())));
}
