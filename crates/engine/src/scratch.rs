//! Memory for what a plan reads and computes besides the host's payload.
//!
//! The one thing to understand: a plan gets all of its scratch at once or waits with none, and
//! scratch has a pool that payloads cannot take from. So a piece that has scratch always goes on to
//! its end, and readers that hold every payload cannot stop each other.
//!
//! Blocks are packed into buffers of at most 1 MiB, since there are many small ones (a block of
//! each surviving member) and the pool's largest class is what is there in number.
//!
//! Invariant: a plan that [`Scratch::fits`] can be served when nothing else is lent.

use crate::slab::Key;
use paritas_disk::{Buffer, Loan, Pool, PoolEmpty};
use paritas_personality::{BufferId, Place};
use std::collections::VecDeque;

/// The scratch of a shard.
#[derive(Debug)]
pub(crate) struct Scratch {
    pool: Pool,
    /// Buffers of the largest class in the pool.
    largest: usize,
    waiting: VecDeque<Key>,
}

/// What a plan was lent.
#[derive(Debug, Default)]
pub(crate) struct Lent {
    buffers: Vec<Buffer>,
    /// By scratch buffer of the plan.
    places: Vec<Packed>,
}

/// Where a block of scratch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    buffer: usize,
    start: usize,
    end: usize,
}

impl Scratch {
    /// Scratch of about `bytes`, for at most `pieces` pieces.
    pub(crate) fn new(bytes: usize, pieces: usize) -> Self {
        let pool = Pool::new(bytes);
        // What the pool can give at once is what one plan may ask for.
        let all: Vec<Buffer> = std::iter::from_fn(|| pool.take(Pool::longest()).ok()).collect();
        Self { largest: all.len(), pool, waiting: VecDeque::with_capacity(pieces) }
    }

    /// Whether a plan with these blocks can ever be served.
    pub(crate) fn fits(&self, blocks: &[u32]) -> bool {
        let (mut buffers, mut is_short) = (0, true);
        for place in pack(blocks) {
            buffers = place.buffer + 1;
            is_short &= place.end <= Pool::longest();
        }
        is_short && buffers <= self.largest
    }

    /// Lends room for `blocks`, or nothing.
    pub(crate) fn take(&self, blocks: &[u32], lent: &mut Lent) -> Result<(), PoolEmpty> {
        lent.clear();
        lent.places.extend(pack(blocks));
        for (number, place) in lent.places.iter().enumerate() {
            let is_last_of_buffer =
                lent.places.get(number + 1).is_none_or(|next| next.buffer != place.buffer);
            if !is_last_of_buffer {
                continue;
            }
            match self.pool.take(place.end) {
                Ok(buffer) => lent.buffers.push(buffer),
                Err(empty) => {
                    lent.clear();
                    return Err(empty);
                }
            }
        }
        Ok(())
    }

    /// Notes that `piece` waits for scratch.
    pub(crate) fn wait(&mut self, piece: Key) {
        self.waiting.push_back(piece);
    }

    /// Whether anybody waits: newcomers then wait behind, so that a plan that needs much is not
    /// passed for ever by those that need little.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The piece that waits longest.
    pub(crate) fn first_waiting(&mut self) -> Option<Key> {
        self.waiting.pop_front()
    }

    /// Puts the piece that was [first](Scratch::first_waiting) back to its place.
    pub(crate) fn wait_on(&mut self, piece: Key) {
        self.waiting.push_front(piece);
    }
}

impl Lent {
    /// Lends `bytes` bytes at a place of the plan; `None` if they are not in the block.
    pub(crate) fn lend(&mut self, place: Place, bytes: usize) -> Option<Loan> {
        let block = self.block(place.buffer)?;
        let start = block.start.checked_add(usize::try_from(place.byte).ok()?)?;
        let end = start.checked_add(bytes)?;
        let buffer = self.buffers.get_mut(block.buffer)?;
        (end <= block.end).then(|| buffer.lend(start..end))
    }

    /// Takes back what was lent of a block.
    pub(crate) fn take_back(&mut self, number: BufferId, loan: Loan) {
        let buffer = self.block(number).and_then(|block| self.buffers.get_mut(block.buffer));
        buffer.expect("a loan goes back to the plan that it was made for").take_back(loan);
    }

    /// Where a block begins in the memory that it is in.
    pub(crate) fn start(&self, number: BufferId) -> usize {
        self.block(number).map_or(0, |block| block.start)
    }

    /// Gives everything back; says whether there was anything.
    pub(crate) fn clear(&mut self) -> bool {
        let had = !self.buffers.is_empty();
        self.buffers.clear();
        self.places.clear();
        had
    }

    fn block(&self, number: BufferId) -> Option<Packed> {
        self.places.get(usize::from(number.0).checked_sub(1)?).copied()
    }
}

/// Packs blocks into buffers one after the other; a block that does not fit begins a new one.
fn pack(blocks: &[u32]) -> impl Iterator<Item = Packed> + '_ {
    let mut last = Packed { buffer: 0, start: 0, end: 0 };
    blocks.iter().map(move |block| {
        let bytes = usize::try_from(*block).unwrap_or(usize::MAX).next_multiple_of(ALIGNMENT);
        let (buffer, start) = match last.end.checked_add(bytes) {
            Some(end) if end <= Pool::longest() || last.end == 0 => (last.buffer, last.end),
            _ => (last.buffer + 1, 0),
        };
        last = Packed { buffer, start, end: start.saturating_add(bytes) };
        last
    })
}

/// Alignment of blocks in bytes, for direct access.
const ALIGNMENT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_packed_and_all_or_none_are_lent() {
        let scratch = Scratch::new(2 << 20, 4);
        let mut lent = Lent::default();
        assert!(scratch.fits(&[4096; 256]) && !scratch.fits(&[4096; 257]));
        assert!(!scratch.fits(&[600_000, 600_000]), "a block lies in one buffer");
        scratch.take(&[4096; 256], &mut lent).expect("nothing else is lent");
        let place = |number, byte| Place { buffer: BufferId(number), byte };
        let loan = lent.lend(place(256, 512), 3584).expect("it lies in the last block");
        assert_eq!(loan.range().start - lent.start(BufferId(256)), 512);
        assert!(lent.lend(place(256, 512), 4096).is_none(), "past the end of the block");
        assert!(lent.lend(place(257, 0), 512).is_none(), "no such block");
        lent.take_back(BufferId(256), loan);
        let mut second = Lent::default();
        assert!(scratch.take(&[1 << 20], &mut second).is_err());
        assert!(!second.clear(), "who does not get all gets nothing");
        assert!(lent.clear());
        scratch.take(&[1 << 20], &mut second).expect("the memory is back");
    }

    #[test]
    fn who_waits_longest_is_first() {
        let mut scratch = Scratch::new(1 << 20, 4);
        scratch.wait(3);
        scratch.wait(1);
        assert_eq!(scratch.first_waiting(), Some(3));
        scratch.wait_on(3);
        assert_eq!((scratch.first_waiting(), scratch.first_waiting()), (Some(3), Some(1)));
        assert!(!scratch.is_waited_for());
    }
}
