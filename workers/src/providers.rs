//! stub for compiling
use dialog::robot::RobotConfig;
use outbound::ids::EnterpriseId;
use speech::{Recogniser, SpeechError};
use std::sync::Arc;
#[derive(Clone, Default)]
pub struct Providers;
impl Providers {
    pub async fn recogniser(
        &self,
        _: EnterpriseId,
        _: &RobotConfig,
    ) -> Result<Arc<dyn Recogniser>, SpeechError> {
        Err(SpeechError::TimedOut)
    }
}
