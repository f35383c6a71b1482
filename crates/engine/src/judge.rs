//! Decides what a failed read means, and says what is lost when nothing is left.
//!
//! The one thing to understand: a failure is turned into knowledge about the window ("these
//! sectors of that member cannot be read") and the piece is planned again; the personality then
//! finds another way, or says that there is none. Nothing is written back: the array is only read
//! (P107).
//!
//! A read of more than 4 KiB that failed says little, since one sector may be to blame. It becomes
//! a *suspect*, and when the plan is played again it is read in parts of 4 KiB; a part that fails
//! is then *marked* in the window. So every round either completes the step, or adds a suspect, or
//! adds a mark; all three are bounded, and the rounds end.
//!
//! A piece that judges holds its window alone. Others who would run into the same sectors wait, and
//! then see the marks instead of trying a failing disk again.

use crate::map::Trouble;
use crate::player::LEAST;
use crate::request::Failure;
use crate::shard::Shard;
use crate::slab::Key;
use crate::window::Claim;
use crate::{HostError, MemberState, Report};
use paritas_disk::FaultKind;
use paritas_personality::Target;
use paritas_units::{Seat, SectorRange, Slot};
use std::fmt::Write as _;

/// All of a member.
const WHOLE: SectorRange = SectorRange::new(0, u64::MAX);
/// How many unreadable places of a member are named.
const PLACES_NAMED: usize = 3;

impl Shard {
    /// A phase has ended with failures: gives up what is held and asks for the window alone.
    pub(crate) fn judge(&mut self, key: Key) {
        let is_alone = matches!(self.pieces.get(key).held, Some((_, Claim::Alone)));
        self.stop_playing(key);
        if !is_alone {
            self.leave_window(key);
            if !self.get_window(key, Claim::Alone) {
                return;
            }
        }
        self.ready.push_back(key);
    }

    /// Turns the failures of a piece that holds its window alone into marks and suspects.
    pub(crate) fn apply_failures(&mut self, key: Key) {
        let mut failures = std::mem::take(&mut self.pieces.get_mut(key).failures);
        for failure in failures.drain(..) {
            self.apply(key, failure);
        }
        self.pieces.get_mut(key).failures = failures;
    }

    fn apply(&mut self, key: Key, failure: Failure) {
        let Some((id, member)) = self.map.member(failure.target) else { return };
        let piece = self.pieces.get_mut(key);
        let Some((window, _)) = piece.held else { return };
        let range = match failure.fault {
            FaultKind::Gone => {
                self.actions.reports.push(Report::Gone { member: id });
                WHOLE
            }
            _ if failure.range.len > LEAST => {
                piece.suspects.push((failure.target, failure.range));
                return;
            }
            _ => {
                let sectors = failure.range.len.0;
                self.actions.reports.push(Report::ReadErrors { member: id, sectors });
                failure.range
            }
        };
        self.windows.note(window, |trouble| trouble.mark(id, member, range));
    }

    /// The error for sectors that cannot be had, with what is wrong with each slot.
    pub(crate) fn lost(
        &self,
        range: SectorRange,
        slots: &[Slot],
        trouble: Option<&Trouble>,
    ) -> HostError {
        let mut text = format!("array {}: sectors {range} cannot be read", self.name);
        let mut separator = ": ";
        for slot in slots {
            let mut reasons = [Seat::Original, Seat::Replacement]
                .into_iter()
                .filter_map(|seat| self.reason(Target { slot: *slot, seat }, trouble))
                .collect::<Vec<_>>();
            if reasons.is_empty() {
                reasons.push("no member".to_owned());
            }
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}slot {slot}: {}", reasons.join(", "));
            separator = "; ";
        }
        HostError::Lost(text)
    }

    /// What is wrong with a member, if there is one.
    fn reason(&self, target: Target, trouble: Option<&Trouble>) -> Option<String> {
        let (id, member) = self.map.member(target)?;
        let name = &member.name;
        let met = trouble.map_or(&[][..], |trouble| trouble.of(id));
        Some(match member.state {
            MemberState::Faulty => format!("{name} has failed"),
            _ if met.contains(&WHOLE) => format!("{name} is gone"),
            _ if !met.is_empty() => format!("{name} cannot be read at {}", places(met)),
            MemberState::Recovering(below) => {
                format!("{name} is rebuilt only below sector {below} of its data")
            }
            MemberState::InSync => format!("{name} has bad blocks there"),
        })
    }
}

/// The first few of a member's unreadable places, for people.
fn places(ranges: &[SectorRange]) -> String {
    let named: Vec<String> =
        ranges.iter().take(PLACES_NAMED).map(|range| format!("{range}")).collect();
    let more = ranges.len() - named.len();
    let tail = if more > 0 { format!(" and {more} more places") } else { String::new() };
    format!("sectors {} of its data{tail}", named.join(", "))
}
