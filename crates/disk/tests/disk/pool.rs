//! The pool: loans are disjoint and come back, buffers run out and come back, nothing is lost.

use paritas_disk::{Buffer, Pool, PoolEmpty};

#[test]
fn buffers_have_the_length_asked_for_and_are_aligned() {
    let pool = Pool::new(8 << 20);
    let (start, bytes) = pool.memory();
    for wanted in [0, 1, 512, 4096, 4097, 65_536, 70_000, 262_144, Pool::longest()] {
        let buffer = pool.take(wanted).expect("a free buffer");
        assert_eq!(buffer.len(), wanted);
        assert_eq!(buffer.is_empty(), wanted == 0);
        let address = buffer.bytes().as_ptr().addr();
        assert_eq!(address % 4096, 0);
        assert!(address >= start && address + wanted <= start + bytes);
    }
}

#[test]
fn a_fresh_pool_reads_as_zeroes_and_buffers_do_not_share_bytes() {
    let pool = Pool::new(1 << 20);
    let mut buffers = Vec::new();
    while let Ok(mut buffer) = pool.take(4096) {
        assert!(buffer.bytes().iter().all(|byte| *byte == 0));
        buffer.bytes_mut().fill(u8::try_from(buffers.len() % 255 + 1).expect("below 256"));
        buffers.push(buffer);
    }
    for (number, buffer) in buffers.iter().enumerate() {
        let mark = u8::try_from(number % 255 + 1).expect("below 256");
        assert!(buffer.bytes().iter().all(|byte| *byte == mark), "buffer {number}");
    }
}

#[test]
fn an_exhausted_pool_says_so_and_recovers() {
    let pool = Pool::new(0);
    let total: usize = pool.stats().classes.iter().map(|class| class.total).sum();
    let mut taken: Vec<_> = (0..total).map(|_| pool.take(4096).expect("free")).collect();
    assert_eq!(pool.take(512).err(), Some(PoolEmpty { bytes: 512 }));
    assert_eq!(pool.stats().refusals, 1);
    assert!(pool.stats().classes.iter().all(|class| class.free == 0 && class.least_free == 0));
    taken.pop();
    assert!(pool.take(512).is_ok(), "what was dropped can be taken");
    assert_eq!(
        pool.take(Pool::longest() + 1).err(),
        Some(PoolEmpty { bytes: Pool::longest() + 1 })
    );
}

#[test]
fn loans_are_disjoint_slices_of_their_buffer() {
    let pool = Pool::new(0);
    let mut buffer = pool.take(8192).expect("free");
    let mut loans: Vec<_> = (0..16).map(|k| buffer.lend(k * 512..(k + 1) * 512)).collect();
    assert_eq!(buffer.loans(), 16);
    for (k, loan) in loans.iter_mut().enumerate() {
        assert_eq!((loan.len(), loan.range().start), (512, k * 512));
        loan.bytes_mut().fill(u8::try_from(k).expect("small"));
    }
    loans.swap(1, 14);
    loans.into_iter().for_each(|loan| buffer.take_back(loan));
    assert_eq!(buffer.loans(), 0);
    for (k, slice) in buffer.bytes().chunks(512).enumerate() {
        assert!(slice.iter().all(|byte| usize::from(*byte) == k));
    }
}

#[test]
#[should_panic(expected = "do not overlap")]
fn overlapping_loans_are_a_mistake() {
    let mut buffer = Pool::new(0).take(4096).expect("free");
    let _first = buffer.lend(0..1024);
    let _second = buffer.lend(1023..2048);
}

#[test]
#[should_panic(expected = "do not overlap")]
fn the_fifth_loan_is_checked_as_the_first() {
    let mut buffer = Pool::new(0).take(8192).expect("free");
    let _loans: Vec<_> = (0..6).map(|k| buffer.lend(k * 512..(k + 1) * 512)).collect();
    let _again = buffer.lend(5 * 512..6 * 512);
}

#[test]
#[should_panic(expected = "parts on loan")]
fn bytes_of_a_lent_buffer_are_out_of_reach() {
    let mut buffer = Pool::new(0).take(4096).expect("free");
    let _loan = buffer.lend(0..512);
    let _bytes = buffer.bytes();
}

#[test]
#[should_panic(expected = "goes back to its buffer")]
fn a_loan_of_another_buffer_is_not_taken() {
    let pool = Pool::new(0);
    let mut first = pool.take(4096).expect("free");
    let mut second = pool.take(4096).expect("free");
    let loan = first.lend(0..512);
    let _own = second.lend(0..512);
    second.take_back(loan);
}

#[test]
fn a_loan_is_cut_and_joined() {
    let mut buffer = Pool::new(0).take(4096).expect("free");
    let mut loan = buffer.lend(512..2560);
    let mut tail = loan.split_off(512);
    let end = tail.split_off(1024);
    assert_eq!((loan.range(), tail.range(), end.range()), (512..1024, 1024..2048, 2048..2560));
    loan.bytes_mut().fill(1);
    tail.bytes_mut().fill(2);
    tail.join(end);
    loan.join(tail);
    buffer.take_back(loan);
    assert_eq!([511, 512, 1023, 1024, 2047].map(|at| buffer.bytes()[at]), [0, 1, 1, 2, 2]);
}

#[test]
#[should_panic(expected = "parts of one loan")]
fn parts_that_do_not_meet_are_not_joined() {
    let mut buffer = Pool::new(0).take(4096).expect("free");
    let mut loan = buffer.lend(0..2048);
    let mut tail = loan.split_off(512);
    let end = tail.split_off(512);
    loan.join(end);
}

#[test]
fn a_buffer_that_dies_with_a_loan_is_lost_and_its_bytes_stay_valid() {
    let pool = Pool::new(0);
    let mut buffer = pool.take(4096).expect("free");
    let mut loan = buffer.lend(0..4096);
    drop(buffer);
    let stats = pool.stats().classes[0];
    assert_eq!((stats.total, stats.free, stats.lost), (1, 0, 1));
    drop(pool);
    loan.bytes_mut().fill(7);
    assert!(loan.bytes().iter().all(|byte| *byte == 7));
}

#[test]
fn a_loan_can_be_lent_on_and_goes_back_whole() {
    let pool = Pool::new(0);
    let mut buffer = pool.take(4096).expect("free");
    let mut part = Buffer::of_loan(buffer.lend(1024..3072));
    assert_eq!(part.len(), 2048);
    let mut inner = part.lend(512..1024);
    inner.bytes_mut().fill(3);
    part.take_back(inner);
    part.bytes_mut()[..512].fill(2);
    buffer.take_back(part.into_loan());
    let bytes = buffer.bytes();
    assert_eq!([1023, 1024, 1535, 1536, 2047, 2048].map(|at| bytes[at]), [0, 2, 2, 3, 3, 0]);
    drop(buffer);
    assert!(pool.stats().classes.iter().all(|class| class.free == class.total));
}

#[test]
fn a_lent_buffer_that_dies_loses_its_lender_nothing_but_the_bytes() {
    let pool = Pool::new(0);
    let mut buffer = pool.take(4096).expect("free");
    drop(Buffer::of_loan(buffer.lend(0..512)));
    assert_eq!(buffer.loans(), 1, "the loan never came back");
    drop(buffer);
    assert_eq!(pool.stats().classes[0].lost, 1);
}

#[test]
#[should_panic(expected = "nobody's loan")]
fn a_buffer_of_the_pool_is_no_loan() {
    let _loan = Pool::new(0).take(512).expect("free").into_loan();
}
