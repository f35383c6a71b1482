//! Every kernel of this machine against the reference: all pairs of lost blocks, contiguous and
//! scattered exponents, every length up to four vectors, every alignment.

use paritas_parity::{KERNELS, Kernel, Term, reference};

/// Longest vector of any kernel.
const VECTOR: usize = 64;

/// Memory with a byte pattern, whose blocks can begin at any alignment.
struct Blocks {
    bytes: Vec<u8>,
    pitch: usize,
}

impl Blocks {
    fn new(count: usize, bytes: usize) -> Self {
        let pitch = (bytes + VECTOR).next_multiple_of(VECTOR);
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let bytes = (0..count * pitch + VECTOR)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect();
        Self { bytes, pitch }
    }

    /// Block `number`, `shift` bytes after a place aligned to 64.
    fn get(&self, number: usize, bytes: usize, shift: usize) -> &[u8] {
        let base = self.bytes.as_ptr().align_offset(VECTOR);
        let start = base + number * self.pitch + shift;
        &self.bytes[start..start + bytes]
    }
}

type Named = (Term, Vec<u8>);

/// A stripe by the reference: data with their exponents, then P and Q.
fn stripe(exponents: &[u8], bytes: usize, shift: usize) -> Vec<Named> {
    let blocks = Blocks::new(exponents.len(), bytes + VECTOR);
    let data: Vec<_> = exponents
        .iter()
        .enumerate()
        .map(|(number, exponent)| (*exponent, blocks.get(number, bytes, shift).to_vec()))
        .collect();
    let (p, q) = reference::p_and_q(&data);
    let mut all: Vec<Named> =
        data.into_iter().map(|(exponent, block)| (Term::Data(exponent), block)).collect();
    all.extend([(Term::P, p), (Term::Q, q)]);
    all
}

fn borrow(blocks: &[Named]) -> Vec<(Term, &[u8])> {
    blocks.iter().map(|(term, block)| (*term, block.as_slice())).collect()
}

/// Loses the blocks numbered in `lost`, in that order, and solves for them.
fn recovers(kernel: &Kernel, all: &[Named], lost: &[usize]) {
    let inputs: Vec<_> = borrow(all)
        .into_iter()
        .enumerate()
        .filter(|(number, _)| !lost.contains(number))
        .map(|(_, block)| block)
        .collect();
    let mut outputs: Vec<Named> =
        lost.iter().map(|number| (all[*number].0, vec![0xEE; all[0].1.len()])).collect();
    {
        let mut wanted: Vec<_> =
            outputs.iter_mut().map(|(term, block)| (*term, block.as_mut_slice())).collect();
        kernel.solve(&inputs, &mut wanted).expect("two lost blocks can be solved");
    }
    for (number, (term, block)) in lost.iter().zip(&outputs) {
        assert_eq!(
            (term, block),
            (&all[*number].0, &all[*number].1),
            "{} lost {lost:?}",
            kernel.name()
        );
    }
}

fn every_loss(kernel: &Kernel, all: &[Named]) {
    for first in 0..all.len() {
        recovers(kernel, all, &[first]);
        for second in (0..all.len()).filter(|second| *second != first) {
            recovers(kernel, all, &[first, second]);
        }
    }
}

#[test]
fn this_machine_runs() {
    for kernel in KERNELS {
        let word = if kernel.is_available() { "tested" } else { "not on this CPU, not tested" };
        println!("kernel {:<12} {word}", kernel.name());
    }
    assert!(Kernel::available().any(|kernel| kernel.name() == "portable"));
}

#[test]
fn every_loss_of_contiguous_exponents() {
    for kernel in Kernel::available() {
        for data in 1..=8u8 {
            let exponents: Vec<_> = (0..data).collect();
            every_loss(kernel, &stripe(&exponents, 5 * VECTOR + 13, 3));
        }
    }
}

#[test]
fn every_loss_of_scattered_exponents() {
    let orders: [&[u8]; 6] = [
        &[3, 4, 0],
        &[0, 2, 3, 5],
        &[7, 6, 5, 4, 3, 2, 1, 0],
        &[254, 0, 128, 17],
        &[100],
        &[9, 200, 41, 3, 77],
    ];
    for kernel in Kernel::available() {
        for exponents in orders {
            every_loss(kernel, &stripe(exponents, 5 * VECTOR + 13, 5));
        }
    }
}

#[test]
fn every_pair_of_the_widest_stripe() {
    let exponents: Vec<_> = (0..=254).collect();
    let all = stripe(&exponents, 70, 0);
    for kernel in Kernel::available() {
        for first in (0..all.len()).step_by(7) {
            for second in (0..all.len()).step_by(5).filter(|second| *second != first) {
                recovers(kernel, &all, &[first, second]);
            }
        }
    }
}

