//! A set of sectors, kept as runs.
//!
//! Invariant: runs are not empty and do not touch each other.

use paritas_units::{SectorRange, Sectors};
use std::collections::BTreeMap;

/// A set of sectors: start and end of each run.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    runs: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds the sectors of `range`.
    pub(super) fn add(&mut self, range: SectorRange) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start.0, range.end().0);
        // The last run that begins at or before the end may reach us; then the one before it.
        while let Some((&other_start, &other_end)) = self.runs.range(..=end).next_back()
            && other_end >= start
        {
            self.runs.remove(&other_start);
            start = start.min(other_start);
            end = end.max(other_end);
        }
        self.runs.insert(start, end);
    }

    /// Cuts `range` where it enters or leaves the set, and says for each part whether it is in.
    pub(super) fn split(&self, range: SectorRange) -> impl Iterator<Item = (SectorRange, bool)> {
        let end = range.end().0;
        let mut at = range.start.0;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let before = self.runs.range(..=at).next_back().filter(|(_, run_end)| **run_end > at);
            let (next, is_in) = match before {
                Some((_, run_end)) => (*run_end, true),
                None => (self.runs.range(at..).next().map_or(end, |(start, _)| *start), false),
            };
            let next = next.min(end);
            let part = SectorRange::new(at, next - at);
            at = next;
            Some((part, is_in))
        })
    }

    /// The runs in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = SectorRange> {
        self.runs.iter().map(|(start, end)| SectorRange::new(*start, end - start))
    }

    /// How many sectors are in the set.
    pub(super) fn count(&self) -> Sectors {
        Sectors(self.runs.iter().map(|(start, end)| end - start).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(ranges: &Ranges) -> Vec<(u64, u64)> {
        ranges.iter().map(|range| (range.start.0, range.len.0)).collect()
    }

    #[test]
    fn runs_that_touch_are_one() {
        let mut ranges = Ranges::default();
        for (start, len) in [(10, 5), (20, 5), (30, 5), (0, 0)] {
            ranges.add(SectorRange::new(start, len));
        }
        assert_eq!(runs(&ranges), [(10, 5), (20, 5), (30, 5)]);
        ranges.add(SectorRange::new(15, 5));
        assert_eq!(runs(&ranges), [(10, 15), (30, 5)]);
        ranges.add(SectorRange::new(5, 40));
        assert_eq!((runs(&ranges), ranges.count()), (vec![(5, 40)], Sectors(40)));
    }

    #[test]
    fn a_set_agrees_with_one_flag_for_each_sector() {
        let mut flags = [false; 64];
        let mut ranges = Ranges::default();
        let mut random = 12_345_u64;
        for _ in 0..200 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (start, len) = ((random >> 33) % 60, (random >> 50) % 4);
            ranges.add(SectorRange::new(start, len));
            (start..start + len).for_each(|at| flags[usize::try_from(at).expect("small")] = true);
            let mut seen = Vec::new();
            for (part, is_in) in ranges.split(SectorRange::new(0, 64)) {
                seen.extend((0..part.len.0).map(|_| is_in));
            }
            assert_eq!(seen, flags);
            if flags.iter().filter(|flag| **flag).count() > 40 {
                (flags, ranges) = ([false; 64], Ranges::default());
            }
        }
    }
}
