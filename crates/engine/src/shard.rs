//! A shard: the requests, windows and plans of its part of the array.
//!
//! The one thing to understand: a shard is stepped. Requests, notices and controls go in; requests
//! to members, replies and reports come out as [`Actions`]; nothing waits, and nothing is called
//! back. Whoever steps it performs the actions and brings the notices, in any order. The same
//! events in the same order give the same actions.
//!
//! Where a request goes: gate ([`crate::gate`]) → cut into pieces ([`crate::request`]) → planned and
//! played ([`crate::player`]), by way of the window table where a lock is needed → reply. A step
//! that failed goes to the judge ([`crate::judge`]) and the piece is planned again.
//!
//! Memory is bounded by [`Limits`]: the tables are made once. A request that finds no place waits
//! in a queue of fixed length, in order; when that is full it is handed back.
//!
//! Invariants: (1) every request that was taken is answered once; (2) a request has all of its
//! pieces from its start to its end; (3) a member's memory is only touched while it is on loan to a
//! request.

use crate::gate::{Admission, Gate};
use crate::lease::Lease;
use crate::map::seat_view;
use crate::request::{LONGEST_PIECE, Piece, Request, State, Zeroes, most_pieces, pieces};
use crate::scratch::Scratch;
use crate::slab::{Key, Slab};
use crate::window::{Claim, WindowTable};
use crate::work::{Walk, WalkAction, Work, window_of};
use crate::{
    Config, Control, HostError, HostRequest, HostWork, MemberMap, Reply, Report, StartError,
};
use paritas_disk::{Pool, region};
use paritas_personality::{BufferId, Dimensions, Geometry, SeatView, SlotView, Target};
use paritas_units::{Level, SECTOR_BYTES, SectorRange, Sectors};
use std::collections::VecDeque;
use std::sync::Arc;

/// What bounds a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests under way at once.
    pub requests: u32,
    /// Pieces under way at once; at least as many as one request can have.
    pub pieces: u32,
    /// Requests that wait for a place.
    pub waiting: usize,
    /// Bytes of scratch.
    pub scratch_bytes: usize,
}

/// What a shard wants done.
#[derive(Debug, Default)]
pub struct Actions {
    /// Requests to members; disk number `i` is member `i`.
    pub requests: Vec<region::Request>,
    /// Replies, each with the home that the request came from.
    pub replies: Vec<(u16, Reply)>,
    /// News for the array.
    pub reports: Vec<Report>,
}

/// A part of an array's windows, with all that is under way on them.
#[derive(Debug)]
pub struct Shard {
    pub(crate) number: u16,
    pub(crate) name: Arc<str>,
    pub(crate) gate: Gate,
    pub(crate) map: Arc<MemberMap>,
    pub(crate) geometry: Arc<dyn Geometry>,
    /// What is true of the slots apart from bad sectors, with the hints for balancing.
    pub(crate) view: Vec<SlotView<'static>>,
    pub(crate) requests: Slab<Request>,
    pub(crate) pieces: Slab<Piece>,
    pub(crate) windows: WindowTable,
    pub(crate) scratch: Scratch,
    pub(crate) actions: Actions,
    /// Pieces whose next plan can be made now.
    pub(crate) ready: VecDeque<Key>,
    waiting: VecDeque<(u16, HostRequest, SectorRange)>,
    most_waiting: usize,
    /// Requests without a payload that go on when there is a place for their next part.
    continuing: VecDeque<Key>,
    /// Steps of the walk that wait for a place.
    walks: VecDeque<(u64, Walk)>,
    /// A step of the walk that touches several windows is under way, or is the next: hosts wait.
    is_held: bool,
    pub(crate) lease: Lease,
    /// Host requests that were ever started.
    started: u64,
    /// Failures of members in maps up to this generation are on disk.
    pub(crate) recorded: u64,
    pub(crate) await_record: Vec<Key>,
    pub(crate) await_map: Vec<Key>,
    /// Pieces that play a plan from an older map.
    pub(crate) behind: u32,
    /// Reused while a window changes hands.
    pub(crate) admitted: Vec<(Key, Claim)>,
}

/// What the array gives a shard.
pub(crate) struct ShardStart {
    pub(crate) number: u16,
    pub(crate) name: Arc<str>,
    pub(crate) gate: Gate,
    pub(crate) map: Arc<MemberMap>,
    pub(crate) geometry: Arc<dyn Geometry>,
    pub(crate) lease: Lease,
}

