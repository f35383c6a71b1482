//! Real clients through the runtime: sockets, shards and the engine, on members in memory.

use crate::{prints, run};
use paritas_disk::decorator::{FaultDisk, Kind, Rule};
use paritas_disk::{Disk, FaultKind, MemoryDisk};
use paritas_door_nbd::{NbdSession, Settings};
use paritas_engine::{Assembly, Config, Drive, Export, MemberStart};
use paritas_personality::{Raid0Default, Shape, personality};
use paritas_runtime::{Hosted, Limits, Listen, Serving};
use paritas_units::{Chunk, Descriptor, Level, Seat, Sector, SectorRange, Sectors, Slot};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const MEMBERS: u16 = 4;
const CHUNK: usize = 64 << 10;
const MEMBER_BYTES: usize = 12 << 20;

/// A raid0 on members in memory, served at a socket.
struct Running {
    directory: TempDir,
    serving: Serving,
    hosted: Hosted,
    content: Vec<u8>,
}

fn content() -> Vec<u8> {
    let sector = |number: u64| {
        let mut sector = [u8::try_from(number % 251).expect("small"); 512];
        sector[..8].copy_from_slice(&number.to_le_bytes());
        sector
    };
    (0..(MEMBER_BYTES * usize::from(MEMBERS) / 512) as u64).flat_map(sector).collect()
}

/// The chunks of `content` that are on member `number`.
fn member(content: &[u8], number: u16) -> Vec<u8> {
    let chunks = content.chunks(CHUNK).skip(usize::from(number)).step_by(usize::from(MEMBERS));
    chunks.flatten().copied().collect()
}

fn assembly() -> Assembly {
    let component = Sectors::whole_in(MEMBER_BYTES as u64);
    let shape = Shape {
        level: Level::Raid0,
        layout: 0,
        chunk: Chunk(128),
        slots: MEMBERS,
        component,
        data_sizes: vec![component; usize::from(MEMBERS)],
        raid0_default: Raid0Default::Alternate,
    };
    let start = |number| MemberStart {
        name: format!("disk-{number}.img"),
        descriptor: Descriptor(number),
        slot: Slot(number),
        seat: Seat::Original,
        data_offset: Sector(0),
        recovery_offset: Sector::MAX,
        is_write_mostly: false,
        bad_blocks: Vec::new(),
        superblock: None,
    };
    Assembly {
        name: "test".to_owned(),
        geometry: personality(Level::Raid0).expect("raid0").arrange(&shape).expect("a good shape"),
        members: (0..MEMBERS).map(start).collect(),
        spares: Vec::new(),
        resync_offset: Sector::MAX,
        access: paritas_engine::Access::ReadOnly,
    }
}

impl Running {
    fn start(shards: u16) -> Self {
        Self::with(shards, |disk, _| disk)
    }

    /// With `wrap` around each member.
    fn with(shards: u16, wrap: impl Fn(Arc<dyn Disk>, u16) -> Arc<dyn Disk>) -> Self {
        let content = content();
        let disks = (0..MEMBERS).map(|number| {
            let name = format!("disk-{number}.img");
            wrap(Arc::new(MemoryDisk::from_bytes(&name, &member(&content, number))), number)
        });
        let config = Config { shards, pool_bytes: 64 << 20 };
        let hosted = Hosted::start(&assembly(), disks.collect(), &config).expect("it starts");
        let directory = tempfile::tempdir().expect("a directory for the socket");
        let exports: Arc<[Export]> = Arc::new([Export {
            name: "photos".to_owned(),
            description: "of summer".to_owned(),
            sectors: Sectors::whole_in(content.len() as u64),
            is_read_only: true,
            preferred_block: 4096,
        }]);
        let listen = Listen::Unix(directory.path().join("nbd.sock"));
        let serving = hosted.serve(&listen, Limits::default(), move |peer| {
            let settings = Settings { may_list: peer.is_local, allocation: None, guest: None };
            Box::new(NbdSession::new(Arc::clone(&exports), settings))
        });
        Self { directory, serving: serving.expect("it listens"), hosted, content }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn uri(&self) -> String {
        format!("nbd+unix:///photos?socket={}", self.path("nbd.sock").display())
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.path("nbd.sock")).expect("somebody listens")
    }

    /// Copies everything with nbdcopy and compares it.
    fn copies(&self, words: &[&str]) {
        let out = self.path("out");
        let uri = self.uri();
        let all = [words, &[&uri, out.to_str().expect("UTF-8")]].concat();
        prints("nbdcopy", &all);
        assert!(std::fs::read(&out).expect("a copy") == self.content, "{words:?}");
        std::fs::remove_file(out).expect("it is there");
    }

    fn stop(self) {
        let socket = self.path("nbd.sock");
        drop(self.serving);
        assert!(!socket.exists(), "the socket goes with its server");
        self.hosted.stop();
    }
}

