//! An array that is hosted in this process: its shards' threads, and the handle that feeds them.
//!
//! The one thing to understand: the handle is a home like those of the threads (see
//! [`paritas_engine::Home`]). It cuts requests to shards and joins replies; the work is done
//! elsewhere, so [`Drive::submit`] never waits.
//!
//! Stopping has two phases. After the first letter a thread lets nothing in and closes its
//! connections, but goes on answering others; only when every thread is ready do they end, so that
//! no part of a request is left with a thread that is gone.

use crate::inbox::{Inbox, Letter, Mailbox};
use crate::owner::{Owner, OwnerLetter};
use crate::serve::{self, Limits, Listen, Peer, ServeError, Serving};
use crate::worker::{self, Worker};
use paritas_disk::{Disk, DiskIndex, Facts, Pool};
use paritas_engine::{
    AddError, Array, Assembly, Config, Drive, Home, HostRequest, Reply, Session, SpareStart,
    StartError,
};
use paritas_format::DeviceUuid;
use paritas_host::{Choice, NoRing};
use paritas_units::MemberId;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Requests of the handle that are with shards at once; more wait in the handle.
const MOST_REQUESTS: u32 = 1024;
/// How long [`Hosted::wait_until`] waits before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// An array that is hosted in this process.
pub struct Hosted {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    home: Home,
    /// Requests that found no place in the home.
    backlog: VecDeque<HostRequest>,
    /// Reused while a request is cut, and while replies come.
    parts: Vec<(u16, HostRequest)>,
    returned: Vec<Reply>,
}

/// What the threads of an array share.
pub(crate) struct Shared {
    pub(crate) array: Mutex<Array>,
    /// Letters of the array's own thread.
    pub(crate) owner: Inbox<OwnerLetter>,
    pub(crate) inboxes: Vec<Inbox>,
    pub(crate) mailbox: Mailbox,
    pub(crate) pool: Pool,
    /// Connections that are open, over all threads.
    pub(crate) clients: AtomicUsize,
    /// Threads that are ready to end.
    pub(crate) ready_to_end: AtomicUsize,
    /// The array's thread has had a turn.
    pub(crate) changed: Condvar,
    /// Disks that were ever attached. While it is locked the letters about one go to everybody.
    attached: Mutex<u16>,
}

