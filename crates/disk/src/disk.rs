//! A disk: facts that do not change, and positional input and output that may wait.

use paritas_units::{Sector, Sectors};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Something with sectors: an image file, a block device, a part of one, memory, a test's trick.
///
/// Callers stay inside [`Facts::sectors`] and give whole sectors; a disk may rely on the first and
/// must check the second. All methods may be called from several threads at once.
pub trait Disk: Send + Sync + fmt::Debug {
    /// What is known of the disk; it does not change while it is open.
    fn facts(&self) -> &Facts;

    /// Fills `into` from the sectors at `at`.
    ///
    /// # Errors
    /// A [`Fault`]; the content of `into` is then undefined.
    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault>;

    /// Writes `from` to the sectors at `at`; on stable storage before it returns if `durable`
    /// (FUA).
    ///
    /// # Errors
    /// A [`Fault`]; each sector of the range then holds old or new bytes.
    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault>;

    /// Brings every write that has returned to stable storage.
    ///
    /// # Errors
    /// A [`Fault`]; nothing is known of the writes since the last good flush.
    fn flush(&self) -> Result<(), Fault>;

    /// Says that sectors are not needed; they may read as anything afterwards.
    ///
    /// # Errors
    /// [`FaultKind::Unsupported`] where [`Facts::max_discard`] is zero, or another [`Fault`].
    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault>;

    /// Makes sectors read as zeroes.
    ///
    /// # Errors
    /// [`FaultKind::Unsupported`] where [`Facts::max_write_zeroes`] is zero, or another [`Fault`].
    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault>;

    /// The bytes behind the last whole sector, fewer than a sector has; only a file has any.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    fn tail(&self) -> Result<Vec<u8>, Fault> {
        Ok(Vec::new())
    }

    /// The file behind the disk, where one may be read and written directly by a ring.
    fn descriptor(&self) -> Option<Descriptor<'_>> {
        None
    }

    /// The open file that the disk lies in and the sector of it where the disk begins, for whoever
    /// passes it to another process.
    fn open_file(&self) -> Option<(BorrowedFd<'_>, Sector)> {
        None
    }

    /// Whether a request can make its thread wait. False for disks in memory: a driver then
    /// performs their requests where they are submitted.
    fn may_wait(&self) -> bool {
        true
    }

    /// Whether the sectors from `at` on hold data or are a hole that reads as zeroes, and for how
    /// many sectors that holds. A disk that cannot tell says data to the end.
    fn hole(&self, at: Sector) -> Hole {
        let rest = self.facts().sectors.0.saturating_sub(at.0);
        Hole { is_hole: false, sectors: Sectors(rest) }
    }
}

/// A run of sectors that is data or a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Whether the sectors are known to read as zeroes since nothing is stored there.
    pub is_hole: bool,
    /// How many sectors share the answer.
    pub sectors: Sectors,
}

/// A file that a ring may use: sector 0 of the disk is `base` sectors into it.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor<'a> {
    /// The open file.
    pub fd: BorrowedFd<'a>,
    /// Where the disk begins in the file.
    pub base: Sector,
    /// Whether it is open for direct access, so that memory and length must be aligned to
    /// [`Facts::alignment`].
    pub is_direct: bool,
}

/// What is known of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The name for people: a base name, made unique by whoever opened it.
    pub name: String,
    /// The size.
    pub sectors: Sectors,
    /// Bytes of the logical block: the least unit of direct access. A power of two, 512 or more.
    pub logical_block: u32,
    /// Bytes of the physical block: what is written without reading first. At least the logical.
    pub physical_block: u32,
    /// Bytes to which memory, position and length must be aligned; 1 if it does not matter.
    pub alignment: u32,
    /// Whether writes are refused.
    pub is_read_only: bool,
    /// Whether seeking costs nothing.
    pub is_solid_state: bool,
    /// The longest single request; zero for no limit.
    pub max_transfer: Sectors,
    /// The longest single discard; zero if there is none.
    pub max_discard: Sectors,
    /// The longest single write-zeroes; zero if there is none.
    pub max_write_zeroes: Sectors,
    /// What lies under the disk, so that two handles of one storage can be seen to be the same.
    pub span: Option<Span>,
}

/// The bytes of the outside world that a disk stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The device that holds the file (`st_dev`), or the block device's own number (`st_rdev`).
    pub device: u64,
    /// The inode; zero for a block device.
    pub inode: u64,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub len: u64,
}

impl Span {
    /// Whether the two share a byte.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.device == other.device
            && self.inode == other.inode
            && self.start < other.start.saturating_add(other.len)
            && other.start < self.start.saturating_add(self.len)
    }
}

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at sector {at}")]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// The first sector of the request that failed.
    pub at: Sector,
}

/// The kinds of faults that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FaultKind {
    /// The medium or the way to it failed (EIO and all that has no kind of its own).
    #[error("input/output error")]
    Io,
    /// No room on the host's file system (ENOSPC, EDQUOT).
    #[error("no space left on the host's file system")]
    NoSpace,
    /// The disk does not do this (EOPNOTSUPP).
    #[error("not supported")]
    Unsupported,
    /// The disk is read-only.
    #[error("read-only")]
    ReadOnly,
    /// The disk is gone (ENODEV, ENXIO), or shorter than it was.
    #[error("the disk is gone")]
    Gone,
    /// Not whole sectors, out of range, or unaligned: a mistake of the caller.
    #[error("not a valid request")]
    Invalid,
}

/// What somebody wants to do with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read; others may read too. Nothing is ever written.
    Read,
    /// Read and write; nobody else may have it open through us.
    Write,
}

/// Turns the name of a member into an open disk. `host` opens paths; a service opens descriptors
/// it was passed; tests open memory.
pub trait Opener {
    /// Opens what `word` names: a path, `FILE@pN` or `FILE@OFFSET[+SIZE]`.
    ///
    /// # Errors
    /// [`OpenError`] says what, why and what to do.
    fn open(&self, word: &str, access: Access) -> Result<Arc<dyn Disk>, OpenError>;
}

/// Makes new files. `host` makes them on its file systems; tests make them in memory.
pub trait Maker {
    /// Makes the file `path` of `bytes` zeroes that take no room, and opens it for writing. A file
    /// that is there already is never touched.
    ///
    /// # Errors
    /// [`OpenError`] says why there is no such file now.
    fn create(&self, path: &str, bytes: u64) -> Result<Arc<dyn Disk>, OpenError>;

    /// Gives the file `path` another name, `link`, in the same file system.
    ///
    /// # Errors
    /// [`OpenError`] with `link`.
    fn link(&self, path: &str, link: &str) -> Result<(), OpenError>;
}

/// A member that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot open {word}: {why}")]
pub struct OpenError {
    /// The word as it was given.
    pub word: String,
    /// Why, and what to do.
    pub why: String,
}
