//! `dump`: a sparse copy of a member that holds its metadata and nothing else (mdadm --dump).
//!
//! The one thing to understand: the copy is as long as the member and its metadata lies in the same
//! places, so every command that looks works on it, and [`crate::restore`] can bring it back.
//! Copied are the superblock, the internal bitmap and a bad-block log with entries; a 0.90
//! superblock with the 60 KiB behind it.
//!
//! Deliberately absent: partial parity logs and journals, which mdadm leaves out too.

use crate::gather::Found;
use paritas_disk::{Disk, Fault, Maker, OpenError};
use paritas_format::Superblock;
use paritas_format::bitmap;
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};
use serde::Serialize;
use std::fmt;

/// A dump that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dumped {
    /// Grows when a field changes its meaning or goes; 1.
    pub version: u32,
    /// The word that named the member.
    pub member: String,
    /// The file, and its other names.
    pub files: Vec<String>,
    /// The length of the member and of the file in bytes.
    pub bytes: u64,
    /// The sectors that were copied, as first sector and length.
    pub copied: Vec<(u64, u64)>,
}

/// Why there is no dump.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// Nothing of md is there.
    #[error("Cannot find RAID metadata on {0}")]
    NoMetadata(String),
    /// Metadata would lie where the device has nothing.
    #[error("the superblock of {name} places its {what} outside of the device")]
    Outside {
        /// The member.
        name: String,
        /// Superblock, bitmap or bad-block log.
        what: &'static str,
    },
    /// The bitmap cannot be measured.
    #[error("the bitmap of {name} has no length that can be copied: {source}")]
    Bitmap {
        /// The member.
        name: String,
        /// Why not.
        source: bitmap::BitmapError,
    },
    /// The metadata cannot be read.
    #[error("the metadata of {name} cannot be read: {fault}")]
    Unreadable {
        /// The member.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// The file cannot be made.
    #[error("Cannot create dump file {}: {}", .0.word, .0.why)]
    NotMade(OpenError),
    /// The file cannot be written; it is there and incomplete.
    #[error("Failed to copy metadata from {name} to {file}: {fault}; remove the file")]
    Unwritable {
        /// The member.
        name: String,
        /// The file.
        file: String,
        /// Why.
        fault: Fault,
    },
}

/// Sectors of a superblock of format 1.x.
const V1_SECTORS: Sectors = Sectors(8);
/// Sectors that belong to a 0.90 superblock: itself and the place of its bitmap.
const V090_SECTORS: Sectors = Sectors(128);

impl DumpError {
    /// mdadm's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        1
    }
}

/// Copies the metadata of `member` into a new file of the same name in `directory`. `aliases` are
/// further names that the file gets: those of a block device in /dev/disk/by-id.
///
/// # Errors
/// [`DumpError`]. Nothing was made, unless it says that the file is incomplete.
pub fn dump(
    member: &Found,
    directory: &str,
    aliases: &[String],
    maker: &dyn Maker,
) -> Result<Dumped, DumpError> {
    let name = || member.word.clone();
    let areas = metadata(member)?;
    let mut pieces = Vec::with_capacity(areas.len());
    for area in &areas {
        let piece = read(member.disk.as_ref(), *area);
        pieces.push(piece.map_err(|fault| DumpError::Unreadable { name: name(), fault })?);
    }
    let tail = member.disk.tail().map_err(|fault| DumpError::Unreadable { name: name(), fault })?;
    let bytes = length(member.disk.as_ref(), &tail);
    let file = format!("{directory}/{}", base_name(&member.word));
    let copy = maker.create(&file, bytes).map_err(DumpError::NotMade)?;
    let unwritable = |fault| DumpError::Unwritable { name: name(), file: file.clone(), fault };
    for (area, piece) in areas.iter().zip(&pieces) {
        copy.write(area.start, piece, false).map_err(unwritable)?;
    }
    copy.flush().map_err(unwritable)?;
    let mut files = vec![file.clone()];
    for alias in aliases {
        let link = format!("{directory}/{}", base_name(alias));
        maker.link(&file, &link).map_err(DumpError::NotMade)?;
        files.push(link);
    }
    let copied = areas.iter().map(|area| (area.start.0, area.len.0)).collect();
    Ok(Dumped { version: 1, member: name(), files, bytes, copied })
}

