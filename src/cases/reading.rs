//! A telling read for comparison: pairs of characters, numbers, people, products, demands, words that point back.
//! Law: the result hangs on the telling and the settings alone. Decides nothing: `likeness` and `novelty` do.

use std::ops::Range;

use super::telling::Telling;
use crate::case_settings::{CaseSettings, CaseWords, PairBits};

/// Smaller numbers are words of the language (一个, 两次) rather than facts.
const LEAST_NUMBER: u64 = 500;

/// What is compared of one stretch of text.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Distinct pairs of neighbouring letters, sorted, with their bits.
    pub pairs: Vec<((char, char), f32)>,
    /// Sum of the bits.
    pub bits: f32,
    /// Distinct letters, sorted, with their bits, and their sum.
    pub letters: Vec<(char, f32)>,
    pub letter_bits: f32,
    /// Sums of money in hundredths of a yuan, distinct, sorted; then all numbers, in hundredths.
    pub sums: Vec<i64>,
    pub numbers: Vec<u64>,
    /// Month and day.
    pub dates: Vec<(i8, i8)>,
    /// Surnames with 姓, titles with the character before them.
    pub people: Vec<String>,
    pub products: Vec<String>,
    pub demands: Vec<String>,
    /// Words of `[words]` met.
    pub times: Vec<String>,
    pub proofs: Vec<String>,
    pub asks: bool,
    /// Tells what came later: 后来, 结果, 又.
    pub is_later: bool,
    pub points_back: bool,
    pub is_other: bool,
}

impl Marks {
    /// Of bytes `range` of a telling's text.
    pub fn of(telling: &Telling, range: Range<usize>, settings: &CaseSettings) -> Marks {
        let text = &telling.text[range.clone()];
        let words = &settings.words;
        let within = |span: &Range<u32>| {
            range.start <= span.start as usize && (span.end as usize) <= range.end
        };
        let mut marks = Marks {
            numbers: numbers(text),
            people: people(text, words),
            times: met(text, &words.times),
            proofs: met(text, &words.proofs),
            asks: any(text, &words.demands),
            is_later: any(text, &words.later),
            points_back: any(text, &words.back),
            is_other: any(text, &words.other),
            ..Marks::default()
        };
        for (span, fen) in &telling.amounts {
            if within(span) {
                marks.sums.push(*fen);
            }
        }
        for (span, (_, month, day)) in &telling.dates {
            if within(span) {
                marks.dates.push((*month, *day));
            }
        }
        for (span, name) in &telling.products {
            if within(span) {
                marks.products.push(name.clone());
            }
        }
        for (span, name) in &telling.demands {
            if within(span) {
                marks.demands.push(name.clone());
            }
        }
        marks.read_pairs(text, &settings.pairs);
        marks.tidy();
        marks
    }

    fn read_pairs(&mut self, text: &str, bits: &PairBits) {
        let mut before: Option<char> = None;
        let mut in_mask = false;
        for c in text.chars() {
            in_mask = (in_mask || c == '〔') && c != '〕';
            let is_letter = !in_mask && c.is_alphabetic();
            if let (Some(a), true) = (before, is_letter) {
                let pair = (a, c.to_ascii_lowercase());
                self.pairs.push((pair, bits.of(pair)));
            }
            if is_letter {
                let c = c.to_ascii_lowercase();
                self.letters.push((c, bits.letter(c)));
            }
            before = is_letter.then(|| c.to_ascii_lowercase());
        }
    }

    /// Takes in what another stretch has.
    pub fn add(&mut self, other: &Marks) {
        self.pairs.extend(&other.pairs);
        self.letters.extend(&other.letters);
        self.sums.extend(&other.sums);
        self.numbers.extend(&other.numbers);
        self.dates.extend(&other.dates);
        for (own, more) in [
            (&mut self.people, &other.people),
            (&mut self.products, &other.products),
            (&mut self.demands, &other.demands),
            (&mut self.times, &other.times),
            (&mut self.proofs, &other.proofs),
        ] {
            own.extend(more.iter().cloned());
        }
        self.asks |= other.asks;
        self.is_later |= other.is_later;
        self.points_back |= other.points_back;
        self.is_other |= other.is_other;
        self.tidy();
    }

