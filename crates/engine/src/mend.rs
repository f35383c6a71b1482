//! Mends what could not be read: the sectors are computed from the others, written back and read
//! again.
//!
//! The one thing to understand: a piece that met a read error holds its window alone when all is
//! done, and knows what was unreadable. So before it ends it plays one short plan more for each such
//! place: the recovery of that place, as if the member were being rebuilt there, and a read of what
//! was written. Nobody can change the sectors meanwhile.
//!
//! A member that does not take the write, or cannot be read after it, is reported as one whose write
//! has failed. What cannot be computed stays as it is: the member is not given up for it.
//!
//! Nothing is mended while the array is not open for writing, nor once it is broken.
//!
//! Kernel counterpart: `fix_read_error`, `fix_sync_read_error`, and the R5_ReadError, R5_ReWrite and
//! R5_ReRead states of a raid5 block (P106, P508).

use crate::Report;
use crate::map::seat_view;
use crate::player::LEAST;
use crate::request::Zeroes;
use crate::shard::Shard;
use crate::slab::Key;
use crate::window::Claim;
use paritas_personality::{Intent, Place, Plan, Presence, SlotView, Step, Target, View};
use paritas_units::{Sector, SectorRange, Sectors};

/// A place that is being mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mend {
    target: Target,
    /// Component sectors: the whole 4 KiB if they can be computed.
    range: SectorRange,
    /// What could not be read.
    met: SectorRange,
}

impl Shard {
    /// Everything was brought: ends the piece, or mends what it has met first.
    pub(crate) fn mend_or_finish(&mut self, key: Key) {
        while let Some((target, met)) = self.pieces.get_mut(key).marks.pop() {
            let range = self.whole_block(target, met);
            self.pieces.get_mut(key).mend = Some(Mend { target, range, met });
            self.stop_playing(key);
            if self.plan_mend(key) {
                return;
            }
        }
        self.finish(key, Ok(()));
    }

    /// A piece is to be planned while it mends.
    pub(crate) fn go_on_mending(&mut self, key: Key) {
        if !self.plan_mend(key) {
            self.mend_or_finish(key);
        }
    }

    /// The place has been written and read.
    pub(crate) fn mended(&mut self, key: Key) {
        let piece = self.pieces.get_mut(key);
        let Some(mend) = piece.mend.take() else { return };
        let (held, is_last) = (piece.held, piece.marks.is_empty());
        if let Some((member, _)) = self.map.member(mend.target) {
            let sectors = mend.range.len.0;
            self.actions.reports.push(Report::Mended { member, sectors });
        }
        if let Some((window, _)) = held.filter(|_| is_last) {
            // Whoever waits for the window may try the member again.
            self.windows.note(window, |trouble| {
                trouble.clear();
                true
            });
        }
        self.mend_or_finish(key);
    }

    /// A step of a mend has failed.
    pub(crate) fn judge_mend(&mut self, key: Key) {
        let piece = self.pieces.get_mut(key);
        let Some(mend) = piece.mend else { return };
        let own = piece.failures.iter().find(|failure| failure.target == mend.target);
        let own_fault = own.map(|failure| failure.fault);
        let generation = piece.map_generation;
        self.stop_playing(key);
        let Some(fault) = own_fault else {
            // A source: what else is there is planned with.
            self.apply_failures(key);
            return self.go_on_mending(key);
        };
        let piece = self.pieces.get_mut(key);
        piece.failures.clear();
        piece.mend = None;
        if let Some((member, _)) = self.map.member(mend.target) {
            self.actions.reports.push(Report::WriteFailed { member, generation, fault });
        }
        self.mend_or_finish(key);
    }

    /// Plans a mend and plays it; `false` if there is nothing to be done about it.
    fn plan_mend(&mut self, key: Key) -> bool {
        let Some(mut mend) = self.pieces.get(key).mend else { return false };
        let mut plan = std::mem::take(&mut self.pieces.get_mut(key).plan);
        let mut is_planned = self.plan_mend_into(key, &mend, &mut plan);
        if !is_planned && mend.range != mend.met {
            mend.range = mend.met;
            is_planned = self.plan_mend_into(key, &mend, &mut plan);
        }
        let generation = self.map.generation();
        let piece = self.pieces.get_mut(key);
        piece.plan = plan;
        piece.cursor = 0;
        piece.map_generation = generation;
        piece.zeroes = Zeroes::NotWritten;
        piece.mend = is_planned.then_some(mend);
        if !is_planned {
            return false;
        }
        if piece.token.is_none() {
            piece.token = Some(self.lease.walk());
        }
        self.take_scratch_and_play(key);
        true
    }

    fn plan_mend_into(&self, key: Key, mend: &Mend, plan: &mut Plan) -> bool {
        let is_open = self.map.may_mend() && !self.gate.is_read_only;
        let Some((window, Claim::Alone)) = self.pieces.get(key).held else { return false };
        let is_there = self.map.member(mend.target).is_some_and(|(_, one)| one.state.works());
        if !is_open || !is_there {
            return false;
        }
        let trouble = self.windows.trouble(window);
        let mut slots = self.map.window_view(&self.view, Some(trouble));
        look_like_rebuilt(&mut slots, mend);
        let view = View { slots: &slots, resync_offset: self.map.resync_offset() };
        plan.clear();
        if self.geometry.plan(&Intent::Recover(mend.range), &view, plan).is_err() {
            return false;
        }
        let writes = |step: &Step| matches!(step, Step::Write { to, .. } if *to == mend.target);
        if !plan.steps().iter().any(writes) {
            return false;
        }
        let bytes = mend.range.len.bytes().and_then(|bytes| u32::try_from(bytes).ok());
        let buffer = plan.add_scratch(bytes.unwrap_or(u32::MAX));
        plan.fence();
        let Mend { target, range, .. } = *mend;
        plan.push(Step::Read {
            from: target,
            at: range.start,
            sectors: range.len,
            into: Place { buffer, byte: 0 },
        });
        plan.fence();
        self.scratch.fits(plan.scratch())
    }

    /// The 4 KiB of a member's data around what could not be read, as far as there are any.
    fn whole_block(&self, target: Target, met: SectorRange) -> SectorRange {
        let used = self.geometry.dimensions().used.get(target.slot.index()).copied();
        let start = Sector(met.start.0 - met.start.0 % LEAST.0);
        let end = met.end().0.next_multiple_of(LEAST.0).min(used.unwrap_or_default().0);
        SectorRange { start, len: Sectors(end.max(met.end().0) - start.0) }
    }
}

/// Makes a view in which one place is to be rebuilt, and nothing else.
fn look_like_rebuilt(slots: &mut [SlotView<'_>], mend: &Mend) {
    for slot in &mut *slots {
        for seat in [&mut slot.original, &mut slot.replacement] {
            if let Presence::Recovering(below) = seat.presence {
                let is_right = below >= mend.range.end();
                seat.presence = if is_right { Presence::InSync } else { Presence::Absent };
            }
        }
    }
    if let Some(slot) = slots.get_mut(mend.target.slot.index()) {
        let seat = seat_view(slot, mend.target.seat);
        seat.presence = Presence::Recovering(mend.range.start);
        seat.unreadable = &[];
    }
}
