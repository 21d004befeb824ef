//! One cell of text in, `Event`s out, and back: `decided 2025-03-01; recheck_filed 2025-03-20`.
//! Law: a cell that cannot be read whole gives a fault and no events; the fault never repeats the cell's text.

use std::fmt;

use jiff::civil::Date;

use super::events::{Approver, Event, ExtensionLevel, PauseReason};
use super::moment::parse_moment;

/// Most events read from one cell (chosen).
const MAX_EVENTS: usize = 64;

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        let notified = match *self {
            Event::Extended {
                level,
                on,
                approver,
                notified,
            } => {
                let level = match level {
                    ExtensionLevel::Complex => "complex",
                    ExtensionLevel::Special => "special",
                };
                write!(f, " {level} {on}")?;
                match approver {
                    Some(Approver::SuperiorUnit) => f.write_str(" superior_unit")?,
                    Some(Approver::HqExecutive) => f.write_str(" hq_executive")?,
                    None => (),
                }
                notified
            }
            Event::Paused {
                why,
                from,
                to,
                notified,
            } => {
                let why = match why {
                    PauseReason::Appraisal => "appraisal",
                    PauseReason::Mediation => "mediation",
                };
                write!(f, " {why} {from}..")?;
                if let Some(to) = to {
                    write!(f, "{to}")?;
                }
                notified
            }
            _ => {
                write!(f, " {}", self.on())?;
                false
            }
        };
        f.write_str(if notified { " notified" } else { "" })
    }
}

/// Where a cell of events cannot be read, and what was expected there; never the text itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("events, part {part}: expected {expected}")]
pub struct EventFault {
    /// The first part is 1.
    pub part: usize,
    pub expected: &'static str,
}

const KINDS: &str = "extended, paused, new_facts, same_complaint, withdrawn, not_by_person_or_agent, decided, \
                     recheck_filed, recheck_decided, claim_filed, claim_refused, claim_agreed, surrender_requested \
                     or regulator_received";
const EXTENDED: &str = "`extended complex|special DATE [superior_unit|hq_executive] [notified]`";
const PAUSED: &str =
    "`paused appraisal|mediation DATE..[DATE] [notified]`, the second date not before the first";
const DATED: &str = "the event's name and one date such as 2025-01-28";

/// Reads `paused mediation 2025-01-28..2025-02-02 notified; extended special 2025-02-03 hq_executive notified`.
///
/// Parts stand apart by `;`, `；` or a line break, empty parts are skipped, dates are those of `parse_moment`
/// without a space or a time of day. At most 64 parts.
pub fn parse_events(cell: &str) -> Result<Vec<Event>, EventFault> {
    let mut events = Vec::new();
    for (i, part) in cell.split([';', '；', '\n']).enumerate() {
        let mut words = part.split_whitespace();
        let Some(kind) = words.next() else { continue };
        let fault = |expected| EventFault {
            part: i + 1,
            expected,
        };
        if events.len() == MAX_EVENTS {
            return Err(fault("at most 64 events"));
        }
        events.push(match kind {
            "extended" => extended(words).ok_or(fault(EXTENDED))?,
            "paused" => paused(words).ok_or(fault(PAUSED))?,
            _ => {
                let make = dated(kind).ok_or(fault(KINDS))?;
                let on = words.next().and_then(day).ok_or(fault(DATED))?;
                if words.next().is_some() {
                    return Err(fault(DATED));
                }
                make(on)
            }
        });
    }
    Ok(events)
}

fn dated(kind: &str) -> Option<fn(Date) -> Event> {
    Some(match kind {
        "new_facts" => |on| Event::NewFacts { on },
        "same_complaint" => |on| Event::SameComplaint { on },
        "withdrawn" => |on| Event::Withdrawn { on },
        "not_by_person_or_agent" => |on| Event::NotByPersonOrAgent { on },
        "decided" => |on| Event::Decided { on },
        "recheck_filed" => |on| Event::RecheckFiled { on },
        "recheck_decided" => |on| Event::RecheckDecided { on },
        "claim_filed" => |on| Event::ClaimFiled { on },
        "claim_refused" => |on| Event::ClaimRefused { on },
        "claim_agreed" => |on| Event::ClaimAgreed { on },
        "surrender_requested" => |on| Event::SurrenderRequested { on },
        "regulator_received" => |on| Event::RegulatorReceived { on },
        _ => return None,
    })
}

