//! Lines of text as mdadm lays them out.

pub(super) use paritas_units::{brief_size, human_size};
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

/// Sectors as bytes, in the signed number in which mdadm counts them.
pub(super) const fn bytes_of(sectors: u64) -> i64 {
    sectors.wrapping_mul(512).cast_signed()
}
