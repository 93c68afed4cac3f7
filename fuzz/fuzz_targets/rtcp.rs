//! RTCP compounds, as anyone may send them to a call's port.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::rtcp;

fuzz_target!(|bytes: &[u8]| {
    let Some(compound) = rtcp::parse(bytes) else { return };
    assert!(compound.blocks.len() <= rtcp::BLOCKS_MAX);
    let written = rtcp::write(
        1,
        compound.sender.map(|sender| rtcp::SenderInfo { ssrc: 1, ..sender }),
        compound.blocks.first().copied(),
        "name",
        rtcp::Farewell::Goodbye,
    );
    let read = rtcp::parse(&written).expect("what was written is read");
    assert_eq!(read.blocks.first(), compound.blocks.first());
    assert_eq!(read.goodbye, Some(1));
});
