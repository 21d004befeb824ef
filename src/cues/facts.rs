//! Amounts, dates, head-counts, days ago and ages, read backwards from their unit word.

use std::ops::Range;

use serde::Deserialize;

use super::numbers::{digit, number_before};
use super::people;
use super::scan::Place;
use super::scope::{self, Counts};
use super::units::Unit;

/// A sum of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// In hundredths of a yuan.
    pub fen: i64,
    /// Not the size of a contract, a limit or an income, and not another person's.
    pub disputed: bool,
    pub range: Range<usize>,
}

/// A date as the text has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateMention {
    pub range: Range<usize>,
    /// Year (if said), month, day.
    pub ymd: (Option<i16>, i8, i8),
}

/// A number that the text states, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    pub value: u32,
    pub range: Range<usize>,
}

/// All facts of one text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Facts {
    pub amounts: Vec<Amount>,
    pub dates: Vec<DateMention>,
    /// Those who complain together: the largest count.
    pub people: Option<Stated>,
    /// Whether five or more are counted who do not join.
    pub bystanders: bool,
    /// Whether the text says that its writer complains alone.
    pub alone: bool,
    /// Days between an event and now, in the order of the text.
    pub days_ago: Vec<Stated>,
    /// Age of the person affected: the largest.
    pub age: Option<Stated>,
}

/// What a word tells about the number beside it, one bit each.
pub(super) mod word {
    pub const TOGETHER: u32 = 1 << 23;
    pub const WITH_ME: u32 = 1 << 24;
    pub const APART_BEFORE: u32 = 1 << 25;
    pub const APART_AFTER: u32 = 1 << 26;
    pub const ALONE: u32 = 1 << 27;
    pub const CONTRACT: u32 = 1 << 28;
    pub const EACH: u32 = 1 << 29;
    /// Any of the above.
    pub const FACTS: u32 = 0x7f << 23;
}

/// The words by which numbers are read; from `[facts]` of `urgency_rules.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactWords {
    together: Vec<String>,
    with_me: Vec<String>,
    apart_before: Vec<String>,
    apart_after: Vec<String>,
    alone: Vec<String>,
    contract: Vec<String>,
    each: Vec<String>,
    pub no_money: Vec<String>,
}

impl FactWords {
    /// Every word with its bit.
    pub fn words(&self) -> impl Iterator<Item = (&str, u32)> {
        [
            (&self.together, word::TOGETHER),
            (&self.with_me, word::WITH_ME),
            (&self.apart_before, word::APART_BEFORE),
            (&self.apart_after, word::APART_AFTER),
            (&self.alone, word::ALONE),
            (&self.contract, word::CONTRACT),
            (&self.each, word::EACH),
        ]
        .into_iter()
        .flat_map(|(words, bit)| words.iter().map(move |w| (w.as_str(), bit)))
    }
}

impl Facts {
    /// The range that each number lies in, by the limits of the labelling guide (2, 5 and 20 people, 3 days, 50,000 yuan, 60).
    pub(super) fn ranges(&self) -> impl Iterator<Item = &'static str> {
        let people = self.people.as_ref().map(|p| match p.value {
            ..5 => "people 2-4",
            5..20 => "people 5-19",
            _ => "people 20+",
        });
        let bystanders = (self.bystanders && self.people.is_none()).then_some("people apart");
        let alone = self.alone.then_some("alone");
        let days = self.days_ago.iter().map(|d| d.value).min();
        let days = days.map(|days| match days {
            0 => "day 0",
            1..=3 => "days 1-3",
            4..=20 => "days 4-20",
            _ => "days 21+",
        });
        let age = self.age.as_ref().map(|a| match a.value {
            ..18 => "age -17",
            18..60 => "age 18-59",
            _ => "age 60+",
        });
        let most = |disputed: bool| {
            let amounts = self.amounts.iter().filter(move |a| a.disputed == disputed);
            amounts.map(|a| a.fen).max()
        };
        let amount = most(true).map(|fen| match fen {
            ..10_000 => "yuan -99",
            10_000..100_000 => "yuan 100-",
            100_000..1_000_000 => "yuan 1,000-",
            1_000_000..5_000_000 => "yuan 10,000-",
            _ => "yuan 50,000+",
        });
        let apart = most(false).filter(|fen| *fen >= 5_000_000);
        let apart = apart.map(|_| "yuan apart");
        [people, bystanders, alone, days, age, amount, apart]
            .into_iter()
            .flatten()
    }
}

/// Reads the facts of one text from its places.
pub(super) struct Reader<'a> {
    pub text: &'a str,
    pub places: &'a [Place],
    pub bits: &'a [u32],
    /// Behind 万 they say that it counts no money.
    pub no_money: &'a [String],
    /// Year, month and day of receipt.
    pub received: Option<(i16, i8, i8)>,
    pub facts: &'a mut Facts,
    /// Numbers that are read by their value, not as words.
    pub withheld: &'a mut Vec<Range<usize>>,
}

