//! `examine-badblocks`: the bad-block log of a member (mdadm --examine-badblocks).
//!
//! The one thing to understand: the entries are shown in the order of the table, whose sectors are
//! absolute on the member; a log is only read where the superblock says that it is not empty.

use crate::gather::Found;
use paritas_disk::Fault;
use paritas_format::Superblock;
use paritas_format::bad_blocks::{BadBlockError, BadBlockLog};
use paritas_format::superblock::Area;
use paritas_units::{SECTOR_BYTES, SectorRange, Sectors};
use serde::Serialize;
use std::fmt;

/// What is known of a member's bad blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The word that named the member.
    pub name: String,
    /// The log.
    pub log: Log,
}

/// The three kinds of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// There is no place for one.
    NotConfigured,
    /// Nothing was ever recorded, or all of it was removed.
    Empty,
    /// The entries in the order of the table.
    Entries(Vec<SectorRange>),
}

/// Why the bad blocks are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExamineBadBlocksError {
    /// It is no member.
    #[error("No md superblock detected on {0}")]
    NoSuperblock(String),
    /// The format has no bad-block log.
    #[error("0.90 metadata does not support badblocks; {0} has no place for them")]
    Unsupported(String),
    /// The superblock places the log where the device has nothing.
    #[error(
        "the superblock of {name} places the bad-block log {offset} sectors from itself, which is not on the device"
    )]
    Outside {
        /// The member.
        name: String,
        /// The offset.
        offset: i64,
    },
    /// It cannot be read.
    #[error("the bad-block log of {name} cannot be read: {fault}")]
    Unreadable {
        /// The member.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// Its entries mean nothing.
    #[error("the bad-block log of {name} is damaged: {source}")]
    Damaged {
        /// The member.
        name: String,
        /// What is wrong.
        source: BadBlockError,
    },
}

/// The report for `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Json {
    /// Grows when a field changes its meaning or goes; 1.
    pub version: u32,
    /// The word that was given for the member.
    pub member: String,
    /// Whether the member has a place for bad blocks.
    pub is_configured: bool,
    /// The entries in the order of the table.
    pub bad_blocks: Vec<JsonRange>,
}

/// Bad sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct JsonRange {
    /// The first sector, from the beginning of the device.
    pub start: u64,
    /// How many.
    pub sectors: u64,
}

impl ExamineBadBlocksError {
    /// mdadm's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        1
    }
}

/// Reads the bad-block log of a member.
///
/// # Errors
/// [`ExamineBadBlocksError`].
pub fn examine_bad_blocks(found: &Found) -> Result<Report, ExamineBadBlocksError> {
    let name = found.word.clone();
    if let Some(fault) = found.doubt().cloned() {
        return Err(ExamineBadBlocksError::Unreadable { name, fault });
    }
    let superblock = match found.superblock() {
        None => return Err(ExamineBadBlocksError::NoSuperblock(name)),
        Some(Superblock::V090(_)) => return Err(ExamineBadBlocksError::Unsupported(name)),
        Some(superblock @ Superblock::V1(_)) => superblock,
    };
    let area = superblock.bad_block_area();
    let sectors = area.and_then(|area| area.sectors).filter(|sectors| !sectors.is_zero());
    let log = match (area, sectors) {
        (Some(area), Some(sectors)) if superblock.has_bad_blocks() => {
            Log::Entries(entries(found, area, sectors, superblock.bad_block_shift())?)
        }
        (Some(_), Some(_)) => Log::Empty,
        _ => Log::NotConfigured,
    };
    Ok(Report { name, log })
}

/// The entries of the log in `area`. The length is a 16-bit number of sectors: 32 MiB at most.
fn entries(
    found: &Found,
    area: Area,
    sectors: Sectors,
    shift: u8,
) -> Result<Vec<SectorRange>, ExamineBadBlocksError> {
    let name = || found.word.clone();
    let size = found.disk.facts().sectors;
    let outside = || ExamineBadBlocksError::Outside { name: name(), offset: area.offset };
    let start = area.start().ok_or_else(outside)?;
    start.checked_add(sectors).filter(|end| end.0 <= size.0).ok_or_else(outside)?;
    let length = usize::try_from(sectors.0.saturating_mul(SECTOR_BYTES)).map_err(|_| outside())?;
    let mut bytes = vec![0; length];
    found
        .disk
        .read(start, &mut bytes)
        .map_err(|fault| ExamineBadBlocksError::Unreadable { name: name(), fault })?;
    let log = BadBlockLog::decode(&bytes, shift)
        .map_err(|source| ExamineBadBlocksError::Damaged { name: name(), source })?;
    Ok(log.entries().collect())
}

impl Report {
    /// The report for `--json`.
    #[must_use]
    pub fn json(&self) -> Json {
        let entries = match &self.log {
            Log::Entries(entries) => entries.as_slice(),
            Log::NotConfigured | Log::Empty => &[],
        };
        let range = |range: &SectorRange| JsonRange { start: range.start.0, sectors: range.len.0 };
        Json {
            version: 1,
            member: self.name.clone(),
            is_configured: self.log != Log::NotConfigured,
            bad_blocks: entries.iter().map(range).collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.log {
            Log::NotConfigured => writeln!(f, "No bad-blocks list configured on {}", self.name),
            Log::Empty => writeln!(f, "Bad-blocks list is empty in {}", self.name),
            Log::Entries(entries) => {
                writeln!(f, "Bad-blocks on {}:", self.name)?;
                entries.iter().try_for_each(|range| {
                    writeln!(f, "{:20} for {} sectors", range.start.0, range.len.0)
                })
            }
        }
    }
}
