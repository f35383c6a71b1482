//! The payload of a write while it arrives.
//!
//! The payload is cut into pieces of at most the longest buffer of the pool. States of a piece:
//! without a buffer → filling → full and handed on. Bytes that came with the header are copied;
//! what comes later is received straight into the buffer.
//!
//! Invariants: `filled` bytes of the buffer are right, and none of them is missing from the front;
//! `next..end` is what has not been handed on, and the buffer is for its first piece.

use crate::command::first_piece;
use crate::staging::Staging;
use paritas_disk::{Buffer, Pool};
use std::ops::Range;

/// A payload that arrives. Positions are bytes of the export.
#[derive(Debug)]
pub(crate) struct Fill {
    /// The command that it belongs to.
    pub(crate) command: usize,
    /// Whether it must be on stable storage before the reply.
    pub(crate) durable: bool,
    next: u64,
    end: u64,
    buffer: Option<Buffer>,
    filled: usize,
}

impl Fill {
    /// Nothing has arrived yet.
    pub(crate) const fn new(command: usize, range: Range<u64>, durable: bool) -> Self {
        Self { command, durable, next: range.start, end: range.end, buffer: None, filled: 0 }
    }

    /// The piece that is filled now.
    pub(crate) fn piece(&self) -> Range<u64> {
        first_piece(self.next, self.end, u64::try_from(Pool::longest()).unwrap_or(u64::MAX))
    }

    /// Whether the piece needs a buffer.
    pub(crate) const fn needs_buffer(&self) -> bool {
        self.buffer.is_none()
    }

    /// Gives the piece its buffer.
    pub(crate) fn set_buffer(&mut self, buffer: Buffer) {
        self.buffer = Some(buffer);
        self.filled = 0;
    }

    /// Where the rest of the piece belongs.
    pub(crate) fn rest(&mut self) -> &mut [u8] {
        let filled = self.filled;
        let buffer = self.buffer.as_mut();
        buffer.and_then(|buffer| buffer.bytes_mut().get_mut(filled..)).unwrap_or_default()
    }

    /// `bytes` have been put into [`Fill::rest`].
    pub(crate) fn received(&mut self, bytes: usize) {
        self.filled += bytes.min(self.rest().len());
    }

    /// Takes what has arrived already.
    pub(crate) fn take_from(&mut self, staging: &mut Staging) {
        let rest = self.rest();
        let len = rest.len().min(staging.unread().len());
        if let (Some(to), Some(from)) = (rest.get_mut(..len), staging.unread().get(..len)) {
            to.copy_from_slice(from);
        }
        staging.read(len);
        self.filled += len;
    }

    /// The piece with its payload, when all of it is here.
    pub(crate) fn full_piece(&mut self) -> Option<(Range<u64>, Buffer)> {
        let is_full = self.buffer.as_ref().is_some_and(|buffer| buffer.len() == self.filled);
        let buffer = if is_full { self.buffer.take()? } else { return None };
        let piece = self.piece();
        self.next = piece.end;
        Some((piece, buffer))
    }

    /// Whether everything was handed on.
    pub(crate) const fn is_over(&self) -> bool {
        self.next >= self.end
    }
}
