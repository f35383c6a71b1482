//! `examine-bitmap`: what a member's bitmap, or a bitmap file, says (mdadm -X).
//!
//! The one thing to understand: where a superblock is found, the bitmap is the one that it places
//! (a 0.90 superblock has it always behind itself); anything else is taken for a bitmap file and
//! read from its first byte. What can be shown of a damaged bitmap is shown, and what is wrong with
//! it stands in the complaints.
//!
//! Deliberately absent: whether the bitmap is the array's, which takes the other members.

mod bits;
mod json;
mod text;

pub use json::{JSON_VERSION, Json, JsonNode};

use crate::gather::Found;
use bits::{Counted, PAGE, count, stored};
use paritas_disk::{Disk, Fault};
use paritas_format::ArrayUuid;
use paritas_format::bitmap::{BitmapError, MAGIC, Superblock};
use paritas_format::superblock::{ByteOrder, Superblock as MemberSuperblock};
use paritas_units::{Sector, Sectors};

/// What is known of a bitmap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The word that named the member or the file.
    pub name: String,
    /// Where the bitmap was.
    pub source: Source,
    /// The magic number that stands there.
    pub magic: u32,
    /// The superblock; with another magic number it means little.
    pub superblock: Superblock,
    /// The array's identity as it is printed.
    pub uuid: ArrayUuid,
    /// The bitmaps, one for each cluster node; one alone where there is no cluster. None if the
    /// version is unknown.
    pub nodes: Vec<Node>,
    /// What is wrong with it.
    pub complaints: Vec<Complaint>,
}

/// Where a bitmap was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Beside a member's superblock, from this sector on.
    Member(Sector),
    /// In a file of its own.
    File,
}

/// One bitmap of the area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its superblock.
    pub superblock: Superblock,
    /// Bits that could be read.
    pub bits: u64,
    /// How many of them are set.
    pub dirty: u64,
}

/// Something that is wrong with a bitmap that is shown all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Complaint {
    /// It is a member without a bitmap, no member and no bitmap, or a damaged bitmap.
    #[error("{0}; give a member of an array that has a bitmap, or a bitmap file")]
    NotABitmap(BitmapError),
    /// The rest cannot be read.
    #[error(transparent)]
    Version(BitmapError),
    /// The array has more chunks than the area has bits.
    #[error("the bitmap is not large enough for {size} sectors: {needed} bits, {there} are there")]
    TooSmall {
        /// What the bitmap says it covers.
        size: Sectors,
        /// Bits that takes.
        needed: u64,
        /// Bits that could be read.
        there: u64,
    },
    /// A cluster node's bitmap is damaged.
    #[error("the bitmap of cluster node {node} is damaged: {source}")]
    Node {
        /// The node's slot.
        node: u32,
        /// What is wrong.
        source: BitmapError,
    },
}

/// Why no bitmap can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExamineBitmapError {
    /// It is a member of an array, which has no bitmap.
    #[error("{0} doesn't have bitmap")]
    NoBitmap(String),
    /// The superblock places the bitmap where the device has nothing.
    #[error(
        "the superblock of {name} places the bitmap {offset} sectors from itself, which is not on the device"
    )]
    Outside {
        /// The member.
        name: String,
        /// The offset.
        offset: i64,
    },
    /// It is shorter than a bitmap's superblock.
    #[error("{name} is no bitmap: {source}")]
    TooShort {
        /// The member.
        name: String,
        /// How short.
        source: BitmapError,
    },
    /// The bits cannot be counted, since the superblock says nothing sensible.
    #[error("the bitmap of {name} cannot be counted: {source}")]
    Damaged {
        /// The member.
        name: String,
        /// What is wrong.
        source: BitmapError,
    },
    /// It cannot be read.
    #[error("the bitmap of {name} cannot be read: {fault}")]
    Unreadable {
        /// The member.
        name: String,
        /// Why.
        fault: Fault,
    },
}

/// Nodes that are shown; clusters have a few.
const MAX_NODES: u32 = 64;

impl ExamineBitmapError {
    /// mdadm's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        1
    }
}

impl Report {
    /// mdadm's exit code: 1 if the version is unknown, else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let is_unknown = |complaint| matches!(complaint, &Complaint::Version(_));
        u8::from(self.complaints.iter().any(is_unknown))
    }
}

