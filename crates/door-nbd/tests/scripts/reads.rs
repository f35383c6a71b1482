//! Reads, and what else a client may ask of a read-only export.

use crate::support::{Harness, export, hello, info_query, option, pattern, read, request};
use paritas_disk::Pool;
use paritas_door_nbd::{AllocationMap, Extent, Settings, limits};
use paritas_engine::{Finish, HostError, HostWork, Session};
use paritas_units::{SectorRange, Sectors};
use std::sync::Arc;

/// Sectors of the export of most tests: 48 MiB.
const SECTORS: u64 = 48 << 11;
const SIZE: u64 = SECTORS * 512;

/// Ranges that begin and end everywhere: in a sector, over sectors, over pieces, at the ends.
const RANGES: [(u64, u32); 12] = [
    (0, 512),
    (0, 1),
    (511, 2),
    (100, 5000),
    (SIZE - 1, 1),
    (SIZE - 4096, 4096),
    (256 * 1024 - 700, 1400),
    (4096, 256 << 10),
    (1, 1 << 20),
    (12_345, 3 << 20),
    (777, 4 << 20),
    (SIZE - (32 << 20), 32 << 20),
];

#[test]
fn simple_reads_give_the_bytes() {
    let mut harness = Harness::serving(SECTORS, true, false);
    for (cookie, (offset, len)) in (7..).zip(RANGES) {
        harness.feed(&read(cookie, offset, len));
        let mut reader = harness.sent();
        assert_eq!(reader.simple(), (0, cookie));
        let len = usize::try_from(len).expect("the test knows its numbers");
        assert!(reader.take(len) == pattern(offset, len), "{offset}+{len}");
        assert_eq!(reader.left(), 0);
    }
    assert_eq!(harness.session.finished(), None);
}

#[test]
fn structured_reads_give_the_bytes() {
    let mut harness = Harness::serving(SECTORS, true, true);
    for (cookie, (offset, len)) in (7..).zip(RANGES) {
        harness.feed(&read(cookie, offset, len));
        let mut reader = harness.sent();
        let len = usize::try_from(len).expect("the test knows its numbers");
        let data = reader.whole_read(cookie, offset, len);
        assert!(data == Ok(pattern(offset, len)), "{offset}+{len}");
        assert_eq!(reader.left(), 0);
    }
}

#[test]
fn reads_that_must_not_be_cut_come_in_one_chunk() {
    let mut harness = Harness::serving(SECTORS, true, true);
    for (cookie, (offset, len)) in (7..).zip(RANGES) {
        harness.feed(&request(0, 4, cookie, offset, len));
        let mut reader = harness.sent();
        let chunk = reader.chunk();
        assert!(chunk.is_last && chunk.cookie == cookie);
        if len > limits::UNCUT_BYTES {
            assert_eq!((chunk.kind, &chunk.data[..4]), (0x8001, &75_u32.to_be_bytes()[..]));
            continue;
        }
        assert_eq!((chunk.kind, &chunk.data[..8]), (1, &offset.to_be_bytes()[..]));
        assert!(
            chunk.data[8..]
                == pattern(offset, usize::try_from(len).expect("the test knows its numbers"))
        );
    }
}

#[test]
fn long_reads_are_cut_where_chunks_may_end() {
    let mut harness = Harness::serving(SECTORS, true, true);
    harness.feed(&read(1, 4096, 1 << 20));
    let range = |work: &HostWork| match work {
        HostWork::Read(range) => (range.start.0, range.len.0),
        other => panic!("{other:?}"),
    };
    let ranges: Vec<_> = harness.log.iter().map(range).collect();
    assert_eq!(ranges, [(8, 504), (512, 512), (1024, 512), (1536, 512), (2048, 8)]);
}

