//! Receipt and events in, `Course` out: which run of days is in force and where the procedure stands.
//! Law: the events are a set, their order in the input says nothing; what is in doubt never gains time.
//! Readings where the order is silent stand together at `Clock::due`.

use jiff::civil::Date;
use serde::Serialize;

use super::events::{Event, ExtensionLevel, PauseReason};
use super::rules::{ClockRules, RuleId};
use super::warning::{Warning, Why};
use super::{days_between, plus_days};

/// Where the procedure stands after all events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Status {
    /// 处理中.
    Open,
    /// 暂停: a pause without an end began before the due date.
    Paused { since: Date },
    /// 撤回.
    Withdrawn { on: Date },
    /// 不予办理.
    Declined { on: Date },
    /// 办结: the complainant received the decision.
    Decided { on: Date },
    /// 核查 was requested.
    Recheck { filed: Date },
    /// The decision on the 核查 was received.
    Rechecked { on: Date },
}

impl Status {
    /// The name in the language of the users.
    pub fn label(&self) -> &'static str {
        match self {
            Status::Open => "处理中",
            Status::Paused { .. } => "暂停",
            Status::Withdrawn { .. } => "已撤回",
            Status::Declined { .. } => "不予办理",
            Status::Decided { .. } => "已办结",
            Status::Recheck { .. } => "核查中",
            Status::Rechecked { .. } => "核查已办结",
        }
    }
}

/// Days left out of the count: those after `after` up to and with `through`; without an end: all after it.
#[derive(Debug, Clone, Copy)]
struct Gap {
    after: Date,
    through: Option<Date>,
}

/// The gaps, apart from each other and in order; days in several pauses are left out once.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<Gap>);

impl Gaps {
    fn of(mut gaps: Vec<Gap>) -> Gaps {
        gaps.sort_by_key(|gap| gap.after);
        let mut apart: Vec<Gap> = Vec::with_capacity(gaps.len());
        for gap in gaps {
            match apart.last_mut() {
                Some(last) if last.through.is_none_or(|through| gap.after <= through) => {
                    // `None` is no end and so the later one.
                    last.through = last.through.zip(gap.through).map(|(a, b)| a.max(b));
                }
                _ => apart.push(gap),
            }
        }
        Gaps(apart)
    }

    /// `start` and `days` counted days; `None` where a gap without an end begins before that day.
    ///
    /// A pause that begins on the due date or later moves nothing.
    pub(super) fn after(&self, start: Date, days: i64) -> Option<Date> {
        let mut due = plus_days(start, days);
        for gap in &self.0 {
            let after = gap.after.max(start);
            if after >= due {
                break;
            }
            due = plus_days(due, days_between(after, gap.through?).max(0));
        }
        Some(due)
    }

    /// The first day of a gap without an end.
    fn open_since(&self) -> Option<Date> {
        self.0
            .last()
            .filter(|gap| gap.through.is_none())
            .map(|gap| gap.after)
    }
}

/// The course of one complaint.
#[derive(Debug)]
pub(super) struct Course {
    /// The day that the run in force counts from.
    pub start: Date,
    /// `AnswerSimple`, `AnswerComplex` or `AnswerSpecial`.
    pub level: RuleId,
    pub gaps: Gaps,
    pub status: Status,
    pub decided: Option<Date>,
    pub recheck: Option<Date>,
    pub warnings: Vec<Warning>,
}

impl Course {
    /// The course without events.
    pub(super) fn plain(received: Date) -> Course {
        Course {
            start: received,
            level: RuleId::AnswerSimple,
            gaps: Gaps::default(),
            status: Status::Open,
            decided: None,
            recheck: None,
            warnings: Vec::new(),
        }
    }

