#![no_main]

#[path = "../harness/cdr_post.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::run(data));
