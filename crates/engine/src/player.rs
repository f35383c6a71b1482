//! Makes the plan of a piece and plays it.
//!
//! The one thing to understand: a plan is a list with a cursor. Steps up to the next fence are
//! started at once; at a fence the cursor stands until the last request to a member is back; then it
//! goes on, or, if a step has failed, the judge decides and the plan is made again.
//!
//! Before it plays, a piece gets what it needs in this order: leave to write, its window (if it
//! changes parity, if the plan has more than one phase, or if the window is in trouble), then its
//! scratch. It holds no scratch while it waits for a window, and those who hold scratch need nothing
//! more, so nobody waits in a circle.
//!
//! When a plan is over that was made from a map in which a member has failed, the piece ends only
//! when that failure is on disk: else a start after a crash could trust the member again.
//!
//! Deliberately absent: what to do about a failure ([`crate::judge`]), and the steps themselves
//! ([`crate::steps`], [`crate::writes`]).

use crate::request::{Piece, State, Zeroes};
use crate::shard::Shard;
use crate::slab::Key;
use crate::window::{Claim, Entry};
use crate::work::{Need, Work};
use crate::{HostError, Report};
use paritas_personality::{Plan, Step, Unservable, View};
use paritas_units::{SectorRange, Sectors};

/// The least that is planned or read at once when there is a choice: 4 KiB.
pub(crate) const LEAST: Sectors = Sectors(8);
/// The most steps of a plan: their numbers stand in tags, beside those of extents.
const MOST_STEPS: usize = 0x7FFF;

impl Shard {
    /// Brings a piece from *planning* as far as it goes without waiting.
    pub(crate) fn plan_and_play(&mut self, key: Key) {
        if !self.pieces.get(key).failures.is_empty() {
            self.apply_failures(key);
        }
        if self.pieces.get(key).mend.is_some() {
            return self.go_on_mending(key);
        }
        let work = self.work_of(key);
        if let Some(error) = self.map.frozen().filter(|_| work.promises()) {
            let error = error.clone();
            return self.finish(key, Err(error));
        }
        if work.writes() && !self.get_token(key, work) {
            return;
        }
        if !self.get_needed_window(key, work) {
            return;
        }
        if let Err(error) = self.make_plan(key) {
            self.finish(key, Err(error));
            return;
        }
        if self.needs_window(key) && !self.get_window(key, Claim::Shared) {
            return;
        }
        self.take_scratch_and_play(key);
    }

    /// Plays the plan as soon as its scratch is there.
    pub(crate) fn take_scratch_and_play(&mut self, key: Key) {
        if !self.pieces.get(key).plan.scratch().is_empty() && self.scratch.is_waited_for() {
            self.pieces.get_mut(key).state = State::AwaitsScratch;
            self.scratch.wait(key);
            return;
        }
        if self.get_scratch(key) {
            self.play(key);
        } else {
            self.scratch.wait(key);
        }
    }

    /// What the request of a piece is for.
    pub(crate) fn work_of(&self, key: Key) -> Work {
        self.requests.get(self.pieces.get(key).request).work
    }

    /// Gets leave to write; `false` if the piece has ended, or has to wait.
    fn get_token(&mut self, key: Key, work: Work) -> bool {
        if self.map.is_broken() {
            let text = format!("array {}: too much has failed, nothing can be written", self.name);
            self.finish(key, Err(HostError::Lost(text)));
            return false;
        }
        if self.pieces.get(key).token.is_some() {
            return true;
        }
        if self.gate.is_read_only && matches!(work, Work::Host(_)) {
            self.finish(key, Err(HostError::ReadOnly));
            return false;
        }
        let token = match work {
            Work::Walk(_) => Some(self.lease.walk()),
            Work::Host(_) => self.lease.enter(),
        };
        if token.is_none() {
            self.pieces.get_mut(key).state = State::AwaitsLease;
            if self.lease.wait(key) {
                self.actions.reports.push(Report::WantsToWrite { shard: self.number });
            }
            return false;
        }
        self.pieces.get_mut(key).token = token;
        true
    }

    /// Enters the window of work that changes redundancy; `false` if it has to wait.
    fn get_needed_window(&mut self, key: Key, work: Work) -> bool {
        let claim = match work.need(self.geometry.dimensions().level) {
            Need::Alone => Claim::Alone,
            Need::Shared => Claim::Shared,
            Need::AsPlanned => return true,
        };
        match self.pieces.get(key).held {
            None => self.get_window(key, claim),
            Some(_) => true,
        }
    }

