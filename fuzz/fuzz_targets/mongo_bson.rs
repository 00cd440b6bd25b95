//! See `dialektai::guard::mongo::fuzzing::raw`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dialektai::guard::mongo::fuzzing::raw(data));
