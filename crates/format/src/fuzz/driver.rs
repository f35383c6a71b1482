//! Seeded mutations: from a seed and a corpus always the same bytes to the same bodies.
//!
//! The one thing to understand: a run is a pure function of seed and corpus; the caller decides
//! only when to stop. So a seed and the number of a case are enough to see a crash again.

use super::{BODIES, Body};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A small generator of numbers (splitmix64): every seed is a good one.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// Bytes to begin from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The body that understands them; `None` for all bodies.
    pub body: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A broken promise, with all that is needed to see it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{body} failed on case {case} of seed {seed}: {message}")]
pub struct Crash {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the case, from 0.
    pub case: u64,
    /// The body.
    pub body: &'static str,
    /// What the panic said.
    pub message: String,
    /// The bytes that did it.
    pub input: Vec<u8>,
}

/// The longest input; mutations do not grow bytes past it.
const MAX_INPUT: usize = 512 << 10;
/// The numbers that break things.
const NASTY: [u64; 12] = [
    0,
    1,
    7,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_FFFF_FFFE,
    u64::MAX,
];

impl Random {
    /// The generator of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; zero if `end` is zero.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(end).unwrap_or(0)).unwrap_or(0)
    }
}

/// Runs mutations of `corpus` through the bodies until `is_done` (asked with the number of cases
/// before each) says so. The entries themselves come first. An empty corpus begins with nothing.
///
/// # Errors
/// The first [`Crash`].
pub fn run(
    seed: u64,
    corpus: &[Entry],
    is_done: impl FnMut(u64) -> bool,
) -> Result<u64, Box<Crash>> {
    run_bodies(BODIES, seed, corpus, is_done)
}

/// [`run`] with bodies of the caller's choice: those of another crate.
///
/// # Errors
/// The first [`Crash`].
pub fn run_bodies(
    bodies: &[(&'static str, Body)],
    seed: u64,
    corpus: &[Entry],
    mut is_done: impl FnMut(u64) -> bool,
) -> Result<u64, Box<Crash>> {
    let mut random = Random::new(seed);
    let mut case = 0;
    while !is_done(case) {
        let known = usize::try_from(case).ok().and_then(|number| corpus.get(number));
        let (body, input) = match known {
            Some(entry) => (entry.body.clone(), entry.bytes.clone()),
            None => mutated(&mut random, corpus),
        };
        for &(name, function) in bodies.iter().filter(|(name, _)| is_for(body.as_deref(), name)) {
            if let Some(message) = broken_promise(function, &input) {
                return Err(Box::new(Crash { seed, case, body: name, message, input }));
            }
        }
        case += 1;
    }
    Ok(case)
}

/// Whether an entry is for the body of this name.
fn is_for(body: Option<&str>, name: &str) -> bool {
    body.is_none_or(|body| body == name)
}

/// What the panic said, if the body panicked.
fn broken_promise(body: Body, input: &[u8]) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| body(input))).err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Some(text.unwrap_or("a panic without a message").to_owned())
}

/// An entry of the corpus with one to eight changes.
fn mutated(random: &mut Random, corpus: &[Entry]) -> (Option<String>, Vec<u8>) {
    let entry = corpus.get(random.below(corpus.len()));
    let mut bytes = entry.map(|entry| entry.bytes.clone()).unwrap_or_default();
    for _ in 0..=random.below(8) {
        change(random, corpus, &mut bytes);
    }
    bytes.truncate(MAX_INPUT);
    (entry.and_then(|entry| entry.body.clone()), bytes)
}

/// One change. Half of them keep the length, since most structures have one.
fn change(random: &mut Random, corpus: &[Entry], bytes: &mut Vec<u8>) {
    let at = place(random, bytes.len());
    match random.below(10) {
        0..=2 => overwrite(bytes, at, &[random.next().to_le_bytes()[0]]),
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        4 | 5 => {
            let number = NASTY.get(random.below(NASTY.len())).copied().unwrap_or(0);
            let width = 1 << random.below(4);
            let at = at - at % width;
            let little = number.to_le_bytes();
            overwrite(bytes, at, little.get(..width).unwrap_or(&little));
        }
        6 => {
            let number = NASTY.get(random.below(NASTY.len())).copied().unwrap_or(0);
            overwrite(bytes, at - at % 4, number.to_be_bytes().get(4..).unwrap_or_default());
        }
        7 => {
            let from = place(random, bytes.len());
            let length = random.below(512);
            let piece: Vec<u8> = bytes.iter().skip(from).take(length).copied().collect();
            overwrite(bytes, at, &piece);
        }
        8 => {
            let other = corpus.get(random.below(corpus.len()));
            let other = other.map(|entry| entry.bytes.as_slice()).unwrap_or_default();
            let length = random.below(4096);
            overwrite(bytes, at, other.get(at..).unwrap_or(other).get(..length).unwrap_or(other));
        }
        _ => resize(random, bytes, at),
    }
}

/// A place in the bytes: half of the time in the first 512, where most numbers stand.
fn place(random: &mut Random, length: usize) -> usize {
    let end = if random.below(2) == 0 { length.min(512) } else { length };
    random.below(end)
}

/// Cuts the bytes off, or makes them longer.
fn resize(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    if random.below(2) == 0 {
        bytes.truncate(at);
    } else {
        let fill = if random.below(2) == 0 { 0 } else { 0xFF };
        let length = bytes.len().saturating_add(random.below(4096)).min(MAX_INPUT);
        bytes.resize(length, fill);
    }
}

/// Puts `from` over what stands at `at`, as far as there is room.
fn overwrite(bytes: &mut [u8], at: usize, from: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(from) {
        *place = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks on what only a mutation can make of the corpus below.
    fn planted(bytes: &[u8]) {
        assert!(bytes.get(3).is_none_or(|&byte| byte < 200), "byte 3 is too large");
    }

    #[test]
    fn a_planted_bug_is_found_the_same_way_each_time() {
        let corpus = [Entry { body: None, bytes: vec![7; 16] }];
        let find = |seed| run_bodies(&[("planted", planted)], seed, &corpus, |case| case == 5000);
        let crash = find(1).expect_err("5000 cases hit one byte of 16");
        assert_eq!((crash.body, crash.message.as_str()), ("planted", "byte 3 is too large"));
        assert!(crash.input[3] >= 200);
        assert_eq!(find(1), Err(crash));
    }
}
