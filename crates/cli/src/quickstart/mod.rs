//! `paritas quickstart`: the main job, shown on an array that Linux made, and on one that is made here.
//!
//! The one thing to understand: each step does what the command that it prints would do, by the
//! same functions, and ends the run when the bytes are not those that were written.
//!
//! Deliberately absent: questions, root, the network.

mod client;
mod fixture;
mod own;

use crate::args::{self, ReadChoices};
use crate::copy::copy_into;
use crate::members::read_array;
use crate::sink::FileSink;
use anyhow::{Context, Result, bail};
use fixture::{ARRAY, MEMBERS, hash_of, recorded};
use paritas::opener;
use paritas_units::HumanSize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The directory when none is named.
const DIRECTORY: &str = "paritas-quickstart";
/// Numbers that are tried after it.
const TRIES: std::ops::Range<u32> = 2..1000;
/// The members that the last copy does without, by their place in the list.
const GONE: [usize; 2] = [0, 2];

/// One step of the run.
type Step = fn(&Stage) -> Result<()>;

/// The steps in their order, each with its headline.
const STEPS: &[(&str, Step)] = &[
    ("Five disks of a RAID 6 that Linux made", unpack),
    ("Which array is on them?", look),
    ("Copy its content", copy_whole),
    ("Copy it again with two disks gone: what they held is computed from P and Q", copy_degraded),
    ("Was a disk changed?", compare_members),
    ("Make a RAID 6 of your own, and serve it over NBD", own::make),
    ("Write to it, as any client would", own::write),
    ("Two disks fail", own::lose),
    ("Two new disks take their places", own::rebuild),
    ("Check it", own::check),
];

/// Where it all happens.
#[derive(Debug)]
struct Stage {
    directory: PathBuf,
    /// The name of the array that is made.
    name: String,
}

/// Runs all steps and says how to go on.
///
/// # Errors
/// The directory is there already, something cannot be written, or bytes differ from those that
/// the driver wrote.
pub(crate) fn quickstart(words: &args::Quickstart) -> Result<()> {
    let name = own::free_name()?;
    let stage = Stage { directory: new_directory(words.directory.as_deref())?, name };
    for (number, (headline, step)) in (1..).zip(STEPS) {
        println!("{number}. {headline}");
        step(&stage).with_context(|| format!("step {number} of quickstart failed"))?;
        println!();
    }
    go_on(&stage);
    Ok(())
}

/// Makes the directory that was named, or the first of ours that is free.
fn new_directory(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return match std::fs::create_dir(named) {
            Ok(()) => Ok(named.to_path_buf()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
                "{} exists, and quickstart writes into a new directory only\n\
                 next: name one that does not exist",
                named.display()
            ),
            Err(error) => Err(error).with_context(|| format!("cannot make {}", named.display())),
        };
    }
    let numbered = TRIES.map(|number| format!("{DIRECTORY}-{number}"));
    for name in std::iter::once(DIRECTORY.to_owned()).chain(numbered) {
        match std::fs::create_dir(&name) {
            Ok(()) => return Ok(name.into()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {name} here")),
        }
    }
    bail!("{DIRECTORY} and all its numbers exist\nnext: name a directory that does not")
}

impl Stage {
    /// A file of the directory, as a word of a command.
    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// The members, without those at the places of `gone`.
    fn members(&self, gone: &[usize]) -> Vec<String> {
        let is_there = |(at, member): (usize, &fixture::Member)| {
            (!gone.contains(&at)).then(|| self.file(member.name))
        };
        MEMBERS.iter().enumerate().filter_map(is_there).collect()
    }
}

/// Shows a command as it would be typed.
fn show(command: &str, words: &[String]) {
    println!("   $ paritas {command} {}", words.join(" "));
}

fn unpack(stage: &Stage) -> Result<()> {
    let mut total = 0;
    for member in MEMBERS {
        let path = stage.directory.join(member.name);
        total += fixture::unpack(member, &path)?;
        check(&path, member.name)?;
    }
    println!("   unpacked into {}: {} in all", stage.directory.display(), HumanSize(total));
    Ok(())
}

fn look(stage: &Stage) -> Result<()> {
    let words = stage.members(&[]);
    show("look", &words);
    let choices = ReadChoices::default().into();
    let report = paritas_manage::look::look(&opener(), &words, choices).to_string();
    report.lines().for_each(|line| println!("   {line}"));
    Ok(())
}

fn copy_whole(stage: &Stage) -> Result<()> {
    copy(stage, &[], ARRAY)
}

fn copy_degraded(stage: &Stage) -> Result<()> {
    copy(stage, &GONE, "array-again.img")
}

/// Copies the array from all members but those at `gone`, and compares what came out.
fn copy(stage: &Stage, gone: &[usize], name: &str) -> Result<()> {
    let (members, out) = (stage.members(gone), stage.file(name));
    show("copy", &[members.as_slice(), std::slice::from_ref(&out)].concat());
    let start = Instant::now();
    let array = read_array(&members, ReadChoices::default())?;
    let spans: Vec<_> = array.all.iter().map(|disk| disk.facts().span).collect();
    let mut sink = FileSink::create(&out, false, &spans)?;
    let copied = copy_into(array, &mut sink, false)?;
    check(Path::new(&out), ARRAY)?;
    println!(
        "   {} of data and {} of zeroes in {:.2} s: byte for byte what Linux wrote",
        HumanSize(copied.data),
        HumanSize(copied.zeroes),
        start.elapsed().as_secs_f64()
    );
    println!("   SHA-256 {}", recorded(ARRAY));
    Ok(())
}

fn compare_members(stage: &Stage) -> Result<()> {
    for member in MEMBERS {
        check(&stage.directory.join(member.name), member.name)?;
    }
    println!("   no: all {} have the SHA-256 that they came with", MEMBERS.len());
    Ok(())
}

/// Compares the file at `path` with the hash that was recorded for `name`.
fn check(path: &Path, name: &str) -> Result<()> {
    let (found, expected) = (hash_of(path)?, recorded(name));
    if found != expected {
        bail!(
            "{} has the SHA-256 {found}, not {expected}\n\
             next: this is a bug or a bad disk; please report it with this output",
            path.display()
        );
    }
    Ok(())
}

fn go_on(stage: &Stage) {
    let (directory, array) = (stage.directory.display(), stage.file(ARRAY));
    let (socket, name) = (own::socket(stage), &stage.name);
    let socket = socket.display();
    println!("Go on:");
    println!("   sudo mount -o loop,ro {array} /mnt       the files that Linux wrote (ext4)");
    println!("   paritas examine {directory}/disk1.img");
    println!("   nbdinfo 'nbd+unix:///quickstart?socket={socket}'");
    println!("   paritas detail {name}        your array, which goes on running");
    println!("   paritas stop {name}          ends it; Linux can have its members then");
    println!("   paritas look /dev/sd?*       your own disks; nothing is written to them");
    if let Ok(program) = std::env::current_exe() {
        println!("paritas is {}", program.display());
    }
}
