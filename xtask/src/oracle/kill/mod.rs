//! `cargo xtask oracle kill`: the program is killed while different data are written over older data.
//!
//! In each round an array is served in the foreground, a client overwrites random places with many
//! requests under way, and the program gets SIGKILL at a random moment. Then every sector must hold
//! what was acknowledged last, or a write that was begun since; the array is assembled again, its
//! resync runs (in half of the rounds it is killed again before its end), and at the end of all
//! rounds the driver assembles each array, reads the same and finds no mismatch.
//!
//! What this does not show: a killed process loses nothing of the page cache, so that whatever was
//! handed to the kernel counts as written, flushed or not. That flushes reach every member and that
//! their errors count is held in the engine's own tests. What it does show is the order of
//! superblocks and data, and that no acknowledgement comes before the writes that it stands for.
//!
//! An array with parity that misses members and was cut may have lost what it computes: it is
//! refused afterwards, as by the driver, and begun anew; its stripes that were not being written must be
//! there.

mod client;
mod model;

use super::served::Served;
use super::written::fields;
use super::{Place, boot, content};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use client::{Chance, Client};
use model::Model;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a resync of some MiB may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(90);
const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// A load is cut before this, in milliseconds.
const LONGEST_LOAD: u64 = 250;

/// How often, and with which program.
#[derive(Args)]
pub(crate) struct Options {
    /// How many times the program is killed
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// Where chance begins; the time decides when none is given
    #[arg(long)]
    seed: Option<u64>,
    /// The program; the workspace's own is built when none is named
    #[arg(long)]
    program: Option<PathBuf>,
}

impl Options {
    /// What the test command runs.
    pub(crate) fn few(program: PathBuf) -> Self {
        Self { rounds: 10, seed: None, program: Some(program) }
    }
}

/// An array that is killed again and again.
struct Kind {
    name: &'static str,
    words: &'static [&'static str],
    /// Images, of which the first `lost` are not there.
    images: usize,
    lost: usize,
    /// Sectors of the array that share parity.
    stripe: u64,
}

const KINDS: [Kind; 5] = [
    Kind { name: "raid1", words: &["-l1", "-n3"], images: 3, lost: 0, stripe: 1 },
    Kind { name: "raid5", words: &["-l5", "-n4", "-c16"], images: 4, lost: 0, stripe: 96 },
    Kind { name: "raid6", words: &["-l6", "-n5", "-c16"], images: 5, lost: 0, stripe: 96 },
    Kind { name: "raid10", words: &["-l10", "-n4", "-c16"], images: 4, lost: 0, stripe: 1 },
    Kind { name: "raid6-degraded", words: &["-l6", "-n5", "-c16"], images: 5, lost: 1, stripe: 96 },
];

/// What one kind came to.
#[derive(Default)]
struct Found {
    rounds: u64,
    answered: usize,
    /// Writes that were begun and not answered when the program was killed.
    cut: usize,
    failures: Vec<String>,
}

