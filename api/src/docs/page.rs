//! The pages: what the API is, and one for each of the document's tags with all that its operations need.

use serde_json::{Map, Value};

use super::example::example;
use super::html::{escape, line, slug, text};
use super::types::{fields, named, of_object, row, words};
use crate::openapi::schema::{needed, reference, target};
use crate::problem::MEDIA_TYPE as PROBLEM;

/// A page; the first has no name.
pub(super) struct Page {
    pub name: String,
    pub html: String,
}

/// One operation of the document.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    what: &'a Value,
}

/// All pages.
pub(super) fn all(document: &Value) -> Vec<Page> {
    let nothing = Map::new();
    let schemas = document["components"]["schemas"].as_object().unwrap_or(&nothing);
    let operations = operations(document);
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    let side = side(&tags, &operations);
    let first = Page {
        name: String::new(),
        html: shell("Callwright API", &side, &overview(document, schemas, &tags, &operations)),
    };
    let others = tags.iter().map(|tag| {
        let title = tag["name"].as_str().unwrap_or_default();
        let own: Vec<&Operation> = of_tag(&operations, title).collect();
        let mut body = format!(
            "<h1>{}</h1>{}",
            line(title),
            text(tag["description"].as_str().unwrap_or_default())
        );
        own.iter().for_each(|operation| body.push_str(&section(operation, schemas)));
        let used = own.iter().flat_map(|operation| needed(operation.what, schemas));
        let used: std::collections::BTreeSet<String> = used.collect();
        body.push_str("<h2 id=\"types\">Types</h2>");
        used.iter().for_each(|name| body.push_str(&named(name, schemas)));
        Page { name: slug(title), html: shell(&format!("{title} · Callwright API"), &side, &body) }
    });
    std::iter::once(first).chain(others).collect()
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object();
    let methods = ["get", "post", "put", "patch", "delete"];
    let all = paths.into_iter().flatten().flat_map(|(path, item)| {
        methods
            .into_iter()
            .filter_map(move |method| Some(Operation { method, path, what: item.get(method)? }))
    });
    all.collect()
}

fn of_tag<'a>(all: &'a [Operation<'a>], tag: &'a str) -> impl Iterator<Item = &'a Operation<'a>> {
    all.iter().filter(move |operation| operation.what["tags"][0] == tag)
}

fn id<'a>(operation: &Operation<'a>) -> &'a str {
    operation.what["operationId"].as_str().unwrap_or_default()
}

fn summary<'a>(operation: &Operation<'a>) -> &'a str {
    operation.what["summary"].as_str().unwrap_or_default()
}

/// The list of everything, beside each page.
fn side(tags: &[&Value], operations: &[Operation]) -> String {
    let mut html = String::from("<a href=\"/docs\">Overview</a>");
    for tag in tags {
        let tag = tag["name"].as_str().unwrap_or_default();
        let links = of_tag(operations, tag).map(|operation| {
            format!(
                "<li><a href=\"/docs/{}#{}\">{}</a></li>",
                slug(tag),
                id(operation),
                line(summary(operation))
            )
        });
        html.push_str(&format!(
            "<a class=\"tag\" href=\"/docs/{}\">{}</a><ul>{}</ul>",
            slug(tag),
            line(tag),
            links.collect::<String>()
        ));
    }
    html
}

fn shell(title: &str, side: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"><link rel=\"icon\" href=\"data:,\"></head>\
         <body><nav><details open><summary>Callwright API</summary>{side}</details></nav><main>{body}</main></body></html>",
        escape(title)
    )
}

fn overview(
    document: &Value,
    schemas: &Map<String, Value>,
    tags: &[&Value],
    operations: &[Operation],
) -> String {
    let mut html = format!(
        "<h1>Callwright API</h1>{}<p>The contract for programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>",
        text(document["info"]["description"].as_str().unwrap_or_default())
    );
    let told = |part: &str| document["components"][part].as_object().into_iter().flatten();
    html.push_str("<h2 id=\"keys\">Keys</h2>");
    for (_, scheme) in told("securitySchemes") {
        html.push_str(&text(scheme["description"].as_str().unwrap_or_default()));
    }
    html.push_str("<h2 id=\"headers\">Headers of every reply</h2>");
    let headers = told("headers").map(|(name, header)| {
        row(
            name,
            "header",
            false,
            &header["schema"],
            header["description"].as_str().unwrap_or_default(),
        )
    });
    html.push_str(&fields(headers.collect()));
    html.push_str("<h2 id=\"errors\">Errors</h2>");
    for name in ["Problem", "Fault"] {
        html.push_str(&named(name, schemas));
    }
    let problem =
        serde_json::to_string_pretty(&example(&reference("Problem"), schemas)).unwrap_or_default();
    html.push_str(&format!(
        "<p>Example</p><pre class=\"example\"><code>{}</code></pre>",
        escape(&problem)
    ));
    for tag in tags {
        let title = tag["name"].as_str().unwrap_or_default();
        let rows = of_tag(operations, title).map(|operation| {
            format!(
                "<tr><td>{}</td><td><a href=\"/docs/{}#{}\"><code>{}</code></a></td><td>{}</td></tr>",
                method(operation), slug(title), id(operation), escape(operation.path), line(summary(operation))
            )
        });
        html.push_str(&format!(
            "<h2><a href=\"/docs/{}\">{}</a></h2>{}<div class=\"wide\"><table class=\"list\"><tbody>{}</tbody></table></div>",
            slug(title), line(title), text(tag["description"].as_str().unwrap_or_default()), rows.collect::<String>()
        ));
    }
    html
}

