//! The one command to run next, and what mdadm has for it.
//!
//! The one thing to understand: it is computed from the judgement, and where it leaves members out
//! it has been tried: what is recommended is known to assemble.

use super::{Judged, Next, Other, Seen};
use paritas_engine::judge_members::{
    Candidate, DriverOutcome, FailReason, ReadChoices, RefusedAssembly, Verdict,
    assemble_for_reading, driver_outcome, judge_members,
};
use paritas_personality::{BadShape, Raid0Default};

/// What to do next.
pub(super) fn next(seen: &Seen, others: &[Other], choices: ReadChoices) -> Next {
    if let Some(judged) = most_wanted(seen) {
        return copy(judged, seen);
    }
    match seen.arrays.first() {
        Some(judged) => refused(judged, seen, choices),
        None => no_array(others),
    }
}

/// The largest array that can be read and holds no other array's member; swap comes last.
fn most_wanted(seen: &Seen) -> Option<&Judged> {
    let beneath: Vec<String> =
        seen.arrays.iter().flat_map(|judged| judged.beneath(&seen.pieces)).collect();
    let size = |judged: &Judged| {
        let (assembly, _) = judged.reading.as_ref().ok()?;
        let is_swap = judged.holds.iter().any(|line| line.starts_with("swap"));
        let is_beneath = beneath.contains(&judged.judgement.uuid.to_string());
        Some((!is_swap && !is_beneath, assembly.geometry.dimensions().array))
    };
    let readable = seen.arrays.iter().filter_map(|judged| Some((size(judged)?, judged)));
    let mut best: Option<((bool, _), &Judged)> = None;
    for (size, judged) in readable {
        // Of two as large the first.
        if best.as_ref().is_none_or(|(known, _)| size > *known) {
            best = Some((size, judged));
        }
    }
    best.map(|(_, judged)| judged)
}

fn copy(judged: &Judged, seen: &Seen) -> Next {
    let name = label(judged, seen);
    let lower = judged.beneath(&seen.pieces);
    let lower = lower.first().and_then(|uuid| {
        seen.arrays.iter().find(|other| other.judgement.uuid.to_string() == *uuid)
    });
    if let Some(lower) = lower {
        let below = label(lower, seen);
        let mut next = copy(lower, seen);
        next.why = format!(
            "{name} lies in other arrays: copy each of them, {below} first, then look at the copies"
        );
        return next;
    }
    let words = judged.words(&seen.pieces);
    let why = match judged.judgement.missing().len() {
        0 => format!("the content of {name}, without a write to a member"),
        _ => {
            format!("the content of {name}, what is missing computed, without a write to a member")
        }
    };
    let command = format!("paritas copy {} {}", quoted(&words), quote(&format!("{name}.img")));
    let members = judged.reading.as_ref().map_or(&[][..], |(_, members)| members);
    let mdadm = Some(assemble(&outcome_of(members, seen), &name, &words));
    Next { command, why, mdadm }
}

/// What mdadm does with these members and nobody else, which may differ from what it does with all.
fn outcome_of(members: &[usize], seen: &Seen) -> DriverOutcome {
    let candidates = members.iter().filter_map(|&index| seen.candidates.get(index));
    let candidates: Vec<Candidate> = candidates.cloned().collect();
    let judgement = judge_members(&candidates).arrays.into_iter().next();
    judgement.map_or(DriverOutcome::Fails(FailReason::Unusable), |array| {
        driver_outcome(&array, &candidates)
    })
}

/// mdadm's way to the content; read-only where it lets us.
fn assemble(outcome: &DriverOutcome, name: &str, words: &[String]) -> String {
    let options = match outcome {
        DriverOutcome::Starts | DriverOutcome::Fails(_) => "--readonly",
        DriverOutcome::NeedsRun(_) => "--readonly --run",
        // It writes: nothing short of that starts the array.
        DriverOutcome::NeedsForce(_) => "--force",
    };
    let device = quote(&format!("/dev/md/{name}"));
    format!("mdadm --assemble {options} {device} {}", quoted(words))
}

/// The first step when an array is not read.
fn refused(judged: &Judged, seen: &Seen, choices: ReadChoices) -> Next {
    let name = label(judged, seen);
    let all = words_of(judged, seen, |_| true);
    let Err(why) = &judged.reading else { return copy(judged, seen) };
    let output = quote(&format!("{name}.img"));
    let with = |option: &str, why: &str| Next {
        command: format!("paritas copy {option} {} {output}", quoted(&all)),
        why: why.to_owned(),
        mdadm: None,
    };
    match why {
        RefusedAssembly::SplitBrain { .. } | RefusedAssembly::Ambiguous { .. } => {
            if let Some(next) = one_side(judged, seen, choices) {
                return next;
            }
            examine(&all, "compare what they say of each other, then give one of each only")
        }
        RefusedAssembly::Journal { .. } => with(
            "--without-journal",
            "better with the journal among the members; without it the newest writes are missing",
        ),
        RefusedAssembly::Shape(BadShape::AmbiguousRaid0) => match choices.raid0 {
            Raid0Default::Refuse => with(
                "--layout alternate",
                "as kernels since 3.14 write it; if a file system in it does not check out, \
                 --layout original",
            ),
            _ => examine(&all, "its shape is told by the superblocks"),
        },
        RefusedAssembly::TooFew { .. } => {
            let mut next = examine(&all, &wanted(judged));
            if let DriverOutcome::NeedsForce(_) = judged.outcome {
                let names = words_of(judged, seen, |v| {
                    v.seat().is_some() || matches!(v, Verdict::Stale { .. })
                });
                next.mdadm = Some(assemble(&judged.outcome, &name, &names));
            }
            next
        }
        RefusedAssembly::Reshape { .. } => {
            let mut next = examine(&all, "it shows how far the reshape has come");
            next.mdadm = Some(format!("mdadm --examine {}", quoted(&all)));
            next
        }
        _ => examine(&all, "it shows what is wrong with the superblocks"),
    }
}

