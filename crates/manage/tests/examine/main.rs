//! `examine` beside mdadm 4.2: the same bytes on standard output.
//!
//! The one thing to understand: an image is a few pieces in an otherwise empty file; we read the
//! pieces, mdadm reads the file.

mod image;
mod partitioned;
mod random;
mod several;
mod variants;
