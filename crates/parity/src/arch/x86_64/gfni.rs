//! GFNI: multiplication by a constant is one instruction, as a matrix over bits (its own
//! multiplication is of another field, 0x11B). In vectors of 64 bytes, and of 32 for machines
//! without AVX-512.

use crate::field::affine_matrix;
use crate::generic::{self, Job};
use crate::kernel::Kernel;
use crate::vector::Vector;
use std::arch::x86_64::*;

/// The matrix of doubling.
const DOUBLE: i64 = affine_matrix(2).cast_signed();

/// The kernel of zmm registers.
pub(crate) static WIDE: Kernel = Kernel {
    name: "gfni-avx512",
    is_available: || {
        is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
    },
    solve: solve_wide,
    first_nonzero: first_nonzero_wide,
};

#[target_feature(enable = "gfni,avx512f,avx512bw")]
unsafe fn solve_wide(job: &Job<'_>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::solve::<Zmm>(job) }
}

#[target_feature(enable = "gfni,avx512f,avx512bw")]
unsafe fn first_nonzero_wide(job: &Job<'_>) -> Option<usize> {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::first_nonzero::<Zmm>(job) }
}

/// The kernel of ymm registers.
pub(crate) static NARROW: Kernel = Kernel {
    name: "gfni-avx2",
    is_available: || is_x86_feature_detected!("gfni") && is_x86_feature_detected!("avx2"),
    solve: solve_narrow,
    first_nonzero: first_nonzero_narrow,
};

#[target_feature(enable = "gfni,avx2")]
unsafe fn solve_narrow(job: &Job<'_>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::solve::<Ymm>(job) }
}

#[target_feature(enable = "gfni,avx2")]
unsafe fn first_nonzero_narrow(job: &Job<'_>) -> Option<usize> {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::first_nonzero::<Ymm>(job) }
}

/// Sixty-four bytes.
#[derive(Clone, Copy)]
struct Zmm(__m512i);

// SAFETY: loads and stores are unaligned and of 64 bytes. Every method needs the instruction
// set, which the caller promises.
unsafe impl Vector for Zmm {
    const BYTES: usize = 64;
    type Factor = __m512i;

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
        unsafe { Self(_mm512_gf2p8affine_epi64_epi8::<0>(self.0, _mm512_set1_epi64(DOUBLE))) }
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> Self::Factor {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { _mm512_set1_epi64(affine_matrix(of).cast_signed()) }
    }

    #[inline(always)]
    unsafe fn times(self, factor: Self::Factor) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm512_gf2p8affine_epi64_epi8::<0>(self.0, factor)) }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { _mm512_test_epi64_mask(self.0, self.0) == 0 }
    }
}

/// Thirty-two bytes.
#[derive(Clone, Copy)]
struct Ymm(__m256i);

// SAFETY: loads and stores are unaligned and of 32 bytes. Every method needs the instruction
// set, which the caller promises.
unsafe impl Vector for Ymm {
    const BYTES: usize = 32;
    type Factor = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm256_setzero_si256()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            _mm256_storeu_si256(to.cast(), self.0);
        }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm256_xor_si256(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm256_or_si256(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn double(self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm256_gf2p8affine_epi64_epi8::<0>(self.0, _mm256_set1_epi64x(DOUBLE))) }
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> Self::Factor {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { _mm256_set1_epi64x(affine_matrix(of).cast_signed()) }
    }

    #[inline(always)]
    unsafe fn times(self, factor: Self::Factor) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(_mm256_gf2p8affine_epi64_epi8::<0>(self.0, factor)) }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { _mm256_testz_si256(self.0, self.0) == 1 }
    }
}
