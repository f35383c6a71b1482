//! The project's tasks, run as `cargo xtask TASK`.
//!
//! Each task is a module with one `run`. A task prints what it did in plain lines and ends non-zero
//! when something is wrong; none of them asks a question, so all of them run without a terminal.

mod build;
mod campaign;
mod oracle;
mod packages;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The tasks of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// One task.
#[derive(Subcommand)]
enum Task {
    /// Check the house rules: imports, sizes, module documents, banned words, links, modes
    Tidy,
    /// Have the real driver make arrays, and compare what `paritas` reads and says
    Oracle(oracle::Options),
    /// Make the files of oracle/fixtures again, with the real driver
    Bless(oracle::fixtures::Options),
    /// Search for long, going on where proof/ledger.jsonl ends
    Campaign(campaign::Options),
    /// Install what the tests need, and run all of them
    Test,
}

/// The workspace's root: the directory above this package.
fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

fn main() -> ExitCode {
    let root = workspace_root();
    let outcome = match Arguments::parse().task {
        Task::Tidy => tidy::run(&root),
        Task::Test => test::run(&root),
        Task::Oracle(options) => oracle::run(&root, &options).map(drop),
        Task::Campaign(options) => campaign::run(&root, &options),
        Task::Bless(options) => oracle::fixtures::run(&root, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
