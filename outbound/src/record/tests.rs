use chrono_tz::Asia::Shanghai;

use super::*;
use crate::outcome::CalledStatus;

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn answered() -> CallRecord {
    CallRecord {
        id: crate::ids::some::<AttemptId>(),
        enterprise: crate::ids::some::<EnterpriseId>(),
        task: crate::ids::some::<TaskId>(),
        batch: crate::ids::some::<BatchId>(),
        number: crate::ids::some::<NumberId>(),
        trunk: crate::ids::some::<TrunkId>(),
        round: 1,
        chain_index: 0,
        policy_id: 1,
        customer_number: Phone::from_digits(8_613_800_000_001),
        customer_number_province: "Jiangsu".into(),
        customer_number_city: "Nanjing".into(),
        outbound_number: Phone::from_digits(861_065_529_988),
        outbound_number_province: "Beijing".into(),
        outbound_number_city: "Beijing".into(),
        trunk_name: "Line 1".into(),
        batch_name: "=cmd()".into(),
        task_name: "Reminders".into(),
        call_id: "abc@line".into(),
        result: CallResult::Answered,
        cause: String::new(),
        sip_code: Some(200),
        q850_cause: Some(16),
        hangup_party: Some(HangupParty::Customer),
        started_at: at("2026-11-23T01:00:00Z"),
        ringing_at: Some(at("2026-11-23T01:00:02Z")),
        answered_at: Some(at("2026-11-23T01:00:08.500Z")),
        ended_at: at("2026-11-23T01:01:00Z"),
        robot_entered_at: Some(at("2026-11-23T01:00:09Z")),
        robot_ended_at: Some(at("2026-11-23T01:00:59Z")),
        robot_name: "Anna".into(),
        robot_answer_result: Some(RobotResult::Answered),
        turns: 4,
        interruptions: 1,
        transferred: false,
        intent_tags: vec!["interested".into(), "vip".into()],
        opening_hangup_seconds: Some(2.3),
        process_hangup_point: "closing".into(),
        captures: BTreeMap::from([("time".into(), "9:00".into())]),
        variables: BTreeMap::from([("customerName".into(), "Ms. Li".into())]),
        recording_state: Some("ready".into()),
        agent_id: "1001".into(),
        agent_name: "Wang".into(),
        agent_phone: Some(Phone::from_digits(8_613_900_000_002)),
        callback_at: Some(at("2026-11-24T07:00:00Z")),
        answered_by: Some(AnsweredBy::Person),
    }
}

fn busy() -> CallRecord {
    CallRecord {
        result: CallResult::Unanswered(CalledStatus::Busy),
        hangup_party: None,
        answered_at: None,
        robot_entered_at: None,
        robot_ended_at: None,
        robot_name: String::new(),
        robot_answer_result: None,
        intent_tags: Vec::new(),
        opening_hangup_seconds: None,
        captures: BTreeMap::new(),
        recording_state: None,
        ..answered()
    }
}

fn shows(record: &CallRecord, name: &str, shown: Shown) -> String {
    cell(record, "Robot: Hello", field(name).unwrap(), shown).text(Shanghai)
}

/// The guide's field table, title by title.
const GUIDE: &str = "Customer Number|Customer Number Location|Customer Number Encrypted|Outbound Number|\
    Outbound Number Location|Trunk Group Number|Virtual Number|Virtual Number Location|Answer Status|\
    Call ID|Call Result|Hang-up Party|Recording|CallID|WebRTCCallID|Called Status|Agent ID|Agent Name|\
    Agent Phone|Start Time|Customer Ring Time|Customer Answer Time|End Time|Customer Talk Duration|\
    Total Duration|Customer Ring Duration|Task Name|Robot Entry Time|Robot End Time|\
    Robot Talk Duration|Robot Name|Robot Answer Status|Robot Answer Result|Conversation Turns|\
    Interruption Count|Transferred to Agent|Intent Tags|Opening Hang-up Point|Process Hang-up Point|\
    Information Capture|Custom Fields|Conversation Text";

