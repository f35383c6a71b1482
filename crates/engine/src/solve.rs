//! Computes blocks from blocks, with the memory of a plan.
//!
//! The one thing to understand: the blocks are borrowed as loans for the length of the computation,
//! so that a block of the host's payload and one of scratch are the same to it, and a plan that
//! names overlapping memory is found out instead of computing nonsense.
//!
//! Deliberately absent: arithmetic (crate `parity`).

use paritas_disk::Loan;
use paritas_parity as parity;
use paritas_personality::{BufferId, Part, Place, Term};

/// The memory that the parts of a plan lie in.
pub(crate) trait Memory {
    /// Lends `bytes` bytes at `place`; `None` if there are none.
    fn lend(&mut self, place: Place, bytes: usize) -> Option<Loan>;

    /// Takes back what was lent of `buffer`.
    fn take_back(&mut self, buffer: BufferId, loan: Loan);
}

/// Computes the `unknown` blocks from the `known`, `bytes` bytes each. `false` if the plan asks
/// for memory that it does not have, or for what the equations do not give.
pub(crate) fn solve(
    known: &[Part],
    unknown: &[Part],
    bytes: u32,
    memory: &mut impl Memory,
) -> bool {
    let Ok(bytes) = usize::try_from(bytes) else { return false };
    let (mut inputs, mut outputs) = (borrow(known, bytes, memory), borrow(unknown, bytes, memory));
    let is_complete = inputs.len() == known.len() && outputs.len() == unknown.len();
    let is_solved = is_complete && compute(known, &inputs, unknown, &mut outputs);
    for (part, loan) in known.iter().zip(inputs.drain(..)) {
        memory.take_back(part.place.buffer, loan);
    }
    for (part, loan) in unknown.iter().zip(outputs.drain(..)) {
        memory.take_back(part.place.buffer, loan);
    }
    is_solved
}

/// Whether the parts, `bytes` bytes each, satisfy their stripe's equations. `None` if the plan asks
/// for memory that it does not have.
pub(crate) fn holds(parts: &[Part], bytes: u32, memory: &mut impl Memory) -> Option<bool> {
    let mut loans = borrow(parts, usize::try_from(bytes).ok()?, memory);
    let blocks: Vec<(parity::Term, &[u8])> =
        parts.iter().zip(&loans).map(|(part, loan)| (term(part.term), loan.bytes())).collect();
    let outcome = (loans.len() == parts.len()).then(|| parity::holds(&blocks));
    for (part, loan) in parts.iter().zip(loans.drain(..)) {
        memory.take_back(part.place.buffer, loan);
    }
    outcome
}

/// The loans of the parts, up to the first that is not there.
fn borrow(parts: &[Part], bytes: usize, memory: &mut impl Memory) -> Vec<Loan> {
    parts.iter().map_while(|part| memory.lend(part.place, bytes)).collect()
}

fn compute(known: &[Part], inputs: &[Loan], unknown: &[Part], outputs: &mut [Loan]) -> bool {
    let inputs: Vec<(parity::Term, &[u8])> =
        known.iter().zip(inputs).map(|(part, loan)| (term(part.term), loan.bytes())).collect();
    let mut outputs: Vec<(parity::Term, &mut [u8])> = unknown
        .iter()
        .zip(outputs)
        .map(|(part, loan)| (term(part.term), loan.bytes_mut()))
        .collect();
    parity::solve(&inputs, &mut outputs).is_ok()
}

const fn term(term: Term) -> parity::Term {
    match term {
        Term::Data(exponent) => parity::Term::Data(exponent),
        Term::P => parity::Term::P,
        Term::Q => parity::Term::Q,
    }
}
