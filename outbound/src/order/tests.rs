use proptest::prelude::*;

use super::*;
use crate::order::LaneClass::{Backup, Redial, Uncalled};

const BOTH: Switches = Switches { priorities: true, full_cache: true };
const PLAIN: Switches = Switches { priorities: false, full_cache: true };
const FINISH: Switches = Switches { priorities: true, full_cache: false };

fn lane(class: LaneClass) -> Lane {
    Lane {
        id: 0,
        class,
        round: 0,
        order: CallOrder::default(),
        order_revision: 1,
        batch_priority: 0,
        batch_started_at: None,
        random: false,
    }
}

fn redial(round: u16, order: CallOrder) -> Lane {
    Lane { round, order, ..lane(Redial) }
}

fn batch(batch_priority: u32, started_minute: Option<i64>) -> Lane {
    let batch_started_at = started_minute.map(|m| Time::UNIX_EPOCH + chrono::TimeDelta::minutes(m));
    Lane { batch_priority, batch_started_at, ..lane(Uncalled) }
}

/// The lanes by their ids, in the order in which they are dialled.
fn sorted(lanes: &[Lane], switches: Switches) -> Vec<usize> {
    let mut places: Vec<usize> = (0..lanes.len()).collect();
    places.sort_by_key(|place| lane_key(&lanes[*place], switches));
    places
}

#[test]
fn the_class_that_was_dragged_up_goes_first_and_a_begun_chain_before_both() {
    let uncalled_first = CallOrder { first: Class::Uncalled, ..CallOrder::default() };
    let lanes = [
        Lane { order: uncalled_first, ..lane(Uncalled) },
        redial(1, uncalled_first),
        Lane { order: uncalled_first, ..lane(Backup) },
    ];
    assert_eq!(sorted(&lanes, BOTH), [2, 0, 1]);
    let lanes = [lane(Uncalled), redial(1, CallOrder::default()), lane(Backup)];
    assert_eq!(sorted(&lanes, BOTH), [2, 1, 0]);
}

#[test]
fn redials_go_by_their_round_and_then_by_batch_priority() {
    let ascending = CallOrder { redial: RedialOrder::Ascending, ..CallOrder::default() };
    let rounds = |order| [1, 3, 2].map(|round| redial(round, order));
    assert_eq!(sorted(&rounds(CallOrder::default()), BOTH), [1, 2, 0]);
    assert_eq!(sorted(&rounds(ascending), BOTH), [0, 2, 1]);

    let first = redial(1, ascending);
    let lanes = [first, Lane { batch_priority: 9, ..first }, redial(2, ascending)];
    assert_eq!(sorted(&lanes, BOTH), [1, 0, 2]);
}

#[test]
fn a_batch_with_a_higher_priority_goes_ahead_or_waits_for_the_started_one() {
    let lanes = [batch(0, Some(5)), batch(10, None), batch(5, None), batch(1, Some(3))];
    assert_eq!(sorted(&lanes, BOTH), [1, 2, 3, 0], "on: from its import on");
    assert_eq!(sorted(&lanes, FINISH), [3, 0, 1, 2], "off: started ones first, as they started");
    assert_eq!(sorted(&lanes[..2], PLAIN), [0, 1]);
    assert_eq!(lane_key(&lanes[0], PLAIN), lane_key(&lanes[1], PLAIN), "merged by import order");
}

#[test]
fn numbers_imported_with_another_order_keep_the_place_that_it_gave_them() {
    let (redials, uncalled) = (
        CallOrder { first: Class::Redial, ..CallOrder::default() },
        CallOrder { first: Class::Uncalled, ..CallOrder::default() },
    );
    let of = |order| Lane { order, ..lane(Uncalled) };
    assert_eq!(sorted(&[of(redials), of(uncalled)], BOTH), [1, 0]);
    assert_eq!(sorted(&[redial(1, uncalled), redial(1, redials)], BOTH), [1, 0]);
    assert_eq!(sorted(&[of(redials), redial(1, uncalled)], BOTH), [1, 0], "each is second");
    assert_eq!(sorted(&[of(uncalled), redial(1, redials)], BOTH), [1, 0], "each is first");
    let ascending = CallOrder { redial: RedialOrder::Ascending, ..uncalled };
    assert_eq!(sorted(&[of(redials), redial(1, ascending)], BOTH), [1, 0], "by class, not round");
}

