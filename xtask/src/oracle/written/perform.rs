//! One case before the driver gets it: made, written through the door, stopped, copied.

use super::changes;
use super::fields::{self, Fields};
use super::plants::{self, Plant};
use super::table::{Case, Origin, Walk};
use crate::oracle::content;
use crate::oracle::made::Made;
use crate::oracle::served::{Served, client};
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a resync or recovery of some MiB may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(90);
/// A walk that is to be stopped in the middle, KiB a second.
const SLOW: &str = "3000";
const SLOWER: &str = "600";
/// A walk that is to stand almost still.
const STANDING: &str = "1";

/// What the guest is to find.
pub(super) struct Written {
    pub(super) case: Case,
    pub(super) directory: PathBuf,
    pub(super) sha256: String,
    pub(super) compared: usize,
    pub(super) failures: Vec<String>,
}

/// A case at work.
struct Work<'a> {
    program: &'a Path,
    case: &'a Case,
    directory: &'a Path,
    content: Vec<u8>,
    compared: usize,
    failures: Vec<String>,
}

/// Makes (unless the driver did) and writes the case's array, and leaves the guest its plan.
///
/// # Errors
/// What keeps the case from going on; the comparisons that failed are in the answer.
pub(super) fn perform(
    program: &Path,
    case: &Case,
    directory: &Path,
    made: Option<&Made>,
) -> Result<Written> {
    let content = Vec::new();
    let mut work = Work { program, case, directory, content, compared: 0, failures: Vec::new() };
    let seed = case.key.bytes().fold(7, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte));
    let planted = match made {
        None => work.make(seed)?,
        Some(made) => work.take(made, seed)?,
    };
    work.compare_copy()?;
    let Work { content, compared, failures, .. } = work;
    let sha256 = content::hash_of_reader(content.as_slice())?.0;
    std::fs::write(directory.join("plan"), plan(case, &planted))?;
    let (case, directory) = (case.clone(), directory.to_path_buf());
    Ok(Written { case, directory, sha256, compared, failures })
}

fn plan(case: &Case, planted: &str) -> String {
    // A member that missed writes is given to the driver as well in half of the cases.
    let with_stale = case.key.len().is_multiple_of(2);
    let is_given = |image: &usize| with_stale || !case.lost.contains(image);
    let members: Vec<String> = case
        .images()
        .iter()
        .filter(|image| is_given(image))
        .map(|at| format!("m{at}.img"))
        .collect();
    let redundant = if case.is_redundant() { "yes" } else { "no" };
    format!("members='{}'\nis_redundant={redundant}\nplants='{planted}'\n", members.join(" "))
}

