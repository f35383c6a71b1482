//! `paritas create`, then `assemble --foreground`: written by real NBD clients, stopped, and read back
//! from the members by `copy`, whole and without any one member.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BYTES: usize = 20 << 20;

fn paritas(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paritas"));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A running array; killed when the test fails.
struct Hosted(Child);

impl Drop for Hosted {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, members: &[String], uri: &str) -> Hosted {
    let mut command = paritas(folder);
    command.args(["assemble", "md0", "--foreground", "--serve", uri]).args(members);
    let child = Hosted(command.spawn().expect("it starts"));
    let began = Instant::now();
    while !folder.join("socket").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn stop(mut hosted: Hosted) {
    let id = i32::try_from(hosted.0.id()).expect("a process number");
    succeeds(Command::new("kill").args(["-TERM", &id.to_string()]));
    assert!(hosted.0.wait().expect("it ends").success(), "it ends well");
}

fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let word = |at: u64| (at + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    (0..bytes as u64 / 8).flat_map(word).collect()
}

fn check(folder: &Path, members: &[String], wanted: &[u8]) {
    let out = folder.join("copied");
    succeeds(paritas(folder).arg("copy").args(members).arg(&out));
    let copied = std::fs::read(&out).expect("a copy");
    std::fs::remove_file(&out).expect("it is there");
    assert!(copied == wanted, "wrong content from {members:?}");
}

fn round(words: &[&str], count: usize, may_lose_one: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let members: Vec<String> = (0..count).map(|number| format!("m{number}.img")).collect();
    let mut create = paritas(folder);
    let has_bitmap = words.contains(&"internal");
    create.args(["create", "md0", "--no-start", "--assume-clean", "--member-size", "16M"]);
    if !has_bitmap {
        create.args(["-b", "none"]);
    }
    succeeds(create.args(["-n", &count.to_string()]).args(words).args(&members));
    let socket: PathBuf = folder.join("socket");
    let uri = format!("nbd+unix:///array?socket={}", socket.display());
    let hosted = start(folder, &members, &uri);
    let size = Command::new("nbdinfo").args(["--size", &uri]).output().expect("nbdinfo runs");
    let size: usize = String::from_utf8_lossy(&size.stdout).trim().parse().expect("a size");
    assert!(size > 0 && size < 4 * BYTES);
    let mut wanted = content(3, size);
    std::fs::write(folder.join("new"), &wanted).expect("written");
    succeeds(Command::new("nbdcopy").current_dir(folder).args(["--flush", "new", &uri]));
    let odd = ["write -P 0x5a 5000 7000", "write -P 0x33 1000000 333333", "write -z 2000000 99000"];
    let mut client = Command::new("qemu-io");
    client.args(["-f", "raw"]);
    for command in odd {
        client.args(["-c", command]);
    }
    succeeds(client.arg(&uri));
    for (byte, at, len) in [(0x5a, 5000, 7000), (0x33, 1_000_000, 333_333), (0, 2_000_000, 99_000)]
    {
        wanted[at..at + len].fill(byte);
    }
    stop(hosted);
    assert!(!socket.exists(), "the socket is removed");
    check(folder, &members, &wanted);
    for member in members.iter().filter(|_| has_bitmap) {
        let output = paritas(folder).args(["examine-bitmap", member]).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("dirty (100.0%)"), "{member}: {text}");
    }
    for lost in (0..count).filter(|_| may_lose_one) {
        let left: Vec<String> = members
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != lost)
            .map(|(_, one)| one.clone())
            .collect();
        check(folder, &left, &wanted);
    }
}

#[test]
fn raid5_is_written_and_read_without_any_member() {
    round(&["-l", "5", "-c", "64"], 3, true);
}

#[test]
fn raid6_with_old_metadata_is_written_and_read_without_any_member() {
    round(&["-l", "6", "-c", "16", "-e", "0.90"], 4, true);
}

#[test]
fn raid10_is_written_and_read_without_any_member() {
    round(&["-l", "10", "-p", "f2", "-c", "32"], 3, true);
}

#[test]
fn raid0_is_written_and_read() {
    round(&["-l", "0", "-c", "64"], 3, false);
}

#[test]
fn arrays_with_a_bitmap_are_written_with_all_of_its_bits_set() {
    round(&["-l", "1", "-b", "internal"], 2, true);
    round(&["-l", "5", "-c", "64", "-e", "1.0", "-b", "internal"], 3, true);
}

#[test]
fn an_array_with_a_bitmap_that_cannot_be_used_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut create = paritas(folder);
    create.args([
        "create",
        "md0",
        "--no-start",
        "-l",
        "1",
        "-n",
        "2",
        "--assume-clean",
        "-b",
        "internal",
    ]);
    succeeds(create.args(["--member-size", "16M", "a.img", "b.img"]));
    for name in ["a.img", "b.img"] {
        let mut bytes = std::fs::read(folder.join(name)).expect("read");
        // The version of a bitmap that lies eight sectors behind a 1.2 superblock.
        bytes[16 * 512 + 4] = 77;
        std::fs::write(folder.join(name), bytes).expect("written");
    }
    let before = std::fs::read(folder.join("a.img")).expect("read");
    let output = paritas(folder)
        .args(["assemble", "md0", "--foreground", "a.img", "b.img"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("write-intent bitmap"), "{text}");
    assert!(text.contains("next: "), "{text}");
    assert!(std::fs::read(folder.join("a.img")).expect("read") == before, "nothing was written");
}
