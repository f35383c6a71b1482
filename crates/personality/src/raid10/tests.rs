//! raid10 against the measured grids: rows are chunks of members, columns are slots.

use super::Raid10;
use crate::{
    BadShape, Geometry, Intent, Personality, Plan, Presence, Raid0Default, SeatView, Shape,
    SlotView, Step, Survival, View,
};
use paritas_units::{Chunk, Level, Sector, SectorRange, Sectors, Slot};
use std::sync::Arc;

const CHUNK: u64 = 8;

fn shape(layout: u32, slots: u16, rows: u64) -> Shape {
    Shape {
        level: Level::Raid10,
        layout,
        chunk: Chunk(8),
        slots,
        component: Sectors(rows * CHUNK + 3),
        data_sizes: Vec::new(),
        raid0_default: Raid0Default::Refuse,
    }
}

fn arrange(layout: u32, slots: u16, rows: u64) -> Arc<dyn Geometry> {
    Raid10.arrange(&shape(layout, slots, rows)).expect("a good shape")
}

/// The grid of a layout, by the inverse map.
fn grid(layout: u32, slots: u16, rows: u64) -> String {
    let geometry = arrange(layout, slots, rows);
    let word = |slot, row: u64| match geometry.array_sector(Slot(slot), Sector(row * CHUNK)) {
        Some(sector) => (sector.0 / CHUNK).to_string(),
        None => "-".to_owned(),
    };
    let row = |row| (0..slots).map(|slot| word(slot, row)).collect::<Vec<_>>().join(" ");
    (0..rows).map(row).collect::<Vec<_>>().join(" | ")
}

#[test]
fn near_far_and_offset_copies_are_where_they_were_measured() {
    assert_eq!(grid(0x102, 3, 4), "0 0 1 | 1 2 2 | 3 3 4 | 4 5 5");
    assert_eq!(grid(0x102, 4, 2), "0 0 1 1 | 2 2 3 3");
    let far = "0 1 2 3 | 4 5 6 7 | 8 9 10 11 | 3 0 1 2 | 7 4 5 6 | 11 8 9 10";
    assert_eq!(grid(0x201, 4, 6), far);
    assert_eq!(grid(0x10201, 4, 4), "0 1 2 3 | 3 0 1 2 | 4 5 6 7 | 7 4 5 6");
    assert_eq!(grid(0x10201, 3, 2), "0 1 2 | 2 0 1");
    assert_eq!(grid(0x40201, 4, 2), "0 1 2 3 | 1 0 3 2");
    assert_eq!(grid(0x40201, 5, 2), "0 1 2 3 4 | 1 0 4 2 3");
    let both = "0 0 1 1 | 2 2 3 3 | 4 4 5 5 | 1 1 0 0 | 3 3 2 2 | 5 5 4 4";
    assert_eq!(grid(0x202, 4, 6), both);
    assert_eq!(grid(0x102, 3, 1), "0 0 -", "half a pair is not used");
}

#[test]
fn p201_layouts_that_md_takes_and_refuses() {
    for layout in [258, 513, 66049] {
        assert!(Raid10.arrange(&shape(layout, 4, 8)).is_ok(), "{layout:#x}");
    }
    let refused =
        |layout| matches!(Raid10.arrange(&shape(layout, 4, 8)), Err(BadShape::Layout { .. }));
    for layout in [0, 256, 0x101, 0x002, 1 << 19 | 0x102, 0x60201, 0x105, 0x303] {
        assert!(refused(layout), "{layout:#x}");
    }
    assert!(matches!(Raid10.arrange(&shape(0x102, 1, 8)), Err(BadShape::Slots { .. })));
    for chunk in [0, 4, 24] {
        let odd = Shape { chunk: Chunk(chunk), ..shape(0x102, 4, 8) };
        assert!(matches!(Raid10.arrange(&odd), Err(BadShape::Chunk { .. })), "{chunk}");
    }
}

#[test]
fn layouts_that_lose_data_are_refused_by_name() {
    let why = |layout, slots| match Raid10.arrange(&shape(layout, slots, 8)) {
        Err(BadShape::Layout { why, .. }) => why,
        other => panic!("{layout:#x} on {slots} slots: {other:?}"),
    };
    assert!(why(0x20201, 3).contains("same member"));
    assert!(why(0x10202, 5).contains("next row"));
    assert!(why(0x10202, 7).contains("next row"));
    assert!(why(0x40202, 9).contains("share a place"));
}

#[test]
fn p204_every_chunk_must_keep_a_copy() {
    let geometry = arrange(0x102, 4, 8);
    let survives = |missing: &[usize]| {
        let usable: Vec<bool> = (0..4).map(|slot| !missing.contains(&slot)).collect();
        geometry.survives(&usable)
    };
    assert_eq!(survives(&[]), Survival::Whole);
    assert_eq!(survives(&[0, 2]), Survival::Degraded);
    assert_eq!(survives(&[0, 1]), Survival::Failed);
    assert_eq!(survives(&[0, 2, 1]), Survival::Failed);
}

/// The slots that reads of the whole first window go to.
fn slots_read(geometry: &dyn Geometry, slots: &[SlotView<'_>], resync: Sector) -> Vec<u16> {
    let view = View { slots, resync_offset: resync };
    let range = SectorRange { start: Sector(0), len: Sectors(4 * CHUNK) };
    let mut plan = Plan::new();
    geometry.plan(&Intent::Read(range), &view, &mut plan).expect("servable");
    let slot = |step: &Step| match step {
        Step::Read { from, .. } => Some(from.slot.0),
        _ => None,
    };
    plan.steps().iter().filter_map(slot).collect()
}

#[test]
fn p202_far_copies_are_read_as_stripes_and_near_ones_by_idleness() {
    let original = SeatView { presence: Presence::InSync, ..SeatView::default() };
    let mut slots = [SlotView { original, replacement: SeatView::default() }; 4];
    slots[0].original.head = Sector(CHUNK * 8);
    assert_eq!(slots_read(&*arrange(0x201, 4, 8), &slots, Sector::MAX), [0, 1, 2, 3]);
    let near = arrange(0x102, 4, 8);
    slots[0].original.in_flight = 1;
    slots[2].original.in_flight = 1;
    assert_eq!(slots_read(&*near, &slots, Sector::MAX), [1, 3, 1, 3]);
    assert_eq!(slots_read(&*near, &slots, Sector(0)), [0, 2, 0, 2], "the first copy, if in doubt");
}
