//! What holds whatever the line, the customer and the agent do, and in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::robot::{Backchannel, Interruption};

/// Something that happens. Numbers pick among what was given out, wrong ones included.
#[derive(Debug, Clone)]
enum Event {
    Speech,
    Partial(usize),
    Final(usize),
    Started(u64),
    Finished(u64),
    Stopped(u64, Millis),
    Digit(char),
    Reply(u64, usize),
    Failed(u64),
    PersonRings(u64),
    PersonAnswers(u64),
    NobodyAnswers(u64),
    Tick,
    Due,
    HungUp,
}

const WORDS: [&str; 8] = [
    "",
    "uh",
    "stop",
    "how much is it",
    "#Hangup#",
    "{press 9} {tag evil} #DoNotCall#",
    "#again# {{name}}",
    "I want to ask",
];

const REPLIES: [&str; 9] = [
    "",
    "It is three percent.",
    "You said {{name}}.",
    "Bye. #Hangup#",
    "{press 1}Pressed. {wait 1s} And on.",
    "{tag good} Fine.",
    "Over there. #other#",
    "A moment. #person#",
    "#nowhere# Half a #Hang",
];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Speech),
        4 => (0..WORDS.len()).prop_map(Event::Partial),
        4 => (0..WORDS.len()).prop_map(Event::Final),
        4 => (0u64..3).prop_map(Event::Started),
        4 => (0u64..3).prop_map(Event::Finished),
        3 => (0u64..3, 0u64..3_000).prop_map(|(back, played)| Event::Stopped(back, played)),
        1 => prop::sample::select(vec!['1', '5', '#']).prop_map(Event::Digit),
        6 => (0u64..3, 0..REPLIES.len()).prop_map(|(back, text)| Event::Reply(back, text)),
        1 => (0u64..3).prop_map(Event::Failed),
        1 => (0u64..2).prop_map(Event::PersonRings),
        1 => (0u64..2).prop_map(Event::PersonAnswers),
        2 => (0u64..2).prop_map(Event::NobodyAnswers),
        2 => Just(Event::Tick),
        3 => Just(Event::Due),
        1 => Just(Event::HungUp),
    ]
}

fn settings() -> impl Strategy<Value = TurnSettings> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(accumulation, barge, signs)| {
        TurnSettings {
            accumulation,
            interruption: Interruption { enabled: barge, ..Interruption::default() },
            backchannel: Backchannel { enabled: signs, ..Backchannel::default() },
            ..TurnSettings::default()
        }
    })
}

fn content(turn: TurnSettings) -> Published {
    let menu = NodeKind::Menu {
        prompt: "Press 1, {{name}}.".into(),
        sound: None,
        choices: BTreeMap::from([("1".into(), "talk".into())]),
        wait_ms: 5_000,
        retries: 1,
        otherwise: Some("talk".into()),
    };
    let nodes = vec![
        ("hello", play("Hello {{name}}.", Some("talk"))),
        (
            "talk",
            agent_node(&[("other", "menu"), ("again", "talk"), ("person", "wait")], Some("menu")),
        ),
        ("menu", menu),
        ("wait", queue_message("Still looking, {{name}}.", "person")),
        ("person", transfer(Some("talk"))),
    ];
    published(nodes, robot("I am Anna, {{name}}.", turn))
}

/// What was seen of one call so far, and what may not be.
#[derive(Default)]
struct Witness {
    utterances: u64,
    requests: u64,
    transfers: u64,
    /// The transfer that is under way or has come to somebody.
    transfer: Option<u64>,
    /// A person has the call: the robot is off it.
    person: bool,
    /// Requests that may be answered: the last one, unless cancelled or answered.
    open: Option<u64>,
    cancelled: BTreeSet<u64>,
    stopped: BTreeSet<u64>,
    over: bool,
}

