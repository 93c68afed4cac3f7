//! A data folder of an older release, whose PostgreSQL was run by the program's role as superuser.

use std::path::Path;
use std::process::Command;

use callwright::data_folder;
use callwright::supervise::{Postgres, Rights};

/// What a script prints, run as `user`.
fn psql(url: &str, user: &str, password: &str, script: &str) -> String {
    let (_, place) = url.rsplit_once('@').expect("a place in the URL");
    let url = format!("postgres://{user}:{password}@{place}");
    let done = Command::new("psql")
        .args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", script])
        .output()
        .expect("psql runs");
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

fn kept(data: &Path, name: &str) -> String {
    std::fs::read_to_string(data.join(name)).expect("a password")
}

#[tokio::test]
async fn the_role_of_an_older_folder_gives_up_its_superuser_rights_and_keeps_its_data() {
    let folder = tempfile::Builder::new().prefix("older-").tempdir_in("/tmp").expect("a folder");
    let data = folder.path();
    data_folder::make(data).expect("made");
    let postgres = Postgres::start(data, Rights::OwnDatabase).await.expect("a new one");
    // Make it what an older release left: one superuser, of the program's name, that owns everything.
    let url = postgres.url();
    let (superuser, password) =
        (kept(data, "postgres.superuser.secret"), kept(data, "postgres.secret"));
    psql(url, "postgres", &superuser, "create role helper superuser login password 'helper'");
    let older = format!(
        "alter database callwright owner to postgres;
         drop role callwright;
         alter role postgres rename to callwright;
         alter role callwright password '{password}';"
    );
    psql(url, "helper", "helper", &older);
    let things = "drop role helper;
         create table task (id bigint generated always as identity, name text);
         create view tasks as select * from task;
         create function twice(n int) returns int language sql as 'select 2 * n';
         create type state as enum ('initial');
         insert into task (name) values ('kept')";
    psql(url, "callwright", &password, things);
    std::fs::remove_file(data.join("postgres.superuser.secret")).expect("removed");
    postgres.stop().await.expect("stopped");

    for _ in 0..2 {
        let postgres = Postgres::start(data, Rights::OwnDatabase).await.expect("it starts");
        let role = "select rolsuper or rolcreaterole or rolcreatedb from pg_roles where rolname = current_user";
        let as_role = |script: &str| psql(postgres.url(), "callwright", &password, script);
        assert_eq!(as_role(role), "f");
        let owners = "select count(*) from pg_class where relnamespace = 'public'::regnamespace
                         and relkind <> 'i' and not pg_has_role(relowner, 'usage')";
        assert_eq!(as_role(owners), "0");
        assert_eq!(
            as_role("insert into task (name) values ('new'); select name from tasks limit 1"),
            "kept"
        );
        // As a migration would.
        as_role(
            "alter table task add column if not exists more text; create table later (); drop table later",
        );
        as_role(
            "create or replace function twice(n int) returns int language sql as 'select n * 2'",
        );
        as_role("alter type state add value if not exists 'running'");
        postgres.stop().await.expect("stopped");
    }
}
