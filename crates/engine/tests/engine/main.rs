//! The real shard, stepped by hand over memory disks.

mod bitmaps;
mod bounds;
mod changes;
mod failures;
mod freezes;
mod holes;
mod members;
mod mends;
mod reads;
mod rig;
mod stepper;
mod writes;
