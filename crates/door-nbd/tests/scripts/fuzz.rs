//! The fuzz bodies over their corpus and seeded mutations of it.

use paritas_door_nbd::fuzz::{BODIES, corpus};

/// Mutations of each entry of the corpus.
const ROUNDS: u64 = 150;
/// Numbers that break things.
const NASTY: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33)
            .expect("the test knows its numbers")
            .checked_rem(end)
            .unwrap_or(0)
    }
}

/// One to four changes: a number, a byte, a cut, a part twice, a part of another entry.
fn mutate(random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(3) {
        let at = random.below(input.len());
        match random.below(5) {
            0 => {
                let bytes = NASTY[random.below(NASTY.len())].to_be_bytes();
                let width = 1 << random.below(4);
                let end = input.len().min(at + width);
                input[at..end].copy_from_slice(&bytes[8 - (end - at)..]);
            }
            1 if !input.is_empty() => input[at] ^= 1 << random.below(8),
            2 => input.truncate(at.max(4)),
            3 => {
                let part = input[at..input.len().min(at + random.below(200))].to_vec();
                input.splice(at..at, part);
            }
            _ => {
                let from = random.below(other.len());
                let part = &other[from..other.len().min(from + random.below(400))];
                input.splice(at..at, part.iter().copied());
            }
        }
    }
}

#[test]
fn no_body_fails_on_the_corpus_or_its_mutations() {
    let corpus = corpus();
    let mut random = Random(20_260_101);
    for input in &corpus {
        BODIES.iter().for_each(|(_, body)| body(input));
        for _ in 0..ROUNDS {
            let mut mutated = input.clone();
            let other = &corpus[random.below(corpus.len())];
            mutate(&mut random, &mut mutated, other);
            BODIES.iter().for_each(|(_, body)| body(&mutated));
        }
    }
}
