//! The fold over columns, once for every instruction set.
//!
//! For blocks of 16-byte vectors and three data blocks with exponents 2, 1, 0:
//!
//! ```text
//! for each column:
//!     p = q = D2[column]
//!     p ^= D1[column];  q = 2·q ^ D1[column]
//!     p ^= D0[column];  q = 2·q ^ D0[column]
//!     store finish(p, q)
//! ```
//!
//! What the code adds to that:
//! 1. A column is four vectors wide, so that four independent chains keep the units busy; what is
//!    left is done one vector, then one byte at a time.
//! 2. Exponents may have gaps or repeat: a source says how often to double before it is added, and
//!    how long a run without gaps it leads, so that the hottest loop asks nothing. From the last
//!    exponent down to 0 a long way is one multiplication.
//! 3. A finish that needs only one syndrome computes only that one.
//! 4. Loads of a column come before its stores, so an output may be one of the inputs.

use crate::arch::portable::Byte;
use crate::field;
use crate::vector::Vector;

/// One block that is summed up.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    /// Its first byte.
    pub(crate) block: *const u8,
    /// How often S_q is doubled before the block is added: the distance to the exponent of the
    /// source before. The first source's is not used.
    pub(crate) doublings: u32,
    /// How many of the sources that follow are one doubling after the one before them.
    pub(crate) run: u32,
}

/// The sums, and what to make of them.
pub(crate) struct Job<'a> {
    /// Data blocks, highest exponent first. For [`Finish::Xor`] in any order.
    pub(crate) sources: &'a [Source],
    /// The last source's exponent.
    pub(crate) last_exponent: u8,
    /// P, added to S_p, or null.
    pub(crate) p: *const u8,
    /// Q, added to S_q, or null.
    pub(crate) q: *const u8,
    /// Bytes of every block.
    pub(crate) bytes: usize,
    /// What to make of the syndromes.
    pub(crate) finish: Finish,
    /// Where it goes; the second is null when the finish makes one block.
    pub(crate) outputs: [*mut u8; 2],
}

/// What to make of the syndromes. Factors are elements of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// S_p.
    Xor,
    /// S_q.
    Q,
    /// S_p and S_q.
    PAndQ,
    /// The data block that Q tells: `by` · S_q.
    DataByQ { by: u8 },
    /// That, and P: S_p plus it.
    DataAndP { by: u8 },
    /// The data block that P tells, S_p, and Q: S_q + `by` · S_p.
    DataAndQ { by: u8 },
    /// Two data blocks: `p_by` · S_p + `q_by` · S_q, and S_p plus that.
    TwoData { p_by: u8, q_by: u8 },
}

/// A [`Finish`] with its factors prepared for one instruction set.
trait Make<V: Vector> {
    const NEEDS_P: bool = true;
    const NEEDS_Q: bool = true;
    const OUTPUTS: usize = 2;
    /// # Safety
    /// As for [`Vector`].
    unsafe fn make(&self, p: V, q: V) -> (V, V);
}

struct Xor;
struct Q;
struct PAndQ;
struct DataByQ<V: Vector>(V::Factor);
struct DataAndP<V: Vector>(V::Factor);
struct DataAndQ<V: Vector>(V::Factor);
struct TwoData<V: Vector>(V::Factor, V::Factor);

impl<V: Vector> Make<V> for Xor {
    const NEEDS_Q: bool = false;
    const OUTPUTS: usize = 1;
    #[inline(always)]
    unsafe fn make(&self, p: V, q: V) -> (V, V) {
        (p, q)
    }
}

impl<V: Vector> Make<V> for Q {
    const NEEDS_P: bool = false;
    const OUTPUTS: usize = 1;
    #[inline(always)]
    unsafe fn make(&self, p: V, q: V) -> (V, V) {
        (q, p)
    }
}

impl<V: Vector> Make<V> for PAndQ {
    #[inline(always)]
    unsafe fn make(&self, p: V, q: V) -> (V, V) {
        (p, q)
    }
}

impl<V: Vector> Make<V> for DataByQ<V> {
    const NEEDS_P: bool = false;
    const OUTPUTS: usize = 1;
    #[inline(always)]
    unsafe fn make(&self, p: V, q: V) -> (V, V) {
        // SAFETY: the caller's promise is that of the trait.
        (unsafe { q.times(self.0) }, p)
    }
}

impl<V: Vector> Make<V> for DataAndP<V> {
    #[inline(always)]
    unsafe fn make(&self, p: V, q: V) -> (V, V) {
        // SAFETY: the caller's promise is that of the trait.
        unsafe {
            let data = q.times(self.0);
            (data, p.xor(data))
        }
    }
}

impl<V: Vector> Make<V> for DataAndQ<V> {
    #[inline(always)]
    unsafe fn make(&self, p: V, q: V) -> (V, V) {
        // SAFETY: the caller's promise is that of the trait.
        unsafe { (p, q.xor(p.times(self.0))) }
    }
}

