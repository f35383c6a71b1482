//! Tests of the port to members, by what they are about; rows of the behaviour tables are named
//! in the names of tests.

mod common;
mod disks;
mod pool;
mod region;
mod region_memory;
mod region_semantics;
mod reserve;
