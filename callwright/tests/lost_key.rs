//! What is done on the database itself: who has lost the last key of an enterprise makes an administrator's one, and
//! who runs the installation limits it.
//! Run with `callwright services --`.

use std::process::{Command, Output};

use outbound::api_key::{Permission, Role};
use outbound::audit::Action;
use outbound::ids::EnterpriseId;
use serde_json::Value;
use storage::audit::{AuditFilter, COMMAND_LINE};
use storage::rows::Page;
use storage::{Store, StoreConfig, audit, keys};
use uuid::Uuid;

/// A database of its own, with the schema, and the command line that works on it.
struct Database {
    server: String,
    name: String,
    url: String,
    folder: tempfile::TempDir,
}

impl Database {
    async fn new() -> Self {
        let server = std::env::var("DATABASE_URL").expect("DATABASE_URL: run with `services --`");
        let name = format!("lost_key_{}", Uuid::now_v7().simple());
        storage::store::create_database(&server, &name).await.expect("a database");
        let (base, _) = server.rsplit_once('/').expect("a database in DATABASE_URL");
        let url = format!("{base}/{name}");
        let folder = tempfile::tempdir().expect("a folder");
        let database = Self { server, name, url, folder };
        database.store().migrate().await.expect("a schema");
        database
    }

    fn store(&self) -> Store {
        Store::connect(&StoreConfig::new(&self.url)).expect("an address")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_callwright"))
            .args(arguments)
            .env("DATABASE_URL", &self.url)
            .env("CALLWRIGHT_DATA", self.folder.path())
            .env_remove("CALLWRIGHT_API_KEY")
            .env_remove("CALLWRIGHT_URL")
            .output()
            .expect("the command line runs")
    }

    /// What a command prints, its last line break taken off.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    async fn end(self) {
        storage::store::drop_database(&self.server, &self.name).await.expect("it is dropped");
    }
}

#[tokio::test]
async fn whoever_lost_the_last_key_makes_a_new_one_by_the_name_or_the_id_of_the_enterprise() {
    let database = Database::new().await;
    let store = database.store();
    let lost = database.said(&["seed", "My company", "--time-zone", "Europe/Berlin"]);
    database.said(&["seed", "Another"]);
    let listed = database.said(&["enterprises", "list", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("JSON");
    let names: Vec<_> = listed.iter().map(|enterprise| enterprise["name"].as_str()).collect();
    assert_eq!(names, [Some("Another"), Some("My company")], "newest first");
    let id = listed[1]["id"].as_str().expect("an id");

    let by_name = database.said(&["keys", "create", "--enterprise", "My company"]);
    let by_id = database.said(&["keys", "create", "--enterprise", id, "--name", "Anna"]);
    let now = chrono::Utc::now();
    let old = keys::authenticate(&store, &lost, now).await.expect("an answer").expect("a key");
    for (secret, name) in [(&by_name, "administrator"), (&by_id, "Anna")] {
        let key = keys::authenticate(&store, secret, now).await.expect("an answer");
        let key = key.unwrap_or_else(|| panic!("{secret} opens nothing"));
        assert_eq!((key.enterprise, key.name.as_str()), (old.enterprise, name));
        assert_eq!((key.role, key.permissions.len()), (Role::Admin, Permission::ALL.len()));
    }

    // The audit log tells of each: the first one, too, and that the enterprise was made.
    let log = audit::list(&store, old.enterprise, &AuditFilter::default(), Page::first(10)).await;
    let log = log.expect("a log").rows;
    let actions: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    let [create, made] = [Action::KeyCreate.word(), Action::EnterpriseCreate.word()];
    assert_eq!(actions, [create, create, create, made]);
    for entry in &log {
        assert_eq!((entry.actor.as_str(), entry.source.as_str()), (COMMAND_LINE, COMMAND_LINE));
        assert!(entry.detail["system_user"].is_string(), "{entry:?}");
        assert!(!entry.detail.to_string().contains(&by_name), "no secret in the log");
    }
    store.close().await;
    database.end().await;
}

#[tokio::test]
async fn a_key_for_an_enterprise_that_is_not_there_is_refused_and_told_where_to_look() {
    let database = Database::new().await;
    let told = database.said(&["enterprises", "list"]);
    assert!(told.contains("callwright seed"), "{told}");
    for wanted in ["My company".to_owned(), clock::new_id::<EnterpriseId>().to_string()] {
        let said = database.refused(&["keys", "create", "--enterprise", &wanted]);
        assert!(said.contains(&wanted) && said.contains("callwright enterprises list"), "{said}");
    }
    let said = database.refused(&["keys", "create"]);
    assert!(said.contains("--enterprise"), "{said}");
    database.said(&["seed", "My company"]);
    let long = "x".repeat(65);
    let said = database.refused(&["keys", "create", "--enterprise", "My company", "--name", &long]);
    assert!(said.contains("name") && said.contains("64"), "{said}");
    database.end().await;
}

#[tokio::test]
async fn who_runs_the_installation_limits_an_enterprise_whatever_its_administrators_set() {
    let database = Database::new().await;
    let create = ["enterprises", "create", "Acme", "--concurrency", "20", "--concurrency-max"];
    let refused = database.refused(&[&create[..], &["10"]].concat());
    assert!(refused.contains("/concurrency_limit must be at most 10"), "{refused}");
    let key = database.said(&[&create[..], &["50"]].concat());
    assert!(key.starts_with("cw_"), "{key}");
    let change = |limit: &[&str]| -> Value {
        let told = database.said(&[&["enterprises", "change", "Acme", "--json"], limit].concat());
        let row: Value = serde_json::from_str(&told).expect("JSON");
        serde_json::json!([row["concurrency_limit"], row["concurrency_max"]])
    };
    assert_eq!(change(&["--concurrency-max", "15"]), serde_json::json!([15, 15]));
    assert_eq!(change(&["--no-concurrency-max"]), serde_json::json!([15, null]));
    let refused = database.refused(&["enterprises", "change", "Acme"]);
    assert!(refused.contains("--concurrency-max"), "{refused}");
    database.end().await;
}
