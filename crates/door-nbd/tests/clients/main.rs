//! Real NBD clients against the session: libnbd's tools and library, qemu-img, fio.
//!
//! A client that is not installed is a failure that names its package.

mod hosted;
mod server;

use serde_json::Value;
use server::{BAD, HOLE_SECTORS, HOLE_START, SCRATCH, SIZE, Server, content};
use std::process::{Command, Output};

/// The Debian package of each client.
const PACKAGES: [(&str, &str); 5] = [
    ("nbdinfo", "libnbd-bin"),
    ("nbdcopy", "libnbd-bin"),
    ("nbdsh", "python3-libnbd"),
    ("qemu-img", "qemu-utils"),
    ("fio", "fio"),
];

fn run(client: &str, words: &[&str]) -> Output {
    let mut command = Command::new(client);
    if client == "nbdsh" {
        // The library's module belongs to the distribution's Python; another may stand before it.
        command.env("PATH", "/usr/bin:/bin");
    }
    command.args(words).output().unwrap_or_else(|error| {
        let package = PACKAGES.iter().find(|(name, _)| *name == client).map_or("?", |(_, p)| p);
        panic!("{client} cannot be run ({error}); install the package {package}")
    })
}

/// What a client prints when all goes well.
fn prints(client: &str, words: &[&str]) -> String {
    let output = run(client, words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{client} {words:?}: {}\n{out}\n{errors}", output.status);
    out
}

fn json(client: &str, words: &[&str]) -> Value {
    let text = prints(client, words);
    // fio says a line about the connection first.
    let text = text.find(['{', '[']).map_or("", |start| &text[start..]);
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn nbdinfo_shows_an_export() {
    let server = Server::start();
    let text = prints("nbdinfo", &[&server.uri("photos")]);
    for line in [
        "protocol: newstyle-fixed without TLS, using structured packets",
        "export-size: 16777216 (16M)",
        "is_read_only: true",
        "can_multi_conn: true",
        "base:allocation",
        "block_size_maximum: 33554432",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn nbdinfo_tells_every_property() {
    let server = Server::start();
    let expect = |name: &str, expected: &[(&str, Value)]| {
        let info = json("nbdinfo", &["--json", &server.uri(name)]);
        let export = &info["exports"][0];
        for (key, value) in expected {
            assert_eq!(&export[*key], value, "{name}: {key} in {export:#}");
        }
    };
    let common = [
        ("export-size", Value::from(SIZE)),
        ("contexts", Value::from(vec!["base:allocation"])),
        ("can_cache", true.into()),
        ("can_df", true.into()),
        ("can_flush", true.into()),
        ("can_fast_zero", false.into()),
        ("can_multi_conn", true.into()),
        ("block_size_preferred", 65536.into()),
        ("block_size_maximum", (32 << 20).into()),
    ];
    expect("photos", &common);
    expect(SCRATCH, &common);
    for (name, is_read_only, least) in [("photos", true, 1), (SCRATCH, false, 512)] {
        let writing = Value::from(!is_read_only);
        expect(
            name,
            &[
                ("description", format!("the array {name}").into()),
                ("is_read_only", is_read_only.into()),
                ("block_size_minimum", least.into()),
                ("can_fua", writing.clone()),
                ("can_trim", writing.clone()),
                ("can_zero", writing),
            ],
        );
    }
}

#[test]
fn nbdinfo_lists_the_exports() {
    let server = Server::start();
    let info = json("nbdinfo", &["--list", "--json", &server.uri("")]);
    let exports = info["exports"].as_array().expect("a list");
    let names: Vec<_> = exports.iter().map(|export| &export["export-name"]).collect();
    assert_eq!(names, ["photos", SCRATCH]);
}

#[test]
fn nbdinfo_maps_data_and_holes() {
    let server = Server::start();
    let map = json("nbdinfo", &["--map", "--json", &server.uri("photos")]);
    let (start, len) = (HOLE_START * 512, HOLE_SECTORS * 512);
    let end = start + len;
    let extent = |extent: &Value| {
        let number = |key: &str| extent[key].as_u64().expect("a number");
        (number("offset"), number("length"), number("type"))
    };
    let extents: Vec<_> = map.as_array().expect("a list").iter().map(extent).collect();
    assert_eq!(extents, [(0, start, 0), (start, len, 3), (end, SIZE as u64 - end, 0)]);
}

#[test]
fn nbdcopy_copies_out() {
    let server = Server::start();
    let out = server.path("out");
    prints("nbdcopy", &[&server.uri("photos"), out.to_str().expect("UTF-8")]);
    assert!(std::fs::read(out).expect("a copy") == content());
}

#[test]
fn nbdcopy_uses_many_connections() {
    let server = Server::start();
    let out = server.path("out");
    let words = ["--connections=8", "--threads=8", "--requests=64"];
    prints(
        "nbdcopy",
        &[&words[..], &[&server.uri("photos"), out.to_str().expect("UTF-8")]].concat(),
    );
    assert!(std::fs::read(out).expect("a copy") == content());
    assert!(server.connections() >= 8, "{} connections", server.connections());
}

#[test]
fn nbdcopy_copies_in() {
    let server = Server::start();
    let file = server.path("in");
    std::fs::write(&file, content()).expect("a file");
    prints("nbdcopy", &["--flush", file.to_str().expect("UTF-8"), &server.uri(SCRATCH)]);
    assert!(server.scratch() == content());
    let work = server.work();
    assert!(work.contains("write") && work.contains("flush"), "{work:?}");
}

#[test]
fn qemu_img_reads_maps_compares_and_converts() {
    let server = Server::start();
    let uri = server.uri("photos");
    let info = json("qemu-img", &["info", "--output=json", &uri]);
    assert_eq!(info["virtual-size"], SIZE);

    let (same, out) = (server.path("same"), server.path("out"));
    let (same, out) = (same.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    std::fs::write(same, content()).expect("a file");
    let words = ["compare", "-f", "raw", "-F", "raw", &uri, same];
    assert!(prints("qemu-img", &words).contains("identical"));
    let mut other = content();
    other[SIZE - 1] ^= 1;
    std::fs::write(same, other).expect("a file");
    assert_eq!(run("qemu-img", &words).status.code(), Some(1), "one bit is seen");

    prints("qemu-img", &["convert", "-f", "raw", "-O", "raw", &uri, out]);
    assert!(std::fs::read(out).expect("a copy") == content());

    let map = json("qemu-img", &["map", "--output=json", "-f", "raw", &uri]);
    let hole = map.as_array().expect("a list").iter().find(|extent| extent["zero"] == true);
    let hole = hole.expect("the hole is seen");
    assert_eq!(hole["start"], HOLE_START * 512);
    assert_eq!(hole["length"], HOLE_SECTORS * 512);
}

#[test]
fn qemu_img_converts_into_an_export() {
    let server = Server::start();
    let file = server.path("in");
    std::fs::write(&file, content()).expect("a file");
    let file = file.to_str().expect("UTF-8");
    prints("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", file, &server.uri(SCRATCH)]);
    assert!(server.scratch() == content());
}

#[test]
fn fio_reads_back_what_it_wrote() {
    let server = Server::start();
    let uri = format!("--uri={}", server.uri(SCRATCH));
    let load =
        ["--name=verify", "--ioengine=nbd", "--rw=randwrite", "--bssplit=4k/60:64k/30:1m/10"];
    let checks = ["--iodepth=32", "--verify=crc32c", "--size=8m", "--fsync=64"];
    // fio leaves a file with its state where it stands.
    let state = format!("--aux-path={}", server.path("").display());
    prints("fio", &[&load[..], &checks[..], &[&uri, &state]].concat());
    let work = server.work();
    assert!(work.contains("write") && work.contains("read"), "{work:?}");
}

#[test]
fn fio_reads_with_a_deep_queue() {
    let server = Server::start();
    let uri = format!("--uri={}", server.uri("photos"));
    let load = ["--name=read", "--ioengine=nbd", "--rw=randread", "--bs=4k", "--iodepth=256"];
    let rest = ["--size=16m", "--io_size=8m", "--readonly", "--output-format=json"];
    let report = json("fio", &[&load[..], &rest[..], &[&uri]].concat());
    assert_eq!(report["jobs"][0]["read"]["total_ios"], 2048);
    assert_eq!(report["jobs"][0]["error"], 0);
}

/// Runs a script in nbdsh, with `h` not connected yet.
fn nbdsh(script: &str) {
    prints("nbdsh", &["-c", script]);
}

#[test]
fn nbdsh_reads_in_chunks_and_in_one() {
    let server = Server::start();
    let uri = server.uri("photos");
    let file = server.path("expected");
    std::fs::write(&file, content()).expect("a file");
    nbdsh(&format!(
        r#"
h.connect_uri("{uri}")
assert h.get_structured_replies_negotiated()
expected = open("{file}", "rb").read()
def pread(offset, length, flags=0):
    chunks = []
    def on_chunk(data, at, status, error):
        assert status == nbd.READ_DATA and not error.value
        chunks.append((at, len(data)))
    data = h.pread_structured(length, offset, on_chunk, flags)
    assert bytes(data) == expected[offset:offset + length], (offset, length)
    assert sum(n for _, n in chunks) == length
    return sorted(chunks)
assert len(pread(0, 8 << 20)) == 32
assert pread(100, 1000) == [(100, 1000)]
assert pread(4096, 1 << 20, nbd.CMD_FLAG_DF) == [(4096, 1 << 20)]
assert len(pread(3, (16 << 20) - 5)) > 32
try:
    h.pread_structured(8 << 20, 0, lambda *_: None, nbd.CMD_FLAG_DF)
    assert False
except nbd.Error as error:
    assert error.errno == "EOVERFLOW", error
h.cache(1 << 20, 0)
h.flush()
h.shutdown()
"#,
        file = file.display()
    ));
}

#[test]
fn nbdsh_asks_for_block_status() {
    let server = Server::start();
    let (start, len) = (HOLE_START * 512, HOLE_SECTORS * 512);
    nbdsh(&format!(
        r#"
h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
h.connect_uri("{uri}")
assert h.can_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
def status(offset, length, flags=0):
    found = []
    def on_extent(context, at, entries, error):
        assert context == "base:allocation" and at == offset
        found.extend(entries)
    h.block_status(length, offset, on_extent, flags)
    return found
assert status(0, {size}) == [{start}, 0, {len}, 3, {size} - {start} - {len}, 0]
assert status(0, {size}, nbd.CMD_FLAG_REQ_ONE) == [{start}, 0]
assert status({start} - 10, 30) == [10, 0, 20, 3]
h.shutdown()
"#,
        uri = server.uri("photos"),
        size = SIZE,
    ));
}

#[test]
fn nbdsh_lists_and_asks_before_it_chooses() {
    let server = Server::start();
    nbdsh(&format!(
        r#"
h.set_opt_mode(True)
h.connect_unix("{socket}")
names = []
h.opt_list(lambda name, text: names.append((name, text)))
assert names == [("photos", "the array photos"), ("{SCRATCH}", "the array {SCRATCH}")], names
contexts = []
h.set_export_name("photos")
h.opt_list_meta_context(lambda name: contexts.append(name))
assert contexts == ["base:allocation"], contexts
h.opt_info()
assert h.get_size() == {SIZE} and h.is_read_only()
h.set_export_name("nothing")
for ask in (h.opt_info, h.opt_go):
    try:
        ask()
        assert False
    except nbd.Error as error:
        assert error.errno == "ENOENT", error
h.opt_abort()
"#,
        socket = server.path("nbd.sock").display(),
    ));
}

#[test]
fn nbdsh_is_told_why_a_command_failed() {
    let server = Server::with_bad_sector();
    for structured in ["True", "False"] {
        nbdsh(&format!(
            r#"
h.set_request_structured_replies({structured})
h.set_strict_mode(0)
h.connect_uri("{uri}")
assert h.get_structured_replies_negotiated() == {structured}
def fails(errno, call):
    try:
        call()
    except nbd.Error as error:
        assert error.errno == errno, error
        return
    assert False, "it did not fail"
fails("EIO", lambda: h.pread(4096, {bad} * 512))
fails("EIO", lambda: h.pread(1 << 20, {bad} * 512 - 4096))
fails("EPERM", lambda: h.pwrite(b"x" * 100000, 0))
fails("EPERM", lambda: h.trim(4096, 0))
fails("EPERM", lambda: h.zero(4096, 0))
fails("EINVAL", lambda: h.pread(4096, {SIZE}))
fails("EINVAL", lambda: h.pread(0, 0))
assert len(h.pread(512, 0)) == 512
h.shutdown()
"#,
            uri = server.uri("photos"),
            bad = BAD,
        ));
    }
}

#[test]
fn nbdsh_writes_with_every_command() {
    let server = Server::start();
    nbdsh(&format!(
        r#"
h.connect_uri("{uri}")
h.pwrite(b"\x2a" * (3 << 20), 4096, nbd.CMD_FLAG_FUA)
h.pwrite(b"\x2b" * 512, 512)
h.zero(8192, 8192, nbd.CMD_FLAG_NO_HOLE)
h.trim(1 << 20, 8 << 20)
h.flush()
assert h.pread(512, 512) == bytearray(b"\x2b" * 512)
assert h.pread(8192, 8192) == bytearray(8192)
assert h.pread(1024, 4096 + (3 << 20) - 512) == bytearray(b"\x2a" * 512 + bytes(512))
h.shutdown()
"#,
        uri = server.uri(SCRATCH),
    ));
    let work = server.work();
    for kind in ["discard", "durable write", "flush", "read", "write", "write zeroes"] {
        assert!(work.contains(kind), "{kind} is not in {work:?}");
    }
}