impl<V: Vector> Make<V> for TwoData<V> {
    #[inline(always)]
    unsafe fn make(&self, p: V, q: V) -> (V, V) {
        // SAFETY: the caller's promise is that of the trait.
        unsafe {
            let first = p.times(self.0).xor(q.times(self.1));
            (first, p.xor(first))
        }
    }
}

/// How S_q gets from the last source's exponent to 0.
enum Last<V: Vector> {
    Doublings(u8),
    Factor(V::Factor),
}

impl<V: Vector> Last<V> {
    /// # Safety
    /// As for [`Vector`].
    #[inline(always)]
    unsafe fn of(job: &Job<'_>) -> Self {
        match job.last_exponent {
            few @ 0..=2 => Self::Doublings(few),
            // SAFETY: the caller's promise is that of the trait.
            many => Self::Factor(unsafe { V::factor(field::power(many)) }),
        }
    }
}

/// Vectors in a column of the main loop.
const WIDE: usize = 4;

/// Does the job with vectors of type `V`.
///
/// # Safety
/// `V`'s instruction set is available; every pointer of the job that is used is good for `bytes`
/// bytes; outputs overlap nothing but (exactly) an input.
#[inline(always)]
pub(crate) unsafe fn solve<V: Vector>(job: &Job<'_>) {
    // SAFETY: the caller's promise is the callee's.
    unsafe {
        match job.finish {
            Finish::Xor => run::<V, _, _>(job, &Xor, &Xor),
            Finish::Q => run::<V, _, _>(job, &Q, &Q),
            Finish::PAndQ => run::<V, _, _>(job, &PAndQ, &PAndQ),
            Finish::DataByQ { by } => {
                run::<V, _, _>(job, &DataByQ::<V>(V::factor(by)), &DataByQ::<Byte>(by))
            }
            Finish::DataAndP { by } => {
                run::<V, _, _>(job, &DataAndP::<V>(V::factor(by)), &DataAndP::<Byte>(by))
            }
            Finish::DataAndQ { by } => {
                run::<V, _, _>(job, &DataAndQ::<V>(V::factor(by)), &DataAndQ::<Byte>(by))
            }
            Finish::TwoData { p_by, q_by } => run::<V, _, _>(
                job,
                &TwoData::<V>(V::factor(p_by), V::factor(q_by)),
                &TwoData::<Byte>(p_by, q_by),
            ),
        }
    }
}

/// Where the first byte of a wanted syndrome differs from zero. The finish says which are wanted:
/// [`Finish::Xor`], [`Finish::Q`] or [`Finish::PAndQ`]. Nothing is written.
///
/// # Safety
/// As for [`solve`]; outputs are not used.
#[inline(always)]
pub(crate) unsafe fn first_nonzero<V: Vector>(job: &Job<'_>) -> Option<usize> {
    // SAFETY: the caller's promise is the callee's.
    unsafe {
        match job.finish {
            Finish::Xor => check::<V, Xor>(job),
            Finish::Q => check::<V, Q>(job),
            _ => check::<V, PAndQ>(job),
        }
    }
}

#[inline(always)]
unsafe fn run<V: Vector, F: Make<V>, T: Make<Byte>>(job: &Job<'_>, finish: &F, tail: &T) {
    // SAFETY: columns stay below `bytes`; the rest is the caller's promise.
    unsafe {
        let at = columns::<V, F, WIDE>(job, 0, finish);
        let at = columns::<V, F, 1>(job, at, finish);
        columns::<Byte, T, 1>(job, at, tail);
    }
}

/// Solves columns of `N` vectors from `at` on while whole ones fit; returns where it stopped.
#[inline(always)]
unsafe fn columns<V: Vector, F: Make<V>, const N: usize>(
    job: &Job<'_>,
    mut at: usize,
    finish: &F,
) -> usize {
    // SAFETY: the caller's promise is that of the trait.
    let last = unsafe { Last::<V>::of(job) };
    while job.bytes - at >= N * V::BYTES {
        // SAFETY: the column lies below `bytes`, for which all pointers are good.
        unsafe {
            let (p, q) = syndromes::<V, F, N>(job, at, &last);
            for i in 0..N {
                let (first, second) = finish.make(p[i], q[i]);
                first.store(job.outputs[0].add(at + i * V::BYTES));
                if F::OUTPUTS == 2 {
                    second.store(job.outputs[1].add(at + i * V::BYTES));
                }
            }
        }
        at += N * V::BYTES;
    }
    at
}

#[inline(always)]
unsafe fn check<V: Vector, F: Make<V> + Make<Byte>>(job: &Job<'_>) -> Option<usize> {
    // SAFETY: columns stay below `bytes`; the rest is the caller's promise.
    unsafe {
        let at = zero_columns::<V, F, WIDE>(job, 0);
        let at = zero_columns::<V, F, 1>(job, at);
        let at = zero_columns::<Byte, F, 1>(job, at);
        (at < job.bytes).then_some(at)
    }
}

