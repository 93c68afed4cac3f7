//! What a task does by the clock.

use chrono::TimeDelta;
use outbound::enterprise::EnterpriseSettings;
use outbound::ids::TaskId;
use outbound::period::PeriodKind;
use outbound::task::{PauseReason, TaskState};
use sqlx::PgPool;
use storage::enterprises;
use storage::tasks::{self, PlannedStep, Step, Stepped};

use super::*;

impl Office {
    async fn run(&self, task: TaskId, step: Step, now: Time) -> Stepped {
        tasks::run_step(&self.store, PlannedStep { task, step, at: now }, now).await.unwrap()
    }

    /// A task with a scheduled start at 09:00 and an end at 18:00 of 2 March.
    async fn scheduled(&self) -> TaskConfig {
        let mut config = self.config("Reminders");
        config.schedule.scheduled_start = Some(local("2026-03-02", "09:00"));
        config.schedule.scheduled_end = Some(local("2026-03-02", "18:00"));
        config
    }
}

const OUTSIDE: TaskState = TaskState::Paused(PauseReason::OutsideCallPeriod);

#[sqlx::test(migrations = "../migrations")]
async fn a_scheduled_start_and_end_happen_once_each_and_never_early(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.scheduled().await).await;
    let planned = office.get(task).await.steps();
    assert_eq!(
        planned,
        [
            PlannedStep { task, step: Step::Start, at: at("09:00") },
            PlannedStep { task, step: Step::End, at: at("18:00") },
        ]
    );
    assert!(!office.run(task, Step::Start, at("08:59:59")).await.taken);
    let stepped = office.run(task, Step::Start, at("09:00")).await;
    assert_eq!((stepped.taken, stepped.state), (true, TaskState::Running));
    assert_eq!(stepped.next, planned[1..]);

    // A person pauses it; the start's job, delivered again, does not resume it.
    tasks::pause(&office.store, office.enterprise, task, at("10:00"), ACTOR).await.unwrap();
    assert!(!office.run(task, Step::Start, at("10:01")).await.taken);
    assert_eq!(office.run(task, Step::End, at("18:00")).await.state, TaskState::Ended);
    office.start(task, at("18:30")).await;
    assert!(!office.run(task, Step::End, at("18:31")).await.taken);
    assert_eq!(office.get(task).await.state, TaskState::Running);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_step_that_two_workers_take_at_once_happens_once(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.scheduled().await).await;
    let step = || office.run(task, Step::Start, at("09:00"));
    let (one, other) = tokio::join!(step(), step());
    assert_ne!(one.taken, other.taken);
    assert_eq!(office.history(task).await[1..], ["scheduled_start running schedule"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_start_missed_while_the_service_was_down_happens_when_it_is_back(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.scheduled().await).await;
    let due = tasks::due_steps(&office.store, at("12:00"), 10).await.unwrap();
    assert_eq!(due, [PlannedStep { task, step: Step::Start, at: at("09:00") }]);
    assert_eq!(office.run(task, Step::Start, at("12:00")).await.state, TaskState::Running);
    assert!(tasks::due_steps(&office.store, at("12:00"), 10).await.unwrap().is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_start_whose_end_is_past_too_does_not_happen(pool: PgPool) {
    let office = Office::open(pool).await;
    for order in [[Step::Start, Step::End], [Step::End, Step::Start]] {
        let mut config = office.scheduled().await;
        config.name = format!("{order:?}");
        let task = office.filled(config).await;
        for step in order {
            assert_ne!(office.run(task, step, at("19:00")).await.state, TaskState::Running);
        }
        let after = office.get(task).await;
        assert!(after.steps().is_empty());
        assert_eq!(after.state, TaskState::Ended);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_scheduled_start_without_numbers_leaves_the_task_initial(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.task(office.scheduled().await).await.id;
    let stepped = office.run(task, Step::Start, at("09:00")).await;
    assert_eq!((stepped.taken, stepped.state), (true, TaskState::Initial));
    assert_eq!(office.get(task).await.scheduled_start_at, None);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_pauses_when_its_period_ends_and_goes_on_when_it_begins(pool: PgPool) {
    let office = Office::open(pool).await;
    let period = office.period("Day", PeriodKind::Call, &[("09:00", "18:00")]).await;
    let mut config = office.config("Reminders");
    config.schedule.call_period = Some(period);
    let task = office.filled(config).await;
    // Started before the window: it waits for it.
    let started = office.start(task, at("08:30")).await;
    assert_eq!((started.state, started.next_edge_at), (OUTSIDE, Some(at("09:00"))));
    let opened = office.run(task, Step::Edge, at("09:00")).await;
    assert_eq!(opened.state, TaskState::Running);
    // The last minute of the range is open to its end.
    let close = PlannedStep { task, step: Step::Edge, at: at("18:01") };
    assert_eq!(opened.next, [close]);
    assert!(!office.run(task, Step::Edge, at("18:00:59")).await.taken);
    let closed = office.run(task, Step::Edge, at("18:01")).await;
    assert_eq!(closed.state, OUTSIDE);
    assert_eq!(closed.next[0].at, on("2026-03-03", "09:00"));
    // The service was down over several edges: what counts is where the clock stands now.
    let late = office.run(task, Step::Edge, on("2026-03-05", "12:00")).await;
    assert_eq!(late.state, TaskState::Running);
    assert_eq!(late.next[0].at, on("2026-03-05", "18:01"));
    assert_eq!(
        office.history(task).await[2..],
        [
            "window_opened running schedule",
            "window_closed paused outside_call_period schedule",
            "window_opened running schedule",
        ]
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edit_of_the_schedule_counts_at_once(pool: PgPool) {
    let office = Office::open(pool).await;
    let morning = office.period("Morning", PeriodKind::Call, &[("09:00", "11:59")]).await;
    let task = office.filled(office.config("Reminders")).await;
    office.start(task, at("13:00")).await;
    let narrowed = office
        .edit(task, at("14:00"), |config| config.schedule.call_period = Some(morning))
        .await
        .unwrap();
    assert_eq!(narrowed.state, OUTSIDE);
    assert_eq!(narrowed.next_edge_at, Some(on("2026-03-03", "09:00")));
    let widened =
        office.edit(task, at("14:01"), |config| config.schedule.call_period = None).await.unwrap();
    assert_eq!((widened.state, widened.next_edge_at), (TaskState::Running, None));
    assert_eq!(office.count("task_plan").await, 3);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_that_its_schedule_started_can_still_be_edited(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.scheduled().await).await;
    office.run(task, Step::Start, at("09:00")).await;
    let later = |config: &mut TaskConfig| {
        config.schedule.scheduled_end = Some(local("2026-03-02", "20:00"));
    };
    let edited = office.edit(task, at("12:00"), later).await.unwrap();
    assert_eq!(edited.scheduled_start_at, None, "it is done, and stays done");
    assert_eq!(edited.scheduled_end_at, Some(at("20:00")));
    // A new start is a start to come.
    let tomorrow = |config: &mut TaskConfig| {
        config.schedule.scheduled_start = Some(local("2026-03-03", "09:00"));
    };
    let refused = office.edit(task, at("12:01"), tomorrow).await;
    assert_eq!(faults(refused), ["/schedule/scheduled_end not_after_start"]);
    let past = |config: &mut TaskConfig| {
        config.schedule.scheduled_start = Some(local("2026-03-02", "10:00"));
    };
    let refused = office.edit(task, at("12:02"), past).await;
    assert_eq!(faults(refused), ["/schedule/scheduled_start in_the_past"]);
    assert_eq!(office.get(task).await.version, 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_start_that_is_no_range_start_is_refused(pool: PgPool) {
    let office = Office::open(pool).await;
    let mut config = office.config("Reminders");
    let period = office.period("Day", PeriodKind::Call, &[("09:00", "18:00")]).await;
    config.schedule.call_period = Some(period);
    config.schedule.scheduled_start = Some(local("2026-03-02", "09:30"));
    let (store, enterprise) = (&office.store, office.enterprise);
    let made = tasks::create(store, enterprise, config, at("08:00"), ACTOR).await;
    assert_eq!(faults(made), ["/schedule/scheduled_start not_a_range_start"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_new_zone_of_the_enterprise_moves_what_its_tasks_have_planned(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.scheduled().await).await;
    let mut own = office.scheduled().await;
    own.name = "Of its own zone".into();
    own.time_zone = Some(ZONE);
    let own = office.filled(own).await;
    let settings = EnterpriseSettings::new(chrono_tz::Asia::Tokyo, 80);
    let (store, enterprise) = (&office.store, office.enterprise);
    enterprises::update(store, enterprise, 1, settings, at("07:30"), ACTOR).await.unwrap();
    // Tokyo is an hour ahead of Shanghai.
    let moved = office.get(task).await;
    assert_eq!(moved.scheduled_start_at, Some(at("08:00")));
    assert_eq!(moved.scheduled_end_at, Some(at("18:00") - TimeDelta::hours(1)));
    assert_eq!(office.get(own).await.scheduled_start_at, Some(at("09:00")));
    let mut conn = office.pool.acquire().await.unwrap();
    let hours = tasks::hours_of_many(&mut conn, &[task, own]).await.unwrap();
    assert_eq!((hours[&task].zone, hours[&own].zone), (chrono_tz::Asia::Tokyo, ZONE));
    assert_eq!(office.limits("enterprise", enterprise.uuid()).await, [100, 80]);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edge_that_is_due_is_not_skipped_for_what_happens_before_it(pool: PgPool) {
    let office = Office::open(pool).await;
    let mut config = office.config("Reminders");
    let day = office.period("Day", PeriodKind::Call, &[("09:00", "18:00")]).await;
    config.schedule.call_period = Some(day);
    let task = office.filled(config).await;
    office.start(task, at("10:00")).await;
    // The lines are edited in the evening, before anybody saw that the window had closed.
    let other = office.caller_id(office.trunk, 861_012_345_679).await;
    let edited = office.edit(task, at("18:30"), |config| config.caller_ids.push(other)).await;
    assert_eq!(edited.unwrap().next_edge_at, Some(at("18:01")));
    assert_eq!(office.run(task, Step::Edge, at("18:31")).await.state, OUTSIDE);
}
