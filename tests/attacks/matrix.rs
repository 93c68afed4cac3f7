//! Who may do what, for every operation of the contract: by no key, by each role, with no permission and with all.

use std::collections::BTreeMap;

use callwright::client::Api;
use harness::{Answer, World};
use outbound::api_key::Permission::{self, Export, ListenRecordings};
use outbound::api_key::Role::{self, Admin, Operator, Viewer};
use serde_json::{Value, json};

/// Each operation, the least role that may do it, and the permission that it needs besides.
const MATRIX: &[(&str, Role, Option<Permission>)] = &[
    ("list_tasks", Viewer, None),
    ("create_task", Operator, None),
    ("get_task", Viewer, None),
    ("delete_task", Operator, None),
    ("update_task", Operator, None),
    ("start_task", Operator, None),
    ("pause_task", Operator, None),
    ("end_task", Operator, None),
    ("clone_task", Operator, None),
    ("get_task_progress", Viewer, None),
    ("list_task_events", Viewer, None),
    ("get_import_template", Viewer, None),
    ("list_templates", Viewer, None),
    ("create_template", Operator, None),
    ("get_template", Viewer, None),
    ("delete_template", Operator, None),
    ("update_template", Operator, None),
    ("create_task_from_template", Operator, None),
    ("list_periods", Viewer, None),
    ("create_period", Operator, None),
    ("update_periods", Operator, None),
    ("get_period", Viewer, None),
    ("delete_period", Operator, None),
    ("update_period", Operator, None),
    ("list_navigations", Viewer, None),
    ("create_navigation", Operator, None),
    ("get_navigation", Viewer, None),
    ("delete_navigation", Operator, None),
    ("update_navigation", Operator, None),
    ("publish_navigation", Operator, None),
    ("list_navigation_versions", Viewer, None),
    ("get_navigation_version", Viewer, None),
    ("list_robots", Viewer, None),
    ("create_robot", Operator, None),
    ("get_robot", Viewer, None),
    ("delete_robot", Operator, None),
    ("update_robot", Operator, None),
    ("list_agents", Viewer, None),
    ("create_agent", Operator, None),
    ("get_agent", Viewer, None),
    ("delete_agent", Operator, None),
    ("update_agent", Operator, None),
    ("list_providers", Viewer, None),
    ("create_provider", Admin, None),
    ("get_provider", Viewer, None),
    ("delete_provider", Admin, None),
    ("update_provider", Admin, None),
    ("list_trunks", Viewer, None),
    ("create_trunk", Admin, None),
    ("get_trunk", Viewer, None),
    ("delete_trunk", Admin, None),
    ("update_trunk", Admin, None),
    ("list_trunk_outcomes", Viewer, None),
    ("get_trunk_health", Viewer, None),
    ("list_caller_ids", Viewer, None),
    ("create_caller_id", Admin, None),
    ("get_caller_id", Viewer, None),
    ("delete_caller_id", Admin, None),
    ("update_caller_id", Admin, None),
    ("list_imports", Viewer, None),
    ("create_import", Operator, None),
    ("get_import", Viewer, None),
    ("cancel_import", Operator, None),
    ("get_import_errors", Viewer, None),
    ("list_batches", Viewer, None),
    ("get_batch", Viewer, None),
    ("delete_batch", Operator, None),
    ("set_batch_priority", Operator, None),
    ("cancel_batch", Operator, None),
    ("list_numbers", Viewer, None),
    ("cancel_numbers", Operator, None),
    ("search_numbers", Viewer, None),
    ("get_number", Viewer, None),
    ("delete_number", Operator, None),
    ("cancel_number", Operator, None),
    ("list_records", Viewer, None),
    ("list_conversations", Viewer, None),
    ("get_record", Viewer, None),
    ("get_conversation", Viewer, None),
    ("get_recording", Viewer, Some(ListenRecordings)),
    ("list_exports", Viewer, None),
    ("create_export", Viewer, Some(Export)),
    ("get_export", Viewer, None),
    ("cancel_export", Viewer, Some(Export)),
    ("download_export", Viewer, Some(Export)),
    ("list_keys", Admin, None),
    ("create_key", Admin, None),
    ("get_key", Admin, None),
    ("revoke_key", Admin, None),
    ("get_settings", Viewer, None),
    ("update_settings", Admin, None),
    ("list_suppression_imports", Viewer, None),
    ("create_suppression_import", Operator, None),
    ("get_suppression_import", Viewer, None),
    ("cancel_suppression_import", Operator, None),
    ("get_suppression_import_errors", Viewer, None),
    ("list_suppressions", Viewer, None),
    ("add_suppressions", Operator, None),
    ("get_suppression", Viewer, None),
    ("delete_suppression", Operator, None),
    ("list_audit", Admin, None),
    ("list_workers", Admin, None),
    ("list_metrics_targets", Admin, None),
    ("list_knowledge", Viewer, None),
    ("create_knowledge", Operator, None),
    ("get_knowledge", Viewer, None),
    ("delete_knowledge", Operator, None),
    ("update_knowledge", Operator, None),
    ("find_knowledge", Viewer, None),
    ("list_knowledge_documents", Viewer, None),
    ("create_knowledge_document", Operator, None),
    ("get_knowledge_document", Viewer, None),
    ("delete_knowledge_document", Operator, None),
    ("rehearse_robot", Operator, None),
];

