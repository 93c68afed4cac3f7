//! Who may be called, on which line, and how often.

use super::fences::journey_of;
use super::fences::until_it_waits;
use super::*;
use storage::suppression::Source;

#[sqlx::test(migrations = "../migrations")]
async fn a_phone_is_never_on_two_calls_and_the_other_task_gets_it_afterwards(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let a = floor.running("A", json!({}), &rows(1..=2)).await;
    let b = floor.running("B", json!({}), &[row(1), row(3)]).await;
    let calls = floor.claim(10, at("09:00")).await;
    let mut phones = who(&calls);
    phones.sort_unstable();
    assert_eq!(phones, [1, 2, 3]);
    assert_eq!(floor.waits(1).await.unwrap().1, "phone_busy");
    floor.sound().await;
    floor.ring(&calls, ANSWERED, at("09:01")).await;

    let calls = floor.claim(10, at("09:02")).await;
    assert_eq!(who(&calls), [1]);
    floor.ring(&calls, ANSWERED, at("09:03")).await;
    assert_eq!(floor.count(a, "connected").await + floor.count(b, "connected").await, 4);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_imported_twice_is_called_twice_but_not_at_once(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &[row(1), row(1)]).await;
    let calls = floor.claim(10, at("09:00")).await;
    assert_eq!(who(&calls), [1]);
    let withdrawn = calls[0];
    storage::attempts::withdraw(&floor.store, withdrawn.attempt, 1, at("09:00"), None)
        .await
        .unwrap();
    let calls = floor.claim(10, at("09:00")).await;
    assert_eq!(who(&calls), [1]);
    floor.ring(&calls, BUSY, at("09:01")).await;
    let calls = floor.claim(10, at("09:02")).await;
    floor.ring(&calls, BUSY, at("09:03")).await;
    assert_eq!(floor.count(task, "unconnected").await, 2);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_phone_that_one_claim_meets_twice_is_called_once(pool: PgPool) {
    // A started batch is finished first: the claim looks again after each call that starts one.
    let mut floor = Floor::with(pool, json!({ "gray_predict_call_use_full_cache": false })).await;
    let task = floor.running("A", json!({}), &rows(1..=1)).await;
    floor.import(task, json!({ "batch_name": "second" }), &rows(1..=2)).await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [1, 2]);
    assert_eq!(floor.waits(1).await.unwrap().1, "phone_busy");
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_on_the_do_not_call_list_is_not_dialled_at_whatever_stage(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", redial, &rows(1..=3)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    forbid(&floor, &[1, 2], None).await;
    assert_eq!(who(&floor.claim(10, at("09:01")).await), [3]);
    floor.promote(at("09:10")).await;
    assert_eq!(floor.claim(10, at("09:10")).await.len(), 0);
    assert_eq!(floor.count(task, "suppressed").await, 2);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_that_was_claimed_before_its_phone_was_listed_does_not_start(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &[row(1), chain(2, &[12]), row(3), row(4)]).await;
    let calls = floor.claim(4, at("09:00")).await;
    floor.begin(&calls[3..], at("09:00")).await;
    forbid(&floor, &[1, 4], None).await;
    let begun = floor.try_begin(WORKER, &calls[..1], at("09:00")).await;
    assert!(matches!(begun[0], Begun::Refused));
    floor.begin(&calls[1..2], at("09:00")).await;
    assert_eq!(floor.claim(10, at("09:00")).await.len(), 0);
    assert_eq!(floor.count(task, "suppressed").await, 1, "the call of 4 was up already");

    // A backup that is claimed goes back too, and is left out of its chain.
    floor.ring(&calls[1..2], BUSY, at("09:01")).await;
    let backup = floor.claim(1, at("09:01")).await;
    assert_eq!(who(&backup), [12]);
    forbid(&floor, &[12], None).await;
    assert!(matches!(floor.try_begin(WORKER, &backup, at("09:01")).await[0], Begun::Refused));
    assert_eq!(floor.claim(10, at("09:01")).await.len(), 0);
    assert_eq!(floor.count(task, "unconnected").await, 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_that_waits_for_its_turn_does_not_start_once_its_phone_is_listed(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({ "calls_per_second": 1 }), &rows(1..=2)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.begin(&calls, at("09:00")).await;
    forbid(&floor, &[1], None).await;
    assert!(matches!(floor.begin_again(calls[0], at("09:00")).await, Begun::Refused));
    assert_eq!(who(&floor.claim(1, at("09:01")).await), [2]);
    assert_eq!(floor.count(task, "suppressed").await, 1);
    floor.sound().await;
}

/// An INVITE leaves within 250 ms of its begin.
#[sqlx::test(migrations = "../migrations")]
async fn a_phone_is_listed_and_a_task_paused_when_no_invite_can_leave_any_more(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=2)).await;
    let calls = floor.claim(2, at("09:00")).await;
    floor.begin(&calls[..1], at("09:00")).await;
    forbid(&floor, &[1], None).await;
    assert!(last_begin_ms_ago(&floor).await >= 250.0);
    floor.begin(&calls[1..], at("09:00")).await;
    storage::tasks::pause(&floor.store, floor.enterprise, task, at("09:00"), ACTOR).await.unwrap();
    assert!(last_begin_ms_ago(&floor).await >= 250.0);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_phone_is_listed_after_a_begin_of_its_call_that_is_under_way(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "calls_per_second": 1 }), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.begin(&calls, at("09:00")).await;
    let mut begin = hold(&floor).await;
    let (store, enterprise) = (floor.store.clone(), floor.enterprise);
    let listing = tokio::spawn(async move { list(&store, enterprise, &[1], None).await });
    until_it_waits(&floor, &listing).await;
    let again = "update attempt set begun_at = clock_timestamp()";
    sqlx::query(again).execute(&mut *begin).await.unwrap();
    begin.commit().await.unwrap();
    listing.await.unwrap();
    assert!(last_begin_ms_ago(&floor).await >= 250.0, "its INVITE may leave in this time");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_that_begins_again_while_its_phone_is_being_listed_does_not_start(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "calls_per_second": 1 }), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.begin(&calls, at("09:00")).await;
    let mut listing = hold(&floor).await;
    let entry = "insert into suppression (id, enterprise_id, phone, source, created_at)
                 select gen_random_uuid(), enterprise_id, phone, 'api', now() from attempt";
    sqlx::query(entry).execute(&mut *listing).await.unwrap();
    let (store, call) = (floor.store.clone(), calls[0]);
    let begin = tokio::spawn(async move {
        let call = [ToBegin::again(call.attempt, call.token)];
        begin_many(&store, WORKER, LEASE, at("09:00"), &call).await.unwrap()
    });
    until_it_waits(&floor, &begin).await;
    listing.commit().await.unwrap();
    assert!(matches!(begin.await.unwrap()[0], Begun::Refused));
    floor.sound().await;
}

