//! Redials: when, whom, and by which policy.

use super::*;

fn policy(reference: &str, seconds: &[u32]) -> Value {
    json!({ "redial": { "enabled": true, "reference": reference, "retry_seconds": seconds } })
}

/// Let a campaign run minute by minute; what is rung, with the clock.
async fn rung(
    floor: &mut Floor,
    from: Time,
    until: Time,
    mut answer: impl FnMut(u64) -> CallResult,
) -> String {
    let (mut now, mut rung) = (from, Vec::new());
    while now <= until {
        floor.promote(now).await;
        loop {
            let calls = floor.claim(100, now).await;
            for call in &calls {
                rung.push(format!("{}:{}", clock(now), nth(call.phone)));
                floor.ring(&[*call], answer(nth(call.phone)), now).await;
            }
            if calls.is_empty() {
                break;
            }
        }
        now += minutes(1);
    }
    floor.sound().await;
    rung.join(" ")
}

#[sqlx::test(migrations = "../migrations")]
async fn rings_on_the_guides_timetable_counted_from_the_last_call(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600, 1200]), &rows(1..=1)).await;
    let rung = rung(&mut floor, at("10:00"), at("11:00"), |_| NO_ANSWER).await;
    assert_eq!(rung, "10:00:1 10:10:1 10:30:1");
    assert_eq!(floor.count(task, "unconnected").await, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn rings_on_the_guides_timetable_counted_from_the_first_call(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", policy("first_call", &[600, 1800]), &rows(1..=1)).await;
    let rung = rung(&mut floor, at("10:00"), at("11:00"), |_| NO_ANSWER).await;
    assert_eq!(rung, "10:00:1 10:10:1 10:30:1");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_connected_call_ends_the_number(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600, 1200]), &rows(1..=1)).await;
    let mut answers = [NO_ANSWER, ANSWERED].into_iter();
    let rung = rung(&mut floor, at("10:00"), at("11:00"), |_| answers.next().unwrap()).await;
    assert_eq!(rung, "10:00:1 10:10:1");
    assert_eq!(floor.count(task, "connected").await, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn backups_are_rung_in_the_same_round_and_a_redial_leaves_out_who_does_not_qualify(
    pool: PgPool,
) {
    let mut floor = Floor::open(pool).await;
    let mut redial = policy("last_call", &[600]);
    merge(
        &mut redial,
        json!({ "redial": { "mode": "advanced", "statuses": ["busy", "no_answer"] } }),
    );
    floor.running("A", redial, &[chain(1, &[11, 12]), row(2)]).await;
    let answer = |n| if n == 11 || n == 2 { POWER_OFF } else { BUSY };
    let rung = rung(&mut floor, at("10:00"), at("10:30"), answer).await;
    assert_eq!(rung, "10:00:1 10:00:2 10:00:11 10:00:12 10:10:1 10:10:12");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_backup_that_answers_ends_the_number(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600]), &[chain(1, &[11, 12])]).await;
    let answer = |n| if n == 11 { ANSWERED } else { BUSY };
    let rung = rung(&mut floor, at("10:00"), at("10:30"), answer).await;
    assert_eq!(rung, "10:00:1 10:00:11");
    assert_eq!(floor.count(task, "connected").await, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_policy_in_force_when_a_call_was_triggered_decides_its_redial(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600]), &rows(1..=2)).await;
    let first = floor.claim(1, at("10:00")).await;
    floor.edit(task, policy("last_call", &[1800]), at("10:00")).await;
    let second = floor.claim(1, at("10:00")).await;
    let done = floor.ring(&[first[0], second[0]], BUSY, at("10:01")).await;
    let due: Vec<_> = done.iter().map(|done| clock(done.due_at().unwrap())).collect();
    assert_eq!(due, ["10:11", "10:31"]);
}

/// Open in the morning and from `afternoon` on.
fn hours(afternoon: &str) -> outbound::period::PeriodConfig {
    let period = json!({ "name": "Hours", "kind": "call",
        "ranges": [{ "start": "09:00", "end": "10:04" }, { "start": afternoon, "end": "18:00" }] });
    serde_json::from_value(period).unwrap()
}

