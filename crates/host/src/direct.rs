//! Direct access: alignment, and memory to copy through where a request has none.
//!
//! The one thing to understand: direct access wants position, length and address to be multiples
//! of an alignment. A request that is not so aligned goes through a bounce buffer, which only
//! costs time. Writes whose position or length is not aligned are refused, since filling the edges
//! up would race with a neighbour.

/// Bytes of the longest bounce.
const LONGEST: usize = 256 << 10;

/// Whether position, length and address are multiples of `alignment`.
pub(crate) fn is_aligned(alignment: u32, at: u64, memory: &[u8]) -> bool {
    let alignment = u64::from(alignment.max(1));
    let address = u64::try_from(memory.as_ptr().addr()).unwrap_or(1);
    let len = u64::try_from(memory.len()).unwrap_or(1);
    (at | len | address) & (alignment - 1) == 0
}

/// Memory that begins at a multiple of an alignment.
pub(crate) struct Bounce {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Bounce {
    /// Memory for up to `len` bytes, in multiples of `alignment`, but not above 256 KiB or one
    /// alignment, whichever is more.
    pub(crate) fn new(alignment: usize, len: usize) -> Self {
        let most = LONGEST.max(alignment);
        let len = len.next_multiple_of(alignment).min(most.next_multiple_of(alignment));
        let memory = vec![0; len + alignment];
        let address = memory.as_ptr().addr();
        Self { start: address.next_multiple_of(alignment) - address, memory, len }
    }

    /// The memory.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}
