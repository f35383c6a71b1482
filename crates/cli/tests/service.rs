//! Arrays in a service: the whole life of one, as a user leads it, and what the service refuses.
//!
//! Each test has a service of its own, which ends by itself after its last array.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Rig {
    folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn uri(&self) -> String {
        format!("nbd+unix:///array?socket={}", self.path("door").display())
    }

    fn run(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paritas"));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PARITAS_CONTROL", self.path("control")).args(words.split_whitespace());
        command.output().expect("it runs")
    }

    /// Runs what must succeed; gives what it printed.
    fn does(&self, words: &str) -> String {
        let output = self.run(words);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}: {text}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs what must be refused; gives what it said.
    fn refuses(&self, words: &str) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{words} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn tool(&self, program: &str, words: &[&str]) {
        let output = Command::new(program).current_dir(self.folder.path()).args(words).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{program} {words:?}: {text}");
    }

    /// Waits until no service is there any more.
    fn ends(&self) {
        let began = Instant::now();
        while self.path("control").exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "the service goes on for ever");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // What a failed test leaves behind.
        let _ = self.run("stop --scan --force");
    }
}

fn content(bytes: usize) -> Vec<u8> {
    let word = |at: u64| (at + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    (0..bytes as u64 / 8).flat_map(word).collect()
}

#[test]
fn members_fail_are_replaced_and_nothing_is_lost() {
    let rig = Rig::new();
    let uri = rig.uri();
    rig.does(&format!(
        "create md0 -l 6 -n 5 -c 16 -b none --member-size 12M a b c d e --serve {uri}"
    ));
    assert!(rig.does("status").contains("md0 : active raid6 e[4] d[3] c[2] b[1] a[0]"));
    let wanted = content(24 << 20);
    std::fs::write(rig.path("new"), &wanted).expect("written");
    rig.tool("nbdcopy", &["--flush", "new", &uri]);
    rig.run("wait md0 --quiet");
    rig.does("fail md0 b ./c");
    assert!(rig.does("status").contains("[5/3] [U__UU]"));
    assert_eq!(rig.run("detail --test md0").status.code(), Some(1), "degraded");
    rig.does("remove md0 failed");
    rig.does("add md0 f g --member-size 12M");
    rig.run("wait md0 --quiet");
    assert!(rig.does("status").contains("[5/5] [UUUUU]"));
    rig.does("action md0 check");
    rig.run("wait md0 --quiet");
    let detail = rig.does("detail md0");
    assert!(detail.contains("Working Devices : 5"), "{detail}");
    assert!(detail.contains(&format!("{}", rig.path("g").display())), "{detail}");
    // Two more go, and the content is computed from what was rebuilt.
    rig.does("fail md0 a d");
    rig.tool("nbdcopy", &[&uri, "back"]);
    let back = std::fs::read(rig.path("back")).expect("read");
    assert!(back[..wanted.len()] == wanted, "the content is the same");
    rig.does("stop md0");
    assert!(!rig.does("status").contains("md0"));
    rig.ends();
    rig.does("copy e f g copied");
    let copied = std::fs::read(rig.path("copied")).expect("read");
    assert!(copied[..wanted.len()] == wanted, "the content is the same");
}

#[test]
fn an_array_is_filled_from_a_file_and_served_at_more_places() {
    let rig = Rig::new();
    let wanted = content(5 << 20);
    std::fs::write(rig.path("from"), &wanted).expect("written");
    let refused = rig.refuses("create md0 -l 1 -n 2 --member-size 4M a b --from from -b none");
    assert!(refused.contains("nothing was written"), "{refused}");
    assert!(!rig.path("a").exists(), "nothing was made");
    rig.does("create photos -l 1 -n 2 -b none --member-size 8M a b --from from --quiet");
    let second = format!("nbd+unix:///x?socket={}", rig.path("second").display());
    rig.does(&format!("serve photos {second} --readonly"));
    rig.tool("nbdcopy", &[&second, "back"]);
    let back = std::fs::read(rig.path("back")).expect("read");
    assert!(back[..wanted.len()] == wanted && back[wanted.len()..].iter().all(|byte| *byte == 0));
    rig.does(&format!("unserve photos {second}"));
    assert!(!rig.path("second").exists());
    let refused = rig.refuses(&format!("unserve /dev/md/photos {second}"));
    assert!(refused.contains("not served at"), "{refused}");
    rig.does("readonly photos");
    assert!(rig.does("status").contains("photos : active (read-only) raid1"));
    let refused = rig.refuses("add photos c --member-size 8M");
    assert!(refused.contains("read-only"), "{refused}");
    rig.does("readwrite photos");
    rig.does("stop --scan");
    rig.ends();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let rig = Rig::new();
    let refused = rig.refuses("detail md0");
    assert!(refused.contains("no service runs") && refused.contains("next: "), "{refused}");
    rig.does("create md0 -l 5 -n 3 -b none --assume-clean --member-size 8M a b c --quiet");
    let refused = rig.refuses("assemble md1 a b c");
    assert!(refused.contains("locked"), "{refused}");
    let refused = rig.refuses("create md0 -l 1 -n 2 --member-size 8M x y --quiet -b none");
    assert!(refused.contains("md0 is running already"), "{refused}");
    let refused = rig.refuses("fail md0 z");
    assert!(refused.contains("its members are a b c"), "{refused}");
    let refused = rig.refuses("remove md0 a");
    assert!(refused.contains("in use"), "{refused}");
    let refused = rig.refuses("add md0 x");
    assert!(refused.contains("--overwrite=md"), "{refused}");
    rig.does("fail md0 c");
    let refused = rig.refuses("action md1 check");
    assert!(refused.contains("md1 is not running"), "{refused}");
    rig.does("stop md0");
    rig.ends();
    // A copy of the array cannot run beside it.
    for (from, to) in [("a", "a2"), ("b", "b2")] {
        std::fs::copy(rig.path(from), rig.path(to)).expect("copied");
    }
    rig.does("assemble md0 a b");
    let refused = rig.refuses("assemble md1 a2 b2");
    assert!(refused.contains("runs already"), "{refused}");
}

#[test]
fn clients_are_named_and_only_cut_off_by_force() {
    let rig = Rig::new();
    let uri = rig.uri();
    rig.does(&format!("create md0 -l 0 -n 2 --member-size 8M a b --serve {uri} --quiet"));
    let mut client = UnixStream::connect(rig.path("door")).expect("a client");
    client.read_exact(&mut [0; 8]).expect("it is greeted");
    let refused = rig.refuses("stop md0");
    assert!(refused.contains("has clients: ") && refused.contains("--force"), "{refused}");
    assert!(rig.does("status").contains("md0"));
    rig.does("stop --force md0");
    assert_eq!(client.read(&mut [0; 64]).map_or(0, |bytes| bytes.min(1)), 1, "it was greeted");
    rig.ends();
}

#[test]
fn after_a_kill_status_names_the_array_and_how_to_start_it() {
    let rig = Rig::new();
    rig.does("create md0 -l 1 -n 2 -b none --assume-clean --member-size 8M a b --quiet");
    let log = std::fs::read_to_string(rig.path("control.log")).expect("a log");
    assert!(log.contains("started"), "{log}");
    // Whoever holds the lock of the socket is the service.
    let control = rig.path("control");
    let pattern = format!("service --detached --control {}", control.display());
    rig.tool("pkill", &["-KILL", "-f", &pattern]);
    let began = Instant::now();
    while UnixStream::connect(&control).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60), "it lives");
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = rig.does("status");
    let (a, b) = (rig.path("a"), rig.path("b"));
    let next = format!("next: paritas assemble md0 {} {}", a.display(), b.display());
    assert!(status.contains("not running, dirty") && status.contains(&next), "{status}");
    // The kernel lets go of a dead process' files when its requests have ended.
    while !rig.run("assemble md0 a b").status.success() {
        assert!(began.elapsed() < Duration::from_secs(60), "its members stay locked");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!rig.does("status").contains("not running"));
    rig.does("stop md0");
    assert!(!rig.does("status").contains("md0"));
    rig.ends();
}

