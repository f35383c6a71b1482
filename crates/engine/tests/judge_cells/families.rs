//! The products that the table of cells is made of, a function for each family.
//!
//! The one thing to understand: a family varies a few axes fully and holds the others still; a cell
//! is its array and its members in the words of `paritas_format::build::cell`. In a cell the *odd*
//! member is the one of the highest number; the others agree with each other.

use std::collections::BTreeSet;

/// An array and its members, in words.
pub(crate) struct Words {
    pub(crate) family: &'static str,
    pub(crate) array: String,
    pub(crate) members: String,
}

/// Every cell, in the order of the file.
pub(crate) fn all() -> Vec<Words> {
    let families = [age(), role(), missing(), pairs(), identity(), parity_only(), replacement()];
    let mut seen = BTreeSet::new();
    let is_new = |cell: &Words| seen.insert((cell.array.clone(), cell.members.clone()));
    families.into_iter().flatten().filter(is_new).collect()
}

/// A level, its slots, a format.
type Array = (&'static str, u8, &'static str);

fn named((level, slots, version): Array) -> String {
    format!("{level} {slots} {version}")
}

/// A table of roles of `slots` numbers in their slots, with a letter for some of them.
fn table(slots: u8, changes: &[(u8, char)]) -> String {
    let letter = |number: u8| {
        let change = changes.iter().find(|(changed, _)| *changed == number);
        change.map_or(char::from(b'0' + number), |(_, letter)| *letter)
    };
    (0..slots).map(letter).collect()
}

/// A member in words; words that are empty are left out.
fn member(number: u8, words: &[&str]) -> String {
    let mut text = number.to_string();
    for word in words.iter().filter(|word| !word.is_empty()) {
        text.push(' ');
        text.push_str(word);
    }
    text
}

fn behind(events: u64) -> String {
    if events == 0 { String::new() } else { format!("-{events}") }
}

const AGES: [u64; 4] = [0, 1, 2, 10];
const DIRT: [(&str, &str); 4] = [("", ""), ("dirty", "dirty"), ("", "dirty"), ("dirty", "")];

/// How old the odd member is, who says clean, and who lists whom as failed.
fn age() -> Vec<Words> {
    let arrays: [Array; 7] = [
        ("raid1", 2, "0.90"),
        ("raid1", 2, "1.2"),
        ("raid5", 3, "0.90"),
        ("raid5", 3, "1.0"),
        ("raid5", 3, "1.2"),
        ("raid6", 4, "1.2"),
        ("raid10", 4, "1.2"),
    ];
    let mut cells = Vec::new();
    for array in arrays {
        let slots = array.1;
        let odd = slots - 1;
        let sees = |changes: &[(u8, char)]| format!("sees={}", table(slots, changes));
        let others: Vec<(u8, char)> = (0..odd).map(|number| (number, 'F')).collect();
        // What the others see, and what the odd one sees.
        let views = [
            (String::new(), String::new()),
            (sees(&[(odd, 'F')]), String::new()),
            (sees(&[(odd, 'S')]), String::new()),
            (String::new(), sees(&[(0, 'F')])),
            (sees(&[(odd, 'F')]), sees(&others)),
        ];
        for (events, (clean, own), (fresh, sees)) in product(&AGES, &DIRT, &views) {
            let mut members: Vec<String> = (0..odd).map(|m| member(m, &[fresh, clean])).collect();
            members.push(member(odd, &[&behind(*events), sees, own]));
            cells.push(cell("age", array, &members));
        }
    }
    cells
}

