//! A body for fuzzers: any bytes, a session, and the promises that it must keep.
