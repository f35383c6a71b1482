//! Lines of text as mdadm lays them out.

use std::fmt::Display;
use std::io::Write;

/// Text under way. Bytes, since names may be any.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<u8>);

impl Text {
    /// Adds a line.
    pub(super) fn line(&mut self, line: &dyn Display) {
        self.add(line);
        self.0.push(b'\n');
    }

    /// Adds a label, to the right of fifteen columns, and its value.
    pub(super) fn field(&mut self, label: &str, value: &dyn Display) {
        self.line(&format_args!("{label:>15} : {value}"));
    }

    /// Adds an empty line.
    pub(super) fn blank(&mut self) {
        self.0.push(b'\n');
    }

    /// Adds text within a line.
    pub(super) fn add(&mut self, part: &dyn Display) {
        write!(self.0, "{part}").expect("a vector takes all that is written");
    }

    /// Adds bytes within a line.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A size for people in binary and decimal units, with a blank before it; nothing for sizes below
/// 5000 KiB. The count of bytes may have overflowed: what mdadm prints then is printed.
pub(super) fn human_size(bytes: i64) -> String {
    let Some(letter) = letter(bytes) else { return String::new() };
    let (binary, decimal) = both(bytes, letter);
    format!(" ({binary} {letter}iB {decimal} {letter}B)")
}

/// A size in decimal units for scripts.
pub(super) fn brief_size(bytes: i64) -> String {
    let Some(letter) = letter(bytes) else { return String::new() };
    format!("{}{letter}B", both(bytes, letter).1)
}

/// The letter of the unit in which a size is shown.
const fn letter(bytes: i64) -> Option<char> {
    match bytes {
        ..5_120_000 => None,
        5_120_000..0x8000_0000 => Some('M'),
        0x8000_0000..0x200_0000_0000 => Some('G'),
        _ => Some('T'),
    }
}

fn both(bytes: i64, letter: char) -> (String, String) {
    let (shift, decimal) = match letter {
        'M' => (20, 1_000_000),
        'G' => (30, 1_000_000_000),
        _ => (40, 1_000_000_000_000),
    };
    let binary = bytes.wrapping_mul(200) >> shift;
    (hundredths(binary), hundredths(bytes / (decimal / 200)))
}

/// Two-hundredths of a unit as hundredths with two decimals, half a hundredth rounded up.
fn hundredths(parts: i64) -> String {
    let hundredths = ((parts + 1) >> 1).cast_unsigned();
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Sectors as bytes, in the signed number in which mdadm counts them.
pub(super) const fn bytes_of(sectors: u64) -> i64 {
    sectors.wrapping_mul(512).cast_signed()
}
