//! `paritas_format::fuzz::gpt_header` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_format::fuzz::gpt_header(bytes));
