//! `create`: a new array from devices, or from files that are made for it (mdadm --create).
//!
//! The one thing to understand: [`plan`] is pure and says every byte; [`create`] opens, refuses,
//! and hands the bytes to [`write()`]. Whatever is refused, no byte has changed.
//!
//! Deliberately absent: starting the array, journals and partial parity logs (refused where words
//! are read), bitmaps in files, per-device data offsets.

mod occupied;
mod options;
mod plan;
mod refusal;
mod superblocks;
mod write;

pub use occupied::{Allowed, Occupant, occupants};
pub use options::{BitmapWish, Identity, NewMember, Options, Position};
pub use plan::{Plan, Planned, plan};
pub use refusal::{CreateError, PlanError};
pub use write::write;

use crate::gather::{Found, open, search};
use paritas_disk::{Access, Maker, Opener};
use paritas_format::DeviceUuid;
use paritas_format::superblock::Role;
use paritas_units::{HumanSize, SECTOR_BYTES, Sectors};
use serde::Serialize;
use std::fmt;

/// A word of the command line for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// `missing`.
    Missing,
    /// A device or file.
    Member {
        /// The word.
        word: String,
        /// Its new identity.
        device_uuid: DeviceUuid,
        /// Whether reads shall go to others.
        is_write_mostly: bool,
        /// Whether requests shall fail at the first error.
        is_fail_fast: bool,
    },
}

/// All that `create` is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The options.
    pub options: Options,
    /// The identities.
    pub identity: Identity,
    /// The words, in their order.
    pub words: Vec<Word>,
    /// What may be lost.
    pub allowed: Allowed,
    /// Whether mdadm's questions are answered (`--run`).
    pub is_run: bool,
    /// What the array must at least have room for.
    pub least: Sectors,
}

/// Where members come from.
pub enum Source<'a> {
    /// They are there.
    Existing(&'a dyn Opener),
    /// Files of so many bytes are made, none of which may be there yet.
    New(&'a dyn Maker, u64),
}

/// An array that was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Grows when a field changes its meaning or goes; 1.
    pub version: u32,
    /// The array's identity.
    pub uuid: String,
    /// The array's name; empty for 0.90.
    pub name: String,
    /// The level.
    pub level: &'static str,
    /// The format of superblocks.
    pub metadata: &'static str,
    /// How many slots.
    pub slots: u16,
    /// Bytes of the array.
    pub bytes: u64,
    /// Whether it keeps a bitmap.
    pub has_bitmap: bool,
    /// What was said that mdadm would have asked about.
    pub notes: Vec<String>,
    /// The members.
    pub members: Vec<CreatedMember>,
}

/// A member of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreatedMember {
    /// The word that named it.
    pub member: String,
    /// Its number.
    pub number: u16,
    /// Its slot; none for a spare and for a member that is to be rebuilt first.
    pub slot: Option<u16>,
}

/// Creates the array.
///
/// # Errors
/// [`CreateError`]; but for [`CreateError::Unwritable`] nothing was written. A new file that was
/// made before an error stays, empty.
pub fn create(source: &Source<'_>, request: &Request) -> Result<Created, CreateError> {
    let found = match source {
        Source::Existing(opener) => {
            let found = members(request)
                .map(|word| open(*opener, word, Access::Write))
                .collect::<Result<Vec<_>, _>>()?;
            check_distinct(&found)?;
            check_free(&found, &request.allowed)?;
            found
        }
        Source::New(maker, bytes) => {
            // Nothing is made for a plan that cannot be.
            let sectors = Sectors::whole_in(*bytes);
            checked_plan(request, &members(request).map(|_| sectors).collect::<Vec<_>>())?;
            members(request)
                .map(|word| Ok(search(word, maker.create(word, *bytes)?)))
                .collect::<Result<Vec<_>, CreateError>>()?
        }
    };
    let sectors: Vec<Sectors> = found.iter().map(|one| one.disk.facts().sectors).collect();
    let plan = checked_plan(request, &sectors)?;
    write(&plan, &found.iter().collect::<Vec<_>>())?;
    Ok(created(request, &plan, &found))
}

fn members(request: &Request) -> impl Iterator<Item = &str> {
    request.words.iter().filter_map(|word| match word {
        Word::Missing => None,
        Word::Member { word, .. } => Some(word.as_str()),
    })
}

/// Plans, and refuses what mdadm would ask about.
fn checked_plan(request: &Request, sectors: &[Sectors]) -> Result<Plan, CreateError> {
    let mut sectors = sectors.iter().copied();
    let position = |word: &Word| match word {
        Word::Missing => Position::Missing,
        Word::Member { word, device_uuid, is_write_mostly, is_fail_fast } => {
            Position::Member(NewMember {
                name: word.clone(),
                sectors: sectors.next().unwrap_or(Sectors::ZERO),
                device_uuid: *device_uuid,
                is_write_mostly: *is_write_mostly,
                is_fail_fast: *is_fail_fast,
            })
        }
    };
    let positions: Vec<Position> = request.words.iter().map(position).collect();
    let plan = plan(&request.options, &request.identity, &positions)?;
    if plan.array < request.least {
        let (needs, has) = (request.least, plan.array);
        return Err(CreateError::TooSmall { needs, has });
    }
    if plan.questions.is_empty() || request.is_run {
        return Ok(plan);
    }
    Err(CreateError::Question(plan.questions))
}

fn check_distinct(found: &[Found]) -> Result<(), CreateError> {
    for (index, one) in found.iter().enumerate() {
        for other in found.iter().skip(index + 1) {
            let spans = (one.disk.facts().span, other.disk.facts().span);
            let share = matches!(spans, (Some(a), Some(b)) if a.overlaps(&b));
            if share || one.word == other.word {
                let (first, second) = (one.word.clone(), other.word.clone());
                return Err(CreateError::Same { first, second });
            }
        }
    }
    Ok(())
}

fn check_free(found: &[Found], allowed: &Allowed) -> Result<(), CreateError> {
    let mut all = Vec::new();
    for one in found {
        let unreadable = |fault| CreateError::Unreadable { name: one.word.clone(), fault };
        all.extend(occupants(one, allowed).map_err(unreadable)?);
    }
    if all.is_empty() { Ok(()) } else { Err(CreateError::Occupied(all)) }
}

fn created(request: &Request, plan: &Plan, found: &[Found]) -> Created {
    let options = &request.options;
    let name = plan.members.first().and_then(|one| one.superblock.name());
    let member = |(planned, found): (&Planned, &Found)| CreatedMember {
        member: found.word.clone(),
        number: planned.descriptor.0,
        slot: match planned.role {
            Role::Slot(slot) => Some(slot.0),
            _ => None,
        },
    };
    Created {
        version: 1,
        uuid: request.identity.uuid.to_string(),
        name: name.map(|name| name.to_string()).unwrap_or_default(),
        level: options.level.name(),
        metadata: options.version.word(),
        slots: options.slots,
        bytes: plan.array.0.saturating_mul(SECTOR_BYTES),
        has_bitmap: plan.has_bitmap,
        notes: plan.questions.clone(),
        members: plan.members.iter().zip(found).map(member).collect(),
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, slots, metadata, uuid, .. } = self;
        let size = HumanSize(self.bytes);
        let bitmap = if self.has_bitmap { ", with a bitmap" } else { "" };
        write!(f, "{level} of {slots} slots, {size}, metadata {metadata}{bitmap}, UUID {uuid}")
    }
}
