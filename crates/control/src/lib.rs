//! What a running array says about itself, in the words of mdadm and the driver.
//!
//! The one thing to understand: [`Detail`] is a picture of an array at one moment, plain data that
//! can be sent and kept; all texts are made from it alone, so whoever receives a picture can print
//! each of them without the array.
//!
//! Deliberately absent: whoever asks and whoever answers (sockets, services), and all that changes
//! an array.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod brief;
mod calendar;
mod detail;
mod export;
mod mdstat;
mod picture;
mod quote;
mod text;

#[cfg(test)]
mod tests;

pub use calendar::calendar_time;
pub use detail::{
    Access, Bitmap, Condition, Detail, MemberDetail, Policy, Role, VERSION, Work, WorkKind,
};
pub use mdstat::{PERSONALITIES, mdstat};
pub use picture::{MemberPlace, Surroundings};
pub use quote::quoted;
