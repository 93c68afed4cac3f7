//! What the words that were heard tell about who said them.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::Answerer;
use super::phrases::{Meaning, PHRASES, Topic};
use super::words::words;

/// The points that make a finding.
pub(super) const POINTS_NEEDED: u8 = 4;
/// The points that take a verdict of a person back.
pub(super) const POINTS_AGAINST_PERSON: u8 = POINTS_NEEDED + 1;
/// What a phrase is worth that no person says.
const SAYS_POINTS: u8 = 4;
/// What a phrase is worth that a person seldom says.
const HINT_POINTS: u8 = 2;

/// Of what accord words were said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accord {
    /// Nobody had spoken to them.
    Own,
    /// The robot may have been heard before: a person asks “are you a virtual assistant?”, or says when to call
    /// back. Such words are worth half.
    Reply,
}

/// What words tell, summed up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Evidence {
    /// The best phrase of each topic.
    topics: BTreeMap<Topic, u8>,
    /// The topics with a phrase that no person says.
    said: BTreeMap<Topic, Accord>,
    /// What sounds are worth beside a phrase.
    sounds: u8,
    /// A phrase of a person was heard.
    pub(super) person: bool,
    /// Words were heard that are neither greetings nor phrases of a person.
    pub(super) other_words: bool,
    /// Words were heard.
    pub(super) words: bool,
}

impl Evidence {
    /// Adds the words of one accord.
    pub(super) fn read(&mut self, heard: &[String], accord: Accord) {
        self.words |= !heard.is_empty();
        let mut rest = heard;
        while !rest.is_empty() {
            let (length, meaning) = longest(rest);
            match meaning {
                Some(Meaning::Greeting) => {}
                Some(Meaning::Person) => self.person = true,
                Some(Meaning::Says(topic)) => {
                    let said = self.said.entry(topic).or_insert(accord);
                    if accord == Accord::Own {
                        *said = accord;
                    }
                    self.add(topic, SAYS_POINTS, accord);
                }
                Some(Meaning::Hints(topic)) => self.add(topic, HINT_POINTS, accord),
                None => self.other_words = true,
            }
            rest = &rest[length..];
        }
    }

    fn add(&mut self, topic: Topic, points: u8, accord: Accord) {
        self.other_words = true;
        let points = if accord == Accord::Reply { points / 2 } else { points };
        let best = self.topics.entry(topic).or_default();
        *best = points.max(*best);
    }

    /// Adds sounds that were heard or not, each a hint where words hint, too.
    pub(super) fn count_sounds(&mut self, heard: [bool; 2]) {
        self.sounds = heard.map(|heard| if heard { HINT_POINTS } else { 0 }).iter().sum();
    }

    /// The points of all topics, and of sounds.
    pub(super) fn points(&self) -> u8 {
        let words = self.topics.values().fold(0u8, |sum, points| sum.saturating_add(*points));
        if words == 0 { 0 } else { words.saturating_add(self.sounds) }
    }

    /// The points that these words need: one more where a person seems to speak and nothing is said of its own accord
    /// that no person says.
    pub(super) fn needed(&self) -> u8 {
        let plain = self.said.values().any(|accord| *accord == Accord::Own);
        if self.person && !plain { POINTS_AGAINST_PERSON } else { POINTS_NEEDED }
    }

    /// Whether a phrase was heard that no person says, so that nobody must wait for more.
    pub(super) fn is_plain(&self) -> bool {
        !self.said.is_empty()
    }

    /// Whether nothing but a person's words was heard.
    pub(super) fn is_clearly_person(&self) -> bool {
        self.words && self.points() == 0 && (self.person || !self.other_words)
    }

    /// Whom the words speak for: the phrases that no person says before the hints, and a screening or an
    /// assistant before a machine, as both also speak of messages and of people who are away.
    pub(super) fn answerer(&self) -> Option<Answerer> {
        let first = |topics: &mut dyn Iterator<Item = &Topic>| {
            let answerers: Vec<Answerer> = topics.map(|topic| topic.answerer()).collect();
            [Answerer::Screening, Answerer::Assistant, Answerer::Machine]
                .into_iter()
                .find(|answerer| answerers.contains(answerer))
        };
        first(&mut self.said.keys()).or_else(|| first(&mut self.topics.keys()))
    }
}

/// A phrase as words, and what it tells.
type Phrase = (Vec<String>, Meaning);

/// All phrases by their first words.
static BY_FIRST_WORD: LazyLock<HashMap<String, Vec<Phrase>>> = LazyLock::new(|| {
    let mut by_first: HashMap<String, Vec<Phrase>> = HashMap::new();
    for (meaning, phrases) in PHRASES {
        for phrase in phrases.split('/').map(words) {
            if let Some(first) = phrase.first().cloned() {
                by_first.entry(first).or_default().push((phrase, *meaning));
            }
        }
    }
    by_first
});

