//! A hosted array through [`Drive`]: the bytes, the order of threads, and a clean end.

use crate::rig::{content, mirror};
use paritas_disk::{Disk, FaultKind, MemoryDisk};
use paritas_engine::{Array, Config, Drive, HostError, HostRequest, HostWork, MemberState};
use paritas_runtime::{Hosted, HostingError};
use paritas_units::{Level, SectorRange};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn read(hosted: &mut Hosted, cookie: u64, range: SectorRange) -> bool {
    let bytes = usize::try_from(range.len.0 * 512).expect("small");
    let Ok(buffer) = hosted.pool().take(bytes) else { return false };
    hosted.submit(HostRequest { cookie, work: HostWork::Read(range), buffer: Some(buffer) });
    true
}

#[test]
fn an_array_is_read_whole_with_one_to_three_shards() {
    let content = content(60_000);
    for shards in 1..=3 {
        let mut hosted = mirror(&content, shards);
        let (mut at, mut replies, mut answered) = (0, Vec::new(), 0);
        while answered < 60_000 {
            while at < 60_000 {
                let len = (60_000 - at).min(1 + at % 2048);
                if !read(&mut hosted, at, SectorRange::new(at, len)) {
                    break;
                }
                at += len;
            }
            hosted.wait(&mut replies);
            for reply in replies.drain(..) {
                reply.result.expect("nothing fails");
                let buffer = reply.buffer.expect("the buffer comes back");
                let start = usize::try_from(reply.cookie * 512).expect("small");
                assert!(buffer.bytes() == &content[start..start + buffer.len()]);
                answered += u64::try_from(buffer.len()).expect("small") / 512;
            }
        }
        assert_eq!(hosted.in_flight(), 0);
        hosted.stop();
    }
}

#[test]
fn what_the_gate_refuses_comes_back_with_its_buffer() {
    let mut hosted = mirror(&content(100), 2);
    let range = SectorRange::new(0, 8);
    let buffer = hosted.pool().take(4096).expect("the pool is fresh");
    let work = HostWork::Write { range, durable: false };
    hosted.submit(HostRequest { cookie: 5, work, buffer: Some(buffer) });
    hosted.submit(HostRequest { cookie: 6, work: HostWork::Flush, buffer: None });
    let mut replies = Vec::new();
    while hosted.in_flight() > 0 {
        hosted.wait(&mut replies);
    }
    replies.sort_by_key(|reply| reply.cookie);
    let results: Vec<_> =
        replies.iter().map(|reply| (reply.cookie, reply.result.clone())).collect();
    assert_eq!(results, [(5, Err(HostError::ReadOnly)), (6, Ok(()))]);
    assert!(replies[0].buffer.is_some());
}

#[test]
fn waiting_for_nothing_returns_at_once() {
    let mut replies = Vec::new();
    mirror(&content(8), 1).wait(&mut replies);
    assert!(replies.is_empty());
}

#[test]
fn stopping_with_requests_under_way_ends() {
    let content = content(40_000);
    for shards in 1..=3 {
        let mut hosted = mirror(&content, shards);
        for number in 0..20 {
            read(&mut hosted, number, SectorRange::new(number * 1900, 1900));
        }
        hosted.stop();
    }
}

#[test]
fn an_assembly_that_does_not_fit_is_refused() {
    let assembly = crate::rig::assembly(Level::Raid1, 2, 1000);
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::from_bytes("a", &content(1000)));
    let short: Arc<dyn Disk> = Arc::new(MemoryDisk::from_bytes("b", &content(999)));
    let refused = Hosted::start(&assembly, vec![Arc::clone(&disk)], &Config::default());
    assert!(matches!(refused, Err(HostingError::Array(_))));
    let refused = Hosted::start(&assembly, vec![Arc::clone(&disk), short], &Config::default());
    let text = refused.expect_err("a member is truncated").to_string();
    assert!(text.contains("disk-1.img has 999 sectors"), "{text}");
    let config = Config { shards: 1, pool_bytes: 1 << 20 };
    let refused = Hosted::start(&assembly, vec![Arc::clone(&disk), disk], &config);
    let text = refused.expect_err("too little memory").to_string();
    assert!(text.contains("are needed"), "{text}");
}

/// A disk that is gone.
#[derive(Debug)]
struct Gone(MemoryDisk);

impl Disk for Gone {
    fn facts(&self) -> &paritas_disk::Facts {
        self.0.facts()
    }

    fn read(&self, at: paritas_units::Sector, _: &mut [u8]) -> Result<(), paritas_disk::Fault> {
        Err(paritas_disk::Fault { kind: FaultKind::Gone, at })
    }

    fn write(
        &self,
        at: paritas_units::Sector,
        _: &[u8],
        _: bool,
    ) -> Result<(), paritas_disk::Fault> {
        Err(paritas_disk::Fault { kind: FaultKind::Gone, at })
    }

