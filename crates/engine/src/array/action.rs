//! What people order of the walk, and what they see of it.
//!
//! The one thing to understand: a resync and a recovery that are owed begin by themselves, so
//! "idle" only interrupts them; "frozen" is what keeps them from beginning again (2.3).
//!
//! Kernel counterpart: `action_store` and `action_show` (G13).

use super::Array;
use crate::{Access, WalkAction};
use paritas_units::Level;
use std::fmt;
use std::str::FromStr;

/// What can be ordered, and what can be seen.
#[doc(alias = "sync_action")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncAction {
    /// End what is under way; what is owed begins again.
    Idle,
    /// End what is under way, and begin nothing.
    Frozen,
    /// Begin a resync that is owed.
    Resync,
    /// Begin a recovery that is owed.
    Recover,
    /// Count where redundancy does not agree.
    Check,
    /// The same, and make it agree.
    Repair,
}

/// An action that an array does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// There is nothing to walk over.
    #[error("{level} arrays have no redundancy: there is nothing to check or to rebuild")]
    NoRedundancy {
        /// The level.
        level: Level,
    },
    /// Another action is under way.
    #[error("a {running} is under way\nnext: wait until it has ended, or order idle first")]
    Busy {
        /// What is done.
        running: WalkAction,
    },
    /// It is being stopped.
    #[error("the array is being stopped")]
    Stopping,
}

/// A word that names no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an action; give idle, frozen, check, repair, resync or recover")]
pub struct UnknownAction(pub String);

impl WalkAction {
    /// The driver's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Recover => "recover",
            Self::Check => "check",
            Self::Repair => "repair",
        }
    }
}

impl fmt::Display for WalkAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl SyncAction {
    /// The driver's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Frozen => "frozen",
            Self::Resync => "resync",
            Self::Recover => "recover",
            Self::Check => "check",
            Self::Repair => "repair",
        }
    }
}

impl From<WalkAction> for SyncAction {
    fn from(action: WalkAction) -> Self {
        match action {
            WalkAction::Resync => Self::Resync,
            WalkAction::Recover => Self::Recover,
            WalkAction::Check => Self::Check,
            WalkAction::Repair => Self::Repair,
        }
    }
}

impl fmt::Display for SyncAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for SyncAction {
    type Err = UnknownAction;
    fn from_str(word: &str) -> Result<Self, UnknownAction> {
        let all =
            [Self::Idle, Self::Frozen, Self::Resync, Self::Recover, Self::Check, Self::Repair];
        let found = all.into_iter().find(|action| action.word() == word);
        found.ok_or_else(|| UnknownAction(word.to_owned()))
    }
}

impl Array {
    /// What is done now, or kept from being done.
    #[doc(alias = "action_show")]
    #[must_use]
    pub fn action(&self) -> SyncAction {
        match self.walker.running() {
            _ if self.walker.is_frozen() => SyncAction::Frozen,
            Some(action) => action.into(),
            None => SyncAction::Idle,
        }
    }

    /// What was begun last, under way or not.
    #[doc(alias = "last_sync_action")]
    #[must_use]
    pub const fn last_action(&self) -> Option<WalkAction> {
        self.walker.last_action()
    }

    /// Orders something of the walk. In a read-only array it is taken, and begins when the array is
    /// opened for writing; an array that waits for the first write is opened by a check or a repair.
    ///
    /// # Errors
    /// [`ActionError`]; then nothing has changed.
    #[doc(alias = "action_store")]
    pub fn order_action(&mut self, action: SyncAction) -> Result<(), ActionError> {
        if self.activity.is_stopping() {
            return Err(ActionError::Stopping);
        }
        let level = self.dimensions().level;
        if !self.is_redundant() {
            return Err(ActionError::NoRedundancy { level });
        }
        let wanted = match action {
            SyncAction::Frozen => {
                self.stop_walk();
                return Ok(());
            }
            SyncAction::Idle => {
                self.walker.thaw();
                self.interrupt_walk();
                self.go_on_walking();
                return Ok(());
            }
            SyncAction::Resync | SyncAction::Recover => None,
            SyncAction::Check => Some(WalkAction::Check),
            SyncAction::Repair => Some(WalkAction::Repair),
        };
        if let Some(running) = self.walker.running() {
            return Err(ActionError::Busy { running });
        }
        self.walker.thaw();
        self.walker.request(wanted);
        if wanted.is_some() && self.access == Access::AutoRead {
            // If it cannot be opened, nothing runs, as in an array that is read-only.
            let _ = self.open();
        }
        self.go_on_walking();
        Ok(())
    }
}
