//! Completions and man pages, made from the words of the command line.

use crate::args::{Arguments, Completions, Man};
use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use std::fs;
use std::path::Path;

/// Prints completions for a shell.
pub(crate) fn completions(wanted: &Completions) {
    let mut command = Arguments::command();
    clap_complete::generate(wanted.shell, &mut command, "paritas", &mut std::io::stdout());
}

/// Writes a page for the command and one for each subcommand.
///
/// # Errors
/// The directory or a page cannot be made.
pub(crate) fn man(wanted: &Man) -> Result<()> {
    let directory = &wanted.directory;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    page(&command, "paritas", directory)
}

fn page(command: &Command, name: &str, directory: &Path) -> Result<()> {
    let path = directory.join(format!("{name}.1"));
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name).render(&mut text)?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    command
        .get_subcommands()
        .try_for_each(|below| page(below, &format!("{name}-{}", below.get_name()), directory))
}
