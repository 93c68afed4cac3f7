//! What both ends have in common.

use outbound::trunk::Srtp;

use super::read::{Audio, Encoding, NOWHERE};
use super::{Local, OwnKey, SessionDescription};
use crate::g711::Codec;
use crate::peer::{DigitsBy, Direction, MasterKey, Peer, SrtpKeys};

/// What was agreed: the far end for the media plane.
pub type Agreed = Peer;

/// The two ends have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    #[error("the far end describes no voice that we could take")]
    NoVoice,
    #[error("the far end has no codec of ours")]
    NoCodec,
    #[error("the far end encrypts in no way that we know, or not at all where it must")]
    NoKey,
}

/// What an answer makes of our offer.
pub fn agree(local: &Local, answer: &SessionDescription) -> Result<Agreed, Disagreement> {
    let audio = answer.audio.as_ref().ok_or(Disagreement::NoVoice)?;
    common(local, audio)
}

/// What we make of the far end's offer: the agreement, and our end to answer with.
///
/// Our codecs and keys are narrowed to the ones that were chosen; the number of a crypto line is the offer's.
pub fn answer_to(
    local: &Local,
    offer: &SessionDescription,
    new_key: impl FnMut() -> MasterKey,
) -> Result<(Agreed, Local), Disagreement> {
    let audio = offer.audio.as_ref().ok_or(Disagreement::NoVoice)?;
    let mut ours = local.clone();
    ours.keys = match audio.keys.first().filter(|_| local.srtp != Srtp::Off) {
        Some(theirs) => {
            // A key of an earlier agreement goes on, or a new one is made.
            let same = |own: &OwnKey| own.suite == theirs.suite;
            let known = local.keys.iter().find(|own| same(own)).cloned();
            let own = known.or_else(|| OwnKey::offered(new_key).into_iter().find(same));
            own.map(|own| OwnKey { tag: theirs.tag, ..own }).into_iter().collect()
        }
        None => Vec::new(),
    };
    let agreed = common(&ours, audio)?;
    ours.codecs = vec![agreed.codec];
    ours.event = match agreed.digits {
        DigitsBy::Event { payload_type } => Some(payload_type),
        DigitsBy::Tones => None,
    };
    ours.direction = agreed.direction;
    Ok((agreed, ours))
}

fn common(local: &Local, audio: &Audio) -> Result<Agreed, Disagreement> {
    let codec = |encoding| match encoding {
        Encoding::Pcmu => Some(Codec::Pcmu),
        Encoding::Pcma => Some(Codec::Pcma),
        Encoding::Event | Encoding::ComfortNoise | Encoding::Other => None,
    };
    let mut codecs = audio.formats.iter().filter_map(|format| codec(format.encoding));
    let codec = codecs.find(|codec| local.codecs.contains(codec)).ok_or(Disagreement::NoCodec)?;
    let event = audio.formats.iter().find(|format| format.encoding == Encoding::Event);
    let digits = match (local.event, event) {
        (Some(_), Some(format)) => DigitsBy::Event { payload_type: format.payload_type },
        _ => DigitsBy::Tones,
    };
    let held = audio.rtp.ip() == NOWHERE;
    let direction = match audio.direction {
        _ if held => Direction::Neither,
        Direction::Both => Direction::Both,
        Direction::SendOnly => Direction::ReceiveOnly,
        Direction::ReceiveOnly => Direction::SendOnly,
        Direction::Neither => Direction::Neither,
    };
    let srtp = keys(local, audio)?;
    Ok(Peer { rtp: audio.rtp, rtcp: audio.rtcp, codec, digits, direction, srtp })
}

fn keys(local: &Local, audio: &Audio) -> Result<Option<SrtpKeys>, Disagreement> {
    let both = audio.keys.iter().find_map(|theirs| {
        let fits = |own: &&OwnKey| own.tag == theirs.tag && own.suite == theirs.suite;
        local.keys.iter().find(fits).map(|own| SrtpKeys {
            suite: own.suite,
            ours: own.key.clone(),
            theirs: theirs.key.clone(),
        })
    });
    match both {
        None if audio.secure || local.srtp == Srtp::Required => Err(Disagreement::NoKey),
        both => Ok(both),
    }
}
