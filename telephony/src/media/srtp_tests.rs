use proptest::prelude::*;

use super::*;
use crate::media::rtcp;
use crate::media::rtp::{Packet, parse, write};

fn keys(suite: SrtpSuite) -> SrtpKeys {
    SrtpKeys {
        suite,
        ours: MasterKey::from_bytes(std::array::from_fn(|at| at as u8)),
        theirs: MasterKey::from_bytes(std::array::from_fn(|at| 200 - at as u8)),
    }
}

/// Us, and the peer that we talk to.
fn pair(suite: SrtpSuite) -> (Srtp, Srtp) {
    let SrtpKeys { suite, ours, theirs } = keys(suite);
    let mirrored = SrtpKeys { suite, ours: theirs.clone(), theirs: ours.clone() };
    (Srtp::new(keys(suite)).unwrap(), Srtp::new(mirrored).unwrap())
}

fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let payload = &[0xd5; 160];
    let packet = Packet { marker: false, payload_type: 8, sequence, timestamp: 160, ssrc, payload };
    write(&packet, &mut bytes);
    bytes
}

fn report(ssrc: u32) -> Vec<u8> {
    rtcp::write(ssrc, None, None, "name", rtcp::Farewell::GoesOn)
}

const SUITES: [(SrtpSuite, usize); 2] =
    [(SrtpSuite::AesCm128HmacSha1_80, 10), (SrtpSuite::AesCm128HmacSha1_32, 4)];

#[test]
fn what_one_side_encrypts_the_other_reads() {
    for (suite, tag_bytes) in SUITES {
        let (mut us, mut peer) = pair(suite);
        for sequence in [1, 2, 3] {
            let plain = packet(7, sequence);
            let mut sealed = plain.clone();
            us.protect_rtp(&mut sealed).unwrap();
            assert_eq!(sealed.len(), plain.len() + tag_bytes);
            assert_ne!(sealed[12..172], plain[12..]);
            peer.open_rtp(&mut sealed).unwrap();
            assert_eq!(sealed, plain);
        }
        let mut sealed = report(7);
        us.protect_rtcp(&mut sealed).unwrap();
        peer.open_rtcp(&mut sealed).unwrap();
        assert_eq!(sealed, report(7));
    }
}

/// RFC 3711 has no packet to compare with; this is libsrtp's (`srtp_driver.c`, its plain and its encrypted one).
#[test]
fn a_packet_is_encrypted_as_others_do_it() {
    let key = [
        0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41,
        0x39, 0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
    ];
    let key = MasterKey::from_bytes(key);
    let keys = SrtpKeys { suite: SrtpSuite::AesCm128HmacSha1_80, ours: key.clone(), theirs: key };
    let mut bytes = vec![0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe];
    bytes.extend([0xab; 16]);
    let plain = bytes.clone();
    let mut srtp = Srtp::new(keys).unwrap();
    srtp.protect_rtp(&mut bytes).unwrap();
    let sealed = [
        0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 0x4e, 0x55, 0xdc,
        0x4c, 0xe7, 0x99, 0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d, 0x24, 0x02, 0xb7, 0x8d,
        0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb,
    ];
    assert_eq!(bytes, sealed);
    srtp.open_rtp(&mut bytes).unwrap();
    assert_eq!(bytes, plain);
}

#[test]
fn a_packet_that_comes_twice_is_refused_the_second_time() {
    let (mut us, mut peer) = pair(SrtpSuite::AesCm128HmacSha1_80);
    let mut sealed = packet(7, 10);
    us.protect_rtp(&mut sealed).unwrap();
    assert!(peer.open_rtp(&mut sealed.clone()).is_ok());
    assert!(peer.open_rtp(&mut sealed).is_err());
    let mut sealed = report(7);
    us.protect_rtcp(&mut sealed).unwrap();
    assert!(peer.open_rtcp(&mut sealed.clone()).is_ok());
    assert!(peer.open_rtcp(&mut sealed).is_err());
}

#[test]
fn one_bit_that_was_changed_is_found() {
    for (suite, _) in SUITES {
        let (mut us, mut peer) = pair(suite);
        let mut sealed = packet(7, 10);
        us.protect_rtp(&mut sealed).unwrap();
        for at in [1, 3, 20, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(peer.open_rtp(&mut changed).is_err(), "byte {at}");
        }
        assert!(peer.open_rtp(&mut sealed).is_ok());
    }
}

#[test]
fn a_report_that_claims_to_be_plain_is_refused() {
    let (mut us, mut peer) = pair(SrtpSuite::AesCm128HmacSha1_80);
    let mut sealed = report(7);
    us.protect_rtcp(&mut sealed).unwrap();
    let index_at = sealed.len() - RTCP_TAIL_BYTES;
    sealed[index_at] &= 0x7f;
    assert!(peer.open_rtcp(&mut sealed).is_err());
}

#[test]
fn sequence_numbers_may_wrap() {
    let (mut us, mut peer) = pair(SrtpSuite::AesCm128HmacSha1_80);
    for sequence in (65_000..=65_535).chain(0..1_000) {
        let mut sealed = packet(7, sequence);
        us.protect_rtp(&mut sealed).unwrap();
        assert!(peer.open_rtp(&mut sealed).is_ok(), "{sequence}");
    }
}

#[test]
fn streams_that_are_not_authentic_leave_nothing_behind() {
    let (mut us, mut peer) = pair(SrtpSuite::AesCm128HmacSha1_80);
    for ssrc in 0..100 {
        assert!(peer.open_rtp(&mut packet(ssrc, 1)).is_err());
    }
    assert!(peer.theirs.is_empty());
    for ssrc in 0..100 {
        let mut sealed = packet(ssrc, 1);
        us.protect_rtp(&mut sealed).unwrap();
        assert!(peer.open_rtp(&mut sealed).is_ok());
        assert!(peer.theirs.len() <= STREAMS_MAX);
    }
}

#[test]
fn an_extension_stays_plain_whatever_is_in_it() {
    let (mut us, mut peer) = pair(SrtpSuite::AesCm128HmacSha1_80);
    let mut bytes = packet(7, 10);
    bytes[0] |= 0x10;
    let extension = [0xbe, 0xde, 0, 2, 0, 0, 0xff, 1, 2, 3, 0x10, 9];
    bytes.splice(12..12, extension);
    let plain = bytes.clone();
    us.protect_rtp(&mut bytes).unwrap();
    assert_eq!(bytes[12..24], extension);
    peer.open_rtp(&mut bytes).unwrap();
    assert_eq!(parse(&bytes), parse(&plain));
}

#[test]
fn keys_are_never_printed() {
    let printed = format!("{:?}", keys(SrtpSuite::AesCm128HmacSha1_80));
    assert!(!printed.contains("200") && printed.contains('…'), "{printed}");
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (_, mut peer) = pair(SrtpSuite::AesCm128HmacSha1_32);
        prop_assert!(peer.open_rtp(&mut bytes.clone()).is_err());
        prop_assert!(peer.open_rtcp(&mut bytes.clone()).is_err());
        if bytes.len() > 1 {
            bytes[0] = 0x80 | bytes[0] & 0x3f;
            bytes[1] = 200;
            prop_assert!(peer.open_rtp(&mut bytes.clone()).is_err());
            prop_assert!(peer.open_rtcp(&mut bytes).is_err());
        }
    }
}
