//! What levels 4, 5 and 6 do for each intent. One file for each way of doing it.

use super::layout::ParityLayout;
use super::plan_parity::{CHECK, REPAIR, RESYNC, plan_parity};
use super::plan_read::plan_read;
use super::plan_recover::plan_recover;
use super::plan_write::plan_write;
use crate::flush::plan_flush;
use crate::{Dimensions, Geometry, Intent, Plan, Spot, Survival, Unservable, View};
use paritas_units::{Sector, Slot};

impl Geometry for ParityLayout {
    fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    fn locate(&self, sector: Sector, spots: &mut Vec<Spot>) {
        spots.clear();
        spots.push(self.spot(sector));
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
            Intent::Read(range) => plan_read(self, range, view, plan),
            Intent::Flush => plan_flush(self, view, plan),
            Intent::Write(range) | Intent::WriteZeroes(range) => {
                plan_write(self, range, view, plan)
            }
            // Parity would have to follow what members make of it, and few promise anything.
            Intent::Discard(_) => {
                plan.finish();
                Ok(())
            }
            Intent::Resync(range) => plan_parity(self, RESYNC, range, view, plan),
            Intent::Check(range) => plan_parity(self, CHECK, range, view, plan),
            Intent::Repair(range) => plan_parity(self, REPAIR, range, view, plan),
            Intent::Recover(range) => plan_recover(self, range, view, plan),
        }
    }
}
