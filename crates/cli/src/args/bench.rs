//! Words of `bench`.

use clap::{Args, Subcommand};

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Parity kernels; without --op a table of all.
    #[command(
        after_help = "Example:\n  paritas bench parity --op pq --data 8 --block 64K --seconds 1 --json"
    )]
    Parity(BenchParity),
}

/// Arguments of `bench parity`.
#[derive(Debug, Args)]
pub(crate) struct BenchParity {
    /// The operation: xor, pq, recover2 or check.
    #[arg(long)]
    pub(crate) op: Option<String>,
    /// How many data blocks.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub(crate) data: usize,
    /// Bytes of a block, with K or M.
    #[arg(long, default_value = "64K", value_name = "SIZE")]
    pub(crate) block: String,
    /// Seconds of processor time for each figure.
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    pub(crate) seconds: f64,
    /// Use the kernel of this name only.
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Option<String>,
    /// Print JSON: one object, or a list of them.
    #[arg(long)]
    pub(crate) json: bool,
}
