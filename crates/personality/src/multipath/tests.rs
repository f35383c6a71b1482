//! multipath: limits; where data lie and how they are read is shown for all levels at once.

use super::Multipath;
use crate::{Intent, Personality, Plan, Presence, Raid0Default, SeatView, Shape, SlotView, View};
use paritas_units::{Chunk, Level, Sector, SectorRange, Sectors};

#[test]
fn p303_all_requests_go_to_the_first_path_that_works() {
    let shape = Shape {
        level: Level::Multipath,
        layout: 0,
        chunk: Chunk(0),
        slots: 3,
        component: Sectors(4096),
        data_sizes: Vec::new(),
        raid0_default: Raid0Default::Refuse,
    };
    let geometry = Multipath.arrange(&shape).expect("a good shape");
    let original = SeatView { presence: Presence::InSync, ..SeatView::default() };
    let mut slots = [SlotView { original, replacement: SeatView::default() }; 3];
    slots[0] = SlotView::default();
    slots[1].original.in_flight = 100;
    let view = View { slots: &slots, resync_offset: Sector::MAX };
    let mut plan = Plan::new();
    geometry.plan(&Intent::Read(SectorRange::new(8, 8)), &view, &mut plan).expect("two paths");
    assert_eq!(plan.to_string(), "  read     slot 1 @ 8+8 -> host+0\n  ----\n  ack\n");
    geometry.plan(&Intent::Flush, &view, &mut plan).expect("two paths");
    assert_eq!(plan.to_string(), "  flush    slot 1\n  flush    slot 2\n  ----\n  ack\n");
}
