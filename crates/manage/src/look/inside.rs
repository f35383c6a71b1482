//! What lies on a piece or in an array, by name; and whether that is a member again.

use super::walk::{Origin, Piece, take_apart};
use crate::gather::{Found, search};
use paritas_disk::Disk;
use paritas_engine::Content;
use paritas_format::foreign::{self, Foreign};
use paritas_format::partition;
use paritas_format::signature;
use paritas_units::HumanSize;
use std::sync::Arc;

/// What was found in the content of an array.
pub(super) struct Inside {
    /// In words.
    pub(super) holds: Vec<String>,
    /// Members of further arrays.
    pub(super) members: Vec<Piece>,
}

/// Looks into an array; `depth` is how many arrays are then stacked.
pub(super) fn look_into(content: Arc<Content>, uuid: &str, depth: usize) -> Inside {
    let name = content.facts().name.clone();
    let content: Arc<dyn Disk> = content;
    let whole = search(&name, content);
    let holds = describe(&whole);
    let (pieces, _) = take_apart(whole);
    let members = pieces.into_iter().filter(|found| found.superblock().is_some()).map(|found| {
        let origin = Origin::Array { uuid: uuid.to_owned(), depth };
        Piece { found, origin }
    });
    Inside { holds, members: members.collect() }
}

/// What lies on a piece without a superblock.
pub(super) fn holds(piece: &Piece) -> Vec<String> {
    let mut holds = describe(&piece.found);
    if let Some(fault) = piece.found.doubt() {
        holds.push(format!("a place where a superblock may stand cannot be read: {fault}"));
    }
    if holds.is_empty() {
        holds.push("nothing that is known here, and no superblock of md".to_owned());
    }
    holds
}

fn describe(found: &Found) -> Vec<String> {
    let disk = &found.disk;
    let size = disk.facts().sectors;
    let read = |at, bytes: &mut [u8]| disk.read(at, bytes);
    let mut lines = Vec::new();
    if let Some(superblock) = found.superblock() {
        lines.push(format!("a member of another array, {}", super::name_of(superblock)));
    }
    match foreign::recognise(size, read) {
        Ok(Some(foreign)) => lines.push(describe_foreign(&foreign)),
        Ok(None) => {}
        Err(fault) => lines.push(format!("its end cannot be read: {fault}")),
    }
    match signature::recognise(size, read) {
        Ok(signatures) => lines.extend(signatures.iter().map(describe_signature)),
        Err(fault) => lines.push(format!("its beginning cannot be read: {fault}")),
    }
    if let Ok(Some(table)) = partition::read(size, read) {
        let scheme = match table.scheme {
            partition::Scheme::Mbr { .. } => "MBR",
            partition::Scheme::Gpt { .. } => "GPT",
        };
        lines.push(format!("a partition table ({scheme}) with {}", table.partitions.len()));
        lines.extend(table.partitions.iter().map(|partition| {
            let size = HumanSize(partition.len.bytes().unwrap_or(u64::MAX));
            format!("partition {}: {}, {size}", partition.number, partition.kind)
        }));
    }
    lines
}

fn describe_foreign(foreign: &Foreign) -> String {
    format!("metadata of {}, which is not md's own and cannot be read yet", foreign.title())
}

fn describe_signature(signature: &signature::Signature) -> String {
    let label = signature.label.as_ref().filter(|label| !label.is_empty());
    let label = label.map(|label| format!(" {:?}", label)).unwrap_or_default();
    format!("{}{label}", signature.kind)
}