/// What the odd member is by its own word, and whether the others say so too.
fn role() -> Vec<Words> {
    let mut cells = Vec::new();
    let arrays: [Array; 6] = [
        ("raid1", 2, "0.90"),
        ("raid5", 3, "0.90"),
        ("raid1", 2, "1.2"),
        ("raid5", 3, "1.2"),
        ("raid6", 4, "1.2"),
        ("raid10", 4, "1.2"),
    ];
    for array in arrays {
        let (_, slots, version) = array;
        let last = slots - 1;
        let lost = [(last, 'F')];
        let newcomer = |table: String, letter: char| format!("sees={table}{letter}");
        let slot = char::from(b'0' + last);
        // Number of the odd one, what it sees, more words, what the others see when they agree,
        // what they see when they do not.
        let mut roles = vec![
            (slots, newcomer(table(slots, &[]), 'S'), "", newcomer(table(slots, &[]), 'S')),
            (slots, newcomer(table(slots, &lost), 'S'), "", newcomer(table(slots, &lost), 'S')),
            (
                last,
                format!("sees={}", table(slots, &lost)),
                "",
                format!("sees={}", table(slots, &lost)),
            ),
        ];
        if version != "0.90" {
            let rebuilt = newcomer(table(slots, &lost), slot);
            for below in ["below=0", "below=4096"] {
                roles.push((slots, rebuilt.clone(), below, rebuilt.clone()));
            }
        }
        for ((number, sees, words, agreed), events, dirty, agree) in roles.iter().flat_map(|role| {
            product(&AGES, &["", "dirty"], &[true, false])
                .into_iter()
                .map(move |(events, dirty, agree)| (role, events, dirty, agree))
        }) {
            let others =
                if *agree { agreed.clone() } else { format!("sees={}", table(slots, &[])) };
            // Where the odd one's slot is lost, nobody holds it.
            let is_whole = *number == slots && !sees.contains('F');
            let held = if is_whole { slots } else { last };
            let mut members: Vec<String> =
                (0..held).map(|m| member(m, &[&others, dirty])).collect();
            members.push(member(*number, &[&behind(*events), sees, words, dirty]));
            cells.push(cell("role", array, &members));
        }
    }
    cells
}

/// Every set of members that is not there, listed as there or as failed, clean and dirty.
fn missing() -> Vec<Words> {
    let mut cells = Vec::new();
    let levels = [("raid0", 2), ("raid1", 2), ("raid5", 3), ("raid6", 4), ("raid10", 4)];
    let arrays = levels.iter().flat_map(|(level, slots)| {
        let versions =
            if *slots < 4 { ["0.90", "1.0", "1.2"].as_slice() } else { &["0.90", "1.2"] };
        versions.iter().map(move |version| (*level, *slots, *version))
    });
    for array in arrays {
        let slots = array.1;
        for (present, dirty, listed) in
            product(&(1..1_u8 << slots).collect::<Vec<_>>(), &["", "dirty"], &[true, false])
        {
            let is_present = |number: &u8| present & (1 << number) != 0;
            let lost: Vec<(u8, char)> = (0..slots)
                .filter(|number| !is_present(number))
                .map(|number| (number, 'F'))
                .collect();
            if lost.is_empty() && !listed {
                continue;
            }
            let sees =
                if *listed { String::new() } else { format!("sees={}", table(slots, &lost)) };
            let members: Vec<String> = (0..slots)
                .filter(is_present)
                .map(|number| member(number, &[&sees, dirty]))
                .collect();
            cells.push(cell("missing", array, &members));
        }
    }
    cells
}

/// Two members that are behind.
fn pairs() -> Vec<Words> {
    let mut cells = Vec::new();
    let arrays: [Array; 6] = [
        ("raid1", 3, "1.2"),
        ("raid5", 3, "0.90"),
        ("raid5", 3, "1.2"),
        ("raid6", 4, "0.90"),
        ("raid6", 4, "1.2"),
        ("raid10", 4, "1.2"),
    ];
    let ages = [(1, 1), (1, 2), (2, 2), (2, 10), (10, 10)];
    for array in arrays {
        let (_, slots, _) = array;
        let dropped = [(slots - 2, 'F'), (slots - 1, 'F')];
        let views = [String::new(), format!("sees={}", table(slots, &dropped))];
        for ((first, second), dirty, view) in product(&ages, &["", "dirty"], &views) {
            let mut members: Vec<String> =
                (0..slots - 2).map(|number| member(number, &[view, dirty])).collect();
            members.push(member(slots - 2, &[&behind(*first), dirty]));
            members.push(member(slots - 1, &[&behind(*second), dirty]));
            cells.push(cell("pairs", array, &members));
        }
    }
    cells
}

