//! From a transcript to an array of ours in the same moment, and its picture.

use crate::transcript::{Member, Transcript};
use paritas_control::{Bitmap, Detail, MemberPlace, Surroundings, Work, WorkKind};
use paritas_disk::Facts;
use paritas_engine::judge_members::{
    Candidate, JournalFacts, ReadChoices, Verdict, assemble_for_reading, judge_members,
};
use paritas_engine::{Access, Array, Assembly, Report, SpareStart};
use paritas_format::superblock::Role;
use paritas_units::{Descriptor, MemberId, Sector};

/// The picture of the array that a transcript tells of.
pub(crate) fn picture(transcript: &Transcript) -> Detail {
    let (assembly, order) = assembly(transcript);
    let members: Vec<&Member> = order.iter().map(|index| &transcript.members[*index]).collect();
    let disks: Vec<Facts> = members.iter().map(|member| facts(member)).collect();
    let mut array = Array::new(&assembly, &disks, 1).expect("it runs");
    for (number, member) in (0..).zip(&members) {
        if member.state.contains("faulty") {
            array.report(Report::Gone { member: MemberId(number) });
        }
    }
    if transcript.is_dirty() {
        array.report(Report::WantsToWrite { shard: 0 });
    }
    let mut around = Surroundings::of("/dev/md0");
    around.host = Some("oracle".to_owned());
    let place = |member: &&Member| MemberPlace {
        path: format!("/dev/{}", member.name),
        device: member.device,
    };
    around.members = members.iter().map(place).collect();
    around.bitmap = bitmap(transcript);
    let mut detail = Detail::of(&array, &around);
    detail.work = work(transcript);
    detail.is_resync_pending &= detail.work.is_none();
    detail
}

/// The assembly of all members, and which member of the transcript stands where in it.
fn assembly(transcript: &Transcript) -> (Assembly, Vec<usize>) {
    let candidates: Vec<Candidate> = transcript.members.iter().map(candidate).collect();
    let judgement = judge_members(&candidates);
    let [array] = judgement.arrays.as_slice() else { panic!("{}: one array", transcript.key) };
    let from = assemble_for_reading(array, &candidates, ReadChoices::default())
        .unwrap_or_else(|error| panic!("{}: {error}", transcript.key));
    let (mut assembly, mut order) = (from.assembly, from.candidates);
    for (index, verdict) in &array.members {
        if order.contains(index) {
            continue;
        }
        let member = &transcript.members[*index];
        let is_faulty = member.state.contains("faulty");
        let waits = matches!(verdict, Verdict::Spare | Verdict::Journal);
        assert!(is_faulty || waits, "{}: {} is {verdict}", transcript.key, member.name);
        assembly.spares.push(SpareStart {
            name: member.name.clone(),
            descriptor: member.superblock.descriptor().unwrap_or(Descriptor(0)),
            data_offset: member.superblock.data_offset(),
            superblock: Some(member.superblock.clone()),
        });
        order.push(*index);
    }
    assembly.name = "md0".to_owned();
    assembly.access = match transcript.moment("array_state") {
        "readonly" => Access::ReadOnly,
        "read-auto" => Access::AutoRead,
        _ => Access::ReadWrite,
    };
    if transcript.is_dirty() {
        // What it says on disk is for the next start.
        assembly.resync_offset = Sector::MAX;
    }
    (assembly, order)
}

fn candidate(member: &Member) -> Candidate {
    let superblock = member.superblock.clone();
    let is_journal = superblock.role() == Role::Journal;
    let mut candidate = Candidate::new(&member.name, member.sectors, Some(superblock));
    if is_journal {
        candidate.journal = JournalFacts::Clean;
    }
    candidate
}

fn facts(member: &Member) -> Facts {
    Facts::of_memory(member.name.clone(), member.sectors)
}

/// The walk that the driver was at; a walk of our own would have to be played.
fn work(transcript: &Transcript) -> Option<Work> {
    let kind = match transcript.moment("sync_action") {
        "resync" => WorkKind::Resync,
        "recover" => WorkKind::Recovery,
        "check" => WorkKind::Check,
        "repair" => WorkKind::Repair,
        _ => return None,
    };
    let (done, total) = transcript.moment("sync_completed").split_once(" / ")?;
    let bytes = |sectors: &str| sectors.parse::<u64>().expect("a number") * 512;
    let speed = transcript.moment("sync_speed").parse::<u64>().expect("a number") * 1024;
    Some(Work { kind, done: bytes(done), total: bytes(total), speed })
}

/// The pages of counters are of that moment and stand nowhere but in the text.
fn bitmap(transcript: &Transcript) -> Option<Bitmap> {
    let (_, line) = transcript.section("mdstat").split_once("bitmap: ")?;
    let (pages, _) = line.split_once(" pages")?;
    let (used, total) = pages.split_once('/')?;
    let number = |word: &str| word.parse::<u64>().expect("a number");
    let chunk = number(transcript.moment("bitmap/chunksize"));
    Some(Bitmap { pages: Some((number(used), number(total))), chunk, file: None })
}
