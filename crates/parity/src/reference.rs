//! The judge of all kernels: byte by byte, bit by bit, from the definition and nothing else.
//!
//! Shares no code with the rest of the crate. Slow on purpose.

/// The product in GF(2^8) with polynomial 0x11D: long multiplication, then long division.
#[must_use]
pub fn multiply(a: u8, b: u8) -> u8 {
    let mut product: u16 = 0;
    for bit in 0..8 {
        if b >> bit & 1 == 1 {
            product ^= u16::from(a) << bit;
        }
    }
    for bit in (8..16).rev() {
        if product >> bit & 1 == 1 {
            product ^= 0x11D << (bit - 8);
        }
    }
    product.to_le_bytes()[0]
}

/// P and Q of `data`, each block with its exponent: P = Σ D, Q = Σ 2^e · D.
///
/// # Panics
/// If blocks differ in length.
#[must_use]
pub fn p_and_q<B: AsRef<[u8]>>(data: &[(u8, B)]) -> (Vec<u8>, Vec<u8>) {
    let bytes = data.first().map_or(0, |(_, block)| block.as_ref().len());
    let (mut p, mut q) = (vec![0; bytes], vec![0; bytes]);
    for (exponent, block) in data {
        let factor = (0..*exponent).fold(1, |value, _| multiply(value, 2));
        assert_eq!(block.as_ref().len(), bytes, "blocks of one stripe have one length");
        for (i, byte) in block.as_ref().iter().enumerate() {
            p[i] ^= byte;
            q[i] ^= multiply(factor, *byte);
        }
    }
    (p, q)
}

#[cfg(test)]
mod tests {
    /// Bytes seen on a RAID 6 that Linux made.
    #[test]
    fn agrees_with_what_linux_writes() {
        let data = [(0, [0x01]), (1, [0x02]), (2, [0x80])];
        assert_eq!(super::p_and_q(&data), (vec![0x83], vec![0x3F]));
    }
}
