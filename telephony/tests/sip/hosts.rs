//! Several hosts of a trunk, hosts that are dead, silent or talk nonsense, and what an INVITE says.

use std::time::{Duration, Instant};

use outbound::outcome::{CallResult, CalledStatus, cause};
use outbound::trunk::health::{HostError, HostState, RegistrationState};
use serde_json::json;
use telephony::carrier::{Carrier, CarrierError, Command};
use telephony::sip::{Health, Registered};

use super::sipp::Sipp;
use super::socket::Socket;
use super::world::{World, answered, order, rest, ringing, trunk, until};

#[tokio::test]
async fn the_next_host_is_called_when_the_first_is_silent_or_takes_no_calls() {
    let world = World::new().await;
    let (silent, second) = (Socket::new().await, Sipp::play("answers", 1, &[]));
    let order_ = order(trunk(&[silent.address(), second.address], json!({})));
    let attempt = order_.attempt;
    let placed = tokio::time::Instant::now();
    let mut call = world.gate.originate(order_).await.unwrap();
    until(&mut call, answered).await;
    let took = placed.elapsed();
    assert!((4_000..6_000).contains(&took.as_millis()), "{took:?}");
    // The first host wakes up late: its call is cancelled before its phone rings for nobody.
    let invite = silent.hear("INVITE").await;
    silent.say(invite.from, invite.answer("180 Ringing", "late", "").as_bytes()).await;
    silent.hear("CANCEL").await;
    let answer = "Contact: <sip:late@127.0.0.1>\r\n";
    let ok = invite.answer(
        "200 OK",
        "late",
        &answer.replace("127.0.0.1", &silent.address().to_string()),
    );
    silent.say(invite.from, ok.as_bytes()).await;
    silent.hear("ACK").await;
    silent.hear("BYE").await;
    call.send(Command::HangUp { cause: "" }).await;
    rest(&mut call).await;
    assert_eq!(world.journaled(attempt).len(), 4, "one INVITE, one ring, one answer, one BYE");
    second.ends_well().await;

    let full = Sipp::play("refuses_at_once", 1, &[("code", "503"), ("extra", "X-Nothing: here")]);
    let second = Sipp::play("answers", 1, &[]);
    let order_ = order(trunk(&[full.address, second.address], json!({})));
    let mut call = world.gate.originate(order_).await.unwrap();
    until(&mut call, answered).await;
    drop(call);
    full.ends_well().await;
    second.ends_well().await;
}

#[tokio::test]
async fn a_host_that_takes_no_connection_is_passed_over() {
    let world = World::new().await;
    let dead = std::net::SocketAddr::from(([127, 0, 0, 1], super::sipp::free_port()));
    let second = Sipp::play_by(super::sipp::By::Tcp, "answers", 1, &[]);
    let order_ = order(trunk(&[dead, second.address], json!({ "transport": "tcp" })));
    let mut call = world.gate.originate(order_).await.unwrap();
    until(&mut call, answered).await;
    drop(call);
    second.ends_well().await;
    let order_ = order(trunk(&[dead], json!({ "transport": "tcp" })));
    let attempt = order_.attempt;
    let placed = world.gate.originate(order_).await.map(drop);
    assert!(matches!(placed, Err(CarrierError::Refused(_))), "{placed:?}");
    assert_eq!(world.journaled(attempt), []);
}

