//! The test set: 126 openings, written for it. How each is heard is made from its pieces: words come one by one
//! 300 ms after they were said, voice activity ends 200 ms late, and the words for good come another 300 ms later.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::*;

/// How long after a word its partial result comes, in milliseconds.
const PARTIAL_LAG_MS: Millis = 300;
/// How long after the speech its end is noticed, and its words come for good, in milliseconds.
const STOP_LAG_MS: Millis = 200;
const FINAL_LAG_MS: Millis = 500;
/// The least share of machines, assistants and screenings that the verdict must find, in percent.
const FOUND_PERCENT_MIN: usize = 90;

/// One transcribed opening.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    pub(super) name: String,
    /// From, to, words; no words are noise.
    said: Vec<(Millis, Millis, String)>,
    /// When a beep has ended.
    tone: Option<Millis>,
    /// When the robot begins to speak.
    robot: Option<Millis>,
    /// What else the recogniser lags behind.
    #[serde(default)]
    lag: Millis,
}

/// What reaches the detector of an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ears {
    /// Everything, in order.
    All,
    /// No partial results.
    FinalsOnly,
    /// No words for good.
    PartialsOnly,
    /// No voice activity.
    WordsOnly,
    /// Voice activity that begins with the call and never ends.
    StuckActivity,
}

impl Opening {
    /// What is heard of it.
    pub(super) fn events(&self, ears: Ears) -> Vec<(Millis, LineEvent<'_>)> {
        let mut events = Vec::new();
        let activity = !matches!(ears, Ears::WordsOnly | Ears::StuckActivity);
        if ears == Ears::StuckActivity {
            events.push((0, SpeechStarted));
        }
        for (from, to, words) in &self.said {
            if activity {
                events.extend([(*from, SpeechStarted), (*to + STOP_LAG_MS, SpeechStopped)]);
            }
            if ears != Ears::FinalsOnly {
                let ends: Vec<usize> = word_ends(words);
                for (index, end) in ends.iter().enumerate() {
                    let share = (*to - *from) * (index as Millis + 1) / ends.len() as Millis;
                    let at_ms = *from + share + PARTIAL_LAG_MS + self.lag;
                    events.push((at_ms, Partial(&words[..*end])));
                }
            }
            if ears != Ears::PartialsOnly && !words.is_empty() {
                events.push((*to + FINAL_LAG_MS + self.lag, Final(words)));
            }
        }
        events.extend(self.tone.map(|at_ms| (at_ms, Tone)));
        events.extend(self.robot.map(|at_ms| (at_ms, RobotSpeaks)));
        events.sort_by_key(|(at_ms, _)| *at_ms);
        events
    }
}

/// Where the words of a text end: at spaces, and after each Chinese sign.
fn word_ends(text: &str) -> Vec<usize> {
    let ends = text.char_indices().filter_map(|(at, sign)| {
        if sign == ' ' {
            Some(at)
        } else {
            ('\u{3400}'..='\u{9fff}').contains(&sign).then(|| at + sign.len_utf8())
        }
    });
    let mut ends: Vec<usize> = ends.collect();
    if !text.is_empty() && ends.last() != Some(&text.len()) {
        ends.push(text.len());
    }
    ends
}

/// All openings, by who is to be found.
pub(super) fn all() -> BTreeMap<Answerer, Vec<Opening>> {
    let read = |text: &str| -> Vec<Opening> {
        text.lines().map(|line| serde_json::from_str(line).expect("an opening")).collect()
    };
    BTreeMap::from([
        (Answerer::Person, read(include_str!("person.jsonl"))),
        (Answerer::Machine, read(include_str!("machine.jsonl"))),
        (Answerer::Assistant, read(include_str!("assistant.jsonl"))),
        (Answerer::Screening, read(include_str!("screening.jsonl"))),
        (Answerer::Unknown, read(include_str!("unknown.jsonl"))),
    ])
}

/// The verdict on an opening, and what it was corrected to.
fn judged(opening: &Opening, ears: Ears) -> (Answerer, Millis, Option<Answerer>) {
    judged_with(DetectionSettings::default(), opening, ears)
}

