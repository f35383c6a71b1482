//! No instruction set at all: eight bytes in an integer. Also single bytes, with which every kernel
//! ends a block whose length is not a multiple of its vectors.

use crate::field::REDUCTION;
use crate::generic::{self, Job};
use crate::kernel::Kernel;
use crate::vector::Vector;

/// The kernel that every machine can run.
pub(crate) static KERNEL: Kernel =
    Kernel { name: "portable", is_available: || true, solve, first_nonzero };

unsafe fn solve(job: &Job<'_>) {
    // SAFETY: integers are everywhere; the rest is the caller's promise.
    unsafe { generic::solve::<Word>(job) }
}

unsafe fn first_nonzero(job: &Job<'_>) -> Option<usize> {
    // SAFETY: integers are everywhere; the rest is the caller's promise.
    unsafe { generic::first_nonzero::<Word>(job) }
}

/// Eight bytes.
#[derive(Clone, Copy)]
struct Word(u64);

/// The same byte eight times.
const fn splat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

// SAFETY: loads and stores are unaligned and of eight bytes; no instruction set is needed.
unsafe impl Vector for Word {
    const BYTES: usize = 8;
    type Factor = u8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(0)
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises eight readable bytes.
        Self(unsafe { from.cast::<u64>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller promises eight writable bytes.
        unsafe { to.cast::<u64>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    unsafe fn double(self) -> Self {
        let carries = self.0 & splat(0x80);
        // 0xFF in each byte whose top bit falls out.
        let carried = (carries << 1).wrapping_sub(carries >> 7);
        Self(((self.0 << 1) & splat(0xFE)) ^ (carried & splat(REDUCTION)))
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> u8 {
        of
    }

    #[inline(always)]
    unsafe fn times(self, factor: u8) -> Self {
        let (mut product, mut power) = (0, self);
        for bit in 0..8 {
            let is_set = u64::from(factor >> bit & 1);
            product ^= power.0 & is_set.wrapping_neg();
            // SAFETY: no instruction set is needed.
            power = unsafe { power.double() };
        }
        Self(product)
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// One byte.
#[derive(Clone, Copy)]
pub(crate) struct Byte(u8);

// SAFETY: loads and stores are of one byte; no instruction set is needed.
unsafe impl Vector for Byte {
    const BYTES: usize = 1;
    type Factor = u8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(0)
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises a readable byte.
        Self(unsafe { from.read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller promises a writable byte.
        unsafe { to.write(self.0) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline(always)]
    unsafe fn double(self) -> Self {
        Self(crate::field::double(self.0))
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> u8 {
        of
    }

    #[inline(always)]
    unsafe fn times(self, factor: u8) -> Self {
        Self(crate::field::multiply(self.0, factor))
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        self.0 == 0
    }
}
