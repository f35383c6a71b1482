//! `paritas assemble --scan`: what mdadm.conf names, and what is found besides.
//!
//! The one thing to understand: an array that cannot be assembled does not keep the others from
//! it; the command ends with 1 then, and with mdadm's message if there was nothing to do.

use crate::args;
use crate::assemble::one;
use crate::examine::host_name;
use anyhow::{Context, Result, bail};
use paritas::opener;
use paritas_host::block_devices;
use paritas_manage::config::Config;
use paritas_manage::scan::{Places, paths, scan};
use std::path::Path;

/// Where the file is if none is named.
const USUAL: [&str; 2] = ["/etc/mdadm/mdadm.conf", "/etc/mdadm.conf"];

/// This machine.
struct Machine;

impl Places for Machine {
    fn devices(&self) -> Vec<String> {
        block_devices().into_values().collect()
    }

    fn names_in(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

/// Assembles all that are to be.
///
/// # Errors
/// There was nothing to assemble, or not all could be.
pub(crate) fn assemble(words: &args::Assemble) -> Result<()> {
    let config = read(words.config.as_deref())?;
    for note in &config.notes {
        anstream::eprintln!("paritas: line {} of the configuration: {}", note.line, note.text);
    }
    let paths = paths(&config, &words.words, &Machine);
    let scan = scan(&opener(), &config, &paths, host_name().as_deref());
    for left in &scan.left_out {
        anstream::eprintln!("paritas: left out: {}: {}", left.what, left.why);
    }
    let (mut started, mut failed) = (0, 0);
    for array in &scan.arrays {
        match one(words, &array.name, &array.words) {
            Ok(()) => started += 1,
            Err(error) => {
                failed += 1;
                anstream::eprintln!("paritas: {}: {error:#}", array.name);
            }
        }
    }
    match (started, failed) {
        (_, 1..) => bail!("{failed} arrays could not be assembled"),
        (0, 0) => bail!("No arrays found in config file or automatically"),
        _ => Ok(()),
    }
}

/// The configuration; an empty one if none is there and none was named.
fn read(named: Option<&Path>) -> Result<Config> {
    let usual = || USUAL.iter().map(Path::new).find(|path| path.exists());
    let Some(path) = named.or_else(usual) else { return Ok(Config::default()) };
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    Ok(Config::parse(&bytes))
}
