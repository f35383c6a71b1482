//! Clients that mean harm: floods, garbage, and leaving in the middle.

use crate::support::{Harness, export, hello, info_query, option, pattern, read, request, write};
use paritas_disk::Pool;
use paritas_door_nbd::limits;
use paritas_engine::{Finish, Session, SessionRequest};

const SECTORS: u64 = 64 << 11;

/// Gives the session as much of `script`, over and over, as it takes without being answered.
fn flood(harness: &mut Harness, script: &[u8]) -> (usize, Vec<SessionRequest>) {
    let (mut taken, mut requests, mut bytes) = (0, Vec::new(), script.iter().cycle());
    let mut idle = 0;
    for _ in 0..1_000_000 {
        let mut now = 0;
        for space in harness.session.space() {
            space.iter_mut().zip(&mut bytes).for_each(|(place, byte)| *place = *byte);
            now += space.len();
        }
        let before = requests.len();
        if now > 0 {
            harness.session.received(now);
        }
        while let Some(request) = harness.session.next_request(&harness.pool) {
            requests.push(request);
        }
        taken += now;
        idle = if now == 0 && requests.len() == before { idle + 1 } else { 0 };
        if idle == 2 {
            return (taken, requests);
        }
    }
    panic!("the flood never ends: {taken} bytes, {} requests", requests.len());
}

fn held(requests: &[SessionRequest]) -> usize {
    requests.iter().filter_map(|request| request.buffer.as_ref()).map(|buffer| buffer.len()).sum()
}

fn unsent(harness: &Harness) -> usize {
    let mut slices = Vec::new();
    harness.session.unsent(&mut slices);
    slices.iter().map(|slice| slice.len()).sum()
}

#[test]
fn a_flood_of_small_reads_is_bounded() {
    let mut harness = Harness::serving(SECTORS, true, true);
    let (taken, requests) = flood(&mut harness, &read(1, 0, 4096));
    assert_eq!(requests.len(), limits::REQUESTS);
    assert!(taken <= limits::STAGING_BYTES + limits::REQUESTS * 28, "{taken} bytes taken");
}

#[test]
fn a_flood_of_long_reads_is_bounded_by_the_pool_and_the_client() {
    for (pool_bytes, is_structured) in
        [(16 << 20, true), (16 << 20, false), (512 << 20, true), (512 << 20, false)]
    {
        let mut harness = Harness::serving(SECTORS, true, is_structured);
        harness.pool = Pool::new(pool_bytes);
        let bound = limits::payload_bytes(harness.pool.memory().1);
        let len = if is_structured { 32 << 20 } else { 2 << 20 };
        let (_, requests) = flood(&mut harness, &read(1, 0, len));
        assert!(held(&requests) <= bound, "{} of {bound}", held(&requests));
        assert!(held(&requests) > bound / 2, "{} of {bound}", held(&requests));
    }
}

#[test]
fn a_client_that_does_not_read_holds_no_more_than_its_share() {
    let mut harness = Harness::serving(SECTORS, true, true);
    harness.pool = Pool::new(32 << 20);
    let bound = limits::payload_bytes(harness.pool.memory().1);
    let mut answered = 0;
    loop {
        let (_, requests) = flood(&mut harness, &read(1, 0, 1 << 20));
        if requests.is_empty() {
            break;
        }
        answered += requests.len();
        requests.into_iter().for_each(|request| harness.answer(request));
        assert!(unsent(&harness) <= bound + limits::REPLY_SEGMENTS * 32);
    }
    assert!(answered < 200, "{answered} requests for a client that reads nothing");
    harness.send();
    assert!(!flood(&mut harness, &read(1, 0, 1 << 20)).1.is_empty(), "it goes on afterwards");
}

#[test]
fn a_flood_of_refusals_is_bounded() {
    for bytes in [request(99, 0, 1, 0, 0), request(7, 0, 1, 0, 512), write(0, 1, 0, &[0; 512])] {
        let mut harness = Harness::serving(SECTORS, true, true);
        let (_, requests) = flood(&mut harness, &bytes);
        assert!(requests.is_empty());
        assert!(unsent(&harness) <= limits::REPLY_BYTES + 4200, "{} bytes", unsent(&harness));
        harness.send();
        assert!(flood(&mut harness, &bytes).0 > 0, "it goes on afterwards");
    }
}

