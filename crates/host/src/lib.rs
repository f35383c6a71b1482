//! Members on a real machine: image files and block devices, io_uring and a thread pool.
//!
//! The one thing to understand: this is the only crate that makes system calls for members. It
//! gives the rest an [`paritas_disk::Opener`] and two [`paritas_disk::Driver`]s that come to the
//! same results.
//!
//! Deliberately absent: sockets and clocks (`runtime` has them), partition tables (`format` reads
//! them; the opener is given a function that asks it).

mod alias;
mod choose;
mod devices;
mod direct;
mod errno;
mod facts;
mod file;
mod inherited;
mod lock;
mod make;
mod names;
mod open;
mod ring;
mod signal;
mod storage;
mod word;
mod workers;

pub use alias::{Alias, check_aliases};
pub use choose::{Choice, choose};
pub use devices::{block_devices, lasting_names};
pub use file::FileDisk;
pub use inherited::close_inherited;
pub use open::{Partitions, PathOpener, open_descriptor};
pub use ring::{NoRing, Ring};
pub use signal::StopSignals;
pub use workers::Workers;
