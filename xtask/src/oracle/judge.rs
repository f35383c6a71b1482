//! `cargo xtask oracle judge`: every cell of `oracle/judge/cells.tsv`, put to mdadm and the driver.
//!
//! A cell's words become superblocks on small sparse images, one letter fills the start of each
//! member's data, and the guest assembles exactly these members. What came out must be what the file
//! says; what the file says beside our own judgement is checked by the engine's test `judge_cells`,
//! where a difference without a name fails. With `PARITAS_BLESS=1` the driver's answers are written
//! into the file, for a person to read.

use super::{Place, boot};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use paritas_format::Superblock;
use paritas_format::build::cell;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Where the cells are, from the workspace's root.
const FILE: &str = "oracle/judge/cells.tsv";
/// A member's size, as the builder assumes it.
const MEMBER_BYTES: u64 = 64 << 20;
/// So much of a member's data is its letter.
const MARKED_BYTES: usize = 64 << 10;
/// Cells of one boot.
const BATCH: usize = 150;
/// Time for a boot, and for each of its cells.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const CELL_LIMIT: Duration = Duration::from_secs(2);
/// What stands for the name of a difference where there is none.
const NO_DIFFERENCE: &str = "-";

/// Which cells, and what stays.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only every Nth cell, evenly over all families
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Only cells whose line holds this text
    #[arg(long)]
    only: Option<String>,
    /// How many guests run at a time
    #[arg(long, default_value_t = super::GUESTS)]
    guests: usize,
    /// Keep all images in this new directory
    #[arg(long)]
    keep: Option<PathBuf>,
}

impl Options {
    /// What the test command asks.
    pub(crate) fn subset() -> Self {
        // A prime goes through the axes of every product.
        Self { every: 11, guests: super::GUESTS, ..Self::default() }
    }
}

/// A line of the file.
#[derive(Clone)]
struct Line {
    fields: [String; 8],
}

impl Line {
    fn parse(text: &str) -> Result<Self> {
        let fields: Vec<String> = text.split('\t').map(str::to_owned).collect();
        let fields = fields.try_into();
        Ok(Self { fields: fields.map_err(|_| anyhow::anyhow!("not eight columns: {text}"))? })
    }

    fn array(&self) -> &str {
        &self.fields[1]
    }

    fn members(&self) -> &str {
        &self.fields[2]
    }

    fn driver(&self) -> &str {
        &self.fields[6]
    }

    fn difference(&self) -> &str {
        &self.fields[7]
    }
}

/// What the guest said of a cell.
pub(super) struct Answer {
    pub(super) words: String,
    /// The letter of the member that the array's first byte came from.
    first: Option<char>,
}

/// Asks the driver what the options name; the number of cells that were compared.
///
/// # Errors
/// When the guest fails, or an answer is not the file's.
pub(crate) fn run(root: &Path, options: &Options) -> Result<usize> {
    let start = Instant::now();
    let path = root.join(FILE);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let is_head = |line: &&str| line.starts_with('#');
    let head: Vec<&str> = text.lines().filter(is_head).collect();
    let mut lines: Vec<Line> =
        text.lines().filter(|line| !is_head(line)).map(Line::parse).collect::<Result<_>>()?;
    let chosen: Vec<usize> = choose(&lines, options);
    ensure!(!chosen.is_empty(), "no cell has {:?} in its line", options.only);
    let answers = ask(root, options, &lines, &chosen)?;
    if std::env::var_os("PARITAS_BLESS").is_some_and(|bless| bless == "1") {
        for (at, answer) in &answers {
            lines[*at].fields[6].clone_from(&answer.words);
        }
        let lines: Vec<String> = lines.iter().map(|line| line.fields.join("\t")).collect();
        std::fs::write(&path, format!("{}\n{}\n", head.join("\n"), lines.join("\n")))?;
    }
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = 0;
    for (at, answer) in &answers {
        *differences.entry(lines[*at].difference()).or_default() += 1;
        if let Err(why) = compare(&lines[*at], answer) {
            failures += 1;
            println!("FAILED {} | {}: {why}", lines[*at].array(), lines[*at].members());
        }
    }
    let equal = differences.remove(NO_DIFFERENCE).unwrap_or(0);
    println!(
        "judge: {} of {} cells, {equal} as the driver, {failures} failures, {:.0} s",
        answers.len(),
        lines.len(),
        start.elapsed().as_secs_f64()
    );
    differences.iter().for_each(|(name, count)| println!("  {count} differ: {name}"));
    ensure!(failures == 0, "{failures} cells are not what the file says of the driver");
    Ok(answers.len())
}

