//! The real shard, stepped by hand over memory disks.

mod bounds;
mod changes;
mod freezes;
mod holes;
mod members;
mod mends;
mod reads;
mod rig;
mod writes;
