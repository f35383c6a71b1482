//! Aligned memory for payloads: buffers from a pool, and loans of parts of them.
//!
//! A [`Buffer`] belongs to one owner. While an operation is under way on a part of it, that part is
//! out on [`Loan`]; the owner gets at the bytes again when all loans are back. The loans of one
//! buffer never overlap, so a loan is as good as an exclusive slice, and it can travel to another
//! thread or to the kernel.
//!
//! A loan can be cut in two and joined again; its buffer takes it back when it is whole.
//!
//! Invariants: (1) the parts on loan of a buffer are disjoint; (2) the bytes of a buffer are
//! reachable through it only while nothing is on loan; (3) the arena lives as long as any buffer
//! or loan; (4) a buffer that dies with parts on loan is never used again by the pool (it is counted as lost).
//!
//! Taking, lending and giving back allocate nothing, unless a buffer has more than four parts on
//! loan at once.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Alignment of every buffer in bytes.
const ALIGNMENT: usize = 4096;
/// Bytes of each class of buffers, smallest first.
const CLASSES: [usize; 4] = [4 << 10, 64 << 10, 256 << 10, 1 << 20];
/// Alignment of a large arena, so that it may lie in huge pages.
const HUGE_PAGE: usize = 2 << 20;

/// Memory for payloads, bounded when it is made.
///
/// Clones share the memory. Nothing is allocated after [`Pool::new`].
#[derive(Clone, Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

/// A buffer, aligned to 4096 bytes, of the length that was asked for.
pub struct Buffer {
    shared: Arc<Shared>,
    offset: usize,
    source: Source,
    len: u32,
    loans: Loans,
}

/// Where the memory of a buffer goes in the end.
#[derive(Clone, Copy)]
enum Source {
    /// To the pool, among the buffers of this class.
    Class(u32),
    /// To the buffer at `base`, which lent it.
    Lender { base: usize, run: Run },
}

/// The parts of a buffer that are on loan.
#[derive(Default)]
struct Loans {
    few: [Run; 4],
    count: u32,
    more: Vec<Run>,
}

/// Bytes of a buffer. No buffer is longer than 32 bits count, and handles travel far: each word
/// less is worth it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    start: u32,
    end: u32,
}

/// Part of a buffer, handed to an operation that is under way.
pub struct Loan {
    shared: Arc<Shared>,
    base: usize,
    run: Run,
}

/// No buffer of the wanted size is free now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no buffer of {bytes} bytes is free")]
pub struct PoolEmpty {
    /// What was asked for.
    pub bytes: usize,
}

/// How a pool is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Each class of buffers, smallest first.
    pub classes: [ClassStats; CLASSES.len()],
    /// How often [`Pool::take`] found nothing.
    pub refusals: u64,
}

/// How one class of buffers is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of each buffer.
    pub bytes: usize,
    /// Buffers in the class.
    pub total: usize,
    /// Buffers that are free now.
    pub free: usize,
    /// The fewest that were ever free.
    pub least_free: usize,
    /// Buffers that were dropped with parts on loan; they do not come back.
    pub lost: usize,
}

struct Shared {
    arena: Arena,
    classes: Mutex<Classes>,
}

/// What is free, and how it is used.
struct Classes {
    free: [Vec<usize>; CLASSES.len()],
    stats: PoolStats,
}

