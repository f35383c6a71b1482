//! One client's socket and its session.
//!
//! The one thing to understand: the session knows the protocol and has no socket; this file moves
//! bytes and knows no protocol. It reads only when the session has room, so a client that sends
//! faster than it is served, or does not take its replies, is held up by its own socket.
//!
//! A connection is over when its session says so, when the socket fails, when the peer is gone, or
//! when the handshake takes too long. Requests that are then under way end, and their replies are
//! dropped.

use paritas_disk::Pool;
use paritas_engine::{Finish, Reply, Session, SessionRequest};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// Slices that are sent at once; what a session offers beyond them waits for the next send.
const SLICES: usize = 128;
/// Sends in one turn for one connection.
const SENDS: usize = 8;

/// A connection on its way to the thread that will serve it.
pub(crate) struct Arrival {
    pub(crate) stream: OwnedFd,
    pub(crate) session: Box<dyn Session>,
    /// When the handshake must be over.
    pub(crate) deadline: Instant,
    /// For the log.
    pub(crate) peer: String,
}

/// A client that is being served.
pub(crate) struct Connection {
    /// Names the connection in requests and replies.
    pub(crate) origin: u64,
    /// Whether there may be something to receive.
    pub(crate) is_readable: bool,
    /// Whether the last receive brought something: the next one is then likely to as well.
    is_busy: bool,
    /// Whether the pool had no buffer for its next request.
    pub(crate) is_starved: bool,
    stream: OwnedFd,
    session: Box<dyn Session>,
    peer: String,
    deadline: Instant,
    in_flight: usize,
    /// Whether the session may have a request.
    may_ask: bool,
    /// Whether the session may have something to send.
    may_send: bool,
    is_send_blocked: bool,
    /// Whether the peer has sent its last byte.
    has_ended: bool,
    failure: Option<String>,
}

impl Connection {
    /// Requests that are taken from one connection in one turn, so that others have theirs.
    pub(crate) const BUDGET: usize = 16;

    pub(crate) fn new(arrival: Arrival, origin: u64) -> Self {
        let Arrival { stream, session, deadline, peer, .. } = arrival;
        Self {
            origin,
            is_readable: true,
            is_busy: false,
            is_starved: false,
            stream,
            session,
            peer,
            deadline,
            in_flight: 0,
            may_ask: true,
            may_send: true,
            is_send_blocked: false,
            has_ended: false,
            failure: None,
        }
    }

    /// One receive; says whether anything came.
    pub(crate) fn receive(&mut self) -> bool {
        self.is_readable = false;
        self.is_busy = false;
        let [first, second] = self.session.space();
        let room = first.len() + second.len();
        if room == 0 {
            return false;
        }
        let mut slices = [IoSliceMut::new(first), IoSliceMut::new(second)];
        match rustix::io::readv(&self.stream, &mut slices) {
            Ok(bytes) => {
                self.has_ended = bytes == 0;
                self.is_busy = bytes > 0;
                self.session.received(bytes);
                // A full receive means that there is probably more.
                self.is_readable = bytes == room;
                (self.may_ask, self.may_send) = (true, true);
                true
            }
            Err(error) if is_temporary(error) => false,
            Err(error) => {
                self.fail(error);
                true
            }
        }
    }

    /// Who asks, if the session may have a request.
    pub(crate) fn asks(&self) -> Option<u64> {
        ((self.may_ask || self.is_starved) && self.failure.is_none()).then_some(self.origin)
    }

    /// The next request of the session.
    pub(crate) fn next_request(&mut self, pool: &Pool) -> Option<SessionRequest> {
        let refusals = pool.stats().refusals;
        let request = self.session.next_request(pool);
        self.is_starved = request.is_none() && pool.stats().refusals != refusals;
        self.may_ask = request.is_some();
        self.may_send = true;
        self.in_flight += usize::from(request.is_some());
        request
    }

