//! The window table: order of waiters, what is passed by, and nothing left behind.

use super::*;

fn held(entry: Entry) -> Key {
    match entry {
        Entry::Held(key) => key,
        Entry::Waits => panic!("the window was not free"),
    }
}

fn leave(table: &mut WindowTable, key: Key) -> Vec<Key> {
    let mut admitted = Vec::new();
    table.leave(key, &mut admitted);
    admitted.into_iter().map(|(piece, _)| piece).collect()
}

#[test]
fn readers_share_and_one_alone_waits_for_them() {
    let mut table = WindowTable::new(8);
    let key = held(table.enter(7, Claim::Shared, 0));
    assert_eq!(held(table.enter(7, Claim::Shared, 1)), key);
    assert!(table.is_quiet(), "shared windows stop nobody");
    assert_eq!(table.enter(7, Claim::Alone, 2), Entry::Waits);
    assert!(table.is_loud(7) && !table.is_loud(8));
    assert_eq!(table.enter(7, Claim::Shared, 3), Entry::Waits, "nobody passes a waiter");
    assert_eq!(table.enter(7, Claim::Shared, 4), Entry::Waits);
    assert_eq!(leave(&mut table, key), []);
    assert_eq!(leave(&mut table, key), [2]);
    assert_eq!(leave(&mut table, key), [3, 4]);
    assert!(table.is_quiet());
    assert_eq!(leave(&mut table, key), []);
    assert_eq!(leave(&mut table, key), []);
    assert_eq!(table.held(), 0);
}

#[test]
fn what_was_met_lives_as_long_as_somebody_is_there() {
    let mut table = WindowTable::new(4);
    let key = held(table.enter(1, Claim::Alone, 0));
    assert_eq!(table.enter(1, Claim::Alone, 1), Entry::Waits);
    // A mark needs a member; that anything was noted is all that the table looks at.
    let member = crate::map::tests::member();
    let range = paritas_units::SectorRange::new(0, 8);
    let is_news =
        table.note(key, |trouble| trouble.mark(paritas_units::MemberId(0), &member, range));
    assert!(is_news);
    assert_eq!(leave(&mut table, key), [1]);
    assert!(!table.trouble(key).is_empty(), "the second holder sees what the first has met");
    assert_eq!(leave(&mut table, key), []);
    assert!(table.is_quiet());
    let key = held(table.enter(1, Claim::Shared, 2));
    assert!(table.trouble(key).is_empty(), "a window that nobody held starts afresh");
}

#[test]
fn a_random_walk_keeps_the_invariants() {
    const PIECES: u32 = 16;
    let mut table = WindowTable::new(PIECES);
    let mut holds: Vec<Option<(u64, Key, Claim)>> = vec![None; 16];
    let mut waits: Vec<Option<(u64, Claim)>> = vec![None; 16];
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let piece = u32::try_from((seed >> 33) % u64::from(PIECES)).expect("small");
        let number = (seed >> 40) % 5;
        let claim = if seed >> 62 == 0 { Claim::Alone } else { Claim::Shared };
        let place = index(piece);
        if let Some((_, key, _)) = holds[place].take() {
            let mut admitted = Vec::new();
            table.leave(key, &mut admitted);
            for (piece, admitted_claim) in admitted {
                let (number, claim) =
                    waits[index(piece)].take().expect("only waiters are admitted");
                assert_eq!(claim, admitted_claim);
                holds[index(piece)] = Some((number, key, claim));
            }
        } else if waits[place].is_none() {
            match table.enter(number, claim, piece) {
                Entry::Held(key) => holds[place] = Some((number, key, claim)),
                Entry::Waits => waits[place] = Some((number, claim)),
            }
        }
        for number in 0..5 {
            let holders: Vec<_> = holds.iter().flatten().filter(|hold| hold.0 == number).collect();
            let alone = holders.iter().any(|hold| hold.2 == Claim::Alone);
            assert!(!alone || holders.len() == 1, "alone means alone");
            let is_waited_for = waits.iter().flatten().any(|wait| wait.0 == number);
            assert!(!is_waited_for || !holders.is_empty(), "no waiter is forgotten");
        }
    }
    let windows: std::collections::BTreeSet<u64> =
        holds.iter().flatten().map(|hold| hold.0).collect();
    assert_eq!(table.held(), windows.len());
}