/// The claim finds the phone on a call, and waits for what becomes of it.
#[sqlx::test(migrations = "../migrations")]
async fn a_customer_who_is_listed_as_the_call_ends_is_not_called_by_another_task(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.begin(&calls, at("09:00")).await;
    let b = floor.running("B", json!({}), &rows(1..=1)).await;
    let mut end = hold(&floor).await;
    let entry = "insert into suppression (id, enterprise_id, phone, source, created_at)
                 select gen_random_uuid(), enterprise_id, phone, 'robot', now() from attempt";
    sqlx::query(entry).execute(&mut *end).await.unwrap();
    sqlx::query("delete from attempt").execute(&mut *end).await.unwrap();
    let (store, enterprise) = (floor.store.clone(), floor.enterprise);
    let claim = tokio::spawn(async move {
        Claimer::new().claim(&store, enterprise, at("09:00"), 9, 1).await.unwrap().attempts
    });
    until_it_waits(&floor, &claim).await;
    end.commit().await.unwrap();
    assert_eq!(claim.await.unwrap(), []);
    assert_eq!(floor.count(b, "suppressed").await, 1);
}

/// A transaction that has locked all live attempts, as a begin and a listing do.
pub(super) async fn hold(floor: &Floor) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut holder = floor.pool.begin().await.unwrap();
    sqlx::query("select from attempt for update").execute(&mut *holder).await.unwrap();
    holder
}

/// By the database's clock, as the begin itself.
async fn last_begin_ms_ago(floor: &Floor) -> f64 {
    sqlx::query_scalar(
        "select (extract(epoch from clock_timestamp() - max(begun_at)) * 1000)::float8 from attempt",
    )
    .fetch_one(&floor.pool)
    .await
    .unwrap()
}

