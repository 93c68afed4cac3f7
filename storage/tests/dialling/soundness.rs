//! What is looked at all the time is seen when it breaks.

use storage::soundness::{Unsound, look};

use super::*;

#[sqlx::test(migrations = "../migrations")]
async fn what_must_always_hold_is_seen_when_it_does_not(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", redial, &rows(1..=9)).await;
    let calls = floor.claim(4, at("09:00")).await;
    floor.begin(&calls, at("09:00")).await;
    floor.ring(&calls[..2], BUSY, at("09:00")).await;
    let now = at("09:05");
    let seen = async || look(&floor.store, now, 60.0).await.unwrap();
    assert_eq!(seen().await, Unsound::default());

    for (fault, mended, expected) in [
        (
            "delete from waiting where number_id = (select min(number_id::text)::uuid from waiting)",
            "update number_count set n = n - 1 where state = 'waiting'",
            Unsound { miscounts: 1, ..Unsound::default() },
        ),
        (
            "update attempt set lease_until = clock_timestamp() - interval '61 s'",
            "update attempt set lease_until = clock_timestamp() + interval '61 s'",
            Unsound { dead_leases: 2, ..Unsound::default() },
        ),
        (
            "update import set status = 'running', lease_until = clock_timestamp() - interval '61 s'",
            "update import set status = 'done'",
            Unsound { stuck_imports: 1, ..Unsound::default() },
        ),
    ] {
        floor.sql(fault, &[]).await;
        assert_eq!(seen().await, expected, "{fault}");
        floor.sql(mended, &[]).await;
        assert_eq!(seen().await, Unsound::default(), "{mended}");
    }

    let due = "update waiting set due_at = timestamptz '2026-03-02 09:04+08'";
    floor.sql(due, &[]).await;
    assert_eq!(seen().await, Unsound { overdue_waiting: 1, ..Unsound::default() });
    floor.promote(at("09:05")).await;

    let due = "update task set next_edge_at = timestamptz '2026-03-02 09:04+08' where id = $1";
    floor.sql(due, &[task.uuid()]).await;
    assert_eq!(seen().await, Unsound { overdue_steps: 1, ..Unsound::default() });
}
