//! Resync, check, repair and recovery where sectors are copied.
//!
//! The one thing to understand: the truth is the first copy that can be read, the same one that
//! reads take where copies may differ, so that what was once read stays so. Everything else is
//! made like it. A member that is being rebuilt takes part as far as it is rebuilt, and beyond
//! that it is written only.
//!
//! Deliberately absent: a branch. Copies are written whether or not they differ; a caller that
//! would rather not write equal copies checks first, and repairs what a failed comparison names.

use super::{Copies, first, lost, runs, seats};
use crate::plan::{Place, bytes};
use crate::{
    BufferId, Geometry, Part, Plan, Presence, SeatView, Spot, Target, Term, Unservable, View,
};
use paritas_units::{Sector, SectorRange, Sectors, Slot};

/// Sectors that count as one when copies are compared, aligned to their number: 64 KiB.
#[doc(alias = "RESYNC_SECTORS")]
const UNIT: u64 = 128;

/// Whether a check is all, or copies are made equal too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Differences {
    Count,
    Repair,
}

/// Sectors that have one answer in every copy.
struct Run {
    sectors: SectorRange,
    /// Where they begin in the range.
    distance: Sectors,
    /// The number of the seat that is believed.
    believed: usize,
}

/// A resync, check or repair of a range.
struct Work<'a, L> {
    layout: &'a L,
    view: &'a View<'a>,
    /// The range cut into units, and where an answer changes.
    runs: Vec<Run>,
    len: Sectors,
}

/// The plan of a resync without looking: the first copy goes over all others.
pub(crate) fn plan_resync(
    layout: &impl Copies,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    let work = Work::new(layout, range, view)?;
    if !range.is_empty() {
        let buffer = plan.add_scratch(bytes(range.len));
        for run in &work.runs {
            let (source, at, _) = work.seat(run.believed, run);
            plan.read(source, at, run.sectors.len, Place::new(buffer, run.distance));
        }
        plan.fence();
        work.write_others(&|_| buffer, plan);
    }
    plan.finish();
    Ok(())
}

/// The plan of a check or a repair: a buffer for each member, and one comparison for each further
/// copy of each unit.
pub(crate) fn plan_check(
    layout: &impl Copies,
    differences: Differences,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    let work = Work::new(layout, range, view)?;
    // By seat; there is only one kind of lines.
    let mut buffers = plan.take_buffers(layout.copies().saturating_mul(2));
    for (number, [buffer, _]) in buffers.iter_mut().enumerate() {
        for run in &work.runs {
            if let Some((target, at)) = work.readable(number, run) {
                let buffer = *buffer.get_or_insert_with(|| plan.add_scratch(bytes(work.len)));
                plan.read(target, at, run.sectors.len, Place::new(buffer, run.distance));
            }
        }
    }
    let buffer = |number: usize| buffers[number][0].expect("claimed when it was read");
    plan.fence();
    for run in &work.runs {
        let part = |number| {
            let place = Place::new(buffer(number), run.distance);
            Part { place, term: Term::Data(0) }
        };
        for number in (0..buffers.len()).filter(|number| *number != run.believed) {
            if work.readable(number, run).is_some() {
                plan.compare([part(run.believed), part(number)], bytes(run.sectors.len));
            }
        }
    }
    if differences == Differences::Repair {
        plan.fence();
        work.write_others(&buffer, plan);
    }
    plan.finish();
    plan.give_back(buffers);
    Ok(())
}

impl<'a, L: Copies> Work<'a, L> {
    fn new(layout: &'a L, range: SectorRange, view: &'a View<'a>) -> Result<Self, Unservable> {
        let uniform = |start: Sector, want: Sectors| {
            let unit = want.min(Sectors(UNIT - start.0 % UNIT));
            seats(layout, start, view).fold(unit, |len, (_, at, seat)| seat.uniform(at, len))
        };
        let run = |sectors: SectorRange| {
            let is_readable = |(_, at, seat): (Target, Sector, &SeatView<'_>)| {
                !seat.readable(at, Sectors(1)).is_zero()
            };
            let believed = seats(layout, sectors.start, view).position(is_readable);
            let distance = Sectors(sectors.start.0 - range.start.0);
            match believed {
                Some(believed) => Ok(Run { sectors, distance, believed }),
                None => Err(lost(layout, sectors.start, sectors.len, view)),
            }
        };
        let runs = runs(layout, range, uniform).map(run).collect::<Result<_, _>>()?;
        Ok(Self { layout, view, runs, len: range.len })
    }

    /// The seat with a number, and where a run lies on it.
    fn seat(&self, number: usize, run: &Run) -> (Target, Sector, &'a SeatView<'a>) {
        let copy = u16::try_from(number / 2).expect("seats are numbered by copies");
        let Spot { slot, at, .. } = self.layout.copy(run.sectors.start, copy);
        let (seat, view) = self.view.slot(slot).seats()[number % 2];
        (Target { slot, seat }, at, view)
    }

