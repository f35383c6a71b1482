//! Bad input, as a table: what the members are, and what must come of reading their array.

use crate::support::{COMPONENT, DATA, DEVICE, array, builder, rich, v1};
use paritas_format::fuzz::Random;
use paritas_format::superblock::{Superblock, V1, Version};
use paritas_units::Level;

/// What must come of reading the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Its content, all zeroes.
    Works,
    /// A refusal that says this.
    Refused(&'static str),
    /// Content or a refusal: both are right.
    Either,
}

/// A case.
pub(crate) struct Case {
    pub(crate) name: String,
    /// Files with their content.
    pub(crate) members: Vec<(String, Vec<u8>)>,
    /// The words that name the members, if not just the files.
    pub(crate) words: Option<Vec<&'static str>>,
    pub(crate) reading: Reading,
}

impl Case {
    fn new(name: impl Into<String>, images: Vec<Vec<u8>>, reading: Reading) -> Self {
        let members = images.into_iter().enumerate();
        let members = members.map(|(n, bytes)| (format!("disk-{n}.img"), bytes)).collect();
        Self { name: name.into(), members, words: None, reading }
    }
}

/// A raid5 of three members.
fn plain(version: Version) -> Vec<Vec<u8>> {
    array(&builder(version, Level::Raid5, 3), |_, _| ())
}

/// A raid5 in format 1.2 with something wrong in the superblocks of all, or of the first `of`.
fn wrong(name: &str, of: usize, reading: Reading, change: impl Fn(&mut V1) + 'static) -> Case {
    let change = v1(move |number, sb| {
        if number < of {
            change(sb)
        }
    });
    Case::new(name, array(&builder(Version::V1_2, Level::Raid5, 3), change), reading)
}

/// Whole arrays, which must be read: without them the other cases would prove little.
pub(crate) fn whole() -> Vec<Case> {
    let mut cases = vec![Case::new("with all metadata", rich(), Reading::Works)];
    for version in Version::ALL {
        cases.push(Case::new(format!("whole {version:?}"), plain(version), Reading::Works));
    }
    cases
}

/// Images that are shorter or longer than they were.
pub(crate) fn lengths() -> Vec<Case> {
    let whole = usize::try_from(DEVICE * 512).expect("small");
    let data = usize::try_from(DATA * 512).expect("small");
    let mut cases = Vec::new();
    for version in [Version::V0_90, Version::V1_0, Version::V1_2] {
        let lengths = [0, 1, 511, 513, 4096, 6000, 8192, data, data + 512, whole / 2, whole - 1];
        for length in lengths.into_iter().chain([whole + 1, whole + 512, whole * 3]) {
            for all in [false, true] {
                if all && version != Version::V1_2 {
                    continue;
                }
                let mut images = plain(version);
                let count = if all { images.len() } else { 1 };
                images.iter_mut().take(count).for_each(|image| image.resize(length, 0));
                let name = format!("{version:?}, {count} of {length} bytes");
                cases.push(Case::new(name, images, Reading::Either));
            }
        }
    }
    cases
}

/// Random bytes at every place where metadata stands.
pub(crate) fn random() -> Vec<Case> {
    let mut random = Random::new(7);
    let mut cases = Vec::new();
    let end = usize::try_from(DEVICE * 512).expect("small");
    let places = [("begin", 0), ("1.2", 4096), ("bitmap", 8192), ("log", 32 * 512)];
    let ends = [("1.0", end - 8192), ("0.90", end - 128 * 512), ("end", end - 4096)];
    for (place, at) in places.into_iter().chain(ends) {
        for (len, of) in [(4096, 1), (4096, 3), (64, 3), (1, 3)] {
            for seed in 0..2 {
                let mut images = if at >= end / 2 { plain(Version::V1_0) } else { rich() };
                if place == "0.90" {
                    images = plain(Version::V0_90);
                }
                for image in images.iter_mut().take(of) {
                    let skip = if len == 4096 { 0 } else { random.below(256) };
                    for byte in &mut image[at + skip..at + skip + len.min(4096 - skip)] {
                        *byte = u8::try_from(random.below(256)).expect("a byte");
                    }
                }
                let name = format!("{len} random bytes at {place} of {of}, {seed}");
                cases.push(Case::new(name, images, Reading::Either));
            }
        }
    }
    cases
}

