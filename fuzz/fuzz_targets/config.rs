//! `paritas_manage::fuzz::config` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_manage::fuzz::config(bytes));
