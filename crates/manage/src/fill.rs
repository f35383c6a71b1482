//! `create --from`: the content of a file into an array.
//!
//! The one thing to understand: it is the way of `copy` in the other direction. Blocks of zeroes are
//! written too, since the members of a new array may hold anything.

use paritas_disk::Buffer;
use paritas_engine::{Drive, HostError, HostRequest, HostWork, Reply};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};
use std::io::Read;

/// Bytes of a request.
const REQUEST: u64 = 1 << 20;
/// Requests under way at once.
const DEPTH: usize = 16;

/// Why an array was not filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The file could not be read.
    #[error("the content cannot be read at byte {at}: {source}")]
    Read {
        /// Bytes that were read before.
        at: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The array did not take it.
    #[error("sectors {range} of the array cannot be written: {source}")]
    Write {
        /// The sectors of the request that failed.
        range: SectorRange,
        /// Why.
        source: HostError,
    },
    /// There is no memory for even one request.
    #[error("the memory given to the array holds no buffer of {bytes} bytes")]
    NoMemory {
        /// Bytes of a request.
        bytes: usize,
    },
    /// It could not be brought to stable storage.
    #[error("the array cannot be flushed: {0}")]
    Flush(HostError),
}

/// Writes all of `from`, and zeroes after it, into the `array` sectors that `drive` hosts, and
/// flushes; calls `progress` with the sectors that were handed over.
///
/// # Errors
/// [`FillError`]; what was written until then stays.
pub fn fill(
    drive: &mut dyn Drive,
    array: Sectors,
    from: &mut dyn Read,
    progress: &mut dyn FnMut(Sectors),
) -> Result<(), FillError> {
    let (mut at, mut has_ended) = (Sector::ZERO, false);
    let mut replies = Vec::new();
    while at.0 < array.0 || drive.in_flight() > 0 {
        while at.0 < array.0 && drive.in_flight() < DEPTH {
            let range = at.range(Sectors(REQUEST / SECTOR_BYTES));
            let range = range.intersection(Sector::ZERO.range(array));
            let bytes = usize::try_from(range.len.0 * SECTOR_BYTES).unwrap_or(usize::MAX);
            let Ok(mut buffer) = drive.pool().take(bytes) else {
                match drive.in_flight() {
                    0 => return Err(FillError::NoMemory { bytes }),
                    _ => break,
                }
            };
            let place = at.0.saturating_mul(SECTOR_BYTES);
            take(from, &mut buffer, &mut has_ended)
                .map_err(|source| FillError::Read { at: place, source })?;
            let work = HostWork::Write { range, durable: false };
            drive.submit(HostRequest { cookie: range.start.0, work, buffer: Some(buffer) });
            at = range.end();
        }
        drive.wait(&mut replies);
        for reply in replies.drain(..) {
            written(reply, array)?;
        }
        progress(Sectors(at.0));
    }
    drive.submit(HostRequest { cookie: 0, work: HostWork::Flush, buffer: None });
    drive.wait(&mut replies);
    match replies.pop() {
        Some(reply) => reply.result.map_err(FillError::Flush),
        None => Err(FillError::Flush(HostError::Stopping)),
    }
}

/// The next bytes of the file, and zeroes when it has ended.
fn take(from: &mut dyn Read, buffer: &mut Buffer, has_ended: &mut bool) -> std::io::Result<()> {
    let bytes = buffer.bytes_mut();
    let mut done = 0;
    while !*has_ended && done < bytes.len() {
        let rest = bytes.get_mut(done..).unwrap_or_default();
        match from.read(rest) {
            Ok(0) => *has_ended = true,
            Ok(now) => done += now,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.iter_mut().skip(done).for_each(|byte| *byte = 0);
    Ok(())
}

fn written(reply: Reply, array: Sectors) -> Result<(), FillError> {
    let whole = Sector(reply.cookie).range(Sectors(REQUEST / SECTOR_BYTES));
    let range = whole.intersection(Sector::ZERO.range(array));
    reply.result.map_err(|source| FillError::Write { range, source })
}
