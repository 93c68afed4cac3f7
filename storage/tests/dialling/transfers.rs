//! Calls to people: who is chosen, and the slot that the call takes.

use outbound::human_agent::HumanAgentConfig;
use outbound::ids::HumanAgentId;
use storage::transfers::{self, LegEnd, Took, TransferLeg, TransferredCall, Wanted};
use storage::{checks, human_agents};

use super::*;

/// One customer's call on a trunk, and others that wait.
async fn one_call(pool: PgPool, trunk_concurrency: u32) -> (Floor, TransferredCall) {
    let mut floor = Floor::open(pool).await;
    let limit = json!({ "concurrency": trunk_concurrency });
    floor.edit_trunk(floor.trunk, limit, at("08:00")).await;
    floor.running("A", json!({ "concurrency": 10 }), &rows(1..=9)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.begin(&calls, at("09:00")).await;
    let call = TransferredCall {
        enterprise: floor.enterprise,
        attempt: calls[0].attempt,
        token: calls[0].token,
        trunk: floor.trunk,
    };
    (floor, call)
}

async fn person(floor: &Floor, number: &str, change: Value, now: Time) -> HumanAgentId {
    let mut config = json!({
        "employee_number": number, "name": number, "phone": "13900000001", "skills": ["billing"],
        "on_duty": true,
    });
    merge(&mut config, change);
    let config: HumanAgentConfig = serde_json::from_value(config).unwrap();
    let made = human_agents::create(&floor.store, floor.enterprise, config, "CN", now).await;
    made.unwrap().stored.id
}

fn billing() -> Wanted {
    Wanted::Skill("billing".into())
}

async fn take(floor: &Floor, call: TransferredCall, tried: &[HumanAgentId], now: Time) -> Took {
    let leg = clock::new_id();
    transfers::take(&floor.store, call, leg, &billing(), tried, now).await.unwrap()
}

fn leg(took: Took) -> TransferLeg {
    match took {
        Took::Leg(leg) => leg,
        other => panic!("{other:?}"),
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_longest_idle_on_duty_is_chosen_and_is_busy_until_the_call_to_them_ends(pool: PgPool) {
    let (floor, call) = one_call(pool, 10).await;
    let late = person(&floor, "1", json!({}), at("08:30")).await;
    let early = person(&floor, "2", json!({}), at("08:10")).await;
    person(&floor, "3", json!({ "skills": ["sales"] }), at("08:00")).await;
    person(&floor, "4", json!({ "on_duty": false }), at("08:00")).await;
    let first = leg(take(&floor, call, &[], at("09:01")).await);
    assert_eq!((first.agent, &*first.employee_number), (Some(early), "2"));
    let second = leg(take(&floor, call, &[], at("09:01")).await);
    assert_eq!(second.agent, Some(late));
    assert_eq!(take(&floor, call, &[], at("09:01")).await, Took::NobodyNow, "both are busy");
    assert_eq!(take(&floor, call, &[early, late], at("09:01")).await, Took::Nobody);
    transfers::end(&floor.store, floor.enterprise, first.id, at("09:05"), LegEnd::Called)
        .await
        .unwrap();
    let again = leg(take(&floor, call, &[], at("09:06")).await);
    assert_eq!(again.agent, Some(early));
    let shown = human_agents::get(&floor.store, floor.enterprise, early).await.unwrap();
    assert_eq!((shown.busy, shown.idle_since), (true, at("09:05")));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_to_a_person_takes_a_slot_of_the_trunk_from_customers_and_gives_it_back(
    pool: PgPool,
) {
    let (mut floor, call) = one_call(pool, 3).await;
    let (wanted, id) = (Wanted::Phone(phone(77)), clock::new_id());
    let take = || transfers::take(&floor.store, call, id, &wanted, &[], at("09:01"));
    let first = leg(take().await.unwrap());
    assert_eq!((first.id, first.agent, first.phone), (id, None, phone(77)));
    assert_eq!(take().await.unwrap(), Took::Leg(first), "its answer may have been lost");
    assert!(transfers::has_slot(&floor.store, call).await.unwrap());
    // One of three lines is left for customers.
    assert_eq!(floor.claim(10, at("09:02")).await.len(), 1);
    transfers::end(&floor.store, floor.enterprise, id, at("09:03"), LegEnd::Called).await.unwrap();
    assert_eq!(floor.claim(10, at("09:04")).await.len(), 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn on_a_full_trunk_the_next_free_slot_is_the_persons_and_no_customers(pool: PgPool) {
    let (mut floor, call) = one_call(pool, 2).await;
    let others = floor.claim(10, at("09:00")).await;
    assert_eq!(others.len(), 1, "the trunk is full");
    let (wanted, id) = (Wanted::Phone(phone(77)), clock::new_id());
    let took = transfers::take(&floor.store, call, id, &wanted, &[], at("09:01")).await;
    leg(took.unwrap());
    assert!(!transfers::has_slot(&floor.store, call).await.unwrap());
    // A customer's call ends while numbers wait: the slot stays free for the person.
    floor.ring(&others, ANSWERED, at("09:02")).await;
    assert!(floor.claim(10, at("09:02")).await.is_empty());
    assert!(transfers::has_slot(&floor.store, call).await.unwrap());
    // Given up before it was placed: the slot is the customers' again.
    transfers::end(&floor.store, floor.enterprise, id, at("09:03"), LegEnd::NotCalled)
        .await
        .unwrap();
    assert_eq!(floor.claim(10, at("09:03")).await.len(), 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_person_whose_phone_never_rang_is_as_idle_as_before(pool: PgPool) {
    let (floor, call) = one_call(pool, 10).await;
    let id = person(&floor, "1", json!({}), at("08:30")).await;
    let taken = leg(take(&floor, call, &[], at("09:01")).await);
    transfers::end(&floor.store, floor.enterprise, taken.id, at("09:02"), LegEnd::NotCalled)
        .await
        .unwrap();
    let shown = human_agents::get(&floor.store, floor.enterprise, id).await.unwrap();
    assert_eq!((shown.busy, shown.idle_since), (false, at("08:30")));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_that_is_over_is_transferred_to_nobody_and_its_leg_is_found(pool: PgPool) {
    let (floor, call) = one_call(pool, 3).await;
    let person = person(&floor, "1", json!({}), at("08:30")).await;
    let other_worker = TransferredCall { token: call.token + 1, ..call };
    assert_eq!(take(&floor, other_worker, &[], at("09:01")).await, Took::CallOver);
    let open = leg(take(&floor, call, &[], at("09:01")).await);
    assert_eq!(transfers::orphaned(&floor.store).await.unwrap(), []);
    // The customer's call ends, and the leg was never ended: its worker died.
    let ended = floor.call_of(call.attempt, call.token).await;
    floor.ring(&[ended], ANSWERED, at("09:02")).await;
    assert_eq!(take(&floor, call, &[], at("09:02")).await, Took::CallOver);
    let orphaned = transfers::orphaned(&floor.store).await.unwrap();
    assert_eq!(orphaned.iter().map(|leg| leg.leg).collect::<Vec<_>>(), [open.id]);
    // The person is free from the moment on at which the call is gone.
    let shown = human_agents::get(&floor.store, floor.enterprise, person).await.unwrap();
    assert!(!shown.busy);
    transfers::end(&floor.store, floor.enterprise, open.id, at("09:03"), LegEnd::Lost)
        .await
        .unwrap();
    assert_eq!(transfers::orphaned(&floor.store).await.unwrap(), []);
    let legs = checks::Snapshot::take(&floor.store).await.unwrap().transfer_legs().await.unwrap();
    assert_eq!((legs.len(), legs[0].lost, legs[0].ended_at), (1, true, Some(at("09:03"))));
}

#[sqlx::test(migrations = "../migrations")]
async fn an_agreed_callback_is_a_round_of_its_own_at_its_time(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 10 }), &[row(1)]).await;
    let calls = floor.claim(1, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let attempt = orders[0].attempt;
    let mut record = orders[0].facts.record(attempt, ANSWERED, at("09:00"), at("09:01"));
    record.callback_at = Some(at("10:30"));
    let done =
        finish_many(&floor.store, at("09:01"), &[Finished::of(orders[0].token, record)]).await;
    let after = done.unwrap()[0].next;
    assert_eq!(after, Some(After::Redial { round: 1, chain_index: 0, at: at("10:30") }));
    assert!(floor.claim(1, at("10:29")).await.is_empty());
    floor.promote(at("10:30")).await;
    let again = floor.claim(1, at("10:30")).await;
    assert_eq!(who(&again), [1]);
    floor.ring(&again, ANSWERED, at("10:31")).await;
    assert!(floor.claim(1, at("12:00")).await.is_empty());
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_customer_who_asks_not_to_be_called_again_has_no_callback(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 10 }), &[row(1)]).await;
    let calls = floor.claim(1, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let asked =
        storage::suppression::asked(&floor.store, floor.enterprise, phone(1), at("09:00")).await;
    asked.unwrap();
    let facts = &orders[0].facts;
    let mut record = facts.record(orders[0].attempt, ANSWERED, at("09:00"), at("09:01"));
    record.callback_at = Some(at("10:30"));
    let finished = [Finished::of(orders[0].token, record)];
    let done = finish_many(&floor.store, at("09:01"), &finished).await.unwrap();
    assert_eq!(done[0].next, Some(After::Connected));
    floor.sound().await;
}
