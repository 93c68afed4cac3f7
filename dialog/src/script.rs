//! The scripted agent: intents by keywords and patterns, replies, captures. It needs no network and
//! says the same to the same words.
//!
//! The intent and what was captured go beside the text, so that a customer can't speak a command, and
//! nothing of it is read out.

mod patterns;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reply::Reply;
use patterns::judge;
pub use patterns::{Prepared, STATES_MAX};

/// Intents of a script.
pub const INTENTS_MAX: usize = 100;
/// Keywords or patterns of an intent.
pub const MATCHERS_MAX: usize = 50;
/// Characters of a reply.
pub const REPLY_CHARS_MAX: usize = 2_000;
/// Characters of a pattern.
pub const PATTERN_CHARS_MAX: usize = 500;
/// The longest that a script may think, in milliseconds.
pub const THINKS_MS_MAX: u32 = 10_000;
/// Patterns of all intents of a script.
pub const PATTERNS_MAX: usize = 500;
/// The variable that holds the step the talk is in.
pub const STEP: &str = "_step";
/// The variable that counts misunderstandings in a row.
pub const MISSES: &str = "_misses";

/// What a scripted agent knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Tried in order; the first that fits answers. 1–100.
    #[schemars(length(min = 1, max = INTENTS_MAX))]
    pub intents: Vec<Intent>,
    /// Said when nothing fits, one after another, the last again and again; it may hold commands.
    #[schemars(length(min = 1, max = MATCHERS_MAX))]
    pub fallback: Vec<String>,
    /// How long it thinks over an answer, in milliseconds, as other agents do; 0–10,000.
    #[serde(default)]
    #[schemars(range(max = THINKS_MS_MAX))]
    pub thinks_ms: u32,
    /// Its patterns, compiled when they are first needed.
    #[serde(skip)]
    pub prepared: Prepared,
}

/// Something that a customer may want.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Intent {
    /// Tags the conversation.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Words or phrases, any of which fits, whole words, whatever their case.
    #[schemars(length(max = MATCHERS_MAX))]
    pub keywords: Vec<String>,
    /// Regular expressions, any of which fits; named groups are captured as variables.
    #[schemars(length(max = MATCHERS_MAX), inner(length(max = PATTERN_CHARS_MAX)))]
    pub patterns: Vec<String>,
    /// The step of the talk that it belongs to; none: any.
    pub when: Option<String>,
    /// The step that the talk goes on in; none: as it is.
    pub next_step: Option<String>,
    /// What the robot says: text with variables, `#commands#` and `{actions}`.
    #[schemars(length(max = REPLY_CHARS_MAX))]
    pub reply: String,
}

/// What is wrong with a script: a JSON pointer into it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub pointer: String,
    pub detail: String,
}

impl Script {
    /// Bounds are kept and every pattern compiles.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |pointer: String, detail: String| faults.push(Fault { pointer, detail });
        if self.intents.is_empty() || self.intents.len() > INTENTS_MAX {
            fault(
                "/intents".into(),
                format!("has {}; 1 to {INTENTS_MAX} are right", self.intents.len()),
            );
        }
        if self.fallback.is_empty() || self.fallback.len() > MATCHERS_MAX {
            let count = self.fallback.len();
            fault("/fallback".into(), format!("has {count}; 1 to {MATCHERS_MAX} are right"));
        }
        if self.thinks_ms > THINKS_MS_MAX {
            fault("/thinks_ms".into(), format!("must be between 0 and {THINKS_MS_MAX}"));
        }
        for (at, intent) in self.intents.iter().enumerate() {
            if intent.name.is_empty() || intent.name.chars().count() > 64 {
                fault(format!("/intents/{at}/name"), "must have 1 to 64 characters".into());
            }
            if intent.keywords.len() > MATCHERS_MAX || intent.patterns.len() > MATCHERS_MAX {
                fault(
                    format!("/intents/{at}"),
                    format!("has more than {MATCHERS_MAX} keywords or patterns"),
                );
            }
            if intent.keywords.is_empty() && intent.patterns.is_empty() {
                fault(
                    format!("/intents/{at}"),
                    "has neither keyword nor pattern; it would never fit".into(),
                );
            }
            if intent.reply.chars().count() > REPLY_CHARS_MAX {
                fault(
                    format!("/intents/{at}/reply"),
                    format!("is longer than {REPLY_CHARS_MAX} characters"),
                );
            }
        }
        // Counts first: nothing is compiled of a script that is too large.
        if faults.is_empty() {
            faults.extend(judge(&self.intents));
        }
        faults
    }

    /// Compile the patterns, unless that was done. It may take a tenth of a second.
    pub fn prepare(&self) {
        self.prepared.of(&self.intents);
    }

    /// The variables that an intent may capture, and those that a reply sets.
    pub fn captures(&self) -> Vec<String> {
        let patterns = self.intents.iter().flat_map(|intent| &intent.patterns);
        let groups = patterns.flat_map(|pattern| patterns::groups(pattern));
        let set = self.texts().flat_map(crate::command::sets);
        let mut names: Vec<String> = groups.chain(set).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The texts that the agent may say, for the check of their variables and commands.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.intents
            .iter()
            .map(|intent| intent.reply.as_str())
            .chain(self.fallback.iter().map(String::as_str))
    }
}

