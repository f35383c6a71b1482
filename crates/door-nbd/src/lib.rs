//! The NBD protocol as a session without input or output of its own.