#[test]
fn the_tools_read_an_array_over_one_to_three_shards() {
    for shards in 1..=3 {
        let running = Running::start(shards);
        let mode = running.path("nbd.sock").metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(prints("nbdinfo", &["--list", &running.uri()]).contains("of summer"));
        assert!(prints("nbdinfo", &["--map", &running.uri()]).contains("50331648"));
        running.copies(&[]);
        running.copies(&["--connections=8", "--threads=8", "--requests=64"]);
        running.copies(&["--synchronous", "--request-size=33554432"]);
        let same = running.path("same");
        std::fs::write(&same, &running.content).expect("a file");
        let same = same.to_str().expect("UTF-8");
        let words = ["compare", "-f", "raw", "-F", "raw", &running.uri(), same];
        assert!(prints("qemu-img", &words).contains("identical"));
        running.stop();
    }
}

#[test]
fn fio_reads_with_several_jobs() {
    let running = Running::start(2);
    let uri = format!("--uri={}", running.uri());
    let load = ["--name=mix", "--ioengine=nbd", "--rw=randread", "--bssplit=4k/70:128k/20:1m/10"];
    let rest = ["--iodepth=32", "--numjobs=4", "--size=48m", "--io_size=32m", "--readonly"];
    let state = format!("--aux-path={}", running.path("").display());
    prints("fio", &[&load[..], &rest[..], &[&uri, &state]].concat());
    running.stop();
}

#[test]
fn nbdsh_reads_the_longest_and_the_oddest() {
    let running = Running::start(2);
    let file = running.path("expected");
    std::fs::write(&file, &running.content).expect("a file");
    for structured in ["True", "False"] {
        let script = format!(
            r#"
h.set_request_structured_replies({structured})
h.connect_uri("{uri}")
expected = open("{file}", "rb").read()
for offset, length in [(0, 1), (511, 2), (65535, 2), (131000, 70000), (12345, 3 << 20), (777, 32 << 20)]:
    assert bytes(h.pread(length, offset)) == expected[offset:offset + length], (offset, length)
h.shutdown()
"#,
            uri = running.uri(),
            file = file.display()
        );
        prints("nbdsh", &["-c", &script]);
    }
    running.stop();
}

#[test]
fn an_unreadable_sector_fails_its_reads_only() {
    let bad = SectorRange::new(1000, 1);
    let running = Running::with(2, |disk, number| {
        let faulty = FaultDisk::new(disk);
        if number == 1 {
            faulty.add(Rule::at(Kind::Read, bad, FaultKind::Io));
        }
        Arc::new(faulty)
    });
    // Sector 1000 of member 1 is in its chunk 7: chunk 29 of the array, 104 sectors in.
    let position = (29 * 128 + 104) * 512;
    let script = format!(
        r#"
h.connect_uri("{uri}")
for offset, length in [({position}, 512), ({position} - 4096, 8192), (0, 32 << 20)]:
    try:
        h.pread(length, offset)
        assert False
    except nbd.Error as error:
        assert error.errno == "EIO", error
assert len(h.pread(512, {position} - 512)) == 512
assert len(h.pread(32 << 20, 16 << 20)) == 32 << 20
h.shutdown()
"#,
        uri = running.uri()
    );
    prints("nbdsh", &["-c", &script]);
    assert!(!run("nbdcopy", &[&running.uri(), "null:"]).status.success());
    running.stop();
}

/// What a client sends to come to its requests, without structured replies.
fn preamble() -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 3];
    bytes.extend(b"IHAVEOPT\0\0\0\x07\0\0\0\x0c\0\0\0\x06photos\0\0");
    bytes
}

fn read_request(cookie: u64, offset: u64, len: u32) -> Vec<u8> {
    let mut bytes = vec![0x25, 0x60, 0x95, 0x13, 0, 0, 0, 0];
    bytes.extend(cookie.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend(len.to_be_bytes());
    bytes
}

#[test]
fn clients_that_vanish_or_talk_nonsense_leave_no_trace() {
    let running = Running::start(2);
    let script = [preamble(), read_request(1, 0, 32 << 20), read_request(2, 0, 8 << 20)].concat();
    // More clients than may be connected at once: each must free its place.
    for end in (0..40).map(|i| i * script.len() / 39) {
        let mut stream = running.connect();
        // A client too many is let go at once, and may hear of it here.
        let _ = stream.write_all(&script[..end]);
        drop(stream);
    }
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], b"\0\0\0\x03IHAVENOTHING AT ALL"]
    {
        let mut stream = running.connect();
        let _ = stream.write_all(nonsense);
        let mut answer = Vec::new();
        // The end may come as a reset, since what we sent was not read to its end.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() <= 18, "nothing but the greeting: {} bytes", answer.len());
    }
    let mut child = Command::new("nbdcopy")
        .args([&running.uri(), "null:"])
        .stderr(Stdio::null())
        .spawn()
        .expect("nbdcopy, of libnbd-bin");
    child.kill().and_then(|()| child.wait()).expect("it ends");
    running.copies(&["--connections=8"]);
    running.stop();
}

