//! `cargo xtask oracle create`: arrays that `paritas create` makes beside those of mdadm.
//!
//! Both get the same words over sparse images of the same sizes. Every byte that is not zero must
//! be the same, but for the fields of a named list; then the driver starts both, and what mdadm
//! says about them (size, slots, state) must be the same, and start everything that is not marked.

mod compare;
mod table;

use super::{Place, boot};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use table::Case;

/// Cases of one boot.
const BATCH: usize = 48;
/// Time for a boot, and for each of its cases.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const CASE_LIMIT: Duration = Duration::from_secs(15);
/// The words that both get.
const COMMON: &str = "--uuid=11223344:55667788:99aabbcc:ddeeff00 --homehost=oracle";

/// Which cases, and with which program.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only cases whose key holds this text
    #[arg(long)]
    only: Option<String>,
    /// Only the cases of the test command
    #[arg(long)]
    subset: bool,
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
        Self { subset: true, program: Some(program), ..Self::default() }
    }
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
    let chosen: Vec<Case> = table::all().into_iter().filter(is_chosen).collect();
    if options.list {
        chosen.iter().for_each(|one| println!("{}: {} {}", one.key, one.words, one.order));
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
    let start = Instant::now();
    let (compared, failures) = batches(root, &place, &program, &chosen)?;
    for failure in &failures {
        println!("FAILED {failure}");
    }
    println!(
        "oracle create: {} cases, {compared} comparisons, {} failures, {:.0} s",
        chosen.len(),
        failures.len(),
        start.elapsed().as_secs_f64()
    );
    if !failures.is_empty() {
        bail!("{} comparisons with mdadm --create failed", failures.len());
    }
    Ok(compared)
}

/// Runs all batches, some guests at a time.
fn batches(
    root: &Path,
    place: &Place,
    program: &Path,
    chosen: &[Case],
) -> Result<(usize, Vec<String>)> {
    let size = chosen.len().div_ceil(super::GUESTS).min(BATCH);
    let waiting = Mutex::new(chosen.chunks(size).enumerate());
    let outcome = Mutex::new((0, Vec::new()));
    let poisoned = "a thread panicked";
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let next = waiting.lock().expect(poisoned).next();
                let Some((number, batch)) = next else { return Ok(()) };
                let directory = place.directory.join(format!("create-{number:02}"));
                let (compared, failures) = run_batch(root, &directory, program, batch)?;
                let mut outcome = outcome.lock().expect(poisoned);
                outcome.0 += compared;
                outcome.1.extend(failures);
                place.discard(&directory)?;
            }
        };
        let workers: Vec<_> = (0..super::GUESTS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect(poisoned))
    })?;
    Ok(outcome.into_inner().expect(poisoned))
}

fn run_batch(
    root: &Path,
    directory: &Path,
    program: &Path,
    batch: &[Case],
) -> Result<(usize, Vec<String>)> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let mut failures = Vec::new();
    let mut made = Vec::new();
    for case in batch {
        let place = directory.join(&case.key);
        std::fs::create_dir(&place)?;
        for (index, size) in case.sizes.iter().enumerate() {
            for owner in ["m", "o"] {
                let image = std::fs::File::create_new(place.join(format!("{owner}{index}.img")))?;
                image.set_len(*size).context("cannot set the size of an image")?;
            }
        }
        let plan = format!("words='{COMMON} {}'\norder='{}'\n", case.words, case.order);
        std::fs::write(place.join("plan"), plan)?;
        match create(program, &place, case)? {
            Ok(bytes) => made.push((case, place, bytes)),
            Err(said) => failures.push(format!("{}: paritas refuses: {said}", case.key)),
        }
    }
    let limit = BOOT_LIMIT + CASE_LIMIT * u32::try_from(batch.len())?;
    boot::boot(root, "create.sh", directory, limit)?;
    let mut compared = 0;
    for (case, place, bytes) in made {
        let (count, found) = compare::compare(&place, case, bytes)?;
        compared += count;
        failures.extend(found.into_iter().map(|failure| format!("{}: {failure}", case.key)));
    }
    Ok((compared, failures))
}

/// Has the program make the case's array; gives the array's size in bytes, or what was said.
fn create(program: &Path, place: &Path, case: &Case) -> Result<Result<u64, String>> {
    // mdadm's words for devices are m0, m1, ...; the program's images are o0.img, o1.img, ...
    let order = case.order.split_whitespace().map(|word| match word.strip_prefix('m') {
        Some(number) if word != "missing" => format!("o{number}.img"),
        _ => word.to_owned(),
    });
    let output = Command::new(program)
        .args(["create", "md0", "--no-start", "--run", "--json"])
        .args(COMMON.split_whitespace())
        .args(case.words.split_whitespace())
        .args(order)
        .current_dir(place)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let created: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    Ok(Ok(created["bytes"].as_u64().context("no size was printed")?))
}