/// One allocation, freed when the last handle is gone.
struct Arena {
    allocation: NonNull<u8>,
    layout: Layout,
    /// Where the memory begins in the allocation: the first address that is aligned.
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the arena is plain memory; who may touch which byte is decided by `Buffer` and `Loan`,
// which are exclusive over their ranges.
#[expect(unsafe_code, reason = "memory that the kernel writes while a handle travels")]
unsafe impl Send for Arena {}
// SAFETY: as above; a shared arena gives no access to its bytes.
#[expect(unsafe_code, reason = "memory that the kernel writes while a handle travels")]
unsafe impl Sync for Arena {}

impl Arena {
    #[expect(unsafe_code, reason = "aligned allocation has no safe form in std")]
    fn new(bytes: usize) -> Self {
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { ALIGNMENT };
        // Asked for with a small alignment and moved up, since only then does the allocator hand
        // out fresh zero pages instead of touching each of them.
        let layout = Layout::from_size_align(bytes + align, align_of::<u64>())
            .expect("a pool is far smaller than the address space");
        // SAFETY: the layout has a size above zero.
        let allocation = unsafe { alloc_zeroed(layout) };
        let Some(allocation) = NonNull::new(allocation) else { handle_alloc_error(layout) };
        let up = allocation.addr().get().next_multiple_of(align) - allocation.addr().get();
        // SAFETY: `up` is less than `align`, so `bytes` bytes follow within the allocation.
        let start = unsafe { allocation.add(up) };
        Self { allocation, layout, start, bytes }
    }
}

impl Drop for Arena {
    #[expect(unsafe_code, reason = "returns what Arena::new allocated")]
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`, and no handle is left.
        unsafe { dealloc(self.allocation.as_ptr(), self.layout) }
    }
}

impl Pool {
    /// A pool of about `bytes`: an eighth in 4 KiB buffers, an eighth in 64 KiB, a quarter in
    /// 256 KiB, the rest in 1 MiB; at least one of each.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let shares = [bytes / 8, bytes / 8, bytes / 4, bytes / 2];
        let mut offset = 0;
        let mut stats = [ClassStats::default(); CLASSES.len()];
        let mut free = [const { Vec::new() }; CLASSES.len()];
        // The longest come first in memory, so that each buffer is aligned to its class.
        for class in (0..CLASSES.len()).rev() {
            let bytes = CLASSES[class];
            let total = (shares[class] / bytes).max(1);
            free[class] = (0..total).map(|i| offset + i * bytes).rev().collect();
            stats[class] = ClassStats { bytes, total, free: total, least_free: total, lost: 0 };
            offset += total * bytes;
        }
        let stats = PoolStats { classes: stats, refusals: 0 };
        let classes = Mutex::new(Classes { free, stats });
        Self { shared: Arc::new(Shared { arena: Arena::new(offset), classes }) }
    }

    /// The longest buffer that can be asked for.
    #[must_use]
    pub const fn longest() -> usize {
        CLASSES[CLASSES.len() - 1]
    }

    /// A buffer of `bytes`; its content is what the last user left.
    ///
    /// # Errors
    /// [`PoolEmpty`] when none is free; ask again when one has come back.
    pub fn take(&self, bytes: usize) -> Result<Buffer, PoolEmpty> {
        let found = self.shared.lock().take(bytes);
        let (class, offset) = found.ok_or(PoolEmpty { bytes })?;
        let len = u32::try_from(bytes).map_err(|_| PoolEmpty { bytes })?;
        let shared = Arc::clone(&self.shared);
        let source = Source::Class(class);
        Ok(Buffer { shared, offset, source, len, loans: Loans::default() })
    }

    /// How the pool is used.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.shared.lock().stats()
    }

    /// All memory of the pool, for registration with a ring: address and bytes.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        (self.shared.arena.start.as_ptr().addr(), self.shared.arena.bytes)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Classes> {
        self.classes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Classes {
    /// The class and offset of a free buffer of at least `bytes`, from the smallest class that has
    /// one.
    fn take(&mut self, bytes: usize) -> Option<(u32, usize)> {
        for (class, offsets) in self.free.iter_mut().enumerate() {
            if CLASSES[class] >= bytes
                && let Some(offset) = offsets.pop()
            {
                let stats = &mut self.stats.classes[class];
                stats.least_free = stats.least_free.min(offsets.len());
                return Some((u32::try_from(class).ok()?, offset));
            }
        }
        self.stats.refusals += 1;
        None
    }

    fn stats(&self) -> PoolStats {
        let mut stats = self.stats;
        for (class, free) in stats.classes.iter_mut().zip(&self.free) {
            class.free = free.len();
        }
        stats
    }
}

impl Loans {
    /// Notes a loan, if it shares no byte with another.
    fn add(&mut self, run: Run) -> bool {
        let is_free = |loan: &Run| loan.end <= run.start || run.end <= loan.start;
        if !self.few().iter().all(is_free) || !self.more.iter().all(is_free) {
            return false;
        }
        match self.few.get_mut(wide(self.count)) {
            Some(place) => {
                *place = run;
                self.count += 1;
            }
            None => self.more.push(run),
        }
        true
    }

    /// Strikes a loan, if it is one.
    fn remove(&mut self, run: Run) -> bool {
        if let Some(found) = self.more.iter().position(|loan| *loan == run) {
            self.more.swap_remove(found);
            return true;
        }
        let found = self.few().iter().position(|loan| *loan == run);
        if let Some(found) = found {
            self.count -= 1;
            self.few.swap(found, wide(self.count));
        }
        found.is_some()
    }

    fn few(&self) -> &[Run] {
        self.few.get(..wide(self.count)).unwrap_or(&self.few)
    }

    fn len(&self) -> usize {
        wide(self.count) + self.more.len()
    }

    const fn is_empty(&self) -> bool {
        self.count == 0 && self.more.is_empty()
    }
}

impl Run {
    /// The run of a range, if it lies in `len` bytes.
    fn of(range: &Range<usize>, len: u32) -> Option<Self> {
        let (start, end) = (u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?);
        (start <= end && end <= len).then_some(Self { start, end })
    }

    const fn len(self) -> usize {
        wide(self.end - self.start)
    }
}

/// A number of bytes as an index.
const fn wide(bytes: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS, "buffers are shorter than the address space") };
    bytes as usize
}

impl Buffer {
    /// Bytes in the buffer.
    #[must_use]
    pub const fn len(&self) -> usize {
        wide(self.len)
    }

    /// Whether the buffer has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    ///
    /// # Panics
    /// When a part is on loan: a mistake of the owner.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn bytes(&self) -> &[u8] {
        assert!(self.loans.is_empty(), "the bytes of a buffer with parts on loan");
        // SAFETY: the range lies in the arena, was initialised with it, belongs to this buffer
        // alone, and nothing is on loan.
        unsafe {
            std::slice::from_raw_parts(
                self.shared.arena.start.as_ptr().add(self.offset),
                self.len(),
            )
        }
    }

    /// The bytes, to be changed.
    ///
    /// # Panics
    /// When a part is on loan: a mistake of the owner.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        assert!(self.loans.is_empty(), "the bytes of a buffer with parts on loan");
        // SAFETY: as in `bytes`, and we hold the buffer exclusively.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.shared.arena.start.as_ptr().add(self.offset),
                self.len(),
            )
        }
    }

    /// Lends the bytes of `range`.
    ///
    /// # Panics
    /// When the range is not in the buffer, or overlaps one that is on loan: a mistake of the
    /// owner.
    #[must_use]
    pub fn lend(&mut self, range: Range<usize>) -> Loan {
        let run = Run::of(&range, self.len).expect("a loan lies in its buffer");
        assert!(self.loans.add(run), "the loans of a buffer do not overlap");
        Loan { shared: Arc::clone(&self.shared), base: self.offset, run }
    }

    /// Takes a loan back.
    ///
    /// # Panics
    /// When the loan is another buffer's, or only a part of one.
    pub fn take_back(&mut self, loan: Loan) {
        let same = Arc::ptr_eq(&self.shared, &loan.shared) && self.offset == loan.base;
        assert!(same && self.loans.remove(loan.run), "a loan goes back to its buffer, whole");
    }

    /// A buffer over the bytes of a loan, for somebody who lends parts on; to be made a loan again
    /// by [`Buffer::into_loan`]. It may be aligned to less than a buffer of the pool.
    #[must_use]
    pub fn of_loan(loan: Loan) -> Self {
        let Loan { shared, base, run } = loan;
        let (offset, len) = (base + wide(run.start), run.end - run.start);
        let source = Source::Lender { base, run };
        Self { shared, offset, source, len, loans: Loans::default() }
    }

    /// The loan that the buffer was made of.
    ///
    /// # Panics
    /// When a part is on loan, or the buffer came from a pool: a mistake of the owner.
    #[must_use]
    pub fn into_loan(self) -> Loan {
        assert!(self.loans.is_empty(), "a loan goes back whole");
        match self.source {
            Source::Lender { base, run } => Loan { shared: Arc::clone(&self.shared), base, run },
            Source::Class(_) => panic!("a buffer of the pool is nobody's loan"),
        }
    }

    /// How many parts are on loan.
    #[must_use]
    pub fn loans(&self) -> usize {
        self.loans.len()
    }
}

impl Loan {
    /// Bytes in the loan.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.run.len()
    }

    /// Whether the loan has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.run.len() == 0
    }

    /// Where the loan lies in its buffer.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        wide(self.run.start)..wide(self.run.end)
    }

    /// The bytes.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the range lies in the arena and is this loan's alone (invariants 1 and 2).
        unsafe { std::slice::from_raw_parts(self.address(), self.len()) }
    }

    /// The bytes, to be changed.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and we hold the loan exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.address(), self.len()) }
    }

    /// Cuts the loan in two: this one keeps the first `at` bytes, the rest is returned.
    ///
    /// # Panics
    /// When there are not so many bytes: a mistake of the owner.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Self {
        let at = u32::try_from(at).ok().filter(|at| *at <= self.run.end - self.run.start);
        let middle = self.run.start + at.expect("a loan is cut within its bytes");
        let rest = Run { start: middle, end: self.run.end };
        self.run.end = middle;
        Self { shared: Arc::clone(&self.shared), base: self.base, run: rest }
    }

    /// Joins the part that follows this one to it.
    ///
    /// # Panics
    /// When it does not follow, or is another buffer's: a mistake of the owner.
    pub fn join(&mut self, next: Self) {
        let same = Arc::ptr_eq(&self.shared, &next.shared) && self.base == next.base;
        assert!(same && self.run.end == next.run.start, "parts of one loan are joined");
        self.run.end = next.run.end;
    }

    /// The address, for the kernel.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn address(&self) -> *mut u8 {
        // SAFETY: the sum lies in the arena, since the range lies in the buffer.
        unsafe { self.shared.arena.start.as_ptr().add(self.base + wide(self.run.start)) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Source::Class(class) = self.source else { return };
        let mut classes = self.shared.lock();
        if self.loans.is_empty() {
            classes.free[wide(class)].push(self.offset);
        } else {
            classes.stats.classes[wide(class)].lost += 1;
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("bytes", &self.arena.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes, {} on loan)", self.len, self.loans.len())
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({:?})", self.range())
    }
}
