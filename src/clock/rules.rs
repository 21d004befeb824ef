//! `clock.toml` in, `ClockRules` out: every limit with its article and how well it was verified.
//! Law: the table is checked whole, all faults together; an article number marked M never reaches a user.
//! Knows how many days a limit adds, not from when; `course` and `due` do.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use jiff::civil::Date;
use serde::Serialize;

use super::plus_days;
use super::sheet::Sheet;
use super::span::Span;
use super::table::read_all;
use crate::error::{Error, Result};

/// The rules that the clock itself follows; each has its `[rule.…]` in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleId {
    AnswerSimple,
    AnswerComplex,
    AnswerSpecial,
    RecheckFileBy,
    RecheckDecideBy,
    PauseAppraisal,
    PauseMediation,
    NewFacts,
    SameComplaint,
    NotByPersonOrAgent,
    Withdrawn,
    NoticeProof,
}

/// In the order of `RuleId`; the first `N_LIMITS` carry a limit in natural days.
pub(super) const NAMES: [&str; 12] = [
    "answer_simple",
    "answer_complex",
    "answer_special",
    "recheck_file_by",
    "recheck_decide_by",
    "pause_appraisal",
    "pause_mediation",
    "new_facts",
    "same_complaint",
    "not_by_person_or_agent",
    "withdrawn",
    "notice_proof",
];
pub(super) const N_LIMITS: usize = 5;

/// Defines an enum read from and shown as fixed words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($(#[$of:meta])* $variant:ident = $word:literal),+; $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        pub enum $name { $($(#[$of])* #[serde(rename = $word)] $variant),+ }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(s: &str) -> Result<$name, &'static str> {
                match s {
                    $($word => Ok($name::$variant),)+
                    _ => Err(concat!("expected ", $expected)),
                }
            }
        }
    };
}

words! {
    /// How well a line of the table was verified.
    Mark:
    /// Read in the rule's own text.
    V = "V",
    /// Seen in secondary material only.
    S = "S",
    /// From memory: its article number is never shown.
    M = "M",
    /// This project's choice, without an article.
    D = "D"; "V, S, M or D"
}

words! {
    /// Whose limit it is.
    Duty: Institution = "institution", Complainant = "complainant", Regulator = "regulator";
    "institution, complainant or regulator"
}

words! {
    /// The day that a parallel clock counts from.
    Anchor: Received = "received", ClaimFiled = "claim_filed", ClaimRefused = "claim_refused",
    ClaimAgreed = "claim_agreed", SurrenderRequested = "surrender_requested",
    RegulatorReceived = "regulator_received";
    "received, claim_filed, claim_refused, claim_agreed, surrender_requested or regulator_received"
}

words! {
    /// What becomes of a parallel clock whose day is not known.
    IfUnknown: Received = "received", Omit = "omit"; "received or omit"
}

/// One line of the table. Its texts live as long as the program, so that a due date can be copied freely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: &'static str,
    /// Chinese name for users.
    pub label: &'static str,
    pub duty: Duty,
    /// Title and article as they may be printed; for a line marked M the title alone, said to be unverified.
    pub article: Option<&'static str>,
    pub mark: Mark,
    /// Chinese explanation for users.
    pub note: &'static str,
    /// `None` for rules without a number.
    pub limit: Option<Span>,
}

/// One line of a parallel clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parallel {
    pub name: &'static str,
    pub rule: Rule,
    pub limit: Span,
    pub from: Anchor,
    pub if_unknown: IfUnknown,
}

/// A point at which to warn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WarnPoint {
    Percent(u32),
    DaysBefore(u32),
}

/// The checked table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRules {
    pub(super) rules: Vec<Rule>,
    pub(super) limits: [u32; N_LIMITS],
    pub(super) parallel: Vec<Parallel>,
    pub(super) warn_at: Vec<(&'static str, WarnPoint)>,
    pub(super) conservative: bool,
    pub(super) in_force: Option<Date>,
}

impl ClockRules {
    /// Reads and checks `clock.toml`.
    pub fn load(path: &Path) -> Result<ClockRules> {
        let text =
            std::fs::read_to_string(path).map_err(|e| Error::io(path, "cannot be read", e))?;
        ClockRules::parse(path, &text)
    }

    /// As `load`, from text already read; `path` is for the faults.
    pub fn parse(path: &Path, text: &str) -> Result<ClockRules> {
        let (mut sheet, top) = Sheet::parse(path, text);
        let rules = if sheet.faults.is_empty() {
            read_all(&mut sheet, &top)
        } else {
            None
        };
        match rules {
            Some(rules) if sheet.faults.is_empty() => Ok(rules),
            _ => {
                sheet.faults.sort_by_key(|f| f.line);
                Err(Error::Config(sheet.faults))
            }
        }
    }

    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id as usize]
    }

    /// Whether a routing table may ask for the parallel clock `name`.
    pub fn has_parallel(&self, name: &str) -> bool {
        self.parallel.iter().any(|p| p.name == name)
    }

    /// The names of the parallel clocks, in the order of the table, each once.
    pub fn parallel_names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.parallel.iter().map(|p| p.name).collect();
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }

    /// Whether the start day counts, so that natural days of the institution end a day earlier.
    pub fn is_conservative(&self) -> bool {
        self.conservative
    }

    /// Days to add to the start day for one of the institution's limits; the start day counts if conservative.
    pub(super) fn days(&self, rule: RuleId) -> i64 {
        self.natural_days(self.limits[rule as usize])
    }

    /// As `days`, for any number of natural days.
    pub(super) fn natural_days(&self, n: u32) -> i64 {
        i64::from(n) - i64::from(self.conservative)
    }

    /// The complainant's limit: never shortened by the conservative mode.
    pub(super) fn recheck_file_by(&self, decided: Date) -> Date {
        plus_days(
            decided,
            i64::from(self.limits[RuleId::RecheckFileBy as usize]),
        )
    }

    pub(super) fn recheck_decide_by(&self, filed: Date) -> Date {
        plus_days(filed, self.days(RuleId::RecheckDecideBy))
    }
}