impl Limits {
    /// The bounds of one of `config.shards` shards of an array: an eighth of the memory is
    /// scratch, but never less than one plan of the narrowest kind needs.
    #[must_use]
    pub fn new(config: &Config, dimensions: &Dimensions) -> Self {
        let shards = usize::from(config.shards.max(1));
        let pieces = u32::try_from(most_pieces(longest_payload(), dimensions)).unwrap_or(u32::MAX);
        Self {
            requests: 256,
            pieces: pieces.saturating_mul(2).max(512),
            waiting: 1024,
            scratch_bytes: (config.pool_bytes / 8 / shards).max(least_scratch(dimensions)),
        }
    }

    /// Bytes that are left for payloads when each shard has its scratch.
    ///
    /// # Errors
    /// [`StartError::Memory`] if that is too little to do anything.
    pub fn payload_bytes(&self, config: &Config) -> Result<usize, StartError> {
        let scratch = self.scratch_bytes.saturating_mul(usize::from(config.shards.max(1)));
        match config.pool_bytes.checked_sub(scratch) {
            Some(rest) if rest >= LEAST_PAYLOAD => Ok(rest),
            _ => Err(StartError::Memory { needs: scratch + LEAST_PAYLOAD, has: config.pool_bytes }),
        }
    }
}

/// Bytes of payload memory below which nothing sensible can be done.
const LEAST_PAYLOAD: usize = 2 << 20;

/// Sectors of the longest payload.
fn longest_payload() -> u64 {
    u64::try_from(Pool::longest()).unwrap_or(u64::MAX) / SECTOR_BYTES
}

/// Bytes of scratch with which 4 KiB can be computed from all members: the pool gives half of its
/// bytes as buffers of the largest class, which are packed.
fn least_scratch(dimensions: &Dimensions) -> usize {
    let blocks = (usize::from(dimensions.slots) + 8) * 4096;
    2 * blocks.next_multiple_of(Pool::longest())
}

impl Shard {
    pub(crate) fn new(start: ShardStart, limits: &Limits) -> Self {
        let ShardStart { number, name, gate, map, geometry, lease } = start;
        let least = most_pieces(longest_payload(), geometry.dimensions());
        let pieces = limits.pieces.max(u32::try_from(least).unwrap_or(u32::MAX));
        let pieces_usize = crate::slab::index(pieces);
        let scratch_bytes = limits.scratch_bytes.max(least_scratch(geometry.dimensions()));
        Self {
            number,
            name,
            gate,
            view: map.even_view(),
            map,
            geometry,
            requests: Slab::new(limits.requests.max(1), Request::empty),
            pieces: Slab::new(pieces, Piece::empty),
            windows: WindowTable::new(pieces),
            scratch: Scratch::new(scratch_bytes, pieces_usize),
            actions: Actions::default(),
            ready: VecDeque::with_capacity(pieces_usize),
            waiting: VecDeque::with_capacity(limits.waiting),
            most_waiting: limits.waiting,
            continuing: VecDeque::new(),
            walks: VecDeque::new(),
            is_held: false,
            lease,
            started: 0,
            recorded: 0,
            await_record: Vec::new(),
            await_map: Vec::new(),
            behind: 0,
            admitted: Vec::new(),
        }
    }

    /// Takes a request whose reply goes to `home`.
    ///
    /// # Errors
    /// The request back when the queue is full: ask again after a reply.
    pub fn submit(&mut self, home: u16, request: HostRequest) -> Result<(), HostRequest> {
        match self.gate.admit(&request, self.geometry.dimensions()) {
            Admission::Ended(result) => self.answer(home, request, result),
            Admission::Enters(range) => {
                let part = first_part(&request, range);
                let is_free =
                    self.waiting.is_empty() && self.continuing.is_empty() && !self.is_held;
                if is_free && self.has_place(part) {
                    self.start(home, request, range);
                    self.run();
                } else if self.waiting.len() < self.most_waiting {
                    self.waiting.push_back((home, request, range));
                } else {
                    return Err(request);
                }
            }
        }
        Ok(())
    }

    /// Takes the end of a request to members.
    pub fn complete(&mut self, notice: region::Notice) {
        self.step_ended(notice);
        self.run();
    }

