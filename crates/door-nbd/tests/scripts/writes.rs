//! Writes: routed for writable exports, refused and drained for others.

use crate::support::{Harness, pattern, read, request, write};
use paritas_door_nbd::limits;
use paritas_engine::{Finish, HostWork, Session};
use paritas_units::SectorRange;

const SECTORS: u64 = 48 << 11;
const SIZE: u64 = SECTORS * 512;
const FUA: u16 = 1;

#[test]
fn writes_to_a_read_only_export_are_not_permitted() {
    for is_structured in [false, true] {
        let mut harness = Harness::serving(SECTORS, true, is_structured);
        let mut script = Vec::new();
        for payload in [1_usize, 512, 100_000, 3 << 20] {
            script.extend(write(FUA, 5, 0, &vec![0x2A; payload]));
        }
        script.extend(request(4, 0, 5, 0, 4096));
        script.extend(request(6, 0, 5, 0, 4096));
        script.extend(write(0, 5, SIZE, &[1]));
        harness.feed(&script);
        let mut reader = harness.sent();
        for _ in 0..7 {
            if is_structured {
                let chunk = reader.chunk();
                assert_eq!((chunk.kind, chunk.is_last, chunk.cookie), (0x8001, true, 5));
                assert_eq!(chunk.data[..4], 1_u32.to_be_bytes());
            } else {
                assert_eq!(reader.simple(), (1, 5));
            }
        }
        assert_eq!(reader.left(), 0);
        assert!(harness.log.is_empty());
        harness.feed(&read(6, 0, 4));
        assert!(harness.sent().left() > 4, "the connection goes on behind the payloads");
    }
}

#[test]
fn writes_reach_the_array_and_read_back() {
    let mut harness = Harness::serving(SECTORS, false, false);
    let mut expected = pattern(0, usize::try_from(SIZE).expect("the test knows its numbers"));
    let ranges =
        [(0, 512), (512 * 9, 4096), (1 << 20, 3 << 20), (SIZE - 512, 512), (512, 32 << 20)];
    for (cookie, (offset, len)) in (1..).zip(ranges) {
        let payload: Vec<u8> = pattern(offset ^ 0x5555_5555, len);
        let at = usize::try_from(offset).expect("the test knows its numbers");
        expected[at..at + len].copy_from_slice(&payload);
        harness.feed(&write(0, cookie, offset, &payload));
        let mut reader = harness.sent();
        assert_eq!((reader.simple(), reader.left()), ((0, cookie), 0));
    }
    assert!(harness.bytes == expected);
    let is_short = |work: &HostWork| match work {
        HostWork::Write { range, durable: false } => range.len.0 <= 2048,
        _ => false,
    };
    assert!(harness.log.iter().all(is_short), "{:?}", harness.log);
}

#[test]
fn fua_makes_every_piece_durable() {
    let mut harness = Harness::serving(SECTORS, false, false);
    harness.feed(&write(FUA, 1, 0, &vec![1; 2 << 20]));
    assert_eq!(harness.log.len(), 2);
    assert!(harness.log.iter().all(|work| matches!(work, HostWork::Write { durable: true, .. })));
}

#[test]
fn the_other_writing_commands_are_routed() {
    let range = SectorRange::new(2, 8);
    let cases = [
        (request(3, 0, 1, 0, 0), vec![HostWork::Flush]),
        (request(4, 0, 1, 1024, 4096), vec![HostWork::Discard(range)]),
        (request(4, FUA, 1, 1024, 4096), vec![HostWork::Discard(range), HostWork::Flush]),
        (request(4, 0, 1, 1000, 4200), vec![HostWork::Discard(range)]),
        (request(4, 0, 1, 1025, 512), vec![]),
        (request(6, 0, 1, 1024, 4096), vec![HostWork::WriteZeroes(range)]),
        (request(6, 2, 1, 1024, 4096), vec![HostWork::WriteZeroes(range)]),
        (request(6, FUA, 1, 1024, 4096), vec![HostWork::WriteZeroes(range), HostWork::Flush]),
    ];
    for (bytes, work) in cases {
        let mut harness = Harness::serving(SECTORS, false, false);
        harness.feed(&bytes);
        assert_eq!(harness.log, work);
        let mut reader = harness.sent();
        assert_eq!((reader.simple(), reader.left()), ((0, 1), 0));
    }
}

#[test]
fn bad_writes_are_refused_and_drained() {
    let mut harness = Harness::serving(SECTORS, false, false);
    let cases = [
        (write(0, 1, SIZE - 512, &[0; 1024]), 28),
        (write(0, 1, 100, &[0; 512]), 22),
        (write(0, 1, 0, &[0; 100]), 22),
        (write(0, 1, 0, &[]), 22),
        (write(4, 1, 0, &[0; 512]), 22),
        (write(0, 1, 0, &vec![0; (32 << 20) + 512]), 22),
        (request(6, 0, 1, SIZE, 512), 28),
        (request(6, 0, 1, 0, 100), 22),
        (request(6, 16, 1, 0, 512), 22),
        (request(4, 0, 1, SIZE, 512), 22),
    ];
    for (bytes, number) in cases {
        harness.feed(&bytes);
        let mut reader = harness.sent();
        assert_eq!((reader.simple(), reader.left()), ((number, 1), 0));
    }
    assert!(harness.log.is_empty() && harness.session.finished().is_none());
}

#[test]
fn an_endless_payload_ends_the_connection() {
    for is_read_only in [false, true] {
        let mut harness = Harness::serving(SECTORS, is_read_only, true);
        harness.feed(&request(1, 0, 1, 0, limits::DRAIN_BYTES + 1));
        assert!(matches!(harness.session.finished(), Some(Finish::Broken(_))));
    }
}

#[test]
fn a_write_that_fails_says_so_after_its_payload() {
    let mut harness = Harness::serving(SECTORS, false, false);
    harness.bad = Some(5);
    harness.feed(&write(0, 1, 0, &vec![9; 3 << 20]));
    let mut reader = harness.sent();
    assert_eq!((reader.simple(), reader.left()), ((5, 1), 0));
    harness.feed(&request(4, FUA, 2, 0, 4096));
    assert_eq!(harness.sent().simple(), (5, 2));
    assert_eq!(harness.log.last(), Some(&HostWork::Discard(SectorRange::new(0, 8))));
}

#[test]
fn long_payloads_are_received_in_place() {
    let mut harness = Harness::serving(SECTORS, false, false);
    let script = write(0, 1, 0, &pattern(7, 1 << 20));
    harness.feed_cut(&script[..28], |left| left);
    let [place, beside] = harness.session.space();
    assert_eq!(place.len(), 1 << 20, "the payload goes straight to its buffer");
    assert_eq!(beside.len(), limits::STAGING_BESIDE_PAYLOAD);
    harness.feed(&script[28..]);
    assert_eq!(harness.sent().simple(), (0, 1));
    assert!(harness.bytes[..1 << 20] == pattern(7, 1 << 20));
}
