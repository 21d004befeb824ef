//! Course and targets in, `Due` out: every date with its article, the one in force, and when to warn.
//! Law: the dates of the law do not depend on the urgency level, nor on holidays.

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::Serialize;

use super::course::{Course, Status};
use super::events::Event;
use super::moment::Moment;
use super::rules::{Anchor, ClockRules, Duty, IfUnknown, Mark, Parallel, Rule, RuleId, WarnPoint};
use super::span::{Span, Targets, Unit};
use super::warning::{Warning, Why};
use super::{Clock, plus_days};

/// One date by which something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DueDate {
    /// Such as `answer_simple`.
    pub id: &'static str,
    /// Chinese name for users.
    pub label: &'static str,
    /// Without a time of day: until 23:59:59 of that day. `None` while a pause without an end stops the clock.
    pub by: Option<Moment>,
    /// Title and article as they may be printed; `None` for internal targets.
    pub article: Option<&'static str>,
    pub mark: Mark,
    pub duty: Duty,
    /// Working days in a year without published holidays had a say.
    pub provisional: bool,
}

/// A day to warn on, before the date in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WarnDate {
    /// As written in the table: `50%`, `T-2d`.
    pub label: &'static str,
    pub on: Date,
}

/// The internal targets as dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TargetDates {
    pub acknowledge: DueDate,
    pub first_reply: DueDate,
    pub handle: DueDate,
}

/// All dates of one complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    pub status: Status,
    /// The day that the answer's period counts from: the receipt, or the last new facts.
    pub counted_from: Date,
    /// The date that the institution must meet next; `None` when it has nothing more to answer.
    pub in_force: Option<DueDate>,
    /// The points of the table before `in_force`, as far as they can be dated.
    pub warn_at: Vec<WarnDate>,
    /// `answer_simple`, `answer_complex`, `answer_special` always, by what the run in force would give;
    /// then `withdrawn`, `recheck_file_by`, `recheck_decide_by` where they apply.
    pub statutory: Vec<DueDate>,
    /// The parallel clocks asked for, in the order of the table.
    pub parallel: Vec<DueDate>,
    pub targets: TargetDates,
    pub warnings: Vec<Warning>,
}

impl Due {
    /// The date with this id, among all of them.
    pub fn date(&self, id: &str) -> Option<&DueDate> {
        let targets = [
            &self.targets.acknowledge,
            &self.targets.first_reply,
            &self.targets.handle,
        ];
        let all = self.statutory.iter().chain(&self.parallel).chain(targets);
        all.into_iter().find(|date| date.id == id)
    }
}

