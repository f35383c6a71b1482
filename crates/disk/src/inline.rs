//! A driver that performs each request at once, in the thread that submits it.
//!
//! The one thing to understand: [`perform`] is the meaning of a request, in terms of one
//! [`Disk`]; every other driver must come to the same result. [`Inline`] calls it and keeps the
//! answers until they are asked for.
//!
//! Deliberately absent: waiting. A request that blocks here blocks its thread.

use crate::{
    Disk, DiskIndex, Done, Driver, Facts, Fault, FaultKind, GoneDisk, Io, IoMemory, Operation, Wait,
};
use paritas_units::Sector;
use std::sync::Arc;

/// The driver of tests, of memory disks and of callers that may wait.
#[derive(Debug, Default)]
pub struct Inline {
    disks: Vec<Arc<dyn Disk>>,
    ended: Vec<Done>,
}

impl Inline {
    /// A driver without disks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Driver for Inline {
    fn attach(&mut self, disk: Arc<dyn Disk>) -> DiskIndex {
        let index = u16::try_from(self.disks.len()).expect("fewer than 65536 disks are attached");
        self.disks.push(disk);
        DiskIndex(index)
    }

    fn detach(&mut self, disk: DiskIndex) {
        if let Some(disk) = self.disks.get_mut(usize::from(disk.0)) {
            *disk = Arc::new(GoneDisk::new(disk.facts().clone()));
        }
    }

    fn submit(&mut self, mut io: Io) {
        let result = match self.disks.get(usize::from(io.disk.0)) {
            Some(disk) => perform(disk.as_ref(), &mut io),
            None => Err(Fault { kind: FaultKind::Gone, at: io.at }),
        };
        self.ended.push(Done { tag: io.tag, result, memory: io.memory });
    }

    fn poll(&mut self, _wait: Wait, done: &mut Vec<Done>) {
        done.append(&mut self.ended);
    }

    fn in_flight(&self) -> usize {
        self.ended.len()
    }

    fn facts(&self, disk: DiskIndex) -> Option<&Facts> {
        self.disks.get(usize::from(disk.0)).map(|disk| disk.facts())
    }
}

/// Carries a request out on `disk`, waiting for it.
///
/// Memory in pieces that are not whole sectors is copied through one buffer; everything else goes
/// straight.
///
/// # Errors
/// The disk's [`Fault`]; [`FaultKind::Invalid`] if the memory is shorter than the sectors.
pub fn perform(disk: &dyn Disk, io: &mut Io) -> Result<(), Fault> {
    match io.operation {
        Operation::Read => read(disk, io),
        Operation::Write { flush_before, durable } => {
            if flush_before {
                disk.flush().map_err(|fault| Fault { at: io.at, ..fault })?;
            }
            write(disk, io, durable)
        }
        Operation::Flush => disk.flush(),
        Operation::Discard => disk.discard(io.at, io.sectors),
        Operation::WriteZeroes => disk.write_zeroes(io.at, io.sectors),
    }
}

/// Bytes of the request, or why there are none.
fn bytes_of(io: &Io) -> Result<usize, Fault> {
    let bytes = io.sectors.bytes().and_then(|bytes| usize::try_from(bytes).ok());
    bytes
        .filter(|bytes| io.memory.holds(*bytes))
        .ok_or(Fault { kind: FaultKind::Invalid, at: io.at })
}

fn read(disk: &dyn Disk, io: &mut Io) -> Result<(), Fault> {
    if let IoMemory::Own(loan) = &mut io.memory
        && u64::try_from(loan.len()).ok() == io.sectors.bytes()
    {
        return disk.read(io.at, loan.bytes_mut());
    }
    let bytes = bytes_of(io)?;
    if bytes > 0 && !io.memory.is_exclusive() {
        return Err(Fault { kind: FaultKind::Invalid, at: io.at });
    }
    let mut at = io.at;
    if !io.memory.is_in_whole_sectors(bytes) {
        let mut bounce = vec![0; bytes];
        disk.read(at, &mut bounce)?;
        io.memory.fill_from(&bounce);
        return Ok(());
    }
    io.memory.for_each_mut(bytes, |slice| {
        disk.read(at, slice)?;
        at = after(at, slice.len());
        Ok(())
    })
}

fn write(disk: &dyn Disk, io: &Io, durable: bool) -> Result<(), Fault> {
    if let IoMemory::Own(loan) = &io.memory
        && u64::try_from(loan.len()).ok() == io.sectors.bytes()
    {
        return disk.write(io.at, loan.bytes(), durable);
    }
    let bytes = bytes_of(io)?;
    if !io.memory.is_in_whole_sectors(bytes) {
        let mut bounce = Vec::with_capacity(bytes);
        io.memory.slices(bytes).for_each(|slice| bounce.extend_from_slice(slice));
        return disk.write(io.at, &bounce, durable);
    }
    let mut at = io.at;
    for slice in io.memory.slices(bytes) {
        disk.write(at, slice, durable)?;
        at = after(at, slice.len());
    }
    Ok(())
}

/// The sector `bytes` after `at`.
fn after(at: Sector, bytes: usize) -> Sector {
    at + paritas_units::Sectors::whole_in(u64::try_from(bytes).unwrap_or(u64::MAX))
}
