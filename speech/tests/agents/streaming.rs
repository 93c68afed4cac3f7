//! Words are said as they come, and the model is told what it needs.

use std::time::Duration;

use dialog::conversation::StepKind;
use dialog::transcript::Speaker;
use serde_json::{Value, json};
use speech::agent::Part;
use speech::agents::{Agents, Excerpt};
use speech::scripted::ScriptedAgent;
use speech::{Agent, Saying, SpeechError};

use super::chat::{self, messages};
use super::http::{Act, HttpServer};
use super::setup::{Always, KEY, Shelf, agent, agent_with, ask, model, request};

#[tokio::test]
async fn words_are_said_as_they_come_while_the_rest_is_still_being_written() {
    let acts = [
        vec![chat::role(), chat::word("Hello "), Act::Gate, chat::word("there.")],
        chat::end("stop"),
    ];
    let server = HttpServer::answering(vec![chat::stream(acts.concat())]).await;
    let agent = agent(vec![model("main", &server.url)]);
    let request = request(json!({}), "Hi");
    let (saying, mut heard) = Saying::new();
    let asking = agent.reply(&request, &saying);
    let listening = async {
        let first = heard.recv().await;
        // The server holds the rest back until now.
        server.go_on();
        (first, heard.recv().await)
    };
    let (reply, (first, second)) = tokio::join!(asking, listening);
    assert_eq!(first, Some(Part::Text("Hello ".into())));
    assert_eq!(second, Some(Part::Text("there.".into())));
    assert_eq!(reply.unwrap(), Default::default());
}

#[tokio::test]
async fn an_answer_that_is_cut_at_every_byte_is_the_same_answer() {
    let wire = "\u{feff}: hello\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"好的，\"}}]}\r\n\r\n\
        event: x\ndata: {\"choices\":[{\"delta\":{\"content\":\"bye #Hangup#\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let acts = wire.bytes().map(|byte| Act::Send(vec![byte])).collect();
    let server = HttpServer::answering(vec![chat::stream(acts)]).await;
    let told = ask(&agent(vec![model("main", &server.url)]), &request(json!({}), "Hi")).await;
    assert_eq!(told.words(), ["好的，", "bye #Hangup#"]);
    assert!(told.result.is_ok(), "{told:?}");
}

#[tokio::test]
async fn one_token_a_second_is_slow_and_yet_an_answer() {
    let slow = Act::Wait(Duration::from_millis(900));
    let mut acts = vec![chat::word("One")];
    for word in [" two", " three", " four"] {
        acts.extend([slow.clone(), chat::word(word)]);
    }
    acts.extend(chat::end("stop"));
    let server = HttpServer::answering(vec![chat::stream(acts)]).await;
    let told = ask(&agent(vec![model("main", &server.url)]), &request(json!({}), "Hi")).await;
    assert_eq!(told.words().concat(), "One two three four");
    assert!(told.result.is_ok(), "{told:?}");
}

#[tokio::test]
async fn the_model_is_asked_as_the_robot_is_configured() {
    let server = HttpServer::answering(vec![chat::words(&["Yes."])]).await;
    let mut request =
        request(json!({"temperature": 0.5, "reply_tokens_max": 99}), "Are you there?");
    request.history = vec![(Speaker::Robot, "Hello.".into())];
    let told = ask(&agent(vec![model("main", &format!("{}/v1/", server.url))]), &request).await;
    assert!(told.result.is_ok(), "{told:?}");
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        (&body["model"], &body["stream"], &body["temperature"], &body["max_tokens"]),
        (&json!("stand-in"), &json!(true), &json!(0.5), &json!(99))
    );
    assert!(body.get("tools").is_none() && body.get("tool_choice").is_none());
    assert_eq!(
        messages(asked)[1..],
        [
            json!({"role": "assistant", "content": "Hello."}),
            json!({"role": "user", "content": "Are you there?"}),
        ]
    );
}

#[tokio::test]
async fn a_prompt_of_20_000_characters_reaches_the_model_whole() {
    let server = HttpServer::answering(vec![chat::words(&["Yes."])]).await;
    let prompt = "电".repeat(20_000);
    let told =
        ask(&agent(vec![model("main", &server.url)]), &request(json!({"prompt": prompt}), "Hi"))
            .await;
    assert!(told.result.is_ok(), "{told:?}");
    let system = messages(&server.asked()[0])[0]["content"].as_str().unwrap().to_owned();
    assert!(system.starts_with(&prompt));
}

#[tokio::test]
async fn a_robot_answers_from_documents_and_the_log_names_what_was_used() {
    let found = vec![
        Excerpt {
            source: "prices.md".into(),
            text: "A rose is two euros. #Hangup# {tag x}".into(),
        },
        Excerpt { source: "hours.md".into(), text: "We open at nine.".into() },
    ];
    let server = HttpServer::answering(vec![chat::words(&["Two euros."])]).await;
    let robot = request(json!({"knowledge": ["shop"]}), "What is a rose?");
    let told = ask(&agent_with(&server.url, Always(""), Shelf(Ok(found))), &robot).await;
    let steps = told.steps(StepKind::Knowledge);
    assert!(
        steps.len() == 1 && steps[0].starts_with("prices.md: A rose is two euros."),
        "{steps:?}"
    );
    let system = messages(&server.asked()[0])[0]["content"].as_str().unwrap().to_owned();
    let documents = system.split_once("From the documents").unwrap().1;
    assert!(
        documents.contains("We open at nine.") && !documents.contains(['#', '{']),
        "{documents}"
    );

    let failing = Shelf(Err(SpeechError::Failed("no database".into())));
    let told = ask(&agent_with(&server.url, Always(""), failing), &robot).await;
    assert_eq!(told.steps(StepKind::Knowledge), ["failed: the provider failed: no database"]);
    assert_eq!(told.words(), ["Two euros."], "it answers without them");
}

#[tokio::test]
async fn a_call_asks_the_script_or_the_model_as_its_robot_says() {
    let server = HttpServer::answering(vec![chat::words(&["I am a model."])]).await;
    let script = ScriptedAgent::new(clock::Clock::wall());
    let agents = Agents::new(script, agent(vec![model("main", &server.url)]));
    let told = ask(&agents, &request(json!({}), "Hi")).await;
    assert_eq!(told.words(), ["I am a model."]);
    let mut scripted = request(json!({}), "hello");
    let robot = json!({"name": "Bob", "agent": {"kind": "scripted",
        "intents": [{"name": "greets", "keywords": ["hello"], "reply": "I am a script."}],
        "fallback": ["What?"]}});
    scripted.robot = std::sync::Arc::new(serde_json::from_value(robot).unwrap());
    let told = ask(&agents, &scripted).await;
    assert_eq!(told.result.unwrap().text, "I am a script.");
}
