//! GF(2^8) as RAID 6 uses it: polynomial 0x11D, generator 2. Tables are made at compile time.
//!
//! Scalar and slow; used for coefficients, outside every hot loop.

/// The low byte of the polynomial x^8 + x^4 + x^3 + x^2 + 1: what doubling adds back when the top
/// bit falls out.
pub const REDUCTION: u8 = 0x1D;

/// The number of non-zero elements; exponents count modulo this.
const ORDER: usize = 255;

/// `POWERS[e]` is g^e; the last entry repeats the first.
const POWERS: [u8; 256] = powers();
/// `LOGARITHMS[g^e]` is e, below 255; entry 0 means nothing.
const LOGARITHMS: [u8; 256] = logarithms();

const fn powers() -> [u8; 256] {
    let mut table = [0; 256];
    let mut value = 1;
    let mut e = 0;
    while e < table.len() {
        table[e] = value;
        value = double(value);
        e += 1;
    }
    table
}

const fn logarithms() -> [u8; 256] {
    let mut table = [0; 256];
    let mut e = 0;
    while e < ORDER {
        table[POWERS[e] as usize] = e as u8;
        e += 1;
    }
    table
}

/// `value` times the generator.
#[must_use]
pub const fn double(value: u8) -> u8 {
    let carried = if value & 0x80 == 0 { 0 } else { REDUCTION };
    (value << 1) ^ carried
}

/// g to the power of `exponent`; 255 means the same as 0.
#[must_use]
pub const fn power(exponent: u8) -> u8 {
    POWERS[exponent as usize]
}

/// The product of two elements.
#[must_use]
pub const fn multiply(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    POWERS[(LOGARITHMS[a as usize] as usize + LOGARITHMS[b as usize] as usize) % ORDER]
}

/// The element that gives 1 when multiplied with `a`; `None` for zero, which has none.
#[must_use]
pub const fn inverse(a: u8) -> Option<u8> {
    if a == 0 {
        return None;
    }
    Some(POWERS[ORDER - LOGARITHMS[a as usize] as usize])
}

/// The products of `a` with 0..16 and with 0, 16, 32, … 240: what a byte shuffle looks up.
pub(crate) const fn nibble_products(a: u8) -> ([u8; 16], [u8; 16]) {
    let (mut low, mut high) = ([0; 16], [0; 16]);
    let mut nibble = 0;
    while nibble < 16 {
        low[nibble] = multiply(a, nibble as u8);
        high[nibble] = multiply(a, (nibble as u8) << 4);
        nibble += 1;
    }
    (low, high)
}

/// Multiplication by `a` as the bit matrix that GFNI's affine instruction takes: byte `7 - i`
/// holds the row that makes bit `i` of the product, and bit `j` of a row selects bit `j` of the
/// factor. (GFNI's own multiplication is of another field, 0x11B.)
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only x86_64 has GFNI"))]
pub(crate) const fn affine_matrix(a: u8) -> u64 {
    let mut matrix = 0;
    let mut j = 0;
    while j < 8 {
        let product = multiply(a, 1 << j);
        let mut i = 0;
        while i < 8 {
            if product >> i & 1 == 1 {
                matrix |= 1 << ((7 - i) * 8 + j);
            }
            i += 1;
        }
        j += 1;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;

    /// GFNI's affine instruction on one byte, from its published definition.
    fn affine(matrix: u64, x: u8) -> u8 {
        let rows = matrix.to_le_bytes();
        (0..8).fold(0, |y, i| y | (((rows[7 - i] & x).count_ones() as u8 & 1) << i))
    }

    #[test]
    fn every_product_is_that_of_the_reference() {
        for a in 0..=255 {
            let (low, high) = nibble_products(a);
            for b in 0..=255 {
                let product = reference::multiply(a, b);
                assert_eq!(multiply(a, b), product, "{a} * {b}");
                let looked_up = low[usize::from(b & 15)] ^ high[usize::from(b >> 4)];
                assert_eq!(looked_up, product, "{a} * {b} by nibbles");
                assert_eq!(affine(affine_matrix(a), b), product, "{a} * {b} as a matrix");
            }
            assert_eq!(double(a), reference::multiply(2, a));
        }
    }

    #[test]
    fn inverses_and_powers() {
        assert_eq!(inverse(0), None);
        for a in 1..=255 {
            assert_eq!(inverse(a).map(|b| reference::multiply(a, b)), Some(1), "{a}");
        }
        let mut value = 1;
        for exponent in 0..=255 {
            assert_eq!(power(exponent), value);
            value = reference::multiply(value, 2);
        }
    }
}
