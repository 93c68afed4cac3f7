//! Tasks: made, edited, started and ended by people.

use std::time::Instant;

use outbound::ids::{CallerIdId, PeriodId, TaskId};
use outbound::number::NumberState;
use outbound::order::Class;
use outbound::outcome::CalledStatus;
use outbound::redial::{Mode, RedialPolicy, Reference};
use outbound::task::{Event, PauseReason, TaskState};
use sqlx::PgPool;
use storage::rows::Page;
use storage::tasks::{self, LiveCalls, TaskFilter};
use storage::{StoreError, templates};

use super::*;

#[sqlx::test(migrations = "../migrations")]
async fn a_new_task_is_initial_and_stored_with_its_policy_plan_and_limit(pool: PgPool) {
    let office = Office::open(pool).await;
    let made = office.task(office.config("Reminders")).await;
    assert_eq!(made, office.get(made.id).await);
    assert_eq!((made.state, made.version), (TaskState::Initial, 1));
    assert!(made.steps().is_empty());
    assert_eq!(office.history(made.id).await, ["create initial somebody"]);
    assert_eq!(office.limits("task", made.id.uuid()).await, [10]);
    let policy: serde_json::Value =
        sqlx::query_scalar("select policy from redial_policy where id = $1")
            .bind(made.redial_policy)
            .fetch_one(&office.pool)
            .await
            .unwrap();
    assert_eq!(policy, serde_json::to_value(&made.config.redial).unwrap());
    let hours = tasks::hours_of(&mut office.pool.acquire().await.unwrap(), made.id).await.unwrap();
    assert_eq!(hours, outbound::hours::Hours::always(ZONE));
}

