//! Writes in views as they come: members half built, replacements, bad blocks here and there, and
//! parity that is not in sync.

use crate::exhaustive::{arrange, ranges};
use crate::model::{Holds, Model};
use crate::player::{Player, between};
use crate::random::{CASES, Case, Member, PLAYER, is_readable, member};
use crate::shapes;
use crate::stage::Stage;
use crate::writes::{payload, windows};
use paritas_personality::{Intent, Plan, Presence, Unservable, View};
use paritas_units::{Level, Seat, Sector, SectorRange};
use proptest::prelude::*;

const SEATS: [Seat; 2] = [Seat::Original, Seat::Replacement];

/// What `model` will be when `range` is written.
fn written(model: &Model, range: SectorRange) -> Model {
    let mut model = model.clone();
    for (sector, symbol) in (range.start.0..).zip(payload(range)) {
        model.set(sector, symbol);
    }
    model
}

/// Whether a write of `range` changes position `at` of `slot`: data of the range, or parity of it.
fn touches(model: &Model, range: SectorRange, slot: usize, at: usize) -> bool {
    match model.holds[slot][at] {
        Holds::Nothing => false,
        Holds::Data(sector) => range.contains(Sector(sector)),
        Holds::Parity => (0..model.members.len()).any(|other| {
            matches!(model.holds[other][at], Holds::Data(sector) if range.contains(Sector(sector)))
        }),
    }
}

fn check(case: &Case, members: &[[Member; 2]], resync: u64, range: SectorRange) {
    let model = &case.model;
    let seat_of = |slot: usize, seat| &members[slot][usize::from(seat == Seat::Replacement)];
    let mut stage = Stage::new(model, &|slot, seat| seat_of(slot, seat).seat.presence);
    for (slot, seat) in (0..members.len()).flat_map(|slot| SEATS.map(|seat| (slot, seat))) {
        stage.damage(slot, seat, &seat_of(slot, seat).bad);
    }
    let slots = stage.views();
    let view = View { slots: &slots, resync_offset: Sector(resync) };
    let mut plan = Plan::new();
    let answer = case.geometry.plan(&Intent::Write(range), &view, &mut plan);
    let text = || format!("{range} of {:?} with {members:?}\n{plan}", case.shape);
    let is_kept =
        |slot: usize| members[slot].iter().any(|one| one.seat.presence == Presence::InSync);
    let reads =
        |slot: usize, at: usize| members[slot].iter().any(|one| is_readable(one, at as u64));
    let homes = &model.homes[range.start.0 as usize..range.end().0 as usize];
    let lost = (0..members.len()).filter(|slot| !is_kept(*slot)).count();
    let is_lost = if model.parities > 0 {
        lost > model.parities
    } else {
        homes.iter().any(|homes| !homes.iter().any(|(slot, _)| is_kept(*slot)))
    };
    if let Err(error) = answer {
        let Unservable::Lost { range: lost, missing } = error else { panic!("{error}") };
        assert!(range.covers(lost) && !lost.is_empty() && !missing.is_empty(), "{}", text());
        let is_unsolvable = |at: usize| {
            (0..members.len()).filter(|slot| !reads(*slot, at)).count() > model.parities
        };
        let unsolvable = || homes.iter().any(|homes| is_unsolvable(homes[0].1));
        assert!(is_lost || model.parities > 0 && unsolvable(), "{}", text());
        return;
    }
    assert!(!is_lost || range.is_empty(), "{}", text());
    let mut played = stage.clone();
    PLAYER.perform(&plan, &payload(range), &mut played, resync | 1);
    let expected = written(model, range);
    for (slot, seats) in played.slots.iter().enumerate() {
        for (actor, member) in seats.iter().zip(&members[slot]) {
            for (at, found) in actor.image.iter().enumerate() {
                let is_written =
                    actor.presence != Presence::Absent && touches(model, range, slot, at);
                if is_written || is_readable(member, at as u64) {
                    assert_eq!(*found, expected.members[slot][at], "{slot} @ {at}, {}", text());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn writes_are_right_in_every_view(
        case in any::<prop::sample::Index>(),
        members in prop::collection::vec([member(1), member(8)], 6),
        resync in prop_oneof![Just(u64::MAX), 0..200_u64],
        window in any::<prop::sample::Index>(),
        ends in [any::<prop::sample::Index>(), any::<prop::sample::Index>()],
    ) {
        let case = &CASES[case.index(CASES.len())];
        if case.shape.level != Level::Multipath {
            let dimensions = case.geometry.dimensions();
            let windows = dimensions.array.0.div_ceil(dimensions.window.0);
            let range = dimensions.window_range(window.index(windows as usize) as u64);
            let [from, to] =
                ends.map(|end| range.start.0 + end.index(range.len.0 as usize + 1) as u64);
            let range = between(from.min(to), from.max(to));
            check(case, &members[..usize::from(case.shape.slots)], resync, range);
        }
    }
}

#[test]
fn p504_parity_that_is_not_in_sync_is_made_anew() {
    let player = Player::new();
    for shape in shapes::parity() {
        let (geometry, model) = (arrange(&shape), Model::new(&shape));
        let mut stage = Stage::of_originals(&model, &vec![true; model.members.len()]);
        for (slot, holds) in model.holds.iter().enumerate() {
            let parities = holds.iter().enumerate().filter(|(_, holds)| **holds == Holds::Parity);
            parities.for_each(|(at, _)| stage.corrupt(slot, at));
        }
        for window in windows(&*geometry) {
            for range in ranges(geometry.dimensions().window_range(window)) {
                let (slots, mut plan) = (stage.views(), Plan::new());
                let view = View { slots: &slots, resync_offset: range.start };
                geometry.plan(&Intent::Write(range), &view, &mut plan).expect("nothing is missing");
                let mut played = stage.clone();
                player.perform(&plan, &payload(range), &mut played, 0);
                let expected = written(&model, range);
                for (slot, seats) in played.slots.iter().enumerate() {
                    for (at, found) in seats[0].image.iter().enumerate() {
                        let is_right = *found == expected.members[slot][at];
                        let is_touched = touches(&model, range, slot, at);
                        let was_right = model.holds[slot][at] != Holds::Parity;
                        assert_eq!(
                            is_right,
                            is_touched || was_right,
                            "{range} of {shape:?}\n{plan}"
                        );
                    }
                }
            }
        }
    }
}
