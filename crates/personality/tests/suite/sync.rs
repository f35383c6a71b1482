//! Resync, check, repair and recovery of every small array: redundancy is spoilt where nobody would
//! notice, then found, counted and made good.

use crate::exhaustive::{arrange, subsets};
use crate::model::{Model, symbol};
use crate::player::{Player, between};
use crate::shapes;
use crate::stage::Stage;
use paritas_personality::{
    Geometry, Intent, Plan, Presence, Shape, Step, Survival, Unservable, View,
};
use paritas_units::{Level, Seat, Sector, SectorRange};
use std::collections::BTreeSet;
use std::sync::Arc;

struct Trial {
    geometry: Arc<dyn Geometry>,
    model: Model,
    shape: Shape,
}

fn redundant() -> impl Iterator<Item = Shape> {
    let mirrors = shapes::plain().into_iter().filter(|shape| shape.level == Level::Raid1);
    let long = shapes::shape(Level::Raid1, 0, 0, 3, 700);
    let coarse = [0x102, 0x103, 0x201, 0x10201]
        .map(|layout| shapes::shape(Level::Raid10, layout, 256, 3, 1100));
    mirrors.chain([long]).chain(coarse).chain(shapes::raid10()).chain(shapes::parity())
}

/// A number that looks as if it were thrown.
fn dice(number: usize, salt: usize) -> u8 {
    symbol(number, salt)[0]
}

impl Trial {
    fn new(shape: Shape) -> Self {
        Self { geometry: arrange(&shape), model: Model::new(&shape), shape }
    }

    fn has_parity(&self) -> bool {
        self.model.parities > 0
    }

    /// Pieces of everything that is in sync or not, as a walker would ask for them: within rows or
    /// windows, and cut in odd places too.
    fn pieces(&self, salt: usize) -> Vec<SectorRange> {
        let dimensions = self.geometry.dimensions();
        let (unit, end) = match self.has_parity() {
            true => (u64::from(self.shape.chunk.0), dimensions.used[0].0),
            false => (dimensions.window.0, dimensions.array.0),
        };
        let mut cuts: Vec<u64> = (0..end).step_by(usize::try_from(unit).expect("small")).collect();
        cuts.extend((1..end).filter(|at| dice(usize::try_from(*at).expect("small"), salt) < 16));
        cuts.push(end);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|pair| between(pair[0], pair[1])).collect()
    }

    /// What redundancy can be spoilt at `losses` without anybody knowing better: slots and
    /// positions, with the unit that counts as one.
    fn spoils(&self, usable: &[bool]) -> Vec<(usize, usize, (usize, usize))> {
        let mut spoils = Vec::new();
        if !self.has_parity() {
            let is_mirror = self.shape.level == Level::Raid1
                || self.shape.layout & 0xff == u32::from(self.shape.slots);
            let chunk = usize::try_from(self.shape.chunk.0).expect("small");
            let unit = if is_mirror { 128 } else { chunk.min(128) };
            let mut spots = Vec::new();
            for sector in 0..self.model.array.len() {
                self.geometry.locate(Sector(sector as u64), &mut spots);
                let places = spots.iter().map(|spot| (spot.slot.index(), spot.at.0 as usize));
                // The first one is believed.
                let others = places.filter(|(slot, _)| usable[*slot]).skip(1);
                spoils.extend(others.map(|(slot, at)| (slot, at, (slot, sector / unit))));
            }
            return spoils;
        }
        let rows = usize::try_from(self.geometry.dimensions().used[0].0).expect("small");
        for at in 0..rows {
            let [p, q] = self.model.parity_slots(at);
            let is_data = |slot: &usize| Some(*slot) != p && Some(*slot) != q;
            let lost = (0..usable.len()).filter(is_data).filter(|slot| !usable[*slot]).count();
            let is_there = |slot: &usize| usable[*slot];
            let (p, q) = (p.filter(is_there), q.filter(is_there));
            let free = match lost {
                0 => [p, q],
                1 if p.is_some() => [None, q],
                _ => [None, None],
            };
            spoils.extend(free.into_iter().flatten().map(|slot| (slot, at, (0, at / 8))));
        }
        spoils
    }

    /// Spoils some redundancy; what was spoilt, as units by position within the walk.
    fn spoil(&self, stage: &mut Stage, usable: &[bool], salt: usize) -> Vec<(u64, (usize, usize))> {
        let mut spoilt = Vec::new();
        for (slot, at, unit) in self.spoils(usable) {
            if dice(at, salt) < 12 {
                stage.corrupt(slot, at);
                let position = match self.has_parity() {
                    true => at as u64,
                    false => self.model.array_sector(slot, at),
                };
                spoilt.push((position, unit));
            }
        }
        spoilt
    }

    /// Plays an intent; the comparisons that failed.
    fn play(
        &self,
        player: &Player,
        stage: &mut Stage,
        intent: Intent,
    ) -> Result<usize, Unservable> {
        let mut plan = Plan::new();
        let slots = stage.views();
        let view = View { slots: &slots, resync_offset: Sector::ZERO };
        self.geometry.plan(&intent, &view, &mut plan)?;
        drop(slots);
        let failed = player.perform(&plan, &[], stage, intent.range().map_or(1, |r| r.start.0 + 1));
        let compares = |number: &usize| matches!(plan.steps()[*number], Step::Compare { .. });
        assert!(failed.iter().all(compares));
        Ok(failed.len())
    }
}

