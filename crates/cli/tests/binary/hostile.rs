//! Bad input of every kind, through every verb: an error of the right shape or an answer, mdadm's
//! exit code, no byte of a member changed, no panic, no hang.

use crate::cases::{self, Case, Reading};
use crate::support::{Bench, Run};

/// The verbs that print, and what mdadm calls them.
const LOOKING: [(&[&str], Option<&str>); 11] = [
    (&["look"], None),
    (&["look", "--json"], None),
    (&["examine"], Some("--examine")),
    (&["examine", "--brief"], None),
    (&["examine", "--scan"], None),
    (&["examine", "--export"], Some("--examine --export")),
    (&["examine", "--json"], None),
    // mdadm finds the bitmap of a member on block devices only.
    (&["examine-bitmap"], None),
    (&["examine-badblocks"], Some("--examine-badblocks")),
    (&["query"], Some("--query")),
    (&["query", "--json"], None),
];

/// A case on files.
struct Laid<'a> {
    case: &'a Case,
    bench: Bench,
    words: Vec<&'a str>,
}

impl<'a> Laid<'a> {
    fn new(case: &'a Case) -> Self {
        let bench = Bench::new();
        case.members.iter().for_each(|(name, content)| bench.put(name, content));
        let all = || case.members.iter().map(|(name, _)| name.as_str()).collect();
        let words = case.words.clone().unwrap_or_else(all);
        Self { case, bench, words }
    }

    fn words(&self, before: &[&'a str], after: &[&'a str]) -> Vec<&'a str> {
        [before, &self.words, after].concat()
    }

    /// What holds of every run; gives the exit code.
    fn check(&self, words: &[&str], run: &Run) -> i32 {
        let case = format!("{}: {words:?}: {run:#?}", self.case.name);
        let code = run.code.unwrap_or_else(|| panic!("ended by a signal: {case}"));
        assert!(matches!(code, 0 | 1 | 16), "not a code of ours: {case}");
        assert!(!run.stderr.contains("panicked"), "{case}");
        if code != 0 {
            let (what, next) = (run.stderr.contains("paritas: "), run.stderr.contains("next: "));
            assert!(what && next, "an error says what, why and what next: {case}");
        }
        for (name, content) in &self.case.members {
            let now = std::fs::read(self.bench.members().join(name)).expect("it is there");
            assert!(now == *content, "{name} was changed: {case}");
        }
        let files = std::fs::read_dir(self.bench.members()).expect("a directory").count();
        assert_eq!(files, self.case.members.len(), "something was made among members: {case}");
        code
    }

    fn look(&self, verb: &[&'a str], mdadm: Option<&str>) {
        let words = self.words(verb, &[]);
        let run = self.bench.paritas(&words);
        let code = self.check(&words, &run);
        if words.contains(&"--json") {
            for line in run.stdout.lines().filter(|_| verb == ["query", "--json"]) {
                serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON");
            }
            if verb != ["query", "--json"] {
                serde_json::from_str::<serde_json::Value>(&run.stdout).expect("JSON");
            }
        }
        if verb == ["look"] {
            assert!(!run.stdout.contains(is_control), "{}: {run:#?}", self.case.name);
        }
        // Of a bad-block log that lies elsewhere, mdadm prints what it finds there.
        let is_log_wrong = run.stderr.contains("bad-block log");
        if let Some(mdadm) = mdadm.filter(|_| self.case.words.is_none() && !is_log_wrong) {
            let words: Vec<&str> = mdadm.split(' ').chain(self.words.iter().copied()).collect();
            // Some of these superblocks make mdadm 4.2 crash or run for hours; we show them.
            if let Some(theirs) = self.bench.run_briefly("mdadm", &words)
                && theirs.code.is_some()
            {
                assert_eq!(Some(code), theirs.code, "{}: {theirs:#?} {run:#?}", self.case.name);
            }
        }
    }

    fn dump(&self) {
        let directory = self.bench.made("dumps");
        let directory = directory.to_str().expect("UTF-8");
        let words = self.words(&["dump"], &[directory]);
        assert_eq!(self.check(&words, &self.bench.paritas(&words)), 16, "no directory yet");
        std::fs::create_dir(directory).expect("a directory");
        let code = self.check(&words, &self.bench.paritas(&words));
        let made = std::fs::read_dir(directory).expect("a directory").count();
        assert!(code != 0 || made > 0, "{}", self.case.name);
    }

    fn copy(&self) {
        let out = self.bench.made("out");
        let words = self.words(&["copy"], &[out.to_str().expect("UTF-8")]);
        let run = self.bench.paritas(&words);
        let code = self.check(&words, &run);
        self.judge(code, &run);
        if code == 0 {
            let content = std::fs::read(&out).expect("a copy");
            let may_differ = self.case.reading == Reading::Either;
            assert!(may_differ || content.iter().all(|byte| *byte == 0), "{}", self.case.name);
        }
    }

    fn serve(&self) {
        let socket = self.bench.made("nbd.sock");
        let uri = format!("nbd+unix:///x?socket={}", socket.display());
        let words = self.words(&["serve", "--readonly"], &[]);
        let words: Vec<&str> = words.into_iter().chain([uri.as_str()]).collect();
        let child = self.bench.start(env!("CARGO_BIN_EXE_paritas"), &words);
        let run = self.bench.wait(child, &format!("{words:?}"), || socket.exists());
        let code = self.check(&words, &run);
        self.judge(code, &run);
        assert!(!socket.exists(), "the socket goes with its server");
    }

    fn judge(&self, code: i32, run: &Run) {
        let name = &self.case.name;
        assert!(!run.stderr.contains(is_control), "{name}: {run:#?}");
        match self.case.reading {
            Reading::Works => assert_eq!(code, 0, "{name}: {run:#?}"),
            Reading::Refused(why) => {
                assert!(code == 1 && run.stderr.contains(why), "{name}: {run:#?}");
            }
            Reading::Either => {}
        }
    }
}

/// Whether a terminal would do something else than show it.
fn is_control(letter: char) -> bool {
    letter.is_control() && letter != '\n' && letter != '\t'
}

fn check_all(cases: &[Case]) {
    assert!(!cases.is_empty());
    for case in cases {
        let laid = Laid::new(case);
        LOOKING.iter().for_each(|(verb, mdadm)| laid.look(verb, *mdadm));
        laid.dump();
        laid.copy();
        laid.serve();
    }
}

#[test]
fn whole_arrays_are_read() {
    check_all(&cases::whole());
}

#[test]
fn truncated_and_grown_images() {
    check_all(&cases::lengths());
}

#[test]
fn random_bytes_where_metadata_stands() {
    check_all(&cases::random());
}

#[test]
fn impossible_geometry() {
    check_all(&cases::geometry());
}

#[test]
fn impossible_fields_features_and_lengths() {
    check_all(&cases::fields());
}

#[test]
fn impossible_numbers_in_the_oldest_format() {
    check_all(&cases::old());
}

#[test]
fn members_that_do_not_belong_together() {
    check_all(&cases::together());
}
