//! What holds of any line, any words and any order.

use proptest::prelude::*;

use super::openings::{Ears, all};
use super::*;

/// An event without borrowed words.
#[derive(Debug, Clone)]
enum Happening {
    Silent(LineEvent<'static>),
    Partial(String),
    Final(String),
}

impl Happening {
    fn event(&self) -> LineEvent<'_> {
        match self {
            Self::Silent(event) => *event,
            Self::Partial(text) => Partial(text),
            Self::Final(text) => Final(text),
        }
    }
}

/// Pieces of phrases, so that chance meets the rules, and any text at all.
fn words() -> impl Strategy<Value = String> {
    let pieces = vec![
        "hello",
        "you have reached",
        "leave a message",
        "after the tone",
        "who is this",
        "not available",
        "say your name and",
        "virtual assistant",
        "机主",
        "无法接听",
        "请留言",
        "喂",
        "哪位",
        "this is Bob",
    ];
    prop_oneof![
        8 => prop::collection::vec(prop::sample::select(pieces), 0..5).prop_map(|few| few.join(" ")),
        1 => any::<String>(),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let silent = vec![SpeechStarted, SpeechStopped, Tone, RobotSpeaks, Due];
    prop_oneof![
        prop::sample::select(silent).prop_map(Happening::Silent),
        words().prop_map(Happening::Partial),
        words().prop_map(Happening::Final),
    ]
}

fn happenings() -> impl Strategy<Value = Vec<(Millis, Happening)>> {
    let later = prop_oneof![9 => 0u64..3_000, 1 => any::<u64>()];
    prop::collection::vec((later, happening()), 0..30).prop_map(|steps| {
        let mut now: Millis = 0;
        let timed = steps.into_iter().map(|(later, happening)| {
            now = now.saturating_add(later);
            (now, happening)
        });
        timed.collect()
    })
}

fn settings() -> impl Strategy<Value = DetectionSettings> {
    (0u32..9_000, 0u32..2_000, 0u32..20_000, 0u32..3_000, any::<u32>()).prop_map(
        |(deadline_ms, quiet_ms, correction_ms, message_quiet_ms, message_deadline_ms)| {
            DetectionSettings {
                deadline_ms,
                quiet_ms,
                correction_ms,
                message_quiet_ms,
                message_deadline_ms,
            }
        },
    )
}

proptest! {
    #[test]
    fn there_is_one_verdict_by_the_deadline_and_at_most_one_correction(
        settings in settings(),
        happenings in happenings(),
    ) {
        let events: Vec<_> = happenings.iter().map(|(at, what)| (*at, what.event())).collect();
        let found = findings_with(settings, &events);
        let Some(Finding::Verdict { answerer, at_ms }) = found.first().copied() else {
            panic!("no verdict first: {found:?}")
        };
        prop_assert!(at_ms <= settings.deadline_ms.into());
        let mut known = (answerer, at_ms);
        let mut corrections = 0;
        let mut messages = 0;
        for finding in &found[1..] {
            match *finding {
                Finding::Verdict { .. } => prop_assert!(false, "a second verdict: {found:?}"),
                Finding::Corrected { from, to, at_ms } => {
                    prop_assert_eq!(from, answerer);
                    prop_assert!(matches!(from, Answerer::Person | Answerer::Unknown));
                    prop_assert!(!matches!(to, Answerer::Person | Answerer::Unknown));
                    prop_assert!(at_ms - known.1 <= settings.correction_ms.into());
                    known = (to, at_ms);
                    corrections += 1;
                }
                Finding::LeaveMessage { at_ms, .. } => {
                    prop_assert_eq!(known.0, Answerer::Machine);
                    prop_assert!(at_ms >= known.1);
                    messages += 1;
                }
            }
        }
        prop_assert!(corrections <= 1);
        prop_assert_eq!(messages, usize::from(known.0 == Answerer::Machine));
    }

    #[test]
    fn it_does_not_matter_whether_anybody_looks_at_the_deadlines(
        settings in settings(),
        happenings in happenings(),
    ) {
        let mut detector = AnswererDetector::new(settings);
        let mut found = Vec::new();
        for (at_ms, what) in &happenings {
            found.extend(detector.judge(*at_ms, what.event()));
        }
        while let Some(due) = detector.deadline() {
            found.extend(detector.judge(due, Due));
        }
        let events: Vec<_> = happenings.iter().map(|(at, what)| (*at, what.event())).collect();
        prop_assert_eq!(found, findings_with(settings, &events));
    }

    #[test]
    fn a_deadline_that_comes_leaves_nothing_due_at_it(happenings in happenings()) {
        let mut detector = AnswererDetector::new(DetectionSettings::default());
        for (at_ms, what) in &happenings {
            detector.judge(*at_ms, what.event());
            if let Some(due) = detector.deadline() {
                let mut ahead = detector.clone();
                prop_assert!(!ahead.judge(due, Due).is_empty());
            }
        }
    }

    #[test]
    fn in_whatever_order_its_partial_words_come_a_person_is_none_but_a_person(
        which in any::<prop::sample::Index>(),
        swaps in prop::collection::vec(any::<(prop::sample::Index, [prop::sample::Index; 2])>(), 0..40),
        ears in prop::sample::select(vec![Ears::All, Ears::PartialsOnly, Ears::StuckActivity]),
    ) {
        let openings = all();
        let people = &openings[&Answerer::Person];
        let mut events = people[which.index(people.len())].events(ears);
        // The results of one piece of speech come in any order, not those of another before it.
        let texts = events.iter().enumerate().filter_map(|(place, (_, event))| match event {
            Partial(text) => Some((place, *text)),
            _ => None,
        });
        let mut pieces: Vec<Vec<usize>> = Vec::new();
        let mut last = "";
        for (place, text) in texts {
            if !text.starts_with(last) || pieces.is_empty() {
                pieces.push(Vec::new());
            }
            last = text;
            pieces.last_mut().expect("a piece").push(place);
        }
        for (piece, swap) in swaps.iter().filter(|_| !pieces.is_empty()) {
            let places = &pieces[piece.index(pieces.len())];
            let [a, b] = swap.map(|index| places[index.index(places.len())]);
            (events[a].1, events[b].1) = (events[b].1, events[a].1);
        }
        for finding in findings(&events) {
            let spared = matches!(
                finding,
                Finding::Verdict { answerer: Answerer::Person | Answerer::Unknown, .. }
            );
            prop_assert!(spared, "{finding:?} of {events:?}");
        }
    }
}
