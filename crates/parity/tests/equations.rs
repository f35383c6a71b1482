//! Which blocks follow from which, and what is refused.

use paritas_parity::Term::{self, Data, P, Q};
use paritas_parity::{Kernel, Unsolvable, holds, solve, update};

/// Solves `wanted` from `given`, each input one byte.
fn outcome(given: &[(Term, u8)], wanted: &[Term]) -> Result<Vec<u8>, Unsolvable> {
    let inputs: Vec<_> =
        given.iter().map(|(term, byte)| (*term, std::slice::from_ref(byte))).collect();
    let mut bytes = vec![0xEE; wanted.len()];
    let mut outputs: Vec<_> = wanted.iter().copied().zip(bytes.chunks_mut(1)).collect();
    solve(&inputs, &mut outputs)?;
    Ok(bytes)
}

#[test]
fn one_input_is_copied_where_no_q_takes_part() {
    for (from, to) in [(Data(0), Data(0)), (Data(3), Data(0)), (P, Data(7)), (Data(7), P)] {
        assert_eq!(outcome(&[(from, 0x5A)], &[to]), Ok(vec![0x5A]));
    }
    assert_eq!(outcome(&[(Data(1), 0x80)], &[Q]), Ok(vec![0x1D]));
    assert_eq!(outcome(&[(Q, 0x1D)], &[Data(1)]), Ok(vec![0x80]));
}

#[test]
fn no_data_sums_to_nothing() {
    assert_eq!(outcome(&[], &[P, Q]), Ok(vec![0, 0]));
}

#[test]
fn the_order_of_outputs_is_the_callers() {
    let data = [(Data(0), 0x01), (Data(1), 0x02), (Data(2), 0x80)];
    assert_eq!(outcome(&data, &[P, Q]), Ok(vec![0x83, 0x3F]));
    assert_eq!(outcome(&data, &[Q, P]), Ok(vec![0x3F, 0x83]));
    let rest = [(Data(0), 0x01), (P, 0x83), (Q, 0x3F)];
    assert_eq!(outcome(&rest, &[Data(2), Data(1)]), Ok(vec![0x80, 0x02]));
    let rest = [(Data(2), 0x80), (Data(0), 0x01), (Q, 0x3F)];
    assert_eq!(outcome(&rest, &[P, Data(1)]), Ok(vec![0x83, 0x02]));
}

#[test]
fn a_parity_on_both_sides_is_updated() {
    let changes = [(Data(2), 0x80), (Data(2), 0x11), (P, 0x83), (Q, 0x3F)];
    let fresh = [(Data(0), 0x01), (Data(1), 0x02), (Data(2), 0x11)];
    assert_eq!(outcome(&changes, &[P, Q]), outcome(&fresh, &[P, Q]));
    assert_eq!(outcome(&changes, &[Q]), outcome(&fresh, &[Q]));
}

#[test]
fn what_does_not_follow_is_refused() {
    let refused: [(&[Term], &[Term]); 12] = [
        (&[], &[]),
        (&[], &[Data(0)]),
        (&[Data(0), Data(1)], &[Data(2)]),
        (&[Data(0), P], &[Data(1), Data(2)]),
        (&[Data(0), Q], &[Data(1), Data(2)]),
        (&[Data(0), P], &[Data(1), P]),
        (&[Data(0), Q], &[Data(1), Q]),
        (&[Data(0), P, Q], &[Data(0)]),
        (&[Data(0), P, Q], &[Data(1), Data(1)]),
        (&[Data(1), P, Q], &[Data(0), Data(255)]),
        (&[Data(0), P, Q], &[P, P]),
        (&[P, Q], &[Data(0), Data(1), Data(2)]),
    ];
    for (given, wanted) in refused {
        let given: Vec<_> = given.iter().map(|term| (*term, 1)).collect();
        let outcome = outcome(&given, wanted);
        assert!(
            matches!(outcome, Err(Unsolvable::Underdetermined { .. })),
            "{given:?} -> {wanted:?}: {outcome:?}"
        );
    }
}

#[test]
fn blocks_of_one_stripe_have_one_length() {
    let lengths = Unsolvable::Lengths { expected: 4, found: 3 };
    let mut long = [7; 4];
    assert_eq!(solve(&[(Data(0), &[1; 3])], &mut [(P, &mut long)]), Err(lengths.clone()));
    assert_eq!(update(&[(0, &[1; 3])], Some(&mut long), None), Err(lengths));
    assert_eq!(long, [7; 4], "a refused call touches nothing");
    assert!(!holds(&[(P, &[0; 4]), (Data(0), &[0; 3])]));
}

#[test]
fn many_blocks_are_summed_and_too_many_refused() {
    let ones = vec![(Data(0), 1u8); 385];
    assert_eq!(outcome(&ones, &[P]), Ok(vec![1]));
    let ones = vec![(Data(0), 1u8); 2049];
    assert_eq!(outcome(&ones, &[P]), Err(Unsolvable::TooMany { blocks: 2049 }));
}

#[test]
fn a_kernel_can_be_named() {
    for kernel in Kernel::available() {
        assert_eq!(Kernel::named(kernel.name()).map(Kernel::name), Ok(kernel.name()));
    }
    let error = Kernel::named("abacus").expect_err("there is none");
    assert!(error.to_string().contains("portable"), "{error}");
}
