//! Whether a cue is the complainant's own, present assertion: negation, quotation, statutes, tense, other people's cases.

use std::ops::Range;

use serde::Deserialize;

/// The words that take a cue's force away; from `[scope]` of `urgency_rules.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scope {
    negation: Vec<String>,
    double: Vec<String>,
    others: Vec<String>,
    past: Vec<String>,
    other_case: Vec<String>,
}

/// A negation reaches this far to its right, in characters: “没有真的想不开”, chosen.
const NEGATION_CHARS: usize = 8;
/// Longest sentence looked at, in bytes to each side; speech recognition writes none at all.
const SENTENCE_BYTES: usize = 180;

impl Scope {
    /// Whether the cue at `range` counts.
    pub fn asserts(&self, text: &str, range: Range<usize>) -> bool {
        let clause = clause_before(text, range.start);
        // The cue may begin with its own negation (不想活): only what stands before it negates.
        let near = last_chars(clause, NEGATION_CHARS);
        if let Some(at) = self.last_negation(near)
            && !self
                .double
                .iter()
                .any(|d| near[..at.end].ends_with(d.as_str()) || near.contains(d.as_str()))
        {
            return false;
        }
        let sentence = sentence(text, range.start);
        let before = &text[sentence.start..range.start];
        if inside(before, '《', '》') {
            return false;
        }
        if inside(before, '“', '”') || inside(before, '「', '」') {
            // One's own words quoted count: 我说“我要跳楼”.
            let lead = before.rsplit(['“', '「']).nth(1).unwrap_or("");
            let lead = last_chars(lead.trim_end_matches([':', '：', ',', '，']), 6);
            return lead.contains("我说") || lead.contains("我讲") || lead.contains("我就说");
        }
        if self.others.iter().any(|o| clause.contains(o.as_str())) {
            return false;
        }
        !contains_any(clause, &self.past) && !contains_any(before, &self.other_case)
    }

    /// Whether what stands at `range` is somebody else's case: 新闻说有二十人…
    pub fn is_foreign(&self, text: &str, range: Range<usize>) -> bool {
        let sentence = sentence(text, range.start);
        contains_any(&text[sentence.start..range.start], &self.other_case)
    }

    /// The last negation that is not part of a longer harmless word.
    fn last_negation(&self, near: &str) -> Option<Range<usize>> {
        self.negation
            .iter()
            .filter_map(|n| near.rfind(n.as_str()).map(|at| at..at + n.len()))
            .filter(|r| {
                !near[r.start..].starts_with("别人") && !near[r.start..].starts_with("未来")
            })
            .filter(|r| {
                !near[..r.start].ends_with(['特', '级', '性', '区', '分', '个', '类'])
                    || !near[r.start..].starts_with('别')
            })
            .max_by_key(|r| r.end)
    }
}

fn contains_any(text: &str, words: &[String]) -> bool {
    words.iter().any(|w| text.contains(w.as_str()))
}

/// An opening mark in `before` is not closed.
fn inside(before: &str, open: char, close: char) -> bool {
    match (before.rfind(open), before.rfind(close)) {
        (Some(o), Some(c)) => o > c,
        (Some(_), None) => true,
        _ => false,
    }
}

/// The text between the last punctuation and `at`.
fn clause_before(text: &str, at: usize) -> &str {
    let window = &text[floor(text, at.saturating_sub(SENTENCE_BYTES))..at];
    let start = window
        .char_indices()
        .rev()
        .find(|(_, c)| is_clause_end(*c))
        .map_or(0, |(i, c)| i + c.len_utf8());
    let clause = &window[start..];
    // A contrast ends the reach of what stands before it: 没要曝光但是要起诉.
    let turn = ["但是", "而是", "只是", "但", "可是", "不过"]
        .iter()
        .filter_map(|t| clause.rfind(t).map(|i| i + t.len()))
        .max()
        .unwrap_or(0);
    &clause[turn..]
}

/// The sentence around `at`, cut at `SENTENCE_BYTES` to each side.
pub(super) fn sentence(text: &str, at: usize) -> Range<usize> {
    let low = floor(text, at.saturating_sub(SENTENCE_BYTES));
    let high = floor(text, (at + SENTENCE_BYTES).min(text.len()));
    let start = text[low..at]
        .char_indices()
        .rev()
        .find(|(_, c)| is_sentence_end(*c))
        .map_or(low, |(i, c)| low + i + c.len_utf8());
    let end = text[at..high]
        .char_indices()
        .find(|(_, c)| is_sentence_end(*c))
        .map_or(high, |(i, _)| at + i);
    start..end
}

fn is_sentence_end(c: char) -> bool {
    matches!(c, '。' | '!' | '?' | '！' | '？' | '\n' | '；' | ';')
}

fn is_clause_end(c: char) -> bool {
    is_sentence_end(c)
        || matches!(
            c,
            ',' | '，' | '、' | ':' | '：' | '“' | '”' | '「' | '」' | ' '
        )
}

fn last_chars(text: &str, n: usize) -> &str {
    let start = text
        .char_indices()
        .rev()
        .nth(n.saturating_sub(1))
        .map_or(0, |(i, _)| i);
    &text[start..]
}

/// The nearest character border at or before `at`.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
