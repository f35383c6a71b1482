//! Through the door: a file system and a verified load inside arrays, read by real clients from
//! `paritas serve --readonly`, whole and degraded.
//!
//! The one thing to understand: the members are laid out here by a few lines of arithmetic that
//! share nothing with the product.

use crate::support::{Bench, builder};
use paritas_format::DeviceUuid;
use paritas_format::superblock::{Superblock, Version};
use paritas_units::{Descriptor, Level, Sector, Sectors};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

const CHUNK: usize = 64 << 10;
/// Chunks of each member.
const ROWS: usize = 96;
/// Members that hold data in each row.
const DATA: usize = 3;
/// Where data begins on a member, in bytes.
const BEGIN: usize = 1 << 20;

/// The members of a left-symmetric array with `parity` parity chunks in each row.
fn lay_out(content: &[u8], parity: usize) -> Vec<Vec<u8>> {
    let count = DATA + parity;
    let mut members = vec![vec![0; BEGIN + ROWS * CHUNK]; count];
    for (row, data) in content.chunks(DATA * CHUNK).enumerate() {
        let p = count - 1 - row % count;
        let place = BEGIN + row * CHUNK..BEGIN + (row + 1) * CHUNK;
        let (mut sum, mut weighted) = (vec![0; CHUNK], vec![0; CHUNK]);
        for (number, chunk) in data.chunks(CHUNK).enumerate().rev() {
            let member = (p + parity + number) % count;
            members[member][place.clone()][..chunk.len()].copy_from_slice(chunk);
            weighted.iter_mut().for_each(|byte| *byte = doubled(*byte));
            for (at, byte) in chunk.iter().enumerate() {
                sum[at] ^= byte;
                weighted[at] ^= byte;
            }
        }
        members[p][place.clone()].copy_from_slice(&sum);
        if parity == 2 {
            members[(p + 1) % count][place].copy_from_slice(&weighted);
        }
    }
    members
}

/// `value` times two in md's field.
const fn doubled(value: u8) -> u8 {
    (value << 1) ^ if value & 0x80 == 0 { 0 } else { 0x1d }
}

/// Writes the members as sparse files with superblocks.
fn write_members(bench: &Bench, content: &[u8], level: Level) {
    let parity = if level == Level::Raid6 { 2 } else { 1 };
    let members = lay_out(content, parity);
    let mut builder = builder(Version::V1_2, level, u16::try_from(DATA + parity).expect("few"));
    let sectors = |bytes: usize| Sectors::whole_in(u64::try_from(bytes).expect("small"));
    builder.device = sectors(BEGIN + ROWS * CHUNK);
    builder.data_offset = Sector(sectors(BEGIN).0);
    builder.size = sectors(ROWS * CHUNK);
    for (number, mut member) in (0_u16..).zip(members) {
        builder.descriptor = Descriptor(number);
        builder.device_uuid = DeviceUuid([0xd0 + number.to_le_bytes()[0]; 16]);
        let Superblock::V1(superblock) = builder.build() else { panic!("format 1.2") };
        let bytes = superblock.encode();
        member[4096..4096 + bytes.len()].copy_from_slice(&bytes);
        write_sparse(&bench.members().join(name(number)), &member);
    }
}

fn name(number: u16) -> String {
    format!("disk-{number}.img")
}

fn write_sparse(path: &Path, content: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create(path).expect("a file");
    file.set_len(u64::try_from(content.len()).expect("small")).expect("room");
    for (number, block) in (0..).zip(content.chunks(4096)) {
        if block.iter().any(|byte| *byte != 0) {
            file.write_all_at(block, number * 4096).expect("room");
        }
    }
}

/// A server over all members but those in `lost`.
struct Served<'a> {
    bench: &'a Bench,
    child: Option<Child>,
    uri: String,
}