    /// Takes an order of the array.
    pub fn control(&mut self, control: Control) {
        match control {
            Control::Adopt(map) => {
                self.adopt(map);
                self.ready.extend(self.await_map.drain(..));
                if self.map.frozen().is_some() {
                    self.ready.extend(self.await_record.drain(..));
                    self.ready.extend(self.lease.refuse());
                }
                self.run();
            }
            Control::Recorded(generation) => {
                self.recorded = self.recorded.max(generation);
                self.ready.extend(self.await_record.drain(..));
                self.run();
            }
            Control::Grant => {
                self.ready.extend(self.lease.grant());
                self.run();
            }
            Control::Revoke => {
                if self.lease.revoke() {
                    self.actions.reports.push(Report::Drained { shard: self.number });
                }
            }
            Control::Probe => {
                let (writes, is_writing) = self.lease.activity();
                let (shard, requests) = (self.number, self.started);
                self.actions.reports.push(Report::Activity { shard, requests, writes, is_writing });
            }
            Control::Walk { cookie, walk } => {
                self.walks.push_back((cookie, walk));
                self.start_walks();
                self.run();
            }
            Control::Writable => self.gate.let_writes_in(true),
            Control::ReadOnly => {
                self.gate.let_writes_in(false);
                for piece in self.lease.refuse() {
                    self.finish(piece, Err(HostError::ReadOnly));
                }
                self.run();
            }
            Control::Stop => {
                self.gate.is_stopping = true;
                while let Some((home, request, _)) = self.waiting.pop_front() {
                    self.answer(home, request, Err(HostError::Stopping));
                }
            }
        }
    }

    /// Exchanges what has been collected for the empty lists in `into`.
    pub fn take_actions(&mut self, into: &mut Actions) {
        debug_assert!(into.requests.is_empty() && into.replies.is_empty(), "all was done");
        std::mem::swap(&mut self.actions, into);
    }

