//! The equations of a stripe, P = Σ D and Q = Σ g^e · D, and who can be solved from whom.
//!
//! The one thing to understand: callers say what each block *is* (a [`Term`]), never in which
//! place of a list it stands. The safe side of the crate: lengths are checked here, pointers are
//! made here.

use crate::field;
use crate::generic::{Finish, Job, Source, two_data};
use crate::kernel::Kernel;
use std::ptr::{null, null_mut};

/// What a block is in its stripe's equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// A data block, with its exponent in the equation of Q. Exponents are distinct among the
    /// blocks of a stripe, in any order, with gaps or without. (255 means the same as 0.)
    Data(u8),
    /// The first parity.
    P,
    /// The second parity.
    Q,
}

/// Why blocks cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsolvable {
    /// The wanted blocks do not follow from those that are given.
    Underdetermined {
        /// What was wanted.
        wanted: Vec<Term>,
        /// What was given.
        given: Vec<Term>,
    },
    /// Blocks of different lengths.
    Lengths {
        /// The first block's, in bytes.
        expected: usize,
        /// The first other one, in bytes.
        found: usize,
    },
    /// More blocks than [`MOST_BLOCKS`].
    TooMany {
        /// How many were given.
        blocks: usize,
    },
}

/// The most inputs that one call takes: more than md lets an array have slots.
const MOST_BLOCKS: usize = 2048;

/// As many blocks as most arrays have; their list is cheap to set up.
const FEW_BLOCKS: usize = 32;

/// Computes the unknown `outputs` from the `inputs`, which are all other blocks that matter.
///
/// - P, Q, or both, from all data blocks;
/// - one data block from the other ones and P (or Q, if P is not among the inputs);
/// - a data block and P, or a data block and Q, or two data blocks, from all the rest;
/// - one input alone, where no Q takes part, is copied.
///
/// A parity that is an input *and* an output is updated: pass the old content of changed data
/// blocks and their new content, both with the block's exponent.
///
/// # Errors
/// [`Unsolvable`]; then no output has been touched.
pub fn solve(
    inputs: &[(Term, &[u8])],
    outputs: &mut [(Term, &mut [u8])],
) -> Result<(), Unsolvable> {
    Kernel::chosen().solve(inputs, outputs)
}

/// Whether `parts`, the blocks of one stripe, satisfy its equations: that of P if P is there, and
/// that of Q if Q is there. Without either the parts are copies, and must all be equal. Parts of
/// different lengths satisfy nothing.
#[must_use]
pub fn holds(parts: &[(Term, &[u8])]) -> bool {
    first_difference(parts).is_none()
}

/// The first byte position at which `parts` do not satisfy the equations, as [`holds`] has it.
#[must_use]
pub fn first_difference(parts: &[(Term, &[u8])]) -> Option<usize> {
    Kernel::chosen().first_difference(parts)
}

/// Updates parity in place for changed data: P ^= Σ d, Q ^= Σ g^e · d, for differences `d` with
/// their exponents. A block's old and its new content, both listed, serve as its difference.
///
/// # Errors
/// [`Unsolvable::Lengths`] or [`Unsolvable::TooMany`]; then nothing has been touched.
pub fn update(
    differences: &[(u8, &[u8])],
    p: Option<&mut [u8]>,
    q: Option<&mut [u8]>,
) -> Result<(), Unsolvable> {
    Kernel::chosen().update(differences, p, q)
}

impl Kernel {
    /// [`solve`](crate::solve) with this kernel.
    ///
    /// # Errors
    /// As there.
    pub fn solve(
        &self,
        inputs: &[(Term, &[u8])],
        outputs: &mut [(Term, &mut [u8])],
    ) -> Result<(), Unsolvable> {
        let lengths = outputs.iter().map(|(_, block)| block.len());
        let bytes = common_length(lengths.chain(inputs.iter().map(|(_, block)| block.len())))?;
        let wanted = Wanted::from_terms(inputs, outputs)?;
        let block = |term| find(inputs, term).map_or(null(), |block| block.as_ptr());
        let mut pointers = [null_mut(); 2];
        // Data first: that is the order in which a finish makes them.
        let order = if wanted.is_swapped { [1, 0] } else { [0, 1] };
        for (pointer, number) in pointers.iter_mut().zip(order) {
            if let Some((_, output)) = outputs.get_mut(number) {
                *pointer = output.as_mut_ptr();
            }
        }
        let sums = Sums {
            p: block(Term::P),
            q: block(Term::Q),
            bytes,
            finish: wanted.finish,
            outputs: pointers,
        };
        let data = data_of(inputs);
        // SAFETY: all blocks have `bytes` bytes; outputs are exclusive borrows, so they overlap
        // nothing.
        with_sources(data, |sources, last| unsafe { (self.solve)(&sums.job(sources, last)) })
    }