impl<'a> Served<'a> {
    fn new(bench: &'a Bench, members: u16, lost: &[u16]) -> Self {
        let socket = bench.made("nbd.sock");
        let uri = format!("nbd+unix:///fs?socket={}", socket.display());
        let names: Vec<String> = (0..members).filter(|n| !lost.contains(n)).map(name).collect();
        let mut words = vec!["serve", "--readonly"];
        words.extend(names.iter().map(String::as_str));
        words.push(&uri);
        let child = bench.start(env!("CARGO_BIN_EXE_paritas"), &words);
        let mut served = Self { bench, child: Some(child), uri: uri.clone() };
        let begun = Instant::now();
        while !socket.exists() {
            let child = served.child.as_mut().expect("it runs");
            let ended = child.try_wait().expect("it is ours");
            assert!(ended.is_none() && begun.elapsed() < Duration::from_secs(60), "{words:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        served
    }

    fn stop(mut self) {
        let run = self.bench.wait(self.child.take().expect("it runs"), "serve", || true);
        assert_eq!(run.code, Some(0), "{run:#?}");
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a client that must succeed; gives what it prints.
fn prints(tools: &Bench, program: &str, words: &[&str]) -> String {
    let run = tools.run(program, words);
    assert_eq!(run.code, Some(0), "{program} {words:?}: {run:#?}");
    run.stdout
}

/// A file system with files in it, as bytes.
fn file_system(tools: &Bench) -> Vec<u8> {
    let tree = tools.made("tree");
    std::fs::create_dir_all(tree.join("letters")).expect("a directory");
    let text: String = (0..60_000).map(|number| format!("line {number}\n")).collect();
    std::fs::write(tree.join("letters/long.txt"), text).expect("a file");
    std::fs::write(tree.join("hello"), "hello from inside\n").expect("a file");
    let image = tools.made("fs.img");
    let (tree, path) = (tree.to_str().expect("UTF-8"), image.to_str().expect("UTF-8"));
    let size = format!("{}K", DATA * ROWS * CHUNK / 1024);
    prints(tools, "/usr/sbin/mke2fs", &["-q", "-t", "ext4", "-d", tree, path, &size]);
    std::fs::read(image).expect("an image")
}

/// What `nbdinfo --map` calls zeroes, in bytes; all of it is zero in `content`.
fn mapped_zeroes(tools: &Bench, uri: &str, content: &[u8]) -> usize {
    let text = prints(tools, "nbdinfo", &["--map", "--json", uri]);
    let map: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let (mut end, mut zeroes) = (0, 0);
    for extent in map.as_array().expect("extents") {
        let number = |key: &str| {
            extent[key].as_u64().and_then(|n| usize::try_from(n).ok()).expect("a number")
        };
        let (offset, length) = (number("offset"), number("length"));
        assert_eq!(offset, end, "extents follow each other: {text}");
        end += length;
        if number("type") != 0 {
            assert!(content[offset..end].iter().all(|byte| *byte == 0), "{extent} is no hole");
            zeroes += length;
        }
    }
    assert_eq!(end, content.len());
    zeroes
}

/// Everything that clients do with a file system in an array without the members in `lost`.
fn read_file_system(content: &[u8], level: Level, lost: &[&[u16]]) {
    let (bench, tools) = (Bench::new(), Bench::new());
    write_members(&bench, content, level);
    let members = if level == Level::Raid6 { 5 } else { 4 };
    let mut zeroes_of_all = 0;
    for (number, lost) in lost.iter().enumerate() {
        let served = Served::new(&bench, members, lost);
        let out = tools.made(&format!("out-{number}"));
        let path = out.to_str().expect("UTF-8");
        prints(&tools, "nbdcopy", &[&served.uri, path]);
        assert!(std::fs::read(&out).expect("a copy") == content, "{level:?} without {lost:?}");
        prints(&tools, "/usr/sbin/e2fsck", &["-fn", path]);
        let list = prints(&tools, "/usr/sbin/debugfs", &["-R", "ls -p /letters", path]);
        assert!(list.contains("/long.txt/"), "{list}");
        let hello = prints(&tools, "/usr/sbin/debugfs", &["-R", "cat /hello", path]);
        assert_eq!(hello, "hello from inside\n");
        let zeroes = mapped_zeroes(&tools, &served.uri, content);
        if lost.is_empty() {
            zeroes_of_all = zeroes;
            assert!(zeroes > content.len() / 4, "{zeroes} bytes of holes were told");
        }
        let fewer = zeroes > 0 && zeroes < zeroes_of_all;
        assert!(lost.is_empty() || fewer, "{zeroes}: what is computed is not called a hole");
        served.stop();
        std::fs::remove_file(out).expect("it is there");
    }
}

#[test]
fn a_file_system_in_a_raid5_is_copied_checked_and_listed() {
    let content = file_system(&Bench::new());
    read_file_system(&content, Level::Raid5, &[&[], &[0], &[3]]);
}

#[test]
fn a_file_system_in_a_raid6_is_copied_checked_and_listed() {
    let content = file_system(&Bench::new());
    read_file_system(&content, Level::Raid6, &[&[], &[1], &[0, 4], &[2, 3]]);
}

#[test]
fn fio_verifies_what_it_once_wrote() {
    let (bench, tools) = (Bench::new(), Bench::new());
    let (file, state) = (tools.made("load"), format!("--aux-path={}", tools.made("").display()));
    let size = format!("--size={}k", DATA * ROWS * CHUNK / 1024);
    let common = ["--name=load", "--bs=64k", "--verify=crc32c", &size, &state];
    let name = format!("--filename={}", file.display());
    let write = ["--ioengine=psync", "--rw=write", "--do_verify=0", &name];
    prints(&tools, "fio", &[&common[..], &write].concat());
    let mut content = std::fs::read(&file).expect("what fio wrote");
    let levels: [(Level, &[&[u16]]); 2] =
        [(Level::Raid5, &[&[], &[1]]), (Level::Raid6, &[&[], &[0, 3]])];
    for (level, lost) in levels {
        write_members(&bench, &content, level);
        for lost in lost {
            let served = Served::new(&bench, if level == Level::Raid6 { 5 } else { 4 }, lost);
            let uri = format!("--uri={}", served.uri);
            let read = ["--ioengine=nbd", "--rw=read", "--iodepth=16", "--readonly", &uri];
            prints(&tools, "fio", &[&common[..], &read].concat());
            served.stop();
        }
    }
    // A verification that cannot fail would show nothing.
    content[100_000] ^= 1;
    write_members(&bench, &content, Level::Raid5);
    let served = Served::new(&bench, 4, &[]);
    let uri = format!("--uri={}", served.uri);
    let read = ["--ioengine=nbd", "--rw=read", "--iodepth=16", "--readonly", &uri];
    assert_ne!(tools.run("fio", &[&common[..], &read].concat()).code, Some(0));
    served.stop();
}
