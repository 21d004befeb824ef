//! Receipt and dated events in, due dates out: the statutory clock and the working calendar.
//! Law: a deadline is a function of dated events and of `data/`; nothing here reads the wall clock.
//! Where the rules are silent, the reading that gains no time is taken and stands at `Clock::due`.
//! Does not choose urgency, queue or parallel clocks; `decide` and `route` do.

mod calendar;
mod course;
mod due;
mod events;
mod moment;
mod parse;
mod rules;
mod sheet;
mod span;
mod table;
#[cfg(test)]
mod tests;
mod warning;

use std::path::Path;

use jiff::SignedDuration;
use jiff::civil::Date;

use crate::error::{Error, Result};

pub use calendar::Calendar;
pub use course::Status;
pub use due::{Due, DueDate, TargetDates, WarnDate};
pub use events::{Approver, Event, ExtensionLevel, PauseReason};
pub use moment::{Moment, NotAMoment, parse_moment};
pub use parse::{EventFault, parse_events};
pub use rules::{ClockRules, Duty, Mark, Rule, RuleId};
pub use span::{NotASpan, Span, Targets, Unit};
pub use warning::{Warning, Why};

/// The rules and the calendar together; loaded once, shared by all threads.
#[derive(Debug)]
pub struct Clock {
    rules: ClockRules,
    calendar: Calendar,
}

impl Clock {
    /// Reads `clock.toml` and `calendar.csv` in `dir`; the faults of both come together.
    pub fn load(dir: &Path) -> Result<Clock> {
        let rules = ClockRules::load(&dir.join("clock.toml"));
        let calendar = Calendar::load(&dir.join("calendar.csv"));
        match (rules, calendar) {
            (Ok(rules), Ok(calendar)) => Ok(Clock { rules, calendar }),
            (Err(Error::Config(mut faults)), Err(Error::Config(more))) => {
                faults.extend(more);
                Err(Error::Config(faults))
            }
            (Err(e), _) | (_, Err(e)) => Err(e),
        }
    }

    pub fn new(rules: ClockRules, calendar: Calendar) -> Clock {
        Clock { rules, calendar }
    }

    pub fn rules(&self) -> &ClockRules {
        &self.rules
    }

    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}

/// `date` and `days` natural days more; stops at the last date there is.
fn plus_days(date: Date, days: i64) -> Date {
    date.saturating_add(SignedDuration::from_hours(24 * days))
}

/// Natural days from `from` to `to`, negative if `to` lies before.
fn days_between(from: Date, to: Date) -> i64 {
    from.duration_until(to).as_hours() / 24
}
