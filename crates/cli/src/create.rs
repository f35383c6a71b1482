//! `paritas create` and `paritas zero-superblock`: words to options, names and identities.
//!
//! The one thing to understand: time, randomness and the host's name come in here and nowhere
//! beneath, so that the same words with `--uuid`, `--device-uuid` and SOURCE_DATE_EPOCH give the
//! same bytes. `--write-mostly` and `--failfast` hold for the members behind them, so the order
//! of words counts.

use crate::args::{Create, Overwrite, Policy, ZeroSuperblock};
use crate::assemble;
use crate::examine::host_name;
use crate::metadata::say;
use crate::progress::Progress;
use anyhow::{Context, Result, anyhow, bail};
use clap::ArgMatches;
use paritas::opener;
use paritas_disk::Access;
use paritas_engine::Config;
use paritas_engine::judge_members::ReadChoices;
use paritas_format::superblock::{ArrayName, Version};
use paritas_format::{ArrayUuid, DeviceUuid};
use paritas_manage::create::{
    Allowed, BitmapWish, Created, Identity, Options, Request, Source, Word, create as make,
};
use paritas_manage::fill::fill;
use paritas_manage::gather::open;
use paritas_manage::restore;
use paritas_manage::writing::open_for_writing;
use paritas_manage::zero::{ZeroError, zero_superblock as zero};
use paritas_personality::parse_layout;
use paritas_runtime::Hosted;
use paritas_service::{Access as How, Start};
use paritas_units::{Chunk, Level, Sector, Sectors, parse_size};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// The minor number of arrays whose name is no number, as mdadm begins to look for one.
const NAMED_MINOR: u32 = 127;

/// Words that mdadm refuses with code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongWords(String);

