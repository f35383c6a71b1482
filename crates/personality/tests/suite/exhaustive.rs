//! Every small array, every loss, every range.

use crate::model::{Holds, Model};
use crate::player::{Player, between};
use crate::shapes;
use paritas_personality::{
    Geometry, Intent, Plan, Presence, SeatView, Shape, SlotView, Survival, Unservable, View,
    personality,
};
use paritas_units::{Level, Sector, SectorRange, Sectors, Slot};
use std::sync::Arc;

pub(crate) fn arrange(shape: &Shape) -> Arc<dyn Geometry> {
    let personality = personality(shape.level).expect("every level has a personality");
    personality.arrange(shape).unwrap_or_else(|error| panic!("{shape:?}: {error}"))
}

fn check_maps(shape: &Shape) {
    let (geometry, model) = (arrange(shape), Model::new(shape));
    let dimensions = geometry.dimensions();
    assert_eq!(dimensions.array, Sectors(model.array.len() as u64), "{shape:?}");
    let mut spots = Vec::new();
    for (sector, homes) in (0..).zip(&model.homes) {
        geometry.locate(Sector(sector), &mut spots);
        let mut found: Vec<_> =
            spots.iter().map(|spot| (spot.slot.index(), spot.at.0 as usize)).collect();
        found.sort_unstable();
        assert_eq!(&found, homes, "sector {sector} of {shape:?}");
        for spot in &spots {
            assert!(spot.run.0 >= 1);
            for step in 0..spot.run.0.min(40) {
                let back = geometry.array_sector(spot.slot, Sector(spot.at.0 + step));
                let ahead = Sector(sector + step);
                assert!(back == Some(ahead) || ahead.0 >= dimensions.array.0, "{shape:?}");
            }
        }
    }
    for (slot, holds) in (0..).zip(&model.holds) {
        let used = dimensions.used[usize::from(slot)].0;
        for at in 0..holds.len() as u64 + 20 {
            let expected = match holds.get(at as usize) {
                Some(Holds::Data(sector)) => Some(Sector(*sector)),
                _ => None,
            };
            assert_eq!(geometry.array_sector(Slot(slot), Sector(at)), expected, "{shape:?}");
            assert!(expected.is_none() || at < used, "{shape:?}: {at} of {slot} is used");
        }
    }
    assert_eq!(geometry.array_sector(Slot(shape.slots), Sector(0)), None);
}

#[test]
fn every_map_is_the_models_and_leads_back() {
    for shape in shapes::plain().iter().chain(&shapes::parity()).chain(&shapes::raid10()) {
        check_maps(shape);
    }
}

#[test]
fn p201_a_raid10_word_is_refused_exactly_if_copies_would_meet() {
    for shape in shapes::raid10_words() {
        let [near, far, flags, _] = shape.layout.to_le_bytes().map(u16::from);
        let is_countable = (2..=shape.slots).contains(&(near * far));
        let wraps = flags & 1 == 1 && far > 1 && !shape.slots.is_multiple_of(near);
        let meets = || {
            let homes = Model::new(&shape).homes;
            homes.iter().any(|homes| homes.windows(2).any(|pair| pair[0].0 == pair[1].0))
        };
        let is_good = is_countable && flags < 6 && !wraps && !meets();
        let taken = personality(Level::Raid10).expect("known").arrange(&shape);
        assert_eq!(taken.is_ok(), is_good, "{:#x} on {}: {taken:?}", shape.layout, shape.slots);
    }
}

/// Where ranges begin and end: every 4 KiB, and odd sectors between.
fn cuts(range: SectorRange) -> Vec<u64> {
    let (start, end) = (range.start.0, range.end().0);
    let mut cuts: Vec<u64> = (start..end).filter(|at| at % 8 == 0 || at % 24 == 3).collect();
    cuts.push(end);
    cuts
}

/// All ranges between cuts of `window`.
pub(crate) fn ranges(window: SectorRange) -> Vec<SectorRange> {
    let cuts = cuts(window);
    let pairs = cuts.iter().enumerate();
    pairs.flat_map(|(index, from)| cuts[index + 1..].iter().map(|to| between(*from, *to))).collect()
}

/// Sets of slots, as many as there are; the empty one first.
pub(crate) fn subsets(slots: u16) -> impl Iterator<Item = Vec<bool>> {
    (0..1_u32 << slots).map(move |lost| (0..slots).map(|slot| lost >> slot & 1 == 0).collect())
}

