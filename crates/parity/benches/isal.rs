//! The chosen kernel beside ISA-L in one interleaved run: GB/s of data by CPU time of the thread,
//! medians and bests of rounds, and ratios. `cargo bench -p paritas-parity --features isal
//! [-- OP…]`
//!
//! Both work on the same blocks, staggered and page-aligned. ISA-L's P+Q wants its blocks aligned
//! to 32 bytes, which they are.

#![expect(unsafe_code, reason = "calls of a C library")]

use paritas_parity::bench::Stripe;
use paritas_parity::{Kernel, Term};
use std::ffi::{c_int, c_void};
use std::time::Duration;

#[link(name = "isal")]
unsafe extern "C" {
    fn xor_gen(vects: c_int, len: c_int, array: *mut *mut c_void) -> c_int;
    fn pq_gen(vects: c_int, len: c_int, array: *mut *mut c_void) -> c_int;
    fn pq_check(vects: c_int, len: c_int, array: *mut *mut c_void) -> c_int;
    fn ec_init_tables(k: c_int, rows: c_int, coefficients: *const u8, tables: *mut u8);
    fn ec_encode_data(
        len: c_int,
        k: c_int,
        rows: c_int,
        tables: *const u8,
        data: *const *const u8,
        coding: *mut *mut u8,
    );
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// GB/s of `bytes` per call, in about 3 ms.
fn rate(bytes: usize, mut call: impl FnMut()) -> f64 {
    call();
    let batch = ((1 << 20) / bytes).max(1);
    let (mut calls, mut elapsed) = (0, Duration::ZERO);
    let start = cpu_time();
    while elapsed < Duration::from_millis(3) {
        (0..batch).for_each(|_| call());
        calls += batch;
        elapsed = cpu_time().saturating_sub(start);
    }
    (calls * bytes) as f64 / elapsed.as_secs_f64() / 1e9
}

/// Addresses of all blocks in order: data, P, Q.
fn addresses(stripe: &mut Stripe, count: usize) -> Vec<*mut c_void> {
    let all: Vec<_> = (0..count).collect();
    let (_, mut blocks) = stripe.parts(&all);
    blocks.iter_mut().map(|(_, block)| block.as_mut_ptr().cast()).collect()
}

fn count(number: usize) -> c_int {
    c_int::try_from(number).expect("small")
}

fn theirs(op: &str, data: usize, block: usize, stripe: &mut Stripe) -> f64 {
    let mut array = addresses(stripe, data + 2);
    let bytes = data * block;
    match op {
        "xor" => rate(bytes, || {
            // SAFETY: the array holds the addresses of as many blocks of `block` bytes as is said.
            unsafe { xor_gen(count(data + 1), count(block), array.as_mut_ptr()) };
        }),
        "pq" => rate(bytes, || {
            // SAFETY: as above.
            unsafe { pq_gen(count(data + 2), count(block), array.as_mut_ptr()) };
        }),
        "check" => rate(bytes, || {
            // SAFETY: as above.
            unsafe { pq_check(count(data + 2), count(block), array.as_mut_ptr()) };
        }),
        _ => {
            // Two outputs from as many inputs as there are data blocks; which coefficients does
            // not matter for the time.
            let coefficients: Vec<u8> = (0..2 * data).map(|i| (i * 29 % 251 + 2) as u8).collect();
            let mut tables = vec![0; 2 * data * 32];
            let inputs: Vec<_> =
                array[2..].iter().map(|block| block.cast::<u8>().cast_const()).collect();
            let mut outputs = [array[0].cast::<u8>(), array[1].cast()];
            // SAFETY: the tables have 32 bytes per coefficient; blocks as above.
            unsafe { ec_init_tables(count(data), 2, coefficients.as_ptr(), tables.as_mut_ptr()) };
            let mut encode = |k, length| {
                // SAFETY: as above.
                unsafe {
                    ec_encode_data(
                        length,
                        k,
                        2,
                        tables.as_ptr(),
                        inputs.as_ptr(),
                        outputs.as_mut_ptr(),
                    );
                }
            };
            rate(bytes, || encode(count(data), count(block)))
        }
    }
}

fn ours(kernel: &Kernel, op: &str, data: usize, block: usize, stripe: &mut Stripe) -> f64 {
    let lost: &[usize] = match op {
        "xor" => &[data],
        "pq" => &[data, data + 1],
        "recover2" => &[0, 1],
        _ => &[],
    };
    let (mut inputs, mut outputs) = stripe.parts(lost);
    if op == "xor" {
        inputs.retain(|(term, _)| *term != Term::Q);
    }
    rate(data * block, || {
        if lost.is_empty() {
            assert_eq!(kernel.first_difference(std::hint::black_box(&inputs)), None);
        } else {
            kernel.solve(&inputs, &mut outputs).expect("solvable");
        }
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    const ROUNDS: usize = 21;
    let kernel = Kernel::from_environment().expect("PARITAS_KERNEL");
    println!("kernel {}; GB/s of data; ours, ISA-L, ratio: medians | best", kernel.name());
    for stagger in [1792, 0] {
        println!("{}", if stagger == 0 { "page-aligned blocks" } else { "staggered blocks" });
        let mut product: f64 = 1.0;
        let mut cells = 0;
        let asked: Vec<String> = std::env::args().skip(1).collect();
        let is_asked = |op: &&str| {
            let mut words = asked.iter().filter(|word| !word.starts_with('-')).peekable();
            words.peek().is_none() || words.any(|word| word == op)
        };
        for op in ["xor", "pq", "recover2", "check"].into_iter().filter(is_asked) {
            for data in [4, 8, 16] {
                for block in [4096, 65536, 524_288] {
                    let mut stripe = Stripe::new(data, block, stagger).expect("solvable");
                    let (mut mine, mut other) = (Vec::new(), Vec::new());
                    for _ in 0..ROUNDS {
                        mine.push(ours(kernel, op, data, block, &mut stripe));
                        other.push(theirs(op, data, block, &mut stripe));
                    }
                    let best = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
                    let (best_mine, best_other) = (best(&mine), best(&other));
                    let (mine, other) = (median(mine), median(other));
                    if op == "pq" {
                        product *= mine / other;
                        cells += 1;
                    }
                    println!(
                        "{op:<9} {data:>2} x {:>4}K {mine:>7.1} {other:>7.1} {:>6.2} | {best_mine:>7.1} {best_other:>7.1} {:>6.2}",
                        block / 1024,
                        mine / other,
                        best_mine / best_other
                    );
                }
            }
        }
        println!("P+Q, geometric mean of ratios: {:.2}", product.powf(1.0 / f64::from(cells)));
    }
}
