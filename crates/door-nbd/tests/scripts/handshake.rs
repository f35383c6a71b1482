//! The handshake by script: each option, each refusal, and every place where it may end.

use crate::support::{Harness, Reader, context_query, export, hello, info_query, option};
use paritas_door_nbd::limits;
use paritas_engine::{Finish, Session};

const ACK: u32 = 1;
const ERR_UNSUP: u32 = (1 << 31) + 1;
const ERR_POLICY: u32 = (1 << 31) + 2;
const ERR_INVALID: u32 = (1 << 31) + 3;
const ERR_UNKNOWN: u32 = (1 << 31) + 6;
const ERR_TOO_BIG: u32 = (1 << 31) + 9;

const READ_ONLY_FLAGS: u16 = 1 | 2 | 4 | 1 << 8 | 1 << 10;
const WRITABLE_FLAGS: u16 = 1 | 4 | 8 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10;
const DF: u16 = 1 << 7;

/// A client that has said hello to a server of the read-only "a" and the writable "b".
fn two_exports(may_list: bool, flags: u32) -> Harness {
    let exports = vec![export("a", 2048, true), export("b", 4096, false)];
    let mut harness = Harness::new(exports, may_list);
    harness.send();
    harness.sent().greeting();
    harness.feed(&hello(flags));
    harness
}

fn answer(harness: &mut Harness, number: u32, data: &[u8]) -> Reader {
    harness.feed(&option(number, data));
    harness.sent()
}

/// The only answer to an option that changes nothing.
fn kind_of(harness: &mut Harness, number: u32, data: &[u8]) -> u32 {
    let mut reader = answer(harness, number, data);
    let (kind, _) = reader.option_reply(number);
    assert_eq!(reader.left(), 0);
    assert!(harness.session.is_in_handshake() && harness.session.finished().is_none());
    kind
}

fn is_cut_off(harness: &Harness) -> bool {
    matches!(harness.session.finished(), Some(Finish::Broken(_)))
}

#[test]
fn export_name_with_and_without_zeroes() {
    for (flags, zeroes) in [(1, 124), (3, 0), (0, 124), (2, 0)] {
        let mut harness = two_exports(true, flags);
        let mut reader = answer(&mut harness, 1, b"b");
        assert_eq!((reader.u64(), reader.u16()), (4096 * 512, WRITABLE_FLAGS));
        assert_eq!(reader.take(zeroes), vec![0; zeroes]);
        assert_eq!(reader.left(), 0);
        assert!(!harness.session.is_in_handshake());
    }
}

#[test]
fn export_name_of_nothing_ends_the_connection() {
    for name in [&b"c"[..], b"", b"\xff", &[b'x'; 5000]] {
        let mut harness = two_exports(true, 3);
        assert_eq!(answer(&mut harness, 1, name).left(), 0);
        assert!(is_cut_off(&harness), "{name:?}");
    }
}

#[test]
fn info_and_go_tell_sizes_names_and_descriptions() {
    for number in [6, 7] {
        let mut harness = two_exports(true, 3);
        let mut reader = answer(&mut harness, number, &info_query("a", &[1, 2, 3, 77]));
        let (kind, data) = reader.option_reply(number);
        assert_eq!((kind, data.len()), (3, 12));
        assert_eq!(data[..10], [&[0, 0][..], &(2048_u64 * 512).to_be_bytes()].concat());
        assert_eq!(data[10..], READ_ONLY_FLAGS.to_be_bytes());
        assert_eq!(reader.option_reply(number), (3, b"\0\x01a".to_vec()));
        assert_eq!(reader.option_reply(number), (3, b"\0\x02the array a".to_vec()));
        let sizes = [&[0, 3][..], &1_u32.to_be_bytes(), &65536_u32.to_be_bytes()].concat();
        let sizes = [sizes, (32_u32 << 20).to_be_bytes().to_vec()].concat();
        assert_eq!(reader.option_reply(number), (3, sizes));
        assert_eq!(reader.option_reply(number), (ACK, vec![]));
        assert_eq!(reader.left(), 0);
        assert_eq!(harness.session.is_in_handshake(), number == 6);
    }
}

