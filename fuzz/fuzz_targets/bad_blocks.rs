//! `paritas_format::fuzz::bad_block_log` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_format::fuzz::bad_block_log(bytes));
