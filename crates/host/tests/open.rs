//! Opening members: words, locks, aliases, facts, and what a file does as a disk.

use paritas_disk::{Access, Disk, FaultKind, Maker, Opener};
use paritas_host::{PathOpener, check_aliases, open_descriptor};
use paritas_units::{Sector, SectorRange, Sectors};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

fn no_partitions(_: &dyn Disk, number: u32) -> Result<SectorRange, String> {
    Err(format!("there is no partition {number}"))
}

/// Partition n is the n-th eighth of the disk.
fn eighths(disk: &dyn Disk, number: u32) -> Result<SectorRange, String> {
    let eighth = disk.facts().sectors.0 / 8;
    if number > 8 {
        return Err(format!("there is no partition {number}"));
    }
    Ok(SectorRange::new(u64::from(number - 1) * eighth, eighth))
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 512 * 7 + at % 253) as u8).collect()
}

fn image(folder: &TempDir, name: &str, len: usize) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, pattern(len)).expect("written");
    path
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn word(path: &Path) -> &str {
    path.to_str().expect("plain")
}

fn why(opened: Result<Arc<dyn Disk>, paritas_disk::OpenError>) -> String {
    opened.expect_err("refused").why
}

#[test]
fn a_file_reads_as_it_is_wherever_and_into_whatever_memory() {
    let folder = folder();
    let path = image(&folder, "a.img", 1 << 20);
    let disk = PathOpener::new(&no_partitions).open(word(&path), Access::Read).expect("opened");
    assert_eq!((disk.facts().sectors, disk.facts().name.as_str()), (Sectors(2048), "a.img"));
    assert!(disk.facts().is_read_only);
    let content = pattern(1 << 20);
    let mut memory = vec![0; (1 << 20) + 4096];
    for (at, sectors, shift) in
        [(0, 2048, 0), (1, 2047, 1), (7, 9, 3), (2047, 1, 511), (2040, 8, 0), (3, 600, 17)]
    {
        let into = &mut memory[shift..shift + sectors * 512];
        disk.read(Sector(at), into).expect("read");
        let start = usize::try_from(at).expect("small") * 512;
        assert!(into == &content[start..start + sectors * 512], "{at}+{sectors} shifted {shift}");
    }
}

#[test]
fn nothing_is_written_to_what_was_opened_for_reading() {
    let folder = folder();
    let path = image(&folder, "a.img", 8192);
    let disk = PathOpener::new(&no_partitions).open(word(&path), Access::Read).expect("opened");
    let kind = |result: Result<(), paritas_disk::Fault>| result.map_err(|fault| fault.kind);
    assert_eq!(kind(disk.write(Sector(0), &[0; 512], false)), Err(FaultKind::ReadOnly));
    assert_eq!(kind(disk.discard(Sector(0), Sectors(1))), Err(FaultKind::ReadOnly));
    assert_eq!(kind(disk.write_zeroes(Sector(0), Sectors(1))), Err(FaultKind::ReadOnly));
    assert_eq!(kind(disk.flush()), Ok(()));
    assert_eq!(fs::read(&path).expect("read"), pattern(8192));
}

#[test]
fn requests_outside_or_in_broken_sectors_are_invalid() {
    let folder = folder();
    let path = image(&folder, "a.img", 8192);
    let disk = PathOpener::new(&no_partitions).open(word(&path), Access::Read).expect("opened");
    for (at, len) in [(16, 512), (15, 1024), (0, 100), (u64::MAX, 512)] {
        let fault = disk.read(Sector(at), &mut vec![0; len]).expect_err("refused");
        assert_eq!((fault.kind, fault.at), (FaultKind::Invalid, Sector(at)));
    }
}

