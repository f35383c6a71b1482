//! The one judgement of members: which of the candidates may be trusted, and for what.
//!
//! The one thing to understand: most losses come from trusting the wrong member, not from parity.
//! So the decision is made once, by a pure function over superblocks and facts, and everybody uses
//! it: looking, assembling, copying. The rules, in their order:
//!
//! 1. Candidates are grouped by the uuid of the array.
//! 2. A superblock that the driver would refuse counts for nothing ([`Verdict::Unusable`]). The same
//!    storage twice is a [`Verdict::Duplicate`].
//! 3. The *freshest* is the usable candidate with most events that is no spare; the array is what it
//!    says. Who contradicts it in what never changes does not belong ([`Verdict::Disagrees`]).
//! 4. Two or more events behind is [`Verdict::Stale`]. One behind is accepted, since a crash can
//!    fall between two superblock writes, and then *the freshest's* table gives the role: a member
//!    that has just failed is one behind as well, and must not come back. Nor does one that calls
//!    itself faulty, whoever still counts on it.
//! 5. A member that lists the freshest as failed went on without it. If the freshest lists it as
//!    failed too it is a split brain, whatever the event counts: the array is refused.
//! 6. One member for a slot (and one for its replacement). A copy of a member with as many events is
//!    a [`Verdict::Clone`]: nobody can say which is right, so the array is refused.
//!
//! Where this is stricter than the driver it is on purpose: a candidate with equal events that the
//! freshest does not count on is not read from, any accepted member that says dirty makes the array
//! dirty, and a split brain is not decided by who has counted more events. Every cell of the table
//! `oracle/judge/cells.tsv` holds our verdicts beside what the driver did with the same members.
//!
//! What `--force` makes of a judgement is a step of its own ([`force`]).
//!
//! Deliberately absent: reading anything, writing anything.

mod array;
mod assembly;
mod candidate;
mod force;
mod outcome;
mod verdict;

#[cfg(test)]
mod tests;

pub use assembly::{AssembledFrom, ReadChoices, RefusedAssembly, assemble_for_reading};
pub use candidate::{BitmapFacts, Candidate, JournalFacts};
pub use force::{Deed, Forced, force};
pub use outcome::{DriverOutcome, FailReason, ForceReason, Slots, driver_outcome};
pub use verdict::{ArrayJudgement, Concern, Judgement, Verdict};

/// Judges all candidates.
#[must_use]
pub fn judge_members(candidates: &[Candidate]) -> Judgement {
    let mut judgement = Judgement::default();
    let mut groups: Vec<(paritas_format::ArrayUuid, Vec<usize>)> = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let Some(superblock) = &candidate.superblock else {
            judgement.strangers.push(index);
            continue;
        };
        let uuid = superblock.array_uuid();
        match groups.iter_mut().find(|(known, _)| *known == uuid) {
            Some((_, group)) => group.push(index),
            None => groups.push((uuid, vec![index])),
        }
    }
    judgement.arrays =
        groups.into_iter().map(|(uuid, group)| array::judge(uuid, &group, candidates)).collect();
    judgement
}