#[test]
fn a_smallest_pool_serves_the_longest_read() {
    for is_structured in [false, true] {
        let mut harness = Harness::serving(SECTORS, true, is_structured);
        harness.pool = Pool::new(0);
        for (offset, len) in [(3, 65_536), (0, 32 << 20)] {
            harness.feed(&read(1, offset, len));
            let mut reader = harness.sent();
            let len = usize::try_from(len).expect("the test knows its numbers");
            if is_structured {
                assert!(reader.whole_read(1, offset, len) == Ok(pattern(offset, len)));
            } else {
                assert_eq!(reader.simple(), (0, 1));
                assert!(reader.take(len) == pattern(offset, len));
            }
        }
    }
}

#[test]
fn an_unreadable_sector_is_an_error_and_no_end() {
    for is_structured in [false, true] {
        let mut harness = Harness::serving(SECTORS, true, is_structured);
        harness.bad = Some(3000);
        for (offset, len) in [(3000 * 512, 1), (2999 * 512, 4096), (0, 4 << 20)] {
            harness.feed(&read(9, offset, len));
            let mut reader = harness.sent();
            if is_structured {
                let len = usize::try_from(len).expect("the test knows its numbers");
                assert_eq!(reader.whole_read(9, offset, len), Err(5));
            } else {
                assert_eq!(reader.simple(), (5, 9));
            }
            assert_eq!(reader.left(), 0);
        }
        harness.feed(&read(10, 0, 512));
        assert_eq!(harness.session.finished(), None);
        assert!(harness.sent().left() >= 512);
    }
}

#[test]
fn a_chunk_names_the_offset_and_the_reason_of_an_error() {
    let mut harness = Harness::serving(SECTORS, true, true);
    harness.bad = Some(600);
    harness.feed(&read(9, 0, 1 << 20));
    let mut reader = harness.sent();
    let first = reader.chunk();
    assert_eq!((first.kind, first.is_last, first.data.len()), (1, false, 8 + (256 << 10)));
    let error = reader.chunk();
    let text = b"two members are missing";
    let data = [&[0, 0, 0, 5, 0, 23][..], text, &(256_u64 << 10).to_be_bytes()].concat();
    assert_eq!((error.kind, error.is_last, error.data), (0x8002, true, data));
    assert_eq!(harness.log.len(), 2, "what nobody needs any more is not asked for");
}

#[test]
fn a_late_error_in_a_long_simple_read_ends_the_connection() {
    let mut harness = Harness::serving(SECTORS, true, false);
    harness.bad = Some(8 << 11);
    harness.feed(&read(9, 0, 32 << 20));
    assert!(matches!(harness.session.finished(), Some(Finish::Broken(_))));
    let mut early = Harness::serving(SECTORS, true, false);
    early.bad = Some(0);
    early.feed(&read(9, 0, 32 << 20));
    assert_eq!(early.sent().simple(), (5, 9), "before the header has left it is a plain error");
    assert_eq!(early.session.finished(), None);
}

#[test]
fn each_error_of_the_array_has_its_number() {
    let range = SectorRange::new(0, 8);
    let cases = [
        (HostError::OutOfRange { range, array: 4 }, 22),
        (HostError::ReadOnly, 1),
        (HostError::Lost("gone".to_owned()), 5),
        (HostError::Unsupported("never".to_owned()), 95),
        (HostError::Stopping, 108),
    ];
    let mut harness = Harness::serving(SECTORS, true, false);
    for (error, number) in cases {
        let [mut space, _] = harness.session.space();
        if space.is_empty() {
            [_, space] = harness.session.space();
        }
        space[..28].copy_from_slice(&read(1, 0, 512));
        harness.session.received(28);
        let request =
            harness.session.next_request(&harness.pool).expect("the test knows its numbers");
        harness.session.reply(request.cookie, Err(error), None);
        harness.send();
        assert_eq!(harness.sent().simple(), (number, 1));
    }
}

