//! From a plan's directory to a transcript: one text with a section `== NAME` for each thing.
//!
//! Sections: `members` (a line `IMAGE SECTORS NAME MAJOR:MINOR STATE`), `moment` (lines `ATTRIBUTE
//! VALUE` of sysfs), `superblock IMAGE SECTOR` (rows of sixteen bytes, those of zeroes left out), and
//! the texts by the names of their files.

use anyhow::{Context, Result, bail};
use paritas_format::superblock;
use paritas_units::{Sector, Sectors};
use std::fmt::Write;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The texts, by the names of the guest's files.
const TEXTS: [&str; 6] = ["detail", "brief", "brief-verbose", "export", "code", "mdstat"];
/// Bytes of a row.
const ROW: usize = 16;

/// The transcript of what the guest left in `directory`.
pub(super) fn of(directory: &Path) -> Result<String> {
    let read = |name: &str| {
        std::fs::read_to_string(directory.join(name))
            .with_context(|| format!("the guest left no `{name}` in {}", directory.display()))
    };
    let status = read("status")?;
    if status.trim() != "ok" {
        let log = read("log")?;
        let lines: Vec<&str> = log.lines().collect();
        bail!("{}\n    {}", status.trim(), lines[lines.len().saturating_sub(12)..].join("\n    "));
    }
    let mut text = String::new();
    let mut superblocks = String::new();
    let _ = writeln!(text, "== members");
    for line in read("members")?.lines() {
        let (image, rest) = line.split_once(' ').context("a line of a member has words")?;
        let path = directory.join(format!("snapshot-{image}.img"));
        let file = File::open(&path).with_context(|| format!("no {}", path.display()))?;
        let sectors = Sectors::whole_in(file.metadata()?.len());
        let _ = writeln!(text, "{image} {} {rest}", sectors.0);
        write_superblock(&mut superblocks, image, &file, sectors)?;
    }
    let _ = write!(text, "== moment\n{}{superblocks}", read("moment")?);
    for name in TEXTS {
        let _ = write!(text, "== {name}\n{}", read(name)?);
    }
    Ok(text)
}

fn write_superblock(text: &mut String, image: &str, file: &File, size: Sectors) -> Result<()> {
    let read = |at: Sector, into: &mut [u8]| file.read_exact_at(into, at.0 * 512);
    let search = superblock::find(size, read);
    let chosen = superblock::choose(&search.found);
    let chosen = chosen.with_context(|| format!("{image} has no superblock"))?;
    let at = chosen.place().at;
    let _ = writeln!(text, "== superblock {image} {}", at.0);
    let mut bytes = [0; 4096];
    file.read_exact_at(&mut bytes, at.0 * 512)?;
    for (number, row) in bytes.chunks(ROW).enumerate() {
        if row.iter().any(|byte| *byte != 0) {
            let _ = write!(text, "{:03x} ", number * ROW);
            row.iter().for_each(|byte| {
                let _ = write!(text, "{byte:02x}");
            });
            text.push('\n');
        }
    }
    Ok(())
}