#[test]
fn the_fields_are_the_guides_in_its_order_and_more() {
    let titles: Vec<_> = FIELDS.iter().take(GUIDE_FIELDS).map(|field| field.title).collect();
    assert_eq!(titles, GUIDE.split('|').collect::<Vec<_>>());
    assert!(FIELDS.len() > GUIDE_FIELDS);
    let names: std::collections::BTreeSet<_> = FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(names.len(), FIELDS.len());
    assert!(FIELDS.iter().all(|field| field.doc.ends_with('.')));
}

#[test]
fn the_words_of_results_are_those_that_results_have() {
    let FieldKind::Words(words) = field("result").unwrap().kind else { panic!() };
    let all: Vec<_> = ["answered"].iter().chain(CalledStatus::WORDS).copied().collect();
    assert_eq!(words, all);
}

#[test]
fn every_field_of_an_answered_call_shows_what_is_known() {
    let record = answered();
    for (name, text) in [
        ("customer_number", "8613800000001"),
        ("customer_number_location", "Jiangsu Nanjing"),
        ("customer_number_encrypted", "138****0001"),
        ("outbound_number_location", "Beijing"),
        ("trunk_name", "Line 1"),
        ("virtual_number", ""),
        ("answer_status", "answered"),
        ("result", "answered"),
        ("called_status", ""),
        ("hangup_party", "customer"),
        ("recording_state", "ready"),
        ("call_id", "abc@line"),
        ("started_at", "2026-11-23 09:00:00"),
        ("answered_at", "2026-11-23 09:00:08"),
        ("talk_seconds", "51.5"),
        ("total_seconds", "60"),
        ("ring_seconds", "6.5"),
        ("robot_talk_seconds", "50"),
        ("robot_answer_status", "answered"),
        ("robot_answer_result", "robot_answered"),
        ("turns", "4"),
        ("transferred", "no"),
        ("intent_tags", "interested, vip"),
        ("opening_hangup_seconds", "2.3"),
        ("captures", "time: 9:00"),
        ("variables", "customerName: Ms. Li"),
        ("conversation_text", "Robot: Hello"),
        ("batch_name", "=cmd()"),
        ("round", "1"),
        ("q850_cause", "16"),
        ("outbound_number", "861065529988"),
        ("ringing_at", "2026-11-23 09:00:02"),
        ("ended_at", "2026-11-23 09:01:00"),
        ("task_name", "Reminders"),
        ("robot_entered_at", "2026-11-23 09:00:09"),
        ("robot_ended_at", "2026-11-23 09:00:59"),
        ("robot_name", "Anna"),
        ("interruptions", "1"),
        ("process_hangup_point", "closing"),
        ("chain_index", "0"),
        ("cause", ""),
        ("sip_code", "200"),
        ("agent_id", "1001"),
        ("agent_name", "Wang"),
        ("agent_phone", "8613900000002"),
        ("callback_at", "2026-11-24 15:00:00"),
        ("answered_by", "person"),
        ("id", &record.id.to_string()),
        ("task", &record.task.to_string()),
        ("batch", &record.batch.to_string()),
        ("number", &record.number.to_string()),
        ("trunk", &record.trunk.to_string()),
    ] {
        assert_eq!(shows(&record, name, Shown::Full), text, "{name}");
    }
    let failed = CallRecord { cause: "worker_lost".into(), transferred: true, ..record };
    assert_eq!(shows(&failed, "cause", Shown::Full), "worker_lost");
    assert_eq!(shows(&failed, "transferred", Shown::Full), "yes");
}

#[test]
fn a_location_is_as_much_as_is_known_and_nothing_twice() {
    for (province, city, text) in [
        ("Jiangsu", "Nanjing", "Jiangsu Nanjing"),
        ("Beijing", "Beijing", "Beijing"),
        ("Jiangsu", "", "Jiangsu"),
        ("", "Nanjing", "Nanjing"),
        ("", "", ""),
    ] {
        let record = CallRecord {
            customer_number_province: province.into(),
            customer_number_city: city.into(),
            ..answered()
        };
        assert_eq!(shows(&record, "customer_number_location", Shown::Full), text);
    }
}

#[test]
fn a_number_that_was_said_or_imported_is_masked_too() {
    let said = |text: &str| BTreeMap::from([("callback".to_owned(), text.to_owned())]);
    let record = CallRecord {
        captures: said("on 138 0000 0001"),
        variables: said("13800000001"),
        ..answered()
    };
    assert_eq!(shows(&record, "captures", Shown::Masked), "callback: on 138 **** ****");
    assert_eq!(shows(&record, "variables", Shown::Masked), "callback: 138********");
    assert_eq!(shows(&record, "variables", Shown::Full), "callback: 13800000001");
}

