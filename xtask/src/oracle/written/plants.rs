//! Planted differences: whether a walk that goes on leaves alone what is done, and does the rest.
//!
//! The one thing to understand: a walk that starts where the last one ended does not see a spoilt
//! sector below; one that starts again repairs it. So a sector of redundancy is spoilt on both sides
//! of the position. Afterwards the one below must still be spoilt, and is put right; the one above
//! must be right already.

use super::fields;
use super::table::{Case, Walk};
use crate::oracle::shape::Level;
use anyhow::{Context, Result};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;
const SPOILT: u8 = 0x6b;

/// A spoilt sector.
#[derive(Clone, Debug)]
pub(super) struct Plant {
    image: String,
    /// The byte of the image where it begins.
    at: u64,
    old: Vec<u8>,
    is_below: bool,
}

/// Spoils a sector below `position` and one above it.
pub(super) fn plant(case: &Case, directory: &Path, position: u64) -> Result<Vec<Plant>> {
    let one = &case.combination;
    // raid10 counts a resync in sectors of the array, of which half are on each member.
    let is_of_array = matches!(one.level, Level::Raid10(_)) && case.newcomer().is_none();
    let (position, end) = match is_of_array {
        true => (position * 2 / one.count as u64, 10_240),
        false => (position, 10_240),
    };
    let mut plants = Vec::new();
    for (sector, is_below) in [(position / 2, true), (position + (end - position) / 2, false)] {
        let image = match case.newcomer() {
            Some(newcomer) => newcomer,
            None => one.order[redundant_slot(case, sector)].context("the slot is not empty")?,
        };
        let image = format!("m{image}.img");
        let path = directory.join(&image);
        let at = (fields::read(&path, one.metadata)?.data_offset + sector) * SECTOR as u64;
        let file = open(&path)?;
        let mut old = vec![0; SECTOR];
        file.read_exact_at(&mut old, at)?;
        file.write_all_at(&[SPOILT; SECTOR], at)?;
        plants.push(Plant { image, at, old, is_below });
    }
    Ok(plants)
}

/// The slot whose sector can be computed from the others'.
fn redundant_slot(case: &Case, sector: u64) -> usize {
    let one = &case.combination;
    let row = sector / (one.chunk_kib.unwrap_or(64) * 2);
    let row = usize::try_from(row).unwrap_or(0);
    match one.level {
        Level::Raid4 => one.count - 1,
        Level::Raid5 | Level::Raid6 => one.count - 1 - row % one.count,
        _ => 1,
    }
}

/// What is wrong with the plants after the walk; puts those below right.
pub(super) fn harvest(plants: &[Plant], directory: &Path) -> Result<Vec<String>> {
    let mut failures = Vec::new();
    for plant in plants {
        let file = open(&directory.join(&plant.image))?;
        let mut now = vec![0; SECTOR];
        file.read_exact_at(&mut now, plant.at)?;
        let is_spoilt = now == [SPOILT; SECTOR];
        let Plant { image, at, is_below, .. } = plant;
        if *is_below && !is_spoilt {
            failures.push(format!("{image} at byte {at}: the walk did what was done already"));
        }
        if !*is_below && is_spoilt {
            failures.push(format!("{image} at byte {at}: the walk left out what was not done"));
        }
        if *is_below {
            file.write_all_at(&plant.old, plant.at)?;
        }
    }
    Ok(failures)
}

/// Hands the plants to the guest, which looks after them between its walk and its check.
pub(super) fn hand_over(plants: &[Plant], directory: &Path) -> Result<String> {
    std::fs::write(directory.join("spoilt"), [SPOILT; SECTOR])?;
    let mut words = Vec::new();
    for (number, plant) in plants.iter().enumerate() {
        std::fs::write(directory.join(format!("plant{number}")), &plant.old)?;
        let side = if plant.is_below { "below" } else { "above" };
        words.push(format!("{}:{}:{side}", plant.image, plant.at));
    }
    Ok(words.join(" "))
}

/// Whether a hand-over is shown by plants; the others are written to while they walk.
pub(super) fn are_planted(walk: Walk) -> bool {
    matches!(walk, Walk::FromDriver { tenth } | Walk::ToDriver { tenth } if tenth % 3 != 0)
}

fn open(path: &PathBuf) -> Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}
