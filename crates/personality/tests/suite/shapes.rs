//! The small arrays that are tried: every level, every layout, two to six members.

use paritas_personality::{BadShape, Raid0Default, Shape, personality};
use paritas_units::{Chunk, Level, Sectors};

/// A shape with chunks of `chunk` sectors and component or member sizes as given.
pub(crate) fn shape(level: Level, layout: u32, chunk: u32, slots: u16, component: u64) -> Shape {
    Shape {
        level,
        layout,
        chunk: Chunk(chunk),
        slots,
        component: Sectors(component),
        data_sizes: Vec::new(),
        raid0_default: Raid0Default::Refuse,
    }
}

fn sized(level: Level, layout: u32, chunk: u32, sizes: &[u64]) -> Shape {
    let slots = u16::try_from(sizes.len()).expect("few");
    let data_sizes = sizes.iter().copied().map(Sectors).collect();
    Shape { data_sizes, ..shape(level, layout, chunk, slots, 0) }
}

/// All layouts of levels 4, 5 and 6, with a row more than it takes until they repeat.
pub(crate) fn parity() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for slots in 2..=6 {
        let component = 16 * u64::from(slots + 1) + 9;
        shapes.push(shape(Level::Raid4, 0, 16, slots, component));
        shapes.extend((0..6).map(|layout| shape(Level::Raid5, layout, 16, slots, component)));
        if slots >= 4 {
            let layouts = (0..6).chain(8..11).chain(16..21);
            shapes.extend(layouts.map(|layout| shape(Level::Raid6, layout, 16, slots, component)));
        }
    }
    shapes
}

/// Levels without parity and chunks of copies: all kinds of members.
pub(crate) fn plain() -> Vec<Shape> {
    let mut shapes = Vec::new();
    let ramps: [&[u64]; 8] = [
        &[67],
        &[40, 40],
        &[33, 70],
        &[70, 33, 70],
        &[24, 48, 48, 72],
        &[72, 24, 48, 30, 48],
        &[32, 33, 34, 35, 36, 37],
        &[80, 24, 56, 56, 24, 80],
    ];
    for sizes in ramps {
        for chunk in [0, 1, 8, 24] {
            shapes.push(sized(Level::Linear, 0, chunk, sizes));
        }
        for layout in [1, 2] {
            shapes.extend([8, 12, 16].map(|chunk| sized(Level::Raid0, layout, chunk, sizes)));
        }
    }
    for slots in 1..=6 {
        shapes.push(shape(Level::Raid1, 0, 0, slots, 53));
        shapes.push(shape(Level::Multipath, 0, 0, slots, 53));
    }
    shapes.push(shape(Level::Faulty, 0, 0, 1, 53));
    shapes
}

/// Every word of raid10 on two to six members, taken or not.
pub(crate) fn raid10_words() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for slots in 2..=6 {
        for (near, far) in (1..=6).flat_map(|near| (1..=6).map(move |far| (near, far))) {
            for flags in 0..6 {
                let layout = near | far << 8 | flags << 16;
                // So many rows that the sets of slots repeat.
                let rows = u64::from(far * near.max(2));
                shapes.push(shape(Level::Raid10, layout, 8, slots, rows * 8 + 13));
            }
        }
    }
    shapes
}

/// Those of them that are arrays.
pub(crate) fn raid10() -> Vec<Shape> {
    let is_taken = |shape: &Shape| match personality(Level::Raid10).expect("known").arrange(shape) {
        Ok(_) => true,
        Err(BadShape::Layout { .. }) => false,
        Err(other) => panic!("{shape:?}: {other}"),
    };
    raid10_words().into_iter().filter(is_taken).collect()
}
