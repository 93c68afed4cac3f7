//! Opening a recogniser for a robot.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use dialog::robot::RobotConfig;
use outbound::ids::EnterpriseId;
use speech::recognition::RecognitionSpec;
use speech::{Recogniser, Recognition, SpeechError};

use crate::providers::Providers;

/// Phrases that a recogniser is told of; the rest of them it hears as any other words.
const PHRASES_MAX: usize = 1_000;

/// A recogniser on its way.
pub(super) type Opening =
    Pin<Box<dyn Future<Output = Result<Box<dyn Recognition>, SpeechError>> + Send>>;

/// Open what the robot hears with.
pub(super) fn begin(
    providers: &Providers,
    enterprise: EnterpriseId,
    robot: Arc<RobotConfig>,
) -> Opening {
    let providers = providers.clone();
    Box::pin(async move {
        let recogniser = providers.recogniser(enterprise, &robot).await;
        recogniser.open(&spec(&robot)).await
    })
}

/// What the recogniser may know.
fn spec(robot: &RobotConfig) -> RecognitionSpec {
    let intents = robot.agent.script().map_or(&[][..], |script| &script.intents);
    let phrases: BTreeSet<&String> = intents.iter().flat_map(|intent| &intent.keywords).collect();
    RecognitionSpec {
        language: robot.speech.language.clone(),
        phrases: phrases.into_iter().take(PHRASES_MAX).cloned().collect(),
        strictness: robot.turn.asr,
    }
}
