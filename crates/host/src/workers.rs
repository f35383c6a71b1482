//! A driver over a pool of threads, for places where io_uring is forbidden.
//!
//! The one thing to understand: a thread is needed only for what can wait. Requests to disks in
//! memory, and those of which the kernel says that they need not wait, are performed where they
//! are submitted; the rest goes to a queue that threads empty.
//!
//! A request passes from *queued* through *performed by a thread* to *ended* (in the shared list,
//! then in ours) and is reported once. Threads are started when there is work and none is idle,
//! and end with the driver.
//!
//! Invariants: `under_way` counts the requests that are queued, performed or in the shared list;
//! the event is readable whenever the shared list is not empty.

use paritas_disk::{
    Disk, DiskIndex, Done, Driver, Facts, Fault, FaultKind, GoneDisk, Io, IoMemory, Operation,
    Wait, perform,
};
use paritas_units::SECTOR_BYTES;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2};
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most threads of a driver.
const MOST_THREADS: usize = 16;

/// The driver over threads.
#[derive(Debug)]
pub struct Workers {
    disks: Vec<Attached>,
    ended: Vec<Done>,
    under_way: usize,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Attached {
    disk: Arc<dyn Disk>,
    /// Whether the kernel can be asked to transfer only what need not wait.
    asks_first: bool,
}

#[derive(Debug)]
struct Shared {
    work: Mutex<Work>,
    wake: Condvar,
    ended: Mutex<Vec<Done>>,
    event: OwnedFd,
}

#[derive(Debug, Default)]
struct Work {
    queue: VecDeque<(Arc<dyn Disk>, Io)>,
    idle: usize,
    is_closing: bool,
}

impl Workers {
    /// A driver without disks; threads come with the work.
    ///
    /// # Panics
    /// When the system has no descriptor left for an event: nothing could be waited for.
    #[must_use]
    pub fn new() -> Self {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        Self {
            disks: Vec::new(),
            ended: Vec::new(),
            under_way: 0,
            shared: Arc::new(Shared {
                work: Mutex::default(),
                wake: Condvar::new(),
                ended: Mutex::default(),
                event: event.expect("a process may have one more open file"),
            }),
            threads: Vec::new(),
        }
    }

    /// Hands a request to a thread.
    fn queue(&mut self, disk: Arc<dyn Disk>, io: Io) {
        self.under_way += 1;
        let mut work = lock(&self.shared.work);
        work.queue.push_back((disk, io));
        let wants_thread = work.queue.len() > work.idle && self.threads.len() < MOST_THREADS;
        drop(work);
        if wants_thread {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("paritas-disk".to_owned());
            match thread.spawn(move || shared.serve()) {
                Ok(thread) => self.threads.push(thread),
                Err(error) => assert!(!self.threads.is_empty(), "no thread can start: {error}"),
            }
        }
        self.shared.wake.notify_one();
    }

    /// Takes what threads have ended.
    fn collect(&mut self, done: &mut Vec<Done>) {
        done.append(&mut self.ended);
        if self.under_way > 0 {
            self.shared.clear_event();
            let mut ended = lock(&self.shared.ended);
            self.under_way -= ended.len();
            done.append(&mut ended);
        }
    }

    /// Makes the event unreadable.
    pub(crate) fn clear_event(&self) {
        self.shared.clear_event();
    }

    /// Waits until something has ended, or for `most`.
    fn wait(&self, most: Option<Duration>) {
        let time = most.and_then(|most| Timespec::try_from(most).ok());
        let mut events = [PollFd::new(&self.shared.event, PollFlags::IN)];
        // An interrupted wait is a short one; the caller looks again.
        let _ = poll(&mut events, time.as_ref());
    }
}

impl Default for Workers {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    /// What a thread does.
    fn serve(&self) {
        while let Some((disk, mut io)) = self.next() {
            let result = perform(disk.as_ref(), &mut io);
            // The driver must not find the memory in use by a handle of ours.
            drop(disk);
            let mut ended = lock(&self.ended);
            ended.push(Done { tag: io.tag, result, memory: io.memory });
            if ended.len() == 1 {
                // Any number will do, and a full counter is readable anyway.
                let _ = rustix::io::write(&self.event, &[1; 8]);
            }
        }
    }

    fn next(&self) -> Option<(Arc<dyn Disk>, Io)> {
        let mut work = lock(&self.work);
        loop {
            if let Some(next) = work.queue.pop_front() {
                return Some(next);
            }
            if work.is_closing {
                return None;
            }
            work.idle += 1;
            work = self.wake.wait(work).unwrap_or_else(PoisonError::into_inner);
            work.idle -= 1;
        }
    }

