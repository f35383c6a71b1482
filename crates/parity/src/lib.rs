//! XOR and P+Q arithmetic, with a kernel per instruction set.
//!
//! The one thing to understand: every job is the same fold. A column of all blocks is summed into
//! two *syndromes*, S_p = Σ D (+ P) and S_q = Σ g^e · D (+ Q), held in registers; a *finish* makes
//! the one or two wanted blocks out of them. Multiplying happens in the finish only, so recovering
//! two data blocks costs about what computing P and Q costs. The algorithm stands once, over the
//! trait `vector::Vector`; a file per instruction set fills the trait in.
//!
//! Layers: `field` (GF(2^8)), `equations` (which finish solves which blocks; safe), `kernel` (which
//! instruction set), `generic` (the fold), `arch` (intrinsics). [`mod@reference`] is the slow and
//! obvious judge of them all.
//!
//! Deliberately absent: layouts (callers name each block's exponent), buffers, threads, clocks.

#![expect(unsafe_code, reason = "SIMD intrinsics and raw columns; each use has a SAFETY comment")]

mod arch;
pub mod bench;
mod equations;
pub mod field;
mod generic;
mod kernel;
pub mod reference;
mod vector;

pub use equations::{Term, Unsolvable, first_difference, holds, solve, update};
pub use kernel::{KERNELS, Kernel, NoSuchKernel};