/// Who a member says it is, and to which array it says it belongs.
fn identity() -> Vec<Words> {
    let mut cells = Vec::new();
    let arrays: [Array; 8] = [
        ("raid1", 2, "0.90"),
        ("raid5", 3, "0.90"),
        ("raid6", 4, "0.90"),
        ("raid5", 3, "1.0"),
        ("raid1", 2, "1.2"),
        ("raid5", 3, "1.2"),
        ("raid6", 4, "1.2"),
        ("raid10", 4, "1.2"),
    ];
    for array in arrays {
        let (_, slots, version) = array;
        let last = slots - 1;
        let other = if version == "1.2" { "format=1.0" } else { "format=1.2" };
        let odd = [
            "uuid=9",
            "name=other",
            "device=0",
            other,
            "level=raid4",
            "chunk=256",
            "slots=5",
            "size=61440",
            "layout=0",
            "device=9",
        ];
        let plain: Vec<String> = (0..last).map(|number| member(number, &[])).collect();
        for (word, events) in product2(&odd, &[0, 1, 2]) {
            let mut members = plain.clone();
            members.push(member(last, &[&behind(*events), word]));
            cells.push(cell("identity", array, &members));
        }
        // A copy of the last member, and another number with its slot, both orders.
        let claimant = format!("sees={}{last}", table(slots, &[]));
        let rivals = [member(last, &[]), member(slots, &[&claimant]), member(last, &["device=9"])];
        for (rival, events, is_first) in product(&rivals, &AGES, &[false, true]) {
            let mut members = plain.clone();
            let (number, words) = rival.split_once(' ').unwrap_or((rival, ""));
            let words = [number, &behind(*events), words].join(" ");
            let words =
                words.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
            let at = usize::from(if *is_first { 0 } else { last });
            members.push(member(last, &[]));
            members.insert(at + usize::from(!is_first), words);
            cells.push(cell("identity", array, &members));
        }
    }
    cells
}

/// Dirty, and only parity may be missing: where that is a slot of its own, nothing is computed.
fn parity_only() -> Vec<Words> {
    let mut cells = Vec::new();
    let fixed = [("raid4", 3, 0), ("raid5", 3, 4), ("raid5", 3, 5), ("raid5", 3, 0)];
    let six = [0, 4, 5, 8, 9, 10, 16, 17, 18, 19, 20].map(|layout| ("raid6", 4, layout));
    for (level, slots, layout) in fixed.into_iter().chain(six) {
        for present in 1..1_u8 << slots {
            let count = present.count_ones();
            let least = u32::from(slots) - if level == "raid6" { 2 } else { 1 };
            if count < least || count == u32::from(slots) {
                continue;
            }
            let members: Vec<String> = (0..slots)
                .filter(|number| present & (1 << number) != 0)
                .map(|number| member(number, &["dirty"]))
                .collect();
            let array = format!("{level} {slots} 1.2 {layout}");
            cells.push(Words { family: "parity", array, members: members.join("; ") });
        }
    }
    cells
}

/// A replacement that is half built, or done, beside the member that it replaces or alone.
fn replacement() -> Vec<Words> {
    let mut cells = Vec::new();
    for array in [("raid1", 2, "1.2"), ("raid5", 3, "1.2"), ("raid10", 4, "1.2")] {
        let (_, slots, _) = array;
        let last = slots - 1;
        let sees = format!("sees={}{last}", table(slots, &[]));
        for (below, events, is_alone) in
            product(&["below=4096", "below=0", ""], &AGES, &[false, true])
        {
            let held = if *is_alone { last } else { slots };
            let mut members: Vec<String> = (0..held).map(|m| member(m, &[&sees])).collect();
            members.push(member(slots, &[&behind(*events), &sees, "replacement", below]));
            cells.push(cell("replacement", array, &members));
        }
    }
    cells
}

fn cell(family: &'static str, array: Array, members: &[String]) -> Words {
    Words { family, array: named(array), members: members.join("; ") }
}

fn product2<'a, A, B>(left: &'a [A], right: &'a [B]) -> Vec<(&'a A, &'a B)> {
    left.iter().flat_map(|a| right.iter().map(move |b| (a, b))).collect()
}

fn product<'a, A, B, C>(
    first: &'a [A],
    second: &'a [B],
    third: &'a [C],
) -> Vec<(&'a A, &'a B, &'a C)> {
    let pairs = product2(first, second);
    pairs.into_iter().flat_map(|(a, b)| third.iter().map(move |c| (a, b, c))).collect()
}