/// One operation of the contract.
struct Operation<'a> {
    id: &'a str,
    method: &'a str,
    /// Below `/v1/`, with an id of the right form, that nothing has, in each place for one.
    path: String,
    /// The role that the contract says, and the permission.
    needs: &'a Value,
}

fn operations(contract: &Value) -> Vec<Operation<'_>> {
    let paths = contract["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        let methods = methods.filter(|(_, what)| what.get("operationId").is_some());
        methods.map(move |(method, what)| Operation {
            id: what["operationId"].as_str().expect("an id"),
            method,
            path: filled(path, what, contract),
            needs: &what["security"][0]["key"],
        })
    });
    all.collect()
}

/// The path with an id of the right form in each place for one.
fn filled(path: &str, what: &Value, contract: &Value) -> String {
    let parameters = what["parameters"].as_array().into_iter().flatten();
    let places = parameters.filter(|parameter| parameter["in"] == "path");
    let filled = places.fold(path.to_owned(), |path, parameter| {
        let name = parameter["name"].as_str().expect("a name");
        let schema = match parameter["schema"]["$ref"].as_str() {
            Some(named) => contract.pointer(named.trim_start_matches('#')).expect("a schema"),
            None => &parameter["schema"],
        };
        let value = match schema["pattern"].as_str() {
            Some(pattern) => {
                let (prefix, _) = pattern[1..].split_once("_[").expect("the pattern of an id");
                format!("{prefix}_{:026}", 0)
            }
            None => "1".to_owned(),
        };
        path.replace(&format!("{{{name}}}"), &value)
    });
    filled.strip_prefix("/v1/").expect("a path under /v1").to_owned()
}

async fn asked(api: &Api, operation: &Operation<'_>) -> Answer {
    let method: reqwest::Method = operation.method.to_uppercase().parse().expect("a method");
    let request = api.request(method.clone(), &operation.path);
    Answer::to(if method == "GET" { request } else { request.json(&json!({})) }).await
}

#[tokio::test]
async fn every_operation_is_for_the_role_and_the_permission_of_its_row_and_for_nobody_below() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let contract = world.get("../openapi.json").await;
    let matrix: BTreeMap<_, _> =
        MATRIX.iter().map(|(id, role, needs)| (*id, (*role, *needs))).collect();
    let all: Vec<&str> = Permission::ALL.iter().map(|permission| permission.word()).collect();
    let mut keys = Vec::new();
    for role in [Viewer, Operator, Admin] {
        for permissions in [&[][..], &all] {
            keys.push((role, !permissions.is_empty(), world.key(role.word(), permissions).await));
        }
    }
    let stranger = world.by("cw_nobody_knows_me");
    let mut rows = matrix.len();
    for operation in operations(&contract) {
        let id = operation.id;
        let (least, needs) = *matrix.get(id).unwrap_or_else(|| panic!("{id} has no row here"));
        rows -= 1;
        let told: Vec<&str> =
            [Some(least.word()), needs.map(Permission::word)].into_iter().flatten().collect();
        assert_eq!(*operation.needs, json!(told), "what {id} needs, in the contract");
        let answer = asked(&stranger, &operation).await;
        assert!([401, 429].contains(&answer.status), "{id} by a stranger: {}", answer.told());
        for (role, may_all, key) in &keys {
            let answer = asked(key, &operation).await;
            let who = format!("{id} by a key of role {}, all permissions: {may_all}", role.word());
            if *role < least {
                assert_eq!(answer.told(), "403 role_required", "{who}");
            } else if needs.is_some() && !may_all {
                assert_eq!(answer.told(), "403 permission_required", "{who}");
            } else {
                // Whatever else may be wrong with it, the key is not.
                assert!(![401, 403, 429].contains(&answer.status), "{who}: {}", answer.told());
            }
        }
    }
    assert_eq!(rows, 0, "rows of operations that the contract does not have");
    world.end().await;
}
