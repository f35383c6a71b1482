//! Links of the Markdown files: what they point at inside the tree must be there.
//!
//! Addresses of the network are not followed; a check that needs a network fails for other reasons.

use super::{Offence, TextFile};
use std::path::Path;

/// Checks every `[text](target)` outside of code.
pub(super) fn check(root: &Path, file: &TextFile) -> Vec<Offence> {
    let mut offences = Vec::new();
    let mut in_fence = false;
    for (index, line) in file.content.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        for target in targets(&without_code(line)) {
            if let Some(reason) = fault(root, file, &target) {
                offences.push(Offence::new(&file.path, index + 1, reason));
            }
        }
    }
    offences
}

/// The line with its `code` spans left out.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

fn targets(line: &str) -> Vec<String> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

fn fault(root: &Path, file: &TextFile, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let directory = file.path.parent().unwrap_or(Path::new(""));
    let resolved = root.join(directory).join(path);
    if !path.is_empty() && !resolved.exists() {
        return Some(format!("link to `{path}`, which is not there"));
    }
    if anchor.is_empty() {
        return None;
    }
    let content = if path.is_empty() {
        file.content.clone()
    } else {
        std::fs::read_to_string(&resolved).ok()?
    };
    let has_heading =
        content.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
    (!has_heading).then(|| format!("link to heading `#{anchor}`, which is not there"))
}

/// The anchor that a heading gets: lower case, blanks as hyphens, punctuation dropped.
pub(super) fn slug(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
