//! The import table of ARCHITECTURE.md against what `cargo metadata` says.
//!
//! The table is the contract: a row per crate, in an order where a crate uses only rows above its
//! own. Dependencies of tests alone are free, since nothing ships with them.

use super::Offence;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The file with the table.
const DOCUMENT: &str = "ARCHITECTURE.md";
/// The line before the table.
const BEGIN: &str = "<!-- import table: begin -->";
/// The line after the table.
const END: &str = "<!-- import table: end -->";

/// One row: a crate and what it may use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) uses: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// Compares the table with the workspace under `root`.
pub(super) fn check(root: &Path) -> Result<Vec<Offence>> {
    let text = std::fs::read_to_string(root.join(DOCUMENT))
        .with_context(|| format!("cannot read {DOCUMENT}, which holds the import table"))?;
    let rows = parse(&text)?;
    Ok(compare(&rows, &crates(root)?))
}

/// The rows between the markers.
pub(super) fn parse(text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match line.trim() {
            BEGIN => inside = true,
            END => return Ok(rows),
            line if inside && line.starts_with("| `") => rows.push(row(index + 1, line)?),
            _ => {}
        }
    }
    bail!("{DOCUMENT} has no lines `{BEGIN}` and `{END}` around the import table");
}

fn row(line: usize, text: &str) -> Result<Row> {
    let cells: Vec<&str> = text.trim_matches('|').split('|').map(str::trim).collect();
    let [name, _, uses] = cells.as_slice() else {
        bail!("{DOCUMENT}:{line}: a row has three cells: crate, holds, may use");
    };
    let word = |cell: &str| cell.trim_matches('`').to_owned();
    let uses = uses.split_whitespace().filter(|cell| *cell != "–").map(word).collect();
    Ok(Row { line, name: word(name), uses })
}

/// Each crate of the workspace with the crates that it uses beyond its tests.
fn crates(root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("cannot read cargo metadata's answer")?;
    let short = |name: &str| name.strip_prefix("paritas-").unwrap_or(name).to_owned();
    let uses = |package: &Package| {
        let ours = package.dependencies.iter().filter(|one| one.path.is_some());
        let shipped = ours.filter(|one| one.kind.as_deref() != Some("dev"));
        shipped.map(|one| short(&one.name)).collect()
    };
    Ok(metadata.packages.iter().map(|one| (short(&one.name), uses(one))).collect())
}

/// What differs between the table and the workspace.
pub(super) fn compare(rows: &[Row], crates: &BTreeMap<String, BTreeSet<String>>) -> Vec<Offence> {
    let document = Path::new(DOCUMENT);
    let mut offences = Vec::new();
    let mut above = BTreeSet::new();
    for row in rows {
        let mut offend = |text| offences.push(Offence::new(document, row.line, text));
        for used in row.uses.difference(&above) {
            offend(format!("`{}` may use `{used}`, which has no row above it", row.name));
        }
        match crates.get(&row.name) {
            None => offend(format!("`{}` is no crate of the workspace", row.name)),
            Some(uses) => {
                for used in uses.difference(&row.uses) {
                    offend(format!("`{}` uses `{used}`, which its row does not name", row.name));
                }
            }
        }
        above.insert(row.name.clone());
    }
    for name in crates.keys().filter(|name| !above.contains(*name)) {
        offences.push(Offence::new(document, 0, format!("crate `{name}` has no row")));
    }
    offences
}
