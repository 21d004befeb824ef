//! Two tellings of one person in, the probability that they are of one matter out.
//! Law: `SIGNALS` are what `[repeat.weights]` may name; the same in the fit as here. Knows nothing of other people.

use super::logistic::probability;
use super::reading::{Marks, longest_run};
use super::telling::Telling;
use crate::case_settings::CaseSettings;

/// What two tellings have in common and what not.
pub const SIGNALS: [&str; 19] = [
    "reason_same",
    "sum_same",
    "sum_differs",
    "number_same",
    "number_differs",
    "number_near",
    "demand_same",
    "person_same",
    "institution_differs",
    "other",
    "log_days",
    "short",
    "log_smaller",
    "letters_shared",
    "letters_bits",
    "shared_bits",
    "run",
    "type_like",
    "reason_like",
];

/// A telling and its marks.
#[derive(Debug, Clone, Copy)]
pub struct Read<'t> {
    pub telling: &'t Telling,
    pub marks: &'t Marks,
    /// Day of receipt, or of the run that read it.
    pub day: i32,
}

/// The values of `SIGNALS`: `b` told after `a`.
pub fn signals(a: Read<'_>, b: Read<'_>) -> [f32; SIGNALS.len()] {
    let (x, y) = (a.marks, b.marks);
    let (s, t) = (a.telling, b.telling);
    let smaller = x.bits.min(y.bits).max(1.0);
    let letters = x.shared_letter_bits(y);
    let of = |yes: bool| f32::from(u8::from(yes));
    let both = |m: usize, n: usize| m > 0 && n > 0;
    let sums = common(&x.sums, &y.sums);
    let numbers = common(&x.numbers, &y.numbers);
    let institutions = !s.institution.is_empty() && !t.institution.is_empty();
    let run = longest_run(&s.text, &t.text);
    [
        of(s.reason == t.reason),
        of(sums > 0),
        of(sums == 0 && both(x.sums.len(), y.sums.len())),
        (numbers as f32).min(3.0),
        of(numbers == 0 && both(x.numbers.len(), y.numbers.len())),
        of(near(&x.numbers, &y.numbers)),
        of(common(&x.demands, &y.demands) > 0),
        of(common(&x.people, &y.people) > 0),
        of(institutions && s.institution != t.institution),
        of(y.is_other),
        (1.0 + a.day.abs_diff(b.day) as f32).ln(),
        of(smaller < 150.0),
        smaller.ln(),
        letters / x.letter_bits.min(y.letter_bits).max(1.0),
        (1.0 + letters).ln(),
        (1.0 + x.shared_bits(y)).ln(),
        (1.0 + run as f32).ln(),
        like(&s.types, &t.types),
        like(&s.reasons, &t.reasons),
    ]
}

/// Probability that `b` tells of the matter of `a`, told before by the same person.
pub fn same_matter(a: Read<'_>, b: Read<'_>, settings: &CaseSettings) -> f32 {
    // The very same words are the same matter.
    if a.telling.text == b.telling.text {
        return 1.0;
    }
    probability(&settings.repeat.weights, &SIGNALS, &signals(a, b))
}

/// How many items two sorted lists share.
fn common<T: Ord>(a: &[T], b: &[T]) -> usize {
    a.iter().filter(|x| b.binary_search(x).is_ok()).count()
}

/// Cosine of two rankings, 0..=1.
fn like(a: &[(String, u16)], b: &[(String, u16)]) -> f32 {
    let norm = |r: &[(String, u16)]| r.iter().map(|(_, p)| f32::from(*p).powi(2)).sum::<f32>();
    let of = |code: &String| b.iter().find(|(c, _)| c == code);
    let dot: f32 = a
        .iter()
        .filter_map(|(code, p)| Some(f32::from(*p) * f32::from(of(code)?.1)))
        .sum();
    dot / (norm(a) * norm(b)).sqrt().max(1.0)
}

/// Whether two numbers are within a tenth of each other but not the same: 一百六十几 and 168.
fn near(a: &[u64], b: &[u64]) -> bool {
    a.iter().any(|x| {
        let range = x - x / 10..=x + x / 10;
        b.iter().any(|y| y != x && range.contains(y) && *y >= 1000)
    })
}
