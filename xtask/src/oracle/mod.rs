//! `cargo xtask oracle`: arrays made by the real driver, read by `paritas`.
//!
//! A table of combinations is cut into batches. One thread boots the driver for the next batch while
//! others compare the last one, so that the machine is never idle; each batch's images are deleted
//! when they were compared. Nothing is skipped: an array that the driver did not make is a failure.

mod boot;
mod combination;
mod conditions;
mod content;
pub(crate) mod create;
pub(crate) mod detail;
pub(crate) mod filesystem;
pub(crate) mod fixtures;
pub(crate) mod force;
mod judge;
pub(crate) mod kill;
mod made;
mod reader;
mod served;
mod shape;
mod table;
mod text;
pub(crate) mod written;

#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use combination::Combination;
use made::Made;
use reader::Verdict;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

/// How many combinations one boot makes.
const BATCH: usize = 12;
/// How many guests run at a time. A guest uses one core.
const GUESTS: usize = 2;

/// What to compare, and with which program.
#[derive(Args, Default)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// Only combinations whose key holds this text
    #[arg(long)]
    only: Option<String>,
    /// Only the combinations of the test command
    #[arg(long)]
    subset: bool,
    /// Make the arrays and check them with the driver alone; no program is needed
    #[arg(long)]
    make_only: bool,
    /// Print the keys and end
    #[arg(long)]
    list: bool,
    /// Keep all images and manifests in this new directory
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The program; the workspace's own is built when none is named
    #[arg(long)]
    program: Option<PathBuf>,
    /// Only these places of the table
    #[arg(skip)]
    places: Option<Range<usize>>,
}

/// What else the driver is asked.
#[derive(Subcommand)]
enum Other {
    /// Which members it takes: the cells of oracle/judge/cells.tsv
    Judge(judge::Options),
    /// The bytes of `paritas create` beside those of mdadm --create
    Create(create::Options),
    /// What is said about running arrays beside mdadm --detail and /proc/mdstat
    Detail(detail::Options),
    /// Arrays that `paritas` writes, used by the driver afterwards
    Written(written::Options),
    /// What assembling by force brings in and writes: the cells of oracle/judge/force.tsv
    Force(force::Options),
    /// A file system that is written through the door and mounted by the driver
    Filesystem(filesystem::Options),
    /// Kill `paritas` while it writes, again and again
    Kill(kill::Options),
}

impl Options {
    /// What the test command asks about members.
    pub(crate) fn judge_subset() -> Self {
        Self { other: Some(Other::Judge(judge::Options::subset())), ..Self::default() }
    }

    /// What the test command runs.
    pub(crate) fn subset(program: PathBuf) -> Self {
        Self { subset: true, program: Some(program), ..Self::default() }
    }

    /// What a unit of a campaign runs: these places of the table.
    pub(crate) fn part(program: PathBuf, places: Range<usize>) -> Self {
        Self { places: Some(places), program: Some(program), ..Self::default() }
    }

    fn chosen(&self) -> Vec<Combination> {
        let all = table::all();
        if let Some(places) = &self.places {
            return all.get(places.clone()).map(<[_]>::to_vec).unwrap_or_default();
        }
        let is_chosen = |one: &Combination| {
            (!self.subset || one.is_in_subset)
                && self.only.as_ref().is_none_or(|only| one.key.contains(only.as_str()))
        };
        all.into_iter().filter(is_chosen).collect()
    }
}

/// How many combinations the table has.
pub(crate) fn table_length() -> usize {
    table::all().len()
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) combinations: usize,
    pub(crate) comparisons: usize,
    pub(crate) failures: usize,
}

/// Runs what the options name; an error when a comparison failed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<Summary> {
    let summary = compare(root, options)?;
    if summary.failures > 0 {
        bail!("{} comparisons with the real driver failed", summary.failures);
    }
    Ok(summary)
}

/// Runs what the options name and prints each failure and a summary.
pub(crate) fn compare(root: &Path, options: &Options) -> Result<Summary> {
    if let Some(other) = &options.other {
        let comparisons = match other {
            Other::Judge(options) => judge::run(root, options)?,
            Other::Create(options) => create::run(root, options)?,
            Other::Detail(options) => detail::run(root, options)?,
            Other::Written(options) => written::run(root, options)?,
            Other::Force(options) => force::run(root, options)?,
            Other::Filesystem(options) => filesystem::run(root, options)?,
            Other::Kill(options) => kill::run(root, options)?,
        };
        return Ok(Summary { comparisons, ..Summary::default() });
    }
    let chosen = options.chosen();
    if options.list {
        chosen.iter().for_each(|one| println!("{}", one.key));
        return Ok(Summary { combinations: chosen.len(), ..Summary::default() });
    }
    if chosen.is_empty() {
        bail!("no combination has {:?} in its key; see --list", options.only);
    }
    let program = match &options.program {
        _ if options.make_only => None,
        Some(program) => Some(program.clone()),
        None => Some(crate::build::program(root)?),
    };
    let place = Place::new(root, options.keep.as_deref())?;
    let start = Instant::now();
    let summary = pipeline(root, &place, program.as_deref(), &chosen)?;
    println!(
        "oracle: {} combinations, {} comparisons, {} failures, {:.0} s",
        summary.combinations,
        summary.comparisons,
        summary.failures,
        start.elapsed().as_secs_f64()
    );
    Ok(summary)
}

