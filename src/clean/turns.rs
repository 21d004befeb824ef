//! A cleaned text enters, its turns leave, each with who speaks. Law: ranges lie in the text, sorted, not overlapping.
//! A label once is no transcript: letters and forms stay one turn of an unknown speaker. Labels are data (speakers.csv).

use std::ops::Range;

use memchr::memmem;
use rustc_hash::FxHashSet;

use super::tables::Words;

/// Who speaks; `Unknown` counts as the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    Customer,
    Agent,
    Unknown,
}

/// One turn: bytes of `CleanText::text()`, the label excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub speaker: Speaker,
    pub range: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Agent,
    Customer,
    /// `A：`, `Q：`, `甲：`: who it is shows only from what is said.
    Letter(char),
    /// A masked name as label.
    Named,
}

#[derive(Clone, Copy)]
struct Label {
    start: usize,
    end: usize,
    who: Who,
}

pub(super) struct Speakers {
    /// Longest first; true for the agent.
    words: Vec<(String, bool)>,
    last_chars: FxHashSet<char>,
    starts: Words<bool>,
    agent_cues: Vec<String>,
}

const COLON: &str = "：";

impl Speakers {
    pub(super) fn new(words: Vec<(String, bool)>, agent_cues: Vec<String>) -> Self {
        Speakers {
            last_chars: words.iter().filter_map(|w| w.0.chars().last()).collect(),
            starts: Words::new(words.iter().cloned()),
            words,
            agent_cues,
        }
    }

    /// End of a label that starts at `at`, for matchers that follow an answer over a turn's border.
    pub(super) fn label_end(&self, text: &str, at: usize) -> Option<usize> {
        self.at_line(text, at).map(|l| l.end)
    }

    pub(super) fn turns(&self, text: &str) -> Vec<Turn> {
        if text.is_empty() {
            return Vec::new();
        }
        let single = || {
            vec![Turn {
                speaker: Speaker::Unknown,
                range: 0..text.len(),
            }]
        };
        let labels = self.labels(text);
        if labels.len() < 2 {
            return single();
        }
        let Some(speakers) = self.judge(text, &labels) else {
            return single();
        };
        let mut out = Vec::with_capacity(labels.len() + 1);
        push(&mut out, text, Speaker::Unknown, 0..labels[0].start);
        for (k, l) in labels.iter().enumerate() {
            let end = labels.get(k + 1).map_or(text.len(), |n| n.start);
            push(&mut out, text, speakers[k], l.end..end);
        }
        out
    }

    fn labels(&self, text: &str) -> Vec<Label> {
        let mut out: Vec<Label> = Vec::new();
        let bytes = text.as_bytes();
        let mut starts = memchr::memchr_iter(b'\n', bytes).map(|k| k + 1).peekable();
        let first = self.at_line(text, 0);
        let inline = first.is_some();
        out.extend(first);
        if !inline && starts.peek().is_none() {
            return out;
        }
        let mut colons = memmem::find_iter(bytes, COLON).peekable();
        loop {
            let line = starts.peek().copied().unwrap_or(usize::MAX);
            let colon = colons.peek().copied().unwrap_or(usize::MAX);
            if line == usize::MAX && colon == usize::MAX {
                return out;
            }
            let found = if line <= colon {
                starts.next();
                self.at_line(text, line)
            } else {
                colons.next();
                inline
                    .then(|| self.before_colon(text, colon, out.last().map(|l| l.who)))
                    .flatten()
            };
            if let Some(l) = found
                && out.last().is_none_or(|p| p.end <= l.start)
            {
                out.push(l);
            }
        }
    }