/// Which members to look for.
fn wanted(judged: &Judged) -> String {
    let missing = judged.judgement.missing();
    let slots = paritas_engine::judge_members::Slots(&missing);
    let is_old = judged.judgement.members.iter().any(|(_, v)| matches!(v, Verdict::Stale { .. }));
    let last_resort = if is_old {
        "; an old member is the last resort, since what was written after it left would be mixed up"
    } else {
        ""
    };
    format!(
        "find the members that held {slots}, or what can be saved of them, and look at all together{last_resort}"
    )
}

/// One side of a split brain, or one of two copies, if that can be read.
fn one_side(judged: &Judged, seen: &Seen, choices: ReadChoices) -> Option<Next> {
    let mut left_out = Vec::new();
    let mut chosen: Vec<usize> = Vec::new();
    for (index, verdict) in &judged.judgement.members {
        let of = match verdict {
            Verdict::Clone { of, .. } | Verdict::SlotTaken(of) | Verdict::Duplicate(of) => Some(of),
            _ => None,
        };
        let is_rival = of.is_some_and(|of| chosen.contains(of));
        if is_rival || matches!(verdict, Verdict::SplitBrain { .. }) {
            left_out.push(*index);
        } else {
            chosen.push(*index);
        }
    }
    let candidates: Vec<Candidate> =
        chosen.iter().filter_map(|&index| seen.candidates.get(index)).cloned().collect();
    let judgement = judge_members(&candidates).arrays.into_iter().next()?;
    let read = assemble_for_reading(&judgement, &candidates, choices).ok()?;
    let word = |&index: &usize| seen.pieces.get(index).map(|piece| piece.found.word.clone());
    let members: Vec<usize> =
        read.candidates.iter().filter_map(|&at| chosen.get(at)).copied().collect();
    let words: Vec<String> = members.iter().filter_map(word).collect();
    let others: Vec<String> = left_out.iter().filter_map(word).collect();
    let name = label(judged, seen);
    Some(Next {
        command: format!("paritas copy {} {}", quoted(&words), quote(&format!("{name}.img"))),
        why: format!(
            "one side of it; nobody but you can say which is right, so copy the other side ({}) too \
             and compare",
            quoted(&others)
        ),
        mdadm: Some(assemble(&outcome_of(&members, seen), &name, &words)),
    })
}

fn no_array(others: &[Other]) -> Next {
    let words: Vec<String> = others.iter().map(|other| other.word.clone()).collect();
    let is_foreign =
        others.iter().any(|other| other.holds.iter().any(|line| line.starts_with("metadata of")));
    let why = if is_foreign {
        "it belongs to a RAID that is not md's own; mdadm can read its metadata"
    } else {
        "there is no member among them; give the disks or images of the array"
    };
    if words.is_empty() {
        return Next { command: "paritas look PATH".to_owned(), why: why.to_owned(), mdadm: None };
    }
    examine(&words, why)
}

fn examine(words: &[String], why: &str) -> Next {
    Next {
        command: format!("paritas examine {}", quoted(words)),
        why: why.to_owned(),
        mdadm: Some(format!("mdadm --examine {}", quoted(words))),
    }
}

/// The array's name without its host, as a file may be called.
fn label(judged: &Judged, seen: &Seen) -> String {
    let fresh = seen.candidates.get(judged.judgement.freshest).and_then(|c| c.superblock.as_ref());
    let full = fresh.map(super::name_of).unwrap_or_default();
    let name = full.split_once(':').map_or(full.as_str(), |(_, name)| name);
    let name = if name.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("md{name}")
    } else {
        name.to_owned()
    };
    name.replace(|c: char| c == '/' || c.is_control(), "_")
}

fn words_of(judged: &Judged, seen: &Seen, wants: impl Fn(&Verdict) -> bool) -> Vec<String> {
    let members = judged.judgement.members.iter().filter(|(_, verdict)| wants(verdict));
    let pieces = members.filter_map(|(index, _)| seen.pieces.get(*index));
    pieces.map(|piece| piece.found.word.clone()).collect()
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-@+:,=%~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