#[test]
fn every_length_up_to_four_vectors_and_more() {
    for kernel in Kernel::available() {
        for bytes in (0..=4 * VECTOR + 1).chain([511, 512, 513, 4096, 4099]) {
            let all = stripe(&[0, 1, 2, 4], bytes, 1);
            for lost in [&[0][..], &[4], &[5], &[4, 5], &[1, 3], &[3, 4], &[0, 5]] {
                recovers(kernel, &all, lost);
            }
        }
    }
}

#[test]
fn every_alignment_and_nothing_beside_the_block() {
    const BYTES: usize = 3 * VECTOR + 5;
    for kernel in Kernel::available() {
        let blocks = Blocks::new(4, BYTES + VECTOR);
        for shift in 0..=VECTOR {
            let data: Vec<_> =
                (0..4u8).map(|e| (e, blocks.get(e.into(), BYTES, (shift * 7) % 65))).collect();
            let (p, q) = reference::p_and_q(&data);
            let mut room = vec![0xAAu8; 2 * (BYTES + 3 * VECTOR)];
            let base = room.as_ptr().align_offset(VECTOR);
            let (left, right) = room.split_at_mut(base + BYTES + 2 * VECTOR);
            let (p_at, q_at) = (base + shift, VECTOR - shift);
            let inputs: Vec<_> = data.iter().map(|(e, block)| (Term::Data(*e), *block)).collect();
            let mut outputs = [
                (Term::P, &mut left[p_at..p_at + BYTES]),
                (Term::Q, &mut right[q_at..q_at + BYTES]),
            ];
            kernel.solve(&inputs, &mut outputs).expect("P and Q follow from data");
            for (area, at, parity) in [(&left, p_at, p), (&right, q_at, q)] {
                assert_eq!(area[at..at + BYTES], parity, "{} at {shift}", kernel.name());
                let beside = area[..at].iter().chain(&area[at + BYTES..]);
                assert!(beside.clone().all(|byte| *byte == 0xAA), "{} strayed", kernel.name());
            }
        }
    }
}

#[test]
fn every_wrong_byte_is_found_where_it_is() {
    const BYTES: usize = 5 * VECTOR + 7;
    let right = stripe(&[2, 0, 5], BYTES, 0);
    let (data, p, q) = (0..3, 3, 4);
    for kernel in Kernel::available() {
        for kept in [vec![p, q], vec![p], vec![q]] {
            let numbers: Vec<_> = data.clone().chain(kept).collect();
            let mut parts: Vec<_> = numbers.iter().map(|number| right[*number].clone()).collect();
            assert_eq!(kernel.first_difference(&borrow(&parts)), None);
            for wrong in 0..parts.len() {
                for at in 0..BYTES {
                    parts[wrong].1[at] ^= 0x10;
                    assert_eq!(kernel.first_difference(&borrow(&parts)), Some(at));
                    parts[wrong].1[at] ^= 0x10;
                }
            }
        }
    }
}

#[test]
fn copies_are_compared_where_there_is_no_parity() {
    for kernel in Kernel::available() {
        let block = Blocks::new(1, 300).get(0, 300, 0).to_vec();
        let mut copies = vec![(Term::Data(0), block); 3];
        assert_eq!(kernel.first_difference(&borrow(&copies)), None);
        copies[2].1[211] ^= 1;
        copies[1].1[299] ^= 1;
        assert_eq!(kernel.first_difference(&borrow(&copies)), Some(211));
        copies[1].1.pop();
        assert_eq!(kernel.first_difference(&borrow(&copies)), Some(0));
    }
}

#[test]
fn parity_follows_changed_data() {
    const BYTES: usize = 4 * VECTOR + 9;
    for kernel in Kernel::available() {
        for exponents in [[0, 1, 2, 3], [11, 250, 4, 3]] {
            let old = stripe(&exponents, BYTES, 0);
            let mut new = old[..4].to_vec();
            let fresh = Blocks::new(9, BYTES);
            for changed in [1, 3] {
                new[changed].1 = fresh.get(5 + changed, BYTES, 0).to_vec();
            }
            let data: Vec<_> =
                exponents.iter().zip(&new).map(|(e, (_, block))| (*e, block)).collect();
            let (p, q) = reference::p_and_q(&data);
            let changes: Vec<_> = [&old[1], &old[3], &new[1], &new[3]]
                .map(|(term, block)| match term {
                    Term::Data(exponent) => (*exponent, block.as_slice()),
                    other => panic!("{other} is no data"),
                })
                .to_vec();
            let (mut now_p, mut now_q) = (old[4].1.clone(), old[5].1.clone());
            kernel.update(&changes, Some(&mut now_p), Some(&mut now_q)).expect("one length");
            assert_eq!((&now_p, &now_q), (&p, &q), "{}", kernel.name());
            now_p.clone_from(&old[4].1);
            kernel.update(&changes, Some(&mut now_p), None).expect("one length");
            now_q.clone_from(&old[5].1);
            kernel.update(&changes, None, Some(&mut now_q)).expect("one length");
            assert_eq!((now_p, now_q), (p, q), "{} one at a time", kernel.name());
        }
    }
}