    fn clear_event(&self) {
        // Nothing to read means nothing to clear.
        let _ = rustix::io::read(&self.event, &mut [0_u8; 8]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver for Workers {
    fn attach(&mut self, disk: Arc<dyn Disk>) -> DiskIndex {
        let index = u16::try_from(self.disks.len()).expect("fewer than 65536 disks are attached");
        let asks_first = disk.descriptor().is_some_and(|descriptor| !descriptor.is_direct);
        self.disks.push(Attached { disk, asks_first });
        DiskIndex(index)
    }

    fn detach(&mut self, disk: DiskIndex) {
        if let Some(attached) = self.disks.get_mut(usize::from(disk.0)) {
            attached.disk = Arc::new(GoneDisk::new(attached.disk.facts().clone()));
            attached.asks_first = false;
        }
    }

    fn submit(&mut self, mut io: Io) {
        let Some(attached) = self.disks.get_mut(usize::from(io.disk.0)) else {
            let result = Err(Fault { kind: FaultKind::Gone, at: io.at });
            self.ended.push(Done { tag: io.tag, result, memory: io.memory });
            return;
        };
        if !attached.disk.may_wait() {
            let result = perform(attached.disk.as_ref(), &mut io);
            self.ended.push(Done { tag: io.tag, result, memory: io.memory });
        } else if attached.asks_first && attached.transferred(&mut io) {
            self.ended.push(Done { tag: io.tag, result: Ok(()), memory: io.memory });
        } else {
            let disk = Arc::clone(&attached.disk);
            self.queue(disk, io);
        }
    }

    fn poll(&mut self, wait: Wait, done: &mut Vec<Done>) {
        let before = done.len();
        self.collect(done);
        while done.len() == before && self.under_way > 0 {
            match wait {
                Wait::No => return,
                Wait::ForOne => self.wait(None),
                Wait::AtMost(most) => {
                    self.wait(Some(most));
                    self.collect(done);
                    return;
                }
            }
            self.collect(done);
        }
    }

    fn in_flight(&self) -> usize {
        self.ended.len() + self.under_way
    }

    fn facts(&self, disk: DiskIndex) -> Option<&Facts> {
        self.disks.get(usize::from(disk.0)).map(|attached| attached.disk.facts())
    }

    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.shared.event.as_fd())
    }

    /// What ended where it was submitted signals nothing.
    fn may_sleep(&self) -> bool {
        self.ended.is_empty()
    }
}

impl Drop for Workers {
    /// Waits until all requests have ended.
    fn drop(&mut self) {
        lock(&self.shared.work).is_closing = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Attached {
    /// Transfers the whole request if the kernel need not wait for anything. What it transfers
    /// only in part is done again by a thread, which also finds the faults.
    fn transferred(&mut self, io: &mut Io) -> bool {
        let facts = self.disk.facts();
        let bytes = io.sectors.bytes().and_then(|bytes| usize::try_from(bytes).ok());
        let (Some(bytes), Some(descriptor)) = (bytes, self.disk.descriptor()) else { return false };
        let position = descriptor.base.checked_add(paritas_units::Sectors(io.at.0));
        let position = position.and_then(|position| position.0.checked_mul(SECTOR_BYTES));
        let Some(position) = position else { return false };
        if facts.check_sectors(io.at, io.sectors).is_err() || !io.memory.holds(bytes) {
            return false;
        }
        let result = match io.operation {
            Operation::Read => read_at_once(descriptor.fd, &mut io.memory, bytes, position),
            Operation::Write { flush_before: false, durable: false } if !facts.is_read_only => {
                write_at_once(descriptor.fd, &io.memory, bytes, position)
            }
            _ => return false,
        };
        if result == Err(Errno::OPNOTSUPP) {
            self.asks_first = false;
        }
        result == Ok(bytes)
    }
}

fn read_at_once(
    fd: BorrowedFd<'_>,
    memory: &mut IoMemory,
    bytes: usize,
    at: u64,
) -> Result<usize, Errno> {
    match memory {
        IoMemory::Own(loan) => {
            let slice = loan.bytes_mut().get_mut(..bytes).ok_or(Errno::INVAL)?;
            preadv2(fd, &mut [IoSliceMut::new(slice)], at, ReadWriteFlags::NOWAIT)
        }
        IoMemory::Vectors(loans) => {
            let mut left = bytes;
            let slices = loans.iter_mut().filter_map(|loan| {
                let len = loan.len().min(left);
                left -= len;
                loan.bytes_mut().get_mut(..len).map(IoSliceMut::new)
            });
            preadv2(fd, &mut slices.collect::<Vec<_>>(), at, ReadWriteFlags::NOWAIT)
        }
        IoMemory::None | IoMemory::Shared(_) | IoMemory::Part { .. } => Err(Errno::INVAL),
    }
}

fn write_at_once(
    fd: BorrowedFd<'_>,
    memory: &IoMemory,
    bytes: usize,
    at: u64,
) -> Result<usize, Errno> {
    let mut slices = memory.slices(bytes);
    let first = slices.next().ok_or(Errno::INVAL)?;
    if first.len() == bytes {
        return pwritev2(fd, &[IoSlice::new(first)], at, ReadWriteFlags::NOWAIT);
    }
    let all: Vec<_> = std::iter::once(first).chain(slices).map(IoSlice::new).collect();
    pwritev2(fd, &all, at, ReadWriteFlags::NOWAIT)
}
