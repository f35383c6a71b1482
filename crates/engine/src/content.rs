//! An array's content as a disk that is only read: for those who look inside before anything runs.
//!
//! The one thing to understand: it is the same plan as ever, played step after step in the caller's
//! thread. A member that fails is left out and the range is planned again, so that what redundancy
//! can give is given.
//!
//! Deliberately absent: writing, caching, speed. Copies and doors run the array.

use crate::Assembly;
use paritas_disk::{Disk, Facts, Fault, FaultKind};
use paritas_parity as parity;
use paritas_personality::{
    Intent, Part, Place, Plan, Presence, SeatView, SlotView, Step, Target, Term, View,
};
use paritas_units::{SECTOR_BYTES, Seat, Sector, SectorRange, Sectors};
use std::sync::Arc;

/// The content of an assembled array.
#[derive(Clone, Debug)]
pub struct Content {
    facts: Facts,
    assembly: Assembly,
    disks: Vec<Arc<dyn Disk>>,
}

/// Why a plan was not played to its end.
enum Stopped {
    /// The member with this number could not be read: plan again without it.
    Member(usize),
    /// Nothing can help.
    For(FaultKind),
}

impl Content {
    /// The content of `assembly`, whose member `i` is `disks[i]`.
    #[must_use]
    pub fn new(assembly: Assembly, disks: Vec<Arc<dyn Disk>>) -> Self {
        let mut facts =
            Facts::of_memory(assembly.name.clone(), assembly.geometry.dimensions().array);
        facts.is_read_only = true;
        (facts.max_discard, facts.max_write_zeroes) = (Sectors::ZERO, Sectors::ZERO);
        Self { facts, assembly, disks }
    }

    /// Reads `range`, which lies in one window.
    fn read_in_window(&self, range: SectorRange, into: &mut [u8]) -> Result<(), Fault> {
        let mut failed = vec![false; self.assembly.members.len()];
        // Each turn but the last leaves one more member out.
        for _ in 0..=failed.len() {
            match self.try_read(range, &failed, into) {
                Ok(()) => return Ok(()),
                Err(Stopped::For(kind)) => return Err(Fault { kind, at: range.start }),
                Err(Stopped::Member(number)) => {
                    if let Some(member) = failed.get_mut(number) {
                        *member = true;
                    }
                }
            }
        }
        Err(Fault { kind: FaultKind::Io, at: range.start })
    }

    fn try_read(
        &self,
        range: SectorRange,
        failed: &[bool],
        into: &mut [u8],
    ) -> Result<(), Stopped> {
        let slots = self.view(failed);
        let view = View { slots: &slots, resync_offset: self.assembly.resync_offset };
        let mut plan = Plan::new();
        let planned = self.assembly.geometry.plan(&Intent::Read(range), &view, &mut plan);
        planned.map_err(|_| Stopped::For(FaultKind::Io))?;
        let mut buffers = vec![vec![0; into.len()]];
        for &bytes in plan.scratch() {
            buffers.push(vec![0; usize_of(bytes)?]);
        }
        for step in plan.steps() {
            match *step {
                Step::Read { from, at, sectors, into } => {
                    self.read_member(from, at, sectors, slice(&mut buffers, into, sectors)?)?;
                }
                Step::Solve { inputs, outputs, first, bytes } => {
                    let from = plan.parts(first, inputs);
                    let to = plan.parts(first.saturating_add(inputs.into()), outputs);
                    solve(&mut buffers, from, to, usize_of(bytes)?)?;
                }
                Step::Fence | Step::Ack => {}
                _ => return Err(Stopped::For(FaultKind::Unsupported)),
            }
        }
        match buffers.first().filter(|host| host.len() == into.len()) {
            Some(host) => into.copy_from_slice(host),
            None => return Err(Stopped::For(FaultKind::Invalid)),
        }
        Ok(())
    }

