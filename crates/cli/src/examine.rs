//! `paritas examine`.

use crate::args::Examine;
use crate::complaint::{complain, complain_of_opening};
use anyhow::Result;
use paritas::opener;
use paritas_disk::Access;
use paritas_host::block_devices;
use paritas_manage::examine::{ExamineError, Examined, Style, examine as examine_one, listing};
use paritas_manage::gather::open;
use std::io::Write;
use std::process::ExitCode;

/// Prints superblocks as `mdadm --examine` does, with its exit codes: what is no member is an error
/// unless only ARRAY lines were asked for, and what does not open is one unless everything that
/// there is was to be scanned.
///
/// # Errors
/// Output that cannot be written.
pub(crate) fn examine(words: &Examine) -> Result<ExitCode> {
    let (examined, code) = examine_all(words);
    let mut out = std::io::stdout().lock();
    if words.json {
        let all: Vec<_> = examined.iter().map(Examined::json).collect();
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
    } else if words.export {
        examined.iter().try_for_each(|one| out.write_all(&one.export()))?;
    } else if words.brief || words.scan {
        out.write_all(&listing(&examined, words.verbose))?;
    } else {
        let style = Style { host: host_name(), devices: block_devices(), ..Style::here() };
        examined.iter().try_for_each(|one| out.write_all(&one.text(&style)))?;
    }
    Ok(code)
}

/// What is on each member; complaints go to standard error.
fn examine_all(words: &Examine) -> (Vec<Examined>, ExitCode) {
    let opener = opener();
    let mut examined = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for word in &words.members {
        let found = match open(&opener, word, Access::Read) {
            Ok(found) => found,
            Err(_) if words.scan => continue,
            Err(error) => {
                complain_of_opening(&error);
                code = ExitCode::FAILURE;
                continue;
            }
        };
        match examine_one(found.disk.as_ref(), &found.word) {
            Ok(one) => examined.push(one),
            Err(ExamineError::NoSuperblock(_)) if words.brief || words.scan => {}
            Err(error) => {
                complain(&error, word);
                code = ExitCode::FAILURE;
            }
        }
    }
    (examined, code)
}

/// The name of this machine.
pub(crate) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim_end().to_owned())
}
