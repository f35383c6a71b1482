//! `restore`: brings the metadata of a dump back to its member (mdadm --restore).
//!
//! The one thing to understand: only the sectors that a dump holds are written, the superblock
//! last and after a flush, so that a member that is only half restored never looks whole. What
//! stands on the member now must be nothing, or this very member of this array; anything else
//! must be named by the caller ([`Overwrite`]).
//!
//! Deliberately absent: repair. The bytes come back as they were, stale or not.

use crate::dump::{self, DumpError, base_name};
use crate::gather::Found;
use paritas_disk::{Disk, Fault};
use paritas_format::superblock::Version;
use paritas_format::{Superblock, partition, signature};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};
use serde::Serialize;
use std::fmt;

/// What the caller allows to be overwritten (`--overwrite=KIND`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Superblocks of another member or another array.
    Md,
    /// A file system, or what holds one.
    Filesystem,
    /// A partition table.
    Partitions,
}

impl Overwrite {
    /// The word after `--overwrite=`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Md => "md",
            Self::Filesystem => "filesystem",
            Self::Partitions => "partitions",
        }
    }
}

/// A member that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Grows when a field changes its meaning or goes; 1.
    pub version: u32,
    /// The word that named the member.
    pub member: String,
    /// The dump.
    pub dump: String,
    /// The sectors that were written, as first sector and length.
    pub written: Vec<(u64, u64)>,
}

/// Why nothing was restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The dump cannot be used.
    #[error(transparent)]
    Dump(DumpError),
    /// The dump is another member's: the lengths differ.
    #[error(
        "{dump} is not the same size as {member} - cannot restore. ({dump_bytes} and {member_bytes} bytes)"
    )]
    Size {
        /// The dump.
        dump: String,
        /// The member.
        member: String,
        /// Bytes of the dump.
        dump_bytes: u64,
        /// Bytes of the member.
        member_bytes: u64,
    },
    /// Something else of md is on the member.
    #[error(
        "{member} carries {found}, the dump {dump} holds {expected}; check the order of members, \
         or give --overwrite=md to overwrite it"
    )]
    Mismatch {
        /// The member.
        member: String,
        /// The dump.
        dump: String,
        /// What stands on the member.
        found: Box<Identity>,
        /// What the dump would bring.
        expected: Box<Identity>,
    },
    /// The member has no superblock, and something that is no RAID lies at its beginning, where
    /// metadata would be written.
    #[error("{member} carries {found}, which would be damaged; give --overwrite={} to do it", .kind.word())]
    Occupied {
        /// The member.
        member: String,
        /// What was found.
        found: String,
        /// What would have to be allowed.
        kind: Overwrite,
    },
    /// A member cannot be read or written.
    #[error("{member} cannot be {verb}: {fault}{rest}")]
    Fault {
        /// The member.
        member: String,
        /// Read or written.
        verb: &'static str,
        /// Why.
        fault: Fault,
        /// What to do.
        rest: &'static str,
    },
}

/// Which member of which array a superblock names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The array.
    array: String,
    /// The format.
    version: String,
    /// The device's own identity, or its number where the format has none.
    device: String,
}

impl RestoreError {
    /// mdadm's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        1
    }
}

/// The files of `directory` that may be the dump of a member: by its base name, then by its
/// `aliases`.
#[must_use]
pub fn candidates(directory: &str, member: &str, aliases: &[String]) -> Vec<String> {
    let names = std::iter::once(member).chain(aliases.iter().map(String::as_str));
    names.map(|name| format!("{directory}/{}", base_name(name))).collect()
}

/// Writes the metadata of `dump` to `member`, which is open for writing.
///
/// # Errors
/// [`RestoreError`]; nothing was written unless it says so.
pub fn restore(
    dump: &Found,
    member: &Found,
    overwrite: &[Overwrite],
) -> Result<Restored, RestoreError> {
    let areas = dump::metadata(dump).map_err(RestoreError::Dump)?;
    check_length(dump, member)?;
    if !overwrite.contains(&Overwrite::Md) {
        check_identity(dump, member)?;
    }
    check_occupied(dump, member, overwrite)?;
    let mut pieces = Vec::with_capacity(areas.len());
    for area in &areas {
        let piece =
            dump::read(dump.disk.as_ref(), *area).map_err(|fault| read_fault(dump, fault))?;
        let piece = widen(member.disk.as_ref(), area.start, &piece);
        pieces.push(piece.map_err(|fault| read_fault(member, fault))?);
    }
    let disk = member.disk.as_ref();
    let written = |result: Result<(), Fault>| {
        result.map_err(|fault| RestoreError::Fault {
            member: member.word.clone(),
            verb: "written",
            fault,
            rest: "; part of its metadata may have been; restore it again",
        })
    };
    // The superblock comes first in the list and goes last to the member.
    for (at, bytes) in pieces.iter().skip(1) {
        written(disk.write(*at, bytes, false))?;
    }
    written(disk.flush())?;
    for (at, bytes) in pieces.iter().take(1) {
        written(disk.write(*at, bytes, true))?;
    }
    written(disk.flush())?;
    let written = areas.iter().map(|area| (area.start.0, area.len.0)).collect();
    Ok(Restored { version: 1, member: member.word.clone(), dump: dump.word.clone(), written })
}