impl Clock {
    /// The dates of a complaint received at `received`, after `events`, with the targets of its urgency and the
    /// parallel clocks that routing asked for by name.
    ///
    /// Total: what does not count is said in `warnings`, with the article. Readings where the order is silent:
    ///
    /// - The day of receipt is the calendar day in Shanghai, also at 23:59, after hours or on a free day; it does
    ///   not count. Nothing waits for opening hours: minutes and hours run through the night from the receipt, from
    ///   00:00 if only a day is known (the earliest reading); the first working day is the next one after the day of
    ///   receipt. Internal targets run from the receipt and no event moves them.
    /// - A pause leaves out the days after its first up to and with its last (`to` − `from` days, the first one
    ///   counts): a pause of one day moves nothing, and one that begins on the due date comes too late. Mediation
    ///   needs no notice (Art. 23), appraisal does. A pause without an end stops at the end of the procedure.
    /// - An extension and new facts count up to and on the last day of the run in force; later they revive nothing.
    ///   A special extension may follow at once, without a complex one before it; one that lacks approval or notice
    ///   is not read as a complex one.
    /// - New facts start a fresh 15 days from their day and wipe earlier extensions, even where that is sooner, and
    ///   also those of the same day; days paused after them stay left out.
    /// - Withdrawal, decision and refusal end the run; the first one counts, on one day the decision before the
    ///   others. Later events start nothing; the answer dates stay listed as they stood.
    /// - `Decided` is the day the complainant received the decision; past the due date that is only a warning,
    ///   because sending it in time suffices (Art. 21). Late 核查 requests get their date and a warning.
    /// - Of several events of a kind that a parallel clock counts from, the earliest counts. Pauses, extensions and
    ///   new facts do not touch parallel clocks: other laws rule them.
    /// - Conservative mode shortens the institution's natural days, the targets' included, not the complainant's.
    pub fn due(
        &self,
        received: &Moment,
        events: &[Event],
        targets: &Targets,
        parallel: &[&str],
    ) -> Due {
        let rules = self.rules();
        let mut course = if events.is_empty() {
            Course::plain(received.date())
        } else {
            Course::follow(rules, received.date(), events)
        };
        let mut warnings = std::mem::take(&mut course.warnings);
        if rules.in_force.is_some_and(|day| received.date() < day) {
            warnings.push(Warning {
                why: Why::BeforeOrder,
                on: Some(received.date()),
                article: None,
            });
        }
        let statutory = statutory(rules, &course);
        let in_force = in_force(&course, &statutory);
        let targets = self.target_dates(received, targets);
        warn_of_targets(&mut warnings, in_force, &targets);
        Due {
            status: course.status,
            counted_from: course.start,
            in_force,
            warn_at: warn_dates(rules, &course, in_force),
            parallel: self.parallel_dates(received, events, parallel, &mut warnings),
            statutory,
            targets,
            warnings,
        }
    }

    /// The end of `span` from `start`, and whether it is provisional.
    fn end_of(&self, start: &Moment, span: Span) -> (Moment, bool) {
        let n = i64::from(span.n);
        let timed = |length| Moment::at(start.start().saturating_add(length));
        match span.unit {
            Unit::Minutes => (timed(SignedDuration::from_mins(n)), false),
            Unit::Hours => (timed(SignedDuration::from_hours(n)), false),
            Unit::WorkingDays => {
                let (day, provisional) = self.calendar().add_working_days(start.date(), span.n);
                (Moment::on(day), provisional)
            }
            Unit::NaturalDays => {
                let days = self.rules().natural_days(span.n);
                (Moment::on(plus_days(start.date(), days)), false)
            }
        }
    }

    fn target_dates(&self, received: &Moment, targets: &Targets) -> TargetDates {
        let date = |id, label, span| {
            let (by, provisional) = self.end_of(received, span);
            DueDate {
                id,
                label,
                by: Some(by),
                article: None,
                mark: Mark::D,
                duty: Duty::Institution,
                provisional,
            }
        };
        TargetDates {
            acknowledge: date("acknowledge", "受理告知", targets.acknowledge),
            first_reply: date("first_reply", "首次回复", targets.first_reply),
            handle: date("handle", "内部办结", targets.handle),
        }
    }

    fn parallel_dates(
        &self,
        received: &Moment,
        events: &[Event],
        names: &[&str],
        warnings: &mut Vec<Warning>,
    ) -> Vec<DueDate> {
        if names.is_empty() {
            return Vec::new();
        }
        for name in names.iter().filter(|name| !self.rules().has_parallel(name)) {
            warnings.push(Warning {
                why: Why::UnknownParallel((*name).into()),
                on: None,
                article: None,
            });
        }
        let clocks = self.rules().parallel.iter();
        clocks
            .filter(|clock| names.contains(&clock.name))
            .filter_map(|clock| {
                let start = self.start_of(clock, received, events, warnings)?;
                let (by, provisional) = self.end_of(&start, clock.limit);
                Some(DueDate {
                    provisional,
                    ..statutory_date(&clock.rule, Some(by))
                })
            })
            .collect()
    }

