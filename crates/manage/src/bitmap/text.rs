//! The text of `mdadm -X`.

use super::{Node, Report};
use paritas_format::bitmap::{STATE_STALE, Superblock};
use std::fmt::Write;

impl Report {
    /// The text; `is_brief` leaves the bits out, as `--brief` does.
    #[must_use]
    pub fn text(&self, is_brief: bool) -> String {
        let mut text = String::new();
        self.write(is_brief, &mut text).expect("a string takes everything");
        text
    }

    fn write(&self, is_brief: bool, text: &mut String) -> std::fmt::Result {
        let superblock = &self.superblock;
        writeln!(text, "        Filename : {}", self.name)?;
        writeln!(text, "           Magic : {:08x}", self.magic)?;
        writeln!(text, "         Version : {}", superblock.version.cast_signed())?;
        if superblock.version().is_err() {
            return Ok(());
        }
        writeln!(text, "            UUID : {}", self.uuid)?;
        let is_clustered = superblock.nodes != 0;
        if !is_clustered {
            write_state(superblock, text)?;
        }
        writeln!(text, "       Chunksize : {}", chunk(superblock.chunk_bytes))?;
        writeln!(
            text,
            "          Daemon : {}s flush period",
            superblock.daemon_sleep.cast_signed()
        )?;
        writeln!(text, "      Write Mode : {}", write_mode(superblock))?;
        let size = superblock.sync_size;
        let human = human_size(size.0.wrapping_mul(512).cast_signed());
        writeln!(text, "       Sync Size : {}{human}", size.0 / 2)?;
        if !is_clustered {
            return self.nodes.iter().try_for_each(|node| write_bits(node, is_brief, text));
        }
        let name = superblock.cluster_name;
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        let name = String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned();
        writeln!(text, "   Cluster nodes : {}", superblock.nodes.cast_signed())?;
        writeln!(text, "    Cluster name : {name:<64}")?;
        for (slot, node) in self.nodes.iter().enumerate() {
            writeln!(text, "       Node Slot : {slot}")?;
            write_state(&node.superblock, text)?;
            write_bits(node, is_brief, text)?;
        }
        Ok(())
    }
}

fn write_state(superblock: &Superblock, text: &mut String) -> std::fmt::Result {
    writeln!(text, "          Events : {}", superblock.events)?;
    writeln!(text, "  Events Cleared : {}", superblock.events_cleared)?;
    writeln!(text, "           State : {}", state(superblock.state))
}

fn write_bits(node: &Node, is_brief: bool, text: &mut String) -> std::fmt::Result {
    if is_brief {
        return Ok(());
    }
    let Node { bits, dirty, .. } = node;
    writeln!(
        text,
        "          Bitmap : {bits} bits (chunks), {dirty} dirty ({}%)",
        percent(*dirty, *bits)
    )
}

/// The word for the state bits.
pub(super) const fn state(bits: u32) -> &'static str {
    match bits {
        0 => "OK",
        STATE_STALE => "Out of date",
        _ => "Unknown",
    }
}

/// The chunk in the largest unit of which it has one, rounded down.
fn chunk(bytes: u32) -> String {
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{} KB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MB", bytes >> 20),
        _ => format!("{} GB", bytes >> 30),
    }
}

fn write_mode(superblock: &Superblock) -> String {
    match superblock.write_behind.cast_signed() {
        0 => "Normal".to_owned(),
        most => format!("Allow write behind, max {most}"),
    }
}

/// How many of `bits` are set, in percent with one decimal. The bits are at most 2^30, so that
/// they are exact as floating numbers, in which mdadm computes too.
fn percent(dirty: u64, bits: u64) -> String {
    let exact = |number: u64| u32::try_from(number).map_or(f64::MAX, f64::from);
    format!("{:.1}", 100.0 * exact(dirty) / exact(bits.max(1)))
}

/// A size for people in binary and decimal units, with a blank before it; nothing for sizes below
/// 5000 KiB. The count of bytes may have overflowed: what mdadm prints then is printed.
fn human_size(bytes: i64) -> String {
    let (letter, shift, decimal) = match bytes {
        ..5_120_000 => return String::new(),
        5_120_000..0x8000_0000 => ('M', 20, 1_000_000),
        0x8000_0000..0x200_0000_0000 => ('G', 30, 1_000_000_000),
        _ => ('T', 40, 1_000_000_000_000),
    };
    let hundredths = |twice: i64| {
        let hundredths = ((twice + 1) >> 1).cast_unsigned();
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let binary = hundredths(bytes.wrapping_mul(200) >> shift);
    let decimal = hundredths(bytes / (decimal / 200));
    format!(" ({binary} {letter}iB {decimal} {letter}B)")
}