    fn tidy(&mut self) {
        self.pairs.sort_by_key(|p| p.0);
        self.pairs.dedup_by_key(|p| p.0);
        self.bits = self.pairs.iter().map(|p| p.1).sum();
        self.letters.sort_by_key(|p| p.0);
        self.letters.dedup_by_key(|p| p.0);
        self.letter_bits = self.letters.iter().map(|p| p.1).sum();
        tidy(&mut self.sums);
        tidy(&mut self.numbers);
        tidy(&mut self.dates);
        tidy(&mut self.people);
        tidy(&mut self.products);
        tidy(&mut self.demands);
        tidy(&mut self.times);
        tidy(&mut self.proofs);
    }

    /// Bits of the pairs that both have.
    pub fn shared_bits(&self, other: &Marks) -> f32 {
        shared(&self.pairs, &other.pairs).sum()
    }

    /// Bits of the letters that both have.
    pub fn shared_letter_bits(&self, other: &Marks) -> f32 {
        shared(&self.letters, &other.letters).sum()
    }
}

/// The bits of what stands in both sorted lists.
fn shared<'m, T: Ord>(
    a: &'m [(T, f32)],
    b: &'m [(T, f32)],
) -> impl Iterator<Item = f32> + use<'m, T> {
    let mut rest = b;
    a.iter().filter_map(move |(item, bits)| {
        let at = rest.partition_point(|p| p.0 < *item);
        rest = &rest[at..];
        rest.first().filter(|p| p.0 == *item).map(|_| *bits)
    })
}

/// Length in letters of the longest run of letters that two texts share; marks and spaces not counted.
pub fn longest_run(a: &str, b: &str) -> usize {
    let letters =
        |text: &str| -> Vec<char> { text.chars().filter(|c| c.is_alphanumeric()).collect() };
    let (a, b) = (letters(a), letters(b));
    // Long transcripts are compared by their beginnings: the work is the product of the lengths.
    let (a, b) = (&a[..a.len().min(2000)], &b[..b.len().min(2000)]);
    let mut best = 0;
    let mut row = vec![0u16; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = if x == y { diagonal + 1 } else { 0 };
            best = best.max(*cell);
            diagonal = above;
        }
    }
    usize::from(best)
}

fn tidy<T: Ord>(items: &mut Vec<T>) {
    items.sort_unstable();
    items.dedup();
}

fn any(text: &str, words: &[String]) -> bool {
    words.iter().any(|w| text.contains(w.as_str()))
}

fn met(text: &str, words: &[String]) -> Vec<String> {
    let met = words.iter().filter(|w| text.contains(w.as_str()));
    met.cloned().collect()
}

/// 姓周, 周经理, 主管: surnames after 姓 or before it, titles with the letter before them.
fn people(text: &str, words: &CaseWords) -> Vec<String> {
    let mut out = Vec::new();
    for (at, mark) in text.match_indices('姓') {
        let after = text[at + mark.len()..].chars().next();
        let before = text[..at].chars().next_back();
        // 姓名 is a field of a form.
        if after != Some('名') {
            let is_name = |c: &char| c.is_alphabetic() && !"的个位叫是".contains(*c);
            let after = after.filter(is_name);
            out.extend(after.or(before.filter(is_name)).map(|c| format!("姓{c}")));
        }
    }
    for title in &words.titles {
        if text.contains(title.as_str()) {
            out.push(title.clone());
        }
    }
    // 刘某, not 某行 and 某天.
    for (at, _) in text.match_indices('某') {
        let before = text[..at].chars().next_back();
        out.extend(
            before
                .filter(|c| c.is_alphabetic())
                .map(|c| format!("姓{c}")),
        );
    }
    for name in ["〔姓名", "先生", "女士"] {
        if text.contains(name) {
            out.push(name.to_owned());
        }
    }
    out
}

/// Numbers of a text in hundredths, in digits or Chinese numerals, 万 and 亿 included; small ones left out.
pub fn numbers(text: &str) -> Vec<u64> {
    let mut out = Vec::new();
    let mut in_mask = false;
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        in_mask = (in_mask || c == '〔') && c != '〕';
        if in_mask || !(c.is_ascii_digit() || numeral(c).is_some()) {
            chars.next();
            continue;
        }
        let mut word = String::new();
        while let Some(&c) = chars.peek() {
            let goes_on = c.is_ascii_digit()
                || numeral(c).is_some()
                || (matches!(c, '.' | ',') && word.ends_with(|c: char| c.is_ascii_digit()));
            if !goes_on {
                break;
            }
            word.push(c);
            chars.next();
        }
        // 二一 and 三一 are years or ends of words; digits alone make a number from three on.
        let places = word
            .chars()
            .any(|c| c.is_ascii_digit() || numeral(c).is_some_and(|n| n < 0));
        if let Some(value) = value(&word)
            && value >= LEAST_NUMBER
            && (places || word.chars().count() != 2)
        {
            out.push(value);
        }
    }
    out
}

