//! The active mark: when superblocks say that the array is being written.
//!
//! The one thing to understand: "clean" on disk is a promise that no resync is needed, so it is
//! taken back before the first write, and given again only when every shard has given back its
//! permission and all members have been flushed.
//!
//! # States
//! | state | superblocks say | shards may write | left by |
//! |---|---|---|---|
//! | clean | clean | no | a shard wants to write → marking |
//! | marking | changing to active | no | the superblocks are on disk → active |
//! | active | active | yes | nothing was written for the delay → draining |
//! | draining | active | until they have ended | all shards drained → cleaning; a shard wants to write → active |
//! | cleaning | changing to clean | no | the superblocks are on disk → clean, or marking if somebody wants to write |
//!
//! Kernel counterpart: `in_sync`, `safemode` and its timer (I04, I05, I06).

use super::news::Control;
use super::{Array, ArrayState};
use std::time::Duration;

/// How long nothing must have been written before an array is marked clean.
const DELAY: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Clean,
    Marking,
    Active,
    Draining,
    Cleaning,
}

/// Where the array stands between clean and active.
#[derive(Debug)]
pub(super) struct Activity {
    state: State,
    /// By shard: what it said last.
    shards: Vec<Seen>,
    /// Somebody wants to write, or to stop, while superblocks are being changed.
    is_wanted: bool,
    is_stopping: bool,
    next_probe: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    writes: u64,
    requests: u64,
    /// Hosts have asked it for something between the last two probes.
    is_busy: bool,
    /// It has not written since the last probe.
    is_quiet: bool,
    is_drained: bool,
}

impl Activity {
    pub(super) fn new(shards: u16) -> Self {
        Self {
            state: State::Clean,
            shards: vec![Seen::default(); usize::from(shards)],
            is_wanted: false,
            is_stopping: false,
            next_probe: Duration::ZERO,
        }
    }

    /// Whether superblocks are to say "clean".
    pub(super) const fn says_clean(&self) -> bool {
        matches!(self.state, State::Clean | State::Cleaning)
    }

    /// When to look again, while the array is active or walks.
    pub(super) fn deadline(&self, is_walking: bool) -> Option<Duration> {
        (self.state == State::Active || is_walking).then_some(self.next_probe)
    }

    pub(super) const fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Whether superblocks say "clean", and nobody may write.
    pub(super) fn is_clean(&self) -> bool {
        self.state == State::Clean
    }

    /// Whether superblocks are being changed between clean and active.
    pub(super) const fn is_changing(&self) -> bool {
        matches!(self.state, State::Marking | State::Cleaning)
    }

    /// Whether every shard has given its permission back since it was asked to.
    pub(super) fn is_drained(&self) -> bool {
        self.shards.iter().all(|seen| seen.is_drained)
    }

    /// The state of an array that may be written.
    pub(super) const fn word(&self) -> ArrayState {
        match self.state {
            State::Clean => ArrayState::Clean,
            State::Marking => ArrayState::WritePending,
            State::Active | State::Draining | State::Cleaning => ArrayState::Active,
        }
    }

    /// Whether hosts have asked for something of late.
    pub(super) fn is_busy(&self) -> bool {
        self.shards.iter().any(|seen| seen.is_busy)
    }
}

impl Array {
    /// A host wants to write.
    #[doc(alias = "md_write_start")]
    pub(super) fn wants_to_write(&mut self) {
        match self.activity.state {
            State::Clean => {
                self.activity.state = State::Marking;
                self.record_activity();
            }
            State::Draining => {
                // The superblocks still say "active": everybody may go on.
                self.activate();
            }
            State::Marking | State::Cleaning => self.activity.is_wanted = true,
            State::Active => self.tell_all(Control::Grant),
        }
    }

    fn activate(&mut self) {
        self.activity.state = State::Active;
        self.activity.is_wanted = false;
        self.activity.next_probe = self.clock.steady + DELAY;
        for seen in &mut self.activity.shards {
            (seen.is_quiet, seen.is_drained) = (false, false);
        }
        self.tell_all(Control::Grant);
    }

    /// A shard has answered a probe.
    pub(super) fn probed(&mut self, shard: u16, requests: u64, writes: u64, is_writing: bool) {
        let Some(seen) = self.activity.shards.get_mut(usize::from(shard)) else { return };
        seen.is_quiet = !is_writing && writes == seen.writes;
        seen.is_busy = requests != seen.requests;
        (seen.requests, seen.writes) = (requests, writes);
        let is_quiet = self.activity.shards.iter().all(|seen| seen.is_quiet);
        if self.activity.state == State::Active && is_quiet {
            self.drain();
        }
    }

    fn drain(&mut self) {
        self.activity.state = State::Draining;
        self.drain_unmarked();
    }

    /// Asks for the shards' permissions, if they have them.
    pub(super) fn drain_if_active(&mut self) {
        if self.activity.state == State::Active {
            self.drain();
        }
    }

    /// The same where superblocks do not say whether the array is written.
    pub(super) fn drain_unmarked(&mut self) {
        for seen in &mut self.activity.shards {
            seen.is_drained = false;
        }
        self.tell_all(Control::Revoke);
    }

    /// A shard has given its permission back.
    pub(super) fn drained(&mut self, shard: u16) {
        if let Some(seen) = self.activity.shards.get_mut(usize::from(shard)) {
            seen.is_drained = true;
        }
        let is_drained = self.activity.shards.iter().all(|seen| seen.is_drained);
        if self.activity.state == State::Draining && is_drained {
            self.activity.state = State::Cleaning;
            self.record_activity();
        }
    }

    /// What the superblocks say has become what they were to say.
    pub(super) fn activity_recorded(&mut self) {
        match self.activity.state {
            State::Marking => self.activate(),
            State::Cleaning => {
                self.activity.state = State::Clean;
                if std::mem::take(&mut self.activity.is_wanted) && !self.is_ending() {
                    self.wants_to_write();
                }
            }
            State::Clean | State::Active | State::Draining => {}
        }
    }

    /// Asks the shards from time to time whether they still write.
    pub(super) fn look_at_activity(&mut self) {
        let is_active = self.activity.state == State::Active;
        let has_nothing = !is_active && self.walker.is_idle();
        if is_active && self.is_ending() {
            return self.drain();
        }
        if has_nothing || self.clock.steady < self.activity.next_probe {
            return;
        }
        self.activity.next_probe = self.clock.steady + DELAY;
        self.tell_all(Control::Probe);
    }

    /// Begins to stop: the walk ends where it is, and the array becomes clean as soon as the shards,
    /// which let nothing in any more, have ended what is under way.
    #[doc(alias = "__md_stop_writes")]
    pub fn begin_stop(&mut self) {
        self.activity.is_stopping = true;
        self.stop_walk();
        self.drain_if_active();
        self.go_on_recording();
    }

    /// Whether a stop that was begun has come to its end: superblocks say all there is to say.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let is_at_rest = match self.freezer.is_frozen() {
            // They stay as they are: the next start resyncs.
            true => self.record_is_idle(),
            false => self.activity.state == State::Clean && !self.is_recording(),
        };
        self.activity.is_stopping && self.walker.is_idle() && is_at_rest
    }
}