fn read_fault(found: &Found, fault: Fault) -> RestoreError {
    RestoreError::Fault { member: found.word.clone(), verb: "read", fault, rest: "" }
}

fn check_length(dump: &Found, member: &Found) -> Result<(), RestoreError> {
    let length = |found: &Found| {
        let tail = found.disk.tail().map_err(|fault| read_fault(found, fault))?;
        Ok(dump::length(found.disk.as_ref(), &tail))
    };
    let (dump_bytes, member_bytes) = (length(dump)?, length(member)?);
    if dump_bytes == member_bytes {
        return Ok(());
    }
    let (dump, member) = (dump.word.clone(), member.word.clone());
    Err(RestoreError::Size { dump, member, dump_bytes, member_bytes })
}

/// Refuses a member that carries metadata of something else.
fn check_identity(dump: &Found, member: &Found) -> Result<(), RestoreError> {
    if let Some((_, fault)) = member.unreadable.first() {
        return Err(read_fault(member, fault.clone()));
    }
    let expected = dump.superblock().map(Identity::of);
    for found in member.superblocks.iter().map(Identity::of) {
        if let Some(expected) = expected.clone().filter(|expected| *expected != found) {
            let (dump, member) = (dump.word.clone(), member.word.clone());
            let (found, expected) = (Box::new(found), Box::new(expected));
            return Err(RestoreError::Mismatch { member, dump, found, expected });
        }
    }
    Ok(())
}

/// Refuses a member without a superblock whose beginning something else uses.
fn check_occupied(
    dump: &Found,
    member: &Found,
    overwrite: &[Overwrite],
) -> Result<(), RestoreError> {
    let version = dump.superblock().map(Superblock::version);
    if !matches!(version, Some(Version::V1_1 | Version::V1_2)) || !member.superblocks.is_empty() {
        return Ok(());
    }
    let size = member.disk.facts().sectors;
    let read = |at: Sector, into: &mut [u8]| member.disk.read(at, into);
    let refuse = |found: String, kind| {
        if overwrite.contains(&kind) {
            return Ok(());
        }
        Err(RestoreError::Occupied { member: member.word.clone(), found, kind })
    };
    let signatures = signature::recognise(size, read).map_err(|fault| read_fault(member, fault))?;
    for found in signatures {
        refuse(found.kind.to_string(), Overwrite::Filesystem)?;
    }
    match partition::read(size, read).map_err(|fault| read_fault(member, fault))? {
        Some(_) => refuse("a partition table".to_owned(), Overwrite::Partitions),
        None => Ok(()),
    }
}

/// Widens a piece to the sectors that a disk can write at once, with what stands there now.
///
/// # Errors
/// The fault, if that cannot be read.
pub(crate) fn widen(disk: &dyn Disk, at: Sector, piece: &[u8]) -> Result<(Sector, Vec<u8>), Fault> {
    let facts = disk.facts();
    let block = u64::from(facts.alignment.max(facts.logical_block));
    let unit = Sectors::to_hold(block).0.max(1);
    let end = at.0 + Sectors::to_hold(u64::try_from(piece.len()).unwrap_or(u64::MAX)).0;
    let start = at.0 - at.0 % unit;
    let end = end.next_multiple_of(unit).min(facts.sectors.0);
    let range = SectorRange::new(start, end.saturating_sub(start));
    let mut bytes = dump::read(disk, range)?;
    let skip = usize::try_from((at.0 - start) * SECTOR_BYTES).unwrap_or(usize::MAX);
    for (place, byte) in bytes.iter_mut().skip(skip).zip(piece) {
        *place = *byte;
    }
    Ok((range.start, bytes))
}

impl Identity {
    fn of(superblock: &Superblock) -> Self {
        let number =
            || format!("number {}", superblock.descriptor().map_or(-1, |d| i32::from(d.0)));
        Self {
            array: superblock.array_uuid().to_string(),
            version: superblock.version().to_string(),
            device: superblock.device_uuid().map_or_else(number, |uuid| uuid.to_string()),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {} of array {} (version {})", self.device, self.array, self.version)
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} restored from {}.", self.member, self.dump)
    }
}