impl Reader<'_> {
    /// Reads what the unit at place `at` measures.
    pub fn read(&mut self, at: usize, unit: Unit) {
        let place = self.places[at];
        let (start, end) = (place.start as usize, place.end as usize);
        let before = &self.text[..start];
        match unit {
            Unit::Yuan | Unit::TenThousand => self.amount(at, unit),
            Unit::Day => self.date(start, end),
            Unit::People => {
                if let Some(number) = number_before(before) {
                    people::read(self, at, number);
                }
            }
            Unit::Both => people::read(self, at, (2.0, start)),
            Unit::Days(each) => {
                if let Some((n, start)) = number_before(before) {
                    self.ago(n as u32 * each, start..end);
                }
            }
            Unit::Ago(n) => {
                // The 前天 of 大前天 is no day before yesterday.
                if !before.ends_with('大') {
                    self.ago(n, start..end);
                }
            }
            Unit::Years => self.age(at, end),
        }
    }

    /// Whether the number that begins at `start` and ends with place `at` is the complainant's matter.
    pub fn counts(&self, at: usize, start: u32) -> bool {
        let counts = Counts {
            reported: true,
            past: true,
            conditional: true,
            solved: true,
            foreign: false,
        };
        scope::judge(self.places, self.bits, at, start, counts).is_none()
    }

    fn ago(&mut self, value: u32, range: Range<usize>) {
        self.facts.days_ago.push(Stated { value, range });
    }

    fn age(&mut self, at: usize, end: usize) {
        let before = &self.text[..self.places[at].start as usize];
        let Some((n, start)) = number_before(before) else {
            return;
        };
        self.withheld.push(start..end);
        let older = |a: &Stated| f64::from(a.value) < n;
        if (1.0..=110.0).contains(&n)
            && self.facts.age.as_ref().is_none_or(older)
            && self.counts(at, start as u32)
        {
            self.facts.age = Some(Stated {
                value: n as u32,
                range: start..end,
            });
        }
    }

    fn amount(&mut self, at: usize, unit: Unit) {
        let place = self.places[at];
        let before = &self.text[..place.start as usize];
        // 3万元 is read at 万; the 元 behind it belongs to it.
        if unit == Unit::Yuan && before.ends_with(['万', 'w', '亿']) {
            return;
        }
        let Some((mut value, start)) = number_before(before) else {
            return;
        };
        if self
            .facts
            .amounts
            .last()
            .is_some_and(|a| start < a.range.end)
        {
            return;
        }
        let mut end = place.end as usize;
        if unit == Unit::TenThousand {
            value *= 1e4;
            let tail = &self.text[end..];
            let yuan = ["多元", "余元", "元", "块钱", "块", "多块", "多"];
            if let Some(word) = yuan.iter().find(|w| tail.starts_with(**w)) {
                end += word.len();
            } else if let Some((rest, len)) = below_ten_thousand(tail) {
                value += rest;
                end += len;
            }
        } else if self.text[end..].starts_with("钱") {
            end += "钱".len();
        }
        if !(0.01..1e11).contains(&value) {
            return;
        }
        let (mut contract, mut each) = (false, false);
        for p in self.places[..at].iter().rev() {
            if p.start + 30 < start as u32 {
                break;
            }
            if p.end <= start as u32 {
                let b = self.bits[usize::from(p.word)];
                contract |= b & word::CONTRACT != 0 && start as u32 - p.start <= 24;
                each |= b & word::EACH != 0 && start as u32 - p.start <= 24;
            }
        }
        // 5万人, 3万公里, 十万火急: no money. Nor 百万医疗险, 千万别; 上百万 is.
        let tail = &self.text[end..];
        let bare = matches!(before[start..].trim_end(), "百" | "千") && end == place.end as usize;
        if bare && !before[..start].ends_with(['上', '数', '近', '过', '达', '小']) {
            return;
        }
        if unit == Unit::TenThousand && self.no_money.iter().any(|w| tail.starts_with(w.as_str())) {
            return;
        }
        let people = self.facts.people.as_ref().filter(|_| each);
        let times = people.map_or(1.0, |p| f64::from(p.value));
        let disputed = !contract && self.counts(at, start as u32);
        self.withheld.push(start..end);
        self.facts.amounts.push(Amount {
            fen: (value * times * 100.0).round() as i64,
            disputed,
            range: start..end,
        });
    }

    fn date(&mut self, unit_start: usize, end: usize) {
        let before = &self.text[..unit_start];
        let Some((day, day_start)) = number_before(before) else {
            return;
        };
        let Some(head) = before[..day_start].strip_suffix('月') else {
            return;
        };
        let Some((month, mut start)) = number_before(head) else {
            return;
        };
        if !(1.0..=31.0).contains(&day) || !(1.0..=12.0).contains(&month) {
            return;
        }
        let mut year = None;
        if let Some(head) = head[..start].strip_suffix('年')
            && let Some((y, s)) = number_before(head)
            && (1990.0..2100.0).contains(&y)
        {
            year = Some(y as i16);
            start = s;
        }
        let range = start..end;
        if let Some(today) = self.received {
            // Months of 31 days: exact within a month, and older events are not recent anyway.
            let date = |(y, m, d): (i32, i32, i32)| (y * 12 + m) * 31 + d;
            let this = i32::from(year.unwrap_or(today.0));
            let days = date((today.0.into(), today.1.into(), today.2.into()))
                - date((this, month as i32, day as i32));
            if days >= 0 {
                self.ago(days as u32, range.clone());
            }
        }
        self.facts.dates.push(DateMention {
            range,
            ymd: (year, month as i8, day as i8),
        });
    }
}

/// 三万五, 3万5, 四万九千九百九十九元: what follows 万, and its length in bytes.
fn below_ten_thousand(tail: &str) -> Option<(f64, usize)> {
    let first = tail.chars().next()?;
    let one = digit(first)?;
    let is_part = |c: char| digit(c).is_some() || matches!(c, '十' | '百' | '千');
    let part = tail.find(|c: char| !is_part(c)).unwrap_or(tail.len());
    let rest = &tail[part..];
    if let Some(yuan) = ["元", "块钱", "块"].iter().find(|w| rest.starts_with(**w))
        && let Some((value, 0)) = number_before(&tail[..part])
        && part > first.len_utf8()
        && value < 1e4
    {
        return Some((value, part + yuan.len()));
    }
    // The next digit counts thousands.
    Some((one * 1e3, first.len_utf8()))
}
