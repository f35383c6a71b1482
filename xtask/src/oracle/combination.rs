//! One array that the kernel is to make, and what a reader must then get from it.
//!
//! A [`Combination`] is written by hand or by a loop of the table; everything else (the guest's
//! plan, which image sits in which slot, which losses content survives) follows from it.

use super::shape::{Level, subsets};
use std::collections::BTreeSet;

/// How much further on the pattern starts when an array is written a second time, in bytes.
pub(super) const LATER: u64 = 1 << 20;

/// The array's state when its images are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Whole,
    /// Written from 1 MiB on, since a write to the start would reach the superblock.
    From1Mib,
    /// Several paths to one disk, so that all members hold the same.
    Paths,
    /// raid0 without a recorded multi-zone layout, written by a driver that was told one.
    Ambiguous {
        told: u32,
    },
    /// Failed, removed, and everything written again.
    Degraded {
        victims: Vec<usize>,
    },
    /// Not there at a later start, and everything written again.
    LeftBehind {
        victims: Vec<usize>,
    },
    /// Cut while it was marked as being written.
    Dirty,
    /// The first resync came to this sector of the members.
    Resyncing {
        reach: u64,
    },
    Rebuilding {
        victim: usize,
        newcomer: usize,
        reach: u64,
    },
    Replacing {
        victim: usize,
        newcomer: usize,
        reach: u64,
    },
    /// Ranges of device sectors in the victim's log: first sector, count.
    BadBlocks {
        victim: usize,
        ranges: Vec<(u64, u64)>,
    },
    Journal {
        journal: usize,
        is_dirty: bool,
    },
    Reshaping {
        newcomers: Vec<usize>,
        words: &'static str,
    },
}

/// A number that is put into the superblocks, since mdadm makes no such array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    /// The level that mdadm makes it as.
    pub(super) made_as: &'static str,
    /// The byte of the superblock where the number stands.
    pub(super) at: u32,
    pub(super) value: u32,
}

/// How the driver's own reading is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verification {
    /// It starts the array from read-only devices.
    InPlace,
    /// The same, and its reading is what counts: the array shows more than was written.
    AsRead,
    /// It has to write in order to start, and gets copies.
    OnCopies,
    /// It would go on changing the array.
    Not,
}

/// What `paritas copy` has to do with a set of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The exact content.
    Exact,
    /// An error and no output.
    Refused,
    /// Either of the two; never other content.
    ExactOrRefused,
}

/// One call of `paritas copy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    /// Images that are not given.
    pub(super) lost: BTreeSet<usize>,
    /// Further words.
    pub(super) options: Vec<&'static str>,
    pub(super) outcome: Outcome,
}

/// One array to be made.
#[derive(Clone, Debug)]
pub(super) struct Combination {
    /// Its name, unique in the table: level, layout, metadata, chunk, members, condition.
    pub(super) key: String,
    pub(super) level: Level,
    /// mdadm's word for the layout, or nothing.
    pub(super) layout: String,
    pub(super) metadata: &'static str,
    pub(super) chunk_kib: Option<u64>,
    /// Slots, without spares.
    pub(super) count: usize,
    /// The image of each slot and then of each spare, in mdadm's order; nothing for `missing`.
    pub(super) order: Vec<Option<usize>>,
    /// The size of each image, in bytes.
    pub(super) sizes: Vec<u64>,
    /// More words for `mdadm --create`.
    pub(super) options: Vec<&'static str>,
    pub(super) patch: Option<Patch>,
    pub(super) condition: Condition,
    /// Whether the test command makes it too.
    pub(super) is_in_subset: bool,
}

impl Combination {
    /// How much further on than the array's own offset its pattern starts.
    pub(super) fn content_shift(&self) -> u64 {
        match self.condition {
            Condition::Degraded { .. }
            | Condition::LeftBehind { .. }
            | Condition::Rebuilding { .. } => LATER,
            _ => 0,
        }
    }

