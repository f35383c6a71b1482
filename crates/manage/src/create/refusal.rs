//! Why an array is not created. The words are mdadm's where it has some; its exit codes too.

use super::occupied::Occupant;
use crate::restore::Overwrite;
use paritas_disk::{Fault, OpenError};
use paritas_format::superblock::Version;
use paritas_personality::BadShape;
use paritas_units::{Level, Sectors};

/// Why options and members make no array.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// One slot, and nobody said that this is meant.
    #[error(
        "'1' is an unusual number of drives for an array, so it is probably a mistake.\n\
         next: if you really mean it, give --force"
    )]
    OneSlot,
    /// Too few slots for the level.
    #[error("at least {least} raid-devices needed for level {}", level.number())]
    TooFewSlots {
        /// The level.
        level: Level,
        /// How many it needs.
        least: u16,
    },
    /// More copies than slots.
    #[error("that layout requires at least {least} devices")]
    TooFewForLayout {
        /// How many it needs.
        least: u32,
    },
    /// More devices than the format can name.
    #[error("{version} metadata supports at most {most} devices per array")]
    TooManyDevices {
        /// The format.
        version: Version,
        /// The limit.
        most: u16,
    },
    /// Fewer words than slots and spares.
    #[error(
        "You haven't given enough devices (real or missing) to create this array: {given} of {wanted}"
    )]
    NotEnough {
        /// How many were given.
        given: usize,
        /// How many are needed.
        wanted: usize,
    },
    /// More words than slots and spares.
    #[error("You have listed more devices ({given}) than are in the array({wanted})!")]
    TooMany {
        /// How many were given.
        given: usize,
        /// How many are needed.
        wanted: usize,
    },
    /// A level without redundancy and `missing`.
    #[error("This level does not support missing devices")]
    MissingMeaningless,
    /// Nothing but `missing`.
    #[error("Subdevs can't be all missing")]
    AllMissing,
    /// So much is missing that no array could start.
    #[error("with {missing} of {slots} devices missing, the {level} array could not be started")]
    TooManyMissing {
        /// How many.
        missing: usize,
        /// Of how many.
        slots: u16,
        /// The level.
        level: Level,
    },
    /// A level without redundancy and spares.
    #[error("spare-devices setting is incompatible with raid level {}", .0.number())]
    SparesMeaningless(Level),
    /// A level without chunks and a chunk.
    #[error("specifying chunk size is forbidden for this level")]
    ChunkMeaningless,
    /// A chunk that is too small.
    #[error("invalid chunk/rounding value: {kib} KiB; it must be 4 KiB or more")]
    ChunkTooSmall {
        /// The chunk.
        kib: u32,
    },
    /// A level without redundancy and a bitmap.
    #[error("bitmaps not meaningful with level {0}")]
    BitmapMeaningless(Level),
    /// The bits do not fit.
    #[error("Given bitmap chunk size not supported: {bytes} bytes")]
    BitmapChunk {
        /// What was asked for.
        bytes: u32,
    },
    /// Write-behind without a bitmap.
    #[error("write-behind mode requires a bitmap.")]
    WriteBehindWithoutBitmap,
    /// Too many outstanding writes.
    #[error(
        "Invalid value for maximum outstanding write-behind writes: {0}.\n\
         \tMust be between 0 and 16383."
    )]
    WriteBehind(u32),
    /// raid0 in a format that cannot say its layout.
    #[error("0.90 metadata does not support layouts for RAID0")]
    Raid0WithoutLayout,
    /// A size too great for 0.90.
    #[error("0.90 metadata supports at most 4 TiB of each device, not {kib}K")]
    TooLargeFor090 {
        /// KiB of each member.
        kib: u64,
    },
    /// A data offset in a format that has none to choose.
    #[error("data-offset not support for {0}")]
    DataOffsetMeaningless(Version),
    /// A data offset with no room for metadata before it.
    #[error(
        "{name}: a data offset of {given} sectors leaves no room for metadata; it needs {least}"
    )]
    DataOffsetTooSmall {
        /// The member.
        name: String,
        /// What was asked for, in sectors.
        given: u64,
        /// What is needed, in sectors.
        least: u64,
    },
    /// A member has no room for data.
    #[error("no free space left on {name}: {sectors} sectors are needed for metadata")]
    NoSpace {
        /// The member.
        name: String,
        /// Its size, in sectors.
        sectors: u64,
    },
    /// A member is smaller than what shall be used of it.
    #[error("{name} is smaller than given size. {available}K < {wanted}K + metadata")]
    Smaller {
        /// The member.
        name: String,
        /// KiB that it has for data.
        available: u64,
        /// KiB that are wanted.
        wanted: u64,
    },
    /// The level cannot be laid out like that.
    #[error(transparent)]
    Shape(#[from] BadShape),
}

impl PlanError {
    /// mdadm's exit code: 2 where it refuses the words before it looks at devices.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::OneSlot
            | Self::SparesMeaningless(_)
            | Self::ChunkTooSmall { .. }
            | Self::WriteBehind(_) => 2,
            _ => 1,
        }
    }
}

/// Why no array was created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// A member does not open.
    #[error("{0}\nnothing was written")]
    Open(#[from] OpenError),
    /// Options and members make no array.
    #[error("{0}\nnothing was written")]
    Plan(#[from] PlanError),
    /// Two words name the same bytes.
    #[error(
        "{first} and {second} are the same storage, or share a part of it: an array over them \
         would destroy itself\nnothing was written"
    )]
    Same {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// A member is in use for something.
    #[error("{}nothing was written\nnext: if that may be lost, give {}", list(.0), words(.0))]
    Occupied(Vec<Occupant>),
    /// mdadm would ask, and nobody said `--run`.
    #[error("{}\nnothing was written\nnext: give --run if this is meant", .0.join("\n"))]
    Question(Vec<String>),
    /// The array would not have room for what is to go into it.
    #[error(
        "the content has {needs} sectors and the array would have {has}\nnothing was written\n\
         next: give more or larger members"
    )]
    TooSmall {
        /// Sectors of the content.
        needs: Sectors,
        /// Sectors of the array.
        has: Sectors,
    },
    /// A member cannot be looked at.
    #[error("{name} cannot be read: {fault}\nnothing was written")]
    Unreadable {
        /// The member.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// A write failed part of the way.
    #[error("{name} cannot be written: {fault}\n{}", changed_words(.changed))]
    Unwritable {
        /// The member.
        name: String,
        /// Why.
        fault: Fault,
        /// Members that were written to, at least in part.
        changed: Vec<String>,
    },
}

impl CreateError {
    /// mdadm's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Plan(why) => why.exit_code(),
            _ => 1,
        }
    }
}

fn list(occupants: &[Occupant]) -> String {
    occupants.iter().map(|one| format!("{one}\n")).collect()
}

/// The words that would allow all that was found.
fn words(occupants: &[Occupant]) -> String {
    let mut kinds: Vec<Option<Overwrite>> = Vec::new();
    for one in occupants {
        if !kinds.contains(&one.kind) {
            kinds.push(one.kind);
        }
    }
    if kinds.contains(&None) {
        return "--overwrite=all".to_owned();
    }
    let words: Vec<&str> = kinds.into_iter().flatten().map(Overwrite::word).collect();
    format!("--overwrite={}", words.join(","))
}

fn changed_words(changed: &[String]) -> String {
    format!(
        "changed, at least in part: {}; the others are as they were\n\
         next: look at the disk that failed, then create again with --overwrite=md",
        changed.join(", ")
    )
}
