//! Slow arithmetic in GF(2^8) with the polynomial 0x11D: one bit after the other, and tables of it.

use std::sync::LazyLock;

/// All products, by both factors.
static PRODUCTS: LazyLock<Vec<[u8; 256]>> = LazyLock::new(|| {
    (0..=255)
        .map(|a| std::array::from_fn(|b| multiply(a, u8::try_from(b).expect("a byte"))))
        .collect()
});

/// Powers of two.
static POWERS: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=255).map(power).collect());

/// Two to the power of `exponent`, from the table.
pub(crate) fn known_power(exponent: u8) -> u8 {
    POWERS[usize::from(exponent)]
}

/// The product of two field elements, from the table.
pub(crate) fn product(a: u8, b: u8) -> u8 {
    PRODUCTS[usize::from(a)][usize::from(b)]
}

/// The product of two field elements.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut a, mut b) = (0_u16, u16::from(a), b);
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a <<= 1;
        if a & 0x100 != 0 {
            a ^= 0x11d;
        }
        b >>= 1;
    }
    u8::try_from(product).expect("reduced")
}

/// Two to the power of `exponent`.
fn power(exponent: u8) -> u8 {
    (0..exponent).fold(1, |power, _| multiply(power, 2))
}

/// One divided by `a`: its 254th power.
pub(crate) fn inverse(a: u8) -> u8 {
    assert_ne!(a, 0, "zero has no inverse");
    (0..254).fold(1, |power, _| multiply(power, a))
}

#[test]
fn the_known_stripe_has_the_known_parities() {
    let data = [0x01, 0x02, 0x80];
    let q = (0..).zip(data).fold(0, |q, (exponent, byte)| q ^ multiply(power(exponent), byte));
    assert_eq!((data.iter().fold(0, |p, byte| p ^ byte), q), (0x83, 0x3f));
    assert_eq!(multiply(inverse(0x53), 0x53), 1);
}
