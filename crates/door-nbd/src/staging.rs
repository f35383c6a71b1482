//! Where bytes of a client arrive before it is known what they are.
//!
//! Invariant: `start <= end <= bytes.len()`; what was received and not yet read lies between.
//! Reading moves `start`, receiving moves `end`; only [`Staging::space`] moves bytes, and only when
//! what has to be moved is short beside what has been read.

use crate::limits::STAGING_BYTES;

/// Bytes that have arrived.
#[derive(Debug)]
pub(crate) struct Staging {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Staging {
    /// Empty.
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; STAGING_BYTES].into_boxed_slice(), start: 0, end: 0 }
    }

    /// What has arrived and was not read yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether everything that has arrived was read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The first `bytes` of what was unread are read.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.start = self.end.min(self.start + bytes);
    }

    /// Where to receive, at most `limit` bytes. Empty when what is unread must be read first.
    pub(crate) fn space(&mut self, limit: usize) -> &mut [u8] {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        let capacity = self.bytes.len();
        // Unread bytes that end an incomplete option or request are fewer than half of the room,
        // so that a full area whose first quarter was read can always be tidied.
        if capacity - self.end < capacity / 8 && self.start >= capacity / 4 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let end = capacity.min(self.end.saturating_add(limit));
        self.bytes.get_mut(self.end..end).unwrap_or_default()
    }

    /// `bytes` have been put where [`Staging::space`] said.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.end = self.bytes.len().min(self.end + bytes);
    }
}
