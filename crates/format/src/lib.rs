//! md's on-disk formats: bytes to values to bytes.
//!
//! The one thing to understand: decoding is tolerant and judging is separate. `decode` takes
//! whatever carries the right magic number, so that a damaged structure can still be shown;
//! `faults` then lists everything for which the driver would refuse it. A decoded value keeps
//! every byte, known or not, and encodes to exactly what it was decoded from.
//!
//! Deliberately absent: input and output (callers read, or pass a closure that does), the choice
//! among the members of an array, and everything that needs more than one structure to decide.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod broken;
pub mod build;
pub mod checksum;
mod home;
pub mod place;
pub mod superblock;
mod uuid;

pub mod bad_blocks;
pub mod bitmap;
mod bytes;
pub mod crc;
pub mod foreign;
pub mod fuzz;
pub mod journal;
pub mod partition;
pub mod ppl;
pub mod signature;

pub use broken::Broken;
pub use superblock::Superblock;
pub use uuid::{ArrayUuid, BadUuid, DeviceUuid};
