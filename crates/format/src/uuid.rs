//! The identities of arrays and members.
//!
//! The one thing to understand: a uuid is kept in the order in which mdadm prints it. For 1.x that
//! is the order of the bytes on the disk; 0.90 stores four native words, so on a little-endian
//! writer's disk every group of four bytes stands reversed ([`ArrayUuid::from_words`]).

use std::fmt;
use std::str::FromStr;

/// The identity of an array, in printed order.
#[doc(alias = "set_uuid")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArrayUuid(pub [u8; 16]);

/// The identity of a member of a 1.x array; random, and of no meaning to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceUuid(pub [u8; 16]);

/// A word that is not a uuid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a uuid; give 32 hexadecimal digits, as 12345678:12345678:12345678:12345678")]
pub struct BadUuid(pub String);

impl ArrayUuid {
    /// The uuid of a 0.90 superblock from its four words.
    #[must_use]
    pub fn from_words(words: [u32; 4]) -> Self {
        let mut bytes = [0; 16];
        for (group, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *group = word.to_be_bytes();
        }
        Self(bytes)
    }

    /// The four words that a 0.90 superblock stores.
    #[must_use]
    pub fn words(self) -> [u32; 4] {
        let mut words = [0; 4];
        for (word, group) in words.iter_mut().zip(self.0.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*group);
        }
        words
    }
}

fn print(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (number, byte) in bytes.iter().enumerate() {
        if number > 0 && number % 4 == 0 {
            f.write_str(":")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

/// Takes what mdadm takes: 32 hexadecimal digits with `:`, `.`, `-` or blanks anywhere between.
fn parse(word: &str) -> Result<[u8; 16], BadUuid> {
    let bad = || BadUuid(word.to_owned());
    let mut digits = word.chars().filter(|c| !matches!(c, ':' | '.' | '-' | ' '));
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        for _ in 0..2 {
            let digit = digits.next().and_then(|c| c.to_digit(16)).ok_or_else(bad)?;
            *byte = (*byte << 4) | u8::try_from(digit).map_err(|_| bad())?;
        }
    }
    if digits.next().is_some() { Err(bad()) } else { Ok(bytes) }
}

impl fmt::Display for ArrayUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(&self.0, f)
    }
}

impl fmt::Display for DeviceUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(&self.0, f)
    }
}

impl FromStr for ArrayUuid {
    type Err = BadUuid;
    fn from_str(word: &str) -> Result<Self, BadUuid> {
        parse(word).map(Self)
    }
}

impl FromStr for DeviceUuid {
    type Err = BadUuid;
    fn from_str(word: &str) -> Result<Self, BadUuid> {
        parse(word).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_as_mdadm() {
        let word = "4cca79dc:72245b57:66ce1c30:c5ad95c0";
        let uuid: ArrayUuid = word.parse().unwrap();
        assert_eq!(uuid.to_string(), word);
        assert_eq!("4cca79dc-7224-5b57-66ce-1c30c5ad95c0".parse(), Ok(uuid));
        assert_eq!(uuid.words()[0], 0x4cca_79dc);
        assert_eq!(ArrayUuid::from_words(uuid.words()), uuid);
        for bad in ["", "12", "4cca79dc:72245b57:66ce1c30:c5ad95c", "g".repeat(32).as_str()] {
            assert!(bad.parse::<DeviceUuid>().is_err(), "{bad}");
        }
        assert!("4cca79dc:72245b57:66ce1c30:c5ad95c00".parse::<ArrayUuid>().is_err());
    }
}
