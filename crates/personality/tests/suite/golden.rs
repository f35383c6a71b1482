//! Plans as text, beside the personality that writes them, so that a change can be reviewed.
//!
//! With `PARITAS_BLESS=1` in the environment the files are written anew.

use crate::exhaustive::arrange;
use crate::shapes::shape;
use paritas_personality::{
    Intent, Plan, Presence, SeatView, Shape, SlotView, View, layout_name, personality,
};
use paritas_units::{Level, Sector, SectorRange, Sectors};
use std::fmt::Write as _;
use std::path::Path;

/// A snapshot: an array, what is wrong with it, and what is asked.
struct Snapshot {
    name: &'static str,
    shape: Shape,
    missing: &'static [usize],
    /// Originals that are being rebuilt, with where they are, and replacements.
    rebuilt: &'static [(usize, u64)],
    replaced: &'static [(usize, u64)],
    bad: Vec<(usize, SectorRange)>,
    resync_offset: Sector,
    intent: Intent,
}

fn read(name: &'static str, shape: Shape, start: u64, len: u64) -> Snapshot {
    let intent = Intent::Read(SectorRange::new(start, len));
    let (missing, rebuilt, replaced) = (&[], &[], &[]);
    let (bad, resync_offset) = (Vec::new(), Sector::MAX);
    Snapshot { name, shape, missing, rebuilt, replaced, bad, resync_offset, intent }
}

fn ask(name: &'static str, shape: Shape, intent: Intent) -> Snapshot {
    Snapshot { intent, ..read(name, shape, 0, 0) }
}

fn write(name: &'static str, shape: Shape, start: u64, len: u64) -> Snapshot {
    ask(name, shape, Intent::Write(SectorRange::new(start, len)))
}

impl Snapshot {
    fn missing(self, missing: &'static [usize]) -> Self {
        Self { missing, ..self }
    }

    fn rebuilt(self, rebuilt: &'static [(usize, u64)]) -> Self {
        Self { rebuilt, ..self }
    }

    fn replaced(self, replaced: &'static [(usize, u64)]) -> Self {
        Self { replaced, ..self }
    }

    fn bad(self, bad: &[(usize, SectorRange)]) -> Self {
        Self { bad: bad.to_vec(), ..self }
    }

    fn resync(self, below: u64) -> Self {
        Self { resync_offset: Sector(below), ..self }
    }

    fn flush(name: &'static str, shape: Shape) -> Self {
        Self { intent: Intent::Flush, ..read(name, shape, 0, 0) }
    }

    /// The array in a line, then its plan.
    fn text(&self) -> String {
        let shape = &self.shape;
        let lists: Vec<Vec<SectorRange>> = (0..usize::from(shape.slots))
            .map(|slot| self.bad.iter().filter(|bad| bad.0 == slot).map(|bad| bad.1).collect())
            .collect();
        let below = |list: &[(usize, u64)], slot| list.iter().find(|(of, _)| *of == slot).copied();
        let slots: Vec<SlotView<'_>> = lists
            .iter()
            .enumerate()
            .map(|(slot, unreadable)| {
                let original = match below(self.rebuilt, slot) {
                    Some((_, below)) => Presence::Recovering(Sector(below)),
                    None if self.missing.contains(&slot) => Presence::Absent,
                    None => Presence::InSync,
                };
                let replacement = match below(self.replaced, slot) {
                    Some((_, below)) => Presence::Recovering(Sector(below)),
                    None => Presence::Absent,
                };
                SlotView {
                    original: SeatView { presence: original, unreadable, ..SeatView::default() },
                    replacement: SeatView { presence: replacement, ..SeatView::default() },
                }
            })
            .collect();
        let view = View { slots: &slots, resync_offset: self.resync_offset };
        let mut plan = Plan::new();
        let answer = arrange(shape).plan(&self.intent, &view, &mut plan);
        let mut text = self.heading();
        match answer {
            Ok(()) => write!(text, "\n{plan}"),
            Err(error) => writeln!(text, "\n  {error}"),
        }
        .expect("strings take everything");
        text
    }

