//! Our texts about arrays beside those of mdadm 4.2 and of the driver.
//!
//! A transcript (see `xtask/src/oracle/detail/transcript.rs`) has the superblocks of a running array
//! and what was said about it. From the superblocks an array is assembled here, brought into the
//! same moment, and asked for the same texts. They must be equal but for the differences that
//! `alike.rs` names. PARITAS_TRANSCRIPTS names another directory than that of the fixtures.

mod alike;
mod array;
mod transcript;

use alike::alike;
use jiff::tz::TimeZone;
use paritas_control::{Detail, mdstat};
use std::path::{Path, PathBuf};
use transcript::Transcript;

fn directory() -> PathBuf {
    std::env::var_os("PARITAS_TRANSCRIPTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracle/fixtures/detail"),
        PathBuf::from,
    )
}

fn transcripts() -> Vec<Transcript> {
    let entries = std::fs::read_dir(directory()).expect("the directory can be listed");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    paths.sort();
    paths.iter().map(|path| Transcript::read(path)).collect()
}

#[test]
fn u31_u32_texts_are_those_of_mdadm_and_the_driver() {
    let transcripts = transcripts();
    assert!(!transcripts.is_empty(), "there are transcripts");
    let mut failures = Vec::new();
    for transcript in &transcripts {
        let detail = array::picture(transcript);
        for (name, ours) in texts(&detail) {
            let theirs = transcript.section(name);
            let (theirs, ours) = (alike(name, theirs, transcript), alike(name, &ours, transcript));
            if theirs != ours {
                let first = theirs.lines().zip(ours.lines()).find(|(a, b)| a != b);
                failures.push(format!("{} {name}: {first:#?}\n{ours}", transcript.key));
            }
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    println!("{} arrays", transcripts.len());
}

fn texts(detail: &Detail) -> [(&'static str, String); 6] {
    [
        ("detail", detail.text(&TimeZone::UTC)),
        ("brief", detail.brief(false)),
        ("brief-verbose", detail.brief(true)),
        ("export", detail.export()),
        ("code", format!("{}\n", detail.test_code())),
        ("mdstat", mdstat(std::slice::from_ref(detail))),
    ]
}

#[test]
fn a_picture_comes_back_from_its_json() {
    for transcript in &transcripts() {
        let detail = array::picture(transcript);
        let json = serde_json::to_string(&detail).expect("a picture is plain data");
        assert!(json.starts_with("{\"version\":1,"), "{json}");
        let back: Detail = serde_json::from_str(&json).expect("its own JSON");
        assert_eq!(back, detail);
    }
}
