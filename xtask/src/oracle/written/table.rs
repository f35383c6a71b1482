//! The arrays that are written: all that can be made here, many of the driver's own, hand-overs.

use crate::oracle::combination::{Combination, Condition, WRITE_MOSTLY};
use crate::oracle::shape::{Arrangement, Copies, Level, subsets};
use crate::oracle::table::{self, plain};

/// Who makes the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Program,
    Driver,
}

/// What happens about a resync or recovery that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// Nothing is owed.
    None,
    /// The program brings it to its end.
    ToTheEnd,
    /// The driver has brought it so many tenths of the way, the program goes on.
    FromDriver { tenth: u64 },
    /// The program brings it so many tenths of the way, the driver goes on.
    ToDriver { tenth: u64 },
}

/// One array's way.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) combination: Combination,
    /// Images that are not given when it is written the last time.
    pub(super) lost: Vec<usize>,
    pub(super) walk: Walk,
    pub(super) is_in_subset: bool,
}

/// Cases of the test command: one of each kind that differs.
const SUBSET: [&str; 18] = [
    "made-raid0-1.2-",
    "made-raid1-1.0-n3",
    "made-raid4-1.2-",
    "made-raid5-right-asymmetric-0.90-",
    "made-raid6-ddf-N-continue-1.1-",
    "made-raid10-o2-1.2-",
    "lost-raid6-left-symmetric-1.2-",
    "lost-raid10-f2-1.2-",
    "took-raid6-left-symmetric-6-1.2-",
    "took-raid5-left-symmetric-1.2-32k-n4-left1",
    "took-raid0-original-1.2-16k",
    "took-linear-0.90-n2",
    "owed-raid5-left-symmetric-1.2-",
    "from-raid1-1.2-n3-resyncing-t3",
    "from-raid6-left-symmetric-1.2-64k-n5-rebuilding-t6",
    "to-raid10-n2-1.2-64k-n4-resyncing-t5",
    "to-raid5-left-symmetric-1.2-64k-n4-rebuilding-t4",
    "to-raid6-left-symmetric-0.90-64k-n5-resyncing-t7",
];

/// All cases, each key once.
pub(super) fn all() -> Vec<Case> {
    let mut all = Vec::new();
    for combination in table::all() {
        if can_be_made(&combination) {
            made(&mut all, &combination);
        }
        if can_be_taken(&combination) {
            let key = format!("took-{}", combination.key);
            push(&mut all, key, Origin::Driver, combination.clone(), Vec::new(), Walk::None);
        }
    }
    for case in &mut all {
        // A rebuild that the driver began is ended here.
        if matches!(case.combination.condition, Condition::Rebuilding { .. }) {
            case.walk = Walk::ToTheEnd;
        }
    }
    owed(&mut all);
    handed_over(&mut all);
    for prefix in SUBSET {
        let first = all.iter_mut().find(|case| case.key.starts_with(prefix));
        first.into_iter().for_each(|case| case.is_in_subset = true);
    }
    all
}

fn push(
    all: &mut Vec<Case>,
    key: String,
    origin: Origin,
    mut combination: Combination,
    lost: Vec<usize>,
    walk: Walk,
) {
    // The driver makes it in a directory of this name.
    combination.key.clone_from(&key);
    all.push(Case { key, origin, combination, lost, walk, is_in_subset: false });
}

/// Whether `create` has words for it, and its content may be anything.
fn can_be_made(one: &Combination) -> bool {
    let is_plain = one.condition == Condition::Whole && one.patch.is_none();
    is_plain && !one.has_bitmap() && !is_logged(one) && one.level != Level::Faulty
}

/// Whether the program writes to it, as the driver left it.
fn can_be_taken(one: &Combination) -> bool {
    let is_possible = match &one.condition {
        Condition::Whole => !one.has_bitmap(),
        Condition::Degraded { .. } => true,
        Condition::LeftBehind { .. } => !one.has_bitmap(),
        Condition::Rebuilding { .. } => true,
        _ => false,
    };
    is_possible && !is_logged(one) && one.level != Level::Faulty
}

fn is_logged(one: &Combination) -> bool {
    one.options.iter().any(|word| word.starts_with("--consistency-policy"))
}

