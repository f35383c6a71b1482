//! `oracle/judge/force.tsv`: what force takes and writes, beside what `mdadm --assemble --force` did with
//! the same superblocks. A line without the name of a difference must be equal, byte for byte; one with
//! a name must differ as its rule says.

use paritas_engine::judge_members::{
    ArrayJudgement, Candidate, Deed, Forced, ReadChoices, Verdict, assemble_for_reading, force,
    judge_members,
};
use paritas_format::Superblock;
use paritas_format::build::cell;
use paritas_format::superblock::Version;
use paritas_units::{Sector, Sectors};
use std::fmt::Write;
use std::path::Path;

const MEMBER: Sectors = Sectors(64 << 11);

/// A line of the file.
struct Line {
    array: String,
    members: String,
    driver: String,
    written: String,
    difference: String,
}

/// What we make of a line.
struct Ours {
    /// `starts 0=m0 1=m1 clean`, or `fails`.
    words: String,
    written: String,
    deeds: Vec<Deed>,
}

fn lines() -> Vec<Line> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracle/judge/force.tsv");
    let text = std::fs::read_to_string(path).expect("the file is there");
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let fields: Vec<&str> = row.split('\t').collect();
        let [array, members, driver, written, _, difference] = fields.as_slice() else {
            panic!("six columns: {row}")
        };
        let own = |field: &&str| (*field).to_owned();
        Line {
            array: own(array),
            members: own(members),
            driver: own(driver),
            written: own(written),
            difference: own(difference),
        }
    })
    .collect()
}

fn candidates(superblocks: &[Superblock]) -> Vec<Candidate> {
    let candidate = |(number, superblock): (usize, &Superblock)| {
        Candidate::new(&format!("m{number}"), MEMBER, Some(superblock.clone()))
    };
    superblocks.iter().enumerate().map(candidate).collect()
}

fn ours(line: &Line) -> Ours {
    let superblocks = cell(&line.array, &line.members).expect("a cell");
    let candidates = candidates(&superblocks);
    let judgement = judge_members(&candidates);
    let fails = |deeds| Ours { words: "fails".to_owned(), written: "-".to_owned(), deeds };
    let Ok(forced) = force(&judgement.arrays[0], &candidates) else { return fails(Vec::new()) };
    let assembled =
        assemble_for_reading(&forced.judgement, &forced.candidates, ReadChoices::default());
    if assembled.is_err() {
        return fails(forced.deeds);
    }
    holds_again(&forced);
    let words = format!("starts {}", seats(&forced.judgement));
    Ours { words, written: written(&superblocks, &forced), deeds: forced.deeds }
}

/// Whoever judges the changed superblocks without force takes the same members.
fn holds_again(forced: &Forced) {
    let again = judge_members(&forced.candidates);
    assert_eq!(seats(&again.arrays[0]), seats(&forced.judgement));
    assert_eq!(again.arrays[0].survival, forced.judgement.survival);
}

fn seats(array: &ArrayJudgement) -> String {
    let mut text = String::new();
    for (slot, seats) in array.slots.iter().enumerate() {
        for index in seats.iter().flatten() {
            let verdict = array.members.iter().find(|(one, _)| one == index);
            let _ = write!(text, "{slot}=m{index}");
            if let Some((_, Verdict::Recovering(_, _, below))) = verdict {
                let _ = write!(text, "<{}", below.0);
            }
            text.push(' ');
        }
    }
    text + if array.resync_offset == Sector::MAX { "clean" } else { "dirty" }
}