    /// The answer to a request.
    pub(crate) fn reply(&mut self, reply: Reply) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.session.reply(reply.cookie, reply.result, reply.buffer);
        (self.may_ask, self.may_send) = (true, true);
    }

    /// Sends what there is, as far as the socket takes it.
    pub(crate) fn send(&mut self) {
        for _ in 0..SENDS {
            if !self.may_send || self.is_send_blocked || self.failure.is_some() {
                return;
            }
            self.send_once();
        }
    }

    fn send_once(&mut self) {
        let mut unsent = Vec::new();
        self.session.unsent(&mut unsent);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(unsent.iter().filter(|bytes| !bytes.is_empty()))
        {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        if count == 0 {
            self.may_send = false;
            return;
        }
        let slices = slices.get(..count).unwrap_or_default();
        // A peer that is gone is an error here, never a signal.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let mut nothing_else = SendAncillaryBuffer::default();
        match rustix::net::sendmsg(&self.stream, slices, &mut nothing_else, flags) {
            Ok(bytes) => {
                self.session.sent(bytes);
                self.may_ask = true;
            }
            Err(Errno::INTR) => {}
            Err(error) if is_temporary(error) => self.is_send_blocked = true,
            Err(error) => self.fail(error),
        }
    }

    /// Whether the connection is to be closed.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        if self.failure.is_none() && self.deadline().is_some_and(|deadline| deadline <= now) {
            self.failure = Some("the handshake took too long".to_owned());
        }
        self.failure.is_some() || self.session.finished().is_some()
    }

    /// When the handshake must be over, while it is not.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.session.is_in_handshake().then_some(self.deadline)
    }

    /// Notes in the log why the connection is closed.
    pub(crate) fn say_goodbye(&self, is_stopping: bool) {
        let state = self.session.describe();
        let broken = match self.session.finished() {
            Some(Finish::Broken(why)) => Some(why),
            Some(Finish::Closed) | None => None,
        };
        if let Some(why) = self.failure.as_ref().or(broken.as_ref()) {
            tracing::warn!(peer = self.peer, state, "connection closed: {why}");
        } else {
            tracing::info!(peer = self.peer, state, is_stopping, "connection closed");
        }
    }

    /// Requests that have not been answered.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether the next turn has something to do for this connection without any event;
    /// `can_ask` says whether requests are taken at all.
    pub(crate) fn has_more(&self, can_ask: bool) -> bool {
        let can_send = self.may_send && !self.is_send_blocked;
        self.failure.is_none() && ((can_ask && self.may_ask) || can_send)
    }

    /// Whether the next turn may receive without asking first if there is anything: a client that
    /// has just sent usually has more, and asking costs as much as trying.
    pub(crate) const fn may_try(&self) -> bool {
        self.is_busy && !self.is_send_blocked && !self.has_ended
    }

    /// What the thread waits for on this socket.
    pub(crate) fn wanted(&mut self) -> PollFlags {
        let mut wanted = PollFlags::empty();
        if self.has_space() {
            wanted |= PollFlags::IN;
        }
        if self.is_send_blocked {
            wanted |= PollFlags::OUT;
        }
        wanted
    }

    fn has_space(&mut self) -> bool {
        !self.has_ended && self.session.space().iter().any(|slice| !slice.is_empty())
    }

    /// Takes what a wait has found.
    pub(crate) fn notice(&mut self, events: PollFlags) {
        if events.contains(PollFlags::OUT) {
            self.is_send_blocked = false;
        }
        let is_gone = events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        if (events.contains(PollFlags::IN) || is_gone) && self.has_space() {
            // What the peer sent before it went may be its goodbye.
            self.is_readable = true;
        } else if is_gone {
            self.failure = Some("the peer is gone".to_owned());
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    fn fail(&mut self, error: Errno) {
        self.failure = Some(error.to_string());
    }
}

fn is_temporary(error: Errno) -> bool {
    matches!(error, Errno::AGAIN | Errno::INTR)
}