/// As it is, and, where it may miss members, written again without some.
fn made(all: &mut Vec<Case>, one: &Combination) {
    let key = format!("made-{}", one.key);
    push(all, key, Origin::Program, one.clone(), Vec::new(), Walk::None);
    let images: Vec<usize> = one.order[..one.count].iter().copied().flatten().collect();
    if one.order.len() > one.count || images.len() < one.count {
        return;
    }
    let survived: Vec<Vec<usize>> = subsets(&images)
        .into_iter()
        .filter(|lost| !lost.is_empty() && lost.len() < images.len())
        .filter(|lost| {
            let present: Vec<bool> = images.iter().map(|image| !lost.contains(image)).collect();
            one.level.survives(&present)
        })
        .map(|lost| lost.into_iter().collect())
        .collect();
    if !survived.is_empty() {
        // Which loss goes round with the table.
        let lost = survived[all.len() * 7 % survived.len()].clone();
        let key = format!("lost-{}", one.key);
        push(all, key, Origin::Program, one.clone(), lost, Walk::None);
    }
}

const NEAR_2: Level = Level::Raid10(Copies { near: 2, far: 1, arrangement: Arrangement::Far });
const FAR_2: Level = Level::Raid10(Copies { near: 1, far: 2, arrangement: Arrangement::Far });