/// The bytes that are to be written, as the file has them.
fn written(before: &[Superblock], forced: &Forced) -> String {
    let mut changes = Vec::new();
    for (number, (old, candidate)) in before.iter().zip(&forced.candidates).enumerate() {
        let new = candidate.superblock.as_ref().expect("it has one");
        let is_changed = new.encode() != old.encode();
        assert_eq!(is_changed, forced.changed.contains(&number), "m{number}: {:?}", forced.changed);
        let checksum = if old.version() == Version::V0_90 { 152..156 } else { 216..220 };
        let (old, new) = (old.encode(), new.encode());
        let places: Vec<usize> = (0..old.len())
            .filter(|at| !checksum.contains(at) && old.get(*at) != new.get(*at))
            .collect();
        for run in places.chunk_by(|a, b| a + 1 == *b) {
            let bytes = run.iter().fold(String::new(), |mut text, at| {
                let _ = write!(text, "{:02x}", new[*at]);
                text
            });
            changes.push(format!("m{number}@{}={bytes}", run[0]));
        }
    }
    let fresh = forced.judgement.freshest;
    let place = forced.changed.iter().position(|index| *index == fresh);
    let is_late = place.is_none_or(|at| {
        let before = &forced.changed[..at];
        let raised = forced.deeds.iter().filter(|deed| matches!(deed, Deed::Taken { .. })).count();
        before.len() >= raised
    });
    assert!(is_late, "the freshest comes after those that are taken: {:?}", forced.changed);
    if changes.is_empty() { "-".to_owned() } else { changes.join(" ") }
}

/// Why what we do may differ from what the driver's column says.
fn is_rule(line: &Line, ours: &Ours) -> bool {
    let takes = |deeds: &[Deed]| deeds.iter().filter(|d| matches!(d, Deed::Taken { .. })).count();
    let (fails, driver_fails) = (ours.words == "fails", line.driver.starts_with("fails"));
    match line.difference.as_str() {
        // Equal, but for the mark on the other members: our judgement asks all of them.
        "all-say-clean" => {
            let theirs: Vec<&str> = line.written.split(' ').filter(|word| *word != "-").collect();
            let clean =
                |word: &str| word.ends_with("@208=ffffffffffffffff") || word.ends_with("@132=01");
            let mut more = ours.written.split(' ').filter(|word| !theirs.contains(word));
            ours.words == line.driver
                && theirs.iter().all(|word| ours.written.split(' ').any(|own| own == *word))
                && more.all(clean)
        }
        // mdadm has no mark for raid4, and the driver refuses to start it.
        "raid4-too" => driver_fails && line.array.starts_with("raid4") && !fails,
        // mdadm goes by the order of devices where it means slots.
        "no-more-than-needed" => !fails && takes(&ours.deeds) < line.written.split(' ').count(),
        // What cannot start all the same is not written.
        "not-for-nothing" => fails && driver_fails && line.written != "-",
        // With 0.90 mdadm takes a member that calls itself faulty, and the driver does not start.
        "calls-itself-faulty" => driver_fails && line.array.ends_with("0.90") && !fails,
        // Both went on alone.
        "split-brain-refused" => fails && line.members.contains("sees=F"),
        // One parity is left to agree with, so the driver's resync begins at once, and writes.
        "driver-goes-on" => ours.words == line.driver && line.array.starts_with("raid6"),
        // One mirror has nobody to disagree with.
        "nothing-to-resync" => {
            ours.words.replace("dirty", "clean") == line.driver && ours.written == line.written
        }
        _ => false,
    }
}

#[test]
fn u14_force_takes_and_writes_what_mdadm_does() {
    let mut failures = Vec::new();
    let lines = lines();
    assert!(lines.len() > 70, "{} cells", lines.len());
    for line in &lines {
        let ours = ours(line);
        let is_equal = ours.words == line.driver.replace("needs-run", "starts")
            && ours.written == line.written
            || ours.words == "fails" && line.driver == "fails" && line.written == "-";
        let is_right = match line.difference.as_str() {
            "-" => is_equal,
            _ => !is_equal && is_rule(line, &ours),
        };
        if !is_right {
            failures.push(format!(
                "{} | {} ({}):\n  mdadm {} | {}\n  ours  {} | {}",
                line.array,
                line.members,
                line.difference,
                line.driver,
                line.written,
                ours.words,
                ours.written
            ));
        }
        assert!(ours.deeds.iter().all(|deed| !deed.to_string().is_empty()));
    }
    assert!(failures.is_empty(), "{} cells:\n{}", failures.len(), failures.join("\n"));
}