/// The agent's answer to what was heard, with the variables of the call.
pub fn reply(script: &Script, heard: &str, variables: &BTreeMap<String, String>) -> Reply {
    let step = variables.get(STEP).map(String::as_str).unwrap_or_default();
    let patterns = script.prepared.of(&script.intents);
    let fitting = patterns.fitting(heard);
    let spoken = words(heard);
    for (at, intent) in script.intents.iter().enumerate() {
        if intent.when.as_deref().is_some_and(|when| when != step) {
            continue;
        }
        let Some(captured) = matched(intent, &spoken, || patterns.captured(at, &fitting, heard))
        else {
            continue;
        };
        let mut captures: BTreeMap<String, String> = captured.into_iter().collect();
        if let Some(next) = &intent.next_step {
            captures.insert(STEP.to_owned(), next.clone());
        }
        if variables.contains_key(MISSES) {
            captures.insert(MISSES.to_owned(), "0".to_owned());
        }
        return Reply { text: intent.reply.clone(), tags: vec![intent.name.clone()], captures };
    }
    let misses: usize = variables.get(MISSES).and_then(|misses| misses.parse().ok()).unwrap_or(0);
    let last = script.fallback.len().saturating_sub(1);
    let said = script.fallback.get(misses.min(last)).map(String::as_str).unwrap_or_default();
    let misses = misses.saturating_add(1).to_string();
    let captures = BTreeMap::from([(MISSES.to_owned(), misses)]);
    Reply { text: said.to_owned(), tags: Vec::new(), captures }
}

/// What was captured, when the intent fits: by a pattern, or by a keyword in the words that were spoken.
fn matched(
    intent: &Intent,
    spoken: &str,
    by_pattern: impl FnOnce() -> Option<Vec<(String, String)>>,
) -> Option<Vec<(String, String)>> {
    let fits = |keyword: &String| {
        let keyword = words(keyword);
        !keyword.trim().is_empty() && spoken.contains(&keyword)
    };
    by_pattern().or_else(|| intent.keywords.iter().any(fits).then(Vec::new))
}

