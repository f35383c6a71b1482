//! Words that name members: a path, a partition of one, a part of one.

use paritas_units::{SECTOR_BYTES, SectorRange, parse_size};
use std::path::Path;

/// What a word names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word<'w> {
    /// The file or device.
    pub(crate) path: &'w str,
    /// Which part of it.
    pub(crate) part: Part,
}

/// Which part of a file is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// The partition of this number; the first is 1.
    Partition(u32),
    /// From `start` on, in bytes; to the end if there is no `len`.
    Bytes { start: u64, len: Option<u64> },
}

impl<'w> Word<'w> {
    /// Takes a word apart. A path that exists is a path, whatever it contains.
    pub(crate) fn parse(word: &'w str) -> Result<Self, String> {
        let whole = Self { path: word, part: Part::Whole };
        if Path::new(word).symlink_metadata().is_ok() {
            return Ok(whole);
        }
        let Some((path, suffix)) = word.rsplit_once('@').filter(|(path, _)| !path.is_empty())
        else {
            return Ok(whole);
        };
        Ok(Self { path, part: Part::parse(suffix)? })
    }
}

impl Part {
    fn parse(suffix: &str) -> Result<Self, String> {
        if let Some(number) = suffix.strip_prefix('p') {
            let number = number.parse().ok().filter(|number| *number > 0);
            return number
                .map(Self::Partition)
                .ok_or_else(|| format!("{suffix:?} after '@' is no partition: write p1, p2, …"));
        }
        let (start, len) = match suffix.split_once('+') {
            Some((start, len)) => (start, Some(len)),
            None => (suffix, None),
        };
        let size = |word: &str| {
            parse_size(word)
                .map_err(|_| format!("{word:?} after '@' is no size: write bytes, or 8K, 1M, 2G"))
        };
        Ok(Self::Bytes { start: size(start)?, len: len.map(size).transpose()? })
    }
}

/// The sectors of a part in bytes, of a disk with `sectors` sectors.
pub(crate) fn sectors_of(
    start: u64,
    len: Option<u64>,
    sectors: u64,
) -> Result<SectorRange, String> {
    let whole = |what: &str, bytes: u64| {
        if bytes.is_multiple_of(SECTOR_BYTES) {
            return Ok(bytes / SECTOR_BYTES);
        }
        Err(format!("{what} of {bytes} bytes is not a multiple of {SECTOR_BYTES}"))
    };
    let first = whole("an offset", start)?;
    let rest = sectors.saturating_sub(first);
    let count = len.map_or(Ok(rest), |len| whole("a size", len))?;
    if count == 0 || count > rest {
        let end = start.saturating_add(len.unwrap_or(0));
        let size = sectors.saturating_mul(SECTOR_BYTES);
        return Err(format!("the part from byte {start} to {end} is not in its {size} bytes"));
    }
    Ok(SectorRange::new(first, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(word: &str) -> Result<(&str, Part), String> {
        Word::parse(word).map(|word| (word.path, word.part))
    }

    #[test]
    fn words_are_taken_apart_at_the_last_at() {
        assert_eq!(part("a.img"), Ok(("a.img", Part::Whole)));
        assert_eq!(part("a@b@p3"), Ok(("a@b", Part::Partition(3))));
        let bytes = |start, len| Part::Bytes { start, len };
        assert_eq!(part("a.img@512"), Ok(("a.img", bytes(512, None))));
        assert_eq!(part("a.img@1M+8K"), Ok(("a.img", bytes(1 << 20, Some(8192)))));
        assert_eq!(part("@p1"), Ok(("@p1", Part::Whole)));
        for word in ["a@", "a@p", "a@p0", "a@p-1", "a@px", "a@1M+", "a@+1M", "a@1M+x"] {
            assert!(part(word).is_err(), "{word}");
        }
    }

    #[test]
    fn a_path_that_exists_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("disk@p1");
        std::fs::write(&path, []).expect("a file");
        let word = path.to_str().expect("plain");
        assert_eq!(part(word), Ok((word, Part::Whole)));
    }

    #[test]
    fn parts_lie_in_their_file_in_whole_sectors() {
        assert_eq!(sectors_of(512, None, 8), Ok(SectorRange::new(1, 7)));
        assert_eq!(sectors_of(0, Some(4096), 8), Ok(SectorRange::new(0, 8)));
        for (start, len) in
            [(100, None), (512, Some(100)), (0, Some(4608)), (4096, None), (0, Some(0))]
        {
            assert!(sectors_of(start, len, 8).is_err(), "{start} {len:?}");
        }
        assert!(sectors_of(u64::MAX - 511, Some(u64::MAX - 511), 8).is_err());
    }
}