#[test]
fn replies_may_come_in_any_order() {
    for is_structured in [false, true] {
        let mut harness = Harness::serving(SECTORS, true, is_structured);
        let script: Vec<u8> =
            (0..50_u64).flat_map(|i| read(i, i * 70_000, 1000 + 9000 * (i as u32))).collect();
        let space = harness.session.space();
        let [_, place] = space;
        place[..script.len()].copy_from_slice(&script);
        harness.session.received(script.len());
        let mut pending = Vec::new();
        let mut turn = 0;
        loop {
            while let Some(request) = harness.session.next_request(&harness.pool) {
                pending.push(request);
            }
            if pending.is_empty() {
                break;
            }
            turn += 7;
            let at = turn % pending.len();
            let request = pending.swap_remove(at);
            harness.answer(request);
            harness.send();
        }
        let mut reader = harness.sent();
        let mut data = vec![Vec::new(); 50];
        while reader.left() > 0 {
            let (cookie, at, bytes) = if is_structured {
                let chunk = reader.chunk();
                let at = u64::from_be_bytes(
                    chunk.data[..8].try_into().expect("the test knows its numbers"),
                );
                (chunk.cookie, at - chunk.cookie * 70_000, chunk.data[8..].to_vec())
            } else {
                let (error, cookie) = reader.simple();
                assert_eq!(error, 0);
                (
                    cookie,
                    0,
                    reader.take(
                        1000 + 9000 * usize::try_from(cookie).expect("the test knows its numbers"),
                    ),
                )
            };
            let (i, at) = (
                usize::try_from(cookie).expect("the test knows its numbers"),
                usize::try_from(at).expect("the test knows its numbers"),
            );
            data[i].resize(1000 + 9000 * i, 0);
            data[i][at..at + bytes.len()].copy_from_slice(&bytes);
        }
        for (i, data) in (0..).zip(data) {
            assert!(data == pattern(i * 70_000, data.len()) && !data.is_empty(), "read {i}");
        }
    }
}

#[test]
fn what_is_out_of_range_or_not_known_is_invalid() {
    for is_structured in [false, true] {
        let mut harness = Harness::serving(SECTORS, true, is_structured);
        let bad = [
            read(3, SIZE, 1),
            read(3, SIZE - 1, 2),
            read(3, u64::MAX, u32::MAX),
            read(3, 0, 0),
            read(3, 0, limits::REQUEST_BYTES + 1),
            request(0, 0x40, 3, 0, 512),
            request(0, 8, 3, 0, 512),
            request(3, 0, 3, 512, 0),
            request(3, 0, 3, 0, 512),
            request(5, 0, 3, SIZE, 512),
            request(8, 0, 3, 0, 0),
            request(99, 0, 3, 0, 512),
            request(0xffff, 0, 3, 0, 512),
        ];
        for bytes in bad {
            harness.feed(&bytes);
            let mut reader = harness.sent();
            if is_structured {
                let chunk = reader.chunk();
                assert_eq!((chunk.kind, chunk.is_last, chunk.cookie), (0x8001, true, 3));
                assert_eq!(chunk.data[..4], 22_u32.to_be_bytes(), "{bytes:?}");
            } else {
                assert_eq!(reader.simple(), (22, 3), "{bytes:?}");
            }
            assert_eq!(reader.left(), 0);
        }
        assert!(harness.log.is_empty() && harness.session.finished().is_none());
    }
    let mut simple = Harness::serving(SECTORS, true, false);
    simple.feed(&request(0, 4, 3, 0, 512));
    assert_eq!(simple.sent().simple(), (22, 3), "without structured replies there is no DF");
}

#[test]
fn cache_and_flush_succeed_without_work() {
    let mut harness = Harness::serving(SECTORS, true, false);
    for bytes in [request(5, 0, 4, 512, 1 << 30 >> 5), request(3, 0, 4, 0, 0)] {
        harness.feed(&bytes);
        assert_eq!(harness.sent().simple(), (0, 4));
    }
    harness.feed(&request(0, 1, 4, 0, 512));
    assert_eq!(harness.sent().simple(), (0, 4), "FUA is taken where it means nothing");
    assert_eq!(harness.log.len(), 1);
}

/// Alternating: data and hole, as many sectors as the number says.
struct Alternating(u64);

