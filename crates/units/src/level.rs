//! The RAID levels by md's numbers and names.

use std::fmt;

/// A RAID level. The *personality* is the code that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Members one after the other; number −1.
    Linear,
    /// Striped, no redundancy; number 0.
    Raid0,
    /// Mirrors; number 1.
    Raid1,
    /// Parity on the last slot; number 4.
    Raid4,
    /// Rotating parity; number 5.
    Raid5,
    /// Two parities, P and Q; number 6.
    Raid6,
    /// Striped copies; number 10.
    Raid10,
    /// Several paths to one disk; number −4.
    Multipath,
    /// One disk that fails on demand; number −5.
    Faulty,
}

/// A level number or name that md does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(pub String);

impl Level {
    /// Every level, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Faulty,
        Self::Multipath,
        Self::Linear,
        Self::Raid0,
        Self::Raid1,
        Self::Raid4,
        Self::Raid5,
        Self::Raid6,
        Self::Raid10,
    ];

    /// md's number, as superblocks hold it.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Linear => -1,
            Self::Raid0 => 0,
            Self::Raid1 => 1,
            Self::Raid4 => 4,
            Self::Raid5 => 5,
            Self::Raid6 => 6,
            Self::Raid10 => 10,
            Self::Multipath => -4,
            Self::Faulty => -5,
        }
    }

    /// The level with md's `number`.
    ///
    /// # Errors
    /// [`UnknownLevel`] with the number.
    pub fn from_number(number: i32) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.number() == number)
            .ok_or_else(|| UnknownLevel(number.to_string()))
    }

    /// The word that mdadm and mdstat print.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Raid4 => "raid4",
            Self::Raid5 => "raid5",
            Self::Raid6 => "raid6",
            Self::Raid10 => "raid10",
            Self::Multipath => "multipath",
            Self::Faulty => "faulty",
        }
    }

    /// Whether the level's stripes carry parity (4, 5, 6).
    #[must_use]
    pub const fn has_parity(self) -> bool {
        matches!(self, Self::Raid4 | Self::Raid5 | Self::Raid6)
    }
}

impl std::str::FromStr for Level {
    type Err = UnknownLevel;

    /// Every spelling that mdadm takes: `raid5`, `5`, `mirror`, `stripe`, `mp` and so on.
    fn from_str(word: &str) -> Result<Self, UnknownLevel> {
        Ok(match word {
            "linear" => Self::Linear,
            "raid0" | "0" | "stripe" => Self::Raid0,
            "raid1" | "1" | "mirror" => Self::Raid1,
            "raid4" | "4" => Self::Raid4,
            "raid5" | "5" => Self::Raid5,
            "raid6" | "6" => Self::Raid6,
            "raid10" | "10" => Self::Raid10,
            "multipath" | "mp" => Self::Multipath,
            "faulty" => Self::Faulty,
            _ => return Err(UnknownLevel(word.to_owned())),
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "md has no level {:?}", self.0)
    }
}

impl std::error::Error for UnknownLevel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back() {
        for level in Level::ALL {
            assert_eq!(Level::from_number(level.number()), Ok(level));
            assert_eq!(level.name().parse(), Ok(level));
        }
        assert!(Level::from_number(2).is_err());
    }
}
