//! The systems of an enterprise, as tools and `http` nodes call them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dialog::llm::{Method, Tool};
use serde_json::{Value, json};
use speech::SpeechError;
use speech::providers::Providers;
use speech::tools::{HttpAnswer, HttpTools, Toolbox, address, arguments};

use super::http::{Act, Answer, HttpServer};
use super::setup::{KEY, configured, model, reach, system, with};

const TIMEOUT: Duration = Duration::from_secs(5);

fn tools(configs: Vec<Value>) -> HttpTools {
    HttpTools::new(reach(), configured(configs) as Arc<dyn Providers>)
}

fn tool(more: Value) -> Tool {
    let mut all = json!({
        "name": "order", "description": "x", "provider": "crm", "path": "/customers/{{customer id}}/orders/{number}",
        "parameters": [
            {"name": "number", "required": true}, {"name": "count", "value": "number"},
            {"name": "open", "value": "boolean"},
        ],
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

async fn call(server: &HttpServer, tool: &Tool, given: &Value) -> Result<String, SpeechError> {
    let variables = BTreeMap::from([("customer id".to_owned(), "a/../b?c".to_owned())]);
    let arguments = arguments::read(tool, &given.to_string()).unwrap();
    tools(vec![system(&format!("{}/api", server.url))]).call(tool, arguments, &variables).await
}

#[tokio::test]
async fn parameters_stand_in_the_path_then_in_the_query_or_the_body() {
    let server = HttpServer::answering(vec![Answer::json(&json!({"ok": true}))]).await;
    let given = json!({"number": "7 & 8", "count": 2, "open": true});
    let path = "/api/customers/a%2F..%2Fb%3Fc/orders/7%20%26%208";
    assert_eq!(call(&server, &tool(json!({})), &given).await.unwrap(), r#"{"ok":true}"#);
    call(&server, &tool(json!({"method": "post"})), &given).await.unwrap();
    call(&server, &tool(json!({"method": "put", "path": "/all?by={number}"})), &given)
        .await
        .unwrap();
    call(&server, &tool(json!({"path": "/all?by={number}&n={count}"})), &json!({"number": "7"}))
        .await
        .unwrap();
    let asked = server.asked();
    let seen: Vec<(&str, &str)> =
        asked.iter().map(|asked| (asked.method.as_str(), asked.target.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("GET", &*format!("{path}?count=2&open=true")),
            ("POST", path),
            ("PUT", "/api/all?by=7%20%26%208"),
            ("GET", "/api/all?by=7&n="),
        ]
    );
    assert_eq!(asked[0].body, "");
    let body: Value = serde_json::from_str(&asked[1].body).unwrap();
    assert_eq!(body, json!({"count": 2, "open": true}));
    assert_eq!(asked[1].headers["content-type"], "application/json");
    assert!(asked.iter().all(|asked| asked.headers["authorization"] == format!("Bearer {KEY}")));
}

#[tokio::test]
async fn only_a_success_is_a_tools_answer() {
    for (status, answers) in
        [(200, true), (201, true), (299, true), (302, false), (404, false), (500, false)]
    {
        let server =
            HttpServer::answering(vec![Answer::new(status, "text/plain", "told sk-secret")]).await;
        let answer = call(&server, &tool(json!({})), &json!({"number": "7"})).await;
        assert_eq!(answer.is_ok(), answers, "{status}");
        if let Err(error) = answer {
            assert!(error.to_string().contains(&status.to_string()), "{error}");
            assert!(!error.to_string().contains(KEY));
        }
    }
}

#[tokio::test]
async fn an_http_node_gets_any_status_with_its_body() {
    let server =
        HttpServer::answering(vec![Answer::new(404, "application/json", "{\"why\":\"gone\"}")])
            .await;
    let tools = tools(vec![system(&server.url)]);
    let variables = BTreeMap::from([("name".to_owned(), "Li & Co".to_owned())]);
    let path = address::filled("/find?by={{name}}", &variables, &BTreeMap::new()).unwrap();
    let body = Some("{\"a\": 1}".to_owned());
    let answer = tools.request("crm", Method::Post, &path, body, TIMEOUT).await.unwrap();
    assert_eq!(answer, HttpAnswer { status: 404, body: "{\"why\":\"gone\"}".into() });
    tools.request("crm", Method::Put, "/note", Some("a note".into()), TIMEOUT).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].target, "/find?by=Li%20%26%20Co");
    assert_eq!(asked[0].headers["content-type"], "application/json");
    assert_eq!(asked[1].headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(asked[1].body, "a note");
}

#[tokio::test]
async fn what_can_not_be_asked_is_told_without_asking() {
    let server = HttpServer::answering(vec![Answer::json(&json!(1))]).await;
    let tools = tools(vec![system(&format!("{}/api", server.url)), model("llm", &server.url)]);
    for (system, path, why) in [
        ("gone", "/a", "there is no system of this name"),
        ("llm", "/a", "it is no system of the enterprise"),
        ("crm", "/../admin", "leads out"),
        ("crm", "@example.com/", "leads out"),
    ] {
        let error = tools.request(system, Method::Get, path, None, TIMEOUT).await.unwrap_err();
        assert!(error.to_string().contains(why), "{path}: {error}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_system_has_its_places_and_a_call_that_is_dropped_leaves_it() {
    let never = Answer {
        status: 200,
        content_type: "text/plain",
        acts: vec![Act::Wait(Duration::from_secs(3_600))],
    };
    let server = HttpServer::answering(vec![never, Answer::json(&json!(1))]).await;
    let tools = tools(vec![with(system(&server.url), "at_once", 1)]);
    let first = tokio::spawn({
        let tools = tools.clone();
        async move { tools.request("crm", Method::Get, "/a", None, TIMEOUT).await }
    });
    server.has_been_asked(1).await;
    let second = tools.request("crm", Method::Get, "/a", None, TIMEOUT).await;
    assert!(matches!(second, Err(SpeechError::Overloaded(1))), "{second:?}");
    first.abort();
    server.was_left(1).await;
    assert!(first.await.unwrap_err().is_cancelled());
    tools.request("crm", Method::Get, "/a", None, TIMEOUT).await.unwrap();
    let slow = tools.request("crm", Method::Get, "/a", None, Duration::ZERO).await;
    assert!(matches!(slow, Err(SpeechError::TimedOut)), "{slow:?}");
}
