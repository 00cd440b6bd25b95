//! See `dialektai::guard::mongo::fuzzing::guard`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dialektai::guard::mongo::fuzzing::guard(data));
