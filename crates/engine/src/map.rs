//! The member map: who can be read and how far, as one immutable snapshot; and what a window sees
//! of it.
//!
//! The one thing to understand: a personality is only told which sectors of which seat are
//! unreadable. A missing member, a known bad block, the part that is not rebuilt and an error that
//! this window has just met ([`Trouble`]) come together here and nowhere else.
//!
//! Invariants: (1) a map never changes; a change is a new map with the next generation; (2) a seat
//! has at most one member.
//!
//! Kernel counterpart: `conf->mirrors` and `conf->disks` with their rdev flags.

use crate::HostError;
use crate::member::{Member, MemberState};
use paritas_disk::DiskIndex;
use paritas_personality::{Dimensions, SeatView, SlotView, Target};
use paritas_units::{MemberId, Seat, Sector, SectorRange, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A snapshot of an array's members.
#[derive(Clone, Debug)]
pub struct MemberMap {
    generation: u64,
    members: Vec<MapMember>,
    /// By slot: the members of the original and the replacement seat.
    seats: Vec<[Option<MemberId>; 2]>,
    /// Array sectors.
    resync_offset: Sector,
    has_bad_blocks: bool,
    is_broken: bool,
    may_mend: bool,
    must_record: u64,
    frozen: Option<HostError>,
}

/// What a map is made from, besides the members.
#[derive(Clone, Debug)]
pub(crate) struct MapFacts {
    pub(crate) generation: u64,
    /// As superblocks hold it.
    pub(crate) resync_offset: Sector,
    pub(crate) is_broken: bool,
    /// The array is open for writing.
    pub(crate) is_open: bool,
    /// The last map in which a member has failed.
    pub(crate) must_record: u64,
    /// The error that writes get while the array is frozen.
    pub(crate) frozen: Option<HostError>,
}

/// A member as the data path needs it.
#[derive(Clone, Debug)]
pub(crate) struct MapMember {
    pub(crate) name: Arc<str>,
    pub(crate) disk: DiskIndex,
    pub(crate) target: Option<Target>,
    pub(crate) data_offset: Sector,
    pub(crate) state: MemberState,
    is_write_mostly: bool,
    is_solid_state: bool,
    bad_blocks: Arc<[SectorRange]>,
}

/// What a window has found unreadable, by member, together with what was known before.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    unreadable: BTreeMap<MemberId, Vec<SectorRange>>,
}

impl MemberMap {
    /// The map of an array with these members.
    pub(crate) fn new(members: &[Member], dimensions: &Dimensions, facts: MapFacts) -> Self {
        let members: Vec<MapMember> = members.iter().map(MapMember::new).collect();
        let mut seats = vec![[None; 2]; usize::from(dimensions.slots)];
        for (number, member) in (0..).zip(&members) {
            let Some(target) = member.target else { continue };
            let Some(pair) = seats.get_mut(target.slot.index()) else { continue };
            let seat = seat_of(pair, target.seat);
            // A faulty member gives its seat up to whoever is there for it.
            if seat.is_none() || member.state != MemberState::Faulty {
                *seat = Some(MemberId(number));
            }
        }
        let has_bad_blocks = members.iter().any(|member| !member.bad_blocks.is_empty());
        let resync_offset = array_position(facts.resync_offset, dimensions);
        let MapFacts { generation, is_broken, is_open, must_record, frozen, .. } = facts;
        let may_mend = is_open && !is_broken && frozen.is_none();
        Self {
            generation,
            members,
            seats,
            resync_offset,
            has_bad_blocks,
            is_broken,
            may_mend,
            must_record,
            frozen,
        }
    }

    /// Counts the maps of an array from 0 on.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Redundancy agrees below this array position.
    pub(crate) const fn resync_offset(&self) -> Sector {
        self.resync_offset
    }

    /// Whether so much has failed that nothing may be written.
    pub(crate) const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// The map up to which failures must be on disk before anything is promised: a later start
    /// could trust a member that has missed it.
    pub(crate) const fn must_record(&self) -> u64 {
        self.must_record
    }

    /// The error that writes get, if the array is frozen.
    pub(crate) const fn frozen(&self) -> Option<&HostError> {
        self.frozen.as_ref()
    }

    /// Whether what cannot be read may be written anew.
    pub(crate) const fn may_mend(&self) -> bool {
        self.may_mend
    }

    /// The member in a seat, faulty or not.
    pub(crate) fn member(&self, target: Target) -> Option<(MemberId, &MapMember)> {
        let pair = self.seats.get(target.slot.index())?;
        let id = match target.seat {
            Seat::Original => pair[0],
            Seat::Replacement => pair[1],
        }?;
        Some((id, self.members.get(usize::from(id.0))?))
    }

    /// Whether each seat is either good everywhere or not there, but for how far it is rebuilt.
    pub(crate) const fn is_even(&self) -> bool {
        !self.has_bad_blocks
    }

