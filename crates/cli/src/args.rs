//! The words of the command line.
//!
//! The one thing to understand: a subcommand is an mdadm mode or action without its dashes, and
//! each option keeps mdadm's spelling in that mode. Words are added, never changed.

mod bench;
mod running;

pub(crate) use bench::*;
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use running::*;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed, and nothing was changed (`create` names the members that were, if a \
disk fails); 2 the words were wrong (an option in the wrong mode, say). The looking verbs go on \
after a member that they cannot serve, and end with mdadm's codes: `examine` of what is not a \
member with 1, but with 0 if only ARRAY lines were asked for (--brief, --scan), `dump` without its \
directory with 16. `wait` ends with 1 if there was nothing to wait for; `detail --test` with 1 for a \
degraded array, 2 for one that has lost too much, 4 for none.";

/// Linux software RAID (md) without the kernel driver.
#[derive(Debug, Parser)]
#[command(name = "paritas", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do; without it, how to begin.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say which arrays are on files, directories or disks, and what to do next.
    ///
    /// Nothing is written, and no root is needed on files.
    #[command(
        after_help = "Example:\n  paritas look disk1.img disk2.img disk3.img\n  paritas look /srv/images"
    )]
    Look(Look),
    /// Print the superblock of members, as mdadm --examine does.
    #[command(
        after_help = "Example:\n  paritas examine disk1.img\n  paritas examine --brief --scan disk*.img"
    )]
    Examine(Examine),
    /// Print the write-intent bitmap of members or of a bitmap file, as mdadm -X does.
    #[command(after_help = "Example:\n  paritas examine-bitmap disk1.img")]
    ExamineBitmap(Members),
    /// Print the bad-block log of members, as mdadm --examine-badblocks does.
    #[command(after_help = "Example:\n  paritas examine-badblocks disk1.img")]
    ExamineBadblocks(Members),
    /// Say in a line what each file or device is, as mdadm --query does.
    #[command(after_help = "Example:\n  paritas query disk1.img")]
    Query(Members),
    /// Copy the content of an array into a file, or to standard output.
    ///
    /// Members are opened read-only. The array may be degraded: what is missing is computed.
    /// OUT has exactly the array's size, and what is all zero stays sparse.
    #[command(
        after_help = "Example:\n  paritas copy disk1.img disk2.img disk3.img array.img\n  paritas copy disk*.img - | zstd > array.zst"
    )]
    Copy(Copy),
    /// Make an array from devices, or from files that are made for it, as mdadm --create does.
    ///
    /// A member that holds something is refused unless --overwrite names what may be lost;
    /// --write-mostly and --failfast hold for the members behind them. The array is started, in a
    /// service that is started if there is none, or with --foreground in this process.
    #[command(
        after_help = "Example:\n  paritas create md0 -l raid5 -n 3 --member-size 1G disk1.img disk2.img disk3.img --serve nbd+unix:///md0?socket=/tmp/md0.sock\n  paritas create photos --level=1 --raid-devices=2 /dev/sdb missing"
    )]
    Create(Box<Create>),
    /// Wipe the superblocks of members, as mdadm --zero-superblock does.
    #[command(after_help = "Example:\n  paritas zero-superblock disk1.img")]
    ZeroSuperblock(ZeroSuperblock),
    /// Keep sparse copies of members' metadata, as mdadm --dump does.
    #[command(after_help = "Example:\n  paritas dump disk1.img disk2.img /srv/metadata")]
    Dump(Dump),
    /// Bring metadata that `dump` kept back to its members, as mdadm --restore does.
    ///
    /// Superblock, bitmap and bad-block log are written, nothing else. A member that carries
    /// something else is refused.
    #[command(after_help = "Example:\n  paritas restore /srv/metadata disk1.img disk2.img")]
    Restore(Restore),
    /// Start an array from its members, as mdadm --assemble does.
    ///
    /// It runs in a service, which is started if there is none, until `paritas stop`; with --foreground
    /// in this process. Members are opened for it alone. Superblocks are kept as Linux keeps them; a
    /// resync or recovery that is owed goes on. An internal bitmap is set whole before the first write.
    /// Arrays with a journal, a partial parity log or known bad blocks are refused, and without --force
    /// a dirty array with parity that misses members is, too.
    #[command(
        after_help = "Example:\n  paritas assemble --scan\n  paritas assemble md0 disk*.img --serve nbd+unix:///array?socket=/tmp/array.sock\n  qemu-img convert -n photos.img 'nbd+unix:///array?socket=/tmp/array.sock'"
    )]
    Assemble(Box<Assemble>),
    /// Serve a running array at one more place: paritas serve ARRAY URI.
    ///
    /// With --readonly and members instead: in the foreground, without a service, nothing is written.
    #[command(
        after_help = "Example:\n  paritas serve --readonly disk*.img nbd+unix:///array?socket=/tmp/array.sock\n  nbdcopy 'nbd+unix:///array?socket=/tmp/array.sock' array.img"
    )]
    Serve(Serve),
    /// Serve a running array at a place no more; clients that came in by it stay.
    #[command(
        after_help = "Example:\n  paritas unserve md0 nbd+unix:///array?socket=/tmp/array.sock"
    )]
    Unserve(Unserve),
    /// Stop running arrays: everything is written and marked clean.
    ///
    /// Refused while clients are connected, unless --force cuts them off.
    #[command(after_help = "Example:\n  paritas stop md0\n  paritas stop --scan")]
    Stop(Stop),
    /// Say which arrays run and how far they are, as /proc/mdstat does.
    #[command(after_help = "Example:\n  paritas status")]
    Status(Status),
    /// Print what a running array is, as mdadm --detail does.
    #[command(after_help = "Example:\n  paritas detail md0\n  paritas detail --brief --scan")]
    Detail(Detail),
    /// Wait until nothing is rebuilt, resynced or checked any more.
    #[command(after_help = "Example:\n  paritas action md0 check && paritas wait md0")]
    Wait(Wait),
    /// Add members to a running array: they rebuild what is missing, or wait as spares.
    #[command(
        after_help = "Example:\n  paritas add md0 new.img --member-size 1G\n  paritas add md0 /dev/sdd"
    )]
    Add(Add),
    /// Call members of a running array failed.
    #[command(after_help = "Example:\n  paritas fail md0 disk2.img")]
    Fail(ArrayMembers),
    /// Take failed members and spares out of a running array.
    #[command(after_help = "Example:\n  paritas remove md0 disk2.img\n  paritas remove md0 failed")]
    Remove(ArrayMembers),
    /// Begin or end a check, repair, resync or recovery.
    #[command(after_help = "Example:\n  paritas action md0 check")]
    Action(Action),
    /// Let nobody write to running arrays.
    #[command(after_help = "Example:\n  paritas readonly md0")]
    Readonly(Arrays),
    /// Let arrays that are read-only be written again.
    #[command(after_help = "Example:\n  paritas readwrite md0")]
    Readwrite(Arrays),
    /// Run the service in the foreground, for systemd and containers.
    ///
    /// `create`, `assemble` and `quickstart` start one by themselves when none runs.
    #[command(after_help = "Example:\n  paritas service --control /run/paritas/control")]
    Service(Service),
    /// Show the main job: a small RAID 6 that Linux made is looked at and copied, also with two members
    /// gone; then one is made, served, written, robbed of two members, rebuilt, checked, and left running.
    ///
    /// All files go into a new directory.
    #[command(after_help = "Example:\n  paritas quickstart\n  paritas quickstart /tmp/first-steps")]
    Quickstart(Quickstart),
    /// Measure.
    #[command(subcommand)]
    Bench(Bench),
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  paritas completions bash > /etc/bash_completion.d/paritas")]
    Completions(Completions),
    /// Write the man pages into a directory.
    #[command(after_help = "Example:\n  paritas man /usr/local/share/man/man1")]
    Man(Man),
}

