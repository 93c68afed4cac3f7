//! Knowledge bases: what questions find, who names a base, and whose it is.

use dialog::navigation::Navigation;
use dialog::robot::RobotConfig;
use outbound::ids::KnowledgeId;
use outbound::knowledge::{DocumentConfig, KnowledgeConfig};
use outbound::quota::Quota;
use serde_json::json;
use sqlx::PgPool;
use storage::rows::Page;
use storage::{StoreError, knowledge, navigations, providers, robots};

use super::*;

impl Office {
    async fn base(&self, name: &str) -> KnowledgeId {
        let config = KnowledgeConfig { name: name.into() };
        knowledge::create(&self.store, self.enterprise, config, at("07:00")).await.unwrap().id
    }

    async fn add(&self, base: KnowledgeId, name: &str, text: &str) -> Result<u32, StoreError> {
        let config = serde_json::from_value::<DocumentConfig>(json!({"name": name, "text": text}));
        let (store, now) = (&self.store, at("07:00"));
        let made = knowledge::add_document(store, self.enterprise, base, config.unwrap(), now);
        made.await.map(|document| document.passages)
    }

    /// The first words of the passages that a question finds, with their documents.
    async fn found(&self, bases: &[&str], question: &str) -> Vec<String> {
        let bases: Vec<String> = bases.iter().map(|name| (*name).to_owned()).collect();
        let found = knowledge::find(&self.store, self.enterprise, &bases, question, 5).await;
        let line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let told = |one: knowledge::Excerpt| format!("{}: {}", one.document, line(&one.passage));
        found.unwrap().into_iter().map(told).collect()
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_question_finds_the_passages_with_its_words_in_whatever_form_and_the_best_first(
    pool: PgPool,
) {
    let office = Office::open(pool).await;
    let faq = office.base("faq").await;
    let text = "# Opening hours\nThe garage opens at nine.\n\n# Prices\nA service costs 200 euros.\n\n\
                # Price of tyres\nTyres have a price of 90 euros each, and the price is for the tyre alone.";
    assert_eq!(office.add(faq, "garage", text).await.unwrap(), 3);
    office
        .add(faq, "中文", "# 营业时间\n我们早上九点开门，晚上六点关门。\n\n# 价格\n保养二百元。")
        .await
        .unwrap();
    assert_eq!(office.found(&["faq"], "When do you open?").await, ["garage: Opening hours"]);
    // In another form of the word, and with most of the words first.
    let found = office.found(&["faq"], "the pricing of a tyre").await;
    assert_eq!(found, ["garage: Price of tyres", "garage: Prices"]);
    assert_eq!(office.found(&["faq"], "请问营业时间是什么时候？").await, ["中文: 营业时间"]);
    assert_eq!(office.found(&["faq"], "保养的价格").await, ["中文: 价格"]);
    for nothing in ["", "the is and of", "…!?", "' | 'opening", "helicopter"] {
        let found = office.found(&["faq"], nothing).await;
        let right = if nothing.contains("opening") { 1 } else { 0 };
        assert_eq!(found.len(), right, "{nothing}: {found:?}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn only_the_named_bases_of_the_enterprise_are_looked_through(pool: PgPool) {
    let office = Office::open(pool.clone()).await;
    let other = Office::named(pool, "Other").await;
    let (faq, secret) = (office.base("faq").await, office.base("secret").await);
    office.add(faq, "a", "Tyres are round.").await.unwrap();
    office.add(secret, "b", "Tyres are cheap for friends.").await.unwrap();
    let theirs = other.base("faq").await;
    other.add(theirs, "c", "Tyres of another enterprise.").await.unwrap();
    assert_eq!(office.found(&["faq"], "tyres").await, ["a: Tyres are round."]);
    assert_eq!(office.found(&["faq", "secret", "gone"], "tyres").await.len(), 2);
    assert_eq!(office.found(&["gone"], "tyres").await.len(), 0);
    assert_eq!(other.found(&["faq", "secret"], "tyres").await, ["c: Tyres of another enterprise."]);
    // Nor is one to be read, filled or deleted by another.
    let refused = other.add(faq, "d", "Mine.").await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    let page = Page::first(10);
    let refused = knowledge::list_documents(&other.store, other.enterprise, faq, page).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    let refused = knowledge::delete(&other.store, other.enterprise, faq).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_document_that_is_deleted_answers_no_more_and_goes_with_its_base(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let faq = office.base("faq").await;
    office.add(faq, "a", "Tyres are round.").await.unwrap();
    office.add(faq, "b", "Tyres are black.").await.unwrap();
    let twice = office.add(faq, "a", "Again.").await;
    assert!(matches!(twice, Err(StoreError::Conflict { code: "name_taken", .. })), "{twice:?}");
    let listed = knowledge::list_documents(store, enterprise, faq, Page::first(10)).await.unwrap();
    let names: Vec<&str> = listed.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    let first = listed.rows[1].id;
    let read = knowledge::document(store, enterprise, faq, first).await.unwrap();
    assert_eq!((read.text.as_str(), read.document.bytes), ("Tyres are round.", 16));
    knowledge::delete_document(store, enterprise, faq, first).await.unwrap();
    assert_eq!(office.found(&["faq"], "tyres").await, ["b: Tyres are black."]);
    knowledge::delete(store, enterprise, faq).await.unwrap();
    assert_eq!(office.found(&["faq"], "tyres").await.len(), 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_robot_is_published_with_bases_that_are_there_and_keeps_them(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("08:00"));
    let robot: RobotConfig =
        serde_json::from_value(json!({"name": "Amy", "opening": "Hello.", "agent": {
        "kind": "llm", "providers": ["mind"], "prompt": "Be kind.", "knowledge": ["faq"]}}))
        .unwrap();
    let amy = robots::create(store, enterprise, robot, now).await.unwrap();
    let flow: Navigation = serde_json::from_value(json!({"name": "flow", "start": "talk",
        "nodes": [{"name": "talk", "kind": "agent", "robot": amy.id}]}))
    .unwrap();
    let flow = navigations::create(store, enterprise, flow, now).await.unwrap();
    let mind = json!({"name": "mind", "driver": "openai_chat", "url": "https://llm.example.com/v1", "model": "m"});
    providers::create(store, enterprise, serde_json::from_value(mind).unwrap(), now).await.unwrap();
    let refused = navigations::publish(store, enterprise, flow.id, now).await;
    assert!(faults(refused).contains(&"/nodes/0/robot unknown_knowledge".to_owned()));
    let faq = office.base("faq").await;
    navigations::publish(store, enterprise, flow.id, now).await.unwrap();
    let renamed = KnowledgeConfig { name: "other".into() };
    for refused in [
        knowledge::update(store, enterprise, faq, 1, renamed.clone()).await.map(|_| ()),
        knowledge::delete(store, enterprise, faq).await,
    ] {
        let Err(StoreError::Conflict { code: "knowledge_in_use", detail }) = refused else {
            panic!("{refused:?}")
        };
        assert!(detail.contains("the robot “Amy”, the voice navigation “flow”"), "{detail}");
    }
    // Calls run what was published, whatever the robot has become.
    let mut config = amy.config.clone();
    config.agent =
        serde_json::from_value(json!({"kind": "llm", "providers": ["mind"], "prompt": "Be kind."}))
            .unwrap();
    robots::update(store, enterprise, amy.id, 1, config).await.unwrap();
    let refused = knowledge::delete(store, enterprise, faq).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    navigations::publish(store, enterprise, flow.id, now).await.unwrap();
    knowledge::update(store, enterprise, faq, 1, renamed).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn an_enterprise_has_so_many_bytes_of_documents_and_no_more(pool: PgPool) {
    let office = Office::open(pool).await;
    let faq = office.base("faq").await;
    office.add(faq, "a", "Tyres are round.").await.unwrap();
    let bytes = i32::try_from(Quota::KnowledgeBytes.max()).unwrap() - 10;
    let mut conn = office.pool.acquire().await.unwrap();
    let filled = sqlx::query("update knowledge_document set bytes = $1").bind(bytes);
    filled.execute(&mut *conn).await.unwrap();
    assert!(office.add(faq, "b", "Ten bytes.").await.is_ok());
    let refused = office.add(faq, "c", "x").await;
    let Err(StoreError::Conflict { code: "knowledge_bytes_max", detail }) = refused else {
        panic!("{refused:?}")
    };
    assert!(detail.contains("200000000 bytes"), "{detail}");
}
