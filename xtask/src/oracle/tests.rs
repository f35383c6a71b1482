//! The oracle's own knowledge: its table is as wide as promised, its losses are the right ones.

use super::combination::{Condition, Outcome};
use super::shape::{Arrangement, Copies, Level};
use super::{content, table, text};
use std::collections::BTreeSet;

#[test]
fn the_table_is_wide_and_its_keys_are_unique() {
    let all = table::all();
    let keys: BTreeSet<_> = all.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys.len(), all.len());
    assert!(all.len() >= 200, "{} combinations", all.len());
    let subset = all.iter().filter(|one| one.is_in_subset).count();
    assert!((40..=64).contains(&subset), "{subset} in the test command");
}

#[test]
fn every_level_meets_every_metadata_and_several_chunks() {
    let all = table::all();
    for level in ["linear", "raid0", "raid1", "raid4", "raid5", "raid6", "raid10", "faulty"] {
        let of_level: Vec<_> = all.iter().filter(|one| one.level.word() == level).collect();
        let metadata: BTreeSet<_> = of_level.iter().map(|one| one.metadata).collect();
        assert_eq!(metadata.len(), 4, "{level}");
        let chunks: BTreeSet<_> = of_level.iter().filter_map(|one| one.chunk_kib).collect();
        let is_chunked = !matches!(level, "raid1" | "faulty");
        assert!(!is_chunked || chunks.len() >= 3, "{level}: {chunks:?}");
    }
}

#[test]
fn parity_survives_as_many_losses_as_it_has_blocks() {
    let present = |lost: &[usize]| (0..5).map(|slot| !lost.contains(&slot)).collect::<Vec<_>>();
    assert!(Level::Raid5.survives(&present(&[4])));
    assert!(!Level::Raid5.survives(&present(&[0, 4])));
    assert!(Level::Raid6.survives(&present(&[0, 4])));
    assert!(!Level::Raid6.survives(&present(&[0, 1, 4])));
    assert!(!Level::Raid0.survives(&present(&[2])));
    assert!(Level::Raid1.survives(&present(&[0, 1, 2, 3])));
}

#[test]
fn raid10_survives_while_each_chunk_has_a_copy() {
    let raid10 = |near, far, arrangement| Level::Raid10(Copies { near, far, arrangement });
    let present =
        |count, lost: &[usize]| (0..count).map(|slot| !lost.contains(&slot)).collect::<Vec<_>>();
    let near = raid10(2, 1, Arrangement::Far);
    assert!(near.survives(&present(4, &[0, 2])));
    assert!(!near.survives(&present(4, &[0, 1])));
    assert!(!near.survives(&present(3, &[0, 1])));
    let far = raid10(1, 2, Arrangement::Far);
    assert!(far.survives(&present(4, &[0, 2])));
    assert!(!far.survives(&present(4, &[3, 0])));
    // Within sets of two the neighbour of slot 1 is slot 0, not slot 2.
    let sets = raid10(1, 2, Arrangement::FarSets);
    assert!(sets.survives(&present(4, &[1, 2])));
    assert!(!sets.survives(&present(4, &[0, 1])));
    // Five members: the last set has three, 2 -> 3 -> 4 -> 2.
    assert!(!sets.survives(&present(5, &[4, 2])));
    assert!(!sets.survives(&present(5, &[2, 3])));
    assert!(sets.survives(&present(5, &[1, 2])));
}

#[test]
fn trials_hold_the_whole_and_one_loss_too_many() {
    for one in table::all() {
        let trials = one.trials();
        assert!(!trials.is_empty(), "{}", one.key);
        let too_many = trials.iter().filter(|trial| trial.outcome == Outcome::Refused).count();
        let is_plain = one.condition == Condition::Whole && one.count > 1;
        let alone: Vec<bool> = (0..one.count).map(|slot| slot == 0).collect();
        let can_lose_all_but_one = one.level.survives(&alone);
        if is_plain && !can_lose_all_but_one {
            assert_eq!(too_many, 1, "{}", one.key);
            assert_eq!(trials[0].outcome, Outcome::Exact, "{}", one.key);
        }
    }
}

#[test]
fn the_pattern_differs_everywhere_and_starts_where_it_is_told() {
    let first = content::hash_of_pattern(0, 4096).expect("hash");
    let second = content::hash_of_pattern(65536, 4096).expect("hash");
    assert_ne!(first, second);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("pattern");
    content::write_pattern(&path).expect("written");
    let (hash, length) = content::hash_of_file(&path).expect("hash");
    assert_eq!(length, content::PATTERN_SIZE);
    assert_eq!(hash, content::hash_of_pattern(0, content::PATTERN_SIZE).expect("hash"));
}

#[test]
fn names_are_left_out_of_texts_and_nothing_else() {
    let told = "        Filename : /dev/loop3\n   0     0       7        1        0      active sync   /dev/loop1\n  Events : 4\n";
    let kept =
        "        Filename :\n   0     0       7        1        0      active sync\n  Events : 4\n";
    assert_eq!(text::without_names(told), kept);
}
