//! `cargo xtask test`: everything that must hold before a change lands.

use crate::{build, oracle, packages};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Seconds of seeded mutations over every parser.
const FUZZ_SECONDS: &str = "60";

/// Runs all stages; the first that fails ends the run.
pub(crate) fn run(root: &Path) -> Result<()> {
    stage("packages", packages::install)?;
    stage("unit and integration tests", || cargo(root, &["test", "--workspace"], &[]))?;
    stage("mutations of every parser", || {
        let words = ["test", "--release", "-p", "paritas-format", "--test", "mutations"];
        cargo(root, &words, &[("PARITAS_FUZZ_SECONDS", FUZZ_SECONDS)])
    })?;
    let mut compared = 0;
    stage("arrays of the real driver", || {
        let program = build::program(root)?;
        compared = oracle::run(root, &oracle::Options::subset(program.clone()))?.comparisons;
        compared += oracle::create::run(root, &oracle::create::Options::subset(program))?;
        compared += oracle::detail::run(root, &oracle::detail::Options::subset())?;
        Ok(())
    })?;
    stage("arrays written here, used by the real driver", || {
        let program = build::program(root)?;
        compared += oracle::written::run(root, &oracle::written::Options::subset(program.clone()))?;
        compared += oracle::kill::run(root, &oracle::kill::Options::few(program.clone()))?;
        compared += oracle::filesystem::run(root, &oracle::filesystem::Options::with(program))?;
        Ok(())
    })?;
    stage("members put to the real driver", || {
        compared += oracle::run(root, &oracle::Options::judge_subset())?.comparisons;
        compared += oracle::force::run(root, &oracle::force::Options::default())?;
        Ok(())
    })?;
    println!("{compared} passed, 0 failed");
    Ok(())
}

fn stage(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    work().with_context(|| format!("{name} failed"))?;
    println!("{name}: done in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn cargo(root: &Path, words: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.args(words).envs(environment.iter().copied()).current_dir(root);
    if !command.status().context("cannot run cargo")?.success() {
        bail!("cargo {} failed", words.join(" "));
    }
    Ok(())
}