/// Arguments of `look`.
#[derive(Debug, Args)]
pub(crate) struct Look {
    /// Files, directories (their files) or block devices.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) choices: ReadChoices,
}

/// Arguments of `examine`.
#[derive(Debug, Args)]
pub(crate) struct Examine {
    /// Image files, block devices, FILE@pN, or FILE@OFFSET[+SIZE].
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// One ARRAY line for each array.
    #[arg(short, long)]
    pub(crate) brief: bool,
    /// As --brief.
    #[arg(short, long)]
    pub(crate) scan: bool,
    /// More in ARRAY lines.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// KEY=value lines.
    #[arg(short = 'Y', long, conflicts_with_all = ["brief", "scan"])]
    pub(crate) export: bool,
    /// Print one JSON object instead of text.
    #[arg(long, conflicts_with_all = ["brief", "scan", "export"])]
    pub(crate) json: bool,
}

/// Arguments of the verbs that take members and print.
#[derive(Debug, Args)]
pub(crate) struct Members {
    /// Image files, block devices, FILE@pN, or FILE@OFFSET[+SIZE].
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What only the user can decide when an array is read.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ReadChoices {
    /// How a raid0 of unequal members without a recorded layout was written: by kernels before
    /// 3.14 (original) or since (alternate).
    #[arg(long, value_name = "WHICH")]
    pub(crate) layout: Option<Raid0Layout>,
    /// Read an array whose journal was not replayed as if it had none; newest writes are missing.
    #[arg(long)]
    pub(crate) without_journal: bool,
}

/// The two ways in which raid0 was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Raid0Layout {
    /// Kernels before 3.14.
    Original,
    /// Kernels from 3.14 on.
    Alternate,
}