#[test]
fn a_flood_of_long_writes_is_bounded() {
    let mut harness = Harness::serving(SECTORS, false, true);
    harness.pool = Pool::new(32 << 20);
    let bound = limits::payload_bytes(harness.pool.memory().1);
    let (_, requests) = flood(&mut harness, &write(0, 1, 0, &vec![1; 8 << 20]));
    assert!(held(&requests) <= bound && held(&requests) > bound / 2);
    requests.into_iter().for_each(|request| harness.answer(request));
    assert!(!flood(&mut harness, &[0; 512]).1.is_empty(), "it goes on afterwards");
}

#[test]
fn a_flood_of_options_is_bounded() {
    let exports = (0..40).map(|i| export(&format!("{i}{}", "n".repeat(2000)), 8, true)).collect();
    let mut harness = Harness::new(exports, true);
    harness.feed_cut(&hello(3), |left| left);
    let list = option(3, &[]);
    let [_, space] = harness.session.space();
    let script = list.repeat(30);
    space[..script.len()].copy_from_slice(&script);
    harness.session.received(script.len());
    let one_list = 40 * 2100;
    assert!(unsent(&harness) < limits::REPLY_BYTES + one_list, "{} bytes", unsent(&harness));
    harness.turn();
    let mut reader = harness.sent();
    reader.greeting();
    assert!(reader.left() > 30 * 40 * 2000, "all are answered once the client reads");
}

#[test]
fn garbage_after_the_handshake_ends_the_connection() {
    let mut harness = Harness::serving(SECTORS, true, true);
    harness.feed(&read(1, 0, 512));
    harness.feed(&[0xA5; 28]);
    let Some(Finish::Broken(text)) = harness.session.finished() else { panic!("it goes on") };
    assert!(text.contains("0xa5a5a5a5"), "{text}");
    assert!(harness.session.space().iter().all(|space| space.is_empty()));
    assert!(harness.session.next_request(&harness.pool).is_none());
}

#[test]
fn a_client_may_vanish_at_any_byte_of_a_request() {
    let script = [read(1, 0, 512), write(0, 2, 0, &pattern(0, 1024)), read(3, 512, 512)].concat();
    let clean = [0, 28, 28 + 28 + 1024, script.len()];
    for is_read_only in [false, true] {
        for end in 0..=script.len() {
            let mut harness = Harness::serving(8, is_read_only, false);
            harness.feed(&script[..end]);
            harness.session.received(0);
            harness.turn();
            let finish = harness.session.finished();
            match clean.contains(&end) {
                true => assert_eq!(finish, Some(Finish::Closed), "after {end} bytes"),
                false => assert!(matches!(finish, Some(Finish::Broken(_))), "after {end} bytes"),
            }
        }
    }
}

#[test]
fn buffers_come_back_from_a_client_that_vanished() {
    let count = |pool: &Pool| std::iter::from_fn(|| pool.take(1).ok()).collect::<Vec<_>>().len();
    let pool = Pool::new(16 << 20);
    let free = count(&pool);
    for is_read_only in [false, true] {
        let mut harness = Harness::serving(SECTORS, is_read_only, true);
        harness.pool = pool.clone();
        let script = [read(1, 0, 3 << 20), write(0, 2, 0, &pattern(0, 5000))].concat();
        let [_, space] = harness.session.space();
        space[..4000].copy_from_slice(&script[..4000]);
        harness.session.received(4000);
        let mut requests: Vec<_> =
            std::iter::from_fn(|| harness.session.next_request(&pool)).collect();
        requests.drain(..4).for_each(|request| harness.answer(request));
        harness.session.received(0);
        requests.extend(std::iter::from_fn(|| harness.session.next_request(&pool)));
        assert!(matches!(harness.session.finished(), Some(Finish::Broken(_))));
        // The caller drops the session, and the replies that come for it.
        drop((harness, requests));
        assert_eq!(count(&pool), free);
    }
}

#[test]
fn a_reply_without_a_request_is_dropped() {
    let mut harness = Harness::serving(SECTORS, true, true);
    for cookie in [0, 77, u64::MAX] {
        let buffer = harness.pool.take(512).expect("the test knows its numbers");
        harness.session.reply(cookie, Ok(()), Some(buffer));
    }
    assert_eq!((unsent(&harness), harness.session.finished()), (0, None));
}

#[test]
fn the_state_is_told_for_the_log() {
    let mut harness = Harness::new(vec![export("a\n", 8, true)], true);
    harness.feed(&[hello(3), option(999, &[])].concat());
    assert!(harness.session.describe().contains("1 options"), "{}", harness.session.describe());
    harness.feed(&option(7, &info_query("a\n", &[])));
    let text = harness.session.describe();
    assert!(text.contains("export \"a\\n\", 0 requests"), "{text}");
}