/// `paritas create`.
///
/// # Errors
/// What [`make`] refuses, and words that cannot be read.
pub(crate) fn create(words: &Create, matches: Option<&ArgMatches>) -> Result<ExitCode> {
    let request = match request(words, matches) {
        Ok(request) => request,
        Err(error) if error.is::<WrongWords>() => {
            anstream::eprintln!("paritas: {error:#}");
            return Ok(ExitCode::from(2));
        }
        Err(error) => return Err(error),
    };
    let opener = opener();
    if words.member_size.is_some() {
        check_absent(&words.members)?;
    }
    let source = match &words.member_size {
        Some(size) => Source::New(&opener, parse_size(size).map_err(|e| anyhow!("{e}"))?),
        None => Source::Existing(&opener),
    };
    match make(&source, &request) {
        Ok(created) => {
            print(words, &created)?;
            fill_and_start(words, &created).map(|()| ExitCode::SUCCESS)
        }
        Err(error) => {
            anstream::eprintln!("paritas: {error}");
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}

/// No file that is to be made is there: looked at for all before the first is made.
fn check_absent(members: &[String]) -> Result<()> {
    let is_there = |word: &&String| *word != "missing" && Path::new(word).exists();
    match members.iter().find(is_there) {
        Some(word) => bail!(
            "{word} exists, and --member-size makes new files only\nnothing was written\n\
             next: leave --member-size out to use it, or choose another name"
        ),
        None => Ok(()),
    }
}

fn print(words: &Create, created: &Created) -> Result<()> {
    if words.json {
        return say(&format_args!("{}\n", serde_json::to_string(created)?));
    }
    if words.quiet {
        return Ok(());
    }
    if words.metadata.is_none() {
        anstream::eprintln!("paritas: Defaulting to version 1.2 metadata");
    }
    created.notes.iter().for_each(|note| anstream::eprintln!("paritas: {note}"));
    say(&format_args!("paritas: array {} created: {created}\n", words.array))?;
    for one in &created.members {
        match one.slot {
            Some(slot) => say(&format_args!("  {}: slot {slot}\n", one.member))?,
            None => say(&format_args!("  {}: spare, number {}\n", one.member, one.number))?,
        }
    }
    if words.no_start {
        let members: Vec<&str> = created.members.iter().map(|one| one.member.as_str()).collect();
        say(&format_args!("it is not started; next: paritas look {}\n", members.join(" ")))?;
    }
    Ok(())
}

/// What comes after the members are made: content, and running.
fn fill_and_start(words: &Create, created: &Created) -> Result<()> {
    let members: Vec<String> = created.members.iter().map(|one| one.member.clone()).collect();
    let made = "the array was created, but";
    if let Some(path) = &words.from {
        fill_from(words, &members, path).with_context(|| format!("{made} not filled"))?;
    }
    if words.no_start {
        return Ok(());
    }
    let opened = assemble::open_all(&members, How::ReadWrite)?;
    let start = Start {
        members: opened.words().to_vec(),
        serve: words.hosting.serve.clone(),
        limits: assemble::limits(&words.hosting)?,
        ..Start::default()
    };
    let is_quiet = words.quiet || words.json;
    let started = assemble::host(&words.array, &start, &opened, &words.hosting, is_quiet);
    started.with_context(|| format!("{made} it is not running"))
}

/// Runs the array here, without clients, until it has its content.
fn fill_from(words: &Create, members: &[String], path: &Path) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let array = open_for_writing(&opener(), members, ReadChoices::default())?;
    let sectors = array.assembly.geometry.dimensions().array;
    let mut hosted = Hosted::start(&array.assembly, array.disks, &Config::default())?;
    let mut progress =
        Progress::new("filling", sectors.bytes().unwrap_or(u64::MAX), words.quiet || words.json);
    fill(&mut hosted, sectors, &mut file, &mut |done| {
        progress.at(done.bytes().unwrap_or(u64::MAX));
    })?;
    progress.finish();
    hosted.stop();
    Ok(())
}

/// Sectors of what is to go into the array.
fn least(words: &Create) -> Result<Sectors> {
    let Some(path) = &words.from else { return Ok(Sectors::ZERO) };
    let failed = || format!("{}", path.display());
    let file = std::fs::metadata(path).with_context(failed)?;
    if !file.is_file() {
        bail!("{} is not a file\nnothing was written\nnext: give an image file", path.display());
    }
    Ok(Sectors::to_hold(file.len()))
}

fn request(words: &Create, matches: Option<&ArgMatches>) -> Result<Request> {
    check_array(&words.array)?;
    let options = options(words)?;
    let mut names = Vec::new();
    let flags = Flags::of(matches);
    let mut uuids = DeviceUuids::of(&words.device_uuid)?;
    for (at, word) in words.members.iter().enumerate() {
        names.push(match word.as_str() {
            "missing" => Word::Missing,
            word => Word::Member {
                word: word.to_owned(),
                device_uuid: uuids.next()?,
                is_write_mostly: flags.is_behind(&flags.write_mostly, at),
                is_fail_fast: flags.is_behind(&flags.fail_fast, at),
            },
        });
    }
    let identity = identity(words, options.version)?;
    let allowed = allowed(&words.overwrite);
    let least = least(words)?;
    Ok(Request { options, identity, words: names, allowed, is_run: words.run, least })
}

/// The first word names an array, never a member.
fn check_array(word: &str) -> Result<()> {
    let is_device = word.starts_with("/dev/md");
    if !is_device && (word.contains(['/', '@']) || Path::new(word).exists()) {
        let why = format!(
            "{word} is a member, and the first word must name the array\n\
             next: paritas create md0 ... {word}"
        );
        bail!(WrongWords(why));
    }
    Ok(())
}

fn options(words: &Create) -> Result<Options> {
    let level = words.level.as_deref().context("a RAID level is needed to create an array.")?;
    let level: Level = level.parse().map_err(|e| WrongWords(format!("{e}")))?;
    let slots = words.raid_devices.context("no raid-devices specified.")?;
    let mut options = Options::new(level, slots);
    if let Some(word) = &words.layout {
        options.layout = Some(parse_layout(level, word).map_err(|e| WrongWords(e.to_string()))?);
    }
    if let Some(word) = words.chunk.as_deref().or(words.rounding.as_deref()) {
        let bytes = kib_size(word)?;
        let sectors = u32::try_from(bytes / 512).ok().filter(|_| bytes % 1024 == 0 && bytes > 0);
        let bad = || WrongWords(format!("invalid chunk/rounding value: {word}"));
        options.chunk = Some(Chunk(sectors.ok_or_else(bad)?));
    }
    if let Some(word) = &words.metadata {
        options.version = word.parse().map_err(|e| WrongWords(format!("{e}")))?;
    }
    options.spares = words.spare_devices;
    options.size = match words.size.as_deref() {
        None | Some("max") => None,
        Some(word) => match kib_size(word)? / 1024 {
            0 => bail!(WrongWords(format!("invalid size: {word}"))),
            kib => Some(Sectors(kib * 2)),
        },
    };
    if let Some(word) = &words.data_offset {
        if word == "variable" {
            bail!(WrongWords("data offsets per device are not supported".to_owned()));
        }
        options.data_offset = Some(Sector(kib_size(word)? / 512));
    }
    bitmap(words, &mut options)?;
    options.write_behind = words.write_behind;
    options.is_assumed_clean = words.assume_clean;
    options.is_forced = words.force;
    Ok(options)
}

/// Bitmap and consistency policy, which speak about the same thing.
fn bitmap(words: &Create, options: &mut Options) -> Result<()> {
    let refuse = |why: String| Err(WrongWords(why).into());
    options.bitmap = match words.bitmap.as_deref() {
        None => BitmapWish::Default,
        Some("none") => BitmapWish::None,
        Some("internal") => BitmapWish::Internal,
        Some("clustered") => return refuse("clustered bitmaps are not supported".to_owned()),
        Some(file) => {
            return refuse(format!(
                "a bitmap in a file ({file}) is not supported; give --bitmap=internal or none"
            ));
        }
    };
    if let Some(word) = &words.bitmap_chunk {
        let bytes = kib_size(word)?;
        let chunk = u32::try_from(bytes).ok().filter(|one| one.is_power_of_two() && *one >= 512);
        let bad = || WrongWords(format!("invalid bitmap chunksize: {word}"));
        options.bitmap_chunk = Some(chunk.ok_or_else(bad)?);
    }
    if let Some(file) = &words.write_journal {
        return refuse(format!(
            "a journal ({file}) cannot be made: writing through a journal is not supported yet"
        ));
    }
    let Some(policy) = words.consistency_policy else { return Ok(()) };
    let word = policy.word();
    if !options.is_redundant() {
        return refuse(format!(
            "--consistency-policy not meaningful with level {}.",
            options.level
        ));
    }
    match policy {
        Policy::Ppl if options.level != Level::Raid5 => {
            refuse("PPL consistency policy is only supported for RAID level 5.".to_owned())
        }
        Policy::Ppl => refuse(
            "partial parity logs are not supported yet; give --consistency-policy=resync or bitmap"
                .to_owned(),
        ),
        Policy::Journal => {
            refuse(format!("--write-journal is required for consistency policy: {word}"))
        }
        Policy::Resync if options.bitmap == BitmapWish::Internal => {
            refuse(format!("--bitmap is not compatible with consistency policy: {word}"))
        }
        Policy::Resync => {
            options.bitmap = BitmapWish::None;
            Ok(())
        }
        Policy::Bitmap if options.bitmap != BitmapWish::Internal => {
            refuse(format!("--bitmap is required for consistency policy: {word}"))
        }
        Policy::Bitmap => Ok(()),
    }
}

/// A size as mdadm reads it: KiB unless a letter follows.
fn kib_size(word: &str) -> Result<u64> {
    let is_plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let word = if is_plain { format!("{word}K") } else { word.to_owned() };
    Ok(parse_size(&word).map_err(|e| WrongWords(e.to_string()))?)
}

/// Where flags stand among the members.
#[derive(Default)]
struct Flags {
    members: Vec<usize>,
    write_mostly: Vec<usize>,
    fail_fast: Vec<usize>,
}

impl Flags {
    fn of(matches: Option<&ArgMatches>) -> Self {
        let places = |name: &str| {
            let places = matches.and_then(|matches| matches.indices_of(name));
            places.map(Iterator::collect).unwrap_or_default()
        };
        Self {
            members: places("members"),
            write_mostly: places("write_mostly"),
            fail_fast: places("failfast"),
        }
    }

    /// Whether a flag stands before the member.
    fn is_behind(&self, flags: &[usize], member: usize) -> bool {
        let place = self.members.get(member);
        place.is_some_and(|place| flags.iter().any(|flag| flag < place))
    }
}

/// Members' identities: those that were given, counted on from the last; random without any.
struct DeviceUuids {
    given: Vec<DeviceUuid>,
    used: usize,
}

impl DeviceUuids {
    fn of(words: &[String]) -> Result<Self> {
        let given = words.iter().map(|word| word.parse().map_err(anyhow::Error::from));
        Ok(Self { given: given.collect::<Result<_>>()?, used: 0 })
    }

    fn next(&mut self) -> Result<DeviceUuid> {
        let at = self.used;
        self.used += 1;
        match (self.given.get(at), self.given.last()) {
            (Some(uuid), _) => Ok(*uuid),
            (None, Some(last)) => {
                let beyond = u128::try_from(at + 1 - self.given.len())?;
                let number = u128::from_be_bytes(last.0).wrapping_add(beyond);
                Ok(DeviceUuid(number.to_be_bytes()))
            }
            (None, None) => Ok(DeviceUuid(random()?)),
        }
    }
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut source = std::fs::File::open("/dev/urandom").context("no random numbers")?;
    source.read_exact(&mut bytes).context("no random numbers")?;
    Ok(bytes)
}

fn identity(words: &Create, version: Version) -> Result<Identity> {
    let own = words.array.trim_start_matches("/dev/").trim_start_matches("md/");
    let number = own.strip_prefix("md").and_then(|digits| digits.parse::<u32>().ok());
    let usual = number.map_or_else(|| own.to_owned(), |number| number.to_string());
    let name = words.name.clone().unwrap_or(usual);
    if name.len() > 31 {
        bail!(WrongWords(format!("name '{name}' is too long, 31 chars max.")));
    }
    let host = match words.homehost.as_deref() {
        Some("<none>") => None,
        None | Some("<system>" | "<ignore>") => host_name(),
        Some(host) => Some(host.to_owned()),
    };
    let uuid = match (&words.uuid, &host) {
        (Some(word), _) => word.parse()?,
        (None, Some(host)) if version == Version::V0_90 => ArrayUuid(random()?).with_home(host),
        (None, _) => ArrayUuid(random()?),
    };
    let whole = host.filter(|_| !name.contains(':')).map(|host| format!("{host}:{name}"));
    let name = whole.filter(|whole| whole.len() < 32).unwrap_or(name);
    Ok(Identity {
        uuid,
        name: ArrayName::new(&name),
        minor: number.unwrap_or(NAMED_MINOR),
        seconds: seconds()?,
    })
}

/// Now, or the time that SOURCE_DATE_EPOCH says.
fn seconds() -> Result<u64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(word) => word.parse().context("SOURCE_DATE_EPOCH is no number of seconds"),
        Err(_) => Ok(std::time::UNIX_EPOCH.elapsed().context("the clock is wrong")?.as_secs()),
    }
}

