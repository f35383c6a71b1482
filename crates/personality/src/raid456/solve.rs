//! The solve steps that intents share.

use super::row::{Piece, Row, Solution};
use super::scratch::Scratch;
use crate::plan::bytes;
use crate::{Part, Place, Plan};
use paritas_units::{Sectors, Slot};

/// Solves for data that could not be read. All data, and the parities that serve, are in scratch;
/// so are the results, at their slots' places.
pub(super) fn missing_data(
    row: &Row<'_>,
    piece: &Piece,
    by: Solution,
    scratch: &Scratch,
    plan: &mut Plan,
) {
    let unknown = piece.unknown();
    let known = (0..row.layout.data).filter(|index| !unknown.contains(index));
    let p = Some(row.stripe.p).filter(|_| by.p);
    let q = row.stripe.q.filter(|_| by.q);
    let part = |slot: u16| part(row, slot, scratch.place(Slot(slot), piece.line));
    let inputs = known.map(|index| row.stripe.slot(index)).chain(p).chain(q).map(part);
    let outputs = unknown.iter().map(|index| part(row.stripe.slot(*index)));
    plan.solve(inputs, outputs, bytes(Sectors(piece.len)));
}

/// All data of a row's `line`, which are in scratch.
pub(super) fn all_data<'a>(
    row: &'a Row<'_>,
    line: u64,
    scratch: &'a Scratch,
) -> impl Iterator<Item = Part> + 'a {
    (0..row.layout.data).map(move |index| {
        let slot = row.data_slot(index);
        part(row, slot.0, scratch.place(slot, line))
    })
}

/// The block of `slot`, whose bytes are at `place`.
pub(super) fn part(row: &Row<'_>, slot: u16, place: Place) -> Part {
    Part { place, term: row.stripe.term(slot) }
}