/// Lower case, words set apart by single spaces, one at each end; letters without spaces between words
/// (Chinese) stand alone.
fn words(text: &str) -> String {
    let mut words = String::from(" ");
    for c in text.chars() {
        let apart = is_cjk(c);
        if c.is_alphanumeric() || c == '\'' {
            if apart && !words.ends_with(' ') {
                words.push(' ');
            }
            words.extend(c.to_lowercase());
            if apart {
                words.push(' ');
            }
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
    }
    if !words.ends_with(' ') {
        words.push(' ');
    }
    words
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command::{Piece, parse};

    fn script() -> Script {
        let intent = |name: &str, keywords: &[&str], patterns: &[&str], reply: &str| Intent {
            name: name.into(),
            keywords: keywords.iter().map(|&word| word.into()).collect(),
            patterns: patterns.iter().map(|&pattern| pattern.into()).collect(),
            reply: reply.into(),
            ..Intent::default()
        };
        Script {
            intents: vec![
                intent(
                    "move",
                    &[],
                    &[r"\b(?:to|at) (?P<newTime>\d+ ?[ap]m)"],
                    "Moved to {{newTime}}. #Hangup#",
                ),
                intent("no", &["no", "不要"], &[], "All right. #Hangup#"),
                intent("yes", &["yes", "i will be there"], &[], "See you. #Hangup#"),
            ],
            fallback: vec!["Pardon?".into(), "I call again. #Hangup#".into()],
            thinks_ms: 0,
            prepared: Prepared::default(),
        }
    }

    #[test]
    fn the_first_intent_that_fits_answers() {
        let none = BTreeMap::new();
        for (heard, intent) in [
            ("Yes, please", "yes"),
            ("NO.", "no"),
            ("I know", ""),
            ("不要", "no"),
            ("oh, I will be there!", "yes"),
            ("could we move it to 3 pm", "move"),
        ] {
            let wanted: Vec<&str> = [intent].into_iter().filter(|tag| !tag.is_empty()).collect();
            assert_eq!(reply(&script(), heard, &none).tags, wanted, "{heard}");
        }
    }

    #[test]
    fn a_captured_value_is_told_as_a_variable() {
        let reply = reply(&script(), "move it to 3 PM", &BTreeMap::new());
        assert_eq!(reply.captures, BTreeMap::from([("newTime".into(), "3 PM".into())]));
        assert_eq!(reply.text, "Moved to {{newTime}}. #Hangup#");
        assert_eq!(script().captures(), ["newTime"]);
    }

    #[test]
    fn whatever_a_customer_says_is_captured_as_it_is_and_not_a_word_of_it_is_read_out() {
        let mut script = script();
        script.intents[0].patterns = vec!["(?P<newTime>.*)".into()];
        script.intents[0].reply = "Fine.".into();
        for heard in ["well, ".repeat(40) + "on Monday", "{set a=b} #Hangup# {{name}}".into()] {
            let reply = reply(&script, &heard, &BTreeMap::new());
            assert_eq!((&*reply.text, &reply.captures["newTime"]), ("Fine.", &heard));
        }
    }

    #[test]
    fn keywords_are_whole_words_in_every_script() {
        for (keyword, heard, fits) in [
            ("it's me", "Yes, IT'S  me.", true),
            ("its me", "it's me", false),
            ("yes", "yesterday", false),
            ("yes", "oh-yes", true),
            ("5 pm", "at 5 PM", true),
            ("要", "我要票", true),
            ("要票", "我要 票", true),
            ("ok", "好ok吧", true),
            ("o", "好ok吧", false),
            ("はい", "はい、そうです", true),
            ("!", "what!", false),
            ("", "what", false),
        ] {
            let intent = Intent { keywords: vec![keyword.into()], ..Intent::default() };
            let found = matched(&intent, &words(heard), || None);
            assert_eq!(found.is_some(), fits, "{keyword} in {heard}");
        }
    }

    #[test]
    fn an_intent_of_another_step_does_not_answer_and_the_next_step_is_told() {
        let mut script = script();
        script.intents[1].when = Some("sure".into());
        script.intents[2].next_step = Some("sure".into());
        let mut variables = BTreeMap::new();
        let answer = |script: &Script, heard: &str, variables: &BTreeMap<String, String>| {
            let Reply { text, tags, captures } = reply(script, heard, variables);
            format!("{tags:?} {captures:?} {text}")
        };
        assert!(answer(&script, "no", &variables).ends_with("Pardon?"));
        let yes = r#"["yes"] {"_step": "sure"} See you. #Hangup#"#;
        assert_eq!(answer(&script, "yes", &variables), yes);
        variables.insert(STEP.into(), "sure".into());
        variables.insert(MISSES.into(), "2".into());
        let no = r#"["no"] {"_misses": "0"} All right. #Hangup#"#;
        assert_eq!(answer(&script, "no", &variables), no);
        let what = r#"[] {"_misses": "3"} I call again. #Hangup#"#;
        assert_eq!(answer(&script, "what", &variables), what);
    }

    #[test]
    fn what_patterns_and_replies_capture_is_known_before_the_call() {
        let mut script = script();
        script.intents[1].reply = "{set reason=price}{tag no}All right.".into();
        script.fallback[0] = "{set reason=none}{set lost=yes}Pardon?".into();
        assert_eq!(script.captures(), ["lost", "newTime", "reason"]);
        let texts: Vec<&str> = script.texts().collect();
        assert_eq!(texts.len(), 5);
        assert_eq!((texts[2], texts[4]), ("See you. #Hangup#", "I call again. #Hangup#"));
    }

    #[test]
    fn every_bound_of_a_script_is_named_with_its_place() {
        type Change = fn(&mut Script);
        let cases: [(&str, Change); 22] = [
            ("", |_| ()),
            ("/intents", |script| script.intents.clear()),
            ("", |script| script.intents = vec![script.intents[1].clone(); 100]),
            ("/intents", |script| script.intents = vec![script.intents[1].clone(); 101]),
            ("/fallback", |script| script.fallback.clear()),
            ("", |script| script.fallback = vec!["Pardon?".into(); 50]),
            ("/fallback", |script| script.fallback = vec!["Pardon?".into(); 51]),
            ("/intents/1/name", |script| script.intents[1].name.clear()),
            ("", |script| script.intents[1].name = "名".repeat(64)),
            ("/intents/1/name", |script| script.intents[1].name = "名".repeat(65)),
            ("", |script| script.intents[1].keywords = vec!["no".into(); 50]),
            ("/intents/1", |script| script.intents[1].keywords = vec!["no".into(); 51]),
            ("", |script| script.intents[1].patterns = vec!["no".into(); 50]),
            ("/intents/1", |script| script.intents[1].patterns = vec!["no".into(); 51]),
            ("/intents/1", |script| script.intents[1].keywords.clear()),
            ("", |script| script.intents[1].reply = "好".repeat(2_000)),
            ("/intents/1/reply", |script| script.intents[1].reply = "好".repeat(2_001)),
            ("", |script| script.intents[1].patterns = vec!["好".repeat(500)]),
            ("/intents/1/patterns/0", |script| {
                script.intents[1].patterns = vec!["好".repeat(501)];
            }),
            ("/intents/1/patterns/0", |script| {
                script.intents[1].patterns = vec![r"(\w{99}){99}".into()];
            }),
            ("", |script| script.thinks_ms = THINKS_MS_MAX),
            ("/thinks_ms", |script| script.thinks_ms = THINKS_MS_MAX + 1),
        ];
        for (at, (pointer, change)) in cases.into_iter().enumerate() {
            let mut script = script();
            change(&mut script);
            let faults = script.check();
            let found: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
            let wanted: Vec<&str> = [pointer].into_iter().filter(|at| !at.is_empty()).collect();
            assert_eq!(found, wanted, "{at}");
        }
    }

    #[test]
    fn misunderstandings_go_on_to_the_next_fallback() {
        let mut variables = BTreeMap::new();
        assert_eq!(reply(&script(), "what", &variables).text, "Pardon?");
        variables.insert(MISSES.into(), "1".into());
        assert_eq!(reply(&script(), "what", &variables).text, "I call again. #Hangup#");
        variables.insert(MISSES.into(), "9".into());
        assert_eq!(reply(&script(), "what", &variables).text, "I call again. #Hangup#");
    }

    #[test]
    fn a_pattern_that_does_not_compile_is_told_with_its_place() {
        let mut script = script();
        script.intents[1].patterns.push("(".into());
        let faults = script.check();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].pointer, "/intents/1/patterns/0");
    }

    proptest! {
        #[test]
        fn a_customer_never_speaks_a_command(heard in "[a-z0-9 #{}]{0,40}") {
            let mut greedy = script();
            greedy.intents.insert(0, Intent {
                name: "all".into(),
                patterns: vec!["(?P<newTime>.*)".into()],
                reply: "Fine.".into(),
                ..Intent::default()
            });
            let text = reply(&greedy, &heard, &BTreeMap::new()).text;
            let leaves = parse(&text).into_iter().any(|piece| matches!(piece, Piece::Leave(_)));
            prop_assert!(!leaves, "{}", text);
        }
    }
}
