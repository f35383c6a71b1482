//! SSSE3: 16 bytes; constants multiply by two shuffles.

use crate::field::{REDUCTION, nibble_products};
use crate::generic::{self, Job};
use crate::kernel::Kernel;
use crate::vector::Vector;
use std::arch::x86_64::*;

/// The kernel.
pub(crate) static KERNEL: Kernel = Kernel {
    name: "ssse3",
    is_available: || is_x86_feature_detected!("ssse3"),
    solve,
    first_nonzero,
};

#[target_feature(enable = "ssse3")]
unsafe fn solve(job: &Job<'_>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::solve::<Xmm>(job) }
}

#[target_feature(enable = "ssse3")]
unsafe fn first_nonzero(job: &Job<'_>) -> Option<usize> {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::first_nonzero::<Xmm>(job) }
}

/// Sixteen bytes.
#[derive(Clone, Copy)]
struct Xmm(__m128i);

// SAFETY: loads and stores are unaligned and of 16 bytes. Every method needs the instruction
// set, which the caller promises.
unsafe impl Vector for Xmm {
    const BYTES: usize = 16;
    type Factor = (__m128i, __m128i);

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm_setzero_si128()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            _mm_storeu_si128(to.cast(), self.0);
        }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm_xor_si128(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm_or_si128(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn double(self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let carried = _mm_cmpgt_epi8(_mm_setzero_si128(), self.0);
            let reduction = _mm_and_si128(carried, _mm_set1_epi8(REDUCTION as i8));
            Self(_mm_xor_si128(_mm_add_epi8(self.0, self.0), reduction))
        }
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> Self::Factor {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let (low, high) = nibble_products(of);
            (_mm_loadu_si128(low.as_ptr().cast()), _mm_loadu_si128(high.as_ptr().cast()))
        }
    }

    #[inline(always)]
    unsafe fn times(self, factor: Self::Factor) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let nibbles = _mm_set1_epi8(0x0F);
            let low = _mm_and_si128(self.0, nibbles);
            let high = _mm_and_si128(_mm_srli_epi64::<4>(self.0), nibbles);
            Self(_mm_xor_si128(_mm_shuffle_epi8(factor.0, low), _mm_shuffle_epi8(factor.1, high)))
        }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self.0, _mm_setzero_si128())) == 0xFFFF }
    }
}
