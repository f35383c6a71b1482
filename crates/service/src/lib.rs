//! The service: arrays that run in this process, by name, and the socket through which they are
//! asked for.
//!
//! The one thing to understand: whoever asks opens the members itself and passes the descriptors
//! along, so that the service never opens a path for somebody else; locks belong to the open files
//! and come along with them.
//!
//! The way of a request: [`Client`] → control socket ([`Place`]) → [`serve`] → [`Service`], which
//! carries it out. The same [`Service`] serves a command that hosts its array in the foreground.
//!
//! Deliberately absent: words of the command line, and anything that starts a process.

#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod api;
mod client;
mod descriptors;
mod doors;
mod identity;
mod orders;
mod place;
mod received;
mod running;
mod server;
mod state;
mod table;

pub use api::{
    Access, ArrayState, Choices, Limits, Order, Outcome, Raid0Layout, Start, Started, Word,
};
pub use client::{CallError, Client, Passed};
pub use place::{Claim, Place, PlaceError};
pub use server::{Server, serve};
pub use state::LastSeen;
pub use table::{Refusal, Service, array_name};
