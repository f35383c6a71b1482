//! Sizes for people, as mdadm prints them.
//!
//! The one thing to understand: the sums are mdadm's, with what it rounds and what overflows, since
//! its text is compared byte for byte.

/// A size of `bytes` in binary and decimal units, with a blank before it; nothing for sizes below
/// 5000 KiB. The count of bytes may have overflowed: what mdadm prints then is printed.
#[must_use]
pub fn human_size(bytes: i64) -> String {
    let Some(letter) = letter(bytes) else { return String::new() };
    let (binary, decimal) = both(bytes, letter);
    format!(" ({binary} {letter}iB {decimal} {letter}B)")
}

/// A size of `bytes` in decimal units for scripts.
#[must_use]
pub fn brief_size(bytes: i64) -> String {
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
