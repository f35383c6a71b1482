//! Levels 4, 5 and 6 against the measured grids: rows of slots, as the real driver fills them.

use super::Raid456;
use super::arrangement::{Arrangement, Block};
use crate::{
    BadShape, Geometry, Intent, Personality, Plan, Presence, Raid0Default, SeatView, Shape,
    SlotView, Step, Term, Unservable, View,
};
use paritas_units::{Chunk, Level, Sector, SectorRange, Sectors, Slot};
use std::sync::Arc;

/// The rows of a layout, written as the tables are: slots apart by spaces, rows by bars.
fn grid(level: Level, layout: u32, slots: u16, rows: u64) -> String {
    let arrangement = Arrangement::of(level, layout).expect("a known layout");
    let parities = if level == Level::Raid6 { 2 } else { 1 };
    let data = u64::from(slots - parities);
    let row = |row: u64| {
        let stripe = arrangement.stripe(row, slots);
        let word = |slot| match stripe.block(slot) {
            Block::Data(index) => (row * data + u64::from(index)).to_string(),
            Block::P => "P".to_owned(),
            Block::Q => "Q".to_owned(),
        };
        (0..slots).map(word).collect::<Vec<_>>().join(" ")
    };
    (0..rows).map(row).collect::<Vec<_>>().join(" | ")
}

#[test]
fn raid5_and_raid4_rows_are_the_measured_ones() {
    let tables = [
        (0, "0 1 2 P | 3 4 P 5 | 6 P 7 8 | P 9 10 11"),
        (1, "P 0 1 2 | 3 P 4 5 | 6 7 P 8 | 9 10 11 P"),
        (2, "0 1 2 P | 4 5 P 3 | 8 P 6 7 | P 9 10 11"),
        (3, "P 0 1 2 | 5 P 3 4 | 7 8 P 6 | 9 10 11 P"),
        (4, "P 0 1 2 | P 3 4 5 | P 6 7 8 | P 9 10 11"),
        (5, "0 1 2 P | 3 4 5 P | 6 7 8 P | 9 10 11 P"),
    ];
    for (layout, expected) in tables {
        assert_eq!(grid(Level::Raid5, layout, 4, 4), expected, "layout {layout}");
    }
    for layout in [0, 5, 77] {
        assert_eq!(grid(Level::Raid4, layout, 4, 2), "0 1 2 P | 3 4 5 P");
    }
}

#[test]
fn raid6_rows_are_the_measured_ones() {
    let tables = [
        (0, "Q 0 1 2 P | 3 4 5 P Q | 6 7 P Q 8 | 9 P Q 10 11 | P Q 12 13 14"),
        (1, "P Q 0 1 2 | 3 P Q 4 5 | 6 7 P Q 8 | 9 10 11 P Q | Q 12 13 14 P"),
        (2, "Q 0 1 2 P | 3 4 5 P Q | 7 8 P Q 6 | 11 P Q 9 10 | P Q 12 13 14"),
        (3, "P Q 0 1 2 | 5 P Q 3 4 | 7 8 P Q 6 | 9 10 11 P Q | Q 12 13 14 P"),
        (4, "P Q 0 1 2 | P Q 3 4 5"),
        (5, "0 1 2 P Q | 3 4 5 P Q"),
        (8, "P Q 0 1 2 | 3 P Q 4 5 | 6 7 P Q 8 | 9 10 11 P Q | Q 12 13 14 P"),
        (9, "0 1 2 P Q | 3 4 P Q 5 | 6 P Q 7 8 | P Q 9 10 11 | Q 12 13 14 P"),
        (10, "0 1 2 Q P | 4 5 Q P 3 | 8 Q P 6 7 | Q P 9 10 11 | P 12 13 14 Q"),
        (16, "0 1 2 P Q | 3 4 P 5 Q | 6 P 7 8 Q | P 9 10 11 Q | 12 13 14 P Q"),
        (17, "P 0 1 2 Q | 3 P 4 5 Q"),
        (18, "0 1 2 P Q | 4 5 P 3 Q | 8 P 6 7 Q | P 9 10 11 Q | 12 13 14 P Q"),
        (19, "P 0 1 2 Q | 5 P 3 4 Q"),
        (20, "P 0 1 2 Q | P 3 4 5 Q"),
    ];
    for (layout, expected) in tables {
        let rows = u64::try_from(expected.split('|').count()).expect("few");
        assert_eq!(grid(Level::Raid6, layout, 5, rows), expected, "layout {layout}");
    }
}

