//! Shapes from hostile disks: whatever the numbers, an answer, soon, in little memory.

use paritas_personality::{
    ALL, Geometry, Intent, Plan, Presence, Raid0Default, SeatView, Shape, SlotView, Spot, View,
    personality,
};
use paritas_units::{Chunk, Level, Sector, SectorRange, Sectors};
use proptest::prelude::*;

/// Numbers that break things: small, huge, powers of two and their neighbours, anything.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..200_u64,
        (0..64_u32, 0..3_u64)
            .prop_map(|(bit, off)| (1_u64 << bit).wrapping_add(off).wrapping_sub(1)),
        any::<u64>(),
        Just(u64::MAX),
    ]
}

fn chunk() -> impl Strategy<Value = Chunk> {
    prop_oneof![
        (0..32_u32).prop_map(|bit| Chunk(1 << bit)),
        number().prop_map(|number| Chunk(number as u32)),
    ]
}

fn layout() -> impl Strategy<Value = u32> {
    let raid10 =
        (0..9_u32, 0..9_u32, 0..9_u32).prop_map(|(near, far, flags)| near | far << 8 | flags << 16);
    prop_oneof![0..22_u32, raid10, any::<u32>()]
}

fn shape() -> impl Strategy<Value = Shape> {
    let slots = prop_oneof![0..12_u16, 0..300_u16, 1910..1930_u16, any::<u16>()];
    let sizes = prop::collection::vec(number(), 0..12);
    let said = prop_oneof![
        Just(Raid0Default::Refuse),
        Just(Raid0Default::Original),
        Just(Raid0Default::Alternate)
    ];
    (0..Level::ALL.len(), layout(), chunk(), slots, number(), sizes, any::<bool>(), said).prop_map(
        |(level, layout, chunk, slots, component, sizes, fits, raid0_default)| {
            let mut data_sizes: Vec<Sectors> = sizes.into_iter().map(Sectors).collect();
            if fits && !data_sizes.is_empty() {
                data_sizes = data_sizes.iter().copied().cycle().take(usize::from(slots)).collect();
            }
            let level = Level::ALL[level];
            Shape {
                level,
                layout,
                chunk,
                slots,
                component: Sectors(component),
                data_sizes,
                raid0_default,
            }
        },
    )
}

fn check(geometry: &dyn Geometry, seed: u64) {
    let dimensions = geometry.dimensions();
    let array = dimensions.array.0;
    assert!(array > 0 && dimensions.array.bytes().is_some());
    assert!(!dimensions.window.is_zero());
    assert_eq!(dimensions.used.len(), usize::from(dimensions.slots));
    assert!(dimensions.may_miss < dimensions.slots);
    let original = SeatView { presence: Presence::InSync, ..SeatView::default() };
    let mut slots = vec![
        SlotView { original, replacement: SeatView::default() };
        usize::from(dimensions.slots)
    ];
    let (mut spots, mut plan) = (Vec::new(), Plan::new());
    for sector in [0, array - 1, array / 2, seed % array].map(Sector) {
        geometry.locate(sector, &mut spots);
        let first = spots[0];
        for spot in &spots {
            assert!(spot.at.0 < dimensions.used[spot.slot.index()].0);
            assert_eq!(geometry.array_sector(spot.slot, spot.at), Some(sector));
        }
        let window = dimensions.window_range(dimensions.window_of(sector));
        let range = SectorRange { start: sector, len: Sectors(2048) }.intersection(window);
        for presence in [Presence::InSync, Presence::Absent] {
            slots[first.slot.index()].original.presence = presence;
            let view = View { slots: &slots, resync_offset: Sector::MAX };
            let read = geometry.plan(&Intent::Read(range), &view, &mut plan);
            assert!(read.is_ok() || dimensions.may_miss == 0 || presence == Presence::Absent);
            let write = geometry.plan(&Intent::Write(range), &view, &mut plan);
            assert_eq!(write.is_ok(), dimensions.may_miss > 0 || presence == Presence::InSync);
            check_syncs(geometry, first, range, &view, &mut plan);
        }
        slots[first.slot.index()].original.presence = Presence::InSync;
    }
    let view = View { slots: &slots, resync_offset: Sector::MAX };
    assert!(geometry.plan(&Intent::Flush, &view, &mut plan).is_ok());
    for at in [Sector::MAX, Sector(seed)] {
        for slot in [0, dimensions.slots - 1, u16::MAX] {
            let _ = geometry.array_sector(paritas_units::Slot(slot), at);
        }
    }
}

/// Plans what a walker asks for around a spot; whatever comes, soon.
fn check_syncs(
    geometry: &dyn Geometry,
    spot: Spot,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) {
    let dimensions = geometry.dimensions();
    let component = spot.at.range(spot.run.min(Sectors(256)));
    let synced = if dimensions.level.has_parity() { component } else { range };
    let is_whole = view.slots.iter().all(|slot| slot.original.presence == Presence::InSync);
    for intent in [Intent::Resync(synced), Intent::Check(synced), Intent::Repair(synced)] {
        let is_refused = geometry.plan(&intent, view, plan).is_err();
        let knows = !matches!(
            dimensions.level,
            Level::Linear | Level::Raid0 | Level::Multipath | Level::Faulty
        );
        assert!(!is_refused || !knows || !is_whole, "{intent:?}");
    }
    let recovered = geometry.plan(&Intent::Recover(component), view, plan);
    assert!(recovered.is_err() || plan.steps().len() == 1, "nobody is being rebuilt");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape_is_laid_out_or_refused(shape in shape(), seed in any::<u64>()) {
        let personality = personality(shape.level).expect("every level has a personality");
        match personality.arrange(&shape) {
            Ok(geometry) => check(&*geometry, seed),
            Err(bad) => prop_assert!(!bad.to_string().is_empty()),
        }
    }
}

#[test]
fn every_level_has_one_personality() {
    for level in Level::ALL {
        let serving = ALL.iter().filter(|one| one.identity().levels.contains(&level)).count();
        assert_eq!(serving, 1, "{level}");
    }
    for one in ALL {
        assert_eq!(one.identity().levels.len(), one.identity().least_slots.len());
    }
}

#[test]
fn the_widest_arrays_are_laid_out() {
    for (level, slots, layout) in [
        (Level::Raid1, 1920, 0),
        (Level::Raid5, 1920, 2),
        (Level::Raid6, 255, 10),
        (Level::Raid10, 1920, 0x40220),
    ] {
        let shape = Shape {
            level,
            layout,
            chunk: Chunk(8),
            slots,
            component: Sectors(1 << 30),
            data_sizes: Vec::new(),
            raid0_default: Raid0Default::Refuse,
        };
        let geometry = personality(level).expect("known").arrange(&shape).expect("wide, but right");
        check(&*geometry, 12345);
    }
}
