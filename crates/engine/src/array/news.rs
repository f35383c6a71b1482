//! What shards tell their array, what the array tells them, and why an array cannot be started.

use crate::work::Walk;
use crate::{HostError, MemberMap};
use paritas_disk::{DiskIndex, FaultKind, region};
use paritas_units::{MemberId, Slot};
use std::sync::Arc;

/// What a shard tells its array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Sectors of a member could not be read.
    ReadErrors {
        /// The member.
        member: MemberId,
        /// How many sectors.
        sectors: u64,
    },
    /// Sectors of a member that could not be read were written anew, and can be read.
    Mended {
        /// The member.
        member: MemberId,
        /// How many sectors.
        sectors: u64,
    },
    /// The disk of a member is not there any more.
    Gone {
        /// The member.
        member: MemberId,
    },
    /// A member did not take a write or a flush. The shard waits for a map newer than the one that
    /// it planned with.
    WriteFailed {
        /// The member.
        member: MemberId,
        /// The generation of the map that was planned with.
        generation: u64,
        /// What was wrong.
        fault: FaultKind,
    },
    /// No plan of this shard stems from an older map.
    Adopted {
        /// The shard.
        shard: u16,
        /// The generation of the map.
        generation: u64,
    },
    /// A host wants to write, and the shard may not.
    WantsToWrite {
        /// The shard.
        shard: u16,
    },
    /// The shard has given its permission to write back.
    Drained {
        /// The shard.
        shard: u16,
    },
    /// The answer to [`Control::Probe`].
    Activity {
        /// The shard.
        shard: u16,
        /// Host requests that it has taken so far.
        requests: u64,
        /// Writes that it has started so far.
        writes: u64,
        /// Whether writes are under way.
        is_writing: bool,
    },
    /// A step of the walk has ended.
    Walked {
        /// Names the step.
        cookie: u64,
        /// How it ended.
        result: Result<(), HostError>,
        /// Sectors in which redundancy did not agree.
        mismatches: u64,
    },
}

/// What an array tells its shards.
#[derive(Clone, Debug)]
pub enum Control {
    /// Use this map from now on.
    Adopt(Arc<MemberMap>),
    /// Failures of members in maps up to this generation are on disk.
    Recorded(u64),
    /// Writes may be started.
    Grant,
    /// Give the permission to write back as soon as what is under way has ended.
    Revoke,
    /// Say what is going on.
    Probe,
    /// Do a step of the walk.
    Walk {
        /// Comes back in the report.
        cookie: u64,
        /// What to do.
        walk: Walk,
    },
    /// The array is read-only no more.
    Writable,
    /// Let nothing in that writes, and refuse what waits for leave to write.
    ReadOnly,
    /// Let nothing in any more; what is under way ends.
    Stop,
}

/// To whom a [`Control`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// To every shard.
    All,
    /// To one.
    Shard(u16),
}

/// What an array wants done.
#[derive(Debug, Default)]
pub struct ArrayActions {
    /// Requests to members; those of the assembly have the numbers of their
    /// members.
    pub requests: Vec<region::Request>,
    /// Orders for shards.
    pub controls: Vec<(Recipient, Control)>,
    /// Disks of members that were removed: nothing is under way on them, nor ever will be.
    pub released: Vec<DiskIndex>,
}

/// An assembly that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// As many disks as members are needed.
    #[error("{members} members but {disks} disks")]
    Disks {
        /// Members of the assembly.
        members: usize,
        /// Disks that were given.
        disks: usize,
    },
    /// A member of a slot that the geometry does not have.
    #[error("member {member} is of slot {slot}, but the array has {slots} slots")]
    Slot {
        /// The member's name.
        member: String,
        /// Its slot.
        slot: Slot,
        /// Slots of the array.
        slots: u16,
    },
    /// Two members on one seat.
    #[error("members {first} and {second} are both of slot {slot}")]
    SeatTaken {
        /// The slot.
        slot: Slot,
        /// The first member's name.
        first: String,
        /// The second member's name.
        second: String,
    },
    /// A disk that ends before the data does.
    #[error(
        "member {member} has {has} sectors, but its data ends at sector {needs}: is it truncated?"
    )]
    TooSmall {
        /// The member's name.
        member: String,
        /// Where its data ends.
        needs: u64,
        /// Sectors of its disk.
        has: u64,
    },
    /// Less memory than one request in each shard needs.
    #[error("{has} bytes of memory for the array, but at least {needs} are needed")]
    Memory {
        /// What is needed.
        needs: usize,
        /// What was configured.
        has: usize,
    },
    /// More copies than one write can be sent to.
    #[error("{copies} copies, and a write goes to {most} at most: start the array read-only")]
    Copies {
        /// Copies of each block.
        copies: usize,
        /// The most.
        most: usize,
    },
}
