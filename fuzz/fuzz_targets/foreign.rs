//! `paritas_format::fuzz::foreign_anchors` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paritas_format::fuzz::foreign_anchors(bytes));
