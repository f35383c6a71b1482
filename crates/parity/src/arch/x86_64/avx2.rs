//! AVX2: 32 bytes; constants multiply by two shuffles.

use crate::field::{REDUCTION, nibble_products};
use crate::generic::{self, Job};
use crate::kernel::Kernel;
use crate::vector::Vector;
use std::arch::x86_64::*;

/// The kernel.
pub(crate) static KERNEL: Kernel = Kernel {
    name: "avx2",
    is_available: || is_x86_feature_detected!("avx2"),
    solve,
    first_nonzero,
};

#[target_feature(enable = "avx2")]
unsafe fn solve(job: &Job<'_>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::solve::<Ymm>(job) }
}

#[target_feature(enable = "avx2")]
unsafe fn first_nonzero(job: &Job<'_>) -> Option<usize> {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::first_nonzero::<Ymm>(job) }
}

/// Thirty-two bytes.
#[derive(Clone, Copy)]
struct Ymm(__m256i);

/// `bytes` where the top bit of `by`'s byte is set, else zero.
///
/// # Safety
/// AVX2 is available.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn choose(bytes: __m256i, by: __m256i) -> __m256i {
    let chosen;
    // SAFETY: the instruction has no effect but its result. Written out since the compiler makes
    // two instructions of the intrinsic, a comparison and an AND.
    unsafe {
        std::arch::asm!(
            "vpblendvb {chosen}, {zero}, {bytes}, {by}",
            chosen = lateout(ymm_reg) chosen,
            zero = in(ymm_reg) _mm256_setzero_si256(),
            bytes = in(ymm_reg) bytes,
            by = in(ymm_reg) by,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    chosen
}

// SAFETY: loads and stores are unaligned and of 32 bytes. Every method needs the instruction
// set, which the caller promises.
unsafe impl Vector for Ymm {
    const BYTES: usize = 32;
    type Factor = (__m256i, __m256i);

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
        unsafe {
            let reduction = choose(_mm256_set1_epi8(REDUCTION as i8), self.0);
            Self(_mm256_xor_si256(_mm256_add_epi8(self.0, self.0), reduction))
        }
    }

    #[inline(always)]
    unsafe fn double_xor_each<const N: usize>(each: &mut [Self; N], others: &[Self; N]) {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let mut reductions = [Self::zero(); N];
            for (reduction, vector) in reductions.iter_mut().zip(each.iter()) {
                reduction.0 = choose(_mm256_set1_epi8(REDUCTION as i8), vector.0);
            }
            for vector in each.iter_mut() {
                vector.0 = _mm256_add_epi8(vector.0, vector.0);
            }
            for ((vector, reduction), other) in each.iter_mut().zip(reductions).zip(others) {
                *vector = vector.xor(reduction).xor(*other);
            }
        }
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> Self::Factor {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let (low, high) = nibble_products(of);
            let low = _mm_loadu_si128(low.as_ptr().cast());
            let high = _mm_loadu_si128(high.as_ptr().cast());
            (_mm256_broadcastsi128_si256(low), _mm256_broadcastsi128_si256(high))
        }
    }

    #[inline(always)]
    unsafe fn times(self, factor: Self::Factor) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let nibbles = _mm256_set1_epi8(0x0F);
            let low = _mm256_and_si256(self.0, nibbles);
            let high = _mm256_and_si256(_mm256_srli_epi64::<4>(self.0), nibbles);
            let (low, high) =
                (_mm256_shuffle_epi8(factor.0, low), _mm256_shuffle_epi8(factor.1, high));
            Self(_mm256_xor_si256(low, high))
        }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { _mm256_testz_si256(self.0, self.0) == 1 }
    }
}