#[test]
fn a_file_that_became_shorter_is_gone() {
    let folder = folder();
    let path = image(&folder, "a.img", 1 << 20);
    let disk = PathOpener::new(&no_partitions).open(word(&path), Access::Read).expect("opened");
    OpenOptions::new().write(true).open(&path).expect("opened").set_len(8192 + 512).expect("cut");
    let mut into = vec![0; 8192];
    disk.read(Sector(0), &mut into).expect("what is left reads");
    for (at, len) in [(64, 4096), (16, 4096), (17, 512), (0, 1 << 20)] {
        let fault = disk.read(Sector(at), &mut vec![0; len]).expect_err("beyond the end");
        assert_eq!((fault.kind, fault.at), (FaultKind::Gone, Sector(at)));
    }
    disk.read(Sector(16), &mut into[..512]).expect("the last sector");
}

#[test]
fn writes_flushes_discards_and_zeroes_reach_the_file() {
    let folder = folder();
    let path = image(&folder, "a.img", 1 << 20);
    let disk = PathOpener::new(&no_partitions).open(word(&path), Access::Write).expect("opened");
    let mut model = pattern(1 << 20);
    for (at, len, durable) in [(0, 4096, false), (3, 512, true), (100, 300 << 10, false)] {
        let mut memory = vec![0x5A; len + 1];
        memory[1..].iter_mut().enumerate().for_each(|(k, byte)| *byte = (k % 241) as u8);
        disk.write(Sector(at), &memory[1..], durable).expect("written");
        let start = usize::try_from(at).expect("small") * 512;
        model[start..start + len].copy_from_slice(&memory[1..]);
    }
    assert!(!disk.facts().max_write_zeroes.is_zero(), "this file system makes holes");
    disk.write_zeroes(Sector(9), Sectors(700)).expect("zeroed");
    model[9 * 512..709 * 512].fill(0);
    disk.flush().expect("flushed");
    assert!(fs::read(&path).expect("read") == model);
    disk.discard(Sector(1024), Sectors(1024)).expect("discarded");
    assert_eq!(fs::metadata(&path).expect("there").len(), 1 << 20);
}

#[test]
fn holes_are_seen() {
    let folder = folder();
    let path = folder.path().join("sparse.img");
    let file = File::create(&path).expect("made");
    file.set_len(8 << 20).expect("grown");
    std::os::unix::fs::FileExt::write_all_at(&file, &[1; 4096], 4 << 20).expect("written");
    let disk = PathOpener::new(&no_partitions).open(word(&path), Access::Read).expect("opened");
    let mut found = Vec::new();
    let mut at = Sector::ZERO;
    while at.0 < disk.facts().sectors.0 {
        let hole = disk.hole(at);
        assert!(!hole.sectors.is_zero(), "at {at}");
        found.push((at.0, hole.is_hole));
        at += hole.sectors;
    }
    assert_eq!(at, Sector(8 << 11));
    assert_eq!(found.first(), Some(&(0, true)));
    assert!(found.contains(&(4 << 11, false)), "{found:?}");
    assert!(found.len() == 3 && found[2].1, "{found:?}");
}

#[test]
fn parts_and_partitions_are_disks_of_their_own() {
    let folder = folder();
    let path = image(&folder, "a.img", 1 << 20);
    let opener = PathOpener::new(&eighths);
    let content = pattern(1 << 20);
    for (suffix, start, len) in
        [("@p2", 131_072, 131_072), ("@512", 512, (1 << 20) - 512), ("@4K+8K", 4096, 8192)]
    {
        let name = format!("{}{suffix}", word(&path));
        let disk = opener.open(&name, Access::Read).expect("opened");
        let mut into = vec![0; len];
        disk.read(Sector(0), &mut into).expect("read");
        assert!(into == content[start..start + len], "{suffix}");
        assert_eq!(disk.facts().name, format!("a.img{suffix}"));
        assert_eq!(disk.facts().sectors, Sectors::whole_in(len as u64));
    }
    for suffix in ["@p9", "@p0", "@1G", "@100", "@512+1M", "@512+10"] {
        let name = format!("{}{suffix}", word(&path));
        assert!(opener.open(&name, Access::Read).is_err(), "{suffix}");
    }
    let both = image(&folder, "a.img@p2", 4096);
    let disk = opener.open(word(&both), Access::Read).expect("opened");
    assert_eq!(disk.facts().sectors, Sectors(8), "a path that exists wins");
}

