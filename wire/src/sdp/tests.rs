use core::net::SocketAddr;

use outbound::trunk::Srtp;
use proptest::prelude::*;

use super::*;
use crate::g711::Codec;
use crate::peer::{DigitsBy, Direction};

/// Another key each time.
fn new_key() -> MasterKey {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(0);
    MasterKey::from_bytes([NEXT.fetch_add(1, Ordering::Relaxed); MASTER_KEY_BYTES])
}

fn local() -> Local {
    let rtp: SocketAddr = "192.0.2.1:20000".parse().unwrap();
    with(rtp, Srtp::Off)
}

fn with(rtp: SocketAddr, srtp: Srtp) -> Local {
    Local::new(rtp, 7, vec![Codec::Pcma, Codec::Pcmu], srtp, new_key)
}

fn secure(srtp: Srtp) -> Local {
    with(local().rtp, srtp)
}

fn answer(lines: &str) -> SessionDescription {
    let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n";
    read(format!("{head}{lines}").as_bytes()).unwrap()
}

#[test]
fn our_offer_reads_back_as_it_was_written() {
    for srtp in [Srtp::Off, Srtp::Offered, Srtp::Required] {
        let local = secure(srtp);
        let read = read(write(&local, None).as_bytes()).unwrap().audio.unwrap();
        assert_eq!((read.rtp, read.secure), (local.rtp, srtp == Srtp::Required));
        let encodings: Vec<_> = read.formats.iter().map(|format| format.encoding).collect();
        assert_eq!(encodings, [Encoding::Pcma, Encoding::Pcmu, Encoding::Event]);
        let keys: Vec<_> =
            read.keys.iter().map(|key| (key.tag, key.suite, key.key.clone())).collect();
        let own: Vec<_> =
            local.keys.iter().map(|own| (own.tag, own.suite, own.key.clone())).collect();
        assert_eq!(keys, own);
        assert_eq!((read.direction, read.packet_ms), (Direction::Both, Some(20)));
    }
}

#[test]
fn an_answer_chooses_codec_keys_and_address() {
    let answer = answer(
        "m=audio 4000 RTP/AVP 18 0 97\r\na=rtpmap:18 G729/8000\r\na=rtpmap:97 telephone-event/8000\r\n\
         a=rtcp:4005 IN IP4 198.51.100.2\r\nc=IN IP4 198.51.100.3\r\n",
    );
    let agreed = agree(&local(), &answer).unwrap();
    assert_eq!(agreed.rtp, "198.51.100.3:4000".parse().unwrap());
    assert_eq!(agreed.rtcp, Some("198.51.100.2:4005".parse().unwrap()));
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert_eq!(agreed.digits, DigitsBy::Event { payload_type: 97 });
}

#[test]
fn hold_is_seen_from_our_side() {
    for (line, direction) in [
        ("a=sendonly\r\n", Direction::ReceiveOnly),
        ("a=recvonly\r\n", Direction::SendOnly),
        ("a=inactive\r\n", Direction::Neither),
        ("a=sendrecv\r\n", Direction::Both),
        ("", Direction::Both),
        ("c=IN IP4 0.0.0.0\r\n", Direction::Neither),
    ] {
        let answer = answer(&format!("m=audio 4000 RTP/AVP 8\r\n{line}"));
        assert_eq!(agree(&local(), &answer).unwrap().direction, direction, "{line}");
    }
    let whole = read(b"v=0\na=sendonly\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 8\n").unwrap();
    assert_eq!(agree(&local(), &whole).unwrap().direction, Direction::ReceiveOnly);
}

#[test]
fn an_answer_that_has_nothing_of_ours_is_a_disagreement() {
    let secure = secure(Srtp::Required);
    let disagreement = |local: &Local, lines: &str| agree(local, &answer(lines)).unwrap_err();
    assert_eq!(disagreement(&local(), "m=audio 0 RTP/AVP 8\r\n"), Disagreement::NoVoice);
    assert_eq!(disagreement(&local(), "m=video 9 RTP/AVP 96\r\n"), Disagreement::NoVoice);
    assert_eq!(disagreement(&local(), "m=audio 9 RTP/AVP 18\r\n"), Disagreement::NoCodec);
    assert_eq!(disagreement(&secure, "m=audio 9 RTP/AVP 8\r\n"), Disagreement::NoKey);
    let other_tag = "m=audio 9 RTP/SAVP 8\r\na=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:\
                     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";
    assert_eq!(disagreement(&secure, other_tag), Disagreement::NoKey);
    assert_eq!(disagreement(&local(), other_tag), Disagreement::NoKey);
}

