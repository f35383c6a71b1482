//! The thread of the array itself: members, superblocks, the walk, and time.
//!
//! The one thing to understand: the [`Array`] is stepped here as shards are stepped in their
//! threads. Reports come in as letters; superblocks go to members through a driver of this thread,
//! so that a full queue of data never stands before them.
//!
//! The thread is the last to end: a stop lets the shards end what is under way, then the array marks
//! itself clean, and only then is everybody ready.

use crate::hosted::Shared;
use crate::inbox::Letter;
use crate::worker::count_ready;
use paritas_disk::region::{ClientId, Clients, Notice, RESERVE};
use paritas_disk::{Disk, DiskIndex, Pool, Wait};
use paritas_engine::{Array, ArrayActions, Clock, Recipient, Report};
use paritas_host::{Choice, NoRing};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A letter to the array's thread.
pub(crate) enum OwnerLetter {
    /// News of a shard.
    Report(Report),
    /// Something to be done with the array.
    Order(Box<dyn FnOnce(&mut Array) + Send>),
    /// A disk that gets the next number.
    Attach(Arc<dyn Disk>),
    /// Let go of a disk.
    Detach(DiskIndex),
    /// Let everything end.
    Stop,
    /// A shard is ready to end: look again.
    Look,
}

/// The thread of an array.
pub(crate) struct Owner {
    shared: Arc<Shared>,
    members: Clients,
    client: ClientId,
    began: Instant,
    state: State,
    letters: Vec<OwnerLetter>,
    notices: Vec<Notice>,
    actions: ArrayActions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Serving,
    Stopping,
    Ended,
}

/// Lets the others end when the thread dies.
struct Obituary(Arc<Shared>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.mailbox.close();
            self.0.changed.notify_all();
            count_ready(&self.0, 1);
        }
    }
}

impl Owner {
    /// Makes what the thread works with; to be called in it.
    pub(crate) fn new(
        shared: Arc<Shared>,
        disks: Vec<Arc<dyn Disk>>,
        choice: Choice,
    ) -> Result<Self, NoRing> {
        // Superblocks need no registered memory.
        let driver = paritas_host::choose(choice, &Pool::new(0), &disks)?;
        let mut members = Clients::new(driver);
        let count = u32::try_from(disks.len()).unwrap_or(u32::MAX);
        let client = members.add(RESERVE.max(count));
        for disk in disks {
            members.attach(disk);
        }
        Ok(Self {
            shared,
            members,
            client,
            began: Instant::now(),
            state: State::Serving,
            letters: Vec::new(),
            notices: Vec::new(),
            actions: ArrayActions::default(),
        })
    }

    pub(crate) fn run(mut self) {
        let _obituary = Obituary(Arc::clone(&self.shared));
        while self.state != State::Ended {
            let deadline = self.turn();
            self.wait(deadline);
        }
    }

    /// Takes what has come, lets the array act, and gives the time of its next wish.
    fn turn(&mut self) -> Option<Duration> {
        let shared = Arc::clone(&self.shared);
        shared.owner.take(&mut self.letters);
        self.members.poll(Wait::No, &mut self.notices);
        let mut array = shared.array();
        for letter in self.letters.drain(..) {
            match letter {
                OwnerLetter::Report(report) => array.report(report),
                OwnerLetter::Order(order) => order(&mut array),
                OwnerLetter::Attach(disk) => {
                    self.members.attach(disk);
                }
                OwnerLetter::Detach(disk) => self.members.detach(disk),
                OwnerLetter::Stop => {
                    array.begin_stop();
                    self.state = State::Stopping;
                }
                OwnerLetter::Look => {}
            }
        }
        for notice in self.notices.drain(..) {
            array.complete(notice);
        }
        array.tick(self.clock());
        array.take_actions(&mut self.actions);
        let deadline = array.deadline();
        let is_stopped = array.is_stopped();
        drop(array);
        shared.changed.notify_all();
        let is_idle = self.perform();
        let shards_ready = shared.ready_to_end.load(Ordering::Acquire) >= shared.inboxes.len();
        if self.state == State::Stopping && shards_ready && is_stopped && is_idle {
            self.state = State::Ended;
            count_ready(&shared, 1);
        }
        deadline
    }

    /// Hands out what the array wants; says whether no request to a member is under way now.
    fn perform(&mut self) -> bool {
        for request in self.actions.requests.drain(..) {
            let started = self.members.start(self.client, request);
            started.expect("the array keeps to the rules of region requests");
        }
        self.members.flush_batch();
        for (recipient, control) in self.actions.controls.drain(..) {
            match recipient {
                Recipient::All => {
                    self.shared.send_to_all(|| Letter::Control(control.clone()));
                }
                Recipient::Shard(shard) => {
                    if let Some(inbox) = self.shared.inboxes.get(usize::from(shard)) {
                        inbox.send(Letter::Control(control));
                    }
                }
            }
        }
        for disk in self.actions.released.drain(..) {
            self.shared.send_to_all(|| Letter::Detach(disk));
            self.members.detach(disk);
        }
        self.members.outstanding() == 0
    }

    fn clock(&self) -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Clock { steady: self.began.elapsed(), wall }
    }

    /// Sleeps until a letter or a notice comes, or until `deadline`.
    fn wait(&mut self, deadline: Option<Duration>) {
        if self.state == State::Ended {
            return;
        }
        let now = self.began.elapsed();
        let mut timeout = deadline.map(|deadline| deadline.saturating_sub(now));
        let driver = self.members.driver();
        let mut fds = vec![PollFd::from_borrowed_fd(self.shared.owner.wait_fd(), PollFlags::IN)];
        fds.extend(driver.wait_fd().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let must_ask = self.members.outstanding() > 0 && (fds.len() == 1 || !driver.may_sleep());
        if must_ask || !self.shared.owner.may_sleep() {
            timeout = Some(Duration::ZERO);
        }
        let timeout = timeout.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        // An interrupted wait is a wait that found nothing.
        let _ = poll(&mut fds, timeout.as_ref());
        drop(fds);
        self.shared.owner.awake();
    }
}
