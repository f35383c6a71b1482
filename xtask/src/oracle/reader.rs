//! Comparing: the program `paritas` on images that the driver made.
//!
//! `copy` is tried with everything and at each loss; the looking commands are compared with mdadm's
//! text. All images are hashed before the first command and after each group of commands, so a
//! single byte written to a member is found.

use super::combination::{Outcome, Trial};
use super::content;
use super::made::Made;
use super::text;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Seconds that a call may take; each of them is done in well under one.
const TIMEOUT: &str = "120";
/// What `timeout` ends with when the time was over.
const TIMED_OUT: i32 = 124;

/// What came out for one combination.
#[derive(Default)]
pub(super) struct Verdict {
    /// How many comparisons were made.
    pub(super) compared: usize,
    /// Each that failed, in words.
    pub(super) failures: Vec<String>,
}

impl Verdict {
    fn note(&mut self, what: &str, outcome: Result<(), String>) {
        self.compared += 1;
        if let Err(reason) = outcome {
            self.failures.push(format!("{what}: {reason}"));
        }
    }
}

/// Puts one combination to every trial.
pub(super) fn compare(program: &Path, made: &Made) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let before = hashes(made)?;
    for looked in text::compare(program, made)? {
        verdict.note(&looked.command, looked.outcome);
    }
    verdict.note("members after looking", unchanged(made, &before)?);
    for (at, trial) in made.combination.trials().iter().enumerate() {
        let what = describe(trial);
        // Half of the trials go through standard output, half through a file.
        let outcome = if at % 2 == 0 {
            copy_to_file(program, made, trial)?
        } else {
            copy_to_pipe(program, made, trial)?
        };
        verdict.note(&what, outcome);
    }
    verdict.note("members after copying", unchanged(made, &before)?);
    Ok(verdict)
}

fn hashes(made: &Made) -> Result<Vec<(String, u64)>> {
    made.images().iter().map(|image| content::hash_of_file(&made.directory.join(image))).collect()
}

fn unchanged(made: &Made, before: &[(String, u64)]) -> Result<Result<(), String>> {
    let after = hashes(made)?;
    let changed: Vec<String> = made
        .images()
        .into_iter()
        .zip(before.iter().zip(&after))
        .filter(|(_, (before, after))| before != after)
        .map(|(image, _)| image)
        .collect();
    if changed.is_empty() { Ok(Ok(())) } else { Ok(Err(format!("{} changed", changed.join(", ")))) }
}

fn describe(trial: &Trial) -> String {
    let lost: Vec<String> = trial.lost.iter().map(|image| format!("m{image}")).collect();
    let lost =
        if lost.is_empty() { "whole".to_owned() } else { format!("without {}", lost.join(" ")) };
    let options = trial.options.iter().map(|word| format!(" {word}")).collect::<String>();
    format!("copy {lost}{options}")
}

/// A call of `paritas` in the images' directory, in the surroundings that texts are compared in.
pub(super) fn call(program: &Path, made: &Made) -> Command {
    // A program that hangs is a failure, not a test that never ends.
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", TIMEOUT]).arg(program);
    command.current_dir(&made.directory).env("TZ", "UTC").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

fn copy(program: &Path, made: &Made, trial: &Trial, out: &str) -> Command {
    let mut command = call(program, made);
    command.arg("copy").args(&trial.options);
    for (index, image) in made.images().iter().enumerate() {
        if !trial.lost.contains(&index) {
            command.arg(image);
        }
    }
    command.arg(out).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn copy_to_file(program: &Path, made: &Made, trial: &Trial) -> Result<Result<(), String>> {
    let out: PathBuf = made.directory.join("out.img");
    let output = copy(program, made, trial, "out.img")
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let written = if out.exists() { Some(content::hash_of_file(&out)?) } else { None };
    if out.exists() {
        std::fs::remove_file(&out).context("cannot remove the copy")?;
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() {
        return Ok(judge_success(made, trial.outcome, written.as_ref()));
    }
    let refused = judge_failure(trial.outcome, output.status.code(), &message);
    Ok(refused.and_then(|()| match written {
        None => Ok(()),
        Some((_, length)) => Err(format!("refused, yet left {length} bytes in OUT")),
    }))
}

fn copy_to_pipe(program: &Path, made: &Made, trial: &Trial) -> Result<Result<(), String>> {
    let log = made.directory.join("copy-errors");
    let mut child = copy(program, made, trial, "-")
        .stderr(std::fs::File::create(&log)?)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let pipe = child.stdout.take().context("the child has no standard output")?;
    let written = content::hash_of_reader(pipe)?;
    let status = child.wait().context("cannot wait for the program")?;
    let message = std::fs::read_to_string(&log).unwrap_or_default().trim().to_owned();
    if status.success() {
        return Ok(judge_success(made, trial.outcome, Some(&written)));
    }
    Ok(judge_failure(trial.outcome, status.code(), &message))
}

fn judge_success(
    made: &Made,
    wanted: Outcome,
    written: Option<&(String, u64)>,
) -> Result<(), String> {
    let Some((hash, length)) = written else {
        return Err("ended well, but there is no OUT".to_owned());
    };
    let size = made.manifest.size;
    if wanted == Outcome::Refused {
        return Err(format!("gave {length} bytes where an error was due"));
    }
    if *length != size {
        return Err(format!("{length} bytes, the array has {size}"));
    }
    if *hash != made.manifest.sha256 {
        return Err(format!("content {hash}, the driver wrote {}", made.manifest.sha256));
    }
    Ok(())
}

fn judge_failure(wanted: Outcome, code: Option<i32>, message: &str) -> Result<(), String> {
    let Some(code) = code else {
        return Err(format!("killed by a signal: {message}"));
    };
    // A panic ends with 101: never a refusal.
    if code == 101 || message.contains("panicked") {
        return Err(format!("panicked: {message}"));
    }
    if code == TIMED_OUT {
        return Err(format!("did not end within {TIMEOUT} s: {message}"));
    }
    if message.is_empty() {
        return Err(format!("ended with code {code} without a word"));
    }
    match wanted {
        Outcome::Exact => Err(format!("code {code}: {message}")),
        Outcome::Refused | Outcome::ExactOrRefused => Ok(()),
    }
}
