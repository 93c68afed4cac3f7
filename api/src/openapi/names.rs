//! A plain name for everything that a tool has to name when it makes a client.
//!
//! Every object, every map and every branch of a choice becomes a component. Its name comes from where it
//! stands: field `variables` of `TaskConfig` is `TaskConfigVariables`, the branch `agent` of `Node` is
//! `AgentNode`, the body of `create_import` is `CreateImportBody`. So whatever is added to the API has a
//! name, too. Two different things of one name are told by [`name_all`], and a test fails on them.

use serde_json::{Map, Value, json};

use super::schema::{inside_mut, or_null, reference, target, without_null};

/// Names all parts of the components and of the operations. Gives the names that two things would have.
pub(super) fn name_all(document: &mut Value) -> Vec<String> {
    let mut namer = Namer { named: Map::new(), clashes: Vec::new() };
    let schemas = document.pointer_mut("/components/schemas").map(Value::take);
    let Some(Value::Object(schemas)) = schemas else { return Vec::new() };
    for (name, mut schema) in schemas {
        namer.whole(&name, &mut schema);
        namer.add(name, schema);
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flat_map(|paths| paths.values_mut()).flat_map(operations) {
        let name = pascal(operation["operationId"].as_str().unwrap_or_default());
        if let Some(Value::Object(content)) = operation.pointer_mut("/requestBody/content") {
            namer.contents(&format!("{name}Body"), content);
        }
        let replies = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (_, reply) in replies.into_iter().flatten() {
            if let Some(Value::Object(content)) = reply.get_mut("content") {
                namer.contents(&format!("{name}Reply"), content);
            }
        }
    }
    document["components"]["schemas"] = Value::Object(namer.named);
    namer.clashes
}

/// The operations of a path.
pub(super) fn operations(path: &mut Value) -> impl Iterator<Item = &mut Value> {
    let known = ["get", "put", "post", "patch", "delete"];
    let fields = path.as_object_mut().into_iter().flatten();
    fields.filter(move |(method, _)| known.contains(&method.as_str())).map(|(_, found)| found)
}

struct Namer {
    named: Map<String, Value>,
    clashes: Vec<String>,
}

impl Namer {
    fn add(&mut self, name: String, schema: Value) -> Value {
        let made = reference(&name);
        match self.named.get(&name) {
            Some(there) if *there != schema => self.clashes.push(name),
            Some(_) => {}
            None => {
                self.named.insert(name, schema);
            }
        }
        made
    }

    fn contents(&mut self, name: &str, content: &mut Map<String, Value>) {
        for (media_type, media) in content.iter_mut() {
            if let Some(schema) = media.get_mut("schema") {
                let form = if media_type == "multipart/form-data" { "Form" } else { "" };
                self.part(&format!("{name}{form}"), schema);
            }
        }
    }

    /// A schema that has the name already: names what stands in it.
    fn whole(&mut self, name: &str, schema: &mut Value) {
        self.branches(name, schema);
        if let Some(Value::Object(fields)) = schema.get_mut("properties") {
            for (field, schema) in fields.iter_mut() {
                self.part(&format!("{name}{}", pascal(field)), schema);
            }
        }
        if let Some(schema) = schema.get_mut("additionalProperties") {
            self.part(&format!("{name}Value"), schema);
        }
        if let Some(schema) = schema.get_mut("items") {
            self.part(&format!("{name}Item"), schema);
        }
    }

    /// A schema inside of another: where it is something to name, it becomes the component `name`, and a
    /// reference to it stays.
    fn part(&mut self, name: &str, schema: &mut Value) {
        if target(schema).is_some() {
            return;
        }
        if !is_named(schema) {
            let item = format!("{name}Item");
            let inner = if schema.get("items").is_some() { item.as_str() } else { name };
            for schema in inside_mut(schema) {
                self.part(inner, schema);
            }
            return;
        }
        let (mut moved, nullable) = without_null(schema);
        // What is said of the field stays with the field.
        let mut told = Map::new();
        if let Value::Object(fields) = &mut moved {
            for word in ["title", "description", "default"] {
                told.extend(fields.shift_remove(word).map(|value| (word.to_owned(), value)));
            }
        }
        self.whole(name, &mut moved);
        let made = self.add(name.to_owned(), moved);
        let made = if told.is_empty() {
            made
        } else {
            told.insert("allOf".into(), json!([made]));
            Value::Object(told)
        };
        *schema = if nullable { or_null(made) } else { made };
    }

    /// A choice of objects: what all branches share moves into each, and each gets a name of its own,
    /// from the word that it is told by.
    fn branches(&mut self, name: &str, schema: &mut Value) {
        let Value::Object(fields) = schema else { return };
        let Some(Value::Array(branches)) = fields.get("oneOf") else { return };
        let Some(tag) =
            branches.iter().map(tag).reduce(|one, other| one.filter(|_| one == other)).flatten()
        else {
            return;
        };
        let tag = tag.to_owned();
        let branches = branches.clone();
        let shared = fields.shift_remove("properties");
        let required = fields.shift_remove("required");
        fields.shift_remove("type");
        let (mut references, mut mapping) = (Vec::new(), Map::new());
        for mut branch in branches {
            let word = branch["properties"][&tag]["const"].as_str().unwrap_or_default().to_owned();
            merge(&mut branch, shared.as_ref(), required.as_ref());
            let name = format!("{}{name}", pascal(&word));
            self.whole(&name, &mut branch);
            let made = self.add(name, branch);
            mapping.insert(word, made["$ref"].clone());
            references.push(made);
        }
        fields.insert("oneOf".into(), references.into());
        fields.insert("discriminator".into(), json!({ "propertyName": tag, "mapping": mapping }));
    }
}

/// The field by whose constant an object is told from its siblings.
fn tag(branch: &Value) -> Option<&str> {
    let fields = branch.get("properties")?.as_object()?;
    fields.iter().find(|(_, field)| field.get("const").is_some()).map(|(name, _)| name.as_str())
}

/// Fields that all branches share, in front of a branch's own.
fn merge(branch: &mut Value, shared: Option<&Value>, required: Option<&Value>) {
    let both = |one: Option<&Value>, other: &Value| -> Map<String, Value> {
        let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let mut all = one.map(fields).unwrap_or_default();
        all.extend(fields(other));
        all
    };
    branch["properties"] = both(shared, &branch["properties"]).into();
    let names =
        |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all = names(required);
    all.extend(names(branch.get("required")));
    branch["required"] = all.into();
}

/// Objects, maps and choices of objects get a name.
fn is_named(schema: &Value) -> bool {
    let map = schema.get("additionalProperties").is_some_and(Value::is_object);
    let choice = schema.get("oneOf").and_then(Value::as_array);
    map || schema.get("properties").is_some()
        || choice.is_some_and(|all| all.iter().all(|one| tag(one).is_some()))
}

/// `create_import` as `CreateImport`.
pub(super) fn pascal(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(schemas: Value) -> (Value, Vec<String>) {
        let mut document = json!({ "paths": {}, "components": { "schemas": schemas } });
        let clashes = name_all(&mut document);
        (document["components"]["schemas"].take(), clashes)
    }

    #[test]
    fn objects_and_maps_inside_of_others_get_names_by_their_place() {
        let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        let (schemas, clashes) = named(json!({ "Task": { "type": "object", "properties": {
            "tags": map,
            "waits": { "type": "array", "items": { "type": "object", "properties": {} } },
        }}}));
        assert_eq!(schemas["Task"]["properties"]["tags"], reference("TaskTags"));
        assert_eq!(schemas["TaskTags"], map);
        assert_eq!(schemas["Task"]["properties"]["waits"]["items"], reference("TaskWaitsItem"));
        assert!(clashes.is_empty());
    }

    #[test]
    fn each_branch_is_whole_and_named_by_its_word() {
        let branch = |word: &str| {
            json!({
                "type": "object", "properties": { "kind": { "const": word } }, "required": ["kind"],
            })
        };
        let (schemas, _) = named(json!({ "Node": {
            "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"],
            "oneOf": [branch("agent"), branch("hang_up")],
        }}));
        assert_eq!(
            schemas["Node"]["oneOf"],
            json!([reference("AgentNode"), reference("HangUpNode")])
        );
        assert_eq!(schemas["HangUpNode"]["required"], json!(["name", "kind"]));
        assert!(schemas["Node"].get("properties").is_none());
    }

    #[test]
    fn two_things_of_one_name_are_told() {
        let map =
            |kind: &str| json!({ "type": "object", "additionalProperties": { "type": kind } });
        let (_, clashes) = named(json!({
            "TaskTags": map("string"),
            "Task": { "type": "object", "properties": { "tags": map("integer") } },
        }));
        assert_eq!(clashes, ["TaskTags"]);
    }
}
