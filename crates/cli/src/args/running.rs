//! Words of the verbs that ask a service.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Which service is asked.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Control {
    /// The service's control socket, if not the usual one (also `PARITAS_CONTROL`).
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,
}

/// Where an array runs, and with what.
#[derive(Clone, Debug, Args)]
pub(crate) struct Hosting {
    /// Host the array in this process, until SIGINT or SIGTERM.
    #[arg(long)]
    pub(crate) foreground: bool,
    /// Serve at nbd+unix:///NAME?socket=PATH or nbd://ADDRESS[:PORT]/NAME; may be given again.
    #[arg(long, value_name = "URI")]
    pub(crate) serve: Vec<String>,
    /// Threads (shards) that serve; 0 for one per processor.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) threads: u16,
    /// Resync and recover at most so many KiB a second.
    #[arg(long, value_name = "KIB")]
    pub(crate) walk_limit: Option<u64>,
    /// Bytes of memory for what is under way, with K, M or G.
    #[arg(long, value_name = "SIZE", default_value = "128M")]
    pub(crate) pool: String,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// A verb about one array or several.
#[derive(Debug, Args)]
pub(crate) struct Arrays {
    /// The arrays: md0, or /dev/md/NAME.
    #[arg(required = true, value_name = "ARRAY")]
    pub(crate) arrays: Vec<String>,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `stop`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// The arrays: md0, or /dev/md/NAME.
    #[arg(required_unless_present = "scan", value_name = "ARRAY")]
    pub(crate) arrays: Vec<String>,
    /// All arrays.
    #[arg(short, long, conflicts_with = "arrays")]
    pub(crate) scan: bool,
    /// Stop although clients are connected; they are cut off.
    #[arg(short, long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The arrays: md0, or /dev/md/NAME.
    #[arg(required = true, value_name = "ARRAY")]
    pub(crate) arrays: Vec<String>,
    /// Wait until it is clean instead of until nothing is rebuilt, resynced or checked.
    #[arg(long)]
    pub(crate) clean: bool,
    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print again every second.
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `detail`.
#[derive(Debug, Args)]
pub(crate) struct Detail {
    /// The arrays: md0, or /dev/md/NAME.
    #[arg(required_unless_present = "scan", value_name = "ARRAY")]
    pub(crate) arrays: Vec<String>,
    /// All arrays.
    #[arg(short, long, conflicts_with = "arrays")]
    pub(crate) scan: bool,
    /// One ARRAY line for each.
    #[arg(short, long)]
    pub(crate) brief: bool,
    /// More in ARRAY lines.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// KEY=value lines.
    #[arg(short = 'Y', long, conflicts_with = "brief")]
    pub(crate) export: bool,
    /// End with 1 if an array is degraded, 2 if too much is missing, 4 if there is none.
    #[arg(short, long)]
    pub(crate) test: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// An array and members of it.
#[derive(Debug, Args)]
pub(crate) struct ArrayMembers {
    /// The array: md0, or /dev/md/NAME.
    #[arg(value_name = "ARRAY")]
    pub(crate) array: String,
    /// Members, by path or by the name that `status` shows; `failed` for all that are.
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The array: md0, or /dev/md/NAME.
    #[arg(value_name = "ARRAY")]
    pub(crate) array: String,
    /// Image files, block devices, FILE@pN, or FILE@OFFSET[+SIZE].
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// Make files of this size for members that are not there.
    #[arg(long, value_name = "SIZE")]
    pub(crate) member_size: Option<String>,
    /// What on the members may be overwritten.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) overwrite: Vec<super::Overwrite>,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `action`.
#[derive(Debug, Args)]
pub(crate) struct Action {
    /// The array: md0, or /dev/md/NAME.
    #[arg(value_name = "ARRAY")]
    pub(crate) array: String,
    /// What to do.
    pub(crate) action: SyncAction,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// What can be asked of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncAction {
    /// Count where redundancy does not agree.
    Check,
    /// Count, and make it agree.
    Repair,
    /// End what is going on; what is owed begins again.
    Idle,
    /// End what is going on and begin nothing.
    Frozen,
    /// Make redundancy agree after a crash.
    Resync,
    /// Rebuild members.
    Recover,
}

impl SyncAction {
    /// The driver's word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Repair => "repair",
            Self::Idle => "idle",
            Self::Frozen => "frozen",
            Self::Resync => "resync",
            Self::Recover => "recover",
        }
    }
}

/// Arguments of `unserve`.
#[derive(Debug, Args)]
pub(crate) struct Unserve {
    /// The array: md0, or /dev/md/NAME.
    #[arg(value_name = "ARRAY")]
    pub(crate) array: String,
    /// Where it is served.
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `service`.
#[derive(Debug, Args)]
pub(crate) struct Service {
    #[command(flatten)]
    pub(crate) control: Control,
    /// Leave the terminal, and end 2 s after the last array: how other commands start one.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}
