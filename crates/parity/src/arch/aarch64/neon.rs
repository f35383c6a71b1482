//! NEON: 16 bytes; constants multiply by two table look-ups.

use crate::field::{REDUCTION, nibble_products};
use crate::generic::{self, Job};
use crate::kernel::Kernel;
use crate::vector::Vector;
use std::arch::aarch64::*;

/// The kernel.
pub(crate) static KERNEL: Kernel = Kernel {
    name: "neon",
    is_available: || std::arch::is_aarch64_feature_detected!("neon"),
    solve,
    first_nonzero,
};

#[target_feature(enable = "neon")]
unsafe fn solve(job: &Job<'_>) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::solve::<Neon>(job) }
}

#[target_feature(enable = "neon")]
unsafe fn first_nonzero(job: &Job<'_>) -> Option<usize> {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { generic::first_nonzero::<Neon>(job) }
}

/// Sixteen bytes.
#[derive(Clone, Copy)]
struct Neon(uint8x16_t);

// SAFETY: loads and stores are unaligned and of 16 bytes. Every method needs the instruction
// set, which the caller promises.
unsafe impl Vector for Neon {
    const BYTES: usize = 16;
    type Factor = (uint8x16_t, uint8x16_t);

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(vdupq_n_u8(0)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(vld1q_u8(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            vst1q_u8(to, self.0);
        }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(veorq_u8(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { Self(vorrq_u8(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn double(self) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            // An arithmetic shift fills a byte with its top bit.
            let carried = vreinterpretq_u8_s8(vshrq_n_s8::<7>(vreinterpretq_s8_u8(self.0)));
            let reduction = vandq_u8(carried, vdupq_n_u8(REDUCTION));
            Self(veorq_u8(vshlq_n_u8::<1>(self.0), reduction))
        }
    }

    #[inline(always)]
    unsafe fn factor(of: u8) -> Self::Factor {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let (low, high) = nibble_products(of);
            (vld1q_u8(low.as_ptr()), vld1q_u8(high.as_ptr()))
        }
    }

    #[inline(always)]
    unsafe fn times(self, factor: Self::Factor) -> Self {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe {
            let low = vandq_u8(self.0, vdupq_n_u8(0x0F));
            let high = vshrq_n_u8::<4>(self.0);
            Self(veorq_u8(vqtbl1q_u8(factor.0, low), vqtbl1q_u8(factor.1, high)))
        }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller promises the instruction set, and the memory where there is some.
        unsafe { vmaxvq_u8(self.0) == 0 }
    }
}
