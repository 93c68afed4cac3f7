//! Periods and the tasks that keep to them.

use outbound::period::PeriodKind::{Call, DoNotCall};
use outbound::task::{PauseReason, TaskState};
use sqlx::PgPool;
use storage::periods::Edit;
use storage::{StoreError, periods, tasks, templates};

use super::*;

/// An edit in the first or second place of a list.
fn edit(place: usize, id: PeriodId, expected: i64, config: PeriodConfig) -> Edit {
    let (pointer, version_pointer) = (format!("/{place}/changes"), format!("/{place}/if_match"));
    Edit { id, expected, pointer, version_pointer, config }
}

fn outside(name: &str, kind: PeriodKind, of: PeriodId) -> PeriodConfig {
    PeriodConfig { complement_of: Some(of), ..period(name, kind, &[]) }
}

fn spans(period: &PeriodConfig) -> String {
    let spans = period.ranges.iter().map(|range| format!("{}-{}", range.start, range.end));
    spans.collect::<Vec<_>>().join(" ")
}

/// A running task that calls from 09:00 to 18:00 and is barred for the rest of the day.
async fn covered(office: &Office) -> (TaskId, PeriodId, PeriodId) {
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

#[sqlx::test(migrations = "../migrations")]
async fn opening_hours_of_both_periods_are_edited_together(pool: PgPool) {
    let office = Office::open(pool).await;
    let (task, day, night) = covered(&office).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let longer = period("Day", Call, &[("08:00", "19:00")]);
    let shorter = period("Night", DoNotCall, &[("00:00", "07:59"), ("19:01", "23:59")]);
    let edits = [edit(0, night, 1, shorter), edit(1, day, 1, longer.clone())];
    let (changed, steps) =
        periods::update_all(store, enterprise, &edits, at("11:00"), ACTOR).await.unwrap();
    let told: Vec<_> = changed.iter().map(|period| (period.id, period.version)).collect();
    assert_eq!(told, [(night, 2), (day, 2)]);
    let moved = office.get(task).await;
    assert_eq!((moved.state, moved.next_edge_at), (TaskState::Running, Some(at("19:01"))));
    assert_eq!(steps, moved.steps());
    // Once, though it keeps to both.
    let plans = sqlx::query_scalar::<_, i64>("select count(*) from task_plan where task_id = $1");
    let plans = plans.bind(task.uuid()).fetch_one(&office.pool).await.unwrap();
    assert_eq!(plans, 2);

    // One fault refuses all; so does one that somebody else has changed.
    let free = period("Night", DoNotCall, &[("00:00", "08:59"), ("19:01", "23:59")]);
    let edits = [edit(0, day, 2, longer.clone()), edit(1, night, 2, free)];
    let found = faults(periods::update_all(store, enterprise, &edits, at("11:00"), ACTOR).await);
    assert_eq!(found, ["/0/changes/ranges periods_overlap"]);
    let wrong = period("Night", DoNotCall, &[("08:59", "00:00")]);
    let edits = [edit(0, day, 2, longer), edit(1, night, 2, wrong)];
    let found = faults(periods::update_all(store, enterprise, &edits, at("11:00"), ACTOR).await);
    assert_eq!(found, ["/1/changes/ranges/0/end past_midnight"]);
    let old = period("Day", Call, &[("09:00", "18:00")]);
    let barred = period("Night", DoNotCall, &[("00:00", "08:59"), ("18:01", "23:59")]);
    let edits = [edit(0, day, 2, old), edit(1, night, 1, barred)];
    let stale = periods::update_all(store, enterprise, &edits, at("11:00"), ACTOR).await;
    let Err(StoreError::StaleAmong(found)) = stale else { panic!("{stale:?}") };
    let found: Vec<_> = found.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(found, ["/1/if_match"]);
    for id in [day, night] {
        assert_eq!(periods::get(store, enterprise, id).await.unwrap().version, 2);
    }
    assert_eq!(office.get(task).await, moved);
}

#[sqlx::test(migrations = "../migrations")]
async fn two_periods_exchange_names_and_ranges_in_one_edit(pool: PgPool) {
    let office = Office::open(pool).await;
    let early = office.period("Early", Call, &[("06:00", "13:59")]).await;
    let late = office.period("Late", Call, &[("14:00", "21:59")]).await;
    let mut config = office.config("Reminders");
    config.schedule.call_period = Some(early);
    let task = office.filled(config).await;
    office.start(task, at("10:00")).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let edits = [
        edit(0, early, 1, period("Late", Call, &[("14:00", "21:59")])),
        edit(1, late, 1, period("Early", Call, &[("06:00", "13:59")])),
    ];
    periods::update_all(store, enterprise, &edits, at("11:00"), ACTOR).await.unwrap();
    assert_eq!(periods::get(store, enterprise, early).await.unwrap().config.name, "Late");
    let paused = office.get(task).await;
    assert_eq!(paused.state, TaskState::Paused(PauseReason::OutsideCallPeriod));
    assert_eq!(paused.next_edge_at, Some(at("14:00")));

    office.period("Third", Call, &[("09:00", "10:00")]).await;
    let edits = [
        edit(0, early, 2, period("Early", Call, &[("14:00", "21:59")])),
        edit(1, late, 2, period("Third", Call, &[("06:00", "13:59")])),
    ];
    let taken = periods::update_all(store, enterprise, &edits, at("11:00"), ACTOR).await;
    assert_eq!(conflict(taken).0, "name_taken");
    assert_eq!(periods::get(store, enterprise, early).await.unwrap().config.name, "Late");
}

#[sqlx::test(migrations = "../migrations")]
async fn everything_outside_of_a_period_follows_its_edits(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let day = office.period("Day", Call, &[("09:00", "18:00")]).await;
    let night = outside("Night", DoNotCall, day);
    let night = periods::create(store, enterprise, night, at("08:00")).await.unwrap();
    assert_eq!(spans(&night.config), "00:00-08:59 18:01-23:59");
    let mut config = office.config("Reminders");
    config.schedule.call_period = Some(day);
    config.schedule.do_not_call_period = Some(night.id);
    let both = office.filled(config.clone()).await;
    config.name = "At night only barred".into();
    config.schedule.call_period = None;
    let barred = office.filled(config).await;
    for task in [both, barred] {
        office.start(task, at("10:00")).await;
    }

    let mut shorter = period("Day", Call, &[("09:00", "16:00")]);
    let holiday = outbound::period::DateException {
        date: "2026-12-25".parse().unwrap(),
        day: outbound::period::ExceptionDay::Closed,
    };
    shorter.exceptions.push(holiday.clone());
    let (_, steps) =
        periods::update(store, enterprise, day, 1, shorter, at("11:00"), ACTOR).await.unwrap();
    let follows = periods::get(store, enterprise, night.id).await.unwrap();
    assert_eq!((spans(&follows.config), follows.version), ("00:00-08:59 16:01-23:59".into(), 2));
    assert_eq!(follows.config.exceptions, [holiday]);
    let mut planned = Vec::new();
    for task in [both, barred] {
        let moved = office.get(task).await;
        assert_eq!((moved.state, moved.next_edge_at), (TaskState::Running, Some(at("16:01"))));
        planned.extend(moved.steps());
    }
    assert_eq!(steps, planned);

    // A name of its own, and a rename of the other, leave the ranges alone.
    let renamed = outside("Closed", DoNotCall, day);
    periods::update(store, enterprise, night.id, 2, renamed, at("11:00"), ACTOR).await.unwrap();
    let found = periods::get(store, enterprise, night.id).await.unwrap();
    assert_eq!((&*found.config.name, found.version), ("Closed", 3));
    assert_eq!(spans(&found.config), "00:00-08:59 16:01-23:59");

    // What is referred to stays, and stays what it is.
    let (code, detail) = conflict(periods::delete(store, enterprise, day).await);
    assert!(code == "period_in_use" && detail.contains("the period “Closed”"), "{detail}");
    let update = |id, expected, config| {
        periods::update(store, enterprise, id, expected, config, at("11:00"), ACTOR)
    };
    let other = period("Day", DoNotCall, &[("09:00", "18:00")]);
    assert_eq!(faults(update(day, 2, other).await), ["/kind in_use"]);
    let chain = outside("Day", Call, night.id);
    assert_eq!(
        faults(update(day, 2, chain).await),
        ["/complement_of chained", "/complement_of in_use"]
    );
    let own = PeriodConfig { complement_of: Some(day), ..found.config.clone() };
    assert_eq!(faults(update(night.id, 3, own).await), ["/ranges derived", "/exceptions derived"]);
    let second = outside("Second", Call, night.id);
    assert_eq!(
        faults(periods::create(store, enterprise, second, at("11:00")).await),
        ["/complement_of chained"]
    );
    let same = outside("Second", Call, day);
    let made = periods::create(store, enterprise, same, at("11:00")).await;
    assert_eq!(faults(made), ["/kind wrong_period_kind"]);
    let lost = outside("Second", DoNotCall, clock::new_id::<PeriodId>());
    let made = periods::create(store, enterprise, lost, at("11:00")).await;
    assert_eq!(faults(made), ["/complement_of not_found"]);

    // With ranges of its own again it no longer follows, and the other may go.
    let own = period("Closed", DoNotCall, &[("00:00", "08:59"), ("16:01", "23:59")]);
    update(night.id, 3, own).await.unwrap();
    tasks::end(store, enterprise, both, tasks::LiveCalls::Finish, at("11:01"), ACTOR)
        .await
        .unwrap();
    tasks::delete(store, enterprise, both, at("11:02"), ACTOR).await.unwrap();
    periods::delete(store, enterprise, day).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_with_both_periods_is_mended_by_making_one_follow_the_other(pool: PgPool) {
    let office = Office::open(pool).await;
    let (task, day, night) = covered(&office).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let follows = outside("Night", DoNotCall, day);
    let edits =
        [edit(0, night, 1, follows), edit(1, day, 1, period("Day", Call, &[("10:30", "18:00")]))];
    periods::update_all(store, enterprise, &edits, at("10:00"), ACTOR).await.unwrap();
    let paused = office.get(task).await;
    assert_eq!(paused.state, TaskState::Paused(PauseReason::DoNotCallPeriod));
    assert_eq!(paused.next_edge_at, Some(at("10:30")));
    let found = periods::get(store, enterprise, night).await.unwrap();
    assert_eq!((spans(&found.config), found.version), ("00:00-10:29 18:01-23:59".into(), 2));
}