#[test]
fn a_begun_chain_goes_first_whatever_its_batch() {
    let backup = lane(Backup);
    let higher = Lane { batch_priority: 9, batch_started_at: Some(Time::UNIX_EPOCH), ..backup };
    assert_eq!(lane_key(&higher, BOTH), lane_key(&backup, BOTH), "merged by their numbers");
    assert_eq!(lane_key(&higher, FINISH), lane_key(&backup, FINISH));
}

#[test]
fn the_batch_that_was_started_first_is_finished_first() {
    let lanes = [batch(9, Some(5)), batch(0, Some(3)), batch(0, Some(4)), batch(9, None)];
    assert_eq!(sorted(&lanes, FINISH), [1, 2, 0, 3]);
}

#[test]
fn started_batches_count_for_uncalled_numbers_only() {
    let started =
        Lane { batch_started_at: Some(Time::UNIX_EPOCH), ..redial(1, CallOrder::default()) };
    let higher = Lane { batch_priority: 9, batch_started_at: None, ..started };
    assert_eq!(sorted(&[started, higher], FINISH), [1, 0]);
}

#[test]
fn in_random_order_the_batch_priority_does_not_count() {
    let random = Lane { random: true, batch_priority: 9, ..lane(Uncalled) };
    assert_eq!(lane_key(&random, BOTH), lane_key(&batch(0, None), BOTH));
}

#[test]
fn numbers_rank_by_priority_and_then_by_import_order() {
    let mut numbers = [(0, 1), (5, 2), (0, 3), (999_999, 4), (5, 5)];
    let key = |(priority, seq): &(u32, i64)| rank(UncalledOrder::Sequential, *priority, *seq, 7);
    numbers.sort_by_key(|number| key(number).ord);
    assert_eq!(numbers.map(|(_, seq)| seq), [4, 2, 5, 1, 3]);
    numbers.sort_by_key(|number| key(number).plain_ord);
    assert_eq!(numbers.map(|(_, seq)| seq), [1, 2, 3, 4, 5]);
}

#[test]
fn in_random_order_numbers_with_a_priority_go_first_by_it() {
    let mut numbers = [(0, 1, 900), (0, 2, 5), (1, 3, u32::MAX), (7, 4, 0), (0, 5, 70)];
    let key = |(priority, seq, random): &(u32, i64, u32)| {
        rank(UncalledOrder::Random, *priority, *seq, *random)
    };
    numbers.sort_by_key(|number| key(number).ord);
    assert_eq!(numbers.map(|(_, seq, _)| seq), [4, 3, 2, 5, 1]);
    numbers.sort_by_key(|number| key(number).plain_ord);
    assert_eq!(numbers.map(|(_, seq, _)| seq), [4, 2, 5, 1, 3], "all at random");
}

#[test]
fn equal_draws_go_by_import_order() {
    let key = |seq| rank(UncalledOrder::Random, 0, seq, 7);
    for (one, next) in [(0, 1), (1, 2), (2, 3), (255, 256), (999_999, 1_000_000)] {
        assert!(key(one).ord < key(next).ord, "{one} {next}");
        assert!(key(one).plain_ord < key(next).plain_ord, "{one} {next}");
    }
}

