//! The second half of quickstart: an array that is made here, written, robbed of two disks, rebuilt,
//! checked, and left running.

use super::client::Client as Nbd;
use super::{Stage, show};
use crate::args::Arguments;
use anyhow::{Context, Result, bail, ensure};
use clap::{CommandFactory, FromArgMatches};
use paritas_service::{CallError, Client, Place};
use paritas_units::HumanSize;
use std::path::PathBuf;
use std::time::Instant;

/// The array's name, and that of its export.
const NAME: &str = "quickstart";
/// Numbers that are tried after it when it is taken.
const TRIES: std::ops::Range<u32> = 2..1000;
/// The members it is made of.
const MEMBERS: [&str; 5] = ["own1.img", "own2.img", "own3.img", "own4.img", "own5.img"];
/// Those that fail, and those that take their places.
const GONE: [&str; 2] = ["own2.img", "own4.img"];
const NEW: [&str; 2] = ["own6.img", "own7.img"];
/// Bytes of a member, as a word.
const SIZE: &str = "24M";
/// Bytes that are written.
const CONTENT: usize = 48 << 20;

/// The name that is free in the service.
pub(super) fn free_name() -> Result<String> {
    let taken: Vec<String> = match client().arrays() {
        Ok(arrays) => arrays.into_iter().map(|array| array.name).collect(),
        Err(CallError::NotRunning { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let numbered = TRIES.map(|number| format!("{NAME}-{number}"));
    let mut names = std::iter::once(NAME.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).context("too many of them run; stop some")
}

fn client() -> Client {
    Client::new(Place::find(None))
}

/// Shows a command and does what it says.
fn command(words: &[String]) -> Result<()> {
    let (verb, rest) = words.split_first().context("a command has a verb")?;
    show(verb, rest);
    let all = std::iter::once("paritas").chain(words.iter().map(String::as_str));
    let matches = Arguments::command().try_get_matches_from(all)?;
    let verb = Arguments::from_arg_matches(&matches)?.verb;
    crate::run(verb, matches.subcommand().map(|(_, matches)| matches))?;
    Ok(())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Where it is served.
pub(super) fn socket(stage: &Stage) -> PathBuf {
    let path = stage.directory.join("own.sock");
    std::path::absolute(&path).unwrap_or(path)
}

fn uri(stage: &Stage) -> String {
    format!("nbd+unix:///{NAME}?socket={}", socket(stage).display())
}

pub(super) fn make(stage: &Stage) -> Result<()> {
    let mut create = words(&["create", &stage.name, "--level=6", "--raid-devices=5"]);
    create.extend(words(&["--chunk=64", "--bitmap=none", "--member-size", SIZE, "--quiet"]));
    create.extend(MEMBERS.map(|member| stage.file(member)));
    create.extend(["--serve".to_owned(), uri(stage)]);
    command(&create)?;
    println!("   it runs in a service now, and any NBD client can use it");
    Ok(())
}

pub(super) fn write(stage: &Stage) -> Result<()> {
    let mut door = Nbd::connect(&socket(stage), NAME)?;
    let content = content();
    ensure!(u64::try_from(content.len())? <= door.size, "the array is smaller than it should be");
    let start = Instant::now();
    door.write(&content)?;
    door.leave()?;
    let (size, seconds) = (HumanSize(u64::try_from(CONTENT)?), start.elapsed().as_secs_f64());
    println!("   {size} written and flushed in {seconds:.2} s");
    Ok(())
}

pub(super) fn lose(stage: &Stage) -> Result<()> {
    let mut fail = words(&["fail", &stage.name]);
    fail.extend(GONE.map(|member| stage.file(member)));
    command(&fail)?;
    read_back(stage)?;
    command(&words(&["remove", &stage.name, "failed"]))
}

pub(super) fn rebuild(stage: &Stage) -> Result<()> {
    let mut add = words(&["add", &stage.name]);
    add.extend(NEW.map(|member| stage.file(member)));
    add.extend(words(&["--member-size", SIZE]));
    command(&add)?;
    command(&words(&["wait", &stage.name]))?;
    let detail = client().array(&stage.name)?.detail;
    ensure!(detail.missing() == 0, "the array is still degraded");
    println!("   whole again");
    Ok(())
}

pub(super) fn check(stage: &Stage) -> Result<()> {
    command(&words(&["action", &stage.name, "check"]))?;
    command(&words(&["wait", &stage.name]))?;
    let mismatches = client().array(&stage.name)?.detail.mismatches;
    if mismatches != 0 {
        bail!("{mismatches} sectors do not agree\nnext: this is a bug; please report it");
    }
    println!("   P and Q agree with the data everywhere");
    read_back(stage)?;
    command(&words(&["status"]))
}

/// Reads everything through the door and compares it.
fn read_back(stage: &Stage) -> Result<()> {
    let mut door = Nbd::connect(&socket(stage), NAME)?;
    let found = door.read(CONTENT)?;
    door.leave()?;
    if found != content() {
        bail!("what is read is not what was written\nnext: this is a bug; please report it");
    }
    println!("   read back: every byte is the one that was written");
    Ok(())
}

/// What is written: no two words of it are the same.
fn content() -> Vec<u8> {
    let word = |at: u64| (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    (0_u64..).take(CONTENT / 8).flat_map(word).collect()
}
