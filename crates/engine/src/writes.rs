//! The writes of one phase of a plan: cut so that what several members get is sent once.
//!
//! The one thing to understand: memory is on loan to one request at a time, and a copy goes to
//! several members. So the steps of a phase are cut at all of their borders into extents; an extent
//! is one piece of memory and the members that get it, and goes out as one request to many regions
//! with an error bit for each (dm-io).
//!
//! A write needs a [`WriteToken`](crate::lease::WriteToken), by type.

use crate::lease::WriteToken;
use crate::request::{Failure, Tried};
use crate::shard::Shard;
use crate::slab::Key;
use crate::steps::Tag;
use paritas_disk::region::{Memory, Notice, Region, Regions};
use paritas_disk::{FaultKind, Operation};
use paritas_personality::{BufferId, Place, Plan, Step, Target};
use paritas_units::{SECTOR_BYTES, Sector, Sectors};

/// Bytes of one buffer, and the members that get them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    place: Place,
    sectors: Sectors,
    /// Each member with the component sector at which the bytes go.
    targets: Vec<(Target, Sector)>,
}

impl Shard {
    /// Starts all writes from the cursor to the next fence.
    pub(crate) fn start_writes(&mut self, key: Key) {
        let piece = self.pieces.get_mut(key);
        let mut extents = std::mem::take(&mut piece.extents);
        piece.writes_until = cut(&piece.plan, piece.cursor, &mut extents);
        let Some(token) = piece.token.take() else {
            debug_assert!(false, "a piece that writes has a token");
            return;
        };
        for (number, extent) in extents.iter().enumerate() {
            self.write(key, number, extent, &token);
        }
        let piece = self.pieces.get_mut(key);
        piece.token = Some(token);
        piece.extents = extents;
    }

    fn write(&mut self, key: Key, number: usize, extent: &Extent, _: &WriteToken) {
        let bytes = extent.sectors.bytes().and_then(|bytes| usize::try_from(bytes).ok());
        let regions: Option<Vec<Region>> = extent
            .targets
            .iter()
            .map(|(target, at)| self.region(*target, at.range(extent.sectors)))
            .collect();
        let number = u16::try_from(number).ok().filter(|number| number & Tag::EXTENT == 0);
        let loan = bytes.and_then(|bytes| self.lend(key, extent.place, bytes));
        let (Some(loan), Some(mut regions), Some(number)) = (loan, regions, number) else {
            for (target, at) in &extent.targets {
                self.mistake(key, *target, at.range(extent.sectors), Tried::Write);
            }
            return;
        };
        let regions = match regions.as_slice() {
            [one] => Regions::One(*one),
            _ => Regions::Many(std::mem::take(&mut regions)),
        };
        let durable = self.requests.get(self.pieces.get(key).request).work.is_durable();
        let operation = Operation::Write { flush_before: false, durable };
        self.send(key, number | Tag::EXTENT, operation, regions, Memory::Contiguous(loan));
        for (target, at) in &extent.targets {
            if let Some(seat) = self.hints(*target) {
                seat.in_flight += 1;
                seat.head = *at + extent.sectors;
            }
        }
    }

    /// Takes the end of an extent: an error bit for each member.
    pub(crate) fn write_ended(&mut self, tag: Tag, notice: Notice) {
        let piece = self.pieces.get_mut(tag.piece);
        let extents = std::mem::take(&mut piece.extents);
        if let Some(extent) = extents.get(usize::from(tag.step & !Tag::EXTENT)) {
            if let Memory::Contiguous(loan) = notice.memory {
                self.take_back(tag.piece, extent.place.buffer, loan);
            }
            let kind = notice.fault.unwrap_or(FaultKind::Io);
            for (region, (target, at)) in (0..).zip(&extent.targets) {
                if let Some(seat) = self.hints(*target) {
                    seat.in_flight = seat.in_flight.saturating_sub(1);
                }
                if notice.errors.has(region) {
                    let range = at.range(extent.sectors);
                    let failure =
                        Failure { target: *target, range, fault: kind, tried: Tried::Write };
                    self.pieces.get_mut(tag.piece).failures.push(failure);
                }
            }
        }
        self.pieces.get_mut(tag.piece).extents = extents;
    }
}

