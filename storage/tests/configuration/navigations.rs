//! Navigations and the robots that they use.

use dialog::navigation::Navigation;
use dialog::robot::RobotConfig;
use outbound::ids::RobotId;
use sqlx::PgPool;
use storage::{StoreError, navigations, robots};

use super::*;

fn flow(robot: RobotId) -> Navigation {
    serde_json::from_value(serde_json::json!({
        "name": "Reminder flow",
        "variables": [{ "name": "customerName", "required": true }],
        "start": "talk",
        "nodes": [{ "name": "talk", "kind": "agent", "robot": robot }],
    }))
    .unwrap()
}

fn robot(opening: &str) -> RobotConfig {
    serde_json::from_value(serde_json::json!({
        "name": "Amy",
        "opening": opening,
        "agent": {
            "kind": "scripted",
            "intents": [{ "name": "yes", "keywords": ["yes"], "reply": "Fine. #Hangup#" }],
            "fallback": ["Pardon?"],
        },
    }))
    .unwrap()
}

const OPENING: &str = "Hello {{customerName}}";

#[sqlx::test(migrations = "../migrations")]
async fn a_call_runs_what_was_published_whatever_is_edited_afterwards(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("08:00"));
    let amy = robots::create(store, enterprise, robot(OPENING), now).await.unwrap();
    let made = navigations::create(store, enterprise, flow(amy.id), now).await.unwrap();
    assert!(navigations::published_now(store, enterprise, made.id).await.unwrap().is_none());
    let first = navigations::publish(store, enterprise, made.id, now).await.unwrap();
    assert_eq!(first.published_version, Some(1));

    let new = robot("Good day {{customerName}}");
    robots::update(store, enterprise, amy.id, 1, new).await.unwrap();
    let kept = navigations::published_now(store, enterprise, made.id).await.unwrap().unwrap();
    assert_eq!(kept.robots[&amy.id.to_string()].opening, OPENING);
    navigations::publish(store, enterprise, made.id, now).await.unwrap();
    let newest = navigations::published_now(store, enterprise, made.id).await.unwrap().unwrap();
    assert_eq!(newest.robots[&amy.id.to_string()].opening, "Good day {{customerName}}");
    assert_eq!(navigations::published(store, made.id, 1).await.unwrap(), kept);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_navigation_with_a_fault_is_not_published_and_calls_go_on_with_the_old_one(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("08:00"));
    let amy = robots::create(store, enterprise, robot(OPENING), now).await.unwrap();
    let made = navigations::create(store, enterprise, flow(amy.id), now).await.unwrap();
    navigations::publish(store, enterprise, made.id, now).await.unwrap();
    let broken = Navigation { start: "nowhere".into(), ..flow(amy.id) };
    let edited = navigations::update(store, enterprise, made.id, 1, broken.clone()).await.unwrap();
    assert_eq!((edited.version, edited.published_version), (2, Some(1)));
    assert!(!faults(navigations::publish(store, enterprise, made.id, now).await).is_empty());
    let found = navigations::get(store, enterprise, made.id).await.unwrap();
    assert_eq!(found.published_version, Some(1));
    let stale = navigations::update(store, enterprise, made.id, 1, broken).await;
    assert!(matches!(stale, Err(StoreError::Stale)));
    // A robot of another enterprise is none.
    let foreign = Navigation { name: "Foreign".into(), ..flow(clock::new_id::<RobotId>()) };
    let foreign = navigations::create(store, enterprise, foreign, now).await.unwrap();
    assert!(!faults(navigations::publish(store, enterprise, foreign.id, now).await).is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_robot_and_a_navigation_in_use_are_not_deleted(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("08:00"));
    let amy = robots::create(store, enterprise, robot(OPENING), now).await.unwrap();
    let made = navigations::create(store, enterprise, flow(amy.id), now).await.unwrap();
    navigations::publish(store, enterprise, made.id, now).await.unwrap();
    let mut config = office.config("Reminders");
    config.navigation = made.id;
    let task = office.task(config).await.id;

    let (code, detail) = conflict(robots::delete(store, enterprise, amy.id).await);
    assert_eq!(code, "robot_in_use");
    assert!(detail.contains("Reminder flow"), "{detail}");
    let (code, detail) = conflict(navigations::delete(store, enterprise, made.id).await);
    assert_eq!(code, "navigation_in_use");
    assert!(detail.contains("task “Reminders”"), "{detail}");

    storage::tasks::delete(store, enterprise, task, now, ACTOR).await.unwrap();
    navigations::delete(store, enterprise, made.id).await.unwrap();
    robots::delete(store, enterprise, amy.id).await.unwrap();
    assert!(not_found(robots::get(store, enterprise, amy.id).await));
}
