//! A disk that fails on demand.
//!
//! The one thing to understand: each rule counts the requests that it matches (by kind and place)
//! and says which of them fail. The first rule that says so decides; all rules count.

use super::Kind;
use crate::{Disk, Facts, Fault, FaultKind, Hole};
use paritas_units::{Sector, SectorRange, Sectors};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which of the matching requests fail; the first is number 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// Only this one.
    Nth(u64),
    /// This one and all that follow.
    From(u64),
    /// All up to and including this one.
    UpTo(u64),
}

/// A rule of a disk that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The kind of request, or all.
    pub kind: Option<Kind>,
    /// The sectors of which one must be touched, or all; a flush touches none.
    pub place: Option<SectorRange>,
    /// Which of them fail.
    pub when: When,
    /// How.
    pub fault: FaultKind,
    /// How many sectors of a write reach the disk before it fails.
    pub torn_after: Sectors,
}

/// How many requests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Flushes.
    pub flushes: u64,
    /// Discards.
    pub discards: u64,
    /// Write-zeroes.
    pub write_zeroes: u64,
    /// Of all these, those that a rule let fail.
    pub failed: u64,
}

/// A disk that fails on demand.
#[derive(Debug)]
pub struct FaultDisk {
    under: Arc<dyn Disk>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<(Rule, u64)>,
    counts: Counts,
}

impl Rule {
    /// All requests of this kind fail.
    #[must_use]
    pub const fn all(kind: Kind, fault: FaultKind) -> Self {
        Self { kind: Some(kind), place: None, when: When::Always, fault, torn_after: Sectors::ZERO }
    }

    /// Requests of this kind fail where they touch `place`.
    #[must_use]
    pub const fn at(kind: Kind, place: SectorRange, fault: FaultKind) -> Self {
        Self { place: Some(place), ..Self::all(kind, fault) }
    }

    /// The same rule for some of the requests only.
    #[must_use]
    pub const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    fn matches(&self, kind: Kind, range: SectorRange) -> bool {
        self.kind.is_none_or(|own| own == kind)
            && self.place.is_none_or(|place| place.overlaps(range))
    }
}

impl When {
    const fn includes(self, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Nth(wanted) => number == wanted,
            Self::From(first) => number >= first,
            Self::UpTo(last) => number <= last,
        }
    }
}

impl FaultDisk {
    /// `under`, without rules.
    #[must_use]
    pub fn new(under: Arc<dyn Disk>) -> Self {
        Self { under, state: Mutex::default() }
    }

    /// Adds a rule; its count begins now.
    pub fn add(&self, rule: Rule) {
        self.state().rules.push((rule, 0));
    }

    /// Removes all rules.
    pub fn heal(&self) {
        self.state().rules.clear();
    }

    /// How many requests there were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and finds the rule by which it fails.
    fn judge(&self, kind: Kind, range: SectorRange) -> Option<Rule> {
        let mut state = self.state();
        state.counts.add(kind);
        let mut found = None;
        for (rule, count) in &mut state.rules {
            if rule.matches(kind, range) {
                *count += 1;
                if found.is_none() && rule.when.includes(*count) {
                    found = Some(rule.clone());
                }
            }
        }
        state.counts.failed += u64::from(found.is_some());
        found
    }

    fn check(&self, kind: Kind, range: SectorRange) -> Result<(), Fault> {
        match self.judge(kind, range) {
            None => Ok(()),
            Some(rule) => Err(Fault { kind: rule.fault, at: range.start }),
        }
    }
}

impl Counts {
    const fn add(&mut self, kind: Kind) {
        let count = match kind {
            Kind::Read => &mut self.reads,
            Kind::Write => &mut self.writes,
            Kind::Flush => &mut self.flushes,
            Kind::Discard => &mut self.discards,
            Kind::WriteZeroes => &mut self.write_zeroes,
        };
        *count += 1;
    }
}

/// The sectors of a request of `bytes` bytes.
pub(super) fn range(at: Sector, bytes: usize) -> SectorRange {
    at.range(u64::try_from(bytes).map_or(Sectors(0), Sectors::to_hold))
}

impl Disk for FaultDisk {
    fn facts(&self) -> &Facts {
        self.under.facts()
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.check(Kind::Read, range(at, into.len()))?;
        self.under.read(at, into)
    }

    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        let Some(rule) = self.judge(Kind::Write, range(at, from.len())) else {
            return self.under.write(at, from, durable);
        };
        let torn = rule.torn_after.bytes().and_then(|bytes| usize::try_from(bytes).ok());
        if let Some(torn) = torn.and_then(|torn| from.get(..torn)).filter(|torn| !torn.is_empty()) {
            self.under.write(at, torn, durable)?;
        }
        Err(Fault { kind: rule.fault, at })
    }

    fn flush(&self) -> Result<(), Fault> {
        self.check(Kind::Flush, SectorRange::default())?;
        self.under.flush()
    }

    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.check(Kind::Discard, at.range(sectors))?;
        self.under.discard(at, sectors)
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.check(Kind::WriteZeroes, at.range(sectors))?;
        self.under.write_zeroes(at, sectors)
    }

    fn tail(&self) -> Result<Vec<u8>, Fault> {
        self.under.tail()
    }

    fn may_wait(&self) -> bool {
        self.under.may_wait()
    }

    fn hole(&self, at: Sector) -> Hole {
        self.under.hole(at)
    }
}
