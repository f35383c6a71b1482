//! The array: one owner of members, map and policy; the shards do the work.
//!
//! The one thing to understand: shards never change what they know of members. They report, the
//! array judges and makes a new [`MemberMap`], and each shard adopts it between two turns and
//! acknowledges it when no plan of its own was made from an older one. So "nobody acts on the old
//! state any more" is a number: [`Array::oldest_generation`].
//!
//! Deliberately absent: superblocks and bitmaps (writing brings them), and the threads that carry
//! controls and reports.

use crate::gate::Gate;
use crate::{Assembly, Limits, Member, MemberMap, MemberState, Shard, Sharding};
use paritas_disk::Facts;
use paritas_personality::{Dimensions, Geometry, Survival};
use paritas_units::{MemberId, Seat, Sectors, Slot};
use std::sync::Arc;

/// A running array.
#[doc(alias = "mddev")]
#[derive(Debug)]
pub struct Array {
    name: Arc<str>,
    geometry: Arc<dyn Geometry>,
    members: Vec<Member>,
    map: Arc<MemberMap>,
    sharding: Sharding,
    /// By shard: the newest map that it has acknowledged.
    acknowledged: Vec<u64>,
    is_read_only: bool,
}

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
    /// The disk of a member is not there any more.
    Gone {
        /// The member.
        member: MemberId,
    },
    /// No plan of this shard stems from an older map.
    Adopted {
        /// The shard.
        shard: u16,
        /// The generation of the map.
        generation: u64,
    },
}

/// What an array tells its shards.
#[derive(Clone, Debug)]
pub enum Control {
    /// Use this map from now on.
    Adopt(Arc<MemberMap>),
    /// Let nothing in any more; what is under way ends.
    Stop,
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
}

impl Array {
    /// An array of `shards` shards (at least one) from what assembly found; `disks` are the facts
    /// of the members' disks, in their order.
    ///
    /// # Errors
    /// [`StartError`] if the members and disks do not fit the geometry.
    pub fn new(assembly: &Assembly, disks: &[Facts], shards: u16) -> Result<Self, StartError> {
        check(assembly, disks)?;
        let dimensions = assembly.geometry.dimensions();
        Ok(Self {
            name: assembly.name.as_str().into(),
            geometry: Arc::clone(&assembly.geometry),
            members: assembly.members.iter().map(Member::new).collect(),
            map: Arc::new(MemberMap::new(assembly, disks)),
            sharding: Sharding::new(dimensions, shards),
            acknowledged: vec![0; usize::from(shards.max(1))],
            is_read_only: assembly.is_read_only,
        })
    }

    /// Shard number `number`, bounded by `limits`.
    #[must_use]
    pub fn shard(&self, number: u16, limits: &Limits) -> Shard {
        let gate = Gate { is_read_only: self.is_read_only, is_stopping: false };
        let (map, geometry) = (Arc::clone(&self.map), Arc::clone(&self.geometry));
        Shard::new(number, Arc::clone(&self.name), gate, map, geometry, limits)
    }

    /// Takes a report; returns what all shards must be told.
    pub fn report(&mut self, report: &Report) -> Option<Control> {
        match *report {
            Report::ReadErrors { member, sectors } => {
                self.member_mut(member)?.count_read_errors(sectors);
                None
            }
            Report::Gone { member } => {
                if !self.member_mut(member)?.fail() {
                    return None;
                }
                self.map = Arc::new(self.map.with_state(member, MemberState::Faulty));
                Some(Control::Adopt(Arc::clone(&self.map)))
            }
            Report::Adopted { shard, generation } => {
                let known = self.acknowledged.get_mut(usize::from(shard))?;
                *known = generation.max(*known);
                None
            }
        }
    }

    /// The name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The numbers of the layout.
    #[must_use]
    pub fn dimensions(&self) -> &Dimensions {
        self.geometry.dimensions()
    }

    /// How windows are dealt out to shards.
    #[must_use]
    pub const fn sharding(&self) -> Sharding {
        self.sharding
    }

    /// The members, in the order of the assembly.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The present map.
    #[must_use]
    pub fn map(&self) -> &Arc<MemberMap> {
        &self.map
    }

    /// The oldest map that some shard may still act on.
    #[must_use]
    pub fn oldest_generation(&self) -> u64 {
        self.acknowledged.iter().copied().min().unwrap_or(0)
    }

    /// Whether nothing may be written.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// What the array can still do with the members that are in sync.
    #[must_use]
    pub fn survival(&self) -> Survival {
        let mut usable = vec![false; usize::from(self.dimensions().slots)];
        for member in &self.members {
            let is_usable = member.state() == MemberState::InSync;
            if let Some(slot) = usable.get_mut(member.target().slot.index()) {
                *slot |= is_usable;
            }
        }
        self.geometry.survives(&usable)
    }

    fn member_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.get_mut(usize::from(id.0))
    }
}

fn check(assembly: &Assembly, disks: &[Facts]) -> Result<(), StartError> {
    let (members, dimensions) = (&assembly.members, assembly.geometry.dimensions());
    if members.len() != disks.len() || members.len() > usize::from(u16::MAX) {
        return Err(StartError::Disks { members: members.len(), disks: disks.len() });
    }
    let mut seats: Vec<(Slot, Seat, &str)> = Vec::new();
    for (member, disk) in members.iter().zip(disks) {
        let Some(used) = dimensions.used.get(member.slot.index()) else {
            let (member, slot) = (member.name.clone(), member.slot);
            return Err(StartError::Slot { member, slot, slots: dimensions.slots });
        };
        let end = member.data_offset.checked_add(*used).unwrap_or_default();
        if Sectors(end.0) > disk.sectors || (end.0 == 0 && !used.is_zero()) {
            let (needs, has) = (member.data_offset.0.saturating_add(used.0), disk.sectors.0);
            return Err(StartError::TooSmall { member: member.name.clone(), needs, has });
        }
        let same =
            seats.iter().find(|(slot, seat, _)| (*slot, *seat) == (member.slot, member.seat));
        if let Some((slot, _, first)) = same {
            let (first, second) = ((*first).to_owned(), member.name.clone());
            return Err(StartError::SeatTaken { slot: *slot, first, second });
        }
        seats.push((member.slot, member.seat, &member.name));
    }
    Ok(())
}
