//! Who hears for a robot: the recognisers that it names, in their order, and pocketsphinx after them where the robot has a
//! script.

use std::sync::Arc;

use dialog::robot::RobotConfig;
use outbound::ids::EnterpriseId;
use speech::{Recogniser, SpeechError};

use super::Providers;

/// This machine's own.
#[derive(Debug, Default)]
pub(super) struct Here;

impl Providers {
    pub async fn recogniser(
        &self,
        _: EnterpriseId,
        _: &RobotConfig,
    ) -> Result<Arc<dyn Recogniser>, SpeechError> {
        Err(SpeechError::Failed("no recogniser".into()))
    }
}