#[test]
fn an_import_order_of_any_size_stays_within_its_priority_and_its_draw() {
    for seq in [(1 << 28) + 5, (1 << 32) - 1, 1 << 32, i64::MAX] {
        let sequential = |priority, seq| rank(UncalledOrder::Sequential, priority, seq, 0);
        assert!(sequential(5, seq).ord < sequential(4, 0).ord, "{seq}");
        assert!(sequential(5, seq).ord > sequential(5, 0).ord, "{seq}");
        let random = |random, seq| rank(UncalledOrder::Random, 0, seq, random);
        assert!(random(7, seq).ord < random(8, 0).ord, "{seq}");
        assert!(random(u32::MAX, seq).ord > sequential(0, 0).ord, "{seq}");
    }
    let before = rank(UncalledOrder::Sequential, 5, -1, 0);
    assert_eq!(before, rank(UncalledOrder::Sequential, 5, 0, 0));
}

#[test]
fn lane_classes_read_back_from_their_words() {
    for (class, word) in [(Backup, "backup"), (Redial, "redial"), (Uncalled, "uncalled")] {
        assert_eq!((class.word(), LaneClass::from_word(word)), (word, Some(class)));
    }
    assert_eq!(LaneClass::from_word("asleep"), None);
}

fn any_lane() -> impl Strategy<Value = Lane> {
    let class = prop::sample::select(&[Backup, Redial, Uncalled][..]);
    let flags = any::<(bool, bool, bool)>();
    (class, 0u16..12, flags, 0u32..4, prop::option::of(0i64..4)).prop_map(
        |(class, round, (first, ascending, random), priority, started)| Lane {
            class,
            round: if class == Redial { round } else { 0 },
            order: CallOrder {
                first: if first { Class::Redial } else { Class::Uncalled },
                redial: if ascending { RedialOrder::Ascending } else { RedialOrder::Descending },
                uncalled: UncalledOrder::Sequential,
            },
            random,
            ..batch(priority, started)
        },
    )
}

proptest! {
    #[test]
    fn ranks_of_different_numbers_differ_and_never_leave_their_class(
        a in (0u32..=999_999, 0i64..=10_000_000, any::<u32>()),
        b in (0u32..=999_999, 0i64..=10_000_000, any::<u32>()),
    ) {
        prop_assume!(a.1 != b.1);
        for order in [UncalledOrder::Sequential, UncalledOrder::Random] {
            let (x, y) = (rank(order, a.0, a.1, a.2), rank(order, b.0, b.1, b.2));
            prop_assert!(x.ord != y.ord && x.plain_ord != y.plain_ord);
            prop_assert!(x.ord >= 0 && x.plain_ord >= 0);
            if a.0 > b.0 {
                prop_assert!(x.ord < y.ord, "a higher priority goes first");
            }
        }
    }

    #[test]
    fn lane_keys_agree_with_the_rules_read_aloud(a in any_lane(), b in any_lane(), full_cache: bool, priorities: bool) {
        let switches = Switches { priorities, full_cache };
        let (x, y) = (lane_key(&a, switches), lane_key(&b, switches));
        prop_assert_eq!(x.cmp(&y), y.cmp(&x).reverse());
        if a.class == Backup && b.class != Backup {
            prop_assert!(x < y);
        }
        if a.order == b.order && a.class != Backup && b.class != Backup && a.class != b.class {
            let first = if a.order.first == Class::Redial { Redial } else { Uncalled };
            prop_assert_eq!(x < y, a.class == first);
        }
        if a.order == b.order && a.class == Redial && b.class == Redial && a.round < b.round {
            prop_assert_eq!(x < y, a.order.redial == RedialOrder::Ascending);
        }
        let batches = a.class == Uncalled && b.class == Uncalled && a.order == b.order
            && !a.random && !b.random;
        if batches && full_cache && priorities && a.batch_priority != b.batch_priority {
            prop_assert_eq!(x < y, a.batch_priority > b.batch_priority);
        }
        if batches && !full_cache && a.batch_started_at.is_some() && b.batch_started_at.is_none() {
            prop_assert!(x < y);
        }
    }
}
