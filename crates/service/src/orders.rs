//! What can be done with an array while it runs.
//!
//! The one thing to understand: the array decides, in its own thread; here words become members and
//! refusals become text. When an order returns, the array's state has changed.

use crate::api::{Access, Order, Outcome, Word};
use crate::received::Received;
use crate::running::Running;
use crate::table::Refusal;
use paritas_disk::{Access as Opened, Disk, Opener};
use paritas_engine::{
    AccessError, Array, ArrayState, Member, MemberState, RemoveError, SpareStart, SyncAction,
};
use paritas_format::DeviceUuid;
use paritas_units::{Descriptor, MemberId, Sector};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Stands for all members that have failed.
const FAILED: &str = "failed";
/// How long requests that are under way may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

impl Running {
    /// Carries out an order.
    pub(crate) fn order(
        &mut self,
        order: Order,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Outcome, Refusal> {
        match order {
            Order::Serve { uri, read_only } => {
                let mut served = self.served.clone();
                served.is_read_only |= read_only;
                self.doors.open(&self.hosted, &uri, &served)?;
            }
            Order::Unserve { uri } => self.doors.close(&uri)?,
            Order::Add { members } => self.add(members, descriptors)?,
            Order::Fail { member } => {
                let id = self.find(&member)?;
                self.hosted.ask(move |array| array.fail_member(id)).map_err(failed)?;
            }
            Order::Remove { member } if member == FAILED => {
                let faulty = self.hosted.with_array(|array| {
                    let faulty = |id: &MemberId| state_of(array, *id) == Some(MemberState::Faulty);
                    ids(array).filter(faulty).collect::<Vec<_>>()
                });
                for id in faulty {
                    self.remove(id)?;
                }
            }
            Order::Remove { member } => {
                let id = self.find(&member)?;
                self.remove(id)?;
            }
            Order::Action { action } => {
                let action: SyncAction =
                    action.parse().map_err(|error| Refusal::Wrong(format!("{error}")))?;
                self.hosted.ask(move |array| array.order_action(action)).map_err(failed)?;
            }
            Order::Access { access } => self.set_access(access)?,
        }
        Ok(Outcome::default())
    }

    fn add(&mut self, members: Vec<Word>, descriptors: Vec<OwnedFd>) -> Result<(), Refusal> {
        let opener = Received::new(&members, descriptors)
            .ok_or_else(|| Refusal::Wrong("not one descriptor for each member".to_owned()))?;
        for mut word in members {
            let disk = opener.open(&word.word, Opened::Write).map_err(failed)?;
            if self.words.iter().any(|known| known.path == word.path && known.start == word.start)
                && self.find(&word.path).is_ok()
            {
                return Err(Refusal::Failed(format!("{} is a member already", word.word)));
            }
            word.name = self.free_name(&word.name);
            self.add_one(&word, &disk)?;
            self.words.retain(|known| known.path != word.path || known.start != word.start);
            self.words.push(word);
        }
        Ok(())
    }

    fn add_one(&self, word: &Word, disk: &Arc<dyn Disk>) -> Result<(), Refusal> {
        let data_offset = self.hosted.with_array(|array| {
            let superblocks = array.members().iter().filter_map(|member| member.superblock());
            superblocks.map(|superblock| superblock.data_offset()).max().unwrap_or(Sector::ZERO)
        });
        let spare = SpareStart {
            name: word.name.clone(),
            descriptor: Descriptor(u16::MAX),
            data_offset,
            superblock: None,
        };
        let mut identity = [0; 16];
        rustix::rand::getrandom(&mut identity, rustix::rand::GetRandomFlags::empty())
            .map_err(failed)?;
        self.hosted.add_spare(spare, DeviceUuid(identity), disk).map_err(failed)?;
        Ok(())
    }

    /// A name that no member has.
    fn free_name(&self, name: &str) -> String {
        let is_taken = |name: &str| {
            self.hosted.with_array(|array| ids(array).any(|id| name_of(array, id) == name))
        };
        let numbered = (2..).map(|number| format!("{name}~{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or_default()
    }

    fn remove(&mut self, id: MemberId) -> Result<(), Refusal> {
        // What is under way on it ends soon.
        let is_decided = |array: &Array| {
            !matches!(array.check_removable(id), Err(RemoveError::StillUsed { .. }))
        };
        self.hosted.wait_until(is_decided, Some(Instant::now() + PATIENCE));
        let name = self.hosted.with_array(|array| name_of(array, id));
        self.hosted.ask(move |array| array.remove_member(id)).map_err(failed)?;
        self.words.retain(|word| word.name != name);
        Ok(())
    }

    fn set_access(&mut self, access: Access) -> Result<(), Refusal> {
        let wanted = match access {
            Access::ReadWrite => paritas_engine::Access::ReadWrite,
            Access::AutoRead => paritas_engine::Access::AutoRead,
            Access::ReadOnly => paritas_engine::Access::ReadOnly,
        };
        match self.hosted.ask(move |array| array.set_access(wanted)) {
            Ok(()) | Err(AccessError::Already) => {}
            Err(error) => return Err(failed(error)),
        }
        if access == Access::ReadOnly {
            let is_closed = |array: &Array| array.state() == ArrayState::ReadOnly;
            if !self.hosted.wait_until(is_closed, Some(Instant::now() + PATIENCE)) {
                return Err(Refusal::Failed("writes do not end; try again".to_owned()));
            }
        }
        Ok(())
    }

    /// The member that a word names: a path, or the short name.
    fn find(&self, word: &str) -> Result<MemberId, Refusal> {
        let path = self.words.iter().find(|known| known.path == word || known.word == word);
        let name = path.map_or(word, |known| known.name.as_str());
        let found =
            self.hosted.with_array(|array| ids(array).find(|id| name_of(array, *id) == name));
        found.ok_or_else(|| {
            let known: Vec<String> =
                self.hosted.with_array(|array| ids(array).map(|id| name_of(array, id)).collect());
            Refusal::Failed(format!(
                "{word} is no member of {}\nnext: its members are {}",
                self.name,
                known.join(" ")
            ))
        })
    }
}

/// The members, but for those that were removed.
fn ids(array: &Array) -> impl Iterator<Item = MemberId> {
    let is_there = |(_, member): &(u16, &Member)| member.state() != MemberState::Removed;
    (0..).zip(array.members()).filter(is_there).map(|(number, _)| MemberId(number))
}

fn name_of(array: &Array, id: MemberId) -> String {
    array.members().get(usize::from(id.0)).map_or_else(String::new, |one| one.name().to_owned())
}

fn state_of(array: &Array, id: MemberId) -> Option<MemberState> {
    array.members().get(usize::from(id.0)).map(Member::state)
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Failed(error.to_string())
}