    /// What is true of the slots where no sector is known to be bad. The hints are zero.
    pub(crate) fn even_view(&self) -> Vec<SlotView<'static>> {
        let seat = |slot: u16, seat: Seat| match self.member(Target { slot: Slot(slot), seat }) {
            Some((_, member)) => member.seat_view(),
            None => SeatView::default(),
        };
        let count = u16::try_from(self.seats.len()).unwrap_or(u16::MAX);
        (0..count)
            .map(|slot| SlotView {
                original: seat(slot, Seat::Original),
                replacement: seat(slot, Seat::Replacement),
            })
            .collect()
    }

    /// What a window sees: `even` with the bad blocks, and with what it has met itself.
    pub(crate) fn window_view<'a>(
        &'a self,
        even: &[SlotView<'static>],
        trouble: Option<&'a Trouble>,
    ) -> Vec<SlotView<'a>> {
        let mut view: Vec<SlotView<'a>> = even.to_vec();
        for (number, member) in (0..).zip(&self.members) {
            let met = trouble.and_then(|trouble| trouble.unreadable.get(&MemberId(number)));
            if let Some(target) = member.target
                && let Some(slot) = view.get_mut(target.slot.index())
                && self.member(target).is_some_and(|(seated, _)| seated == MemberId(number))
            {
                seat_view(slot, target.seat).unreadable =
                    met.map_or(&member.bad_blocks, Vec::as_slice);
            }
        }
        view
    }
}

impl MapMember {
    fn new(member: &Member) -> Self {
        Self {
            name: member.shared_name(),
            disk: member.disk,
            target: member.target(),
            data_offset: member.data_offset,
            state: member.state(),
            is_write_mostly: member.is_write_mostly,
            is_solid_state: member.is_solid_state,
            bad_blocks: Arc::clone(&member.bad_blocks),
        }
    }

    fn seat_view(&self) -> SeatView<'static> {
        SeatView {
            presence: self.state.presence(),
            write_mostly: self.is_write_mostly,
            is_solid_state: self.is_solid_state,
            ..SeatView::default()
        }
    }
}

impl Trouble {
    /// Notes that `range` of a member cannot be read. Says whether that was news.
    pub(crate) fn mark(&mut self, id: MemberId, member: &MapMember, range: SectorRange) -> bool {
        let list = self.unreadable.entry(id).or_insert_with(|| member.bad_blocks.to_vec());
        if list.iter().any(|known| known.covers(range)) {
            return false;
        }
        let (start, end) = (range.start, range.end());
        let touches = |known: &SectorRange| known.start <= end && start <= known.end();
        let joined_start =
            list.iter().filter(|known| touches(known)).map(|known| known.start).min();
        let joined_end = list.iter().filter(|known| touches(known)).map(|known| known.end()).max();
        let start = joined_start.map_or(start, |joined| joined.min(start));
        let end = joined_end.map_or(end, |joined| joined.max(end));
        list.retain(|known| !touches(known));
        let at = list.partition_point(|known| known.start < start);
        list.insert(at, SectorRange::new(start.0, end.0 - start.0));
        true
    }

    /// What of a member cannot be read, with its known bad blocks; empty if no error was met.
    pub(crate) fn of(&self, id: MemberId) -> &[SectorRange] {
        self.unreadable.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether nothing was met.
    pub(crate) fn is_empty(&self) -> bool {
        self.unreadable.is_empty()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.unreadable.clear();
    }
}

/// A resync position of superblocks, which is of components at levels with parity, as a position
/// in the array.
fn array_position(at: Sector, dimensions: &Dimensions) -> Sector {
    let chunk = dimensions.chunk.sectors().0;
    if at == Sector::MAX || !dimensions.level.has_parity() || chunk == 0 {
        return at;
    }
    Sector((at.0 / chunk).saturating_mul(dimensions.window.0))
}

/// The seat of a slot's view that a member sits on.
pub(crate) fn seat_view<'v, 'a>(slot: &'v mut SlotView<'a>, seat: Seat) -> &'v mut SeatView<'a> {
    match seat {
        Seat::Original => &mut slot.original,
        Seat::Replacement => &mut slot.replacement,
    }
}

fn seat_of(pair: &mut [Option<MemberId>; 2], seat: Seat) -> &mut Option<MemberId> {
    match seat {
        Seat::Original => &mut pair[0],
        Seat::Replacement => &mut pair[1],
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use paritas_units::Sectors;

    pub(crate) fn member() -> MapMember {
        MapMember {
            name: "a".into(),
            disk: DiskIndex(0),
            target: Some(Target { slot: Slot(0), seat: Seat::Original }),
            data_offset: Sector(0),
            state: MemberState::InSync,
            is_write_mostly: false,
            is_solid_state: false,
            bad_blocks: [SectorRange::new(100, 8)].into(),
        }
    }

    #[test]
    fn marks_join_what_they_touch_and_keep_order() {
        let (mut trouble, member, id) = (Trouble::default(), member(), MemberId(3));
        assert!(trouble.mark(id, &member, SectorRange::new(200, 8)));
        assert!(trouble.mark(id, &member, SectorRange::new(0, 8)));
        assert!(!trouble.mark(id, &member, SectorRange::new(202, 4)), "known already");
        assert!(!trouble.mark(id, &member, SectorRange::new(100, 8)), "a known bad block");
        assert!(trouble.mark(id, &member, SectorRange::new(108, 92)));
        assert_eq!(trouble.of(id), [SectorRange::new(0, 8), SectorRange::new(100, 108)]);
        assert!(trouble.mark(id, &member, SectorRange::new(0, u64::MAX)));
        assert_eq!(trouble.of(id), [SectorRange { start: Sector(0), len: Sectors(u64::MAX) }]);
    }
}