type Base = (Level, &'static str, Option<u64>, usize);
const RAID1: Base = (Level::Raid1, "", None, 3);
const RAID4: Base = (Level::Raid4, "", Some(64), 4);
const RAID5: Base = (Level::Raid5, "left-symmetric", Some(64), 4);
const RAID6: Base = (Level::Raid6, "left-symmetric", Some(64), 5);
const RAID10: Base = (NEAR_2, "n2", Some(64), 4);

fn base((level, layout, chunk, count): Base, metadata: &'static str) -> Combination {
    plain(level, layout, metadata, chunk, count, 6 << 10)
}

/// Made here with a first resync or recovery, which is run to its end.
fn owed(all: &mut Vec<Case>) {
    let far = (FAR_2, "f2", Some(32), 3);
    let asymmetric = (Level::Raid5, "right-asymmetric", Some(16), 5);
    let ddf = (Level::Raid6, "ddf-N-continue", Some(32), 6);
    let old = (Level::Raid6, "left-asymmetric-6", Some(8), 5);
    for one in [RAID1, RAID4, RAID5, RAID6, RAID10, far, asymmetric, ddf, old] {
        for metadata in table::METADATA {
            for force in [false, true] {
                // Only these begin with a recovery unless they are told not to.
                if force && !matches!(one.0, Level::Raid4 | Level::Raid5) {
                    continue;
                }
                let mut made = base(one, metadata);
                made.options = if force { vec!["--force"] } else { Vec::new() };
                let name = if force { "-force" } else { "" };
                let key = format!("owed-{}{name}", made.key);
                push(all, key, Origin::Program, made, Vec::new(), Walk::ToTheEnd);
            }
        }
    }
}

/// Stopped in the middle by one and ended by the other, at each tenth of the way.
fn handed_over(all: &mut Vec<Case>) {
    for one in [RAID1, RAID4, RAID5, RAID6, RAID10] {
        for tenth in 1..10 {
            for metadata in ["0.90", "1.2"] {
                if one.0 != Level::Raid4 {
                    resync(all, one, metadata, tenth);
                }
                // 0.90 has no place for how far a recovery is.
                if metadata != "0.90" {
                    recovery(all, one, metadata, tenth);
                }
            }
        }
    }
}

fn resync(all: &mut Vec<Case>, one: Base, metadata: &'static str, tenth: u64) {
    let mut made = base(one, metadata);
    made.options = vec!["--force"];
    let key = format!("{}-resyncing-t{tenth}", made.key);
    let (origin, walk) = (Origin::Program, Walk::ToDriver { tenth });
    push(all, format!("to-{key}"), origin, made.clone(), Vec::new(), walk);
    // raid10 counts sectors of the array.
    let way = if one.0 == NEAR_2 { 20_480 } else { 10_240 };
    made.condition = Condition::Resyncing { reach: way / 10 * tenth };
    let walk = Walk::FromDriver { tenth };
    push(all, format!("from-{key}"), Origin::Driver, made, Vec::new(), walk);
}

fn recovery(all: &mut Vec<Case>, one: Base, metadata: &'static str, tenth: u64) {
    let mut made = base(one, metadata);
    let key = format!("{}-rebuilding-t{tenth}", made.key);
    let newcomer = made.sizes.len();
    made.sizes.push(made.sizes.iter().copied().max().unwrap_or(0));
    let mut driven = made.clone();
    driven.condition = Condition::Rebuilding { victim: 1, newcomer, reach: 10_240 / 10 * tenth };
    let walk = Walk::FromDriver { tenth };
    push(all, format!("from-{key}"), Origin::Driver, driven, Vec::new(), walk);
    // Slot 1 is empty when it is made, and a spare is there.
    made.order = (0..made.count).map(|slot| (slot != 1).then_some(slot)).collect();
    made.order.push(Some(newcomer));
    // The image that is left over takes the slot's place in the count of files only.
    let walk = Walk::ToDriver { tenth };
    push(all, format!("to-{key}"), Origin::Program, made, Vec::new(), walk);
}

impl Case {
    /// Images that are part of the array, by their numbers.
    pub(super) fn images(&self) -> Vec<usize> {
        let all = 0..self.combination.sizes.len();
        match self.origin {
            Origin::Program => {
                all.filter(|at| self.combination.order.contains(&Some(*at))).collect()
            }
            Origin::Driver => all.collect(),
        }
    }

    /// Images whose member left the array before the end.
    pub(super) fn left(&self) -> Vec<usize> {
        let mut left = self.lost.clone();
        match &self.combination.condition {
            Condition::Degraded { victims } | Condition::LeftBehind { victims } => {
                left.extend(victims);
            }
            Condition::Rebuilding { victim, .. } => left.push(*victim),
            _ => {}
        }
        left
    }

    /// The slot that is rebuilt and the image that takes it.
    pub(super) fn newcomer(&self) -> Option<usize> {
        match (&self.combination.condition, self.walk) {
            (Condition::Rebuilding { newcomer, .. }, _) => Some(*newcomer),
            (_, Walk::ToDriver { .. }) if self.combination.order.len() > self.combination.count => {
                self.combination.order.last().copied().flatten()
            }
            _ => None,
        }
    }

    /// How many slots are in sync when nothing is owed.
    pub(super) fn slots_in_the_end(&self) -> usize {
        let one = &self.combination;
        let empty = one.order[..one.count].iter().filter(|image| image.is_none()).count();
        let gone = match &one.condition {
            Condition::Degraded { victims } | Condition::LeftBehind { victims } => victims.len(),
            _ => 0,
        };
        let spares = one.order.len() - one.count;
        one.count - empty.saturating_sub(spares) - gone - self.lost.len()
    }

    /// Whether a check has something to compare.
    pub(super) fn is_redundant(&self) -> bool {
        let level = self.combination.level;
        level.has_parity() || matches!(level, Level::Raid1 | Level::Raid10(_))
    }

    /// The words for `paritas create`.
    pub(super) fn words(&self) -> Vec<String> {
        let one = &self.combination;
        let mut words: Vec<String> = [
            "create",
            "md0",
            "--no-start",
            "--run",
            "--quiet",
            "--overwrite=all",
            "--homehost=oracle",
        ]
        .map(str::to_owned)
        .to_vec();
        words.push(format!("--level={}", one.level.word()));
        words.push(format!("--metadata={}", one.metadata));
        words.push(format!("--raid-devices={}", one.count));
        if !one.layout.is_empty() {
            words.push(format!("--layout={}", one.layout));
        }
        if let Some(chunk) = one.chunk_kib {
            words.push(format!("--chunk={chunk}"));
        }
        if one.order.len() > one.count {
            words.push(format!("--spare-devices={}", one.order.len() - one.count));
        }
        let is_of_members = |word: &&&str| **word == WRITE_MOSTLY;
        let (of_members, options): (Vec<&&str>, Vec<&&str>) =
            one.options.iter().partition(is_of_members);
        words.extend(options.into_iter().map(|word| (*word).to_owned()));
        for (at, image) in one.order.iter().enumerate() {
            if at == 1 {
                words.extend(of_members.iter().map(|word| (**word).to_owned()));
            }
            words.push(image.map_or("missing".to_owned(), |image| format!("m{image}.img")));
        }
        words
    }
}
