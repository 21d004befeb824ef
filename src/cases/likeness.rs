//! Two tellings of one person in, the probability that they are of one matter out.
//! Law: `SIGNALS` are what `[repeat.weights]` may name; the same in the fit as here. Knows nothing of other people.

use super::logistic::probability;
use super::reading::Marks;
use super::telling::Telling;
use crate::case_settings::CaseSettings;

/// What two tellings have in common and what not.
pub const SIGNALS: [&str; 21] = [
    "shared",
    "shared_larger",
    "shared_bits",
    "type_same",
    "reason_same",
    "sum_same",
    "sum_differs",
    "number_same",
    "number_differs",
    "date_same",
    "date_differs",
    "product_same",
    "product_differs",
    "institution_same",
    "institution_differs",
    "demand_same",
    "person_same",
    "back",
    "other",
    "log_days",
    "short",
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
    let shared = x.shared_bits(y);
    let smaller = x.bits.min(y.bits).max(1.0);
    let larger = x.bits.max(y.bits).max(1.0);
    let of = |yes: bool| f32::from(u8::from(yes));
    let sums = common(&x.sums, &y.sums);
    let numbers = common(&x.numbers, &y.numbers);
    let dates = common(&x.dates, &y.dates);
    let products = common(&x.products, &y.products);
    let both = |m: usize, n: usize| m > 0 && n > 0;
    let institutions = !s.institution.is_empty() && !t.institution.is_empty();
    [
        shared / smaller,
        shared / larger,
        (1.0 + shared).ln(),
        of(s.type_ == t.type_),
        of(s.reason == t.reason),
        of(sums > 0),
        of(sums == 0 && both(x.sums.len(), y.sums.len())),
        (numbers as f32).min(3.0),
        of(numbers == 0 && both(x.numbers.len(), y.numbers.len())),
        of(dates > 0),
        of(dates == 0 && both(x.dates.len(), y.dates.len())),
        of(products > 0),
        of(products == 0 && both(x.products.len(), y.products.len())),
        of(institutions && s.institution == t.institution),
        of(institutions && s.institution != t.institution),
        of(common(&x.demands, &y.demands) > 0),
        of(common(&x.people, &y.people) > 0),
        of(y.points_back),
        of(y.is_other),
        (1.0 + a.day.abs_diff(b.day) as f32).ln(),
        of(smaller < 150.0),
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