/// Arguments of `copy`.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// Image files, block devices, FILE@pN, or FILE@OFFSET[+SIZE]; then the file to make, or `-`.
    #[arg(required = true, num_args = 2.., value_names = ["MEMBER", "OUT"])]
    pub(crate) words: Vec<String>,
    /// Replace OUT if it exists.
    #[arg(long)]
    pub(crate) overwrite_out: bool,
    /// Show no progress.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) choices: ReadChoices,
}

/// Arguments of `create`. Sizes without a letter are KiB, as mdadm's are.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The array: md0, a name, /dev/md/NAME.
    #[arg(value_name = "ARRAY")]
    pub(crate) array: String,
    /// Image files, block devices, FILE@pN, FILE@OFFSET[+SIZE], or missing; first the slots, then
    /// the spares.
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// linear, raid0, raid1, raid4, raid5, raid6, raid10, multipath or faulty.
    #[arg(short, long)]
    pub(crate) level: Option<String>,
    /// How many slots.
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) raid_devices: Option<u16>,
    /// How many spares.
    #[arg(short = 'x', long, default_value_t = 0, value_name = "N")]
    pub(crate) spare_devices: u16,
    /// The chunk [default: 512K where the level has one].
    #[arg(short, long, value_name = "SIZE")]
    pub(crate) chunk: Option<String>,
    /// What linear rounds its members to.
    #[arg(long, value_name = "SIZE", conflicts_with = "chunk")]
    pub(crate) rounding: Option<String>,
    /// The layout: left-symmetric, ls, n2, f2, o2, ddf-N-continue and so on.
    #[arg(short = 'p', long, visible_alias = "parity")]
    pub(crate) layout: Option<String>,
    /// 0.90, 1.0, 1.1 or 1.2 [default: 1.2].
    #[arg(short = 'e', long, value_name = "VERSION")]
    pub(crate) metadata: Option<String>,
    /// internal or none [default: internal for members of more than 100 GiB].
    #[arg(short, long, value_name = "WHERE")]
    pub(crate) bitmap: Option<String>,
    /// What a bit of the bitmap stands for [default: 64M, more where the bits would not fit].
    #[arg(long, value_name = "SIZE")]
    pub(crate) bitmap_chunk: Option<String>,
    /// resync or bitmap.
    #[arg(short = 'k', long, value_enum)]
    pub(crate) consistency_policy: Option<Policy>,
    /// Refused: journals are not made yet.
    #[arg(long, hide = true, value_name = "MEMBER")]
    pub(crate) write_journal: Option<String>,
    /// Use so much of each member, or max.
    #[arg(short = 'z', long)]
    pub(crate) size: Option<String>,
    /// Where data begins on each member (1.1 and 1.2).
    #[arg(long, value_name = "SIZE")]
    pub(crate) data_offset: Option<String>,
    /// Trust that members agree already: no resync.
    #[arg(long)]
    pub(crate) assume_clean: bool,
    /// Members behind this are read only when no other can be.
    #[arg(short = 'W', long, num_args = 0, action = clap::ArgAction::Append, default_missing_value = "true")]
    pub(crate) write_mostly: Vec<bool>,
    /// Requests to members behind this fail at the first error.
    #[arg(long, num_args = 0, action = clap::ArgAction::Append, default_missing_value = "true")]
    pub(crate) failfast: Vec<bool>,
    /// How many writes may be outstanding to write-mostly members; needs a bitmap.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "256", value_name = "N")]
    pub(crate) write_behind: Option<u32>,
    /// The array's name [default: from ARRAY].
    #[arg(short = 'N', long)]
    pub(crate) name: Option<String>,
    /// The host in the array's name; <none> for none [default: this host].
    #[arg(long, value_name = "HOST")]
    pub(crate) homehost: Option<String>,
    /// The array's identity [default: random].
    #[arg(short, long)]
    pub(crate) uuid: Option<String>,
    /// Members' identities, one for each; from the last on they are counted up [default: random].
    #[arg(long, value_name = "UUID")]
    pub(crate) device_uuid: Vec<String>,
    /// Make the members as new files of so many bytes.
    #[arg(long, value_name = "SIZE")]
    pub(crate) member_size: Option<String>,
    /// What may be lost on members.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    pub(crate) overwrite: Vec<Overwrite>,
    /// Go on where mdadm would ask.
    #[arg(short = 'R', long)]
    pub(crate) run: bool,
    /// One slot is meant; parity arrays begin with a resync instead of rebuilding a member.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Only make it.
    #[arg(long, conflicts_with_all = ["serve", "foreground"])]
    pub(crate) no_start: bool,
    /// Fill it with the content of this file; what the file does not fill is zero.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Say nothing.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) hosting: Hosting,
}

