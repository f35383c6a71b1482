//! Makes the plan of a piece and plays it.
//!
//! The one thing to understand: a plan is a list with a cursor. Steps up to the next fence are
//! started at once; at a fence the cursor stands until the last request to a member is back; then it
//! goes on, or, if a step has failed, the judge decides and the plan is made again.
//!
//! Before it plays, a piece gets what it needs in this order: its window (if the plan has more
//! than one phase, or the window is in trouble), then its scratch. It holds no scratch while it
//! waits for a window, and those who hold scratch need nothing more, so nobody waits in a circle.
//!
//! Deliberately absent: what to do about a failure ([`crate::judge`]), and steps that change
//! members: they come with the intents that write.

use crate::request::{Failure, Piece, State};
use crate::shard::Shard;
use crate::slab::Key;
use crate::window::{Claim, Entry};
use crate::{HostError, solve};
use paritas_disk::region::{Memory, Notice, Region, Regions, Request};
use paritas_disk::{FaultKind, Loan, Operation, Priority};
use paritas_personality::{BufferId, Intent, Place, Plan, Step, Target, Unservable, View};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};

/// The least that is planned or read at once when there is a choice: 4 KiB.
pub(crate) const LEAST: Sectors = Sectors(8);

/// How a request to a member is named: the piece, its life, and the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    piece: Key,
    life: u16,
    step: u16,
}

impl Tag {
    const fn pack(self) -> u64 {
        ((self.piece as u64) << 32) | ((self.life as u64) << 16) | self.step as u64
    }

    fn unpack(tag: u64) -> Self {
        let field = |shift: u32| u16::try_from((tag >> shift) & 0xFFFF).unwrap_or(0);
        Self {
            piece: Key::try_from(tag >> 32).unwrap_or(Key::MAX),
            life: field(16),
            step: field(0),
        }
    }
}

impl Shard {
    /// Brings a piece from *planning* as far as it goes without waiting.
    pub(crate) fn plan_and_play(&mut self, key: Key) {
        if !self.pieces.get(key).failures.is_empty() {
            self.apply_failures(key);
        }
        if let Err(error) = self.make_plan(key) {
            self.finish(key, Err(error));
            return;
        }
        if self.needs_window(key) && !self.get_window(key, Claim::Shared) {
            return;
        }
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

    /// Plans the next span, as short as scratch demands.
    fn make_plan(&mut self, key: Key) -> Result<(), HostError> {
        loop {
            let span = self.pieces.get(key).next_span();
            self.plan_span(key, span)?;
            let piece = self.pieces.get_mut(key);
            if piece.plan.steps().len() > usize::from(u16::MAX) {
                return Err(too_wide(span));
            }
            if self.scratch.fits(piece.plan.scratch()) {
                return Ok(());
            }
            if span.len <= LEAST {
                return Err(too_wide(span));
            }
            // Halves that begin at multiples of 4 KiB, so that no sector is read twice.
            piece.span_limit = Sectors(span.len.0 / 2).rounded_down(LEAST).max(LEAST);
        }
    }

    fn plan_span(&mut self, key: Key, span: SectorRange) -> Result<(), HostError> {
        let mut plan = std::mem::take(&mut self.pieces.get_mut(key).plan);
        let planned = self.plan_into(self.pieces.get(key).held, span, &mut plan);
        let piece = self.pieces.get_mut(key);
        piece.plan = plan;
        piece.span = span;
        piece.cursor = 0;
        piece.map_generation = self.map.generation();
        planned
    }

    /// Asks the personality for the plan of a read, in a window that is held or unlocked.
    fn plan_into(
        &self,
        held: Option<(Key, Claim)>,
        span: SectorRange,
        plan: &mut Plan,
    ) -> Result<(), HostError> {
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
        self.geometry.plan(&Intent::Read(span), &view, plan).map_err(
            |unservable| match unservable {
                Unservable::Lost { range, missing } => self.lost(range, &missing, trouble),
                Unservable::Unsupported { .. } => HostError::Unsupported(unservable.to_string()),
            },
        )
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
        is_there
    }

    /// Plays steps until a fence has to be waited for or the plan is over.
    pub(crate) fn play(&mut self, key: Key) {
        loop {
            let piece = self.pieces.get_mut(key);
            let step = piece.plan.steps().get(piece.cursor).copied();
            if let Some(Step::Read { from, at, sectors, into }) = step {
                let number = piece.cursor;
                piece.cursor += 1;
                self.read(key, number, from, at.range(sectors), into);
                continue;
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
                    if !self.solve(key, step) {
                        return self.impossible(key, step);
                    }
                }
            }
        }
    }

