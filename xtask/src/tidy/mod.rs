//! `cargo xtask tidy`: the house rules that a machine can check.
//!
//! Every check walks the tree once and returns [`Offence`]s; nothing is repaired. What rustfmt and
//! clippy already deny (unwrap, missing documents, `dbg!`) is left to them, apart from what they
//! cannot see: files outside the build, the import table and the sizes.

mod imports;
mod links;
mod source;
mod text;

#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// One broken rule, at a line of a file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offence {
    /// The file, relative to the workspace's root.
    path: PathBuf,
    /// The line, from 1; 0 when the whole file is meant.
    line: usize,
    /// What is wrong and what the rule wants.
    text: String,
}

impl Offence {
    fn new(path: &Path, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_path_buf(), line, text: text.into() }
    }
}

/// A file of the tree that was read as text.
struct TextFile {
    /// The path relative to the workspace's root.
    path: PathBuf,
    /// The whole content.
    content: String,
    /// Whether somebody may execute it.
    is_executable: bool,
}

impl TextFile {
    fn has_extension(&self, wanted: &str) -> bool {
        self.path.extension().is_some_and(|extension| extension == wanted)
    }

    /// Whether the file holds tests only: its name or a directory above says so.
    fn is_test(&self) -> bool {
        let in_directory = self
            .path
            .components()
            .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches");
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        in_directory || name == "tests.rs" || name.ends_with("_tests.rs")
    }
}

/// Checks everything under `root` and prints one line per offence.
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = read_tree(root)?;
    let mut offences = imports::check(root)?;
    for file in &files {
        offences.extend(text::check(file));
        if file.has_extension("rs") {
            offences.extend(source::check(file));
        }
        if file.has_extension("md") {
            offences.extend(links::check(root, file));
        }
    }
    offences.sort();
    for offence in &offences {
        println!("{}:{}: {}", offence.path.display(), offence.line, offence.text);
    }
    if offences.is_empty() {
        println!("tidy: {} files, no offence", files.len());
        return Ok(());
    }
    bail!("tidy: {} offences in {} files looked at", offences.len(), files.len());
}

/// Reads every text file under `root`, without build output, version control and binary data.
fn read_tree(root: &Path) -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        let entries = std::fs::read_dir(&directory)
            .with_context(|| format!("cannot list {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            if kind.is_dir() {
                if !is_skipped_directory(&path) {
                    waiting.push(path);
                }
            } else if kind.is_file() && entry.file_name() != ".git" {
                files.extend(read_text(root, &path)?);
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn is_skipped_directory(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    matches!(name, "target" | ".git" | "corpus" | "artifacts")
}

/// The file as text, or nothing if it is not UTF-8 (fixtures are compressed).
fn read_text(root: &Path, path: &Path) -> Result<Option<TextFile>> {
    use std::os::unix::fs::PermissionsExt;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    let Ok(content) = String::from_utf8(bytes) else { return Ok(None) };
    let path = path.strip_prefix(root).unwrap_or(path).to_path_buf();
    Ok(Some(TextFile { path, content, is_executable: mode & 0o111 != 0 }))
}
