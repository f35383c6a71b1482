//! `paritas_manage::fuzz::pattern` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_manage::fuzz::pattern(bytes));
