//! What may differ, by name.
//!
//! - *order of members*: the driver lists members as they were bound, mdadm's `--export` as a
//!   directory has them. Both are sorted.
//! - *time left and speed*: of the moment. (Their sums have a test of their own.)
//! - *events and time of the update* where a member failed or the array was written: ours counts
//!   and records that on its own.
//! - *slots of a multipath array*: the driver deals them out as paths come, whatever superblocks say.

use crate::transcript::Transcript;
use std::fmt::Write;

/// `text`, the text `name` of a transcript or of ours, without what may differ.
pub(crate) fn alike(name: &str, text: &str, transcript: &Transcript) -> String {
    let text = &if transcript.key == "multipath" { without_slots(text) } else { text.to_owned() };
    match name {
        "detail" if transcript.has_faulty() || transcript.is_dirty() => {
            let is_kept =
                |line: &&str| !line.contains("Update Time :") && !line.contains("Events :");
            lines(text.lines().filter(is_kept))
        }
        "export" => {
            let mut sorted: Vec<&str> = text.lines().collect();
            sorted.sort_unstable();
            lines(sorted)
        }
        "mdstat" => text.lines().map(mdstat_line).fold(String::new(), |text, line| text + &line),
        _ => text.to_owned(),
    }
}

/// Lines without what tells the slots of members.
fn without_slots(text: &str) -> String {
    let row = |line: &str| match line.split_once(":") {
        None if line.ends_with("/dev/loop0") => "a member at /dev/loop0".to_owned(),
        None if line.ends_with("/dev/loop1") => "a member at /dev/loop1".to_owned(),
        _ => line.replace("[0]", "[]").replace("[1]", "[]").replace("_ROLE=1", "_ROLE=0"),
    };
    let mut rows: Vec<String> = text.lines().map(row).collect();
    let members = rows.iter().position(|row| row.starts_with("a member")).unwrap_or(rows.len());
    rows[members..].sort();
    lines(rows.iter().map(String::as_str))
}

fn lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

fn mdstat_line(line: &str) -> String {
    if line.starts_with("md0 : ") {
        let is_member = |word: &&str| word.contains('[');
        let head: Vec<&str> = line.split(' ').filter(|word| !is_member(word)).collect();
        let mut members: Vec<&str> = line.split(' ').filter(is_member).collect();
        members.sort_unstable();
        return format!("{} {}\n", head.join(" "), members.join(" "));
    }
    match line.split_once(" finish=") {
        Some((kept, rest)) => {
            assert!(rest.ends_with("K/sec") && rest.contains("min speed="), "{rest}");
            format!("{kept}\n")
        }
        None => format!("{line}\n"),
    }
}
