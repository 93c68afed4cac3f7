//! A line that refuses costs no retries, and its tasks pause, probe and go on.

use super::*;

const BREAKER: &str = "trunk_failure";

async fn failing(pool: PgPool) -> (Floor, TaskId) {
    let floor = Floor::open(pool).await;
    let breaker = json!({ "breaker": { "calls": 4, "refused_percent": 75, "probe_seconds": 30 } });
    floor.edit_trunk(floor.trunk, breaker, at("08:00")).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", redial, &rows(1..=20)).await;
    (floor, task)
}

/// A call that the line itself refused.
fn refused(order: &DialOrder, now: Time) -> Finished {
    let failed = CallResult::Unanswered(CalledStatus::CallFailed);
    let mut finished = finished(order, failed, now, now);
    finished.trunk_refused = true;
    finished.record.cause = outbound::outcome::cause::TRUNK_REFUSED.into();
    finished
}

async fn refuse(floor: &Floor, calls: &[Call], now: Time) -> Vec<FinishedAs> {
    let orders = floor.begin(calls, now).await;
    let refusals: Vec<_> = orders.iter().map(|order| refused(order, now)).collect();
    finish_many(&floor.store, now, &refusals).await.unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_refusal_by_the_line_burns_no_retry_and_the_number_comes_again(pool: PgPool) {
    let (mut floor, _) = failing(pool).await;
    let calls = floor.claim(1, at("09:00")).await;
    let done = refuse(&floor, &calls, at("09:00")).await;
    assert_eq!(done[0].due_at(), Some(at("09:00:30")));
    assert_eq!(floor.waits(1).await.unwrap(), (at("09:00:30"), "trunk_refused".into()));
    let number = fences::journey_of(&floor, 1).await.number;
    assert_eq!((number.round, number.first_called_at), (0, None));
    floor.sound().await;
    floor.promote(at("09:00:30")).await;
    assert_eq!(who(&floor.claim(1, at("09:00:30")).await), [1], "in its old place");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_line_that_goes_on_refusing_is_a_failed_call_in_the_end(pool: PgPool) {
    let (mut floor, _) = failing(pool).await;
    floor.edit_trunk(floor.trunk, json!({ "breaker": { "enabled": false } }), at("08:59")).await;
    let mut now = at("09:00");
    for refusal in 0..6 {
        let calls = floor.claim(1, now).await;
        assert_eq!(who(&calls), [1], "after {refusal} refusals");
        refuse(&floor, &calls, now).await;
        now += TimeDelta::seconds(30);
        floor.promote(now).await;
    }
    assert_eq!(floor.waits(1).await.unwrap().1, "redial");
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_pauses_when_its_line_refuses_nearly_everything_and_goes_on_after_a_probe(
    pool: PgPool,
) {
    let (mut floor, task) = failing(pool).await;
    let calls = floor.claim(5, at("09:00")).await;
    floor.ring(&calls[..1], ANSWERED, at("09:00")).await;
    refuse(&floor, &calls[1..], at("09:00:10")).await;
    assert_eq!(floor.state(task).await.words(), ("paused", Some(BREAKER)));

    let claimed = floor.try_claim(10, at("09:00:20")).await;
    assert_eq!(claimed.attempts, [], "no probe yet");
    assert_eq!(claimed.wake_at, Some(at("09:00:40")));

    let probe = floor.claim(10, at("09:00:40")).await;
    assert_eq!(who(&probe), [6], "one call, the next in order");
    assert_eq!(floor.claim(10, at("09:00:41")).await.len(), 0, "one at a time");
    refuse(&floor, &probe, at("09:00:45")).await;
    assert_eq!(floor.claim(10, at("09:01:00")).await.len(), 0);

    let probe = floor.claim(10, at("09:01:15")).await;
    assert_eq!(probe.len(), 1);
    floor.ring(&probe, NO_ANSWER, at("09:01:20")).await;
    assert_eq!(floor.state(task).await, TaskState::Running);
    assert!(floor.claim(100, at("09:01:20")).await.len() > 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_with_another_line_goes_on_over_it(pool: PgPool) {
    let (mut floor, task) = failing(pool).await;
    let other = floor.trunk(json!({ "name": "Other", "concurrency": 2 })).await;
    let second = floor.caller_id(other, 2, "", "").await;
    let calls = floor.claim(4, at("09:00")).await;
    floor.edit(task, json!({ "caller_ids": [floor.caller, second] }), at("09:00")).await;
    refuse(&floor, &calls, at("09:00")).await;
    assert_eq!(floor.state(task).await, TaskState::Running);
    let calls = floor.claim(10, at("09:00:01")).await;
    assert_eq!(calls.len(), 2, "what the other line has room for");
    floor.sound().await;
}
