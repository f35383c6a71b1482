//! Which instruction set does the work: a list in order of preference, a choice made once.
//!
//! The choice is by CPU feature, not by timing, so that it is the same on every start.
//! `PARITAS_KERNEL` forces one by name, so that a whole test suite can run with each.

use crate::arch;
use crate::generic::Job;
use std::fmt;
use std::sync::OnceLock;

/// The environment variable that forces a kernel.
const FORCE: &str = "PARITAS_KERNEL";

/// The arithmetic in one instruction set. Get one from [`Kernel::chosen`] or [`Kernel::named`].
pub struct Kernel {
    pub(crate) name: &'static str,
    pub(crate) is_available: fn() -> bool,
    /// Safe to call for valid jobs once `is_available` has said yes.
    pub(crate) solve: unsafe fn(&Job<'_>),
    /// As `solve`.
    pub(crate) first_nonzero: unsafe fn(&Job<'_>) -> Option<usize>,
}

/// Every kernel of this target, the preferred first; the last runs anywhere.
pub static KERNELS: &[&Kernel] = &[
    #[cfg(target_arch = "x86_64")]
    &arch::x86_64::gfni::WIDE,
    #[cfg(target_arch = "x86_64")]
    &arch::x86_64::avx512::KERNEL,
    #[cfg(target_arch = "x86_64")]
    &arch::x86_64::gfni::NARROW,
    #[cfg(target_arch = "x86_64")]
    &arch::x86_64::avx2::KERNEL,
    #[cfg(target_arch = "x86_64")]
    &arch::x86_64::ssse3::KERNEL,
    #[cfg(target_arch = "aarch64")]
    &arch::aarch64::neon::KERNEL,
    &arch::portable::KERNEL,
];

/// A kernel name that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchKernel {
    /// The name that was asked for.
    pub name: String,
}

impl Kernel {
    /// Its name, as `PARITAS_KERNEL` takes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether this machine can run it.
    #[must_use]
    pub fn is_available(&self) -> bool {
        (self.is_available)()
    }

    /// The kernels that this machine can run, the preferred first. Never empty.
    pub fn available() -> impl Iterator<Item = &'static Self> {
        KERNELS.iter().copied().filter(|kernel| kernel.is_available())
    }

    /// The kernel called `name`.
    ///
    /// # Errors
    /// [`NoSuchKernel`] if there is none, or this machine cannot run it.
    pub fn named(name: &str) -> Result<&'static Self, NoSuchKernel> {
        Self::available()
            .find(|kernel| kernel.name == name)
            .ok_or_else(|| NoSuchKernel { name: name.to_owned() })
    }

    /// The kernel that `PARITAS_KERNEL` names, else the preferred one. A program calls this when
    /// it starts, so that a wrong name is an error message.
    ///
    /// # Errors
    /// [`NoSuchKernel`] as from [`Kernel::named`].
    pub fn from_environment() -> Result<&'static Self, NoSuchKernel> {
        match std::env::var_os(FORCE) {
            Some(name) => Self::named(&name.to_string_lossy()),
            None => Ok(Self::available().next().unwrap_or(&arch::portable::KERNEL)),
        }
    }

    /// The kernel of this process, chosen at the first call.
    ///
    /// # Panics
    /// If `PARITAS_KERNEL` names none: another one must not quietly take its place.
    #[must_use]
    pub fn chosen() -> &'static Self {
        static CHOSEN: OnceLock<&'static Kernel> = OnceLock::new();
        CHOSEN.get_or_init(|| Self::from_environment().unwrap_or_else(|error| panic!("{error}")))
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Display for NoSuchKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Kernel::available().map(Kernel::name).collect();
        write!(f, "this machine has no parity kernel {:?}; it has {}", self.name, names.join(", "))
    }
}

impl std::error::Error for NoSuchKernel {}
