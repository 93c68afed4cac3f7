//! Commands in an agent's text: `#name#` leaves the agent node, `{action}` acts and stays.
//!
//! Only what an agent wrote is ever given to this parser: never what a customer said, nor a variable's
//! value. Commands are not spoken, and a half of one at the end of a text is dropped.

/// The most characters between the marks of a command.
pub const COMMAND_CHARS_MAX: usize = 100;
/// The longest `{wait}`, in milliseconds.
pub const WAIT_MS_MAX: u64 = 30_000;
/// Digits of one `{press}`.
pub const PRESS_DIGITS_MAX: usize = 32;

/// The hash command that ends the call.
pub const HANGUP: &str = "Hangup";
/// The hash command that goes to a human agent.
pub const TRANSFER: &str = "Transfer to Agent";
/// The hash command that puts the customer on the do-not-call list.
pub const DO_NOT_CALL: &str = "DoNotCall";

/// A piece of an agent's text, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// To be spoken.
    Say(String),
    /// `#name#`: leave the agent node by the edge of that name.
    Leave(String),
    /// `{action}`: act, and stay.
    Act(Action),
    /// Looks like a command and is none: not spoken, and reported.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `{press 1}`: send DTMF digits.
    Press(String),
    /// `{wait 2s}`: be silent that long.
    Wait { ms: u64 },
    /// `{tag vip}`: tag the conversation with an intent.
    Tag(String),
    /// `{set name=value}`: capture a value.
    Set { name: String, value: String },
    /// `{callback tomorrow at three}`: call again at the time that the words say.
    Callback(String),
}

/// Command names are compared without regard to case and spaces.
pub fn same(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(one) == letters(other)
}

/// Take an agent's whole text apart.
pub fn parse(text: &str) -> Vec<Piece> {
    let mut parser = Parser::default();
    let mut pieces = parser.push(text);
    pieces.extend(parser.finish());
    pieces
}

/// The variables that a text sets when it is said.
pub fn sets(text: &str) -> impl Iterator<Item = String> {
    parse(text).into_iter().filter_map(|piece| match piece {
        Piece::Act(Action::Set { name, .. }) => Some(name),
        _ => None,
    })
}

/// Takes an agent's text apart as it comes, token by token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parser {
    /// What may be the beginning of a command.
    held: String,
}

impl Parser {
    /// The pieces that are certain with this chunk.
    pub fn push(&mut self, chunk: &str) -> Vec<Piece> {
        self.held.push_str(chunk);
        let mut pieces = Vec::new();
        let mut rest = self.held.as_str();
        loop {
            let Some(open) = rest.find(['#', '{']) else {
                say(&mut pieces, rest);
                rest = "";
                break;
            };
            say(&mut pieces, &rest[..open]);
            rest = &rest[open..];
            // `{{name}}` is a variable, not an action.
            if rest.starts_with("{{") {
                match rest.find("}}") {
                    Some(length) => {
                        say(&mut pieces, &rest[..length + 2]);
                        rest = &rest[length + 2..];
                    }
                    None if rest.chars().count() > COMMAND_CHARS_MAX + 2 => {
                        rest = speak_mark(&mut pieces, rest);
                    }
                    None => break,
                }
                continue;
            }
            let close = if rest.starts_with('#') { '#' } else { '}' };
            match closing(&rest[1..], close) {
                Some(length) if rest[1..=length].chars().count() <= COMMAND_CHARS_MAX => {
                    pieces.push(command(close, &rest[1..=length]));
                    rest = &rest[length + 2..];
                }
                // Too long for a command: the mark is a mark.
                Some(_) => rest = speak_mark(&mut pieces, rest),
                None if rest.chars().count() > COMMAND_CHARS_MAX + 1 => {
                    rest = speak_mark(&mut pieces, rest);
                }
                None => break,
            }
        }
        self.held = rest.to_owned();
        pieces
    }

    /// The end of the text: half a command is reported, not spoken.
    pub fn finish(self) -> Option<Piece> {
        (!self.held.is_empty()).then_some(Piece::Unknown(self.held))
    }
}

