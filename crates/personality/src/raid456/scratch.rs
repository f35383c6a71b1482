//! The scratch buffers of a plan, by slot.

use super::row::Piece;
use crate::plan::{SlotBuffers, bytes};
use crate::{Place, Plan};
use paritas_units::{Sectors, Slot};

/// The scratch buffers of a plan: by slot, and by whether the lines lie before the split or behind
/// it, which may be far apart. A buffer is as long as the lines of its kind.
pub(super) struct Scratch {
    buffers: SlotBuffers,
    /// The lines of the two kinds of buffers: from, to.
    lines: [(u64, u64); 2],
}

impl Scratch {
    /// No buffer yet, for `slots` slots; as long as these pieces need them. The list is taken from
    /// the plan, so that the memory can be used again.
    pub(super) fn new<'p>(
        pieces: impl Iterator<Item = &'p Piece> + Clone,
        split: u64,
        slots: u16,
        plan: &mut Plan,
    ) -> Self {
        let hull = |pieces: &mut dyn Iterator<Item = &'p Piece>| {
            pieces.fold((u64::MAX, 0), |(from, to): (u64, u64), piece| {
                (from.min(piece.line), to.max(piece.line + piece.len))
            })
        };
        let lines = [
            hull(&mut pieces.clone().filter(|piece| piece.line < split)),
            hull(&mut pieces.filter(|piece| piece.line >= split)),
        ];
        Self { buffers: plan.take_buffers(slots), lines }
    }

    /// The place for `line` of `slot`, in a buffer that is added to `plan` if it is new.
    pub(super) fn claim(&mut self, slot: Slot, line: u64, plan: &mut Plan) -> Place {
        let kind = self.kind(line);
        let (from, to) = self.lines[kind];
        let buffer = *self.buffers[slot.index()][kind]
            .get_or_insert_with(|| plan.add_scratch(bytes(Sectors(to - from))));
        Place::new(buffer, Sectors(line - from))
    }

    /// The place for `line` of `slot`, which was claimed.
    pub(super) fn place(&self, slot: Slot, line: u64) -> Place {
        let kind = self.kind(line);
        let buffer = self.buffers[slot.index()][kind].expect("claimed before it is used");
        Place::new(buffer, Sectors(line - self.lines[kind].0))
    }

    /// Gives the list's memory back to the plan.
    pub(super) fn end(self, plan: &mut Plan) {
        plan.give_back(self.buffers);
    }

    /// Which kind of buffer `line` belongs to.
    fn kind(&self, line: u64) -> usize {
        usize::from(line >= self.lines[1].0)
    }
}