    /// Plans the next span, as short as scratch demands.
    fn make_plan(&mut self, key: Key) -> Result<(), HostError> {
        loop {
            let span = self.pieces.get(key).next_span();
            self.plan_span(key, span)?;
            self.add_zeroes(key);
            let piece = self.pieces.get_mut(key);
            if piece.plan.steps().len() > MOST_STEPS {
                return Err(too_wide(span));
            }
            if self.scratch.fits(piece.plan.scratch()) {
                return Ok(());
            }
            if span.len <= LEAST || span.is_empty() {
                return Err(too_wide(span));
            }
            // Halves that begin at multiples of 4 KiB, so that no sector is read twice.
            piece.span_limit = Sectors(span.len.0 / 2).rounded_down(LEAST).max(LEAST);
        }
    }

    /// Adds a block of scratch for the zeroes that are written, if they are.
    fn add_zeroes(&mut self, key: Key) {
        let piece = self.pieces.get_mut(key);
        if let Zeroes::Written(block) = &mut piece.zeroes {
            let bytes = piece.span.len.bytes().and_then(|bytes| u32::try_from(bytes).ok());
            *block = piece.plan.add_scratch(bytes.unwrap_or(u32::MAX));
        }
    }

    fn plan_span(&mut self, key: Key, span: SectorRange) -> Result<(), HostError> {
        let mut plan = std::mem::take(&mut self.pieces.get_mut(key).plan);
        let planned = self.plan_into(key, span, &mut plan);
        let piece = self.pieces.get_mut(key);
        piece.plan = plan;
        piece.span = span;
        piece.cursor = 0;
        piece.map_generation = self.map.generation();
        piece.must_record = self.map.must_record();
        planned
    }

    /// Asks the personality for the plan of a span, in a window that is held or unlocked.
    fn plan_into(&self, key: Key, span: SectorRange, plan: &mut Plan) -> Result<(), HostError> {
        let piece = self.pieces.get(key);
        let (held, are_written) = (piece.held, matches!(piece.zeroes, Zeroes::Written(_)));
        let intent = self.requests.get(piece.request).work.intent(span, are_written);
        let trouble = held.map(|(window, _)| self.windows.trouble(window));
        let trouble = trouble.filter(|trouble| !trouble.is_empty());
        let window_view;
        let slots = if trouble.is_none() && self.map.is_even() {
            self.view.as_slice()
        } else {
            window_view = self.map.window_view(&self.view, trouble);
            window_view.as_slice()
        };
        let view = View { slots, resync_offset: self.map.resync_offset() };
        self.geometry.plan(&intent, &view, plan).map_err(|unservable| match unservable {
            Unservable::Lost { range, missing } => self.lost(range, &missing, trouble),
            Unservable::Unsupported { .. } => HostError::Unsupported(unservable.to_string()),
        })
    }

    fn needs_window(&self, key: Key) -> bool {
        let piece = self.pieces.get(key);
        piece.held.is_none() && (has_phases(&piece.plan) || self.windows.is_loud(piece.window))
    }

    /// Enters the window of a piece; `false` if it has to wait.
    pub(crate) fn get_window(&mut self, key: Key, claim: Claim) -> bool {
        let piece = self.pieces.get_mut(key);
        match self.windows.enter(piece.window, claim, key) {
            Entry::Held(window) => {
                piece.held = Some((window, claim));
                true
            }
            Entry::Waits => {
                piece.state = State::AwaitsWindow;
                false
            }
        }
    }

    /// Takes the scratch of a plan; `false` if it has to wait.
    fn get_scratch(&mut self, key: Key) -> bool {
        let Piece { plan, lent, state, .. } = self.pieces.get_mut(key);
        let is_there = plan.scratch().is_empty() || self.scratch.take(plan.scratch(), lent).is_ok();
        *state = if is_there { State::Playing } else { State::AwaitsScratch };
        if is_there {
            self.fill_zeroes(key);
        }
        is_there
    }

    /// Makes the block that stands for the payload zero.
    fn fill_zeroes(&mut self, key: Key) {
        let piece = self.pieces.get_mut(key);
        let Zeroes::Written(block) = piece.zeroes else { return };
        let bytes = piece.span.len.bytes().and_then(|bytes| usize::try_from(bytes).ok());
        let place = paritas_personality::Place { buffer: block, byte: 0 };
        if let Some(mut loan) = piece.lent.lend(place, bytes.unwrap_or(0)) {
            loan.bytes_mut().fill(0);
            piece.lent.take_back(block, loan);
        }
    }