    /// A label at the start of a line: time, bracket, speaker, staff number, time, colon, in many mixtures.
    fn at_line(&self, text: &str, start: usize) -> Option<Label> {
        let mut at = skip_time(text, start);
        let timed = at > start;
        let mut rest = &text[at..];
        let bracket = rest.chars().next().filter(|c| "【[（<《".contains(*c));
        if let Some(b) = bracket {
            at += b.len_utf8();
            rest = &text[at..];
        }
        let c = rest.chars().next()?;
        let (who, len) = if let Some((w, agent)) = self.starts.at(rest) {
            (if agent { Who::Agent } else { Who::Customer }, w.len())
        } else if matches!(c, 'A' | 'B' | 'Q' | '甲' | '乙' | 'a' | 'b' | 'q')
            && rest[c.len_utf8()..].starts_with(COLON)
        {
            (Who::Letter(c.to_ascii_uppercase()), c.len_utf8())
        } else if c == '〔' {
            (Who::Named, 0)
        } else {
            return None;
        };
        at += len;
        at = skip_suffix(text, at);
        if who == Who::Named && at == start {
            return None;
        }
        let mut closed = false;
        if bracket.is_some()
            && let Some(c) = text[at..].chars().next()
            && "】]）>》".contains(c)
        {
            at += c.len_utf8();
            closed = true;
        }
        if bracket.is_some() && !closed {
            return None;
        }
        let after = skip_time(text, at);
        let timed = timed || after > at;
        at = after;
        let rest = text[at..].trim_start_matches(' ');
        at = text.len() - rest.len();
        let end = if rest.starts_with(COLON) || rest.starts_with('\n') {
            at + rest.chars().next().map_or(0, char::len_utf8)
        } else if (closed && who != Who::Named) || (timed && len > 0) || rest.is_empty() {
            at
        } else {
            return None;
        };
        Some(Label { start, end, who })
    }

    /// A label in the middle of a line, found from its colon; another speaker than the one before, or after a mark.
    fn before_colon(&self, text: &str, colon: usize, previous: Option<Who>) -> Option<Label> {
        let end = colon + COLON.len();
        let head = text[..colon].trim_end_matches(|c: char| c.is_ascii_digit());
        let head = match head.chars().next_back()? {
            c if self.last_chars.contains(&c) => head,
            _ => text[..colon].trim_end_matches(|c: char| c.is_ascii_alphanumeric()),
        };
        let c = head.chars().next_back()?;
        let (start, who) = if self.last_chars.contains(&c)
            && let Some((w, agent)) = self.words.iter().find(|(w, _)| head.ends_with(w.as_str()))
        {
            let who = if *agent { Who::Agent } else { Who::Customer };
            (head.len() - w.len(), who)
        } else {
            let c = text[..colon].chars().next_back()?;
            match previous {
                Some(Who::Letter(_)) if matches!(c, 'A' | 'B' | 'Q' | '甲' | '乙') => {
                    (colon - c.len_utf8(), Who::Letter(c))
                }
                _ => return None,
            }
        };
        let before = text[..start].chars().next_back();
        let at_mark = before.is_none_or(|c| c == ' ' || "，。！？；…”）】]\n".contains(c));
        (at_mark || previous != Some(who)).then_some(Label { start, end, who })
    }

    /// Who speaks behind each label, or None if the labels make no transcript.
    fn judge(&self, text: &str, labels: &[Label]) -> Option<Vec<Speaker>> {
        let agents = labels.iter().filter(|l| l.who == Who::Agent).count();
        let customers = labels.iter().filter(|l| l.who == Who::Customer).count();
        let letters: Vec<char> = labels
            .iter()
            .filter_map(|l| match l.who {
                Who::Letter(c) => Some(c),
                _ => None,
            })
            .collect();
        if agents + customers >= letters.len() {
            if agents + customers < 2 && !(agents == 1 && labels.len() > 1) {
                return None;
            }
            if agents <= 1 && customers <= 1 && has_other_fields(text, labels) {
                return None;
            }
            return Some(
                labels
                    .iter()
                    .map(|l| match l.who {
                        Who::Agent => Speaker::Agent,
                        Who::Customer => Speaker::Customer,
                        Who::Named if agents > 0 && customers == 0 => Speaker::Customer,
                        Who::Named | Who::Letter(_) => Speaker::Unknown,
                    })
                    .collect(),
            );
        }
        // Letters: the side that talks like an agent is the agent.
        let first = *letters.first()?;
        let other = *letters.iter().find(|c| **c != first)?;
        let mut cues = [0usize; 2];
        for (k, l) in labels.iter().enumerate() {
            let end = labels.get(k + 1).map_or(text.len(), |n| n.start);
            let said = &text[l.end..end];
            let n = self
                .agent_cues
                .iter()
                .filter(|c| said.contains(c.as_str()))
                .count();
            match l.who {
                Who::Letter(c) if c == first => cues[0] += n,
                Who::Letter(c) if c == other => cues[1] += n,
                _ => {}
            }
        }
        let agent = match cues {
            [a, b] if a > b => first,
            [a, b] if b > a => other,
            [0, 0] => return None,
            _ => first,
        };
        Some(
            labels
                .iter()
                .map(|l| match l.who {
                    Who::Letter(c) if c == agent => Speaker::Agent,
                    Who::Letter(c) if c == first || c == other => Speaker::Customer,
                    Who::Agent => Speaker::Agent,
                    Who::Customer => Speaker::Customer,
                    _ => Speaker::Unknown,
                })
                .collect(),
        )
    }
}