/// A redial was due at 10:10, with calls until 10:04 and from 14:00 on.
async fn put_off(floor: &mut Floor) -> (TaskId, outbound::ids::PeriodId) {
    let made =
        storage::periods::create(&floor.store, floor.enterprise, hours("14:00"), at("07:00"));
    let period = made.await.unwrap().id;
    let mut config = policy("last_call", &[600]);
    merge(&mut config, json!({ "schedule": { "call_period": period } }));
    let task = floor.running("A", config, &rows(1..=1)).await;
    let calls = floor.claim(9, at("10:00")).await;
    floor.ring(&calls, BUSY, at("10:00")).await;
    floor.claim(9, at("10:00")).await;
    assert_eq!(floor.promote(at("10:10")).await.numbers, 1);
    assert_eq!(floor.waits(1).await.unwrap().0, at("14:00"));
    assert_eq!(floor.claim(9, at("10:10")).await.len(), 0);
    (task, period)
}

#[sqlx::test(migrations = "../migrations")]
async fn a_redial_that_falls_into_a_closed_window_is_put_off_to_its_opening(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let (task, _) = put_off(&mut floor).await;
    floor.promote(at("14:00")).await;
    assert_eq!(floor.state(task).await, TaskState::Running);
    assert_eq!(who(&floor.claim(9, at("14:00")).await), [1]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_redial_that_was_put_off_follows_an_edit_of_the_period(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let (_, period) = put_off(&mut floor).await;
    let found = storage::periods::get(&floor.store, floor.enterprise, period).await.unwrap();
    storage::periods::update(
        &floor.store,
        floor.enterprise,
        period,
        found.version,
        hours("11:00"),
        at("10:30"),
        ACTOR,
    )
    .await
    .unwrap();
    floor.promote(at("10:30")).await;
    assert_eq!(floor.waits(1).await.unwrap().0, at("11:00"));
    floor.promote(at("11:00")).await;
    assert_eq!(who(&floor.claim(9, at("11:00")).await), [1]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_redial_of_a_task_paused_by_hand_waits_for_its_start(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600]), &rows(1..=1)).await;
    let calls = floor.claim(9, at("10:00")).await;
    floor.ring(&calls, BUSY, at("10:00")).await;
    storage::tasks::pause(&floor.store, floor.enterprise, task, at("10:01"), ACTOR).await.unwrap();
    floor.promote(at("10:10")).await;
    assert_eq!(floor.claim(9, at("10:10")).await.len(), 0);
    assert_eq!(floor.state(task).await.words().1, Some("manual"));
    floor.start(task, at("12:00")).await;
    assert_eq!(who(&floor.claim(9, at("12:00")).await), [1]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn many_redials_due_at_once_are_all_promoted(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600]), &rows(1..=2_500)).await;
    for _ in 0..3 {
        let calls = floor.claim(1_000, at("10:00")).await;
        floor.ring(&calls, BUSY, at("10:00")).await;
    }
    assert_eq!(floor.count(task, "waiting").await, 2_500);
    assert_eq!(floor.promote(at("10:09")).await, Promoted::default());
    let promoted = floor.promote(at("10:10")).await;
    assert_eq!(promoted, Promoted { numbers: 2_500, tasks: vec![task], ..Promoted::default() });
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_wave_of_one_task_does_not_hold_up_the_redials_of_another(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let wave = floor.running("A", policy("last_call", &[600]), &rows(1..=3)).await;
    let other = floor.running("B", policy("last_call", &[600]), &rows(4..=4)).await;
    let calls = floor.claim(9, at("10:00")).await;
    floor.ring(&calls, BUSY, at("10:00")).await;
    let promoted = promote_due(&floor.store, None, at("10:10"), 2).await.unwrap();
    assert_eq!((promoted.numbers, promoted.more), (3, true));
    assert_eq!([floor.count(wave, "waiting").await, floor.count(other, "waiting").await], [1, 0]);
    let promoted = promote_due(&floor.store, None, at("10:10"), 2).await.unwrap();
    assert_eq!((promoted.numbers, promoted.more), (1, false));
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn redials_of_a_task_are_promoted_by_one_at_a_time(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600]), &rows(1..=1)).await;
    let other = floor.running("B", policy("last_call", &[600]), &rows(2..=2)).await;
    let calls = floor.claim(9, at("10:00")).await;
    floor.ring(&calls, BUSY, at("10:00")).await;
    let mut somebody = floor.pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 4))")
        .bind(task.uuid())
        .execute(&mut *somebody)
        .await
        .unwrap();
    let promoted = floor.promote(at("10:10")).await;
    assert_eq!(
        promoted,
        Promoted { numbers: 1, tasks: vec![other], busy: true, ..Promoted::default() }
    );
    somebody.rollback().await.unwrap();
    let promoted = floor.promote(at("10:10")).await;
    assert_eq!(promoted, Promoted { numbers: 1, tasks: vec![task], ..Promoted::default() });
    floor.sound().await;
}