/// Spoils redundancy at one loss, and resyncs, checks, repairs all; says how much was spoilt.
fn check_all(trial: &Trial, player: &Player, usable: &[bool], salt: usize) -> usize {
    let mut stage = Stage::of_originals(&trial.model, usable);
    let spoilt = trial.spoil(&mut stage, usable, salt);
    let (mut resynced, mut checked, mut repaired) = (stage.clone(), stage.clone(), stage.clone());
    for range in trial.pieces(salt) {
        let case = || format!("{range} of {:?} with {usable:?}", trial.shape);
        let units: BTreeSet<_> = spoilt
            .iter()
            .filter(|(position, _)| range.contains(Sector(*position)))
            .map(|(_, unit)| *unit)
            .collect();
        let found = trial.play(player, &mut checked, Intent::Check(range));
        assert_eq!(found, Ok(units.len()), "{}", case());
        let found = trial.play(player, &mut repaired, Intent::Repair(range));
        assert_eq!(found, Ok(units.len()), "{}", case());
        let found = trial.play(player, &mut resynced, Intent::Resync(range));
        let counts = trial.shape.level == Level::Raid10;
        assert_eq!(found, Ok(if counts { units.len() } else { 0 }), "{}", case());
    }
    let wrong = repaired.difference(&trial.model);
    assert_eq!(wrong, None, "repair of {:?} with {usable:?}", trial.shape);
    let wrong = resynced.difference(&trial.model);
    assert_eq!(wrong, None, "resync of {:?} with {usable:?}", trial.shape);
    for (slots, before) in checked.slots.iter().zip(&stage.slots) {
        assert!(slots[0].image == before[0].image, "a check changes nothing");
    }
    spoilt.len()
}

#[test]
fn p111_p205_p513_what_is_spoilt_is_found_counted_and_made_good_at_every_loss() {
    let (player, mut spoilt) = (Player::new(), 0);
    for (salt, shape) in (1000..).zip(redundant()) {
        let trial = Trial::new(shape);
        for usable in subsets(trial.shape.slots) {
            if trial.geometry.survives(&usable) != Survival::Failed {
                spoilt += check_all(&trial, &player, &usable, salt);
            }
        }
    }
    assert!(spoilt > 10_000, "{spoilt}");
}

#[test]
fn what_is_lost_is_not_made_up() {
    let player = Player::new();
    for shape in redundant() {
        let trial = Trial::new(shape);
        let mut stage = Stage::of_originals(&trial.model, &vec![false; trial.model.members.len()]);
        for range in trial.pieces(1) {
            for intent in [Intent::Resync(range), Intent::Check(range), Intent::Repair(range)] {
                let refused = trial.play(&player, &mut stage, intent);
                let Err(Unservable::Lost { range: lost, missing }) = refused else {
                    panic!("{intent:?} of {:?}: {refused:?}", trial.shape);
                };
                assert!(range.covers(lost) && !lost.is_empty());
                assert!(!missing.is_empty());
            }
        }
    }
}

/// Rebuilds the slots of `rebuilt`, on a replacement or in place, while those of `absent` are away.
fn check_recovery(trial: &Trial, player: &Player, kinds: &[Kind], salt: usize) {
    let presence = |slot: usize, seat| match (kinds[slot], seat) {
        (Kind::Whole | Kind::Replaced(_), Seat::Original) => Presence::InSync,
        (Kind::Rebuilt(below), Seat::Original)
        | (Kind::Replaced(below) | Kind::Inherited(below), Seat::Replacement) => {
            Presence::Recovering(Sector(below))
        }
        _ => Presence::Absent,
    };
    let mut stage = Stage::new(&trial.model, &presence);
    let end = trial.geometry.dimensions().used[0].0;
    let step = match trial.has_parity() {
        true => u64::from(trial.shape.chunk.0),
        false => 8 + u64::from(dice(salt, 5)),
    };
    let mut at = 0;
    while at < end {
        // Not more than to the end of a row of chunks.
        let len = (1 + u64::from(dice(at as usize, salt)) % step).min(step - at % step);
        let range = between(at, (at + len).min(end));
        if let Err(error) = trial.play(player, &mut stage, Intent::Recover(range)) {
            panic!("{range} of {:?} with {kinds:?}: {error}", trial.shape);
        }
        at = range.end().0;
    }
    stage.rebuilt();
    let wrong = stage.difference(&trial.model);
    assert_eq!(wrong, None, "{:?} with {kinds:?}", trial.shape);
}

/// What is wrong with a slot.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Whole,
    Absent,
    /// Its original is being rebuilt.
    Rebuilt(u64),
    /// Its original is there, and is to be replaced.
    Replaced(u64),
    /// Its original is away, and its replacement is being rebuilt.
    Inherited(u64),
}

#[test]
fn p112_p206_p515_everybody_is_rebuilt_at_every_loss() {
    let player = Player::new();
    for (salt, shape) in (2000..).zip(redundant()) {
        let trial = Trial::new(shape);
        let end = trial.geometry.dimensions().used[0].0;
        for usable in subsets(trial.shape.slots) {
            if trial.geometry.survives(&usable) == Survival::Failed {
                continue;
            }
            for turn in 0..3 {
                let kind = |(slot, usable): (usize, &bool)| {
                    let below = u64::from(dice(slot + turn, salt)) % end;
                    let below = if turn == 0 { 0 } else { below };
                    match (usable, dice(slot, salt + turn) % 4) {
                        (true, 0) => Kind::Replaced(below),
                        (true, _) => Kind::Whole,
                        (false, 0) => Kind::Absent,
                        (false, 1) => Kind::Inherited(below),
                        (false, _) => Kind::Rebuilt(below),
                    }
                };
                let kinds: Vec<Kind> = usable.iter().enumerate().map(kind).collect();
                check_recovery(&trial, &player, &kinds, salt + turn);
            }
        }
    }
}
