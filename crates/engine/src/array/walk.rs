//! The walk over all windows: resync, recovery, check and repair.
//!
//! The one thing to understand: the walk is a queue of steps, each a range that lies in one window
//! and is planned and played by the window's shard like any host's request. What is below the
//! lowest step that has not ended is done; that position goes into superblocks from time to time,
//! after a flush of all members, and a later start goes on from there.
//!
//! # States
//! *idle* → *walking* ⇄ *drawing a checkpoint* (nothing is issued until it is on disk) → *idle*; an
//! interruption (a member failed, a stop, a request) ends the walk when its last step has ended.
//!
//! Which walk comes first: a resync that is owed, then a recovery if a member is not in sync (spares
//! take empty slots just before), then what somebody asked for (2.4).
//!
//! Kernel counterpart: `md_do_sync` (S01 to S17), `md_check_recovery`, `remove_and_add_spares`.

use super::news::{Control, Recipient};
use super::{Access, Array};
use crate::work::{Walk, WalkAction, window_of};
use crate::{HostError, MemberState};
use paritas_personality::{Survival, Target};
use paritas_units::{Level, Seat, Sector, SectorRange, Sectors, Slot};
use std::collections::VecDeque;
use std::time::Duration;

/// The longest step: 128 KiB.
const STEP: u64 = 256;
/// Steps under way while no host wants anything, and while one does.
const STEPS_ALONE: usize = 8;
const STEPS_BESIDE: usize = 1;
/// A checkpoint is drawn after this part of the way, or after this time.
const CHECKPOINTS: u64 = 16;
const CHECKPOINT_TIME: Duration = Duration::from_secs(300);

/// How fast a walk may go, in KiB a second.
#[doc(alias("sync_speed_min", "sync_speed_max"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkLimits {
    /// Below this a walk does not give way to hosts.
    pub min: u64,
    /// It never goes faster than this.
    pub max: u64,
}

impl Default for WalkLimits {
    /// The driver's.
    fn default() -> Self {
        Self { min: 1000, max: 200_000 }
    }
}

/// How far a walk has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is done.
    pub action: WalkAction,
    /// Sectors that are done.
    pub done: Sectors,
    /// Sectors in all.
    pub total: Sectors,
    /// KiB a second since the walk began.
    pub speed: u64,
}

/// What the walk keeps.
#[derive(Debug, Default)]
pub(super) struct Walker {
    run: Option<Run>,
    requested: Option<WalkAction>,
    is_frozen: bool,
    /// A walk could not go on though no member failed; until the members change none is begun.
    is_disabled: bool,
    last: Option<WalkAction>,
    /// Why the last walk that could not go on did not.
    error: Option<HostError>,
    mismatches: u64,
    limits: WalkLimits,
    next_cookie: u64,
}

#[derive(Debug)]
struct Run {
    action: WalkAction,
    start: Sector,
    /// Where the next step begins.
    position: Sector,
    end: Sector,
    steps: VecDeque<Step>,
    /// All below has ended.
    low: Sector,
    checkpoint: Sector,
    checkpoint_time: Duration,
    pause: Pause,
    is_interrupted: bool,
    has_failed: bool,
    /// No step begins before all shards act on this map.
    generation: u64,
    began: Duration,
    /// When the next step may begin, for the speed's sake.
    not_before: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    No,
    /// Steps under way end, then the checkpoint is drawn.
    ForSteps,
    /// The checkpoint is being written.
    ForRecord,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    cookie: u64,
    range: SectorRange,
    has_ended: bool,
}

impl Walker {
    pub(super) fn deadline(&self, now: Duration) -> Option<Duration> {
        self.run.as_ref().map(|run| run.not_before).filter(|time| *time > now)
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.run.is_none()
    }

    /// What is done now.
    pub(super) fn running(&self) -> Option<WalkAction> {
        self.run.as_ref().map(|run| run.action)
    }

    /// What was begun last.
    pub(super) const fn last_action(&self) -> Option<WalkAction> {
        self.last
    }

    pub(super) const fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// Walks may begin again.
    pub(super) const fn thaw(&mut self) {
        self.is_frozen = false;
        self.is_disabled = false;
    }

    /// What could not go on may be tried again.
    pub(super) const fn enable(&mut self) {
        self.is_disabled = false;
    }

    /// What somebody wants besides what is owed.
    pub(super) const fn request(&mut self, action: Option<WalkAction>) {
        self.requested = action;
    }
}