fn day(word: &str) -> Option<Date> {
    parse_moment(word)
        .filter(|m| !m.has_time())
        .map(|m| m.date())
}

fn extended<'w>(mut words: impl Iterator<Item = &'w str>) -> Option<Event> {
    let level = match words.next()? {
        "complex" => ExtensionLevel::Complex,
        "special" => ExtensionLevel::Special,
        _ => return None,
    };
    let on = words.next().and_then(day)?;
    let (mut approver, mut notified) = (None, false);
    for word in words {
        match word {
            "superior_unit" if approver.is_none() => approver = Some(Approver::SuperiorUnit),
            "hq_executive" if approver.is_none() => approver = Some(Approver::HqExecutive),
            "notified" if !notified => notified = true,
            _ => return None,
        }
    }
    Some(Event::Extended {
        level,
        on,
        approver,
        notified,
    })
}

fn paused<'w>(mut words: impl Iterator<Item = &'w str>) -> Option<Event> {
    let why = match words.next()? {
        "appraisal" => PauseReason::Appraisal,
        "mediation" => PauseReason::Mediation,
        _ => return None,
    };
    let (from, to) = words.next()?.split_once("..")?;
    let from = day(from)?;
    let to = match to {
        "" => None,
        to => Some(day(to).filter(|to| *to >= from)?),
    };
    let notified = match words.next() {
        None => false,
        Some("notified") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(Event::Paused {
        why,
        from,
        to,
        notified,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn the_cell_and_the_json_of_the_manual() {
        let cell = "paused mediation 2025-01-28..2025-02-02 notified; extended special 2025-02-03 hq_executive notified";
        let events = parse_events(cell).unwrap();
        let json = r#"{"kind":"paused","why":"mediation","from":"2025-01-28","to":"2025-02-02","notified":true}"#;
        assert_eq!(events[0], serde_json::from_str(json).unwrap());
        assert_eq!(serde_json::to_string(&events[0]).unwrap(), json);
        let special = Event::Extended {
            level: ExtensionLevel::Special,
            on: date(2025, 2, 3),
            approver: Some(Approver::HqExecutive),
            notified: true,
        };
        assert_eq!(events[1..], [special]);
    }

    #[test]
    fn loose_but_clear_writing_is_read() {
        let events = parse_events(
            "；paused  appraisal 2025年1月28日..\nnew_facts ２０２５/２/１;;decided 2025.2.3;",
        )
        .unwrap();
        let shown: Vec<String> = events.iter().map(Event::to_string).collect();
        assert_eq!(
            shown,
            [
                "paused appraisal 2025-01-28..",
                "new_facts 2025-02-01",
                "decided 2025-02-03"
            ]
        );
        let dotted = parse_events("paused mediation 2025.1.28..2025.1.28").unwrap();
        assert_eq!(
            dotted[0].to_string(),
            "paused mediation 2025-01-28..2025-01-28"
        );
        assert_eq!(parse_events(" \n "), Ok(vec![]));
    }

    #[test]
    fn faults_say_the_part_and_what_is_expected_but_not_the_text() {
        for (cell, part, expected) in [
            ("我要投诉张三13800138000", 1, KINDS),
            ("decided 2025-01-01; Extended complex 2025-01-01", 2, KINDS),
            ("decided", 1, DATED),
            ("decided 2025-02-30", 1, DATED),
            ("decided 2025-02-03T10:00", 1, DATED),
            ("decided 2025-02-03 notified", 1, DATED),
            ("extended 2025-02-03", 1, EXTENDED),
            ("extended special", 1, EXTENDED),
            ("extended special 2025-02-03 ceo", 1, EXTENDED),
            ("extended special 2025-02-03 notified notified", 1, EXTENDED),
            (
                "extended special 2025-02-03 superior_unit hq_executive",
                1,
                EXTENDED,
            ),
            ("paused lunch 2025-02-03..", 1, PAUSED),
            ("paused mediation 2025-02-03", 1, PAUSED),
            ("paused mediation ..2025-02-03", 1, PAUSED),
            ("paused mediation 2025-02-03..2025-02-02", 1, PAUSED),
            ("paused mediation 2025-02-03.. told", 1, PAUSED),
            (
                "paused mediation 2025-02-03.. notified hq_executive",
                1,
                PAUSED,
            ),
        ] {
            assert_eq!(
                parse_events(cell),
                Err(EventFault { part, expected }),
                "{cell}"
            );
        }
        let shown = parse_events("我要投诉").unwrap_err().to_string();
        assert!(shown.starts_with("events, part 1: expected extended, paused"));
        let many = "decided 2025-02-03;".repeat(65);
        assert_eq!(parse_events(&many).unwrap_err().part, 65);
    }

    #[test]
    fn json_refuses_what_it_does_not_know() {
        for json in [
            r#"{"kind":"ended","on":"2025-01-01"}"#,
            r#"{"kind":"decided"}"#,
            r#"{"kind":"decided","on":"2025-01-01","notifed":true}"#,
            r#"{"kind":"paused","why":"lunch","from":"2025-01-01"}"#,
        ] {
            assert!(serde_json::from_str::<Event>(json).is_err(), "{json}");
        }
        let open: Event =
            serde_json::from_str(r#"{"kind":"paused","why":"appraisal","from":"2025-01-01"}"#)
                .unwrap();
        assert_eq!(open.to_string(), "paused appraisal 2025-01-01..");
    }

    /// Any event within 200 days around 2025-01-01; pauses are not reversed.
    pub fn any_event() -> impl Strategy<Value = Event> {
        let numbers = (
            0usize..16,
            -60i64..200,
            any::<bool>(),
            0i64..30,
            0u8..3,
            any::<bool>(),
        );
        numbers.prop_map(|(kind, day, flag, length, choice, notified)| {
            let on = crate::clock::plus_days(date(2025, 1, 1), day);
            match kind {
                0 => Event::Extended {
                    level: if flag {
                        ExtensionLevel::Complex
                    } else {
                        ExtensionLevel::Special
                    },
                    on,
                    approver: [
                        None,
                        Some(Approver::SuperiorUnit),
                        Some(Approver::HqExecutive),
                    ][usize::from(choice)],
                    notified,
                },
                1..=3 => Event::Paused {
                    why: if flag {
                        PauseReason::Appraisal
                    } else {
                        PauseReason::Mediation
                    },
                    from: on,
                    to: (choice > 0).then(|| crate::clock::plus_days(on, length)),
                    notified,
                },
                4 => Event::NewFacts { on },
                5 => Event::SameComplaint { on },
                6 => Event::Withdrawn { on },
                7 => Event::NotByPersonOrAgent { on },
                8 | 9 => Event::Decided { on },
                10 => Event::RecheckFiled { on },
                11 => Event::RecheckDecided { on },
                12 => Event::ClaimFiled { on },
                13 => Event::ClaimRefused { on },
                14 => Event::SurrenderRequested { on },
                _ => Event::RegulatorReceived { on },
            }
        })
    }

    proptest! {
        #[test]
        fn text_and_json_read_back(events in prop::collection::vec(any_event(), 0..10)) {
            let cell: Vec<String> = events.iter().map(Event::to_string).collect();
            prop_assert_eq!(parse_events(&cell.join("; ")), Ok(events.clone()));
            let json = serde_json::to_string(&events).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<Event>>(&json).unwrap(), events);
        }

        #[test]
        fn any_cell_is_read_without_panic(cell in ".{0,80}") {
            let _ = parse_events(&cell);
        }
    }
}