    /// [`first_difference`](crate::first_difference) with this kernel.
    #[must_use]
    pub fn first_difference(&self, parts: &[(Term, &[u8])]) -> Option<usize> {
        let Ok(bytes) = common_length(parts.iter().map(|(_, block)| block.len())) else {
            return Some(0);
        };
        let (p, q) = (find(parts, Term::P), find(parts, Term::Q));
        let finish = match (p, q) {
            (Some(_), Some(_)) => Finish::PAndQ,
            (Some(_), None) => Finish::Xor,
            (None, Some(_)) => Finish::Q,
            (None, None) => return self.first_unequal(parts, bytes),
        };
        let pointer = |block: Option<&[u8]>| block.map_or(null(), <[u8]>::as_ptr);
        let (p, q) = (pointer(p), pointer(q));
        let sums = Sums { p, q, bytes, finish, outputs: [null_mut(); 2] };
        let data = data_of(parts);
        // SAFETY: all blocks have `bytes` bytes; nothing is written.
        with_sources(data, |sources, last| unsafe {
            (self.first_nonzero)(&sums.job(sources, last))
        })
        .unwrap_or(Some(0))
    }

    /// Where copies first differ from the first of them.
    fn first_unequal(&self, copies: &[(Term, &[u8])], bytes: usize) -> Option<usize> {
        let ((_, first), rest) = copies.split_first()?;
        let differing = rest.iter().filter_map(|(_, copy)| {
            let sums = Sums {
                p: copy.as_ptr(),
                q: null(),
                bytes,
                finish: Finish::Xor,
                outputs: [null_mut(); 2],
            };
            let source = [Source { block: first.as_ptr(), doublings: 0 }];
            // SAFETY: both blocks have `bytes` bytes; nothing is written.
            unsafe { (self.first_nonzero)(&sums.job(&source, 0)) }
        });
        differing.min()
    }

    /// [`update`](crate::update) with this kernel.
    ///
    /// # Errors
    /// As there.
    pub fn update(
        &self,
        differences: &[(u8, &[u8])],
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
    ) -> Result<(), Unsolvable> {
        let parities = p.iter().chain(q.iter()).map(|block| block.len());
        let blocks = differences.iter().map(|(_, block)| block.len());
        let bytes = common_length(parities.chain(blocks))?;
        let [p, q] = [p, q].map(|block| block.map_or(null_mut(), <[u8]>::as_mut_ptr));
        let (finish, outputs) = match (p.is_null(), q.is_null()) {
            (false, false) => (Finish::PAndQ, [p, q]),
            (false, true) => (Finish::Xor, [p, null_mut()]),
            (true, false) => (Finish::Q, [q, null_mut()]),
            (true, true) => return Ok(()),
        };
        let sums = Sums { p, q, bytes, finish, outputs };
        let data = differences.iter().map(|(exponent, block)| (*exponent, block.as_ptr()));
        // SAFETY: all blocks have `bytes` bytes; outputs are exclusive borrows, and the same
        // memory as the inputs P and Q exactly.
        with_sources(data, |sources, last| unsafe { (self.solve)(&sums.job(sources, last)) })
    }
}

/// A job but for its sources.
struct Sums {
    p: *const u8,
    q: *const u8,
    bytes: usize,
    finish: Finish,
    outputs: [*mut u8; 2],
}

impl Sums {
    fn job<'a>(&self, sources: &'a [Source], last_exponent: u8) -> Job<'a> {
        let Self { p, q, bytes, finish, outputs } = *self;
        Job { sources, last_exponent, p, q, bytes, finish, outputs }
    }
}

/// How the outputs follow from the inputs.
struct Wanted {
    finish: Finish,
    /// Whether the second output of the caller is the first of the finish.
    is_swapped: bool,
}

