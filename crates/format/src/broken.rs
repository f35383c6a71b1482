//! Why bytes are not the structure they were taken for.
//!
//! The one thing to understand: [`Broken`] is only for bytes that cannot be shown as the structure
//! at all (too few, another magic number, an encoding that has no meaning). What decodes but is
//! wrong is judged afterwards, by the type of the structure itself.

/// Bytes that are not the structure they were taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// There are fewer bytes than the structure has.
    #[error("{what}: {has} bytes are too few, it has {needs}")]
    TooShort {
        /// The structure.
        what: &'static str,
        /// Bytes that it needs.
        needs: usize,
        /// Bytes that there are.
        has: usize,
    },
    /// The magic number is another one: nothing of this kind is here.
    #[error("{what}: the magic number is {found:#x}, not {expected:#x}")]
    Magic {
        /// The structure.
        what: &'static str,
        /// What stands there.
        found: u64,
        /// What should.
        expected: u64,
    },
    /// The version is one that nobody here knows how to read.
    #[error("{what}: version {found} is not known")]
    Version {
        /// The structure.
        what: &'static str,
        /// What stands there.
        found: u64,
    },
    /// A field has a value with which the rest cannot be read.
    #[error("{what}: {field} is {found}, which must be {must}")]
    Field {
        /// The structure.
        what: &'static str,
        /// The field.
        field: &'static str,
        /// What stands there.
        found: u64,
        /// What would be right, in words: "at most 8".
        must: &'static str,
    },
}

impl Broken {
    /// The error for `bytes` if they are fewer than `needs`.
    ///
    /// # Errors
    /// [`Broken::TooShort`].
    pub const fn if_shorter(what: &'static str, bytes: &[u8], needs: usize) -> Result<(), Self> {
        if bytes.len() < needs {
            return Err(Self::TooShort { what, needs, has: bytes.len() });
        }
        Ok(())
    }
}