#[tokio::test]
async fn no_second_host_is_called_once_the_first_has_answered() {
    let mut running = tokio::task::JoinSet::new();
    for (code, scenario) in
        [(486, "refuses_at_once"), (603, "refuses_at_once"), (503, "status"), (500, "status")]
    {
        running.spawn(async move {
            let world = World::new().await;
            let keys =
                [("code", &*code.to_string()), ("extra", "X-Nothing: here"), ("progress", "183")];
            let (first, second) = (Sipp::play(scenario, 1, &keys), Socket::new().await);
            let (_, ending) =
                world.dial(order(trunk(&[first.address, second.address()], json!({})))).await;
            assert_eq!(ending.sip_code, Some(code));
            let heard = second.hear_for(Duration::from_millis(700)).await;
            assert!(heard.is_empty(), "{}", heard[0].text);
            first.ends_well().await;
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_far_end_that_never_answers_is_given_up_after_four_seconds() {
    let (world, silent) = (World::new().await, Socket::new().await);
    let placed = tokio::time::Instant::now();
    let (events, ending) = world.dial(order(trunk(&[silent.address()], json!({})))).await;
    assert!((4_000..5_000).contains(&placed.elapsed().as_millis()), "{:?}", placed.elapsed());
    assert_eq!((events.len(), ending.sip_code), (0, None));
    assert!(ending.trunk_refused);
    assert_eq!(ending.cause, cause::TRUNK_REFUSED);
    let invites = silent.hear_for(Duration::from_millis(100)).await.len();
    assert!(invites >= 3, "a lost packet is repeated");
    let after = silent.hear_for(Duration::from_secs(4)).await;
    assert!(after.is_empty(), "nothing rings a phone for a call that was given up");
}

#[tokio::test]
async fn a_process_that_had_no_time_for_five_seconds_does_not_take_the_far_end_for_silent() {
    let (world, far) = (World::new().await, Socket::new().await);
    let mut call = world.gate.originate(order(trunk(&[far.address()], json!({})))).await.unwrap();
    let invite = far.hear("INVITE").await;
    far.say(invite.from, invite.answer("180 Ringing", "far", "").as_bytes()).await;
    // Nothing of this process runs meanwhile.
    std::thread::sleep(Duration::from_secs(5));
    until(&mut call, ringing).await;
}

#[tokio::test]
async fn a_worker_that_is_let_go_before_any_answer_leaves_no_phone_ringing() {
    let (world, far) = (World::new().await, Socket::new().await);
    let call = world.gate.originate(order(trunk(&[far.address()], json!({})))).await.unwrap();
    let invite = far.hear("INVITE").await;
    drop(call);
    // A CANCEL may be sent only after a first response (RFC 3261, section 9.1).
    far.say(invite.from, invite.answer("180 Ringing", "far", "").as_bytes()).await;
    let cancel = far.hear("CANCEL").await;
    assert_eq!(cancel.header("cseq"), Some("1 CANCEL"));
    assert_eq!(cancel.header("via"), invite.header("via"), "the same branch");
}

#[tokio::test]
async fn nonsense_breaks_neither_the_line_nor_a_call() {
    let (world, far) = (World::new().await, Socket::new().await);
    let mut call = world.gate.originate(order(trunk(&[far.address()], json!({})))).await.unwrap();
    let invite = far.hear("INVITE").await;
    let cut = invite.answer("180 Ringing", "far", "");
    let noise: Vec<u8> = (0..=255).cycle().take(2_000).collect();
    let no_headers = b"SIP/2.0 200 OK\r\n\r\n".to_vec();
    let huge = format!("SIP/2.0 200 OK\r\nVia: {}\r\n\r\n", "x".repeat(60_000)).into_bytes();
    let bad_length = cut.replace("Content-Length: 0", "Content-Length: 99999999999").into_bytes();
    for bytes in [noise, no_headers, huge, bad_length, cut.as_bytes()[..40].to_vec(), Vec::new()] {
        far.say(invite.from, &bytes).await;
    }
    // A request of nobody's call.
    let stranger = invite.text.replace("INVITE", "BYE").replace("Call-ID: ", "Call-ID: x");
    far.say(invite.from, stranger.as_bytes()).await;
    far.say(invite.from, invite.answer("486 Busy Here", "far", "").as_bytes()).await;
    let (_, ending) = rest(&mut call).await;
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::Busy));
    far.hear("ACK").await;
}

#[tokio::test]
async fn an_incoming_call_is_refused_and_a_look_is_answered() {
    let (world, far) = (World::new().await, Socket::new().await);
    let us = world.gate.driver().address().unwrap();
    for (method, status) in
        [("INVITE", "SIP/2.0 403"), ("OPTIONS", "SIP/2.0 200"), ("MESSAGE", "SIP/2.0 405")]
    {
        let request = format!(
            "{method} sip:us@{us} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:far@127.0.0.1>;tag=1\r\nTo: <sip:us@{us}>\r\nCall-ID: {method}\r\nCSeq: 1 {method}\r\n\
             Content-Length: 0\r\n\r\n",
            far.address()
        );
        far.say(us, request.as_bytes()).await;
        far.hear(status).await;
    }
}

#[tokio::test]
async fn an_invite_says_who_calls_as_the_trunk_wants_it() {
    let (world, far) = (World::new().await, Socket::new().await);
    for (sip, wanted) in [
        (json!({}), vec![("from", "<sip:+862160000000@")]),
        (
            json!({ "caller_id": "p_asserted_identity", "user": "clara", "caller_format": "{national}" }),
            vec![("from", "<sip:clara@"), ("p-asserted-identity", "<sip:2160000000@")],
        ),
        (
            json!({ "caller_id": "remote_party_id", "domain": "calls.example.com" }),
            vec![
                ("from", "<sip:callwright@calls.example.com>"),
                ("remote-party-id", "<sip:+862160000000@calls.example.com>;party=calling"),
            ],
        ),
        (
            json!({ "callee_format": "0{national}", "headers": { "X-Campaign": "spring" } }),
            vec![("to", "<sip:013800000001@"), ("x-campaign", "spring")],
        ),
        (
            json!({ "session_timer": { "mode": "ask", "seconds": 600 }, "prack": "required" }),
            vec![
                ("session-expires", "600;refresher=uac"),
                ("require", "100rel"),
                ("supported", "timer"),
            ],
        ),
    ] {
        let order_ = order(trunk(&[far.address()], sip.clone()));
        let id = format!("{}.1", order_.attempt.uuid().simple());
        let mut call = world.gate.originate(order_).await.unwrap();
        let invite = far.hear("INVITE").await;
        far.say(invite.from, invite.answer("486 Busy Here", "far", "").as_bytes()).await;
        for (name, value) in wanted {
            let found = invite.header(name).unwrap_or_default();
            assert!(found.starts_with(value), "{sip} {name}: {found}");
        }
        assert_eq!(invite.header("call-id"), Some(&*id), "derived from the attempt");
        assert!(invite.text.contains("a=rtpmap:8 PCMA/8000"), "{}", invite.text);
        rest(&mut call).await;
        far.hear("ACK").await;
    }
}

#[tokio::test]
async fn a_trunk_is_watched_and_registered_with() {
    let (world, far, dead) = (World::new().await, Socket::new().await, Socket::new().await);
    let config = trunk(
        &[dead.address(), far.address()],
        json!({ "options_seconds": 5, "user": "clara", "registration": { "expires_seconds": 60 } }),
    );
    let (sip, id) = (world.gate.driver(), clock::new_id());
    assert_eq!(sip.health(id), None);
    sip.watch(id, &config);
    let (mut asked, mut registered) = (false, false);
    while !(asked && registered) {
        let request = far.hear("").await;
        let contact = request.header("contact").unwrap_or_default().to_owned();
        let extra = if request.text.starts_with("REGISTER") {
            assert!(contact.ends_with(";expires=60"), "{contact}");
            registered = true;
            format!("Contact: {contact}\r\n")
        } else {
            asked |= request.text.starts_with("OPTIONS");
            String::new()
        };
        far.say(request.from, request.answer("200 OK", "far", &extra).as_bytes()).await;
    }
    let health = async {
        loop {
            let health = sip.health(id).unwrap();
            let settled = health.hosts.iter().all(|host| host.health != Health::Unknown);
            if settled && matches!(health.registered, Registered::Until(_)) {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let health = tokio::time::timeout(Duration::from_secs(8), health).await.unwrap();
    assert_eq!(health.hosts[0].health, Health::Down);
    assert_eq!(health.hosts[0].last_error, Some(HostError::NoAnswer));
    let told = health.told(Instant::now());
    assert_eq!(told.registration.state, RegistrationState::Registered);
    assert!(told.registration.left_ms.is_some_and(|left| (40_000..=60_000).contains(&left)));
    let states: Vec<HostState> = told.hosts.iter().map(|host| host.state).collect();
    assert_eq!(states, [HostState::Down, HostState::Up]);
    assert!(told.hosts[1].round_trip_ms.is_some_and(|trip| trip < 4_000), "{told:?}");
    assert!(matches!(health.hosts[1].health, Health::Up { .. }));
    // A host that is known to be down is not called first.
    let mut order_ = order(config);
    order_.trunk = id;
    let mut call = world.gate.originate(order_).await.unwrap();
    let invite = far.hear("INVITE").await;
    far.say(invite.from, invite.answer("486 Busy Here", "far", "").as_bytes()).await;
    rest(&mut call).await;
    sip.unwatch(id);
    let taken_back = far.hear("REGISTER").await;
    assert!(taken_back.header("contact").is_some_and(|contact| contact.ends_with(";expires=0")));
}