pub(super) async fn forbid(floor: &Floor, numbers: &[u64], until: Option<Time>) {
    list(&floor.store, floor.enterprise, numbers, until).await;
}

pub(super) async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    numbers: &[u64],
    until: Option<Time>,
) {
    let phones: Vec<_> = numbers.iter().map(|n| phone(*n)).collect();
    storage::suppression::add(store, enterprise, &phones, "asked", Source::Api, until, at("08:00"))
        .await
        .unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn an_entry_of_the_do_not_call_list_that_expired_holds_no_longer(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=2)).await;
    let later = floor.task("B", json!({})).await;
    forbid(&floor, &[1], Some(at("09:30"))).await;
    assert_eq!(who(&floor.claim(10, at("09:00")).await), [2]);
    assert_eq!(floor.count(task, "suppressed").await, 1);
    // As an import leaves it that was under way when its phone was listed: it ends when it comes up.
    let lift = "update suppression set expires_at = $2 where enterprise_id = $1";
    lifted(&floor, lift, at("08:30")).await;
    floor.import(later, json!({}), &rows(1..=1)).await;
    lifted(&floor, lift, at("09:30")).await;
    floor.start(later, at("09:30")).await;
    assert_eq!(who(&floor.claim(10, at("09:30")).await), [1]);
}

