//! What is to be sent to a client, in order.
//!
//! Payloads stay in the buffers that the array has filled and go from there to the socket; a buffer
//! returns to its pool when its last byte has been sent.
//!
//! Invariants: no segment is empty; `sent` is less than the length of the first segment; `plain`
//! and `payload` are the bytes of the segments of their kind, each counted until all of it is sent.

use crate::limits::SLICES;
use paritas_disk::Buffer;
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes of the longest [`Head`].
const HEAD_BYTES: usize = 32;

/// A reply header, kept in place to spare an allocation for each reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    bytes: [u8; HEAD_BYTES],
    len: usize,
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Output {
    segments: VecDeque<Segment>,
    sent: usize,
    plain: usize,
    payload: usize,
}

#[derive(Debug)]
enum Segment {
    Head(Head),
    Text(Vec<u8>),
    Payload(Buffer, Range<usize>),
}

impl Head {
    /// Without bytes.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; HEAD_BYTES], len: 0 }
    }

    /// With `bytes` appended.
    pub(crate) fn with(mut self, bytes: &[u8]) -> Self {
        let end = self.len + bytes.len();
        debug_assert!(end <= HEAD_BYTES, "a head holds what it is used for");
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
            self.len = end;
        }
        self
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Segment {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Head(head) => head.bytes(),
            Self::Text(bytes) => bytes,
            Self::Payload(buffer, range) => buffer.bytes().get(range.clone()).unwrap_or_default(),
        }
    }
}

impl Output {
    /// Appends a header.
    pub(crate) fn head(&mut self, head: Head) {
        self.push(Segment::Head(head));
    }

    /// Appends bytes.
    pub(crate) fn text(&mut self, bytes: Vec<u8>) {
        self.push(Segment::Text(bytes));
    }

    /// Appends the bytes of `range` in `buffer`.
    pub(crate) fn payload(&mut self, buffer: Buffer, range: Range<usize>) {
        self.push(Segment::Payload(buffer, range));
    }

    /// Whether everything has been sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// How many segments wait.
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Bytes that wait outside of payload buffers.
    pub(crate) const fn plain_bytes(&self) -> usize {
        self.plain
    }

    /// Bytes of payload buffers that wait.
    pub(crate) const fn payload_bytes(&self) -> usize {
        self.payload
    }

    /// Appends what is to be sent to `slices`.
    pub(crate) fn unsent<'a>(&'a self, slices: &mut Vec<&'a [u8]>) {
        let mut skip = self.sent;
        for segment in self.segments.iter().take(SLICES) {
            slices.push(segment.bytes().get(skip..).unwrap_or_default());
            skip = 0;
        }
    }

    /// `bytes` of it have been sent.
    pub(crate) fn sent(&mut self, bytes: usize) {
        let mut left = self.sent + bytes;
        while let Some(first) = self.segments.front() {
            let len = first.bytes().len();
            if left < len {
                break;
            }
            left -= len;
            self.count(|total, bytes| total - bytes, 0);
            self.segments.pop_front();
        }
        self.sent = if self.segments.is_empty() { 0 } else { left };
    }

    fn push(&mut self, segment: Segment) {
        if segment.bytes().is_empty() {
            return;
        }
        self.segments.push_back(segment);
        self.count(|total, bytes| total + bytes, self.segments.len() - 1);
    }

    /// Applies `change` to the totals with the bytes of segment `at`.
    fn count(&mut self, change: impl Fn(usize, usize) -> usize, at: usize) {
        match self.segments.get(at) {
            Some(Segment::Payload(buffer, _)) => {
                self.payload = change(self.payload, buffer.len());
            }
            Some(segment) => self.plain = change(self.plain, segment.bytes().len()),
            None => {}
        }
    }
}
