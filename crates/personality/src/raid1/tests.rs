//! raid1: which member is read.

use super::Raid1;
use crate::{
    Intent, Personality, Plan, Presence, Raid0Default, SeatView, Shape, SlotView, Step, Unservable,
    View,
};
use paritas_units::{Chunk, Level, Seat, Sector, SectorRange, Sectors, Slot};

fn mirror(slots: u16) -> Shape {
    Shape {
        level: Level::Raid1,
        layout: 0,
        chunk: Chunk(0),
        slots,
        component: Sectors(4096),
        data_sizes: Vec::new(),
        raid0_default: Raid0Default::Refuse,
    }
}

fn in_sync<'a>() -> SlotView<'a> {
    let original = SeatView { presence: Presence::InSync, ..SeatView::default() };
    SlotView { original, replacement: SeatView::default() }
}

/// The slots and seats that a read of `range` goes to, with lengths.
fn reads(slots: &[SlotView<'_>], resync: Sector, range: SectorRange) -> Vec<(u16, Seat, u64)> {
    let geometry =
        Raid1.arrange(&mirror(u16::try_from(slots.len()).expect("few"))).expect("a good shape");
    let mut plan = Plan::new();
    let view = View { slots, resync_offset: resync };
    geometry.plan(&Intent::Read(range), &view, &mut plan).expect("servable");
    let mut found = Vec::new();
    for step in plan.steps() {
        if let Step::Read { from, sectors, .. } = step {
            found.push((from.slot.0, from.seat, sectors.0));
        }
    }
    found
}

const ALL: SectorRange = SectorRange::new(64, 64);

#[test]
fn p101_beyond_the_resync_point_the_first_slot_is_read() {
    let mut slots = [in_sync(), in_sync()];
    slots[0].original.in_flight = 9;
    assert_eq!(reads(&slots, Sector(100), ALL), [(0, Seat::Original, 64)]);
    assert_eq!(reads(&slots, Sector::MAX, ALL), [(1, Seat::Original, 64)]);
    let bad = [SectorRange::new(72, 8)];
    slots[0].original.unreadable = &bad;
    let expected = [(0, Seat::Original, 8), (1, Seat::Original, 8), (0, Seat::Original, 48)];
    assert_eq!(reads(&slots, Sector(0), ALL), expected, "only the bad block comes from elsewhere");
}

#[test]
fn p101_rotating_members_are_chosen_by_their_heads() {
    let mut slots = [in_sync(), in_sync(), in_sync()];
    for (slot, head) in slots.iter_mut().zip([4000, 100, 3000]) {
        slot.original.head = Sector(head);
        slot.original.in_flight = 1;
    }
    assert_eq!(reads(&slots, Sector::MAX, ALL), [(1, Seat::Original, 64)]);
    slots[2].original.in_flight = 0;
    assert_eq!(reads(&slots, Sector::MAX, ALL), [(2, Seat::Original, 64)], "an idle one is taken");
    slots[0].original.head = ALL.start;
    assert_eq!(reads(&slots, Sector::MAX, ALL), [(0, Seat::Original, 64)], "a stream sticks");
}

#[test]
fn p101_solid_state_members_share_by_queue_length() {
    let mut slots = [in_sync(), in_sync()];
    for slot in &mut slots {
        slot.original.is_solid_state = true;
        slot.original.in_flight = 3;
    }
    slots[1].original.in_flight = 2;
    slots[0].original.head = ALL.start;
    assert_eq!(reads(&slots, Sector::MAX, ALL), [(1, Seat::Original, 64)]);
}

#[test]
fn p101_a_replacement_takes_part_as_far_as_it_is_built() {
    let mut slots = [in_sync(), in_sync()];
    slots[0].original.in_flight = 2;
    slots[1].original.in_flight = 2;
    slots[1].replacement.presence = Presence::Recovering(Sector(128));
    assert_eq!(reads(&slots, Sector::MAX, ALL), [(1, Seat::Replacement, 64)]);
    slots[1].replacement.presence = Presence::Recovering(Sector(127));
    assert_eq!(reads(&slots, Sector::MAX, ALL), [(0, Seat::Original, 64)]);
}

#[test]
fn p101_write_mostly_members_are_read_last_and_the_longest_good_part_first() {
    let bad = [SectorRange::new(80, 8)];
    let worse = [SectorRange::new(72, 8)];
    let mut slots = [in_sync(), in_sync(), in_sync()];
    slots[0].original.write_mostly = true;
    slots[1].original.unreadable = &worse;
    slots[2].original.unreadable = &bad;
    let expected = [(2, Seat::Original, 16), (1, Seat::Original, 48)];
    assert_eq!(reads(&slots, Sector::MAX, ALL), expected);
    slots[1].original.presence = Presence::Absent;
    let expected = [(2, Seat::Original, 16), (0, Seat::Original, 8), (2, Seat::Original, 40)];
    assert_eq!(reads(&slots, Sector::MAX, ALL), expected);
}

#[test]
fn a_sector_that_nobody_has_is_named() {
    let bad = [SectorRange::new(80, 8)];
    let mut slots = [in_sync(), SlotView::default()];
    slots[0].original.unreadable = &bad;
    let geometry = Raid1.arrange(&mirror(2)).expect("a good shape");
    let view = View { slots: &slots, resync_offset: Sector::MAX };
    let refused = geometry.plan(&Intent::Read(ALL), &view, &mut Plan::new());
    let lost = Unservable::Lost { range: bad[0], missing: vec![Slot(0), Slot(1)] };
    assert_eq!(refused, Err(lost));
}
