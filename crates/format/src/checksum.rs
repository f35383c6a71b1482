//! The sums that superblocks carry.
//!
//! The one thing to understand: both formats add 32-bit words into 64 bits and add the two halves;
//! 1.x compares the result exactly, 0.90 compares it folded to 16 bits. The checksum field itself
//! counts as zero: callers leave it out by passing the words around it.
//!
//! Deliberately absent: the CRCs of PPL and journal, which live with their structures.

/// Adds little-endian 32-bit words, then a rest of two or three bytes as one 16-bit word, and
/// carries the upper half into the lower.
#[doc(alias("calc_sb_1_csum", "md_csum"))]
#[must_use]
pub fn sum(parts: &[&[u8]]) -> u32 {
    let mut sum: u64 = 0;
    for part in parts {
        let (words, rest) = part.as_chunks::<4>();
        for word in words {
            sum = sum.wrapping_add(u64::from(u32::from_le_bytes(*word)));
        }
        if let Some(half) = rest.first_chunk::<2>() {
            sum = sum.wrapping_add(u64::from(u16::from_le_bytes(*half)));
        }
    }
    let [a, b, c, d, e, f, g, h] = sum.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]).wrapping_add(u32::from_le_bytes([e, f, g, h]))
}

/// Folds a 0.90 checksum to the 16 bits in which it is compared.
#[doc(alias = "md_csum_fold")]
#[must_use]
pub const fn fold(sum: u32) -> u32 {
    let once = (sum & 0xffff) + (sum >> 16);
    (once & 0xffff) + (once >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carry_is_added_and_the_odd_word_counts() {
        assert_eq!(sum(&[&[0xff; 8]]), 0xffff_ffff);
        assert_eq!(sum(&[&[1, 0, 0, 0, 2, 1]]), 0x103);
        assert_eq!(sum(&[&[1, 0, 0, 0], &[2, 0, 0, 0, 9]]), 3);
    }

    #[test]
    fn folding_keeps_sixteen_bits() {
        assert_eq!(fold(0x0001_0002), 3);
        assert_eq!(fold(0xffff_ffff), 0xffff);
        assert_eq!(fold(0xffff_0001), 1);
    }
}