    /// Follows the events day by day.
    ///
    /// On one day extensions come first, then new facts (which so wipe an extension of the same day), then ends.
    pub(super) fn follow(rules: &ClockRules, received: Date, events: &[Event]) -> Course {
        let mut course = Course::plain(received);
        let mut events = events.to_vec();
        events.sort_by_cached_key(|event| (event.on(), rank(event), event.to_string()));
        events.dedup();
        let end = events
            .iter()
            .find(|event| is_end(event) && event.on() >= received)
            .copied();
        let ended_on = end.map(|event| event.on());
        let pauses = course.collect_pauses(rules, received, ended_on, &events);
        for event in &events {
            course.step(rules, received, end, event);
        }
        course.late_pauses(rules, &pauses);
        if course.status == Status::Open
            && let Some(since) = course.gaps.open_since()
            && course.due(rules).is_none()
        {
            course.status = Status::Paused { since };
        }
        course
    }

    /// The last day of the run in force.
    pub(super) fn due(&self, rules: &ClockRules) -> Option<Date> {
        self.gaps.after(self.start, rules.days(self.level))
    }

    fn warn(&mut self, rules: &ClockRules, why: Why, on: Date, rule: Option<RuleId>) {
        self.warnings.push(Warning {
            why,
            on: Some(on),
            article: rule.and_then(|rule| rules.rule(rule).article),
        });
    }

    /// Fills `gaps`; gives the pauses that count, by first day and reason.
    fn collect_pauses(
        &mut self,
        rules: &ClockRules,
        received: Date,
        ended_on: Option<Date>,
        events: &[Event],
    ) -> Vec<(Date, RuleId)> {
        let (mut gaps, mut counted) = (Vec::new(), Vec::new());
        for event in events {
            let Event::Paused {
                why,
                from,
                to,
                notified,
            } = *event
            else {
                continue;
            };
            let rule = match why {
                PauseReason::Appraisal => RuleId::PauseAppraisal,
                PauseReason::Mediation => RuleId::PauseMediation,
            };
            let ignored = if to.is_some_and(|to| to < from) {
                Why::PauseReversed
            } else if to.is_some_and(|to| to < received) {
                Why::BeforeReceipt(event.label())
            } else if ended_on.is_some_and(|end| from > end) {
                Why::AfterEnd(event.label())
            } else if why == PauseReason::Appraisal && !notified {
                Why::AppraisalUnnotified
            } else {
                // The end of the procedure ends a pause that nobody ended.
                gaps.push(Gap {
                    after: from,
                    through: to.or(ended_on),
                });
                counted.push((from, rule));
                continue;
            };
            let rule = (ignored == Why::AppraisalUnnotified).then_some(rule);
            self.warn(rules, ignored, from, rule);
        }
        self.gaps = Gaps::of(gaps);
        counted
    }

    fn step(&mut self, rules: &ClockRules, received: Date, end: Option<Event>, event: &Event) {
        let on = event.on();
        let recheck = matches!(
            event,
            Event::RecheckFiled { .. } | Event::RecheckDecided { .. }
        );
        if matches!(event, Event::Paused { .. }) || is_anchor(event) {
            return;
        }
        if on < received {
            return self.warn(rules, Why::BeforeReceipt(event.label()), on, None);
        }
        let ended = self.status != Status::Open;
        if ended && !recheck {
            return self.warn(rules, Why::AfterEnd(event.label()), on, None);
        }
        debug_assert!(ended || end.is_none_or(|end| on <= end.on()));
        match *event {
            Event::Extended {
                level,
                approver,
                notified,
                ..
            } => self.extend(rules, on, level, approver.is_some(), notified),
            Event::NewFacts { .. } => {
                if self.due(rules).is_some_and(|due| on > due) {
                    self.warn(rules, Why::NewFactsLate, on, Some(RuleId::NewFacts));
                } else {
                    (self.start, self.level) = (on, RuleId::AnswerSimple);
                }
            }
            Event::Withdrawn { .. } => self.status = Status::Withdrawn { on },
            Event::NotByPersonOrAgent { .. } => {
                self.status = Status::Declined { on };
                self.warn(
                    rules,
                    Why::TellSubmitter,
                    on,
                    Some(RuleId::NotByPersonOrAgent),
                );
            }
            Event::Decided { .. } => {
                if self.due(rules).is_some_and(|due| on > due) {
                    self.warn(rules, Why::DecisionLate, on, Some(RuleId::NoticeProof));
                }
                self.status = Status::Decided { on };
                self.decided = Some(on);
            }
            Event::RecheckFiled { .. } => self.file_recheck(rules, on),
            Event::RecheckDecided { .. } => self.decide_recheck(rules, on),
            _ => (),
        }
    }

