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
    /// More blocks than `MOST_BLOCKS`.
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

// Each `…_up_to` is a frame of its own, so that the common one is small.
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
        match inputs.len() {
            0..=FEW_BLOCKS => self.solve_up_to::<FEW_BLOCKS>(inputs, outputs),
            _ => self.solve_up_to::<MOST_BLOCKS>(inputs, outputs),
        }
    }

    #[inline(never)]
    fn solve_up_to<const N: usize>(
        &self,
        inputs: &[(Term, &[u8])],
        outputs: &mut [(Term, &mut [u8])],
    ) -> Result<(), Unsolvable> {
        let mut given = Given::<N>::none(outputs.first().map_or(0, |(_, block)| block.len()));
        for (_, block) in outputs.iter() {
            given.agree_on(block.len())?;
        }
        given.take(inputs)?;
        let wanted = Wanted::from_terms(inputs, outputs, &given)?;
        let mut pointers = outputs.iter_mut().map(|(_, block)| block.as_mut_ptr());
        let mut pointers = [(); 2].map(|()| pointers.next().unwrap_or(null_mut()));
        if wanted.is_swapped {
            pointers.reverse();
        }
        // SAFETY: all blocks have the length of the job; outputs are exclusive borrows, so they
        // overlap nothing.
        unsafe { (self.solve)(&given.job(wanted.finish, pointers)) };
        Ok(())
    }

    /// [`first_difference`](crate::first_difference) with this kernel.
    #[must_use]
    pub fn first_difference(&self, parts: &[(Term, &[u8])]) -> Option<usize> {
        match parts.len() {
            0..=FEW_BLOCKS => self.first_difference_up_to::<FEW_BLOCKS>(parts),
            _ => self.first_difference_up_to::<MOST_BLOCKS>(parts),
        }
    }

    #[inline(never)]
    fn first_difference_up_to<const N: usize>(&self, parts: &[(Term, &[u8])]) -> Option<usize> {
        let mut given = Given::<N>::none(parts.first().map_or(0, |(_, block)| block.len()));
        if given.take(parts).is_err() {
            return Some(0);
        }
        let finish = match (given.p.is_null(), given.q.is_null()) {
            (false, false) => Finish::PAndQ,
            (false, true) => Finish::Xor,
            (true, false) => Finish::Q,
            (true, true) => return self.first_unequal(&given),
        };
        // SAFETY: all blocks have the length of the job; nothing is written.
        unsafe { (self.first_nonzero)(&given.job(finish, [null_mut(); 2])) }
    }

    /// Where copies first differ from one of them.
    fn first_unequal<const N: usize>(&self, copies: &Given<N>) -> Option<usize> {
        let (first, rest) = copies.sources[..copies.count].split_first()?;
        let differing = rest.iter().filter_map(|copy| {
            let mut pair = Given::<1>::none(copies.bytes);
            pair.push(0, first.block);
            pair.p = copy.block;
            // SAFETY: both blocks have the length of the job; nothing is written.
            unsafe { (self.first_nonzero)(&pair.job(Finish::Xor, [null_mut(); 2])) }
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
        match differences.len() {
            0..=FEW_BLOCKS => self.update_up_to::<FEW_BLOCKS>(differences, p, q),
            _ => self.update_up_to::<MOST_BLOCKS>(differences, p, q),
        }
    }

    #[inline(never)]
    fn update_up_to<const N: usize>(
        &self,
        differences: &[(u8, &[u8])],
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
    ) -> Result<(), Unsolvable> {
        check_count(differences.len())?;
        let Some(bytes) = p.as_ref().or(q.as_ref()).map(|parity| parity.len()) else {
            return Ok(());
        };
        let mut given = Given::<N>::none(bytes);
        for (exponent, block) in differences.iter().rev() {
            given.agree_on(block.len())?;
            given.push(*exponent, block.as_ptr());
        }
        given.agree_on(q.as_ref().map_or(bytes, |block| block.len()))?;
        let [p, q] = [p, q].map(|block| block.map_or(null_mut(), <[u8]>::as_mut_ptr));
        (given.p, given.q) = (p, q);
        let (finish, outputs) = match (p.is_null(), q.is_null()) {
            (false, false) => (Finish::PAndQ, [p, q]),
            (false, true) => (Finish::Xor, [p, null_mut()]),
            (true, _) => (Finish::Q, [q, null_mut()]),
        };
        // SAFETY: all blocks have the length of the job; outputs are exclusive borrows, and the
        // same memory as the inputs P and Q exactly.
        unsafe { (self.solve)(&given.job(finish, outputs)) };
        Ok(())
    }
}

/// The blocks that are summed up: at most `N` data blocks, P, Q. Stands on the stack.
struct Given<const N: usize> {
    /// Until a job is made of it, `doublings` holds the exponent itself.
    sources: [Source; N],
    count: usize,
    p: *const u8,
    q: *const u8,
    bytes: usize,
}

impl<const N: usize> Given<N> {
    #[inline(always)]
    fn none(bytes: usize) -> Self {
        let nothing = Source { block: null(), doublings: 0, run: 0 };
        Self { sources: [nothing; N], count: 0, p: null(), q: null(), bytes }
    }

    #[inline(always)]
    fn take(&mut self, blocks: &[(Term, &[u8])]) -> Result<(), Unsolvable> {
        check_count(blocks.len())?;
        // Callers list blocks in ascending order as a rule: from behind, each is in place at once.
        for (term, block) in blocks.iter().rev() {
            self.agree_on(block.len())?;
            match term {
                Term::Data(exponent) => self.push(*exponent, block.as_ptr()),
                Term::P => self.p = block.as_ptr(),
                Term::Q => self.q = block.as_ptr(),
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn agree_on(&self, found: usize) -> Result<(), Unsolvable> {
        let expected = self.bytes;
        if expected == found { Ok(()) } else { Err(Unsolvable::Lengths { expected, found }) }
    }

    /// Enters a data block, so that exponents descend.
    #[inline(always)]
    fn push(&mut self, exponent: u8, block: *const u8) {
        let exponent = u32::from(exponent);
        let mut place = self.count;
        while place > 0 && self.sources[place - 1].doublings < exponent {
            self.sources[place] = self.sources[place - 1];
            place -= 1;
        }
        self.sources[place] = Source { block, doublings: exponent, run: 0 };
        self.count += 1;
    }

    /// The job, once.
    #[inline(always)]
    fn job(&mut self, finish: Finish, outputs: [*mut u8; 2]) -> Job<'_> {
        let Self { p, q, bytes, .. } = *self;
        let sources = &mut self.sources[..self.count];
        let exponent = sources.last().map_or(0, |source| source.doublings);
        let last_exponent = u8::try_from(exponent).unwrap_or(0);
        let mut run = 0;
        for place in (0..sources.len()).rev() {
            let before = if place == 0 { 0 } else { sources[place - 1].doublings };
            let source = &mut sources[place];
            source.doublings = before.wrapping_sub(source.doublings);
            source.run = run;
            run = if source.doublings == 1 { run + 1 } else { 0 };
        }
        Job { sources, last_exponent, p, q, bytes, finish, outputs }
    }
}

fn check_count(blocks: usize) -> Result<(), Unsolvable> {
    if blocks <= MOST_BLOCKS { Ok(()) } else { Err(Unsolvable::TooMany { blocks }) }
}

/// How the outputs follow from the inputs.
struct Wanted {
    finish: Finish,
    /// Whether the second output of the caller is the first of the finish.
    is_swapped: bool,
}

impl Wanted {
    fn from_terms<const N: usize>(
        inputs: &[(Term, &[u8])],
        outputs: &[(Term, &mut [u8])],
        given: &Given<N>,
    ) -> Result<Self, Unsolvable> {
        use Term::{Data, P, Q};
        let (has_p, has_q) = (!given.p.is_null(), !given.q.is_null());
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
