//! faulty: limits; where data lie and how they are read is shown for all levels at once.

use super::Faulty;
use crate::{BadShape, Personality, Raid0Default, Shape};
use paritas_units::{Chunk, Level, Sectors};

#[test]
fn p304_there_is_one_member_and_the_layout_means_nothing_on_disk() {
    let shape = |slots| Shape {
        level: Level::Faulty,
        layout: u32::MAX,
        chunk: Chunk(0),
        slots,
        component: Sectors::ZERO,
        data_sizes: vec![Sectors(4096)],
        raid0_default: Raid0Default::Refuse,
    };
    let geometry = Faulty.arrange(&shape(1)).expect("a good shape");
    assert_eq!(geometry.dimensions().array, Sectors(4096));
    for slots in [0, 2] {
        let refused = Faulty.arrange(&shape(slots)).expect_err("refused");
        assert!(matches!(refused, BadShape::Slots { .. }));
    }
}