/// Where a command is closed; a variable in it is passed over.
fn closing(inside: &str, close: char) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + inside[from..].find(close)?;
        match inside[from..end].find("{{") {
            Some(open) => from += open + inside[from + open..].find("}}")? + 2,
            None => return Some(end),
        }
    }
}

fn say(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Say(said)) => said.push_str(text),
        _ => pieces.push(Piece::Say(text.to_owned())),
    }
}

fn speak_mark<'a>(pieces: &mut Vec<Piece>, rest: &'a str) -> &'a str {
    say(pieces, &rest[..1]);
    &rest[1..]
}

fn command(close: char, inside: &str) -> Piece {
    let inside = inside.trim();
    if close == '#' {
        return if inside.is_empty() {
            Piece::Unknown("##".into())
        } else {
            Piece::Leave(inside.to_owned())
        };
    }
    action(inside).map_or_else(|| Piece::Unknown(inside.to_owned()), Piece::Act)
}

fn action(inside: &str) -> Option<Action> {
    let (word, rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let rest = rest.trim();
    match word.to_ascii_lowercase().as_str() {
        "press" => {
            let digits: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
            let right = |c: char| c.is_ascii_digit() || "*#ABCD".contains(c);
            (!digits.is_empty() && digits.len() <= PRESS_DIGITS_MAX && digits.chars().all(right))
                .then_some(Action::Press(digits))
        }
        "wait" => wait_ms(rest).map(|ms| Action::Wait { ms }),
        "callback" => (!rest.is_empty()).then(|| Action::Callback(rest.to_owned())),
        "tag" => (!rest.is_empty()).then(|| Action::Tag(rest.to_owned())),
        "set" => {
            let (name, value) = rest.split_once('=')?;
            let name = name.trim();
            crate::variables::is_name(name)
                .then(|| Action::Set { name: name.to_owned(), value: value.trim().to_owned() })
        }
        _ => None,
    }
}

fn wait_ms(text: &str) -> Option<u64> {
    let (number, unit_ms) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.strip_suffix('s').unwrap_or(text), 1_000.0),
    };
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| *number >= 0.0)?;
    let ms = (number * unit_ms).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "held to the bound"
    )]
    (ms <= WAIT_MS_MAX as f64).then_some(ms as u64)
}