    /// Whether nothing is under way and nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.requests.taken() == 0 && self.waiting.is_empty() && self.walks.is_empty()
    }

    /// How many requests can be taken before [`Shard::submit`] hands one back.
    #[must_use]
    pub fn room(&self) -> usize {
        self.most_waiting - self.waiting.len()
    }

    fn has_place(&self, range: SectorRange) -> bool {
        self.requests.free() > 0 && self.has_pieces(range)
    }

    fn has_pieces(&self, range: SectorRange) -> bool {
        self.pieces.free() >= pieces(range, self.geometry.dimensions()).count().max(1)
    }

    /// Cuts a request for which there is place, and lines its pieces up.
    fn start(&mut self, home: u16, request: HostRequest, range: SectorRange) {
        let key = self.requests.take().expect("there is a place");
        self.started += 1;
        let part = first_part(&request, range);
        let rest = SectorRange { start: part.end(), len: range.len - part.len };
        let HostRequest { cookie, work, buffer } = request;
        let work = Work::Host(work);
        let (pieces_left, mismatches) = (0, 0);
        *self.requests.get_mut(key) = Request {
            home,
            cookie,
            work,
            range: part,
            rest,
            buffer,
            pieces_left,
            result: Ok(()),
            mismatches,
        };
        self.line_up(key);
    }

    /// Makes the pieces of a request, for which there is place.
    fn line_up(&mut self, key: Key) {
        let Request { range, work, .. } = *self.requests.get(key);
        let geometry = Arc::clone(&self.geometry);
        let are_written = matches!(work, Work::Host(HostWork::WriteZeroes(_)))
            && geometry.dimensions().level.has_parity();
        let mut count = 0;
        let whole = match work {
            Work::Walk(walk) => Some((window_of(walk, geometry.dimensions()), walk.range)),
            Work::Host(HostWork::Flush) => Some((0, range)),
            Work::Host(_) => None,
        };
        let cut = pieces(range, geometry.dimensions()).filter(|_| whole.is_none());
        for (window, part) in whole.into_iter().chain(cut) {
            let number = self.pieces.take().expect("there are places for all pieces");
            let piece = self.pieces.get_mut(number);
            piece.reset(key, part, window);
            if are_written {
                piece.zeroes = Zeroes::Written(BufferId::HOST);
            }
            self.ready.push_back(number);
            count += 1;
        }
        self.requests.get_mut(key).pieces_left = count;
    }

    /// Starts steps of the walk while there is place.
    fn start_walks(&mut self) {
        while self.requests.free() > 0
            && self.pieces.free() > 0
            && let Some((cookie, walk)) = self.walks.front().copied()
        {
            let level = self.geometry.dimensions().level;
            // Copies of one component range lie in several windows: nobody else works meanwhile.
            let is_wide = level == Level::Raid10 && walk.action == WalkAction::Recover;
            if is_wide {
                self.is_held = true;
                if self.requests.taken() > 0 {
                    return;
                }
            }
            self.walks.pop_front();
            let key = self.requests.take().expect("there is a place");
            let (work, range) = (Work::Walk(walk), walk.range);
            *self.requests.get_mut(key) = Request { cookie, work, range, ..Request::empty() };
            self.line_up(key);
        }
    }

    /// Plans and plays until nothing can go on.
    pub(crate) fn run(&mut self) {
        while let Some(piece) = self.ready.pop_front() {
            match self.pieces.get(piece).state {
                State::Playing => self.play(piece),
                State::AwaitsRecord => self.span_done(piece),
                _ => self.plan_and_play(piece),
            }
        }
    }

    /// Ends a piece, and its request with the last one.
    pub(crate) fn finish(&mut self, key: Key, result: Result<(), HostError>) {
        self.release(key);
        let piece = self.pieces.get_mut(key);
        piece.state = State::Idle;
        let (request, token) = (piece.request, piece.token.take());
        self.pieces.give_back(key);
        if let Some(token) = token
            && self.lease.leave(token)
        {
            self.actions.reports.push(Report::Drained { shard: self.number });
        }
        let record = self.requests.get_mut(request);
        if record.result.is_ok() {
            record.result = result;
        }
        record.pieces_left -= 1;
        if record.pieces_left > 0 {
            return;
        }
        if record.result.is_ok() && !record.rest.is_empty() {
            self.continuing.push_back(request);
        } else {
            self.end(request);
        }
        self.start_waiting();
    }

    /// Answers a request whose pieces have ended.
    fn end(&mut self, key: Key) {
        let record = self.requests.get_mut(key);
        let result = std::mem::replace(&mut record.result, Ok(()));
        let Request { cookie, home, mismatches, .. } = *record;
        match record.work {
            Work::Host(_) => {
                let reply = Reply { cookie, result, buffer: record.buffer.take() };
                self.actions.replies.push((home, reply));
            }
            Work::Walk(_) => {
                self.is_held = false;
                self.actions.reports.push(Report::Walked { cookie, result, mismatches });
            }
        }
        self.requests.give_back(key);
    }

    fn start_waiting(&mut self) {
        while let Some(key) = self.continuing.front().copied() {
            let rest = self.requests.get(key).rest;
            let part = rest.start.range(rest.len.min(LONGEST_PIECE));
            if !self.has_pieces(part) {
                return;
            }
            self.continuing.pop_front();
            let request = self.requests.get_mut(key);
            request.range = part;
            request.rest = SectorRange { start: part.end(), len: rest.len - part.len };
            self.line_up(key);
        }
        self.start_walks();
        while !self.is_held
            && let Some((_, request, range)) = self.waiting.front()
            && self.has_place(first_part(request, *range))
            && let Some((home, request, range)) = self.waiting.pop_front()
        {
            self.start(home, request, range);
        }
    }

    fn answer(&mut self, home: u16, request: HostRequest, result: Result<(), HostError>) {
        let HostRequest { cookie, buffer, .. } = request;
        self.actions.replies.push((home, Reply { cookie, result, buffer }));
    }

    /// Uses a new map for every plan from now on; what is under way goes on.
    fn adopt(&mut self, map: Arc<MemberMap>) {
        let generation = map.generation();
        if generation <= self.map.generation() {
            // Overtaken on its way by a newer one.
            return;
        }
        let hints = std::mem::replace(&mut self.view, map.even_view());
        for (slot, old) in self.view.iter_mut().zip(hints) {
            for (seat, old) in
                [(&mut slot.original, old.original), (&mut slot.replacement, old.replacement)]
            {
                seat.in_flight = old.in_flight;
                seat.head = old.head;
            }
        }
        self.map = map;
        let is_behind = |piece: &&Piece| piece.is_on_a_map() && piece.map_generation < generation;
        let behind = self.pieces.iter().filter(is_behind).count();
        self.behind = u32::try_from(behind).unwrap_or(u32::MAX);
        self.acknowledge();
    }

    /// Tells the array that its newest map is the only one in use, if it is.
    pub(crate) fn acknowledge(&mut self) {
        if self.behind == 0 {
            let generation = self.map.generation();
            self.actions.reports.push(Report::Adopted { shard: self.number, generation });
        }
    }

    /// The hints for balancing of a seat.
    pub(crate) fn hints(&mut self, target: Target) -> Option<&mut SeatView<'static>> {
        let slot = self.view.get_mut(target.slot.index())?;
        Some(seat_view(slot, target.seat))
    }
}

/// The part of a request that is done first: all of it, unless it has no payload and is long.
fn first_part(request: &HostRequest, range: SectorRange) -> SectorRange {
    let is_endless = matches!(request.work, HostWork::Discard(_) | HostWork::WriteZeroes(_));
    let most = if is_endless { LONGEST_PIECE } else { Sectors(u64::MAX) };
    range.start.range(range.len.min(most))
}
