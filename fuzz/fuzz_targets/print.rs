//! See `dialektai::guard::sql::fuzzing::printed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dialektai::guard::sql::fuzzing::printed(data));
