//! Commands of a client that the array works on, and the pieces that they are cut into.
//!
//! The one thing to understand: a read is answered in one of three manners. *Chunks*: each piece
//! leaves when it is there, in any order. *Whole*: all buffers are taken at once, and everything
//! leaves when the last piece is there, so that an error can still be told. *Stream*: a long read
//! without structured replies; the header leaves before it is known that all can be read, the
//! pieces follow in order, and an error after that can only end the connection.
//!
//! Invariants: `under_way` counts the pieces of the command that are with the array; a read has
//! asked for `start..next`; in the ordered manners `parts` holds a place for every piece that was
//! asked for and has not left, the first of them number `gone`.

use crate::limits::PIECES;
use crate::reply::Fault;
use paritas_disk::Buffer;
use paritas_engine::HostWork;
use paritas_units::SECTOR_BYTES;
use std::collections::VecDeque;
use std::ops::Range;

/// A command that is not answered yet.
#[derive(Debug)]
pub(crate) struct Command {
    /// The client's number for it.
    pub(crate) cookie: u64,
    /// What it is.
    pub(crate) kind: Kind,
    /// How many of its pieces are with the array.
    pub(crate) under_way: u32,
    /// The first error.
    pub(crate) fault: Option<Fault>,
}

/// What a command is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A read.
    Read(Reading),
    /// A write; whether all of its payload was handed on.
    Write { is_whole: bool },
    /// One request for the array, and a flush afterwards if it shall be durable.
    Work { next: Option<HostWork>, durable: bool, is_write: bool },
}

/// A read. Positions are bytes of the export.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) start: u64,
    pub(crate) next: u64,
    pub(crate) end: u64,
    /// Bytes of the longest piece; a power of two.
    pub(crate) unit: u64,
    pub(crate) manner: Manner,
}

/// How a read is answered.
#[derive(Debug)]
pub(crate) enum Manner {
    /// Each piece when it is there.
    Chunks,
    /// All at once; `reserve` holds the buffers of the pieces that were not asked for yet, last
    /// first.
    Whole { reserve: Vec<Buffer>, parts: Parts },
    /// In order, from the first on.
    Stream { parts: Parts, has_begun: bool },
}

/// Pieces that leave in order.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// How many have left.
    gone: u32,
    /// Those that have not; `None` while the array works on one.
    waiting: VecDeque<Option<Part>>,
}

/// Bytes that were read: where in which buffer.
pub(crate) type Part = (Buffer, Range<usize>);

/// A piece of a command that is with the array.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The number of the command.
    pub(crate) command: usize,
    /// The bytes of the export that it answers.
    pub(crate) range: Range<u64>,
    /// Which piece of the command it is, from 0.
    pub(crate) number: u32,
    /// Bytes of its buffer.
    pub(crate) held: usize,
}

impl Reading {
    /// A read that has asked for nothing yet.
    pub(crate) const fn new(range: &Range<u64>, unit: u64, manner: Manner) -> Self {
        Self { start: range.start, next: range.start, end: range.end, unit, manner }
    }

    /// Whether everything was asked for.
    pub(crate) const fn is_asked(&self) -> bool {
        self.next >= self.end
    }

    /// Whether another piece must wait until one has left.
    pub(crate) fn must_wait(&self, under_way: u32) -> bool {
        match &self.manner {
            Manner::Chunks => under_way >= PIECES,
            Manner::Whole { .. } => false,
            Manner::Stream { parts, .. } => parts.count() >= PIECES,
        }
    }

    /// The pieces that were not asked for, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let (mut next, end, unit) = (self.next, self.end, self.unit);
        std::iter::from_fn(move || {
            let piece = (next < end).then(|| first_piece(next, end, unit))?;
            next = piece.end;
            Some(piece)
        })
    }
}

impl Parts {
    /// Makes a place for the next piece and gives its number.
    pub(crate) fn expect(&mut self) -> u32 {
        self.waiting.push_back(None);
        self.gone + self.count() - 1
    }

    /// Piece `number` is there.
    pub(crate) fn put(&mut self, number: u32, part: Part) {
        let at = usize::try_from(number.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        if let Some(place) = self.waiting.get_mut(at) {
            *place = Some(part);
        }
    }

    /// Whether the next piece to leave is there.
    pub(crate) fn is_first_there(&self) -> bool {
        matches!(self.waiting.front(), Some(Some(_)))
    }

    /// The next piece to leave, if it is there.
    pub(crate) fn leave(&mut self) -> Option<Part> {
        self.waiting.front()?.as_ref()?;
        self.gone += 1;
        self.waiting.pop_front()?
    }

    /// How many have a place.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }
}

/// The first piece of `next..end`: all of it if its sectors fit into `unit`, else up to the next
/// multiple of `unit`, so that no piece crosses a chunk that it could have kept to.
pub(crate) fn first_piece(next: u64, end: u64, unit: u64) -> Range<u64> {
    let sectors = end.div_ceil(SECTOR_BYTES) - next / SECTOR_BYTES;
    if sectors.saturating_mul(SECTOR_BYTES) <= unit {
        return next..end;
    }
    next..end.min((next / unit + 1).saturating_mul(unit))
}