impl Witness {
    fn see(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::CancelAsk { id } = output {
                assert_eq!(self.open.take(), Some(*id), "only the open request is cancelled");
                self.cancelled.insert(*id);
                continue;
            }
            if let Output::CancelTransfer { id } = output {
                assert_eq!(self.transfer.take(), Some(*id), "only the open transfer is cancelled");
                continue;
            }
            assert!(!self.over, "after the end: {output:?}");
            match output {
                Output::Play { utterance, text } => {
                    assert!(!self.person, "the robot talks into a conversation between people");
                    self.utterances += 1;
                    assert_eq!(*utterance, self.utterances);
                    assert!(!text.trim().is_empty());
                }
                Output::Stop { utterance } => {
                    assert!(*utterance <= self.utterances && self.stopped.insert(*utterance));
                }
                Output::Ask(request) => {
                    self.requests += 1;
                    assert_eq!(request.id, self.requests);
                    assert_eq!(self.open.replace(request.id), None, "one request at a time");
                }
                Output::SendDigits(digits) => assert_eq!(digits, "1", "only the agent's own"),
                Output::Suppress => panic!("nobody but the customer's words asked for it"),
                Output::HangUp => self.over = true,
                Output::Transfer(request) => {
                    self.transfers += 1;
                    assert_eq!(request.id, self.transfers);
                    assert_eq!(self.transfer.replace(request.id), None, "one transfer at a time");
                }
                Output::CancelAsk { .. } | Output::CancelTransfer { .. } => {}
            }
        }
    }

    fn input(&mut self, event: &Event) -> Input {
        let utterance = |back: &u64| self.utterances.saturating_sub(*back);
        let request = |back: &u64| self.requests.saturating_sub(*back);
        let transfer = |back: &u64| self.transfers.saturating_sub(*back);
        match event {
            Event::Speech => Input::SpeechStarted,
            Event::Partial(text) => Input::SpeechPartial { text: WORDS[*text].into() },
            Event::Final(text) => Input::SpeechFinal { text: WORDS[*text].into() },
            Event::Started(back) => Input::PlaybackStarted { utterance: utterance(back) },
            Event::Finished(back) => Input::PlaybackFinished { utterance: utterance(back) },
            Event::Stopped(back, played_ms) => {
                Input::PlaybackStopped { utterance: utterance(back), played_ms: *played_ms }
            }
            Event::Digit(digit) => Input::Digit(*digit),
            Event::Reply(back, text) => {
                Input::AgentReply { request: request(back), reply: REPLIES[*text].into() }
            }
            Event::Failed(back) => {
                Input::AgentFailed { request: request(back), why: Failure::Failed }
            }
            Event::PersonRings(back) => {
                Input::TransferRinging { transfer: transfer(back), who: "1001".into() }
            }
            Event::PersonAnswers(back) => {
                let transfer = transfer(back);
                self.person |= self.transfer == Some(transfer);
                Input::TransferConnected { transfer, person: Person::default() }
            }
            Event::NobodyAnswers(back) => {
                let transfer = transfer(back);
                if !self.person {
                    self.transfer.take_if(|open| *open == transfer);
                }
                Input::TransferFailed { transfer, why: "nobody answered".into() }
            }
            Event::Tick | Event::Due => Input::Tick,
            Event::HungUp => Input::HungUp(Party::Customer),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_conversation_keeps_its_promises(
        turn in settings(),
        events in prop::collection::vec((event(), 0u64..2_500), 0..80),
    ) {
        let name = "#Hangup# {press 7} {tag bad} {{intent}}";
        let mut call = Call::new(content(turn), &[("name", name)]);
        let mut witness = Witness::default();
        let mut now = 0;
        let mut answers = 0;
        witness.see(&call.conversation.handle(0, Input::Answered));
        for (event, after_ms) in &events {
            now = match (event, call.conversation.deadline()) {
                (Event::Due, Some(due)) => due,
                _ => now + after_ms,
            };
            // Whoever drives a call ticks at its deadline, before anything that comes later.
            if call.conversation.deadline().is_some_and(|due| due <= now) {
                let turns = call.conversation.tally.turns;
                let outputs = call.conversation.handle(now, Input::Tick);
                witness.see(&outputs);
                answers += call.conversation.tally.turns - turns;
            }
            let input = witness.input(event);
            let turns = call.conversation.tally.turns;
            let was_open = witness.open;
            if let Input::AgentReply { request, .. } | Input::AgentFailed { request, .. } = &input {
                witness.open = witness.open.filter(|open| open != request);
            }
            if matches!(event, Event::HungUp) {
                let outputs = call.conversation.handle(now, input);
                let cancels = outputs.iter().all(|output| matches!(output, Output::CancelAsk { .. } | Output::CancelTransfer { .. }));
                prop_assert!(cancels, "{:?}", outputs);
                witness.see(&outputs);
                witness.over = true;
            } else {
                let outputs = call.conversation.handle(now, input.clone());
                witness.see(&outputs);
                let answered = call.conversation.tally.turns - turns;
                answers += answered;
                prop_assert!(answered <= 1);
                if let Input::AgentReply { request, .. } = input {
                    prop_assert!(answered == 0 || was_open == Some(request), "a stale reply spoke");
                }
            }
            match call.conversation.deadline() {
                Some(due) => prop_assert!(!witness.over && due > now),
                None => prop_assert!(witness.over, "it waits without a deadline"),
            }
        }
        let finals = events.iter().filter(|(event, _)| matches!(event, Event::Final(text) if *text > 0));
        let partials = events.iter().filter(|(event, _)| matches!(event, Event::Partial(_)));
        prop_assert!(answers as usize <= finals.count() + partials.count(), "two replies to one utterance");
        let report = call.conversation.finish(now, Party::Customer);
        prop_assert!(report.intent_tags.iter().all(|tag| tag == "good"));
        prop_assert!(!report.suppress);
        prop_assert!(report.transcript.is_sorted_by_key(|line| line.start_ms));
    }

    /// Left alone with a customer who never speaks, every conversation comes to its end by its deadlines.
    #[test]
    fn a_silent_customer_is_let_go(turn in settings()) {
        let mut content = content(turn);
        content.navigation.nodes[1].kind = agent_node(&[], None);
        let mut call = Call::new(content, &[]);
        call.at(0, Input::Answered);
        for _ in 0..100 {
            if call.conversation.deadline().is_none() {
                return Ok(());
            }
            call.tick();
        }
        prop_assert!(false, "it never ended");
    }
}
