//! The verbs that read and copy metadata, beside the real mdadm: the same text, the same exit code,
//! the same bytes.
//!
//! The one thing to understand: every case is an image that is written to a file for mdadm and kept
//! in memory for us, so that both see the same bytes.

mod bad_blocks;
mod bitmap;
mod create;
mod dump;
mod force;
mod hostile;
mod query;
mod restore;
mod scan;
mod support;