    fn extend(
        &mut self,
        rules: &ClockRules,
        on: Date,
        level: ExtensionLevel,
        approved: bool,
        notified: bool,
    ) {
        let to = match level {
            ExtensionLevel::Complex => RuleId::AnswerComplex,
            ExtensionLevel::Special => RuleId::AnswerSpecial,
        };
        let mut faults = Vec::new();
        if to == RuleId::AnswerSpecial && !approved {
            faults.push(Why::ExtensionUnapproved);
        }
        if to == RuleId::AnswerSpecial && !notified {
            faults.push(Why::ExtensionUnnotified);
        }
        if self.due(rules).is_some_and(|due| on > due) {
            faults.push(Why::ExtensionLate);
        } else if rules.days(to) <= rules.days(self.level) {
            faults.push(Why::ExtensionRepeated);
        }
        if faults.is_empty() {
            self.level = to;
        }
        for why in faults {
            self.warn(rules, why, on, Some(to));
        }
    }

    /// A late request still gets its date: whether to refuse it is a person's decision.
    fn file_recheck(&mut self, rules: &ClockRules, on: Date) {
        let rule = Some(RuleId::RecheckFileBy);
        let Some(decided) = self.decided else {
            self.recheck = self.recheck.or(Some(on));
            return self.warn(rules, Why::RecheckWithoutDecision, on, rule);
        };
        if on > rules.recheck_file_by(decided) {
            self.warn(rules, Why::RecheckLate, on, rule);
        }
        // A second request moves nothing.
        if let Status::Decided { .. } = self.status {
            self.status = Status::Recheck { filed: on };
            self.recheck = Some(on);
        }
    }

    fn decide_recheck(&mut self, rules: &ClockRules, on: Date) {
        let Some(filed) = self.recheck else {
            return self.warn(
                rules,
                Why::RecheckWithoutDecision,
                on,
                Some(RuleId::RecheckFileBy),
            );
        };
        if on > rules.recheck_decide_by(filed) {
            self.warn(
                rules,
                Why::RecheckDecisionLate,
                on,
                Some(RuleId::NoticeProof),
            );
        }
        if self.decided.is_some() {
            self.status = Status::Rechecked { on };
        }
    }

    fn late_pauses(&mut self, rules: &ClockRules, pauses: &[(Date, RuleId)]) {
        let Some(due) = self.due(rules) else { return };
        for (from, rule) in pauses {
            if *from >= due {
                self.warn(rules, Why::PauseLate, *from, Some(*rule));
            }
        }
    }
}

/// Order of the events of one day.
fn rank(event: &Event) -> u8 {
    match event {
        Event::Extended { .. } => 0,
        Event::NewFacts { .. } => 1,
        // A decision outranks a withdrawal of the same day: it leaves the complainant the 核查.
        Event::Decided { .. } => 3,
        Event::Withdrawn { .. } => 4,
        Event::NotByPersonOrAgent { .. } => 5,
        Event::RecheckFiled { .. } => 6,
        Event::RecheckDecided { .. } => 7,
        _ => 2,
    }
}

fn is_end(event: &Event) -> bool {
    matches!(
        event,
        Event::Decided { .. } | Event::Withdrawn { .. } | Event::NotByPersonOrAgent { .. }
    )
}

fn is_anchor(event: &Event) -> bool {
    matches!(
        event,
        Event::ClaimFiled { .. }
            | Event::ClaimRefused { .. }
            | Event::ClaimAgreed { .. }
            | Event::SurrenderRequested { .. }
            | Event::RegulatorReceived { .. }
    )
}
