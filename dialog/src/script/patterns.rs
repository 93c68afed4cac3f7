//! The patterns of a script: judged under one budget for all of them, compiled once, and searched together in a
//! time that grows with what was heard and with nothing else.
//!
//! A few characters of a pattern may stand for millions of states (`\w{99}`): whoever writes a script could
//! otherwise stop every process that compiles it.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder, SetMatches};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{Fault, Intent, PATTERN_CHARS_MAX, PATTERNS_MAX};

/// Memory that all patterns of a script may take together, compiled.
const SCRIPT_BYTES_MAX: usize = 1 << 23;
/// States that all patterns of a script may have together, by an estimate before anything is compiled: a letter
/// is one, `\d` some 60, `\w` some 770, and a repetition has those of what it repeats so many times.
pub const STATES_MAX: u64 = 150_000;
/// Memory that a search may take for what it learns on its way.
const SEARCH_BYTES_MAX: usize = 1 << 20;

/// What is wrong with the patterns of a script whose counts are right.
pub(super) fn judge(intents: &[Intent]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let all: usize = intents.iter().map(|intent| intent.patterns.len()).sum();
    if all > PATTERNS_MAX {
        let detail = format!("have {all} patterns in all; {PATTERNS_MAX} at most are right");
        return vec![Fault { pointer: "/intents".into(), detail }];
    }
    let mut states = 0;
    for (at, intent) in intents.iter().enumerate() {
        for (place, pattern) in intent.patterns.iter().enumerate() {
            let pointer = || format!("/intents/{at}/patterns/{place}");
            match read(pattern) {
                Ok(of_pattern) => states += of_pattern,
                Err(detail) => faults.push(Fault { pointer: pointer(), detail }),
            }
            // The rest is not even read.
            if states > STATES_MAX {
                let detail = format!(
                    "makes the patterns of this script too large: some {states} states, {STATES_MAX} at most are \
                     right; repetitions like {{40}} and classes like \\w multiply them"
                );
                faults.push(Fault { pointer: pointer(), detail });
                return faults;
            }
        }
    }
    if faults.is_empty() && Patterns::of(intents).is_none() {
        let detail = "have patterns that are too large together, once they are compiled".to_owned();
        faults.push(Fault { pointer: "/intents".into(), detail });
    }
    faults
}

/// The states of a pattern, when it is a regular expression. Nothing is compiled for it.
fn read(pattern: &str) -> Result<u64, String> {
    if pattern.chars().count() > PATTERN_CHARS_MAX {
        return Err(format!("is longer than {PATTERN_CHARS_MAX} characters"));
    }
    let read = regex_syntax::Parser::new().parse(pattern);
    read.map(|hir| states(&hir)).map_err(|error| format!("is not a regular expression: {error}"))
}

fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1));
            states(&repetition.sub).saturating_mul(u64::from(times)).saturating_add(1)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(states).fold(1, u64::saturating_add)
        }
    }
}

/// The named groups of a pattern.
pub(super) fn groups(pattern: &str) -> Vec<String> {
    fn walk(hir: &Hir, names: &mut Vec<String>) {
        match hir.kind() {
            HirKind::Capture(capture) => {
                names.extend(capture.name.as_deref().map(str::to_owned));
                walk(&capture.sub, names);
            }
            HirKind::Repetition(repetition) => walk(&repetition.sub, names),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().for_each(|part| walk(part, names));
            }
            HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
        }
    }
    let mut names = Vec::new();
    if let Ok(hir) = regex_syntax::Parser::new().parse(pattern) {
        walk(&hir, &mut names);
    }
    names
}

/// The compiled patterns of a script, made once; clones of the script share them.
#[derive(Debug, Clone, Default)]
pub struct Prepared(Arc<OnceLock<Patterns>>);

impl Prepared {
    /// Whether they are compiled.
    pub fn is_done(&self) -> bool {
        self.0.get().is_some()
    }

    /// The patterns of these intents. Patterns that can't be compiled fit nothing: publication refuses them.
    pub(super) fn of(&self, intents: &[Intent]) -> &Patterns {
        self.0.get_or_init(|| Patterns::of(intents).unwrap_or_default())
    }
}

