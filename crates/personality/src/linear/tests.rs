//! linear against the measured numbers.

use super::Linear;
use crate::{Personality, Raid0Default, Shape};
use paritas_units::{Chunk, Level, Sector, Sectors, Slot};

#[test]
fn p302_members_follow_each_other_rounded_to_the_chunk() {
    let shape = Shape {
        level: Level::Linear,
        layout: 0,
        chunk: Chunk(128),
        slots: 3,
        component: Sectors::ZERO,
        data_sizes: vec![Sectors(14336), Sectors(16424), Sectors(20677)],
        raid0_default: Raid0Default::Refuse,
    };
    let geometry = Linear.arrange(&shape).expect("a good shape");
    assert_eq!(geometry.dimensions().array, Sectors(51328));
    assert_eq!(geometry.dimensions().used, [Sectors(14336), Sectors(16384), Sectors(20608)]);
    let mut spots = Vec::new();
    geometry.locate(Sector(14336), &mut spots);
    assert_eq!((spots[0].slot, spots[0].at, spots[0].run), (Slot(1), Sector(0), Sectors(16384)));
    assert_eq!(geometry.array_sector(Slot(1), Sector(0)), Some(Sector(14336)));
    assert_eq!(geometry.array_sector(Slot(1), Sector(16384)), None);
}
