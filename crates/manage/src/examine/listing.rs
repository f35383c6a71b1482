//! The text of `--brief` and `--scan`: a line for each array, as mdadm.conf takes it.
//!
//! The one thing to understand: members are brought together if they agree in what does not change
//! in an array's life; a member that does not begins an array of its own, though the uuid be the
//! same. The array that was found last stands first.

use super::text::Text;
use super::{Content, Examined, Report, words};
use paritas_control::quoted;
use paritas_format::Superblock;
use paritas_format::superblock::{ArrayName, Disk090, Role, Version};

/// An array under way.
struct Group<'a> {
    first: &'a Report,
    members: Vec<&'a str>,
    spares: usize,
}

/// The lines for all that was examined, in the order in which it was. `is_verbose` adds level,
/// slots and the members' names.
#[must_use]
pub fn listing(examined: &[Examined], is_verbose: bool) -> Vec<u8> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in examined {
        let inner: &[Examined] = match &one.content {
            Content::Superblock(_) => std::slice::from_ref(one),
            Content::Partitioned(disk) => &disk.members,
        };
        for member in inner {
            if let Some(report) = member.report() {
                add(&mut groups, &member.name, report);
            }
        }
    }
    let mut text = Text::default();
    for group in groups.iter().rev() {
        write(group, is_verbose, &mut text);
    }
    text.into_bytes()
}

fn add<'a>(groups: &mut Vec<Group<'a>>, name: &'a str, report: &'a Report) {
    let known = groups.iter_mut().rev().find(|group| is_same_array(group.first, report));
    let is_spare = is_spare(&report.superblock);
    if let Some(group) = known {
        group.members.push(name);
        group.spares += usize::from(is_spare);
    } else {
        let (members, spares) = (vec![name], usize::from(is_spare));
        groups.push(Group { first: report, members, spares });
    }
}

/// Whether mdadm counts a member among the spares: replacements and the journal too.
fn is_spare(superblock: &Superblock) -> bool {
    match superblock {
        Superblock::V1(sb) => {
            let raw = sb.descriptor().map_or(Role::SPARE, |number| sb.raw_role(number));
            raw >= Role::JOURNAL || superblock.is_replacement()
        }
        Superblock::V090(sb) => !sb.this_disk().has(Disk090::SYNC),
    }
}

/// Whether two superblocks are of one array for mdadm.
fn is_same_array(a: &Report, b: &Report) -> bool {
    let (a, b) = (&a.superblock, &b.superblock);
    let constant = |sb: &Superblock| {
        let layout = match sb.version() {
            Version::V0_90 => None,
            _ => Some((sb.layout(), sb.chunk())),
        };
        let shape = (sb.level_number(), sb.raid_disks(), sb.component_size(), layout);
        (sb.version().is_v1(), sb.array_uuid(), sb.ctime(), shape)
    };
    constant(a) == constant(b)
}

fn write(group: &Group<'_>, is_verbose: bool, text: &mut Text) {
    match &group.first.superblock {
        Superblock::V1(_) => write_v1(group.first, is_verbose, text),
        Superblock::V090(_) => write_v090(group.first, is_verbose, text),
    }
    if group.spares > 0 {
        text.add(&format_args!("   spares={}", group.spares));
    }
    if is_verbose {
        text.add(&format_args!("   devices={}", group.members.join(",")));
    }
    if group.spares > 0 || is_verbose {
        text.blank();
    }
}

fn write_v090(report: &Report, is_verbose: bool, text: &mut Text) {
    let sb = &report.superblock;
    text.add(&format_args!("ARRAY /dev/md{}", sb.preferred_minor().unwrap_or(0).cast_signed()));
    if is_verbose {
        let level = words::level(sb.level_number()).unwrap_or(words::UNKNOWN);
        let slots = sb.raid_disks().cast_signed();
        text.add(&format_args!(" level={level} num-devices={slots}"));
    }
    text.line(&format_args!(" UUID={}", words::uuid(sb)));
}

fn write_v1(report: &Report, is_verbose: bool, text: &mut Text) {
    let sb = &report.superblock;
    let name = sb.name().unwrap_or(ArrayName([0; 32]));
    text.add(&"ARRAY ");
    if !name.bytes().is_empty() {
        text.add(&"/dev/md/");
        text.bytes(&path_of(name.host_and_name().1));
        text.add(&" ");
    }
    if is_verbose && let Some(level) = words::level(sb.level_number()) {
        text.add(&format_args!(" level={level}"));
    }
    text.add(&format_args!(" metadata={}", sb.version()));
    if is_verbose {
        text.add(&format_args!(" num-devices={}", sb.raid_disks().cast_signed()));
    }
    text.add(&format_args!(" UUID={}", sb.array_uuid()));
    if !name.bytes().is_empty() {
        text.add(&" name=");
        text.bytes(&quoted(name.bytes()));
    }
    text.blank();
}

/// A name as the last part of a path below /dev/md.
fn path_of(name: &[u8]) -> Vec<u8> {
    let replace = |byte: &u8| match byte {
        b'/' => b'-',
        b' ' | b'\t' => b'_',
        other => *other,
    };
    name.iter().map(replace).collect()
}