    /// The images that hold current content, by slot.
    fn holders(&self) -> Vec<Option<usize>> {
        let mut holders = self.order[..self.count].to_vec();
        let gone: &[usize] = match &self.condition {
            Condition::Degraded { victims } | Condition::LeftBehind { victims } => victims,
            Condition::Rebuilding { victim, .. } => std::slice::from_ref(victim),
            _ => &[],
        };
        for holder in &mut holders {
            *holder = holder.filter(|image| !gone.contains(image));
        }
        holders
    }

    /// Whether the content is there when the images of `lost` are not given.
    fn survives(&self, lost: &BTreeSet<usize>) -> bool {
        let weak = match &self.condition {
            Condition::BadBlocks { victim, .. } => Some(*victim),
            _ => None,
        };
        let is_there = |image: &Option<usize>| {
            image.is_some_and(|image| !lost.contains(&image) && Some(image) != weak)
        };
        let present: Vec<bool> = self.holders().iter().map(is_there).collect();
        self.level.survives(&present)
    }

    /// Whether the driver itself would not start this array with a member missing.
    fn is_doubtful_when_degraded(&self) -> bool {
        let is_unclean = matches!(self.condition, Condition::Dirty | Condition::Resyncing { .. });
        is_unclean && self.level.has_parity() && !self.options.contains(&PPL)
    }

    /// Every call of `paritas copy` that this array is put to.
    pub(super) fn trials(&self) -> Vec<Trial> {
        let with = |options: &[&'static str], outcome| Trial {
            lost: BTreeSet::new(),
            options: options.to_vec(),
            outcome,
        };
        match &self.condition {
            Condition::Reshaping { .. } => return vec![with(&[], Outcome::Refused)],
            Condition::Ambiguous { told } => {
                let word = if *told == 1 { "original" } else { "alternate" };
                return vec![
                    with(&[], Outcome::Refused),
                    with(&["--layout", word], Outcome::Exact),
                ];
            }
            Condition::Journal { journal, is_dirty } => {
                return self.journal_trials(*journal, *is_dirty);
            }
            _ => {}
        }
        let images: Vec<usize> = self.holders().into_iter().flatten().collect();
        let mut trials = Vec::new();
        let mut is_loss_too_great_tried = false;
        for lost in subsets(&images) {
            let is_given = lost.len() < images.len();
            let outcome = match self.survives(&lost) {
                true if !lost.is_empty() && self.is_doubtful_when_degraded() => {
                    Outcome::ExactOrRefused
                }
                true => Outcome::Exact,
                false if is_loss_too_great_tried || !is_given => continue,
                false => Outcome::Refused,
            };
            is_loss_too_great_tried |= outcome == Outcome::Refused;
            trials.push(Trial { lost, options: Vec::new(), outcome });
        }
        trials
    }

    fn journal_trials(&self, journal: usize, is_dirty: bool) -> Vec<Trial> {
        let lost = |image: Option<usize>, options: &[&'static str], outcome| Trial {
            lost: image.into_iter().collect(),
            options: options.to_vec(),
            outcome,
        };
        // The driver leaves its last unit in a journal that it closes; whether the members have it
        // all is not looked into, so that refusing is right there as well.
        let with_journal = if is_dirty { Outcome::Refused } else { Outcome::ExactOrRefused };
        let first = self.order.first().copied().flatten();
        vec![
            lost(None, &[], with_journal),
            lost(Some(journal), &[], Outcome::Refused),
            lost(Some(journal), &["--without-journal"], Outcome::Exact),
            lost(None, &["--without-journal"], Outcome::Exact),
            lost(first, &[], if is_dirty { Outcome::Refused } else { Outcome::ExactOrRefused }),
        ]
    }

    /// How the driver's own reading is checked.
    pub(super) fn verification(&self) -> Verification {
        match self.condition {
            Condition::Reshaping { .. } => Verification::Not,
            Condition::From1Mib => Verification::AsRead,
            Condition::Journal { .. } => Verification::OnCopies,
            _ if self.options.contains(&PPL) || self.has_bitmap() => Verification::OnCopies,
            _ => Verification::InPlace,
        }
    }

    /// Whether mdadm was asked for a bitmap.
    pub(super) fn has_bitmap(&self) -> bool {
        self.options.contains(&BITMAP)
    }

