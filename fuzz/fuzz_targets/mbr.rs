//! `paritas_format::fuzz::mbr_sector` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_format::fuzz::mbr_sector(bytes));