/// Where images are: a directory that goes away, or one that stays.
struct Place {
    directory: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Place {
    fn new(root: &Path, keep: Option<&Path>) -> Result<Self> {
        if let Some(keep) = keep {
            std::fs::create_dir(keep)
                .with_context(|| format!("cannot make {} (it must be new)", keep.display()))?;
            return Ok(Self { directory: keep.canonicalize()?, temporary: None });
        }
        let target = root.join("target");
        std::fs::create_dir_all(&target)?;
        let temporary = tempfile::Builder::new().prefix("oracle-").tempdir_in(target)?;
        Ok(Self { directory: temporary.path().to_path_buf(), temporary: Some(temporary) })
    }

    /// Removes a batch's images, unless they are to stay.
    fn discard(&self, batch: &Path) -> Result<()> {
        if self.temporary.is_some() {
            std::fs::remove_dir_all(batch).context("cannot remove compared images")?;
        }
        Ok(())
    }
}

/// A batch's directory and what was made in it.
type Batch = (PathBuf, Result<Vec<Result<Made>>>);

/// Makes batches in some threads and compares them in this one.
fn pipeline(
    root: &Path,
    place: &Place,
    program: Option<&Path>,
    chosen: &[Combination],
) -> Result<Summary> {
    content::write_pattern(&place.directory.join("pattern"))?;
    let waiting = Mutex::new(chosen.chunks(BATCH).enumerate());
    // Room for none: a guest that is ready waits until its images can be compared.
    let (sender, receiver) = sync_channel(0);
    std::thread::scope(|scope| {
        for _ in 0..GUESTS {
            let (waiting, sender) = (&waiting, sender.clone());
            scope.spawn(move || produce(root, &place.directory, waiting, &sender));
        }
        drop(sender);
        consume(place, program, receiver)
    })
}

/// The batches that nobody has made, with their numbers.
type Waiting<'a> = Mutex<std::iter::Enumerate<std::slice::Chunks<'a, Combination>>>;

fn produce(root: &Path, directory: &Path, waiting: &Waiting, sender: &SyncSender<Batch>) {
    loop {
        let next = waiting.lock().expect("a making thread panicked").next();
        let Some((number, batch)) = next else { return };
        let directory = directory.join(format!("batch-{number:02}"));
        let made = made::make(root, &directory, batch);
        if sender.send((directory, made)).is_err() {
            return;
        }
    }
}

fn consume(place: &Place, program: Option<&Path>, batches: Receiver<Batch>) -> Result<Summary> {
    let mut summary = Summary::default();
    for (directory, batch) in batches {
        let batch = batch?;
        summary.combinations += batch.len();
        let mut ready = Vec::new();
        for made in batch {
            match made {
                Ok(made) => ready.push(made),
                Err(error) => {
                    println!("FAILED {error:#}");
                    summary.failures += 1;
                }
            }
        }
        if let Some(program) = program {
            for (key, verdict) in compare_all(program, &ready)? {
                summary.comparisons += verdict.compared;
                summary.failures += verdict.failures.len();
                verdict.failures.iter().for_each(|failure| println!("FAILED {key}: {failure}"));
            }
        }
        place.discard(&directory)?;
    }
    Ok(summary)
}

/// Compares a batch on two threads; the third core's work, if there is one, is the next boot.
fn compare_all(program: &Path, ready: &[Made]) -> Result<Vec<(String, Verdict)>> {
    let next = Mutex::new(ready.iter());
    let verdicts = Mutex::new(Vec::new());
    let poisoned = "a comparing thread panicked";
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let Some(made) = next.lock().expect(poisoned).next() else { return Ok(()) };
                let verdict = reader::compare(program, made)?;
                let key = made.combination.key.clone();
                verdicts.lock().expect(poisoned).push((key, verdict));
            }
        };
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().try_for_each(|worker| worker.join().expect(poisoned))
    })?;
    Ok(verdicts.into_inner().expect(poisoned))
}
