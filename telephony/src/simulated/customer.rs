//! A simulated customer on an answered call, sans-IO: hears texts, answers in texts.
//!
//! Times are milliseconds of the call's timeline. Everything that happens to playback happens here too,
//! because what the customer hears and when decides what it does.

use std::collections::VecDeque;

use dialog::conversation::Input;
use dialog::robot::END_OF_SPEECH_MS;

use super::agenda::Agenda;
use super::persona::{Persona, Reaction};
use crate::spoken::{said, spoken_ms, words};

/// From the last word until the receiver is down.
const RECEIVER_DOWN_MS: u64 = 200;
/// From one key to the next.
const KEY_MS: u64 = 300;
/// Words between two partial results.
const PARTIAL_WORDS: usize = 2;
/// Texts that wait to be played at most; one more is not played at all.
const PLAYLIST_MAX: usize = 256;
/// The most that is remembered of what the robot said.
const HEARD_BYTES_MAX: usize = 8_192;

/// What comes from the customer's side.
#[derive(Debug, PartialEq)]
pub(super) enum Deed {
    Heard(Input),
    HangsUp,
}

#[derive(Debug)]
pub(super) struct Customer {
    persona: &'static Persona,
    agenda: Agenda<Intent>,
    playing: Option<Playing>,
    playlist: VecDeque<(u64, String)>,
    /// The robot's words since the customer last spoke.
    heard: String,
    speaks_until: u64,
    /// What is being said, until the silence that ends it.
    speech: Option<Speech>,
    /// Counts what is said in one breath: the silence after an earlier one ends nothing.
    breath: u32,
    end_of_speech_ms: u64,
    /// How often each reaction was used: the rules, then the default.
    used: Vec<u32>,
    /// Counts the moments at which somebody began to speak: what was planned before is off.
    moment: u32,
}

#[derive(Debug)]
struct Playing {
    utterance: u64,
    text: String,
    since: u64,
    /// It began while the customer was speaking, so it is no answer to what was said.
    over: bool,
}

/// What the other side hears as one: breaths with less silence between them than ends speech.
#[derive(Debug)]
struct Speech {
    /// All words of the breaths that are over.
    words: String,
}

#[derive(Debug)]
enum Intent {
    Deliver(Input),
    /// Begin to say this.
    Say(String),
    /// The breath is over; these are all words since the speech began.
    FallSilent {
        breath: u32,
        words: String,
    },
    SpeechEnds {
        breath: u32,
    },
    PlaybackEnds {
        utterance: u64,
    },
    Greet,
    React {
        moment: u32,
        reaction: usize,
    },
    Interrupt {
        utterance: u64,
        reaction: usize,
    },
    Murmur {
        utterance: u64,
    },
    GiveUp {
        moment: u32,
    },
    HangUp,
}

impl Customer {
    /// The customer picks up.
    pub(super) fn answers(persona: &'static Persona, at: u64) -> Self {
        let mut customer = Self {
            persona,
            agenda: Agenda::new(),
            playing: None,
            playlist: VecDeque::new(),
            heard: String::new(),
            speaks_until: at,
            speech: None,
            breath: 0,
            end_of_speech_ms: END_OF_SPEECH_MS.into(),
            used: vec![0; persona.rules.len() + 1],
            moment: 0,
        };
        if let Some(greeting) = &persona.greeting {
            customer.agenda.put(at + greeting.after_ms, Intent::Greet);
        }
        customer.grow_impatient(at);
        customer
    }

    /// A person has taken the call: nothing that was planned for the robot happens any more.
    pub(super) fn talks_to_a_person(&mut self) {
        self.agenda.clear();
        self.playlist.clear();
        (self.playing, self.speech) = (None, None);
        self.moment += 1;
    }

    /// When something is next due.
    pub(super) fn due(&self) -> Option<u64> {
        self.agenda.due()
    }

