//! Whatever a request can make grow, made to grow until somebody says no.

use harness::{Answer, World, ask};
use outbound::quota::Quota;
use serde_json::{Value, json};

/// Copies of what there is, by SQL, until there are as many as there may be.
struct Crowd {
    quota: Quota,
    path: &'static str,
    /// Of one that is there already and may be copied.
    table: &'static str,
    /// Columns of a copy that differ, with `n` its number.
    columns: &'static str,
    values: &'static str,
}

const CROWDS: [Crowd; 11] = [
    Crowd::named(
        Quota::Tasks,
        "tasks",
        "task",
        "config, state, redial_policy_id",
        "config, state, redial_policy_id",
    ),
    Crowd::named(Quota::Templates, "templates", "template", "config", "config"),
    Crowd::named(Quota::Periods, "periods", "period", "config", "config"),
    Crowd::named(Quota::Navigations, "navigations", "navigation", "draft", "draft"),
    Crowd::named(Quota::Robots, "robots", "robot", "config", "config"),
    Crowd::named(Quota::Providers, "providers", "provider", "config", "config"),
    Crowd::named(Quota::Trunks, "trunks", "trunk", "config", "config"),
    Crowd {
        quota: Quota::HumanAgents,
        path: "agents",
        table: "human_agent",
        columns: "employee_number, config, phone, on_duty, skills, idle_since",
        values: "employee_number || n, config, phone, on_duty, skills, idle_since",
    },
    Crowd {
        quota: Quota::CallerIds,
        path: "caller_ids",
        table: "caller_id",
        columns: "trunk_id, phone",
        values: "trunk_id, 862155600000 + n",
    },
    Crowd {
        quota: Quota::Keys,
        path: "keys",
        table: "api_key",
        columns: "name, prefix, role, secret_hash",
        values: "name, 'cw_copy', 'viewer', sha256(n::text::bytea)",
    },
    Crowd::named(Quota::KnowledgeBases, "knowledge", "knowledge_base", "config", "config"),
];

impl Crowd {
    const fn named(
        quota: Quota,
        path: &'static str,
        table: &'static str,
        columns: &'static str,
        values: &'static str,
    ) -> Self {
        Self { quota, path, table, columns, values }
    }

    /// The statement that leaves room for `room` more.
    fn fill(&self, room: u64) -> String {
        let Self { table, columns, values, .. } = self;
        let name = match *table {
            "caller_id" | "api_key" | "human_agent" => ("", String::new()),
            _ => ("name, ", "name || ' ' || n, ".to_owned()),
        };
        format!(
            "insert into {table} (id, enterprise_id, created_at, {}{columns})
             select gen_random_uuid(), enterprise_id, created_at, {}{values}
               from (select * from {table} order by id limit 1) one,
                    generate_series(1, {} - (select count(*) from {table} t
                                              where t.enterprise_id = one.enterprise_id)) n",
            name.0,
            name.1,
            self.quota.max() - room
        )
    }
}

/// A body that makes one more.
fn body(world: &World, path: &str, name: &str) -> Value {
    let intents = [json!({"name": "yes", "patterns": ["yes"], "reply": "Fine."})];
    let script = json!({"kind": "scripted", "intents": intents, "fallback": ["Pardon?"]});
    let range = json!([{"start": "09:00", "end": "18:00"}]);
    match path {
        "tasks" | "templates" => world.task_config(name, json!({})),
        "periods" => json!({"name": name, "kind": "call", "ranges": range}),
        "navigations" => json!({"name": name, "start": "end",
            "nodes": [{"name": "end", "kind": "hangup"}]}),
        "robots" => json!({"name": name, "agent": script}),
        "agents" => json!({"employee_number": name, "name": name, "phone": "+8613800000001"}),
        "providers" => json!({"name": name, "driver": "espeak"}),
        "trunks" => json!({"name": name, "concurrency": 1, "simulated": {}}),
        "knowledge" => json!({"name": name}),
        "caller_ids" => {
            let number = name.bytes().fold(0_u32, |number, byte| number * 31 + u32::from(byte));
            json!({"trunk": world.trunk, "phone": format!("+86215577{:04}", number % 10_000)})
        }
        _ => json!({"name": name, "role": "viewer", "permissions": []}),
    }
}

