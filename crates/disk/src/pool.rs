//! Aligned memory for payloads: buffers from a pool, and loans of parts of them.
//!
//! A [`Buffer`] belongs to one owner. While an operation is under way on a part of it, that part is
//! out on [`Loan`]; the owner gets at the bytes again when all loans are back. The loans of one
//! buffer never overlap, so a loan is as good as an exclusive slice, and it can travel to another
//! thread or to the kernel.
//!
//! Invariants: (1) the parts on loan of a buffer are disjoint; (2) the bytes of a buffer are
//! reachable through it only while nothing is on loan; (3) the arena lives as long as any buffer
//! or loan; (4) a buffer that dies with parts on loan is never used again by the pool.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

/// Alignment of every buffer in bytes.
const ALIGNMENT: usize = 4096;
/// Bytes of each class of buffers, smallest first.
const CLASSES: [usize; 4] = [4 << 10, 64 << 10, 256 << 10, 1 << 20];

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
    class: usize,
    len: usize,
    loans: Vec<Range<usize>>,
}

/// Part of a buffer, handed to an operation that is under way.
pub struct Loan {
    shared: Arc<Shared>,
    base: usize,
    range: Range<usize>,
}

/// No buffer of the wanted size is free now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no buffer of {bytes} bytes is free")]
pub struct PoolEmpty {
    /// What was asked for.
    pub bytes: usize,
}

struct Shared {
    arena: Arena,
    free: Mutex<[Vec<usize>; CLASSES.len()]>,
}

/// One allocation, freed when the last handle is gone.
struct Arena {
    start: NonNull<u8>,
    layout: Layout,
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
        let layout = Layout::from_size_align(bytes.max(ALIGNMENT), ALIGNMENT)
            .expect("a pool is far smaller than the address space");
        // SAFETY: the layout has a size above zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start, layout }
    }
}

impl Drop for Arena {
    #[expect(unsafe_code, reason = "returns what Arena::new allocated")]
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `new`, and no handle is left.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

impl Pool {
    /// A pool of about `bytes`: an eighth in 4 KiB buffers, an eighth in 64 KiB, a quarter in
    /// 256 KiB, the rest in 1 MiB; at least one of each.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let shares = [bytes / 8, bytes / 8, bytes / 4, bytes / 2];
        let counts: Vec<usize> =
            shares.iter().zip(CLASSES).map(|(share, class)| (share / class).max(1)).collect();
        let total = counts.iter().zip(CLASSES).map(|(count, class)| count * class).sum();
        let mut offset = 0;
        let free = std::array::from_fn(|class| {
            let (count, bytes) = (counts.get(class).copied().unwrap_or(0), CLASSES[class]);
            let offsets: Vec<usize> = (0..count).map(|i| offset + i * bytes).rev().collect();
            offset += count * bytes;
            offsets
        });
        Self { shared: Arc::new(Shared { arena: Arena::new(total), free: Mutex::new(free) }) }
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
        let mut free = self.shared.free.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free
            .iter_mut()
            .enumerate()
            .filter(|(class, _)| CLASSES[*class] >= bytes)
            .find_map(|(class, offsets)| offsets.pop().map(|offset| (class, offset)));
        drop(free);
        let (class, offset) = found.ok_or(PoolEmpty { bytes })?;
        let shared = Arc::clone(&self.shared);
        Ok(Buffer { shared, offset, class, len: bytes, loans: Vec::new() })
    }

    /// All memory of the pool, for registration with a ring: address and bytes.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        (self.shared.arena.start.as_ptr().addr(), self.shared.arena.layout.size())
    }
}

impl Buffer {
    /// Bytes in the buffer.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
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
            std::slice::from_raw_parts(self.shared.arena.start.as_ptr().add(self.offset), self.len)
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
                self.len,
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
        assert!(range.start <= range.end && range.end <= self.len, "a loan lies in its buffer");
        let is_free =
            self.loans.iter().all(|loan| loan.end <= range.start || range.end <= loan.start);
        assert!(is_free, "the loans of a buffer do not overlap");
        self.loans.push(range.clone());
        Loan { shared: Arc::clone(&self.shared), base: self.offset, range }
    }

    /// Takes a loan back.
    ///
    /// # Panics
    /// When the loan is another buffer's.
    pub fn take_back(&mut self, loan: Loan) {
        let found = self.loans.iter().position(|range| *range == loan.range);
        let same = Arc::ptr_eq(&self.shared, &loan.shared) && self.offset == loan.base;
        let found = found.filter(|_| same).expect("a loan goes back to its buffer");
        self.loans.swap_remove(found);
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
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether the loan has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Where the loan lies in its buffer.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The bytes.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the range lies in the arena and is this loan's alone (invariants 1 and 2).
        unsafe { std::slice::from_raw_parts(self.address(), self.range.len()) }
    }

    /// The bytes, to be changed.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and we hold the loan exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.address(), self.range.len()) }
    }

    /// The address, for the kernel.
    #[must_use]
    #[expect(unsafe_code, reason = "the pool's memory is reached through raw addresses")]
    pub fn address(&self) -> *mut u8 {
        // SAFETY: the sum lies in the arena, since the range lies in the buffer.
        unsafe { self.shared.arena.start.as_ptr().add(self.base + self.range.start) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.loans.is_empty() {
            let mut free = self.shared.free.lock().unwrap_or_else(PoisonError::into_inner);
            free[self.class].push(self.offset);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("bytes", &self.arena.layout.size()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes, {} on loan)", self.len, self.loans.len())
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({:?})", self.range)
    }
}
