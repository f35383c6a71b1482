//! The mark of the home host in the uuid of a 0.90 array.
//!
//! The one thing to understand: 0.90 has no room for a name, so mdadm puts the beginning of the
//! SHA-1 of the host's name where the second half of the uuid would be. Nothing here is about
//! security.

use crate::ArrayUuid;

impl ArrayUuid {
    /// Whether the uuid is one that mdadm makes on `host` for a 0.90 array.
    #[must_use]
    pub fn is_home_of(self, host: &str) -> bool {
        let [_, _, third, fourth] = self.words();
        [third, fourth] == home_words(host)
    }

    /// The uuid with its second half replaced by the mark of `host`.
    #[must_use]
    pub fn with_home(self, host: &str) -> Self {
        let [first, second, ..] = self.words();
        let [third, fourth] = home_words(host);
        Self::from_words([first, second, third, fourth])
    }
}

/// The first eight bytes of the digest, as a little-endian machine has them in two words.
fn home_words(host: &str) -> [u32; 2] {
    let [first, second, ..] = sha1(host.as_bytes());
    [first.swap_bytes(), second.swap_bytes()]
}

/// SHA-1 (FIPS 180-4).
fn sha1(message: &[u8]) -> [u32; 5] {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    let bits = u64::try_from(message.len()).unwrap_or(u64::MAX).wrapping_mul(8);
    padded.extend_from_slice(&bits.to_be_bytes());
    for block in padded.as_chunks::<64>().0 {
        add_block(&mut state, block);
    }
    state
}

fn add_block(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut words: Vec<u32> =
        block.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for round in 0..80_usize {
        if round >= 16 {
            let back = |by: usize| words.get(round - by).copied().unwrap_or(0);
            let next = back(3) ^ back(8) ^ back(14) ^ back(16);
            words.push(next.rotate_left(1));
        }
        let (mixed, constant) = match round {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let word = words.get(round).copied().unwrap_or(0);
        let next = a
            .rotate_left(5)
            .wrapping_add(mixed)
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(word);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_standards() {
        let abc = [0xa999_3e36, 0x4706_816a, 0xba3e_2571, 0x7850_c26c, 0x9cd0_d89d];
        assert_eq!(sha1(b"abc"), abc);
        let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sha1(long)[0], 0x8498_3e44);
    }

    #[test]
    fn the_mark_is_mdadms() {
        let uuid = ArrayUuid([7; 16]).with_home("any");
        let memory = [uuid.words()[2].to_le_bytes(), uuid.words()[3].to_le_bytes()].concat();
        assert_eq!(memory, [0xc5, 0xfe, 0x02, 0x00, 0xd1, 0xc7, 0xa5, 0x13]);
        assert!(uuid.is_home_of("any") && !uuid.is_home_of("other"));
    }
}