/// Passes columns of `N` vectors from `at` on while whole ones fit and are zero; returns where it
/// stopped.
#[inline(always)]
unsafe fn zero_columns<V: Vector, F: Make<V>, const N: usize>(
    job: &Job<'_>,
    mut at: usize,
) -> usize {
    // SAFETY: the caller's promise is that of the trait.
    let last = unsafe { Last::<V>::of(job) };
    while job.bytes - at >= N * V::BYTES {
        // SAFETY: the column lies below `bytes`, for which all pointers are good.
        unsafe {
            let (p, q) = syndromes::<V, F, N>(job, at, &last);
            let mut any = V::zero();
            for i in 0..N {
                if F::NEEDS_P {
                    any = any.or(p[i]);
                }
                if F::NEEDS_Q {
                    any = any.or(q[i]);
                }
            }
            if !any.is_zero() {
                break;
            }
        }
        at += N * V::BYTES;
    }
    at
}

/// S_p and S_q of the column of `N` vectors at byte `at`.
///
/// # Safety
/// The column lies in the blocks.
#[inline(always)]
unsafe fn syndromes<V: Vector, F: Make<V>, const N: usize>(
    job: &Job<'_>,
    at: usize,
    last: &Last<V>,
) -> ([V; N], [V; N]) {
    // SAFETY: the caller promises that the column lies in every block of the job.
    unsafe {
        let mut p = [V::zero(); N];
        let mut q = [V::zero(); N];
        let mut rest = job.sources;
        if let [first, others @ ..] = rest {
            for i in 0..N {
                p[i] = V::load(first.block.add(at + i * V::BYTES));
                q[i] = p[i];
            }
            rest = sum_run::<V, F, N>(others, first.run, at, &mut p, &mut q);
        }
        while let [leader, others @ ..] = rest {
            if F::NEEDS_Q {
                double(&mut q, leader.doublings);
                add(&mut q, leader.block.add(at));
            }
            if F::NEEDS_P {
                add(&mut p, leader.block.add(at));
            }
            rest = sum_run::<V, F, N>(others, leader.run, at, &mut p, &mut q);
        }
        if F::NEEDS_Q {
            match *last {
                Last::Doublings(times) => double(&mut q, times.into()),
                Last::Factor(factor) => {
                    for vector in &mut q {
                        *vector = vector.times(factor);
                    }
                }
            }
            if !job.q.is_null() {
                add(&mut q, job.q.add(at));
            }
        }
        if F::NEEDS_P && !job.p.is_null() {
            add(&mut p, job.p.add(at));
        }
        (p, q)
    }
}

/// The hottest loop: sums the first `run` of `sources`, one doubling before each; returns the
/// others.
#[inline(always)]
unsafe fn sum_run<'a, V: Vector, F: Make<V>, const N: usize>(
    sources: &'a [Source],
    run: u32,
    at: usize,
    p: &mut [V; N],
    q: &mut [V; N],
) -> &'a [Source] {
    let (run, others) = sources.split_at((run as usize).min(sources.len()));
    for source in run {
        // SAFETY: the caller promises that the column lies in every block.
        unsafe {
            let mut data = [V::zero(); N];
            for (i, vector) in data.iter_mut().enumerate() {
                *vector = V::load(source.block.add(at + i * V::BYTES));
            }
            if F::NEEDS_P {
                for i in 0..N {
                    p[i] = p[i].xor(data[i]);
                }
            }
            if F::NEEDS_Q {
                V::double_xor_each(q, &data);
            }
        }
    }
    others
}

#[inline(always)]
unsafe fn double<V: Vector, const N: usize>(q: &mut [V; N], times: u32) {
    for _ in 0..times {
        for vector in q.iter_mut() {
            // SAFETY: the caller's promise is that of the trait.
            *vector = unsafe { vector.double() };
        }
    }
}

#[inline(always)]
unsafe fn add<V: Vector, const N: usize>(sum: &mut [V; N], block: *const u8) {
    for (i, vector) in sum.iter_mut().enumerate() {
        // SAFETY: the caller promises that the column lies in the block.
        *vector = unsafe { vector.xor(V::load(block.add(i * V::BYTES))) };
    }
}

/// The factors of [`Finish::TwoData`] for lost exponents `x` (the first output) and `y`; `None` if
/// they are the same element.
///
/// S_p = X + Y and S_q = g^x·X + g^y·Y give X = (g^y·S_p + S_q) / (g^x + g^y).
pub(crate) fn two_data(x: u8, y: u8) -> Option<Finish> {
    let q_by = field::inverse(field::power(x) ^ field::power(y))?;
    Some(Finish::TwoData { p_by: field::multiply(field::power(y), q_by), q_by })
}