    /// Do the next thing that is due; it may be nothing that is noticed outside.
    pub(super) fn act(&mut self) -> Option<(u64, Option<Deed>)> {
        let (at, intent) = self.agenda.take()?;
        let deed = match intent {
            Intent::Deliver(input) => Some(Deed::Heard(input)),
            Intent::PlaybackEnds { utterance } => {
                self.playback_ended(at);
                Some(Deed::Heard(Input::PlaybackFinished { utterance }))
            }
            Intent::Say(text) => self.begin(at, &text),
            Intent::FallSilent { breath, words } => {
                self.agenda.put(at + self.end_of_speech_ms, Intent::SpeechEnds { breath });
                self.speech = Some(Speech { words: words.clone() });
                Some(Deed::Heard(Input::SpeechPartial { text: words }))
            }
            Intent::SpeechEnds { breath } if breath == self.breath => self.end_speech(),
            // What was said to its end is recognised, however soon the receiver follows.
            Intent::HangUp => Some(match self.end_speech() {
                Some(last_words) => {
                    self.agenda.put(at, Intent::HangUp);
                    last_words
                }
                None => Deed::HangsUp,
            }),
            Intent::GiveUp { moment } if moment == self.moment => Some(Deed::HangsUp),
            Intent::Greet if self.playing.is_none() => {
                let greeting = self.persona.greeting.as_ref();
                greeting.inspect(|greeting| self.react(at, greeting));
                None
            }
            Intent::React { moment, reaction } if moment == self.moment => {
                self.react_by(at, reaction);
                None
            }
            Intent::Interrupt { utterance, reaction } if self.listens_to(at, utterance) => {
                self.react_by(at, reaction);
                None
            }
            Intent::Murmur { utterance } if self.listens_to(at, utterance) => {
                let murmur = self.persona.backchannel.as_ref();
                murmur.inspect(|murmur| self.speaks_until = self.speak(at, &murmur.say));
                None
            }
            Intent::Greet
            | Intent::SpeechEnds { .. }
            | Intent::GiveUp { .. }
            | Intent::React { .. }
            | Intent::Interrupt { .. }
            | Intent::Murmur { .. } => None,
        };
        Some((at, deed))
    }

    /// So much silence ends what is said from now on.
    pub(super) fn listen(&mut self, end_of_speech_ms: u64) {
        self.end_of_speech_ms = end_of_speech_ms;
    }

    /// The robot says something; after what it is saying already.
    pub(super) fn hear(&mut self, at: u64, utterance: u64, text: String) {
        if self.playing.is_none() {
            self.play(at, utterance, text);
        } else if self.playlist.len() < PLAYLIST_MAX {
            self.playlist.push_back((utterance, text));
        } else {
            let stopped = Input::PlaybackStopped { utterance, played_ms: 0 };
            self.agenda.put(at, Intent::Deliver(stopped));
        }
    }

    /// The robot stops saying something. What was played to its end stays finished.
    pub(super) fn stop(&mut self, at: u64, utterance: u64) {
        if let Some(playing) = self.playing.take_if(|playing| playing.utterance == utterance) {
            let played_ms = at.saturating_sub(playing.since).min(spoken_ms(&playing.text));
            self.remember(said(&playing.text, played_ms));
            self.agenda.retain(|intent| {
                !matches!(intent, Intent::PlaybackEnds { utterance: ended } if *ended == utterance)
            });
            let stopped = Input::PlaybackStopped { utterance, played_ms };
            self.agenda.put(at, Intent::Deliver(stopped));
            if !self.play_next(at) {
                self.grow_impatient(at.max(self.speaks_until));
            }
        } else if let Some(place) = self.playlist.iter().position(|(id, _)| *id == utterance) {
            self.playlist.remove(place);
            let stopped = Input::PlaybackStopped { utterance, played_ms: 0 };
            self.agenda.put(at, Intent::Deliver(stopped));
        }
    }

    fn play(&mut self, at: u64, utterance: u64, text: String) {
        self.moment += 1;
        let length_ms = spoken_ms(&text);
        self.agenda.put(at, Intent::Deliver(Input::PlaybackStarted { utterance }));
        let persona = self.persona;
        let interrupting = persona.rules.iter().enumerate().find_map(|(reaction, rule)| {
            let into_ms = rule.interrupts_at_ms.filter(|into_ms| *into_ms < length_ms)?;
            (self.has_left(reaction) && rule.matches(&text)).then_some((into_ms, reaction))
        });
        if let Some((into_ms, reaction)) = interrupting {
            self.agenda.put(at + into_ms, Intent::Interrupt { utterance, reaction });
        }
        if let Some(murmur) = persona.backchannel.as_ref().filter(|m| m.at_ms < length_ms) {
            self.agenda.put(at + murmur.at_ms, Intent::Murmur { utterance });
        }
        self.agenda.put(at + length_ms, Intent::PlaybackEnds { utterance });
        let over = self.speaks_until > at;
        self.playing = Some(Playing { utterance, text, since: at, over });
    }

    fn play_next(&mut self, at: u64) -> bool {
        let next = self.playlist.pop_front();
        let played = next.is_some();
        next.into_iter().for_each(|(utterance, text)| self.play(at, utterance, text));
        played
    }

