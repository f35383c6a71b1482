//! `paritas look`.

use crate::args::Look;
use anyhow::{Context, Result};
use paritas::opener;
use std::io::Write;
use std::path::Path;

/// Says which arrays are on files, in directories and on disks, and what to do next.
///
/// # Errors
/// A directory that cannot be listed. A file that does not open is part of the report.
pub(crate) fn look(words: &Look) -> Result<()> {
    let mut paths = Vec::new();
    for path in &words.paths {
        if Path::new(path).is_dir() {
            paths.extend(files_in(path)?);
        } else {
            paths.push(path.clone());
        }
    }
    let report = paritas_manage::look::look(&opener(), &paths, words.choices.into());
    let mut out = std::io::stdout().lock();
    match words.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        false => write!(out, "{report}")?,
    }
    Ok(())
}

/// The files of a directory, not those of directories below it, by name.
fn files_in(directory: &str) -> Result<Vec<String>> {
    let say = || format!("cannot list {directory}");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(say)? {
        let path = entry.with_context(say)?.path();
        if path.is_file() {
            files.push(path.to_string_lossy().into_owned());
        }
    }
    files.sort();
    Ok(files)
}
