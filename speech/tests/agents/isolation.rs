//! Calls that share a provider never hear each other.

use serde_json::json;

use super::chat;
use super::http::{Act, HttpServer};
use super::setup::{agent, ask, model, request, with};

const CALLS: usize = 60;

#[tokio::test]
async fn many_calls_at_a_time_over_one_provider_get_their_own_answers() {
    let server = HttpServer::start(|asked| {
        let own = chat::question(asked);
        let messages = chat::messages(asked);
        // All answers are open at the same time.
        let mut acts = vec![Act::Gate];
        acts.extend(own.split_inclusive(' ').map(chat::word));
        acts.push(chat::word(&format!("| {}", messages.len())));
        acts.extend(chat::end("stop"));
        chat::stream(acts)
    })
    .await;
    let agent = agent(vec![with(model("main", &server.url), "timeout_ms", 30_000)]);
    let calls: Vec<_> = (0..CALLS)
        .map(|call| {
            let agent = agent.clone();
            tokio::spawn(async move {
                let mut request = request(
                    json!({"prompt": "Serve {{who}}."}),
                    &format!("I am customer {call} ."),
                );
                request.variables.insert("who".into(), format!("customer {call}"));
                ask(&agent, &request).await.words().concat()
            })
        })
        .collect();
    server.has_been_asked(CALLS).await;
    assert_eq!(server.open_max(), CALLS);
    server.go_on();
    for (call, words) in calls.into_iter().enumerate() {
        assert_eq!(words.await.unwrap(), format!("I am customer {call} .| 2"));
    }
    for asked in server.asked() {
        let messages = chat::messages(&asked);
        let own = chat::question(&asked).replace("I am ", "").replace(" .", ".");
        let system = messages[0]["content"].as_str().unwrap();
        assert!(system.starts_with(&format!("Serve {own}")), "{own}");
    }
}

#[tokio::test]
async fn one_request_knows_nothing_of_the_one_before() {
    let server = HttpServer::answering(vec![chat::words(&["Hello."])]).await;
    let agent = agent(vec![model("main", &server.url)]);
    ask(&agent, &request(json!({}), "my secret")).await;
    ask(&agent, &request(json!({}), "something else")).await;
    assert!(!server.asked()[1].body.contains("my secret"));
}
