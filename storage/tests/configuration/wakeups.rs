//! What delayed jobs are made from again, when a queue lost them.

use chrono::TimeDelta;
use sqlx::types::Uuid;
use storage::tasks::{self, PlannedStep, TaskPage, WaitingTimes};

use super::*;

/// A number of `task` that waits until so many milliseconds after nine.
async fn wait(pool: &PgPool, task: TaskId, after_ms: i64) {
    sqlx::query(
        "insert into waiting (number_id, enterprise_id, task_id, lane_id, ord, plain_ord, due_at, reason, phone)
         values ($1, $2, $3, 1, 1, 1, $4, 'redial', 1)",
    )
    .bind(Uuid::now_v7())
    .bind(Uuid::nil())
    .bind(task.uuid())
    .bind(at("09:00") + TimeDelta::milliseconds(after_ms))
    .execute(pool)
    .await
    .unwrap();
}

/// All pages of `tasks_max` tasks; the times as milliseconds after nine.
async fn times(store: &Store, times_max: u32, tasks_max: u32) -> Vec<(TaskId, i64)> {
    let (mut found, mut after): (Vec<(TaskId, Time)>, _) = (Vec::new(), None);
    loop {
        let times = WaitingTimes { grid_ms: 100, times_max };
        let page = tasks::waiting_times(store, times, TaskPage { after, tasks_max }).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        found.extend(page);
    }
    found.iter().map(|(task, due)| (*task, (*due - at("09:00")).num_milliseconds())).collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn one_time_stands_for_all_numbers_that_are_due_in_the_same_tenth_of_a_second(pool: PgPool) {
    let store = Store::over(pool.clone());
    assert_eq!(times(&store, 10, 10).await, []);
    let task = clock::new_id::<TaskId>();
    // A tenth ends with its last instant: 100 ms is in the first, 101 ms in the second.
    for after_ms in [1, 50, 50, 100, 101, 200, 950, 1_000] {
        wait(&pool, task, after_ms).await;
    }
    assert_eq!(times(&store, 10, 10).await, [(task, 1), (task, 101), (task, 950)]);
    assert_eq!(times(&store, 2, 10).await, [(task, 1), (task, 101)], "the earliest of each task");
}

#[sqlx::test(migrations = "../migrations")]
async fn every_task_with_numbers_that_wait_is_on_one_page(pool: PgPool) {
    let store = Store::over(pool.clone());
    let tasks: Vec<TaskId> = (0..5).map(|_| clock::new_id::<TaskId>()).collect();
    let mut all = Vec::new();
    for task in &tasks {
        for after_ms in [0, 500] {
            wait(&pool, *task, after_ms).await;
            all.push((*task, after_ms));
        }
    }
    for tasks_max in [1, 2, 5, 10] {
        assert_eq!(times(&store, 10, tasks_max).await, all, "{tasks_max} tasks a page");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn every_step_to_come_is_on_one_page_and_none_of_a_deleted_task(pool: PgPool) {
    let office = Office::open(pool).await;
    let mut planned: Vec<PlannedStep> = Vec::new();
    let mut last = None;
    for n in 0..5 {
        let mut config = office.config(&format!("task {n}"));
        config.schedule.scheduled_start = Some(local("2026-03-02", "09:00"));
        config.schedule.scheduled_end = Some(local("2026-03-02", "18:00"));
        let task = office.filled(config).await;
        planned.extend(office.get(task).await.steps());
        last = Some(task);
    }
    for tasks_max in [1, 2, 5, 10] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = TaskPage { after, tasks_max };
            let steps = tasks::planned_steps(&office.store, page).await.unwrap();
            let Some(step) = steps.last() else { break };
            after = Some(step.task);
            found.extend(steps);
        }
        assert_eq!(found, planned, "{tasks_max} tasks a page");
    }
    let gone = last.expect("a task");
    tasks::delete(&office.store, office.enterprise, gone, at("08:00"), ACTOR).await.unwrap();
    let left = tasks::planned_steps(&office.store, TaskPage { after: None, tasks_max: 10 }).await;
    planned.retain(|step| step.task != gone);
    assert_eq!(left.unwrap(), planned);
}
