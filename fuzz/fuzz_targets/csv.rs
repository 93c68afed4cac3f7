//! CSV in any encoding and with any delimiter. The first byte chooses what the import says of the encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound::import::{ENCODING_AUTO, ImportFormat};

const ENCODINGS: [&str; 4] = ["utf-16le", "gb18030", "windows-1252", "iso-2022-jp"];

fuzz_target!(|bytes: &[u8]| {
    let (encoding, bytes) = match bytes {
        [first, rest @ ..] if usize::from(*first) < ENCODINGS.len() => {
            (ENCODINGS[usize::from(*first)], rest)
        }
        whole => (ENCODING_AUTO, whole),
    };
    fuzz::read_as(bytes, ImportFormat::Csv, encoding);
});
