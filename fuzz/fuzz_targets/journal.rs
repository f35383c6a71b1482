//! `paritas_format::fuzz::journal_block` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_format::fuzz::journal_block(bytes));
