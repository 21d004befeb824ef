//! People by night and cell in, alarms out: who stands above the level expected by weekday, by a negative binomial tail.
//! Law: the tails of all cells together stay below `false_alarms_per_night`; without history there is no alarm.
//! Most of that rate is spent on single nights, the rest on rolling sums.

use rustc_hash::FxHashMap;

use super::history::{Cell, CellKind, History, N_KINDS};
use super::tail::tails;
use crate::case_settings::WaveSettings;

/// Classes of nights: Monday to Sunday; a holiday is a Sunday, a make-up workday a Friday.
pub const N_CLASSES: usize = 7;

/// Share of the false alarms that single nights may give; chosen: a burst should be seen on its first night.
const SINGLE_SHARE: f64 = 0.9;
/// People that a new cell is taken to have had, with the mean of its kind; chosen.
const PRIOR_PEOPLE: f64 = 0.5;
/// Nights of the overall weekday pattern mixed into a cell's own; chosen.
const PRIOR_NIGHTS: f64 = 4.0;
/// Least variance of the level itself, as a share of its square; chosen.
const LEAST_SPREAD: f64 = 0.004;
/// A past night counts as at most so many standard deviations above its level, and three people; chosen.
const CAP_DEVIATIONS: f64 = 3.0;

/// A cell above its level.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub cell: Cell,
    /// The night, and how many nights up to it were added up.
    pub night: i32,
    pub n_nights: i32,
    pub people: u32,
    pub expected: f64,
    /// From so many people on it is an alarm.
    pub threshold: u32,
    /// Probability of so many people at the expected level.
    pub tail: f64,
}

impl Alarm {
    /// Times the expected level.
    pub fn ratio(&self) -> f64 {
        f64::from(self.people) / self.expected.max(0.01)
    }
}

/// All alarms of one night.
#[derive(Debug, Default)]
pub struct Alarms {
    pub alarms: Vec<Alarm>,
    /// Nights that the levels were taken from; too few give no alarm.
    pub n_history: usize,
}

/// What is known of one cell before a night.
struct Level {
    /// Expected people, per class.
    means: [f64; N_CLASSES],
    /// People seen, weighted: how sure the level is.
    seen: f64,
}

/// A night of the history.
struct Past {
    night: i32,
    weight: f64,
    class: usize,
}

/// Tests `night` of `history`, which holds it and the nights before; `class_of` gives the class of a night.
pub fn alarms(
    history: &History,
    night: i32,
    class_of: &dyn Fn(i32) -> usize,
    settings: &WaveSettings,
) -> Alarms {
    let past: Vec<Past> = history
        .nights
        .range(night - settings.history_nights..night)
        .map(|(n, _)| Past {
            night: *n,
            weight: 0.5f64.powf(f64::from(night - n - 1) / settings.half_life_nights),
            class: class_of(*n),
        })
        .collect();
    let mut out = Alarms {
        alarms: Vec::new(),
        n_history: past.len(),
    };
    if past.len() < settings.least_nights.max(1) {
        return out;
    }
    let (cells, counts) = counts(history, night, &past);
    let all = cells.iter().position(|c| c.0 == CellKind::All);
    let week = week(&past, all.map(|i| counts[i].as_slice()));
    let levels = levels(&cells, &counts, &past, &week);
    let spreads = spreads(&cells, &counts, &levels, &past);
    let mut thresholds: Vec<u32> = Vec::new();
    let rate = settings.false_alarms_per_night;
    let parts = [
        (1, SINGLE_SHARE),
        (settings.rolling_nights, 1.0 - SINGLE_SHARE),
    ];
    for (n_nights, part) in parts {
        if n_nights == 1 && !thresholds.is_empty() {
            break;
        }
        let tests: Vec<Test> = cells
            .iter()
            .zip(&levels)
            .map(|(cell, level)| {
                let spread = spreads[cell.0 as usize];
                let nights = (night - n_nights + 1..=night).map(|n| level.means[class_of(n)]);
                Test::new(nights, level.seen, spread, settings)
            })
            .collect();
        let limit = limit(&tests, rate * part);
        let single = std::mem::take(&mut thresholds);
        for (i, (cell, test)) in cells.iter().zip(&tests).enumerate() {
            let threshold = test.threshold(limit);
            let window = night - n_nights + 1..=night;
            let people: u32 = window.clone().map(|n| history.people(n, cell)).sum();
            // A sum says nothing new where one of its nights had its own alarm.
            let known = |n: i32| single.get(i).is_some_and(|t| history.people(n, cell) >= *t);
            if people >= threshold && !window.into_iter().any(known) {
                out.alarms.push(Alarm {
                    cell: cell.clone(),
                    night,
                    n_nights,
                    people,
                    expected: test.mean,
                    threshold,
                    tail: test.tail(people),
                });
            }
            thresholds.push(threshold);
        }
    }
    out
}

