//! However the bytes of a client are cut on their way, the server says the same.

use crate::support::{
    Harness, context_query, export, hello, info_query, option, pattern, read, request, write,
};
use paritas_engine::Session;

/// A client that uses everything once.
fn script(is_structured: bool) -> Vec<u8> {
    let mut script = hello(3);
    script.extend(option(3, &[]));
    script.extend(option(999, b"what"));
    script.extend(option(6, &info_query("a", &[1, 2, 3])));
    if is_structured {
        script.extend(option(8, &[]));
        script.extend(option(9, &context_query("a", &[])));
        script.extend(option(10, &context_query("a", &["base:allocation"])));
    }
    script.extend(option(7, &info_query("a", &[1])));
    script.extend(read(1, 100, 3000));
    script.extend(write(0, 2, 512, &pattern(99, 2048)));
    script.extend(request(4, 1, 3, 0, 4096));
    script.extend(request(7, 0, 4, 0, 4096));
    script.extend(write(0, 5, 3, &pattern(5, 700)));
    script.extend(request(42, 0, 6, 0, 0));
    script.extend(read(7, 0, 300 << 10));
    script.extend(request(3, 0, 8, 0, 0));
    script.extend(write(1, 9, 0, &pattern(1, 70 << 10)));
    script.extend(request(2, 0, 10, 0, 0));
    script
}

/// What the server says, and whether it took the client's leave.
fn said(is_structured: bool, cut: impl FnMut(usize) -> usize) -> (Vec<u8>, Vec<u8>) {
    let mut harness = Harness::new(vec![export("a", 2048, false)], true);
    harness.feed_cut(&script(is_structured), cut);
    assert_eq!(harness.session.finished(), Some(paritas_engine::Finish::Closed));
    (harness.output, harness.bytes)
}

#[test]
fn one_byte_at_a_time_is_the_same() {
    for is_structured in [false, true] {
        assert!(said(is_structured, |_| 1) == said(is_structured, |left| left));
    }
}

#[test]
fn every_single_cut_is_the_same() {
    for is_structured in [false, true] {
        let whole = said(is_structured, |left| left);
        let len = script(is_structured).len();
        // Every place in the handshake and the small requests, and a sample of the long payload.
        let dense = len - (69 << 10);
        for at in (1..dense).step_by(7).chain((dense..len).step_by(5003)) {
            let cut = |left| if left > len - at { left - (len - at) } else { left };
            assert!(said(is_structured, cut) == whole, "cut at {at}");
        }
    }
}

#[test]
fn random_cuts_are_the_same() {
    for is_structured in [false, true] {
        let whole = said(is_structured, |left| left);
        for seed in 1..60_u64 {
            let mut state = seed;
            let cut = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let most = if seed % 2 == 0 { 64 } else { 40_000 };
                usize::try_from(state >> 33).expect("the test knows its numbers") % most
            };
            assert!(said(is_structured, cut) == whole, "seed {seed}");
        }
    }
}

#[test]
fn sending_in_any_parts_is_the_same() {
    let whole = said(true, |left| left).0;
    let mut harness = Harness::new(vec![export("a", 2048, false)], true);
    let script = script(true);
    let (mut bytes, mut output, mut step) = (&script[..], Vec::<u8>::new(), 1);
    while harness.session.finished().is_none() {
        let [first, second] = harness.session.space();
        let space = if first.is_empty() { second } else { first };
        let len = space.len().min(bytes.len()).min(4096);
        space[..len].copy_from_slice(&bytes[..len]);
        bytes = &bytes[len..];
        if len > 0 {
            harness.session.received(len);
        }
        while let Some(request) = harness.session.next_request(&harness.pool) {
            harness.answer(request);
        }
        let mut slices = Vec::new();
        harness.session.unsent(&mut slices);
        let all = slices.concat();
        step = step % 4093 + 17;
        let len = all.len().min(step);
        output.extend(&all[..len]);
        harness.session.sent(len);
    }
    assert!(output == whole);
}