fn method(operation: &Operation) -> String {
    format!(
        "<span class=\"method {0}\">{1}</span>",
        operation.method,
        operation.method.to_uppercase()
    )
}

/// One operation, whole: parameters, body, replies, each with an example.
fn section(operation: &Operation, schemas: &Map<String, Value>) -> String {
    let (what, id) = (operation.what, id(operation));
    let mut html = format!(
        "<section class=\"operation\" id=\"{id}\" data-operation=\"{id}\"><h2>{}</h2><p class=\"path\">{} <code>{}</code></p>{}",
        line(summary(operation)),
        method(operation),
        escape(operation.path),
        text(what["description"].as_str().unwrap_or_default()),
    );
    for (_, needs) in what["security"][0].as_object().into_iter().flatten() {
        let word = |place: usize| needs[place].as_str().map(escape);
        let role = word(0).unwrap_or_default();
        let permission = word(1).map(|word| format!(", with the permission <code>{word}</code>"));
        let permission = permission.unwrap_or_default();
        html.push_str(&format!(
            "<p>For keys of role <code>{role}</code> or above{permission}.</p>"
        ));
    }
    let parameters = what["parameters"].as_array().into_iter().flatten().map(|parameter| {
        let words = |name: &str| parameter[name].as_str().unwrap_or_default();
        row(
            words("name"),
            words("in"),
            parameter["required"] == true,
            &parameter["schema"],
            words("description"),
        )
    });
    let parameters = fields(parameters.collect());
    if !parameters.is_empty() {
        html.push_str(&format!(
            "<div data-part=\"parameters\"><h3>Parameters</h3>{parameters}</div>"
        ));
    }
    if let Some(body) = what.get("requestBody") {
        let required = if body["required"] == true { "" } else { " (may be left out)" };
        html.push_str(&format!("<div data-part=\"body\"><h3>Body{required}</h3>"));
        html.push_str(&contents(body, schemas));
        html.push_str("</div>");
    }
    let replies = what["responses"].as_object().into_iter().flatten();
    let (others, told): (Vec<_>, Vec<_>) = replies.partition(|(status, _)| *status == "default");
    for (status, reply) in told.into_iter().chain(others) {
        html.push_str(&format!(
            "<div data-part=\"reply\" data-status=\"{status}\"><h3>{}</h3>{}",
            if status == "default" { "Anything else" } else { status },
            text(reply["description"].as_str().unwrap_or_default())
        ));
        // Those of every reply stand on the overview.
        let own = reply["headers"].as_object().into_iter().flatten();
        let own = own.filter(|(_, header)| header.get("$ref").is_none());
        let headers = own.map(|(name, header)| {
            row(
                name,
                "header",
                header["required"] == true,
                &header["schema"],
                header["description"].as_str().unwrap_or_default(),
            )
        });
        html.push_str(&fields(headers.collect()));
        html.push_str(&contents(reply, schemas));
        html.push_str("</div>");
    }
    html + "</section>"
}

/// What a body may be: its type with its fields, and an example.
fn contents(body: &Value, schemas: &Map<String, Value>) -> String {
    let mut html = String::new();
    for (media, content) in body["content"].as_object().into_iter().flatten() {
        let schema = &content["schema"];
        // Every operation may answer with a problem: the overview shows one.
        let problem = media == PROBLEM;
        let whole = target(schema).and_then(|name| schemas.get(name)).filter(|_| !problem);
        let fields = whole.map(of_object).unwrap_or_default();
        html.push_str(&format!(
            "<div data-media=\"{media}\"><p><code>{media}</code>: <span class=\"type\">{}</span></p>{fields}",
            words(schema), media = escape(media),
        ));
        if problem {
            html.push_str("<p><a href=\"/docs#errors\">What errors look like</a></p>");
        } else if media.ends_with("json") || media == "multipart/form-data" {
            let shown = serde_json::to_string_pretty(&example(schema, schemas)).unwrap_or_default();
            html.push_str(&format!(
                "<p>Example</p><pre class=\"example\"><code>{}</code></pre>",
                escape(&shown)
            ));
        } else {
            html.push_str("<p>The bytes of the file.</p>");
        }
        html.push_str("</div>");
    }
    html
}
