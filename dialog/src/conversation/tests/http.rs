//! Nodes that ask a system, and nodes that play a sound.

use super::*;
use crate::llm::Method;
use crate::navigation::PublishedSound;
use crate::transcript::EntryKind;

const NOTHING: [&str; 0] = [];

/// Asks for the customer's order, says it, or that it can't be told.
fn asking(start: &str) -> Call {
    let ask = NodeKind::Http {
        provider: "crm".into(),
        method: Method::Post,
        path: "/orders/{{number}}".into(),
        body: Some(r#"{"who": "{{name}}"}"#.into()),
        save: [("state".into(), "/order/state".into()), ("left".into(), "/left".into())].into(),
        timeout_ms: 3_000,
        next: Some("say".into()),
        otherwise: Some("sorry".into()),
    };
    let nodes = vec![
        ("ask", ask),
        ("say", play("Your order is {{state}}, {{left}} left.", Some("end"))),
        ("sorry", play("I can't tell.", Some("end"))),
        ("end", NodeKind::Hangup),
    ];
    let mut content = published(nodes, robot("", TurnSettings::default()));
    content.navigation.start = start.into();
    Call::new(content, &[("number", "42"), ("name", "O\"Hara #Hangup#")])
}

fn answer(status: u16, body: &str) -> Input {
    Input::HttpAnswered { request: 1, status, body: body.into() }
}

#[test]
fn a_system_is_asked_and_its_answer_is_spoken_never_obeyed() {
    let mut call = asking("ask");
    let asked = call.conversation.handle(0, Input::Answered);
    let [Output::Http(request)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((request.id, request.provider.as_str(), request.timeout_ms), (1, "crm", 3_000));
    assert_eq!(request.path, "/orders/{{number}}");
    assert_eq!(request.variables["number"], "42");
    assert_eq!(request.body.as_deref(), Some(r##"{"who": "O\"Hara #Hangup#"}"##));
    assert_eq!(call.speech(500), NOTHING);
    assert_eq!(call.says(700, "hello?"), NOTHING, "nobody listens here");
    let heard = answer(200, r##"{"order": {"state": "#Hangup# on its way"}, "left": 2}"##);
    assert_eq!(call.at(800, heard), ["play 1: Your order is #Hangup# on its way, 2 left."]);
    assert_eq!(call.plays(1, 900, 3_000), ["hang up"]);
}

#[test]
fn what_is_not_in_the_answer_is_empty() {
    let mut call = asking("ask");
    call.at(0, Input::Answered);
    let heard = answer(201, r#"{"left": null}"#);
    assert_eq!(call.at(800, heard), ["play 1: Your order is ,  left."]);
}

#[test]
fn without_an_answer_the_call_goes_on_otherwise() {
    let failed =
        Input::HttpFailed { request: 1, why: "the provider did not answer in time".into() };
    for input in [answer(404, "{}"), answer(200, "not JSON"), failed] {
        let mut call = asking("ask");
        call.at(0, Input::Answered);
        assert_eq!(call.at(800, input.clone()), ["play 1: I can't tell."], "{input:?}");
        assert_eq!(call.at(900, answer(200, "{}")), NOTHING, "it comes too late");
    }
}

#[test]
fn a_request_of_which_nothing_is_heard_is_given_up() {
    let mut call = asking("ask");
    call.at(0, Input::Answered);
    assert_eq!(call.tick(), (5_000, vec!["cancel http 1".into(), "play 1: I can't tell.".into()]));
}

#[test]
fn a_request_is_taken_back_when_the_customer_hangs_up() {
    let mut call = asking("ask");
    call.at(0, Input::Answered);
    assert_eq!(call.at(100, Input::HungUp(Party::Customer)), ["cancel http 1"]);
    let kinds: Vec<EntryKind> = call.over(200).log.iter().map(|entry| entry.kind).collect();
    assert!(kinds.contains(&EntryKind::HttpRequest), "{kinds:?}");
}

#[test]
fn requests_that_go_round_in_circles_end_the_call() {
    let ask = NodeKind::Http {
        provider: "crm".into(),
        method: Method::Get,
        path: "/".into(),
        body: None,
        save: BTreeMap::new(),
        timeout_ms: 100,
        next: Some("ask".into()),
        otherwise: None,
    };
    let mut call =
        Call::new(published(vec![("ask", ask)], robot("", TurnSettings::default())), &[]);
    let mut told = call.at(0, Input::Answered);
    let mut asked = 0;
    while told != ["hang up"] {
        asked += 1;
        assert_eq!(told, [format!("http {asked}: crm/")]);
        told = call.at(asked, Input::HttpAnswered { request: asked, status: 204, body: "".into() });
    }
    assert_eq!(asked, 50);
}

#[test]
fn a_sound_is_played_and_its_words_are_in_the_transcript() {
    let sound = |text: &str, next: &str| NodeKind::Play {
        text: text.into(),
        sound: Some("welcome".into()),
        next: Some(next.into()),
    };
    let nodes = vec![
        ("first", sound("Welcome to {{shop}}.", "second")),
        ("second", sound("", "end")),
        ("end", NodeKind::Hangup),
    ];
    let mut content = published(nodes, robot("", TurnSettings::default()));
    let welcome = PublishedSound { object: "sounds/1".into(), duration_ms: 60_000 };
    content.sounds.insert("welcome".into(), welcome.clone());
    let mut call = Call::new(content, &[("shop", "the garage")]);
    let played = call.conversation.handle(0, Input::Answered);
    let text = "Welcome to the garage.".to_owned();
    assert_eq!(played, [Output::Play { utterance: 1, text, sound: Some(welcome.clone()) }]);
    call.starts(100, 1);
    assert_eq!(call.at(59_000, Input::Tick), NOTHING, "it is as long as it is");
    let next = call.conversation.handle(60_100, Input::PlaybackFinished { utterance: 1 });
    let text = "[welcome]".to_owned();
    assert_eq!(next, [Output::Play { utterance: 2, text, sound: Some(welcome) }]);
    call.starts(60_200, 2);
    assert_eq!(lines(&call.over(70_000))[0], "Robot: Welcome to the garage.");
}
