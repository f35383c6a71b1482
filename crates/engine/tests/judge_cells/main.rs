//! The table of the judgement: `oracle/judge/cells.tsv`, cell by cell.
//!
//! The one thing to understand: the file holds four answers to each cell: our verdicts, what we
//! would read, what we say that mdadm and the driver would do, and what they did when they were
//! given the same members (`cargo xtask oracle judge`). Here the first three are computed anew and
//! compared, and the fourth must be the same as ours or differ under a name whose rule holds
//! (`differences`). With `PARITAS_BLESS=1` the file is written anew, to be read by a person; what
//! the driver did is kept for cells that are still there.

mod differences;
mod families;

use differences::Answer;
use paritas_engine::judge_members::{
    Candidate, Judgement, ReadChoices, RefusedAssembly, assemble_for_reading, driver_outcome,
    judge_members,
};
use paritas_format::build::cell;
use paritas_units::{Seat, Sector, Sectors};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What the file begins with.
const HEAD: &str = "# What each cell's members say, what we make of it, and what mdadm and the driver made of it.\n\
# Columns, parted by tabs: family, array, members (the words of paritas_format::build::cell); our\n\
# verdicts; what we read; what we say that mdadm does; what it did; the name of the difference.\n\
# Written by PARITAS_BLESS=1 cargo test -p paritas-engine --test judge_cells, and the driver's part\n\
# by PARITAS_BLESS=1 cargo xtask oracle judge.\n";
/// What stands where the driver was not asked yet.
const NOT_ASKED: &str = "?";

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    family: String,
    array: String,
    members: String,
    verdicts: String,
    ours: String,
    predicted: String,
    driver: String,
    difference: String,
}

impl Line {
    fn parse(text: &str) -> Self {
        let fields: Vec<&str> = text.split('\t').collect();
        let [family, array, members, verdicts, ours, predicted, driver, difference] =
            fields.as_slice()
        else {
            panic!("{} columns: {text}", fields.len());
        };
        Self {
            family: (*family).into(),
            array: (*array).into(),
            members: (*members).into(),
            verdicts: (*verdicts).into(),
            ours: (*ours).into(),
            predicted: (*predicted).into(),
            driver: (*driver).into(),
            difference: (*difference).into(),
        }
    }

