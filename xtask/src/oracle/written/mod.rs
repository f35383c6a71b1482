//! `cargo xtask oracle written`: arrays that the program writes and the driver uses afterwards.
//!
//! Three parts, one way: an array is made (by `paritas create`, or by the driver), written by real
//! NBD clients while `paritas assemble --foreground` serves it, and stopped. `paritas copy` must give
//! what was written; then the driver assembles it, must owe it nothing, read the same, and find no
//! mismatch. In a hand-over one of the two stops a resync or recovery in the middle and the other
//! goes on; planted differences show where it went on ([`plants`]).
//!
//! A batch makes one boot, or two if the driver makes arrays of it. While one batch is in the guest,
//! the next one is being written.

mod changes;
pub(super) mod fields;
mod judge;
mod perform;
mod plants;
mod table;

#[cfg(test)]
mod tests;

use super::made::{self, Made};
use super::{Place, boot, content};
use anyhow::{Context, Result, bail};
use clap::Args;
use perform::Written;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use table::Case;

/// Cases of one batch.
const BATCH: usize = 20;
/// Batches under way at a time; one of them at most is in a guest.
const WORKERS: usize = 2;
/// Time for a boot, and for each of its cases.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const CASE_LIMIT: Duration = Duration::from_secs(60);

/// Which cases, and with which program.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only cases whose key holds this text
    #[arg(long)]
    only: Option<String>,
    /// Only the cases of the test command
    #[arg(long)]
    subset: bool,
    /// Only every so many of the cases
    #[arg(long, default_value_t = 1, value_name = "N")]
    every: usize,
    /// Print the cases and end
    #[arg(long)]
    list: bool,
    /// Keep all images in this new directory
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The program; the workspace's own is built when none is named
    #[arg(long)]
    program: Option<PathBuf>,
}

impl Options {
    /// What the test command runs.
    pub(crate) fn subset(program: PathBuf) -> Self {
        Self { subset: true, every: 1, program: Some(program), ..Self::default() }
    }
}

/// What has come out so far.
#[derive(Default)]
struct Outcome {
    compared: usize,
    failures: usize,
}

/// Runs what the options name, and gives the number of comparisons.
///
/// # Errors
/// When a comparison fails, or the guest does.
pub(crate) fn run(root: &Path, options: &Options) -> Result<usize> {
    let is_chosen = |case: &Case| {
        (!options.subset || case.is_in_subset)
            && options.only.as_ref().is_none_or(|only| case.key.contains(only.as_str()))
    };
    let all = table::all().into_iter().filter(is_chosen);
    let chosen: Vec<Case> = all.step_by(options.every.max(1)).collect();
    if options.list {
        chosen.iter().for_each(|case| println!("{}", case.key));
        return Ok(chosen.len());
    }
    if chosen.is_empty() {
        bail!("no case has {:?} in its key; see --list", options.only);
    }
    let program = match &options.program {
        Some(program) => program.clone(),
        None => crate::build::program(root)?,
    };
    let place = Place::new(root, options.keep.as_deref())?;
    content::write_pattern(&place.directory.join("pattern"))?;
    let start = Instant::now();
    let outcome = batches(&Run { root, place: &place, program: &program }, &chosen)?;
    println!(
        "oracle written: {} arrays, {} comparisons, {} failures, {:.0} s",
        chosen.len(),
        outcome.compared,
        outcome.failures,
        start.elapsed().as_secs_f64()
    );
    if outcome.failures > 0 {
        bail!("{} comparisons of written arrays failed", outcome.failures);
    }
    Ok(outcome.compared)
}

struct Run<'a> {
    root: &'a Path,
    place: &'a Place,
    program: &'a Path,
}

fn batches(run: &Run<'_>, chosen: &[Case]) -> Result<Outcome> {
    let size = chosen.len().div_ceil(WORKERS).min(BATCH);
    let waiting = Mutex::new(chosen.chunks(size).enumerate());
    let (outcome, guest) = (Mutex::new(Outcome::default()), Mutex::new(()));
    let poisoned = "a thread panicked";
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let next = waiting.lock().expect(poisoned).next();
                let Some((number, batch)) = next else { return Ok(()) };
                let directory = run.place.directory.join(format!("written-{number:02}"));
                let found = run_batch(run, &directory, batch, &guest)?;
                let mut outcome = outcome.lock().expect(poisoned);
                outcome.compared += found.compared;
                outcome.failures += found.failures;
                run.place.discard(&directory)?;
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect(poisoned))
    })?;
    Ok(outcome.into_inner().expect(poisoned))
}

fn run_batch(
    run: &Run<'_>,
    directory: &Path,
    batch: &[Case],
    guest: &Mutex<()>,
) -> Result<Outcome> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let mut outcome = Outcome::default();
    let mut fail = |key: &str, failures: &[String]| {
        outcome.failures += failures.len();
        failures.iter().for_each(|failure| println!("FAILED {key}: {failure}"));
    };
    let made = by_driver(run, directory, batch, guest)?;
    let mut all: Vec<Written> = Vec::new();
    for (case, made) in batch.iter().zip(made) {
        let written = match made {
            Some(Err(error)) => Err(error),
            Some(Ok(made)) => {
                let place = made.directory.clone();
                perform::perform(run.program, case, &place, Some(&made))
            }
            None => {
                let place = directory.join("plans").join(&case.key);
                std::fs::create_dir_all(&place)?;
                perform::perform(run.program, case, &place, None)
            }
        };
        match written {
            Ok(written) => all.push(written),
            Err(error) => fail(&case.key, &[format!("{error:#}")]),
        }
    }
    let plans = directory.join("plans");
    std::fs::create_dir_all(&plans)?;
    // What the driver has made lies elsewhere; the guest looks at one directory.
    for written in &mut all {
        let place = plans.join(&written.case.key);
        if written.directory != place {
            std::fs::rename(&written.directory, &place)?;
            written.directory = place;
        }
    }
    let limit = BOOT_LIMIT + CASE_LIMIT * u32::try_from(all.len())?;
    {
        let _guest = guest.lock().expect("a thread panicked");
        boot::boot(run.root, "written.sh", &plans, limit)?;
    }
    let mut compared = 0;
    for written in &all {
        let judged = judge::judge(written)?;
        compared += judged.compared + written.compared;
        fail(&written.case.key, &written.failures);
        fail(&written.case.key, &judged.failures);
    }
    outcome.compared = compared;
    Ok(outcome)
}

/// For each case of the batch: what the driver has made for it, if it was to.
fn by_driver(
    run: &Run<'_>,
    directory: &Path,
    batch: &[Case],
    guest: &Mutex<()>,
) -> Result<Vec<Option<Result<Made>>>> {
    let theirs: Vec<_> = batch
        .iter()
        .filter(|case| perform::is_made_by_driver(case))
        .map(|case| case.combination.clone())
        .collect();
    let mut made = Vec::new().into_iter();
    if !theirs.is_empty() {
        let _guest = guest.lock().expect("a thread panicked");
        let place = directory.join("made");
        std::fs::create_dir_all(&place)?;
        std::fs::hard_link(run.place.directory.join("pattern"), directory.join("pattern"))?;
        made = made::make(run.root, &place, &theirs)?.into_iter();
    }
    Ok(batch
        .iter()
        .map(|case| if perform::is_made_by_driver(case) { made.next() } else { None })
        .collect())
}