/// The longest phrase that these words begin with; one word that tells nothing where there is none.
fn longest(heard: &[String]) -> (usize, Option<Meaning>) {
    let candidates = heard.first().and_then(|first| BY_FIRST_WORD.get(first));
    let matching = candidates.into_iter().flatten().filter(|(phrase, _)| heard.starts_with(phrase));
    match matching.max_by_key(|(phrase, _)| phrase.len()) {
        Some((phrase, meaning)) => (phrase.len(), Some(*meaning)),
        None => (1, None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn own(text: &str) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.read(&words(text), Accord::Own);
        evidence
    }

    fn reply(text: &str) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.read(&words(text), Accord::Reply);
        evidence
    }

    #[test]
    fn every_phrase_stands_once_and_has_words() {
        let mut seen = BTreeSet::new();
        for (_, phrases) in PHRASES {
            for phrase in phrases.split('/') {
                let words = words(phrase);
                assert!(!words.is_empty(), "{phrases}");
                assert!(seen.insert(words), "{phrase} stands twice");
            }
        }
    }

    #[test]
    fn every_phrase_of_the_table_is_found_as_what_it_tells() {
        for (meaning, phrases) in PHRASES {
            for phrase in phrases.split('/') {
                assert_eq!(longest(&words(phrase)).1, Some(*meaning), "{phrase}");
            }
        }
    }

    #[test]
    fn a_topic_counts_once_and_by_its_best_phrase() {
        assert_eq!(own("you have reached").points(), 2);
        assert_eq!(own("not available, get back to you, missed your call").points(), 2);
        assert_eq!(own("you have reached ... not available").points(), 4);
        assert_eq!(own("leave a message, leave your name").points(), 4);
        assert_eq!(own("机主。机主现在").points(), 4);
        assert_eq!(own("leave a message after the tone").points(), 8);
        assert_eq!(reply("leave a message after the tone").points(), 4);
        assert_eq!(reply("not available").points(), 1);
        let mut both = reply("leave a message");
        both.read(&words("leave a message"), Accord::Own);
        assert_eq!((both.points(), both.needed()), (4, 4));
        let mut turned = own("leave a message");
        turned.read(&words("leave a message"), Accord::Reply);
        assert_eq!(turned, both);
    }

    #[test]
    fn a_longer_phrase_hides_those_within_it() {
        for text in [
            "would you like to leave a message",
            "you have reached the wrong number",
            "sorry I missed your call earlier",
            "he's not available",
            "我不是机主",
        ] {
            let evidence = own(text);
            assert!(evidence.person, "{text}");
            assert_eq!(evidence.points(), 0, "{text}");
        }
        assert_eq!(own("please state your name and number").answerer(), Some(Answerer::Machine));
        assert_eq!(own("please state your name").answerer(), Some(Answerer::Screening));
    }

    #[test]
    fn hints_need_one_point_more_where_a_person_seems_to_speak() {
        let hints = own("you have reached ... not available");
        assert_eq!((hints.needed(), hints.is_plain()), (4, false));
        let beside = own("you have reached ... not available ... how can I help");
        assert_eq!((beside.needed(), beside.points()), (5, 4));
        let plain = own("virtual assistant how can I help");
        assert_eq!((plain.needed(), plain.is_plain()), (4, true));
        let asked = reply("a virtual assistant? who is this");
        assert_eq!((asked.needed(), asked.points(), asked.is_plain()), (5, 2, true));
    }

    #[test]
    fn a_person_is_clear_by_greetings_or_by_what_only_people_say() {
        assert!(own("hello? hello?").is_clearly_person());
        assert!(own("this is Sarah, who is this?").is_clearly_person());
        assert!(!own("hello, this is Sarah").is_clearly_person());
        assert!(!own("hello, you have reached").is_clearly_person());
        assert!(!own("you have reached us, how can I help").is_clearly_person());
        assert!(!own("").is_clearly_person());
    }

    #[test]
    fn what_is_said_weighs_more_than_hints_and_a_screening_more_than_a_machine() {
        for (text, answerer) in [
            ("reason for your call, leave a message", Some(Answerer::Machine)),
            ("reason for your call, not available", Some(Answerer::Screening)),
            ("leave a message with this screening service", Some(Answerer::Screening)),
            ("leave a message with his virtual assistant", Some(Answerer::Assistant)),
            ("this virtual assistant is a screening service", Some(Answerer::Screening)),
            ("主人 无法接听", Some(Answerer::Assistant)),
            ("hello", None),
        ] {
            assert_eq!(own(text).answerer(), answerer, "{text}");
        }
    }
}
