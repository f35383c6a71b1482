//! What may be done to an array, and the word for the state that it is in.
//!
//! The one thing to understand: an array that is opened for writing needs nothing; one that is
//! closed has to bring what is under way to its end first. So [`Array::set_access`] towards
//! read-only begins something, and [`Array::access`] changes when it is over.
//!
//! # States
//! | from | to | by |
//! |---|---|---|
//! | read-only | auto-read, read-write | [`Array::set_access`] |
//! | auto-read | read-write | [`Array::set_access`], or the first write of a host |
//! | auto-read | read-only | [`Array::set_access`] |
//! | read-write | closing | [`Array::set_access`]: hosts' new writes are refused, the walk ends |
//! | closing | read-only, auto-read | all writes have ended, superblocks say "clean" |
//!
//! What changed among the members while nothing was written is recorded when the array is opened.
//!
//! Kernel counterpart: `md_set_readonly`, `restart_array`, `md_ro_state`.

use super::news::Control;
use super::{Access, Array};
use paritas_disk::region::MOST_REGIONS;
use paritas_units::Level;
use std::fmt;

/// A change towards read-only that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    to: Access,
}

/// The states of a running array, with the driver's words.
#[doc(alias = "array_state")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayState {
    /// Nothing is being written.
    Clean,
    /// It is being written.
    Active,
    /// A host wants to write, and the superblocks do not say so yet.
    WritePending,
    /// It is only read.
    ReadOnly,
    /// It is only read until somebody writes.
    ReadAuto,
    /// So much has failed that nothing can be written.
    Broken,
}

/// An access that an array is not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It has it already.
    #[error("the array is read-only already")]
    Already,
    /// A change is under way.
    #[error("the array is just becoming read-only; try again when it is")]
    Closing,
    /// It is being stopped.
    #[error("the array is being stopped")]
    Stopping,
    /// What its members lie on has failed.
    #[error("the array is frozen: make it writable again first, or stop it")]
    Frozen,
    /// A member that cannot be written.
    #[error(
        "member {member} is read-only, so the array can only be read\n\
         next: make {member} writable, then stop and assemble the array"
    )]
    ReadOnlyMember {
        /// The member's name.
        member: String,
    },
    /// More copies than one write can be sent to.
    #[error("{copies} copies, and a write goes to {most} at most: the array can only be read")]
    Copies {
        /// Copies of each block.
        copies: usize,
        /// The most.
        most: usize,
    },
}

impl ArrayState {
    /// The driver's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Active => "active",
            Self::WritePending => "write-pending",
            Self::ReadOnly => "readonly",
            Self::ReadAuto => "read-auto",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for ArrayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Array {
    /// The state of the array.
    #[doc(alias = "array_state_show")]
    #[must_use]
    pub fn state(&self) -> ArrayState {
        match self.access {
            Access::ReadOnly => ArrayState::ReadOnly,
            Access::AutoRead => ArrayState::ReadAuto,
            Access::ReadWrite => match self.activity.word() {
                ArrayState::Clean if self.is_broken => ArrayState::Broken,
                word => word,
            },
        }
    }

    /// What may be done to it now.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Opens the array for writing at once, or begins to close it.
    ///
    /// # Errors
    /// [`AccessError`]; then nothing has changed.
    pub fn set_access(&mut self, access: Access) -> Result<(), AccessError> {
        if self.activity.is_stopping() {
            return Err(AccessError::Stopping);
        }
        if self.closing.is_some() {
            return Err(AccessError::Closing);
        }
        match (self.access, access) {
            (Access::ReadOnly, Access::ReadOnly) => Err(AccessError::Already),
            (_, Access::ReadWrite) => {
                self.thaw();
                self.open()
            }
            _ if self.freezer.is_frozen() => Err(AccessError::Frozen),
            (Access::AutoRead, Access::AutoRead) => Ok(()),
            (Access::ReadOnly, Access::AutoRead) => {
                self.check_writable()?;
                self.access = Access::AutoRead;
                self.tell_all(Control::Writable);
                Ok(())
            }
            (Access::AutoRead, Access::ReadOnly) => {
                self.access = Access::ReadOnly;
                self.tell_all(Control::ReadOnly);
                Ok(())
            }
            (Access::ReadWrite, to) => {
                self.close(to);
                Ok(())
            }
        }
    }

    /// Whether every member can be written.
    fn check_writable(&self) -> Result<(), AccessError> {
        let members = self.members.iter().filter(|member| member.works());
        if let Some(member) = members.clone().find(|member| member.is_on_read_only_disk) {
            return Err(AccessError::ReadOnlyMember { member: member.name().to_owned() });
        }
        let copies = members.filter(|member| member.target().is_some()).count();
        if self.dimensions().level == Level::Raid1 && copies > MOST_REGIONS {
            return Err(AccessError::Copies { copies, most: MOST_REGIONS });
        }
        Ok(())
    }

    #[doc(alias("restart_array", "set_disk_ro"))]
    pub(super) fn open(&mut self) -> Result<(), AccessError> {
        if self.access == Access::ReadWrite {
            return Ok(());
        }
        self.check_writable()?;
        self.access = Access::ReadWrite;
        self.look_whether_broken();
        self.publish();
        self.tell_all(Control::Writable);
        if !self.is_marked() {
            self.tell_all(Control::Grant);
        }
        self.record_what_is_owed();
        self.go_on_walking();
        Ok(())
    }

    #[doc(alias = "md_set_readonly")]
    fn close(&mut self, to: Access) {
        self.closing = Some(Closing { to });
        self.publish();
        self.tell_all(Control::ReadOnly);
        self.interrupt_walk();
        if self.is_marked() {
            self.drain_if_active();
        } else {
            self.drain_unmarked();
        }
        self.go_on_closing();
    }

    /// Whether no host may begin to write any more.
    pub(super) fn is_ending(&self) -> bool {
        self.closing.is_some() || self.activity.is_stopping()
    }

    /// A host wants to write, and its shard has no permission.
    pub(super) fn asked_to_write(&mut self) {
        if self.access == Access::AutoRead && self.open().is_err() {
            // Whoever waits is told that the array is read-only.
            self.tell_all(Control::ReadOnly);
        }
        if self.access == Access::ReadWrite && self.closing.is_none() && self.is_marked() {
            self.wants_to_write();
        }
    }

    /// Ends a change towards read-only when everything has come to rest.
    pub(super) fn go_on_closing(&mut self) {
        let Some(Closing { to }) = self.closing else { return };
        let is_at_rest = match self.is_marked() {
            true => self.activity.is_clean(),
            false => self.activity.is_drained(),
        };
        if !is_at_rest || !self.walker.is_idle() || self.is_recording() {
            return;
        }
        self.closing = None;
        self.access = to;
        if to == Access::AutoRead {
            self.tell_all(Control::Writable);
        }
    }
}
