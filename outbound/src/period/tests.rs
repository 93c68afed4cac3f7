use super::*;

#[test]
fn each_fault_of_a_period_is_named() {
    let period = |json: serde_json::Value| {
        let mut whole = serde_json::json!({
            "name": "Day", "kind": "call", "ranges": [{ "start": "09:00", "end": "18:00" }],
        });
        whole.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
        serde_json::from_value::<PeriodConfig>(whole).unwrap()
    };
    assert_eq!(period(serde_json::json!({})).check(), Ok(()));
    let minute = serde_json::json!([{ "start": "09:00", "end": "09:00" }]);
    assert_eq!(period(serde_json::json!({ "ranges": minute })).check(), Ok(()));
    let holiday = serde_json::json!({ "date": "2026-10-01", "day": "closed" });
    let range = serde_json::json!({ "start": "09:00", "end": "18:00" });
    for (json, pointer, code) in [
        (serde_json::json!({ "name": "" }), "/name", "required"),
        (serde_json::json!({ "ranges": [] }), "/ranges", "too_few"),
        (serde_json::json!({ "ranges": vec![range; 101] }), "/ranges", "too_many"),
        (
            serde_json::json!({ "ranges": [{ "start": "22:00", "end": "06:00" }] }),
            "/ranges/0/end",
            "past_midnight",
        ),
        (serde_json::json!({ "exceptions": [holiday, holiday] }), "/exceptions/1/date", "repeated"),
    ] {
        let faults = period(json).check().unwrap_err();
        let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
        assert_eq!(found, [(pointer, code)]);
    }
}

fn id(n: u128) -> PeriodId {
    uuid::Uuid::from_u128(n).into()
}

fn whole(json: serde_json::Value) -> PeriodConfig {
    let mut whole = serde_json::json!({ "name": "Day", "kind": "call" });
    whole.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

/// A range as `09:00-18:00`, or `Mon,Tue 09:00-18:00`.
fn shown(range: &Range) -> String {
    let days: Vec<_> = range.weekdays.iter().map(ToString::to_string).collect();
    format!("{} {}-{}", days.join(","), range.start, range.end).trim().to_owned()
}

fn ranges(texts: &[&str]) -> Vec<Range> {
    let range = |text: &&str| {
        let (days, span) = text.split_once(' ').unwrap_or(("", text));
        let (start, end) = span.split_once('-').unwrap();
        let weekdays = days.split(',').filter(|day| !day.is_empty());
        Range {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            weekdays: weekdays.map(|day| day.parse().unwrap()).collect(),
        }
    };
    texts.iter().map(range).collect()
}

#[test]
fn everything_outside_of_a_period_is_its_gaps() {
    for (of, outside) in [
        (&["09:00-18:00"][..], &["00:00-08:59", "18:01-23:59"][..]),
        (&["14:00-18:00", "09:00-12:00"], &["00:00-08:59", "12:01-13:59", "18:01-23:59"]),
        (&["09:00-12:00", "10:00-11:00", "12:01-18:00"], &["00:00-08:59", "18:01-23:59"]),
        (&["00:00-23:59"], &[]),
        (&["00:00-00:00"], &["00:01-23:59"]),
        (&["23:59-23:59"], &["00:00-23:58"]),
        (
            &["Mon,Tue,Wed,Thu,Fri 09:00-18:00"],
            &[
                "Mon,Tue,Wed,Thu,Fri 00:00-08:59",
                "Sat,Sun 00:00-23:59",
                "Mon,Tue,Wed,Thu,Fri 18:01-23:59",
            ],
        ),
    ] {
        let day = PeriodConfig { ranges: ranges(of), ..whole(serde_json::json!({})) };
        let night = whole(serde_json::json!({ "kind": "do_not_call" })).outside(&day);
        assert_eq!(night.ranges.iter().map(shown).collect::<Vec<_>>(), outside, "{of:?}");
    }
}

#[test]
fn ranges_beside_a_complement_are_refused_and_not_asked_for_without() {
    let other = id(7);
    let range = serde_json::json!([{ "start": "09:00", "end": "18:00" }]);
    let holiday = serde_json::json!([{ "date": "2026-10-01", "day": "closed" }]);
    for (json, expected) in [
        (serde_json::json!({ "complement_of": other }), &[][..]),
        (serde_json::json!({}), &["/ranges too_few"]),
        (serde_json::json!({ "complement_of": other, "ranges": range }), &["/ranges derived"]),
        (
            serde_json::json!({ "complement_of": other, "ranges": range, "exceptions": holiday }),
            &["/ranges derived", "/exceptions derived"],
        ),
        (serde_json::json!({ "complement_of": null, "ranges": range }), &[]),
    ] {
        let faults = whole(json).check().err().unwrap_or_default();
        let found: Vec<_> = faults.iter().map(|f| format!("{} {}", f.pointer, f.code)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_complement_refers_to_a_period_of_the_other_kind_with_ranges_of_its_own() {
    let (a, b, c, d) = (id(1), id(2), id(3), id(4));
    let own = |kind: &str| whole(serde_json::json!({ "kind": kind, "name": "Own" }));
    let of = |kind: &str, to: PeriodId| {
        whole(serde_json::json!({ "kind": kind, "complement_of": to, "name": "Derived" }))
    };
    for (periods, expected) in [
        (vec![(a, own("call")), (b, of("do_not_call", a))], None),
        (vec![(a, own("do_not_call")), (b, of("call", a)), (c, of("call", a))], None),
        (vec![(a, own("call")), (b, of("call", a))], Some((b, a, "/kind wrong_period_kind"))),
        (vec![(b, of("call", d))], Some((b, d, "/complement_of not_found"))),
        (vec![(b, of("call", b))], Some((b, b, "/complement_of chained"))),
        (
            vec![(a, own("call")), (b, of("do_not_call", a)), (c, of("call", b))],
            Some((c, b, "/complement_of chained")),
        ),
    ] {
        let found = links(&periods.into_iter().collect());
        let told = |link: &LinkFault| format!("{} {}", link.fault.pointer, link.fault.code);
        let found: Vec<_> = found.iter().map(|link| (link.period, link.to, told(link))).collect();
        let expected = expected.map(|(id, to, fault)| (id, to, fault.to_owned()));
        assert_eq!(found, Vec::from_iter(expected));
    }
}
