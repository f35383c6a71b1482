//! What mdadm says about the images beside what `paritas` says: equal but for names.
//!
//! mdadm reads superblocks of image files itself. Bitmaps it reads from devices only, so the guest
//! did that; there the file name is the one line that differs. Both run in the same directory, with
//! the same time zone, over the same words.

use super::made::Made;
use super::reader::call;
use anyhow::{Context, Result};
use std::path::Path;

/// One comparison of texts.
pub(super) struct Looked {
    /// The command, without the images.
    pub(super) command: String,
    pub(super) outcome: Result<(), String>,
}

/// Commands that both have, with mdadm's spelling.
const COMMANDS: [(&[&str], &[&str]); 5] = [
    (&["examine"], &["--examine"]),
    (&["examine", "--brief"], &["--examine", "--brief"]),
    (&["examine", "--export"], &["--examine", "--export"]),
    (&["query"], &["--query"]),
    (&["examine-badblocks"], &["--examine-badblocks"]),
];

/// Text and exit code of a command.
#[derive(PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) code: Option<i32>,
}

/// Compares every looking command on every image.
pub(super) fn compare(program: &Path, made: &Made) -> Result<Vec<Looked>> {
    let mut looked = Vec::new();
    for (ours, theirs) in COMMANDS {
        for image in made.images() {
            let wanted = said(Path::new("mdadm"), made, theirs, &image)?;
            let got = said(program, made, ours, &image)?;
            let command = format!("{} {image}", ours.join(" "));
            looked.push(Looked { command, outcome: differ(&wanted, &got) });
        }
    }
    // Without bitmaps the guest looked at the first image only.
    let with_bitmap = if made.combination.has_bitmap() { made.images().len() } else { 1 };
    for image in made.images().into_iter().take(with_bitmap) {
        let wanted = bitmap_said_in_guest(made, &image)?;
        let mut got = said(program, made, &["examine-bitmap"], &image)?;
        got.text = without_names(&got.text);
        let command = format!("examine-bitmap {image}");
        looked.push(Looked { command, outcome: differ(&wanted, &got) });
    }
    Ok(looked)
}

fn said(program: &Path, made: &Made, words: &[&str], image: &str) -> Result<Said> {
    let output = call(program, made)
        .args(words)
        .arg(image)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let text = without_names(&String::from_utf8_lossy(&output.stdout));
    Ok(Said { text, code: output.status.code() })
}

fn bitmap_said_in_guest(made: &Made, image: &str) -> Result<Said> {
    let name = image.trim_end_matches(".img");
    let read = |ending: &str| {
        let path = made.directory.join(format!("{name}.{ending}"));
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let code = read("bitmap-code")?.trim().parse().context("the guest's exit code is no number")?;
    Ok(Said { text: without_names(&read("bitmap")?), code: Some(code) })
}

/// The text without what depends on how a member is reached: device names and the file's name.
pub(super) fn without_names(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let line = match line.split_once("Filename : ") {
            Some((before, _)) => format!("{before}Filename :"),
            None => line.split("/dev/").next().unwrap_or(line).to_owned(),
        };
        kept.push_str(line.trim_end());
        kept.push('\n');
    }
    kept
}

/// The first difference in words, if there is one.
fn differ(wanted: &Said, got: &Said) -> Result<(), String> {
    let mut theirs = wanted.text.lines();
    let mut ours = got.text.lines();
    for number in 1.. {
        match (theirs.next(), ours.next()) {
            (None, None) => break,
            (left, right) if left == right => {}
            (left, right) => {
                let show =
                    |line: Option<&str>| line.map_or("nothing".into(), |line| format!("`{line}`"));
                return Err(format!(
                    "line {number}: mdadm says {}, paritas {}",
                    show(left),
                    show(right)
                ));
            }
        }
    }
    if wanted.code == got.code {
        return Ok(());
    }
    Err(format!("mdadm ends with {:?}, paritas with {:?}", wanted.code, got.code))
}