#[test]
fn what_is_no_member_is_refused_with_the_reason() {
    let folder = folder();
    let opener = PathOpener::new(&no_partitions);
    assert!(why(opener.open(word(folder.path()), Access::Read)).contains("directory"));
    assert!(why(opener.open("/dev/null", Access::Read)).contains("character device"));
    let missing = folder.path().join("missing");
    assert!(why(opener.open(word(&missing), Access::Read)).contains("no such file"));
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    assert!(why(opener.open(word(&pipe), Access::Read)).contains("pipe"), "and it does not wait");
}

#[test]
fn many_may_read_and_one_may_write() {
    let folder = folder();
    let path = image(&folder, "a.img", 8192);
    let (one, other) = (PathOpener::new(&no_partitions), PathOpener::new(&no_partitions));
    let reading = one.open(word(&path), Access::Read).expect("opened");
    let also = other.open(word(&path), Access::Read).expect("readers share");
    let refused = why(other.open(word(&path), Access::Write));
    assert!(refused.contains("locked") && refused.contains("this process"), "{refused}");
    drop((reading, also));
    let writing = one.open(word(&path), Access::Write).expect("nobody reads any more");
    let refused = why(other.open(word(&path), Access::Read));
    assert!(refused.contains("locked for writing"), "{refused}");
    drop(writing);
    assert!(other.open(word(&path), Access::Read).is_ok());
}

#[test]
fn locks_of_other_programs_are_obeyed_whatever_their_kind() {
    let folder = folder();
    let path = image(&folder, "a.img", 8192);
    let opener = PathOpener::new(&no_partitions);
    let file = OpenOptions::new().read(true).write(true).open(&path).expect("opened");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let refused = why(opener.open(word(&path), Access::Read));
    assert!(refused.contains(&format!("({})", std::process::id())), "{refused}");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockShared).expect("locked");
    assert!(opener.open(word(&path), Access::Read).is_ok());
    assert!(opener.open(word(&path), Access::Write).is_err());
}

#[test]
fn a_lock_that_outlives_its_process_is_waited_for() {
    let folder = folder();
    let path = image(&folder, "a.img", 1 << 16);
    // The file stays open here, as the ring of a killed process keeps it for a while.
    let left = File::open(&path).expect("opened");
    let file = left.try_clone().expect("a descriptor");
    let words = ["--exclusive", "--nonblock", "0"];
    let locked = std::process::Command::new("flock").args(words).stdin(file).status();
    assert!(locked.expect("flock of util-linux").success());
    let opened = std::thread::scope(|scope| {
        let opening = scope
            .spawn(|| PathOpener::new(&no_partitions).open(word(&path), Access::Write).map(drop));
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!opening.is_finished(), "it waits");
        drop(left);
        opening.join().expect("no panic")
    });
    opened.expect("opened in the end");
}

#[test]
fn parts_of_one_file_can_be_written_at_once() {
    let folder = folder();
    let path = image(&folder, "a.img", 1 << 20);
    let opener = PathOpener::new(&eighths);
    let parts: Vec<_> = ["@p1", "@p2", "@p8"]
        .map(|part| opener.open(&format!("{}{part}", word(&path)), Access::Write).expect("opened"))
        .into();
    assert_eq!(check_aliases(&parts), Ok(()));
    parts[1].write(Sector(0), &[9; 512], false).expect("written");
    assert_eq!(fs::read(&path).expect("read")[131_072..131_584], [9; 512]);
}