    fn start_of(
        &self,
        clock: &Parallel,
        received: &Moment,
        events: &[Event],
        warnings: &mut Vec<Warning>,
    ) -> Option<Moment> {
        if clock.from == Anchor::Received {
            return Some(*received);
        }
        let starts = |event: &&Event| {
            matches!(
                (clock.from, event),
                (Anchor::ClaimFiled, Event::ClaimFiled { .. })
                    | (Anchor::ClaimRefused, Event::ClaimRefused { .. })
                    | (Anchor::ClaimAgreed, Event::ClaimAgreed { .. })
                    | (Anchor::SurrenderRequested, Event::SurrenderRequested { .. })
                    | (Anchor::RegulatorReceived, Event::RegulatorReceived { .. })
            )
        };
        if let Some(day) = events.iter().filter(starts).map(Event::on).min() {
            return Some(Moment::on(day));
        }
        if clock.if_unknown == IfUnknown::Omit {
            return None;
        }
        warnings.push(Warning {
            why: Why::AssumedStart(clock.rule.label),
            on: None,
            article: clock.rule.article,
        });
        Some(*received)
    }
}

fn statutory_date(rule: &Rule, by: Option<Moment>) -> DueDate {
    DueDate {
        id: rule.id,
        label: rule.label,
        by,
        article: rule.article,
        mark: rule.mark,
        duty: rule.duty,
        provisional: false,
    }
}

fn statutory(rules: &ClockRules, course: &Course) -> Vec<DueDate> {
    let mut dates = Vec::with_capacity(6);
    let mut push = |id, day: Option<Date>| {
        dates.push(statutory_date(rules.rule(id), day.map(Moment::on)));
    };
    for id in [
        RuleId::AnswerSimple,
        RuleId::AnswerComplex,
        RuleId::AnswerSpecial,
    ] {
        push(id, course.gaps.after(course.start, rules.days(id)));
    }
    if let Status::Withdrawn { on } = course.status {
        push(RuleId::Withdrawn, Some(on));
    }
    if let Some(decided) = course.decided {
        push(RuleId::RecheckFileBy, Some(rules.recheck_file_by(decided)));
    }
    if let Some(filed) = course.recheck {
        push(
            RuleId::RecheckDecideBy,
            Some(rules.recheck_decide_by(filed)),
        );
    }
    dates
}

/// `statutory` begins with the three answers in the order of `RuleId`.
fn in_force(course: &Course, statutory: &[DueDate]) -> Option<DueDate> {
    match course.status {
        Status::Open | Status::Paused { .. } => statutory.get(course.level as usize).copied(),
        Status::Recheck { .. } => statutory.last().copied(),
        _ => None,
    }
}

fn warn_dates(rules: &ClockRules, course: &Course, in_force: Option<DueDate>) -> Vec<WarnDate> {
    let Some(due) = in_force else {
        return Vec::new();
    };
    let recheck = matches!(course.status, Status::Recheck { .. });
    let start = course.recheck.filter(|_| recheck).unwrap_or(course.start);
    let limit = rules.limits[if recheck {
        RuleId::RecheckDecideBy
    } else {
        course.level
    } as usize];
    let mut dates = Vec::with_capacity(rules.warn_at.len());
    for (label, point) in &rules.warn_at {
        let on = match point {
            WarnPoint::Percent(percent) => {
                let days = rules.natural_days((limit * percent / 100).max(1));
                if recheck {
                    Some(plus_days(start, days))
                } else {
                    course.gaps.after(start, days)
                }
            }
            WarnPoint::DaysBefore(days) => due
                .by
                .map(|by| plus_days(by.date(), -i64::from(*days)).max(start)),
        };
        dates.extend(on.map(|on| WarnDate { label, on }));
    }
    dates
}

fn warn_of_targets(warnings: &mut Vec<Warning>, in_force: Option<DueDate>, targets: &TargetDates) {
    let Some(limit) = in_force.and_then(|due| due.by) else {
        return;
    };
    for target in [&targets.acknowledge, &targets.first_reply, &targets.handle] {
        if target.by.is_some_and(|by| by.end() > limit.end()) {
            warnings.push(Warning {
                why: Why::TargetPastLaw(target.label),
                on: None,
                article: in_force.and_then(|due| due.article),
            });
        }
    }
}
