//! What a wrong database address comes to, on a real server.

use std::time::{Duration, Instant};

use storage::StoreConfig;
use storage::reach::database;

#[tokio::test]
async fn a_wrong_password_or_database_is_told_at_once_by_server_and_user() {
    let url =
        std::env::var("DATABASE_URL").expect("DATABASE_URL: run with `callwright services --`");
    database(&StoreConfig::new(&url)).await.expect("the right address");
    let (server, _) = url.rsplit_once('/').expect("a database");
    let (_, place) = server.rsplit_once('@').expect("a host");
    let begun = Instant::now();
    let wrong = StoreConfig::new(format!("postgres://callwright:hush@{place}/calls"));
    let said = database(&wrong).await.expect_err("a wrong password").to_string();
    let named =
        format!("PostgreSQL at {place}, database calls, user callwright: the password is wrong");
    assert!(said.starts_with(&named) && !said.contains("hush"), "{said}");
    let wrong = StoreConfig::new(format!("{server}/no_such_database"));
    let said = database(&wrong).await.expect_err("no such database").to_string();
    assert!(
        said.contains("database no_such_database") && said.contains("there is no such database"),
        "{said}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5), "at once");
}
