//! Writes that not every member has got: the power goes, or members fail.

use crate::exhaustive::{arrange, ranges, subsets};
use crate::model::{Model, Symbol};
use crate::player::{Members, Player, between};
use crate::shapes;
use crate::stage::Stage;
use crate::writes::{payload, windows};
use paritas_personality::{Geometry, Intent, Plan, Presence, Shape, Survival, Target, View};
use paritas_units::{Level, Sector, SectorRange};

/// Members of which some lose what is written to them.
struct Torn<'a> {
    stage: &'a mut Stage,
    loses: &'a [bool],
}

impl Members for Torn<'_> {
    fn read(&self, from: Target, at: u64) -> Option<Symbol> {
        self.stage.read(from, at)
    }

    fn write(&mut self, to: Target, at: u64, symbol: Symbol) {
        if !self.loses[to.slot.index()] {
            self.stage.write(to, at, symbol);
        }
    }
}

fn redundant() -> impl Iterator<Item = Shape> {
    let mirrors = shapes::plain().into_iter().filter(|shape| shape.level == Level::Raid1);
    let raid10 = shapes::raid10().into_iter().step_by(5);
    mirrors.chain(raid10).chain(shapes::parity()).filter(|shape| shape.slots < 6)
}

/// A few ranges of each window.
fn few_ranges(geometry: &dyn Geometry) -> Vec<SectorRange> {
    let window = |number| ranges(geometry.dimensions().window_range(number));
    windows(geometry).into_iter().flat_map(|number| window(number).into_iter().step_by(7)).collect()
}

fn play(
    player: &Player,
    geometry: &dyn Geometry,
    intent: Intent,
    resync_offset: Sector,
    stage: &mut Stage,
    loses: &[bool],
) {
    let mut plan = Plan::new();
    let slots = stage.views();
    let view = View { slots: &slots, resync_offset };
    geometry.plan(&intent, &view, &mut plan).expect("enough is there");
    drop(slots);
    let payload = match intent {
        Intent::Write(range) => payload(range),
        _ => Vec::new(),
    };
    player.perform(&plan, &payload, &mut Torn { stage, loses }, 0);
}

#[test]
fn a_resync_after_a_torn_write_keeps_all_other_sectors() {
    let player = Player::new();
    for shape in redundant() {
        let (geometry, model) = (arrange(&shape), Model::new(&shape));
        let whole = vec![true; model.members.len()];
        for range in few_ranges(&*geometry) {
            for kept in subsets(shape.slots) {
                let mut stage = Stage::of_originals(&model, &whole);
                let loses: Vec<bool> = kept.iter().map(|kept| !kept).collect();
                let write = Intent::Write(range);
                play(&player, &*geometry, write, Sector::MAX, &mut stage, &loses);
                let window = geometry.dimensions().window;
                let dirty = match model.parities {
                    0 => geometry.dimensions().window_range(range.start.0 / window.0),
                    _ => {
                        let (row, chunk) = (range.start.0 / window.0, u64::from(shape.chunk.0));
                        between(row * chunk, (row + 1) * chunk)
                    }
                };
                let resync = Intent::Resync(dirty);
                play(
                    &player,
                    &*geometry,
                    resync,
                    Sector::ZERO,
                    &mut stage,
                    &vec![false; kept.len()],
                );
                let mut expected = model.clone();
                for sector in range.start.0..range.end().0 {
                    // Old or new, as the copy that is believed has it.
                    let mut spots = Vec::new();
                    geometry.locate(Sector(sector), &mut spots);
                    let image = &stage.slots[spots[0].slot.index()][0].image;
                    expected.set(sector, image[usize::try_from(spots[0].at.0).expect("small")]);
                }
                let wrong = stage.difference(&expected);
                assert_eq!(wrong, None, "{range} of {shape:?}, kept by {kept:?}");
            }
        }
    }
}

#[test]
fn a_write_that_lost_members_is_right_when_it_is_planned_again() {
    let player = Player::new();
    for shape in redundant() {
        let (geometry, model) = (arrange(&shape), Model::new(&shape));
        let survives = |usable: &[bool]| geometry.survives(usable) != Survival::Failed;
        for range in few_ranges(&*geometry) {
            let mut expected = model.clone();
            for (sector, symbol) in (range.start.0..).zip(payload(range)) {
                expected.set(sector, symbol);
            }
            for usable in subsets(shape.slots).filter(|usable| survives(usable)) {
                for left in subsets(shape.slots) {
                    let is_subset = left.iter().zip(&usable).all(|(left, usable)| !left || *usable);
                    if !is_subset || !survives(&left) {
                        continue;
                    }
                    let mut stage = Stage::of_originals(&model, &usable);
                    let loses: Vec<bool> = left.iter().map(|left| !left).collect();
                    let write = Intent::Write(range);
                    play(&player, &*geometry, write, Sector::MAX, &mut stage, &loses);
                    for (slots, _) in stage.slots.iter_mut().zip(&left).filter(|(_, left)| !**left)
                    {
                        slots[0].presence = Presence::Absent;
                    }
                    play(&player, &*geometry, write, Sector::MAX, &mut stage, &loses);
                    let wrong = stage.difference(&expected);
                    assert_eq!(wrong, None, "{range} of {shape:?}, {usable:?}, then {left:?}");
                }
            }
        }
    }
}