    fn heading(&self) -> String {
        let shape = &self.shape;
        let mut text = shape.level.to_string();
        if let Some(name) = layout_name(shape.level, shape.layout) {
            write!(text, " {name}").expect("strings take everything");
        }
        write!(text, ", {} members", shape.slots).expect("strings take everything");
        if shape.chunk.0 != 0 {
            write!(text, ", chunk {}", shape.chunk.0).expect("strings take everything");
        }
        write!(text, "; {}", self.intent.verb()).expect("strings take everything");
        if let Some(range) = self.intent.range() {
            write!(text, " {range}").expect("strings take everything");
        }
        if !self.missing.is_empty() {
            write!(text, "; missing {:?}", self.missing).expect("strings take everything");
        }
        for (slot, below) in self.rebuilt {
            write!(text, "; slot {slot} rebuilt to {below}").expect("strings take everything");
        }
        for (slot, below) in self.replaced {
            write!(text, "; slot {slot} replaced to {below}").expect("strings take everything");
        }
        for (slot, range) in &self.bad {
            write!(text, "; slot {slot} bad {range}").expect("strings take everything");
        }
        if self.resync_offset != Sector::MAX {
            write!(text, "; in resync at {}", self.resync_offset).expect("strings take everything");
        }
        text
    }

    fn compare(&self) -> Option<String> {
        let folder = personality(self.shape.level).expect("known").identity().name;
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(folder)
            .join("golden")
            .join(format!("{}.txt", self.name));
        let text = self.text();
        if std::env::var_os("PARITAS_BLESS").is_some_and(|bless| bless == "1") {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder is made");
            std::fs::write(&file, &text).expect("a file is written");
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        (golden != text).then(|| format!("{}:\n{golden}--- is now\n{text}", file.display()))
    }
}

/// Members of unequal sizes.
fn sized(level: Level, layout: u32, chunk: u32, sizes: &[u64]) -> Shape {
    let slots = u16::try_from(sizes.len()).expect("few");
    let data_sizes = sizes.iter().copied().map(Sectors).collect();
    Shape { data_sizes, ..shape(level, layout, chunk, slots, 0) }
}

fn without_parity() -> Vec<Snapshot> {
    let linear = || sized(Level::Linear, 0, 0, &[100, 200, 300]);
    let zones = |layout| sized(Level::Raid0, layout, 8, &[16, 32, 32, 48]);
    let mirror = || shape(Level::Raid1, 0, 0, 3, 4096);
    let raid10 = |layout, slots| shape(Level::Raid10, layout, 8, slots, 48);
    vec![
        read("read_over_an_edge", linear(), 90, 20),
        read("read_of_a_missing_member", linear(), 90, 20).missing(&[1]),
        Snapshot::flush("flush", linear()),
        read("read_into_the_second_zone_original", zones(1), 56, 40),
        read("read_into_the_second_zone_alternate", zones(2), 56, 40),
        read("read_of_the_last_zone_merges", zones(2), 104, 24),
        read("read", mirror(), 64, 64),
        read("read_degraded", mirror(), 64, 64).missing(&[0]),
        read("read_around_bad_blocks", mirror(), 64, 64)
            .missing(&[2])
            .bad(&[(0, SectorRange::new(72, 8)), (1, SectorRange::new(96, 8))]),
        read("read_in_resync", mirror(), 64, 64).bad(&[(0, SectorRange::new(72, 8))]).resync(100),
        read("read_of_nothing_left", mirror(), 64, 64).missing(&[0, 1, 2]),
        Snapshot::flush("flush", mirror()).missing(&[1]),
        read("read_near", raid10(0x102, 3), 0, 32),
        read("read_near_degraded", raid10(0x102, 3), 4, 20).missing(&[0]),
        read("read_far", raid10(0x201, 4), 0, 32),
        read("read_far_degraded", raid10(0x201, 4), 0, 32).missing(&[1, 3]),
        read("read_offset_degraded", raid10(0x10201, 3), 0, 24).missing(&[2]),
        read("read_of_both_copies_lost", raid10(0x102, 4), 0, 32).missing(&[2, 3]),
        read("read_by_the_second_path", shape(Level::Multipath, 0, 0, 2, 4096), 8, 8).missing(&[0]),
        read("read", shape(Level::Faulty, 0, 0, 1, 4096), 8, 8),
    ]
}

fn writes_without_parity() -> Vec<Snapshot> {
    let linear = || sized(Level::Linear, 0, 0, &[100, 200, 300]);
    let zones = |layout| sized(Level::Raid0, layout, 8, &[16, 32, 32, 48]);
    let mirror = || shape(Level::Raid1, 0, 0, 3, 4096);
    let raid10 = |layout, slots| shape(Level::Raid10, layout, 8, slots, 48);
    let paths = || shape(Level::Multipath, 0, 0, 2, 4096);
    let range = SectorRange::new(64, 64);
    vec![
        write("write_over_an_edge", linear(), 90, 20),
        write("write_to_a_missing_member", linear(), 90, 20).missing(&[1]),
        write("write_into_the_second_zone", zones(2), 56, 40),
        ask("discard", zones(2), Intent::Discard(range)),
        write("write", mirror(), 64, 64),
        write("write_degraded", mirror(), 64, 64).missing(&[0]).bad(&[(1, range)]),
        write("write_to_nothing_left", mirror(), 64, 64).missing(&[0, 1, 2]),
        ask("zeroes", mirror(), Intent::WriteZeroes(range)),
        write("write_near", raid10(0x102, 3), 4, 20),
        write("write_far_degraded", raid10(0x201, 4), 0, 32).missing(&[1]),
        write("write_of_both_copies_lost", raid10(0x102, 4), 0, 32).missing(&[2, 3]),
        write("write_by_the_first_path", paths(), 8, 8),
        write("write_by_the_second_path", paths(), 8, 8).missing(&[0]),
        write("write", shape(Level::Faulty, 0, 0, 1, 4096), 8, 8),
    ]
}

fn with_parity() -> Vec<Snapshot> {
    let raid5 = |layout| shape(Level::Raid5, layout, 16, 4, 64);
    let raid6 = |layout| shape(Level::Raid6, layout, 16, 5, 80);
    let wide = shape(Level::Raid5, 2, 1 << 16, 3, 1 << 17);
    vec![
        read("raid4_read_degraded", shape(Level::Raid4, 0, 16, 3, 64), 0, 32).missing(&[1]),
        read("raid5_read_one_chunk", raid5(2), 56, 8),
        read("raid5_read_row_degraded", raid5(2), 48, 48).missing(&[1]),
        read("raid5_read_small_degraded", raid5(2), 84, 8).missing(&[1]),
        read("raid5_read_partly_degraded", raid5(2), 60, 28).missing(&[1]),
        read("raid5_read_parity_missing", raid5(2), 48, 48).missing(&[2]),
        read("raid5_read_two_missing", raid5(2), 48, 48).missing(&[0, 1]),
        read("raid5_read_two_missing_others_readable", raid5(2), 48, 16).missing(&[0, 1]),
        read("raid5_read_bad_blocks_in_different_rows", raid5(5), 0, 48)
            .bad(&[(0, SectorRange::new(4, 4)), (1, SectorRange::new(8, 4))]),
        read("raid5_read_ends_of_two_chunks", wide, (1 << 16) - 8, 16).missing(&[1]),
        read("raid6_read_one_missing", raid6(2), 48, 48).missing(&[0]),
        read("raid6_read_data_and_p_missing", raid6(2), 48, 48).missing(&[0, 3]),
        read("raid6_read_two_missing", raid6(2), 48, 48).missing(&[0, 2]),
        read("raid6_read_two_missing_one_wanted", raid6(2), 48, 8).missing(&[0, 2]),
        read("raid6_read_right_asymmetric_exponents", raid6(1), 48, 48).missing(&[0, 3]),
        read("raid6_read_ddf_exponents", raid6(8), 48, 48).missing(&[0, 3]),
        read("raid6_read_q_outside", raid6(18), 48, 48).missing(&[0, 3]),
        read("raid6_read_three_missing", raid6(2), 48, 48).missing(&[0, 2, 3]),
        Snapshot::flush("raid6_flush_degraded", raid6(2)).missing(&[0, 2]),
    ]
}

fn writes_with_parity() -> Vec<Snapshot> {
    let raid5 = |slots| shape(Level::Raid5, 2, 16, slots, 96);
    let raid6 = |slots| shape(Level::Raid6, 2, 16, slots, 128);
    let wide = shape(Level::Raid5, 2, 1 << 16, 3, 1 << 17);
    vec![
        write("raid4_write_degraded", shape(Level::Raid4, 0, 16, 3, 64), 4, 8).missing(&[0]),
        write("raid5_write_whole_row", raid5(4), 48, 48),
        write("raid5_write_rmw_of_6", raid5(6), 88, 8),
        write("raid5_write_rcw_of_3", raid5(3), 40, 8),
        write("raid5_write_tie_of_4", raid5(4), 56, 8),
        write("raid5_write_rmw_of_6_in_resync", raid5(6), 88, 8).resync(100),
        write("raid5_write_ragged", raid5(6), 84, 52),
        write("raid5_write_ends_of_two_chunks", wide, (1 << 16) - 8, 16),
        write("raid5_write_to_a_missing_chunk", raid5(4), 50, 8).missing(&[3]),
        write("raid5_write_beside_a_missing_chunk", raid5(4), 50, 8).missing(&[0]),
        write("raid5_write_parity_missing", raid5(4), 50, 8).missing(&[2]),
        write("raid5_write_two_missing", raid5(4), 50, 8).missing(&[0, 1]),
        write("raid5_write_over_a_bad_block", raid5(4), 48, 16)
            .bad(&[(3, SectorRange::new(20, 4))]),
        write("raid6_write_whole_row", raid6(5), 48, 48),
        write("raid6_write_rmw_of_8", raid6(8), 100, 8),
        write("raid6_write_rcw_of_6", raid6(6), 72, 16),
        write("raid6_write_q_missing", raid6(8), 100, 8).missing(&[7]),
        write("raid6_write_two_chunks_missing", raid6(6), 88, 8).missing(&[1, 2]),
        write("raid6_write_beside_two_missing", raid6(6), 72, 8).missing(&[2, 3]),
        write("raid6_write_three_missing", raid6(6), 72, 8).missing(&[1, 2, 3]),
        ask("raid5_zeroes", raid5(4), Intent::WriteZeroes(SectorRange::new(48, 48))),
        ask("p517_raid5_discard", raid5(4), Intent::Discard(SectorRange::new(48, 48))),
    ]
}

fn syncs() -> Vec<Snapshot> {
    let mirror = || shape(Level::Raid1, 0, 0, 3, 4096);
    let raid10 = |layout, slots| shape(Level::Raid10, layout, 8, slots, 48);
    let raid5 = || shape(Level::Raid5, 2, 16, 4, 96);
    let raid6 = || shape(Level::Raid6, 2, 16, 5, 96);
    let range = SectorRange::new(64, 128);
    let row = SectorRange::new(16, 16);
    let bad = SectorRange::new(72, 8);
    vec![
        ask("resync", mirror(), Intent::Resync(range)).resync(0),
        ask("resync_around_a_bad_block", mirror(), Intent::Resync(range)).bad(&[(0, bad)]),
        ask("check", mirror(), Intent::Check(range)),
        ask("repair", mirror(), Intent::Repair(range)).missing(&[1]),
        ask("recover", mirror(), Intent::Recover(range)).rebuilt(&[(0, 0), (2, 64)]),
        ask("recover_what_is_done", mirror(), Intent::Recover(range)).rebuilt(&[(0, 192)]),
        ask("write_while_rebuilt", mirror(), Intent::Write(range)).rebuilt(&[(2, 0)]),
        ask("write_with_a_replacement", mirror(), Intent::Write(range)).replaced(&[(2, 0)]),
        ask("resync_near", raid10(0x102, 3), Intent::Resync(SectorRange::new(0, 16))),
        ask("recover_near", raid10(0x102, 3), Intent::Recover(SectorRange::new(0, 24)))
            .rebuilt(&[(1, 4)]),
        ask("recover_far_replacement", raid10(0x201, 3), Intent::Recover(SectorRange::new(0, 48)))
            .replaced(&[(0, 0)]),
        ask("recover_of_lost", raid10(0x102, 4), Intent::Recover(SectorRange::new(0, 8)))
            .rebuilt(&[(0, 0), (1, 0)]),
        ask("raid5_resync", raid5(), Intent::Resync(row)),
        ask("raid5_check", raid5(), Intent::Check(row)),
        ask("raid5_repair", raid5(), Intent::Repair(row)),
        ask("raid5_check_one_missing", raid5(), Intent::Check(row)).missing(&[0]),
        ask("raid5_recover", raid5(), Intent::Recover(row)).rebuilt(&[(1, 20)]),
        ask("raid5_recover_replacement", raid5(), Intent::Recover(row)).replaced(&[(1, 0)]),
        ask("raid6_resync", raid6(), Intent::Resync(row)),
        ask("p514_raid6_check_one_missing", raid6(), Intent::Check(row)).missing(&[1]),
        ask("raid6_repair_p_missing", raid6(), Intent::Repair(row)).missing(&[3]),
        ask("p515_raid6_recover_two", raid6(), Intent::Recover(row)).rebuilt(&[(1, 0), (3, 0)]),
        ask("raid6_recover_three", raid6(), Intent::Recover(row)).rebuilt(&[
            (0, 0),
            (1, 0),
            (3, 0),
        ]),
    ]
}

#[test]
fn plans_are_those_that_were_reviewed() {
    let snapshots =
        [without_parity(), writes_without_parity(), with_parity(), writes_with_parity(), syncs()];
    let changed: Vec<String> =
        snapshots.iter().flatten().filter_map(|snapshot| snapshot.compare()).collect();
    assert!(changed.is_empty(), "PARITAS_BLESS=1 accepts these:\n{}", changed.join("\n"));
}