    fn playback_ended(&mut self, at: u64) {
        let mut over = false;
        if let Some(playing) = self.playing.take() {
            self.remember(&playing.text);
            over = playing.over;
        }
        if self.play_next(at) {
            return;
        }
        self.grow_impatient(at.max(self.speaks_until));
        // Who is speaking already is not waiting for a turn, and a sign of listening gives none.
        if over || self.speaks_until > at {
            return;
        }
        let chosen = self.reaction_to(&self.heard);
        if let Some((reaction, after_ms)) = chosen {
            self.agenda.put(at + after_ms, Intent::React { moment: self.moment, reaction });
        }
    }

    fn reaction_to(&self, heard: &str) -> Option<(usize, u64)> {
        let all = self.persona.rules.iter().chain(&self.persona.default).enumerate();
        let mut fitting = all.filter(|(place, rule)| self.has_left(*place) && rule.matches(heard));
        fitting.next().map(|(place, rule)| (place, rule.after_ms))
    }

    fn reaction(&self, place: usize) -> Option<&'static Reaction> {
        let persona = self.persona;
        persona.rules.get(place).or(persona.default.as_ref())
    }

    fn has_left(&self, place: usize) -> bool {
        let times = self.reaction(place).and_then(|reaction| reaction.times);
        times.is_none_or(|times| self.used[place] < times)
    }

    fn listens_to(&self, at: u64, utterance: u64) -> bool {
        let hears = self.playing.as_ref().is_some_and(|playing| playing.utterance == utterance);
        hears && self.speaks_until <= at
    }

    fn react_by(&mut self, at: u64, place: usize) {
        if let Some(reaction) = self.reaction(place) {
            self.used[place] += 1;
            self.react(at, reaction);
        }
    }

    fn react(&mut self, at: u64, reaction: &Reaction) {
        self.moment += 1;
        self.heard.clear();
        let mut at = at.max(self.speaks_until);
        for (place, fragment) in reaction.say.iter().enumerate() {
            if place > 0 {
                at += reaction.hesitates_ms;
            }
            at = self.speak(at, fragment);
        }
        for key in reaction.press.chars() {
            at += KEY_MS;
            self.agenda.put(at, Intent::Deliver(Input::Digit(key)));
        }
        if reaction.hangs_up {
            let pause_ms = if reaction.say.is_empty() { 0 } else { RECEIVER_DOWN_MS };
            self.agenda.put(at + pause_ms, Intent::HangUp);
        }
        self.speaks_until = at;
        self.grow_impatient(at);
    }

    /// Say `text` from `at` on, in one breath; returns when the last word ends.
    fn speak(&mut self, at: u64, text: &str) -> u64 {
        self.agenda.put(at, Intent::Say(text.to_owned()));
        at + words(text).map(|word| word.ms).sum::<u64>()
    }

    /// The first word of a breath: new speech, or the same after a short pause.
    fn begin(&mut self, at: u64, text: &str) -> Option<Deed> {
        self.breath += 1;
        let before = self.speech.as_ref().map(|speech| speech.words.clone());
        let so_far = |text: &str| match &before {
            Some(before) => format!("{before} {}", text.trim_end()),
            None => text.trim_end().to_owned(),
        };
        let mut end = at;
        for (place, word) in words(text).enumerate() {
            end += word.ms;
            if place % PARTIAL_WORDS == PARTIAL_WORDS - 1 && word.end < text.len() {
                let partial = Input::SpeechPartial { text: so_far(&text[..word.end]) };
                self.agenda.put(end, Intent::Deliver(partial));
            }
        }
        self.agenda.put(end, Intent::FallSilent { breath: self.breath, words: so_far(text) });
        let is_new = before.is_none();
        self.speech.get_or_insert_with(|| Speech { words: String::new() });
        is_new.then_some(Deed::Heard(Input::SpeechStarted))
    }

    fn end_speech(&mut self) -> Option<Deed> {
        let speech = self.speech.take()?;
        Some(Deed::Heard(Input::SpeechFinal { text: speech.words }))
    }

    fn grow_impatient(&mut self, at: u64) {
        if let Some(patience_ms) = self.persona.patience_ms {
            self.agenda.put(at + patience_ms, Intent::GiveUp { moment: self.moment });
        }
    }

    fn remember(&mut self, text: &str) {
        if self.heard.len() + text.len() > HEARD_BYTES_MAX {
            self.heard.clear();
        }
        self.heard.push(' ');
        self.heard.push_str(text);
    }
}

#[cfg(test)]
#[path = "customer_tests.rs"]
mod tests;
