//! What raid10 does for each intent.

use super::layout::CopiesLayout;
use crate::copies::{self, Differences, Reach};
use crate::flush::plan_flush;
use crate::{Dimensions, Geometry, Intent, Plan, Spot, Survival, Unservable, View};
use paritas_units::{Sector, Slot};

impl Geometry for CopiesLayout {
    fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    fn locate(&self, sector: Sector, spots: &mut Vec<Spot>) {
        copies::locate(self, sector, spots);
    }

    fn array_sector(&self, slot: Slot, at: Sector) -> Option<Sector> {
        self.array_sector(slot, at)
    }

    fn survives(&self, usable: &[bool]) -> Survival {
        self.survives(usable)
    }

    fn plan(&self, intent: &Intent, view: &View<'_>, plan: &mut Plan) -> Result<(), Unservable> {
        plan.clear();
        match *intent {
            Intent::Read(range) => copies::plan_read(self, self.balance, range, view, plan),
            Intent::Flush => plan_flush(self, view, plan),
            Intent::Write(range) => copies::plan_write(self, Reach::EveryCopy, range, view, plan),
            Intent::Discard(range) => {
                copies::plan_discard(self, Reach::EveryCopy, range, false, view, plan)
            }
            Intent::WriteZeroes(range) => {
                copies::plan_discard(self, Reach::EveryCopy, range, true, view, plan)
            }
            Intent::Check(range) => copies::plan_check(self, Differences::Count, range, view, plan),
            // The level looks before it writes, whatever the reason.
            Intent::Resync(range) | Intent::Repair(range) => {
                copies::plan_check(self, Differences::Repair, range, view, plan)
            }
            Intent::Recover(range) => copies::plan_recover(self, range, view, plan),
        }
    }
}
