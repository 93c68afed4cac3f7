//! The guide's table of environments (step 3, noise reduction and VAD).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::{NoiseReduction, TurnSettings};

/// Where the customers of a task are, typically (the guide's table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Low noise, distant chatter.
    Office,
    /// Occasional sounds: television, children.
    Home,
    /// Traffic and wind.
    OutdoorStreet,
    /// Mechanical noise and many speakers.
    SubwayBus,
    /// Machines and impacts.
    IndustrialWarehouse,
    /// A closed space with low rumble.
    InCar,
}

impl Environment {
    /// Every environment, in the order of the guide's table.
    pub const ALL: [Self; 6] = [
        Self::Office,
        Self::Home,
        Self::OutdoorStreet,
        Self::SubwayBus,
        Self::IndustrialWarehouse,
        Self::InCar,
    ];

    /// The figures that the guide recommends; everything else stays at its default.
    #[must_use]
    pub fn preset(self) -> TurnSettings {
        let (noise_reduction, end_of_speech_ms, asr) = match self {
            Self::Office => (NoiseReduction::Low, 500, 0.5),
            Self::Home => (NoiseReduction::Medium, 800, 0.7),
            Self::OutdoorStreet => (NoiseReduction::High, 800, 1.0),
            Self::SubwayBus => (NoiseReduction::High, 1_000, 1.0),
            Self::IndustrialWarehouse => (NoiseReduction::VeryHigh, 1_200, 1.0),
            Self::InCar => (NoiseReduction::Medium, 800, 0.7),
        };
        TurnSettings { noise_reduction, end_of_speech_ms, asr, ..TurnSettings::default() }
    }
}
