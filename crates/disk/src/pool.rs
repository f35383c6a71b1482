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

mod buffer;
mod loans;

pub use buffer::{Buffer, Loan};

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
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
        Ok(Buffer::of_pool(shared, offset, class, len))
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("bytes", &self.arena.bytes).finish_non_exhaustive()
    }
}
