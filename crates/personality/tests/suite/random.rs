//! Views as they come: members half built, replacements, bad blocks here and there, hints.

use crate::exhaustive::arrange;
use crate::model::Model;
use crate::player::{Player, between};
use crate::shapes;
use paritas_personality::{
    Geometry, Intent, Plan, Presence, SeatView, Shape, SlotView, Step, Unservable, View,
};
use paritas_units::{Seat, Sector, SectorRange, Sectors, Slot};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

/// A seat with its own list of bad blocks.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) seat: SeatView<'static>,
    pub(crate) bad: Vec<SectorRange>,
}

pub(crate) struct Case {
    pub(crate) shape: Shape,
    pub(crate) geometry: Arc<dyn Geometry>,
    pub(crate) model: Model,
}

pub(crate) static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let shapes = shapes::plain().into_iter().chain(shapes::parity()).chain(shapes::raid10());
    let case = |shape: Shape| Case { geometry: arrange(&shape), model: Model::new(&shape), shape };
    shapes.map(case).collect()
});

pub(crate) static PLAYER: LazyLock<Player> = LazyLock::new(Player::new);

/// A member; `absent` of ten are not there.
pub(crate) fn member(absent: u8) -> impl Strategy<Value = Member> {
    let presence = (0..10_u8, 0..120_u64).prop_map(move |(kind, below)| match kind {
        _ if kind < absent => Presence::Absent,
        8.. => Presence::Recovering(Sector(below)),
        _ => Presence::InSync,
    });
    let hints = (any::<bool>(), any::<bool>(), 0..4_u32, 0..120_u64);
    let bad = prop::collection::vec((0..30_u64, 1..12_u64), 0..4);
    (presence, hints, bad).prop_map(
        |(presence, (write_mostly, is_solid_state, in_flight, head), gaps)| {
            let seat = SeatView {
                presence,
                write_mostly,
                is_solid_state,
                in_flight,
                head: Sector(head),
                unreadable: &[],
            };
            let mut next = 0;
            let bad = gaps.into_iter().map(|(gap, len)| {
                let range = SectorRange::new(next + gap, len);
                next = range.end().0;
                range
            });
            Member { seat, bad: bad.collect() }
        },
    )
}

/// Says the same as `SeatView::readable`, sector by sector.
pub(crate) fn is_readable(member: &Member, at: u64) -> bool {
    let is_trusted = match member.seat.presence {
        Presence::Absent => false,
        Presence::Recovering(below) => at < below.0,
        Presence::InSync => true,
    };
    is_trusted && !member.bad.iter().any(|bad| bad.contains(Sector(at)))
}

fn check(case: &Case, members: &[[Member; 2]], resync: u64, range: SectorRange) {
    let view_of = |member: &'_ Member| SeatView { unreadable: &[], ..member.seat };
    let slots: Vec<SlotView<'_>> = members
        .iter()
        .map(|[original, replacement]| SlotView {
            original: SeatView { unreadable: &original.bad, ..view_of(original) },
            replacement: SeatView { unreadable: &replacement.bad, ..view_of(replacement) },
        })
        .collect();
    let view = View { slots: &slots, resync_offset: Sector(resync) };
    let seat_reads = |slot: usize, seat: Seat, at: u64| {
        is_readable(&members[slot][usize::from(seat == Seat::Replacement)], at)
    };
    let slot_reads = |slot: usize, at: usize| {
        [Seat::Original, Seat::Replacement].iter().any(|seat| seat_reads(slot, *seat, at as u64))
    };
    let serves = |sector| case.model.is_servable(sector, &slot_reads);
    let mut plan = Plan::new();
    match case.geometry.plan(&Intent::Read(range), &view, &mut plan) {
        Ok(()) => {
            let found = PLAYER.play(&case.model, &plan, range, &seat_reads);
            let wanted = range.start.0 as usize..range.end().0 as usize;
            assert_eq!(found, &case.model.array[wanted], "{range} of {:?}\n{plan}", case.shape);
            if range.end().0 > resync && case.model.parities == 0 {
                check_first(case, &plan, &seat_reads);
            }
        }
        Err(Unservable::Lost { range: lost, missing }) => {
            assert!(range.covers(lost) && !lost.is_empty(), "{lost} of {range}");
            assert!((lost.start.0..lost.end().0).all(|sector| !serves(sector)), "{lost}");
            let at = case.model.homes[lost.start.0 as usize][0].1;
            let blamed = |slot: &Slot| case.model.parities == 0 || !slot_reads(slot.index(), at);
            assert!(!missing.is_empty() && missing.iter().all(blamed), "{missing:?}");
        }
        Err(other) => panic!("{other}"),
    }
    let all = (range.start.0..range.end().0).all(serves);
    assert_eq!(all, !plan.steps().is_empty(), "{range} of {:?}\n{plan}", case.shape);
}

/// Where copies may differ, every sector comes from the first seat that can be read.
fn check_first(case: &Case, plan: &Plan, seat_reads: &dyn Fn(usize, Seat, u64) -> bool) {
    let mut spots = Vec::new();
    for step in plan.steps() {
        let Step::Read { from, at, sectors, .. } = *step else { continue };
        for line in 0..sectors.0 {
            let at = Sector(at.0 + line);
            let sector = case.geometry.array_sector(from.slot, at).expect("data were read");
            case.geometry.locate(sector, &mut spots);
            let seats = spots.iter().flat_map(|spot| {
                [Seat::Original, Seat::Replacement].map(|seat| (spot.slot, seat, spot.at))
            });
            let first =
                seats.into_iter().find(|(slot, seat, at)| seat_reads(slot.index(), *seat, at.0));
            assert_eq!(first, Some((from.slot, from.seat, at)), "{:?}\n{plan}", case.shape);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_are_right_in_every_view(
        case in any::<prop::sample::Index>(),
        members in prop::collection::vec([member(1), member(8)], 6),
        resync in prop_oneof![Just(u64::MAX), 0..200_u64],
        window in any::<prop::sample::Index>(),
        ends in [any::<prop::sample::Index>(), any::<prop::sample::Index>()],
    ) {
        let case = &CASES[case.index(CASES.len())];
        let dimensions = case.geometry.dimensions();
        let windows = dimensions.array.0.div_ceil(dimensions.window.0);
        let range = dimensions.window_range(window.index(windows as usize) as u64);
        let [from, to] = ends.map(|end| range.start.0 + end.index(range.len.0 as usize + 1) as u64);
        let range = between(from.min(to), from.max(to));
        check(case, &members[..usize::from(case.shape.slots)], resync, range);
    }

    #[test]
    fn seats_answer_alike_as_long_as_they_say(
        member in member(1),
        at in 0..150_u64,
        want in 1..150_u64,
    ) {
        let seat = SeatView { unreadable: &member.bad, ..member.seat };
        let uniform = seat.uniform(Sector(at), Sectors(want)).0;
        prop_assert!((1..=want).contains(&uniform));
        let first = is_readable(&member, at);
        prop_assert!((at..at + uniform).all(|at| is_readable(&member, at) == first));
        prop_assert_eq!(seat.readable(Sector(at), Sectors(want)).0, if first { uniform } else { 0 });
    }
}