async fn lifted(floor: &Floor, sql: &'static str, at: Time) {
    let update = sqlx::query(sql).bind(floor.enterprise.uuid()).bind(at);
    update.execute(&floor.pool).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_customer_who_asks_on_a_call_is_not_called_by_any_task_again(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    let order = floor.begin(&calls, at("09:00")).await.remove(0);
    forbid(&floor, &[1], Some(at("10:00"))).await;
    let asked = storage::suppression::asked(&floor.store, floor.enterprise, phone(1), at("09:00"));
    asked.await.unwrap();
    let expires: Vec<Option<Time>> = sqlx::query_scalar("select expires_at from suppression")
        .fetch_all(&floor.pool)
        .await
        .unwrap();
    assert_eq!(expires, [None], "it held until 10:00 before");
    let ended = finished(&order, ANSWERED, at("09:00"), at("09:01"));
    finish_many(&floor.store, at("09:01"), &[ended]).await.unwrap();
    let task = floor.task("B", json!({})).await;
    let landed = floor.import(task, json!({}), &rows(1..=2)).await;
    assert_eq!((landed.result.imported, landed.result.suppressed), (1, 1));
}

#[sqlx::test(migrations = "../migrations")]
async fn backups_on_the_do_not_call_list_are_passed_by(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &[chain(1, &[11, 12, 13]), chain(2, &[21])]).await;
    forbid(&floor, &[11], None).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    let calls = floor.claim(1, at("09:00")).await;
    assert_eq!(who(&calls), [12], "the first backup may not be called");
    floor.ring(&calls, BUSY, at("09:00")).await;
    // Forbidden after it had become the next.
    forbid(&floor, &[13], None).await;
    let calls = floor.claim(1, at("09:01")).await;
    assert_eq!(who(&calls), [2], "the chain has come to its end");
    floor.ring(&calls, BUSY, at("09:01")).await;
    forbid(&floor, &[2], None).await;
    assert_eq!(floor.claim(1, at("09:02")).await.len(), 0, "who forbids one phone forbids the row");
    assert_eq!(floor.count(task, "unconnected").await, 1);
    assert_eq!(floor.count(task, "suppressed").await, 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_that_a_cap_holds_is_looked_at_again_when_the_cap_is_lifted(pool: PgPool) {
    let cap = json!({ "frequency_cap": { "per_day": 1 } });
    let mut floor = Floor::with(pool, cap).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    floor.running("B", json!({}), &rows(1..=1)).await;
    assert_eq!(floor.claim(9, at("09:01")).await.len(), 0);
    assert_eq!(floor.waits(1).await.unwrap(), (on("2026-03-03", "00:00"), "frequency_cap".into()));
    // Another setting moves nothing; another cap is judged anew, and holds, too.
    floor.edit_enterprise(json!({ "record_retention_days": 10 }), at("09:02")).await;
    assert_eq!(floor.promote(at("09:02")).await.numbers, 0);
    let two_hours = json!({ "frequency_cap": { "per_day": null, "distance_seconds": 7_200 } });
    floor.edit_enterprise(two_hours, at("09:03")).await;
    floor.promote(at("09:03")).await;
    assert_eq!(floor.claim(9, at("09:03")).await.len(), 0);
    assert_eq!(floor.waits(1).await.unwrap().0, at("11:00"));
    floor
        .edit_enterprise(json!({ "frequency_cap": { "distance_seconds": null } }), at("09:04"))
        .await;
    floor.promote(at("09:04")).await;
    assert_eq!(who(&floor.claim(9, at("09:04")).await), [1]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_phone_is_called_no_more_often_than_the_frequency_cap_says(pool: PgPool) {
    let cap = json!({ "frequency_cap": { "per_day": 2, "distance_seconds": 3600 } });
    let mut floor = Floor::with(pool, cap).await;
    for name in ["A", "B", "C"] {
        floor.running(name, json!({}), &rows(1..=1)).await;
    }
    let calls = floor.claim(9, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    assert_eq!(floor.claim(9, at("09:30")).await.len(), 0);
    let waits = floor.waits(1).await.unwrap();
    assert_eq!(waits, (at("10:00"), "frequency_cap".into()));
    floor.promote(at("10:00")).await;
    let calls = floor.claim(9, at("10:00")).await;
    assert_eq!(calls.len(), 1);
    floor.ring(&calls, BUSY, at("10:00")).await;
    floor.promote(at("11:00")).await;
    assert_eq!(floor.claim(9, at("11:00")).await.len(), 0, "two calls today");
    assert_eq!(floor.waits(1).await.unwrap().0, on("2026-03-03", "00:00"));
    floor.promote(on("2026-03-03", "00:00")).await;
    assert_eq!(floor.claim(9, on("2026-03-03", "00:00")).await.len(), 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_whose_own_window_is_closed_waits_and_others_go_on(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let period =
        json!({ "name": "Day", "kind": "call", "ranges": [{ "start": "09:00", "end": "18:00" }] });
    let period = serde_json::from_value(period).unwrap();
    let period = storage::periods::create(&floor.store, floor.enterprise, period, at("07:00"))
        .await
        .unwrap();
    let schedule = json!({ "schedule": { "call_period": period.id, "callee_local_time": "on" } });
    let dhaka = Phone::from_digits(8_801_712_345_678);
    let abroad = LandingRow { phone: dhaka, ..row(1) };
    let task = floor.running("A", schedule, &[abroad, row(2)]).await;
    // In Dhaka it is two hours earlier.
    assert_eq!(who(&floor.claim(9, at("09:30")).await), [2]);
    assert_eq!(floor.waits(nth(dhaka)).await.unwrap(), (at("11:00"), "callee_window".into()));
    floor.promote(at("11:00")).await;
    assert_eq!(who(&floor.claim(9, at("11:00")).await), [nth(dhaka)]);
    assert_eq!(floor.state(task).await, TaskState::Running);
    floor.sound().await;
}

/// A mobile number of Spain may be on the Canaries, where it is an hour earlier.
#[sqlx::test(migrations = "../migrations")]
async fn strictly_a_number_waits_until_it_is_open_in_all_zones_that_it_may_be_in(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let period =
        json!({ "name": "Day", "kind": "call", "ranges": [{ "start": "16:30", "end": "18:00" }] });
    let period = serde_json::from_value(period).unwrap();
    let period = storage::periods::create(&floor.store, floor.enterprise, period, at("07:00"))
        .await
        .unwrap();
    let spain = Phone::from_digits(34_612_345_678);
    // A backup has a clock of its own.
    let abroad =
        [LandingRow { phone: spain, ..row(1) }, LandingRow { backups: vec![spain], ..row(2) }];
    // 16:30 on the Canaries and in Shanghai; in Madrid it is 17:30.
    let (opens, here) = (on("2026-03-03", "00:30"), at("16:30"));
    for (mode, called, waits) in
        [("on", vec![nth(spain), 2], None), ("strict", vec![2], Some(opens))]
    {
        let schedule =
            json!({ "schedule": { "call_period": period.id, "callee_local_time": mode } });
        let task = floor.running(mode, schedule, &abroad).await;
        let calls = floor.claim(9, here).await;
        assert_eq!(who(&calls), called, "{mode}");
        floor.ring(&calls, BUSY, here).await;
        let backup = floor.claim(9, here).await;
        assert_eq!(backup.is_empty(), waits.is_some(), "{mode}");
        floor.ring(&backup, BUSY, here).await;
        if let Some(opens) = waits {
            assert_eq!(floor.waits(nth(spain)).await.unwrap(), (opens, "callee_window".into()));
        }
        storage::tasks::end(
            &floor.store,
            floor.enterprise,
            task,
            storage::tasks::LiveCalls::Finish,
            here,
            ACTOR,
        )
        .await
        .unwrap();
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn caller_ids_take_turns(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let second = floor.caller_id(floor.trunk, 2, "", "").await;
    let third = floor.caller_id(floor.trunk, 3, "", "").await;
    let callers = json!({ "caller_ids": [floor.caller, second, third] });
    floor.running("A", callers, &rows(1..=8)).await;
    let mut shown = Vec::new();
    for _ in 0..4 {
        let calls = floor.claim(2, at("09:00")).await;
        shown.extend(
            floor
                .begin(&calls, at("09:00"))
                .await
                .iter()
                .map(|order| order.facts.caller.digits() % 10),
        );
    }
    assert_eq!(shown, [1, 2, 3, 1, 2, 3, 1, 2]);
}

#[sqlx::test(migrations = "../migrations")]
async fn caller_ids_are_chosen_by_the_customers_place(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let nanjing = floor.caller_id(floor.trunk, 2, "Jiangsu", "Nanjing").await;
    let suzhou = floor.caller_id(floor.trunk, 3, "Jiangsu", "Suzhou").await;
    let own = floor.caller_id(floor.trunk, 4, "", "").await;
    let from = |n, province: &str, city: &str| LandingRow {
        province: province.into(),
        city: city.into(),
        ..row(n)
    };
    let of = json!({ "caller_ids": [floor.caller, nanjing, suzhou], "rotation": "location" });
    let rows = [
        from(1, "Jiangsu", "Suzhou"),
        from(2, "Jiangsu", "Nanjing"),
        LandingRow { caller_id: Some(own), ..from(3, "Jiangsu", "Suzhou") },
        from(4, "Jiangsu", "Wuxi"),
    ];
    floor.running("A", of, &rows).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let shown: Vec<_> = orders.iter().map(|order| order.facts.caller.digits() % 10).collect();
    assert_eq!(shown[..3], [3, 2, 4], "city, city, its own");
    assert!([2, 3].contains(&shown[3]), "one of its province");
}

#[sqlx::test(migrations = "../migrations")]
async fn caller_ids_are_drawn_at_random(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let second = floor.caller_id(floor.trunk, 2, "", "").await;
    let of = json!({ "caller_ids": [floor.caller, second], "rotation": "random" });
    floor.running("A", of, &rows(1..=60)).await;
    let calls = floor.claim(60, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let shown = orders.iter().filter(|order| order.facts.caller.digits() % 10 == 2).count();
    assert!((10..=50).contains(&shown), "{shown} of 60");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_with_a_caller_id_on_a_full_trunk_lets_others_by_and_is_next_when_there_is_room(
    pool: PgPool,
) {
    let mut floor = Floor::open(pool).await;
    let narrow = floor.trunk(json!({ "name": "Narrow", "concurrency": 1 })).await;
    let own = floor.caller_id(narrow, 2, "", "").await;
    let mut mixed: Vec<_> =
        (1..=300).map(|n| LandingRow { caller_id: Some(own), ..row(n) }).collect();
    mixed.extend((301..=305).map(row));
    floor.running("A", json!({ "concurrency": 4 }), &mixed).await;
    let calls = floor.claim(9, at("09:00")).await;
    assert_eq!(who(&calls), [1, 301, 302, 303]);
    floor.ring(&calls[..2], ANSWERED, at("09:01")).await;
    assert_eq!(who(&floor.claim(9, at("09:01")).await), [2, 304]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_numbers_times_are_those_of_its_records(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &[chain(1, &[11])]).await;
    let calls = floor.claim(1, at("09:00")).await;
    let order = floor.begin(&calls, at("09:00")).await.remove(0);
    let done = finished(&order, BUSY, at("09:00:07"), at("09:00:30"));
    finish_many(&floor.store, at("09:00:31"), &[done]).await.unwrap();
    let number = journey_of(&floor, 1).await.number;
    assert_eq!(number.first_called_at, Some(at("09:00:07")));
    assert_eq!((number.attempts, number.last_status), (1, Some(BUSY)));
}
