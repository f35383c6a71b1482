//! Measures a kernel: gigabytes of data per second of a thread's CPU time.
//!
//! Reads no clock: the caller passes one in. Blocks lie in one allocation, each a whole number of
//! pages and a few cache lines after the one before, so that they do not compete for the same
//! lines of a cache; they are used again and again, so that small sets stay in it.

use crate::{Kernel, Term, Unsolvable};
use std::hint::black_box;
use std::time::Duration;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// P from all data blocks.
    Xor,
    /// P and Q from all data blocks.
    Pq,
    /// Two data blocks from the others, P and Q.
    Recover2,
    /// Whether P and Q are right.
    Check,
}

impl Operation {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Xor, Self::Pq, Self::Recover2, Self::Check];

    /// Its word on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xor => "xor",
            Self::Pq => "pq",
            Self::Recover2 => "recover2",
            Self::Check => "check",
        }
    }
}

impl std::str::FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(word: &str) -> Result<Self, UnknownOperation> {
        let found = Self::ALL.into_iter().find(|operation| operation.name() == word);
        found.ok_or_else(|| UnknownOperation(word.to_owned()))
    }
}

/// A word that names no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownOperation(pub String);

impl std::fmt::Display for UnknownOperation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} is none of xor, pq, recover2, check", self.0)
    }
}

impl std::error::Error for UnknownOperation {}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchResult {
    /// What was measured.
    pub operation: Operation,
    /// Data blocks, without P and Q.
    pub data: usize,
    /// Bytes of a block.
    pub block: usize,
    /// The kernel's name.
    pub kernel: &'static str,
    /// 10^9 bytes of data blocks (lost ones too) per second of CPU time.
    pub gb_per_s: f64,
}

/// Bytes between the end of one block's pages and the beginning of the next.
const STAGGER: usize = 7 * 256;
const PAGE: usize = 4096;

/// Blocks as [`solve`](crate::solve) reads them.
pub type Inputs<'a> = Vec<(Term, &'a [u8])>;
/// Blocks as [`solve`](crate::solve) writes them.
pub type Outputs<'a> = Vec<(Term, &'a mut [u8])>;

/// The blocks of a stripe: data with exponents 0, 1, …, then P and Q.
pub struct Stripe {
    memory: Vec<u8>,
    starts: Vec<usize>,
    block: usize,
}

impl Stripe {
    /// A stripe of `data` blocks of `block` bytes with their right P and Q; `stagger` bytes lie
    /// between the pages of two blocks.
    ///
    /// # Errors
    /// [`Unsolvable`] as from [`solve`](crate::solve).
    ///
    /// # Panics
    /// If it does not fit into memory.
    pub fn new(data: usize, block: usize, stagger: usize) -> Result<Self, Unsolvable> {
        let pitch = block.next_multiple_of(PAGE) + stagger;
        let memory = vec![0; pitch * (data + 2) + PAGE];
        let first = memory.as_ptr().align_offset(PAGE);
        let starts = (0..data + 2).map(|number| first + number * pitch).collect();
        let mut stripe = Self { memory, starts, block };
        let mut state: u32 = 1;
        for byte in &mut stripe.memory {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = state.to_be_bytes()[0];
        }
        let (inputs, mut outputs) = stripe.parts(&[data, data + 1]);
        crate::solve(&inputs, &mut outputs)?;
        Ok(stripe)
    }

    /// All blocks: those whose numbers are in `outputs` (ascending) to be written, and the others.
    pub fn parts(&mut self, outputs: &[usize]) -> (Inputs<'_>, Outputs<'_>) {
        let data = self.starts.len() - 2;
        let term = |number| match number {
            number if number == data => Term::P,
            number if number == data + 1 => Term::Q,
            number => Term::Data(u8::try_from(number % 255).unwrap_or(0)),
        };
        let (mut inputs, mut wanted) = (Vec::new(), Vec::new());
        let (mut rest, mut passed) = (self.memory.as_mut_slice(), 0);
        for (number, start) in self.starts.iter().enumerate() {
            let (_, from_here) = rest.split_at_mut(start - passed);
            let (block, after) = from_here.split_at_mut(self.block);
            (rest, passed) = (after, start + self.block);
            if outputs.contains(&number) {
                wanted.push((term(number), block));
            } else {
                inputs.push((term(number), &*block));
            }
        }
        (inputs, wanted)
    }
}

/// Runs `operation` over and over until about `seconds` of `now`'s time have passed.
///
/// `now` tells the CPU time of the calling thread; `data` (at least 2 for
/// [`Operation::Recover2`]) and `block` are the numbers of data blocks and of their bytes.
///
/// # Errors
/// [`Unsolvable`] if no stripe of that many blocks can be computed.
pub fn bench(
    operation: Operation,
    data: usize,
    block: usize,
    seconds: Duration,
    kernel: &'static Kernel,
    now: &dyn Fn() -> Duration,
) -> Result<BenchResult, Unsolvable> {
    let mut stripe = Stripe::new(data, block, STAGGER)?;
    let lost: &[usize] = match operation {
        Operation::Xor => &[data],
        Operation::Pq => &[data, data + 1],
        Operation::Recover2 => &[0, 1],
        Operation::Check => &[],
    };
    let (mut inputs, mut outputs) = stripe.parts(lost);
    if operation == Operation::Xor {
        inputs.retain(|(term, _)| *term != Term::Q);
    }
    let mut once = || match operation {
        Operation::Check => {
            black_box(kernel.first_difference(black_box(&inputs)));
            Ok(())
        }
        _ => kernel.solve(black_box(&inputs), black_box(&mut outputs)),
    };
    // About 4 MiB of data between two looks at the clock.
    let batch = ((4 << 20) / (data * block).max(1)).clamp(1, 4096);
    let (mut rounds, mut elapsed) = (0u64, Duration::ZERO);
    once()?;
    let start = now();
    while elapsed < seconds || rounds == 0 {
        for _ in 0..batch {
            once()?;
        }
        rounds += batch as u64;
        elapsed = now().saturating_sub(start);
    }
    let bytes = rounds as f64 * data as f64 * block as f64;
    let gb_per_s = bytes / elapsed.as_secs_f64().max(1e-9) / 1e9;
    Ok(BenchResult { operation, data, block, kernel: kernel.name(), gb_per_s })
}
