//! Builds the program `paritas`, which the tasks run as its users do.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the program and says where it is.
///
/// # Errors
/// When cargo fails; its own messages have gone to the terminal.
pub(crate) fn program(root: &Path) -> Result<PathBuf> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "paritas-cli", "--bin", "paritas"])
        .current_dir(root)
        .status()
        .context("cannot run cargo build")?;
    if !status.success() {
        bail!("the program does not build");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    Ok(root.join(target).join("debug/paritas"))
}
