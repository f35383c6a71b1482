//! Where the memory of a request is while parts of it are out with a driver.
//!
//! States: *kept* (no part is out: no memory is needed, or none has been taken yet), *shared*
//! (writes read parts of it at once), *pieces* (a read was cut, so each piece is out alone). From
//! each of them [`Source::finish`] leads back to the
//! memory as it came.
//!
//! Invariant: the pieces, in the order of their numbers, are the loans as they came, so that they
//! can be joined again whatever the order in which they come back.

use super::Memory;
use crate::{IoMemory, Loan};
use std::collections::VecDeque;
use std::sync::Arc;

/// The memory of a request.
#[derive(Debug)]
pub(super) enum Source {
    Kept(Memory),
    Shared(Arc<Memory>),
    Pieces(Box<Pieces>),
}

/// Which kind of memory the pieces are cut from.
#[derive(Clone, Copy, Debug)]
enum Kind {
    None,
    PageList(u32),
    Vectors(u64),
    Mapped(u32),
    Contiguous,
}

/// Memory in pieces that are out alone.
#[derive(Debug)]
pub(super) struct Pieces {
    kind: Kind,
    lengths: Vec<usize>,
    untaken: VecDeque<Loan>,
    back: Vec<(u32, Loan)>,
}

impl Source {
    /// Lets several writes read from the memory at once.
    pub(super) fn share(&mut self) {
        if let Self::Kept(memory) = self {
            *self = Self::Shared(Arc::new(std::mem::replace(memory, Memory::None)));
        }
    }

    /// Lets several reads fill the memory, each its own piece.
    pub(super) fn cut(&mut self) {
        if let Self::Kept(memory) = self {
            let memory = std::mem::replace(memory, Memory::None);
            *self = Self::Pieces(Box::new(Pieces::new(memory)));
        }
    }

    /// The memory for `bytes` bytes from byte `skip` on, for the piece `number`; numbers begin at
    /// 1 and grow, and so does `skip`.
    pub(super) fn take(&mut self, skip: u64, bytes: u64) -> IoMemory {
        match self {
            Self::Shared(memory) => IoMemory::Part { memory: Arc::clone(memory), skip },
            Self::Pieces(pieces) => pieces.take(usize::try_from(bytes).unwrap_or(usize::MAX)),
            Self::Kept(_) => IoMemory::None,
        }
    }

    /// How many bytes from byte `skip` on lie in at most `most` slices.
    pub(super) fn bytes_in(&self, skip: u64, most: usize) -> u64 {
        let sum = |lengths: &mut dyn Iterator<Item = usize>| {
            lengths.take(most).map(|len| u64::try_from(len).unwrap_or(0)).sum()
        };
        match self {
            Self::Shared(memory) => sum(&mut memory.slices(skip).map(<[u8]>::len)),
            Self::Pieces(pieces) => sum(&mut pieces.untaken.iter().map(Loan::len)),
            Self::Kept(_) => 0,
        }
    }

    /// Takes back what a request to a disk had.
    pub(super) fn give_back(&mut self, number: u32, memory: IoMemory) {
        match (&mut *self, memory) {
            (Self::Pieces(pieces), IoMemory::Own(loan)) => pieces.back.push((number, loan)),
            (Self::Pieces(pieces), IoMemory::Vectors(loans)) => {
                pieces.back.extend(loans.into_iter().map(|loan| (number, loan)));
            }
            _ => {}
        }
    }

    /// The memory as it came. Nothing may be out any more.
    pub(super) fn finish(&mut self) -> Memory {
        match std::mem::replace(self, Self::Kept(Memory::None)) {
            Self::Kept(memory) => memory,
            Self::Shared(memory) => {
                Arc::into_inner(memory).expect("a driver drops its handle before it reports")
            }
            Self::Pieces(pieces) => pieces.join(),
        }
    }
}

impl Pieces {
    fn new(memory: Memory) -> Self {
        let (_, head) = memory.parts();
        let (kind, loans) = match memory {
            Memory::None => (Kind::None, Vec::new()),
            Memory::PageList { pages, offset } => (Kind::PageList(offset), pages),
            Memory::Vectors { vectors, done } => (Kind::Vectors(done), vectors),
            Memory::Mapped { memory, offset } => (Kind::Mapped(offset), vec![memory]),
            Memory::Contiguous(loan) => (Kind::Contiguous, vec![loan]),
        };
        let lengths = loans.iter().map(Loan::len).collect();
        let mut pieces = Self { kind, lengths, untaken: loans.into(), back: Vec::new() };
        let head = pieces.take_front(usize::try_from(head).unwrap_or(usize::MAX));
        pieces.back.extend(head.into_iter().map(|loan| (0, loan)));
        pieces
    }

    fn take(&mut self, bytes: usize) -> IoMemory {
        let mut loans = self.take_front(bytes);
        if loans.len() == 1
            && let Some(loan) = loans.pop()
        {
            return IoMemory::Own(loan);
        }
        IoMemory::Vectors(loans)
    }

    /// Cuts `bytes` bytes off the front.
    fn take_front(&mut self, bytes: usize) -> Vec<Loan> {
        let mut taken = Vec::new();
        let mut left = bytes;
        while left > 0
            && let Some(mut loan) = self.untaken.pop_front()
        {
            if loan.len() > left {
                self.untaken.push_front(loan.split_off(left));
            }
            left -= loan.len();
            taken.push(loan);
        }
        taken
    }

    fn join(mut self) -> Memory {
        self.back.extend(self.untaken.drain(..).map(|loan| (u32::MAX, loan)));
        self.back.sort_by_key(|(number, _)| *number);
        let mut back = self.back.into_iter().map(|(_, loan)| loan);
        let mut whole = self.lengths.iter().filter_map(|len| {
            let mut loan = back.next()?;
            while loan.len() < *len {
                loan.join(back.next()?);
            }
            Some(loan)
        });
        let none = "a driver hands the memory back";
        match self.kind {
            Kind::None => Memory::None,
            Kind::PageList(offset) => Memory::PageList { pages: whole.collect(), offset },
            Kind::Vectors(done) => Memory::Vectors { vectors: whole.collect(), done },
            Kind::Mapped(offset) => Memory::Mapped { memory: whole.next().expect(none), offset },
            Kind::Contiguous => Memory::Contiguous(whole.next().expect(none)),
        }
    }
}
