//! Opening members by name.
//!
//! The one thing to understand: a file is opened once for all its parts, since two partitions of
//! one image would otherwise lock each other out. What was opened is remembered only while
//! somebody uses it; names are remembered as long as the opener lives, so that a member keeps its
//! name.

use crate::facts::{describe, direct_alignment, lives_in_memory, size_of};
use crate::lock::lock;
use crate::storage::Sysfs;
use crate::word::{Part, Word, sectors_of};
use crate::{FileDisk, names::Names};
use paritas_disk::{Access, Disk, Facts, OffsetDisk, OpenError, Opener};
use paritas_units::SectorRange;
use rustix::fs::{FileType, Mode, OFlags, Stat, fcntl_getfl, fcntl_setfl, fstat, open, stat};
use rustix::io::Errno;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Finds the sectors of a partition of a disk; the first is 1. The error says why there is none.
pub type Partitions<'p> = dyn Fn(&dyn Disk, u32) -> Result<SectorRange, String> + 'p;

/// Opens members by path, partition and part.
pub struct PathOpener<'p> {
    partition: &'p Partitions<'p>,
    sysfs: Sysfs,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: Names,
    /// Files that are open: device, inode, access.
    open: Vec<((u64, u64, Access), Weak<FileDisk>)>,
}

impl<'p> PathOpener<'p> {
    /// An opener that asks `partition` where the partitions of an image lie.
    #[must_use]
    pub fn new(partition: &'p Partitions<'p>) -> Self {
        Self { partition, sysfs: Sysfs::default(), state: Mutex::default() }
    }

    fn open_word(&self, word: &str, access: Access) -> Result<Arc<dyn Disk>, String> {
        let Word { path, part } = Word::parse(word)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = self.open_path(&mut state, path, access)?;
        let sectors = whole.facts.sectors.0;
        let range = match part {
            Part::Whole => return Ok(whole),
            Part::Partition(number) => (self.partition)(whole.as_ref(), number)?,
            Part::Bytes { start, len } => sectors_of(start, len, sectors)?,
        };
        let mut span = whole.facts.span;
        if let (Some(span), Some(start), Some(len)) =
            (span.as_mut(), range.start.bytes(), range.len.bytes())
        {
            span.start = span.start.saturating_add(start);
            span.len = len;
        }
        let name = state.names.unique(word, span);
        let disk = OffsetDisk::new(whole, range, name);
        let disk = disk.ok_or_else(|| {
            format!("its sectors {range} are not in the {sectors} sectors of {path}")
        })?;
        Ok(Arc::new(disk))
    }

    fn open_path(
        &self,
        state: &mut State,
        path: &str,
        access: Access,
    ) -> Result<Arc<FileDisk>, String> {
        let before = stat(Path::new(path)).map_err(cannot_look)?;
        let kind = FileType::from_raw_mode(before.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::BlockDevice) {
            return Err(format!("it is {}, not an image file or a block device", word_for(kind)));
        }
        let key = key(&before, access);
        state.open.retain(|(_, disk)| disk.strong_count() > 0);
        let known = state.open.iter().find(|(other, _)| *other == key);
        if let Some(disk) = known.and_then(|(_, disk)| disk.upgrade()) {
            return Ok(disk);
        }
        let is_block_device = kind == FileType::BlockDevice;
        let file = open(Path::new(path), flags(access, is_block_device), Mode::empty())
            .map_err(|errno| self.cannot_open(errno, &before, access))?;
        let mut disk = self.adopt(file, access)?;
        disk.facts.name = state.names.unique(path, disk.facts.span);
        let disk = Arc::new(disk);
        state.open.push((key, Arc::downgrade(&disk)));
        Ok(disk)
    }

    /// Makes a disk of an open file: locks it, and finds out about it.
    fn adopt(&self, file: OwnedFd, access: Access) -> Result<FileDisk, String> {
        let stat = fstat(&file).map_err(cannot_look)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::BlockDevice) {
            return Err(format!("it is {}, not an image file or a block device", word_for(kind)));
        }
        lock(&file, access)?;
        let is_block_device = kind == FileType::BlockDevice;
        let bytes = size_of(&file, &stat)?;
        let alignment = direct_alignment(&file, is_block_device, access);
        let is_direct = alignment.is_some_and(|_| set_direct(&file).is_ok());
        let alignment = alignment.filter(|_| is_direct).unwrap_or(1);
        let span = self.sysfs.span(&stat, bytes);
        let facts = describe(&self.sysfs, &file, &stat, bytes, access);
        let facts = Facts { alignment, span: Some(span), ..facts };
        let is_in_memory = !is_block_device && lives_in_memory(&file);
        Ok(FileDisk { file, facts, is_direct, is_block_device, is_in_memory })
    }

    fn cannot_open(&self, errno: Errno, stat: &Stat, access: Access) -> String {
        match errno {
            Errno::ACCESS | Errno::PERM => {
                let to = if access == Access::Read { "read" } else { "write to" };
                format!("you may not {to} it; use sudo, or give yourself access to it")
            }
            Errno::ROFS => "its file system is read-only".to_owned(),
            Errno::BUSY => {
                let holders = self.sysfs.holders(stat.st_rdev);
                if holders.is_empty() {
                    return "the kernel uses it (mounted, swap, or part of an array): unmount it \
                            or stop what uses it"
                        .to_owned();
                }
                format!("the kernel uses it for {}: stop that first", holders.join(", "))
            }
            errno => errno.to_string(),
        }
    }
}

/// Makes a disk of a file that somebody else opened and passed on. It is locked for `access`.
///
/// # Errors
/// [`OpenError`] says what is wrong with it.
pub fn open_descriptor(file: OwnedFd, name: &str, access: Access) -> Result<FileDisk, OpenError> {
    let opener = PathOpener::new(&|_, _| Err("a descriptor has no partitions".to_owned()));
    let adopted = opener.adopt(file, access);
    let mut disk = adopted.map_err(|why| OpenError { word: name.to_owned(), why })?;
    name.clone_into(&mut disk.facts.name);
    Ok(disk)
}

impl Opener for PathOpener<'_> {
    fn open(&self, word: &str, access: Access) -> Result<Arc<dyn Disk>, OpenError> {
        let opened = self.open_word(word, access);
        opened.map_err(|why| OpenError { word: word.to_owned(), why })
    }
}

impl fmt::Debug for PathOpener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathOpener").finish_non_exhaustive()
    }
}

/// What tells one open file from another.
const fn key(stat: &Stat, access: Access) -> (u64, u64, Access) {
    match stat.st_rdev {
        0 => (stat.st_dev, stat.st_ino, access),
        device => (device, 0, access),
    }
}

const fn flags(access: Access, is_block_device: bool) -> OFlags {
    let flags = match access {
        Access::Read => OFlags::RDONLY,
        // The kernel refuses this to a second exclusive user of a device: a mount, an array.
        Access::Write if is_block_device => OFlags::RDWR.union(OFlags::EXCL),
        Access::Write => OFlags::RDWR,
    };
    flags.union(OFlags::CLOEXEC).union(OFlags::NOCTTY)
}

fn set_direct(file: &OwnedFd) -> Result<(), Errno> {
    fcntl_setfl(file, fcntl_getfl(file)? | OFlags::DIRECT)
}

fn cannot_look(errno: Errno) -> String {
    match errno {
        Errno::NOENT => "there is no such file".to_owned(),
        Errno::ACCESS => "you may not enter its directory".to_owned(),
        errno => errno.to_string(),
    }
}

const fn word_for(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a directory",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::Symlink => "a symbolic link",
        _ => "something else",
    }
}