/// What may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Overwrite {
    /// Superblocks of arrays.
    Md,
    /// File systems, and what holds one.
    Filesystem,
    /// Partition tables.
    Partitions,
    /// Whatever it is.
    All,
}

/// How an array is to become consistent after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// By a whole resync.
    Resync,
    /// By a resync of what a bitmap says.
    Bitmap,
    /// By a journal.
    Journal,
    /// By a partial parity log.
    Ppl,
}

impl Policy {
    /// The word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Bitmap => "bitmap",
            Self::Journal => "journal",
            Self::Ppl => "ppl",
        }
    }
}

/// Arguments of `zero-superblock`.
#[derive(Debug, Args)]
pub(crate) struct ZeroSuperblock {
    /// Image files, block devices, FILE@pN, or FILE@OFFSET[+SIZE].
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// Taken as mdadm takes it; superblocks with a wrong checksum are wiped without it, too.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Print one JSON object for each instead of nothing.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    /// Members, then the directory to put the copies into.
    #[arg(required = true, num_args = 2.., value_names = ["MEMBER", "DIR"])]
    pub(crate) words: Vec<String>,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The directory with the dumps, each under its member's base name; or one dump.
    #[arg(value_name = "DIR")]
    pub(crate) directory: String,
    /// Image files, block devices, FILE@pN, or FILE@OFFSET[+SIZE].
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// What on the members may be overwritten.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) overwrite: Vec<Overwrite>,
}

/// Arguments of `quickstart`.
#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// The directory to make; `paritas-quickstart` (with a number if that exists) when none is
    /// named.
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// A running array or, with --readonly, members; then nbd+unix:///NAME?socket=PATH or
    /// nbd://ADDRESS[:PORT]/NAME.
    #[arg(required = true, num_args = 2.., value_names = ["ARRAY|MEMBER", "URI"])]
    pub(crate) words: Vec<String>,
    /// Refuse writes and open members read-only.
    #[arg(short = 'o', long)]
    pub(crate) readonly: bool,
    /// Threads (shards) that serve; 0 for one per processor.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) threads: u16,
    #[command(flatten)]
    pub(crate) choices: ReadChoices,
    #[command(flatten)]
    pub(crate) control: Control,
}

/// Arguments of `assemble`.
#[derive(Debug, Args)]
pub(crate) struct Assemble {
    /// The array's name here (md0, or /dev/md/NAME), then its members; with --scan where members are
    /// looked for instead of the DEVICE lines.
    #[arg(required_unless_present = "scan", value_names = ["ARRAY", "MEMBER"])]
    pub(crate) words: Vec<String>,
    /// Assemble what mdadm.conf names, and what else is found and complete.
    #[arg(short, long, conflicts_with = "foreground")]
    pub(crate) scan: bool,
    /// The configuration file; /etc/mdadm/mdadm.conf or /etc/mdadm.conf if it is there.
    #[arg(short, long, value_name = "FILE", requires = "scan")]
    pub(crate) config: Option<PathBuf>,
    /// Bring in members that are behind, as few as are needed, and call a dirty, degraded array clean.
    #[arg(short, long, conflicts_with_all = ["readonly", "scan"])]
    pub(crate) force: bool,
    /// Refuse writes and open members read-only.
    #[arg(short = 'o', long)]
    pub(crate) readonly: bool,
    /// Write nothing until the first write of a client (also with PARITAS_START_RO=1).
    #[arg(long, conflicts_with = "readonly")]
    pub(crate) auto_read: bool,
    #[command(flatten)]
    pub(crate) choices: ReadChoices,
    #[command(flatten)]
    pub(crate) hosting: Hosting,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The directory; it is made if it is not there.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}
