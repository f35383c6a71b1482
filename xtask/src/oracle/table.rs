//! The table of combinations: every level, layout and metadata, chunk sizes, counts, odd sizes.
//!
//! Chunk sizes, counts and sizes go round as the loops go on, so that each layout meets several of
//! them without a product of all. Conditions are listed in `conditions`.

use super::combination::{Combination, Condition, Patch};
use super::conditions;
use super::shape::{Arrangement, Copies, Level};

/// Metadata versions, by mdadm's words.
pub(super) const METADATA: [&str; 4] = ["0.90", "1.0", "1.1", "1.2"];

const CHUNKS_KIB: [u64; 8] = [64, 4, 512, 16, 128, 8, 256, 32];

const RAID5_LAYOUTS: [&str; 6] = [
    "left-symmetric",
    "left-asymmetric",
    "right-symmetric",
    "right-asymmetric",
    "parity-first",
    "parity-last",
];

const RAID6_LAYOUTS: [&str; 14] = [
    "left-symmetric",
    "left-asymmetric",
    "right-symmetric",
    "right-asymmetric",
    "parity-first",
    "parity-last",
    "ddf-zero-restart",
    "ddf-N-restart",
    "ddf-N-continue",
    "left-symmetric-6",
    "left-asymmetric-6",
    "right-symmetric-6",
    "right-asymmetric-6",
    "parity-first-6",
];

/// Where the layout stands in a superblock of version 1.
const LAYOUT_AT: u32 = 76;

/// mdadm makes no raid0 with metadata 0.90 where the driver wants a layout, which 0.90 cannot record;
/// old ones exist. The number is the level's.
const RAID0_FROM_LINEAR: Patch = Patch { made_as: "linear", at: 28, value: 0 };

/// All combinations, each key once.
pub(super) fn all() -> Vec<Combination> {
    let mut table = Table::default();
    table.parity();
    table.striped();
    table.mirrored();
    table.copied();
    let mut combinations = table.combinations;
    combinations.extend(conditions::all());
    combinations
}

/// A plain combination of `count` images of about `kib` KiB, cleanly stopped.
///
/// No two images have the same size: each is some sectors longer than the one before.
pub(super) fn plain(
    level: Level,
    layout: &str,
    metadata: &'static str,
    chunk_kib: Option<u64>,
    count: usize,
    kib: u64,
) -> Combination {
    let chunk = chunk_kib.map(|kib| format!("-{kib}k")).unwrap_or_default();
    let separator = if layout.is_empty() { "" } else { "-" };
    let options = if takes_assume_clean(level) { vec!["--assume-clean"] } else { Vec::new() };
    let odd = |image: usize| 512 * (image as u64 * 3 + 1);
    Combination {
        key: format!("{}{separator}{layout}-{metadata}{chunk}-n{count}", level.word()),
        level,
        layout: layout.to_owned(),
        metadata,
        chunk_kib,
        count,
        order: (0..count).map(Some).collect(),
        sizes: (0..count).map(|image| (kib << 10) + odd(image)).collect(),
        options,
        patch: None,
        condition: Condition::Whole,
        is_in_subset: false,
    }
}

fn takes_assume_clean(level: Level) -> bool {
    level.has_parity() || matches!(level, Level::Raid1 | Level::Raid10(_))
}

#[derive(Default)]
struct Table {
    combinations: Vec<Combination>,
}

impl Table {
    /// Goes round the chunk sizes, one further for each combination.
    fn chunk(&self) -> u64 {
        CHUNKS_KIB[self.combinations.len() % CHUNKS_KIB.len()]
    }

    /// Goes round the counts from `min` to `max`; not in step with the chunk sizes.
    fn count(&self, min: usize, max: usize) -> usize {
        min + self.combinations.len() / 3 % (max - min + 1)
    }

    /// Room for the metadata and for some rows of the largest chunk.
    fn kib(&self) -> u64 {
        let large = self.combinations.len() % 40 == 7;
        if large { 40 << 10 } else { 5 * 1024 + self.combinations.len() as u64 % 7 * 388 }
    }

    fn push(&mut self, mut combination: Combination, is_in_subset: bool) {
        combination.is_in_subset = is_in_subset;
        self.combinations.push(combination);
    }

    fn parity(&mut self) {
        for (at, layout) in RAID5_LAYOUTS.iter().enumerate() {
            for (version, metadata) in METADATA.into_iter().enumerate() {
                let count = self.count(3, 6);
                let made =
                    plain(Level::Raid5, layout, metadata, Some(self.chunk()), count, self.kib());
                self.push(made, version == at % 4);
            }
        }
        for (at, layout) in RAID6_LAYOUTS.iter().enumerate() {
            for (version, metadata) in METADATA.into_iter().enumerate() {
                let count = self.count(4, 6);
                let made =
                    plain(Level::Raid6, layout, metadata, Some(self.chunk()), count, self.kib());
                self.push(made, version == (at + 3) % 4);
            }
        }
        for metadata in METADATA {
            for count in [3, 5] {
                let made = plain(Level::Raid4, "", metadata, Some(self.chunk()), count, self.kib());
                self.push(made, count == 3 && metadata == "1.2");
            }
        }
    }

