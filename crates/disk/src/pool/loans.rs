//! The parts of a buffer that are on loan.
//!
//! Invariant: they share no byte.

use std::ops::Range;

/// The parts of a buffer that are on loan.
#[derive(Default)]
pub(super) struct Loans {
    few: [Run; 4],
    count: u32,
    more: Vec<Run>,
}

/// Bytes of a buffer. No buffer is longer than 32 bits count, and handles travel far: each word
/// less is worth it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) end: u32,
}
impl Loans {
    /// Notes a loan, if it shares no byte with another.
    pub(super) fn add(&mut self, run: Run) -> bool {
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
    pub(super) fn remove(&mut self, run: Run) -> bool {
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

    pub(super) fn len(&self) -> usize {
        wide(self.count) + self.more.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0 && self.more.is_empty()
    }
}

impl Run {
    /// The run of a range, if it lies in `len` bytes.
    pub(super) fn of(range: &Range<usize>, len: u32) -> Option<Self> {
        let (start, end) = (u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?);
        (start <= end && end <= len).then_some(Self { start, end })
    }

    pub(super) const fn len(self) -> usize {
        wide(self.end - self.start)
    }
}

/// A number of bytes as an index.
pub(super) const fn wide(bytes: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS, "buffers are shorter than the address space") };
    bytes as usize
}
