//! Builders of valid structures, for tests here and elsewhere.
//!
//! The one thing to understand: what a builder makes is accepted by the driver as it stands; a
//! test that wants something wrong changes the built value, and seals it if the checksum shall be
//! right nevertheless.

mod cell;
mod superblock;

pub use cell::{BadCell, CELL_EVENTS, cell};
pub use superblock::SuperblockBuilder;