    /// Plays steps until a fence has to be waited for or the plan is over.
    pub(crate) fn play(&mut self, key: Key) {
        loop {
            let piece = self.pieces.get_mut(key);
            let number = piece.cursor;
            let step = piece.plan.steps().get(number).copied();
            match step {
                Some(Step::Read { from, at, sectors, into }) => {
                    piece.cursor += 1;
                    self.read(key, number, from, at.range(sectors), into);
                    continue;
                }
                Some(Step::Write { .. }) => {
                    if number >= piece.writes_until {
                        self.start_writes(key);
                    }
                    self.pieces.get_mut(key).cursor += 1;
                    continue;
                }
                Some(order @ (Step::Flush { .. } | Step::Discard { .. })) => {
                    piece.cursor += 1;
                    self.order(key, number, order);
                    continue;
                }
                _ => {}
            }
            if piece.outstanding > 0 {
                return;
            }
            if !piece.failures.is_empty() {
                return self.judge(key);
            }
            match step {
                None => return self.span_done(key),
                // The host hears of the piece when all of its spans are there.
                Some(Step::Fence | Step::Ack) => piece.cursor += 1,
                Some(step) => {
                    if !self.compute(key, step) {
                        return self.impossible(key, step);
                    }
                }
            }
        }
    }

    /// The plan is over: on to the next span, or the end of the piece.
    pub(crate) fn span_done(&mut self, key: Key) {
        if self.pieces.get(key).mend.is_some() {
            return self.mended(key);
        }
        let promises = self.work_of(key).promises();
        let piece = self.pieces.get_mut(key);
        if promises && piece.must_record > self.recorded {
            if let Some(error) = self.map.frozen() {
                // It is not going to be recorded now.
                let error = error.clone();
                return self.finish(key, Err(error));
            }
            piece.state = State::AwaitsRecord;
            self.await_record.push(key);
            return;
        }
        piece.done = piece.done + piece.span.len;
        if piece.done >= piece.range.len {
            return self.mend_or_finish(key);
        }
        self.plan_again(key);
    }

    /// Brings a piece back to *planning*; it keeps its window and gives its scratch up.
    fn plan_again(&mut self, key: Key) {
        self.stop_playing(key);
        self.ready.push_back(key);
    }

    /// Gives up scratch and window, and lets those go on who waited for them.
    pub(crate) fn release(&mut self, key: Key) {
        self.stop_playing(key);
        self.leave_window(key);
    }

    /// Gives the window up, if one is held; those who waited for it are planned.
    pub(crate) fn leave_window(&mut self, key: Key) {
        let Some((window, _)) = self.pieces.get_mut(key).held.take() else { return };
        let mut admitted = std::mem::take(&mut self.admitted);
        self.windows.leave(window, &mut admitted);
        for (piece, claim) in admitted.drain(..) {
            let waiter = self.pieces.get_mut(piece);
            waiter.held = Some((window, claim));
            waiter.state = State::Planning;
            self.ready.push_back(piece);
        }
        self.admitted = admitted;
    }

    /// Gives scratch up, and what was planned.
    pub(crate) fn stop_playing(&mut self, key: Key) {
        let generation = self.map.generation();
        let piece = self.pieces.get_mut(key);
        let was_behind = piece.is_on_a_map() && piece.map_generation < generation;
        let had_scratch = piece.lent.clear();
        piece.state = State::Planning;
        piece.writes_until = 0;
        if was_behind {
            self.behind = self.behind.saturating_sub(1);
            self.acknowledge();
        }
        if had_scratch {
            self.serve_scratch();
        }
    }

    /// Gives free scratch to those who wait for it, in order.
    fn serve_scratch(&mut self) {
        while let Some(key) = self.scratch.first_waiting() {
            if !self.get_scratch(key) {
                return self.scratch.wait_on(key);
            }
            self.ready.push_back(key);
        }
    }

    /// Ends a piece whose plan cannot be played: a mistake of a personality, not of a member.
    fn impossible(&mut self, key: Key, step: Step) {
        debug_assert!(false, "a plan that cannot be played: {step:?}");
        self.finish(key, Err(HostError::Unsupported(format!("a plan with the step {step:?}"))));
    }
}

/// Whether later steps of a plan rest on what earlier ones brought.
fn has_phases(plan: &Plan) -> bool {
    plan.steps().iter().any(|step| matches!(step, Step::Solve { .. } | Step::Compare { .. }))
}

fn too_wide(span: SectorRange) -> HostError {
    HostError::Unsupported(format!(
        "sectors {span} need more scratch memory than the array has; give it more"
    ))
}
