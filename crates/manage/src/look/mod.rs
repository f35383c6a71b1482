//! `look`: which arrays are there, what of each can be read, and what to do next.
//!
//! The one thing to understand: everything that was given is judged together, once, by
//! `judge_members`; then the content of what can be read is looked into, and if that is a member
//! again (arrays nest) it is judged with the rest. Nothing is written, and little is read: tables,
//! superblocks, and the first KiB of each array.
//!
//! Deliberately absent: listing directories (the caller's), deciding anything.

mod advice;
mod inside;
#[cfg(test)]
mod tests;
mod text;
mod walk;

pub(crate) use walk::take_apart;

use paritas_disk::Opener;
use paritas_engine::judge_members::{
    ArrayJudgement, Candidate, DriverOutcome, ReadChoices, RefusedAssembly, assemble_for_reading,
    driver_outcome, judge_members,
};
use paritas_engine::{Assembly, Content};
use paritas_format::Superblock;
use paritas_personality::Survival;
use paritas_units::SECTOR_BYTES;
use serde::Serialize;
use std::sync::Arc;
use walk::{Origin, Piece};

/// The version of the JSON; grows when a field changes its meaning or goes.
pub const JSON_VERSION: u32 = 1;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`JSON_VERSION`].
    pub version: u32,
    /// The arrays, in the order in which their first member was met; nested ones last.
    pub arrays: Vec<Array>,
    /// What carries no superblock, or could not be opened.
    pub others: Vec<Other>,
    /// Ambiguities that were settled, in words.
    pub notes: Vec<String>,
    /// The one thing to do next.
    pub next: Next,
}

/// An array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Array {
    /// Its name for people.
    pub name: String,
    /// Its identity.
    pub uuid: String,
    /// The format of its superblocks.
    pub metadata: String,
    /// The level's name, if md has the level.
    pub level: Option<&'static str>,
    /// Slots, as the superblock has it.
    pub slots: u32,
    /// Slots that no member in sync holds.
    pub missing: Vec<u16>,
    /// Its size, if it can be read.
    pub bytes: Option<u64>,
    /// `whole`, `degraded`, `failed` or `impossible`.
    pub state: &'static str,
    /// Whether redundancy is known to agree.
    pub is_clean: bool,
    /// Everything that carries its superblock, in the order of slots.
    pub members: Vec<Member>,
    /// What mdadm would do with them: `starts`, `needs-run`, `needs-force` or `fails`.
    pub mdadm: &'static str,
    /// The same in words.
    pub mdadm_text: String,
    /// Why it is not read; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What must be known before its content is trusted.
    pub concerns: Vec<String>,
    /// What lies on it.
    pub holds: Vec<String>,
    /// Whether a member is the content of another array.
    pub is_nested: bool,
}

/// Something that carries a superblock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The word that names it for every other verb.
    pub word: String,
    /// The slot, if it is read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u16>,
    /// The verdict's word.
    pub verdict: &'static str,
    /// The verdict in words.
    pub text: String,
    /// Its event count.
    pub events: u64,
    /// When it was last written, in seconds since 1970.
    pub updated: u64,
}

/// Something without a superblock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Other {
    /// The word that names it.
    pub word: String,
    /// What lies on it, or why that is not known.
    pub holds: Vec<String>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// The command.
    pub command: String,
    /// What it does, or why it is this one.
    pub why: String,
    /// The command of mdadm that comes closest; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdadm: Option<String>,
}

/// How deep arrays may nest before we stop looking inside.
const DEEPEST: usize = 4;
/// How many arrays we look into at most: tables can be made that lead to more without end.
const MOST_LOOKED_INTO: usize = 256;

/// Everything that is known when nothing is left to look into.
struct Seen {
    pieces: Vec<Piece>,
    candidates: Vec<Candidate>,
    arrays: Vec<Judged>,
}

/// An array with all that was concluded.
struct Judged {
    judgement: ArrayJudgement,
    outcome: DriverOutcome,
    reading: Result<(Assembly, Vec<usize>), RefusedAssembly>,
    holds: Vec<String>,
}

/// Looks at `words`: image files, block devices, parts of them. What does not open is part of the
/// report.
#[must_use]
pub fn look(opener: &dyn Opener, words: &[String], choices: ReadChoices) -> Report {
    let walked = walk::walk(opener, words);
    let mut pieces = walked.pieces;
    let mut looked_into: Vec<(String, Vec<String>)> = Vec::new();
    let seen = loop {
        let round = judge(pieces, choices);
        let depth = |judged: &Judged| depth_of(judged, &round.pieces);
        let mut nested = Vec::new();
        for judged in &round.arrays {
            let uuid = judged.judgement.uuid.to_string();
            let is_known = looked_into.iter().any(|(known, _)| *known == uuid);
            if is_known || depth(judged) >= DEEPEST || looked_into.len() >= MOST_LOOKED_INTO {
                continue;
            }
            let Some(content) = content(judged, &round.pieces) else { continue };
            let found = inside::look_into(content, &uuid, depth(judged) + 1);
            looked_into.push((uuid, found.holds));
            nested.extend(found.members);
        }
        if nested.is_empty() {
            break round;
        }
        pieces = round.pieces;
        pieces.append(&mut nested);
    };
    let seen = with_content(seen, &looked_into);
    let mut others = walked.unopened;
    for piece in seen.pieces.iter().filter(|piece| piece.found.superblock().is_none()) {
        others.push(Other { word: piece.found.word.clone(), holds: inside::holds(piece) });
    }
    let next = advice::next(&seen, &others, choices);
    let arrays = seen.arrays.iter().map(|judged| array(judged, &seen)).collect();
    Report { version: JSON_VERSION, arrays, others, notes: walked.notes, next }
}

