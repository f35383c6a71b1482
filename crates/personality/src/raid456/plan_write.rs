//! Writing with parity.
//!
//! The one thing to understand: the written lines are cut into spans in which the set of written
//! chunks and the answers of all slots are one, and each span makes its parity the way that takes
//! the fewest reads. New parity has scratch of its own, so nothing that was read is overwritten,
//! and no write begins before the last read has ended. A write that is served leaves every line
//! such that what is missing follows from what is there.
//!
//! A plan has at most five phases: reads, solves for what is missing, solves for parity, writes,
//! the acknowledgement.

use super::cost::{Reads, Way, choose};
use super::layout::ParityLayout;
use super::request::Request;
use super::row::{Piece, Solution};
use super::scratch::Scratch;
use super::solve::{missing_data, part};
use super::spans::Spans;
use crate::plan::bytes;
use crate::{Part, Plan, Unservable, View};
use paritas_units::{Sector, SectorRange, Sectors, Slot};

/// Writes the plan of a write within one row of chunks.
pub(super) fn plan_write(
    layout: &ParityLayout,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    if range.is_empty() {
        plan.finish();
        return Ok(());
    }
    check(layout, range, view)?;
    let write = Write::new(Request::new(layout, range), view);
    let spans = write.spans()?;
    let mut scratch = write.scratch(&spans, plan);
    write.read(&spans, &mut scratch, plan);
    plan.fence();
    for span in spans.iter().filter(|span| span.way == Way::SolveFirst) {
        missing_data(&write.request.row, &span.piece, span.by, &scratch, plan);
    }
    plan.fence();
    for span in spans.iter().filter(|span| span.way != Way::DataOnly) {
        write.solve_parity(span, &mut scratch, plan);
    }
    plan.fence();
    write.write_data(plan);
    write.write_parity(&spans, &scratch, plan);
    scratch.end(plan);
    plan.finish();
    Ok(())
}

/// Refuses a write of which less would be kept than data can be read from.
fn check(layout: &ParityLayout, range: SectorRange, view: &View<'_>) -> Result<(), Unservable> {
    let dimensions = &layout.dimensions;
    let missing =
        || (0..dimensions.slots).map(Slot).filter(|slot| !view.slot(*slot).keeps_writes());
    if missing().count() > usize::from(dimensions.may_miss) {
        return Err(Unservable::Lost { range, missing: missing().collect() });
    }
    Ok(())
}

/// A write within one row of chunks.
struct Write<'a> {
    request: Request<'a>,
    view: &'a View<'a>,
    /// The slots of P and Q, as far as somebody there takes writes.
    parities: [Option<Slot>; 2],
}

/// Lines whose parity is made in one way.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    piece: Piece,
    way: Way,
    /// With [`Way::SolveFirst`]: the parities to solve by.
    by: Solution,
}

impl<'a> Write<'a> {
    fn new(request: Request<'a>, view: &'a View<'a>) -> Self {
        let is_there = |slot: &Slot| request.row.takes_writes(slot.0, view);
        let stripe = &request.row.stripe;
        let parities = [Some(stripe.p), stripe.q].map(|slot| slot.map(Slot).filter(is_there));
        Self { request, view, parities }
    }

    /// The written lines, cut where something changes.
    fn spans(&self) -> Result<Spans<Span>, Unservable> {
        let mut spans = Spans::default();
        for (mut line, end) in self.request.segments() {
            while line < end {
                let piece = self.request.row.piece(line, end - line, self.view);
                let way = self.way(&piece);
                let by = match way {
                    Way::SolveFirst => piece.solution(),
                    _ => Some(Solution::default()),
                };
                let by = by.ok_or_else(|| self.request.lost(&piece, self.view))?;
                spans.push(Span { piece, way, by });
                line += piece.len;
            }
        }
        Ok(spans)
    }

    /// How parity is made in the lines of `piece`.
    fn way(&self, piece: &Piece) -> Way {
        let [p, q] = self.parities;
        let parities = u16::from(p.is_some()) + u16::from(q.is_some());
        if parities == 0 {
            return Way::DataOnly;
        }
        let (mut written, mut lost) = (0, 0);
        for index in self.request.wanted(piece.line) {
            written += 1;
            let slot = self.request.row.data_slot(index);
            lost += u16::from(!self.request.row.is_readable(slot, piece.line, self.view));
        }
        let has_parity = (p.is_none() || piece.has_p) && (q.is_none() || piece.has_q);
        let others = self.request.row.layout.data - written;
        choose(Reads {
            read_modify_write: (lost == 0 && has_parity).then_some(written + parities),
            reconstruct_write: (piece.lost == lost).then_some(others),
            is_parity_trusted: self.request.is_in_sync(self.view),
        })
    }

