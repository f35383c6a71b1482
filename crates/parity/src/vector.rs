//! What an algorithm needs from an instruction set.

/// A register of bytes, each an element of GF(2^8).
///
/// # Safety
/// Every method may be called only where the instruction set is available, and is inlined into a
/// function that enables it. `load` and `store` touch exactly `BYTES` bytes, at any alignment.
pub(crate) unsafe trait Vector: Copy {
    /// Bytes in it.
    const BYTES: usize;
    /// A factor, prepared for [`Vector::times`] outside the hot loop.
    type Factor: Copy;

    /// # Safety
    /// As for the trait.
    unsafe fn zero() -> Self;

    /// # Safety
    /// As for the trait; `BYTES` bytes at `from` are readable.
    unsafe fn load(from: *const u8) -> Self;

    /// # Safety
    /// As for the trait; `BYTES` bytes at `to` are writable.
    unsafe fn store(self, to: *mut u8);

    /// # Safety
    /// As for the trait.
    unsafe fn xor(self, other: Self) -> Self;

    /// # Safety
    /// As for the trait.
    unsafe fn or(self, other: Self) -> Self;

    /// Each byte times the generator.
    ///
    /// # Safety
    /// As for the trait.
    unsafe fn double(self) -> Self;

    /// Each byte times the generator, plus `other`; some instruction sets add for nothing.
    ///
    /// # Safety
    /// As for the trait.
    #[inline(always)]
    unsafe fn double_xor(self, other: Self) -> Self {
        // SAFETY: the caller's promise is that of the trait.
        unsafe { self.double().xor(other) }
    }

    /// [`Vector::double_xor`] for several at once, `each` plus the one of `others` at its place.
    /// An instruction set can interleave them, where the compiler does not by itself.
    ///
    /// # Safety
    /// As for the trait.
    #[inline(always)]
    unsafe fn double_xor_each<const N: usize>(each: &mut [Self; N], others: &[Self; N]) {
        for (vector, other) in each.iter_mut().zip(others) {
            // SAFETY: the caller's promise is that of the trait.
            *vector = unsafe { vector.double_xor(*other) };
        }
    }

    /// # Safety
    /// As for the trait.
    unsafe fn factor(of: u8) -> Self::Factor;

    /// Each byte times the factor.
    ///
    /// # Safety
    /// As for the trait.
    unsafe fn times(self, factor: Self::Factor) -> Self;

    /// # Safety
    /// As for the trait.
    unsafe fn is_zero(self) -> bool;
}