/// What may be lost, as the words say it.
pub(crate) fn allowed(words: &[Overwrite]) -> Allowed {
    let kind = |word: &Overwrite| match word {
        Overwrite::Md => Some(restore::Overwrite::Md),
        Overwrite::Filesystem => Some(restore::Overwrite::Filesystem),
        Overwrite::Partitions => Some(restore::Overwrite::Partitions),
        Overwrite::All => None,
    };
    let kinds: Option<Vec<_>> = words.iter().map(kind).collect();
    match kinds {
        None => Allowed::All,
        Some(kinds) if kinds.is_empty() => Allowed::Nothing,
        Some(kinds) => Allowed::Kinds(kinds),
    }
}

/// `paritas zero-superblock`: ends with 1 if a member could not be wiped.
///
/// # Errors
/// A member that does not open; those before it are wiped.
pub(crate) fn zero_superblock(words: &ZeroSuperblock) -> Result<ExitCode> {
    let opener = opener();
    // All are opened before the first is wiped.
    let found = words
        .members
        .iter()
        .map(|word| open(&opener, word, Access::Write))
        .collect::<Result<Vec<_>, _>>()?;
    let mut code = ExitCode::SUCCESS;
    for one in &found {
        match zero(one) {
            Ok(zeroed) if words.json => {
                say(&format_args!("{}\n", serde_json::to_string(&zeroed)?))?;
            }
            Ok(_) => {}
            // Nothing was to be done, which is success for mdadm too.
            Err(error @ ZeroError::NoMember(_)) => anstream::eprintln!("paritas: {error}"),
            Err(error) => {
                anstream::eprintln!("paritas: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
