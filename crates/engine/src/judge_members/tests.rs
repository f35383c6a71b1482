//! The rules of the judgement, one by one; the whole table is a test of its own.

use super::*;
use paritas_format::DeviceUuid;
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{Role, Version};
use paritas_personality::Survival;
use paritas_units::{Descriptor, Level, Sector, Sectors, Slot};

const DEVICE: Sectors = Sectors(131_072);

/// A member of a raid5 of three with 20 events; `change` makes it odd.
fn member(number: u16, change: impl FnOnce(&mut SuperblockBuilder)) -> Candidate {
    let mut builder = SuperblockBuilder::new(Version::V1_2, Level::Raid5, 3);
    builder.device = DEVICE;
    builder.events = 20;
    builder.descriptor = Descriptor(number);
    builder.device_uuid = DeviceUuid([u8::try_from(number).unwrap() + 1; 16]);
    change(&mut builder);
    Candidate::new(&format!("disk{number}"), DEVICE, Some(builder.build()))
}

fn plain(number: u16) -> Candidate {
    member(number, |_| ())
}

fn judged(candidates: &[Candidate]) -> ArrayJudgement {
    judge_members(candidates).arrays.into_iter().next().expect("an array")
}

fn words(array: &ArrayJudgement) -> Vec<&'static str> {
    array.members.iter().map(|(_, verdict)| verdict.word()).collect()
}

fn read(array: &ArrayJudgement, candidates: &[Candidate]) -> Result<Vec<usize>, RefusedAssembly> {
    assemble_for_reading(array, candidates, ReadChoices::default()).map(|from| from.candidates)
}

#[test]
fn whole_and_degraded_arrays_are_read_and_failed_ones_refused() {
    let all = [plain(0), plain(1), plain(2)];
    let array = judged(&all);
    assert_eq!(words(&array), ["in-sync"; 3]);
    assert_eq!(array.survival, Ok(Survival::Whole));
    assert_eq!(read(&array, &all), Ok(vec![0, 1, 2]));

    let two = [plain(2), plain(0)];
    let array = judged(&two);
    assert_eq!(array.survival, Ok(Survival::Degraded));
    assert_eq!(read(&array, &two), Ok(vec![0, 1]));

    let one = [plain(1)];
    let missing = vec![0, 2];
    assert_eq!(read(&judged(&one), &one), Err(RefusedAssembly::TooFew { missing, slots: 3 }));
}

#[test]
fn one_event_behind_is_accepted_and_two_are_not() {
    let candidates = [plain(0), plain(1), member(2, |b| b.events = 19)];
    assert_eq!(words(&judged(&candidates)), ["in-sync", "in-sync", "one-behind"]);
    let candidates = [member(0, |b| b.events = 18), plain(1), plain(2)];
    assert_eq!(words(&judged(&candidates)), ["stale", "in-sync", "in-sync"]);
}

#[test]
fn one_event_behind_and_dropped_by_the_freshest_is_faulty() {
    let dropped = |b: &mut SuperblockBuilder| b.roles[2] = Role::Faulty;
    let candidates = [member(0, dropped), member(1, dropped), member(2, |b| b.events = 19)];
    let array = judged(&candidates);
    assert_eq!(words(&array), ["in-sync", "in-sync", "faulty"]);
    assert_eq!(read(&array, &candidates), Ok(vec![0, 1]));
}

#[test]
fn d11_a_member_that_calls_itself_faulty_is_not_read_however_new() {
    for behind in [0, 1, 10] {
        let own = member(2, |b| {
            b.roles[2] = Role::Faulty;
            b.events -= behind;
        });
        let candidates = [plain(0), plain(1), own];
        let array = judged(&candidates);
        assert_eq!(words(&array), ["in-sync", "in-sync", "faulty"]);
        assert_eq!(read(&array, &candidates), Ok(vec![0, 1]));
        assert_eq!(driver_outcome(&array, &candidates), DriverOutcome::NeedsRun(vec![2]));
    }
}