impl Array {
    /// The walk under way.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        let run = self.walker.run.as_ref()?;
        let (done, total) = (Sectors(run.low.0), Sectors(run.end.0));
        let seconds = self.clock.steady.saturating_sub(run.began).as_secs().max(1);
        let speed = (run.low.0 - run.start.0) / 2 / seconds;
        Some(Progress { action: run.action, done, total, speed })
    }

    /// Sectors in which the last resync, check or repair found redundancy not to agree.
    #[doc(alias = "mismatch_cnt")]
    #[must_use]
    pub const fn mismatches(&self) -> u64 {
        self.walker.mismatches
    }

    /// Why the last walk ended before its time, if something could not be read or written. Until a
    /// member is added, or somebody orders a walk, none is begun.
    #[must_use]
    pub const fn walk_error(&self) -> Option<&HostError> {
        self.walker.error.as_ref()
    }

    /// Changes how fast a walk may go.
    pub const fn set_walk_limits(&mut self, limits: WalkLimits) {
        self.walker.limits = limits;
    }

    /// Asks for a check or a repair; it begins when nothing more urgent is owed.
    pub fn request_walk(&mut self, action: WalkAction) {
        self.walker.requested = Some(action);
        self.go_on_walking();
    }

    /// Ends what is under way; a resync or recovery that is owed begins again by itself.
    pub fn interrupt_walk(&mut self) {
        self.walker.requested = None;
        self.walker.is_disabled = false;
        if let Some(run) = &mut self.walker.run {
            run.is_interrupted = true;
        }
        self.end_walk_if_over();
    }

    /// Ends what is under way and begins nothing more.
    pub(super) fn stop_walk(&mut self) {
        self.walker.is_frozen = true;
        self.interrupt_walk();
    }

    /// Begins a walk that is owed, or the next steps of the one under way.
    pub(super) fn go_on_walking(&mut self) {
        if self.access != Access::ReadWrite
            || self.closing.is_some()
            || self.is_broken
            || self.freezer.is_frozen()
        {
            return;
        }
        if self.walker.run.is_none() {
            self.choose_walk();
        }
        self.issue_steps();
    }

    fn choose_walk(&mut self) {
        if self.walker.is_frozen || self.walker.is_disabled || !self.is_walkable() {
            return;
        }
        if self.resync_offset != Sector::MAX {
            if self.can_resync() {
                return self.begin_walk(WalkAction::Resync, self.resync_offset);
            }
            // What redundancy is left cannot disagree with anything (2.4).
            self.resync_offset = Sector::MAX;
            self.publish();
            self.record_members();
        }
        if self.seat_spares() {
            self.publish();
            self.record_members();
        }
        let recovering = self.members.iter().filter_map(|member| match member.state() {
            MemberState::Recovering(below) => Some(below),
            _ => None,
        });
        if let Some(from) = recovering.min() {
            return self.begin_walk(WalkAction::Recover, from);
        }
        if let Some(action) = self.walker.requested {
            self.begin_walk(action, Sector::ZERO);
        }
    }

    fn is_walkable(&self) -> bool {
        self.is_redundant() && self.survival() != Survival::Failed
    }

    /// Whether there is redundancy left that a resync could make agree.
    pub(super) fn can_resync(&self) -> bool {
        let mut in_sync = self.members.iter().filter(|one| one.state() == MemberState::InSync);
        match self.dimensions().level {
            Level::Raid1 => in_sync.nth(1).is_some(),
            Level::Raid10 => true,
            _ => {
                let missing = usize::from(self.dimensions().slots).saturating_sub(in_sync.count());
                missing < usize::from(self.dimensions().may_miss)
            }
        }
    }

    /// Gives spares the slots that nobody holds; says whether there were any.
    #[doc(alias = "remove_and_add_spares")]
    fn seat_spares(&mut self) -> bool {
        let mut any = false;
        for slot in (0..self.dimensions().slots).map(Slot) {
            let target = Target { slot, seat: Seat::Original };
            let is_held = self.members.iter().any(|member| {
                member.target() == Some(target) && member.state() != MemberState::Faulty
            });
            let spare = self.members.iter_mut().find(|one| one.state() == MemberState::Spare);
            if let Some(spare) = spare.filter(|_| !is_held) {
                spare.take_slot(target);
                any = true;
            }
        }
        any
    }

    fn begin_walk(&mut self, action: WalkAction, from: Sector) {
        if !matches!(action, WalkAction::Recover) {
            self.walker.mismatches = 0;
        }
        self.walker.last = Some(action);
        self.walker.error = None;
        let end = self.end_of(action);
        let now = self.clock.steady;
        self.walker.run = Some(Run {
            action,
            start: from.min(end),
            position: from.min(end),
            end,
            steps: VecDeque::new(),
            low: from.min(end),
            checkpoint: from.min(end),
            checkpoint_time: now,
            pause: Pause::No,
            is_interrupted: false,
            has_failed: false,
            generation: self.map.generation(),
            began: now,
            not_before: now,
        });
        self.end_walk_if_over();
    }

    fn end_of(&self, action: WalkAction) -> Sector {
        let dimensions = self.dimensions();
        if dimensions.level == Level::Raid10 && action != WalkAction::Recover {
            return Sector(dimensions.array.0);
        }
        Sector(dimensions.used.iter().map(|used| used.0).max().unwrap_or(0))
    }

    fn issue_steps(&mut self) {
        while let Some(walk) = self.next_step() {
            let cookie = self.walker.next_cookie;
            self.walker.next_cookie += 1;
            let dimensions = self.dimensions();
            let start = dimensions.window_range(window_of(walk, dimensions)).start;
            let shard = match dimensions.level {
                Level::Raid10 => 0,
                _ => self.sharding.owner(start),
            };
            let order = Control::Walk { cookie, walk };
            self.actions.controls.push((Recipient::Shard(shard), order));
            if let Some(run) = &mut self.walker.run {
                run.steps.push_back(Step { cookie, range: walk.range, has_ended: false });
                run.position = walk.range.end();
            }
        }
    }

    /// The next step, if one may begin now.
    fn next_step(&mut self) -> Option<Walk> {
        let is_adopted = |generation| self.oldest_generation() >= generation;
        let run = self.walker.run.as_ref()?;
        let may = run.pause == Pause::No
            && !run.is_interrupted
            && run.position < run.end
            && is_adopted(run.generation)
            && self.clock.steady >= run.not_before;
        let most = if self.activity.is_busy() { STEPS_BESIDE } else { STEPS_ALONE };
        if !may || run.steps.len() >= most {
            return None;
        }
        let range = self.step_at(run.position, run.end);
        let action = run.action;
        let kib = range.len.0 / 2;
        let max = self.walker.limits.max.max(1);
        let (now, run) = (self.clock.steady, self.walker.run.as_mut()?);
        let pace = Duration::from_micros(kib.saturating_mul(1_000_000) / max);
        // What was not used of the last moments may be made up for.
        let earliest = now.saturating_sub(Duration::from_millis(50));
        run.not_before = run.not_before.max(earliest) + pace;
        Some(Walk { action, range })
    }

    /// The step that begins at `position`: it stays within its chunk, or its window.
    fn step_at(&self, position: Sector, end: Sector) -> SectorRange {
        let dimensions = self.dimensions();
        let unit = match dimensions.chunk.sectors().0 {
            0 => dimensions.window.0,
            chunk => chunk,
        };
        let to_border = unit - position.0 % unit;
        let to_step = STEP - position.0 % STEP;
        let len = to_border.min(to_step).min(end.0 - position.0);
        position.range(Sectors(len))
    }

    /// A step has ended.
    pub(super) fn walked(&mut self, cookie: u64, result: &Result<(), HostError>, mismatches: u64) {
        self.walker.mismatches += mismatches;
        let Some(run) = &mut self.walker.run else { return };
        if let Some(step) = run.steps.iter_mut().find(|step| step.cookie == cookie) {
            step.has_ended = true;
        }
        if let Err(error) = result {
            (run.is_interrupted, run.has_failed) = (true, true);
            self.walker.error.get_or_insert_with(|| error.clone());
        }
        while let Some(step) = run.steps.front().filter(|step| step.has_ended) {
            // A step that failed has not brought anything on, nor has what comes after it.
            if !run.has_failed {
                run.low = step.range.end();
            }
            run.steps.pop_front();
        }
        self.look_for_checkpoint();
        self.end_walk_if_over();
        self.go_on_walking();
    }

    fn look_for_checkpoint(&mut self) {
        let now = self.clock.steady;
        let Some(run) = &mut self.walker.run else { return };
        let keeps_position = matches!(run.action, WalkAction::Resync | WalkAction::Recover);
        if run.pause == Pause::No && keeps_position && run.low < run.end {
            let is_far = run.low.0 - run.checkpoint.0 > run.end.0 / CHECKPOINTS;
            let is_long = now.saturating_sub(run.checkpoint_time) >= CHECKPOINT_TIME;
            if is_far || (is_long && run.low > run.checkpoint) {
                run.pause = Pause::ForSteps;
            }
        }
        if run.pause == Pause::ForSteps && run.steps.is_empty() && !run.is_interrupted {
            run.pause = Pause::ForRecord;
            (run.checkpoint, run.checkpoint_time) = (run.low, now);
            let (action, low) = (run.action, run.low);
            self.keep_position(action, low);
        }
    }

    /// What is below `position` is done: into the members' states, the map and the superblocks.
    fn keep_position(&mut self, action: WalkAction, position: Sector) {
        match action {
            WalkAction::Resync => self.resync_offset = position,
            WalkAction::Recover => {
                self.members.iter_mut().for_each(|member| member.reached(position));
            }
            WalkAction::Check | WalkAction::Repair => return,
        }
        self.publish();
        self.record_progress();
    }

    /// Superblocks have been written.
    pub(super) fn walk_recorded(&mut self) {
        if let Some(run) = &mut self.walker.run
            && run.pause == Pause::ForRecord
        {
            run.pause = Pause::No;
        }
        self.go_on_walking();
    }

    fn end_walk_if_over(&mut self) {
        let is_over =
            self.walker.run.as_ref().is_some_and(|run| {
                run.steps.is_empty() && (run.is_interrupted || run.low >= run.end)
            });
        if !is_over {
            return;
        }
        let Some(run) = self.walker.run.take() else { return };
        if run.is_interrupted {
            // A recovery that ran into what cannot be read would only do so again.
            self.walker.is_disabled = run.has_failed;
            if run.low > run.checkpoint {
                self.keep_position(run.action, run.low);
            }
        } else {
            if Some(run.action) == self.walker.requested {
                self.walker.requested = None;
            }
            self.keep_position(run.action, Sector::MAX);
        }
    }
}
