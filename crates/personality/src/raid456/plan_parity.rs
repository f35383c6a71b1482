//! Resync, check and repair with parity.
//!
//! The one thing to understand: data are trusted and parity follows them; a wrong data block is
//! never looked for. Data that cannot be read are solved for by P, or by Q without P, and what
//! parity is then left is compared or written; where none is left there is nothing to be done.

use super::layout::ParityLayout;
use super::row::{Piece, Row, Solution};
use super::scratch::Scratch;
use super::solve::{all_data, missing_data, part};
use super::spans::Spans;
use crate::plan::bytes;
use crate::{Plan, Unservable, View};
use paritas_units::{SectorRange, Sectors, Slot};

/// Sectors of a member that count as one when parity is compared, aligned to their number.
#[doc(alias = "STRIPE_SECTORS")]
const UNIT: u64 = 8;

/// What is done about parity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    /// Old parity is compared.
    compares: bool,
    /// New parity is written.
    writes: bool,
}

pub(super) const RESYNC: Deed = Deed { compares: false, writes: true };
pub(super) const CHECK: Deed = Deed { compares: true, writes: false };
pub(super) const REPAIR: Deed = Deed { compares: true, writes: true };

/// Lines, and how their data become known.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    piece: Piece,
    by: Solution,
    /// By parity, P first: whether old parity is compared.
    compares: [bool; 2],
    /// By parity: whether new parity is written.
    writes: [bool; 2],
}

/// Parity work on lines of one row.
struct Work<'a> {
    row: Row<'a>,
    view: &'a View<'a>,
    spans: Spans<Span>,
}

/// Writes the plan of a resync, check or repair of component sectors in one row of chunks.
pub(super) fn plan_parity(
    layout: &ParityLayout,
    deed: Deed,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    let work = Work::new(layout, deed, range, view)?;
    let slots = layout.dimensions.slots;
    let pieces = work.spans.iter().map(|span| &span.piece);
    let mut scratch = Scratch::new(pieces, u64::MAX, slots + 2, plan);
    work.read(&mut scratch, plan);
    plan.fence();
    for span in work.spans.iter().filter(|span| span.piece.lost > 0) {
        missing_data(&work.row, &span.piece, span.by, &scratch, plan);
    }
    plan.fence();
    for span in work.spans.iter() {
        work.compare(span, &scratch, plan);
    }
    for span in work.spans.iter() {
        work.solve(span, &mut scratch, plan);
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
        deed: Deed,
        range: SectorRange,
        view: &'a View<'a>,
    ) -> Result<Self, Unservable> {
        let (row, mut line) = (range.start.0 / layout.chunk(), range.start.0 % layout.chunk());
        let row = Row::new(layout, row);
        let end = line + range.len.0;
        debug_assert!(end <= layout.chunk(), "the range lies in one row");
        let mut spans = Spans::default();
        while line < end {
            let piece = row.piece(line, end - line, view);
            let by = piece.solution().ok_or_else(|| row.lost(&piece, view))?;
            let free = [!by.p, row.stripe.q.is_some() && !by.q];
            let has = [piece.has_p, piece.has_q];
            let slots = [Some(row.stripe.p), row.stripe.q];
            let takes = slots.map(|slot| slot.is_some_and(|slot| row.takes_writes(slot, view)));
            let both = |one: [bool; 2], other: [bool; 2], asked: bool| {
                [0, 1].map(|parity: usize| asked && one[parity] && other[parity])
            };
            let compares = both(free, has, deed.compares);
            let writes = both(free, takes, deed.writes);
            if (compares, writes) != ([false; 2], [false; 2]) {
                spans.push(Span { piece, by, compares, writes });
            }
            line += piece.len;
        }
        Ok(Self { row, view, spans })
    }

    /// Reads data and what parity is needed, slot by slot, so that steps can merge.
    fn read(&self, scratch: &mut Scratch, plan: &mut Plan) {
        let row = &self.row;
        let mut read = |slot: Slot, reads: &dyn Fn(&Span) -> bool| {
            for span in self.spans.iter().filter(|span| reads(span)) {
                let place = scratch.claim(slot, span.piece.line, plan);
                row.read(slot, &span.piece, self.view, place, plan);
            }
        };
        for index in 0..row.layout.data {
            read(row.data_slot(index), &|_| true);
        }
        read(Slot(row.stripe.p), &|span| span.by.p || span.compares[0]);
        if let Some(q) = row.stripe.q {
            read(Slot(q), &|span| span.by.q || span.compares[1]);
        }
    }

    /// Compares old parity with data, unit by unit.
    fn compare(&self, span: &Span, scratch: &Scratch, plan: &mut Plan) {
        let (mut line, end) = (span.piece.line, span.piece.line + span.piece.len);
        while span.compares != [false; 2] && line < end {
            let len = (UNIT - line % UNIT).min(end - line);
            let old = self
                .parities(span.compares)
                .map(|(_, slot)| part(&self.row, slot.0, scratch.place(slot, line)));
            let parts = all_data(&self.row, line, scratch).chain(old);
            plan.compare(parts, bytes(Sectors(len)));
            line += len;
        }
    }

    /// Solves for new parity.
    fn solve(&self, span: &Span, scratch: &mut Scratch, plan: &mut Plan) {
        if span.writes == [false; 2] {
            return;
        }
        let line = span.piece.line;
        for (number, _) in self.parities(span.writes) {
            scratch.claim(self.row.fresh(number), line, plan);
        }
        let scratch = &*scratch;
        let new = self.parities(span.writes).map(|(number, slot)| {
            part(&self.row, slot.0, scratch.place(self.row.fresh(number), line))
        });
        plan.solve(all_data(&self.row, line, scratch), new, bytes(Sectors(span.piece.len)));
    }

    fn write(&self, scratch: &Scratch, plan: &mut Plan) {
        for (number, slot) in self.parities([true; 2]) {
            for target in self.row.targets(slot, self.view) {
                let spans = self.spans.iter().filter(|span| span.writes[usize::from(number)]);
                for Span { piece, .. } in spans {
                    let place = scratch.place(self.row.fresh(number), piece.line);
                    plan.write(target, self.row.at(piece.line), Sectors(piece.len), place);
                }
            }
        }
    }

    /// Those of the row's parities that are `chosen`: number and slot.
    fn parities(&self, chosen: [bool; 2]) -> impl Iterator<Item = (u16, Slot)> + use<> {
        let [p, q] = [Some(self.row.stripe.p), self.row.stripe.q];
        let p = p.filter(|_| chosen[0]).map(|slot| (0, Slot(slot)));
        let q = q.filter(|_| chosen[1]).map(|slot| (1, Slot(slot)));
        p.into_iter().chain(q)
    }
}
