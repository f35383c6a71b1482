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
use crate::{BufferId, Geometry, Part, Plan, Presence, SeatView, Target, Term, Unservable, View};
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
    /// The seat that is believed.
    source: Target,
    /// Where they are on it.
    at: Sector,
}

/// The plan of a resync without looking: the first copy goes over all others.
pub(crate) fn plan_resync(
    layout: &impl Copies,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    let buffer = BufferId(1);
    for run in sources(layout, range, view) {
        let run = run.inspect_err(|_| plan.clear())?;
        if plan.scratch().is_empty() {
            plan.add_scratch(bytes(range.len));
        }
        let into = Place::new(buffer, Sectors(run.sectors.start.0 - range.start.0));
        plan.read(run.source, run.at, run.sectors.len, into);
    }
    plan.fence();
    write_others(layout, range, view, &|_| buffer, plan);
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
    // By seat; there is only one kind of lines.
    let mut buffers = plan.take_buffers(layout.copies().saturating_mul(2));
    for (number, [buffer, _]) in buffers.iter_mut().enumerate() {
        for run in sources(layout, range, view) {
            let run = run.inspect_err(|_| plan.clear())?;
            let Some((target, at, seat)) = seats(layout, run.sectors.start, view).nth(number)
            else {
                continue;
            };
            if !seat.readable(at, run.sectors.len).is_zero() {
                let buffer = *buffer.get_or_insert_with(|| plan.add_scratch(bytes(range.len)));
                let into = Place::new(buffer, Sectors(run.sectors.start.0 - range.start.0));
                plan.read(target, at, run.sectors.len, into);
            }
        }
    }
    let buffer = |number: usize| buffers[number][0].expect("claimed when it was read");
    plan.fence();
    for run in sources(layout, range, view) {
        compare(layout, &run?, range, view, &buffer, plan);
    }
    if differences == Differences::Repair {
        plan.fence();
        write_others(layout, range, view, &buffer, plan);
    }
    plan.finish();
    plan.give_back(buffers);
    Ok(())
}

/// Compares every further copy of a run with the one that is believed.
fn compare(
    layout: &impl Copies,
    run: &Run,
    range: SectorRange,
    view: &View<'_>,
    buffer: &dyn Fn(usize) -> BufferId,
    plan: &mut Plan,
) {
    let distance = Sectors(run.sectors.start.0 - range.start.0);
    let part = |number| Part { place: Place::new(buffer(number), distance), term: Term::Data(0) };
    let all = || seats(layout, run.sectors.start, view).enumerate();
    let Some(believed) = all().position(|(_, (target, ..))| target == run.source) else { return };
    for (number, (_, at, seat)) in all() {
        if number != believed && !seat.readable(at, run.sectors.len).is_zero() {
            plan.compare([part(believed), part(number)], bytes(run.sectors.len));
        }
    }
}

/// Writes what was read from the believed copies to every other seat that takes writes, member by
/// member, so that steps can merge. `buffer` says where the copy with a number was read to.
fn write_others(
    layout: &impl Copies,
    range: SectorRange,
    view: &View<'_>,
    buffer: &dyn Fn(usize) -> BufferId,
    plan: &mut Plan,
) {
    for number in 0..2 * usize::from(layout.copies()) {
        for run in sources(layout, range, view).flatten() {
            let all = || seats(layout, run.sectors.start, view);
            let believed = all().position(|(target, ..)| target == run.source).unwrap_or(0);
            let Some((target, at, seat)) = all().nth(number) else { continue };
            if seat.presence != Presence::Absent && number != believed {
                let distance = Sectors(run.sectors.start.0 - range.start.0);
                let from = Place::new(buffer(believed), distance);
                plan.write(target, at, run.sectors.len, from);
            }
        }
    }
}

/// The range cut into units, and where an answer changes, each with the copy that is believed.
fn sources<'a>(
    layout: &'a impl Copies,
    range: SectorRange,
    view: &'a View<'a>,
) -> impl Iterator<Item = Result<Run, Unservable>> + 'a {
    runs(layout, range, move |start, want| {
        let mut len = want.min(Sectors(UNIT - start.0 % UNIT));
        for (_, at, seat) in seats(layout, start, view) {
            len = seat.uniform(at, len);
        }
        len
    })
    .map(move |sectors| {
        let source = first(layout, sectors.start, sectors.len, view)
            .ok_or_else(|| lost(layout, sectors.start, sectors.len, view))?;
        Ok(Run { sectors, source: source.target, at: source.at })
    })
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
            if wants(&seat, at) && range.contains(at) {
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
