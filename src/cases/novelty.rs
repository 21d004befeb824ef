//! A telling and what was told before in, the clauses that are new out, each with the kinds of its new facts.
//! Law: `SIGNALS` are what `[novelty.weights]` may name. What the institution's side said is not looked at.

use std::ops::Range;

use super::logistic::probability;
use super::reading::{Marks, clauses};
use super::telling::Telling;
use crate::case_settings::CaseSettings;

/// What a clause has that the tellings before had not.
pub const SIGNALS: [&str; 15] = [
    "new_share",
    "new_bits",
    "sum",
    "sum_known",
    "number",
    "date",
    "time",
    "person",
    "product",
    "demand",
    "asks",
    "proof",
    "back",
    "short",
    "asked_before",
];

/// What a new fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    Amount,
    Date,
    Person,
    Product,
    Demand,
}

impl FactKind {
    /// English code.
    pub fn code(self) -> &'static str {
        match self {
            FactKind::Amount => "amount",
            FactKind::Date => "date",
            FactKind::Person => "person",
            FactKind::Product => "product",
            FactKind::Demand => "demand",
        }
    }

    /// Chinese name for users.
    pub fn name(self) -> &'static str {
        match self {
            FactKind::Amount => "金额",
            FactKind::Date => "日期",
            FactKind::Person => "人员",
            FactKind::Product => "产品",
            FactKind::Demand => "诉求",
        }
    }
}

/// A clause that was not told before.
#[derive(Debug, Clone, PartialEq)]
pub struct NewClause {
    /// Bytes of `Telling::text`.
    pub range: Range<usize>,
    pub prob: f32,
    /// Empty: new words, but no fact of a kind we know.
    pub kinds: Vec<FactKind>,
}

/// The values of `SIGNALS` for one clause, given all that was told before.
pub fn signals(clause: &Marks, before: &Marks) -> [f32; SIGNALS.len()] {
    let new_bits = clause.bits - clause.shared_bits(before);
    let of = |yes: bool| f32::from(u8::from(yes));
    let sum = clause.sums.iter().any(|s| is_new_sum(*s, before));
    [
        new_bits / clause.bits.max(1.0),
        (new_bits / 60.0).min(2.0),
        of(sum),
        of(!sum && !clause.sums.is_empty()),
        of(clause.numbers.iter().any(|n| is_new_number(*n, before))),
        of(has_new(&clause.dates, &before.dates)),
        of(has_new(&clause.times, &before.times)),
        of(has_new(&clause.people, &before.people)),
        of(has_new(&clause.products, &before.products)),
        of(has_new(&clause.demands, &before.demands)),
        of(clause.asks),
        of(has_new(&clause.proofs, &before.proofs)),
        of(clause.points_back),
        of(clause.bits < 40.0),
        of(clause.asks && before.asks),
    ]
}

/// All clauses of `telling` with their probability of being new.
pub fn weighed(telling: &Telling, before: &Marks, settings: &CaseSettings) -> Vec<NewClause> {
    let weights = &settings.novelty.weights;
    clauses(&telling.text)
        .into_iter()
        .map(|range| {
            let marks = Marks::of(telling, range.clone(), settings);
            let prob = probability(weights, &SIGNALS, &signals(&marks, before));
            let kinds = kinds(&marks, before);
            NewClause { range, prob, kinds }
        })
        .collect()
}

/// The clauses of `telling` that are new, in the order of the text.
pub fn new_clauses(telling: &Telling, before: &Marks, settings: &CaseSettings) -> Vec<NewClause> {
    let mut all = weighed(telling, before, settings);
    all.retain(|c| c.prob >= settings.novelty.limit);
    all
}

/// Whether new facts are sure enough to propose that the clock restarts.
pub fn restarts(new: &[NewClause], settings: &CaseSettings) -> bool {
    new.iter().any(|c| c.prob >= settings.novelty.restart)
}

fn kinds(clause: &Marks, before: &Marks) -> Vec<FactKind> {
    let found = [
        (
            FactKind::Amount,
            clause.sums.iter().any(|s| is_new_sum(*s, before))
                || clause.numbers.iter().any(|n| is_new_number(*n, before)),
        ),
        (
            FactKind::Date,
            has_new(&clause.dates, &before.dates) || has_new(&clause.times, &before.times),
        ),
        (FactKind::Person, has_new(&clause.people, &before.people)),
        (
            FactKind::Product,
            has_new(&clause.products, &before.products),
        ),
        (
            FactKind::Demand,
            has_new(&clause.demands, &before.demands) || clause.asks,
        ),
    ];
    let kinds = found.into_iter().filter(|(_, is)| *is);
    kinds.map(|(kind, _)| kind).collect()
}

fn has_new<T: Ord>(items: &[T], before: &[T]) -> bool {
    items.iter().any(|i| before.binary_search(i).is_err())
}

fn is_new_sum(fen: i64, before: &Marks) -> bool {
    before.sums.binary_search(&fen).is_err()
        && before.numbers.binary_search(&fen.unsigned_abs()).is_err()
}

fn is_new_number(n: u64, before: &Marks) -> bool {
    before.numbers.binary_search(&n).is_err() && before.sums.binary_search(&(n as i64)).is_err()
}
