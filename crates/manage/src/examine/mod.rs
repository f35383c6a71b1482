//! `examine`: what one member says of itself and its array, in the words of mdadm 4.2.
//!
//! The one thing to understand: [`examine`] reads, and gives a value with all that was read; the
//! texts ([`Examined::text`], [`Examined::export`], [`listing`]) and [`Examined::json`] are made
//! from the value alone. Texts are bytes, since an array's name may be any bytes.
//!
//! Two things go beyond mdadm: a partitioned disk shows each partition that carries a superblock,
//! and a 0.90 superblock of the other byte order is shown (mdadm wants `-e 0.swap` for it).
//!
//! Deliberately absent: judging the member; see `judge_members` in the engine.

mod export;
mod json;
mod listing;
mod style;
mod text;
mod v090;
mod v1;
mod words;

#[cfg(test)]
mod tests;

pub use json::{JSON_VERSION, Json, JsonArea, JsonPartition, JsonReshape, JsonSuperblock};
pub use listing::listing;
pub use style::Style;

use paritas_disk::{Disk, Fault};
use paritas_format::bitmap;
use paritas_format::foreign::{self, Foreign};
use paritas_format::partition::{self, Kind, mbr::Mbr};
use paritas_format::superblock::{FeatureMap, Superblock, V1, choose, find};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};
use std::fmt;

/// What was found on a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The word that was given for the member.
    pub name: String,
    /// What it carries.
    pub content: Content,
}

/// What a member carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A superblock.
    Superblock(Box<Report>),
    /// No superblock, but a partition table.
    Partitioned(Partitioned),
}

/// A superblock with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The superblock.
    pub superblock: Superblock,
    /// The size of the device.
    pub device: Sectors,
    /// The superblock of the internal bitmap, if the array says that it has one, and there is one
    /// of this array.
    pub bitmap: Option<bitmap::Superblock>,
    /// How many superblocks the device carries besides: left from earlier times, or belonging to
    /// a partition.
    pub others: usize,
}

/// A partitioned disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitioned {
    /// The MBR's entries that are not empty: index, sectors, first sector, type.
    pub entries: Vec<MbrEntry>,
    /// All partitions, GPT's or MBR's with the logical ones.
    pub partitions: Vec<PartitionFound>,
    /// The partitions that carry something of md, by themselves.
    pub members: Vec<Examined>,
}

/// An entry of the MBR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MbrEntry {
    /// Which of the four.
    pub index: usize,
    /// The length.
    pub len: Sectors,
    /// The first sector.
    pub start: Sector,
    /// The type.
    pub kind: u8,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFound {
    /// The number, as in `FILE@pN`.
    pub number: u32,
    /// Where it is.
    pub range: SectorRange,
    /// What it is said to be for.
    pub kind: Kind,
}

/// Why there is nothing to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExamineError {
    /// There is no superblock and no partition table.
    #[error("No md superblock detected on {0}.")]
    NoSuperblock(String),
    /// There is metadata of another kind of RAID, which md's own superblocks are not.
    #[error("No md superblock detected on {name}. It carries {} metadata ({}).", .found.title(), .found.name())]
    Foreign {
        /// The member.
        name: String,
        /// What it carries.
        found: Foreign,
    },
    /// Places where a superblock may stand could not be read, and none was found elsewhere.
    #[error(
        "No md superblock could be read from {name}: {fault}. Copy the device with a tool that \
         skips bad sectors and examine the copy."
    )]
    Unreadable {
        /// The member.
        name: String,
        /// The first fault.
        fault: Fault,
    },
}

/// Examines a member that was given as `name`.
///
/// # Errors
/// [`ExamineError`] if nothing of md and no partition table is there, or nothing could be read.
pub fn examine(disk: &dyn Disk, name: &str) -> Result<Examined, ExamineError> {
    let whole = Part { disk, range: SectorRange::new(0, disk.facts().sectors.0) };
    let name = name.to_owned();
    let fault = match report(whole) {
        Ok(Some(report)) => {
            return Ok(Examined { name, content: Content::Superblock(Box::new(report)) });
        }
        Ok(None) => None,
        Err(fault) => Some(fault),
    };
    if let Some(partitioned) = partitioned(whole, &name) {
        return Ok(Examined { name, content: Content::Partitioned(partitioned) });
    }
    if let Some(fault) = fault {
        return Err(ExamineError::Unreadable { name, fault });
    }
    match foreign::recognise(whole.range.len, |at, into| whole.read(at, into)) {
        Ok(Some(found)) => Err(ExamineError::Foreign { name, found }),
        Ok(None) => Err(ExamineError::NoSuperblock(name)),
        Err(fault) => Err(ExamineError::Unreadable { name, fault }),
    }
}

/// A disk, or a partition of one.
#[derive(Clone, Copy)]
struct Part<'a> {
    disk: &'a dyn Disk,
    range: SectorRange,
}

impl Part<'_> {
    /// Reads whole sectors of the part.
    fn read(self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        let invalid = Fault { kind: paritas_disk::FaultKind::Invalid, at };
        let len = u64::try_from(into.len()).map_or(u64::MAX, |len| len.div_ceil(SECTOR_BYTES));
        let end = at.0.checked_add(len).ok_or_else(|| invalid.clone())?;
        if end > self.range.len.0 {
            return Err(invalid);
        }
        let shifted = self.range.start.checked_add(Sectors(at.0)).ok_or(invalid)?;
        self.disk.read(shifted, into)
    }
}

