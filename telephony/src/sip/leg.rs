//! What a SIP call needs before its INVITE may leave.

use std::sync::Arc;
use std::time::Duration;

use outbound::trunk::Codec as TrunkCodec;
use rsipstack::transaction::{Transaction, make_tag};
use tokio::sync::mpsc;

use super::Works;
use super::call::{Call, Placing};
use super::sdp::Local;
use crate::carrier::{CarrierError, Order, Timeline};
use crate::gate::Permit;
use crate::media::{Codec, Noise, SessionSpec, VoiceActivity, random_key};
use crate::task_leg::{self, TaskLeg};

/// Hosts that are tried before the INVITE, until one takes a connection.
const READY_WAIT: Duration = Duration::from_secs(10);

/// Open what the call needs, up to the INVITE.
pub(super) async fn ready(
    works: &Arc<Works>,
    order: Order,
    permit: Permit,
) -> Result<TaskLeg, CarrierError> {
    let refused = |reason: String| CarrierError::Refused(reason);
    let trunk = Works::section(&order)?;
    if works.endpoint.owned() >= works.settings.calls_max {
        return Err(refused("as many SIP calls are up as may be".to_owned()));
    }
    let spec = SessionSpec {
        noise: Noise::Untouched,
        recording: Works::recording(&order),
        voice: VoiceActivity::On,
    };
    let (session, media) = works.plane.open(spec).map_err(|error| refused(error.to_string()))?;
    let audio = session.audio();
    let mut hosts = works.watches.in_order(order.trunk, &trunk);
    let reaching = works.first_reached(&trunk, &mut hosts);
    let reached = tokio::time::timeout(READY_WAIT, reaching).await;
    let (host, flow) = reached
        .ok()
        .flatten()
        .ok_or_else(|| refused("no host of the trunk can be reached".to_owned()))?;
    let call_id = format!("{}.{}", order.attempt.uuid().simple(), order.token);
    let codecs = order.line.codecs.iter().map(|codec| match codec {
        TrunkCodec::Pcma => Codec::Pcma,
        TrunkCodec::Pcmu => Codec::Pcmu,
    });
    let session_id = rand::random::<u32>().into();
    let local =
        Local::new(session.announced(), session_id, codecs.collect(), trunk.srtp, random_key);
    let (owned, requests): (_, mpsc::Receiver<Transaction>) = works.endpoint.own(&call_id);
    let timeline = Timeline::start(&works.clock);
    let ring_due = tokio::time::Instant::now();
    let placing = Placing { host, hosts, flow, permit, tag: make_tag(), ring_due };
    let works = Arc::clone(works);
    Ok(task_leg::leg(call_id.clone(), timeline, audio, |end| {
        let opened = (session, media);
        let call =
            Call::new(works, order, trunk, call_id, end, local, opened, (owned, requests), placing);
        Box::new(call).run()
    }))
}