fn judge(pieces: Vec<Piece>, choices: ReadChoices) -> Seen {
    let candidates: Vec<Candidate> =
        pieces.iter().map(|piece| crate::reading::candidate(&piece.found)).collect();
    let arrays = judge_members(&candidates).arrays.into_iter().map(|judgement| {
        let reading = assemble_for_reading(&judgement, &candidates, choices);
        Judged {
            outcome: driver_outcome(&judgement, &candidates),
            reading: reading.map(|from| (from.assembly, from.candidates)),
            judgement,
            holds: Vec::new(),
        }
    });
    let arrays = arrays.collect();
    Seen { pieces, candidates, arrays }
}

/// The content of an array that can be read.
fn content(judged: &Judged, pieces: &[Piece]) -> Option<Arc<Content>> {
    let (assembly, members) = judged.reading.as_ref().ok()?;
    let disks: Vec<_> = members
        .iter()
        .filter_map(|&index| pieces.get(index))
        .map(|piece| Arc::clone(&piece.found.disk))
        .collect();
    Some(Arc::new(Content::new(assembly.clone(), disks)))
}

fn depth_of(judged: &Judged, pieces: &[Piece]) -> usize {
    let members = judged.judgement.members.iter().filter_map(|(index, _)| pieces.get(*index));
    members.map(|piece| piece.depth()).max().unwrap_or(0)
}

fn with_content(mut seen: Seen, looked_into: &[(String, Vec<String>)]) -> Seen {
    for judged in &mut seen.arrays {
        let key = judged.judgement.uuid.to_string();
        if let Some((_, holds)) = looked_into.iter().find(|(known, _)| *known == key) {
            judged.holds.clone_from(holds);
        }
    }
    seen
}

fn array(judged: &Judged, seen: &Seen) -> Array {
    let judgement = &judged.judgement;
    let fresh = seen.candidates.get(judgement.freshest).and_then(|c| c.superblock.as_ref());
    let (assembly, refused) = match &judged.reading {
        Ok((assembly, _)) => (Some(assembly), None),
        Err(why) => (None, Some(why.to_string())),
    };
    let bytes = assembly.map(|a| a.geometry.dimensions().array.0.saturating_mul(SECTOR_BYTES));
    Array {
        name: fresh.map(name_of).unwrap_or_default(),
        uuid: judgement.uuid.to_string(),
        metadata: fresh.map(Superblock::version_text).unwrap_or_default(),
        level: judgement.level.ok().map(paritas_units::Level::name),
        slots: fresh.map_or(0, Superblock::raid_disks),
        missing: judgement.missing(),
        bytes,
        state: match judgement.survival {
            Ok(Survival::Whole) => "whole",
            Ok(Survival::Degraded) => "degraded",
            Ok(Survival::Failed) => "failed",
            Err(_) => "impossible",
        },
        is_clean: judgement.resync_offset == paritas_units::Sector::MAX,
        members: members(judged, seen),
        mdadm: judged.outcome.word(),
        mdadm_text: judged.outcome.to_string(),
        refused,
        concerns: judgement.concerns.iter().map(ToString::to_string).collect(),
        holds: judged.holds.clone(),
        is_nested: depth_of(judged, &seen.pieces) > 0,
    }
}

fn members(judged: &Judged, seen: &Seen) -> Vec<Member> {
    let members = judged.judgement.members.iter().filter_map(|(index, verdict)| {
        let piece = seen.pieces.get(*index)?;
        let superblock = seen.candidates.get(*index)?.superblock.as_ref()?;
        Some(Member {
            word: piece.found.word.clone(),
            slot: verdict.seat().map(|(slot, _)| slot.0),
            verdict: verdict.word(),
            text: verdict.to_string(),
            events: superblock.events(),
            updated: superblock.utime().seconds,
        })
    });
    let mut members: Vec<Member> = members.collect();
    members.sort_by_key(|member| member.slot.unwrap_or(u16::MAX));
    members
}

/// The array's name for people.
fn name_of(superblock: &Superblock) -> String {
    match (superblock.name(), superblock.preferred_minor()) {
        (Some(name), _) if !name.bytes().is_empty() => name.to_string(),
        (_, Some(minor)) => format!("md{minor}"),
        _ => superblock.array_uuid().to_string(),
    }
}

impl Judged {
    /// The words of the members that are read.
    fn words(&self, pieces: &[Piece]) -> Vec<String> {
        let Ok((_, members)) = &self.reading else { return Vec::new() };
        let pieces = members.iter().filter_map(|&index| pieces.get(index));
        pieces.map(|piece| piece.found.word.clone()).collect()
    }

    /// The uuids of the arrays whose content its members are.
    fn beneath(&self, pieces: &[Piece]) -> Vec<String> {
        let members = self.judgement.members.iter().filter_map(|(index, _)| pieces.get(*index));
        let origins = members.filter_map(|piece| match &piece.origin {
            Origin::Array { uuid, .. } => Some(uuid.clone()),
            Origin::Given => None,
        });
        origins.collect()
    }
}
