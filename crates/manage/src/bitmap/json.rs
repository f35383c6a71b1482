//! The JSON of `examine-bitmap --json`.
//!
//! The one thing to understand: positions and sizes are sectors of 512 bytes unless a name says
//! otherwise; `version` grows when a field changes its meaning or goes.

use super::{Node, Report, Source, text};
use serde::Serialize;

/// The version of the JSON.
pub const JSON_VERSION: u32 = 1;

/// What is known of a bitmap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Json {
    /// [`JSON_VERSION`].
    pub version: u32,
    /// The word that was given for the member or the file.
    pub member: String,
    /// The sector where the bitmap begins on a member; absent for a bitmap file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector: Option<u64>,
    /// Whether a bitmap's magic number stands there.
    pub is_bitmap: bool,
    /// The bitmap's own version.
    pub bitmap_version: u32,
    /// The array's identity.
    pub uuid: String,
    /// Bytes that one bit covers.
    pub chunk_bytes: u32,
    /// Seconds between two sweeps that clear bits.
    pub daemon_sleep_seconds: u32,
    /// Writes that may be outstanding to write-mostly members; zero for none.
    pub write_behind: u32,
    /// Sectors that the bits cover.
    pub sync_size: u64,
    /// The bitmaps, one for each cluster node, or one.
    pub nodes: Vec<JsonNode>,
    /// What is wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub complaints: Vec<String>,
}

/// One bitmap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonNode {
    /// The array's event count when it was written.
    pub events: u64,
    /// The event count up to which clear bits can be trusted.
    pub events_cleared: u64,
    /// The state in mdadm's words.
    pub state: &'static str,
    /// Bits that could be read.
    pub bits: u64,
    /// How many of them are set.
    pub dirty: u64,
}

impl Report {
    /// The report for `--json`.
    #[must_use]
    pub fn json(&self) -> Json {
        Json {
            version: JSON_VERSION,
            member: self.name.clone(),
            sector: match self.source {
                Source::Member(at) => Some(at.0),
                Source::File => None,
            },
            is_bitmap: self.magic == paritas_format::bitmap::MAGIC,
            bitmap_version: self.superblock.version,
            uuid: self.uuid.to_string(),
            chunk_bytes: self.superblock.chunk_bytes,
            daemon_sleep_seconds: self.superblock.daemon_sleep,
            write_behind: self.superblock.write_behind,
            sync_size: self.superblock.sync_size.0,
            nodes: self.nodes.iter().map(JsonNode::from).collect(),
            complaints: self.complaints.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&Node> for JsonNode {
    fn from(node: &Node) -> Self {
        Self {
            events: node.superblock.events,
            events_cleared: node.superblock.events_cleared,
            state: text::state(node.superblock.state),
            bits: node.bits,
            dirty: node.dirty,
        }
    }
}