#[test]
fn keys_go_each_their_own_way() {
    let (ours, theirs) = (secure(Srtp::Required), secure(Srtp::Offered));
    // The far end takes the second suite.
    let offer = read(write(&ours, None).as_bytes()).unwrap();
    let mut reduced = offer.clone();
    reduced.audio.as_mut().unwrap().keys.remove(0);
    let (theirs_agreed, answer) = answer_to(&theirs, &reduced, new_key).unwrap();
    let answer = read(write(&answer, Some(&offer)).as_bytes()).unwrap();
    let ours_agreed = agree(&ours, &answer).unwrap();
    let (one, other) = (ours_agreed.srtp.unwrap(), theirs_agreed.srtp.unwrap());
    assert_eq!((one.suite, one.ours, one.theirs), (other.suite, other.theirs, other.ours));
}

#[test]
fn keys_that_are_only_offered_may_be_passed_over() {
    let plain = answer("m=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(agree(&secure(Srtp::Offered), &plain).unwrap().srtp, None);
    let ours = secure(Srtp::Offered);
    let offer = read(write(&ours, None).as_bytes()).unwrap();
    let (_, theirs) = answer_to(&secure(Srtp::Offered), &offer, new_key).unwrap();
    let taken = read(write(&theirs, Some(&offer)).as_bytes()).unwrap();
    assert!(agree(&ours, &taken).unwrap().srtp.is_some());
    let (agreed, theirs) = answer_to(&local(), &offer, new_key).unwrap();
    assert_eq!((agreed.srtp, theirs.keys), (None, Vec::new()));
}

#[test]
fn an_answer_names_each_stream_of_the_offer_and_takes_the_voice_alone() {
    let offer = answer(
        "m=video 5000 RTP/AVP 96\r\na=sendonly\r\nm=audio 4000 RTP/AVP 0 8 99\r\n\
         a=rtpmap:99 telephone-event/8000\r\na=sendonly\r\nm=audio 4002 RTP/AVP 0\r\n",
    );
    let (agreed, ours) = answer_to(&local(), &offer, new_key).unwrap();
    assert_eq!((agreed.codec, agreed.direction), (Codec::Pcmu, Direction::ReceiveOnly));
    let text = write(&ours, Some(&offer));
    let media: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        media,
        ["m=video 0 RTP/AVP 96", "m=audio 20000 RTP/AVP 0 99", "m=audio 0 RTP/AVP 0"]
    );
    assert!(text.contains("a=recvonly"), "{text}");
}

#[test]
fn what_is_no_description_is_said_to_be_none() {
    for wrong in [
        &b""[..],
        b"v=1\r\n",
        b"\xff\xfe",
        b"v=0\r\nm=audio\r\n",
        b"v=0\r\nm=audio x RTP/AVP 0\r\n",
        b"v=0\r\nm=audio 99999 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio 9 RTP/AVP 0\r\n",
        b"v=0\r\nc=IN IP4 host.example.com\r\nm=audio 9 RTP/AVP 0\r\n",
    ] {
        assert!(read(wrong).is_err(), "{:?}", String::from_utf8_lossy(wrong));
    }
    let many = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{}", "m=audio 9 RTP/AVP 0\r\n".repeat(17));
    assert!(read(many.as_bytes()).is_err());
    assert!(read(&vec![b'v'; 16_385]).is_err());
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_lines_break_the_reader_or_the_answer(
        lines in prop::collection::vec("(m=audio|a=rtpmap:|a=crypto:|c=IN IP4 |a=rtcp:|m=)[ -~]{0,60}", 0..20)
    ) {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{}", lines.join("\r\n"));
        if let Ok(offer) = read(text.as_bytes())
            && let Ok((_, ours)) = answer_to(&local(), &offer, new_key)
        {
            prop_assert!(read(write(&ours, Some(&offer)).as_bytes()).is_ok());
        }
    }
}