/// Kills as often as the options say, and gives the number of rounds.
///
/// # Errors
/// When a sector holds what it may not, or the driver finds a mismatch.
pub(crate) fn run(root: &Path, options: &Options) -> Result<usize> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => crate::build::program(root)?,
    };
    let now = std::time::UNIX_EPOCH.elapsed()?.subsec_nanos();
    let seed = options.seed.unwrap_or_else(|| u64::from(now));
    let place = Place::new(root, None)?;
    let start = Instant::now();
    let count = KINDS.len() as u64;
    let found = std::thread::scope(|scope| {
        let works: Vec<_> = (0..count)
            .zip(&KINDS)
            .map(|(number, kind)| {
                let rounds = options.rounds / count + u64::from(number < options.rounds % count);
                let directory = place.directory.join(kind.name);
                let program = &program;
                let chance = Chance(seed.wrapping_add(number << 40));
                scope.spawn(move || Work { program, kind, directory, chance }.all(rounds))
            })
            .collect();
        works
            .into_iter()
            .map(|work| work.join().expect("a thread panicked"))
            .collect::<Result<Vec<Found>>>()
    })?;
    boot::boot(root, "written.sh", &place.directory, BOOT_LIMIT)?;
    let mut failures: Vec<String> = found.iter().flat_map(|one| one.failures.clone()).collect();
    for kind in &KINDS {
        let directory = place.directory.join(kind.name);
        if directory.join("plan").exists() {
            failures.extend(judge(&directory)?.map(|failure| format!("{}: {failure}", kind.name)));
        }
    }
    failures.iter().for_each(|failure| println!("FAILED {failure}"));
    let rounds: u64 = found.iter().map(|one| one.rounds).sum();
    let cut: usize = found.iter().map(|one| one.cut).sum();
    println!(
        "oracle kill: {rounds} rounds, {} requests answered, {cut} cut, {} failures, {:.0} s (seed {seed})",
        found.iter().map(|one| one.answered).sum::<usize>(),
        failures.len(),
        start.elapsed().as_secs_f64()
    );
    if !failures.is_empty() {
        bail!("{} failures after kills", failures.len());
    }
    if rounds > 5 && cut == 0 {
        bail!("no kill has cut a write: nothing was shown");
    }
    Ok(usize::try_from(rounds)?)
}

/// What the driver found wrong.
fn judge(directory: &Path) -> Result<Option<String>> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(directory.join(name))
            .with_context(|| format!("the guest left no `{name}` in {}", directory.display()));
        text.map(|text| text.trim().to_owned())
    };
    if read("status")? != "ok" {
        return Ok(Some(format!("the guest {}: {}", read("status")?, read("log")?)));
    }
    let (sha256, mismatches) = (read("sha256")?, read("mismatches")?);
    let wanted = read("wanted")?;
    if !sha256.starts_with(&wanted) {
        return Ok(Some(format!("the driver reads {sha256}, {wanted} is there")));
    }
    Ok((mismatches != "0").then(|| format!("{mismatches} sectors mismatch")))
}

struct Work<'a> {
    program: &'a Path,
    kind: &'a Kind,
    directory: PathBuf,
    chance: Chance,
}

