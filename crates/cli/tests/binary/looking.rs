//! What the looking verbs print and end with, beside mdadm 4.2 on the same files.

use crate::support::{Bench, rich};
use std::process::{Command, Stdio};

/// Two members, a file that is none, and a name without a file.
fn bench() -> Bench {
    let bench = Bench::new();
    for (number, image) in rich().iter().enumerate().take(2) {
        bench.put(&format!("disk-{number}.img"), image);
    }
    bench.put("zeroes", &[0; 1 << 20]);
    bench
}

#[test]
fn array_lines_and_exit_codes_are_mdadms() {
    let bench = bench();
    for words in [
        &["disk-0.img"][..],
        &["disk-0.img", "disk-1.img"],
        &["zeroes"],
        &["nowhere"],
        &["zeroes", "disk-0.img"],
        &["nowhere", "disk-0.img"],
        &["disk-1.img", "zeroes", "nowhere"],
    ] {
        for options in [&["--brief"][..], &["--scan"], &["--brief", "--scan"], &[], &["--export"]] {
            let ours = bench.paritas(&[&["examine"], options, words].concat());
            let theirs = bench.run("mdadm", &[&["--examine"], options, words].concat());
            assert_eq!(ours.code, theirs.code, "{options:?} {words:?}: {ours:#?} {theirs:#?}");
            assert_eq!(
                ours.stderr.is_empty(),
                theirs.stderr.is_empty(),
                "{options:?} {words:?}: {ours:#?} {theirs:#?}"
            );
            if !options.is_empty() {
                assert_eq!(ours.stdout, theirs.stdout, "{options:?} {words:?}");
            }
        }
    }
}

#[test]
fn the_other_looking_verbs_go_on_after_a_bad_member_and_end_with_mdadms_codes() {
    let bench = bench();
    for (verb, mdadm) in [
        ("examine-bitmap", "--examine-bitmap"),
        ("examine-badblocks", "--examine-badblocks"),
        ("query", "--query"),
    ] {
        for words in [
            &["disk-0.img"][..],
            &["nowhere"],
            &["zeroes"],
            &["nowhere", "disk-0.img"],
            &["zeroes", "disk-0.img"],
        ] {
            if verb == "examine-bitmap" && words.contains(&"disk-0.img") {
                // mdadm finds the bitmap of a member on block devices only.
                let ours = bench.paritas(&[&[verb], words].concat());
                assert!(ours.stdout.contains("disk-0.img") && ours.stdout.contains("State : OK"));
                assert_eq!(ours.code, Some(i32::from(words.len() > 1)), "{ours:#?}");
                continue;
            }
            let ours = bench.paritas(&[&[verb], words].concat());
            let theirs = bench.run("mdadm", &[&[mdadm], words].concat());
            assert_eq!(ours.code, theirs.code, "{verb} {words:?}: {ours:#?} {theirs:#?}");
            let shows = |text: &str| text.contains("disk-0.img") || text.contains("Bad-blocks");
            assert_eq!(shows(&ours.stdout), shows(&theirs.stdout), "{verb} {words:?}");
        }
    }
}

#[test]
fn a_reader_that_leaves_is_no_reason_to_panic() {
    let bench = bench();
    let verbs: [&[&str]; 8] = [
        &[],
        &["look"],
        &["look", "--json"],
        &["examine"],
        &["examine-bitmap"],
        &["examine-badblocks"],
        &["query"],
        &["query", "--json"],
    ];
    for verb in verbs {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let words: &[&str] = if verb.is_empty() { &[] } else { &["disk-0.img", "disk-1.img"] };
        let output = Command::new(env!("CARGO_BIN_EXE_paritas"))
            .args([verb, words].concat())
            .current_dir(bench.members())
            .stdout(Stdio::from(writer))
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{verb:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{verb:?}: {output:?}");
    }
}
