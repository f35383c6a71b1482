//! The thread of a shard: one turn after the other.
//!
//! The one thing to understand: a turn does everything that can be done without waiting, in an
//! order that frees memory before it takes new: letters, ended requests to members, sockets, the
//! shard's actions, and at last one gathered send for each connection. Then there is one place to
//! wait, for letters, members and sockets together.
//!
//! A request of a connection whose window is this shard's own changes no thread; any other is one
//! letter there and one back. Before it sleeps the thread looks around for a short while (30 µs)
//! after it had work, if there is a spare core: a client that waits for each answer would otherwise
//! pay two wake-ups per request.
//!
//! # States
//! *serving* → (letter `Stop`) → *stopping*: nothing new is let in, connections close when their
//! requests have ended → *ready to end*: nothing of its own is left, but it goes on answering
//! others → (all threads are ready) → ended.

use crate::connection::{Arrival, Connection};
use crate::hosted::Shared;
use crate::inbox::Letter;
use crate::owner::OwnerLetter;
use paritas_disk::region::{ClientId, Clients, Notice};
use paritas_disk::{Disk, Wait};
use paritas_engine::{Actions, Control, Home, HostError, HostRequest, Reply, Shard, Sharding};
use paritas_host::{Choice, NoRing};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Requests to members under way at once, per shard.
const MEMBER_DEPTH: u32 = 512;
/// Requests of this thread's connections that are with shards at once.
const MOST_REQUESTS: u32 = 2048;
/// How often a turn looks for ended requests before it turns to sockets again.
const ROUNDS: u32 = 8;
/// How long the thread looks around before it sleeps, if it has just had work.
const SPIN: Duration = Duration::from_micros(30);
/// How long it sleeps while a connection waits for a buffer that another thread may free.
const STARVED: Duration = Duration::from_millis(1);

/// What a thread is started with.
pub(crate) struct Start {
    pub(crate) number: u16,
    pub(crate) engine: Shard,
    pub(crate) sharding: Sharding,
    pub(crate) disks: Vec<Arc<dyn Disk>>,
    pub(crate) shared: Arc<Shared>,
    /// Which driver reaches the members.
    pub(crate) choice: Choice,
}

/// The thread of a shard.
pub(crate) struct Worker {
    number: u16,
    shard: Shard,
    shared: Arc<Shared>,
    members: Clients,
    client: ClientId,
    home: Home,
    connections: Vec<Option<Connection>>,
    /// Counts the connections that this thread has served.
    adopted: u32,
    /// Requests for this shard that found it full.
    backlog: VecDeque<(u16, HostRequest)>,
    /// Replies for the handle, sent together at the end of a turn.
    for_handle: Vec<Reply>,
    state: State,
    may_spin: bool,
    last_work: Instant,
    lists: Lists,
}

/// Lists that are reused in every turn.
#[derive(Default)]
struct Lists {
    letters: Vec<Letter>,
    notices: Vec<Notice>,
    actions: Actions,
    parts: Vec<(u16, HostRequest)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Serving,
    Stopping,
    ReadyToEnd,
}

/// Tells the handle when the thread dies.
struct Obituary(Arc<Shared>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.mailbox.close();
            count_ready(&self.0, 1);
        }
    }
}

/// Notes that `threads` more are ready to end, and tells all when the last one is.
pub(crate) fn count_ready(shared: &Shared, threads: usize) {
    let before = shared.ready_to_end.fetch_add(threads, Ordering::AcqRel);
    if before + threads >= shared.inboxes.len() {
        shared.owner.send(OwnerLetter::Look);
    }
    if before + threads >= shared.parties() {
        shared.send_to_all(|| Letter::Look);
    }
}

