//! Every small array, every loss, every range: written, discarded, zeroed.

use crate::exhaustive::{arrange, ranges, subsets};
use crate::model::{Model, Symbol, symbol};
use crate::player::{DISCARDED, Player};
use crate::shapes;
use crate::stage::Stage;
use paritas_personality::{Geometry, Intent, Plan, Shape, Step, Unservable, View};
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
pub(crate) fn windows(geometry: &dyn Geometry) -> Vec<u64> {
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
                trial.check(stage, usable, Intent::Write(range), &payload, &expected);
                played += 1;
            }
        }
    }
    played
}

/// Other bytes than those that are there.
pub(crate) fn payload(range: SectorRange) -> Vec<Symbol> {
    let salt = usize::try_from(range.start.0).expect("small") + 99;
    (0..usize::try_from(range.len.0).expect("small")).map(|line| symbol(line, salt)).collect()
}

impl Trial<'_> {
    fn check(
        &self,
        stage: &Stage,
        usable: &[bool],
        intent: Intent,
        payload: &[Symbol],
        expected: &Model,
    ) {
        let range = intent.range().expect("it is about sectors");
        let slots = stage.views();
        let view = View { slots: &slots, resync_offset: Sector::MAX };
        let mut plan = Plan::new();
        let is_servable = self.is_servable(usable, range);
        match self.geometry.plan(&intent, &view, &mut plan) {
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

#[test]
fn discards_and_zeroes_reach_every_copy_at_every_loss() {
    let player = Player::new();
    for shape in copies().chain(shapes::raid10()) {
        let trial = Trial {
            geometry: arrange(&shape),
            model: Model::new(&shape),
            player: &player,
            shape: &shape,
        };
        for window in windows(&*trial.geometry) {
            let ranges = ranges(trial.geometry.dimensions().window_range(window));
            for range in ranges.into_iter().step_by(7) {
                for (intent, content) in
                    [(Intent::Discard(range), DISCARDED), (Intent::WriteZeroes(range), [0; 4])]
                {
                    let mut expected = trial.model.clone();
                    (range.start.0..range.end().0).for_each(|at| expected.set(at, content));
                    for usable in subsets(shape.slots) {
                        let stage = Stage::of_originals(&trial.model, &usable);
                        trial.check(&stage, &usable, intent, &[], &expected);
                    }
                }
            }
        }
    }
}

#[test]
fn zeroes_with_parity_are_a_write() {
    for shape in shapes::parity() {
        let geometry = arrange(&shape);
        let stage = Stage::of_originals(&Model::new(&shape), &vec![true; usize::from(shape.slots)]);
        let slots = stage.views();
        let view = View { slots: &slots, resync_offset: Sector::MAX };
        let (mut write, mut zeroes) = (Plan::new(), Plan::new());
        for range in ranges(geometry.dimensions().window_range(0)) {
            geometry.plan(&Intent::Write(range), &view, &mut write).expect("nothing is missing");
            geometry.plan(&Intent::WriteZeroes(range), &view, &mut zeroes).expect("as it is");
            assert_eq!(write, zeroes);
        }
    }
}

#[test]
fn p303_one_path_takes_the_write() {
    let shape = shapes::shape(Level::Multipath, 0, 0, 3, 53);
    let (geometry, model) = (arrange(&shape), Model::new(&shape));
    for usable in subsets(3) {
        let stage = Stage::of_originals(&model, &usable);
        let slots = stage.views();
        let view = View { slots: &slots, resync_offset: Sector::MAX };
        let mut plan = Plan::new();
        let intent = Intent::Write(SectorRange::new(5, 20));
        let first = usable.iter().position(|usable| *usable);
        assert_eq!(geometry.plan(&intent, &view, &mut plan).is_ok(), first.is_some());
        let written: Vec<usize> = plan
            .steps()
            .iter()
            .filter_map(|step| match step {
                Step::Write { to, .. } => Some(to.slot.index()),
                _ => None,
            })
            .collect();
        assert_eq!(written, first.into_iter().collect::<Vec<_>>());
    }
}