    fn text(&self) -> String {
        [
            &self.family,
            &self.array,
            &self.members,
            &self.verdicts,
            &self.ours,
            &self.predicted,
            &self.driver,
            &self.difference,
        ]
        .map(String::as_str)
        .join("\t")
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../oracle/judge/cells.tsv")
}

fn is_blessing() -> bool {
    std::env::var_os("PARITAS_BLESS").is_some_and(|bless| bless == "1")
}

/// Our answers to a cell; the driver's is what is known of it.
fn answered(words: &families::Words, driver: &str) -> Line {
    let superblocks = cell(&words.array, &words.members).unwrap_or_else(|why| panic!("{why}"));
    let device = Sectors(131_072);
    let candidates: Vec<Candidate> = superblocks
        .into_iter()
        .enumerate()
        .map(|(at, superblock)| Candidate::new(&format!("m{at}"), device, Some(superblock)))
        .collect();
    let judgement = judge_members(&candidates);
    let predicted = match judgement.arrays.as_slice() {
        [array] => driver_outcome(array, &candidates).word(),
        _ => "fails",
    };
    let (verdicts, ours) = (verdicts(&judgement), ours(&judgement, &candidates));
    let (read, did) = (Answer::parse(&ours), Answer::parse(driver));
    let difference = match did {
        None => NOT_ASKED.to_owned(),
        Some(did) => {
            let read = read.unwrap_or_else(|| panic!("{ours}"));
            differences::name((&words.array, &words.members), &verdicts, &read, predicted, &did)
                .to_owned()
        }
    };
    Line {
        family: words.family.into(),
        array: words.array.clone(),
        members: words.members.clone(),
        verdicts,
        ours,
        predicted: predicted.into(),
        driver: driver.into(),
        difference,
    }
}

/// A word for each candidate, in their order.
fn verdicts(judgement: &Judgement) -> String {
    let mut words: BTreeMap<usize, &'static str> = BTreeMap::new();
    for array in &judgement.arrays {
        words.extend(array.members.iter().map(|(index, verdict)| (*index, verdict.word())));
    }
    words.into_values().collect::<Vec<_>>().join(" ")
}

/// What we read, in the words of [`Answer`].
fn ours(judgement: &Judgement, candidates: &[Candidate]) -> String {
    let [array] = judgement.arrays.as_slice() else { return "fails: several arrays".into() };
    let from = match assemble_for_reading(array, candidates, ReadChoices::default()) {
        Ok(from) => from,
        Err(why) => return format!("fails: {}", reason(&why)),
    };
    let mut seats: Vec<String> = Vec::new();
    for (member, candidate) in from.assembly.members.iter().zip(&from.candidates) {
        let mut text = format!("{}=m{candidate}", member.slot.0);
        if member.seat == Seat::Replacement {
            text.insert(1, 'r');
        }
        if member.recovery_offset != Sector::MAX {
            let _ = write!(text, "<{}", member.recovery_offset.0);
        }
        seats.push(text);
    }
    seats.sort();
    let sync = if array.resync_offset == Sector::MAX { "clean" } else { "dirty" };
    format!("reads {} {sync}", seats.join(" "))
}

fn reason(why: &RefusedAssembly) -> &'static str {
    match why {
        RefusedAssembly::TooFew { .. } => "too few",
        RefusedAssembly::Ambiguous { .. } => "ambiguous",
        RefusedAssembly::SplitBrain { .. } => "split brain",
        RefusedAssembly::Shape(_) | RefusedAssembly::Level(_) => "shape",
        RefusedAssembly::NoSuperblock => "no superblock",
        RefusedAssembly::Reshape { .. } => "reshape",
        RefusedAssembly::Journal { .. } => "journal",
        RefusedAssembly::Slots(_) => "slots",
    }
}

#[test]
fn d11_e09_every_cell_is_judged_as_the_file_says_and_differs_from_the_driver_by_name_only() {
    let text = std::fs::read_to_string(file()).unwrap_or_default();
    let known: Vec<Line> = text.lines().filter(|l| !l.starts_with('#')).map(Line::parse).collect();
    let asked: BTreeMap<(&str, &str), &str> = known
        .iter()
        .map(|line| ((line.array.as_str(), line.members.as_str()), line.driver.as_str()))
        .collect();
    let lines: Vec<Line> = families::all()
        .iter()
        .map(|words| {
            let driver = asked.get(&(words.array.as_str(), words.members.as_str()));
            answered(words, driver.copied().unwrap_or(NOT_ASKED))
        })
        .collect();
    if is_blessing() {
        let lines: Vec<String> = lines.iter().map(Line::text).collect();
        std::fs::write(file(), format!("{HEAD}{}\n", lines.join("\n"))).expect("written");
        return;
    }
    let changed: Vec<String> = lines
        .iter()
        .zip(known.iter().map(Some).chain(std::iter::repeat(None)))
        .filter(|(new, old)| Some(*new) != *old)
        .map(|(new, old)| {
            format!("{}\n  in the file: {}", new.text(), old.map_or("nothing".into(), Line::text))
        })
        .collect();
    assert!(changed.is_empty(), "PARITAS_BLESS=1 accepts these:\n{}", changed.join("\n"));
    assert_eq!(lines.len(), known.len(), "the file has cells that no family makes");
    let unnamed: Vec<String> = lines
        .iter()
        .filter(|line| [differences::UNNAMED, NOT_ASKED].contains(&line.difference.as_str()))
        .map(Line::text)
        .collect();
    assert!(unnamed.is_empty(), "differences without a name:\n{}", unnamed.join("\n"));
}
