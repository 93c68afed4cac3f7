use super::CalledStatus::*;
use super::*;

fn ended(sip_code: u16, q850_cause: Option<u16>) -> Evidence {
    Evidence { sip_code: Some(sip_code), q850_cause, ..Evidence::default() }
}

#[test]
fn the_line_is_taken_at_its_word_the_closest_to_the_number_first() {
    let none = BTreeMap::new();
    for (evidence, status) in [
        (ended(404, None), InvalidNumber),
        (ended(404, Some(1)), InvalidNumber),
        (ended(410, None), OutOfService),
        (ended(486, Some(17)), Busy),
        (ended(600, None), Busy),
        (ended(603, Some(21)), Busy),
        (ended(480, None), TemporarilyUnavailable),
        (ended(480, Some(16)), TemporarilyUnavailable),
        (ended(480, Some(20)), PowerOff),
        (ended(480, Some(18)), NoAnswer),
        (ended(480, Some(19)), NoAnswer),
        (ended(487, None), NoAnswer),
        (ended(408, None), NoAnswer),
        (ended(403, None), CallRestricted),
        (ended(403, Some(54)), CallRestricted),
        (ended(402, None), ServiceSuspended),
        (ended(503, Some(50)), ServiceSuspended),
        (ended(502, Some(27)), OutOfService),
        (ended(503, Some(34)), CallFailed),
        (ended(500, None), CallFailed),
        (ended(699, None), CallFailed),
        (Evidence::default(), CallFailed),
    ] {
        assert_eq!(classify(&evidence, &none), CallResult::Unanswered(status), "{evidence:?}");
    }
    let answered = Evidence { answered: true, ..ended(486, None) };
    assert_eq!(classify(&answered, &none), CallResult::Answered);
}

#[test]
fn an_announcement_says_more_than_a_vague_status_and_less_than_a_clear_one() {
    let none = BTreeMap::new();
    let heard = |evidence| Evidence { heard: Some(PowerOff), ..evidence };
    for (evidence, status) in [
        (heard(ended(480, None)), PowerOff),
        (heard(ended(480, Some(19))), PowerOff),
        (heard(ended(486, None)), Busy),
        (Evidence { ring_timeout: true, ..heard(ended(487, None)) }, PowerOff),
        (Evidence { ring_timeout: true, ..ended(480, None) }, NoAnswer),
    ] {
        assert_eq!(classify(&evidence, &none), CallResult::Unanswered(status), "{evidence:?}");
    }
}

#[test]
fn a_trunks_own_mapping_goes_first_with_the_cause_before_without() {
    let mapping: BTreeMap<String, CalledStatus> =
        [("486".into(), NoAnswer), ("503/34".into(), Busy), ("503".into(), CallAssistant)].into();
    for (evidence, status) in [
        (ended(486, Some(17)), NoAnswer),
        (ended(503, Some(34)), Busy),
        (ended(503, Some(41)), CallAssistant),
        (Evidence { heard: Some(PowerOff), ..ended(503, None) }, CallAssistant),
        (ended(404, None), InvalidNumber),
    ] {
        assert_eq!(classify(&evidence, &mapping), CallResult::Unanswered(status), "{evidence:?}");
        assert!(!line_refused(&evidence, &mapping));
    }
}

#[test]
fn a_line_that_refuses_is_told_from_a_number_that_does() {
    let none = BTreeMap::new();
    for (evidence, refused) in [
        (ended(503, None), true),
        (ended(503, Some(16)), true),
        (ended(503, Some(127)), true),
        (ended(503, Some(34)), true),
        (ended(480, Some(42)), true),
        (ended(407, None), true),
        (ended(500, Some(17)), false),
        (ended(503, Some(20)), false),
        (ended(486, None), false),
        (ended(404, None), false),
        (Evidence { ring_timeout: true, ..ended(503, None) }, false),
    ] {
        assert_eq!(line_refused(&evidence, &none), refused, "{evidence:?}");
    }
    let own: BTreeMap<String, CalledStatus> = [("606".into(), CallFailed)].into();
    assert!(line_refused(&ended(606, None), &own));
}

#[test]
fn no_code_stands_twice_in_a_table() {
    for table in [SIP_MEANINGS, Q850_MEANINGS] {
        assert!(table.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}

#[test]
fn results_read_back_from_their_words() {
    for status in CalledStatus::ALL {
        let result = CallResult::Unanswered(*status);
        assert_eq!(CallResult::from_word(result.word()), Some(result));
        assert_eq!(result.status(), Some(*status));
    }
    assert_eq!(CallResult::from_word("answered"), Some(CallResult::Answered));
    assert_eq!(CallResult::from_word("asleep"), None);
}

#[test]
fn what_decided_an_outcome_is_told_with_it() {
    let none = BTreeMap::new();
    let own = BTreeMap::from([("486".to_owned(), PowerOff)]);
    let heard = Evidence { heard: Some(PowerOff), ..ended(480, None) };
    let rang = Evidence { ring_timeout: true, ..Evidence::default() };
    for (evidence, mapping, by) in [
        (Evidence { answered: true, ..ended(200, None) }, &none, DecidedBy::Answer),
        (ended(486, None), &own, DecidedBy::TrunkMapping),
        (ended(480, Some(20)), &none, DecidedBy::Q850Cause),
        (ended(486, Some(16)), &none, DecidedBy::SipStatus),
        (heard, &none, DecidedBy::EarlyMedia),
        (rang, &none, DecidedBy::RingTimeout),
        (ended(480, None), &none, DecidedBy::SipStatus),
        (ended(699, None), &none, DecidedBy::Nothing),
    ] {
        assert_eq!(decide(&evidence, mapping).1, by, "{evidence:?}");
    }
}

#[test]
fn what_decided_a_record_is_found_again_from_its_codes() {
    let none = BTreeMap::new();
    let own = BTreeMap::from([("486".to_owned(), PowerOff)]);
    let codes = |sip, q850| (Some(sip), q850);
    for (status, cause, codes, mapping, by) in [
        (Busy, "", codes(486, Some(17)), &none, DecidedBy::Q850Cause),
        (PowerOff, "", codes(486, Some(17)), &own, DecidedBy::TrunkMapping),
        (PowerOff, "", codes(480, None), &none, DecidedBy::EarlyMedia),
        (NoAnswer, cause::RING_TIMEOUT, codes(487, None), &none, DecidedBy::RingTimeout),
        (CallFailed, cause::WORKER_LOST, (None, None), &none, DecidedBy::System),
        (CallFailed, cause::TRUNK_REFUSED, codes(503, Some(34)), &none, DecidedBy::Q850Cause),
    ] {
        let result = CallResult::Unanswered(status);
        assert_eq!(decided_by(result, cause, codes, mapping), by, "{status:?} {cause}");
    }
    assert_eq!(decided_by(CallResult::Answered, "", codes(200, None), &none), DecidedBy::Answer);
}

#[test]
fn a_call_that_our_side_cut_short_is_not_answered_whatever_the_line_says() {
    for (cause, status) in
        [(cause::WORKER_STOPPING, CallFailed), (cause::NOT_A_PERSON, CallAssistant)]
    {
        let result = CallResult::Answered.for_cause(cause);
        assert_eq!(result, CallResult::Unanswered(status), "{cause}");
        let by = decided_by(result, cause, (Some(200), None), &BTreeMap::new());
        assert_eq!(by, DecidedBy::System, "{cause}");
    }
    for cause in ["", cause::MAX_CALL] {
        assert_eq!(CallResult::Answered.for_cause(cause), CallResult::Answered, "{cause}");
    }
}
