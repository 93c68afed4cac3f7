//! Telephone events (RFC 4733).

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::dtmf;

fuzz_target!(|bytes: &[u8]| {
    if let Some(event) = dtmf::parse(bytes) {
        assert_eq!(dtmf::parse(&dtmf::write(event)), Some(event));
    }
});
