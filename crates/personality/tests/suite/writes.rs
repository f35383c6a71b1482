//! Every small array, every loss, every range: written, discarded, zeroed.

use crate::exhaustive::{arrange, ranges, subsets};
use crate::model::{Model, Symbol, symbol};
use crate::player::Player;
use crate::shapes;
use crate::stage::Stage;
use paritas_personality::{Geometry, Intent, Plan, Shape, Unservable, View};
use paritas_units::{Level, Sector, SectorRange};
use std::sync::Arc;

/// An array that is written to.
struct Trial<'a> {
    geometry: Arc<dyn Geometry>,
    model: Model,
    player: &'a Player,
    shape: &'a Shape,
}

/// Windows that are written: two, of which one is the last.
fn windows(geometry: &dyn Geometry) -> Vec<u64> {
    let dimensions = geometry.dimensions();
    let last = dimensions.window_of(Sector(dimensions.array.0 - 1));
    if last == 0 { vec![0] } else { vec![last / 2, last] }
}

/// Tries every range at every loss; says how many writes that were.
fn check_writes(shape: &Shape, player: &Player) -> usize {
    let trial = Trial { geometry: arrange(shape), model: Model::new(shape), player, shape };
    let losses: Vec<(Vec<bool>, Stage)> = subsets(shape.slots)
        .map(|usable| (usable.clone(), Stage::of_originals(&trial.model, &usable)))
        .collect();
    let mut played = 0;
    for window in windows(&*trial.geometry) {
        for range in ranges(trial.geometry.dimensions().window_range(window)) {
            let payload = payload(range);
            let mut expected = trial.model.clone();
            for (sector, symbol) in (range.start.0..).zip(&payload) {
                expected.set(sector, *symbol);
            }
            for (usable, stage) in &losses {
                trial.check(stage, usable, range, &payload, &expected);
                played += 1;
            }
        }
    }
    played
}

/// Other bytes than those that are there.
fn payload(range: SectorRange) -> Vec<Symbol> {
    let salt = usize::try_from(range.start.0).expect("small") + 99;
    (0..usize::try_from(range.len.0).expect("small")).map(|line| symbol(line, salt)).collect()
}

impl Trial<'_> {
    fn check(
        &self,
        stage: &Stage,
        usable: &[bool],
        range: SectorRange,
        payload: &[Symbol],
        expected: &Model,
    ) {
        let slots = stage.views();
        let view = View { slots: &slots, resync_offset: Sector::MAX };
        let mut plan = Plan::new();
        let is_servable = self.is_servable(usable, range);
        match self.geometry.plan(&Intent::Write(range), &view, &mut plan) {
            Ok(()) => assert!(is_servable, "{range} of {:?} with {usable:?}", self.shape),
            Err(Unservable::Lost { range: lost, missing }) => {
                assert!(!is_servable, "{range} of {:?} with {usable:?}", self.shape);
                assert!(range.covers(lost) && !lost.is_empty());
                assert!(!missing.is_empty() && missing.iter().all(|slot| !usable[slot.index()]));
                assert!(plan.steps().is_empty());
                return;
            }
            Err(other) => panic!("{other}"),
        }
        let mut played = stage.clone();
        let order = range.start.0 << 20 | range.len.0 << 1 | 1;
        self.player.perform(&plan, payload, &mut played, order);
        let wrong = played.difference(expected);
        assert_eq!(wrong, None, "{range} of {:?} with {usable:?}\n{plan}", self.shape);
    }

    /// Whether what is left keeps every sector of `range`.
    fn is_servable(&self, usable: &[bool], range: SectorRange) -> bool {
        let mut sectors = range.start.0..range.end().0;
        if self.model.parities > 0 {
            let missing = usable.iter().filter(|usable| !**usable).count();
            return missing <= self.model.parities || range.is_empty();
        }
        sectors.all(|sector| self.model.is_servable(sector, &|slot, _| usable[slot]))
    }
}

/// Multipath has no copies, and is tried by itself.
fn copies() -> impl Iterator<Item = Shape> {
    shapes::plain().into_iter().filter(|shape| shape.level != Level::Multipath)
}

#[test]
fn every_write_of_levels_without_parity_is_right_at_every_loss() {
    let player = Player::new();
    let played: usize = copies().map(|shape| check_writes(&shape, &player)).sum();
    assert!(played > 50_000, "{played}");
}

#[test]
fn every_write_of_raid10_is_right_at_every_loss() {
    let player = Player::new();
    let played: usize = shapes::raid10().iter().map(|shape| check_writes(shape, &player)).sum();
    assert!(played > 50_000, "{played}");
}

#[test]
fn every_write_of_parity_levels_is_right_at_every_loss() {
    let player = Player::new();
    let played: usize = shapes::parity().iter().map(|shape| check_writes(shape, &player)).sum();
    assert!(played > 100_000, "{played}");
}
