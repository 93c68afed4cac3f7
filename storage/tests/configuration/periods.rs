//! Periods and the tasks that keep to them.

use outbound::period::PeriodKind::{Call, DoNotCall};
use outbound::task::{PauseReason, TaskState};
use sqlx::PgPool;
use storage::{StoreError, periods, tasks, templates};

use super::*;

/// A running task that calls from 09:00 to 18:00 and is barred for the rest of the day.
async fn covered(office: &Office) -> (TaskId, outbound::ids::PeriodId, outbound::ids::PeriodId) {
    let day = office.period("Day", Call, &[("09:00", "18:00")]).await;
    let night = office.period("Night", DoNotCall, &[("00:00", "08:59"), ("18:01", "23:59")]).await;
    let mut config = office.config("Reminders");
    config.schedule.call_period = Some(day);
    config.schedule.do_not_call_period = Some(night);
    let task = office.filled(config).await;
    office.start(task, at("10:00")).await;
    (task, day, night)
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edited_period_replans_every_task_that_keeps_to_it(pool: PgPool) {
    let office = Office::open(pool).await;
    let day = office.period("Day", Call, &[("09:00", "18:00")]).await;
    let mut config = office.config("Reminders");
    config.schedule.call_period = Some(day);
    let task = office.filled(config).await;
    office.start(task, at("10:00")).await;

    let (store, enterprise) = (&office.store, office.enterprise);
    let shorter = period("Day", Call, &[("09:00", "16:00")]);
    let (edited, steps) =
        periods::update(store, enterprise, day, 1, shorter, at("11:00"), ACTOR).await.unwrap();
    assert_eq!(edited.version, 2);
    let moved = office.get(task).await;
    assert_eq!((moved.state, moved.next_edge_at), (TaskState::Running, Some(at("16:01"))));
    assert_eq!(steps, moved.steps());

    let over = period("Day", Call, &[("09:00", "10:59")]);
    periods::update(store, enterprise, day, 2, over, at("11:30"), ACTOR).await.unwrap();
    let paused = office.get(task).await;
    assert_eq!(paused.state, TaskState::Paused(PauseReason::OutsideCallPeriod));
    let mut conn = office.pool.acquire().await.unwrap();
    let hours = tasks::hours_of(&mut conn, task).await.unwrap();
    assert_eq!(hours.call, Some(period("Day", Call, &[("09:00", "10:59")])));
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edit_that_leaves_a_minute_free_names_task_and_minute(pool: PgPool) {
    let office = Office::open(pool).await;
    let (task, day, _) = covered(&office).await;
    let before = office.get(task).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    for (end, code, minute) in [("17:59", "gap", "18:00"), ("18:01", "overlap", "18:01")] {
        let edit = period("Day", Call, &[("09:00", end)]);
        let refused = periods::update(store, enterprise, day, 1, edit, at("11:00"), ACTOR).await;
        let Err(StoreError::Refused(found)) = refused else { panic!("{refused:?}") };
        assert_eq!(found.len(), 1);
        let detail = &found[0].detail;
        assert!(found[0].pointer == "/ranges" && found[0].code.contains(code), "{found:?}");
        assert!(detail.contains("Reminders") && detail.contains(minute), "{detail}");
    }
    assert_eq!(periods::get(store, enterprise, day).await.unwrap().version, 1);
    assert_eq!(office.get(task).await, before);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_whose_periods_leave_a_minute_free_is_refused(pool: PgPool) {
    let office = Office::open(pool).await;
    let mut config = office.config("Reminders");
    let day = office.period("Day", Call, &[("09:00", "18:00")]).await;
    let night = office.period("Night", DoNotCall, &[("00:00", "08:59"), ("18:02", "23:59")]).await;
    config.schedule.call_period = Some(day);
    config.schedule.do_not_call_period = Some(night);
    let (store, enterprise, now) = (&office.store, office.enterprise, at("08:00"));
    let made = tasks::create(store, enterprise, config.clone(), now, ACTOR).await;
    let found = faults(made);
    assert!(found.len() == 1 && found[0].starts_with("/schedule/do_not_call_period periods_leave"));
    config.schedule.do_not_call_period = Some(day);
    let made = tasks::create(store, enterprise, config, now, ACTOR).await;
    let found = faults(made);
    assert!(found.len() == 1 && found[0].starts_with("/schedule/do_not_call_period wrong_"));
}

#[sqlx::test(migrations = "../migrations")]
async fn the_kind_of_a_period_in_use_stays(pool: PgPool) {
    let office = Office::open(pool).await;
    let (_, day, _) = covered(&office).await;
    let other = period("Day", DoNotCall, &[("09:00", "18:00")]);
    let (store, enterprise) = (&office.store, office.enterprise);
    let refused = periods::update(store, enterprise, day, 1, other, at("11:00"), ACTOR).await;
    assert_eq!(faults(refused), ["/kind in_use"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_period_in_use_is_not_deleted_and_the_refusal_says_by_whom(pool: PgPool) {
    let office = Office::open(pool).await;
    let (task, day, night) = covered(&office).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let mut config = office.config("Standard");
    config.schedule.do_not_call_period = Some(night);
    templates::create(store, enterprise, config, at("11:00")).await.unwrap();

    let (code, detail) = conflict(periods::delete(store, enterprise, night).await);
    assert_eq!(code, "period_in_use");
    assert!(
        detail.contains("task “Reminders”") && detail.contains("template “Standard”"),
        "{detail}"
    );

    tasks::pause(store, enterprise, task, at("11:00"), ACTOR).await.unwrap();
    tasks::delete(store, enterprise, task, at("11:01"), ACTOR).await.unwrap();
    periods::delete(store, enterprise, day).await.unwrap();
    assert!(not_found(periods::get(store, enterprise, day).await));
}
