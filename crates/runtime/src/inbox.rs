//! Letters between threads, and waking the one who sleeps.
//!
//! The one thing to understand: a wake-up costs microseconds on both sides, so it is only paid
//! when the receiver has said that it sleeps. It says so *before* it looks into the queue for the
//! last time; the sender puts its letter in *before* it looks whether the receiver sleeps. Both are
//! done under the queue's lock, so one of them always sees the other.
//!
//! Deliberately absent: a bound. Letters carry requests and replies, and both are bounded by the
//! places in the tables of those who send them.

use crate::connection::Arrival;
use paritas_disk::{Disk, DiskIndex};
use paritas_engine::{Control, HostRequest, Reply};
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A letter to a shard's thread.
pub(crate) enum Letter {
    /// A request, whose reply goes to the home with this number.
    Request(u16, HostRequest),
    /// The reply to a request of this thread's home.
    Reply(Reply),
    /// An order of the array.
    Control(Control),
    /// A connection to serve.
    Connection(Arrival),
    /// A disk that gets the next number.
    Attach(Arc<dyn Disk>),
    /// Let go of a disk.
    Detach(DiskIndex),
    /// Listen no more, close the connections, and end when every thread is ready to.
    Stop,
    /// Look again at what is shared: nothing else is in the letter.
    Look,
}

/// The letters of one thread.
pub(crate) struct Inbox<L = Letter> {
    state: Mutex<Letters<L>>,
    wake: OwnedFd,
}

struct Letters<L> {
    queue: Vec<L>,
    sleeps: bool,
}

impl<L> Inbox<L> {
    pub(crate) fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { state: Mutex::new(Letters { queue: Vec::new(), sleeps: false }), wake })
    }

    /// Puts a letter in.
    pub(crate) fn send(&self, letter: L) {
        let mut state = self.lock();
        state.queue.push(letter);
        let sleeps = std::mem::take(&mut state.sleeps);
        drop(state);
        if sleeps {
            self.wake();
        }
    }

    /// Moves all letters to the end of `into`.
    pub(crate) fn take(&self, into: &mut Vec<L>) {
        into.append(&mut self.lock().queue);
    }

    /// Declares that the thread is about to sleep; `false` if there are letters.
    pub(crate) fn may_sleep(&self) -> bool {
        let mut state = self.lock();
        state.sleeps = state.queue.is_empty();
        state.sleeps
    }

    /// Declares that the thread is awake, and takes the wake-up.
    pub(crate) fn awake(&self) {
        self.lock().sleeps = false;
        // Nothing to read means that nobody woke us; any other error would show at the next wait.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// What becomes readable when a letter comes while the thread sleeps.
    pub(crate) fn wait_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn wake(&self) {
        // Full means that a wake-up is under way already.
        let _ = rustix::io::write(&self.wake, &1_u64.to_le_bytes());
    }

    fn lock(&self) -> MutexGuard<'_, Letters<L>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replies for the thread that hosts the array through [`paritas_engine::Drive`].
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<Replies>,
    arrived: Condvar,
}

#[derive(Default)]
struct Replies {
    replies: Vec<Reply>,
    is_dead: bool,
}

impl Mailbox {
    /// Adds replies, leaving `replies` empty.
    pub(crate) fn send(&self, replies: &mut Vec<Reply>) {
        self.lock().replies.append(replies);
        self.arrived.notify_one();
    }

    /// Says that a shard's thread has died, so that nobody waits for it.
    pub(crate) fn close(&self) {
        self.lock().is_dead = true;
        self.arrived.notify_all();
    }

    /// Whether a thread has died.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().is_dead
    }

    /// Waits for at least one reply and moves all to the end of `into`.
    ///
    /// # Panics
    /// When a shard's thread has died: its requests are lost.
    pub(crate) fn wait(&self, into: &mut Vec<Reply>) {
        let is_empty = |state: &mut Replies| state.replies.is_empty() && !state.is_dead;
        let state = self.arrived.wait_while(self.lock(), is_empty);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        assert!(!state.is_dead, "a shard's thread has died");
        into.append(&mut state.replies);
    }

    /// Moves the replies that are there to the end of `into`.
    pub(crate) fn take(&self, into: &mut Vec<Reply>) {
        into.append(&mut self.lock().replies);
    }

    fn lock(&self) -> MutexGuard<'_, Replies> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
