//! Superblocks with random values in random fields.

use super::image::{Image, assert_like_mdadm, style};
use paritas_format::Superblock;
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::Version;
use paritas_manage::examine::listing;
use paritas_units::{Level, Sector, Sectors};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).expect("small")).expect("small")
    }

    fn word(&mut self) -> u32 {
        let word = u32::try_from(self.next() >> 32).expect("small");
        match self.below(8) {
            0 => 0,
            1 => 1,
            2 => 8,
            3 => u32::MAX,
            4 => word & 0xff,
            5 => word & 0xffff,
            6 => 1 << (word % 32),
            _ => word,
        }
    }
}

/// What may not be random: magic and versions, or there is no superblock; the super offset
/// likewise; the name, whose last byte mdadm reads past; the role table's length, past which mdadm
/// reads what is not the superblock; the layout of raid10, by whose copies mdadm divides; the slots
/// and how many come or go, for each of which mdadm prints a letter.
const KEPT_1X: [(usize, usize); 7] =
    [(0, 8), (32, 64), (76, 80), (92, 96), (112, 116), (144, 152), (220, 224)];
/// As before; and what mdadm takes for the number of rows of the table of disks.
const KEPT_0_90: [(usize, usize); 6] =
    [(0, 12), (40, 44), (148, 152), (188, 192), (256, 260), (28, 32)];

fn scrambled(random: &mut Random, version: Version, level: Level) -> Superblock {
    let mut builder = SuperblockBuilder::new(version, level, 4);
    builder.device = Sectors(random.next() % 200_000 + 300);
    builder.data_offset = Sector(random.next() % 290);
    let sb = builder.build();
    let mut bytes = sb.encode();
    let (kept, end): (&[_], _) = if version.is_v1() { (&KEPT_1X, 300) } else { (&KEPT_0_90, 1200) };
    for _ in 0..random.below(12) {
        let at = random.below(end / 4) * 4;
        if !kept.iter().any(|(from, to)| (*from..*to).contains(&at)) {
            bytes[at..at + 4].copy_from_slice(&random.word().to_le_bytes());
        }
    }
    let mut sb = Superblock::decode(&bytes, sb.place()).expect("still a superblock");
    if random.below(4) > 0 {
        match &mut sb {
            Superblock::V1(sb) => sb.seal(),
            Superblock::V090(sb) => sb.seal(),
        }
    }
    sb
}

#[test]
fn random_superblocks_print_alike() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut random = Random(20);
    for round in 0..300 {
        let version = Version::ALL[random.below(4)];
        let level = Level::ALL[random.below(9)];
        let sb = scrambled(&mut random, version, level);
        let least = sb.place().at.0 + 16;
        let device = match version {
            Version::V1_0 => sb.place().at.0 + 16 + random.next() % 8,
            Version::V0_90 => sb.place().at.0 + 128 + random.next() % 64,
            _ => least + random.next() % 100_000 + 300,
        };
        let what = format!("round {round}: {level} {version} on {device} sectors");
        assert_like_mdadm(&directory, &what, &Image::of(device, &sb));
    }
}

#[test]
fn hostile_superblocks_neither_panic_nor_run_away() {
    let mut random = Random(21);
    for _ in 0..1500 {
        let version = Version::ALL[random.below(4)];
        let mut builder = SuperblockBuilder::new(version, Level::Raid5, 4);
        builder.device = Sectors(300);
        let sb = builder.build();
        let mut bytes = sb.encode();
        for _ in 0..random.below(400) {
            let at = 8 + random.below(bytes.len() / 4 - 2) * 4;
            bytes[at..at + 4].copy_from_slice(&random.word().to_le_bytes());
        }
        if version.is_v1() {
            bytes[144..152].copy_from_slice(&sb.place().at.0.to_le_bytes());
        }
        let mut image = Image::new(300).with(sb.place().at, bytes);
        // What is taken for a bitmap may be anywhere, and may be anything.
        let mut bitmap = vec![0; 512];
        bitmap.iter_mut().for_each(|byte| *byte = random.next().to_le_bytes()[0]);
        bitmap[..4].copy_from_slice(b"bitm");
        bitmap[8..24].copy_from_slice(&sb.array_uuid_in_memory());
        image = image.with(Sector(16), bitmap);
        let examined = image.examined("a.img").expect("a superblock");
        let texts = [examined.text(&style()), examined.export()];
        let json = serde_json::to_vec(&examined.json()).expect("JSON");
        let lines = listing(std::slice::from_ref(&examined), true);
        assert!(texts.iter().all(|text| !text.is_empty() && text.len() < 1 << 20));
        assert!(!json.is_empty() && !lines.is_empty());
    }
}