/// All cells of the past nights and of `night`, sorted, each with its people in each of the past nights.
fn counts(history: &History, night: i32, past: &[Past]) -> (Vec<Cell>, Vec<Vec<f64>>) {
    let nights = past.iter().map(|p| p.night).chain([night]);
    let mut places: FxHashMap<&Cell, Vec<f64>> = FxHashMap::default();
    for (k, n) in nights.enumerate() {
        for (cell, people) in history.nights.get(&n).into_iter().flatten() {
            let own = places.entry(cell).or_insert_with(|| vec![0.0; past.len()]);
            // Tonight's people are tested, not learnt from.
            if let Some(place) = own.get_mut(k) {
                *place = f64::from(*people);
            }
        }
    }
    let mut sorted: Vec<(&Cell, Vec<f64>)> = places.into_iter().collect();
    sorted.sort_by_key(|(cell, _)| *cell);
    sorted.into_iter().map(|(c, n)| (c.clone(), n)).unzip()
}

/// How the classes of nights differ overall: 1 is the mean.
fn week(past: &[Past], all: Option<&[f64]>) -> [f64; N_CLASSES] {
    let (mut sums, mut weights) = ([0.0; N_CLASSES], [0.0; N_CLASSES]);
    for (k, p) in past.iter().enumerate() {
        sums[p.class] += p.weight * all.map_or(0.0, |a| a[k]);
        weights[p.class] += p.weight;
    }
    let mean = sums.iter().sum::<f64>() / weights.iter().sum::<f64>();
    let mut week = [1.0; N_CLASSES];
    for c in 0..N_CLASSES {
        week[c] = ((sums[c] + mean) / (weights[c] + 1.0) / mean.max(1e-9)).max(0.01);
    }
    week
}

/// What a past night counts as at most.
fn cap(mean: f64) -> f64 {
    mean + CAP_DEVIATIONS * (mean + 0.05 * mean * mean).sqrt() + 3.0
}

/// The level of every cell, bursts of the past cut down.
fn levels(
    cells: &[Cell],
    counts: &[Vec<f64>],
    past: &[Past],
    week: &[f64; N_CLASSES],
) -> Vec<Level> {
    let nights: f64 = past.iter().map(|p| p.weight * week[p.class]).sum();
    let mut weights = [0.0; N_CLASSES];
    past.iter().for_each(|p| weights[p.class] += p.weight);
    let mut sums: Vec<[f64; N_CLASSES]> = Vec::with_capacity(cells.len());
    for people in counts {
        let sum = |caps: &[f64; N_CLASSES]| {
            let mut own = [0.0; N_CLASSES];
            for (p, people) in past.iter().zip(people) {
                own[p.class] += p.weight * people.min(caps[p.class]);
            }
            own
        };
        let mut own = sum(&[f64::INFINITY; N_CLASSES]);
        // No cap is below three.
        if people.iter().any(|n| *n > 3.0) {
            for _ in 0..2 {
                let level = own.iter().sum::<f64>() / nights;
                own = sum(&week.map(|w| cap(level * w)));
            }
        }
        sums.push(own);
    }
    // The mean of each kind, for cells of which little is known.
    let (mut people, mut n) = ([0.0; N_KINDS], [0.0; N_KINDS]);
    for (cell, own) in cells.iter().zip(&sums) {
        people[cell.0 as usize] += own.iter().sum::<f64>() / nights;
        n[cell.0 as usize] += 1.0;
    }
    let level = |(cell, own): (&Cell, &[f64; N_CLASSES])| {
        let kind = cell.0 as usize;
        let typical = (people[kind] / f64::max(n[kind], 1.0)).max(1e-3);
        let seen = own.iter().sum::<f64>();
        let mean = (seen + PRIOR_PEOPLE) / (nights + PRIOR_PEOPLE / typical);
        let mut means = [0.0; N_CLASSES];
        for c in 0..N_CLASSES {
            let shaped = mean * week[c];
            means[c] = (own[c] + PRIOR_NIGHTS * shaped) / (weights[c] + PRIOR_NIGHTS);
        }
        Level { means, seen }
    };
    cells.iter().zip(&sums).map(level).collect()
}

