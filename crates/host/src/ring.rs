//! The driver over io_uring.
//!
//! The one thing to understand: reads, writes and flushes of files go to the kernel as entries of
//! a ring; what a ring does not do well goes to a [`Workers`] driver inside: disks that are no
//! files, memory that is not aligned for direct access, discards, and the rest of a transfer that
//! was cut short. The ring watches the event of that driver, so there is one place to wait.
//!
//! A request is *queued* (the table is full), then *under way* (it has a place in the table; one
//! entry of it is in the ring), perhaps *elsewhere* (with the threads), then *ended*, and is
//! reported once. A write that flushes first is under way twice: as a flush, then as a write.
//!
//! Invariants: (1) the memory of a request that is under way stands in the table, so the kernel
//! never touches memory that somebody else has; (2) each place in the table has at most one entry
//! in the ring, and the completion queue is longer than the table; (3) the ring is only dropped
//! when nothing is under way.

mod entry;
mod setup;

pub use setup::NoRing;

use crate::Workers;
use crate::errno::fault;
use entry::{File, Target, Vectors};
use io_uring::{IoUring, opcode, squeue, types};
use paritas_disk::{
    Disk, DiskIndex, Done, Driver, Facts, Fault, FaultKind, GoneDisk, Io, Operation, Pool, Wait,
    perform,
};
use paritas_units::{SECTOR_BYTES, Sectors};
use rustix::io::Errno;
use setup::{MOST_FILES, MOST_UNDER_WAY};
use std::cell::OnceCell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

/// The user data of the watch over the threads' event.
const EVENT: u64 = u64::MAX;

/// The driver over io_uring. It must be made in the thread that uses it.
pub struct Ring {
    ring: IoUring,
    disks: Vec<Attached>,
    table: Vec<Option<UnderWay>>,
    free: Vec<u32>,
    queue: VecDeque<Io>,
    ended: Vec<Done>,
    elsewhere: Workers,
    /// Whether the ring watches the event of `elsewhere`.
    is_watching: bool,
    registered: (usize, usize),
    /// Keeps the registered memory alive.
    _pool: Pool,
    has_files: bool,
    /// Whether the kernel signals the threads' event for completions too; from the first time on that
    /// somebody asks for it.
    has_event: OnceCell<()>,
    /// The kernel takes entries from the thread that made the ring only.
    _of_one_thread: PhantomData<*const ()>,
}

#[derive(Debug)]
struct Attached {
    disk: Arc<dyn Disk>,
    file: Option<FileOf>,
}

/// The file of a disk.
#[derive(Clone, Copy, Debug)]
struct FileOf {
    file: File,
    base: Sectors,
    /// Bytes that memory, position and length must be multiples of.
    alignment: u64,
}

/// A request that the kernel has.
#[derive(Debug)]
struct UnderWay {
    io: Io,
    /// Named by the entry; it lives as long as the entry.
    _vectors: Vectors,
    stage: Stage,
}

/// What the entry of a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Flushes before a write.
    FlushBefore,
    /// Flushes.
    Flush,
    /// Transfers so many bytes.
    Transfer(u32),
}

impl Ring {
    /// A ring, with the pool's memory registered where the system's limits allow it.
    ///
    /// # Errors
    /// [`NoRing`] where the kernel has none or forbids it.
    pub fn new(pool: &Pool) -> Result<Self, NoRing> {
        let ring = setup::ring()?;
        let (bytes, has_files) = setup::register(&ring, pool);
        Ok(Self {
            ring,
            disks: Vec::new(),
            table: (0..MOST_UNDER_WAY).map(|_| None).collect(),
            free: (0..MOST_UNDER_WAY).rev().collect(),
            queue: VecDeque::new(),
            ended: Vec::new(),
            elsewhere: Workers::new(),
            is_watching: false,
            registered: (pool.memory().0, bytes),
            _pool: pool.clone(),
            has_files,
            has_event: OnceCell::new(),
            _of_one_thread: PhantomData,
        })
    }