/// One array on trial.
struct Trial<'a> {
    geometry: Arc<dyn Geometry>,
    model: Model,
    player: &'a Player,
}

/// Tries every range at every loss; says how many reads that were.
fn check_reads(shape: &Shape, player: &Player) -> usize {
    let trial = Trial { geometry: arrange(shape), model: Model::new(shape), player };
    let (mut plan, mut played, mut most_missing) = (Plan::new(), 0, 0);
    for usable in subsets(shape.slots) {
        let slots: Vec<SlotView<'_>> = usable.iter().map(|usable| slot_view(*usable)).collect();
        let view = View { slots: &slots, resync_offset: Sector::MAX };
        let mut is_complete = true;
        for range in trial.ranges() {
            is_complete &= trial.check_read(&usable, &view, range, &mut plan);
            played += 1;
        }
        let missing = usable.iter().filter(|usable| !**usable).count();
        let expected = match (is_complete, missing) {
            (true, 0) => Survival::Whole,
            (true, _) => Survival::Degraded,
            (false, _) => Survival::Failed,
        };
        assert_eq!(trial.geometry.survives(&usable), expected, "{shape:?} with {usable:?}");
        let flush = trial.geometry.plan(&Intent::Flush, &view, &mut plan);
        assert_eq!(flush.is_ok(), is_complete, "{shape:?} with {usable:?}");
        if is_complete {
            most_missing = most_missing.max(missing);
        }
    }
    assert_eq!(usize::from(trial.geometry.dimensions().may_miss), most_missing, "{shape:?}");
    played
}

impl Trial<'_> {
    /// All ranges between cuts, window by window.
    fn ranges(&self) -> Vec<SectorRange> {
        let dimensions = self.geometry.dimensions();
        let windows = 0..dimensions.array.0.div_ceil(dimensions.window.0);
        windows.flat_map(|number| ranges(dimensions.window_range(number))).collect()
    }

    /// Plans and plays one read; says whether it could be served.
    fn check_read(
        &self,
        usable: &[bool],
        view: &View<'_>,
        range: SectorRange,
        plan: &mut Plan,
    ) -> bool {
        let (model, geometry) = (&self.model, &self.geometry);
        let is_servable = (range.start.0..range.end().0)
            .all(|sector| model.is_servable(sector, &|slot, _| usable[slot]));
        match geometry.plan(&Intent::Read(range), view, plan) {
            Ok(()) => {
                let found = self.player.play(model, plan, range, &|slot, _, _| usable[slot]);
                let expected = &model.array[range.start.0 as usize..range.end().0 as usize];
                assert_eq!(found, expected, "{range} of {geometry:?} with {usable:?}\n{plan}");
                let longest = plan.scratch().iter().max().copied().unwrap_or(0);
                assert!(u64::from(longest) <= range.len.0 * 512, "scratch is bounded\n{plan}");
            }
            Err(Unservable::Lost { range: lost, missing }) => {
                assert!(!is_servable, "{range} of {geometry:?} with {usable:?} could be served");
                assert!(range.covers(lost) && !lost.is_empty());
                assert!(!missing.is_empty() && missing.iter().all(|slot| !usable[slot.index()]));
            }
            Err(other) => panic!("{other}"),
        }
        is_servable
    }
}

fn slot_view<'a>(is_usable: bool) -> SlotView<'a> {
    let presence = if is_usable { Presence::InSync } else { Presence::Absent };
    SlotView {
        original: SeatView { presence, ..SeatView::default() },
        replacement: SeatView::default(),
    }
}

#[test]
fn every_read_of_levels_without_parity_is_right_at_every_loss() {
    let player = Player::new();
    let played: usize = shapes::plain().iter().map(|shape| check_reads(shape, &player)).sum();
    assert!(played > 100_000, "{played}");
}

#[test]
fn every_read_of_parity_levels_is_right_at_every_loss() {
    let player = Player::new();
    let played: usize = shapes::parity().iter().map(|shape| check_reads(shape, &player)).sum();
    assert!(played > 100_000, "{played}");
}

#[test]
fn every_read_of_raid10_is_right_at_every_loss() {
    let player = Player::new();
    let played: usize = shapes::raid10().iter().map(|shape| check_reads(shape, &player)).sum();
    assert!(played > 100_000, "{played}");
}
