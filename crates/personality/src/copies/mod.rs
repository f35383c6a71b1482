//! Reading one of several equal copies: all levels without parity. Other intents are beside.
//!
//! The one thing to understand: a level says where copy `number` of a sector lies ([`Copies`]),
//! and this file chooses the member, cuts the range where the answer changes, and merges steps
//! that go on where the last one ended. A level with one copy is the case without a choice.
//!
//! Deliberately absent: waiting for write-behind before a write-mostly member is read (P102);
//! that is the engine's, which knows what is on its way.

mod sync;
mod write;

use crate::plan::Place;
use crate::{BufferId, Plan, SeatView, Spot, Target, Unservable, View};
use paritas_units::{Sector, SectorRange, Sectors};
pub(crate) use sync::{Differences, plan_check, plan_recover, plan_resync};
pub(crate) use write::{Reach, plan_discard, plan_write};

/// A layout that stores each sector a fixed number of times, at equal runs.
pub(crate) trait Copies {
    /// How often each sector is stored; at least once.
    fn copies(&self) -> u16;

    /// Where copy `number` of `sector` is. The run is the same for every copy of a sector.
    fn copy(&self, sector: Sector, number: u16) -> Spot;
}

/// How a copy is chosen where several are equally good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balance {
    /// The first that can be read, always.
    First,
    /// The least busy, or the one whose head is nearest.
    Nearest,
    /// The one at the lowest position, which is the fast part of rotating disks, so that far
    /// copies are read as stripes.
    LowestPosition,
}

/// A seat that can be read.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    target: Target,
    at: Sector,
    /// How many sectors can be read from there.
    good: Sectors,
    seat: &'a SeatView<'a>,
}

/// The plan of a read: as few steps as there are places.
pub(crate) fn plan_read(
    layout: &impl Copies,
    balance: Balance,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    // Where copies may differ, one sector must always come from the same copy.
    let balance = if range.end() > view.resync_offset { Balance::First } else { balance };
    let mut done = Sectors::ZERO;
    while done < range.len {
        let sector = range.start + done;
        let want = (range.len - done).min(layout.copy(sector, 0).run);
        let chosen = match balance {
            Balance::First => first(layout, sector, want, view),
            Balance::Nearest | Balance::LowestPosition => {
                balanced(layout, balance, sector, want, view)
            }
        };
        let Some(source) = chosen else {
            plan.clear();
            return Err(lost(layout, sector, want, view));
        };
        plan.read(source.target, source.at, source.good, Place::new(BufferId::HOST, done));
        done = done + source.good;
    }
    plan.finish();
    Ok(())
}

/// Fills `spots` as [`Geometry::locate`](crate::Geometry::locate) says.
pub(crate) fn locate(layout: &impl Copies, sector: Sector, spots: &mut Vec<Spot>) {
    spots.clear();
    spots.extend((0..layout.copies()).map(|number| layout.copy(sector, number)));
}

/// The seats of all copies in order, the original before the replacement.
fn seats<'a>(
    layout: &impl Copies,
    sector: Sector,
    view: &View<'a>,
) -> impl Iterator<Item = (Target, Sector, &'a SeatView<'a>)> {
    (0..layout.copies()).flat_map(move |number| {
        let Spot { slot, at, .. } = layout.copy(sector, number);
        let seats = view.slot(slot).seats();
        seats.map(|(seat, view)| (Target { slot, seat }, at, view))
    })
}

/// The range cut into runs that have one place in every copy, and further by `cut`, which is told
/// where a run begins and how long it may be.
fn runs<'a>(
    layout: &'a impl Copies,
    range: SectorRange,
    cut: impl Fn(Sector, Sectors) -> Sectors + 'a,
) -> impl Iterator<Item = SectorRange> + 'a {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let left = Sectors(range.end().0 - start.0);
        if left.is_zero() {
            return None;
        }
        let run = start.range(cut(start, left.min(layout.copy(start, 0).run)));
        start = run.end();
        Some(run)
    })
}

/// The first seat that can be read, up to where an earlier one can be read again.
fn first<'a>(
    layout: &impl Copies,
    sector: Sector,
    want: Sectors,
    view: &View<'a>,
) -> Option<Candidate<'a>> {
    let mut limit = want;
    for (target, at, seat) in seats(layout, sector, view) {
        let good = seat.readable(at, limit);
        if !good.is_zero() {
            return Some(Candidate { target, at, good, seat });
        }
        limit = seat.uniform(at, limit);
    }
    None
}

/// The best seat by the hints of the view. Write-mostly members come last; a seat that can be
/// read to the end comes before one that can be read only in part, and of those the longest.
fn balanced<'a>(
    layout: &impl Copies,
    balance: Balance,
    sector: Sector,
    want: Sectors,
    view: &View<'a>,
) -> Option<Candidate<'a>> {
    let readable = || {
        seats(layout, sector, view)
            .map(|(target, at, seat)| Candidate { target, at, good: seat.readable(at, want), seat })
            .filter(|candidate| !candidate.good.is_zero())
    };
    let class = |candidate: &Candidate<'a>| (candidate.seat.write_mostly, want - candidate.good);
    let best = readable().map(|candidate| class(&candidate)).min()?;
    let equals = || readable().filter(|candidate| class(candidate) == best);
    let any_solid = equals().any(|candidate| candidate.seat.is_solid_state);
    let any_idle = equals().any(|candidate| candidate.seat.in_flight == 0);
    let mut chosen = equals().min_by_key(|Candidate { at, seat, .. }| {
        let distance = at.0.abs_diff(seat.head.0);
        match balance {
            Balance::First => (false, 0, 0, 0),
            Balance::Nearest => {
                let leaves_stream = any_idle && !seat.is_solid_state && distance != 0;
                let queue = if any_solid || any_idle { seat.in_flight } else { 0 };
                (leaves_stream, queue, distance, 0)
            }
            Balance::LowestPosition => {
                let queue = if any_solid { seat.in_flight } else { 0 };
                (false, queue, at.0, seat.in_flight)
            }
        }
    })?;
    if chosen.seat.write_mostly {
        // Only as far as nothing else can be read.
        for (_, at, seat) in seats(layout, sector, view).filter(|(.., seat)| !seat.write_mostly) {
            chosen.good = seat.uniform(at, chosen.good);
        }
    }
    Some(chosen)
}

/// Nothing can be read at `sector`: up to where something can, and who would have been needed.
fn lost(layout: &impl Copies, sector: Sector, want: Sectors, view: &View<'_>) -> Unservable {
    let mut missing = Vec::new();
    let mut len = want;
    for (target, at, seat) in seats(layout, sector, view) {
        len = seat.uniform(at, len);
        if missing.last() != Some(&target.slot) {
            missing.push(target.slot);
        }
    }
    Unservable::Lost { range: sector.range(len), missing }
}
