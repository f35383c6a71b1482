//! The verbs that show or keep metadata beside superblocks.

use crate::args::{Dump, Members};
use anyhow::{Result, bail};
use paritas::opener;
use paritas_disk::Access;
use paritas_manage::bad_blocks::examine_bad_blocks as bad_blocks_of;
use paritas_manage::bitmap::examine_bitmap as bitmap_of;
use paritas_manage::gather::{gather, open};
use paritas_manage::query::query as ask;
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
        let kept = paritas_manage::dump::dump(&found, directory, &[], &opener)?;
        print!("{kept}");
    }
    Ok(ExitCode::SUCCESS)
}
