//! The units of a campaign: what each kind does, and what it says came out.

use crate::oracle;
use anyhow::{Context, Result};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

/// Places of the oracle's table in a unit: four boots.
const PART: usize = 48;

/// What a unit came to.
pub(super) struct Found {
    pub(super) range: Range<u64>,
    pub(super) seconds: Option<u64>,
    pub(super) cases: u64,
    pub(super) violations: u64,
    pub(super) note: String,
}

/// The oracle's table in parts.
pub(super) fn parts_of_table() -> Vec<Range<u64>> {
    let length = oracle::table_length();
    let part = |start: usize| start as u64..(start + PART).min(length) as u64;
    (0..length).step_by(PART).map(part).collect()
}

/// Has the driver make the arrays of a part, and compares.
pub(super) fn oracle(root: &Path, part: Range<u64>) -> Result<Found> {
    let program = crate::build::program(root)?;
    let places = usize::try_from(part.start)?..usize::try_from(part.end)?;
    let summary = oracle::compare(root, &oracle::Options::part(program, places))?;
    Ok(Found {
        range: part,
        seconds: None,
        cases: summary.comparisons as u64,
        violations: summary.failures as u64,
        note: String::new(),
    })
}

/// One seed of mutations for so many seconds.
pub(super) fn mutations(root: &Path, seed: u64, seconds: u64) -> Result<Found> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["test", "--quiet", "--release", "-p", "paritas-format", "--test", "mutations"])
        .args(["no_mutation_breaks_a_promise", "--", "--nocapture"])
        .env("PARITAS_FUZZ_SECONDS", seconds.to_string())
        .env("PARITAS_FUZZ_SEED", seed.to_string());
    let (is_good, output) = listen(command.current_dir(root))?;
    let cases = number_before(&output, " cases in ");
    Ok(judged(seed, seconds, is_good && cases.is_some(), cases, &output, "failed on case"))
}

/// One seed of libFuzzer for so many seconds on each target.
pub(super) fn fuzz(root: &Path, seed: u64, seconds: u64) -> Result<Found> {
    let mut all = judged(seed, seconds, true, Some(0), "", "");
    for entry in std::fs::read_dir(root.join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        let target = path.file_stem().and_then(|name| name.to_str()).context("an odd target")?;
        let mut command = Command::new("cargo");
        command.args(["+nightly", "fuzz", "run", target, "--"]);
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-seed={seed}"));
        let (is_good, output) = listen(command.current_dir(root))?;
        let cases = number_before(&output, " runs in ");
        let one = judged(seed, seconds, is_good && cases.is_some(), cases, &output, "SUMMARY");
        all.cases += one.cases;
        all.violations += one.violations;
        if one.violations > 0 {
            all.note = format!("{} {target}: {}", all.note, one.note).trim().to_owned();
        }
    }
    Ok(all)
}

/// Why libFuzzer cannot be run here.
pub(super) fn why_no_fuzz() -> Option<&'static str> {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok_and(|status| status.success());
    (!is_there).then_some("since a nightly toolchain with cargo-fuzz is not here")
}

/// Runs a command and gives all that it said.
fn listen(command: &mut Command) -> Result<(bool, String)> {
    let output = command.output().context("cannot run cargo")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

/// A unit of one seed; the line with `mark` says what was wrong.
fn judged(
    seed: u64,
    seconds: u64,
    is_good: bool,
    cases: Option<u64>,
    output: &str,
    mark: &str,
) -> Found {
    let line = output.lines().find(|line| !is_good && line.contains(mark));
    let last = || output.lines().next_back().unwrap_or("it ended without a word");
    let note = if is_good { "" } else { line.unwrap_or_else(last) };
    Found {
        range: seed..seed + 1,
        seconds: Some(seconds),
        cases: cases.unwrap_or(0),
        violations: u64::from(!is_good),
        note: note.to_owned(),
    }
}

/// The number that stands before these words.
fn number_before(output: &str, words: &str) -> Option<u64> {
    let (before, _) = output.split_once(words)?;
    before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_read_and_a_failure_is_named() {
        assert_eq!(number_before("seed 3\n5120 cases in 2s\n", " cases in "), Some(5120));
        assert_eq!(number_before("Done 77 runs in 4 second(s)", " runs in "), Some(77));
        assert_eq!(number_before("nothing", " cases in "), None);
        let output = "x\nppl failed on case 3 of seed 9: far\ny";
        let found = judged(9, 5, false, None, output, "failed on case");
        assert_eq!(
            (found.violations, found.note.as_str()),
            (1, "ppl failed on case 3 of seed 9: far")
        );
        assert_eq!(judged(9, 5, true, Some(4), output, "failed on case").violations, 0);
    }

    #[test]
    fn parts_cover_the_table_once() {
        let parts = parts_of_table();
        assert_eq!(parts.first().map(|part| part.start), Some(0));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(parts.last().map(|part| part.end), Some(oracle::table_length() as u64));
    }
}
