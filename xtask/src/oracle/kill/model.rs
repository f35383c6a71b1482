//! What each sector may hold: the last version that was acknowledged, or any that was begun since.
//!
//! A sector says itself which it is: its number and a version, repeated in a pattern of both, so
//! that a sector from elsewhere or a torn one is neither.

use crate::oracle::content::mixed;
use std::collections::HashMap;

pub(super) const SECTOR: usize = 512;

/// The versions of all sectors of an array.
pub(super) struct Model {
    next_version: u32,
    /// By sector: the version that is there, if nothing else was begun.
    settled: Vec<u32>,
    /// Versions that were begun since, and not acknowledged.
    begun: HashMap<u64, Vec<u32>>,
    /// Ranges that are being written now.
    under_way: Vec<(u64, u64)>,
}

impl Model {
    pub(super) fn new(sectors: u64) -> Self {
        let settled = vec![0; usize::try_from(sectors).unwrap_or(0)];
        Self { next_version: 1, settled, begun: HashMap::new(), under_way: Vec::new() }
    }

    /// Begins a write; gives its version and content.
    pub(super) fn begin(&mut self, at: u64, count: u64) -> (u32, Vec<u8>) {
        let version = self.next_version;
        self.next_version += 1;
        self.under_way.push((at, count));
        let mut content = Vec::with_capacity(usize::try_from(count).unwrap_or(0) * SECTOR);
        for sector in at..at + count {
            self.begun.entry(sector).or_default().push(version);
            content.extend(content_of(sector, version));
        }
        (version, content)
    }

    /// A write was acknowledged: nothing older may come back.
    pub(super) fn acknowledge(&mut self, at: u64, count: u64, version: u32) {
        self.under_way.retain(|range| *range != (at, count));
        for sector in at..at + count {
            self.begun.remove(&sector);
            if let Some(settled) = self.settled.get_mut(usize::try_from(sector).unwrap_or(0)) {
                *settled = version;
            }
        }
    }

    /// Whether some of a range is being written.
    pub(super) fn is_being_written(&self, at: u64, count: u64) -> bool {
        self.under_way.iter().any(|(start, len)| *start < at + count && at < start + len)
    }

    /// The server is gone: nothing is being written any more. Gives how many writes it has cut.
    pub(super) fn cut(&mut self) -> usize {
        std::mem::take(&mut self.under_way).len()
    }

    /// Whether a write to the range was begun and not acknowledged.
    pub(super) fn has_begun(&self, range: std::ops::Range<u64>) -> bool {
        range.into_iter().any(|sector| self.begun.contains_key(&sector))
    }

    /// The sectors that hold what they may not, with what they hold.
    pub(super) fn wrong(&self, content: &[u8]) -> Vec<(u64, String)> {
        let mut wrong = Vec::new();
        for ((sector, bytes), settled) in (0..).zip(content.chunks(SECTOR)).zip(&self.settled) {
            let begun = self.begun.get(&sector);
            match version_of(sector, bytes) {
                Some(version) if version == *settled => {}
                Some(version) if begun.is_some_and(|begun| begun.contains(&version)) => {}
                Some(version) => {
                    wrong.push((sector, format!("version {version} instead of {settled}")));
                }
                None => wrong.push((sector, "no version at all".to_owned())),
            }
        }
        wrong
    }

    /// What is read now is what stays: redundancy agrees.
    pub(super) fn settle(&mut self, content: &[u8]) {
        for (sector, bytes) in (0..).zip(content.chunks(SECTOR)) {
            let place = self.settled.get_mut(usize::try_from(sector).unwrap_or(0));
            if let (Some(settled), Some(version)) = (place, version_of(sector, bytes)) {
                *settled = version;
            }
        }
        self.begun.clear();
    }
}

fn content_of(sector: u64, version: u32) -> [u8; SECTOR] {
    let mut bytes = [0; SECTOR];
    let label = sector << 32 | u64::from(version);
    for (number, word) in (0..).zip(bytes.chunks_exact_mut(8)) {
        let value = if number == 0 { label } else { mixed(label.wrapping_add(number << 52)) };
        word.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// The version of a sector that is whole and in its place.
fn version_of(sector: u64, bytes: &[u8]) -> Option<u32> {
    let version = u32::from_le_bytes(bytes.first_chunk().copied()?);
    (bytes == content_of(sector, version)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_may_be_there_and_nothing_else() {
        let mut model = Model::new(4);
        let (first, content) = model.begin(0, 4);
        assert!(model.is_being_written(3, 9));
        model.acknowledge(0, 4, first);
        assert_eq!(model.wrong(&content), []);
        let (second, newer) = model.begin(1, 2);
        let mut mixed = content.clone();
        mixed[SECTOR..2 * SECTOR].copy_from_slice(&newer[..SECTOR]);
        assert_eq!(model.wrong(&mixed), []);
        assert!(model.has_begun(2..3) && !model.has_begun(3..4));
        model.acknowledge(1, 2, second);
        let wrong = model.wrong(&mixed);
        assert_eq!(wrong, [(2, format!("version {first} instead of {second}"))]);
        // Torn, or from another place.
        mixed[2 * SECTOR..3 * SECTOR].copy_from_slice(&newer[..SECTOR]);
        mixed[3 * SECTOR + 100] ^= 1;
        assert_eq!(model.wrong(&mixed).len(), 2);
        model.settle(&content);
        assert_eq!(model.wrong(&content), []);
    }
}
