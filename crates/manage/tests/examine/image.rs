//! Sparse images, and mdadm as a process.

use paritas_disk::{Disk, Facts, Fault, FaultKind};
use paritas_format::Superblock;
use paritas_manage::examine::{ExamineError, Examined, Style, examine};
use paritas_units::{Sector, Sectors};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// An image: zeroes, and pieces on them.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    facts: Facts,
    pieces: Vec<(Sector, Vec<u8>)>,
    /// Reads that touch this sector fail.
    pub(crate) bad: Option<Sector>,
}

impl Image {
    /// An empty image.
    pub(crate) fn new(sectors: u64) -> Self {
        let facts = Facts::of_memory("a.img".to_owned(), Sectors(sectors));
        Self { facts, pieces: Vec::new(), bad: None }
    }

    /// An image with this superblock at its place.
    pub(crate) fn of(sectors: u64, superblock: &Superblock) -> Self {
        Self::new(sectors).with(superblock.place().at, superblock.encode())
    }

    /// Puts bytes on the image.
    pub(crate) fn with(mut self, at: Sector, bytes: Vec<u8>) -> Self {
        self.pieces.push((at, bytes));
        self
    }

    /// The image as a file.
    pub(crate) fn store(&self, path: &Path) {
        let file = std::fs::File::create(path).expect("a writable directory");
        file.set_len(self.facts.sectors.0 * 512).expect("a file system with holes");
        for (at, bytes) in &self.pieces {
            let room = (self.facts.sectors.0 - at.0) * 512;
            let len = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            file.write_all_at(&bytes[..len], at.0 * 512).expect("room on the disk");
        }
    }

    /// Examines the image under a name.
    pub(crate) fn examined(&self, name: &str) -> Result<Examined, ExamineError> {
        examine(self, name)
    }
}

impl Disk for Image {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.facts.check(at, into.len())?;
        into.fill(0);
        let (start, end) = (at.0 * 512, at.0 * 512 + u64::try_from(into.len()).expect("small"));
        if self.bad.is_some_and(|bad| bad.0 * 512 < end && start < (bad.0 + 1) * 512) {
            return Err(Fault { kind: FaultKind::Io, at });
        }
        for (piece, bytes) in &self.pieces {
            let piece = piece.0 * 512;
            for (byte, position) in bytes.iter().zip(piece..) {
                if (start..end).contains(&position) {
                    into[usize::try_from(position - start).expect("small")] = *byte;
                }
            }
        }
        Ok(())
    }

    fn write(&self, at: Sector, _: &[u8], _: bool) -> Result<(), Fault> {
        panic!("examine wrote at {at}");
    }

    fn flush(&self) -> Result<(), Fault> {
        panic!("examine flushed");
    }

    fn discard(&self, at: Sector, _: Sectors) -> Result<(), Fault> {
        panic!("examine discarded at {at}");
    }

    fn write_zeroes(&self, at: Sector, _: Sectors) -> Result<(), Fault> {
        panic!("examine wrote zeroes at {at}");
    }
}

/// What mdadm printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Runs mdadm in a directory, in a time zone.
pub(crate) fn mdadm(directory: &TempDir, zone: &str, arguments: &[&str]) -> Run {
    let output = Command::new("mdadm")
        .args(arguments)
        .current_dir(directory.path())
        .env("LC_ALL", "C")
        .env("TZ", zone)
        .output()
        .unwrap_or_else(|error| panic!("these tests need mdadm 4.2 (apt install mdadm): {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Run { stdout: output.stdout, stderr, code: output.status.code() }
}

/// The style of this machine in UTC.
pub(crate) fn style() -> Style {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux");
    Style { host: Some(host.trim().to_owned()), devices: devices(), ..Style::default() }
}

/// The block devices of this machine, by number.
pub(crate) fn devices() -> BTreeMap<(u32, u32), String> {
    let entries = std::fs::read_dir("/sys/dev/block").expect("Linux").flatten();
    let devices = entries.filter_map(|entry| {
        let number = entry.file_name().into_string().ok()?;
        let (major, minor) = number.split_once(':')?;
        let target = std::fs::read_link(entry.path()).ok()?;
        let path = Path::new("/dev").join(target.file_name()?);
        let number = (major.parse().ok()?, minor.parse().ok()?);
        path.exists().then(|| Some((number, path.to_str()?.to_owned())))?
    });
    devices.collect()
}

/// Panics with both texts, line by line, if they are not the same bytes.
#[track_caller]
pub(crate) fn assert_same(what: &str, mdadm: &[u8], ours: &[u8]) {
    if mdadm == ours {
        return;
    }
    let lines = |bytes: &[u8]| {
        let text = bytes.escape_ascii().to_string();
        text.split("\\n").map(str::to_owned).collect::<Vec<_>>()
    };
    let (theirs, ours) = (lines(mdadm), lines(ours));
    let mut report = String::new();
    for number in 0..theirs.len().max(ours.len()) {
        let (a, b) = (theirs.get(number), ours.get(number));
        if a != b {
            report += &format!("  line {}\n    mdadm {a:?}\n    ours  {b:?}\n", number + 1);
        }
    }
    panic!("{what} differs:\n{report}");
}

/// Compares text and export of one image.
#[track_caller]
pub(crate) fn assert_like_mdadm(directory: &TempDir, what: &str, image: &Image) {
    image.store(&directory.path().join("a.img"));
    let theirs = mdadm(directory, "UTC", &["--examine", "a.img"]);
    assert_eq!(theirs.code, Some(0), "{what}: mdadm ended so: {}", theirs.stderr);
    let ours = image.examined("a.img").unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_same(what, &theirs.stdout, &ours.text(&style()));
    let theirs = mdadm(directory, "UTC", &["--examine", "--export", "a.img"]);
    assert_same(&format!("{what}, exported,"), &theirs.stdout, &ours.export());
}
