//! What a call through Asterisk needs before its originate may leave.

use std::sync::Arc;
use std::time::Duration;

use outbound::trunk::AsteriskMedia;

use super::Works;
use super::call::{Call, Channel};
use crate::carrier::{CarrierError, Order, Timeline};
use crate::media::{Noise, RecordingFormat, RecordingSpec, SessionSpec, VoiceActivity};
use crate::task_leg::{self, TaskLeg};

/// How long the connection of events may take to open.
const LINK_WAIT: Duration = Duration::from_secs(5);

/// Open what the call needs, up to the originate.
pub(super) async fn ready(works: &Arc<Works>, order: Order) -> Result<TaskLeg, CarrierError> {
    let refused = CarrierError::Refused;
    let section = order.line.asterisk.clone().map(Arc::new);
    let trunk =
        section.ok_or_else(|| refused("the trunk has no Asterisk configuration".to_owned()))?;
    if trunk.media == AsteriskMedia::Audiosocket && works.door.is_none() {
        return Err(refused("this process has no address for AudioSocket".to_owned()));
    }
    let room = Arc::clone(&works.room).try_acquire_owned();
    let room = room.map_err(|_| refused("as many calls are up as may be".to_owned()))?;
    let server = works.servers.of(&trunk).map_err(refused)?;
    // Whoever can't hear what happens to a call places none.
    server.linked(LINK_WAIT).await.map_err(refused)?;
    let recording =
        order.recording.clone().map(|path| RecordingSpec { path, format: RecordingFormat::Wav });
    let spec = SessionSpec { noise: Noise::Untouched, recording, voice: VoiceActivity::On };
    let opened = works.plane.open_stream(spec).map_err(|error| refused(error.to_string()))?;
    let audio = opened.0.audio();
    let id = format!("cw-{}-{}", order.attempt.uuid().simple(), order.token);
    let timeline = Timeline::start(&works.clock);
    let channel = Channel::new(server, id.clone());
    let works = Arc::clone(works);
    Ok(task_leg::leg(id, timeline, audio, |end| {
        let call = Call::new(works, order, trunk, end, channel, opened, room);
        Box::new(call).run()
    }))
}
