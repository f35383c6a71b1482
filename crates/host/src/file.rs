//! An image file or a block device as a disk: positional reads and writes that wait.
//!
//! The one thing to understand: the same calls serve both; what differs is known when the disk is
//! opened and stands in its [`Facts`]. A transfer that the system cuts short is continued, and one
//! that meets the end of the file says that the disk is gone, since it was longer when it was
//! opened.
//!
//! Deliberately absent: opening by name and locks, see [`crate::PathOpener`].

use crate::direct::{Bounce, is_aligned};
use crate::errno::fault;
use paritas_disk::{Descriptor, Disk, Facts, Fault, FaultKind, Hole};
use paritas_units::{SECTOR_BYTES, Sector, Sectors};
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, fdatasync, seek};
use rustix::io::{Errno, ReadWriteFlags, pread, pwrite, pwritev2};
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open image file or block device.
#[derive(Debug)]
pub struct FileDisk {
    pub(crate) file: OwnedFd,
    pub(crate) facts: Facts,
    pub(crate) is_direct: bool,
    pub(crate) is_block_device: bool,
    /// Whether the file lives in memory (tmpfs), so that no request waits.
    pub(crate) is_in_memory: bool,
}

impl FileDisk {
    /// Reads `into` from byte `at` on. `needed` is how many bytes must come; fewer than
    /// `into.len()` where the file ends within an aligned range.
    fn read_bytes(&self, at: u64, into: &mut [u8], needed: usize) -> Result<(), Errno> {
        let mut done = 0;
        while done < needed {
            let Some(rest) = into.get_mut(done..) else { return Err(Errno::INVAL) };
            let position = at + u64::try_from(done).unwrap_or(0);
            match pread(&self.file, rest, position) {
                Ok(0) => return Err(Errno::NXIO),
                Ok(now) => done += now,
                Err(Errno::INTR) => {}
                // Direct access cut short at the end of a file goes on at an odd position.
                Err(Errno::INVAL) if done > 0 => return Err(Errno::NXIO),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Reads through aligned memory.
    fn read_bounced(&self, at: u64, into: &mut [u8]) -> Result<(), Errno> {
        let alignment = self.facts.alignment;
        let unit = usize::try_from(alignment).unwrap_or(1);
        let mut done = 0;
        while done < into.len() {
            let position = at + u64::try_from(done).unwrap_or(0);
            let head = position % u64::from(alignment);
            let skip = usize::try_from(head).unwrap_or(0);
            let mut bounce = Bounce::new(unit, skip + into.len() - done);
            let bytes = bounce.bytes();
            let now = (bytes.len() - skip).min(into.len() - done);
            self.read_bytes(position - head, bytes, skip + now)?;
            into[done..done + now].copy_from_slice(&bytes[skip..skip + now]);
            done += now;
        }
        Ok(())
    }

    fn write_bytes(&self, at: u64, from: &[u8], is_durable: bool) -> Result<(), Errno> {
        let mut done = 0;
        while done < from.len() {
            let Some(rest) = from.get(done..) else { return Err(Errno::INVAL) };
            let position = at + u64::try_from(done).unwrap_or(0);
            let written = if is_durable {
                pwritev2(&self.file, &[IoSlice::new(rest)], position, ReadWriteFlags::DSYNC)
            } else {
                pwrite(&self.file, rest, position)
            };
            match written {
                Ok(0) => return Err(Errno::NXIO),
                Ok(now) => done += now,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Writes through aligned memory; position and length are aligned.
    fn write_bounced(&self, at: u64, from: &[u8], is_durable: bool) -> Result<(), Errno> {
        let unit = usize::try_from(self.facts.alignment).unwrap_or(1);
        let mut bounce = Bounce::new(unit, from.len());
        let bytes = bounce.bytes();
        let mut position = at;
        for part in from.chunks(bytes.len()) {
            bytes[..part.len()].copy_from_slice(part);
            self.write_bytes(position, &bytes[..part.len()], is_durable)?;
            position += u64::try_from(part.len()).unwrap_or(0);
        }
        Ok(())
    }

    /// Changes the allocation of sectors, for [`Disk::discard`] and [`Disk::write_zeroes`].
    fn allocate(&self, at: Sector, sectors: Sectors, flags: FallocateFlags) -> Result<(), Errno> {
        let flags = flags | FallocateFlags::KEEP_SIZE;
        loop {
            match fallocate(&self.file, flags, at.0 * SECTOR_BYTES, sectors.0 * SECTOR_BYTES) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    fn check_change(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.facts.check_sectors(at, sectors)?;
        if self.facts.is_read_only {
            return Err(Fault { kind: FaultKind::ReadOnly, at });
        }
        Ok(())
    }

    /// The byte at or after `at` where data (or a hole) begins; `None` if the file cannot tell.
    fn seek(&self, to: SeekFrom) -> Option<u64> {
        match seek(&self.file, to) {
            Ok(position) => Some(position),
            Err(Errno::NXIO) => self.facts.sectors.bytes(),
            Err(_) => None,
        }
    }
}

impl Disk for FileDisk {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.facts.check(at, into.len())?;
        let position = at.0 * SECTOR_BYTES;
        let read = if self.is_direct && !is_aligned(self.facts.alignment, position, into) {
            self.read_bounced(position, into)
        } else {
            let needed = into.len();
            self.read_bytes(position, into, needed)
        };
        read.map_err(|errno| fault(errno, at))
    }

    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        self.facts.check(at, from.len())?;
        if self.facts.is_read_only {
            return Err(Fault { kind: FaultKind::ReadOnly, at });
        }
        let position = at.0 * SECTOR_BYTES;
        let len = u64::try_from(from.len()).unwrap_or(u64::MAX);
        let written = if !self.is_direct || is_aligned(self.facts.alignment, position, from) {
            self.write_bytes(position, from, durable)
        } else if (position | len).is_multiple_of(u64::from(self.facts.alignment)) {
            self.write_bounced(position, from, durable)
        } else {
            Err(Errno::INVAL)
        };
        written.map_err(|errno| fault(errno, at))
    }

    fn flush(&self) -> Result<(), Fault> {
        if self.facts.is_read_only {
            return Ok(());
        }
        loop {
            match fdatasync(&self.file) {
                Err(Errno::INTR) => {}
                result => return result.map_err(|errno| fault(errno, Sector::ZERO)),
            }
        }
    }

    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.check_change(at, sectors)?;
        if self.facts.max_discard.is_zero() {
            return Err(Fault { kind: FaultKind::Unsupported, at });
        }
        let punch = FallocateFlags::PUNCH_HOLE;
        let discarded = if self.is_block_device {
            // Only old kernels tell a discard from zeroing without writing.
            match self.allocate(at, sectors, punch | FallocateFlags::NO_HIDE_STALE) {
                Err(Errno::OPNOTSUPP) => self.allocate(at, sectors, punch),
                result => result,
            }
        } else {
            self.allocate(at, sectors, punch)
        };
        discarded.map_err(|errno| fault(errno, at))
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.check_change(at, sectors)?;
        if self.facts.max_write_zeroes.is_zero() {
            return Err(Fault { kind: FaultKind::Unsupported, at });
        }
        let zeroed = match self.allocate(at, sectors, FallocateFlags::ZERO_RANGE) {
            // A hole reads as zeroes too, and more file systems make one.
            Err(Errno::OPNOTSUPP) => self.allocate(at, sectors, FallocateFlags::PUNCH_HOLE),
            result => result,
        };
        zeroed.map_err(|errno| fault(errno, at))
    }

    fn tail(&self) -> Result<Vec<u8>, Fault> {
        let at = Sector(self.facts.sectors.0);
        if self.is_block_device {
            return Ok(Vec::new());
        }
        let position = at.0 * SECTOR_BYTES;
        let head = position % u64::from(self.facts.alignment);
        let skip = usize::try_from(head).unwrap_or(0);
        let mut bounce =
            Bounce::new(usize::try_from(self.facts.alignment).unwrap_or(1), skip + 511);
        let bytes = bounce.bytes();
        let length = loop {
            match pread(&self.file, &mut *bytes, position - head) {
                Err(Errno::INTR) => {}
                result => break result.map_err(|errno| fault(errno, at))?,
            }
        };
        Ok(bytes.get(skip..length.min(skip + 511)).unwrap_or_default().to_vec())
    }

    fn open_file(&self) -> Option<(BorrowedFd<'_>, Sector)> {
        Some((self.file.as_fd(), Sector::ZERO))
    }

    fn descriptor(&self) -> Option<Descriptor<'_>> {
        Some(Descriptor { fd: self.file.as_fd(), base: Sector::ZERO, is_direct: self.is_direct })
    }

    fn may_wait(&self) -> bool {
        !self.is_in_memory
    }

    fn hole(&self, at: Sector) -> Hole {
        let rest = Sectors(self.facts.sectors.0.saturating_sub(at.0));
        let all_data = Hole { is_hole: false, sectors: rest };
        let start = at.0.saturating_mul(SECTOR_BYTES);
        if rest.is_zero() || self.is_block_device {
            return all_data;
        }
        let Some(data) = self.seek(SeekFrom::Data(start)) else { return all_data };
        let hole_sectors = Sectors::whole_in(data.saturating_sub(start)).min(rest);
        if !hole_sectors.is_zero() {
            return Hole { is_hole: true, sectors: hole_sectors };
        }
        let Some(hole) = self.seek(SeekFrom::Hole(start)) else { return all_data };
        let data_sectors = Sectors::to_hold(hole.saturating_sub(start)).min(rest);
        Hole { is_hole: false, sectors: data_sectors.max(Sectors(1)) }
    }
}