    /// Computes; `false` if the plan names memory that is not there.
    fn solve(&mut self, key: Key, step: Step) -> bool {
        let Step::Solve { inputs, outputs, first, bytes } = step else { return false };
        let mut plan = std::mem::take(&mut self.pieces.get_mut(key).plan);
        let (known, unknown) = (
            plan.parts(first, inputs),
            plan.parts(first.saturating_add(u32::from(inputs)), outputs),
        );
        let is_solved = solve::solve(known, unknown, bytes, &mut Memories { shard: self, key });
        let piece = self.pieces.get_mut(key);
        std::mem::swap(&mut piece.plan, &mut plan);
        piece.cursor += 1;
        is_solved
    }

    /// Starts a read step: in one request, or in parts of 4 KiB where a longer one has failed.
    fn read(&mut self, key: Key, number: usize, from: Target, range: SectorRange, into: Place) {
        let piece = self.pieces.get(key);
        let is_suspect =
            piece.suspects.iter().any(|(target, bad)| *target == from && bad.overlaps(range));
        let mut left = range;
        while !left.is_empty() {
            let len = if is_suspect { LEAST - Sectors(left.start.0 % LEAST.0) } else { left.len };
            let part = left.start.range(len.min(left.len));
            left = SectorRange { start: part.end(), len: left.len - part.len };
            let skip = part.start.since(range.start).and_then(|skip| skip.bytes()).unwrap_or(0);
            let byte = u64::from(into.byte).saturating_add(skip);
            let place =
                Place { buffer: into.buffer, byte: u32::try_from(byte).unwrap_or(u32::MAX) };
            self.read_part(key, number, from, part, place);
        }
    }

    fn read_part(&mut self, key: Key, number: usize, from: Target, part: SectorRange, into: Place) {
        let bytes = part.len.bytes().and_then(|bytes| usize::try_from(bytes).ok());
        let loan = bytes.and_then(|bytes| self.lend(key, into, bytes));
        let member = self.map.member(from).map(|(_, member)| (member.disk, member.data_offset));
        let piece = self.pieces.get_mut(key);
        let (Some(loan), Some((disk, data_offset)), Ok(step)) =
            (loan, member, u16::try_from(number))
        else {
            // A mistake of a personality: it ends this piece, and no other.
            piece.failures.push(Failure { target: from, range: part, fault: FaultKind::Invalid });
            return;
        };
        piece.outstanding += 1;
        let tag = Tag { piece: key, life: piece.life, step }.pack();
        let at = data_offset.checked_add(Sectors(part.start.0)).unwrap_or(Sector::MAX);
        self.actions.requests.push(Request {
            tag,
            operation: Operation::Read,
            regions: Regions::One(Region { disk, at, count: part.len }),
            memory: Memory::Contiguous(loan),
            priority: Priority::Data,
        });
        if let Some(seat) = self.hints(from) {
            seat.in_flight += 1;
            seat.head = part.end();
        }
    }

