//! The plan for a flush, the same at every level.
//!
//! Every member that is there is flushed, both seats of a slot, in sync or not: a member that is
//! being rebuilt takes writes too. When so much is missing that data are lost, a flush is refused:
//! it would promise what nobody can keep. (An array that was never written need not ask.)

use crate::{Dimensions, Geometry, Plan, Presence, Step, Survival, Target, Unservable, View};
use paritas_units::{Sector, SectorRange, Slot};

/// Writes the flush of all members of `geometry` into `plan`.
pub(crate) fn plan_flush(
    geometry: &dyn Geometry,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    let dimensions = geometry.dimensions();
    let mut usable = Vec::with_capacity(usize::from(dimensions.slots));
    for slot in (0..dimensions.slots).map(Slot) {
        let seats = view.slot(slot).seats();
        for (seat, _) in seats.iter().filter(|(_, view)| view.presence != Presence::Absent) {
            plan.push(Step::Flush { target: Target { slot, seat: *seat } });
        }
        usable.push(seats.iter().any(|(_, view)| view.presence == Presence::InSync));
    }
    if geometry.survives(&usable) == Survival::Failed {
        plan.clear();
        return Err(lost(dimensions, &usable));
    }
    plan.finish();
    Ok(())
}

fn lost(dimensions: &Dimensions, usable: &[bool]) -> Unservable {
    let missing = (0..dimensions.slots).map(Slot).filter(|slot| !usable[slot.index()]).collect();
    Unservable::Lost { range: SectorRange { start: Sector::ZERO, len: dimensions.array }, missing }
}