#[sqlx::test(migrations = "../migrations")]
async fn everything_wrong_with_a_task_is_named_and_nothing_is_stored(pool: PgPool) {
    let office = Office::open(pool).await;
    let mut config = office.config("");
    config.concurrency = 101;
    config.navigation = office.navigation("Draft", None).await;
    config.caller_ids.push(clock::new_id::<CallerIdId>());
    config.schedule.call_period = Some(clock::new_id::<PeriodId>());
    config.schedule.scheduled_start = Some(local("2026-03-01", "09:00"));
    let made = tasks::create(&office.store, office.enterprise, config, at("08:00"), ACTOR).await;
    let found = faults(made);
    for fault in [
        "/navigation not_published",
        "/caller_ids/1 not_found",
        "/schedule/call_period not_found",
        "/schedule/scheduled_start in_the_past",
    ] {
        assert!(found.iter().any(|known| known == fault), "{fault} in {found:?}");
    }
    for pointer in ["/name ", "/concurrency "] {
        assert!(found.iter().any(|known| known.starts_with(pointer)), "{pointer} in {found:?}");
    }
    assert_eq!((office.count("task").await, office.count("task_plan").await), (0, 0));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_name_is_unique_until_its_task_is_deleted(pool: PgPool) {
    let office = Office::open(pool).await;
    let first = office.task(office.config("Reminders")).await;
    let config = office.config("Reminders");
    let again = tasks::create(&office.store, office.enterprise, config, at("08:00"), ACTOR).await;
    assert_eq!(conflict(again).0, "name_taken");
    tasks::delete(&office.store, office.enterprise, first.id, at("08:00"), ACTOR).await.unwrap();
    office.task(office.config("Reminders")).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_without_numbers_can_be_neither_started_nor_ended(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let task = office.task(office.config("Reminders")).await.id;
    let started = tasks::start(store, enterprise, task, at("09:00"), ACTOR).await;
    assert_eq!(conflict(started).0, "task_has_no_numbers");
    let ended = tasks::end(store, enterprise, task, LiveCalls::Finish, at("09:00"), ACTOR).await;
    assert_eq!(conflict(ended).0, "task_has_no_numbers");
    assert_eq!(office.get(task).await.state, TaskState::Initial);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_start_is_in_the_history_and_wakes_the_dispatchers(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.config("Reminders")).await;
    let mut heard = office.store.listen_dispatch().await.unwrap();
    let started = office.start(task, at("09:00")).await;
    assert_eq!((started.state, started.started_at), (TaskState::Running, Some(at("09:00"))));
    assert_eq!(heard.next().await.unwrap(), office.enterprise);
    assert_eq!(office.history(task).await, ["create initial somebody", "start running somebody"]);
    let again = tasks::start(&office.store, office.enterprise, task, at("09:01"), ACTOR).await;
    assert_eq!(conflict(again).0, "task_already_running");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_pause_by_hand_stays_until_somebody_starts_the_task(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let task = office.filled(office.config("Reminders")).await;
    office.start(task, at("09:00")).await;
    let paused = tasks::pause(store, enterprise, task, at("09:10"), ACTOR).await.unwrap();
    assert_eq!(paused.state, TaskState::Paused(PauseReason::Manual));
    let mut conn = office.pool.acquire().await.unwrap();
    for event in [Event::RedialDue, Event::WindowOpened, Event::TrunkRecovered] {
        let state = tasks::apply(&mut conn, task, event, at("09:20"), "test").await.unwrap();
        assert_eq!(state, TaskState::Paused(PauseReason::Manual));
    }
    assert_eq!(office.start(task, at("09:30")).await.state, TaskState::Running);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_pause_returns_only_when_no_invite_can_leave_any_more(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.config("Reminders")).await;
    office.start(task, at("09:00")).await;
    office.call(task).await;
    let asked = Instant::now();
    tasks::pause(&office.store, office.enterprise, task, at("09:10"), ACTOR).await.unwrap();
    assert!(asked.elapsed().as_millis() >= 200, "{:?}", asked.elapsed());
}

#[sqlx::test(migrations = "../migrations")]
async fn an_end_hangs_up_the_calls_that_are_up_only_when_asked_to(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let mut heard = store.listen_hang_up().await.unwrap();
    let task = office.filled(office.config("Reminders")).await;
    office.start(task, at("09:00")).await;
    let call = office.call(task).await;
    let ended = tasks::end(store, enterprise, task, LiveCalls::Finish, at("09:10"), ACTOR).await;
    assert!(ended.unwrap().hang_up.is_empty());
    office.start(task, at("09:20")).await;
    let ended = tasks::end(store, enterprise, task, LiveCalls::HangUp, at("09:30"), ACTOR).await;
    let ended = ended.unwrap();
    assert_eq!((ended.task.state, ended.hang_up), (TaskState::Ended, vec![call]));
    assert_eq!(heard.next().await.unwrap(), call);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_edit_of_an_older_version_is_refused(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.task(office.config("Reminders")).await;
    let edited =
        office.edit(task.id, at("08:30"), |config| config.description = "New".into()).await;
    assert_eq!(edited.unwrap().version, 2);
    let (store, enterprise) = (&office.store, office.enterprise);
    let stale = office.config("Older");
    let stale = tasks::update(store, enterprise, task.id, 1, stale, at("08:31"), ACTOR).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    assert_eq!(office.get(task.id).await.config.description, "New");
}

#[sqlx::test(migrations = "../migrations")]
async fn each_edit_of_a_running_task_touches_what_it_says_and_nothing_else(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.config("Reminders")).await;
    let before = office.start(task, at("09:00")).await;

    let edited = office.edit(task, at("09:01"), |config| config.concurrency = 20).await.unwrap();
    assert_eq!(office.limits("task", task.uuid()).await, [10, 20]);
    assert_eq!(edited.redial_policy, before.redial_policy);
    assert_eq!(edited.order_revision, before.order_revision);

    let redial = RedialPolicy {
        enabled: true,
        reference: Reference::LastCall,
        mode: Mode::Advanced,
        statuses: vec![CalledStatus::NoAnswer],
        retry_seconds: vec![600],
    };
    let edited = office.edit(task, at("09:02"), |config| config.redial = redial).await.unwrap();
    assert!(edited.redial_policy > before.redial_policy);
    assert_eq!(edited.order_revision, before.order_revision);
    assert_eq!(office.count("redial_policy").await, 2, "calls triggered before keep theirs");

    let uncalled_first = |config: &mut TaskConfig| config.call_order.first = Class::Uncalled;
    let edited = office.edit(task, at("09:03"), uncalled_first).await.unwrap();
    assert_eq!(edited.order_revision, before.order_revision + 1);
    assert_eq!(edited.state, TaskState::Running);
    assert_eq!(office.limits("task", task.uuid()).await, [10, 20]);
    assert_eq!(office.count("task_plan").await, 1, "its windows were not edited");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_running_task_is_not_deleted_and_a_deleted_one_never_wakes(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let task = office.filled(office.config("Reminders")).await;
    office.start(task, at("09:00")).await;
    let refused = tasks::delete(store, enterprise, task, at("09:01"), ACTOR).await;
    assert_eq!(conflict(refused).0, "task_is_running");

    let mut conn = office.pool.acquire().await.unwrap();
    let nothing = Event::NothingPending(outbound::task::WhenDone::Pause);
    tasks::apply(&mut conn, task, nothing, at("09:02"), "test").await.unwrap();
    tasks::delete(store, enterprise, task, at("09:03"), ACTOR).await.unwrap();
    assert!(not_found(tasks::get(store, enterprise, task).await));
    assert!(not_found(tasks::start(store, enterprise, task, at("09:04"), ACTOR).await));
    for event in [Event::RedialDue, Event::AutoImport, Event::ScheduledStart] {
        let state = tasks::apply(&mut conn, task, event, at("09:05"), "test").await.unwrap();
        assert_eq!(state, TaskState::Ended);
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_copy_has_the_configuration_and_a_name_of_its_own(pool: PgPool) {
    let office = Office::open(pool).await;
    let mut config = office.config("Reminders");
    config.tags = vec!["spring".into()];
    config.schedule.scheduled_start = Some(local("2026-03-02", "09:00"));
    config.schedule.scheduled_end = Some(local("2026-03-09", "18:00"));
    let task = office.filled(config.clone()).await;
    office.start(task, at("08:30")).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let copy = tasks::clone(store, enterprise, task, "Copy", at("10:00"), ACTOR).await.unwrap();
    assert_eq!((copy.state, copy.version), (TaskState::Initial, 1));
    config.name = "Copy".into();
    config.schedule.scheduled_start = None; // it is past
    assert_eq!(copy.config, config);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_from_a_template_has_its_values_and_later_edits_touch_neither(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("08:00"));
    let mut config = office.config("Standard");
    config.ring_timeout_seconds = 30;
    let template = templates::create(store, enterprise, config.clone(), now).await.unwrap();
    let task = tasks::create_from_template(store, enterprise, template.id, "May", now, ACTOR)
        .await
        .unwrap();
    assert_eq!((task.config.name.as_str(), task.config.ring_timeout_seconds), ("May", 30));

    config.ring_timeout_seconds = 60;
    let edited =
        templates::update(store, enterprise, template.id, 1, config.clone()).await.unwrap();
    assert_eq!((edited.version, edited.config.ring_timeout_seconds), (2, 60));
    assert_eq!(office.get(task.id).await.config.ring_timeout_seconds, 30);
    office.edit(task.id, now, |config| config.ring_timeout_seconds = 20).await.unwrap();
    let found = templates::get(store, enterprise, template.id).await.unwrap();
    assert_eq!(found.config.ring_timeout_seconds, 60);
    let stale = templates::update(store, enterprise, template.id, 1, config).await;
    assert!(matches!(stale, Err(StoreError::Stale)));
    templates::delete(store, enterprise, template.id).await.unwrap();
    assert!(not_found(templates::get(store, enterprise, template.id).await));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_list_goes_on_where_its_page_ended_and_is_narrowed_by_its_filters(pool: PgPool) {
    let office = Office::open(pool).await;
    let mut made: Vec<TaskId> = Vec::new();
    for name in ["May sale", "June sale", "Survey"] {
        made.push(office.filled(office.config(name)).await);
    }
    office.start(made[1], at("09:00")).await;
    let list = async |filter: TaskFilter, page| {
        let listed = tasks::list(&office.store, office.enterprise, &filter, page).await.unwrap();
        (listed.rows.iter().map(|task| task.id).collect::<Vec<_>>(), listed.next)
    };
    let all = TaskFilter::default;
    assert_eq!(list(all(), Page::first(2)).await, (vec![made[2], made[1]], Some(made[1])));
    let rest = Page { limit: 2, after: Some(made[1]) };
    assert_eq!(list(all(), rest).await, (vec![made[0]], None));
    let sales = TaskFilter { name: Some("SALE".into()), ..all() };
    assert_eq!(list(sales, Page::first(50)).await.0, [made[1], made[0]]);
    let running = TaskFilter { state: Some("running".into()), ..all() };
    assert_eq!(list(running, Page::first(50)).await.0, [made[1]]);
}

#[sqlx::test(migrations = "../migrations")]
async fn another_enterprises_task_is_not_found(pool: PgPool) {
    let office = Office::open(pool.clone()).await;
    let other = Office::named(pool, "Other").await;
    let task = office.filled(office.config("Reminders")).await;
    let (store, enterprise, now) = (&other.store, other.enterprise, at("09:00"));
    assert!(not_found(tasks::get(store, enterprise, task).await));
    assert!(not_found(tasks::start(store, enterprise, task, now, ACTOR).await));
    assert!(not_found(tasks::delete(store, enterprise, task, now, ACTOR).await));
    let config = other.config("Taken over");
    assert!(not_found(tasks::update(store, enterprise, task, 1, config, now, ACTOR).await));
    // Nor can its line be used.
    let mut config = other.config("Foreign");
    config.caller_ids = vec![office.caller];
    let made = tasks::create(store, enterprise, config, now, ACTOR).await;
    assert_eq!(faults(made), ["/caller_ids/0 not_found"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn progress_counts_numbers_calls_and_what_is_waited_for(pool: PgPool) {
    let office = Office::open(pool).await;
    let task = office.filled(office.config("Reminders")).await;
    office.start(task, at("09:00")).await;
    office.call(task).await;
    sqlx::query(
        "insert into call_count (task_id, batch_id, hour, result, calls, talk_ms)
         select task_id, batch_id, $2, result, calls, talk from number_count,
                (values ('answered', 3, 9000), ('busy', 1, 0)) as c (result, calls, talk)
          where task_id = $1",
    )
    .bind(task.uuid())
    .bind(at("09:00"))
    .execute(&office.pool)
    .await
    .unwrap();
    let progress =
        tasks::progress(&office.store, office.enterprise, task, at("09:30")).await.unwrap();
    assert_eq!((progress.total(), progress.numbers[&NumberState::Pending]), (3, 3));
    assert_eq!((progress.live(), progress.live_by_round[&0], progress.limit), (1, 1, 10));
    assert_eq!((progress.calls, progress.answered, progress.talk_ms), (4, 3, 9000));
    assert_eq!(progress.connect_rate(), Some(0.75));
    assert!(progress.waiting.is_empty() && progress.next_step.is_none());
    let newest = Page::first(1);
    let history = tasks::history(&office.store, office.enterprise, task, newest).await.unwrap();
    let last = &history.rows[0];
    assert_eq!(
        (last.event.as_str(), last.state, last.at),
        ("start", TaskState::Running, at("09:00"))
    );
}