#[test]
fn writable_exports_want_whole_sectors() {
    let mut harness = two_exports(true, 3);
    let mut reader = answer(&mut harness, 7, &info_query("b", &[]));
    assert_eq!(reader.option_reply(7).1[10..], WRITABLE_FLAGS.to_be_bytes());
    assert_eq!(reader.option_reply(7).1[2..6], 512_u32.to_be_bytes());
}

#[test]
fn an_unknown_export_is_no_end() {
    let mut harness = two_exports(true, 3);
    assert_eq!(kind_of(&mut harness, 7, &info_query("c", &[])), ERR_UNKNOWN);
    assert_eq!(kind_of(&mut harness, 6, &info_query("", &[])), ERR_UNKNOWN);
    answer(&mut harness, 7, &info_query("a", &[]));
    assert!(!harness.session.is_in_handshake());
}

#[test]
fn the_list_is_for_local_sockets() {
    let mut harness = two_exports(true, 3);
    let mut reader = answer(&mut harness, 3, &[]);
    assert_eq!(reader.option_reply(3), (2, b"\0\0\0\x01athe array a".to_vec()));
    assert_eq!(reader.option_reply(3), (2, b"\0\0\0\x01bthe array b".to_vec()));
    assert_eq!(reader.option_reply(3), (ACK, vec![]));
    assert_eq!(kind_of(&mut harness, 3, b"x"), ERR_INVALID);

    let mut remote = two_exports(false, 3);
    assert_eq!(kind_of(&mut remote, 3, &[]), ERR_POLICY);
}

#[test]
fn abort_is_acknowledged() {
    let mut harness = two_exports(true, 3);
    let mut reader = answer(&mut harness, 2, &[]);
    assert_eq!(reader.option_reply(2), (ACK, vec![]));
    assert_eq!(harness.session.finished(), Some(Finish::Closed));
}

#[test]
fn what_is_not_spoken_is_refused() {
    let mut harness = two_exports(true, 3);
    for number in [0, 4, 5, 11, 12, 999, u32::MAX] {
        assert_eq!(kind_of(&mut harness, number, &[]), ERR_UNSUP, "option {number}");
    }
}

#[test]
fn structured_replies_bring_df() {
    let mut harness = two_exports(true, 3);
    assert_eq!(kind_of(&mut harness, 8, b"?"), ERR_INVALID);
    let mut reader = answer(&mut harness, 6, &info_query("a", &[]));
    assert_eq!(reader.option_reply(6).1[10..], READ_ONLY_FLAGS.to_be_bytes());
    assert_eq!(kind_of(&mut harness, 8, &[]), ACK);
    let mut reader = answer(&mut harness, 7, &info_query("a", &[]));
    assert_eq!(reader.option_reply(7).1[10..], (READ_ONLY_FLAGS | DF).to_be_bytes());
}

#[test]
fn metadata_contexts_need_structured_replies() {
    let mut harness = two_exports(true, 3);
    for number in [9, 10] {
        assert_eq!(kind_of(&mut harness, number, &context_query("a", &[])), ERR_INVALID);
    }
}

#[test]
fn metadata_contexts_are_listed_and_set() {
    let mut harness = two_exports(true, 3);
    kind_of(&mut harness, 8, &[]);
    let named = |id: u32| (4, [&id.to_be_bytes()[..], b"base:allocation"].concat());
    for queries in [&[][..], &["base:"], &["base:allocation"], &["x-a:b", "base:allocation"]] {
        let mut reader = answer(&mut harness, 9, &context_query("a", queries));
        assert_eq!(reader.option_reply(9), named(0), "{queries:?}");
        assert_eq!(reader.option_reply(9).0, ACK);
    }
    for queries in [&["x-a:b"][..], &["base:alloc"], &["qemu:allocation-depth"]] {
        assert_eq!(kind_of(&mut harness, 9, &context_query("a", queries)), ACK, "{queries:?}");
    }
    for queries in [&[][..], &["base:"], &["qemu:"]] {
        assert_eq!(kind_of(&mut harness, 10, &context_query("a", queries)), ACK, "{queries:?}");
    }
    assert_eq!(kind_of(&mut harness, 10, &context_query("c", &["base:"])), ERR_UNKNOWN);
    let mut reader = answer(&mut harness, 10, &context_query("a", &["base:allocation"]));
    assert_eq!(reader.option_reply(10), named(1));
    assert_eq!(reader.option_reply(10).0, ACK);
}

