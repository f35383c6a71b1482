//! The bytes of a request, whatever form its memory has.

use crate::region::Slices;
use crate::{Fault, IoMemory};

/// Bytes of a sector.
const SECTOR: usize = 512;

/// The bytes of [`IoMemory`], piece by piece.
enum Pieces<'m> {
    None,
    One(&'m [u8]),
    Part(Slices<'m>),
    Vectors(std::slice::Iter<'m, crate::Loan>),
}

impl IoMemory {
    /// The first `bytes` bytes, piece by piece, to be written from. Fewer if there are not as many.
    pub fn slices(&self, bytes: usize) -> impl Iterator<Item = &[u8]> {
        let mut pieces = match self {
            Self::None => Pieces::None,
            Self::Own(loan) => Pieces::One(loan.bytes()),
            Self::Shared(loan) => Pieces::One(loan.bytes()),
            Self::Part { memory, skip } => Pieces::Part(memory.slices(*skip)),
            Self::Vectors(loans) => Pieces::Vectors(loans.iter()),
        };
        let mut left = bytes;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let piece = match &mut pieces {
                Pieces::None => return None,
                Pieces::One(slice) => {
                    let piece = *slice;
                    pieces = Pieces::None;
                    piece
                }
                Pieces::Part(slices) => slices.next()?,
                Pieces::Vectors(loans) => loans.next()?.bytes(),
            };
            let piece = piece.get(..left).unwrap_or(piece);
            left -= piece.len();
            Some(piece)
        })
    }

    /// Calls `act` with the first `bytes` bytes, piece by piece, to be read into.
    ///
    /// # Errors
    /// The first fault of `act`; and [`crate::FaultKind::Invalid`] never: memory that is shared is
    /// given as no piece at all, which [`IoMemory::is_exclusive`] tells beforehand.
    pub fn for_each_mut(
        &mut self,
        bytes: usize,
        mut act: impl FnMut(&mut [u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let loans = match self {
            Self::Own(loan) => std::slice::from_mut(loan),
            Self::Vectors(loans) => loans.as_mut_slice(),
            Self::None | Self::Shared(_) | Self::Part { .. } => return Ok(()),
        };
        let mut left = bytes;
        for loan in loans {
            let len = loan.len().min(left);
            if let Some(slice) = loan.bytes_mut().get_mut(..len).filter(|slice| !slice.is_empty()) {
                act(slice)?;
            }
            left -= len;
        }
        Ok(())
    }

    /// Whether a read may fill the memory.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        matches!(self, Self::Own(_) | Self::Vectors(_))
    }

    /// Whether there are at least `bytes` bytes.
    #[must_use]
    pub fn holds(&self, bytes: usize) -> bool {
        self.slices(bytes).map(<[u8]>::len).sum::<usize>() == bytes
    }

    /// Whether each piece of the first `bytes` bytes is whole sectors.
    #[must_use]
    pub fn is_in_whole_sectors(&self, bytes: usize) -> bool {
        self.slices(bytes).all(|slice| slice.len() % SECTOR == 0)
    }

    /// Whether each piece of the first `bytes` bytes begins at a multiple of `alignment`, a power
    /// of two, and has a multiple of so many bytes.
    #[must_use]
    pub fn is_aligned(&self, bytes: usize, alignment: usize) -> bool {
        let mask = alignment.wrapping_sub(1);
        self.slices(bytes).all(|slice| (slice.as_ptr().addr() | slice.len()) & mask == 0)
    }

    /// Copies `from` into the memory, as far as either reaches.
    pub fn fill_from(&mut self, from: &[u8]) {
        let mut rest = from;
        let copied = self.for_each_mut(from.len(), |slice| {
            let (now, later) = rest.split_at(slice.len().min(rest.len()));
            if let Some(target) = slice.get_mut(..now.len()) {
                target.copy_from_slice(now);
            }
            rest = later;
            Ok(())
        });
        debug_assert!(copied.is_ok(), "copying does not fail");
    }

    /// Zeroes the first `bytes` bytes, as after a read that failed.
    pub fn zero(&mut self, bytes: usize) {
        let zeroed = self.for_each_mut(bytes, |slice| {
            slice.fill(0);
            Ok(())
        });
        debug_assert!(zeroed.is_ok(), "zeroing does not fail");
    }
}