    /// What can be read where, without the members in `failed`.
    fn view(&self, failed: &[bool]) -> Vec<SlotView<'_>> {
        let count = usize::from(self.assembly.geometry.dimensions().slots);
        let mut slots = vec![SlotView::default(); count];
        let members = self.assembly.members.iter().zip(failed);
        for (member, _) in members.filter(|(_, has_failed)| !**has_failed) {
            let seat = SeatView {
                presence: match member.recovery_offset {
                    Sector::MAX => Presence::InSync,
                    below => Presence::Recovering(below),
                },
                write_mostly: member.is_write_mostly,
                unreadable: &member.bad_blocks,
                ..SeatView::default()
            };
            match (slots.get_mut(member.slot.index()), member.seat) {
                (Some(slot), Seat::Original) => slot.original = seat,
                (Some(slot), Seat::Replacement) => slot.replacement = seat,
                (None, _) => {}
            }
        }
        slots
    }

    fn read_member(
        &self,
        from: Target,
        at: Sector,
        sectors: Sectors,
        into: &mut [u8],
    ) -> Result<(), Stopped> {
        let members = self.assembly.members.iter().zip(&self.disks).enumerate();
        let mut holders = members.filter(|(_, (m, _))| m.slot == from.slot && m.seat == from.seat);
        let (number, (member, disk)) = holders.next().ok_or(Stopped::For(FaultKind::Gone))?;
        let at = member.data_offset.checked_add(Sectors(at.0));
        let end = at.and_then(|at| at.checked_add(sectors));
        let is_there = end.is_some_and(|end| end.0 <= disk.facts().sectors.0);
        let at = at.filter(|_| is_there).ok_or(Stopped::Member(number))?;
        disk.read(at, into).map_err(|_| Stopped::Member(number))
    }
}

fn usize_of(bytes: u32) -> Result<usize, Stopped> {
    usize::try_from(bytes).map_err(|_| Stopped::For(FaultKind::Invalid))
}

fn slice(buffers: &mut [Vec<u8>], place: Place, sectors: Sectors) -> Result<&mut [u8], Stopped> {
    let bytes = sectors.bytes().and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = bytes.ok_or(Stopped::For(FaultKind::Invalid))?;
    part(buffers, place, bytes)
}

fn part(buffers: &mut [Vec<u8>], place: Place, bytes: usize) -> Result<&mut [u8], Stopped> {
    let start = usize_of(place.byte)?;
    let buffer = buffers.get_mut(usize::from(place.buffer.0));
    buffer
        .and_then(|buffer| buffer.get_mut(start..start.checked_add(bytes)?))
        .ok_or(Stopped::For(FaultKind::Invalid))
}

fn solve(buffers: &mut [Vec<u8>], from: &[Part], to: &[Part], bytes: usize) -> Result<(), Stopped> {
    let mut known = Vec::new();
    for input in from {
        known.push((term(input.term), part(buffers, input.place, bytes)?.to_vec()));
    }
    let mut unknown: Vec<_> = to.iter().map(|out| (term(out.term), vec![0; bytes])).collect();
    let inputs: Vec<_> = known.iter().map(|(term, block)| (*term, block.as_slice())).collect();
    let mut outputs: Vec<_> =
        unknown.iter_mut().map(|(term, block)| (*term, block.as_mut_slice())).collect();
    parity::solve(&inputs, &mut outputs).map_err(|_| Stopped::For(FaultKind::Invalid))?;
    for (output, (_, block)) in to.iter().zip(&unknown) {
        part(buffers, output.place, bytes)?.copy_from_slice(block);
    }
    Ok(())
}

const fn term(term: Term) -> parity::Term {
    match term {
        Term::Data(exponent) => parity::Term::Data(exponent),
        Term::P => parity::Term::P,
        Term::Q => parity::Term::Q,
    }
}

impl Disk for Content {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.facts.check(at, into.len())?;
        let dimensions = self.assembly.geometry.dimensions();
        let whole = at.range(Sectors::whole_in(into.len().try_into().unwrap_or(u64::MAX)));
        let mut rest = into;
        let mut at = at;
        while !rest.is_empty() {
            let window = dimensions.window_range(dimensions.window_of(at));
            let piece = whole.intersection(window).intersection(at.range(whole.len));
            let bytes = usize::try_from(piece.len.0 * SECTOR_BYTES).unwrap_or(usize::MAX);
            let split = rest.split_at_mut_checked(bytes).filter(|_| bytes > 0);
            let (now, later) = split.ok_or(Fault { kind: FaultKind::Invalid, at })?;
            self.read_in_window(piece, now)?;
            (rest, at) = (later, piece.end());
        }
        Ok(())
    }

    fn write(&self, at: Sector, _from: &[u8], _durable: bool) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::ReadOnly, at })
    }

    fn flush(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn discard(&self, at: Sector, _sectors: Sectors) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Unsupported, at })
    }

    fn write_zeroes(&self, at: Sector, _sectors: Sectors) -> Result<(), Fault> {
        Err(Fault { kind: FaultKind::Unsupported, at })
    }
}
