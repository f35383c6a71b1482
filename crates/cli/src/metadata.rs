//! The verbs that show, keep and bring back metadata.

use crate::args::{self, Dump, Members, Restore};
use anyhow::{Result, anyhow, bail};
use paritas::opener;
use paritas_disk::Access;
use paritas_manage::bad_blocks::examine_bad_blocks as bad_blocks_of;
use paritas_manage::bitmap::examine_bitmap as bitmap_of;
use paritas_manage::gather::{gather, open};
use paritas_manage::query::query as ask;
use paritas_manage::restore::{Overwrite, Restored, candidates, restore as restore_member};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::ExitCode;

/// `paritas examine-bitmap`.
///
/// # Errors
/// A member that does not open.
pub(crate) fn examine_bitmap(words: &Members) -> Result<ExitCode> {
    let mut code = 0;
    for found in gather(&opener(), &words.members)? {
        match bitmap_of(&found) {
            Ok(report) if words.json => println!("{}", serde_json::to_string(&report.json())?),
            Ok(report) => {
                print!("{}", report.text(false));
                report.complaints.iter().for_each(|one| anstream::eprintln!("paritas: {one}"));
                code |= report.exit_code();
            }
            Err(error) => {
                anstream::eprintln!("paritas: {error}");
                code |= error.exit_code();
            }
        }
    }
    Ok(ExitCode::from(code))
}

/// `paritas examine-badblocks`.
///
/// # Errors
/// A member that does not open.
pub(crate) fn examine_bad_blocks(words: &Members) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for found in gather(&opener(), &words.members)? {
        match bad_blocks_of(&found) {
            Ok(report) if words.json => println!("{}", serde_json::to_string(&report.json())?),
            Ok(report) => print!("{report}"),
            Err(error) => {
                anstream::eprintln!("paritas: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// `paritas query`.
///
/// # Errors
/// A member that does not open.
pub(crate) fn query(words: &Members) -> Result<ExitCode> {
    for found in gather(&opener(), &words.members)? {
        let answer = ask(&found);
        match words.json {
            true => println!("{}", serde_json::to_string(&answer)?),
            false => print!("{answer}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `paritas dump`.
///
/// # Errors
/// No directory, a member without metadata, or a file that cannot be made.
pub(crate) fn dump(words: &Dump) -> Result<ExitCode> {
    let Some((directory, members)) = words.words.split_last() else { unreachable!("two words") };
    if !Path::new(directory).is_dir() {
        bail!("{directory} is not a directory\nnext: make it, or name another as the last word");
    }
    let opener = opener();
    for word in members {
        let found = open(&opener, word, Access::Read)?;
        let kept = paritas_manage::dump::dump(&found, directory, &aliases(word), &opener)?;
        print!("{kept}");
    }
    Ok(ExitCode::SUCCESS)
}

/// mdadm's exit code when there is nothing that could be restored from.
const NO_DUMPS: u8 = 16;

/// `paritas restore`. A member that is refused stays as it was, and the others are done, as with
/// mdadm.
///
/// # Errors
/// None; what is refused is said, and makes the exit code.
pub(crate) fn restore(words: &Restore) -> ExitCode {
    let place = &words.directory;
    let unusable = match (Path::new(place).is_dir(), Path::new(place).exists()) {
        (true, _) => None,
        (false, false) => Some(format!(
            "{place} does not exist: cannot restore from there\n\
             next: name the directory that paritas dump filled"
        )),
        (false, true) if words.members.len() > 1 => Some(format!(
            "{place} is one dump, and {} members were named\n\
             next: name one member, or the directory with all dumps",
            words.members.len()
        )),
        (false, true) => None,
    };
    if let Some(why) = unusable {
        anstream::eprintln!("paritas: {why}");
        return ExitCode::from(NO_DUMPS);
    }
    let allowed: Vec<Overwrite> =
        words.overwrite.iter().flat_map(|kind| allowed(*kind)).copied().collect();
    let mut code = ExitCode::SUCCESS;
    for word in &words.members {
        match restore_one(place, word, &allowed) {
            Ok(restored) => print!("{restored}"),
            Err(error) => {
                anstream::eprintln!("paritas: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn restore_one(place: &str, word: &str, allowed: &[Overwrite]) -> Result<Restored> {
    let opener = opener();
    let member = open(&opener, word, Access::Write)?;
    let dump = open(&opener, &dump_of(place, word)?, Access::Read)?;
    Ok(restore_member(&dump, &member, allowed)?)
}

/// The dump of a member: the file of its name in a directory, or the one dump that was named.
fn dump_of(place: &str, member: &str) -> Result<String> {
    if !Path::new(place).is_dir() {
        return Ok(place.to_owned());
    }
    let candidates = candidates(place, member, &aliases(member));
    candidates.iter().find(|file| Path::new(file).exists()).cloned().ok_or_else(|| {
        anyhow!(
            "no dump of {member} is in {place}: there is no {}\n\
             next: name its dump itself: paritas restore FILE {member}",
            candidates.join(", no ")
        )
    })
}

const fn allowed(kind: args::Overwrite) -> &'static [Overwrite] {
    match kind {
        args::Overwrite::Md => &[Overwrite::Md],
        args::Overwrite::Filesystem => &[Overwrite::Filesystem],
        args::Overwrite::Partitions => &[Overwrite::Partitions],
        args::Overwrite::All => &[Overwrite::Md, Overwrite::Filesystem, Overwrite::Partitions],
    }
}

/// The names of a block device in /dev/disk/by-id, which stay when its kernel name changes.
fn aliases(word: &str) -> Vec<String> {
    let is_device = std::fs::metadata(word).is_ok_and(|found| found.file_type().is_block_device());
    let (true, Ok(device)) = (is_device, std::fs::canonicalize(word)) else { return Vec::new() };
    let Ok(links) = std::fs::read_dir("/dev/disk/by-id") else { return Vec::new() };
    let leads_there = |path: &std::path::PathBuf| {
        std::fs::canonicalize(path).is_ok_and(|target| target == device)
    };
    let paths = links.filter_map(|link| Some(link.ok()?.path())).filter(leads_there);
    let mut names: Vec<String> =
        paths.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    names
}
