//! md's on-disk formats: bytes to values to bytes.
