//! One file per instruction set; each fills [`Vector`](crate::vector::Vector) in and instantiates
//! the fold. Nothing else happens here.

#[cfg(target_arch = "aarch64")]
pub(crate) mod aarch64;
pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;
