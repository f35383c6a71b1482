//! Images, disks in memory that end anywhere, and mdadm as a process.

use paritas_disk::{Disk, Facts, Fault, Maker, OpenError};
use paritas_format::Superblock;
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{V1, Version};
use paritas_manage::gather::{self, Found};
use paritas_units::{Level, Sector, Sectors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// What a run of mdadm gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Runs mdadm 4.2 in a directory.
pub(crate) fn mdadm(directory: &Path, arguments: &[&str]) -> Run {
    let output = Command::new("mdadm")
        .args(arguments)
        .current_dir(directory)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("these tests need mdadm 4.2 (apt install mdadm): {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("mdadm prints text");
    Run { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
}

/// A disk in memory whose last sector may be broken.
#[derive(Debug)]
pub(crate) struct Bytes {
    facts: Facts,
    content: Mutex<Vec<u8>>,
}

impl Bytes {
    pub(crate) fn new(name: &str, content: Vec<u8>) -> Arc<Self> {
        let sectors = Sectors::whole_in(u64::try_from(content.len()).expect("small"));
        let facts = Facts::of_memory(name.to_owned(), sectors);
        Arc::new(Self { facts, content: Mutex::new(content) })
    }

    /// A disk whose logical block has `block` bytes.
    pub(crate) fn with_block(name: &str, content: Vec<u8>, block: u32) -> Arc<Self> {
        let sectors = Sectors::whole_in(u64::try_from(content.len()).expect("small"));
        let facts = Facts::of_memory(name.to_owned(), sectors);
        let facts = Facts { logical_block: block, physical_block: block, ..facts };
        Arc::new(Self { facts, content: Mutex::new(content) })
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        self.content.lock().expect("not poisoned").clone()
    }
}

impl Disk for Bytes {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.facts.check(at, into.len())?;
        let start = usize::try_from(at.0 * 512).expect("small");
        into.copy_from_slice(&self.content()[start..start + into.len()]);
        Ok(())
    }

    fn write(&self, at: Sector, from: &[u8], _durable: bool) -> Result<(), Fault> {
        self.facts.check(at, from.len())?;
        let start = usize::try_from(at.0 * 512).expect("small");
        let block = usize::try_from(self.facts.logical_block).expect("small");
        assert!((start | from.len()).is_multiple_of(block), "part of a block is written");
        self.content.lock().expect("not poisoned")[start..start + from.len()].copy_from_slice(from);
        Ok(())
    }

    fn flush(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn discard(&self, _: Sector, _: Sectors) -> Result<(), Fault> {
        unreachable!("no verb here discards")
    }

    fn write_zeroes(&self, _: Sector, _: Sectors) -> Result<(), Fault> {
        unreachable!("no verb here writes zeroes")
    }

    fn tail(&self) -> Result<Vec<u8>, Fault> {
        let whole = usize::try_from(self.facts.sectors.0 * 512).expect("small");
        Ok(self.content().split_off(whole))
    }
}

/// Files that are made in memory.
#[derive(Debug, Default)]
pub(crate) struct Made(pub(crate) Mutex<BTreeMap<String, Arc<Bytes>>>);

impl Made {
    pub(crate) fn content(&self, path: &str) -> Vec<u8> {
        let files = self.0.lock().expect("not poisoned");
        files.get(path).unwrap_or_else(|| panic!("{path} was not made")).content()
    }
}

impl Maker for Made {
    fn create(&self, path: &str, bytes: u64) -> Result<Arc<dyn Disk>, OpenError> {
        let mut files = self.0.lock().expect("not poisoned");
        if files.contains_key(path) {
            return Err(OpenError { word: path.to_owned(), why: "File exists".to_owned() });
        }
        let file = Bytes::new(path, vec![0; usize::try_from(bytes).expect("small")]);
        files.insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn link(&self, path: &str, link: &str) -> Result<(), OpenError> {
        let mut files = self.0.lock().expect("not poisoned");
        let file = Arc::clone(&files[path]);
        files.insert(link.to_owned(), file);
        Ok(())
    }
}

/// A directory with images in it.
pub(crate) struct Bench {
    pub(crate) directory: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Puts an image into a file, and into memory.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> Found {
        std::fs::write(self.file(name), content).expect("a writable directory");
        found(name, content)
    }
}

/// An image as a member in memory.
pub(crate) fn found(name: &str, content: &[u8]) -> Found {
    gather::search(name, Bytes::new(name, content.to_vec()))
}

/// A member of an array in this format, on a device of 1 MiB.
pub(crate) fn builder(version: Version, level: Level, raid_disks: u16) -> SuperblockBuilder {
    let mut builder = SuperblockBuilder::new(version, level, raid_disks);
    builder.device = Sectors(2048);
    builder.data_offset = Sector(512);
    builder.size = Sectors(1024);
    builder
}

/// Zeroes with this superblock on them.
pub(crate) fn image(superblock: &Superblock) -> Vec<u8> {
    let mut image = vec![0; 1 << 20];
    let at = usize::try_from(superblock.place().at.0 * 512).expect("small");
    image[at..at + 4096].copy_from_slice(&superblock.encode());
    image
}

/// A 1.x superblock with a change, sealed again.
pub(crate) fn changed(superblock: Superblock, change: impl FnOnce(&mut V1)) -> Superblock {
    let Superblock::V1(mut superblock) = superblock else { panic!("a 1.x superblock") };
    change(&mut superblock);
    superblock.seal();
    Superblock::V1(superblock)
}

/// The 1.x superblock most cases begin with: a raid1 in format 1.2.
pub(crate) fn raid1(change: impl FnOnce(&mut V1)) -> Superblock {
    changed(builder(Version::V1_2, Level::Raid1, 2).build(), change)
}