fn choose(lines: &[Line], options: &Options) -> Vec<usize> {
    let is_chosen = |at: &usize| {
        let named = |only: &String| lines[*at].fields.iter().any(|field| field.contains(only));
        at.is_multiple_of(options.every.max(1)) && options.only.as_ref().is_none_or(named)
    };
    (0..lines.len()).filter(is_chosen).collect()
}

fn compare(line: &Line, answer: &Answer) -> Result<()> {
    ensure!(
        line.driver() == answer.words,
        "the driver says `{}`, the file `{}`",
        answer.words,
        line.driver()
    );
    // The letter shows that slots are not only said to be members' but are read from them. What is
    // computed from parity may be any letter.
    let is_computed =
        ["raid4", "raid5", "raid6"].iter().any(|level| line.array().starts_with(level));
    let first = answer.first.filter(|_| !is_computed);
    let number = first.and_then(|letter| u32::from(letter).checked_sub(u32::from('a')));
    if let Some(number) = number {
        let holds = format!("=m{number}");
        let is_seated = answer
            .words
            .split(' ')
            .any(|seat| seat.split('<').next().unwrap_or_default().ends_with(&holds));
        ensure!(is_seated, "the first byte is m{number}'s, which has no slot: `{}`", answer.words);
    }
    Ok(())
}

/// The driver's answers by the lines' numbers, some boots at a time.
fn ask(
    root: &Path,
    options: &Options,
    lines: &[Line],
    chosen: &[usize],
) -> Result<BTreeMap<usize, Answer>> {
    let place = Place::new(root, options.keep.as_deref())?;
    let size = BATCH.min(chosen.len().div_ceil(options.guests.max(1)));
    let batches = Mutex::new(chosen.chunks(size).enumerate());
    let answers = Mutex::new(BTreeMap::new());
    let poisoned = "a thread panicked";
    let work = || -> Result<()> {
        loop {
            let Some((number, batch)) = batches.lock().expect(poisoned).next() else {
                return Ok(());
            };
            let directory = place.directory.join(format!("judge-{number:02}"));
            let answered = ask_batch(root, &directory, lines, batch)?;
            answers.lock().expect(poisoned).extend(answered);
            place.discard(&directory)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.guests.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect(poisoned))
    })?;
    Ok(answers.into_inner().expect(poisoned))
}

fn ask_batch(
    root: &Path,
    directory: &Path,
    lines: &[Line],
    batch: &[usize],
) -> Result<HashMap<usize, Answer>> {
    std::fs::create_dir_all(directory)?;
    let mut list = String::new();
    for &at in batch {
        let line = &lines[at];
        let count = write_members(directory, at, line.array(), line.members())?.len();
        list.push_str(&format!("{at} {count}\n"));
    }
    std::fs::write(directory.join("cells"), list)?;
    let limit = BOOT_LIMIT + CELL_LIMIT * u32::try_from(batch.len())?;
    boot::boot(root, "init.sh", directory, limit)?;
    let text = std::fs::read_to_string(directory.join("answers"))?;
    let answers: HashMap<usize, Answer> = text.lines().map(parse).collect::<Result<_>>()?;
    if let Some(&at) = batch.iter().find(|&at| !answers.contains_key(at)) {
        bail!("the guest said nothing of {} | {}", lines[at].array(), lines[at].members());
    }
    Ok(answers)
}

pub(super) fn parse(line: &str) -> Result<(usize, Answer)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [at, words, first] = fields.as_slice() else { bail!("the guest said {line:?}") };
    let first = first.chars().next().filter(char::is_ascii_lowercase);
    Ok((at.parse()?, Answer { words: (*words).to_owned(), first }))
}

/// Writes the images of a cell, and gives their superblocks.
pub(super) fn write_members(
    directory: &Path,
    at: usize,
    array: &str,
    members: &str,
) -> Result<Vec<Superblock>> {
    let superblocks = cell(array, members)?;
    for (number, superblock) in superblocks.iter().enumerate() {
        let image = std::fs::File::create_new(directory.join(format!("{at}-{number}.img")))?;
        image.set_len(MEMBER_BYTES)?;
        let letter = b'a' + u8::try_from(number)?;
        image.write_all_at(&vec![letter; MARKED_BYTES], superblock.data_offset().0 * 512)?;
        image.write_all_at(&superblock.encode(), superblock.place().at.0 * 512)?;
    }
    Ok(superblocks)
}
