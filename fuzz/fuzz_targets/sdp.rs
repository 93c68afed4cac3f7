//! Session descriptions of a far end: read, agreed on, answered. An answer of ours reads back.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use outbound::trunk::Srtp;
use wire::g711::Codec;
use wire::peer::{MASTER_KEY_BYTES, MasterKey};
use wire::sdp::{Local, agree, answer_to, read, write};

fn key() -> MasterKey {
    MasterKey::from_bytes([7; MASTER_KEY_BYTES])
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(description) = read(bytes) else { return };
    let rtp = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 20_000);
    for srtp in [Srtp::Off, Srtp::Offered, Srtp::Required] {
        let local = Local::new(rtp, 1, vec![Codec::Pcma, Codec::Pcmu], srtp, key);
        let _ = agree(&local, &description);
        if let Ok((_, ours)) = answer_to(&local, &description, key) {
            assert!(read(write(&ours, Some(&description)).as_bytes()).is_ok());
        }
    }
});
