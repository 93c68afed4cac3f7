//! Callbacks that customers ask for.

use chrono::NaiveDate;

use super::*;
use crate::transcript::EntryKind;

/// A call that is answered on Tuesday, 2026-12-01 at 10:00 by the customer's clock, and what the robot says a minute later.
fn answered(reply: &str) -> Report {
    let mut call = Call::with_robot(TurnSettings::default());
    let at = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap().and_hms_opt(10, 0, 0).unwrap();
    call.conversation = call.conversation.with_local_time(at);
    call.says(60_000, "call me back tomorrow at three");
    call.agent(60_500, 1, reply);
    call.over(70_000)
}

#[test]
fn a_callback_is_at_the_time_that_was_said_by_the_customers_clock() {
    let report = answered("We will. {callback tomorrow at three}");
    let at = NaiveDate::from_ymd_opt(2026, 12, 2).unwrap().and_hms_opt(15, 0, 0).unwrap();
    assert_eq!((report.callback_local, report.callback_ms), (Some(at), None));
    let logged = report.log.iter().find(|entry| entry.kind == EntryKind::Callback);
    assert_eq!(logged.map(|entry| entry.detail.as_str()), Some("at 2026-12-02 15:00"));
    assert!(lines(&report).iter().all(|line| !line.contains("callback")), "it is not spoken");
}

#[test]
fn words_that_tell_no_time_call_nobody_back() {
    let report = answered("We will. {callback when pigs fly}");
    assert_eq!((report.callback_local, report.callback_ms), (None, None));
    let told = report.log.iter().any(|entry| entry.detail.ends_with("no time was understood"));
    assert!(told, "{:?}", report.log);
}
