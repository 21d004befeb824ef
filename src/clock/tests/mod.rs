//! The clock as a whole, over the shipped tables: worked examples, every branch of the events, laws by random input.

use std::path::Path;
use std::sync::LazyLock;

use super::*;

mod answer;
mod ends;
mod laws;
mod table;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");
static CLOCK: LazyLock<Clock> = LazyLock::new(|| Clock::load(Path::new(DATA)).unwrap());
static STRICT: LazyLock<Clock> = LazyLock::new(|| {
    let text = table().replace("conservative = false", "conservative = true");
    let rules = ClockRules::parse(Path::new("clock.toml"), &text).unwrap();
    let calendar = Calendar::load(&Path::new(DATA).join("calendar.csv")).unwrap();
    Clock::new(rules, calendar)
});

const ART_18_1: &str = "《银行业保险业消费投诉处理管理办法》第十八条第一款";
const ART_18_2: &str = "《银行业保险业消费投诉处理管理办法》第十八条第二款";
const ART_18_3: &str = "《银行业保险业消费投诉处理管理办法》第十八条第三款";

fn table() -> String {
    std::fs::read_to_string(Path::new(DATA).join("clock.toml")).unwrap()
}

/// The targets of the levels U1 to U4 in the labelling guide.
fn targets(level: usize) -> Targets {
    let [acknowledge, first_reply, handle] = [
        ["30m", "4h", "3d"],
        ["2h", "1wd", "7d"],
        ["1wd", "3wd", "10d"],
        ["2wd", "5wd", "15d"],
    ][level - 1]
        .map(|span| span.parse().unwrap());
    Targets {
        acknowledge,
        first_reply,
        handle,
    }
}

fn due_of(clock: &Clock, received: &str, events: &str, parallel: &[&str]) -> Due {
    let events = parse_events(events).unwrap();
    clock.due(&received.parse().unwrap(), &events, &targets(4), parallel)
}

fn due(received: &str, events: &str) -> Due {
    due_of(&CLOCK, received, events, &[])
}

fn by(due: &Due, id: &str) -> String {
    let date = due.date(id).unwrap_or_else(|| panic!("no {id}"));
    date.by.map_or("-".into(), |by| by.to_string())
}

fn in_force(due: &Due) -> (&str, String) {
    match &due.in_force {
        Some(date) => (date.id, date.by.map_or("-".into(), |by| by.to_string())),
        None => ("none", "-".into()),
    }
}

fn whys(due: &Due) -> Vec<&Why> {
    due.warnings.iter().map(|w| &w.why).collect()
}

#[track_caller]
fn expect(events: &str, id: &str, day: &str, why: &[Why]) -> Due {
    let due = due("2025-01-24", events);
    assert_eq!(in_force(&due), (id, day.to_owned()), "{events}");
    assert_eq!(whys(&due), why.iter().collect::<Vec<_>>(), "{events}");
    due
}
