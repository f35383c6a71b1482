//! `cargo xtask oracle force`: every cell of `oracle/judge/force.tsv`, put to `mdadm --assemble --force`.
//!
//! The one thing to understand: the driver is told to write nothing before the first write, so every
//! byte that changes in a superblock is mdadm's. What came out must be what the file says; that ours
//! is the same is checked by the test `force` of the crate `manage`. With `PARITAS_BLESS=1` the
//! answers are written into the file, for a person to read.

use super::{Place, boot, judge};
use anyhow::{Context, Result, ensure};
use clap::Args;
use paritas_format::Superblock;
use paritas_format::superblock::Version;
use std::fmt::Write;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the cells are, from the workspace's root.
const FILE: &str = "oracle/judge/force.tsv";
/// Time for a boot, and for each of its cells.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const CELL_LIMIT: Duration = Duration::from_secs(3);

/// Which cells, and what stays.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only cells whose line holds this text
    #[arg(long)]
    only: Option<String>,
    /// Keep all images in this new directory
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Asks mdadm and the driver what the options name; the number of cells that were compared.
///
/// # Errors
/// When the guest fails, or an answer is not the file's.
pub(crate) fn run(root: &Path, options: &Options) -> Result<usize> {
    let start = Instant::now();
    let path = root.join(FILE);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let mut lines: Vec<Vec<String>> =
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    let is_chosen = |line: &Vec<String>| {
        line.len() == 6
            && options
                .only
                .as_ref()
                .is_none_or(|only| line.iter().any(|field| field.contains(only)))
    };
    let chosen: Vec<usize> = (0..lines.len()).filter(|at| is_chosen(&lines[*at])).collect();
    ensure!(!chosen.is_empty(), "no cell has {:?} in its line", options.only);
    let place = Place::new(root, options.keep.as_deref())?;
    let directory = place.directory.join("force");
    let answers = ask(root, &directory, &lines, &chosen)?;
    if std::env::var_os("PARITAS_BLESS").is_some_and(|bless| bless == "1") {
        for (at, answer) in &answers {
            lines[*at].splice(2..5, answer.clone());
        }
        let lines: Vec<String> = lines.iter().map(|line| line.join("\t")).collect();
        std::fs::write(&path, format!("{}\n", lines.join("\n")))?;
    }
    let mut failures = 0;
    for (at, answer) in &answers {
        let line = &lines[*at];
        // What the driver itself writes has times in it.
        let compared = if line[5] == "driver-goes-on" { 1 } else { 3 };
        if line[2..2 + compared] != answer[..compared] {
            failures += 1;
            println!(
                "FAILED {} | {}: {answer:?}, the file says {:?}",
                line[0],
                line[1],
                &line[2..5]
            );
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("force: {} cells, {failures} failures, {seconds:.0} s", answers.len());
    ensure!(failures == 0, "{failures} cells are not what the file says of mdadm");
    Ok(answers.len())
}

/// What became of a cell: the driver's words, the bytes written, what mdadm said.
type Answer = [String; 3];

fn ask(
    root: &Path,
    directory: &Path,
    lines: &[Vec<String>],
    chosen: &[usize],
) -> Result<Vec<(usize, Answer)>> {
    std::fs::create_dir_all(directory)?;
    let mut list = String::new();
    let mut before = Vec::new();
    for &at in chosen {
        let superblocks = judge::write_members(directory, at, &lines[at][0], &lines[at][1])?;
        let _ = writeln!(list, "{at} {} --force", superblocks.len());
        before.push(superblocks);
    }
    std::fs::write(directory.join("cells"), list)?;
    let limit = BOOT_LIMIT + CELL_LIMIT * u32::try_from(chosen.len())?;
    boot::boot(root, "init.sh", directory, limit)?;
    let text = std::fs::read_to_string(directory.join("answers"))?;
    let mut answers = Vec::new();
    for line in text.lines() {
        let (at, answer) = judge::parse(line)?;
        let place =
            chosen.iter().position(|one| *one == at).context("a cell that was not asked")?;
        let written = written(directory, at, &before[place])?;
        answers.push((at, [answer.words, written, said(directory, at)?]));
    }
    ensure!(answers.len() == chosen.len(), "the guest said nothing of some cells");
    Ok(answers)
}

/// The bytes that differ now, but for checksums: `mN@OFFSET=HEX`.
fn written(directory: &Path, at: usize, before: &[Superblock]) -> Result<String> {
    let mut changes = Vec::new();
    for (number, superblock) in before.iter().enumerate() {
        let image = File::open(directory.join(format!("{at}-{number}.img")))?;
        let old = superblock.encode();
        let mut new = vec![0; old.len()];
        image.read_exact_at(&mut new, superblock.place().at.0 * 512)?;
        let checksum = if superblock.version() == Version::V0_90 { 152..156 } else { 216..220 };
        let differs =
            |offset: &usize| !checksum.contains(offset) && old.get(*offset) != new.get(*offset);
        let places: Vec<usize> = (0..old.len()).filter(differs).collect();
        for run in places.chunk_by(|a, b| a + 1 == *b) {
            let bytes = run.iter().fold(String::new(), |mut text, offset| {
                let _ = write!(text, "{:02x}", new[*offset]);
                text
            });
            changes.push(format!("m{number}@{}={bytes}", run[0]));
        }
    }
    Ok(if changes.is_empty() { "-".to_owned() } else { changes.join(" ") })
}

/// What mdadm said, in one line, with the members' numbers for their devices.
fn said(directory: &Path, at: usize) -> Result<String> {
    let text = std::fs::read_to_string(directory.join(format!("{at}.said")))?;
    let lines = text.lines().map(|line| {
        line.trim().trim_start_matches("mdadm: ").replace("/dev/loop", "m").replace('\t', " ")
    });
    // That the array is gone already may be said or not when it is stopped.
    let is_of_stop = |line: &str| line.starts_with("error opening") || line.starts_with("clear: ");
    let is_kept = |line: &String| !line.is_empty() && !is_of_stop(line);
    let lines: Vec<String> = lines.filter(is_kept).collect();
    Ok(if lines.is_empty() { "-".to_owned() } else { lines.join(" / ") })
}
