//! Laws of the whole clock by random input.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::clock::parse::tests::any_event;

#[test]
fn the_ends_of_the_calendar_do_not_panic() {
    for day in [Date::MIN, Date::MAX] {
        let events = [
            Event::Paused {
                why: PauseReason::Mediation,
                from: Date::MIN,
                to: Some(Date::MAX),
                notified: true,
            },
            Event::NewFacts { on: day },
            Event::Decided { on: day },
            Event::RecheckFiled { on: Date::MAX },
        ];
        for n in 0..=events.len() {
            let due = CLOCK.due(
                &Moment::on(day),
                &events[..n],
                &targets(1),
                &["claim", "regulator"],
            );
            assert!(due.date("handle").unwrap().by.unwrap().date() >= day);
        }
    }
}

/// Every answer date, an open pause counted as later than any date.
fn answers(due: &Due) -> [Date; 3] {
    [0, 1, 2].map(|i| due.statutory[i].by.map_or(Date::MAX, |by| by.date()))
}

fn any_pause() -> impl Strategy<Value = Event> {
    any_event().prop_filter("a pause", |event| matches!(event, Event::Paused { .. }))
}

fn received() -> Moment {
    "2025-01-24 16:20".parse().unwrap()
}

proptest! {
    #[test]
    fn nothing_is_due_before_receipt(
        events in prop::collection::vec(any_event(), 0..8),
        day in -700i64..1_500,
        level in 1usize..=4,
    ) {
        let received = Moment::on(plus_days(date(2025, 1, 1), day));
        let due = CLOCK.due(&received, &events, &targets(level), &["life_insurance"]);
        let targets = [due.targets.acknowledge, due.targets.first_reply, due.targets.handle];
        for date in due.statutory.iter().chain(&due.parallel).chain(&targets) {
            prop_assert!(date.by.is_none_or(|by| by.date() >= received.date()), "{date:?}");
        }
        prop_assert!(due.counted_from >= received.date());
        prop_assert!(due.warn_at.iter().all(|w| w.on >= received.date()));
    }

    #[test]
    fn more_pauses_never_move_a_date_earlier(
        events in prop::collection::vec(any_event(), 0..8),
        pause in any_pause(),
    ) {
        let before = answers(&CLOCK.due(&received(), &events, &targets(4), &[]));
        let more: Vec<Event> = events.into_iter().chain([pause]).collect();
        let after = answers(&CLOCK.due(&received(), &more, &targets(4), &[]));
        prop_assert!(before.iter().zip(&after).all(|(b, a)| a >= b), "{before:?} {after:?}");
    }

    #[test]
    fn the_order_of_writing_says_nothing(
        (events, shuffled) in prop::collection::vec(any_event(), 0..8)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let one = CLOCK.due(&received(), &events, &targets(3), &["claim", "surrender"]);
        prop_assert_eq!(one, CLOCK.due(&received(), &shuffled, &targets(3), &["claim", "surrender"]));
    }

    /// Counts day by day which days a pause leaves out, as a second way to the same date.
    #[test]
    fn pauses_equal_the_naive_count(
        pauses in prop::collection::vec((-20i64..60, 0i64..20), 0..6),
    ) {
        let start = received().date();
        let events: Vec<Event> = pauses.iter().map(|(from, length)| {
            let from = plus_days(start, *from);
            Event::Paused { why: PauseReason::Mediation, from, to: Some(plus_days(from, *length)), notified: false }
        }).collect();
        let due = CLOCK.due(&received(), &events, &targets(4), &[]);
        for (i, n) in [15, 30, 60].into_iter().enumerate() {
            let (mut day, mut counted) = (start, 0);
            while counted < n {
                day = plus_days(day, 1);
                let out = events.iter().any(|e| matches!(e, Event::Paused { from, to: Some(to), .. } if *from < day && day <= *to));
                counted += i32::from(!out);
            }
            prop_assert_eq!(due.statutory[i].by, Some(Moment::on(day)));
        }
    }
}
