//! What the driver has made of an array that was written here.

use super::perform::Written;
use super::table::Walk;
use anyhow::{Context, Result};

/// What came out.
pub(super) struct Judged {
    pub(super) compared: usize,
    pub(super) failures: Vec<String>,
}

/// Looks at what the guest has left.
pub(super) fn judge(written: &Written) -> Result<Judged> {
    let mut judged = Judged { compared: 0, failures: Vec::new() };
    let read = |name: &str| {
        let text = std::fs::read_to_string(written.directory.join(name))
            .with_context(|| format!("the guest left no `{name}` for {}", written.case.key));
        text.map(|text| text.trim().to_owned())
    };
    let status = read("status")?;
    judged.check(status == "ok", || {
        let log = read("log").unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("the guest {status}\n    {}", lines[lines.len().saturating_sub(8)..].join("\n    "))
    });
    if status != "ok" {
        return Ok(judged);
    }
    let sha256 = read("sha256")?;
    let sha256 = sha256.split_whitespace().next().unwrap_or_default().to_owned();
    judged.check(sha256 == written.sha256, || {
        format!("the driver reads {sha256}, {} was written", written.sha256)
    });
    judged.log(written, &read("kernel-log")?);
    let case = &written.case;
    let state = read("detail")?;
    let state = state.lines().find_map(|line| line.trim().strip_prefix("State : "));
    let state = state.unwrap_or_default().trim().to_owned();
    let is_degraded = case.slots_in_the_end() < case.combination.count;
    let wanted = if is_degraded { "clean, degraded" } else { "clean" };
    judged.check(state == wanted, || format!("mdadm --detail says {state:?}, not {wanted:?}"));
    if case.is_redundant() {
        let mismatches = read("mismatches")?;
        judged.check(mismatches == "0", || format!("{mismatches} sectors mismatch"));
    }
    if !read("plants")?.is_empty() {
        judged.failures.push(format!("walk of the driver: {}", read("plants")?));
    }
    judged.compared +=
        std::fs::read_to_string(written.directory.join("plan"))?.matches(":below").count() * 2;
    Ok(judged)
}

impl Judged {
    fn check(&mut self, is_good: bool, why: impl FnOnce() -> String) {
        self.compared += 1;
        if !is_good {
            self.failures.push(why());
        }
    }

    /// The driver complains of nothing, and walks only where something is owed.
    fn log(&mut self, written: &Written, log: &str) {
        let has_stale = !written.case.left().is_empty();
        let is_bad = |line: &&str| {
            let says = |words: &str| line.contains(words);
            (says("kicking") && !has_stale)
                || says("error")
                || says("invalid")
                || says("corrupt")
                || says("BUG")
                || says("WARNING")
        };
        let bad = log.lines().find(is_bad).map(str::to_owned);
        self.check(bad.is_none(), || format!("the driver says {:?}", bad.unwrap_or_default()));
        let walks = ["resync of RAID array", "recovery of RAID array", "not clean"];
        let walk = log.lines().find(|line| walks.iter().any(|words| line.contains(words)));
        let is_owed = matches!(written.case.walk, Walk::ToDriver { .. });
        self.check(walk.is_some() == is_owed, || {
            format!("the driver walks: {}", walk.unwrap_or("not at all"))
        });
    }
}
