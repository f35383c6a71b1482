//! Hosting an array: requests in, replies out. `runtime` implements it over threads and rings, the
//! simulator over virtual members; `manage` knows no more of either.

use paritas_disk::{Buffer, Pool};
use paritas_units::SectorRange;

/// Bounds of a hosted array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Shards, each with a thread of its own. At least 1.
    pub shards: u16,
    /// Bytes of payload and scratch memory for the whole array.
    pub pool_bytes: usize,
}

impl Default for Config {
    /// One shard, 128 MiB.
    fn default() -> Self {
        Self { shards: 1, pool_bytes: 128 << 20 }
    }
}

/// What a host wants of an array. Ranges are array sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostWork {
    /// Read into the buffer.
    Read(SectorRange),
    /// Write from the buffer; on stable storage before the reply if `durable`.
    Write {
        /// Where.
        range: SectorRange,
        /// FUA.
        durable: bool,
    },
    /// Bring what was written to stable storage.
    Flush,
    /// Not needed any more.
    Discard(SectorRange),
    /// Shall read as zeroes.
    WriteZeroes(SectorRange),
}

/// A request of a host.
#[derive(Debug)]
pub struct HostRequest {
    /// Comes back in the reply.
    pub cookie: u64,
    /// What is wanted.
    pub work: HostWork,
    /// The payload: as many bytes as the range has, for reads and writes.
    pub buffer: Option<Buffer>,
}

/// The answer to a [`HostRequest`].
#[derive(Debug)]
pub struct Reply {
    /// The cookie of the request.
    pub cookie: u64,
    /// How it ended.
    pub result: Result<(), HostError>,
    /// The payload back.
    pub buffer: Option<Buffer>,
}

/// Why a request of a host was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Sectors beyond the end of the array, or a buffer of another length.
    #[error("sectors {range} are not in the array of {array} sectors")]
    OutOfRange {
        /// What was asked for.
        range: SectorRange,
        /// Sectors in the array.
        array: u64,
    },
    /// The array is read-only.
    #[error("the array is read-only")]
    ReadOnly,
    /// Too much of the array is missing or unreadable there.
    #[error("{0}")]
    Lost(String),
    /// A member has failed a write, and the level has nothing to put in its place.
    #[error("{0}")]
    Failed(String),
    /// The file system that members lie on is full.
    #[error("{0}")]
    NoSpace(String),
    /// The engine does not do this.
    #[error("{0}")]
    Unsupported(String),
    /// The array is being stopped.
    #[error("the array is stopping")]
    Stopping,
}

/// An array that is being hosted.
pub trait Drive {
    /// The memory that payloads are taken from.
    fn pool(&self) -> Pool;

    /// Hands a request over. It never waits.
    fn submit(&mut self, request: HostRequest);

    /// Waits until at least one request has ended (if any is under way) and appends the replies.
    fn wait(&mut self, replies: &mut Vec<Reply>);

    /// How many requests have not ended.
    fn in_flight(&self) -> usize;
}
