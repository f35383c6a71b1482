//! `cargo xtask campaign`: long searches for what is wrong, in units that add up.
//!
//! The one thing to understand: each finished unit is a line of proof/ledger.jsonl, and a campaign
//! begins where the ledger ends: with seeds that nobody has tried, and with the parts of the
//! oracle's table that this commit was not held against. So it may be stopped at any time, and run
//! again.
//!
//! Deliberately absent: keeping what a unit found; the line names the seed or the part of the
//! table that shows it again.

mod ledger;
mod units;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What to search with, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// The kinds; all of them when none is named
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// Units of each kind; what is left of the table, or one seed, when not given
    #[arg(long)]
    units: Option<usize>,
    /// Seconds of a unit of mutations, or of each target of a unit of fuzz
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// A way of searching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Parts of the whole table of arrays that the real driver makes
    Oracle,
    /// Seeded mutations of every parser's corpus
    Mutations,
    /// The same bodies under libFuzzer, where a nightly toolchain and cargo-fuzz are
    Fuzz,
}

/// Runs the units and notes each; ends with an error if one found something.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let all = [Kind::Oracle, Kind::Mutations, Kind::Fuzz];
    let kinds = if options.kinds.is_empty() { all.as_slice() } else { &options.kinds };
    let mut ledger = Ledger::open(root)?;
    let mut violations = 0;
    for kind in kinds {
        violations += match kind {
            Kind::Oracle => oracle(root, &mut ledger, options.units)?,
            Kind::Mutations => seeds(root, &mut ledger, *kind, options)?,
            Kind::Fuzz => match units::why_no_fuzz() {
                Some(why) => {
                    println!("fuzz: left out, {why}");
                    0
                }
                None => seeds(root, &mut ledger, *kind, options)?,
            },
        };
    }
    if violations > 0 {
        bail!("{violations} violations; the last lines of {} name them", ledger::FILE);
    }
    Ok(())
}

/// Parts of the table that this commit was not held against without a failure.
fn oracle(root: &Path, ledger: &mut Ledger, most: Option<usize>) -> Result<u64> {
    let parts = units::parts_of_table();
    let left: Vec<_> = parts.into_iter().filter(|part| !ledger.has_part(part)).collect();
    if left.is_empty() {
        println!("oracle: this commit was held against the whole table");
    }
    let mut violations = 0;
    for part in left.into_iter().take(most.unwrap_or(usize::MAX)) {
        let found = units::oracle(root, part)?;
        violations += found.violations;
        ledger.note(Kind::Oracle, &found)?;
    }
    Ok(violations)
}

/// Seeds from the first that nobody has tried.
fn seeds(root: &Path, ledger: &mut Ledger, kind: Kind, options: &Options) -> Result<u64> {
    let mut violations = 0;
    for _ in 0..options.units.unwrap_or(1) {
        let seed = ledger.next_seed(kind);
        let found = match kind {
            Kind::Fuzz => units::fuzz(root, seed, options.seconds)?,
            Kind::Mutations | Kind::Oracle => units::mutations(root, seed, options.seconds)?,
        };
        violations += found.violations;
        ledger.note(kind, &found)?;
    }
    Ok(violations)
}