#[tokio::test]
async fn an_enterprise_that_has_as_many_of_a_thing_as_it_may_gets_no_more_and_others_do() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let stranger = world.stranger().await;
    for crowd in &CROWDS {
        let (path, quota) = (crowd.path, crowd.quota);
        let made = ask(&world.api, "POST", path, body(&world, path, "one")).await;
        assert_eq!(made.status, 201, "{path}: {}", made.told());
        world.sql(&crowd.fill(1)).await;
        let last = ask(&world.api, "POST", path, body(&world, path, "last")).await;
        assert_eq!(last.status, 201, "{path}: {}", last.told());
        let refused = ask(&world.api, "POST", path, body(&world, path, "many")).await;
        assert_eq!(refused.told(), format!("409 {}", quota.code()));
        let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(
            detail.contains(&quota.max().to_string()) && detail.contains(quota.mend()),
            "{detail}"
        );
        // What was refused left nothing behind, and one that goes makes room.
        let id = last.json()["id"].as_str().expect("an id").to_owned();
        let gone = ask(&world.api, "DELETE", &format!("{path}/{id}"), Value::Null).await;
        assert!(gone.status < 300, "{path}: {}", gone.told());
        let again = ask(&world.api, "POST", path, body(&world, path, "many")).await;
        assert_eq!(again.status, 201, "{path}: {}", again.told());
        if !matches!(path, "tasks" | "templates" | "caller_ids") {
            let other = ask(&stranger, "POST", path, body(&world, path, "theirs")).await;
            assert_eq!(other.status, 201, "{path} of another enterprise: {}", other.told());
        }
    }
    world.sql("delete from task where id not in (select task_id from task_event)").await;
    world.end().await;
}

#[tokio::test]
async fn imports_and_exports_that_wait_or_are_kept_have_a_limit_and_a_file_past_it_is_not_even_read()
 {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.stop_workers().await;
    let task = world.task("flood", json!({})).await;
    let numbers = || vec![json!({"phone_number": "+8613800000001"})];
    world.begin_import(&task, &json!({"batch_name": "one"}), numbers()).await;
    let list = b"Phone Number\n+8613800000001\n".to_vec();
    let (plain, two) = (json!({}), json!({"batch_name": "two"}));
    let suppress = || world.upload_to("suppressions/imports", "list.csv", list.clone(), &plain);
    assert_eq!(suppress().await.status, 202);
    world.sql(&copies("import", "task_id, object_key", Quota::ImportsWaiting)).await;
    let export =
        || ask(&world.api, "POST", "exports", json!({"content": "call_records", "format": "csv"}));
    assert_eq!(export().await.status, 202);
    world.sql(&copies("export", "file_name, reveal", Quota::ExportsWaiting)).await;

    let import = || world.upload(&task, "a.csv", list.clone(), &two);
    let stored = world.objects().list("", None, 1_000).await.expect("objects").objects.len();
    for (answer, code) in [
        (import().await, "imports_waiting_max"),
        (suppress().await, "imports_waiting_max"),
        (export().await, "exports_waiting_max"),
    ] {
        assert_eq!(answer.told(), format!("429 {code}"));
        assert_eq!(answer.header("retry-after"), "10");
    }
    // A file that is larger than any may be: nobody looks at it while there is no room.
    let request = world.api.request("POST".parse().expect("a method"), "suppressions/imports");
    let large = request.header("content-type", "text/csv").header("content-length", "300000000");
    assert_eq!(Answer::to(large.body("x")).await.told(), "429 imports_waiting_max");
    let now = world.objects().list("", None, 1_000).await.expect("objects").objects.len();
    assert_eq!(now, stored, "files of refused imports were kept");

    for table in ["import", "export"] {
        world
            .sql(&format!("update {table} set status = 'cancelled', finished_at = created_at"))
            .await;
    }
    assert_eq!(export().await.status, 202, "there is room again");
    world.sql(&copies("import", "task_id, object_key", Quota::Imports)).await;
    world.sql(&copies("export", "file_name, reveal", Quota::Exports)).await;
    world.sql("update export set status = 'cancelled', finished_at = created_at").await;
    assert_eq!(import().await.told(), "409 imports_max");
    assert_eq!(export().await.told(), "409 exports_max");
    world.sql("update import set files_gone = true").await;
    assert_eq!(import().await.status, 202, "the files are gone");
    world.sql("delete from import; delete from export").await;
    world.end().await;
}

