//! What is changed in an array after it was filled: writes of odd places and sizes, zeroes, discards.
//!
//! The same list is a `qemu-io` command line and a change of a model in memory. What a discard
//! leaves is not told beforehand: it is whatever is read afterwards, everywhere the same.

use crate::oracle::content::mixed;
use std::ops::Range;

/// One change of some bytes.
#[derive(Clone, Debug)]
pub(super) struct Change {
    place: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Write(u8),
    Zero,
    Discard,
}

/// The changes of an array of `size` bytes, the same for the same `seed`.
pub(super) fn of(size: usize, chunk: usize, seed: u64) -> Vec<Change> {
    let mut at = seed;
    let mut below = move |limit: usize| {
        at += 1;
        usize::try_from(mixed(at) % limit.max(1) as u64).unwrap_or(0)
    };
    let mut all = Vec::new();
    let lengths = [1, 7, 512, 513, 4096, 5000, 65_536, chunk, chunk * 2 + 1, 300_001, size / 6];
    for (number, length) in lengths.into_iter().enumerate() {
        let byte = u8::try_from(0x21 + number * 11 % 200).unwrap_or(1);
        add(&mut all, size, below(size), length, Kind::Write(byte));
    }
    add(&mut all, size, 0, 100, Kind::Write(0xe1));
    add(&mut all, size, size - size.min(777), 777, Kind::Write(0xe2));
    // Whole chunks, from a border on.
    add(&mut all, size, below(size) / chunk * chunk, chunk * 3, Kind::Write(0xe3));
    add(&mut all, size, below(size), 100_000, Kind::Zero);
    add(&mut all, size, below(size) / 4096 * 4096, chunk.max(65_536) * 2, Kind::Zero);
    add(&mut all, size, below(size) / 4096 * 4096, 200_000, Kind::Discard);
    add(&mut all, size, below(size) / chunk * chunk, chunk * 8, Kind::Discard);
    add(&mut all, size, below(size), 12_345, Kind::Write(0xe4));
    all
}

fn add(all: &mut Vec<Change>, size: usize, start: usize, length: usize, kind: Kind) {
    let start = start.min(size.saturating_sub(1));
    let end = (start + length.clamp(1, 1 << 20)).min(size);
    all.push(Change { place: start..end, kind });
}

/// The words for `qemu-io`.
pub(super) fn words(all: &[Change]) -> Vec<String> {
    let word = |change: &Change| {
        let (start, length) = (change.place.start, change.place.len());
        match change.kind {
            Kind::Write(byte) => format!("write -q -P {byte} {start} {length}"),
            Kind::Zero => format!("write -q -z {start} {length}"),
            Kind::Discard => format!("discard -q {start} {length}"),
        }
    };
    all.iter().map(word).collect()
}

/// Makes the changes in the model; a discard takes what `seen` has there.
pub(super) fn apply(all: &[Change], model: &mut [u8], seen: &[u8]) {
    for change in all {
        let place = change.place.clone();
        match change.kind {
            Kind::Write(byte) => model[place].fill(byte),
            Kind::Zero => model[place].fill(0),
            Kind::Discard => model[place.clone()].copy_from_slice(&seen[place]),
        }
    }
}
