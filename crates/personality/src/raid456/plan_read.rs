//! Reading with parity: what can be read is read, what cannot is solved for.
//!
//! The one thing to understand: direct reads go chunk by chunk, but losses go *row by row*. The
//! wanted lines are cut where the set of wanted chunks or any slot's answer changes, so that each
//! piece has one equation, and one answer to "is this block on its way into the host's buffer
//! anyway". Blocks that are not come into scratch.
//!
//! A plan has at most three phases: reads, solves, the acknowledgement.

use super::arrangement::Block;
use super::layout::ParityLayout;
use super::request::Request;
use super::row::{Piece, Solution};
use super::scratch::Scratch;
use crate::plan::bytes;
use crate::{Part, Plan, Target, Unservable, View};
use paritas_units::{SectorRange, Sectors, Slot};

/// Writes the plan of a read within one row of chunks.
pub(super) fn plan_read(
    layout: &ParityLayout,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    if range.is_empty() {
        plan.finish();
        return Ok(());
    }
    let request = Request::new(layout, range);
    if read_directly(&request, view, plan) {
        let losses = losses(&request, view).inspect_err(|_| plan.clear())?;
        let scratch = read_others(&request, &losses, view, plan);
        plan.fence();
        for loss in &losses {
            solve(&request, loss, &scratch, plan);
        }
        scratch.end(plan);
    }
    plan.finish();
    Ok(())
}

/// Lines in which wanted data cannot be read, and the parities that give them.
#[derive(Clone, Copy)]
struct Loss {
    piece: Piece,
    by: Solution,
}

/// Reads what can be read where it is; says whether something could not.
fn read_directly(request: &Request<'_>, view: &View<'_>, plan: &mut Plan) -> bool {
    let (first, last) = request.chunks();
    let mut is_degraded = false;
    for index in first..=last {
        let slot = request.row.data_slot(index);
        let seats = view.slot(slot);
        let (mut line, end) = request.lines(index);
        while line < end {
            let (at, want) = (request.row.at(line), Sectors(end - line));
            if let Some((seat, good)) = seats.readable(at, want) {
                plan.read(Target { slot, seat }, at, good, request.host(index, line));
                line += good.0;
            } else {
                is_degraded = true;
                line += seats.uniform(at, want).0;
            }
        }
    }
    is_degraded
}

/// Every piece of wanted lines that must be solved for, in rising order.
fn losses(request: &Request<'_>, view: &View<'_>) -> Result<Vec<Loss>, Unservable> {
    let mut losses = Vec::new();
    for (mut line, end) in request.segments() {
        while line < end {
            let mut is_lost = false;
            let mut len = Sectors(end - line);
            for index in request.wanted(line) {
                let seats = view.slot(request.row.data_slot(index));
                is_lost |= seats.readable(request.row.at(line), Sectors(1)).is_none();
                len = seats.uniform(request.row.at(line), len);
            }
            if is_lost {
                let piece = request.row.piece(line, len.0, view);
                let by = piece.solution().ok_or_else(|| request.lost(&piece, view))?;
                losses.push(Loss { piece, by });
                len = Sectors(piece.len);
            }
            line += len.0;
        }
    }
    Ok(losses)
}

/// Reads into scratch what the equations need and the host does not get, slot by slot, so that
/// steps can merge.
fn read_others(
    request: &Request<'_>,
    losses: &[Loss],
    view: &View<'_>,
    plan: &mut Plan,
) -> Scratch {
    let slots = request.row.layout.dimensions.slots;
    let pieces = losses.iter().map(|loss| &loss.piece);
    let mut scratch = Scratch::new(pieces, request.split(), slots, plan);
    for slot in request.row.slots() {
        for Loss { piece, by } in losses {
            let (is_input, is_unknown) = match request.row.stripe.block(slot.0) {
                Block::Data(index) if request.wants(index, piece.line) => (false, false),
                Block::Data(index) if piece.unknown().contains(&index) => (false, true),
                Block::Data(_) => (true, false),
                Block::P => (by.p, false),
                Block::Q => (by.q, false),
            };
            if is_input || is_unknown {
                let place = scratch.claim(slot, piece.line, plan);
                if is_input {
                    request.row.read(slot, piece, view, place, plan);
                }
            }
        }
    }
    scratch
}

fn solve(request: &Request<'_>, loss: &Loss, scratch: &Scratch, plan: &mut Plan) {
    let Loss { piece, by } = loss;
    let stripe = &request.row.stripe;
    let part = |index: u16| {
        let slot = stripe.slot(index);
        let place = if request.wants(index, piece.line) {
            request.host(index, piece.line)
        } else {
            scratch.place(Slot(slot), piece.line)
        };
        Part { place, term: stripe.term(slot) }
    };
    let parity =
        |slot: u16| Part { place: scratch.place(Slot(slot), piece.line), term: stripe.term(slot) };
    let known = (0..request.row.layout.data).filter(|index| !piece.unknown().contains(index));
    let p = by.p.then(|| parity(stripe.p));
    let q = stripe.q.filter(|_| by.q).map(parity);
    let inputs = known.map(part).chain(p).chain(q);
    let outputs = piece.unknown().iter().map(|index| part(*index));
    plan.solve(inputs, outputs, bytes(Sectors(piece.len)));
}
