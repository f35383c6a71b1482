//! Looking at built images: what a person reads, and the JSON's main words.
//!
//! With `PARITAS_BLESS=1` in the environment the snapshots are written anew, to be read by a
//! person.

use super::{Report, look};
use paritas_disk::{Access, Disk, MemoryDisk, OpenError, Opener};
use paritas_engine::judge_members::ReadChoices;
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{Role, Superblock, Version};
use paritas_format::{ArrayUuid, DeviceUuid};
use paritas_units::{Descriptor, Level, Sector, Sectors, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;

const DEVICE: Sectors = Sectors(131_072);

/// Disks by word.
#[derive(Default)]
struct Shelf(BTreeMap<String, Arc<MemoryDisk>>);

impl Opener for Shelf {
    fn open(&self, word: &str, _access: Access) -> Result<Arc<dyn Disk>, OpenError> {
        match self.0.get(word) {
            Some(disk) => Ok(disk.clone()),
            None => Err(OpenError { word: word.to_owned(), why: "there is no such file".into() }),
        }
    }
}

impl Shelf {
    /// A new disk of zeroes, called `word`.
    fn disk(&mut self, word: &str) -> Arc<MemoryDisk> {
        let disk = Arc::new(MemoryDisk::new(word, DEVICE));
        self.0.insert(word.to_owned(), Arc::clone(&disk));
        disk
    }

    /// A disk with a superblock.
    fn member(&mut self, word: &str, builder: &SuperblockBuilder) -> Arc<MemoryDisk> {
        let disk = self.disk(word);
        put(&disk, Sector(0), &builder.build());
        disk
    }

    fn report(&self) -> Report {
        let words: Vec<String> = self.0.keys().cloned().collect();
        look(self, &words, ReadChoices::default())
    }
}

fn put(disk: &MemoryDisk, base: Sector, superblock: &Superblock) {
    let at = Sector(base.0 + superblock.place().at.0);
    disk.write(at, &superblock.encode(), false).expect("it fits");
}

/// Device `number` of an array `name`.
fn device(name: &str, level: Level, slots: u16, number: u16) -> SuperblockBuilder {
    let mut builder = SuperblockBuilder::new(Version::V1_2, level, slots);
    let byte = name.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    builder.name = format!("nas:{name}");
    builder.uuid = ArrayUuid([byte; 16]);
    builder.device_uuid = DeviceUuid([byte ^ u8::try_from(number).expect("few"); 16]);
    builder.device = DEVICE;
    builder.events = 20;
    builder.descriptor = Descriptor(number);
    builder
}

/// Makes the first KiB of an ext4 file system appear at `at`.
fn ext4(disk: &MemoryDisk, at: Sector, label: &str) {
    let mut bytes = vec![0; 4096];
    let mut field = |offset: usize, value: &[u8]| {
        bytes[1024 + offset..1024 + offset + value.len()].copy_from_slice(value);
    };
    field(0x38, &0xEF53_u16.to_le_bytes());
    field(0x4C, &1_u32.to_le_bytes());
    field(0x5C, &0x4_u32.to_le_bytes());
    field(0x60, &0x2C2_u32.to_le_bytes());
    field(0x64, &0x46B_u32.to_le_bytes());
    field(0x78, label.as_bytes());
    disk.write(at, &bytes, false).expect("it fits");
}

/// An MBR with partitions of (type, start, length).
fn mbr(disk: &MemoryDisk, partitions: &[(u8, u32, u32)]) {
    let mut sector = vec![0; 512];
    for (number, (kind, start, len)) in partitions.iter().enumerate() {
        let entry = &mut sector[446 + 16 * number..462 + 16 * number];
        entry[4] = *kind;
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..16].copy_from_slice(&len.to_le_bytes());
    }
    sector[510..].copy_from_slice(&[0x55, 0xAA]);
    disk.write(Sector(0), &sector, false).expect("it fits");
}

/// Compares the text with the snapshot of that name.
fn expect(name: &str, report: &Report) {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/look/snapshots");
    let path = format!("{directory}/{name}.txt");
    let text = report.to_string();
    if std::env::var_os("PARITAS_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::create_dir_all(directory).expect("a directory");
        std::fs::write(&path, &text).expect("a file");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "PARITAS_BLESS=1 accepts this as {name}");
}

