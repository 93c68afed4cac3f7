//! Checks of the whole document, so that a route or a schema that is added later can't break it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn document() -> Value {
    serde_json::from_str(&openapi()).expect("JSON")
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = ["get", "post", "put", "patch", "delete"];
    paths
        .iter()
        .flat_map(|(path, item)| {
            methods.iter().filter_map(move |method| {
                Some(((*method).to_owned(), path.clone(), item.get(method)?))
            })
        })
        .collect()
}

#[test]
fn the_document_is_the_same_each_time() {
    assert_eq!(openapi(), openapi());
    assert!(document()["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
}

#[test]
fn every_operation_has_an_id_of_its_own_a_tag_that_is_known_and_its_problems() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(!id.is_empty() && ids.insert(id), "{method} {path}");
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        assert!(TAGS.iter().any(|(known, _)| *known == tag), "{method} {path}");
        let kinds = operation["responses"]["default"]["content"].as_object();
        assert!(
            kinds.is_some_and(|kinds| kinds.contains_key(crate::problem::MEDIA_TYPE)),
            "{method} {path}"
        );
    }
    assert!(ids.len() > 60, "{}", ids.len());
}

#[test]
fn every_parameter_of_a_path_is_described() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let described: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let named: BTreeSet<&str> =
            path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(described, named, "{method} {path}");
    }
}

#[test]
fn every_schema_is_used() {
    let text = openapi();
    let document = document();
    for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = target.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}

#[test]
fn posts_take_an_idempotency_key_and_patches_need_if_match() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let has = |name: &str| {
            let parameters = operation["parameters"].as_array();
            parameters.is_some_and(|all| all.iter().any(|one| one["name"] == name))
        };
        assert_eq!(has("Idempotency-Key"), method == "post", "{method} {path}");
        assert_eq!(has("If-Match"), method == "patch", "{method} {path}");
    }
}

/// Every schema of the document, with where it stands.
fn every_schema(document: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut walk = |place: &str, schema: &Value| {
        let mut open = vec![(place.to_owned(), schema.clone())];
        while let Some((place, mut schema)) = open.pop() {
            for (at, inner) in schema::inside_mut(&mut schema).into_iter().enumerate() {
                open.push((format!("{place}, part {at}"), inner.clone()));
            }
            found.push((place, schema));
        }
    };
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        walk(name, schema);
    }
    for (method, path, operation) in operations(document) {
        let place = format!("{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            walk(&format!("{place} {}", parameter["name"]), &parameter["schema"]);
        }
        let replies =
            operation["responses"].as_object().into_iter().flatten().map(|(_, reply)| reply);
        for body in replies.chain(operation.get("requestBody")) {
            for (kind, media) in body["content"].as_object().into_iter().flatten() {
                walk(&format!("{place} {kind}"), &media["schema"]);
            }
        }
    }
    found
}

#[test]
fn every_type_has_a_plain_name_of_its_own() {
    let (_, clashes) = finish(&described().1);
    assert!(clashes.is_empty(), "two different types have one of these names: {clashes:?}");
    for name in document()["components"]["schemas"].as_object().expect("schemas").keys() {
        let plain = name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric());
        assert!(plain, "{name}: give the type a name with #[schemars(rename = \"…\")]");
    }
}

#[test]
fn every_object_map_and_choice_is_a_type_with_a_name() {
    let document = document();
    let components = document["components"]["schemas"].as_object().expect("schemas");
    for (place, schema) in every_schema(&document) {
        let nameless = schema.get("properties").is_some()
            || schema.get("additionalProperties").is_some_and(Value::is_object)
            || schema.get("oneOf").is_some();
        assert!(!nameless || components.contains_key(&place), "{place} has no name: {schema}");
    }
}

#[test]
fn no_schema_is_only_true_and_no_default_is_an_object_or_null() {
    for (place, schema) in every_schema(&document()) {
        assert_ne!(schema, Value::Bool(true), "{place}");
        let default = schema.get("default");
        assert!(!default.is_some_and(|value| value.is_object() || value.is_null()), "{place}");
    }
}

#[test]
fn no_parameter_is_null() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let nullable = schema::without_null(&parameter["schema"]).1;
            assert!(!nullable, "{method} {path} {}", parameter["name"]);
        }
    }
}

#[test]
fn a_client_sends_no_default_that_a_patch_did_not_name() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let mut patches = 0;
    for (method, path, operation) in operations(&document) {
        if method != "patch" {
            continue;
        }
        patches += 1;
        let content = operation["requestBody"]["content"].as_object().expect("a body");
        let (kind, body) = content.iter().next().expect("a body");
        for name in schema::needed(body, schemas) {
            let text = schemas[&name].to_string();
            assert!(!text.contains("\"default\":"), "{path}: {name} has a default");
        }
        // One of several rows has a patch for each inside.
        if kind != MERGE_PATCH {
            assert_eq!((&*path, &**kind), ("/v1/periods", "application/json"));
            continue;
        }
        let whole = schema::target(&body["schema"]).unwrap_or_default();
        assert!(whole.ends_with("Patch"), "{path}: {whole}");
        assert!(schemas[whole].get("required").is_none(), "{path}: a patch requires nothing");
    }
    assert!(patches > 5, "{patches}");
}

/// As the rows of a file are judged: by the caller IDs of the enterprise.
#[test]
fn a_row_may_name_any_caller_id_of_the_enterprise() {
    let document = document();
    let fields = &document["components"]["schemas"]["NumberInput"]["properties"];
    let told = fields["caller_id"]["description"].as_str().expect("a description");
    assert!(told.contains("enterprise"), "{told}");
}
