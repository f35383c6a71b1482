//! Recovery with parity: members that are being rebuilt get what they should hold.
//!
//! The one thing to understand: a seat that wants lines gets a copy if the slot's other seat can be
//! read, and else a solution of the row's equations. All members that want lines are served at
//! once.

use super::arrangement::Block;
use super::layout::ParityLayout;
use super::row::{Piece, Row, Solution};
use super::scratch::Scratch;
use super::solve::{all_data, missing_data, part};
use super::spans::Spans;
use crate::plan::bytes;
use crate::{Plan, Presence, SeatView, Target, Unservable, View};
use paritas_units::{SectorRange, Sectors, Slot};

/// Lines that somebody wants.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    piece: Piece,
    /// Whether all data must be known.
    needs_data: bool,
    by: Solution,
}

/// A recovery of lines of one row.
struct Work<'a> {
    row: Row<'a>,
    view: &'a View<'a>,
    spans: Spans<Span>,
}

/// Writes the plan of a recovery of component sectors in one row of chunks.
pub(super) fn plan_recover(
    layout: &ParityLayout,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    let work = Work::new(layout, range, view)?;
    let pieces = work.spans.iter().map(|span| &span.piece);
    let mut scratch = Scratch::new(pieces, u64::MAX, layout.dimensions.slots, plan);
    work.read(&mut scratch, plan);
    plan.fence();
    for span in work.spans.iter().filter(|span| span.needs_data && span.piece.lost > 0) {
        missing_data(&work.row, &span.piece, span.by, &scratch, plan);
    }
    plan.fence();
    for span in work.spans.iter() {
        work.solve_parity(span, &scratch, plan);
    }
    plan.fence();
    work.write(&scratch, plan);
    scratch.end(plan);
    plan.finish();
    Ok(())
}

impl<'a> Work<'a> {
    fn new(
        layout: &'a ParityLayout,
        range: SectorRange,
        view: &'a View<'a>,
    ) -> Result<Self, Unservable> {
        let (row, mut line) = (range.start.0 / layout.chunk(), range.start.0 % layout.chunk());
        let mut work = Self { row: Row::new(layout, row), view, spans: Spans::default() };
        let end = line + range.len.0;
        debug_assert!(end <= layout.chunk(), "the range lies in one row");
        while line < end {
            let piece = work.row.piece(line, work.alike(line, end - line), view);
            line += piece.len;
            let wanted =
                || work.row.slots().filter(|slot| work.wanting(*slot, piece.line).is_some());
            if wanted().next().is_none() {
                continue;
            }
            let needs_data = wanted().any(|slot| !work.row.is_readable(slot, piece.line, view));
            let by = if needs_data { piece.solution() } else { Some(Solution::default()) };
            let by = by.ok_or_else(|| work.row.lost(&piece, view))?;
            work.spans.push(Span { piece, needs_data, by });
        }
        Ok(work)
    }

    /// How many lines from `line` on, at most `want`, the same seats want.
    fn alike(&self, line: u64, want: u64) -> u64 {
        let at = self.row.at(line);
        let seats = self.row.slots().flat_map(|slot| self.view.slot(slot).seats());
        seats.fold(want, |len, (_, seat)| match seat.presence {
            Presence::Recovering(below) if at < below => len.min(below.0 - at.0),
            _ => len,
        })
    }

    /// The first seat of `slot` that wants `line`.
    fn wanting(&self, slot: Slot, line: u64) -> Option<Target> {
        self.all_wanting(slot, line).next()
    }

    /// The seats of `slot` that want `line`.
    fn all_wanting(&self, slot: Slot, line: u64) -> impl Iterator<Item = Target> + use<> {
        let at = self.row.at(line);
        let wants = move |seat: &SeatView<'_>| matches!(seat.presence, Presence::Recovering(below) if at >= below);
        let seats = self.view.slot(slot).seats().map(|(seat, view)| (seat, wants(view)));
        seats.into_iter().filter(|seat| seat.1).map(move |(seat, _)| Target { slot, seat })
    }

    /// Reads what is copied and what equations need, slot by slot, so that steps can merge.
    fn read(&self, scratch: &mut Scratch, plan: &mut Plan) {
        for slot in self.row.slots() {
            for span in self.spans.iter() {
                let line = span.piece.line;
                let is_needed = match self.row.stripe.block(slot.0) {
                    Block::Data(_) => span.needs_data,
                    Block::P => span.by.p,
                    Block::Q => span.by.q,
                };
                if is_needed || self.wanting(slot, line).is_some() {
                    let place = scratch.claim(slot, line, plan);
                    self.row.read(slot, &span.piece, self.view, place, plan);
                }
            }
        }
    }

    /// Solves for wanted parity that cannot be copied.
    fn solve_parity(&self, span: &Span, scratch: &Scratch, plan: &mut Plan) {
        let line = span.piece.line;
        let is_solved = |slot: &u16| {
            let slot = Slot(*slot);
            self.wanting(slot, line).is_some() && !self.row.is_readable(slot, line, self.view)
        };
        let parities = [Some(self.row.stripe.p), self.row.stripe.q];
        let solved = || parities.into_iter().flatten().filter(is_solved);
        if solved().next().is_none() {
            return;
        }
        let outputs = solved().map(|slot| part(&self.row, slot, scratch.place(Slot(slot), line)));
        plan.solve(all_data(&self.row, line, scratch), outputs, bytes(Sectors(span.piece.len)));
    }

    fn write(&self, scratch: &Scratch, plan: &mut Plan) {
        for slot in self.row.slots() {
            for Span { piece, .. } in self.spans.iter() {
                for target in self.all_wanting(slot, piece.line) {
                    let place = scratch.place(slot, piece.line);
                    plan.write(target, self.row.at(piece.line), Sectors(piece.len), place);
                }
            }
        }
    }
}
