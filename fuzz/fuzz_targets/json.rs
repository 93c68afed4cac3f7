//! JSON, as the API takes it: `{"numbers": […]}`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound::import::ImportFormat;

fuzz_target!(|bytes: &[u8]| fuzz::read(bytes, ImportFormat::Json));
