//! Members that are one storage under two names.

use paritas_disk::{Disk, Span};
use std::sync::Arc;

/// Two members that share bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{first} and {second} share {bytes} bytes of one storage ({}): name each member once",
    place(.span)
)]
pub struct Alias {
    /// The name of the one.
    pub first: String,
    /// The name of the other.
    pub second: String,
    /// How many bytes they share.
    pub bytes: u64,
    /// Where the shared bytes lie.
    pub span: Span,
}

/// Finds two members that share bytes, whatever names they were opened by: links, loop devices,
/// partitions, parts of one file.
///
/// # Errors
/// The first such pair.
pub fn check_aliases(disks: &[Arc<dyn Disk>]) -> Result<(), Alias> {
    for (number, first) in disks.iter().enumerate() {
        for second in disks.iter().skip(number + 1) {
            let (one, other) = (first.facts(), second.facts());
            let (Some(a), Some(b)) = (one.span, other.span) else { continue };
            if !a.overlaps(&b) {
                continue;
            }
            let start = a.start.max(b.start);
            let end = a.start.saturating_add(a.len).min(b.start.saturating_add(b.len));
            let bytes = end.saturating_sub(start);
            return Err(Alias {
                first: one.name.clone(),
                second: other.name.clone(),
                bytes,
                span: Span { start, len: bytes, ..a },
            });
        }
    }
    Ok(())
}

fn place(span: &Span) -> String {
    let (major, minor) = (rustix::fs::major(span.device), rustix::fs::minor(span.device));
    let start = span.start;
    if span.inode == 0 {
        format!("block device {major}:{minor} from byte {start} on")
    } else {
        format!("inode {} of device {major}:{minor} from byte {start} on", span.inode)
    }
}
