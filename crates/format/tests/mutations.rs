//! Runs every fuzz body over the corpus and over seeded mutations of it.
//!
//! `PARITAS_FUZZ_SECONDS` gives a time budget (otherwise 20 000 cases are run) and
//! `PARITAS_FUZZ_SEED` another seed. A crash prints the seed, the case and the input.

mod fixtures;

use paritas_format::foreign;
use paritas_format::fuzz::{BODIES, Entry, Random, run};
use paritas_format::partition::mbr::{self, Mbr};
use std::path::Path;
use std::time::{Duration, Instant};

/// Cases without a time budget.
const CASES: u64 = 20_000;

/// What no tool here makes, built.
fn built() -> Vec<Entry> {
    let chain = [mbr::Entry::new(0x83, 2, 4), mbr::Entry::new(0x05, 8, 8)];
    let record = |entries: [mbr::Entry; 2], signature| {
        let [first, second] = entries;
        let empty = mbr::Entry::EMPTY;
        Mbr::new(signature, [first, second, empty, empty]).encode().to_vec()
    };
    let mut logical = vec![0; 64 * 512];
    let primary = [mbr::Entry::new(0xFD, 1, 3), mbr::Entry::new(0x0F, 8, 56)];
    let last = [mbr::Entry::new(0x83, 1, 2), mbr::Entry::EMPTY];
    for (sector, bytes) in [(0, record(primary, 7)), (8, record(chain, 0)), (16, record(last, 0))] {
        logical[sector * 512..][..512].copy_from_slice(&bytes);
    }
    let intel = [vec![0; 512], foreign::build_imsm("1.3.00", 7, 2, 1), vec![0; 512]].concat();
    let named = [
        ("partition", logical),
        ("foreign", intel),
        ("foreign", foreign::build_ddf([7; 24], 1)),
        ("signature", [vec![0; 65536], b"ReIsEr2Fs".repeat(100)].concat()),
    ];
    named.into_iter().map(|(body, bytes)| Entry { body: Some(body.to_owned()), bytes }).collect()
}

/// The files of `tests/corpus`, named `BODY.NAME.bin`, what the driver wrote in each state of the
/// oracle's table, and what is built.
fn corpus() -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| file.expect("a readable folder").path())
        .collect();
    paths.sort();
    let entry = |path: &std::path::PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let body = name.split('.').next().map(str::to_owned);
        let is_known = BODIES.iter().any(|(known, _)| body.as_deref() == Some(*known));
        assert!(is_known, "{name}: no body has this name");
        Entry { body, bytes: std::fs::read(path).expect("a readable file") }
    };
    let written = fixtures::blocks().into_iter().map(|block| {
        let is_known = BODIES.iter().any(|(known, _)| block.body == *known);
        assert!(is_known, "{}: no body has this name", block.name);
        Entry { body: Some(block.body), bytes: block.bytes }
    });
    paths.iter().map(entry).chain(written).chain(built()).collect()
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let word = std::env::var(name).ok()?;
    Some(word.parse().unwrap_or_else(|_| panic!("{name}={word:?} is not a number")))
}

#[test]
fn every_body_has_something_to_begin_from() {
    let corpus = corpus();
    for (name, _) in BODIES {
        let known = corpus.iter().filter(|entry| entry.body.as_deref() == Some(*name)).count();
        assert!(known > 0, "the corpus has nothing for {name}");
    }
}

#[test]
fn no_mutation_breaks_a_promise() {
    let seed = number("PARITAS_FUZZ_SEED").unwrap_or(1);
    let budget = number("PARITAS_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    println!("seed {seed}, budget {budget:?}");
    let is_done = |cases| budget.map_or(cases >= CASES, |budget| start.elapsed() >= budget);
    let cases = run(seed, &corpus(), is_done).unwrap_or_else(|crash| {
        panic!("{crash}\ninput ({} bytes): {:02x?}", crash.input.len(), crash.input)
    });
    println!("{cases} cases in {:?}", start.elapsed());
}

#[test]
fn the_same_seed_makes_the_same_cases() {
    let corpus = [Entry { body: Some("journal".to_owned()), bytes: vec![7; 64] }];
    let cases = |seed| run(seed, &corpus, |case| case == 100);
    assert_eq!(cases(3), Ok(100));
    let mut one = Random::new(3);
    let mut two = one.clone();
    assert_eq!(one.next(), two.next());
    assert_ne!(one.next(), Random::new(4).next());
}