#[test]
fn another_size_or_number_of_slots_is_a_stranger_unless_it_missed_the_change() {
    let changes: [fn(&mut SuperblockBuilder); 2] =
        [|b| b.raid_disks = 5, |b| b.size = Sectors(61_440)];
    for (change, events) in changes.iter().flat_map(|change| [(change, 20), (change, 10)]) {
        let odd = member(2, |b| {
            change(b);
            b.events = events;
        });
        let candidates = [plain(0), plain(1), odd];
        let array = judged(&candidates);
        let word = if events == 20 { "disagrees" } else { "stale" };
        assert_eq!(words(&array), ["in-sync", "in-sync", word]);
        assert_eq!(read(&array, &candidates), Ok(vec![0, 1]));
        let outcome = driver_outcome(&array, &candidates);
        assert_eq!(outcome, DriverOutcome::Fails(FailReason::Stranger));
    }
}

#[test]
fn two_sides_that_each_dropped_the_other_are_refused_whatever_their_events() {
    for events in [20, 19, 12] {
        let left = member(0, |b| b.roles[1] = Role::Faulty);
        let right = member(1, |b| {
            b.roles[0] = Role::Faulty;
            b.events = events;
        });
        let candidates = [left, right, plain(2)];
        let array = judged(&candidates);
        assert_eq!(words(&array), ["in-sync", "split-brain", "in-sync"]);
        assert!(matches!(read(&array, &candidates), Err(RefusedAssembly::SplitBrain { .. })));
    }
}

#[test]
fn a_copy_with_as_many_events_is_refused_and_an_older_one_passed_over() {
    let candidates = [plain(0), plain(1), plain(1)];
    let array = judged(&candidates);
    assert_eq!(words(&array), ["in-sync", "clone", "clone"]);
    assert!(matches!(read(&array, &candidates), Err(RefusedAssembly::Ambiguous { .. })));
    let candidates = [plain(0), plain(1), member(1, |b| b.events = 19)];
    let array = judged(&candidates);
    assert_eq!(words(&array), ["in-sync", "in-sync", "clone"]);
    assert_eq!(read(&array, &candidates), Ok(vec![0, 1]));
}

#[test]
fn a_member_being_rebuilt_is_trusted_only_below_its_offset() {
    let rebuilt = |b: &mut SuperblockBuilder| {
        b.roles.push(Role::Slot(Slot(2)));
        b.roles[2] = Role::Faulty;
    };
    let mut new = member(3, rebuilt);
    if let Some(paritas_format::Superblock::V1(sb)) = &mut new.superblock {
        let features = sb.header().feature_map.get() | 2;
        sb.header_mut().feature_map.set(features);
        sb.header_mut().recovery_offset.set(4096);
        sb.seal();
    }
    let candidates = [member(0, rebuilt), member(1, rebuilt), new];
    let array = judged(&candidates);
    assert_eq!(words(&array), ["in-sync", "in-sync", "recovering"]);
    assert_eq!(array.survival, Ok(Survival::Degraded));
    let from = assemble_for_reading(&array, &candidates, ReadChoices::default()).unwrap();
    assert_eq!(from.assembly.members[2].recovery_offset, Sector(4096));
}

#[test]
fn two_arrays_are_told_apart_and_files_without_superblock_named() {
    let other = member(0, |b| b.uuid = paritas_format::ArrayUuid([9; 16]));
    let nothing = Candidate::new("photo.jpg", DEVICE, None);
    let judgement = judge_members(&[plain(0), other, nothing, plain(1)]);
    assert_eq!(judgement.strangers, [2]);
    let members: Vec<Vec<usize>> = judgement
        .arrays
        .iter()
        .map(|array| array.members.iter().map(|(index, _)| *index).collect())
        .collect();
    assert_eq!(members, [vec![0, 3], vec![1]]);
}

#[test]
fn any_accepted_member_that_says_dirty_makes_the_array_dirty() {
    let candidates = [plain(0), member(1, |b| b.resync_offset = Sector(0))];
    let array = judged(&candidates);
    assert_eq!(array.resync_offset, Sector(0));
    assert!(matches!(array.concerns[..], [Concern::DirtyDegraded { .. }]), "{:?}", array.concerns);
}
