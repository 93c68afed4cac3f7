//! What goes wrong with a model ends as a failure in words, goes to the next provider, and quotes nothing.

use std::time::Duration;

use dialog::conversation::StepKind;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};
use speech::{Agent, Saying, SpeechError};

use super::chat;
use super::http::{Act, Answer, HttpServer};
use super::setup::{KEY, Told, agent, ask, model, request, with};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3_600);
const SAID: &str = "my number is +4915112345678";

/// What came of asking a model that answers so.
async fn asked(answer: Answer) -> Told {
    let server = HttpServer::answering(vec![answer]).await;
    ask(&agent(vec![model("main", &server.url)]), &request(json!({}), SAID)).await
}

/// The same, where the model has half a second to its first words.
async fn asked_in_haste(answer: Answer) -> Told {
    let server = HttpServer::answering(vec![answer]).await;
    let hasty = with(model("main", &server.url), "timeout_ms", 500);
    ask(&agent(vec![hasty]), &request(json!({}), SAID)).await
}

fn stream_of(text: &str) -> Answer {
    chat::stream(vec![Act::Send(text.as_bytes().to_vec())])
}

#[tokio::test]
async fn every_fault_is_told_in_words_that_quote_neither_key_nor_number_nor_answer() {
    let mut large = vec![chat::word("x"); 3];
    large.push(Act::Send(vec![b'x'; 300_000]));
    let endless = vec![chat::word(&"x".repeat(1_000)); 100];
    let error =
        chat::event(&json!({"error": {"message": "told by sk-secret about +4915112345678"}}));
    let filtered = [vec![chat::role()], chat::end("content_filter")].concat();
    let rubbish_head = vec![Act::Raw(b"\x00\x01 rubbish\r\n\r\n".to_vec()), Act::Close];
    for (what, answer, why) in [
        ("401", chat::refusal(401), "refuses the key (status 401)"),
        ("404", chat::refusal(404), "nothing at this address (status 404)"),
        ("429", chat::refusal(429), "asked too often (status 429)"),
        ("500", chat::refusal(500), "a fault of its own (status 500)"),
        ("302", chat::refusal(302), "sends elsewhere"),
        ("nothing at all", chat::stream(vec![Act::Wait(NEVER)]), "did not answer in time"),
        (
            "only a role",
            chat::stream(vec![chat::role(), Act::Wait(NEVER)]),
            "did not answer in time",
        ),
        (
            "a page",
            Answer::new(200, "text/html", "<html>+4915112345678</html>"),
            "connection closed",
        ),
        ("rubbish", stream_of("data: +4915112345678\n\n"), "no JSON of this API"),
        ("no text", chat::stream(vec![Act::Send(b"data: \xff\xfe\n\n".to_vec())]), "no text"),
        ("no HTTP", chat::stream(rubbish_head), "connection broke off"),
        ("an error in the stream", chat::stream(vec![chat::role(), error]), "with an error"),
        ("closes at once", chat::stream(vec![chat::role(), Act::Close]), "connection broke off"),
        ("ends without an end", chat::stream(vec![chat::word("Hel")]), "connection closed within"),
        (
            "closes within",
            chat::stream(vec![chat::word("Hel"), Act::Close]),
            "connection broke off",
        ),
        ("an event without end", chat::stream(large), "too long"),
        ("words without end", chat::stream(endless), "too long"),
        ("an empty answer", stream_of("data: [DONE]\n\n"), "empty"),
        ("a filter", chat::stream(filtered), "filter"),
    ] {
        let told = asked(answer).await;
        let error = told.error();
        assert!(error.contains(why), "{what}: {error}");
        let log = told.steps(StepKind::ProviderFailed);
        assert!(log.len() == 1 && log[0].starts_with("main: ") && log[0].contains(why), "{log:?}");
        for quoted in [KEY, "+49", "127.0.0.1", "html"] {
            assert!(!error.contains(quoted) && !log[0].contains(quoted), "{what}: {error}");
        }
    }
}

#[tokio::test]
async fn a_model_that_says_nothing_in_time_has_failed_whatever_else_it_sends() {
    let comment =
        [Act::Send(b": still thinking\n\n".to_vec()), Act::Wait(Duration::from_millis(50))];
    for acts in [
        vec![Act::Wait(NEVER)],
        vec![chat::role(), Act::Wait(NEVER)],
        // For longer than half a second.
        vec![comment; 1_000].concat(),
    ] {
        let told = asked_in_haste(chat::stream(acts)).await;
        assert!(matches!(told.result, Err(SpeechError::TimedOut)), "{told:?}");
    }
}

#[tokio::test]
async fn a_model_that_stands_still_within_its_answer_is_given_up() {
    let told = asked(chat::stream(vec![chat::word("Well, "), Act::Wait(NEVER)])).await;
    assert!(matches!(told.result, Err(SpeechError::TimedOut)), "{told:?}");
    assert_eq!(told.words(), ["Well, "]);
}

