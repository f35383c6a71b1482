//! The real shard, stepped by hand over memory disks.

mod bounds;
mod members;
mod reads;
mod rig;