/// Reads the bitmap of a member, or the bitmap in a file.
///
/// # Errors
/// [`ExamineBitmapError`] if there is none, or nothing of it can be shown.
pub fn examine_bitmap(found: &Found) -> Result<Report, ExamineBitmapError> {
    let name = found.word.clone();
    if let Some(fault) = found.doubt().cloned() {
        return Err(ExamineBitmapError::Unreadable { name, fault });
    }
    let (source, start) = match found.superblock() {
        None => (Source::File, Sector::ZERO),
        Some(superblock) => {
            let start = member_bitmap(&name, superblock)?;
            (Source::Member(start), start)
        }
    };
    let disk = found.disk.as_ref();
    let (magic, superblock) = header(&name, disk, start)?;
    let is_v1 = found.superblock().is_some_and(|superblock| superblock.version().is_v1());
    if is_v1 && magic != MAGIC {
        return Err(ExamineBitmapError::NoBitmap(name));
    }
    let uuid = printed_uuid(&superblock, found.superblock());
    let mut report =
        Report { name, source, magic, superblock, uuid, nodes: Vec::new(), complaints: Vec::new() };
    if magic != MAGIC {
        report.complaints.push(Complaint::NotABitmap(BitmapError::NotABitmap(magic)));
    }
    if let Err(error) = report.superblock.version() {
        report.complaints.push(Complaint::Version(error));
        return Ok(report);
    }
    read_nodes(&mut report, disk, start)?;
    Ok(report)
}

/// Where the superblock places the bitmap.
fn member_bitmap(name: &str, superblock: &MemberSuperblock) -> Result<Sector, ExamineBitmapError> {
    let area = match superblock {
        // mdadm looks behind a 0.90 superblock whether or not that says that there is a bitmap.
        MemberSuperblock::V090(superblock) => return Ok(superblock.at() + PAGE),
        MemberSuperblock::V1(_) => superblock.bitmap_area(),
    };
    let no_bitmap = || ExamineBitmapError::NoBitmap(name.to_owned());
    let area = area.ok_or_else(no_bitmap)?;
    let outside = || ExamineBitmapError::Outside { name: name.to_owned(), offset: area.offset };
    area.start().ok_or_else(outside)
}

/// The array's identity as mdadm prints it: that of a 0.90 array stands in the bitmap as four
/// words in the order of the machine that made it.
fn printed_uuid(bitmap: &Superblock, member: Option<&MemberSuperblock>) -> ArrayUuid {
    let Some(MemberSuperblock::V090(member)) = member else { return bitmap.uuid };
    if member.byte_order() == ByteOrder::Big {
        return bitmap.uuid;
    }
    ArrayUuid::from_words(bitmap.uuid.words().map(u32::swap_bytes))
}

/// The superblock of the bitmap at `start`, whatever its magic number.
fn header(
    name: &str,
    disk: &dyn Disk,
    start: Sector,
) -> Result<(u32, Superblock), ExamineBitmapError> {
    let name = || name.to_owned();
    let page = stored(disk, start)
        .map_err(|fault| ExamineBitmapError::Unreadable { name: name(), fault })?;
    Superblock::decode_any(&page)
        .map_err(|source| ExamineBitmapError::TooShort { name: name(), source })
}

/// Counts the bits of every node's bitmap. As for mdadm, each superblock says anew how many nodes
/// there are, so one of zeroes is the last that is shown.
fn read_nodes(
    report: &mut Report,
    disk: &dyn Disk,
    start: Sector,
) -> Result<(), ExamineBitmapError> {
    let name = report.name.clone();
    let stride = stride(&name, &report.superblock)?;
    let (mut at, mut superblock) = (start, report.superblock.clone());
    for node in 0..MAX_NODES {
        let needed = match bits_of(&superblock) {
            Ok(needed) => needed,
            Err(source) if node == 0 => return Err(ExamineBitmapError::Damaged { name, source }),
            Err(_) => 0,
        };
        let Counted { bits, dirty } = count(&name, disk, at, needed)?;
        if needed > bits {
            let (size, there) = (superblock.sync_size, bits);
            report.complaints.push(Complaint::TooSmall { size, needed, there });
        }
        report.nodes.push(Node { superblock: superblock.clone(), bits, dirty });
        let next = at.checked_add(stride).filter(|next| next.0 < disk.facts().sectors.0);
        let Some(next) = next.filter(|_| node + 1 < superblock.nodes) else { break };
        let (magic, found) = header(&name, disk, next)?;
        (at, superblock) = (next, found);
        if magic != MAGIC {
            let (node, source) = (node + 1, BitmapError::NotABitmap(magic));
            report.complaints.push(Complaint::Node { node, source });
        }
    }
    Ok(())
}

/// How far the bitmaps of two nodes are apart.
fn stride(name: &str, superblock: &Superblock) -> Result<Sectors, ExamineBitmapError> {
    let bits = bits_of(superblock)
        .map_err(|source| ExamineBitmapError::Damaged { name: name.to_owned(), source })?;
    let bytes = bits.div_ceil(8).saturating_add(256);
    Ok(Sectors(bytes.div_ceil(4096).saturating_mul(PAGE.0)))
}

/// The bits that the superblock calls for, in mdadm's arithmetic, which wraps: a bitmap that covers
/// more than 2^64 bytes has none.
fn bits_of(superblock: &Superblock) -> Result<u64, BitmapError> {
    let chunk = u64::from(superblock.chunk_bytes);
    let bytes = superblock.sync_size.0.wrapping_mul(512);
    let up = bytes.wrapping_add(chunk.wrapping_sub(1));
    up.checked_div(chunk).ok_or(BitmapError::BadChunk(superblock.chunk_bytes))
}
