//! A picture of a running array: plain data.
//!
//! The one thing to understand: its JSON (`serde_json` of [`Detail`]) is a contract. Fields are
//! added freely and never change their meaning; [`VERSION`] counts changes that could break a reader.

use serde::{Deserialize, Serialize};

/// The version of the JSON, as the field `version` of every picture says it.
pub const VERSION: u32 = 1;

/// A picture of an array at one moment. All sizes and positions are in bytes, times in seconds since
/// 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// [`VERSION`].
    pub version: u32,
    /// The array's name: `md0`.
    pub name: String,
    /// The array's name as it is shown: `/dev/md0`.
    pub device: String,
    /// The name below /dev/md, where it has one.
    pub map_name: Option<String>,
    /// The version of the superblocks (`1.2`); none if there are none.
    pub metadata: Option<String>,
    /// When the array was created.
    pub created: Option<u64>,
    /// When its superblocks were written last.
    pub updated: Option<u64>,
    /// The level in md's words: `raid5`.
    pub level: String,
    /// The layout's number, where it is recorded.
    pub layout: Option<u32>,
    /// The layout in mdadm's words; levels that have layouts only.
    pub layout_name: Option<String>,
    /// The chunk, or the rounding of a linear array; 0 where there is none.
    pub chunk: u64,
    /// The size of the array.
    pub array_size: u64,
    /// The part of each member that is used; levels where it is equal for all.
    pub component_size: Option<u64>,
    /// How many slots there are.
    pub slots: u16,
    /// The minor number that a 0.90 superblock asks for.
    pub preferred_minor: Option<u32>,
    /// Whether it may be written.
    pub access: Access,
    /// The driver's word for the array's state (`clean`, `active`, `readonly`, `broken`, ...).
    pub state: String,
    /// The driver's word for what is done over the whole array (`idle`, `resync`, `frozen`, ...).
    pub action: String,
    /// The driver's word for what was begun last.
    pub last_action: Option<String>,
    /// Whether superblocks say that nothing is being written.
    pub is_clean: bool,
    /// What is left of redundancy.
    pub condition: Condition,
    /// A resync is owed and not under way.
    pub is_resync_pending: bool,
    /// The resync, recovery, check or repair under way.
    pub work: Option<Work>,
    /// How redundancy is made to agree after a crash.
    pub policy: Policy,
    /// The write-intent bitmap.
    pub bitmap: Option<Bitmap>,
    /// The array's uuid in mdadm's form.
    pub uuid: Option<String>,
    /// The name in the superblock: `HOST:NAME`. Letters that a terminal would act on are escaped.
    pub full_name: Option<String>,
    /// The name of this machine if the array is local to it.
    pub local_to: Option<String>,
    /// The superblocks' counter of events.
    pub events: Option<u64>,
    /// Sectors in which the last resync, check or repair found redundancy not to agree.
    pub mismatches: u64,
    /// Clients that have the array open.
    pub clients: usize,
    /// The members, in the order in which they came.
    pub members: Vec<MemberDetail>,
}

/// A member in a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberDetail {
    /// Its name for people: the base name, made unique.
    pub name: String,
    /// Its path as it was given.
    pub path: String,
    /// Major and minor number of a block device; zeroes for a file.
    pub device: (u32, u32),
    /// Its permanent number.
    pub number: u16,
    /// Its slot; none for spares, faulty members and journals.
    pub slot: Option<u16>,
    /// What it does.
    pub role: Role,
    /// It stands in for the slot's member, which works still.
    pub is_replacement: bool,
    /// Read only when nothing else can be.
    pub is_write_mostly: bool,
    /// Its first failed request makes it faulty.
    pub is_fail_fast: bool,
    /// The set of copies that it belongs to, from 0, where raid10 has sets.
    pub set: Option<u16>,
    /// Below this position its content is right, while it is being rebuilt.
    pub rebuilt: Option<u64>,
    /// Sectors that could not be read since the array was started.
    pub read_errors: u64,
}

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It works, and all of its content is right.
    Active,
    /// It has a slot and is being rebuilt, or waits for that.
    Rebuilding,
    /// It waits for a slot.
    Spare,
    /// It failed.
    Faulty,
    /// It holds the journal.
    Journal,
}

/// Whether an array may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It may.
    ReadWrite,
    /// From the first write on.
    AutoRead,
    /// Never.
    ReadOnly,
}

/// What is left of an array's redundancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// All of it.
    Whole,
    /// All data can be read, but not after every further loss that a whole array survives.
    Degraded,
    /// Some data cannot be read.
    Failed,
}

/// Work over the whole array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// What is done.
    pub kind: WorkKind,
    /// Bytes that are done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes a second.
    pub speed: u64,
}

/// Kinds of work over the whole array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkKind {
    /// Redundancy is made to agree.
    Resync,
    /// Members are rebuilt.
    Recovery,
    /// Redundancy is compared.
    Check,
    /// Redundancy is compared and made to agree.
    Repair,
}

/// How redundancy is made to agree after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// There is no redundancy.
    None,
    /// All of it is gone over.
    Resync,
    /// What the write-intent bitmap names.
    Bitmap,
    /// What the journal holds is written again.
    Journal,
    /// From the partial parity log.
    Ppl,
}

/// A write-intent bitmap in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bitmap {
    /// Pages of counters that are in use, and in all; none while nobody keeps them.
    pub pages: Option<(u64, u64)>,
    /// Bytes that a bit stands for; 0 while nobody knows.
    pub chunk: u64,
    /// The file that holds it; none if it is on the members.
    pub file: Option<String>,
}

impl Detail {
    /// Slots without a member whose content is all right.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.slots_in_sync().iter().filter(|in_sync| !**in_sync).count()
    }

    /// By slot: whether a member there works and has all of its content.
    pub(crate) fn slots_in_sync(&self) -> Vec<bool> {
        let mut slots = vec![false; usize::from(self.slots)];
        for member in self.members.iter().filter(|one| one.role == Role::Active) {
            let slot = member.slot.filter(|_| !member.is_replacement);
            if let Some(in_sync) = slot.and_then(|slot| slots.get_mut(usize::from(slot))) {
                *in_sync = true;
            }
        }
        slots
    }

    /// How many members have a role that `is_counted`.
    pub(crate) fn count(&self, is_counted: impl Fn(Role) -> bool) -> usize {
        self.members.iter().filter(|member| is_counted(member.role)).count()
    }

    /// Members that wait for a slot or for being rebuilt.
    pub(crate) fn spares(&self) -> usize {
        self.count(|role| matches!(role, Role::Spare | Role::Rebuilding))
    }

    /// The exit code of `--detail --test`: 0 for a whole array, 1 for a degraded one, 2 for one that
    /// cannot be used; mdadm counts every `faulty` array among those. (4 is for no array at all.)
    #[must_use]
    pub fn test_code(&self) -> u8 {
        match self.condition {
            _ if self.level == "faulty" => 2,
            Condition::Whole => 0,
            Condition::Degraded => 1,
            Condition::Failed => 2,
        }
    }
}

impl Work {
    /// Thousandths that are done, as the driver counts them: in units of 512 KiB, which is why a
    /// hundred percent are never shown.
    #[must_use]
    pub fn permille(&self) -> u64 {
        let units = |bytes: u64| (bytes / 512) >> 10;
        units(self.done).saturating_mul(1000) / (units(self.total) + 1)
    }
}