    fn scratch(&self, spans: &Spans<Span>, plan: &mut Plan) -> Scratch {
        let pieces = spans.iter().filter(|span| span.way != Way::DataOnly).map(|span| &span.piece);
        let slots = self.request.row.layout.dimensions.slots;
        Scratch::new(pieces, self.request.split(), slots + 2, plan)
    }

    /// Reads what the ways need, slot by slot, so that steps can merge.
    fn read(&self, spans: &Spans<Span>, scratch: &mut Scratch, plan: &mut Plan) {
        let row = &self.request.row;
        let mut read = |slot: Slot, span: &Span| {
            let place = scratch.claim(slot, span.piece.line, plan);
            // What cannot be read is solved for, into the same place.
            row.read(slot, &span.piece, self.view, place, plan);
        };
        for index in 0..row.layout.data {
            for span in spans.iter() {
                let is_read = match span.way {
                    Way::DataOnly => false,
                    Way::ReadModifyWrite => self.request.wants(index, span.piece.line),
                    Way::ReconstructWrite => !self.request.wants(index, span.piece.line),
                    Way::SolveFirst => true,
                };
                if is_read {
                    read(row.data_slot(index), span);
                }
            }
        }
        let is_modified = |span: &Span| span.way == Way::ReadModifyWrite;
        let [p, q] = self.parities;
        for span in spans.iter().filter(|span| is_modified(span) && p.is_some() || span.by.p) {
            read(Slot(row.stripe.p), span);
        }
        if let Some(slot) = row.stripe.q.map(Slot) {
            for span in spans.iter().filter(|span| is_modified(span) && q.is_some() || span.by.q) {
                read(slot, span);
            }
        }
    }

    /// New parity, for every parity that somebody takes.
    fn solve_parity(&self, span: &Span, scratch: &mut Scratch, plan: &mut Plan) {
        let (row, line) = (&self.request.row, span.piece.line);
        let is_modified = span.way == Way::ReadModifyWrite;
        let data = match self.request.chunks() {
            // Nothing else takes part.
            (first, last) if is_modified => first..last + 1,
            _ => 0..row.layout.data,
        };
        let first = plan.part_count();
        for index in data {
            let (slot, is_new) = (row.data_slot(index), self.request.wants(index, line));
            let term = row.stripe.term(slot.0);
            if is_modified == is_new {
                plan.part(Part { place: scratch.place(slot, line), term });
            }
            if is_new {
                plan.part(Part { place: self.request.host(index, line), term });
            }
        }
        for slot in self.parities.into_iter().flatten().filter(|_| is_modified) {
            plan.part(part(row, slot.0, scratch.place(slot, line)));
        }
        let split = plan.part_count();
        for (number, slot) in (0..).zip(self.parities) {
            if let Some(slot) = slot {
                let place = scratch.claim(row.fresh(number), line, plan);
                plan.part(part(row, slot.0, place));
            }
        }
        plan.solve_since(first, split, bytes(Sectors(span.piece.len)));
    }

    fn write_data(&self, plan: &mut Plan) {
        let (first, last) = self.request.chunks();
        for index in first..=last {
            let (from, to) = self.request.lines(index);
            let (at, len) = (self.request.row.at(from), Sectors(to - from));
            for target in self.request.row.targets(self.request.row.data_slot(index), self.view) {
                plan.write(target, at, len, self.request.host(index, from));
            }
        }
    }

    /// Writes new parity, member by member, so that steps can merge.
    fn write_parity(&self, spans: &Spans<Span>, scratch: &Scratch, plan: &mut Plan) {
        for (number, slot) in (0..).zip(self.parities) {
            for target in
                slot.into_iter().flat_map(|slot| self.request.row.targets(slot, self.view))
            {
                for span in spans.iter() {
                    let Piece { line, len, .. } = span.piece;
                    let place = scratch.place(self.request.row.fresh(number), line);
                    let at: Sector = self.request.row.at(line);
                    plan.write(target, at, Sectors(len), place);
                }
            }
        }
    }
}
