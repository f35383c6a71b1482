//! Two sets of images, byte for byte, and what the driver made of them.

use super::table::Case;
use anyhow::{Context, Result};
use rustix::fs::SeekFrom;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

const PAGE: usize = 4096;
/// A superblock's first bytes.
const MAGIC: [u8; 4] = [0xfc, 0x4e, 0x2b, 0xa9];

/// A field that need not be equal, by name.
struct Masked {
    #[cfg_attr(not(test), expect(dead_code, reason = "the name is for people"))]
    name: &'static str,
    bytes: Range<usize>,
}

/// Fields of a 1.x superblock that differ from run to run.
const MASKED_1: [Masked; 4] = [
    Masked { name: "creation time", bytes: 64..72 },
    Masked { name: "device uuid", bytes: 168..184 },
    Masked { name: "update time", bytes: 192..200 },
    Masked { name: "checksum", bytes: 216..220 },
];
/// The same of a 0.90 superblock; the numbers of its devices come in addition.
const MASKED_090: [Masked; 3] = [
    Masked { name: "creation time", bytes: 24..28 },
    Masked { name: "update time", bytes: 128..132 },
    Masked { name: "checksum", bytes: 152..156 },
];
/// Where the 28 descriptors of 128 bytes begin, and where major and minor number stand in each.
const DESCRIPTORS: usize = 512;
const NUMBERS: Range<usize> = 4..12;

/// Compares all of a case; gives the number of comparisons and what differs.
pub(super) fn compare(place: &Path, case: &Case, bytes: u64) -> Result<(usize, Vec<String>)> {
    let mut failures = Vec::new();
    let said = std::fs::read_to_string(place.join("said")).context("mdadm was not run")?;
    if !said.contains("RUN_ARRAY failed") {
        failures.push(format!("mdadm did not create it: {}", said.trim()));
        return Ok((1, failures));
    }
    for index in 0..case.sizes.len() {
        let theirs = pages(&place.join(format!("m{index}.img")))?;
        let ours = pages(&place.join(format!("o{index}.img")))?;
        if theirs.is_empty() {
            failures.push(format!("image {index}: mdadm wrote nothing"));
        }
        failures.extend(differences(&theirs, &ours).map(|what| format!("image {index}: {what}")));
    }
    let started = start(place, case, bytes)?;
    failures.extend(started);
    Ok((case.sizes.len() + 1, failures))
}

/// The pages that are not zero, masked.
fn pages(path: &Path) -> Result<BTreeMap<u64, Vec<u8>>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let length = file.metadata()?.len();
    let mut pages = BTreeMap::new();
    let mut at = 0;
    while at < length {
        let Ok(data) = rustix::fs::seek(&file, SeekFrom::Data(at)) else { break };
        let end = rustix::fs::seek(&file, SeekFrom::Hole(data))?;
        for number in data / PAGE as u64..end.div_ceil(PAGE as u64) {
            let start = number * PAGE as u64;
            let mut page = vec![0; PAGE.min(usize::try_from(length - start)?)];
            file.read_exact_at(&mut page, start)?;
            if page.iter().any(|byte| *byte != 0) {
                mask(&mut page);
                pages.insert(start, page);
            }
        }
        at = end;
    }
    Ok(pages)
}

/// Clears the named fields if the page is a superblock.
fn mask(page: &mut [u8]) {
    if !page.starts_with(&MAGIC) {
        return;
    }
    if page[4] == 1 {
        MASKED_1.iter().for_each(|field| page[field.bytes.clone()].fill(0));
        return;
    }
    MASKED_090.iter().for_each(|field| page[field.bytes.clone()].fill(0));
    for descriptor in page[DESCRIPTORS..].chunks_mut(128) {
        descriptor[NUMBERS].fill(0);
    }
}

fn differences(
    theirs: &BTreeMap<u64, Vec<u8>>,
    ours: &BTreeMap<u64, Vec<u8>>,
) -> impl Iterator<Item = String> {
    let zeroes = vec![0; PAGE];
    let places: std::collections::BTreeSet<u64> =
        theirs.keys().chain(ours.keys()).copied().collect();
    let differ = move |at: u64| {
        let page = |pages: &BTreeMap<u64, Vec<u8>>| pages.get(&at).unwrap_or(&zeroes).clone();
        let (wanted, got) = (page(theirs), page(ours));
        let byte = wanted.iter().zip(&got).position(|(wanted, got)| wanted != got)?;
        Some(format!(
            "byte {byte} of the page at {at}: mdadm {:#04x}, paritas {:#04x}",
            wanted[byte], got[byte]
        ))
    };
    places.into_iter().filter_map(differ).collect::<Vec<_>>().into_iter()
}

/// What the driver made of both.
fn start(place: &Path, case: &Case, bytes: u64) -> Result<Option<String>> {
    let read = |name: &str| {
        std::fs::read_to_string(place.join(name))
            .with_context(|| format!("the guest left no `{name}` for {}", case.key))
    };
    let (theirs, ours) = (read("m.code")?, read("o.code")?);
    let starts = !case.is_refused_by_driver;
    if (ours.trim() == "0") != starts || ours != theirs {
        let said = read("o.said")?;
        return Ok(Some(format!(
            "started: mdadm's with {}, ours with {}: {}",
            theirs.trim(),
            ours.trim(),
            said.trim()
        )));
    }
    if !starts {
        return Ok(None);
    }
    let (theirs, ours) = (detail(&read("m.detail")?), detail(&read("o.detail")?));
    let differing = theirs.lines().zip(ours.lines()).find(|(wanted, got)| wanted != got);
    if let Some((wanted, got)) = differing.filter(|_| theirs != ours) {
        return Ok(Some(format!("detail: mdadm's is `{wanted}`, ours `{got}`")));
    }
    let kib = size_in_kib(&ours);
    Ok((kib != Some(bytes / 1024))
        .then(|| format!("the driver shows {kib:?} KiB, paritas said {bytes} bytes")))
}

/// `mdadm --detail` without the times.
fn detail(text: &str) -> String {
    let is_time = |line: &&str| line.contains("Creation Time :") || line.contains("Update Time :");
    text.lines().filter(|line| !is_time(line)).map(|line| format!("{line}\n")).collect()
}

fn size_in_kib(detail: &str) -> Option<u64> {
    let line = detail.lines().find(|line| line.contains("Array Size :"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(byte: usize, value: u8) -> BTreeMap<u64, Vec<u8>> {
        let mut page = vec![0; PAGE];
        page[..4].copy_from_slice(&MAGIC);
        page[4] = 1;
        page[byte] = value;
        mask(&mut page);
        BTreeMap::from([(4096, page)])
    }

    #[test]
    fn only_thenamed_fields_may_differ() {
        let differ = |byte| differences(&one(byte, 1), &one(byte, 2)).count();
        for field in MASKED_1 {
            assert_eq!(
                differ(field.bytes.start) + differ(field.bytes.end - 1),
                0,
                "{}",
                field.name
            );
        }
        // Feature map, uuid, events, resync offset, the table of roles.
        for byte in [8, 16, 200, 208, 256] {
            assert_eq!(differ(byte), 1, "{byte}");
        }
        assert_eq!(differences(&one(8, 1), &BTreeMap::new()).count(), 1);
    }
}
