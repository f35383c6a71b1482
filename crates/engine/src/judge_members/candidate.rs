//! What is known of a possible member before it is judged.

use paritas_disk::Span;
use paritas_format::Superblock;
use paritas_units::{SectorRange, Sectors};

/// A possible member: facts, no verdict.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name for people.
    pub name: String,
    /// The size of the device.
    pub device: Sectors,
    /// The storage beneath, where it is known.
    pub span: Option<Span>,
    /// The superblock that counts; `None` if there is none.
    pub superblock: Option<Superblock>,
    /// The bad-block log, as absolute device sectors, sorted and merged; an error says why it
    /// cannot be had.
    pub bad_blocks: Result<Vec<SectorRange>, String>,
    /// The internal bitmap.
    pub bitmap: BitmapFacts,
    /// On a journal: whether everything in it has reached the members.
    pub journal: JournalFacts,
    /// Stripes that the member's partial parity log holds records of.
    pub ppl_stripes: u64,
}

/// What is known of a member's internal bitmap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BitmapFacts {
    /// There is none.
    #[default]
    None,
    /// It can be used.
    Read {
        /// Its event count.
        events: u64,
        /// Chunks that are marked.
        marked: u64,
        /// Chunks in all.
        bits: u64,
        /// Sectors of a chunk.
        chunk: Sectors,
    },
    /// It cannot be used, and why.
    Broken(String),
}

/// What is known of a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalFacts {
    /// The device is no journal.
    #[default]
    None,
    /// Nothing in it waits.
    Clean,
    /// It holds writes that the members may not have.
    NotReplayed,
    /// It could not be read.
    Unreadable,
}

impl Candidate {
    /// A candidate of which only the superblock is known.
    #[must_use]
    pub fn new(name: &str, device: Sectors, superblock: Option<Superblock>) -> Self {
        Self {
            name: name.to_owned(),
            device,
            span: None,
            superblock,
            bad_blocks: Ok(Vec::new()),
            bitmap: BitmapFacts::None,
            journal: JournalFacts::None,
            ppl_stripes: 0,
        }
    }
}