#[test]
fn one_storage_by_two_names_is_found() {
    let folder = folder();
    let path = image(&folder, "a.img", 1 << 20);
    let other = image(&folder, "b.img", 1 << 20);
    let (hard, soft) = (folder.path().join("hard"), folder.path().join("soft"));
    fs::hard_link(&path, &hard).expect("linked");
    std::os::unix::fs::symlink(&path, &soft).expect("linked");
    let opener = PathOpener::new(&eighths);
    let open = |name: String| opener.open(&name, Access::Read).expect("opened");
    let name = |path: &Path| word(path).to_owned();
    assert_eq!(check_aliases(&[open(name(&path)), open(name(&other))]), Ok(()));
    for alias in [hard, soft] {
        let alias = check_aliases(&[open(name(&path)), open(name(&other)), open(name(&alias))]);
        assert_eq!(alias.expect_err("the same file").bytes, 1 << 20);
    }
    let parts = ["@p1", "@64K+128K"].map(|part| open(format!("{}{part}", word(&path))));
    let alias = check_aliases(&parts).expect_err("they overlap");
    assert_eq!((alias.bytes, alias.span.start), (64 << 10, 64 << 10));
    let text = alias.to_string();
    assert!(text.contains("a.img@p1 and a.img@64K+128K share 65536 bytes"), "{text}");
}

#[test]
fn a_descriptor_that_was_passed_is_a_disk() {
    let folder = folder();
    let path = image(&folder, "a.img", 8192);
    let file = File::open(&path).expect("opened");
    let disk = open_descriptor(file.into(), "passed.img", Access::Read).expect("a disk");
    assert_eq!(disk.facts().name, "passed.img");
    let mut into = vec![0; 8192];
    disk.read(Sector(0), &mut into).expect("read");
    assert_eq!(into, pattern(8192));
    let null = File::open("/dev/null").expect("opened");
    let refused = open_descriptor(null.into(), "null", Access::Read).expect_err("refused");
    assert!(refused.why.contains("character device"));
}

#[test]
fn files_on_this_file_system_are_read_directly_where_the_kernel_says_how() {
    let folder = folder();
    let path = image(&folder, "a.img", 8192);
    let disk = PathOpener::new(&no_partitions).open(word(&path), Access::Read).expect("opened");
    let descriptor = disk.descriptor().expect("a file");
    let flags = rustix::fs::fcntl_getfl(descriptor.fd).expect("flags");
    assert_eq!(flags.contains(rustix::fs::OFlags::DIRECT), descriptor.is_direct);
    assert_eq!(descriptor.is_direct, disk.facts().alignment > 1);
}

#[test]
fn a_file_is_made_once_and_sparse() {
    let folder = folder();
    let path = folder.path().join("new.img");
    let opener = PathOpener::new(&no_partitions);
    let disk = opener.create(word(&path), 1 << 30).expect("made");
    disk.write(Sector(8), &[7; 4096], true).expect("written");
    assert_eq!(disk.facts().sectors, Sectors(1 << 21));
    let facts = fs::metadata(&path).expect("there");
    assert_eq!((facts.len(), facts.permissions().mode() & 0o777), (1 << 30, 0o600));
    assert!(facts.blocks() < 1000, "{} blocks", facts.blocks());
    let again = opener.create(word(&path), 1).expect_err("it is there");
    assert!(again.why.contains("already"), "{again}");
    let other = folder.path().join("other");
    opener.link(word(&path), word(&other)).expect("linked");
    assert_eq!(fs::metadata(&other).expect("there").ino(), facts.ino());
    assert!(opener.link(word(&path), word(&other)).is_err());
    let nowhere = folder.path().join("nowhere/new.img");
    assert!(opener.create(word(&nowhere), 1).expect_err("no directory").why.contains("directory"));
}

#[test]
fn bytes_behind_the_last_sector_are_the_tail() {
    let folder = folder();
    let path = image(&folder, "odd", 4096 + 700);
    let opener = PathOpener::new(&no_partitions);
    let disk = opener.open(word(&path), Access::Read).expect("opened");
    assert_eq!(disk.facts().sectors, Sectors(9));
    assert_eq!(disk.tail(), Ok(pattern(4096 + 700).split_off(4608)));
    let part = opener.open(&format!("{}@4096", word(&path)), Access::Read).expect("opened");
    assert_eq!(part.tail(), disk.tail());
    let front = opener.open(&format!("{}@0+4096", word(&path)), Access::Read).expect("opened");
    assert_eq!(front.tail(), Ok(Vec::new()));
}
