//! From words to pieces: each file or disk whole, or partition by partition.
//!
//! The one thing to understand: a superblock near the end (0.90, 1.0) of a last partition also looks
//! like one of the whole disk. The partition table decides: a superblock that lies inside a partition
//! is the partition's. A superblock of the whole disk that lies outside of all partitions means that
//! the table belongs to the content of the array, so that its partitions are not walked.

use super::Other;
use crate::gather::{Found, open, search};
use paritas_disk::{Access, Disk, OffsetDisk, Opener};
use paritas_format::partition::{self, Partition};
use paritas_units::SectorRange;
use std::sync::Arc;

/// A disk, or a part of one, with what was found on it.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) found: Found,
    pub(super) origin: Origin,
}

/// Where a piece comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was named by the caller, or is a partition of what was.
    Given,
    /// It is the content of an array, or a partition of it.
    Array {
        /// Which.
        uuid: String,
        /// How many arrays are stacked beneath it.
        depth: usize,
    },
}

/// What walking gave.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) pieces: Vec<Piece>,
    pub(super) unopened: Vec<Other>,
    pub(super) notes: Vec<String>,
}

impl Piece {
    /// How many arrays are stacked beneath it.
    pub(super) fn depth(&self) -> usize {
        match self.origin {
            Origin::Given => 0,
            Origin::Array { depth, .. } => depth,
        }
    }
}

/// Opens every word and takes it apart.
pub(super) fn walk(opener: &dyn Opener, words: &[String]) -> Walked {
    let mut walked = Walked::default();
    for word in words {
        match open(opener, word, Access::Read) {
            Ok(found) => {
                let (found, notes) = take_apart(found);
                walked.notes.extend(notes);
                let pieces = found.into_iter().map(|found| Piece { found, origin: Origin::Given });
                walked.pieces.extend(pieces);
            }
            Err(error) => {
                let holds = vec![format!("cannot be looked at: {error}")];
                walked.unopened.push(Other { word: word.clone(), holds });
            }
        }
    }
    walked
}

/// The whole, or its partitions; and what was ambiguous.
pub(crate) fn take_apart(whole: Found) -> (Vec<Found>, Vec<String>) {
    let read = |at, bytes: &mut [u8]| whole.disk.read(at, bytes);
    let table = partition::read(whole.disk.facts().sectors, read).ok().flatten();
    let partitions = table.map(|table| table.partitions).unwrap_or_default();
    let inside: Vec<Found> = partitions.iter().filter_map(|p| piece_of(&whole, p)).collect();
    let Some(own) = whole.superblock() else {
        return if inside.is_empty() { (vec![whole], Vec::new()) } else { (inside, Vec::new()) };
    };
    let lies_in = |partition: &&Partition| partition.range().contains(own.place().at);
    match partitions.iter().find(lies_in) {
        Some(partition) => {
            let note = format!(
                "{word}: the superblock near its end lies in partition {number}, so it is the \
                 partition's, not that of the whole disk",
                word = whole.word,
                number = partition.number
            );
            (inside, vec![note])
        }
        None => (vec![whole], Vec::new()),
    }
}

fn piece_of(whole: &Found, partition: &Partition) -> Option<Found> {
    // A partition may end past an image that was cut; what is left of it may do.
    let size = whole.disk.facts().sectors;
    let range = partition.range().intersection(SectorRange::new(0, size.0));
    let word = format!("{}@p{}", whole.word, partition.number);
    let name = format!("{}@p{}", whole.disk.facts().name, partition.number);
    let disk = OffsetDisk::new(Arc::clone(&whole.disk), range, name)?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    (!range.is_empty()).then(|| search(&word, disk))
}
