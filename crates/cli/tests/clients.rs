//! Real NBD clients writing to arrays in a service: fio with its own checksums over several
//! connections, qemu's tools, nbdcopy both ways, and a client that is killed while it writes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

struct Rig {
    folder: tempfile::TempDir,
}

impl Rig {
    /// An array of `words` on files of 24 MiB that is served.
    fn new(words: &str, members: &str) -> Self {
        let rig = Self { folder: tempfile::tempdir().expect("a folder") };
        let uri = rig.uri();
        rig.paritas(&format!(
            "create md0 {words} -b none --assume-clean --member-size 24M {members} --serve {uri} --quiet"
        ));
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn uri(&self) -> String {
        format!("nbd+unix:///array?socket={}", self.path("door").display())
    }

    fn command(&self, program: &str, words: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PARITAS_CONTROL", self.path("control")).args(words.split_whitespace());
        command
    }

    /// Runs what must succeed; gives what it printed.
    fn tool(&self, program: &str, words: &str) -> String {
        let output = self.command(program, words).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let (out, text) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{program} {words}: {out}{text}");
        out.into_owned()
    }

    fn paritas(&self, words: &str) -> String {
        self.tool(env!("CARGO_BIN_EXE_paritas"), words)
    }

    /// Checks redundancy: nothing may disagree.
    fn agrees(&self) {
        self.paritas("action md0 check");
        // There may be nothing left to wait for.
        let _ = self.command(env!("CARGO_BIN_EXE_paritas"), "wait md0 --quiet").output();
        let detail = self.paritas("detail md0 --json");
        assert!(detail.contains("\"mismatches\":0"), "{detail}");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.command(env!("CARGO_BIN_EXE_paritas"), "stop --scan --force").output();
    }
}

/// fio writes with checksums, and reads all back, over `jobs` connections at once.
fn verified(rig: &Rig, jobs: u32, extra: &str) {
    let uri = rig.uri();
    rig.tool(
        "fio",
        &format!(
            "--name=v --ioengine=nbd --uri={uri} --rw=randwrite --bsrange=4k-96k --iodepth=16 \
             --size=4m --offset_increment=4m --numjobs={jobs} --verify=crc32c --do_verify=1 \
             --verify_fatal=1 --randrepeat=1 --minimal {extra}"
        ),
    );
}

#[test]
fn fio_finds_its_checksums_over_one_two_and_eight_connections() {
    let rig = Rig::new("-l 5 -n 3 -c 64", "a b c");
    for jobs in [1, 2, 8] {
        verified(&rig, jobs, "");
    }
    rig.agrees();
    rig.paritas("fail md0 b");
    verified(&rig, 2, "");
}

#[test]
fn fio_finds_its_checksums_between_trims_and_small_writes() {
    let rig = Rig::new("-l 6 -n 4 -c 16", "a b c d");
    let uri = rig.uri();
    rig.tool(
        "fio",
        &format!(
            "--name=t --ioengine=nbd --uri={uri} --rw=randtrimwrite --bs=64k --iodepth=8 --size=16m \
             --minimal"
        ),
    );
    verified(&rig, 2, "--bsrange=512-48k");
    rig.agrees();
}

#[test]
fn qemu_and_nbdcopy_agree_in_both_directions() {
    let rig = Rig::new("-l 10 -p f2 -n 3 -c 32", "a b c");
    let uri = rig.uri();
    let size: usize = rig.tool("nbdinfo", &format!("--size {uri}")).trim().parse().expect("a size");
    let word = |at: u64| (at + 3).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    let mut content: Vec<u8> = (0..size as u64 / 8).flat_map(word).collect();
    content[5 << 20..9 << 20].fill(0);
    std::fs::write(rig.path("new"), &content).expect("written");
    rig.tool("qemu-img", &format!("convert -f raw -n -O raw new {uri}"));
    rig.tool("qemu-img", &format!("compare -f raw -F raw new {uri}"));
    rig.tool("nbdcopy", &format!("--connections=4 {uri} back"));
    assert!(std::fs::read(rig.path("back")).expect("read") == content);
    content.reverse();
    std::fs::write(rig.path("new"), &content).expect("written");
    rig.tool("nbdcopy", &format!("--flush --connections=4 new {uri}"));
    rig.tool("qemu-img", &format!("compare -f raw -F raw new {uri}"));
    rig.agrees();
}

#[test]
fn a_client_that_is_killed_while_it_writes_harms_nobody() {
    let rig = Rig::new("-l 6 -n 4 -c 16", "a b c d");
    let uri = rig.uri();
    for round in 0..5 {
        let words = format!(
            "--name=k --ioengine=nbd --uri={uri} --rw=randwrite --bs=48k --iodepth=32 --size=32m \
             --time_based --runtime=30 --minimal --thread"
        );
        let mut client =
            rig.command("fio", &words).stdout(Stdio::null()).spawn().expect("fio runs");
        std::thread::sleep(std::time::Duration::from_millis(300 + 40 * round));
        client.kill().expect("it runs still");
        client.wait().expect("it is gone");
    }
    verified(&rig, 1, "");
    rig.agrees();
}