/// Nobody can promote their numbers, and they stay due.
#[sqlx::test(migrations = "../migrations")]
async fn however_many_deleted_tasks_have_numbers_due_others_are_redialled(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", policy("last_call", &[600]), &rows(1..=1)).await;
    let calls = floor.claim(1, at("10:00")).await;
    floor.ring(&calls, BUSY, at("10:00")).await;
    let deleted = "insert into waiting (number_id, enterprise_id, task_id, lane_id, ord, plain_ord,
                                        due_at, reason, phone)
                   select gen_random_uuid(), $1, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
                          1, 0, 0, '2026-03-01', 'redial', n
                     from generate_series(1, 1001) as s (n)";
    assert_eq!(floor.sql(deleted, &[floor.enterprise.uuid()]).await, 1_001);
    assert_eq!(floor.promote(at("10:10")).await.numbers, 1);
    assert_eq!(who(&floor.claim(9, at("10:10")).await), [1]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_deleted_task_leaves_no_number_open(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", policy("last_call", &[600]), &rows(1..=9)).await;
    let calls = floor.claim(3, at("10:00")).await;
    floor.ring(&calls[..2], BUSY, at("10:00")).await;
    let up = floor.begin(&calls[2..], at("10:00")).await;
    storage::tasks::pause(&floor.store, floor.enterprise, task, at("10:01"), ACTOR).await.unwrap();
    storage::tasks::delete(&floor.store, floor.enterprise, task, at("10:02"), ACTOR).await.unwrap();
    assert_eq!(floor.count(task, "cancelled").await, 8);
    floor.sound().await;
    // The call that was up then ends, and its number would wait for a redial.
    let ended = finished(&up[0], BUSY, at("10:00"), at("10:03"));
    finish_many(&floor.store, at("10:03"), &[ended]).await.unwrap();
    let open = storage::numbers::open_of_deleted(&floor.store, 9).await.unwrap();
    assert_eq!(open, [(floor.enterprise, task)]);
    storage::numbers::cancel_deleted(&floor.store, floor.enterprise, task, 9).await.unwrap();
    assert_eq!(floor.count(task, "cancelled").await, 9);
    assert_eq!(storage::numbers::open_of_deleted(&floor.store, 9).await.unwrap(), []);
    floor.sound().await;
}

/// The numbers of one are damaged; the other's are redialled.
#[sqlx::test(migrations = "../migrations")]
async fn a_task_whose_numbers_cannot_be_promoted_holds_up_no_other(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let damaged = floor.running("A", policy("last_call", &[600]), &rows(1..=1)).await;
    floor.running("B", policy("last_call", &[600]), &rows(2..=2)).await;
    let calls = floor.claim(2, at("10:00")).await;
    floor.ring(&calls, BUSY, at("10:00")).await;
    // It stands in its lane already.
    let ready = "insert into ready (lane_id, ord, plain_ord, number_id, task_id)
                 select lane_id, ord, plain_ord, number_id, task_id from waiting where task_id = $1";
    floor.sql(ready, &[damaged.uuid()]).await;
    let promoted = floor.promote(at("10:10")).await;
    assert_eq!((promoted.numbers, promoted.failed.len()), (1, 1), "{promoted:?}");
    assert_eq!(promoted.failed[0].0, damaged);
}
