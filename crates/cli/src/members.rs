//! Members by the words that name them, and arrays from them, ready to be read.

use crate::args::{Raid0Layout, ReadChoices};
use anyhow::{Context, Result};
use paritas::{check_aliases, opener};
use paritas_engine::judge_members;
use paritas_manage::reading::{Readable, open_for_reading};
use paritas_personality::Raid0Default;

/// Opens `words` read-only and assembles their array, saying on standard error what must be known.
pub(crate) fn read_array(words: &[String], choices: ReadChoices) -> Result<Readable> {
    let array = open_for_reading(&opener(), words, choices.into())?;
    tell(&array)?;
    Ok(array)
}

/// Says what must be known of an array and its members.
fn tell(array: &Readable) -> Result<()> {
    check_aliases(&array.all).context("the same storage was given twice")?;
    for line in &array.left_out {
        anstream::eprintln!("paritas: not read: {line}");
    }
    let mut concerns: Vec<String> = array.concerns.iter().map(ToString::to_string).collect();
    // Several members may give rise to the same words.
    concerns.dedup();
    for concern in concerns {
        anstream::eprintln!("paritas: warning: {concern}");
    }
    Ok(())
}

impl From<ReadChoices> for judge_members::ReadChoices {
    fn from(choices: ReadChoices) -> Self {
        let raid0 = match choices.layout {
            None => Raid0Default::Refuse,
            Some(Raid0Layout::Original) => Raid0Default::Original,
            Some(Raid0Layout::Alternate) => Raid0Default::Alternate,
        };
        Self { raid0, without_journal: choices.without_journal }
    }
}
