//! AVX-512 with byte operations: 64 bytes; three-way XOR; constants multiply by two shuffles.

use crate::field::{REDUCTION, nibble_products};
use crate::generic::{self, Job};
use crate::kernel::Kernel;
use crate::vector::Vector;
use std::arch::x86_64::*;

/// The kernel.
pub(crate) static KERNEL: Kernel = Kernel {
    name: "avx512",
    is_available: || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
    solve,
    first_nonzero,
};

#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn solve(job: &Job<'_>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::solve::<Zmm>(job) }
}

#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn first_nonzero(job: &Job<'_>) -> Option<usize> {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::first_nonzero::<Zmm>(job) }
}

/// Sixty-four bytes.
#[derive(Clone, Copy)]
struct Zmm(__m512i);

// SAFETY: loads and stores are unaligned and of 64 bytes. Every method needs the instruction
// set, which the caller promises.
unsafe impl Vector for Zmm {
    const BYTES: usize = 64;
    type Factor = (__m512i, __m512i);

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm512_setzero_si512()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            _mm512_storeu_si512(to.cast(), self.0);
        }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm512_xor_si512(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm512_or_si512(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn double(self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let carried = _mm512_movepi8_mask(self.0);
            let reduction = _mm512_maskz_set1_epi8(carried, REDUCTION as i8);
            Self(_mm512_xor_si512(_mm512_add_epi8(self.0, self.0), reduction))
        }
    }

    #[inline(always)]
    unsafe fn double_xor(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let carried = _mm512_movepi8_mask(self.0);
            let reduction = _mm512_maskz_set1_epi8(carried, REDUCTION as i8);
            let doubled = _mm512_add_epi8(self.0, self.0);
            // 0x96 is the truth table of a ^ b ^ c.
            Self(_mm512_ternarylogic_epi64::<0x96>(doubled, reduction, other.0))
        }
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> Self::Factor {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let (low, high) = nibble_products(of);
            let low = _mm_loadu_si128(low.as_ptr().cast());
            let high = _mm_loadu_si128(high.as_ptr().cast());
            (_mm512_broadcast_i32x4(low), _mm512_broadcast_i32x4(high))
        }
    }

    #[inline(always)]
    unsafe fn times(self, factor: Self::Factor) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let nibbles = _mm512_set1_epi8(0x0F);
            let low = _mm512_and_si512(self.0, nibbles);
            let high = _mm512_and_si512(_mm512_srli_epi64::<4>(self.0), nibbles);
            let (low, high) =
                (_mm512_shuffle_epi8(factor.0, low), _mm512_shuffle_epi8(factor.1, high));
            Self(_mm512_xor_si512(low, high))
        }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { _mm512_test_epi64_mask(self.0, self.0) == 0 }
    }
}