#[test]
fn a_client_that_does_not_read_does_not_stop_the_others() {
    let running = Running::start(2);
    let mut lazy = running.connect();
    lazy.write_all(&preamble()).expect("it is taken");
    for cookie in 0..20 {
        lazy.write_all(&read_request(cookie, cookie * 512, 4 << 20)).expect("it is taken");
    }
    running.copies(&["--connections=4"]);
    // Greeting, then INFO_EXPORT, INFO_BLOCK_SIZE and the acknowledgement.
    let mut before = vec![0; 18 + (20 + 12) + (20 + 14) + 20];
    lazy.read_exact(&mut before).expect("the handshake");
    for _ in 0..20 {
        let mut reply = vec![0; 16 + (4 << 20)];
        lazy.read_exact(&mut reply).expect("a reply");
        let cookie = u64::from_be_bytes(reply[8..16].try_into().expect("eight bytes"));
        let start = usize::try_from(cookie).expect("small") * 512;
        assert_eq!(reply[4..8], [0; 4]);
        assert!(reply[16..] == running.content[start..start + (4 << 20)], "read {cookie}");
    }
    running.stop();
}

#[test]
fn a_handshake_that_dribbles_on_is_cut_off_and_a_client_that_has_chosen_may_rest() {
    let running = Running::start(1);
    let handshake = Duration::from_millis(100);
    let path = running.path("hasty.sock");
    let exports: Arc<[Export]> = Arc::new([Export {
        name: "photos".to_owned(),
        description: String::new(),
        sectors: Sectors::whole_in(running.content.len() as u64),
        is_read_only: true,
        preferred_block: 4096,
    }]);
    let limits = Limits { handshake, ..Limits::default() };
    let serving = running.hosted.serve(&Listen::Unix(path.clone()), limits, move |_| {
        Box::new(NbdSession::new(Arc::clone(&exports), Settings::default()))
    });
    let serving = serving.expect("it listens");
    let connect = || UnixStream::connect(&path).expect("somebody listens");
    let mut chosen = connect();
    chosen.write_all(&preamble()).expect("it is taken");
    let mut before = vec![0; 18 + (20 + 12) + (20 + 14) + 20];
    chosen.read_exact(&mut before).expect("the handshake");

    // An option of 60,000 bytes is allowed; at this pace it would take a minute.
    let mut slow = connect();
    slow.write_all(b"\0\0\0\x03IHAVEOPT\0\0\0\x07\0\0\xea\x60").expect("it is taken");
    let sent = (0..60_000).take_while(|_| {
        std::thread::sleep(Duration::from_millis(1));
        slow.write_all(&[0]).is_ok()
    });
    assert!(sent.count() < 60_000, "nobody cut it off");
    let mut silent = connect();
    let mut greeting = Vec::new();
    silent.read_to_end(&mut greeting).expect("an end");
    assert_eq!(greeting.len(), 18, "nothing but the greeting");

    chosen.write_all(&read_request(1, 512, 512)).expect("it is taken");
    let mut reply = [0; 16 + 512];
    chosen.read_exact(&mut reply).expect("a reply");
    assert_eq!(reply[16..], running.content[512..1024]);
    drop(serving);
    running.stop();
}

#[test]
fn payload_of_all_clients_together_is_bounded_by_the_pool() {
    assert!(Config::default().pool_bytes <= 256 << 20, "as SECURITY.md says");
    let running = Running::start(2);
    let in_use = || {
        let classes = running.hosted.pool().stats().classes;
        let all: usize = classes.iter().map(|class| class.bytes * class.total).sum();
        let free: usize = classes.iter().map(|class| class.bytes * class.free).sum();
        (all, all - free)
    };
    let clients: Vec<UnixStream> = (0..12)
        .map(|_| {
            let mut lazy = running.connect();
            lazy.write_all(&preamble()).expect("it is taken");
            for cookie in 0..20 {
                lazy.write_all(&read_request(cookie, 0, 4 << 20)).expect("it is taken");
            }
            lazy
        })
        .collect();
    // They want 960 MiB; wait until as much is held as can be.
    while in_use().1 < 16 << 20 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (all, held) = in_use();
    assert!(all <= 64 << 20 && held <= all, "{held} of {all}");
    drop(clients);
    running.copies(&["--connections=4"]);
    let (_, held) = in_use();
    assert!(held < 16 << 20, "{held} bytes are still held");
    running.stop();
}
