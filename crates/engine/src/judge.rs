//! Decides what a failed read means, and says what is lost when nothing is left.
//!
//! The one thing to understand: a failure is turned into knowledge about the window ("these
//! sectors of that member cannot be read") and the piece is planned again; the personality then
//! finds another way, or says that there is none. What was met is mended when the piece has all it wants
//! ([`crate::mend`]).
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
use crate::request::{Failure, State, Tried, Zeroes};
use crate::shard::Shard;
use crate::slab::Key;
use crate::window::Claim;
use crate::{HostError, MemberState, Report};
use paritas_disk::FaultKind;
use paritas_personality::{BufferId, Target};
use paritas_units::{Level, Seat, SectorRange, Slot};
use std::fmt::Write as _;

/// All of a member.
const WHOLE: SectorRange = SectorRange::new(0, u64::MAX);
/// How many unreadable places of a member are named.
const PLACES_NAMED: usize = 3;

impl Shard {
    /// A phase has ended with failures: gives up what is held and asks for the window alone.
    pub(crate) fn judge(&mut self, key: Key) {
        if self.pieces.get(key).mend.is_some() {
            return self.judge_mend(key);
        }
        if self.pieces.get(key).failures.iter().any(|failure| failure.tried != Tried::Read) {
            return self.judge_writes(key);
        }
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

    /// A phase that changes members has ended with failures.
    fn judge_writes(&mut self, key: Key) {
        let mut failures = std::mem::take(&mut self.pieces.get_mut(key).failures);
        // A discard is a hint: whoever does not take it has lost nothing (P117).
        failures.retain(|failure| failure.tried != Tried::Discard);
        let lacks_zeroes = |failure: &Failure| {
            failure.tried == Tried::WriteZeroes && failure.fault == FaultKind::Unsupported
        };
        if failures.iter().any(lacks_zeroes) {
            self.pieces.get_mut(key).zeroes = Zeroes::Written(BufferId::HOST);
            failures.clear();
            self.pieces.get_mut(key).failures = failures;
            self.stop_playing(key);
            return self.ready.push_back(key);
        }
        if failures.is_empty() {
            self.pieces.get_mut(key).failures = failures;
            return self.play(key);
        }
        if !self.survives_members() {
            let error = self.failed_write(&failures);
            failures.clear();
            self.pieces.get_mut(key).failures = failures;
            return self.finish(key, Err(error));
        }
        self.await_members(key, &failures);
        failures.clear();
        self.pieces.get_mut(key).failures = failures;
    }

    /// Whether a member of the array can fail at all. At the other levels an error of a member is
    /// an error of the request (I03).
    fn survives_members(&self) -> bool {
        let level = self.geometry.dimensions().level;
        !matches!(level, Level::Linear | Level::Raid0 | Level::Faulty)
    }

    /// Reports the members whose writes have failed, and waits for the next map.
    fn await_members(&mut self, key: Key, failures: &[Failure]) {
        self.stop_playing(key);
        let planned = self.pieces.get(key).map_generation;
        let mut is_known = self.map.generation() > planned;
        for failure in failures {
            let Some((member, known)) = self.map.member(failure.target) else { continue };
            if known.state != MemberState::Faulty {
                is_known = false;
                let report =
                    Report::WriteFailed { member, generation: planned, fault: failure.fault };
                self.actions.reports.push(report);
            }
        }
        if is_known {
            return self.ready.push_back(key);
        }
        self.pieces.get_mut(key).state = State::AwaitsMap;
        self.await_map.push(key);
    }

    /// The error for a write that a member without a stand-in has failed.
    fn failed_write(&self, failures: &[Failure]) -> HostError {
        let mut text = format!("array {}: a write has failed", self.name);
        for failure in failures.iter().take(PLACES_NAMED) {
            let name = self.map.member(failure.target).map_or("?", |(_, member)| &member.name);
            // Writing to a string cannot fail.
            let _ = write!(text, "; {name}, sectors {}: {}", failure.range, failure.fault);
        }
        match failures.iter().any(|failure| failure.fault == FaultKind::NoSpace) {
            true => HostError::NoSpace(text),
            false => HostError::Failed(text),
        }
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
        let mut is_news = false;
        self.windows.note(window, |trouble| {
            is_news = trouble.mark(id, member, range);
            is_news
        });
        if is_news && range != WHOLE {
            self.pieces.get_mut(key).marks.push((failure.target, range));
        }
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
            MemberState::Spare => format!("{name} is a spare"),
            MemberState::Removed => format!("{name} was removed"),
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