#[test]
fn lengths_that_lie_are_refused() {
    let mut harness = two_exports(true, 3);
    kind_of(&mut harness, 8, &[]);
    let long_name = info_query(&"n".repeat(limits::STRING_BYTES + 1), &[]);
    assert_eq!(kind_of(&mut harness, 6, &long_name), ERR_TOO_BIG);
    let mut more = context_query("a", &["base:allocation"]);
    more[5..9].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(kind_of(&mut harness, 10, &more), ERR_INVALID);
    let mut longer = info_query("a", &[]);
    longer[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    let trailing = [info_query("a", &[]), vec![0]].concat();
    let counts_two = [&info_query("a", &[])[..5], &[0, 2, 0, 1]].concat();
    for data in [longer, trailing, counts_two, vec![], vec![0; 3], vec![0, 0, 0, 1, 0xff, 0, 0]] {
        assert_eq!(kind_of(&mut harness, 6, &data), ERR_INVALID, "{data:?}");
    }
}

#[test]
fn a_chosen_context_does_not_move_to_another_export() {
    let mut harness = two_exports(true, 3);
    kind_of(&mut harness, 8, &[]);
    answer(&mut harness, 10, &context_query("a", &["base:allocation"]));
    answer(&mut harness, 7, &info_query("b", &[]));
    harness.feed(&crate::support::request(7, 0, 5, 0, 512));
    let chunk = harness.sent().chunk();
    assert_eq!((chunk.kind, &chunk.data[..4]), (0x8001, &22_u32.to_be_bytes()[..]));
}

#[test]
fn clients_beyond_the_limits_are_cut_off() {
    let mut many = two_exports(true, 3);
    for _ in 0..limits::OPTIONS {
        assert_eq!(kind_of(&mut many, 999, &[]), ERR_UNSUP);
    }
    many.feed(&option(999, &[]));
    assert!(is_cut_off(&many));

    let mut largest = two_exports(true, 3);
    assert_eq!(kind_of(&mut largest, 999, &vec![7; limits::OPTION_BYTES]), ERR_UNSUP);
    let mut larger = option(999, &[]);
    let announced = u32::try_from(limits::OPTION_BYTES + 1).expect("the test knows its numbers");
    larger[12..].copy_from_slice(&announced.to_be_bytes());
    largest.feed(&larger);
    assert!(is_cut_off(&largest));
}

#[test]
fn what_is_not_nbd_is_cut_off() {
    let mut flags = two_exports(true, 7);
    flags.turn();
    assert!(is_cut_off(&flags));

    let mut http = Harness::new(vec![export("a", 8, true)], true);
    http.feed(b"GET / HTTP/1.1\r\n\r\n");
    assert!(is_cut_off(&http));

    let mut magic = two_exports(true, 3);
    magic.feed(b"IHAVEOPTIMISM...");
    magic.feed(b"IHAVENOPT........");
    assert!(is_cut_off(&magic));

    // Without the fixed handshake there is no answer to anything but EXPORT_NAME.
    let mut old = two_exports(true, 2);
    old.feed(&option(3, &[]));
    assert!(is_cut_off(&old));
}

#[test]
fn the_peer_may_go_at_any_byte() {
    let script = [hello(3), option(8, &[]), option(6, &info_query("a", &[3]))].concat();
    for end in 0..=script.len() {
        let mut harness = Harness::new(vec![export("a", 8, true)], true);
        harness.feed(&script[..end]);
        harness.session.received(0);
        harness.turn();
        let is_clean = [0, 4, 20, script.len()].contains(&end);
        match harness.session.finished() {
            Some(Finish::Closed) => assert!(is_clean, "clean end after {end} bytes"),
            Some(Finish::Broken(_)) => assert!(!is_clean, "broken after {end} bytes"),
            None => panic!("no end after {end} bytes: {}", harness.session.describe()),
        }
        assert!(harness.session.space().iter().all(|space| space.is_empty()));
    }
}
