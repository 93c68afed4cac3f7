use serde_json::json;

use super::*;

fn about(name: &str) -> About {
    About { name: name.into(), zone: chrono_tz::Asia::Shanghai }
}

fn progress() -> Value {
    json!({
        "at": "2026-12-01T02:21:00Z",
        "state": "running", "pause_reason": null,
        "numbers": {"pending": 120, "waiting": 301, "calling": 60, "connected": 312,
            "unconnected": 203, "suppressed": 2, "cancelled": 2},
        "total": 1_000, "live": 60, "limit": 60, "live_by_round": {"0": 40, "1": 20},
        "calls": 1_800, "answered": 312, "connect_rate": 0.1733,
        "waiting": [
            {"reason": "redial", "numbers": 300, "next_due_at": "2026-12-01T02:30:00Z"},
            {"reason": "callee_window", "numbers": 1, "next_due_at": "2026-12-02T01:00:00Z"},
        ],
        "why": [
            {"code": "running", "detail": "it is running; its window changes at 2026-12-01 18:01:00 +08:00"},
            {"code": "slots_full", "detail": "all 60 slots are taken"},
            {"code": "waiting_redial", "detail": "300 numbers wait for their redial; the next at …"},
            {"code": "no_dialer", "detail": "no dialer has been seen for 3 minutes: start a process with `callwright work dial redial`, and look at its log for what ended the one before"},
        ],
    })
}

#[test]
fn a_campaign_at_80_columns() {
    let shown = lines(&about("Spring"), &progress(), &[0, 1, 4, 8], 80);
    assert_eq!(
        shown,
        [
            "Spring · running · 2026-12-01 10:21:00 +08:00",
            "████████████████████░░░░░░░░░░░░░░░░░░░░ 519 of 1,000 numbers have ended",
            "pending 120 · waiting 301 · calling 60 · connected 312 · unconnected 203",
            "do not call 2 · cancelled 2",
            "calls up 60 of 60 (round 0: 40, round 1: 20) · 1,800 calls · 312 answered",
            "connect rate 17 %",
            "300 numbers wait: next redial in 9 min, 10:30:00",
            "1 number waits: closed hours at the callee's place; next in 22 h 39 min,",
            "  2026-12-02 09:00:00",
            "it is running; its window changes at 2026-12-01 18:01:00 +08:00",
            "all 60 slots are taken",
            "no dialer has been seen for 3 minutes: start a process with `callwright work",
            "  dial redial`, and look at its log for what ended the one before",
            "answers   ▁▄█",
        ]
    );
}

#[test]
fn a_campaign_at_120_columns() {
    let shown = lines(&about("Spring"), &progress(), &[0, 1, 4, 8], 120);
    assert_eq!(
        shown[2..4],
        [
            "pending 120 · waiting 301 · calling 60 · connected 312 · unconnected 203 · do not call 2 · cancelled 2",
            "calls up 60 of 60 (round 0: 40, round 1: 20) · 1,800 calls · 312 answered · connect rate 17 %",
        ]
    );
    assert_eq!(shown.len(), 11);
}

#[test]
fn no_line_is_wider_than_the_terminal_whatever_the_name() {
    let long =
        "Test drive reminders of the northern branch, second quarter, with a very long name indeed";
    let chinese = "试驾邀约提醒（华北大区）第二季度外呼任务－重点客户跟进与回访计划表之一百二十号试驾邀约提醒";
    for name in [long, chinese, "x"] {
        for width in [20, 79, 80, 120, 200] {
            for line in lines(&about(name), &progress(), &[7; BARS_MAX], width) {
                assert!(cells(&line) <= usize::from(width), "{} at {width}: {line}", cells(&line));
            }
        }
        let shown = lines(&about(name), &progress(), &[], 80);
        assert!(shown[0].contains(" · running · 2026-12-01"), "{}", shown[0]);
        assert_eq!(shown[0].contains('…'), name != "x", "{}", shown[0]);
    }
    assert!(
        lines(&about(chinese), &progress(), &[], 120)[0].starts_with("试驾邀约提醒（华北大区）")
    );
}

#[test]
fn a_log_has_all_of_it_in_one_line() {
    let line = one_line(&about("Spring"), &progress());
    assert!(line.starts_with("Spring · running"), "{line}");
    assert!(line.contains(" | 300 numbers wait: next redial in 9 min, 10:30:00 | "), "{line}");
    assert!(!line.contains('\n'));
}

#[test]
fn how_long_it_is_reads_as_people_say_it() {
    let zone = chrono_tz::Asia::Shanghai;
    let now: Time = "2026-12-01T02:21:00Z".parse().unwrap();
    for (due, told) in [
        ("2026-12-01T02:20:00Z", "is due now"),
        ("2026-12-01T02:21:40Z", "in 40 s, 10:21:40"),
        ("2026-12-01T02:30:00Z", "in 9 min, 10:30:00"),
        ("2026-12-01T12:00:00Z", "in 9 h 39 min, 20:00:00"),
        ("2026-12-02T01:00:00Z", "in 22 h 39 min, 2026-12-02 09:00:00"),
        ("2026-12-05T02:21:00Z", "in 4 days, 2026-12-05 10:21:00"),
    ] {
        assert_eq!(soon(due.parse().unwrap(), now, zone), told);
    }
}

#[test]
fn answers_are_counted_from_the_first_look_on_and_old_ones_go() {
    let mut answers = Answers::default();
    let look = |count: u64| json!({"answered": count});
    for count in [100, 101, 101, 103, 104] {
        answers.seen(&look(count));
    }
    assert_eq!(answers.bars(), [3, 1]);
    for _ in 0..2_000 {
        answers.seen(&look(104));
    }
    assert_eq!(answers.bars().len(), BARS_MAX);
}
