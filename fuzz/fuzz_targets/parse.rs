//! See `dialektai::guard::sql::fuzzing::parse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dialektai::guard::sql::fuzzing::parse(data));
