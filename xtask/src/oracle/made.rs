//! Making: from combinations to directories with images whose content the driver has confirmed.
//!
//! One boot makes a whole batch. For every combination the guest fills the array, brings it into its
//! state, starts it again from read-only devices and hashes what it reads; only when that is the
//! hash of the pattern does a reader get to see the images.

use super::boot;
use super::combination::{Combination, Verification};
use super::content;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The least time that a guest gets.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// What each combination adds to it.
const COMBINATION_LIMIT: Duration = Duration::from_secs(40);
/// How far apart the contents of two arrays start, in bytes.
const OFFSET_STEP: u64 = 128 << 10;
/// Offsets go round below this, so that the largest array still fits into the pattern.
const OFFSET_MAX: u64 = 16 << 20;

/// A combination that the driver made.
pub(super) struct Made {
    pub(super) combination: Combination,
    /// Where its images m0.img, m1.img, ... are.
    pub(super) directory: PathBuf,
    pub(super) manifest: Manifest,
}

/// What is known about the images, as `manifest.json` beside them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Manifest {
    pub(super) key: String,
    pub(super) members: Vec<String>,
    /// The array's size in bytes.
    pub(super) size: u64,
    /// The SHA-256 of the array's content.
    pub(super) sha256: String,
    /// Whether the driver read the content back from read-only members.
    pub(super) verified_by_driver: bool,
    /// Each loss that is tried, with what is expected of it.
    pub(super) trials: Vec<String>,
}

impl Made {
    /// The images' names, in order.
    pub(super) fn images(&self) -> Vec<String> {
        self.manifest.members.clone()
    }
}

/// Makes a batch under `directory` with one boot.
///
/// # Errors
/// When the guest fails as a whole. A combination that the driver could not make is an error of its
/// own in the list.
pub(super) fn make(
    root: &Path,
    directory: &Path,
    batch: &[Combination],
) -> Result<Vec<Result<Made>>> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let pattern = directory.parent().unwrap_or(directory).join("pattern");
    for (combination, at) in batch.iter().zip(0..) {
        let place = directory.join(&combination.key);
        std::fs::create_dir(&place).with_context(|| format!("cannot make {}", place.display()))?;
        for (index, size) in combination.sizes.iter().enumerate() {
            let image = std::fs::File::create_new(place.join(format!("m{index}.img")))?;
            image.set_len(*size).context("cannot set the size of an image")?;
        }
        let plan = combination.plan(&pattern.display().to_string(), offset(at));
        std::fs::write(place.join("plan"), plan)?;
    }
    let limit = BOOT_LIMIT + COMBINATION_LIMIT * u32::try_from(batch.len())?;
    boot::boot(root, "init.sh", directory, limit)?;
    let collected = batch.iter().zip(0..).map(|(combination, at)| {
        collect(directory.join(&combination.key), combination, offset(at))
            .with_context(|| format!("{}: not made by the driver", combination.key))
    });
    Ok(collected.collect())
}

/// Where the content of the batch's `at`th array starts in the pattern.
fn offset(at: u64) -> u64 {
    at * OFFSET_STEP % OFFSET_MAX
}

fn collect(directory: PathBuf, combination: &Combination, offset: u64) -> Result<Made> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(directory.join(name))
            .with_context(|| format!("the guest left no `{name}` in {}", directory.display()));
        text.map(|text| text.trim().to_owned())
    };
    let status = read("status")?;
    if status != "ok" {
        let log = read("log")?;
        let lines: Vec<&str> = log.lines().collect();
        bail!("{status}\n    {}", lines[lines.len().saturating_sub(12)..].join("\n    "));
    }
    let size: u64 = read("size")?.parse().context("the array's size is no number")?;
    let mut sha256 = content::hash_of_pattern(offset + combination.content_shift(), size)?;
    let verified_by_driver = combination.verification() != Verification::Not;
    if verified_by_driver {
        let seen = read("sha256")?;
        let seen = seen.split_whitespace().next().unwrap_or_default();
        if combination.verification() == Verification::AsRead {
            sha256 = seen.to_owned();
        } else if seen != sha256 {
            bail!("the driver reads back {seen}, but {sha256} was written");
        }
    }
    let members = (0..combination.sizes.len()).map(|index| format!("m{index}.img")).collect();
    let trials = combination.trials().iter().map(|trial| format!("{trial:?}")).collect();
    let key = combination.key.clone();
    let manifest = Manifest { key, members, size, sha256, verified_by_driver, trials };
    std::fs::write(directory.join("manifest.json"), serde_json::to_vec_pretty(&manifest)?)?;
    Ok(Made { combination: combination.clone(), directory, manifest })
}