/// The text with every mark of a command made harmless: for what a customer said, before it may stand
/// in an agent's text.
pub fn disarm(text: &str) -> String {
    text.chars().map(|c| if "#{}".contains(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Piece {
        Piece::Say(text.into())
    }

    #[test]
    fn commands_are_taken_out_of_what_is_spoken() {
        for (text, pieces) in [
            ("Good bye. #Hangup#", vec![said("Good bye. "), Piece::Leave("Hangup".into())]),
            ("#Transfer to Agent#", vec![Piece::Leave("Transfer to Agent".into())]),
            (
                "Press{press 1}ed {wait 2s}now",
                vec![
                    said("Press"),
                    Piece::Act(Action::Press("1".into())),
                    said("ed "),
                    Piece::Act(Action::Wait { ms: 2_000 }),
                    said("now"),
                ],
            ),
            ("Hello {{customerName}}!", vec![said("Hello {{customerName}}!")]),
            ("{tag vip}", vec![Piece::Act(Action::Tag("vip".into()))]),
            ("{wait 250ms}", vec![Piece::Act(Action::Wait { ms: 250 })]),
            ("{wait 1.5s}", vec![Piece::Act(Action::Wait { ms: 1_500 })]),
            ("{wait 2}", vec![Piece::Act(Action::Wait { ms: 2_000 })]),
            ("{wait 0s}", vec![Piece::Act(Action::Wait { ms: 0 })]),
            ("{wait 30s}", vec![Piece::Act(Action::Wait { ms: WAIT_MS_MAX })]),
            ("{press 1 2*#D}", vec![Piece::Act(Action::Press("12*#D".into()))]),
            (
                "{set newTime=3 PM}",
                vec![Piece::Act(Action::Set { name: "newTime".into(), value: "3 PM".into() })],
            ),
        ] {
            assert_eq!(parse(text), pieces, "{text}");
        }
    }

    #[test]
    fn variables_may_stand_in_a_command() {
        for value in ["{{b}} x", "{{b}}", "see {{b}} and {{c}}, {{d}}", "{{ b }}{{c}}"] {
            let set = Action::Set { name: "a".into(), value: value.into() };
            let text = format!("So: {{set a={value}}}!");
            assert_eq!(parse(&text), [said("So: "), Piece::Act(set), said("!")], "{text}");
        }
        let leave = Piece::Leave("to {{b}} or {{c}}".into());
        assert_eq!(parse("#to {{b}} or {{c}}#!"), [leave, said("!")]);
        assert_eq!(parse("Hello {{b}}, {{c}}."), [said("Hello {{b}}, {{c}}.")]);
    }

    #[test]
    fn what_is_too_long_for_a_command_is_spoken_with_its_mark() {
        let [long, longer] = [100, 101].map(|chars| "电".repeat(chars));
        assert_eq!(parse(&format!("#{long}#")), [Piece::Leave(long.clone())]);
        let spoken = said(&format!("#{longer}"));
        assert_eq!(parse(&format!("#{longer}#")), [spoken.clone(), Piece::Unknown("#".into())]);
        // Without an end, so much is kept back for as long as it may still become a command.
        for mark in ["#", "{", "{{"] {
            let held = format!("{mark}{long}");
            assert_eq!(parse(&held), [Piece::Unknown(held.clone())], "{mark}");
            let spoken = format!("{mark}{longer}");
            assert_eq!(parse(&spoken), [said(&spoken)], "{mark}");
        }
    }

    #[test]
    fn a_customers_words_lose_their_marks_and_nothing_else() {
        assert_eq!(disarm("No. 5 #Hangup# {{x}}, 好"), "No. 5  Hangup    x  , 好");
    }

    #[test]
    fn names_are_the_same_whatever_their_case_and_spaces() {
        assert!(same(TRANSFER, "transfer  TO agent"));
        assert!(same("DoNotCall", "do not call"));
        assert!(!same(TRANSFER, HANGUP));
    }

    #[test]
    fn what_is_no_command_is_reported_and_not_spoken() {
        let digits = format!("{{press {}}}", "1".repeat(PRESS_DIGITS_MAX));
        assert!(matches!(parse(&digits)[..], [Piece::Act(_)]), "{digits}");
        let too_many = format!("{{press {}}}", "1".repeat(PRESS_DIGITS_MAX + 1));
        for text in [
            "{dance}",
            "{press x}",
            "{press}",
            "{press 1x}",
            &too_many,
            "{wait}",
            "{wait -1s}",
            "{wait 30001ms}",
            "{wait 99999s}",
            "##",
            "{set =x}",
            "{set a}",
            "{tag}",
            "{}",
        ] {
            assert!(matches!(parse(text)[..], [Piece::Unknown(_)]), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn half_a_command_at_the_end_is_dropped() {
        assert_eq!(parse("Bye #Hang"), [said("Bye "), Piece::Unknown("#Hang".into())]);
    }

    #[test]
    fn a_lone_mark_before_a_long_text_is_spoken() {
        let text = format!("We are #1 {}", "in the world ".repeat(20));
        assert_eq!(parse(&text), [said(&text)]);
    }

    proptest! {
        #[test]
        fn a_text_cut_into_tokens_gives_the_same_pieces(text in "[a-z #{}1]{0,60}", cut in 0usize..60) {
            let cut = cut.min(text.len());
            let mut parser = Parser::default();
            let mut pieces = parser.push(&text[..cut]);
            for piece in parser.push(&text[cut..]) {
                match piece {
                    Piece::Say(words) => say(&mut pieces, &words),
                    other => pieces.push(other),
                }
            }
            pieces.extend(parser.finish());
            prop_assert_eq!(pieces, parse(&text));
        }

        #[test]
        fn disarmed_text_holds_no_command(text in ".{0,80}") {
            let calm = parse(&disarm(&text)).into_iter().all(|piece| matches!(piece, Piece::Say(_)));
            prop_assert!(calm);
        }
    }
}
