//! What becomes of a dial: by rule for test numbers, else drawn from the trunk's mix.

use outbound::outcome::{CallResult, CalledStatus};
use outbound::phone::Phone;
use outbound::trunk::SimulatedLine;

use super::draw::Draw;
use super::persona::{Persona, persona, personas};

/// How long the phone of a slow answerer rings.
const SLOW_RING_MS: u64 = 30_000;

/// What will happen, up to what our own timers and the conversation make of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// From the INVITE until the phone rings, or until an announcement starts.
    pub(super) setup_ms: u64,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// The line itself refuses, after the setup.
    TrunkRefuses,
    /// The network says what it found, after so many milliseconds of ringing or announcement.
    Found {
        status: CalledStatus,
        after_ms: u64,
    },
    /// It rings until our own timeout.
    RingsForEver,
    Answered {
        ring_ms: u64,
        talk_ms: Option<u64>,
        persona: &'static Persona,
    },
}

/// What a number that ends in a test suffix does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Answers, as the persona of that name.
    Answers(&'static str),
    /// Answers after 30 s of ringing.
    AnswersSlowly(&'static str),
    /// Answers, and never hangs up by itself.
    TalksOn(&'static str),
    Unanswered(CalledStatus),
    /// The statuses of the first rounds; answers in the round after them and in all later ones.
    AnswersAfter(&'static [CalledStatus]),
    /// Rings until our own timeout.
    RingsForEver,
    /// The line itself refuses.
    TrunkRefuses,
}

/// The last four digits of a callee, and what it does. `docs/simulated-line.md` is this table.
pub const RULES: &[(u16, Rule)] = {
    use CalledStatus::*;
    use Rule::*;
    &[
        (1, Answers("polite")),
        (2, Unanswered(Busy)),
        (3, Unanswered(NoAnswer)),
        (4, Unanswered(PowerOff)),
        (5, Unanswered(OutOfService)),
        (6, Unanswered(InvalidNumber)),
        (7, Unanswered(TemporarilyUnavailable)),
        (8, Unanswered(CallRestricted)),
        (9, Unanswered(ServiceSuspended)),
        (10, Unanswered(CallAssistant)),
        (11, Unanswered(CallFailed)),
        (12, AnswersSlowly("polite")),
        (13, Answers("hangs_up_in_opening")),
        (14, TrunkRefuses),
        (15, Answers("silent")),
        (16, Answers("impatient")),
        (17, Answers("do_not_call")),
        (18, AnswersAfter(&[NoAnswer])),
        (19, AnswersAfter(&[NoAnswer, NoAnswer])),
        (20, RingsForEver),
        (21, TalksOn("talkative")),
        (22, Answers("hesitant")),
        (23, Answers("attentive")),
        (24, Answers("wants_a_person")),
        (25, Answers("hangs_up_midway")),
        (26, Answers("presses_keys")),
        (27, Answers("declines")),
        (28, AnswersAfter(&[Busy, PowerOff])),
        (29, Answers("asks_in_pieces")),
        (30, Answers("mailbox")),
        (31, Answers("screens_calls")),
        (32, Answers("call_assistant")),
    ]
};

/// What becomes of one dial. The same arguments, the same plan.
pub(super) fn plan(line: &SimulatedLine, callee: Phone, round: u16, chain_index: u16) -> Plan {
    let mut draw = Draw::of(line.seed, callee, round, chain_index);
    let setup_ms = draw.between(line.setup_ms);
    let ring_ms = draw.between(line.ring_ms);
    let talk_ms = draw.between(line.talk_ms);
    let rule = if line.test_numbers { rule_of(callee) } else { None };
    let outcome = match rule {
        Some(rule) => by_rule(rule, round, ring_ms, talk_ms),
        None if draw.below(100) < u64::from(line.refuse_percent) => Outcome::TrunkRefuses,
        None => match from_mix(line, &mut draw) {
            CallResult::Unanswered(status) => Outcome::Found { status, after_ms: ring_ms },
            CallResult::Answered => Outcome::Answered {
                ring_ms,
                talk_ms: Some(talk_ms),
                persona: someone(line, &mut draw),
            },
        },
    };
    Plan { setup_ms, outcome }
}

fn rule_of(callee: Phone) -> Option<Rule> {
    let suffix = callee.digits() % 10_000;
    RULES.iter().find(|(found, _)| u64::from(*found) == suffix).map(|(_, rule)| *rule)
}

fn by_rule(rule: Rule, round: u16, ring_ms: u64, talk_ms: u64) -> Outcome {
    let answered =
        |ring_ms, talk_ms, name| Outcome::Answered { ring_ms, talk_ms, persona: persona(name) };
    match rule {
        Rule::Answers(name) => answered(ring_ms, Some(talk_ms), name),
        Rule::AnswersSlowly(name) => answered(SLOW_RING_MS, Some(talk_ms), name),
        Rule::TalksOn(name) => answered(ring_ms, None, name),
        Rule::Unanswered(status) => Outcome::Found { status, after_ms: ring_ms },
        Rule::AnswersAfter(statuses) => match statuses.get(usize::from(round)) {
            Some(status) => Outcome::Found { status: *status, after_ms: ring_ms },
            None => answered(ring_ms, Some(talk_ms), "polite"),
        },
        Rule::RingsForEver => Outcome::RingsForEver,
        Rule::TrunkRefuses => Outcome::TrunkRefuses,
    }
}

/// A mix without any share answers.
fn from_mix(line: &SimulatedLine, draw: &mut Draw) -> CallResult {
    let total = line.mix.values().map(|share| u64::from(*share)).sum();
    let mut left = draw.below(total);
    for (word, share) in &line.mix {
        let share = u64::from(*share);
        if left < share {
            return CallResult::from_word(word).unwrap_or(CallResult::Answered);
        }
        left -= share;
    }
    CallResult::Answered
}

fn someone(line: &SimulatedLine, draw: &mut Draw) -> &'static Persona {
    let all = personas();
    let named = |name: &String| all.iter().find(|found| found.name == *name);
    let chosen = draw.below(line.personas.len() as u64);
    let chosen = line.personas.get(usize::try_from(chosen).unwrap_or(0)).and_then(named);
    chosen.unwrap_or_else(|| {
        let place = usize::try_from(draw.below(all.len() as u64)).unwrap_or(0);
        &all[place]
    })
}

/// The SIP code and Q.850 cause with which the network tells a status, as in the documented defaults.
pub(super) const fn codes(status: CalledStatus) -> (u16, u16) {
    match status {
        CalledStatus::InvalidNumber => (404, 1),
        CalledStatus::PowerOff => (480, 20),
        CalledStatus::OutOfService => (502, 27),
        CalledStatus::Busy => (486, 17),
        CalledStatus::NoAnswer => (480, 19),
        CalledStatus::TemporarilyUnavailable => (480, 31),
        CalledStatus::CallRestricted => (403, 55),
        CalledStatus::ServiceSuspended => (403, 50),
        CalledStatus::CallAssistant => (480, 31),
        CalledStatus::CallFailed => (488, 88),
    }
}

/// Whether a phone that is found so rings first. The others are told by an announcement.
pub(super) const fn rings(status: CalledStatus) -> bool {
    matches!(status, CalledStatus::NoAnswer | CalledStatus::CallAssistant)
}

#[cfg(test)]
mod tests {
    use outbound::outcome::{Evidence, classify, line_refused};

    use super::*;

    fn line() -> SimulatedLine {
        SimulatedLine::default()
    }

    #[test]
    fn every_called_status_has_a_test_number() {
        for status in CalledStatus::ALL {
            let found = RULES.iter().any(|(_, rule)| *rule == Rule::Unanswered(*status));
            assert!(found, "{status:?}");
        }
    }

    #[test]
    fn every_test_number_is_a_valid_chinese_mobile_that_the_page_explains() {
        let page = include_str!("../../../docs/simulated-line.md");
        for (suffix, rule) in RULES {
            let text = format!("1380000{suffix:04}");
            let phone = outbound::phone::parse(&text, "CN").unwrap();
            assert_eq!(rule_of(phone), Some(*rule));
            assert!(page.contains(&format!("| {suffix:04} |")), "{suffix:04}");
        }
    }

    #[test]
    fn what_the_network_tells_means_the_status_by_the_documented_defaults() {
        let mapping = std::collections::BTreeMap::new();
        for status in CalledStatus::ALL {
            let (sip, q850) = codes(*status);
            // A call assistant can only be heard.
            let heard = Some(*status).filter(|status| *status == CalledStatus::CallAssistant);
            let (sip_code, q850_cause) = (Some(sip), Some(q850));
            let told = Evidence { sip_code, q850_cause, heard, ..Evidence::default() };
            assert_eq!(classify(&told, &mapping), CallResult::Unanswered(*status));
            assert!(!line_refused(&told, &mapping), "{status:?}");
        }
    }

    #[test]
    fn every_persona_of_a_rule_is_built_in() {
        for (suffix, _) in RULES {
            for round in 0..4 {
                plan(&line(), Phone::from_digits(8_613_800_000_000 + u64::from(*suffix)), round, 0);
            }
        }
    }

    #[test]
    fn a_number_answers_only_in_the_round_that_its_rule_says() {
        let answers = |suffix: u64, round| {
            let callee = Phone::from_digits(8_613_800_000_000 + suffix);
            matches!(plan(&line(), callee, round, 0).outcome, Outcome::Answered { .. })
        };
        for (suffix, rounds) in
            [(1, [true, true, true]), (18, [false, true, true]), (19, [false, false, true])]
        {
            assert_eq!([0, 1, 2].map(|round| answers(suffix, round)), rounds, "{suffix}");
        }
    }

    #[test]
    fn outcomes_come_in_the_shares_of_the_mix() {
        let line = SimulatedLine {
            mix: [("answered", 30), ("busy", 70)]
                .map(|(word, share)| (word.to_owned(), share))
                .into(),
            refuse_percent: 50,
            test_numbers: false,
            ..line()
        };
        let (mut refused, mut busy, mut answered) = (0, 0, 0);
        for callee in 0..10_000 {
            match plan(&line, Phone::from_digits(8_613_900_000_000 + callee), 0, 0).outcome {
                Outcome::TrunkRefuses => refused += 1,
                Outcome::Found { status: CalledStatus::Busy, .. } => busy += 1,
                Outcome::Answered { .. } => answered += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!((4_800..5_200).contains(&refused), "{refused}");
        assert!((3_300..3_700).contains(&busy), "{busy}");
        assert!((1_350..1_650).contains(&answered), "{answered}");
    }

    #[test]
    fn switched_off_test_numbers_draw_from_the_mix() {
        let busy: std::collections::BTreeMap<String, u32> = [("busy".to_owned(), 1)].into();
        let line = SimulatedLine { mix: busy, test_numbers: false, ..line() };
        let outcome = plan(&line, Phone::from_digits(8_613_800_000_001), 0, 0).outcome;
        assert!(matches!(outcome, Outcome::Found { status: CalledStatus::Busy, .. }));
    }
}