/// The bytes of a device, with the broken sector at its end.
pub(crate) fn length(disk: &dyn Disk, tail: &[u8]) -> u64 {
    let whole = disk.facts().sectors.0.saturating_mul(SECTOR_BYTES);
    whole.saturating_add(u64::try_from(tail.len()).unwrap_or(0))
}

/// The name after the last slash.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Reads sectors that are known to be on the device.
pub(crate) fn read(disk: &dyn Disk, range: SectorRange) -> Result<Vec<u8>, Fault> {
    let invalid = Fault { kind: paritas_disk::FaultKind::Invalid, at: range.start };
    let bytes = range.len.bytes().and_then(|bytes| usize::try_from(bytes).ok());
    let mut piece = vec![0; bytes.ok_or(invalid)?];
    disk.read(range.start, &mut piece)?;
    Ok(piece)
}

/// Where the metadata of a member lies: the superblock first. All of it is on the device, and no
/// part is longer than a bitmap may be.
///
/// # Errors
/// Any [`DumpError`] of a member.
pub(crate) fn metadata(member: &Found) -> Result<Vec<SectorRange>, DumpError> {
    let name = || member.word.clone();
    let size = member.disk.facts().sectors;
    if let Some(fault) = member.doubt().cloned() {
        return Err(DumpError::Unreadable { name: name(), fault });
    }
    let superblock = member.superblock().ok_or_else(|| DumpError::NoMetadata(name()))?;
    let on_device = |what: &'static str, start: Option<Sector>, len: Sectors| {
        let range = start.map(|start| start.range(len));
        let fits = |range: &SectorRange| {
            range.start.checked_add(range.len).is_some_and(|end| end.0 <= size.0)
        };
        range.filter(fits).ok_or_else(|| DumpError::Outside { name: name(), what })
    };
    let at = Some(superblock.place().at);
    let Superblock::V1(_) = superblock else {
        return Ok(vec![on_device("superblock", at, V090_SECTORS)?]);
    };
    let mut areas = vec![on_device("superblock", at, V1_SECTORS)?];
    if let Some(area) = superblock.bitmap_area() {
        let header = on_device("bitmap", area.start(), Sectors(1))?;
        let header = read(member.disk.as_ref(), header)
            .map_err(|fault| DumpError::Unreadable { name: name(), fault })?;
        let len =
            bitmap_sectors(&header).map_err(|source| DumpError::Bitmap { name: name(), source })?;
        areas.push(on_device("bitmap", area.start(), len)?);
    }
    if let Some(area) = superblock.bad_block_area().filter(|_| superblock.has_bad_blocks()) {
        let len = area.sectors.unwrap_or(Sectors::ZERO);
        if !len.is_zero() {
            areas.push(on_device("bad-block log", area.start(), len)?);
        }
    }
    Ok(areas)
}

/// The sectors of a bitmap by its own superblock, whatever magic number that has.
fn bitmap_sectors(header: &[u8]) -> Result<Sectors, bitmap::BitmapError> {
    let (_, superblock) = bitmap::Superblock::decode_any(header)?;
    let chunk = u64::from(superblock.chunk_bytes);
    let covered = superblock.sync_size.0.checked_mul(SECTOR_BYTES);
    let bits = covered.and_then(|bytes| bytes.checked_next_multiple_of(chunk)?.checked_div(chunk));
    let bad_chunk = bitmap::BitmapError::BadChunk(superblock.chunk_bytes);
    let bits = if chunk == 0 { return Err(bad_chunk) } else { bits.unwrap_or(u64::MAX) };
    let bytes = bits.div_ceil(8).saturating_add(256);
    if bytes > bitmap::MAX_AREA_BYTES {
        return Err(bitmap::BitmapError::TooLong(bits));
    }
    Ok(Sectors::to_hold(bytes))
}

impl fmt::Display for Dumped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.iter().enumerate().try_for_each(|(place, file)| {
            let also = if place == 0 { "" } else { "also " };
            writeln!(f, "{} {also}saved as {file}.", self.member)
        })
    }
}
