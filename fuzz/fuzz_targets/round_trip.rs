//! See `dialektai::guard::sql::fuzzing::round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dialektai::guard::sql::fuzzing::round_trip(data));