impl Work<'_> {
    fn members(&self, without_lost: bool) -> Vec<String> {
        let images = self.case.images();
        let is_given = |image: &&usize| !without_lost || !self.case.lost.contains(image);
        images.iter().filter(is_given).map(|at| format!("m{at}.img")).collect()
    }

    /// What the members say that have not been failed by the driver.
    fn fields(&self) -> Result<Vec<Fields>> {
        let gone: Vec<String> = self.case.left().iter().map(|at| format!("m{at}.img")).collect();
        let read = |member: &String| {
            fields::read(&self.directory.join(member), self.case.combination.metadata)
        };
        self.members(true).iter().filter(|member| !gone.contains(member)).map(read).collect()
    }

    fn note(&mut self, what: &str, outcome: Result<(), String>) {
        self.compared += 1;
        if let Err(reason) = outcome {
            self.failures.push(format!("{what}: {reason}"));
        }
    }

    fn serve(&self, without_lost: bool, words: &[&str]) -> Result<Served> {
        let members = self.members(without_lost);
        Served::start(self.program, self.directory, &members, words)?
            .map_err(|said| anyhow!("not assembled: {said}"))
    }

    /// Made by the program.
    fn make(&mut self, seed: u64) -> Result<String> {
        self.create(seed)?;
        let owes = self.case.walk != Walk::None;
        let standing = ["--walk-limit", STANDING];
        let served = self.serve(false, if owes { &standing } else { &[] })?;
        let size = size(&served)?;
        self.content = vec![0; size];
        content::fill_bytes(&mut self.content, seed * 4096);
        let want = self.directory.join("want");
        std::fs::write(&want, &self.content)?;
        let filled = client("nbdcopy", &["--flush", &want.display().to_string(), &served.uri()]);
        std::fs::remove_file(&want)?;
        filled.map_err(|said| anyhow!("not filled: {said}"))?;
        let is_written_again = !self.case.lost.is_empty();
        if !is_written_again {
            self.change(&served, seed)?;
        }
        let stopped = served.stop();
        self.note("stop", stopped);
        if is_written_again {
            self.write_and_stop(seed)?;
        }
        match self.case.walk {
            Walk::ToTheEnd => self.walk_to_the_end(&[], None)?,
            Walk::ToDriver { tenth } => return self.walk_part(tenth, seed),
            Walk::None | Walk::FromDriver { .. } => {}
        }
        Ok(String::new())
    }

    fn create(&self, seed: u64) -> Result<()> {
        for (image, size) in self.case.combination.sizes.iter().enumerate() {
            let path = self.directory.join(format!("m{image}.img"));
            let file = std::fs::File::create_new(&path)?;
            if self.case.walk != Walk::None {
                // Nothing agrees with anything before the first resync.
                let mut garbage = vec![0; usize::try_from(*size)?];
                content::fill_bytes(&mut garbage, (seed + image as u64) * 8192 + (1 << 30));
                std::fs::write(&path, garbage)?;
            }
            file.set_len(*size)?;
        }
        let output = Command::new(self.program)
            .args(self.case.words())
            .current_dir(self.directory)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!("not created: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Made by the driver.
    fn take(&mut self, made: &Made, seed: u64) -> Result<String> {
        self.content = self.copy()?;
        let seen = content::hash_of_reader(self.content.as_slice())?.0;
        if seen != made.manifest.sha256 {
            bail!("copy gives {seen}, the driver wrote {}", made.manifest.sha256);
        }
        match self.case.walk {
            Walk::FromDriver { .. } => self.go_on(seed)?,
            Walk::ToTheEnd => self.walk_to_the_end(&[], Some(seed))?,
            Walk::None | Walk::ToDriver { .. } => self.write_and_stop(seed)?,
        }
        Ok(String::new())
    }

    fn write_and_stop(&mut self, seed: u64) -> Result<()> {
        let served = self.serve(true, &[])?;
        self.change(&served, seed + 1)?;
        let stopped = served.stop();
        self.note("stop", stopped);
        Ok(())
    }

    /// Goes on where the driver stopped.
    fn go_on(&mut self, seed: u64) -> Result<()> {
        let position = fields::position(&self.fields()?).context("the driver owes nothing")?;
        if position == 0 {
            bail!("the driver recorded no position");
        }
        if plants::are_planted(self.case.walk) {
            let planted = plants::plant(self.case, self.directory, position)?;
            self.walk_to_the_end(&[], None)?;
            return self.harvest(&planted);
        }
        self.walk_to_the_end(&["--walk-limit", SLOW], Some(seed))
    }

    fn harvest(&mut self, planted: &[Plant]) -> Result<()> {
        let failures = plants::harvest(planted, self.directory)?;
        self.compared += planted.len();
        self.failures.extend(failures);
        Ok(())
    }

    /// Serves until nothing is owed; writes meanwhile if there is a seed.
    fn walk_to_the_end(&mut self, words: &[&str], seed: Option<u64>) -> Result<()> {
        let served = self.serve(true, words)?;
        if let Some(seed) = seed {
            self.change(&served, seed + 1)?;
        }
        let start = Instant::now();
        while !fields::is_over(&self.fields()?, self.case.slots_in_the_end()) {
            if start.elapsed() > PATIENCE {
                bail!("the walk did not end within {PATIENCE:?}: {:?}", self.fields()?);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let stopped = served.stop();
        self.note("stop after the walk", stopped);
        let is_over = fields::is_over(&self.fields()?, self.case.slots_in_the_end());
        let said = if is_over { Ok(()) } else { Err(format!("{:?}", self.fields()?)) };
        self.note("nothing is owed after the walk", said);
        Ok(())
    }

    /// Walks so many tenths of the way, and gives the guest what was planted.
    fn walk_part(&mut self, tenth: u64, seed: u64) -> Result<String> {
        let is_of_array =
            self.case.combination.level.word() == "raid10" && self.case.newcomer().is_none();
        let way: u64 = if is_of_array { 20_480 } else { 10_240 };
        // Superblocks are written every sixteenth of the way.
        let wanted = (way / 10 * tenth).saturating_sub(way / 16).max(1);
        // The nearer the end, the less time there is to stop it.
        let limit = if tenth < 7 { SLOW } else { SLOWER };
        let served = self.serve(true, &["--walk-limit", limit])?;
        let start = Instant::now();
        loop {
            match fields::position(&self.fields()?) {
                Some(position) if position >= wanted => break,
                None if start.elapsed() > Duration::from_secs(1) => bail!("it walked to its end"),
                _ if start.elapsed() > PATIENCE => bail!("the walk does not come to {wanted}"),
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        if !plants::are_planted(self.case.walk) {
            self.change(&served, seed + 1)?;
        }
        let stopped = served.stop();
        self.note("stop in the middle", stopped);
        let position = fields::position(&self.fields()?).context("it walked to its end")?;
        if position < wanted {
            bail!("position {position} was recorded after {wanted}");
        }
        if !plants::are_planted(self.case.walk) {
            return Ok(String::new());
        }
        // What the copy reads has to be right: the guest spoils nothing itself.
        self.compare_copy()?;
        let planted = plants::plant(self.case, self.directory, position)?;
        plants::hand_over(&planted, self.directory)
    }

    /// Changes places of the array, reads all of it back, and takes it into the model.
    fn change(&mut self, served: &Served, seed: u64) -> Result<()> {
        let chunk = self.case.combination.chunk_kib.unwrap_or(64) << 10;
        let changes = changes::of(self.content.len(), usize::try_from(chunk)?, seed * 1000);
        let uri = served.uri();
        let mut words = vec!["-f".to_owned(), "raw".to_owned()];
        for word in changes::words(&changes) {
            words.extend(["-c".to_owned(), word]);
        }
        words.push(uri.clone());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.note("qemu-io", client("qemu-io", &words));
        let back = self.directory.join("back");
        let copied = client("nbdcopy", &[&uri, &back.display().to_string()]);
        copied.map_err(|said| anyhow!("not read back: {said}"))?;
        let seen = std::fs::read(&back)?;
        std::fs::remove_file(&back)?;
        if seen.len() != self.content.len() {
            bail!("{} bytes are read back of {}", seen.len(), self.content.len());
        }
        changes::apply(&changes, &mut self.content, &seen);
        let outcome = same(&self.content, &seen);
        self.note("read back through the door", outcome);
        Ok(())
    }

    fn copy(&self) -> Result<Vec<u8>> {
        let output = Command::new(self.program)
            .args(["copy", "--quiet"])
            .args(self.members(false))
            .arg("-")
            .current_dir(self.directory)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!("not copied: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(output.stdout)
    }

    fn compare_copy(&mut self) -> Result<()> {
        if self.case.walk != Walk::None && self.compared > 0 && self.is_spoilt() {
            return Ok(());
        }
        let seen = self.copy()?;
        let outcome = same(&self.content, &seen);
        self.note("copy", outcome);
        Ok(())
    }

    /// Whether sectors are spoilt for the guest to look after.
    fn is_spoilt(&self) -> bool {
        self.directory.join("spoilt").exists()
    }
}

fn size(served: &Served) -> Result<usize> {
    let output = Command::new("nbdinfo").args(["--size", &served.uri()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("nbdinfo says {text:?}"))
}

fn same(wanted: &[u8], seen: &[u8]) -> Result<(), String> {
    if wanted.len() != seen.len() {
        return Err(format!("{} bytes instead of {}", seen.len(), wanted.len()));
    }
    match wanted.iter().zip(seen).position(|(wanted, seen)| wanted != seen) {
        None => Ok(()),
        Some(at) => {
            let wrong = wanted.iter().zip(seen).filter(|(wanted, seen)| wanted != seen).count();
            Err(format!(
                "byte {at} is {:#x} instead of {:#x}, {wrong} in all",
                seen[at], wanted[at]
            ))
        }
    }
}

/// Whether the driver has made it.
pub(super) fn is_made_by_driver(case: &Case) -> bool {
    case.origin == Origin::Driver
}
