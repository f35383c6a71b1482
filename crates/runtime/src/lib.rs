//! Runs the engine on threads, sockets and the clock.
//!
//! The one thing to understand: each shard has one thread with one place to wait, where letters of
//! other threads, ended requests to members and its clients' sockets come together. [`Hosted`] is
//! the handle of an array that runs so; clients connect where [`Hosted::serve`] listens.
//!
//! Deliberately absent: what an array does (crate `engine`), how members are reached (crate
//! `host`), protocols (the doors), and an async runtime.

#![forbid(unsafe_code)]

mod connection;
mod hosted;
mod inbox;
mod owner;
mod serve;
mod worker;

pub use hosted::{Hosted, HostingError};
pub use serve::{Limits, Listen, Peer, ServeError, Serving};