/// The first `count` disks of a raid5 of three with an ext4 file system in its first chunk.
fn raid5(shelf: &mut Shelf, change: impl Fn(u16, &mut SuperblockBuilder)) {
    for number in 0..3 {
        let mut builder = device("photos", Level::Raid5, 3, number);
        change(number, &mut builder);
        let disk = shelf.member(&format!("disk{number}.img"), &builder);
        // Row 0 holds D0 in slot 0 and, D1 being zero, the same as parity in slot 2.
        if number != 1 {
            ext4(&disk, builder.data_offset, "photos");
        }
    }
}

#[test]
fn whole() {
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |_, _| ());
    let report = shelf.report();
    expect("whole", &report);
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["version"], 1);
    assert_eq!(json["arrays"][0]["state"], "whole");
    assert_eq!(json["arrays"][0]["mdadm"], "starts");
    assert_eq!(json["arrays"][0]["members"][2]["verdict"], "in-sync");
    assert_eq!(json["next"]["command"], "paritas copy disk0.img disk1.img disk2.img photos.img");
}

#[test]
fn degraded_and_what_lay_on_the_missing_member_is_computed() {
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |_, _| ());
    shelf.0.remove("disk0.img");
    let report = shelf.report();
    assert_eq!(report.arrays[0].holds, ["ext4 \"photos\""]);
    assert_eq!(report.arrays[0].mdadm, "needs-run");
    expect("degraded", &report);
}

#[test]
fn u13_dirty_and_degraded() {
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |_, builder| {
        builder.resync_offset = Sector(0);
        builder.roles[1] = Role::Faulty;
    });
    shelf.0.remove("disk1.img");
    let report = shelf.report();
    assert_eq!(report.arrays[0].mdadm, "needs-force");
    expect("dirty-degraded", &report);
}

#[test]
fn mdadms_options_are_those_for_the_members_that_are_named() {
    // mdadm starts it with the member that the others have dropped; without that it needs force.
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |number, builder| {
        builder.resync_offset = Sector(0);
        if number != 1 {
            builder.roles[1] = Role::Faulty;
        }
    });
    let report = shelf.report();
    assert_eq!(report.arrays[0].mdadm, "starts");
    let wanted = "mdadm --assemble --force /dev/md/photos disk0.img disk2.img";
    assert_eq!(report.next.mdadm.as_deref(), Some(wanted));
}

#[test]
fn stale_member() {
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |number, builder| match number {
        1 => (builder.events, builder.utime) = (12, 1_699_000_000),
        _ => builder.roles[1] = Role::Faulty,
    });
    let report = shelf.report();
    assert_eq!(report.arrays[0].members[2].verdict, "stale");
    expect("stale", &report);
}

#[test]
fn too_few_with_a_member_that_left_long_ago() {
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |number, builder| match number {
        0 => (builder.events, builder.utime) = (2, 1_690_000_000),
        _ => builder.roles[0] = Role::Faulty,
    });
    shelf.0.remove("disk1.img");
    let report = shelf.report();
    assert!(report.arrays[0].refused.is_some());
    expect("too-few", &report);
}

#[test]
fn two_arrays_mixed_with_something_else() {
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |_, _| ());
    for number in 0..2 {
        let builder = device("1", Level::Raid1, 2, number);
        let disk = shelf.member(&format!("mirror {number}.img"), &builder);
        ext4(&disk, builder.data_offset, "boot");
    }
    ext4(&shelf.disk("backup.img"), Sector(0), "backup");
    let report = shelf.report();
    assert_eq!((report.arrays.len(), report.others.len()), (2, 1));
    expect("mixed", &report);
}

#[test]
fn a_nas_with_three_arrays_on_partitions() {
    let mut shelf = Shelf::default();
    for number in 0..3_u16 {
        let disk = shelf.disk(&format!("bay{number}.img"));
        mbr(&disk, &[(0xFD, 2048, 16_384), (0xFD, 18_432, 8192), (0xFD, 32_768, 98_304)]);
        let on = |base: u64, size: u64, mut builder: SuperblockBuilder| {
            builder.device = Sectors(size);
            builder.size = Sectors(size / 2);
            put(&disk, Sector(base), &builder.build());
        };
        // Systems of this kind make their system array wide, for members that may come.
        let mut system = device("0", Level::Raid1, 12, number);
        system.version = Version::V0_90;
        system.roles.truncate(3);
        on(2048, 16_384, system);
        let mut swap = device("1", Level::Raid1, 12, number);
        swap.version = Version::V0_90;
        swap.roles.truncate(3);
        on(18_432, 8192, swap);
        on(32_768, 98_304, device("2", Level::Raid5, 3, number));
        ext4(&disk, Sector(2048), "system");
        let mut page = vec![0; 4096];
        page[4086..].copy_from_slice(b"SWAPSPACE2");
        page[1024] = 1;
        disk.write(Sector(18_432), &page, false).expect("it fits");
        if number != 1 {
            ext4(&disk, Sector(32_768 + 2048), "volume1");
        }
    }
    let report = shelf.report();
    assert_eq!(report.arrays.len(), 3);
    expect("nas", &report);
}

