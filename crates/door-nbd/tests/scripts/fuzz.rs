//! The fuzz bodies over their corpus and over seeded mutations of it.
//!
//! `PARITAS_FUZZ_SECONDS` gives a time budget (otherwise 2 000 cases are run) and
//! `PARITAS_FUZZ_SEED` another seed. A crash prints the seed, the case and the input.

use paritas_door_nbd::fuzz::{BODIES, corpus};
use paritas_format::fuzz::{Entry, run_bodies};
use std::time::{Duration, Instant};

/// Cases without a time budget.
const CASES: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    let word = std::env::var(name).ok()?;
    Some(word.parse().unwrap_or_else(|_| panic!("{name}={word:?} is not a number")))
}

#[test]
fn no_body_fails_on_the_corpus_or_its_mutations() {
    let entry = |(body, bytes): (&str, Vec<u8>)| Entry { body: Some(body.to_owned()), bytes };
    let corpus: Vec<_> = corpus().into_iter().map(entry).collect();
    for (name, _) in BODIES {
        assert!(corpus.iter().any(|entry| entry.body.as_deref() == Some(*name)), "{name}");
    }
    let seed = number("PARITAS_FUZZ_SEED").unwrap_or(1);
    let budget = number("PARITAS_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    let is_done = |case| match budget {
        Some(budget) => start.elapsed() >= budget,
        None => case >= CASES,
    };
    let cases = run_bodies(BODIES, seed, &corpus, is_done);
    let cases = cases.unwrap_or_else(|crash| panic!("{crash}; input {:02x?}", crash.input));
    assert!(cases > u64::try_from(corpus.len()).expect("small"), "{cases} cases");
}
