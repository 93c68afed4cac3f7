//! Keys, idempotency, the do-not-call list, the audit log.

use chrono::TimeDelta;
use outbound::api_key::{Permission, Role};
use outbound::audit::Action;
use outbound::ids::TaskId;
use outbound::phone::Phone;
use sqlx::PgPool;
use storage::idempotency::{Claim, Reply};
use storage::rows::Page;
use storage::suppression::Source;
use storage::{audit, enterprises, idempotency, keys, periods, suppression};

use super::*;

#[sqlx::test(migrations = "../migrations")]
async fn a_key_is_shown_once_works_until_revoked_and_is_stored_hashed(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let permissions = [Permission::Export, Permission::Export];
    let made = keys::create(store, enterprise, "Robot", Role::Operator, &permissions, at("08:00"));
    let made = made.await.unwrap();
    assert!(made.secret.starts_with(&made.key.prefix));
    assert_eq!(made.secret.len(), made.key.prefix.len() + 1 + 52, "256 bits in letters of 5");
    let row: String = sqlx::query_scalar("select row_to_json(api_key)::text from api_key")
        .fetch_one(&office.pool)
        .await
        .unwrap();
    assert!(!row.contains(&made.secret[made.key.prefix.len()..]));

    let key = keys::authenticate(store, &made.secret, at("09:00")).await.unwrap().unwrap();
    assert_eq!((key.enterprise, key.role), (enterprise, Role::Operator));
    assert_eq!(key.permissions, [Permission::Export]);
    assert_eq!(keys::get(store, enterprise, key.id).await.unwrap().last_used_at, Some(at("09:00")));
    let other = if made.secret.ends_with('x') { 'y' } else { 'x' };
    let wrong = format!("{}{other}", &made.secret[..made.secret.len() - 1]);
    assert_eq!(keys::authenticate(store, &wrong, at("09:00")).await.unwrap(), None);

    keys::revoke(store, enterprise, key.id, at("10:00")).await.unwrap();
    let again = keys::revoke(store, enterprise, key.id, at("11:00")).await.unwrap();
    assert_eq!(again.revoked_at, Some(at("10:00")));
    assert_eq!(keys::authenticate(store, &made.secret, at("11:00")).await.unwrap(), None);
    let listed = keys::list(store, enterprise, Page::first(10)).await.unwrap();
    assert_eq!(listed.rows, [again]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_request_sent_twice_is_carried_out_once(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let claim = async |hash| idempotency::claim(store, enterprise, "k1", [hash; 32]).await.unwrap();
    assert!(matches!(claim(1).await, Claim::Fresh(_)));
    assert_eq!(claim(1).await, Claim::InFlight);
    assert_eq!(claim(2).await, Claim::Mismatch);
    let reply = Reply {
        status: 201,
        headers: serde_json::json!({ "location": "/v1/tasks/1" }),
        body: b"{}".to_vec(),
    };
    idempotency::store_reply(store, enterprise, "k1", &reply).await.unwrap();
    assert_eq!(claim(1).await, Claim::Stored(reply));
    assert_eq!(claim(2).await, Claim::Mismatch);
    idempotency::release(store, enterprise, "k1").await.unwrap();
    assert!(matches!(claim(1).await, Claim::Stored(_)), "an answered request is not given back");

    sqlx::query(
        "update idempotency set created_at = clock_timestamp() - interval '24 hours 1 second'",
    )
    .execute(&office.pool)
    .await
    .unwrap();
    assert_eq!(idempotency::expire(store, 100).await.unwrap(), 1);
    assert!(matches!(claim(2).await, Claim::Fresh(_)));
    idempotency::release(store, enterprise, "k1").await.unwrap();
    assert!(matches!(claim(3).await, Claim::Fresh(_)));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_is_claimed_again_after_a_day_or_when_its_process_died(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    idempotency::claim(store, enterprise, "k1", [1; 32]).await.unwrap();
    sqlx::query("update idempotency set created_at = clock_timestamp() - interval '11 minutes'")
        .execute(&office.pool)
        .await
        .unwrap();
    let again = idempotency::claim(store, enterprise, "k1", [1; 32]).await.unwrap();
    assert!(matches!(again, Claim::Fresh(_)));
}

/// Its process died after the commit, or what it had written could not be read.
#[sqlx::test(migrations = "../migrations")]
async fn a_request_whose_answer_was_lost_makes_nothing_twice(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("09:00"));
    let make = async |hash| {
        let claim = idempotency::claim(store, enterprise, "k1", [hash; 32]).await.unwrap();
        let Claim::Fresh(seed) = claim else { panic!("{claim:?}") };
        let day = serde_json::json!({ "name": format!("Day {hash}"), "kind": "call",
            "ranges": [{ "start": "09:00", "end": "18:00" }] });
        let period = serde_json::from_value(day).unwrap();
        let period = idempotency::within(seed, periods::create(store, enterprise, period, now));
        let key = keys::create(store, enterprise, "Robot", Role::Viewer, &[], now);
        let key = idempotency::within(seed, key).await.unwrap();
        (period.await.unwrap().id, key.key.id, key.secret)
    };
    let first = make(1).await;
    idempotency::release(store, enterprise, "k1").await.unwrap();
    let second = make(1).await;
    sqlx::query("update idempotency set created_at = clock_timestamp() - interval '11 minutes'")
        .execute(&office.pool)
        .await
        .unwrap();
    let third = make(1).await;
    assert_eq!([second.0, third.0], [first.0; 2]);
    assert_eq!([second.1, third.1], [first.1; 2]);
    // Of a key's secrets the last one is the one that somebody was shown.
    assert_eq!(keys::authenticate(store, &first.2, now).await.unwrap(), None);
    assert!(keys::authenticate(store, &third.2, now).await.unwrap().is_some());
    // Another request with the key makes something else, and so does this one a day later.
    idempotency::release(store, enterprise, "k1").await.unwrap();
    assert_ne!(make(2).await.0, first.0);
    sqlx::query("update idempotency set created_at = clock_timestamp() - interval '25 hours'")
        .execute(&office.pool)
        .await
        .unwrap();
    sqlx::query("delete from period").execute(&office.pool).await.unwrap();
    assert_ne!(make(1).await.0, first.0);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_phone_on_the_do_not_call_list_is_named_until_it_expires_or_is_removed(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("09:00"));
    let [a, b, c] = [1, 2, 3].map(|n| Phone::from_digits(8_613_800_000_000 + n));
    let hour = Some(now + TimeDelta::hours(1));
    let twice = [a, a];
    let added = suppression::add(store, enterprise, &twice, "asked", Source::Api, None, now);
    let added = added.await.unwrap();
    assert_eq!(added.len(), 1);
    suppression::add(store, enterprise, &[b], "", Source::Robot, hour, now).await.unwrap();

    let mut conn = office.pool.acquire().await.unwrap();
    let mut listed = async |now| {
        let asked = [a, b, c].map(|phone| (enterprise.uuid(), phone.digits() as i64));
        let found = suppression::in_force(&mut conn, &asked, now).await.unwrap();
        let mut found: Vec<Phone> =
            found.into_iter().map(|(_, phone)| Phone::from_digits(phone as u64)).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(listed(now).await, [a, b]);
    assert_eq!(listed(at("10:00")).await, [a]);
    suppression::remove(store, enterprise, added[0].id).await.unwrap();
    assert!(listed(at("10:00")).await.is_empty());
    let page = suppression::list(store, enterprise, Some(b), Page::first(10)).await.unwrap();
    assert_eq!((page.rows.len(), page.rows[0].source.as_str()), (1, "robot"));

    let past = suppression::add(store, enterprise, &[], "", Source::Api, Some(now), now).await;
    assert_eq!(faults(past), ["/phone_numbers too_few", "/expires_at in_the_past"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_database_and_the_rules_agree_on_when_an_entry_of_the_do_not_call_list_holds(
    pool: PgPool,
) {
    let now = at("09:00");
    let second = TimeDelta::seconds(1);
    for expires_at in [None, Some(now - second), Some(now), Some(now + second)] {
        let holds: bool = sqlx::query_scalar("select suppression_in_force($1, $2)")
            .bind(expires_at)
            .bind(now)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(holds, outbound::suppression::in_force(expires_at, now), "{expires_at:?}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_audit_log_is_listed_newest_first_and_by_what_happened(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let task = clock::new_id::<TaskId>().to_string();
    for (time, action) in
        [("09:00", Action::TaskCreate), ("09:01", Action::TaskStart), ("09:02", Action::TaskPause)]
    {
        let entry = audit::Entry {
            enterprise,
            at: at(time),
            actor: "key_1",
            source: "10.0.0.1",
            action,
            target: &task,
            detail: serde_json::json!({ "name": "Reminders" }),
        };
        store.audit(entry).await.unwrap();
    }
    let all = audit::AuditFilter::default();
    let first = audit::list(store, enterprise, &all, Page::first(2)).await.unwrap();
    assert_eq!([first.rows[0].at, first.rows[1].at], [at("09:02"), at("09:01")]);
    let rest = Page { limit: 2, after: first.next };
    let rest = audit::list(store, enterprise, &all, rest).await.unwrap();
    assert_eq!((rest.rows.len(), rest.rows[0].at, rest.next), (1, at("09:00"), None));
    let starts = audit::AuditFilter { action: Some(Action::TaskStart.word().into()), ..all };
    let starts = audit::list(store, enterprise, &starts, Page::first(10)).await.unwrap();
    assert_eq!((starts.rows.len(), starts.rows[0].target.clone()), (1, task));
}

#[sqlx::test(migrations = "../migrations")]
async fn an_enterprise_is_found_by_name_and_refuses_settings_that_make_no_sense(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let found = enterprises::find(store, "Office").await.unwrap().unwrap();
    assert_eq!(found.id, enterprise);
    let mut settings = found.settings;
    settings.concurrency_limit = 0;
    let refused = enterprises::update(store, enterprise, 1, settings, at("09:00"), ACTOR).await;
    assert!(faults(refused)[0].starts_with("/concurrency_limit"));
    assert_eq!(office.limits("enterprise", enterprise.uuid()).await, [100]);
    assert_eq!(enterprises::ids(store).await.unwrap(), [enterprise]);
}
