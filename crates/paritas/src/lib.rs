//! Linux software RAID (md) without the kernel driver, as a library.
//!
//! The names that a program needs to find, judge and read an array:
//!
//! ```no_run
//! use paritas::{Config, Hosted, Opener, ReadChoices, copy, open_for_reading, opener};
//!
//! # struct Out;
//! # impl paritas::Sink for Out {
//! #     fn data(&mut self, _: &[u8]) -> std::io::Result<()> { Ok(()) }
//! #     fn zeroes(&mut self, _: u64) -> std::io::Result<()> { Ok(()) }
//! #     fn finish(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let words = ["disk1.img".to_owned(), "disk2.img".to_owned()];
//! let array = open_for_reading(&opener(), &words, ReadChoices::default())?;
//! let size = array.assembly.geometry.dimensions().array;
//! let mut hosted = Hosted::start(&array.assembly, array.disks, &Config::default())?;
//! copy(&mut hosted, size, &mut Out, &mut |done| println!("{done} sectors"))?;
//! # Ok(())
//! # }
//! ```
//!
//! Deliberately absent: doors and the service (crates of their own), and everything that a program
//! does not need first; the crates beneath are public, too.

#![forbid(unsafe_code)]

pub use paritas_disk::{Disk, Opener};
pub use paritas_engine::judge_members::{ReadChoices, judge_members};
pub use paritas_engine::{Config, Drive};
pub use paritas_host::check_aliases;
pub use paritas_manage::copy::{Sink, copy};
pub use paritas_manage::reading::{Readable, open_for_reading};
pub use paritas_runtime::Hosted;

use paritas_host::PathOpener;

/// An opener of paths that finds partitions: `FILE`, `FILE@pN`, `FILE@OFFSET[+SIZE]`, devices.
#[must_use]
pub fn opener() -> PathOpener<'static> {
    PathOpener::new(&paritas_manage::gather::partition_of)
}
