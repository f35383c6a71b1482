//! The judgement of the candidates of one array.

use super::{ArrayJudgement, BitmapFacts, Candidate, Concern, Verdict};
use paritas_format::superblock::{Disagreement, Role};
use paritas_format::{ArrayUuid, Superblock};
use paritas_personality::{BadShape, Raid0Default, Survival};
use paritas_units::{Level, Seat, Sector, Sectors, Slot};

/// A candidate of the array, with its superblock at hand.
#[derive(Clone, Copy)]
struct Member<'a> {
    index: usize,
    candidate: &'a Candidate,
    superblock: &'a Superblock,
}

/// Judges the candidates in `group`, all of which have a superblock of array `uuid`.
pub(super) fn judge(uuid: ArrayUuid, group: &[usize], candidates: &[Candidate]) -> ArrayJudgement {
    let members: Vec<Member<'_>> = group
        .iter()
        .filter_map(|&index| {
            let candidate = candidates.get(index)?;
            Some(Member { index, candidate, superblock: candidate.superblock.as_ref()? })
        })
        .collect();
    let mut verdicts: Vec<Option<Verdict>> =
        (0..members.len()).map(|at| unusable(&members, at)).collect();
    let freshest = freshest(&members, &verdicts);
    let reference = members.get(freshest).copied();
    if let Some(reference) = reference {
        for (member, verdict) in members.iter().zip(&mut verdicts) {
            verdict.get_or_insert_with(|| against(member, &reference));
        }
    }
    let mut members_and_verdicts: Vec<(Member<'_>, Verdict)> =
        members.iter().copied().zip(verdicts.into_iter().flatten()).collect();
    let slots = seat(&mut members_and_verdicts, reference.map_or(0, |r| r.superblock.raid_disks()));
    conclude(uuid, reference, members_and_verdicts, slots)
}

/// Why a candidate counts for nothing, whatever the others say.
fn unusable(members: &[Member<'_>], at: usize) -> Option<Verdict> {
    let member = members.get(at)?;
    let earlier = members.iter().take(at).find(|other| {
        matches!((other.candidate.span, member.candidate.span), (Some(a), Some(b)) if a.overlaps(&b))
    });
    if let Some(other) = earlier {
        return Some(Verdict::Duplicate(other.index));
    }
    let faults = member.superblock.faults(Some(member.candidate.device));
    (!faults.is_empty()).then_some(Verdict::Unusable(faults))
}

/// The position in `members` of the one that speaks for the array.
fn freshest(members: &[Member<'_>], verdicts: &[Option<Verdict>]) -> usize {
    let usable = |spares: bool| {
        members
            .iter()
            .zip(verdicts)
            .enumerate()
            .filter(|(_, (_, verdict))| verdict.is_none())
            .filter(|(_, (m, _))| spares || !matches!(m.superblock.role(), Role::Spare))
            // The first of those with most events.
            .max_by_key(|(at, (m, _))| (m.superblock.events(), std::cmp::Reverse(*at)))
            .map(|(at, _)| at)
    };
    usable(false).or_else(|| usable(true)).unwrap_or(0)
}

/// The verdict on `member` when `reference` speaks for the array.
fn against(member: &Member<'_>, reference: &Member<'_>) -> Verdict {
    let (own, fresh) = (member.superblock, reference.superblock);
    let behind = fresh.events().saturating_sub(own.events());
    match own.disagreement(fresh) {
        // It may have missed a change of the shape.
        Some(Disagreement::Slots(..) | Disagreement::Size(..)) if behind > 1 => {
            return stale(own, behind);
        }
        Some(disagreement) => return Verdict::Disagrees(disagreement),
        None => {}
    }
    if let Err(why) = &member.candidate.bad_blocks {
        return Verdict::BadBlocksUnreadable(why.clone());
    }
    match own.role() {
        Role::Spare => return Verdict::Spare,
        Role::Faulty => return Verdict::Faulty,
        Role::Slot(_) | Role::Journal => {}
    }
    let is_dropped = is_dropped_by(own, fresh);
    if member.index != reference.index && says_failed(own, fresh) {
        return if is_dropped { Verdict::SplitBrain { behind } } else { stale(own, behind) };
    }
    if behind > 1 {
        return stale(own, behind);
    }
    if is_dropped {
        return Verdict::Faulty;
    }
    let role = match (behind, own.descriptor()) {
        (1, Some(descriptor)) => fresh.role_of(descriptor),
        _ => own.role(),
    };
    let Role::Slot(slot) = role else { return without_slot(role) };
    in_slot(member, fresh, slot, behind == 1)
}

fn stale(superblock: &Superblock, behind: u64) -> Verdict {
    Verdict::Stale { slot: superblock.role().slot(), behind, since: superblock.utime() }
}

/// Whether `own` lists the device of `other` as failed.
fn says_failed(own: &Superblock, other: &Superblock) -> bool {
    other.descriptor().is_some_and(|descriptor| own.role_of(descriptor) == Role::Faulty)
}

/// Whether `fresh` does not count on the device of `own`, which has a slot by its own word: it
/// lists it as failed, or (when it was removed after that) not at all.
fn is_dropped_by(own: &Superblock, fresh: &Superblock) -> bool {
    let listed = own.descriptor().map(|descriptor| fresh.role_of(descriptor));
    matches!((own.role(), listed), (_, Some(Role::Faulty)) | (Role::Slot(_), Some(Role::Spare)))
}

fn without_slot(role: Role) -> Verdict {
    match role {
        Role::Journal => Verdict::Journal,
        Role::Faulty => Verdict::Faulty,
        Role::Spare | Role::Slot(_) => Verdict::Spare,
    }
}

/// The verdict on a member that has a slot.
fn in_slot(member: &Member<'_>, fresh: &Superblock, slot: Slot, is_behind: bool) -> Verdict {
    if u32::from(slot.0) >= fresh.raid_disks() {
        return Verdict::Spare;
    }
    let (has, needs) = (member.superblock.data_size(), fresh.component_size());
    if has < needs && fresh.level_number() > 0 {
        return Verdict::TooSmall { has, needs };
    }
    let seat = if member.superblock.is_replacement() { Seat::Replacement } else { Seat::Original };
    match member.superblock.recovery_offset() {
        Some(below) => Verdict::Recovering(slot, seat, below),
        None if is_behind => Verdict::OneBehind(slot, seat),
        None => Verdict::InSync(slot, seat),
    }
}

/// Gives each seat to one member. More events win; of two with as many, both are put out as clones
/// or as claimants of one slot.
fn seat(members: &mut [(Member<'_>, Verdict)], raid_disks: u32) -> Vec<[Option<usize>; 2]> {
    let count = usize::try_from(raid_disks).unwrap_or(0).min(usize::from(u16::MAX));
    let claimed = members.iter().filter_map(|(_, v)| v.seat()).map(|(s, _)| s.index() + 1).max();
    // No more slots than an array can have, however many a superblock claims.
    let count = count.min(claimed.unwrap_or(0).max(paritas_personality::MOST_SLOTS.into()));
    let mut slots = vec![[None; 2]; count];
    let claims: Vec<_> = members.iter().map(|(_, verdict)| verdict.seat()).collect();
    for at in 0..members.len() {
        let Some(claim) = claims.get(at).copied().flatten() else { continue };
        let rivals = (0..members.len()).filter(|&o| o != at && claims.get(o) == Some(&Some(claim)));
        let rivals: Vec<usize> = rivals.collect();
        let events = |at: usize| members.get(at).map_or(0, |(m, _)| m.superblock.events());
        let best = rivals.iter().copied().map(events).max();
        if best.is_none_or(|best| events(at) > best) {
            let index = members.get(at).map(|(m, _)| m.index);
            let column = usize::from(claim.1 == Seat::Replacement);
            if let Some(place) = slots.get_mut(claim.0.index()).and_then(|s| s.get_mut(column)) {
                *place = index;
            }
        } else if let Some(&rival) = rivals.iter().max_by_key(|&&o| events(o)) {
            let verdict = rivalry(members, at, rival);
            if let Some((_, old)) = members.get_mut(at) {
                *old = verdict;
            }
        }
    }
    slots
}

fn rivalry(members: &[(Member<'_>, Verdict)], at: usize, rival: usize) -> Verdict {
    let identity = |at: usize| members.get(at).and_then(|(m, _)| m.superblock.device_uuid());
    let descriptor = |at: usize| members.get(at).and_then(|(m, _)| m.superblock.descriptor());
    let of = members.get(rival).map_or(0, |(m, _)| m.index);
    if identity(at) == identity(rival) && descriptor(at) == descriptor(rival) {
        Verdict::Clone { of, identity: identity(at) }
    } else {
        Verdict::SlotTaken(of)
    }
}

/// Draws the conclusions for the array as a whole.
fn conclude(
    uuid: ArrayUuid,
    reference: Option<Member<'_>>,
    members: Vec<(Member<'_>, Verdict)>,
    slots: Vec<[Option<usize>; 2]>,
) -> ArrayJudgement {
    let in_sync = |candidate: usize| {
        members.iter().any(|(m, verdict)| {
            m.index == candidate && verdict.trusted_below() == Some(Sector::MAX)
        })
    };
    let usable: Vec<bool> =
        slots.iter().map(|seats| seats.iter().flatten().any(|&c| in_sync(c))).collect();
    let accepted = members.iter().filter(|(_, verdict)| verdict.seat().is_some());
    let resync_offset =
        accepted.map(|(m, _)| m.superblock.resync_offset()).min().unwrap_or(Sector::MAX);
    let level_number = reference.map_or(0, |r| r.superblock.level_number());
    let level = Level::from_number(level_number).map_err(|_| level_number);
    let mut judgement = ArrayJudgement {
        uuid,
        freshest: reference.map_or(0, |r| r.index),
        survival: survival(reference, &members, &slots, &usable),
        concerns: Vec::new(),
        level,
        slots,
        resync_offset,
        members: members.iter().map(|(m, verdict)| (m.index, verdict.clone())).collect(),
    };
    judgement.concerns = concerns(&judgement, &members, usable.contains(&false));
    judgement
}

/// What the slots that are in `usable` come to.
fn survival(
    reference: Option<Member<'_>>,
    members: &[(Member<'_>, Verdict)],
    slots: &[[Option<usize>; 2]],
    usable: &[bool],
) -> Result<Survival, BadShape> {
    let Some(reference) = reference else { return Ok(Survival::Failed) };
    let sizes = data_sizes(members, slots);
    // Members whose size is not known are missing: then only the levels that need no sizes
    // can be laid out.
    let level = Level::from_number(reference.superblock.level_number());
    let needs_all = matches!(level, Ok(Level::Linear | Level::Raid0));
    if needs_all && usable.contains(&false) {
        return Ok(Survival::Failed);
    }
    // The judgement only counts slots; which raid0 layout holds is the reader's choice.
    let shape = super::assembly::shape(reference.superblock, sizes, Raid0Default::Alternate)?;
    Ok(super::assembly::arrange(&shape)?.survives(usable))
}

/// Room for data by slot, from whoever holds it; zero where nobody does.
fn data_sizes(members: &[(Member<'_>, Verdict)], slots: &[[Option<usize>; 2]]) -> Vec<Sectors> {
    let size = |candidate: usize| {
        let found = members.iter().find(|(m, _)| m.index == candidate);
        found.map_or(Sectors::ZERO, |(m, _)| m.superblock.data_size())
    };
    slots
        .iter()
        .map(|seats| seats.iter().flatten().next().map_or(Sectors::ZERO, |&c| size(c)))
        .collect()
}

fn concerns(
    judgement: &ArrayJudgement,
    members: &[(Member<'_>, Verdict)],
    is_degraded: bool,
) -> Vec<Concern> {
    let mut concerns = Vec::new();
    let has_parity = judgement.level.is_ok_and(Level::has_parity);
    let accepted: Vec<_> = members.iter().filter(|(_, v)| v.seat().is_some()).collect();
    if is_degraded && has_parity && judgement.resync_offset != Sector::MAX {
        let stripes: u64 = accepted.iter().map(|(m, _)| m.candidate.ppl_stripes).sum();
        let has_ppl = accepted.iter().any(|(m, _)| m.superblock.ppl_area().is_some());
        let marked = accepted.iter().find_map(|(m, _)| match m.candidate.bitmap {
            BitmapFacts::Read { events, marked, bits, chunk } => {
                (events >= m.superblock.events()).then_some((marked, bits, chunk))
            }
            _ => None,
        });
        concerns.push(if has_ppl {
            Concern::PplNotReplayed { stripes }
        } else {
            Concern::DirtyDegraded { resync_offset: judgement.resync_offset, marked }
        });
    }
    for (member, _) in accepted {
        let candidate = member.index;
        let read_only = member.superblock.why_read_only();
        concerns.extend(
            read_only.into_iter().map(|why| Concern::ReadOnly { candidate, why: why.to_string() }),
        );
        if let BitmapFacts::Broken(why) = &member.candidate.bitmap {
            concerns.push(Concern::BitmapBroken { candidate, why: why.clone() });
        }
    }
    concerns
}