#[test]
fn clocks_that_run_backwards_last_no_time() {
    let record = CallRecord { ended_at: at("2026-11-23T00:59:00Z"), ..busy() };
    assert_eq!((record.total_ms(), record.ring_ms(), record.talk_ms()), (0, 0, 0));
    assert_eq!((busy().robot_talk_ms(), busy().total_ms()), (0, 60_000));
}

#[test]
fn a_call_that_was_not_answered_leaves_blank_what_did_not_happen() {
    let record = busy();
    for (name, text) in [
        ("answer_status", "unanswered"),
        ("called_status", "busy"),
        ("result", "busy"),
        ("answered_at", ""),
        ("talk_seconds", "0"),
        ("ring_seconds", "58"),
        ("robot_answer_status", ""),
        ("robot_answer_result", ""),
        ("intent_tags", ""),
        ("captures", ""),
        ("recording_state", ""),
    ] {
        assert_eq!(shows(&record, name, Shown::Full), text, "{name}");
    }
}

#[test]
fn who_may_not_see_numbers_sees_them_in_no_field() {
    let record = answered();
    for field in FIELDS {
        let cell = cell(&record, "", field, Shown::Masked);
        let both = format!("{} {}", cell.text(Shanghai), cell.json());
        assert!(!both.contains("13800000001") && !both.contains("1065529988"), "{}", field.name);
    }
    assert_eq!(shows(&record, "customer_number", Shown::Masked), "138****0001");
}

#[test]
fn the_api_has_utc_e164_and_nulls() {
    let record = answered();
    let json = |name| cell(&record, "", field(name).unwrap(), Shown::Full).json();
    assert_eq!(json("customer_number"), "+8613800000001");
    assert_eq!(json("started_at"), "2026-11-23T01:00:00Z");
    assert_eq!(json("answered_at"), "2026-11-23T01:00:08.500Z");
    assert_eq!(json("turns"), 4);
    assert_eq!(json("talk_seconds"), 51.5);
    assert_eq!(json("transferred"), false);
    assert_eq!(json("outbound_number"), "+861065529988");
    assert_eq!(json("virtual_number"), serde_json::Value::Null);
    assert_eq!(json("batch_name"), "=cmd()");
    assert_eq!(json("intent_tags"), serde_json::json!(["interested", "vip"]));
    assert_eq!(json("captures"), serde_json::json!({ "time": "9:00" }));
    for name in ["ringing_at", "hangup_party", "intent_tags", "captures"] {
        let record = CallRecord { ringing_at: None, ..busy() };
        let blank = cell(&record, "", field(name).unwrap(), Shown::Full).json();
        assert_eq!(blank, serde_json::Value::Null, "{name}");
    }
}

#[test]
fn the_page_of_the_fields_tells_all_of_them() {
    let page = include_str!("../../../docs/fields.md");
    for field in FIELDS {
        let row = format!("| `{}` | {} | ", field.name, field.title);
        assert!(page.contains(&row), "docs/fields.md lacks {row}");
        assert!(page.contains(field.doc), "docs/fields.md lacks the meaning of {}", field.name);
    }
}

#[test]
fn every_field_that_can_hold_a_value_can_be_filtered_by() {
    let failed = CallRecord { cause: "worker_lost".into(), ..busy() };
    for field in FIELDS {
        let records = [answered(), failed.clone()];
        let mut cells = records.iter().map(|record| cell(record, "said", field, Shown::Full));
        let has_value = cells.any(|cell| cell != Cell::Blank);
        assert_eq!(has_value, field.kind != FieldKind::Shown, "{}", field.name);
        let known = ["= 1", "= x", "= true", "= 2026-12-01T09:00:00Z", ": x", "= answered"]
            .iter()
            .chain(&["= customer", "= ready", "= busy", "= robot_answered", "= +8613800000001"])
            .chain(&["= att_01h455vb4pex5vsknk084sn02q", "= person"])
            .any(|asks| crate::filter::parse(&format!("{} {asks}", field.name)).is_ok());
        assert_eq!(known, has_value, "{}", field.name);
    }
}