impl Work<'_> {
    fn all(mut self, rounds: u64) -> Result<Found> {
        let mut found = Found::default();
        let mut model = None;
        for round in 0..rounds {
            let outcome = self.round(model.take(), &mut found);
            model = outcome.with_context(|| format!("{}, round {round}", self.kind.name))?;
            found.rounds += 1;
        }
        if let Some(model) = model {
            self.last(model, &mut found)?;
        }
        Ok(found)
    }

    fn members(&self) -> Vec<String> {
        (self.kind.lost..self.kind.images).map(|at| format!("m{at}.img")).collect()
    }

    fn serve(&self) -> Result<Result<Served, String>> {
        Served::start(self.program, &self.directory, &self.members(), &[])
    }

    /// Makes the array and fills it.
    fn make(&self) -> Result<Model> {
        if self.directory.exists() {
            std::fs::remove_dir_all(&self.directory)?;
        }
        std::fs::create_dir_all(&self.directory)?;
        let images = (0..self.kind.images).map(|at| format!("m{at}.img"));
        let output = Command::new(self.program)
            .args([
                "create",
                "md0",
                "--no-start",
                "--run",
                "--quiet",
                "--assume-clean",
                "--member-size=4M",
            ])
            .args(self.kind.words)
            .args(images)
            .current_dir(&self.directory)
            .output()?;
        if !output.status.success() {
            bail!("not created: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let served = self.serve()?.map_err(|said| anyhow!("not assembled: {said}"))?;
        let mut client = Client::connect(&served.socket())?;
        let mut model = Model::new(client.size / 512);
        client.fill(&mut model)?;
        drop(client);
        served.stop().map_err(|said| anyhow!(said))?;
        Ok(model)
    }

    /// One kill. Gives the model for the next round, or nothing if the array is at its end.
    fn round(&mut self, model: Option<Model>, found: &mut Found) -> Result<Option<Model>> {
        let mut model = match model {
            Some(model) => model,
            None => self.make()?,
        };
        let served = self.serve()?.map_err(|said| anyhow!("not assembled again: {said}"))?;
        let mut client = Client::connect(&served.socket())?;
        if self.chance.below(2) == 0 {
            self.await_walk()?;
            self.settle(&mut client, &mut model, found)?;
        }
        let time = Duration::from_millis(1 + self.chance.below(LONGEST_LOAD));
        let seed = self.chance.below(1 << 40);
        let shared = Mutex::new(model);
        found.answered += client.load(&shared, seed, time, || served.kill())?;
        let mut model = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.cut += model.cut();
        let content = self.copy()?;
        self.compare(&model, &content, "after a kill", found);
        if self.kind.lost > 0 {
            return self.after_degraded(model, content, found);
        }
        Ok(Some(model))
    }

    /// A degraded array that was cut is refused, unless nothing was being written.
    fn after_degraded(
        &self,
        mut model: Model,
        content: Vec<u8>,
        found: &mut Found,
    ) -> Result<Option<Model>> {
        match self.serve()? {
            Ok(served) => {
                model.settle(&content);
                served.stop().map_err(|said| anyhow!(said))?;
                Ok(Some(model))
            }
            Err(said) if said.contains("dirty") || said.contains("clean") => Ok(None),
            Err(said) => {
                found.failures.push(format!("{}: refused with {said:?}", self.kind.name));
                Ok(None)
            }
        }
    }

    fn await_walk(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let read = |member: &String| fields::read(&self.directory.join(member), "1.2");
            let all = self.members().iter().map(read).collect::<Result<Vec<_>>>()?;
            if fields::is_over(&all, self.kind.images - self.kind.lost) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("the resync did not end within {PATIENCE:?}: {all:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// After a resync all copies agree: what is read stays.
    fn settle(&self, client: &mut Client, model: &mut Model, found: &mut Found) -> Result<()> {
        let content = client.read_all()?;
        self.compare(model, &content, "after the resync", found);
        model.settle(&content);
        Ok(())
    }

    fn compare(&self, model: &Model, content: &[u8], when: &str, found: &mut Found) {
        let is_excused = |sector: u64| {
            let first = sector / self.kind.stripe * self.kind.stripe;
            self.kind.lost > 0 && model.has_begun(first..first + self.kind.stripe)
        };
        let wrong = model.wrong(content);
        let wrong: Vec<_> = wrong.iter().filter(|(sector, _)| !is_excused(*sector)).collect();
        if let Some((sector, what)) = wrong.first() {
            let (name, count) = (self.kind.name, wrong.len());
            found.failures.push(format!("{name} {when}: sector {sector}: {what}; {count} in all"));
        }
    }

    fn copy(&self) -> Result<Vec<u8>> {
        let output = Command::new(self.program)
            .args(["copy", "--quiet"])
            .args(self.members())
            .arg("-")
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!("not copied: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(output.stdout)
    }

    /// The last resync, then the plan for the driver.
    fn last(&self, mut model: Model, found: &mut Found) -> Result<()> {
        let served = self.serve()?.map_err(|said| anyhow!("not assembled at last: {said}"))?;
        self.await_walk()?;
        let mut client = Client::connect(&served.socket())?;
        self.settle(&mut client, &mut model, found)?;
        drop(client);
        served.stop().map_err(|said| anyhow!(said))?;
        let content = self.copy()?;
        self.compare(&model, &content, "at last", found);
        let sha256 = content::hash_of_reader(content.as_slice())?.0;
        std::fs::write(self.directory.join("wanted"), sha256)?;
        let members = self.members().join(" ");
        let plan = format!("members='{members}'\nis_redundant=yes\nplants=''\n");
        std::fs::write(self.directory.join("plan"), plan)?;
        Ok(())
    }
}