/// A numeral's worth, negative for the places 十 百 千 万 亿.
fn numeral(c: char) -> Option<i64> {
    Some(match c {
        '零' | '〇' => 0,
        '一' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        '十' => -10,
        '百' => -100,
        '千' => -1_000,
        '万' => -10_000,
        '亿' => -100_000_000,
        _ => return None,
    })
}

/// In hundredths: `1.2万`, `一万二`, `九千六`, `12,800`.
fn value(word: &str) -> Option<u64> {
    let mut total = 0f64;
    let mut section = 0f64;
    let mut current: Option<f64> = None;
    let mut unit = 1f64;
    let mut digits = String::new();
    let flush = |digits: &mut String, current: &mut Option<f64>| {
        if !digits.is_empty() {
            let plain: String = digits.trim_end_matches(['.', ',']).replace(',', "");
            *current = plain.parse().ok();
            digits.clear();
        }
    };
    let mut zero = false;
    for c in word.chars() {
        if c.is_ascii_digit() || matches!(c, '.' | ',') {
            digits.push(c);
            continue;
        }
        flush(&mut digits, &mut current);
        match numeral(c)? {
            n @ 0.. => {
                zero |= n == 0;
                // 二〇二五 and 一三八 are read digit by digit.
                current = Some(current.map_or(n as f64, |v| v * 10.0 + n as f64));
            }
            place @ (-10_000 | -100_000_000) => {
                unit = -place as f64;
                section += current
                    .take()
                    .unwrap_or(if section > 0.0 { 0.0 } else { 1.0 });
                total += section * unit;
                section = 0.0;
                zero = false;
            }
            place => {
                unit = -place as f64;
                section += current.take().unwrap_or(1.0) * unit;
                zero = false;
            }
        }
    }
    flush(&mut digits, &mut current);
    if let Some(rest) = current {
        let is_rounded =
            unit > 10.0 && !zero && rest < 10.0 && !word.ends_with(|c: char| c.is_ascii_digit());
        section += if is_rounded { rest * unit / 10.0 } else { rest };
    }
    let hundredths = ((total + section) * 100.0).round();
    (0.0..1e15)
        .contains(&hundredths)
        .then_some(hundredths as u64)
}

/// Clauses of a text: bytes between marks of punctuation, spaces trimmed, none empty.
pub fn clauses(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let ends = |c: char| "，。！？；：、,;!?\n…".contains(c);
    for (at, c) in text.char_indices() {
        // 、 joins words of one list, so it ends nothing.
        if ends(c) && c != '、' {
            // 1,200 is one number.
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
            let next = text[at + c.len_utf8()..].chars().next();
            if c == ',' && digit(text[..at].chars().next_back()) && digit(next) {
                continue;
            }
            push(text, start..at, &mut out);
            start = at + c.len_utf8();
        }
    }
    push(text, start..text.len(), &mut out);
    out
}

fn push(text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    let end = range.end - (part.len() - part.trim_end().len());
    if start < end && text[start..end].chars().any(char::is_alphanumeric) {
        out.push(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_value() {
        let of = |text: &str| {
            numbers(text)
                .iter()
                .map(|n| *n as f64 / 100.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(of("1.2万"), [12000.0]);
        assert_eq!(of("一万二"), [12000.0]);
        assert_eq!(of("九千六"), [9600.0]);
        assert_eq!(of("两百七十五"), [275.0]);
        assert_eq!(of("12,800元，三万零五十块"), [12800.0, 30050.0]);
        assert_eq!(of("十二期，一百零五"), [12.0, 105.0]);
        assert_eq!(of("480和四百八"), [480.0, 480.0]);
        assert_eq!(of("3万1"), [30001.0]);
        assert_eq!(of("二〇二五年"), [2025.0]);
        assert!(of("一个，两次，〔电话1234567〕").is_empty());
        assert!(of("").is_empty());
    }

    #[test]
    fn clauses_leave_out_marks_and_keep_numbers() {
        let text = "扣了1,200元，不退。\n 我要 告你们！！";
        let parts: Vec<&str> = clauses(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(parts, ["扣了1,200元", "不退", "我要 告你们"]);
        assert!(clauses("，。").is_empty());
    }
}
