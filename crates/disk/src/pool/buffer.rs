//! Buffers, and loans of parts of them; the rules stand in the pool's header.

use super::Shared;
use super::loans::{Loans, Run, wide};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

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

/// Part of a buffer, handed to an operation that is under way.
pub struct Loan {
    shared: Arc<Shared>,
    base: usize,
    run: Run,
}

impl Buffer {
    /// A buffer of the pool. Nobody else has its bytes.
    pub(super) fn of_pool(shared: Arc<Shared>, offset: usize, class: u32, len: u32) -> Self {
        Self { shared, offset, source: Source::Class(class), len, loans: Loans::default() }
    }

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