#[test]
fn arrays_in_arrays() {
    let mut shelf = Shelf::default();
    for number in 0..2_u16 {
        let mut outer = device("stripe", Level::Raid0, 2, number);
        outer.device = Sectors(122_880);
        for copy in 0..2 {
            let name = format!("pair{number}");
            let inner = device(&name, Level::Raid1, 2, copy);
            let disk = shelf.member(&format!("{name}-{copy}.img"), &inner);
            put(&disk, inner.data_offset, &outer.build());
            if number == 0 {
                ext4(&disk, Sector(inner.data_offset.0 + outer.data_offset.0), "deep");
            }
        }
    }
    let report = shelf.report();
    assert_eq!(
        report.arrays.iter().map(|array| array.is_nested).collect::<Vec<_>>(),
        [false, false, true]
    );
    expect("nested", &report);
}

#[test]
fn c25_a_superblock_at_the_end_belongs_to_the_partition() {
    let mut shelf = Shelf::default();
    for number in 0..2_u16 {
        let disk = shelf.disk(&format!("disk{number}.img"));
        mbr(&disk, &[(0xFD, 128, 130_944)]);
        let mut builder = device("0", Level::Raid1, 2, number);
        builder.version = Version::V0_90;
        builder.device = Sectors(130_944);
        put(&disk, Sector(128), &builder.build());
    }
    let report = shelf.report();
    let words: Vec<&str> = report.arrays[0].members.iter().map(|m| m.word.as_str()).collect();
    assert_eq!((report.arrays.len(), words), (1, vec!["disk0.img@p1", "disk1.img@p1"]));
    expect("last-partition", &report);
}

#[test]
fn a_partition_table_inside_of_an_array_is_its_content() {
    let mut shelf = Shelf::default();
    for number in 0..2 {
        let mut builder = device("whole", Level::Raid1, 2, number);
        builder.version = Version::V1_0;
        let disk = shelf.member(&format!("disk{number}.img"), &builder);
        mbr(&disk, &[(0x83, 2048, 65_536)]);
        ext4(&disk, Sector(2048), "root");
    }
    let report = shelf.report();
    assert_eq!(report.arrays[0].members.len(), 2);
    expect("table-inside", &report);
}

#[test]
fn c18_split_brain() {
    let mut shelf = Shelf::default();
    for number in 0..2_u16 {
        let mut builder = device("mail", Level::Raid1, 2, number);
        builder.roles[usize::from(1 - number)] = Role::Faulty;
        builder.events = 30 + u64::from(number);
        shelf.member(&format!("disk{number}.img"), &builder);
    }
    expect("split-brain", &shelf.report());
}

#[test]
fn a_clone_beside_its_original() {
    let mut shelf = Shelf::default();
    raid5(&mut shelf, |_, _| ());
    let original = shelf.0.get("disk1.img").map(Arc::clone).expect("a disk");
    let mut content = vec![0; 1 << 20];
    original.read(Sector(0), &mut content).expect("memory");
    shelf.disk("rescued.img").write(Sector(0), &content, false).expect("it fits");
    expect("clone", &shelf.report());
}

#[test]
fn not_an_array_at_all() {
    let mut shelf = Shelf::default();
    ext4(&shelf.disk("photos.img"), Sector(0), "photos");
    shelf.disk("zero.img");
    let words = ["photos.img", "zero.img", "no-such.img"].map(str::to_owned);
    let report = look(&shelf, &words, ReadChoices::default());
    assert!(report.arrays.is_empty());
    expect("no-array", &report);
    assert_eq!(look(&shelf, &[], ReadChoices::default()).next.command, "paritas look PATH");
}

#[test]
fn c31_hostile_numbers_and_names_stay_harmless() {
    let mut shelf = Shelf::default();
    for (number, slots) in [(0_u16, 3_u32), (1, u32::MAX), (2, 65_535)] {
        let mut builder = device("x\u{1b}[2J'; rm -rf ~", Level::Raid5, 3, number);
        builder.raid_disks = slots;
        builder.events = 20 + u64::from(number);
        builder.roles.resize(100, Role::Slot(Slot(40_000)));
        shelf.member(&format!("disk{number}.img"), &builder);
    }
    let text = shelf.report().to_string();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}
