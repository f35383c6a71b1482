//! Sectors, slots, sizes: the units md is measured in.
//!
//! The one thing to understand: a *position* ([`Sector`]) and a *length* ([`Sectors`]) are
//! different types, and bytes meet sectors only here. One sector is 512 bytes, always, whatever
//! the block size of the device.
//!
//! Deliberately absent: anything that knows a level, a format or a file.

#![forbid(unsafe_code)]

mod human;
mod level;
mod sector;
mod size;
mod slot;

pub use human::{brief_size, human_size};
pub use level::{Level, UnknownLevel};
pub use sector::{SECTOR_BYTES, Sector, SectorRange, Sectors};
pub use size::{BadSize, Chunk, HumanSize, parse_size};
pub use slot::{Descriptor, MemberId, Seat, Slot};