/// By kind: the variance of the level itself as a share of its square, over what chance explains.
fn spreads(cells: &[Cell], counts: &[Vec<f64>], levels: &[Level], past: &[Past]) -> [f64; N_KINDS] {
    let (mut over, mut squares) = ([0.0; N_KINDS], [0.0; N_KINDS]);
    for ((cell, people), level) in cells.iter().zip(counts).zip(levels) {
        let caps = level.means.map(cap);
        for (p, people) in past.iter().zip(people) {
            let mean = level.means[p.class];
            let off = people.min(caps[p.class]) - mean;
            over[cell.0 as usize] += p.weight * (off * off - mean);
            squares[cell.0 as usize] += p.weight * mean * mean;
        }
    }
    let mut spreads = [LEAST_SPREAD; N_KINDS];
    for (spread, (over, square)) in spreads.iter_mut().zip(over.iter().zip(squares)) {
        *spread = (over / f64::max(square, 1e-9)).clamp(LEAST_SPREAD, 1.0);
    }
    spreads
}

/// One cell over one night or several.
struct Test {
    mean: f64,
    /// Fewer people are no alarm, whatever the tail.
    from: u32,
    /// `P(people >= from + i)`.
    tails: Vec<f64>,
}

impl Test {
    fn new(
        nights: impl Iterator<Item = f64>,
        seen: f64,
        spread: f64,
        settings: &WaveSettings,
    ) -> Test {
        let (mut mean, mut square) = (0.0, 0.0);
        for m in nights {
            mean += m;
            square += m * m;
        }
        // Chance of the nights, and doubt about the level.
        let doubt = mean * mean / (PRIOR_PEOPLE + seen);
        let size = mean * mean / (square * spread + doubt);
        let from = settings
            .least_people
            .max((mean * settings.least_ratio).ceil() as u32);
        Test {
            mean,
            from,
            tails: tails(mean, size, from),
        }
    }

    /// Where in `tails` the first one at or below `limit` stands.
    fn at(&self, limit: f64) -> usize {
        self.tails.partition_point(|t| *t > limit)
    }

    /// People from which on the tail is at most `limit`.
    fn threshold(&self, limit: f64) -> u32 {
        self.from + self.at(limit) as u32
    }

    fn tail(&self, people: u32) -> f64 {
        let at = people.saturating_sub(self.from) as usize;
        self.tails.get(at).copied().unwrap_or(1e-10)
    }
}

/// The largest tail at which the false alarms of all cells stay below `rate`.
fn limit(tests: &[Test], rate: f64) -> f64 {
    let all = |limit: f64| -> f64 {
        let tail = |t: &Test| t.tails.get(t.at(limit)).copied().unwrap_or(0.0);
        tests.iter().map(tail).sum()
    };
    let (mut low, mut high) = (-23.0f64, rate.ln());
    if all(high.exp()) <= rate {
        return high.exp();
    }
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        if all(middle.exp()) <= rate {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.exp()
}
