//! A data door as a session without input or output of its own: bytes in, requests out; replies
//! in, bytes out. The thread of a shard moves the bytes.
//!
//! One turn: `space` → the caller receives into it → `received(n)` → `next_request` until it
//! returns `None` (or the caller has no room) → work → `reply` for each → `unsent` → the caller
//! sends → `sent(n)`. After `reply` and `sent` there may be requests again (what has arrived waits
//! for room), so the caller asks `next_request` in every turn in which it called any of the others.
//! The session never waits and never panics on what a peer sends; memory is bounded by what it was
//! made with.

use crate::{HostError, HostWork};
use paritas_disk::{Buffer, Pool};
use paritas_units::Sectors;

/// What a door offers: an array under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name that clients ask for.
    pub name: String,
    /// A line for people.
    pub description: String,
    /// The size.
    pub sectors: Sectors,
    /// Whether writes are refused.
    pub is_read_only: bool,
    /// Bytes of the length that suits the array best (a power of two).
    pub preferred_block: u32,
}

/// A request of a client, for the array of export number `export`.
#[derive(Debug)]
pub struct SessionRequest {
    /// Which of the exports that the session was made with.
    pub export: usize,
    /// Comes back in [`Session::reply`].
    pub cookie: u64,
    /// What is wanted; always whole sectors inside the export.
    pub work: HostWork,
    /// The payload, taken from the session's pool.
    pub buffer: Option<Buffer>,
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The client said so, and everything is sent.
    Closed,
    /// The peer broke the protocol or a limit; the text is for the log.
    Broken(String),
}

/// One conversation with a client.
pub trait Session: Send {
    /// Where to receive next: up to two slices in order, either may be empty. Both empty means
    /// that nothing can be taken now (the caller stops polling the socket for input).
    fn space(&mut self) -> [&mut [u8]; 2];

    /// `bytes` have arrived in what [`Session::space`] gave. Zero means that the peer has closed
    /// its side.
    fn received(&mut self, bytes: usize);

    /// The next request that is complete, taking buffers from `pool`. `None` when more bytes are
    /// needed, when `pool` is empty (try again when a buffer has come back), or when too much is
    /// under way.
    fn next_request(&mut self, pool: &Pool) -> Option<SessionRequest>;

    /// The answer to a request; the buffer goes back to the pool when it has been sent.
    fn reply(&mut self, cookie: u64, result: Result<(), HostError>, buffer: Option<Buffer>);

    /// Fills `slices` with what is to be sent, in order; fewer bytes may be sent than stand there.
    fn unsent<'a>(&'a self, slices: &mut Vec<&'a [u8]>);

    /// `bytes` of what [`Session::unsent`] gave have been sent.
    fn sent(&mut self, bytes: usize);

    /// Whether the session is over; the caller then closes the socket.
    fn finished(&self) -> Option<Finish>;

    /// A line about the peer's state for the log.
    fn describe(&self) -> String;

    /// Whether the peer has still to choose an export. The caller closes a connection that stays
    /// here for too long; the session has no clock.
    fn is_in_handshake(&self) -> bool {
        false
    }
}