fn judged_with(
    settings: DetectionSettings,
    opening: &Opening,
    ears: Ears,
) -> (Answerer, Millis, Option<Answerer>) {
    let found = findings_with(settings, &opening.events(ears));
    let Some(Finding::Verdict { answerer, at_ms }) = found.first() else {
        panic!("{}: {found:?}", opening.name)
    };
    let corrected = found.iter().find_map(|finding| match finding {
        Finding::Corrected { to, .. } => Some(*to),
        _ => None,
    });
    (*answerer, *at_ms, corrected)
}

#[test]
fn openings_are_spoken_as_fast_as_people_speak() {
    for opening in all().values().flatten() {
        for (from, to, words) in &opening.said {
            assert!(from < to, "{}", opening.name);
            let words = word_ends(words).len() as Millis;
            assert!(to - from >= words * 120, "{} is too fast", opening.name);
            assert!(words == 0 || to - from <= words * 600 + 600, "{} is slow", opening.name);
        }
        let pauses = opening.said.windows(2).all(|pair| pair[0].1 < pair[1].0);
        assert!(pauses, "{} overlaps itself", opening.name);
    }
}

#[test]
fn no_person_is_ever_taken_for_anything_else() {
    let ears =
        [Ears::All, Ears::FinalsOnly, Ears::PartialsOnly, Ears::WordsOnly, Ears::StuckActivity];
    for opening in &all()[&Answerer::Person] {
        for ears in ears {
            let (answerer, _, corrected) = judged(opening, ears);
            let spared = matches!(answerer, Answerer::Person | Answerer::Unknown);
            assert!(spared, "{} ({ears:?}) is taken for a {answerer:?}", opening.name);
            assert_eq!(corrected, None, "{} ({ears:?})", opening.name);
        }
    }
}

#[test]
fn the_confusion_matrix_is_as_good_as_the_documents_say() {
    let mut table = String::from(
        "| opening | person | machine | assistant | screening | unknown | corrected to the right one |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut missed = String::new();
    let mut too_few = Vec::new();
    for (expected, openings) in all() {
        let mut counts: BTreeMap<Answerer, usize> = BTreeMap::new();
        let mut late = 0;
        for opening in &openings {
            let (answerer, at_ms, corrected) = judged(opening, Ears::All);
            *counts.entry(answerer).or_default() += 1;
            late += usize::from(answerer != expected && corrected == Some(expected));
            if answerer != expected {
                let name = &opening.name;
                writeln!(
                    missed,
                    "{expected:?} “{name}”: {answerer:?} at {at_ms} ms, then {corrected:?}"
                )
                .expect("a string");
            }
        }
        let count = |answerer| counts.get(&answerer).copied().unwrap_or(0);
        let cells = Answerer::ALL.map(|answerer| count(answerer).to_string()).join(" | ");
        writeln!(table, "| {} ({}) | {cells} | {late} |", expected.word(), openings.len())
            .expect("a string");
        let percent = count(expected) * 100 / openings.len();
        if expected != Answerer::Person && percent < FOUND_PERCENT_MIN {
            too_few.push((expected, percent));
        }
    }
    println!("{table}\n{missed}");
    assert_eq!(too_few, [], "in percent");
}

#[test]
fn a_later_deadline_finds_more_and_spares_people_as_well() {
    let openings = all();
    let mut last = 0;
    for deadline_ms in [3_000, 4_000, 5_000, 6_000, 8_000] {
        let settings = DetectionSettings { deadline_ms, ..DetectionSettings::default() };
        let right = |answerer: &Answerer| {
            let judged =
                openings[answerer].iter().map(|opening| judged_with(settings, opening, Ears::All));
            judged.filter(|(found, ..)| found == answerer).count()
        };
        let counts = Answerer::ALL.map(|answerer| right(&answerer));
        println!("| {deadline_ms} | {} |", counts.map(|count| count.to_string()).join(" | "));
        let found = counts[1..4].iter().sum();
        assert!(found >= last, "{deadline_ms} ms finds fewer");
        last = found;
        for opening in &openings[&Answerer::Person] {
            let (found, ..) = judged_with(settings, opening, Ears::All);
            assert!(matches!(found, Answerer::Person | Answerer::Unknown), "{}", opening.name);
        }
    }
}

#[test]
fn the_set_is_large_enough_to_mean_something() {
    let sizes = all().values().map(Vec::len).collect::<Vec<_>>();
    assert!(sizes.iter().sum::<usize>() >= 60, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size >= 10), "{sizes:?}");
}