/// Superblocks with right checksums that say what cannot be.
pub(crate) fn geometry() -> Vec<Case> {
    use Reading::{Either, Refused};
    let refused = Refused("cannot");
    let mut cases = Vec::new();
    for (name, level) in [("99", 99), ("-100", -100), ("min", i32::MIN)] {
        let name = format!("level {name}");
        cases.push(wrong(&name, 3, refused, move |sb| sb.header_mut().level.set(level)));
    }
    for layout in [6, 0xff, u32::MAX] {
        let name = format!("layout {layout}");
        cases.push(wrong(&name, 3, refused, move |sb| sb.header_mut().layout.set(layout)));
    }
    for chunk in [0, 1, 3, 1 << 20, u32::MAX] {
        let name = format!("chunk {chunk}");
        cases.push(wrong(&name, 3, refused, move |sb| sb.header_mut().chunk_sectors.set(chunk)));
    }
    for disks in [0, 1, 2, 4, 5, 1921, 0xffff, 0x1_0003, u32::MAX] {
        // With two members the third is a spare, with four one is missing.
        let reading = if matches!(disks, 2 | 4) { Either } else { Refused("") };
        let name = format!("{disks} members");
        cases.push(wrong(&name, 3, reading, move |sb| sb.header_mut().raid_disks.set(disks)));
    }
    for size in [0, 1, COMPONENT * 2, DEVICE, u64::MAX / 512, u64::MAX] {
        let name = format!("size {size}");
        cases.push(wrong(&name, 3, Refused(""), move |sb| sb.header_mut().size.set(size)));
    }
    for offset in [DEVICE - 1, DEVICE, DEVICE + 8, u64::MAX / 512, u64::MAX - 7, u64::MAX] {
        let change = move |sb: &mut V1| sb.header_mut().data_offset.set(offset);
        cases.push(wrong(&format!("data at {offset}"), 3, Refused(""), change));
        // One member less can be done without, and is left out.
        cases.push(wrong(&format!("data of one at {offset}"), 1, Either, change));
    }
    for size in [0, 1, 9, u64::MAX] {
        let name = format!("data size {size}");
        cases.push(wrong(&name, 3, Either, move |sb| sb.header_mut().data_size.set(size)));
    }
    cases
}

/// More superblocks with right checksums: numbers, features, lengths.
pub(crate) fn fields() -> Vec<Case> {
    use Reading::{Either, Refused};
    let mut cases = Vec::new();
    for number in [3, 127, 1920, 0xffff, u32::MAX] {
        let name = format!("number {number}");
        cases.push(wrong(&name, 3, Refused(""), move |sb| sb.header_mut().dev_number.set(number)));
    }
    for roles in [0, 1, 1920, 1921, u32::MAX] {
        let name = format!("{roles} roles");
        cases.push(wrong(&name, 3, Either, move |sb| sb.header_mut().max_roles.set(roles)));
    }
    for bit in 0..32 {
        // What is newer than we are is read, with a warning.
        let reading = if bit > 12 { Reading::Works } else { Either };
        let name = format!("feature bit {bit}");
        let change = move |sb: &mut V1| sb.header_mut().feature_map.set(1 << bit);
        cases.push(wrong(&name, 3, reading, change));
    }
    for offset in [i32::MIN, -8, -1, 1, 8, i32::MAX] {
        cases.push(wrong(&format!("bitmap at {offset}"), 3, Either, move |sb| {
            let header = sb.header_mut();
            header.feature_map.set(1);
            header.bitmap_offset.set(offset);
        }));
        for (shift, sectors) in [(0, 8), (63, 8), (255, u16::MAX)] {
            let name = format!("bad blocks at {offset}, shift {shift}, {sectors} sectors");
            cases.push(wrong(&name, 3, Either, move |sb| {
                let header = sb.header_mut();
                header.feature_map.set(8);
                header.bad_block_offset.set(offset);
                header.bad_block_shift = shift;
                header.bad_block_sectors.set(sectors);
            }));
        }
    }
    for bytes in [1, 511, 3 << 20, u32::MAX] {
        let change = move |sb: &mut V1| sb.header_mut().logical_block_size.set(bytes);
        cases.push(wrong(&format!("logical blocks of {bytes}"), 3, Either, change));
    }
    cases.push(wrong("events at their end", 3, Either, |sb| {
        sb.header_mut().events.set(u64::MAX);
        sb.header_mut().utime.set(u64::MAX);
        sb.header_mut().ctime.set(u64::MAX);
    }));
    cases.push(wrong("recovering from nowhere", 3, Either, |sb| {
        sb.header_mut().feature_map.set(2);
        sb.header_mut().recovery_offset.set(u64::MAX - 1);
    }));
    cases.push(wrong("a name of no letters", 3, Reading::Works, |sb| {
        sb.header_mut().set_name =
            *b"\xff\xfe\x1b[2J\n\r\t\"'\\%s%n/../../etc\0\xc0\xc0\xc0\xc0\xc0";
    }));
    cases
}

/// A change of a 0.90 superblock.
type Change = fn(&mut paritas_format::superblock::Header090);

