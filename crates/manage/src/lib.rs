//! mdadm's verbs as functions.
//!
//! The one thing to understand: a verb is generic over where members come from (an `Opener`) and
//! over who hosts the array (a `Drive`), so that the command, the service and the simulator run
//! the same code.
//!
//! Deliberately absent: system calls, argument parsing, terminals.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

pub mod bad_blocks;
pub mod bitmap;
pub mod config;
pub mod copy;
pub mod create;
pub mod dump;
pub mod examine;
pub mod fill;
pub mod forcing;
pub mod fuzz;
pub mod gather;
pub mod look;
pub mod query;
pub mod reading;
pub mod restore;
pub mod scan;
pub mod writing;
pub mod zero;