impl Wanted {
    fn from_terms(
        inputs: &[(Term, &[u8])],
        outputs: &[(Term, &mut [u8])],
    ) -> Result<Self, Unsolvable> {
        use Term::{Data, P, Q};
        let (has_p, has_q) = (find(inputs, P).is_some(), find(inputs, Q).is_some());
        let is_input = |(wanted, _): &(Term, _)| inputs.iter().any(|(given, _)| given == wanted);
        let wants_data = outputs.iter().any(|(term, _)| matches!(term, Data(_)));
        let mut is_swapped = false;
        let finish = match outputs {
            [(Data(_), _)] if matches!(inputs, [(Data(_) | P, _)]) => Some(Finish::Xor),
            // What is lost cannot be given; only a parity can be updated.
            _ if wants_data && outputs.iter().any(is_input) => None,
            [(P, _)] => Some(Finish::Xor),
            [(Q, _)] => Some(Finish::Q),
            [(Data(_), _)] if has_p => Some(Finish::Xor),
            [(Data(x), _)] if has_q => by(*x).map(|by| Finish::DataByQ { by }),
            [(first, _), (second, _)] => {
                is_swapped = matches!((first, second), (P, Data(_)) | (Q, Data(_) | P));
                let pair = if is_swapped { (*second, *first) } else { (*first, *second) };
                match pair {
                    (P, Q) => Some(Finish::PAndQ),
                    (Data(x), P) if has_q => by(x).map(|by| Finish::DataAndP { by }),
                    (Data(x), Q) if has_p => Some(Finish::DataAndQ { by: field::power(x) }),
                    (Data(x), Data(y)) if has_p && has_q => two_data(x, y),
                    _ => None,
                }
            }
            _ => None,
        };
        finish.map(|finish| Self { finish, is_swapped }).ok_or_else(|| {
            Unsolvable::Underdetermined {
                wanted: outputs.iter().map(|(term, _)| *term).collect(),
                given: inputs.iter().map(|(term, _)| *term).collect(),
            }
        })
    }
}

/// The factor that undoes g^x.
fn by(x: u8) -> Option<u8> {
    field::inverse(field::power(x))
}

fn find<'a>(blocks: &[(Term, &'a [u8])], wanted: Term) -> Option<&'a [u8]> {
    blocks.iter().find(|(term, _)| *term == wanted).map(|(_, block)| *block)
}

/// The data blocks with their exponents.
fn data_of(blocks: &[(Term, &[u8])]) -> impl DoubleEndedIterator<Item = (u8, *const u8)> + Clone {
    blocks.iter().filter_map(|(term, block)| match term {
        Term::Data(exponent) => Some((*exponent, block.as_ptr())),
        Term::P | Term::Q => None,
    })
}

fn common_length(mut lengths: impl Iterator<Item = usize>) -> Result<usize, Unsolvable> {
    let expected = lengths.next().unwrap_or(0);
    match lengths.find(|found| *found != expected) {
        Some(found) => Err(Unsolvable::Lengths { expected, found }),
        None => Ok(expected),
    }
}

/// Calls `then` with `data` as the fold wants it: highest exponent first, each with its distance;
/// and with the last exponent. The list stands on the stack.
fn with_sources<R>(
    data: impl DoubleEndedIterator<Item = (u8, *const u8)> + Clone,
    then: impl FnOnce(&[Source], u8) -> R,
) -> Result<R, Unsolvable> {
    match data.clone().count() {
        0..=FEW_BLOCKS => Ok(sorted::<FEW_BLOCKS, R>(data, then)),
        blocks if blocks <= MOST_BLOCKS => Ok(sorted::<MOST_BLOCKS, R>(data, then)),
        blocks => Err(Unsolvable::TooMany { blocks }),
    }
}

fn sorted<const N: usize, R>(
    data: impl DoubleEndedIterator<Item = (u8, *const u8)>,
    then: impl FnOnce(&[Source], u8) -> R,
) -> R {
    let mut list = [Source { block: null(), doublings: 0 }; N];
    let mut count = 0;
    // Callers list blocks in ascending order as a rule: from behind, each is in its place at once.
    for ((exponent, block), place) in data.rev().zip(0..N) {
        let mut place = place;
        // Until the list is complete, `doublings` holds the exponent itself.
        while place > 0 && list[place - 1].doublings < exponent {
            list[place] = list[place - 1];
            place -= 1;
        }
        list[place] = Source { block, doublings: exponent };
        count += 1;
    }
    let sources = &mut list[..count];
    let last_exponent = sources.last().map_or(0, |source| source.doublings);
    let mut before = 0;
    for source in sources.iter_mut() {
        let exponent = source.doublings;
        source.doublings = u8::wrapping_sub(before, exponent);
        before = exponent;
    }
    then(sources, last_exponent)
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(exponent) => write!(f, "D{exponent}"),
            Self::P => f.write_str("P"),
            Self::Q => f.write_str("Q"),
        }
    }
}

impl std::fmt::Display for Unsolvable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words =
            |terms: &[Term]| terms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        match self {
            Self::Underdetermined { wanted, given } => {
                write!(f, "{} does not follow from {}", words(wanted), words(given))
            }
            Self::Lengths { expected, found } => {
                write!(f, "blocks of {expected} and of {found} bytes are of no one stripe")
            }
            Self::TooMany { blocks } => {
                write!(f, "{blocks} blocks in one stripe; at most {MOST_BLOCKS} are possible")
            }
        }
    }
}

impl std::error::Error for Unsolvable {}