#[test]
fn exponents_are_counted_from_q_or_by_slot() {
    let terms = |layout, row| {
        let arrangement = Arrangement::of(Level::Raid6, layout).expect("a known layout");
        (0..5).map(|slot| arrangement.stripe(row, 5).term(slot)).collect::<Vec<_>>()
    };
    let d = Term::Data;
    assert_eq!(terms(0, 1), [d(0), d(1), d(2), Term::P, Term::Q]);
    assert_eq!(terms(2, 1), [d(0), d(1), d(2), Term::P, Term::Q]);
    assert_eq!(terms(1, 1), [d(2), Term::P, Term::Q, d(0), d(1)]);
    assert_eq!(terms(8, 1), [d(0), Term::P, Term::Q, d(3), d(4)]);
    assert_eq!(terms(18, 1), [d(0), d(1), Term::P, d(2), Term::Q]);
    assert_eq!(terms(0, 2), [d(1), d(2), Term::P, Term::Q, d(0)]);
}

fn shape(level: Level, layout: u32, slots: u16) -> Shape {
    Shape {
        level,
        layout,
        chunk: Chunk(16),
        slots,
        component: Sectors(40),
        data_sizes: Vec::new(),
        raid0_default: Raid0Default::Refuse,
    }
}

fn arrange(level: Level, layout: u32, slots: u16) -> Arc<dyn Geometry> {
    Raid456.arrange(&shape(level, layout, slots)).expect("a good shape")
}

fn in_sync<'a>(slots: usize) -> Vec<SlotView<'a>> {
    let original = SeatView { presence: Presence::InSync, ..SeatView::default() };
    vec![SlotView { original, replacement: SeatView::default() }; slots]
}

#[test]
fn p519_limits_of_slots_chunk_and_layout() {
    let refused = |shape: &Shape| Raid456.arrange(shape).expect_err("refused");
    let three = shape(Level::Raid6, 2, 3);
    assert!(matches!(refused(&three), BadShape::Slots { .. }));
    assert!(matches!(refused(&shape(Level::Raid6, 2, 256)), BadShape::Slots { .. }));
    assert!(matches!(refused(&shape(Level::Raid5, 2, 1)), BadShape::Slots { .. }));
    for chunk in [0, 4, 24] {
        let odd = Shape { chunk: Chunk(chunk), ..shape(Level::Raid5, 2, 3) };
        assert!(matches!(refused(&odd), BadShape::Chunk { .. }), "{chunk}");
    }
    for layout in [6, 8, 16, u32::MAX] {
        assert!(matches!(refused(&shape(Level::Raid5, layout, 4)), BadShape::Layout { .. }));
    }
    for layout in [6, 7, 11, 15, 21] {
        assert!(matches!(refused(&shape(Level::Raid6, layout, 4)), BadShape::Layout { .. }));
    }
    let huge = Shape { component: Sectors(u64::MAX), ..shape(Level::Raid5, 2, 4) };
    assert!(matches!(refused(&huge), BadShape::Size { .. }));
}

#[test]
fn p502_a_read_within_one_chunk_is_one_step() {
    let geometry = arrange(Level::Raid5, 2, 4);
    let slots = in_sync(4);
    let view = View { slots: &slots, resync_offset: Sector::MAX };
    let mut plan = Plan::new();
    geometry.plan(&Intent::Read(SectorRange::new(56, 8)), &view, &mut plan).expect("whole");
    assert_eq!(plan.steps().len(), 3, "{plan}");
    assert!(matches!(plan.steps(), [Step::Read { .. }, Step::Fence, Step::Ack]));
}

