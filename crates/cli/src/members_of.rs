//! `paritas add`, `fail` and `remove`: members of a running array.

use crate::args;
use crate::asking::client;
use crate::create::allowed;
use anyhow::{Context, Result, anyhow, bail};
use paritas::opener;
use paritas_disk::{Access, Maker};
use paritas_manage::create::occupants;
use paritas_manage::gather::{Found, open, search};
use paritas_manage::zero::zero_superblock;
use paritas_service::{Client, Order, Passed, array_name};
use paritas_units::parse_size;
use std::path::Path;

/// `paritas add`: nothing is written before all members were looked at.
///
/// # Errors
/// A member holds something, or the array does not take it.
pub(crate) fn add(words: &args::Add) -> Result<()> {
    let client = client(&words.control);
    let name = array_name(&words.array);
    let array = client.array(name)?;
    let opener = opener();
    let mut found = Vec::new();
    for word in &words.members {
        let is_there = Path::new(word).exists() || word.contains('@');
        found.push(match &words.member_size {
            Some(_) if is_there => bail!(
                "{word} exists, and --member-size makes new files only\nnothing was written\n\
                 next: leave --member-size out to use it, or choose another name"
            ),
            Some(size) => {
                let bytes = parse_size(size).map_err(|error| anyhow!("--member-size: {error}"))?;
                search(word, opener.create(word, bytes)?)
            }
            None => open(&opener, word, Access::Write)?,
        });
    }
    for one in &found {
        check(one, words, array.detail.uuid.as_deref())?;
    }
    for one in found {
        if one.superblock().is_some() {
            zero_superblock(&one)?;
        }
        let mut passed = Passed::default();
        passed.add(&one.word, one.disk)?;
        let order = Order::Add { members: passed.words().to_vec() };
        client.order(name, &order, &passed)?;
        anstream::eprintln!("paritas: added {}", one.word);
    }
    Ok(())
}

/// Refuses a member that holds what may not be lost; a former member of the array may be.
fn check(found: &Found, words: &args::Add, uuid: Option<&str>) -> Result<()> {
    let word = &found.word;
    let occupied = occupants(found, &allowed(&words.overwrite));
    let mut occupied = occupied.with_context(|| format!("{word} cannot be read"))?;
    let is_former = |one: &Found| {
        one.superblock().is_some_and(|one| Some(one.array_uuid().to_string().as_str()) == uuid)
    };
    if is_former(found) {
        return Ok(());
    }
    match occupied.pop() {
        None => Ok(()),
        Some(one) => {
            let kind = one.kind.map_or("all", |kind| kind.word());
            bail!("{one}\nnothing was written\nnext: if that may be lost, give --overwrite={kind}")
        }
    }
}

/// `paritas fail`.
///
/// # Errors
/// The array has no such member, or would be lost.
pub(crate) fn fail(words: &args::ArrayMembers) -> Result<()> {
    each(
        words,
        |word, array| format!("set {word} faulty in {array}"),
        |member| Order::Fail { member },
    )
}

/// `paritas remove`.
///
/// # Errors
/// The array has no such member, or it is in use.
pub(crate) fn remove(words: &args::ArrayMembers) -> Result<()> {
    let done = |word: &str, array: &str| format!("hot removed {word} from {array}");
    each(words, done, |member| Order::Remove { member })
}

fn each(
    words: &args::ArrayMembers,
    done: impl Fn(&str, &str) -> String,
    order: impl Fn(String) -> Order,
) -> Result<()> {
    let client: Client = client(&words.control);
    for word in &words.members {
        let is_path = Path::new(word).exists();
        let absolute = std::path::absolute(word).ok().filter(|_| is_path);
        let member = absolute.map_or_else(|| word.clone(), |path| path.display().to_string());
        client.order(array_name(&words.array), &order(member), &Passed::default())?;
        anstream::eprintln!("paritas: {}", done(word, &words.array));
    }
    Ok(())
}