/// Copies of the first row, until there are as many as there may be.
fn copies(table: &str, columns: &str, quota: Quota) -> String {
    format!(
        "insert into {table} (id, enterprise_id, status, options, actor, created_at, {columns})
         select gen_random_uuid(), enterprise_id, status, options, actor, created_at, {columns}
           from (select * from {table} order by id limit 1) one,
                generate_series(1, {} - (select count(*) from {table})) n",
        quota.max()
    )
}

#[tokio::test]
async fn a_do_not_call_list_and_kept_idempotency_keys_are_counted_as_they_come_and_go() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let phones = |numbers: &[&str]| json!({"phone_numbers": numbers});
    let add = |numbers: &[&str]| ask(&world.api, "POST", "suppressions", phones(numbers));
    let added = add(&["+8613800000001", "+8613800000002"]).await;
    assert!(added.status < 300, "{}", added.told());
    let entries = world.get("suppressions").await;
    let id = entries["data"][0]["id"].as_str().expect("an entry");
    assert_eq!(
        ask(&world.api, "DELETE", &format!("suppressions/{id}"), Value::Null).await.status,
        204
    );
    counted(&world, "suppression").await;
    let max = Quota::Suppressions.max();
    world
        .sql(&format!("update stored_count set n = {max} - 1 where of_table = 'suppression'"))
        .await;
    assert_eq!(add(&["+8613800000003", "+8613800000004"]).await.told(), "409 suppressions_max");
    assert!(add(&["+8613800000001", "+8613800000003"]).await.status < 300, "one of them was there");
    assert_eq!(add(&["+8613800000004"]).await.told(), "409 suppressions_max");
    // A file ends with what it may not list, and tells why.
    let file = b"Phone Number\n+8613800000005\n".to_vec();
    let import = world.upload_to("suppressions/imports", "list.csv", file, &json!({})).await.json();
    let over = world
        .until_over(&format!("suppressions/imports/{}", import["id"].as_str().expect("an id")))
        .await;
    assert_eq!(over["problem"]["code"], "suppressions_max", "{over}");

    counted(&world, "idempotency").await;
    let http = reqwest::Client::new();
    let post = |key: Option<&str>, name: &str| {
        let body = body(&world, "periods", name);
        let request =
            http.post(format!("http://{}/v1/periods", world.address)).bearer_auth(&world.key);
        let request = request.json(&body);
        Answer::to(match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
    };
    assert_eq!(post(Some("known"), "first").await.status, 201);
    let max = Quota::IdempotencyKeys.max();
    world.sql(&format!("update stored_count set n = {max} where of_table = 'idempotency'")).await;
    let refused = post(Some("new"), "second").await;
    assert_eq!(refused.told(), "429 idempotency_keys_max");
    assert!(!refused.header("retry-after").is_empty());
    let again = post(Some("known"), "first").await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    assert_eq!(post(None, "second").await.status, 201, "without a key nothing is kept");
    world.end().await;
}

/// What is counted is what is there.
async fn counted(world: &World, table: &str) {
    let wrong = format!(
        "do $$ begin
             if (select sum(n) from stored_count where of_table = '{table}')
                <> (select count(*) from {table}) then raise 'miscounted'; end if;
         end $$"
    );
    world.sql(&wrong).await;
}
