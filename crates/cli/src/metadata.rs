//! The verbs that show, keep and bring back metadata.

use crate::args::{self, Dump, Members, Restore};
use crate::complaint::{complain, open_or_complain};
use anyhow::{Result, anyhow};
use paritas::opener;
use paritas_disk::Access;
use paritas_host::lasting_names;
use paritas_manage::bad_blocks::examine_bad_blocks as bad_blocks_of;
use paritas_manage::bitmap::examine_bitmap as bitmap_of;
use paritas_manage::gather::{Found, open};
use paritas_manage::query::query as ask;
use paritas_manage::restore::{Overwrite, Restored, candidates, restore as restore_member};
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::ExitCode;

/// What mdadm ends with when there is no directory to dump into.
const NO_DIRECTORY: u8 = 16;

/// Prints; whoever read our output may be gone, and that is no reason to panic.
pub(crate) fn say(text: &dyn Display) -> Result<()> {
    Ok(write!(std::io::stdout().lock(), "{text}")?)
}

fn line(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

/// Lets `verb` have each member that opens; the exit code has the bits of all that failed.
fn for_each_member(
    words: &[String],
    mut verb: impl FnMut(&Found) -> Result<u8>,
) -> Result<ExitCode> {
    let opener = opener();
    let mut code = 0;
    for word in words {
        code |= match open_or_complain(&opener, word) {
            Some(found) => verb(&found)?,
            None => 1,
        };
    }
    Ok(ExitCode::from(code))
}

/// `paritas examine-bitmap`.
///
/// # Errors
/// Output that cannot be written.
pub(crate) fn examine_bitmap(words: &Members) -> Result<ExitCode> {
    for_each_member(&words.members, |found| match bitmap_of(found) {
        Ok(report) if words.json => say(&line(&report.json())?).map(|()| 0),
        Ok(report) => {
            say(&report.text(false))?;
            report.complaints.iter().for_each(|one| complain(one, &found.word));
            Ok(report.exit_code())
        }
        Err(error) => {
            complain(&error, &found.word);
            Ok(error.exit_code())
        }
    })
}

/// `paritas examine-badblocks`.
///
/// # Errors
/// Output that cannot be written.
pub(crate) fn examine_bad_blocks(words: &Members) -> Result<ExitCode> {
    for_each_member(&words.members, |found| {
        match bad_blocks_of(found) {
            Ok(report) if words.json => say(&line(&report.json())?)?,
            Ok(report) => say(&report)?,
            Err(error) => {
                complain(&error, &found.word);
                return Ok(1);
            }
        }
        Ok(0)
    })
}

/// `paritas query`.
///
/// # Errors
/// Output that cannot be written.
pub(crate) fn query(words: &Members) -> Result<ExitCode> {
    for_each_member(&words.members, |found| {
        let answer = ask(found);
        match words.json {
            true => say(&line(&answer)?)?,
            false => say(&answer)?,
        }
        Ok(0)
    })
}

/// `paritas dump`.
///
/// # Errors
/// Output that cannot be written.
pub(crate) fn dump(words: &Dump) -> Result<ExitCode> {
    let Some((directory, members)) = words.words.split_last() else { unreachable!("two words") };
    if !Path::new(directory).is_dir() {
        anstream::eprintln!(
            "paritas: {directory} is not a directory, and each dump is a file in one\n\
             next: make it, or name another as the last word"
        );
        return Ok(ExitCode::from(NO_DIRECTORY));
    }
    let opener = opener();
    for_each_member(members, |found| {
        match paritas_manage::dump::dump(found, directory, &aliases(&found.word), &opener) {
            Ok(kept) => say(&kept)?,
            Err(error) => {
                complain(&error, &found.word);
                return Ok(error.exit_code());
            }
        }
        Ok(0)
    })
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
    match std::fs::metadata(word) {
        Ok(found) if found.file_type().is_block_device() => {
            lasting_names(Path::new("/dev/disk/by-id"), found.rdev())
        }
        _ => Vec::new(),
    }
}
