//! The array that comes with the program: members as gzip, and the hashes of what they unpack to.
//!
//! How it was made is in oracle/fixtures/quickstart/README.md.

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A member as it comes.
#[derive(Debug)]
pub(super) struct Member {
    /// The file's name.
    pub(super) name: &'static str,
    packed: &'static [u8],
}

/// A member of this name.
macro_rules! member {
    ($name:literal) => {
        Member {
            name: $name,
            packed: include_bytes!(concat!(
                "../../../../oracle/fixtures/quickstart/",
                $name,
                ".gz"
            )),
        }
    };
}

/// The members, in the order of their slots.
pub(super) const MEMBERS: &[Member] = &[
    member!("disk1.img"),
    member!("disk2.img"),
    member!("disk3.img"),
    member!("disk4.img"),
    member!("disk5.img"),
];

/// The name of the array's content among the recorded hashes.
pub(super) const ARRAY: &str = "array.img";

/// The hashes, as sha256sum prints them.
const SUMS: &str = include_str!("../../../../oracle/fixtures/quickstart/SHA256SUMS");

/// Bytes in which zeroes are looked for.
const BLOCK: usize = 4096;

/// The recorded SHA-256 of a member or of the array; nothing for another name.
pub(super) fn recorded(name: &str) -> &'static str {
    let mut sums = SUMS.lines().filter_map(|line| line.split_once("  "));
    sums.find(|(_, known)| *known == name).map_or("", |(sum, _)| sum)
}

/// Unpacks a member into a new sparse file and says how many bytes it has.
pub(super) fn unpack(member: &Member, path: &Path) -> Result<u64> {
    let write = || -> std::io::Result<u64> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut packed = GzDecoder::new(member.packed);
        let mut block = Vec::with_capacity(BLOCK);
        let mut length = 0;
        loop {
            block.clear();
            let count = packed.by_ref().take(BLOCK as u64).read_to_end(&mut block)? as u64;
            if count == 0 {
                file.set_len(length)?;
                return Ok(length);
            }
            length += count;
            match block.iter().all(|&byte| byte == 0) {
                true => drop(file.seek(SeekFrom::Start(length))?),
                false => file.write_all(&block)?,
            }
        }
    };
    write().with_context(|| format!("cannot unpack {}", path.display()))
}

/// The SHA-256 of a file in hexadecimal.
pub(super) fn hash_of(path: &Path) -> Result<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}