/// An array that could not be hosted.
#[derive(Debug, thiserror::Error)]
pub enum HostingError {
    /// The assembly cannot be run.
    #[error(transparent)]
    Array(#[from] StartError),
    /// The system gave no thread or descriptor.
    #[error("cannot start a thread for the array: {0}")]
    System(#[from] io::Error),
    /// The ring was asked for.
    #[error("PARITAS_IO asks for a ring: {0}; leave it unset, or say threads")]
    Ring(#[from] NoRing),
    /// The environment asks for a driver that does not exist.
    #[error("PARITAS_IO is {0:?}; it can be ring or threads")]
    Choice(String),
    /// A thread ended before it began.
    #[error("a thread of the array has died")]
    Died,
}

impl Shared {
    pub(crate) fn array(&self) -> MutexGuard<'_, Array> {
        self.array.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Threads that end together: those of the shards, and the array's.
    pub(crate) fn parties(&self) -> usize {
        self.inboxes.len() + 1
    }

    pub(crate) fn send_to_all(&self, letter: impl Fn() -> Letter) {
        for inbox in &self.inboxes {
            inbox.send(letter());
        }
    }
}

impl Hosted {
    /// Starts `config.shards` threads for an array. Disk `i` is that of member `i`.
    ///
    /// # Errors
    /// [`HostingError`]; then no thread is left.
    pub fn start(
        assembly: &Assembly,
        disks: Vec<Arc<dyn Disk>>,
        config: &Config,
    ) -> Result<Self, HostingError> {
        let choice = Choice::from_environment().map_err(HostingError::Choice)?;
        let facts: Vec<Facts> = disks.iter().map(|disk| disk.facts().clone()).collect();
        let attached = u16::try_from(disks.len()).unwrap_or(u16::MAX);
        let array = Array::new(assembly, &facts, config.shards.max(1))?;
        let shards = array.sharding().shards();
        let limits = paritas_engine::Limits::new(config, array.dimensions());
        let pool = Pool::new(limits.payload_bytes(config)?);
        let sharding = array.sharding();
        let inboxes = (0..shards).map(|_| Inbox::new()).collect::<Result<_, _>>()?;
        let engines: Vec<_> = (0..shards).map(|number| array.shard(number, &limits)).collect();
        let shared = Arc::new(Shared {
            array: Mutex::new(array),
            owner: Inbox::new()?,
            inboxes,
            mailbox: Mailbox::default(),
            pool,
            clients: AtomicUsize::new(0),
            ready_to_end: AtomicUsize::new(0),
            changed: Condvar::new(),
            attached: Mutex::new(attached),
        });
        let mut hosted = Self {
            home: Home::new(sharding, MOST_REQUESTS),
            threads: Vec::new(),
            backlog: VecDeque::new(),
            parts: Vec::new(),
            returned: Vec::new(),
            shared: Arc::clone(&shared),
        };
        let (ready, are_ready) = mpsc::channel();
        for (number, engine) in (0..).zip(engines) {
            let (disks, shared) = (disks.clone(), Arc::clone(&shared));
            let start = worker::Start { number, engine, sharding, disks, shared, choice };
            hosted.spawn(start, ready.clone())?;
        }
        hosted.spawn_owner(disks, choice, ready)?;
        // Threads that run already are stopped when `hosted` is dropped.
        for _ in 0..=shards {
            are_ready.recv().map_err(|_| HostingError::Died)??;
        }
        Ok(hosted)
    }

    fn spawn(&mut self, start: worker::Start, ready: Sender<Result<(), NoRing>>) -> io::Result<()> {
        let shared = Arc::clone(&start.shared);
        let thread = std::thread::Builder::new().name(format!("shard-{}", start.number));
        let thread = thread.spawn(move || {
            // If nobody listens any more, another thread has failed and all will be stopped.
            match Worker::new(start) {
                Ok(worker) => {
                    let _ = ready.send(Ok(()));
                    drop(ready);
                    worker.run();
                }
                Err(error) => {
                    worker::count_ready(&shared, 1);
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        self.threads.push(thread);
        Ok(())
    }

    fn spawn_owner(
        &mut self,
        disks: Vec<Arc<dyn Disk>>,
        choice: Choice,
        ready: Sender<Result<(), NoRing>>,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("array".to_owned());
        let thread =
            thread.spawn(move || match Owner::new(Arc::clone(&shared), disks, choice) {
                Ok(owner) => {
                    let _ = ready.send(Ok(()));
                    drop(ready);
                    owner.run();
                }
                Err(error) => {
                    worker::count_ready(&shared, 1);
                    let _ = ready.send(Err(error));
                }
            })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Has the array's thread do something with the array: what it comes to is acted on.
    pub fn order(&self, order: impl FnOnce(&mut Array) + Send + 'static) {
        self.shared.owner.send(OwnerLetter::Order(Box::new(order)));
    }

    /// The same, with an answer.
    ///
    /// # Panics
    /// When the array's thread has died.
    pub fn ask<T: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Array) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = mpsc::sync_channel(1);
        self.order(move |array| {
            // The one who asks waits below.
            let _ = answer.send(order(array));
        });
        answered.recv().expect("the array's thread lives as long as the handle")
    }

    /// Waits until something is true of the array, but not longer than to `deadline`; says whether
    /// it is true. It is looked at after each turn of the array's thread, and a few times a second.
    pub fn wait_until(
        &self,
        mut is_true: impl FnMut(&Array) -> bool,
        deadline: Option<Instant>,
    ) -> bool {
        let mut array = self.shared.array();
        loop {
            if is_true(&array) {
                return true;
            }
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) || self.shared.mailbox.is_dead() {
                return false;
            }
            let pause = left.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN);
            let waited = self.shared.changed.wait_timeout(array, pause);
            (array, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes a disk known to all threads, before any of them can be asked to use its number.
    /// `None` when 65535 disks have been attached since the array was started.
    pub fn attach(&self, disk: &Arc<dyn Disk>) -> Option<DiskIndex> {
        let mut attached = self.shared.attached.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *attached;
        *attached = number.checked_add(1)?;
        self.shared.send_to_all(|| Letter::Attach(Arc::clone(disk)));
        self.shared.owner.send(OwnerLetter::Attach(Arc::clone(disk)));
        Some(DiskIndex(number))
    }

    /// Lets all threads let go of a disk that no member lies on: its file is closed, and locks go.
    /// Disks of members that are removed are let go of by themselves.
    pub fn detach(&self, disk: DiskIndex) {
        self.shared.send_to_all(|| Letter::Detach(disk));
        self.shared.owner.send(OwnerLetter::Detach(disk));
    }

    /// Attaches a disk and adds it to the array as a spare; if the array does not take it, the disk
    /// is let go of.
    ///
    /// # Errors
    /// [`AddError`].
    pub fn add_spare(
        &self,
        spare: SpareStart,
        identity: DeviceUuid,
        disk: &Arc<dyn Disk>,
    ) -> Result<MemberId, AddError> {
        let number = self.attach(disk).ok_or(AddError::TooMany { most: u16::MAX })?;
        let facts = disk.facts().clone();
        let added = self.ask(move |array| array.add_spare(&spare, identity, (number, &facts)));
        if added.is_err() {
            self.detach(number);
        }
        added
    }

    /// Serves clients at `listen`, each with a session that `sessions` makes for it. The session's
    /// export number 0 is this array; it has no other.
    ///
    /// # Errors
    /// [`ServeError`] if nobody could connect there.
    pub fn serve<F>(
        &self,
        listen: &Listen,
        limits: Limits,
        sessions: F,
    ) -> Result<Serving, ServeError>
    where
        F: Fn(&Peer) -> Box<dyn Session> + Send + 'static,
    {
        serve::start(Arc::clone(&self.shared), listen, limits, Box::new(sessions))
    }

    /// The array, for a look at its members and counters. Its thread waits meanwhile, so do not
    /// keep it long.
    pub fn with_array<T>(&self, look: impl FnOnce(&Array) -> T) -> T {
        look(&self.shared.array())
    }

    /// Ends what is under way, closes connections, and ends the threads.
    pub fn stop(self) {
        // Dropping does it.
    }

    fn send(&mut self, request: HostRequest) {
        let mut parts = std::mem::take(&mut self.parts);
        match self.home.take(0, request, &mut parts) {
            Ok(()) => {
                let home = u16::try_from(self.shared.inboxes.len()).unwrap_or(u16::MAX);
                for (shard, part) in parts.drain(..) {
                    if let Some(inbox) = self.shared.inboxes.get(usize::from(shard)) {
                        inbox.send(Letter::Request(home, part));
                    }
                }
            }
            Err(request) => self.backlog.push_back(request),
        }
        self.parts = parts;
    }

    /// Joins the parts that have come back; whole replies go to the end of `replies`.
    fn join(&mut self, replies: &mut Vec<Reply>) {
        let mut returned = std::mem::take(&mut self.returned);
        for reply in returned.drain(..) {
            if let Some((_, reply)) = self.home.returned(reply) {
                replies.push(reply);
            }
        }
        self.returned = returned;
        while self.home.room() > 0
            && let Some(request) = self.backlog.pop_front()
        {
            self.send(request);
        }
    }
}

impl Drive for Hosted {
    fn pool(&self) -> Pool {
        self.shared.pool.clone()
    }

    fn submit(&mut self, request: HostRequest) {
        if self.backlog.is_empty() {
            self.send(request);
        } else {
            self.backlog.push_back(request);
        }
    }

    fn wait(&mut self, replies: &mut Vec<Reply>) {
        let before = replies.len();
        self.shared.mailbox.take(&mut self.returned);
        self.join(replies);
        while replies.len() == before && self.in_flight() > 0 {
            self.shared.mailbox.wait(&mut self.returned);
            self.join(replies);
        }
    }

    fn in_flight(&self) -> usize {
        self.home.outstanding() + self.backlog.len()
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.shared.send_to_all(|| Letter::Stop);
        self.shared.owner.send(OwnerLetter::Stop);
        // Threads that were never started are not waited for.
        let missing = self.shared.parties() - self.threads.len();
        worker::count_ready(&self.shared, missing);
        for thread in self.threads.drain(..) {
            // A thread that has panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Hosted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosted").field("shards", &self.threads.len()).finish_non_exhaustive()
    }
}