/// Two scripts are equal when their texts are, whether or not their patterns are compiled.
impl PartialEq for Prepared {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Default)]
pub(super) struct Patterns {
    set: RegexSet,
    /// By intent: its patterns, as places in the set.
    intents: Vec<std::ops::Range<usize>>,
    /// By place in the set: the pattern by itself, where it captures something.
    capturing: Vec<Option<Regex>>,
}

impl Patterns {
    fn of(intents: &[Intent]) -> Option<Self> {
        let all: Vec<&String> = intents.iter().flat_map(|intent| &intent.patterns).collect();
        let set = RegexSetBuilder::new(&all)
            .case_insensitive(true)
            .size_limit(SCRIPT_BYTES_MAX)
            .dfa_size_limit(SEARCH_BYTES_MAX)
            .build()
            .ok()?;
        let mut from = 0;
        let intents = intents.iter().map(|intent| {
            let to = from + intent.patterns.len();
            std::mem::replace(&mut from, to)..to
        });
        let intents = intents.collect();
        let capturing = all.into_iter().map(|pattern| {
            let compile = || {
                RegexBuilder::new(pattern)
                    .case_insensitive(true)
                    .size_limit(SCRIPT_BYTES_MAX)
                    .dfa_size_limit(SEARCH_BYTES_MAX)
                    .build()
            };
            (!groups(pattern).is_empty()).then(compile).transpose().ok()
        });
        let capturing = capturing.collect::<Option<_>>()?;
        Some(Self { set, intents, capturing })
    }

    /// Which patterns fit what was heard.
    pub(super) fn fitting(&self, heard: &str) -> SetMatches {
        self.set.matches(heard)
    }

    /// What the first pattern of an intent that fits has captured.
    pub(super) fn captured(
        &self,
        intent: usize,
        fitting: &SetMatches,
        heard: &str,
    ) -> Option<Vec<(String, String)>> {
        let mut places = self.intents.get(intent)?.clone();
        let place = places.find(|at| fitting.matched(*at))?;
        let Some(regex) = &self.capturing[place] else { return Some(Vec::new()) };
        let found = regex.captures(heard)?;
        let named = regex.capture_names().flatten().filter_map(|name| {
            let value = found.name(name)?.as_str().trim();
            Some((name.to_owned(), value.to_owned()))
        });
        Some(named.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(patterns: &[&str]) -> Intent {
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Intent { name: "any".into(), patterns, ..Intent::default() }
    }

    fn faults(intents: &[Intent]) -> Vec<String> {
        judge(intents)
            .into_iter()
            .map(|fault| format!("{} {}", fault.pointer, fault.detail))
            .collect()
    }

    #[test]
    fn patterns_that_are_small_to_write_and_large_to_run_are_refused_together() {
        assert_eq!(faults(&[intent(&[r"\w{10}0"])]), Vec::<String>::new());
        let many: Vec<Intent> = (0..10).map(|_| intent(&[r"\w{40}0"; 50])).collect();
        let found = faults(&many);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("/intents/0/patterns/4 makes the patterns"), "{found:?}");
        let found = faults(&[intent(&[r"((\w{99}){99}){99}"])]);
        assert!(found[0].starts_with("/intents/0/patterns/0 makes the patterns"), "{found:?}");
        // Not one of these is compiled.
        let found = faults(&(0..11).map(|_| intent(&["no"; 50])).collect::<Vec<_>>());
        assert_eq!(found, ["/intents have 550 patterns in all; 500 at most are right"]);
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_told_with_its_place() {
        let found = faults(&[intent(&["yes"]), intent(&["no", "("])]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("/intents/1/patterns/1 is not a regular expression"),
            "{found:?}"
        );
    }

    #[test]
    fn the_first_pattern_of_an_intent_that_fits_captures() {
        let intents = [intent(&["(?P<a>x)"]), intent(&["(?P<b>y+)", "(?P<c>y)"])];
        let patterns = Patterns::of(&intents).expect("they compile");
        let heard = "now YY";
        let fitting = patterns.fitting(heard);
        assert_eq!(patterns.captured(0, &fitting, heard), None);
        assert_eq!(patterns.captured(1, &fitting, heard), Some(vec![("b".into(), "YY".into())]));
        assert_eq!(groups("((?P<a>x)|(?P<b>y))*"), ["a", "b"]);
    }
}
