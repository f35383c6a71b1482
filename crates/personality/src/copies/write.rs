//! Writing, discarding and zeroing where sectors are stored once or several times.
//!
//! The one thing to understand: every member that is there takes every write, both seats of a
//! slot, however far it is rebuilt and whatever of it cannot be read (a write is what heals a bad
//! block). Only a copy on a member in sync counts as kept, though: without one the work is refused.
//! Slots that are paths to one disk are no copies, and one of them is enough.
//!
//! Deliberately absent: acknowledging before write-mostly members have the data (write-behind).

use super::{Copies, runs, seats};
use crate::plan::Place;
use crate::{BufferId, Plan, Presence, SeatView, Target, Unservable, View};
use paritas_units::{Seat, Sector, SectorRange, Sectors};

/// What the slots that hold a sector are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Copies: all of them are changed.
    EveryCopy,
    /// Paths to the same disk: the first that works is taken.
    OnePath,
}

/// The plan of a write: one phase.
pub(crate) fn plan_write(
    layout: &impl Copies,
    reach: Reach,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    each_run(layout, reach, range, view, |target, at, len, done| {
        plan.write(target, at, len, Place::new(BufferId::HOST, done));
    })
    .inspect_err(|_| plan.clear())?;
    plan.finish();
    Ok(())
}

/// The plan of a discard, or of zeroes: one phase.
pub(crate) fn plan_discard(
    layout: &impl Copies,
    reach: Reach,
    range: SectorRange,
    zeroes: bool,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    each_run(layout, reach, range, view, |target, at, len, _| {
        plan.discard(target, at, len, zeroes);
    })
    .inspect_err(|_| plan.clear())?;
    plan.finish();
    Ok(())
}

/// Calls `step` for each run on each member that takes it, with how much of the range lies before
/// it. Member by member, so that steps can merge. Refuses if some run comes to no member in sync.
fn each_run(
    layout: &impl Copies,
    reach: Reach,
    range: SectorRange,
    view: &View<'_>,
    mut step: impl FnMut(Target, Sector, Sectors, Sectors),
) -> Result<(), Unservable> {
    for number in 0..layout.copies() {
        let (mut is_sent, mut any_replacement) = (false, false);
        for run in runs(layout, range, |_, want| want) {
            let spot = layout.copy(run.start, number);
            let seats = view.slot(spot.slot);
            if number == 0 && seats.original.presence != Presence::InSync {
                check(layout, run, view)?;
            }
            any_replacement |= seats.replacement.presence != Presence::Absent;
            if reach.takes(&seats.original) {
                let target = Target { slot: spot.slot, seat: Seat::Original };
                step(target, spot.at, run.len, Sectors(run.start.0 - range.start.0));
                is_sent = true;
            }
        }
        let replaced = any_replacement.then(|| runs(layout, range, |_, want| want));
        for run in replaced.into_iter().flatten() {
            let spot = layout.copy(run.start, number);
            if reach.takes(&view.slot(spot.slot).replacement) {
                let target = Target { slot: spot.slot, seat: Seat::Replacement };
                step(target, spot.at, run.len, Sectors(run.start.0 - range.start.0));
                is_sent = true;
            }
        }
        if is_sent && reach == Reach::OnePath {
            break;
        }
    }
    Ok(())
}

/// Refuses if a run would not come to any member in sync.
#[cold]
fn check(layout: &impl Copies, run: SectorRange, view: &View<'_>) -> Result<(), Unservable> {
    if seats(layout, run.start, view).any(|(.., seat)| seat.presence == Presence::InSync) {
        return Ok(());
    }
    let slots = (0..layout.copies()).map(|number| layout.copy(run.start, number).slot);
    Err(Unservable::Lost { range: run, missing: slots.collect() })
}

impl Reach {
    fn takes(self, seat: &SeatView<'_>) -> bool {
        match self {
            Self::EveryCopy => seat.presence != Presence::Absent,
            Self::OnePath => seat.presence == Presence::InSync,
        }
    }
}
