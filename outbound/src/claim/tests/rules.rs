use chrono_tz::America::New_York;
use proptest::prelude::*;

use super::super::*;
use crate::Time;
use crate::enterprise::FrequencyCap;
use crate::ids::{CallerIdId, TaskId, TrunkId};
use crate::phone::Phone;
use crate::task::Rotation;

fn room(free: u32, live: u32, limit: u32) -> TaskRoom<TaskId> {
    TaskRoom { task: crate::ids::some::<TaskId>(), free, live, limit }
}

fn shares(free: u32, tasks: &[TaskRoom<TaskId>]) -> Vec<u32> {
    let got = share_out(free, tasks);
    let share = |room: &TaskRoom<TaskId>| {
        got.iter().find(|(task, _)| *task == room.task).map_or(0, |(_, given)| *given)
    };
    tasks.iter().map(share).collect()
}

#[test]
fn slots_go_to_the_task_with_the_lowest_share_of_its_limit() {
    for (free, tasks, given) in [
        (10, vec![room(10, 0, 10), room(10, 0, 10)], vec![5, 5]),
        (3, vec![room(10, 0, 10), room(10, 0, 10)], vec![2, 1]),
        (10, vec![room(2, 8, 10), room(10, 0, 10)], vec![1, 9]),
        (6, vec![room(20, 0, 20), room(10, 0, 10)], vec![4, 2]),
        (10, vec![room(0, 10, 10), room(3, 0, 10)], vec![0, 3]),
        (0, vec![room(1, 0, 1)], vec![0]),
        (5, vec![], vec![]),
    ] {
        assert_eq!(shares(free, &tasks), given, "{free} {tasks:?}");
    }
}

#[test]
fn a_task_that_gets_nothing_is_left_out() {
    let tasks = [room(0, 10, 10), room(3, 0, 10), room(2, 9, 10)];
    assert_eq!(share_out(3, &tasks), [(tasks[1].task, 3)]);
    assert_eq!(share_out(0, &tasks), []);
}

proptest! {
    #[test]
    fn no_more_is_shared_out_than_there_is_and_nothing_is_left_unused(
        free in 0u32..60,
        rooms in prop::collection::vec((0u32..20, 0u32..20, 1u32..40), 0..8),
    ) {
        let tasks: Vec<_> = rooms.iter().map(|(f, live, limit)| room(*f, *live, *limit)).collect();
        let given = shares(free, &tasks);
        let sum: u32 = given.iter().sum();
        let wanted: u32 = tasks.iter().map(|room| room.free).sum();
        prop_assert_eq!(sum, free.min(wanted));
        prop_assert!(given.iter().zip(&tasks).all(|(given, room)| *given <= room.free));
    }
}

fn line(province: &str, city: &str, room: u32) -> Line {
    Line {
        caller_id: crate::ids::some::<CallerIdId>(),
        trunk: crate::ids::some::<TrunkId>(),
        phone: Phone::from_digits(861_012_345_678),
        province: province.into(),
        city: city.into(),
        room,
    }
}

fn choice(rotation: Rotation, calls: i64, random: u64) -> LineChoice<'static> {
    LineChoice { rotation, calls, random, callee_province: "", callee_city: "" }
}

#[test]
fn lines_take_turns_over_those_with_room() {
    let lines = [line("", "", 1), line("", "", 0), line("", "", 1)];
    let turns: Vec<_> =
        (0..4).map(|calls| pick_line(&lines, choice(Rotation::Sequential, calls, 0))).collect();
    assert_eq!(turns, [Some(0), Some(2), Some(0), Some(2)]);
    let drawn =
        [0, 1, 2, 5, u64::MAX].map(|random| pick_line(&lines, choice(Rotation::Random, 0, random)));
    assert_eq!(drawn, [Some(0), Some(2), Some(0), Some(2), Some(2)]);
    let full = [line("", "", 0)];
    for rotation in [Rotation::Sequential, Rotation::Random, Rotation::Location] {
        assert_eq!(pick_line(&full, choice(rotation, 5, 5)), None);
    }
    assert_eq!(pick_line(&[], choice(Rotation::Sequential, 0, 0)), None);
}

#[test]
fn by_location_the_city_goes_before_the_province_before_any() {
    let mut lines = [line("", "", 1), line("Jiangsu", "Nanjing", 1), line("Jiangsu", "Suzhou", 1)];
    let pick = |lines: &[Line], callee_province, callee_city| {
        let near = LineChoice { callee_province, callee_city, ..choice(Rotation::Location, 0, 0) };
        pick_line(lines, near)
    };
    assert_eq!(pick(&lines, "Jiangsu", "Suzhou"), Some(2));
    assert_eq!(pick(&lines, "Jiangsu", "Wuxi"), Some(1));
    assert_eq!(pick(&lines, "Hunan", "Changsha"), Some(0));
    assert_eq!(pick(&lines, "", ""), Some(0));
    lines[2].room = 0;
    assert_eq!(pick(&lines, "Jiangsu", "Suzhou"), Some(1));
}

#[test]
fn a_phone_is_left_alone_as_the_caps_say() {
    let at = |text: &str| text.parse::<Time>().unwrap();
    let now = at("2026-03-07T20:00:00Z"); // 15:00 in New York, the day before the clock changes
    let cap = |per_day, distance_seconds| FrequencyCap { per_day, distance_seconds };
    let midnight = Some(at("2026-03-08T05:00:00Z"));
    for (cap, today, last, wait) in [
        (cap(None, None), 99, Some(now), None),
        (cap(Some(3), None), 2, None, None),
        (cap(Some(3), None), 3, None, midnight),
        (cap(None, Some(600)), 1, Some(now), Some(at("2026-03-07T20:10:00Z"))),
        (cap(None, Some(600)), 1, Some(at("2026-03-07T19:50:00Z")), None),
        (cap(None, Some(600)), 0, None, None),
        (cap(Some(1), Some(600)), 1, Some(now), midnight),
        (cap(Some(1), Some(86_400)), 1, Some(now), Some(at("2026-03-08T20:00:00Z"))),
    ] {
        let calls = PhoneCalls { today, last_started_at: last };
        assert_eq!(frequency_wait(&cap, New_York, now, calls), wait, "{cap:?} {today}");
    }
}
