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
use paritas_units::{Sector, SectorRange, Sectors};

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
    check(layout, range, view)?;
    each_run(layout, reach, range, view, |target, at, len, done| {
        plan.write(target, at, len, Place::new(BufferId::HOST, done));
    });
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
    check(layout, range, view)?;
    each_run(layout, reach, range, view, |target, at, len, _| {
        plan.discard(target, at, len, zeroes);
    });
    plan.finish();
    Ok(())
}

/// Refuses if some run of `range` would not come to any member in sync.
fn check(layout: &impl Copies, range: SectorRange, view: &View<'_>) -> Result<(), Unservable> {
    for run in runs(layout, range, |_, want| want) {
        if !seats(layout, run.start, view).any(|(.., seat)| seat.presence == Presence::InSync) {
            let spots = (0..layout.copies()).map(|number| layout.copy(run.start, number).slot);
            return Err(Unservable::Lost { range: run, missing: spots.collect() });
        }
    }
    Ok(())
}

/// Calls `step` for each run on each member that takes it, with how much of the range lies before
/// it. Member by member, so that steps can merge.
fn each_run(
    layout: &impl Copies,
    reach: Reach,
    range: SectorRange,
    view: &View<'_>,
    mut step: impl FnMut(Target, Sector, Sectors, Sectors),
) {
    let takes = |seat: &SeatView<'_>| match reach {
        Reach::EveryCopy => seat.presence != Presence::Absent,
        Reach::OnePath => seat.presence == Presence::InSync,
    };
    for number in 0..layout.copies() {
        let mut is_sent = false;
        for replacement in [false, true] {
            for run in runs(layout, range, |_, want| want) {
                let spot = layout.copy(run.start, number);
                let (seat, view) = view.slot(spot.slot).seats()[usize::from(replacement)];
                if takes(&view) {
                    let done = Sectors(run.start.0 - range.start.0);
                    step(Target { slot: spot.slot, seat }, spot.at, run.len, done);
                    is_sent = true;
                }
            }
        }
        if is_sent && reach == Reach::OnePath {
            return;
        }
    }
}