    /// Takes the end of a read, and goes on when it was the last that the cursor waits for.
    pub(crate) fn step_ended(&mut self, notice: Notice) {
        let tag = Tag::unpack(notice.tag);
        let piece = self.pieces.get(tag.piece);
        let step = piece.plan.steps().get(usize::from(tag.step)).copied();
        let is_ours = piece.life == tag.life && piece.outstanding > 0;
        let Some(Step::Read { from, at, into, .. }) = step.filter(|_| is_ours) else {
            debug_assert!(false, "a notice belongs to a step that is under way");
            return;
        };
        let fault = notice.fault.or((!notice.errors.is_empty()).then_some(FaultKind::Io));
        let Memory::Contiguous(loan) = notice.memory else {
            debug_assert!(false, "the memory of a read comes back");
            return;
        };
        let (start, bytes) = (loan.range().start, loan.len());
        let skip = start.saturating_sub(self.start_of(tag.piece, into));
        self.take_back(tag.piece, into.buffer, loan);
        let sectors = |bytes: usize| Sectors::whole_in(u64::try_from(bytes).unwrap_or(u64::MAX));
        if let Some(seat) = self.hints(from) {
            seat.in_flight = seat.in_flight.saturating_sub(1);
        }
        let piece = self.pieces.get_mut(tag.piece);
        piece.outstanding -= 1;
        if let Some(fault) = fault {
            let range = (at + sectors(skip)).range(sectors(bytes));
            piece.failures.push(Failure { target: from, range, fault });
        }
        if piece.outstanding > 0 {
            return;
        }
        self.play(tag.piece);
    }

    /// The plan is over: on to the next span, or the end of the piece.
    fn span_done(&mut self, key: Key) {
        let piece = self.pieces.get_mut(key);
        piece.done = piece.done + piece.span.len;
        if piece.done >= piece.range.len {
            return self.finish(key, Ok(()));
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
        let was_behind = piece.state == State::Playing && piece.map_generation < generation;
        let had_scratch = piece.lent.clear();
        piece.state = State::Planning;
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
        debug_assert!(false, "a plan for a read has only reads and solves: {step:?}");
        self.finish(key, Err(HostError::Unsupported(format!("a plan with the step {step:?}"))));
    }

    /// Lends memory of the host or of scratch.
    fn lend(&mut self, key: Key, place: Place, bytes: usize) -> Option<Loan> {
        if place.buffer != BufferId::HOST {
            return self.pieces.get_mut(key).lent.lend(place, bytes);
        }
        let start = self.start_of(key, place);
        let request = self.pieces.get(key).request;
        let buffer = self.requests.get_mut(request).buffer.as_mut()?;
        let end = start.checked_add(bytes)?;
        (end <= buffer.len()).then(|| buffer.lend(start..end))
    }

    fn take_back(&mut self, key: Key, number: BufferId, loan: Loan) {
        let piece = self.pieces.get_mut(key);
        if number != BufferId::HOST {
            return piece.lent.take_back(number, loan);
        }
        let buffer = self.requests.get_mut(piece.request).buffer.as_mut();
        buffer.expect("a request keeps its buffer while it is under way").take_back(loan);
    }

    /// Where a place of the plan lies in the memory that it is in.
    fn start_of(&self, key: Key, place: Place) -> usize {
        let piece = self.pieces.get(key);
        let byte = usize::try_from(place.byte).unwrap_or(usize::MAX);
        if place.buffer != BufferId::HOST {
            return piece.lent.start(place.buffer).saturating_add(byte);
        }
        let before = piece.span.start.0 - self.requests.get(piece.request).range.start.0;
        let before = before.checked_mul(SECTOR_BYTES).and_then(|bytes| usize::try_from(bytes).ok());
        before.unwrap_or(usize::MAX).saturating_add(byte)
    }
}

/// The memory of a piece, for computing.
struct Memories<'a> {
    shard: &'a mut Shard,
    key: Key,
}

impl solve::Memory for Memories<'_> {
    fn lend(&mut self, place: Place, bytes: usize) -> Option<Loan> {
        self.shard.lend(self.key, place, bytes)
    }

    fn take_back(&mut self, buffer: BufferId, loan: Loan) {
        self.shard.take_back(self.key, buffer, loan);
    }
}

/// Whether later steps of a plan rest on what earlier ones brought.
fn has_phases(plan: &Plan) -> bool {
    plan.steps().iter().any(|step| !matches!(step, Step::Read { .. } | Step::Fence | Step::Ack))
}

fn too_wide(span: SectorRange) -> HostError {
    HostError::Unsupported(format!(
        "sectors {span} need more scratch memory than the array has; give it more"
    ))
}