    fn striped(&mut self) {
        for metadata in METADATA {
            for count in [2, 3, 5] {
                let mut made =
                    plain(Level::Raid0, "", metadata, Some(self.chunk()), count, self.kib());
                // One zone: the odd sectors at the ends are cut off by the chunk.
                made.sizes = vec![(self.kib() + 512) << 10; count];
                if metadata == "0.90" {
                    made.patch = Some(RAID0_FROM_LINEAR);
                }
                self.push(made, count == 3 && metadata == "0.90");
            }
            for count in [2, 4] {
                let chunk = (count == 4).then(|| self.chunk());
                let mut made = plain(Level::Linear, "", metadata, chunk, count, self.kib());
                made.sizes.iter_mut().zip(0..).for_each(|(size, at)| *size += (at * 900) << 10);
                self.push(made, count == 4 && matches!(metadata, "0.90" | "1.2"));
            }
        }
        for (layout, told) in [("original", 1), ("alternate", 2)] {
            for metadata in ["1.0", "1.1", "1.2"] {
                for (count, chunk) in [(3, 64), (4, 16), (4, 24)] {
                    let mut made =
                        plain(Level::Raid0, layout, metadata, Some(chunk), count, 5 << 10);
                    zones(&mut made.sizes);
                    self.push(made, count == 4 && metadata == "1.2");
                }
            }
            let mut made = plain(Level::Raid0, "", "0.90", Some(32), 4, 5 << 10);
            zones(&mut made.sizes);
            made.key = format!("raid0-zones-{layout}-0.90-32k-n4-ambiguous");
            made.condition = Condition::Ambiguous { told };
            made.patch = Some(RAID0_FROM_LINEAR);
            self.push(made, told == 2);
            let mut made = plain(Level::Raid0, "dangerous", "1.2", Some(16), 4, 5 << 10);
            zones(&mut made.sizes);
            made.key = format!("raid0-zones-{layout}-1.2-16k-n4-ambiguous");
            made.condition = Condition::Ambiguous { told };
            self.push(made, told == 1);
        }
    }

    fn mirrored(&mut self) {
        for metadata in METADATA {
            for count in [1, 2, 3, 4] {
                let mut made = plain(Level::Raid1, "", metadata, None, count, self.kib());
                if count == 1 {
                    made.options.push("--force");
                }
                self.push(made, count == 3 && metadata == "1.0");
            }
            let mut made = plain(Level::Faulty, "", metadata, None, 1, self.kib());
            made.options.push("--force");
            if matches!(metadata, "1.1" | "1.2") {
                made.condition = Condition::From1Mib;
            }
            self.push(made, metadata == "1.2");
            let mut made = plain(Level::Multipath, "", metadata, None, 2, 6 << 10);
            // Both paths lead to the same disk, so they have one size.
            made.sizes = vec![6 << 20; 2];
            made.condition = Condition::Paths;
            self.push(made, metadata == "1.0");
        }
    }

    fn copied(&mut self) {
        let near_far = |near, far, arrangement| Copies { near, far, arrangement };
        let named = [
            ("n2", near_far(2, 1, Arrangement::Far), [2, 3, 4]),
            ("f2", near_far(1, 2, Arrangement::Far), [3, 4, 5]),
            ("o2", near_far(1, 2, Arrangement::Offset), [3, 4, 5]),
            ("n3", near_far(3, 1, Arrangement::Far), [3, 4, 5]),
            ("f3", near_far(1, 3, Arrangement::Far), [4, 5, 6]),
            ("o3", near_far(1, 3, Arrangement::Offset), [4, 5, 6]),
        ];
        for (at, (layout, copies, counts)) in named.into_iter().enumerate() {
            for (version, metadata) in METADATA.into_iter().enumerate() {
                for count in counts {
                    let level = Level::Raid10(copies);
                    if counts[version % 3] == count || metadata == "1.2" {
                        let chunk = Some(self.chunk());
                        let made = plain(level, layout, metadata, chunk, count, self.kib());
                        let is_first = counts[version % 3] == count;
                        self.push(made, is_first && version == (at + 1) % 4);
                    }
                }
            }
        }
        let unnamed = [
            (near_far(2, 2, Arrangement::Far), 4),
            (near_far(2, 2, Arrangement::Far), 5),
            (near_far(2, 2, Arrangement::Offset), 4),
            (near_far(2, 2, Arrangement::Offset), 6),
            (near_far(1, 2, Arrangement::FarSets), 4),
            (near_far(1, 2, Arrangement::FarSets), 5),
            (near_far(1, 3, Arrangement::FarSets), 6),
            (near_far(1, 2, Arrangement::OldFarSets), 4),
            (near_far(1, 2, Arrangement::OldFarSets), 5),
        ];
        for (copies, count) in unnamed {
            for metadata in ["1.1", "1.2"] {
                let layout = copies.number();
                let level = Level::Raid10(copies);
                let chunk = Some(self.chunk());
                let mut made = plain(level, "n2", metadata, chunk, count, self.kib());
                made.key = format!("raid10-{layout:#x}-{metadata}-{}k-n{count}", self.chunk());
                made.patch = Some(Patch { made_as: "raid10", at: LAYOUT_AT, value: layout });
                self.push(made, metadata == "1.2" && count != 5);
            }
        }
    }
}

/// Makes the sizes as unequal as several zones need, some of them shared by two members.
fn zones(sizes: &mut [u64]) {
    let steps = [0, 1100, 1100, 2700];
    for (size, step) in sizes.iter_mut().zip(steps) {
        *size += step << 10;
    }
}
