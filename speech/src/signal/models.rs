//! The two models, loaded once for all calls of a process, and the thread that works for whoever asks them.
//!
//! rten runs a model on threads of a pool, never on the one that asks. By default that is one pool for the whole process
//! with a thread for each core, over which it spreads each request: a judgement of a turn would push the media threads off
//! their cores, and calls would wait for each other. So here each thread that asks has a single *companion* that works while
//! it waits. As many requests are worked on at a time as the caller has threads, and none of them uses more than one core.
//! The companion ends with its thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::{RATE, mel};

/// Silero's voice detection, of the PyPI package silero-vad.
const VOICE_FILE: &str = "silero_vad_op18_ifless.onnx";
/// Smart Turn, of the PyPI package pipecat-ai.
const TURN_FILE: &str = "smart-turn-v3.2-cpu.onnx";
/// A file of more bytes is no model of ours.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Samples of a window of the voice model, 32 ms, and those before it that it sees again.
pub(super) const WINDOW_SAMPLES: usize = 256;
pub(super) const CONTEXT_SAMPLES: usize = 32;
/// What the voice model remembers of a call.
const STATE_SHAPE: [usize; 3] = [2, 1, 128];

/// Why a model gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is not there or can't be read. `scripts/setup models` fetches it.
    #[error("the model {} can't be read: {reason}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A file is there, and is not the model that this version works with.
    #[error("{} is not the model that this version works with: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A request failed. It is a defect, not the sound's fault: the models were tried when they were loaded.
    #[error("a model failed: {0}")]
    Failed(String),
}

/// The models; clones share them.
#[derive(Clone)]
pub struct Models {
    loaded: Arc<Loaded>,
}

struct Loaded {
    voice: Network<3, 2>,
    turn: Network<1, 1>,
}

impl Models {
    /// Loads both models from the folder that `scripts/setup models` fills, and tries each once, which takes half a second.
    /// A process does this once.
    ///
    /// # Errors
    ///
    /// When a file is missing or is not the model that this version works with.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let loaded = Loaded {
            voice: Network::load(
                folder.join(VOICE_FILE),
                ["input", "sr", "state"],
                ["output", "stateN"],
            )?,
            turn: Network::load(folder.join(TURN_FILE), ["input_features"], ["logits"])?,
        };
        let models = Self { loaded: Arc::new(loaded) };
        let unusable = |file: &str| {
            let path = folder.join(file);
            move |error: ModelError| ModelError::Unusable { path, reason: error.to_string() }
        };
        let silence = vec![0.0; CONTEXT_SAMPLES + WINDOW_SAMPLES];
        models.voice(&silence, &VoiceState::default()).map_err(unusable(VOICE_FILE))?;
        let picture = vec![0.0; mel::BANDS * mel::COLUMNS];
        models.turn(picture).map_err(unusable(TURN_FILE))?;
        Ok(models)
    }

    /// The probability that somebody speaks in a window, and what the model remembers from now on.
    pub(super) fn voice(
        &self,
        heights: &[f32],
        state: &VoiceState,
    ) -> Result<(f32, VoiceState), ModelError> {
        let window = NdTensor::from_data([1, heights.len()], heights.to_vec());
        let rate = Value::from(RATE as i32);
        let inputs = [window.into(), rate.into(), state.0.view().into()];
        let [probability, state] = self.loaded.voice.run(inputs)?;
        let state = NdTensor::<f32, 3>::try_from(state).map_err(failed)?;
        if state.shape() != STATE_SHAPE {
            return Err(failed(format!("a state of {:?}", state.shape())));
        }
        Ok((only(probability)?, VoiceState(state)))
    }

    /// The probability that a turn is complete, judged by its picture.
    pub(super) fn turn(&self, picture: Vec<f32>) -> Result<f32, ModelError> {
        let picture = NdTensor::from_data([1, mel::BANDS, mel::COLUMNS], picture);
        let [probability] = self.loaded.turn.run([picture.into()])?;
        only(probability)
    }
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Models").finish_non_exhaustive()
    }
}

/// What the voice model remembers of a call: 1 KiB.
#[derive(Debug, Clone)]
pub(super) struct VoiceState(NdTensor<f32, 3>);

impl Default for VoiceState {
    fn default() -> Self {
        Self(NdTensor::zeros(STATE_SHAPE))
    }
}

/// A model with the ids of its inputs and outputs.
struct Network<const INPUTS: usize, const OUTPUTS: usize> {
    model: Model,
    inputs: [NodeId; INPUTS],
    outputs: [NodeId; OUTPUTS],
}

impl<const INPUTS: usize, const OUTPUTS: usize> Network<INPUTS, OUTPUTS> {
    fn load(
        path: PathBuf,
        inputs: [&str; INPUTS],
        outputs: [&str; OUTPUTS],
    ) -> Result<Self, ModelError> {
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(reason) => return Err(ModelError::Missing { path, reason }),
        };
        let loaded = || {
            let model =
                ModelOptions::with_all_ops().prepack_weights(true).load(bytes).map_err(failed)?;
            Ok(Self { inputs: ids(&model, inputs)?, outputs: ids(&model, outputs)?, model })
        };
        loaded()
            .map_err(|error: ModelError| ModelError::Unusable { path, reason: error.to_string() })
    }

    fn run(&self, inputs: [ValueOrView<'_>; INPUTS]) -> Result<[Value; OUTPUTS], ModelError> {
        let inputs = self.inputs.iter().copied().zip(inputs).collect();
        let companion = COMPANION.with(Arc::clone);
        let options = RunOptions::default().with_thread_pool(Some(companion));
        self.model.run_n(inputs, self.outputs, Some(options)).map_err(failed)
    }
}

thread_local! {
    static COMPANION: Arc<ThreadPool> = Arc::new(ThreadPool::with_num_threads(1));
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("{bytes} bytes are more than any model has")));
    }
    std::fs::read(path)
}

fn ids<const N: usize>(model: &Model, names: [&str; N]) -> Result<[NodeId; N], ModelError> {
    let mut found = Vec::with_capacity(N);
    for name in names {
        found.push(model.node_id(name).map_err(failed)?);
    }
    found.try_into().map_err(|_| failed("a name without a node"))
}

/// The only number of an output.
fn only(value: Value) -> Result<f32, ModelError> {
    let tensor = value.into_tensor::<f32>().ok_or_else(|| failed("an answer without a number"))?;
    match tensor.into_data().as_slice() {
        [number] if number.is_finite() => Ok(*number),
        numbers => Err(failed(format!("an answer of {} numbers, not of one", numbers.len()))),
    }
}

fn failed(reason: impl std::fmt::Display) -> ModelError {
    ModelError::Failed(reason.to_string())
}
