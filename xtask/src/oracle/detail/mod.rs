//! `cargo xtask oracle detail`: what mdadm and the driver say about running arrays, beside our texts.
//!
//! The one thing to understand: one boot makes a transcript of each array (the texts, what sysfs
//! knows of the moment, and the superblocks as they stood then), and the test `transcripts` of the
//! crate `control` makes our texts from the same superblocks. So the same comparison runs with a
//! guest, and without one over transcripts that were kept as fixtures.

mod table;
mod transcript;

use super::{Place, boot};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use table::Case;

/// Time for a boot, and for each of its arrays.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const CASE_LIMIT: Duration = Duration::from_secs(30);
/// Texts of each array.
const TEXTS: usize = 6;

/// Which arrays.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only arrays whose key holds this text
    #[arg(long)]
    only: Option<String>,
    /// Only the arrays of the test command
    #[arg(long)]
    subset: bool,
    /// Print the keys and end
    #[arg(long)]
    list: bool,
    /// Keep images and transcripts in this new directory
    #[arg(long)]
    keep: Option<PathBuf>,
}

impl Options {
    /// What the test command runs.
    pub(crate) fn subset() -> Self {
        Self { subset: true, ..Self::default() }
    }
}

/// Runs what the options name, and gives the number of comparisons.
///
/// # Errors
/// When a comparison fails, or the guest does.
pub(crate) fn run(root: &Path, options: &Options) -> Result<usize> {
    let is_chosen = |case: &Case| {
        (!options.subset || table::SUBSET.contains(&case.key.as_str()))
            && options.only.as_ref().is_none_or(|only| case.key.contains(only.as_str()))
    };
    let chosen: Vec<Case> = table::all().into_iter().filter(is_chosen).collect();
    if options.list {
        chosen.iter().for_each(|one| println!("{}: {} {}", one.key, one.words, one.order));
        return Ok(chosen.len());
    }
    if chosen.is_empty() {
        bail!("no array has {:?} in its key; see --list", options.only);
    }
    let start = Instant::now();
    let place = Place::new(root, options.keep.as_deref())?;
    let transcripts = place.directory.join("transcripts");
    make(root, &place.directory.join("arrays"), &transcripts, &chosen)?;
    compare(root, &transcripts)?;
    let compared = chosen.len() * TEXTS;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "oracle detail: {} arrays, {compared} comparisons, 0 failures, {seconds:.0} s",
        chosen.len()
    );
    Ok(compared)
}

/// Makes all transcripts anew, in `fixture`.
///
/// # Errors
/// When the guest fails.
pub(super) fn bless(root: &Path, scratch: &Path, fixture: &Path) -> Result<()> {
    make(root, &scratch.join("arrays"), fixture, &table::all())
}

/// Has the guest make the arrays in `directory`, and writes their transcripts.
fn make(root: &Path, directory: &Path, transcripts: &Path, chosen: &[Case]) -> Result<()> {
    std::fs::create_dir_all(transcripts).context("cannot make a directory for transcripts")?;
    for case in chosen {
        let place = directory.join(&case.key);
        std::fs::create_dir_all(&place)
            .with_context(|| format!("cannot make {}", place.display()))?;
        for (index, size) in case.sizes.iter().enumerate() {
            let image = std::fs::File::create_new(place.join(format!("m{index}.img")))?;
            image.set_len(size << 20).context("cannot set the size of an image")?;
        }
        let Case { words, order, steps, .. } = case;
        let plan = format!("words='{words}'\norder='{order}'\nsteps='{steps}'\n");
        std::fs::write(place.join("plan"), plan)?;
    }
    let limit = BOOT_LIMIT + CASE_LIMIT * u32::try_from(chosen.len())?;
    boot::boot(root, "detail.sh", directory, limit)?;
    for case in chosen {
        let text = transcript::of(&directory.join(&case.key))
            .with_context(|| format!("{} was not made by the driver", case.key))?;
        std::fs::write(transcripts.join(format!("{}.txt", case.key)), text)?;
    }
    Ok(())
}

/// Holds our texts against the transcripts.
fn compare(root: &Path, transcripts: &Path) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "-p", "paritas-control", "--test", "transcripts"])
        .env("PARITAS_TRANSCRIPTS", transcripts)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("our texts differ from those of mdadm and the driver");
    }
    Ok(())
}
