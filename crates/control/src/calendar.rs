//! Times as C's `ctime` prints them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Seconds since 1970 as C's `ctime` prints them in `zone`, cut to 24 characters as mdadm does.
#[must_use]
pub fn calendar_time(zone: &TimeZone, seconds: u64) -> String {
    let last = Timestamp::MAX.as_second();
    let signed = i64::try_from(seconds).unwrap_or(i64::MAX);
    // The calendar repeats every 400 years, so a year that jiff cannot count is one it can
    // plus a multiple of that.
    const CYCLE: i64 = 146_097 * 86_400;
    let cycles = if signed > last - 86_400 { (signed - last) / CYCLE + 1 } else { 0 };
    let countable = Timestamp::from_second(signed - cycles * CYCLE).unwrap_or_default();
    let zoned = countable.to_zoned_datetime(zone.clone());
    let year = i64::from(zoned.year()) + 400 * cycles;
    let mut text = format!("{} {year}", zoned.strftime("%a %b %e %H:%M:%S"));
    text.truncate(24);
    text
}