/// Format 0.90 with impossible numbers.
pub(crate) fn old() -> Vec<Case> {
    let changes: [(&str, Change); 7] = [
        ("members", |header| header.raid_disks.set(28)),
        ("all members", |header| header.raid_disks.set(u32::MAX)),
        ("chunk", |header| header.chunk_bytes.set(513)),
        ("size", |header| header.size.set(u32::MAX)),
        ("level", |header| header.level.set(7)),
        ("minor version", |header| header.minor_version.set(77)),
        ("reshape", |header| {
            header.minor_version.set(91);
            header.reshape_position.set(u64::MAX);
            header.delta_disks.set(i32::MIN);
        }),
    ];
    let case = |(name, change): (&str, Change)| {
        let change = move |_, sb: &mut Superblock| {
            if let Superblock::V090(sb) = sb {
                change(sb.header_mut());
            }
        };
        let images = array(&builder(Version::V0_90, Level::Raid5, 3), change);
        Case::new(format!("0.90, {name}"), images, Reading::Refused(""))
    };
    changes.into_iter().map(case).collect()
}

/// Right members that do not belong together.
pub(crate) fn together() -> Vec<Case> {
    use Reading::{Either, Refused, Works};
    let mut cases = Vec::new();
    let mut other = builder(Version::V1_2, Level::Raid5, 3);
    other.uuid.0[0] ^= 0xff;
    let other = array(&other, |_, _| ());
    let [a, b, c] = <[Vec<u8>; 3]>::try_from(plain(Version::V1_2)).expect("three");
    let mixed = vec![a.clone(), other[1].clone(), other[2].clone()];
    cases.push(Case::new("two arrays", mixed, Refused("belong to 2 arrays")));
    let clone = vec![a.clone(), b.clone(), a.clone()];
    cases.push(Case::new("a clone", clone, Either));
    let cloned = vec![a.clone(), b.clone(), c.clone(), a.clone()];
    cases.push(Case::new("a clone beside all", cloned, Either));
    let stranger = vec![a.clone(), b.clone(), vec![0x5a; 1 << 20]];
    cases.push(Case::new("a stranger", stranger, Refused("no superblock")));
    cases.push(Case::new("too few", vec![c.clone()], Refused("cannot assemble")));
    let twice = ["disk-0.img", "disk-1.img", "disk-2.img", "./disk-0.img"];
    let all = vec![a.clone(), b, c];
    let words = Some(twice.to_vec());
    cases.push(Case { words, ..Case::new("a member twice", all.clone(), Refused("disk-0.img")) });
    let overlapping = Some(vec!["disk-0.img", "disk-1.img", "disk-2.img", "disk-1.img@0"]);
    let case = Case::new("a member and all of it", all.clone(), Refused("disk-1.img"));
    cases.push(Case { words: overlapping, ..case });
    let missing = Some(vec!["disk-0.img", "disk-1.img", "nowhere.img"]);
    let case = Case::new("a name without a file", all.clone(), Refused("nowhere.img"));
    cases.push(Case { words: missing, ..case });
    for word in [
        ".",
        "/dev/null",
        "disk-0.img@p1",
        "disk-0.img@p0",
        "disk-0.img@99G",
        "disk-0.img@512+99G",
        "disk-0.img@18446744073709551615+1",
        "disk-0.img@-1",
    ] {
        let words = Some(vec!["disk-1.img", "disk-2.img", word]);
        let case = Case::new(format!("the word {word}"), all.clone(), Refused("cannot open"));
        cases.push(Case { words, ..case });
    }
    for (name, behind, of, reading) in [
        ("1 behind", 1, 1, Works),
        ("9 behind", 9, 1, Works),
        ("two of them 9 behind", 9, 2, Refused("cannot assemble")),
    ] {
        let change = move |number, sb: &mut V1| {
            let events = sb.header_mut().events.get();
            if number < of {
                sb.header_mut().events.set(events - behind);
            }
        };
        let images = array(&builder(Version::V1_2, Level::Raid5, 3), v1(change));
        cases.push(Case::new(name, images, reading));
    }
    let mut flipped = all;
    flipped.iter_mut().for_each(|image| image[4096 + 0xd8] ^= 1);
    cases.push(Case::new("wrong checksums", flipped, Refused("")));
    let tiny = vec![vec![0; 100], b"no disk\n".to_vec(), Vec::new()];
    cases.push(Case::new("no disks at all", tiny, Refused("none of the")));
    let mut table = vec![a];
    table[0][..512].fill(0xff);
    table[0][510..512].copy_from_slice(&[0x55, 0xaa]);
    cases.push(Case::new("a partition table of ones", table, Refused("")));
    cases
}
