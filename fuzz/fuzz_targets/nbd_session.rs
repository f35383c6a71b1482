//! `paritas_door_nbd::fuzz::session` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_door_nbd::fuzz::session(bytes));
