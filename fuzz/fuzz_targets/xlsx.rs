//! A workbook as it lies on the disk. Few changes of a ZIP get past its checksums; `sheet` goes further.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound::import::ImportFormat;

fuzz_target!(|bytes: &[u8]| fuzz::read(bytes, ImportFormat::Xlsx));