    /// Whether the pool's memory is registered with the kernel.
    #[must_use]
    pub const fn has_registered_memory(&self) -> bool {
        self.registered.1 > 0
    }

    /// Starts a request that has a place in the table, or gives it to the threads.
    fn start(&mut self, io: Io) {
        let Some(file) = self.file_for(&io) else {
            self.elsewhere.submit(io);
            return;
        };
        let stage = match io.operation {
            Operation::Write { flush_before: true, .. } => Stage::FlushBefore,
            Operation::Flush => Stage::Flush,
            _ => Stage::Transfer(0),
        };
        let Some(place) = self.free.pop() else {
            self.queue.push_back(io);
            return;
        };
        self.enter(place, UnderWay { io, _vectors: Vectors::new(), stage }, file);
    }

    /// The file of a request that the ring can serve.
    fn file_for(&self, io: &Io) -> Option<FileOf> {
        let attached = self.disks.get(usize::from(io.disk.0))?;
        let file = attached.file?;
        let facts = attached.disk.facts();
        let writes = match io.operation {
            Operation::Read => false,
            Operation::Write { .. } => true,
            Operation::Flush => return (!facts.is_read_only).then_some(file),
            Operation::Discard | Operation::WriteZeroes => return None,
        };
        let bytes = io.sectors.bytes().filter(|bytes| *bytes > 0 && *bytes <= 1 << 30)?;
        let len = usize::try_from(bytes).ok()?;
        let at = file.base.0.checked_add(io.at.0)?.checked_mul(SECTOR_BYTES)?;
        let fits = facts.check_sectors(io.at, io.sectors).is_ok() && io.memory.holds(len);
        let may = if writes { !facts.is_read_only } else { io.memory.is_exclusive() };
        let is_aligned = file.alignment == 1
            || ((at | bytes).is_multiple_of(file.alignment)
                && io.memory.is_aligned(len, usize::try_from(file.alignment).unwrap_or(1)));
        (fits && may && is_aligned).then_some(file)
    }

    /// Puts the next entry of a request into the ring.
    fn enter(&mut self, place: u32, mut under_way: UnderWay, file: FileOf) {
        let entry = match under_way.stage {
            Stage::FlushBefore | Stage::Flush => entry::flush(file.file),
            Stage::Transfer(_) => {
                let io = &mut under_way.io;
                let bytes = u32::try_from(io.sectors.0 * SECTOR_BYTES).unwrap_or(0);
                let at = (file.base.0 + io.at.0) * SECTOR_BYTES;
                let target = Target { file: file.file, at, registered: self.registered };
                let (entry, vectors) = entry::transfer(io, bytes, &target);
                under_way._vectors = vectors;
                under_way.stage = Stage::Transfer(bytes);
                entry
            }
        };
        if let Some(slot) = self.table.get_mut(index(place)) {
            *slot = Some(under_way);
        }
        self.push(&entry.user_data(u64::from(place)));
    }

