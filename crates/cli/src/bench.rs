//! `paritas bench`.

use crate::args::BenchParity;
use crate::metadata::say;
use anyhow::{Context, Result};
use paritas_parity::Kernel;
use paritas_parity::bench::{BenchResult, Operation, bench};
use serde::Serialize;
use std::time::Duration;

/// A figure as JSON.
#[derive(Serialize)]
struct Figure {
    op: &'static str,
    data: usize,
    block: usize,
    kernel: &'static str,
    gb_per_s: f64,
}

/// Measures parity kernels: one operation, or a table of all.
///
/// # Errors
/// Words that name nothing, and stripes that cannot be.
pub(crate) fn parity(words: &BenchParity) -> Result<()> {
    let block = paritas_units::parse_size(&words.block)?;
    let block = usize::try_from(block).context("the block is too large")?;
    let seconds = Duration::try_from_secs_f64(words.seconds).context("--seconds")?;
    let kernels: Vec<&'static Kernel> = match (&words.kernel, &words.op) {
        (Some(name), _) => vec![Kernel::named(name)?],
        (None, Some(_)) => vec![Kernel::from_environment()?],
        (None, None) => Kernel::available().collect(),
    };
    let operations = match &words.op {
        Some(word) => vec![word.parse::<Operation>()?],
        None => Operation::ALL.to_vec(),
    };
    let mut figures = Vec::new();
    for operation in operations {
        for kernel in &kernels {
            let result = bench(operation, words.data, block, seconds, kernel, &thread_time)?;
            figures.push(figure(&result));
            if !words.json {
                print_row(&result)?;
            }
        }
    }
    match (words.json, figures.as_slice()) {
        (true, [one]) if words.op.is_some() => {
            say(&format_args!("{}\n", serde_json::to_string(one)?))
        }
        (true, all) => say(&format_args!("{}\n", serde_json::to_string(all)?)),
        (false, _) => Ok(()),
    }
}

fn figure(result: &BenchResult) -> Figure {
    Figure {
        op: result.operation.name(),
        data: result.data,
        block: result.block,
        kernel: result.kernel,
        gb_per_s: result.gb_per_s,
    }
}

fn print_row(result: &BenchResult) -> Result<()> {
    say(&format_args!(
        "{:<9} {} x {} bytes  {:<9} {:8.2} GB/s of data\n",
        result.operation.name(),
        result.data,
        result.block,
        result.kernel,
        result.gb_per_s
    ))
}

/// Processor time of this thread.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
