//! Providers: their keys are sealed, and what calls run keeps its providers.

use dialog::navigation::Navigation;
use dialog::robot::RobotConfig;
use outbound::ids::ProviderId;
use outbound::provider::ProviderConfig;
use serde_json::{Value, json};
use sqlx::PgPool;
use storage::providers::{self, Provider};
use storage::{navigations, robots};

use super::*;

fn provider(more: Value) -> ProviderConfig {
    let mut all = json!({
        "name": "main", "driver": "openai_chat", "url": "https://llm.example.com/v1", "model": "m",
        "key": "sk-first",
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

impl Office {
    async fn provider(&self, more: Value) -> Provider {
        providers::create(&self.store, self.enterprise, provider(more), at("07:00")).await.unwrap()
    }

    /// The keys as a dialer has them, by the names of their providers.
    async fn keys(&self) -> Vec<String> {
        let all = providers::all_for(&self.store, self.enterprise).await.unwrap();
        let told = |one: Provider| {
            format!(
                "{} {} {}",
                one.config.name,
                one.version,
                one.config.secret().unwrap_or_default()
            )
        };
        all.into_iter().map(told).collect()
    }

    async fn change(
        &self,
        id: ProviderId,
        change: impl FnOnce(&mut ProviderConfig),
    ) -> Result<Provider, StoreError> {
        let old = providers::get(&self.store, self.enterprise, id).await.unwrap();
        let mut config = old.config;
        change(&mut config);
        providers::update(&self.store, self.enterprise, id, old.version, config).await
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_is_sealed_in_the_database_and_only_who_asks_the_provider_has_it(pool: PgPool) {
    let office = Office::open(pool).await;
    let made = office.provider(json!({})).await;
    office.provider(json!({"name": "voice", "driver": "piper", "key": null})).await;
    assert_eq!(made.config.secret(), None, "whoever reads it sees a mask");
    assert_eq!(office.keys().await, ["main 1 sk-first", "voice 1 "]);
    let stored: String = sqlx::query_scalar(
        "select string_agg(p::text || coalesce(encode(sealed_key, 'escape'), ''), ' ') from provider p",
    )
    .fetch_one(&office.pool)
    .await
    .unwrap();
    assert!(!stored.contains("sk-first"), "{stored}");
    assert!(stored.contains("********"), "{stored}");

    // Written back as it was read, it stays; a new one takes its place.
    office.change(made.id, |config| config.timeout_ms = 900).await.unwrap();
    assert_eq!(office.keys().await[0], "main 2 sk-first");
    let new = provider(json!({"key": "sk-second"})).service;
    office.change(made.id, |config| config.service = new).await.unwrap();
    assert_eq!(office.keys().await[0], "main 3 sk-second");
    // One whose key can't be opened is left out, and the others are there.
    sqlx::query("update provider set sealed_key = 'x' where id = $1")
        .bind(made.id.uuid())
        .execute(&office.pool)
        .await
        .unwrap();
    assert_eq!(office.keys().await, ["voice 1 "]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_goes_to_no_other_address_than_the_one_it_was_written_for(pool: PgPool) {
    let office = Office::open(pool).await;
    let made = office.provider(json!({})).await;
    let elsewhere = |key: &str| provider(json!({"url": "https://evil.example.com", "key": key}));
    let moved = office.change(made.id, |config| config.service = elsewhere("********").service);
    assert_eq!(faults(moved.await), ["/key another_address"]);
    let moved = office.change(made.id, |config| config.service = elsewhere("sk-other").service);
    moved.await.unwrap();
    assert_eq!(office.keys().await, ["main 2 sk-other"]);
    let masked = providers::create(
        &office.store,
        office.enterprise,
        provider(json!({"name": "new", "key": "********"})),
        at("08:00"),
    );
    assert_eq!(faults(masked.await), ["/key masked"]);
}

fn thinker(providers: &[&str]) -> RobotConfig {
    let agent = json!({"kind": "llm", "providers": providers, "prompt": "You are Anna."});
    serde_json::from_value(json!({"name": "Anna", "agent": agent})).unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_navigation_is_published_when_its_providers_are_there_and_then_they_stay(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("08:00"));
    let anna = robots::create(store, enterprise, thinker(&["main", "spare"]), now).await.unwrap();
    let flow = json!({"name": "Talk", "start": "look", "nodes": [
        {"name": "look", "kind": "http", "provider": "crm", "path": "/x", "next": "talk", "otherwise": "talk"},
        {"name": "talk", "kind": "agent", "robot": anna.id},
    ]});
    let flow: Navigation = serde_json::from_value(flow).unwrap();
    let flow = navigations::create(store, enterprise, flow, now).await.unwrap();
    let main = office.provider(json!({})).await;
    let crm = office.provider(json!({"name": "crm"})).await;
    let told = faults(navigations::publish(store, enterprise, flow.id, now).await);
    assert_eq!(told, ["/nodes/0/provider wrong_provider", "/nodes/1/robot unknown_provider"]);

    let system = json!({"name": "crm", "driver": "http", "url": "https://crm.example.com"});
    let in_use = office.change(crm.id, |config| *config = provider(system.clone())).await;
    assert_eq!(conflict(in_use).0, "provider_in_use", "the draft names it");
    sqlx::query("delete from provider where id = $1")
        .bind(crm.id.uuid())
        .execute(&office.pool)
        .await
        .unwrap();
    let crm = office.provider(system).await;
    let spare = office.provider(json!({"name": "spare"})).await;
    navigations::publish(store, enterprise, flow.id, now).await.unwrap();

    let (code, detail) = conflict(providers::delete(store, enterprise, main.id).await);
    assert_eq!(code, "provider_in_use");
    assert!(detail.ends_with("used by the robot “Anna”, the voice navigation “Talk”"), "{detail}");
    let (_, detail) = conflict(providers::delete(store, enterprise, crm.id).await);
    assert!(detail.ends_with("used by the voice navigation “Talk”"), "{detail}");
    // Calls run the robot as it was published.
    robots::update(store, enterprise, anna.id, 1, thinker(&["main"])).await.unwrap();
    let (_, detail) = conflict(providers::delete(store, enterprise, spare.id).await);
    assert!(detail.ends_with("used by the voice navigation “Talk”"), "{detail}");
    let renamed = office.change(spare.id, |config| config.name = "other".into()).await;
    assert_eq!(conflict(renamed).0, "provider_in_use");
    office.change(spare.id, |config| config.at_once = 1).await.unwrap();

    navigations::publish(store, enterprise, flow.id, now).await.unwrap();
    office.change(spare.id, |config| config.name = "other".into()).await.unwrap();
    providers::delete(store, enterprise, spare.id).await.unwrap();
    assert!(not_found(providers::get(store, enterprise, spare.id).await));
}