    /// The guest's plan: shell variables.
    pub(super) fn plan(&self, pattern: &str, offset: u64) -> String {
        let mut order: Vec<String> =
            self.order.iter().map(|one| one.as_ref().map_or("missing".into(), image)).collect();
        let (of_members, options): (Vec<&str>, Vec<&str>) =
            self.options.iter().partition(|word| **word == WRITE_MOSTLY);
        // mdadm gives this one to the members that follow it.
        order.splice(1..1, of_members.into_iter().map(str::to_owned));
        let verify = match self.verification() {
            Verification::InPlace | Verification::AsRead => "yes",
            Verification::OnCopies => "copies",
            Verification::Not => "no",
        };
        let mut lines = vec![
            ("level", self.patch.map_or(self.level.word(), |patch| patch.made_as).to_owned()),
            ("layout", self.layout.clone()),
            ("metadata", self.metadata.to_owned()),
            ("chunk", self.chunk_kib.map(|kib| kib.to_string()).unwrap_or_default()),
            ("count", self.count.to_string()),
            ("spares", (self.order.len() - self.count).to_string()),
            ("order", order.join(" ")),
            ("options", options.join(" ")),
            ("pattern", pattern.to_owned()),
            ("offset", offset.to_string()),
            ("verify", verify.to_owned()),
            ("has_bitmap", if self.has_bitmap() { "yes" } else { "no" }.to_owned()),
        ];
        let mut add = |name, value| lines.push((name, value));
        if let Some(patch) = self.patch {
            add("patch_at", patch.at.to_string());
            add("patch_value", patch.value.to_string());
        }
        let condition = self.condition.plan(&mut add);
        add("condition", condition.to_owned());
        lines.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect()
    }
}

impl Condition {
    /// Adds what the guest must know of the condition, and gives its word.
    fn plan(&self, mut add: impl FnMut(&'static str, String)) -> &'static str {
        let words = |images: &[usize]| images.iter().map(image).collect::<Vec<_>>().join(" ");
        match self {
            Condition::Whole => "whole",
            Condition::From1Mib => "from_1_mib",
            Condition::Paths => "paths",
            Condition::Ambiguous { told } => {
                add("told", told.to_string());
                "ambiguous"
            }
            Condition::Degraded { victims } => {
                add("victims", words(victims));
                "degraded"
            }
            Condition::LeftBehind { victims } => {
                add("victims", words(victims));
                "left_behind"
            }
            Condition::Dirty => "dirty",
            Condition::Resyncing { reach } => {
                add("reach", reach.to_string());
                "resyncing"
            }
            Condition::Rebuilding { victim, newcomer, reach }
            | Condition::Replacing { victim, newcomer, reach } => {
                add("victims", image(victim));
                add("newcomer", image(newcomer));
                add("reach", reach.to_string());
                let is_rebuilding = matches!(self, Condition::Rebuilding { .. });
                if is_rebuilding { "rebuilding" } else { "replacing" }
            }
            Condition::BadBlocks { victim, ranges } => {
                let text = ranges.iter().map(|(first, count)| format!("{first}+{count}"));
                add("victims", image(victim));
                add("bad_blocks", text.collect::<Vec<_>>().join(" "));
                "bad_blocks"
            }
            Condition::Journal { journal, is_dirty } => {
                add("journal", image(journal));
                if *is_dirty { "journal_dirty" } else { "journal" }
            }
            Condition::Reshaping { newcomers, words: reshape } => {
                add("newcomer", words(newcomers));
                add("reshape", (*reshape).to_owned());
                "reshaping"
            }
        }
    }
}

/// mdadm's word for members that are read only when nothing else is left.
pub(super) const WRITE_MOSTLY: &str = "--write-mostly";
/// mdadm's words for a bitmap beside the superblock.
pub(super) const BITMAP: &str = "--bitmap=internal";
/// mdadm's word for an array with partial parity logs.
pub(super) const PPL: &str = "--consistency-policy=ppl";

/// The name of an image in the guest.
fn image(index: &usize) -> String {
    format!("m{index}")
}
