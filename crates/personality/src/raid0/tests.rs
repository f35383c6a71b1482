//! raid0 against the measured numbers.

use super::Raid0;
use crate::{BadShape, Geometry, Personality, Raid0Default, Shape};
use paritas_units::{Chunk, Level, Sector, Sectors, Slot};

fn shape(layout: u32, chunk: u32, sizes: &[u64]) -> Shape {
    Shape {
        level: Level::Raid0,
        layout,
        chunk: Chunk(chunk),
        slots: u16::try_from(sizes.len()).expect("few"),
        component: Sectors::ZERO,
        data_sizes: sizes.iter().copied().map(Sectors).collect(),
        raid0_default: Raid0Default::Refuse,
    }
}

fn spot(geometry: &dyn Geometry, sector: u64) -> (u16, u64) {
    let mut spots = Vec::new();
    geometry.locate(Sector(sector), &mut spots);
    assert_eq!(geometry.array_sector(spots[0].slot, spots[0].at), Some(Sector(sector)));
    (spots[0].slot.0, spots[0].at.0)
}

const FOUR_ZONES: [u64; 4] = [14336, 16424, 20677, 22533];

#[test]
fn p301_four_zones_in_both_layouts() {
    let original = Raid0.arrange(&shape(1, 32, &FOUR_ZONES)).expect("a good shape");
    let alternate = Raid0.arrange(&shape(2, 32, &FOUR_ZONES)).expect("a good shape");
    assert_eq!(original.dimensions().array, Sectors(73952));
    assert_eq!(spot(&*original, 57344), (2, 14336));
    assert_eq!(spot(&*alternate, 57344), (1, 14336));
    for geometry in [original, alternate] {
        assert_eq!(spot(&*geometry, 32 * 5 + 7), (1, 32 + 7));
        assert_eq!(spot(&*geometry, 72096), (3, 20672));
        assert_eq!(geometry.array_sector(Slot(0), Sector(14336)), None);
        assert_eq!(geometry.array_sector(Slot(3), Sector(22528)), None);
    }
}

#[test]
fn p301_an_unknown_layout_is_refused_where_it_matters() {
    for word in [0, 7, u32::MAX] {
        let unknown = shape(word, 32, &FOUR_ZONES);
        assert_eq!(Raid0.arrange(&unknown).expect_err("refused"), BadShape::AmbiguousRaid0);
        for (said, slot) in [(Raid0Default::Original, 2), (Raid0Default::Alternate, 1)] {
            let said = Shape { raid0_default: said, ..unknown.clone() };
            assert_eq!(spot(&*Raid0.arrange(&said).expect("said"), 57344).0, slot);
        }
        for harmless in [&[14336, 14336, 14336][..], &[14336, 14336, 20000]] {
            assert!(Raid0.arrange(&shape(word, 32, harmless)).is_ok());
        }
    }
    let recorded = Shape { raid0_default: Raid0Default::Alternate, ..shape(1, 32, &FOUR_ZONES) };
    assert_eq!(spot(&*Raid0.arrange(&recorded).expect("recorded"), 57344).0, 2);
}

#[test]
fn p301_a_chunk_that_is_no_power_of_two_shortens_the_array_by_a_mask() {
    let geometry = Raid0.arrange(&shape(1, 48, &FOUR_ZONES)).expect("a good shape");
    let used: Vec<u64> = geometry.dimensions().used.iter().map(|used| used.0).collect();
    assert_eq!(used, [14304, 16416, 20640, 22512]);
    assert_eq!(geometry.dimensions().array, Sectors(73744));
    assert_eq!(geometry.array_sector(Slot(3), Sector(22511)), None, "beyond the array");
}

#[test]
fn shapes_that_are_no_array_are_refused() {
    let refused = |shape: Shape| Raid0.arrange(&shape).expect_err("refused");
    assert!(matches!(refused(shape(1, 0, &[100, 100])), BadShape::Chunk { .. }));
    assert!(matches!(refused(shape(1, 128, &[1000, 100])), BadShape::Size { .. }));
    assert!(matches!(refused(shape(1, 8, &[])), BadShape::Slots { .. }));
    assert!(matches!(refused(shape(1, 8, &[1 << 53; 4])), BadShape::Size { .. }));
    let unknown = Shape { slots: 3, ..shape(1, 8, &[64, 64]) };
    assert!(matches!(refused(unknown), BadShape::Size { .. }));
}
