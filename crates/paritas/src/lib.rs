//! Linux software RAID without the kernel driver.
