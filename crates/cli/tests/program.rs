//! The program as its users run it: quickstart from end to end, and metadata brought back.

use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::{Command, Output};

fn paritas(directory: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paritas"));
    // Each test has a service of its own, in the directory that it works in.
    let control = if directory.ends_with("q") { "../control" } else { "control" };
    command.env("PARITAS_CONTROL", directory.join(control));
    command.args(words).current_dir(directory).output().expect("the program runs")
}

/// A directory whose arrays are stopped at the end.
struct Bench(tempfile::TempDir);

impl Bench {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        paritas(self.0.path(), &["stop", "--scan", "--force"]);
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn hash(path: &Path) -> Vec<u8> {
    Sha256::digest(std::fs::read(path).expect("a readable file")).to_vec()
}

/// A directory in which quickstart was run.
fn quickstarted() -> (Bench, Output) {
    let bench = Bench(tempfile::tempdir().expect("a directory"));
    let output = paritas(bench.path(), &["quickstart", "q"]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    (bench, output)
}

#[test]
fn quickstart_reads_the_array_whole_and_with_two_members_gone() {
    let (bench, output) = quickstarted();
    let text = stdout(&output);
    for words in [
        "raid6, 5 slots, whole, clean",
        "holds: ext4 \"photos\"",
        "whole again",
        "P and Q agree with the data everywhere",
        "[5/5] [UUUUU]",
        "Go on:",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    let again = |name: &str| hash(&bench.path().join("q").join(name));
    assert_eq!(again("array.img"), again("array-again.img"));
    let sums = include_str!("../../../oracle/fixtures/quickstart/SHA256SUMS");
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").expect("a line of sha256sum");
        let found: String = again(name).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum, "{name}");
    }
}

#[test]
fn quickstart_takes_a_new_directory_only() {
    let (bench, _) = quickstarted();
    let refused = paritas(bench.path(), &["quickstart", "q"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("q exists"), "{}", stderr(&refused));
    for name in ["paritas-quickstart", "paritas-quickstart-2"] {
        assert!(paritas(bench.path(), &["quickstart"]).status.success());
        assert!(bench.path().join(name).join("disk5.img").exists(), "{name}");
    }
}

#[test]
fn u35_a_wiped_superblock_comes_back_from_a_dump() {
    let (bench, _) = quickstarted();
    let q = bench.path().join("q");
    std::fs::create_dir(q.join("kept")).expect("a new directory");
    let dumped = paritas(&q, &["dump", "disk1.img", "disk2.img", "kept"]);
    assert!(dumped.status.success(), "{}", stderr(&dumped));
    let before = hash(&q.join("disk1.img"));
    let mut content = std::fs::read(q.join("disk1.img")).expect("a member");
    content[..8192].fill(0);
    std::fs::write(q.join("disk1.img"), content).expect("a writable member");
    assert_eq!(paritas(&q, &["examine", "disk1.img"]).status.code(), Some(1));
    let restored = paritas(&q, &["restore", "kept", "disk1.img"]);
    assert_eq!(stdout(&restored), "disk1.img restored from kept/disk1.img.\n");
    assert_eq!(restored.status.code(), Some(0));
    assert_eq!(hash(&q.join("disk1.img")), before);
}

#[test]
fn u35_refusals_end_with_mdadms_codes_and_change_nothing() {
    let (bench, _) = quickstarted();
    let q = bench.path().join("q");
    std::fs::create_dir(q.join("kept")).expect("a new directory");
    assert!(paritas(&q, &["dump", "disk1.img", "disk2.img", "kept"]).status.success());
    std::fs::rename(q.join("kept/disk2.img"), q.join("kept/disk4.img")).expect("a dump");
    // Of the length of the fifth member, so that only its identity speaks against it.
    let length = std::fs::metadata(q.join("disk5.img")).expect("a member").len();
    let other = std::fs::OpenOptions::new().write(true).open(q.join("kept/disk4.img"));
    other.expect("a dump").set_len(length).expect("a sparse file");
    let members: Vec<_> = (1..=5).map(|n| hash(&q.join(format!("disk{n}.img")))).collect();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["restore", "nowhere", "disk1.img"], 16, "nowhere does not exist"),
        (&["restore", "kept/disk1.img", "disk1.img", "disk2.img"], 16, "is one dump"),
        (&["restore", "kept", "disk3.img"], 1, "no dump of disk3.img"),
        (&["restore", "kept/disk1.img", "disk2.img"], 1, "not the same size"),
        (&["restore", "kept/disk4.img", "disk5.img"], 1, "--overwrite=md"),
        (&["restore", "--overwrite=all-of-it", "kept", "disk1.img"], 2, "possible values"),
    ];
    for (words, code, text) in cases {
        let output = paritas(&q, words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(text), "{words:?}: {}", stderr(&output));
    }
    let after: Vec<_> = (1..=5).map(|n| hash(&q.join(format!("disk{n}.img")))).collect();
    assert_eq!(members, after);
}
