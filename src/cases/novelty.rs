//! A telling and what was told before in, the clauses that are new out, each with the kinds of its new facts.
//! Law: `SIGNALS` are what `[novelty.weights]` may name. What the institution's side said is not looked at.

use std::ops::Range;

use super::logistic::probability;
use super::reading::{Marks, clauses};
use super::telling::Telling;
use crate::case_settings::CaseSettings;

/// What a clause has that the tellings before had not.
pub const SIGNALS: [&str; 22] = [
    "new_share",
    "new_bits",
    "new_letters",
    "sum",
    "sum_known",
    "number",
    "number_known",
    "date",
    "time",
    "person",
    "product",
    "demand",
    "asks",
    "asks_new",
    "later",
    "later_new",
    "proof",
    "back",
    "short",
    "sentence_new",
    "whole_new",
    "fact_beside",
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

/// A clause with its marks and the values of `SIGNALS`.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Bytes of `Telling::text`.
    pub range: Range<usize>,
    pub signals: [f32; SIGNALS.len()],
    pub kinds: Vec<FactKind>,
}

/// All clauses of `telling`, given all that was told before.
pub fn read(telling: &Telling, before: &Marks, settings: &CaseSettings) -> Vec<Clause> {
    let ranges = clauses(&telling.text);
    let marks: Vec<Marks> = ranges
        .iter()
        .map(|r| Marks::of(telling, r.clone(), settings))
        .collect();
    let new_bits: Vec<f32> = marks
        .iter()
        .map(|m| m.bits - m.shared_bits(before))
        .collect();
    let share = |at: Range<usize>| {
        let all: f32 = marks[at.clone()].iter().map(|m| m.bits).sum();
        new_bits[at].iter().sum::<f32>() / all.max(1.0)
    };
    let kinds: Vec<Vec<FactKind>> = marks.iter().map(|m| kinds(m, before)).collect();
    let whole = share(0..marks.len());
    let mut sentence = 0..0;
    let mut out = Vec::new();
    for (i, range) in ranges.iter().enumerate() {
        if i >= sentence.end {
            let same =
                |k: &usize| !ends_sentence(&telling.text[ranges[*k - 1].end..ranges[*k].start]);
            let end = (i + 1..ranges.len())
                .take_while(same)
                .last()
                .map_or(i + 1, |k| k + 1);
            sentence = i..end;
        }
        let beside = [i.checked_sub(1), Some(i + 1)];
        let beside = beside
            .into_iter()
            .flatten()
            .filter(|k| sentence.contains(k));
        let fact_beside = beside.flat_map(|k| &kinds[k]).next().is_some();
        let own = &marks[i];
        let of = |yes: bool| f32::from(u8::from(yes));
        let new_share = share(i..i + 1);
        let sum = own.sums.iter().any(|s| is_new_sum(*s, before));
        let number = own.numbers.iter().any(|n| is_new_number(*n, before));
        let letters = own.letter_bits - own.shared_letter_bits(before);
        let demand = has_new(&own.demands, &before.demands);
        let asks = own.asks || !own.demands.is_empty();
        out.push(Clause {
            range: range.clone(),
            signals: [
                new_share,
                (new_bits[i] / 60.0).min(2.0),
                letters / own.letter_bits.max(1.0),
                of(sum),
                of(!sum && !own.sums.is_empty()),
                of(number),
                of(!number && !own.numbers.is_empty()),
                of(has_new(&own.dates, &before.dates)),
                of(has_new(&own.times, &before.times)),
                of(has_new(&own.people, &before.people)),
                of(has_new(&own.products, &before.products)),
                of(demand),
                of(asks),
                of(asks) * new_share,
                of(own.is_later),
                of(own.is_later) * new_share,
                of(has_new(&own.proofs, &before.proofs)),
                of(own.points_back),
                of(own.bits < 40.0),
                share(sentence.clone()),
                whole,
                of(fact_beside),
            ],
            kinds: kinds[i].clone(),
        });
    }
    out
}

fn ends_sentence(between: &str) -> bool {
    between.contains(['。', '！', '？', '；', '\n', '!', '?'])
}

/// All clauses of `telling` with their probability of being new.
pub fn weighed(telling: &Telling, before: &Marks, settings: &CaseSettings) -> Vec<NewClause> {
    let weights = &settings.novelty.weights;
    let clauses = read(telling, before, settings).into_iter();
    clauses
        .map(|c| NewClause {
            prob: probability(weights, &SIGNALS, &c.signals),
            range: c.range,
            kinds: c.kinds,
        })
        .collect()
}

/// The clauses of `telling` that are new, in the order of the text.
pub fn new_clauses(telling: &Telling, before: &Marks, settings: &CaseSettings) -> Vec<NewClause> {
    let mut all = weighed(telling, before, settings);
    let limit = if restarts(&all, settings) {
        settings.novelty.limit
    } else {
        settings.novelty.limit_merge
    };
    all.retain(|c| c.prob >= limit);
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
    is_new_number(fen.unsigned_abs(), before)
}

/// Not told before, neither as a sum nor roughly: 三十几 (read as 30) and 38.
fn is_new_number(n: u64, before: &Marks) -> bool {
    let near = |m: u64| {
        n == m || (n >= 1000 && m >= 1000 && n.min(m) * 13 / 10 >= n.max(m) && is_round(n.min(m)))
    };
    let sums = before.sums.iter().map(|s| s.unsigned_abs());
    !before.numbers.iter().copied().chain(sums).any(near)
}

/// One digit and zeros.
fn is_round(n: u64) -> bool {
    let mut n = n;
    while n >= 10 && n.is_multiple_of(10) {
        n /= 10;
    }
    n < 100
}