impl AllocationMap for Alternating {
    fn extents(&self, export: usize, range: SectorRange, most: usize) -> Vec<Extent> {
        assert_eq!(export, 0);
        assert!(!range.is_empty() && range.end().0 <= SECTORS);
        let mut extents = Vec::new();
        let mut at = range.start.0;
        while at < range.end().0 && extents.len() < most {
            let end = (at / self.0 + 1) * self.0;
            extents.push(Extent { len: Sectors(end - at), is_hole: (at / self.0) % 2 == 1 });
            at = end;
        }
        extents
    }
}

fn with_map(every: u64) -> Harness {
    let settings =
        Settings { may_list: true, allocation: Some(Arc::new(Alternating(every))), guest: None };
    let mut harness = Harness::with(vec![export("a", SECTORS, true)], settings, 16 << 20);
    harness.feed(&hello(3));
    harness.feed(&option(8, &[]));
    harness.feed(&option(10, &crate::support::context_query("a", &["base:allocation"])));
    harness.feed(&option(7, &info_query("a", &[])));
    harness.output.clear();
    harness
}

fn states(harness: &mut Harness, flags: u16, offset: u64, len: u32) -> Vec<(u32, u32)> {
    harness.feed(&request(7, flags, 6, offset, len));
    let mut reader = harness.sent();
    let chunk = reader.chunk();
    assert_eq!((chunk.kind, chunk.is_last, chunk.cookie, reader.left()), (5, true, 6, 0));
    assert_eq!(chunk.data[..4], 1_u32.to_be_bytes());
    let number =
        |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("the test knows its numbers"));
    chunk.data[4..].chunks(8).map(|pair| (number(&pair[..4]), number(&pair[4..]))).collect()
}

#[test]
fn without_a_map_everything_is_data() {
    let mut harness = Harness::serving(SECTORS, true, true);
    assert_eq!(states(&mut harness, 0, 1, 100), [(100, 0)]);
    assert_eq!(states(&mut harness, 8, 0, 48 << 20), [(48 << 20, 0)]);
}

#[test]
fn a_map_is_told_as_extents() {
    let mut harness = with_map(8);
    let hole = 3;
    assert_eq!(
        states(&mut harness, 0, 0, 16384),
        [(4096, 0), (4096, hole), (4096, 0), (4096, hole)]
    );
    assert_eq!(states(&mut harness, 8, 4096, 16384), [(4096, hole)], "one is enough");
    assert_eq!(states(&mut harness, 0, 4000, 200), [(96, 0), (104, hole)], "cut to the bytes");
    assert_eq!(states(&mut harness, 0, 4097, 10), [(10, hole)]);
}

#[test]
fn extents_are_bounded() {
    let mut harness = with_map(1);
    let states = states(&mut harness, 0, 0, 48 << 20);
    assert_eq!(states.len(), limits::EXTENTS);
    assert!(states.iter().all(|(len, _)| *len == 512));
}

#[test]
fn allocation_that_was_not_chosen_is_invalid() {
    let mut harness = Harness::serving(SECTORS, true, false);
    harness.feed(&request(7, 0, 6, 0, 512));
    assert_eq!(harness.sent().simple(), (22, 6));
}

#[test]
fn disconnecting_waits_for_what_is_under_way() {
    let mut harness = Harness::serving(SECTORS, true, false);
    let script = [read(1, 0, 512), request(2, 0, 0, 0, 0), read(2, 0, 512)].concat();
    let [_, space] = harness.session.space();
    space[..script.len()].copy_from_slice(&script);
    harness.session.received(script.len());
    let request = harness.session.next_request(&harness.pool).expect("the test knows its numbers");
    assert!(harness.session.next_request(&harness.pool).is_none(), "nothing follows the end");
    assert_eq!(harness.session.finished(), None);
    harness.answer(request);
    assert_eq!(harness.session.finished(), None);
    harness.send();
    assert_eq!(harness.session.finished(), Some(Finish::Closed));
    assert_eq!(harness.sent().simple(), (0, 1));
}