#[test]
fn p502_a_degraded_read_reads_all_others() {
    let geometry = arrange(Level::Raid6, 2, 6);
    let mut slots = in_sync(6);
    let mut spots = Vec::new();
    geometry.locate(Sector(16), &mut spots);
    slots[spots[0].slot.index()] = SlotView::default();
    let view = View { slots: &slots, resync_offset: Sector::MAX };
    let mut plan = Plan::new();
    for range in [SectorRange::new(16, 8), SectorRange::new(0, 64)] {
        geometry.plan(&Intent::Read(range), &view, &mut plan).expect("one missing");
        let reads = plan.steps().iter().filter(|step| matches!(step, Step::Read { .. })).count();
        assert_eq!(reads, 4, "three data and P, not Q\n{plan}");
    }
}

#[test]
fn p511_too_many_failures_leave_the_other_blocks_readable() {
    let geometry = arrange(Level::Raid5, 5, 4);
    let mut slots = in_sync(4);
    slots[1] = SlotView::default();
    slots[2] = SlotView::default();
    let view = View { slots: &slots, resync_offset: Sector::MAX };
    let mut plan = Plan::new();
    assert_eq!(geometry.plan(&Intent::Read(SectorRange::new(4, 8)), &view, &mut plan), Ok(()));
    let refused = geometry.plan(&Intent::Read(SectorRange::new(4, 16)), &view, &mut plan);
    let lost = Unservable::Lost { range: SectorRange::new(16, 4), missing: vec![Slot(1), Slot(2)] };
    assert_eq!(refused, Err(lost));
    assert!(plan.steps().is_empty(), "nothing may be played");
}

#[test]
fn scratch_stays_small_when_the_ends_of_two_chunks_are_wanted() {
    let long =
        Shape { chunk: Chunk(1 << 24), component: Sectors(1 << 26), ..shape(Level::Raid6, 2, 5) };
    let geometry = Raid456.arrange(&long).expect("a good shape");
    let mut slots = in_sync(5);
    slots[1] = SlotView::default();
    slots[2] = SlotView::default();
    let view = View { slots: &slots, resync_offset: Sector::MAX };
    let mut plan = Plan::new();
    let range = SectorRange::new((1 << 24) - 8, 24);
    geometry.plan(&Intent::Read(range), &view, &mut plan).expect("two missing");
    let longest = plan.scratch().iter().max().copied();
    assert_eq!(longest, Some(16 * 512), "{plan}");
    assert!(plan.scratch().len() <= 10);
}

/// Member reads and writes of a write of `range`, nothing missing.
fn steps(slots: u16, level: Level, range: SectorRange) -> (usize, usize) {
    let geometry = arrange(level, 2, slots);
    let seats = in_sync(usize::from(slots));
    let view = View { slots: &seats, resync_offset: Sector::MAX };
    let mut plan = Plan::new();
    geometry.plan(&Intent::Write(range), &view, &mut plan).expect("nothing is missing");
    let count = |is: fn(&&Step) -> bool| plan.steps().iter().filter(is).count();
    (
        count(|step| matches!(step, Step::Read { .. })),
        count(|step| matches!(step, Step::Write { .. })),
    )
}

#[test]
fn p503_a_whole_row_is_written_without_a_read() {
    for slots in [4, 5, 9] {
        let members = usize::from(slots);
        let row = |parities: u16| SectorRange::new(0, 16 * u64::from(slots - parities));
        assert_eq!(steps(slots, Level::Raid5, row(1)), (0, members));
        assert_eq!(steps(slots, Level::Raid6, row(2)), (0, members));
    }
}

#[test]
fn p504_a_small_write_reads_as_little_as_it_can() {
    let block = SectorRange::new(8, 8);
    assert_eq!(steps(10, Level::Raid5, block), (2, 2), "old data and P");
    assert_eq!(steps(3, Level::Raid5, block), (1, 2), "the other data");
    assert_eq!(steps(4, Level::Raid5, block), (2, 2));
    assert_eq!(steps(10, Level::Raid6, block), (3, 3), "old data, P and Q");
    assert_eq!(steps(5, Level::Raid6, block), (2, 3), "the other data");
    assert_eq!(steps(10, Level::Raid5, SectorRange::new(0, 16 * 8)), (1, 9), "all but one");
}
