//! Walking through the memory of a request: a cursor for each kind.
//!
//! The one thing to understand: whatever the kind, memory is a list of loans and a number of bytes
//! to skip at its head (the offset into the first page, what has been dealt with already, the
//! beginning of a mapping). A [`Cursor`] goes from page to page, as the driver's does; [`Slices`]
//! puts neighbouring pages of one loan together again, so a contiguous payload is one slice.
//!
//! Deliberately absent: flushing of cache aliases for mapped memory. A process has one mapping.

use super::Memory;
use crate::Loan;
use std::ops::Range;

/// Bytes of a page, the step of a cursor.
pub const PAGE: usize = 4096;

impl Memory {
    /// The loans, and how many bytes to skip at their head.
    pub(super) fn parts(&self) -> (&[Loan], u64) {
        match self {
            Self::None => (&[], 0),
            Self::PageList { pages, offset } => (pages, u64::from(*offset)),
            Self::Vectors { vectors, done } => (vectors, *done),
            Self::Mapped { memory, offset } => (std::slice::from_ref(memory), u64::from(*offset)),
            Self::Contiguous(loan) => (std::slice::from_ref(loan), 0),
        }
    }

    /// Bytes of data: what follows the offset, or what has not been dealt with.
    #[must_use]
    pub fn len(&self) -> u64 {
        let (loans, head) = self.parts();
        let all: u64 = loans.iter().map(|loan| u64::try_from(loan.len()).unwrap_or(0)).sum();
        all.saturating_sub(head)
    }

    /// Whether there is no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The data from byte `skip` on, slice by slice.
    #[must_use]
    #[doc(alias = "dpages")]
    pub fn slices(&self, skip: u64) -> Slices<'_> {
        let mut cursor = Cursor::new(self, skip);
        let next = cursor.next();
        Slices { cursor, next }
    }
}

/// A position in memory that moves from page to page.
#[doc(alias = "dpages")]
#[derive(Clone, Debug)]
pub(super) struct Cursor<'m> {
    loans: &'m [Loan],
    index: usize,
    at: usize,
}

/// Part of one loan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Which loan.
    pub(super) loan: usize,
    /// Which bytes of it.
    pub(super) bytes: Range<usize>,
}

impl<'m> Cursor<'m> {
    /// A cursor that stands `skip` bytes into the data.
    #[doc(alias = "dp_init")]
    pub(super) fn new(memory: &'m Memory, skip: u64) -> Self {
        let (loans, head) = memory.parts();
        let mut at = usize::try_from(head.saturating_add(skip)).unwrap_or(usize::MAX);
        let mut index = 0;
        while let Some(loan) = loans.get(index).filter(|loan| loan.len() <= at) {
            at -= loan.len();
            index += 1;
        }
        Self { loans, index, at }
    }
}

impl Iterator for Cursor<'_> {
    type Item = Piece;

    /// The rest of the page at the cursor, or of the loan if that ends earlier.
    fn next(&mut self) -> Option<Piece> {
        let mut loan = self.loans.get(self.index)?;
        while self.at >= loan.len() {
            self.index += 1;
            self.at = 0;
            loan = self.loans.get(self.index)?;
        }
        let in_page = (loan.address().addr().wrapping_add(self.at)) % PAGE;
        let end = (self.at + (PAGE - in_page)).min(loan.len());
        let piece = Piece { loan: self.index, bytes: self.at..end };
        self.at = end;
        Some(piece)
    }
}

/// The data of a request's memory as slices, neighbouring pages together.
#[derive(Debug)]
pub struct Slices<'m> {
    cursor: Cursor<'m>,
    next: Option<Piece>,
}

impl<'m> Iterator for Slices<'m> {
    type Item = &'m [u8];

    fn next(&mut self) -> Option<&'m [u8]> {
        let mut piece = self.next.take()?;
        loop {
            self.next = self.cursor.next();
            match &self.next {
                Some(next) if next.loan == piece.loan => piece.bytes.end = next.bytes.end,
                _ => break,
            }
        }
        self.cursor.loans.get(piece.loan)?.bytes().get(piece.bytes)
    }
}
