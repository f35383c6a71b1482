//! Requests that are one request to one disk: one region, contiguous memory, within the limits.
//!
//! The one thing to understand: these are nearly all, so they pass a client without a context:
//! what must be known when they end fits in a few words, and nothing is moved or allocated.

use super::{ErrorBits, Memory, Notice, Region};
use crate::{Done, Driver, IoMemory, Loan, Operation};

/// What is kept of a lone request while it is under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lone {
    pub(super) tag: u64,
    pub(super) is_read: bool,
}

/// Whether a request of one region with contiguous memory is one request to its disk.
pub(super) fn is_lone(
    region: &Region,
    loan: &Loan,
    operation: Operation,
    driver: &dyn Driver,
) -> bool {
    if !matches!(operation, Operation::Read | Operation::Write { .. }) || region.count.is_zero() {
        return false;
    }
    let Some(facts) = driver.facts(region.disk) else { return false };
    let fits = facts.max_transfer.is_zero() || region.count <= facts.max_transfer;
    let is_inside = region.at.checked_add(region.count).is_some_and(|end| end.0 <= facts.sectors.0);
    let is_all = region.count.bytes() == u64::try_from(loan.len()).ok();
    fits && is_inside && is_all
}

impl Lone {
    /// The notice of a lone request that has ended.
    pub(super) fn notice(self, done: Done) -> Notice {
        let fault = done.result.err().map(|fault| fault.kind);
        let memory = match done.memory {
            IoMemory::Own(mut loan) => {
                if fault.is_some() && self.is_read {
                    loan.bytes_mut().fill(0);
                }
                Memory::Contiguous(loan)
            }
            _ => Memory::None,
        };
        Notice { tag: self.tag, errors: ErrorBits(u64::from(fault.is_some())), fault, memory }
    }
}
