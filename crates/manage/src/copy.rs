//! `copy`: the whole content of an array into a sink.
//!
//! The one thing to understand: several reads are under way at once, but the sink is given bytes
//! strictly in order, so that it may be a pipe. Blocks of zeroes are handed over as holes, so that
//! what was sparse stays sparse.
//!
//! Deliberately absent: opening files; skipping what cannot be read. A copy that has to leave out a
//! sector ends with an error that names it.

use paritas_disk::Buffer;
use paritas_engine::{Drive, HostError, HostRequest, HostWork, Reply};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};
use std::collections::BTreeMap;

/// Where the bytes go. Calls come in the order of positions and leave nothing out.
pub trait Sink {
    /// The next bytes.
    ///
    /// # Errors
    /// Whatever the destination says; the copy ends.
    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()>;

    /// The next `bytes` bytes, all zero.
    ///
    /// # Errors
    /// Whatever the destination says; the copy ends.
    fn zeroes(&mut self, bytes: u64) -> std::io::Result<()>;

    /// Everything has been handed over.
    ///
    /// # Errors
    /// Whatever the destination says.
    fn finish(&mut self) -> std::io::Result<()>;
}

/// Why a copy ended early.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The array could not deliver.
    #[error("sectors {range} of the array cannot be read: {source}")]
    Read {
        /// The sectors of the request that failed; everything before them was copied.
        range: SectorRange,
        /// Why.
        source: HostError,
    },
    /// The destination did not take the bytes.
    #[error("cannot write at byte {at} of the copy: {source}")]
    Write {
        /// Bytes that were written before.
        at: u64,
        /// Why.
        source: std::io::Error,
    },
    /// There is no memory for even one request.
    #[error("the memory given to the array holds no buffer of {bytes} bytes")]
    NoMemory {
        /// Bytes of a request.
        bytes: usize,
    },
}

/// How much a copy moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes that were not all zero, in blocks of 4 KiB.
    pub data: u64,
    /// Bytes handed over as holes.
    pub zeroes: u64,
}

/// Bytes of a request.
const REQUEST: u64 = 1 << 20;
/// Requests under way at once.
const DEPTH: usize = 16;
/// Bytes of the unit in which zeroes are looked for.
const BLOCK: usize = 4096;

/// Copies the `array` sectors of the array that `drive` hosts into `sink`, and calls `progress`
/// with the sectors done after each request.
///
/// # Errors
/// [`CopyError`] with the place; what was copied until then has been handed to the sink.
pub fn copy(
    drive: &mut dyn Drive,
    array: Sectors,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(Sectors),
) -> Result<Copied, CopyError> {
    let mut run = Run { array, next: Sector::ZERO, done: Sector::ZERO, early: BTreeMap::new() };
    let mut copied = Copied::default();
    let mut replies = Vec::new();
    while run.done.0 < array.0 {
        run.submit(drive)?;
        drive.wait(&mut replies);
        for reply in replies.drain(..) {
            run.early.insert(reply.cookie, reply);
        }
        while let Some((range, buffer)) = run.in_order()? {
            hand_over(buffer.bytes(), sink, &mut copied)
                .map_err(|source| CopyError::Write { at: copied.data + copied.zeroes, source })?;
            run.done = range.end();
            progress(Sectors(run.done.0));
        }
    }
    sink.finish().map_err(|source| CopyError::Write { at: copied.data + copied.zeroes, source })?;
    Ok(copied)
}

/// A copy under way. The cookie of a request is its first sector.
struct Run {
    array: Sectors,
    /// The first sector that has not been asked for.
    next: Sector,
    /// The first sector that the sink has not been given.
    done: Sector,
    /// Replies that wait for an earlier one.
    early: BTreeMap<u64, Reply>,
}

impl Run {
    fn range_at(&self, start: Sector) -> SectorRange {
        let whole = start.range(Sectors(REQUEST / SECTOR_BYTES));
        whole.intersection(Sector::ZERO.range(self.array))
    }

    /// Asks for as much as depth and memory allow; at least one request is then under way, or its
    /// reply waits.
    fn submit(&mut self, drive: &mut dyn Drive) -> Result<(), CopyError> {
        let pool = drive.pool();
        while self.next.0 < self.array.0 && drive.in_flight() + self.early.len() < DEPTH {
            let range = self.range_at(self.next);
            let bytes = usize::try_from(range.len.0 * SECTOR_BYTES).unwrap_or(usize::MAX);
            let Ok(buffer) = pool.take(bytes) else {
                if drive.in_flight() == 0 && self.early.is_empty() {
                    return Err(CopyError::NoMemory { bytes });
                }
                break;
            };
            let work = HostWork::Read(range);
            drive.submit(HostRequest { cookie: range.start.0, work, buffer: Some(buffer) });
            self.next = range.end();
        }
        Ok(())
    }

    /// The reply that the sink is waiting for, if it has come.
    fn in_order(&mut self) -> Result<Option<(SectorRange, Buffer)>, CopyError> {
        let range = self.range_at(self.done);
        let Some(reply) = self.early.remove(&self.done.0) else { return Ok(None) };
        match (reply.result, reply.buffer) {
            (Ok(()), Some(buffer)) => Ok(Some((range, buffer))),
            (Ok(()), None) => Err(CopyError::Read { range, source: HostError::Stopping }),
            (Err(source), _) => Err(CopyError::Read { range, source }),
        }
    }
}

/// Cuts `bytes` into runs of data and of zeroes, and hands them over.
fn hand_over(bytes: &[u8], sink: &mut dyn Sink, copied: &mut Copied) -> std::io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let is_zero = rest.chunks(BLOCK).next().is_some_and(all_zero);
        let blocks = rest.chunks(BLOCK).take_while(|block| all_zero(block) == is_zero).count();
        let (run, after) = rest.split_at((blocks * BLOCK).min(rest.len()));
        let length = u64::try_from(run.len()).unwrap_or(u64::MAX);
        if is_zero {
            sink.zeroes(length)?;
            copied.zeroes += length;
        } else {
            sink.data(run)?;
            copied.data += length;
        }
        rest = after;
    }
    Ok(())
}

/// Whether every byte is zero: the first is, and each equals its neighbour (one `memcmp`).
fn all_zero(bytes: &[u8]) -> bool {
    match bytes.split_first() {
        Some((first, after)) => *first == 0 && bytes.get(..after.len()) == Some(after),
        None => true,
    }
}

#[cfg(test)]
mod tests;
