//! A SIP call as the gate holds it. The call itself runs as a task, so that whatever the far end sends is answered,
//! also when nobody asks for events, and after the leg was let go.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use outbound::Time;
use outbound::outcome::{CallResult, CalledStatus};
use outbound::trunk::Codec as TrunkCodec;
use rsipstack::transaction::{Transaction, make_tag};
use tokio::sync::{mpsc, watch};

use super::Works;
use super::call::{Call, Events, Placing, Told};
use super::sdp::Local;
use crate::carrier::{CallEvent, CarrierError, Command, Ending, Order, Timeline};
use crate::gate::{Leg, Permit};
use crate::media::{Codec, Noise, SessionSpec, VoiceActivity, random_key};

/// Commands that wait for the call.
const COMMANDS_MAX: usize = 64;
/// Hosts that are tried before the INVITE, until one takes a connection.
const READY_WAIT: Duration = Duration::from_secs(10);

/// See the module.
pub struct SipLeg {
    call_id: String,
    timeline: Timeline,
    reached: Time,
    prepared: Option<Box<Call>>,
    events: mpsc::Receiver<Told>,
    commands: mpsc::Sender<Command>,
    hang_up: watch::Sender<Option<&'static str>>,
    over: bool,
}

/// Open what the call needs, up to the INVITE.
pub(super) async fn ready(
    works: &Arc<Works>,
    order: Order,
    permit: Permit,
) -> Result<SipLeg, CarrierError> {
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
    let (events, told) = Events::channel();
    let (commands, commanded) = mpsc::channel(COMMANDS_MAX);
    let (hang_up, hung_up) = watch::channel(None);
    let (owned, requests): (_, mpsc::Receiver<Transaction>) = works.endpoint.own(&call_id);
    let timeline = Timeline::start(&works.clock);
    let ring_due = tokio::time::Instant::now();
    let placing = Placing { host, hosts, flow, permit, tag: make_tag(), ring_due };
    let call = Call::new(
        Arc::clone(works),
        order,
        trunk,
        call_id.clone(),
        timeline,
        local,
        (session, media),
        events,
        commanded,
        hung_up,
        (owned, requests),
        placing,
    );
    Ok(SipLeg {
        call_id,
        timeline,
        reached: timeline.started_at(),
        prepared: Some(Box::new(call)),
        events: told,
        commands,
        hang_up,
        over: false,
    })
}

impl Leg for SipLeg {
    fn call_id(&self) -> &str {
        &self.call_id
    }

    fn now(&mut self) -> Time {
        self.reached = self.timeline.at(self.timeline.elapsed_ms()).max(self.reached);
        self.reached
    }

    fn invite(&mut self) {
        if let Some(call) = self.prepared.take() {
            tokio::spawn(call.run());
        }
    }

    async fn next(&mut self, told: &mut VecDeque<CallEvent>) -> Option<&'static str> {
        if self.over {
            return std::future::pending().await;
        }
        // The call's task ended without an end: it is lost, and the far end with it.
        let first = self.events.recv().await;
        let mut next = first.or_else(|| Some(Told::Event(CallEvent::Ended(lost(self.now())))));
        while let Some(happened) = next {
            match happened {
                Told::Event(event) => {
                    self.over |= matches!(event, CallEvent::Ended(_));
                    told.push_back(event);
                }
                Told::Due(cause) => return Some(cause),
            }
            next = self.events.try_recv().ok();
        }
        None
    }

    async fn send(&mut self, command: Command) {
        // A call that is over takes no commands.
        let _ = self.commands.send(command).await;
    }

    fn hang_up(&mut self, cause: &'static str, _: &mut VecDeque<CallEvent>) {
        self.hang_up.send_if_modified(|wanted| {
            let first = wanted.is_none();
            wanted.get_or_insert(cause);
            first
        });
    }
}

fn lost(at: Time) -> Ending {
    Ending {
        at,
        result: CallResult::Unanswered(CalledStatus::CallFailed),
        cause: String::new(),
        sip_code: None,
        q850_cause: None,
        party: None,
        trunk_refused: false,
    }
}
