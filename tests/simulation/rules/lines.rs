//! How slots are shared, which line a call goes out on, how long a phone is left alone.

use chrono::TimeDelta;
use chrono_tz::Tz;
use outbound::Time;
use outbound::claim::{
    Line, LineChoice, PhoneCalls, TaskRoom, frequency_wait, pick_line, share_out,
};
use outbound::enterprise::FrequencyCap;
use outbound::task::Rotation;

use super::hours::tomorrow;

/// How many slots each task gets; the properties of a fair share hold.
pub fn share(free: u32, rooms: &[TaskRoom<usize>]) -> Vec<u32> {
    let given = share_out(free, rooms);
    let of = |room: &TaskRoom<usize>| {
        given.iter().find(|(task, _)| *task == room.task).map_or(0, |it| it.1)
    };
    let shares: Vec<u32> = rooms.iter().map(of).collect();
    let total: u32 = shares.iter().sum();
    let most: u32 = rooms.iter().map(|room| room.free).sum();
    assert_eq!(total, free.min(most), "slots of {rooms:?}");
    for (room, got) in rooms.iter().zip(&shares) {
        assert!(*got <= room.free, "{room:?} got {got}");
        for (other, others) in rooms.iter().zip(&shares) {
            let (up, limit) = (u64::from(room.live + got), u64::from(room.limit));
            let (their, theirs) = (u64::from(other.live + others), u64::from(other.limit));
            let behind = *got > 0 && *others < other.free && (up - 1) * theirs > their * limit;
            assert!(!behind, "{room:?} got {got}, and {other:?} has {others}");
        }
    }
    shares
}

/// Everything that the choice of a line depends on.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    pub lines: &'a [Line],
    pub rotation: Rotation,
    pub counter: i64,
    pub random: u64,
    pub province: &'a str,
    pub city: &'a str,
    /// The lines are the one that the number's row names.
    pub own: bool,
}

/// The line of the next call.
pub fn pick(choice: Choice<'_>) -> Option<usize> {
    let Choice { lines, rotation, counter, random, province, city, own } = choice;
    let choice_of_line = LineChoice {
        rotation,
        calls: counter,
        random,
        callee_province: province,
        callee_city: city,
    };
    let said = pick_line(lines, choice_of_line);
    let allowed = allowed(choice);
    match said {
        None => assert!(allowed.is_empty(), "no line for {choice:?}"),
        Some(line) => assert!(allowed.contains(&line), "{line} for {choice:?}"),
    }
    if rotation != Rotation::Random && !own && !allowed.is_empty() {
        let turn = counter.rem_euclid(i64::try_from(allowed.len()).expect("few lines"));
        let turn = usize::try_from(turn).expect("a place");
        assert_eq!(said, Some(allowed[turn]), "whose turn it is in {choice:?}");
    }
    said
}

/// The lines that would do: those with room, and of these the nearest.
pub fn allowed(choice: Choice<'_>) -> Vec<usize> {
    let mut open = Vec::new();
    for (place, line) in choice.lines.iter().enumerate() {
        if line.room > 0 {
            open.push(place);
        }
    }
    if choice.rotation != Rotation::Location || choice.own || choice.province.is_empty() {
        return open;
    }
    let narrow = |wanted: &dyn Fn(&Line) -> bool| {
        open.iter().copied().filter(|place| wanted(&choice.lines[*place])).collect::<Vec<_>>()
    };
    let there = narrow(&|line| line.province == choice.province);
    let near = narrow(&|line| {
        line.province == choice.province && !choice.city.is_empty() && line.city == choice.city
    });
    [near, there].into_iter().find(|found| !found.is_empty()).unwrap_or(open)
}

/// When a phone may be called again, from the starts of its calls; `None` if now.
pub fn wait(cap: &FrequencyCap, zone: Tz, now: Time, starts: &[Time]) -> Option<Time> {
    let date = |at: &Time| at.with_timezone(&zone).date_naive();
    let today = starts.iter().filter(|at| date(at) == date(&now)).count();
    let last = starts.iter().max().copied();
    let calls = u32::try_from(today).expect("few calls");
    let counted = PhoneCalls { today: calls, last_started_at: last };
    let said = frequency_wait(cap, zone, now, counted);
    let mut waits = Vec::new();
    if cap.per_day.is_some_and(|most| calls >= most) {
        waits.push(tomorrow(now, zone));
    }
    if let (Some(seconds), Some(last)) = (cap.distance_seconds, last) {
        let at = last + TimeDelta::seconds(seconds.into());
        if at > now {
            waits.push(at);
        }
    }
    assert_eq!(said, waits.into_iter().max(), "{cap:?} after {starts:?} at {now}");
    said
}
