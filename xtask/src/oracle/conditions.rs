//! Combinations in other states than whole: what the kernel leaves behind when things go wrong.
//!
//! Everything here is small and written out, since each line is a case of its own.

use super::combination::{BITMAP, Combination, Condition, PPL, WRITE_MOSTLY};
use super::shape::{Arrangement, Copies, Level};
use super::table::{METADATA, plain};

const NEAR_2: Level = Level::Raid10(Copies { near: 2, far: 1, arrangement: Arrangement::Far });
const FAR_2: Level = Level::Raid10(Copies { near: 1, far: 2, arrangement: Arrangement::Far });
const OFFSET_2: Level = Level::Raid10(Copies { near: 1, far: 2, arrangement: Arrangement::Offset });

/// A level with the words and the chunk that the states below use.
type Base = (Level, &'static str, Option<u64>, usize);

const RAID1: Base = (Level::Raid1, "", None, 3);
const RAID4: Base = (Level::Raid4, "", Some(16), 4);
const RAID5: Base = (Level::Raid5, "left-symmetric", Some(32), 4);
const RAID6: Base = (Level::Raid6, "left-symmetric", Some(64), 5);
const RAID10: Base = (NEAR_2, "n2", Some(64), 4);

/// All of them.
pub(super) fn all() -> Vec<Combination> {
    let mut all = Vec::new();
    absent(&mut all);
    unclean(&mut all);
    unfinished(&mut all);
    marked(&mut all);
    logged(&mut all);
    reshaping(&mut all);
    all
}

fn base((level, layout, chunk, count): Base, metadata: &'static str) -> Combination {
    plain(level, layout, metadata, chunk, count, 6 << 10)
}

fn add(all: &mut Vec<Combination>, mut made: Combination, name: &str, is_in_subset: bool) {
    made.key = format!("{}-{name}", made.key);
    made.is_in_subset = is_in_subset;
    all.push(made);
}

/// One more image at the end, as long as the longest.
fn newcomer(made: &mut Combination) -> usize {
    let longest = made.sizes.iter().copied().max().unwrap_or(0);
    made.sizes.push(longest);
    made.sizes.len() - 1
}

/// Failed, left behind, never there.
fn absent(all: &mut Vec<Combination>) {
    let cases: [(Base, &[usize]); 9] = [
        (RAID1, &[0]),
        (RAID1, &[1, 2]),
        (RAID4, &[3]),
        (RAID5, &[1]),
        (RAID6, &[2]),
        (RAID6, &[0, 3]),
        (RAID10, &[1, 2]),
        ((FAR_2, "f2", Some(32), 4), &[1]),
        ((OFFSET_2, "o2", Some(32), 3), &[2]),
    ];
    for (at, (one, victims)) in cases.into_iter().enumerate() {
        for metadata in ["0.90", "1.2"] {
            let mut made = base(one, metadata);
            let victims = victims.to_vec();
            let who = victims.iter().map(usize::to_string).collect::<Vec<_>>().join("");
            let is_failed = at % 2 == 0;
            made.condition = if is_failed {
                Condition::Degraded { victims }
            } else {
                Condition::LeftBehind { victims }
            };
            let word = if is_failed { "failed" } else { "left" };
            add(all, made, &format!("{word}{who}"), metadata == "1.2" && matches!(at, 3 | 5 | 6));
        }
    }
    for (one, metadata, slot) in [(RAID1, "1.0", 1), (RAID5, "1.1", 0), (RAID6, "0.90", 4)] {
        let mut made = base(one, metadata);
        made.order.insert(slot, None);
        made.order.pop();
        made.sizes.pop();
        add(all, made, &format!("missing{slot}"), metadata == "1.1");
    }
}

/// Cut while written, or before the first resync was over.
fn unclean(all: &mut Vec<Combination>) {
    for one in [RAID1, RAID4, RAID5, RAID6, RAID10] {
        for metadata in ["0.90", "1.2"] {
            let mut made = base(one, metadata);
            made.condition = Condition::Dirty;
            let is_in_subset = metadata == "1.2" && one == RAID5;
            add(all, made, "dirty", is_in_subset);
        }
        if one.0 != Level::Raid4 {
            for metadata in ["0.90", "1.1"] {
                let mut made = base(one, metadata);
                made.options.clear();
                // Without this, mdadm makes raid5 as a degraded array with a spare.
                made.options.push("--force");
                made.condition = Condition::Resyncing { reach: 2048 };
                // The driver is sometimes past the limit before it can be set, so that only the whole
                // table tries these.
                add(all, made, "resyncing", false);
            }
        }
    }
}

/// A rebuild or a replacement that stopped part of the way.
fn unfinished(all: &mut Vec<Combination>) {
    for one in [RAID1, RAID4, RAID5, RAID6, RAID10] {
        for metadata in METADATA {
            let mut made = base(one, metadata);
            let newcomer = newcomer(&mut made);
            made.condition = Condition::Rebuilding { victim: 1, newcomer, reach: 4096 };
            add(all, made, "rebuilding", metadata == "1.2" && one == RAID6);
            if metadata != "0.90" && metadata != "1.0" && one != RAID4 {
                let mut made = base(one, metadata);
                let newcomer = self::newcomer(&mut made);
                made.condition = Condition::Replacing { victim: 2, newcomer, reach: 4096 };
                add(all, made, "replacing", metadata == "1.2" && one == RAID5);
            }
        }
    }
    for (one, metadata) in [(RAID5, "0.90"), (RAID6, "1.2"), (RAID1, "1.0")] {
        let mut made = base(one, metadata);
        let spare = newcomer(&mut made);
        made.order.push(Some(spare));
        add(all, made, "spare", metadata == "1.2");
    }
}

/// Flags, bitmaps and bad blocks.
fn marked(all: &mut Vec<Combination>) {
    for one in [RAID1, RAID5, RAID6, RAID10] {
        for metadata in METADATA {
            let mut made = base(one, metadata);
            made.options.extend([BITMAP, "--bitmap-chunk=64K"]);
            let is_degraded = matches!(metadata, "1.0" | "1.2");
            if is_degraded {
                made.condition = Condition::LeftBehind { victims: vec![1] };
            }
            let name = if is_degraded { "bitmap-left1" } else { "bitmap" };
            add(all, made, name, metadata == "1.2" && one == RAID1);
        }
        for metadata in ["1.0", "1.2"] {
            let mut made = base(one, metadata);
            let data = if metadata == "1.2" { 2048 } else { 0 };
            let ranges = vec![(data + 1000, 8), (data + 5000, 600), (data + 300, 1)];
            made.condition = Condition::BadBlocks { victim: 1, ranges };
            add(all, made, "bad-blocks", metadata == "1.2" && one == RAID6);
        }
    }
    for metadata in METADATA {
        let mut made = base(RAID1, metadata);
        made.options.push(WRITE_MOSTLY);
        add(all, made, "write-mostly", metadata == "0.90");
        if metadata != "0.90" {
            let mut made = base(RAID10, metadata);
            made.options.push("--failfast");
            add(all, made, "failfast", false);
        }
    }
}

/// PPL and journal.
fn logged(all: &mut Vec<Combination>) {
    for metadata in ["1.0", "1.1", "1.2"] {
        for condition in [Condition::Whole, Condition::Dirty] {
            let mut made = base(RAID5, metadata);
            made.options.push(PPL);
            let is_dirty = condition == Condition::Dirty;
            made.condition = condition;
            let name = if is_dirty { "ppl-dirty" } else { "ppl" };
            add(all, made, name, is_dirty && metadata == "1.2");
        }
    }
    for (one, is_dirty) in [(RAID5, false), (RAID5, true), (RAID6, false), (RAID4, true)] {
        for metadata in ["1.1", "1.2"] {
            let mut made = base(one, metadata);
            let journal = newcomer(&mut made);
            made.condition = Condition::Journal { journal, is_dirty };
            let name = if is_dirty { "journal-dirty" } else { "journal" };
            add(all, made, name, metadata == "1.2" && one == RAID5);
        }
    }
}

/// Reshapes that were stopped: a reader has to refuse them.
fn reshaping(all: &mut Vec<Combination>) {
    let cases: [(Base, &'static str, bool, &'static str); 4] = [
        (RAID5, "1.2", true, "--raid-devices=5"),
        (RAID6, "1.1", true, "--raid-devices=6"),
        (RAID10, "1.2", true, "--raid-devices=5"),
        (RAID5, "1.2", false, "--layout=left-asymmetric"),
    ];
    for (one, metadata, has_newcomer, words) in cases {
        let mut made = plain(one.0, one.1, metadata, one.2, one.3, 24 << 10);
        let newcomers = if has_newcomer { vec![newcomer(&mut made)] } else { Vec::new() };
        let name = if has_newcomer { "growing" } else { "relayout" };
        made.condition = Condition::Reshaping { newcomers, words };
        add(all, made, name, one == RAID5 && has_newcomer);
    }
}
