//! What an array does when not its members fail, but what they lie on: it freezes.
//!
//! The one thing to understand: members that are files share a host file system. If that is full, or
//! gives up, giving up members one after the other would leave an array in pieces for a reason that
//! is over tomorrow. So nothing is marked faulty: writes get an error that says why, superblocks stay
//! as they are ("active" while something was being written), and reads go on.
//!
//! # States
//! | from | to | by |
//! |---|---|---|
//! | flowing | frozen | a write that finds no space; or one that fails while another member of the same file system has failed one and that is not on disk yet |
//! | frozen | flowing | [`Array::set_access`] with [`Access::ReadWrite`](crate::Access): what was interrupted is tried again, and redundancy is made to agree everywhere |
//!
//! Members that were made faulty for the same reason, but not yet on disk, are so no more: no write
//! that went past them was ever answered, since an answer waits for their failure to be recorded.
//!
//! Deliberately absent: levels without redundancy, where an error of a member is an error of the
//! request and nothing else. The driver has no such state.

use super::Array;
use crate::{HostError, Member, MemberState};
use paritas_disk::FaultKind;
use paritas_units::{MemberId, Sector};

/// Whether the array is frozen, and which failures could still be taken back.
#[derive(Debug, Default)]
pub(super) struct Freezer {
    /// The error that writes get.
    frozen: Option<HostError>,
    failures: Vec<Failure>,
}

/// A member that was made faulty since superblocks were written last.
#[derive(Debug)]
struct Failure {
    id: MemberId,
    before: MemberState,
    /// The first map in which it is faulty.
    generation: u64,
    /// The host's file system may be to blame.
    by_write: bool,
}

impl Freezer {
    /// A member is about to be made faulty.
    pub(super) fn note(&mut self, id: MemberId, member: &Member, generation: u64, by_write: bool) {
        self.failures.push(Failure { id, before: member.state(), generation, by_write });
    }

    /// Failures in maps up to `generation` are on disk: they stay.
    pub(super) fn recorded(&mut self, generation: u64) {
        self.failures.retain(|failure| failure.generation > generation);
    }

    pub(super) const fn error(&self) -> Option<&HostError> {
        self.frozen.as_ref()
    }

    pub(super) const fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }
}

impl Array {
    /// Why the array is frozen, with what to do, if it is.
    #[must_use]
    pub fn frozen(&self) -> Option<String> {
        self.freezer.error().map(ToString::to_string)
    }

    /// A member did not take a write or a flush.
    pub(super) fn write_failed(&mut self, id: MemberId, fault: FaultKind) {
        if self.freezer.is_frozen() {
            return;
        }
        // A file system that gives up often becomes read-only.
        let by_write = matches!(fault, FaultKind::Io | FaultKind::ReadOnly);
        let is_shared = by_write && self.failed_together(id).next().is_some();
        if self.is_redundant() && (fault == FaultKind::NoSpace || is_shared) {
            return self.freeze(id, fault);
        }
        self.fail_by(id, by_write);
    }

    /// Failures of members on the file system of `id` that can still be taken back.
    fn failed_together(&self, id: MemberId) -> impl Iterator<Item = &Failure> {
        let host = self.host_of(id);
        let is_shared = move |failure: &&Failure| {
            failure.by_write
                && failure.id != id
                && host.is_some()
                && self.host_of(failure.id) == host
        };
        self.freezer.failures.iter().filter(is_shared)
    }

    fn host_of(&self, id: MemberId) -> Option<u64> {
        self.members.get(usize::from(id.0)).and_then(|member| member.host)
    }

    fn freeze(&mut self, id: MemberId, fault: FaultKind) {
        let host = self.host_of(id);
        let taken_back: Vec<(MemberId, MemberState)> =
            self.failed_together(id).map(|one| (one.id, one.before)).collect();
        for (id, before) in &taken_back {
            if let Some(member) = self.member_mut(*id) {
                member.is_back(*before);
            }
        }
        self.freezer.failures.retain(|failure| !taken_back.iter().any(|(id, _)| *id == failure.id));
        self.is_broken = false;
        self.look_whether_broken();
        let sharers = self.members.iter().filter(|one| one.works() && one.host == host);
        let own = self.members.get(usize::from(id.0)).map_or("?", Member::name);
        let names: Vec<&str> = match host {
            Some(_) => sharers.map(Member::name).collect(),
            None => vec![own],
        };
        let what = match fault {
            FaultKind::NoSpace => "has no space left",
            _ => "fails writes",
        };
        let text = format!(
            "array {}: the file system under {} {what}: nothing is written any more, and no member \
             was given up for it\n\
             next: see to the file system, then paritas readwrite the array",
            self.name,
            names.join(", "),
        );
        self.freezer.frozen = Some(match fault {
            FaultKind::NoSpace => HostError::NoSpace(text),
            _ => HostError::Failed(text),
        });
        self.interrupt_recording();
        self.interrupt_walk();
        self.publish();
    }

    /// Tries again.
    pub(super) fn thaw(&mut self) {
        if self.freezer.frozen.take().is_none() {
            return;
        }
        // Writes that were answered with the error may have reached some members and not others.
        self.resync_offset = Sector::ZERO;
        self.walker.enable();
        self.publish();
        self.record_members();
        self.go_on_walking();
    }
}