    /// The seat with a number if a run can be read from it.
    fn readable(&self, number: usize, run: &Run) -> Option<(Target, Sector)> {
        let (target, at, seat) = self.seat(number, run);
        (!seat.readable(at, Sectors(1)).is_zero()).then_some((target, at))
    }

    /// Writes what was read from the believed copies to every other seat that takes writes, member
    /// by member, so that steps can merge. `buffer` says where a seat was read to.
    fn write_others(&self, buffer: &dyn Fn(usize) -> BufferId, plan: &mut Plan) {
        for number in 0..2 * usize::from(self.layout.copies()) {
            for run in self.runs.iter().filter(|run| run.believed != number) {
                let (target, at, seat) = self.seat(number, run);
                if seat.presence != Presence::Absent {
                    let from = Place::new(buffer(run.believed), run.distance);
                    plan.write(target, at, run.sectors.len, from);
                }
            }
        }
    }
}

/// A piece of a member that is to be rebuilt.
struct Rebuild {
    /// The array sector that it begins with.
    sector: Sector,
    len: Sectors,
    source: Target,
    at: Sector,
    /// Where its bytes are in between.
    place: Place,
}

/// The plan of a recovery of component sectors.
pub(crate) fn plan_recover(
    layout: &(impl Copies + Geometry),
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    let mut buffers = 0;
    let mut reads = |piece: Rebuild| {
        while buffers < piece.place.buffer.0 {
            plan.add_scratch(bytes(range.len));
            buffers += 1;
        }
        plan.read(piece.source, piece.at, piece.len, piece.place);
    };
    if let Err(lost) = rebuild(layout, range, view, &mut reads) {
        plan.clear();
        return Err(lost);
    }
    plan.fence();
    rebuild(layout, range, view, &mut |piece| {
        for (target, at, seat) in seats(layout, piece.sector, view) {
            if wants(seat, at) && range.contains(at) {
                plan.write(target, at, piece.len, piece.place);
            }
        }
    })?;
    plan.finish();
    Ok(())
}

/// Whether a seat is not yet rebuilt at `at`.
fn wants(seat: &SeatView<'_>, at: Sector) -> bool {
    matches!(seat.presence, Presence::Recovering(below) if at >= below)
}

/// Calls `found` for every piece of `range` that some member wants, once for all of its members.
fn rebuild(
    layout: &(impl Copies + Geometry),
    range: SectorRange,
    view: &View<'_>,
    found: &mut dyn FnMut(Rebuild),
) -> Result<(), Unservable> {
    let mut buffer = BufferId(0);
    for slot in (0..layout.dimensions().slots).map(Slot) {
        let is_recovering = |seat: &SeatView<'_>| matches!(seat.presence, Presence::Recovering(_));
        if !view.slot(slot).seats().iter().any(|(_, seat)| is_recovering(seat)) {
            continue;
        }
        let (mut at, mut is_first) = (range.start, true);
        while at < range.end() {
            let Some(sector) = layout.array_sector(slot, at) else {
                at += unused(layout, at);
                continue;
            };
            let len = uniform(layout, sector, Sectors(range.end().0 - at.0), range, view);
            let wanting = seats(layout, sector, view)
                .filter(|(_, at, seat)| wants(seat, *at) && range.contains(*at));
            // Who comes first among those that want it brings it to all.
            if wanting.map(|(target, ..)| target.slot).min() == Some(slot) {
                let Some(source) = first(layout, sector, len, view) else {
                    let missing = (0..layout.copies()).map(|copy| layout.copy(sector, copy).slot);
                    let missing = missing.collect();
                    return Err(Unservable::Lost { range: at.range(len), missing });
                };
                if std::mem::take(&mut is_first) {
                    buffer.0 += 1;
                }
                let place = Place::new(buffer, Sectors(at.0 - range.start.0));
                let (source, from) = (source.target, source.at);
                found(Rebuild { sector, len, source, at: from, place });
            }
            at += len;
        }
    }
    Ok(())
}

/// How many sectors from `sector` on, at most `want`, have one answer in every copy: whether it can
/// be read, whether it is wanted, whether it is in the range.
fn uniform(
    layout: &impl Copies,
    sector: Sector,
    want: Sectors,
    range: SectorRange,
    view: &View<'_>,
) -> Sectors {
    let mut len = want.min(layout.copy(sector, 0).run);
    let mut cut = |at: Sector, edge: Sector| {
        if at < edge {
            len = len.min(Sectors(edge.0 - at.0));
        }
    };
    for (_, at, seat) in seats(layout, sector, view) {
        cut(at, range.start);
        cut(at, range.end());
        if let Presence::Recovering(below) = seat.presence {
            cut(at, below);
        }
    }
    for (_, at, seat) in seats(layout, sector, view) {
        len = seat.uniform(at, len);
    }
    len
}

/// How far a place that no array sector lies at goes on at least.
fn unused(layout: &impl Geometry, at: Sector) -> Sectors {
    match u64::from(layout.dimensions().chunk.0) {
        0 => Sectors(1),
        chunk => Sectors(chunk - at.0 % chunk),
    }
}
