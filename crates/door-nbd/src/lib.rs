//! The NBD protocol as a session without input or output of its own.
//!
//! The one thing to understand: [`NbdSession`] is a [`paritas_engine::Session`]: bytes that a client
//! sent go in, requests for an array come out; replies go in, bytes for the client come out. The
//! caller owns the socket, the clock and the memory.
//!
//! What is spoken: fixed newstyle, without TLS; simple and structured replies; block status for
//! `base:allocation`. `docs/nbd.md` lists it all with the limits.
//!
//! Deliberately absent: sockets, threads, time, the oldstyle handshake, TLS, extended headers.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod allocation;
mod answer;
mod command;
mod cursor;
mod fill;
pub mod fuzz;
mod handshake;
pub mod limits;
mod option;
mod output;
mod reply;
mod serving;
mod session;
mod slab;
mod staging;
mod transmission;
mod uri;
mod wire;

pub use allocation::{AllocationMap, Extent};
pub use session::{Guest, NbdSession, Settings};
pub use uri::{Address, BadUri, DEFAULT_PORT, NbdUri};
