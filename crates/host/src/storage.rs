//! What lies under an open file: its kind, and the bytes of the outside world that it stands for.
//!
//! The one thing to understand: one storage has many names. A hard or symbolic link leads to the
//! same inode; a loop device stands for part of a file; a partition for part of a disk. A
//! [`Span`] is what all these names come down to, so that two members can be seen to share bytes.
//!
//! Deliberately absent: device mapper and md devices, which are taken as storage of their own, and
//! file systems: a file on a disk is not the disk.

use paritas_disk::Span;
use rustix::fs::{FileType, Stat, makedev};
use std::path::{Path, PathBuf};

/// How deep names are followed; loops over partitions of loops end here.
const DEEPEST: u32 = 8;

/// The kernel's description of its devices.
#[derive(Clone, Debug)]
pub(crate) struct Sysfs {
    root: PathBuf,
}

/// Bytes of storage that are to be resolved: a device, and a part of it.
#[derive(Clone, Copy)]
struct Part {
    device: u64,
    start: u64,
    len: u64,
}

impl Default for Sysfs {
    fn default() -> Self {
        Self { root: PathBuf::from("/sys") }
    }
}

impl Sysfs {
    #[cfg(test)]
    pub(crate) const fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory of a block device.
    pub(crate) fn device(&self, device: u64) -> PathBuf {
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        self.root.join(format!("dev/block/{major}:{minor}"))
    }

    /// The storage behind a file or device of `len` bytes.
    pub(crate) fn span(&self, stat: &Stat, len: u64) -> Span {
        if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice {
            self.resolve(Part { device: stat.st_rdev, start: 0, len }, DEEPEST)
        } else {
            Span { device: stat.st_dev, inode: stat.st_ino, start: 0, len }
        }
    }

    fn resolve(&self, part: Part, depth: u32) -> Span {
        let own = Span { device: part.device, inode: 0, start: part.start, len: part.len };
        if depth == 0 {
            return own;
        }
        let directory = self.device(part.device);
        if let Some(whole) = whole_disk(&directory, part) {
            return self.resolve(whole, depth - 1);
        }
        self.loop_backing(&directory, part, depth).unwrap_or(own)
    }

    /// The file or device behind a loop device.
    fn loop_backing(&self, directory: &Path, part: Part, depth: u32) -> Option<Span> {
        let backing = std::fs::read_to_string(directory.join("loop/backing_file")).ok()?;
        let stat = rustix::fs::stat(Path::new(backing.trim_end_matches('\n'))).ok()?;
        let start = part.start.checked_add(number(&directory.join("loop/offset")).unwrap_or(0))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice {
            let part = Part { device: stat.st_rdev, start, len: part.len };
            return Some(self.resolve(part, depth - 1));
        }
        Some(Span { device: stat.st_dev, inode: stat.st_ino, start, len: part.len })
    }

    /// Whether the device that holds the file seeks for nothing; true where nobody knows.
    pub(crate) fn is_solid_state(&self, device: u64) -> bool {
        self.queue_number(device, "rotational").is_none_or(|rotational| rotational == 0)
    }

    /// A number from the directory of a device's queue, or of the disk whose partition it is.
    pub(crate) fn queue_number(&self, device: u64, name: &str) -> Option<u64> {
        let directory = self.device(device);
        let own = number(&directory.join("queue").join(name));
        own.or_else(|| number(&directory.canonicalize().ok()?.parent()?.join("queue").join(name)))
    }

    /// Names of the devices that are built on this one.
    pub(crate) fn holders(&self, device: u64) -> Vec<String> {
        let entries = std::fs::read_dir(self.device(device).join("holders"));
        let names = entries.into_iter().flatten().flatten();
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

/// The part of the whole disk that a partition's part is.
fn whole_disk(directory: &Path, part: Part) -> Option<Part> {
    number(&directory.join("partition"))?;
    let start = number(&directory.join("start"))?.checked_mul(512)?;
    let parent = directory.canonicalize().ok()?.parent()?.join("dev");
    let text = std::fs::read_to_string(parent).ok()?;
    let (major, minor) = text.trim().split_once(':')?;
    let device = makedev(major.parse().ok()?, minor.parse().ok()?);
    Some(Part { device, start: part.start.checked_add(start)?, len: part.len })
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
