//! The names under which our judgement may differ from the driver's, each with its rule.
//!
//! The one thing to understand: reading writes nothing, so it is safe to refuse, to leave a member
//! out, to call more dirty than the driver does, and to read what the driver starts only by force.
//! It is never safe to trust a member that the driver, when it starts the array, does not: no name
//! allows that, nor an array that is clean to us and dirty to it.

use std::collections::BTreeMap;

/// What stands in the file where no name fits.
pub(crate) const UNNAMED: &str = "UNNAMED";
/// What stands there where both do the same.
const NONE: &str = "-";

/// What somebody makes of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing; the reason is in our answers only.
    Fails(String),
    /// An array.
    Runs(Array),
}

/// An array that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Array {
    /// `reads`, `starts` or `needs-run`.
    how: String,
    /// By slot (`1`, for a replacement `1r`; one that is alone in its slot is the driver's original).
    seats: Seats,
    is_clean: bool,
}

/// By slot: the member, and below where it is right.
type Seats = BTreeMap<String, (String, u64)>;

impl Answer {
    /// The answer in the words of the file; `None` if nobody was asked.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let how = words.next().filter(|how| *how != "?")?.to_owned();
        if how.starts_with("fails") {
            let why = text.split_once(": ").map_or("", |(_, why)| why);
            return Some(Self::Fails(why.to_owned()));
        }
        let mut seats = Seats::new();
        let mut is_clean = None;
        for word in words {
            match word.split_once('=') {
                Some((slot, seat)) => {
                    let (member, below) = seat.split_once('<').unwrap_or((seat, ""));
                    let below = below.parse().unwrap_or(u64::MAX);
                    seats.insert(slot.to_owned(), (member.to_owned(), below));
                }
                None => is_clean = Some(word == "clean"),
            }
        }
        let alone = |slot: &String| slot.strip_suffix('r').map(|of| !seats.contains_key(of));
        let alone: Vec<String> =
            seats.keys().filter(|slot| alone(slot) == Some(true)).cloned().collect();
        for slot in alone {
            if let Some(seat) = seats.remove(&slot) {
                seats.insert(slot.trim_end_matches('r').to_owned(), seat);
            }
        }
        Some(Self::Runs(Array { how, seats, is_clean: is_clean? }))
    }

    /// The word of `DriverOutcome` that fits, of those that can be told apart.
    fn word(&self) -> &str {
        match self {
            Self::Fails(_) => "fails",
            Self::Runs(array) => &array.how,
        }
    }
}

/// The name of the difference between what we read and what the driver did with `members`.
pub(crate) fn name(
    (array, members): (&str, &str),
    verdicts: &str,
    ours: &Answer,
    predicted: &str,
    driver: &Answer,
) -> &'static str {
    // What we say of the driver has no differences on purpose.
    let foretold = if predicted == "needs-force" { "fails" } else { predicted };
    if foretold != driver.word() {
        return UNNAMED;
    }
    let cell = Cell {
        members: members.split("; ").collect(),
        verdicts: verdicts.split(' ').collect(),
        is_mirror: array.starts_with("raid1 "),
    };
    match (ours, driver) {
        (Answer::Fails(_), Answer::Fails(_)) => NONE,
        (Answer::Fails(why), Answer::Runs(theirs)) => cell.refused(why, theirs),
        (Answer::Runs(ours), Answer::Fails(_)) => cell.read_all_the_same(ours, predicted),
        (Answer::Runs(ours), Answer::Runs(theirs)) => cell.both_run(ours, theirs),
    }
}

/// What the rules look at besides the answers, by member.
struct Cell<'a> {
    members: Vec<&'a str>,
    verdicts: Vec<&'a str>,
    /// The last mirror has nobody to disagree with.
    is_mirror: bool,
}

/// The place of a member among the members, from its name.
fn number(member: &str) -> usize {
    member.trim_start_matches('m').parse().unwrap_or(usize::MAX)
}

impl Cell<'_> {
    fn has(&self, verdict: &str) -> bool {
        self.verdicts.contains(&verdict)
    }

    /// Whether the member says in its own table that it is faulty.
    fn calls_itself_faulty(&self, at: usize) -> bool {
        let member = self.members.get(at).copied().unwrap_or_default();
        let number = member.split(' ').next().and_then(|number| number.parse::<usize>().ok());
        let table = member.split(' ').find_map(|word| word.strip_prefix("sees="));
        matches!((number, table), (Some(number), Some(table)) if table.chars().nth(number) == Some('F'))
    }

    /// We refuse what the driver starts.
    fn refused(&self, why: &str, theirs: &Array) -> &'static str {
        match why {
            "split brain" if self.has("split-brain") => "split-brain-refused",
            "ambiguous" => "copies-refused",
            // Without those that were dropped there are too few.
            "too few" => self.left_out(&BTreeMap::new(), theirs),
            _ => UNNAMED,
        }
    }

    /// We read what the driver does not start.
    fn read_all_the_same(&self, ours: &Array, predicted: &str) -> &'static str {
        match predicted {
            "needs-force" if !ours.is_clean => "dirty-degraded-read",
            "fails" if self.has("disagrees") || self.has("stale") => "stranger-left-out",
            "fails" if self.has("faulty") || self.has("clone") || self.has("slot-taken") => {
                "rival-left-out"
            }
            _ => UNNAMED,
        }
    }

    fn both_run(&self, ours: &Array, theirs: &Array) -> &'static str {
        let is_trusted = |(slot, (member, below)): (&String, &(String, u64))| {
            theirs.seats.get(slot).is_some_and(|(held, right)| held == member && below <= right)
        };
        if !ours.seats.iter().all(is_trusted) || (ours.is_clean && !theirs.is_clean) {
            return UNNAMED;
        }
        if ours.seats != theirs.seats {
            return self.left_out(&ours.seats, theirs);
        }
        let in_sync = ours.seats.values().filter(|(_, below)| *below == u64::MAX).count();
        let says_dirty = |(member, _): &(String, u64)| {
            self.members.get(number(member)).is_some_and(|words| words.contains("dirty"))
        };
        let dirty = ours.seats.values().filter(|seat| says_dirty(seat)).count();
        match (ours.is_clean, theirs.is_clean) {
            (false, true) if self.is_mirror && in_sync == 1 => "nothing-to-resync",
            (false, true) if dirty < ours.seats.len() => "any-says-dirty",
            (false, true) => UNNAMED,
            _ => NONE,
        }
    }

    /// The name for the members that the driver takes and we do not.
    fn left_out(&self, ours: &Seats, theirs: &Array) -> &'static str {
        let mut names = theirs.seats.iter().filter(|(slot, _)| !ours.contains_key(*slot)).map(
            |(_, (member, _))| {
                let at = number(member);
                match self.verdicts.get(at) {
                    Some(&"faulty") if self.calls_itself_faulty(at) => "calls-itself-faulty",
                    Some(&"faulty") => "not-counted-on",
                    // Where we read nothing at all, those that we trust are left out as well.
                    Some(&("in-sync" | "one-behind")) if ours.is_empty() => NONE,
                    _ => UNNAMED,
                }
            },
        );
        let names: Vec<&str> = names.by_ref().filter(|name| *name != NONE).collect();
        match names.as_slice() {
            [first, rest @ ..] if rest.iter().all(|name| name == first) => match *first {
                "calls-itself-faulty" => "calls-itself-faulty",
                "not-counted-on" => "not-counted-on",
                _ => UNNAMED,
            },
            _ => UNNAMED,
        }
    }
}
