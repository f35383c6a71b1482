//! What is asked for through the control socket, and what is answered: the JSON of version 1.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/arrays` | | a list of [`ArrayState`] |
//! | `GET /v1/arrays/NAME` | | [`ArrayState`] |
//! | `POST /v1/arrays/NAME` | [`Start`], with the members' descriptors | [`Started`] |
//! | `POST /v1/arrays/NAME/order` | [`Order`], with descriptors if it adds members | [`Outcome`] |
//! | `DELETE /v1/arrays/NAME`, `?force` | | [`Outcome`] |
//!
//! A refusal has a status of 400 or more and the body `{"error": TEXT}`.

use paritas_control::Detail;
use paritas_units::SectorRange;
use serde::{Deserialize, Serialize};

/// The beginning of every path.
pub(crate) const VERSION: &str = "v1";

/// A member as it is passed along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// As the caller named it.
    pub word: String,
    /// Its short name, unique among those that are passed.
    pub name: String,
    /// The path, absolute, for people and for starting the array again.
    pub path: String,
    /// The first sector of the member in its file.
    pub start: u64,
    /// Its sectors.
    pub sectors: u64,
    /// Major and minor number of a block device; zeroes for a file.
    pub device: (u32, u32),
}

impl Word {
    /// Where it lies in its file.
    #[must_use]
    pub const fn range(&self) -> SectorRange {
        SectorRange::new(self.start, self.sectors)
    }
}

/// How an array may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read and written; what is owed (resync, recovery) goes on.
    #[default]
    ReadWrite,
    /// Nothing is written until the first write of a client, or until it is asked for.
    AutoRead,
    /// Never written.
    ReadOnly,
}

/// A decision that members do not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Raid0Layout {
    /// As before Linux 3.14.
    Original,
    /// As since.
    Alternate,
}

/// What the caller decides for the members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// The layout of a raid0 array whose superblocks do not say.
    pub raid0: Option<Raid0Layout>,
    /// Read an array without the journal that it had.
    pub without_journal: bool,
}

/// Bounds of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Threads; 0 for one per processor.
    pub threads: u16,
    /// Bytes of memory for payload and scratch.
    pub pool_bytes: u64,
    /// The most that a resync or recovery does in a second, in KiB.
    pub walk_kib: Option<u64>,
}

impl Default for Limits {
    /// One thread, 128 MiB.
    fn default() -> Self {
        Self { threads: 1, pool_bytes: 128 << 20, walk_kib: None }
    }
}

/// Asks that an array be assembled and run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its members, in the order of the descriptors.
    pub members: Vec<Word>,
    /// How it may be used.
    #[serde(default)]
    pub access: Access,
    /// Decisions.
    #[serde(default)]
    pub choices: Choices,
    /// Whether members that are behind are brought in, and dirt is passed over.
    #[serde(default)]
    pub force: bool,
    /// Where it is served.
    #[serde(default)]
    pub serve: Vec<String>,
    /// Its bounds.
    #[serde(default)]
    pub limits: Limits,
}

/// An array has been started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Members that work.
    pub members: usize,
    /// Members that a whole array has.
    pub slots: u16,
    /// Spares.
    pub spares: usize,
    /// What must be known: warnings, and who was left out and why.
    pub notes: Vec<String>,
}

/// Something to be done with a running array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order")]
pub enum Order {
    /// Serve it at a place.
    Serve {
        /// Where.
        uri: String,
        /// Whether clients may not write.
        read_only: bool,
    },
    /// Serve it there no more.
    Unserve {
        /// Where.
        uri: String,
    },
    /// Add members, whose descriptors are passed along in their order.
    Add {
        /// The members.
        members: Vec<Word>,
    },
    /// Call a member failed.
    Fail {
        /// Its path or its short name.
        member: String,
    },
    /// Take a member out: one that has failed or a spare. `failed` stands for all that have failed.
    Remove {
        /// Its path or its short name.
        member: String,
    },
    /// Begin or end a check, repair, resync or recovery.
    Action {
        /// The driver's word.
        action: String,
    },
    /// Let it be written, or not.
    Access {
        /// How it may be used from now on.
        access: Access,
    },
}

/// An order has been carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What must be known.
    pub notes: Vec<String>,
}

/// A running array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArrayState {
    /// Its name here.
    pub name: String,
    /// What it is and does, of which every text is made.
    pub detail: Detail,
    /// Where it is served.
    pub serve: Vec<String>,
    /// Clients that are connected.
    pub clients: Vec<String>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: String,
}