impl Worker {
    /// Makes what the thread works with; to be called in it.
    pub(crate) fn new(start: Start) -> Result<Self, NoRing> {
        let Start { number, engine, sharding, disks, shared, choice } = start;
        let driver = paritas_host::choose(choice, &shared.pool, &disks)?;
        let mut members = Clients::new(driver);
        let client = members.add(MEMBER_DEPTH);
        for disk in disks {
            members.attach(disk);
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            number,
            shard: engine,
            may_spin: cores > shared.inboxes.len(),
            shared,
            members,
            client,
            home: Home::new(sharding, MOST_REQUESTS),
            connections: Vec::new(),
            adopted: 0,
            backlog: VecDeque::new(),
            for_handle: Vec::new(),
            state: State::Serving,
            last_work: Instant::now(),
            lists: Lists::default(),
        })
    }

    pub(crate) fn run(mut self) {
        let _obituary = Obituary(Arc::clone(&self.shared));
        while !self.is_over() {
            let mut has_worked = self.take_letters();
            has_worked |= self.work_members();
            has_worked |= self.serve_connections();
            has_worked |= self.work_members();
            self.send_everything();
            if has_worked {
                self.last_work = Instant::now();
            }
            self.wait(has_worked);
        }
    }

    fn is_over(&mut self) -> bool {
        let is_done = self.connections.iter().all(Option::is_none)
            && self.home.outstanding() == 0
            && self.shard.is_idle()
            && self.backlog.is_empty();
        if self.state == State::Stopping && is_done {
            self.state = State::ReadyToEnd;
            count_ready(&self.shared, 1);
        }
        let ready = self.shared.ready_to_end.load(Ordering::Acquire);
        self.state == State::ReadyToEnd && is_done && ready >= self.shared.parties()
    }

    fn take_letters(&mut self) -> bool {
        let mut letters = std::mem::take(&mut self.lists.letters);
        if let Some(inbox) = self.shared.inboxes.get(usize::from(self.number)) {
            inbox.take(&mut letters);
        }
        let has_worked = !letters.is_empty();
        for letter in letters.drain(..) {
            match letter {
                Letter::Request(home, request) => self.submit(home, request),
                Letter::Reply(reply) => self.returned(reply),
                Letter::Control(control) => self.shard.control(control),
                Letter::Connection(arrival) => self.adopt(arrival),
                Letter::Attach(disk) => {
                    self.members.attach(disk);
                }
                Letter::Detach(disk) => self.members.detach(disk),
                Letter::Stop => self.stop(),
                Letter::Look => {}
            }
        }
        self.lists.letters = letters;
        has_worked
    }

    fn stop(&mut self) {
        if self.state == State::Serving {
            self.state = State::Stopping;
            self.shard.control(Control::Stop);
        }
    }

    /// Hands a request to the shard, in order.
    fn submit(&mut self, home: u16, request: HostRequest) {
        if !self.backlog.is_empty() {
            self.backlog.push_back((home, request));
        } else if let Err(request) = self.shard.submit(home, request) {
            self.backlog.push_back((home, request));
        }
    }

    fn submit_backlog(&mut self) {
        while let Some((home, request)) = self.backlog.pop_front() {
            if let Err(request) = self.shard.submit(home, request) {
                return self.backlog.push_front((home, request));
            }
        }
    }

    /// Performs the shard's actions and takes what has ended, until nothing comes at once.
    fn work_members(&mut self) -> bool {
        let mut has_worked = false;
        for _ in 0..ROUNDS {
            let mut has_progressed = self.perform_actions();
            let mut notices = std::mem::take(&mut self.lists.notices);
            if self.members.outstanding() > 0 {
                self.members.poll(Wait::No, &mut notices);
            }
            has_progressed |= !notices.is_empty();
            for notice in notices.drain(..) {
                self.shard.complete(notice);
            }
            self.lists.notices = notices;
            if !has_progressed {
                break;
            }
            has_worked = true;
        }
        has_worked
    }

    fn perform_actions(&mut self) -> bool {
        self.submit_backlog();
        let mut actions = std::mem::take(&mut self.lists.actions);
        self.shard.take_actions(&mut actions);
        let has_worked = !actions.requests.is_empty()
            || !actions.replies.is_empty()
            || !actions.reports.is_empty();
        let has_requests = !actions.requests.is_empty();
        for request in actions.requests.drain(..) {
            let started = self.members.start(self.client, request);
            started.expect("the player keeps to the rules of region requests");
        }
        if has_requests {
            self.members.flush_batch();
        }
        for report in actions.reports.drain(..) {
            self.shared.owner.send(OwnerLetter::Report(report));
        }
        for (home, reply) in actions.replies.drain(..) {
            self.route(home, reply);
        }
        self.lists.actions = actions;
        has_worked
    }

    /// Brings a reply to the home that the request came from.
    fn route(&mut self, home: u16, reply: Reply) {
        if home == self.number {
            self.returned(reply);
        } else if let Some(inbox) = self.shared.inboxes.get(usize::from(home)) {
            inbox.send(Letter::Reply(reply));
        } else {
            self.for_handle.push(reply);
        }
    }

    /// A part of a request of this thread's connections has come back.
    fn returned(&mut self, reply: Reply) {
        let Some((origin, reply)) = self.home.returned(reply) else { return };
        let place = usize::try_from(origin & u64::from(u32::MAX)).unwrap_or(usize::MAX);
        let connection = self.connections.get_mut(place).and_then(Option::as_mut);
        if let Some(connection) = connection.filter(|known| known.origin == origin) {
            connection.reply(reply);
        }
    }

    fn adopt(&mut self, arrival: Arrival) {
        let place = self.connections.iter().position(Option::is_none);
        let place = place.unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.adopted = self.adopted.wrapping_add(1);
        let origin = (u64::from(self.adopted) << 32) | u64::try_from(place).unwrap_or(0);
        if let Some(free) = self.connections.get_mut(place) {
            *free = Some(Connection::new(arrival, origin));
        }
    }

    /// Receives what has arrived and takes requests out of it.
    fn serve_connections(&mut self) -> bool {
        let mut has_worked = false;
        for place in 0..self.connections.len() {
            let Some(Some(connection)) = self.connections.get_mut(place) else { continue };
            if self.state == State::Serving && connection.is_readable {
                has_worked |= connection.receive();
            }
            let Some(origin) = connection.asks() else { continue };
            for _ in 0..Connection::BUDGET {
                if self.home.room() == 0 || self.state != State::Serving {
                    break;
                }
                let Some(request) = self.next_request(place) else { break };
                has_worked = true;
                self.dispatch(origin, request);
            }
        }
        has_worked
    }

    fn next_request(&mut self, place: usize) -> Option<HostRequest> {
        let connection = self.connections.get_mut(place)?.as_mut()?;
        let request = connection.next_request(&self.shared.pool)?;
        if request.export == 0 {
            let (cookie, work, buffer) = (request.cookie, request.work, request.buffer);
            return Some(HostRequest { cookie, work, buffer });
        }
        let error = HostError::Unsupported(format!("there is no export {}", request.export));
        let (cookie, buffer) = (request.cookie, request.buffer);
        connection.reply(Reply { cookie, result: Err(error), buffer });
        None
    }

    /// Cuts a request and sends its parts to their shards.
    fn dispatch(&mut self, origin: u64, request: HostRequest) {
        let mut parts = std::mem::take(&mut self.lists.parts);
        let taken = self.home.take(origin, request, &mut parts);
        debug_assert!(taken.is_ok(), "there is room for every request that is asked for");
        for (shard, part) in parts.drain(..) {
            if shard == self.number {
                self.submit(self.number, part);
            } else if let Some(inbox) = self.shared.inboxes.get(usize::from(shard)) {
                inbox.send(Letter::Request(self.number, part));
            }
        }
        self.lists.parts = parts;
    }

    /// Sends the handle its replies and every connection what it has, and closes what is over.
    fn send_everything(&mut self) {
        if !self.for_handle.is_empty() {
            self.shared.mailbox.send(&mut self.for_handle);
        }
        let now = Instant::now();
        let is_stopping = self.state != State::Serving;
        for place in &mut self.connections {
            let Some(connection) = place else { continue };
            connection.send();
            if connection.is_over(now) || (is_stopping && connection.in_flight() == 0) {
                connection.say_goodbye(is_stopping);
                *place = None;
                self.shared.clients.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Sleeps until there is something to do, unless there is.
    fn wait(&mut self, has_worked: bool) {
        let now = Instant::now();
        let can_ask = self.home.room() > 0 && self.state == State::Serving;
        let waits_for_nothing = has_worked
            || self.connections.iter().flatten().any(|connection| connection.has_more(can_ask))
            || (self.may_spin && now.duration_since(self.last_work) < SPIN);
        if waits_for_nothing && self.connections.iter().flatten().all(Connection::may_try) {
            for connection in self.connections.iter_mut().flatten() {
                connection.is_readable = true;
            }
            return;
        }
        let timeout =
            if waits_for_nothing { Some(Duration::ZERO) } else { self.longest_sleep(now) };
        let shared = Arc::clone(&self.shared);
        let Some(inbox) = shared.inboxes.get(usize::from(self.number)) else { return };
        let sleeps = timeout != Some(Duration::ZERO) && inbox.may_sleep();
        let timeout = if sleeps { timeout } else { Some(Duration::ZERO) };
        self.poll(inbox.wait_fd(), timeout);
        if sleeps {
            inbox.awake();
        }
    }

    /// How long may be slept: to the next deadline, or for ever.
    fn longest_sleep(&self, now: Instant) -> Option<Duration> {
        let connections = self.connections.iter().flatten();
        let deadline = connections.clone().filter_map(Connection::deadline).min();
        let until_deadline = deadline.map(|deadline| deadline.saturating_duration_since(now));
        let is_starved = connections.clone().any(|connection| connection.is_starved);
        // A driver that cannot be waited for is asked.
        let must_ask = self.members.outstanding() > 0 && self.members.driver().wait_fd().is_none();
        let short = (is_starved || must_ask).then_some(STARVED);
        until_deadline.into_iter().chain(short).min()
    }

    fn poll(&mut self, inbox: std::os::fd::BorrowedFd<'_>, timeout: Option<Duration>) {
        let mut fds = Vec::with_capacity(self.connections.len() + 2);
        fds.push(PollFd::from_borrowed_fd(inbox, PollFlags::IN));
        let first = match self.members.driver().wait_fd() {
            Some(fd) => {
                fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
                2
            }
            None => 1,
        };
        let connections = self.connections.iter_mut().flatten();
        let wanted: Vec<PollFlags> = connections.map(Connection::wanted).collect();
        for (connection, wanted) in self.connections.iter().flatten().zip(wanted) {
            fds.push(PollFd::from_borrowed_fd(connection.fd(), wanted));
        }
        // Its descriptor was asked for above; what it does not tell is looked at before the sleep.
        let timeout =
            if self.members.driver().may_sleep() { timeout } else { Some(Duration::ZERO) };
        let timeout = timeout.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        // An interrupted wait is a wait that found nothing.
        let found = poll(&mut fds, timeout.as_ref());
        let events: Vec<PollFlags> = match found {
            Ok(count) if count > 0 => fds.iter().skip(first).map(PollFd::revents).collect(),
            _ => Vec::new(),
        };
        for (connection, events) in self.connections.iter_mut().flatten().zip(events) {
            connection.notice(events);
        }
    }
}