    fn flush(&self) -> Result<(), paritas_disk::Fault> {
        Ok(())
    }

    fn discard(
        &self,
        at: paritas_units::Sector,
        _: paritas_units::Sectors,
    ) -> Result<(), paritas_disk::Fault> {
        Err(paritas_disk::Fault { kind: FaultKind::Gone, at })
    }

    fn write_zeroes(
        &self,
        at: paritas_units::Sector,
        _: paritas_units::Sectors,
    ) -> Result<(), paritas_disk::Fault> {
        Err(paritas_disk::Fault { kind: FaultKind::Gone, at })
    }
}

#[test]
fn a_member_that_goes_is_noticed_by_all_shards() {
    let content = content(40_000);
    let assembly = crate::rig::assembly(Level::Raid1, 2, 40_000);
    let good: Arc<dyn Disk> = Arc::new(MemoryDisk::from_bytes("a", &content));
    let gone: Arc<dyn Disk> = Arc::new(Gone(MemoryDisk::from_bytes("b", &content)));
    let config = Config { shards: 2, pool_bytes: 32 << 20 };
    let mut hosted = Hosted::start(&assembly, vec![gone, good], &config).expect("it starts");
    let mut replies = Vec::new();
    for number in 0..20 {
        assert!(read(&mut hosted, number, SectorRange::new(number * 1900, 8)));
    }
    while hosted.in_flight() > 0 {
        hosted.wait(&mut replies);
    }
    assert_eq!(replies.len(), 20);
    for reply in &replies {
        reply.result.as_ref().expect("the other member serves");
        let start = usize::try_from(reply.cookie * 1900 * 512).expect("small");
        let buffer = reply.buffer.as_ref().expect("the buffer comes back");
        assert!(buffer.bytes() == &content[start..start + 4096]);
    }
    // The array's own thread hears of it beside the replies.
    let is_faulty = |array: &Array| array.members()[0].state() == MemberState::Faulty;
    let began = Instant::now();
    while !hosted.with_array(is_faulty) {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody noticed");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until something is true, which it must become soon.
fn await_that(hosted: &Hosted, is_true: impl FnMut(&paritas_engine::Array) -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    assert!(hosted.wait_until(is_true, Some(deadline)), "it does not come true");
}

#[test]
fn e05_a_member_is_exchanged_while_the_array_is_hosted_and_its_disk_let_go_of() {
    let content = content(4096);
    let disk = |name: &str| -> Arc<dyn Disk> { Arc::new(MemoryDisk::from_bytes(name, &content)) };
    let (first, second) = (disk("a"), disk("b"));
    let watched = Arc::downgrade(&first);
    let mut assembly = crate::rig::assembly(Level::Raid1, 2, 4096);
    assembly.access = paritas_engine::Access::ReadWrite;
    let config = Config { shards: 2, pool_bytes: 32 << 20 };
    let mut hosted = Hosted::start(&assembly, vec![first, second], &config).expect("it starts");
    let id = paritas_units::MemberId(0);
    hosted.ask(move |array| array.fail_member(id)).expect("the other one stands in");
    await_that(&hosted, |array| array.check_removable(id).is_ok());
    hosted.ask(move |array| array.remove_member(id)).expect("nothing is under way on it");
    let new: Arc<dyn Disk> = Arc::new(MemoryDisk::new("c", paritas_units::Sectors(4096)));
    let spare = |name: &str| paritas_engine::SpareStart {
        name: name.to_owned(),
        descriptor: paritas_units::Descriptor(0),
        data_offset: paritas_units::Sector(0),
        superblock: None,
    };
    let identity = paritas_format::DeviceUuid([3; 16]);
    let short: Arc<dyn Disk> = Arc::new(MemoryDisk::new("d", paritas_units::Sectors(4095)));
    let refused = hosted.add_spare(spare("d"), identity, &short);
    assert!(matches!(refused, Err(paritas_engine::AddError::TooSmall { .. })), "{refused:?}");
    let id = hosted.add_spare(spare("c"), identity, &new).expect("it is large enough");
    let state = |array: &paritas_engine::Array| array.members()[usize::from(id.0)].state();
    await_that(&hosted, |array| state(array) == paritas_engine::MemberState::InSync);
    assert!(read(&mut hosted, 5, SectorRange::new(0, 2048)));
    let mut replies = Vec::new();
    hosted.wait(&mut replies);
    replies[0].result.as_ref().expect("it is read");
    let mut copy = vec![0; content.len()];
    new.read(paritas_units::Sector(0), &mut copy).expect("memory does not fail");
    assert!(copy == content, "it was rebuilt");
    // Every thread has let go of the disks that are not used; at most a turn later.
    let is_past = hosted.wait_until(|_| false, Some(std::time::Instant::now()));
    assert!(!is_past, "a deadline that is over");
    await_that(&hosted, |_| watched.upgrade().is_none() && Arc::strong_count(&short) == 1);
    hosted.stop();
}