fn talk(path: &Path, request: &[u8]) -> String {
    let mut socket = UnixStream::connect(path).expect("the service listens");
    // A service that has heard enough closes, and may have answered before.
    let _ = socket.write_all(request);
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn hostile_requests_are_refused_and_the_service_goes_on() {
    let rig = Rig::new();
    rig.does("create md0 -l 1 -n 2 -b none --assume-clean --member-size 8M a b --quiet");
    let control = rig.path("control");
    let post = |path: &str, body: &str| {
        let length = body.len();
        let text = format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        talk(&control, text.as_bytes())
    };
    assert!(post("/v1/arrays/md1", "{}").starts_with("HTTP/1.1 400"));
    assert!(post("/v1/arrays/md1", r#"{"members":[]}"#).starts_with("HTTP/1.1 4"));
    let word = r#"{"word":"a","name":"a","path":"/a","start":0,"sectors":9,"device":[0,0]}"#;
    let unsent = post("/v1/arrays/md1", &format!(r#"{{"members":[{word}]}}"#));
    assert!(unsent.contains("one descriptor for each member"), "{unsent}");
    assert!(post("/v1/arrays/%ff", "{}").starts_with("HTTP/1.1 4"));
    assert!(post("/v1/arrays/md0/order", r#"{"order":"explode"}"#).starts_with("HTTP/1.1 400"));
    assert!(post("/v9/arrays", "").starts_with("HTTP/1.1 404"));
    let long = format!("POST /v1/arrays/x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{}", "x");
    assert!(!talk(&control, long.as_bytes()).contains("HTTP/1.1 200"));
    let huge = [
        b"POST /v1/arrays/x HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n".as_slice(),
        &vec![b'x'; 2_000_000],
    ]
    .concat();
    assert!(!talk(&control, &huge).contains("HTTP/1.1 200"));
    talk(&control, &[0, 255, 13, 10, 13, 10]);
    let get = talk(&control, b"GET /v1/arrays HTTP/1.1\r\n\r\n");
    assert!(get.starts_with("HTTP/1.1 200") && get.contains("\"md0\""), "{get}");
    rig.does("stop md0");
    rig.ends();
}

#[test]
fn a_member_that_is_behind_is_brought_in_by_force_only() {
    let rig = Rig::new();
    rig.does("create md0 -l 5 -n 3 -b none --assume-clean --member-size 8M a b c --quiet");
    rig.does("fail md0 c");
    rig.does("stop md0");
    rig.ends();
    let before = std::fs::read(rig.path("c")).expect("read");
    let refused = rig.refuses("assemble md0 a c");
    assert!(refused.contains("cannot assemble"), "{refused}");
    assert!(std::fs::read(rig.path("c")).expect("read") == before, "nothing was written");
    rig.does("assemble md0 a c --force");
    assert!(rig.does("status").contains("[3/2] [U_U]"));
    rig.does("stop md0");
    rig.ends();
}

#[test]
fn a_scan_starts_what_the_configuration_names_and_finds_the_rest() {
    let rig = Rig::new();
    let one = rig.does("create photos -l 1 -n 2 -b none --member-size 8M a1 a2 --no-start --json");
    rig.does("create md7 -l 1 -n 2 -b none --member-size 8M b1 b2 --no-start --quiet");
    let uuid = one.split("\"uuid\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let (uuid, folder) = (uuid.expect("its identity"), rig.folder.path().display());
    let config = format!("DEVICE {folder}/[ab]?\nARRAY /dev/md/pictures UUID={uuid}\nMAILADDR x\n");
    std::fs::write(rig.path("conf"), config).expect("written");
    rig.does("assemble --scan --config conf");
    let status = rig.does("status");
    assert!(status.contains("pictures : active raid1 a2[1] a1[0]"), "{status}");
    assert!(status.contains("raid1 b2[1] b1[0]"), "{status}");
    rig.does("stop --scan");
    rig.ends();
    std::fs::write(rig.path("none"), "DEVICE /nowhere/*\n").expect("written");
    let refused = rig.refuses("assemble --scan --config none");
    assert!(refused.contains("No arrays found"), "{refused}");
}