/// A form has other fields beside the two people (电话：, 诉求：); a transcript of two turns has not.
fn has_other_fields(text: &str, labels: &[Label]) -> bool {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_label = labels.iter().any(|l| l.start == at);
        if !is_label
            && let Some(k) = line.find(COLON)
            && (2..=8).contains(&line[..k].chars().count())
        {
            return true;
        }
        at += line.len();
    }
    false
}

fn push(out: &mut Vec<Turn>, text: &str, speaker: Speaker, r: Range<usize>) {
    let blank = |c: char| c == ' ' || c == '\n';
    let s = &text[r.clone()];
    let start = r.start + (s.len() - s.trim_start_matches(blank).len());
    let end = r.start + s.trim_end_matches(blank).len();
    if start < end {
        out.push(Turn {
            speaker,
            range: start..end,
        });
    }
}

/// Past a time stamp, with or without brackets, and the spaces round it.
fn skip_time(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start_matches(' ');
    let start = text.len() - rest.len();
    let (open, close) = match rest.chars().next() {
        Some('[') => ('[', "]"),
        Some('【') => ('【', "】"),
        Some('（') => ('（', "）"),
        _ => {
            let stamp = |c: char| c.is_ascii_digit() || "-:：/. T年月日".contains(c);
            let body = rest.trim_start_matches(stamp);
            let len = rest.len() - body.len();
            let digits = rest[..len].bytes().filter(u8::is_ascii_digit).count();
            let fits = digits >= 3 && rest[..len].contains([':', '-', '/', '日', '：']);
            return if fits { start + len } else { at };
        }
    };
    let body = &rest[open.len_utf8()..];
    match body.find(close) {
        Some(k)
            if k > 0
                && body[..k]
                    .chars()
                    .all(|c| c.is_ascii_digit() || "-:：/., T→>~年月日".contains(c)) =>
        {
            let end = start + open.len_utf8() + k + close.len();
            end + (text[end..].len() - text[end..].trim_start_matches(' ').len())
        }
        _ => at,
    }
}

/// Past what may follow the speaker's word: a staff number, a masked name with its title, a bracket, 小 and a surname.
fn skip_suffix(text: &str, at: usize) -> usize {
    let mut at = at;
    for _ in 0..3 {
        let rest = &text[at..];
        let c = match rest.chars().next() {
            Some(c) => c,
            None => return at,
        };
        let len = match c {
            '〔' => match rest.find('〕') {
                Some(k) if k < 40 => {
                    let end = k + '〕'.len_utf8();
                    let title: usize = rest[end..]
                        .chars()
                        .take(3)
                        .take_while(|c| super::normalise::is_hanzi(*c))
                        .map(char::len_utf8)
                        .sum();
                    end + title
                }
                _ => return at,
            },
            '（' => match rest.find('）') {
                Some(k) if k < 60 && !rest[..k].contains('\n') => k + '）'.len_utf8(),
                _ => return at,
            },
            '小' => rest.chars().take(2).map(char::len_utf8).sum(),
            '_' | '-' | '#' => 1,
            c if c.is_ascii_alphanumeric() => {
                let n = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
                // A time behind the name is not a staff number.
                if n > 12 || rest[n..].starts_with([':', '-']) {
                    return at;
                }
                n
            }
            ' ' if rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric()) => {
                let n = rest[1..]
                    .bytes()
                    .take_while(u8::is_ascii_alphanumeric)
                    .count();
                if n > 12 || rest[1 + n..].starts_with([':', '-']) {
                    return at;
                }
                1 + n
            }
            _ => return at,
        };
        at += len;
    }
    at
}