    #[expect(unsafe_code, reason = "entries name memory by address")]
    fn push(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: the memory that the entry names stands in the table (or is none, for the
            // watch) until its completion has been taken out of the ring.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return;
            }
            self.hand_over(0, None);
        }
    }

    /// Hands entries to the kernel, and waits for `wanted` completions.
    fn hand_over(&mut self, wanted: usize, most: Option<Duration>) {
        let entries = self.ring.submission();
        let is_idle = entries.is_empty() && !entries.taskrun() && !entries.cq_overflow();
        drop(entries);
        if wanted == 0 && is_idle {
            return;
        }
        let submitter = self.ring.submitter();
        let handed = match most {
            None => submitter.submit_and_wait(wanted),
            Some(most) => {
                let time = types::Timespec::from(most);
                submitter.submit_with_args(wanted, &types::SubmitArgs::new().timespec(&time))
            }
        };
        // Interrupted, timed out or short of memory: the caller looks and comes again.
        drop(handed);
    }

    /// Makes the event unreadable. It must come before the look at the ring: what comes after the
    /// look signals again.
    fn clear_event(&self) {
        if self.has_event.get().is_some() {
            self.elsewhere.clear_event();
        }
    }

    /// Takes completions out of the ring.
    fn reap(&mut self) {
        loop {
            let next = self.ring.completion().next();
            let Some(completion) = next else { break };
            if completion.user_data() == EVENT {
                self.is_watching = false;
                continue;
            }
            if let Ok(place) = u32::try_from(completion.user_data()) {
                self.ended(place, completion.result());
            }
        }
        self.elsewhere.poll(Wait::No, &mut self.ended);
        while !self.free.is_empty()
            && let Some(io) = self.queue.pop_front()
        {
            self.start(io);
        }
    }

    /// The entry of a request has ended.
    fn ended(&mut self, place: u32, result: i32) {
        let taken = self.table.get_mut(index(place)).and_then(Option::take);
        let Some(mut under_way) = taken else { return };
        let errno = result.checked_neg().filter(|errno| *errno > 0).map(Errno::from_raw_os_error);
        let is_cut = match (under_way.stage, errno) {
            (_, Some(errno)) => matches!(errno, Errno::AGAIN | Errno::INTR | Errno::CANCELED),
            (Stage::Transfer(bytes), None) => u32::try_from(result) != Ok(bytes),
            _ => false,
        };
        if is_cut {
            self.free.push(place);
            self.elsewhere.submit(under_way.io);
            return;
        }
        if under_way.stage == Stage::FlushBefore && errno.is_none() {
            under_way.stage = Stage::Transfer(0);
            match self.file_for(&under_way.io) {
                Some(file) => self.enter(place, under_way, file),
                None => {
                    self.free.push(place);
                    self.elsewhere.submit(under_way.io);
                }
            }
            return;
        }
        self.free.push(place);
        let Io { tag, at, memory, .. } = under_way.io;
        let result = errno.map_or(Ok(()), |errno| Err(fault(errno, at)));
        self.ended.push(Done { tag, result, memory });
    }

    /// Lets the ring watch the threads' event, if they have work.
    fn watch(&mut self) {
        if self.is_watching || self.elsewhere.in_flight() == 0 {
            return;
        }
        let Some(event) = self.elsewhere.wait_fd().map(|event| event.as_raw_fd()) else { return };
        let readable = u32::try_from(libc::POLLIN).unwrap_or(1);
        let entry = opcode::PollAdd::new(types::Fd(event), readable).build().user_data(EVENT);
        self.is_watching = true;
        self.push(&entry);
    }

    fn has_entries(&self) -> bool {
        self.free.len() < self.table.len() || !self.queue.is_empty()
    }

    /// Registers a file, if there is room.
    fn file_number(&self, fd: BorrowedFd<'_>) -> File {
        let raw = fd.as_raw_fd();
        let number = u32::try_from(self.disks.len()).unwrap_or(MOST_FILES);
        let is_registered = self.has_files
            && number < MOST_FILES
            && self.ring.submitter().register_files_update(number, &[raw]).is_ok();
        if is_registered { File::Registered(number) } else { File::Plain(raw) }
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl Driver for Ring {
    fn attach(&mut self, disk: Arc<dyn Disk>) -> DiskIndex {
        let index = self.elsewhere.attach(Arc::clone(&disk));
        let descriptor = disk.descriptor().filter(|_| disk.may_wait());
        let file = descriptor.map(|descriptor| FileOf {
            file: self.file_number(descriptor.fd),
            base: Sectors(descriptor.base.0),
            alignment: match descriptor.is_direct {
                true => u64::from(disk.facts().alignment.max(1)),
                false => 1,
            },
        });
        self.disks.push(Attached { disk, file });
        index
    }

    fn detach(&mut self, disk: DiskIndex) {
        self.elsewhere.detach(disk);
        let Some(attached) = self.disks.get_mut(usize::from(disk.0)) else { return };
        attached.disk = Arc::new(GoneDisk::new(attached.disk.facts().clone()));
        if let Some(FileOf { file: File::Registered(number), .. }) = attached.file.take() {
            // The kernel holds a registered file open of its own; if it kept it, locks would stay
            // until the ring ends, and nothing else would be wrong.
            let _ = self.ring.submitter().register_files_update(number, &[-1]);
        }
    }

    fn submit(&mut self, mut io: Io) {
        match self.disks.get(usize::from(io.disk.0)) {
            None => {
                let result = Err(Fault { kind: FaultKind::Gone, at: io.at });
                self.ended.push(Done { tag: io.tag, result, memory: io.memory });
            }
            Some(attached) if !attached.disk.may_wait() => {
                let result = perform(attached.disk.as_ref(), &mut io);
                self.ended.push(Done { tag: io.tag, result, memory: io.memory });
            }
            Some(_) => self.start(io),
        }
    }

    fn poll(&mut self, wait: Wait, done: &mut Vec<Done>) {
        let before = done.len();
        let mut waited = false;
        loop {
            self.clear_event();
            self.hand_over(0, None);
            self.reap();
            // What came of the completions. The caller may wait elsewhere, so none of it may stay
            // with us.
            self.hand_over(0, None);
            done.append(&mut self.ended);
            if done.len() > before || self.in_flight() == 0 || waited {
                return;
            }
            if wait != Wait::No {
                self.watch();
            }
            match wait {
                Wait::No => return,
                Wait::ForOne => self.hand_over(1, None),
                Wait::AtMost(most) => {
                    waited = true;
                    self.hand_over(1, Some(most));
                }
            }
        }
    }

    fn in_flight(&self) -> usize {
        let places = self.table.len() - self.free.len();
        places + self.queue.len() + self.ended.len() + self.elsewhere.in_flight()
    }

    fn facts(&self, disk: DiskIndex) -> Option<&Facts> {
        self.disks.get(usize::from(disk.0)).map(|attached| attached.disk.facts())
    }

    fn flush_batch(&mut self) {
        self.hand_over(0, None);
    }

    /// The threads' event, which the ring signals as well: a ring whose work is deferred does not
    /// wake those who poll its own descriptor. An event of the ring's own that follows the threads'
    /// would not do: kernels lose the signal of one event that another one's signal causes. Only who
    /// asks pays for it.
    fn wait_fd(&self) -> Option<BorrowedFd<'_>> {
        let event = self.elsewhere.wait_fd()?;
        if self.has_event.get().is_none() {
            self.ring.submitter().register_eventfd(event.as_raw_fd()).ok()?;
            self.has_event.get_or_init(|| ());
        }
        Some(event)
    }

    /// The kernel signals the event when its list of ended entries ceases to be empty. An entry that
    /// ended before the event was registered, or that an earlier look left in the list, signals
    /// nothing: the flag and the queue tell of it.
    fn may_sleep(&self) -> bool {
        // SAFETY: looks at the heads and tails only; the thread that uses the ring is this one.
        #[expect(unsafe_code, reason = "the queues are shared with the kernel")]
        let (submission, completion) =
            unsafe { (self.ring.submission_shared(), self.ring.completion_shared()) };
        submission.is_empty()
            && !submission.taskrun()
            && !submission.cq_overflow()
            && completion.is_empty()
            && self.ended.is_empty()
            && self.elsewhere.may_sleep()
    }
}

impl Drop for Ring {
    /// Waits until nothing is under way: the kernel may write to the memory until then.
    fn drop(&mut self) {
        while self.has_entries() {
            self.hand_over(1, None);
            self.reap();
        }
        // The kernel takes a ring apart some time after it is closed; its files must be closed,
        // and their locks gone, when we are. Nothing is registered if this fails.
        let _ = self.ring.submitter().unregister_files();
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("disks", &self.disks)
            .field("in_flight", &self.in_flight())
            .field("has_registered_memory", &self.has_registered_memory())
            .finish_non_exhaustive()
    }
}