#[tokio::test]
async fn the_next_provider_answers_when_one_fails_before_its_first_word() {
    let failing = HttpServer::answering(vec![chat::refusal(500)]).await;
    let silent = HttpServer::answering(vec![chat::stream(vec![Act::Wait(NEVER)])]).await;
    let third = HttpServer::answering(vec![chat::words(&["Here I am."])]).await;
    let providers = vec![
        model("first", &failing.url),
        with(model("second", &silent.url), "timeout_ms", 200),
        model("third", &third.url),
        json!({"name": "voice", "driver": "espeak"}),
    ];
    let names = json!({"providers": ["gone", "voice", "first", "second", "third"]});
    let told = ask(&agent(providers), &request(names, SAID)).await;
    assert_eq!(told.words(), ["Here I am."]);
    assert_eq!(
        told.steps(StepKind::ProviderFailed),
        [
            "gone: the provider failed: there is no provider of this name",
            "voice: the provider failed: it is no language model",
            "first: the provider failed: it has a fault of its own (status 500)",
            "second: the provider did not answer in time",
        ]
    );
    silent.was_left(1).await;
}

#[tokio::test]
async fn nobody_begins_anew_what_was_half_said() {
    let first =
        HttpServer::answering(vec![chat::stream(vec![chat::word("Your bal"), Act::Close])]).await;
    let second = HttpServer::answering(vec![chat::words(&["Hello."])]).await;
    let providers = vec![model("main", &first.url), model("next", &second.url)];
    let told = ask(&agent(providers), &request(json!({"providers": ["main", "next"]}), SAID)).await;
    assert!(told.error().contains("broke off"), "{told:?}");
    assert_eq!(told.words(), ["Your bal"]);
    assert!(second.asked().is_empty());
}

#[tokio::test]
async fn a_private_address_is_no_provider() {
    let server = HttpServer::answering(vec![chat::words(&["Hello."])]).await;
    let port = server.url.rsplit(':').next().unwrap();
    for host in ["127.0.0.2", "[::1]", "10.0.0.1"] {
        let told = ask(
            &agent(vec![model("main", &format!("http://{host}:{port}"))]),
            &request(json!({}), SAID),
        )
        .await;
        assert!(matches!(told.result, Err(SpeechError::NotAllowed(_))), "{host}: {told:?}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_cancelled_request_closes_its_connection_and_what_comes_later_is_never_said() {
    let late = chat::stream(vec![chat::word("Old"), Act::Gate, chat::word(" answer")]);
    let server = HttpServer::answering(vec![late, chat::words(&["New answer"])]).await;
    let agent = agent(vec![model("main", &server.url)]);
    let old = request(json!({}), "old");
    let (saying, mut heard) = Saying::new();
    {
        let asking = agent.reply(&old, &saying);
        tokio::pin!(asking);
        tokio::select! {
            _ = &mut asking => panic!("it has answered"),
            first = heard.recv() => assert!(first.is_some()),
        }
    }
    server.was_left(1).await;
    server.go_on();
    let told = ask(&agent, &request(json!({}), "new")).await;
    assert_eq!(told.words(), ["New answer"]);
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn a_request_that_is_cancelled_before_the_first_word_closes_its_connection() {
    let server = HttpServer::answering(vec![chat::stream(vec![Act::Wait(NEVER)])]).await;
    let agent = agent(vec![with(model("main", &server.url), "timeout_ms", 30_000)]);
    let asking = tokio::spawn(async move { ask(&agent, &request(json!({}), SAID)).await });
    server.has_been_asked(1).await;
    asking.abort();
    server.was_left(1).await;
}

#[tokio::test]
async fn of_500_calls_that_want_a_provider_with_50_places_450_are_told_at_once() {
    let slow = chat::stream([vec![Act::Gate, chat::word("Hello.")], chat::end("stop")].concat());
    let server = HttpServer::answering(vec![slow]).await;
    let limited = with(with(model("main", &server.url), "at_once", 50), "timeout_ms", 30_000);
    let agent = agent(vec![limited]);
    let request = request(json!({}), "Hi");
    let mut calls: FuturesUnordered<_> = (0..500).map(|_| ask(&agent, &request)).collect();
    for _ in 0..450 {
        // The server lets nobody have an answer yet.
        let told = calls.next().await.unwrap();
        assert!(matches!(told.result, Err(SpeechError::Overloaded(50))), "{told:?}");
    }
    tokio::select! {
        () = server.has_been_asked(50) => {}
        told = calls.next() => panic!("answered by nobody: {told:?}"),
    }
    server.go_on();
    while let Some(told) = calls.next().await {
        assert_eq!(told.words(), ["Hello."]);
    }
    assert_eq!((server.asked().len(), server.open_max()), (50, 50));
    let told = ask(&agent, &request).await;
    assert_eq!(told.words(), ["Hello."], "the places are free again");
}

#[tokio::test]
async fn a_full_provider_leaves_the_call_to_the_next_one() {
    let slow = HttpServer::answering(vec![chat::stream(vec![Act::Wait(NEVER)])]).await;
    let other = HttpServer::answering(vec![chat::words(&["Hello."])]).await;
    let one_place = with(with(model("main", &slow.url), "at_once", 1), "timeout_ms", 30_000);
    let agent = agent(vec![one_place, model("next", &other.url)]);
    let both: Value = json!({"providers": ["main", "next"]});
    let first = tokio::spawn({
        let (agent, request) = (agent.clone(), request(both.clone(), "Hi"));
        async move { ask(&agent, &request).await }
    });
    slow.has_been_asked(1).await;
    let told = ask(&agent, &request(both, "Hi")).await;
    assert_eq!(told.words(), ["Hello."]);
    assert_eq!(
        told.steps(StepKind::ProviderFailed),
        ["main: all 1 places of the provider are taken"]
    );
    first.abort();
}
