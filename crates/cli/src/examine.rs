//! `paritas examine`.

use crate::args::Examine;
use anyhow::Result;
use paritas::opener;
use paritas_manage::examine::{Style, examine as examine_one, listing};
use paritas_manage::gather::gather;
use std::io::Write;
use std::process::ExitCode;

/// Prints superblocks as `mdadm --examine` does; ends with 1 if a member has none.
///
/// # Errors
/// A member that does not open, or output that cannot be written.
pub(crate) fn examine(words: &Examine) -> Result<ExitCode> {
    let mut examined = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for found in gather(&opener(), &words.members)? {
        match examine_one(found.disk.as_ref(), &found.word) {
            Ok(one) => examined.push(one),
            Err(error) => {
                anstream::eprintln!("paritas: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    let mut out = std::io::stdout().lock();
    if words.json {
        let all: Vec<_> = examined.iter().map(|one| one.json()).collect();
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
    } else if words.export {
        examined.iter().try_for_each(|one| out.write_all(&one.export()))?;
    } else if words.brief || words.scan {
        out.write_all(&listing(&examined, words.verbose))?;
    } else {
        let style = Style { host: host_name(), ..Style::here() };
        examined.iter().try_for_each(|one| out.write_all(&one.text(&style)))?;
    }
    Ok(code)
}

/// The name of this machine.
pub(crate) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim_end().to_owned())
}
