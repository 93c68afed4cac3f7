//! The conversation of a call that was answered: with its variables, the customer's clock, and what surrounds them.

use std::sync::Arc;

use dialog::conversation::Conversation;
use dialog::navigation::Published;
use dialog::robot;
use outbound::Time;
use outbound::environment::Environment;
use storage::attempts::DialOrder;

/// Begin it; `at` is the answer.
pub fn conversation(order: &DialOrder, at: Time) -> Conversation {
    let mut variables = order.facts.variables.clone();
    let local = at.with_timezone(&order.hours.zone);
    variables.insert("local_time".into(), local.format("%H:%M").to_string());
    variables.insert("weekday".into(), local.format("%a").to_string().to_lowercase());
    let content = match order.environment {
        Some(environment) => surrounded(&order.content, environment),
        None => Arc::clone(&order.content),
    };
    Conversation::new(content, variables).with_local_time(local.naive_local())
}

/// What was published, with the figures of the task's environment in place of the robots' own.
fn surrounded(content: &Published, environment: Environment) -> Arc<Published> {
    let preset = match environment {
        Environment::Office => robot::Environment::Office,
        Environment::Home => robot::Environment::Home,
        Environment::OutdoorStreet => robot::Environment::OutdoorStreet,
        Environment::SubwayBus => robot::Environment::SubwayBus,
        Environment::IndustrialWarehouse => robot::Environment::IndustrialWarehouse,
        Environment::InCar => robot::Environment::InCar,
    };
    let figures = preset.preset();
    let mut content = content.clone();
    for robot in content.robots.values_mut() {
        robot.turn.noise_reduction = figures.noise_reduction;
        robot.turn.end_of_speech_ms = figures.end_of_speech_ms;
        robot.turn.asr = figures.asr;
    }
    Arc::new(content)
}

#[cfg(test)]
mod tests {
    use dialog::robot::NoiseReduction;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tasks_environment_goes_before_the_robots_figures_and_changes_nothing_else() {
        let content: Published = serde_json::from_value(json!({
            "navigation": {"name": "talk", "start": "talk", "nodes": [{"name": "talk", "kind": "agent", "robot": "r"}]},
            "robots": {"r": {
                "name": "Anna", "agent": {"kind": "scripted", "intents": [], "fallback": []},
                "turn": {"end_of_speech_ms": 300, "asr": 0.1, "noise_reduction": "off", "eager": true},
            }},
        }))
        .expect("a navigation");
        let hall = surrounded(&content, Environment::IndustrialWarehouse);
        let turn = &hall.robots["r"].turn;
        assert_eq!(
            (turn.noise_reduction, turn.end_of_speech_ms),
            (NoiseReduction::VeryHigh, 1_200)
        );
        assert!((turn.asr - 1.0).abs() < f32::EPSILON && turn.eager);
    }
}