/// The superblock that counts, with its bitmap. A fault only if it may have hidden the only one.
fn report(part: Part<'_>) -> Result<Option<Report>, Fault> {
    let device = part.range.len;
    let search = find(device, |at, into| part.read(at, into));
    let native = search.found.iter().filter(|sb| !sb.is_byte_swapped());
    let Some(superblock) = choose(native).or_else(|| choose(&search.found)) else {
        return search.unreadable.into_iter().next().map_or(Ok(None), |(_, fault)| Err(fault));
    };
    let others = search.found.len().saturating_sub(1);
    let bitmap = own_bitmap(part, superblock);
    Ok(Some(Report { superblock: superblock.clone(), device, bitmap, others }))
}

/// The superblock of the internal bitmap, if it is this array's.
fn own_bitmap(part: Part<'_>, superblock: &Superblock) -> Option<bitmap::Superblock> {
    let at = bitmap_sector(superblock)?;
    let mut sector = [0; 512];
    part.read(at, &mut sector).ok()?;
    let found = bitmap::Superblock::decode(&sector).ok()?;
    (found.uuid.0 == superblock.array_uuid_in_memory()).then_some(found)
}

/// Where the bitmap is said to be. As mdadm does, a 1.x bitmap is looked for even where the same
/// field is said to be the PPL's.
fn bitmap_sector(superblock: &Superblock) -> Option<Sector> {
    let area = match superblock {
        Superblock::V1(sb) if sb.features().contains(FeatureMap::BITMAP_OFFSET) => {
            let offset = i64::from(sb.header().bitmap_offset.get());
            return sb.place().at.0.checked_add_signed(offset).map(Sector);
        }
        other => other.bitmap_area(),
    };
    area?.start()
}

/// The partition table of a disk with an MBR (a protective one too), and its members.
fn partitioned(whole: Part<'_>, name: &str) -> Option<Partitioned> {
    let mut first = [0; 512];
    whole.read(Sector::ZERO, &mut first).ok()?;
    let mbr = Mbr::decode(&first)?;
    let entries = mbr.entries().iter().enumerate().filter(|(_, entry)| entry.len().0 != 0);
    let entries = entries
        .map(|(index, entry)| MbrEntry {
            index,
            len: entry.len(),
            start: Sector(entry.start().0),
            kind: entry.kind,
        })
        .collect();
    let table = partition::read(whole.range.len, |at, into| whole.read(at, into)).ok().flatten();
    let partitions: Vec<_> = table
        .map_or_else(Vec::new, |table| table.partitions)
        .into_iter()
        .map(|found| {
            let (number, kind) = (found.number, found.kind);
            PartitionFound { number, range: found.range(), kind }
        })
        .collect();
    let members = partitions.iter().filter_map(|found| {
        let range = found.range.intersection(whole.range);
        let report = report(Part { range, ..whole }).ok().flatten()?;
        let name = format!("{name}@p{}", found.number);
        Some(Examined { name, content: Content::Superblock(Box::new(report)) })
    });
    let members = members.collect();
    Some(Partitioned { entries, partitions, members })
}

impl Report {
    /// The feature map as mdadm shows it: without the bitmap if there is none.
    fn shown_features(&self) -> FeatureMap {
        let features = self.superblock.feature_map();
        let missing = features.contains(FeatureMap::BITMAP_OFFSET) && self.bitmap.is_none();
        if missing { FeatureMap(features.0 & !FeatureMap::BITMAP_OFFSET.0) } else { features }
    }

    /// The superblock as mdadm sees it: without the bitmap if there is none. It then has a wrong
    /// checksum, which mdadm prints too.
    fn shown_v1(&self, superblock: &V1) -> V1 {
        let mut shown = superblock.clone();
        shown.header_mut().feature_map.set(self.shown_features().0);
        shown
    }
}

impl Examined {
    /// mdadm's `--examine` text.
    #[must_use]
    pub fn text(&self, style: &Style) -> Vec<u8> {
        let mut text = text::Text::default();
        self.write(style, &mut text);
        text.into_bytes()
    }

    fn write(&self, style: &Style, text: &mut text::Text) {
        text.line(&format_args!("{}:", self.name));
        match &self.content {
            Content::Superblock(report) => match &report.superblock {
                Superblock::V1(sb) => v1::write(report, &report.shown_v1(sb), style, text),
                Superblock::V090(sb) => v090::write(report, sb, style, text),
            },
            Content::Partitioned(disk) => {
                text.line(&"   MBR Magic : aa55");
                for MbrEntry { index, len, start, kind } in &disk.entries {
                    text.line(&format_args!(
                        "Partition[{index}] : {:>12} sectors at {:>12} (type {kind:02x})",
                        len.0, start.0
                    ));
                }
                for member in &disk.members {
                    member.write(style, text);
                }
            }
        }
    }

    /// mdadm's `--examine --export` text: `KEY=value` lines for scripts and udev.
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        let mut text = text::Text::default();
        match &self.content {
            Content::Superblock(report) => export::write(report, &mut text),
            Content::Partitioned(_) => (),
        }
        text.into_bytes()
    }

    /// The superblock, if the member itself carries one.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match &self.content {
            Content::Superblock(report) => Some(report),
            Content::Partitioned(_) => None,
        }
    }
}

impl fmt::Display for Examined {
    /// The text with times in UTC and no machine that an array could be local to. Bytes of names
    /// that are not UTF-8 are replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text(&Style::default())))
    }
}