/// One write step, with the end of its bytes.
#[derive(Clone, Copy, Debug)]
struct Span {
    buffer: BufferId,
    start: u64,
    end: u64,
    to: Target,
    at: Sector,
}

/// Cuts the writes from step `first` to the next fence into extents; gives the fence's number.
fn cut(plan: &Plan, first: usize, extents: &mut Vec<Extent>) -> usize {
    extents.clear();
    let rest = plan.steps().get(first..).unwrap_or_default();
    let len = rest.iter().position(|step| matches!(step, Step::Fence)).unwrap_or(rest.len());
    let mut spans: Vec<Span> = rest.iter().take(len).filter_map(span).collect();
    spans.sort_unstable_by_key(|span| (span.buffer, span.start, span.end));
    let mut at = 0;
    while let Some(begin) = spans.get(at) {
        // A group: spans that overlap each other in a chain.
        let (buffer, mut group_end, mut count) = (begin.buffer, begin.end, 1);
        while let Some(next) = spans.get(at + count).filter(|next| next.buffer == buffer)
            && next.start < group_end
        {
            group_end = group_end.max(next.end);
            count += 1;
        }
        cut_group(spans.get(at..at + count).unwrap_or_default(), extents);
        at += count;
    }
    first + len
}

fn span(step: &Step) -> Option<Span> {
    let Step::Write { to, at, sectors, from } = *step else { return None };
    let start = u64::from(from.byte);
    Some(Span { buffer: from.buffer, start, end: start + sectors.bytes()?, to, at })
}

fn cut_group(group: &[Span], extents: &mut Vec<Extent>) {
    let mut borders: Vec<u64> = group.iter().flat_map(|span| [span.start, span.end]).collect();
    borders.sort_unstable();
    borders.dedup();
    for (start, end) in borders.iter().zip(borders.iter().skip(1)) {
        let inside = group.iter().filter(|span| span.start <= *start && *end <= span.end);
        let targets =
            inside.map(|span| (span.to, span.at + Sectors((start - span.start) / SECTOR_BYTES)));
        let buffer = group.first().map_or(BufferId::HOST, |span| span.buffer);
        extents.push(Extent {
            place: Place { buffer, byte: u32::try_from(*start).unwrap_or(u32::MAX) },
            sectors: Sectors((end - start) / SECTOR_BYTES),
            targets: targets.collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paritas_units::{Seat, Slot};

    #[test]
    fn what_overlaps_is_cut_and_sent_once() {
        let mut plan = Plan::new();
        let mut write = |slot, at, sectors, byte| {
            let to = Target { slot: Slot(slot), seat: Seat::Original };
            let from = Place { buffer: BufferId::HOST, byte };
            plan.push(Step::Write { to, at: Sector(at), sectors: Sectors(sectors), from });
        };
        write(0, 100, 16, 0);
        write(1, 200, 8, 0);
        write(2, 300, 8, 4096);
        write(1, 400, 8, 8192);
        plan.finish();
        let mut extents = Vec::new();
        assert_eq!(cut(&plan, 0, &mut extents), 4);
        let extent = |byte, sectors, targets: &[(u16, u64)]| Extent {
            place: Place { buffer: BufferId::HOST, byte },
            sectors: Sectors(sectors),
            targets: targets
                .iter()
                .map(|(slot, at)| (Target { slot: Slot(*slot), seat: Seat::Original }, Sector(*at)))
                .collect(),
        };
        let wanted = [
            extent(0, 8, &[(1, 200), (0, 100)]),
            extent(4096, 8, &[(0, 108), (2, 300)]),
            extent(8192, 8, &[(1, 400)]),
        ];
        assert_eq!(extents, wanted);
    }
}
