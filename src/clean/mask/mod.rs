//! A normalised text enters, the same text with personal data replaced by `〔手机1〕`-like masks leaves.
//! Law: matching is repeated on the masked text until nothing is found, so a masked text holds nothing that a matcher finds.
//! Masks that the text already holds stay. Kinds and their proofs live in one small file each; the order of trust is `rank`.

mod address;
mod alnum;
mod checks;
mod labelled;
mod name;
mod number;
mod people;
mod spoken;

use std::ops::Range;

use daachorse::CharwiseDoubleArrayAhoCorasick;
use memchr::memmem;
use rustc_hash::FxHashMap;

use super::offsets::Offsets;
use super::tables::{Tables, Words};
use super::turns::Speakers;

/// What a mask stands for; `NamePartial` is a surname before a title, `Secret` a password, code, CVV or card expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaskKind {
    Name,
    NamePartial,
    Phone,
    Landline,
    Id18,
    Id15,
    Card,
    Passport,
    Permit,
    Plate,
    Uscc,
    PolicyNo,
    ContractNo,
    OrderNo,
    Email,
    Wechat,
    Qq,
    Address,
    Secret,
}

impl MaskKind {
    pub const ALL: [MaskKind; 19] = {
        use MaskKind::*;
        [
            Name,
            NamePartial,
            Phone,
            Landline,
            Id18,
            Id15,
            Card,
            Passport,
            Permit,
            Plate,
            Uscc,
            PolicyNo,
            ContractNo,
            OrderNo,
            Email,
            Wechat,
            Qq,
            Address,
            Secret,
        ]
    };

    /// The name of the kind in files and metrics.
    pub fn code(self) -> &'static str {
        self.names().0
    }

    /// The word in the mask; `Name` and `NamePartial` share theirs, and the two sorts of identity number as well.
    pub fn label(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            MaskKind::Name => ("name", "姓名"),
            MaskKind::NamePartial => ("name_partial", "姓名"),
            MaskKind::Phone => ("phone", "手机"),
            MaskKind::Landline => ("landline", "座机"),
            MaskKind::Id18 => ("id18", "身份证"),
            MaskKind::Id15 => ("id15", "身份证"),
            MaskKind::Card => ("card", "银行卡"),
            MaskKind::Passport => ("passport", "护照"),
            MaskKind::Permit => ("permit", "通行证"),
            MaskKind::Plate => ("plate", "车牌"),
            MaskKind::Uscc => ("uscc", "信用代码"),
            MaskKind::PolicyNo => ("policy_no", "保单号"),
            MaskKind::ContractNo => ("contract_no", "合同号"),
            MaskKind::OrderNo => ("order_no", "单号"),
            MaskKind::Email => ("email", "邮箱"),
            MaskKind::Wechat => ("wechat", "微信号"),
            MaskKind::Qq => ("qq", "QQ号"),
            MaskKind::Address => ("address", "地址"),
            MaskKind::Secret => ("secret", "密码"),
        }
    }
}

/// One mask of a `CleanText`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    pub kind: MaskKind,
    /// Counts from 1 per label and complaint; the same value has the same number. Stays at 65535 beyond that.
    pub number: u16,
    /// Bytes in `CleanText::text()`.
    pub range: Range<usize>,
    /// Bytes in the raw text.
    pub original: Range<usize>,
}

/// What a cue announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    NameLabel,
    NameSay,
    NameRole,
    NameAsk,
    NameAfter,
    /// 艾特, the sign @ as it is said.
    At,
    /// 后三位: a card's code only near its expiry.
    Tail,
    Number(MaskKind),
    Code,
    Cvv,
    Expiry,
    Address,
    /// Index into the titles.
    Title(u16),
    Unit,
    Spoken,
    Opening,
}

const CLASSES: [(&str, Class); 26] = [
    ("name_label", Class::NameLabel),
    ("name_say", Class::NameSay),
    ("name_role", Class::NameRole),
    ("name_ask", Class::NameAsk),
    ("name_after", Class::NameAfter),
    ("at", Class::At),
    ("tail", Class::Tail),
    ("id", Class::Number(MaskKind::Id18)),
    ("phone", Class::Number(MaskKind::Phone)),
    ("card", Class::Number(MaskKind::Card)),
    ("policy_no", Class::Number(MaskKind::PolicyNo)),
    ("contract_no", Class::Number(MaskKind::ContractNo)),
    ("order_no", Class::Number(MaskKind::OrderNo)),
    ("passport", Class::Number(MaskKind::Passport)),
    ("permit", Class::Number(MaskKind::Permit)),
    ("uscc", Class::Number(MaskKind::Uscc)),
    ("plate", Class::Number(MaskKind::Plate)),
    ("wechat", Class::Number(MaskKind::Wechat)),
    ("qq", Class::Number(MaskKind::Qq)),
    ("email", Class::Number(MaskKind::Email)),
    ("secret", Class::Number(MaskKind::Secret)),
    ("code", Class::Code),
    ("cvv", Class::Cvv),
    ("expiry", Class::Expiry),
    ("address", Class::Address),
    ("unit", Class::Unit),
];

impl Class {
    pub(super) fn parse(code: &str) -> Option<Class> {
        CLASSES.iter().find(|c| c.0 == code).map(|c| c.1)
    }

    pub(super) fn codes() -> String {
        CLASSES.map(|c| c.0).join(" ")
    }
}

#[derive(Clone, Copy)]
struct Hit {
    start: usize,
    end: usize,
    class: Class,
}

/// A value found: bytes of the text that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: MaskKind,
}

/// One text under search: its cues, and the masks it already holds.
struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// In order of their ends.
    hits: Vec<Hit>,
    held: Vec<(Range<usize>, MaskKind, u16)>,
}

impl Scan<'_> {
    fn after(&self, at: usize) -> Option<char> {
        self.text[at..].chars().next()
    }

    fn before(&self, at: usize) -> Option<char> {
        self.text[..at].chars().next_back()
    }

    /// The mask that covers byte `at`.
    fn held_at(&self, at: usize) -> Option<&Range<usize>> {
        let k = self.held.partition_point(|h| h.0.end <= at);
        self.held.get(k).map(|h| &h.0).filter(|r| r.start <= at)
    }

    /// Whether a cue of this kind stands anywhere in the text.
    fn mentions(&self, kind: MaskKind) -> bool {
        self.hits.iter().any(|h| h.class == Class::Number(kind))
    }

    /// The last cue for a number that ends within `reach` bytes before `at`, if nothing of its sort stands between.
    fn cue_before(&self, at: usize, reach: usize) -> Option<(MaskKind, usize)> {
        let k = self.hits.partition_point(|h| h.end <= at);
        self.hits[..k]
            .iter()
            .rev()
            .take_while(|h| h.end + reach >= at)
            .find_map(|h| match h.class {
                Class::Number(kind) => Some((kind, h.end)),
                _ => None,
            })
    }
}

pub(super) struct Masker {
    /// By characters, not bytes: its few kilobytes stay in the cache. Values are indices into `classes`.
    cues: CharwiseDoubleArrayAhoCorasick<u32>,
    /// The classes of each pattern: one word may be several cues.
    classes: Vec<Vec<Class>>,
    pub(super) speakers: Speakers,
    tables: Tables,
    /// For U+4E00..U+A000, what the character can be in a name.
    people: people::Traits,
    /// Titles of two characters and more.
    titles: Words<()>,
    institutions: Words<()>,
}

impl Masker {
    pub(super) fn new(mut tables: Tables) -> Self {
        let mut places: FxHashMap<String, usize> = FxHashMap::default();
        let mut patterns: Vec<String> = Vec::new();
        let mut classes: Vec<Vec<Class>> = Vec::new();
        let mut add = |text: &str, class: Class| {
            let place = *places.entry(text.to_owned()).or_insert_with(|| {
                patterns.push(text.to_owned());
                classes.push(Vec::new());
                patterns.len() - 1
            });
            classes[place].push(class);
        };
        for (text, class) in &tables.cues {
            add(text, *class);
        }
        for (k, (title, _)) in tables.titles.iter().enumerate() {
            add(title, Class::Title(k.min(u16::MAX as usize) as u16));
        }
        for second in "三四五六七八九".chars() {
            add(&format!("幺{second}"), Class::Spoken);
            add(&format!("一{second}"), Class::Spoken);
        }
        add("〔", Class::Opening);
        let speakers = Speakers::new(
            std::mem::take(&mut tables.speakers),
            std::mem::take(&mut tables.agent_cues),
        );
        let cues = CharwiseDoubleArrayAhoCorasick::new(&patterns)
            // Patterns are distinct and not empty (`Tables::load`); beyond that building fails only at 2^24 of them.
            .unwrap_or_else(|_| unreachable!("the cues of data/clean fit an automaton"));
        Masker {
            people: people::Traits::new(&tables),
            titles: Words::new(
                tables
                    .titles
                    .iter()
                    .filter(|t| t.0.chars().count() > 1)
                    .map(|t| (t.0.clone(), ())),
            ),
            institutions: Words::new(name::INSTITUTIONS.map(|w| (w.to_owned(), ()))),
            cues,
            classes,
            speakers,
            tables,
        }
    }

    /// `text` with every value masked, the masks, and what each stands for in `text`. `offsets` lead on to the raw text.
    pub(super) fn apply(
        &self,
        text: &str,
        offsets: &Offsets,
    ) -> (String, Vec<Mask>, Vec<Range<usize>>) {
        let mut scan = self.scan(text);
        let mut spans = self.search(&scan);
        let first = std::mem::take(&mut scan.hits);
        loop {
            let (masked, masks, sources) = self.write(text, offsets, &spans);
            if spans.is_empty() {
                return (masked, masks, sources);
            }
            let more = self.search(&rescan(&masked, &first, &masks, &sources));
            if more.is_empty() {
                return (masked, masks, sources);
            }
            // Back into the text without masks: what lies between two masks is shifted as a whole.
            for s in more {
                let k = masks.partition_point(|m| m.range.end <= s.start);
                let shift = |at: usize| match k.checked_sub(1) {
                    Some(k) => sources[k].end + (at - masks[k].range.end),
                    None => at,
                };
                spans.push(Span {
                    start: shift(s.start),
                    end: shift(s.end),
                    kind: s.kind,
                });
            }
            spans.sort_by_key(|s| s.start);
        }
    }

    fn scan<'a>(&self, text: &'a str) -> Scan<'a> {
        let mut scan = Scan {
            text,
            bytes: text.as_bytes(),
            hits: Vec::new(),
            held: Vec::new(),
        };
        for m in self.cues.find_overlapping_iter(text) {
            for &class in &self.classes[m.value() as usize] {
                if let Class::Opening = class {
                    scan.held.extend(held_mask(text, m.start()));
                } else if scan.held.last().is_none_or(|h| h.0.end <= m.start()) {
                    scan.hits.push(Hit {
                        start: m.start(),
                        end: m.end(),
                        class,
                    });
                }
            }
        }
        scan
    }

    fn search(&self, scan: &Scan) -> Vec<Span> {
        let mut out = Vec::new();
        number::find(self, scan, &mut out);
        alnum::emails(scan, &mut out);
        self.cued(scan, &mut out);
        self.settle(scan, out)
    }

    /// All matchers that start from a cue.
    fn cued(&self, scan: &Scan, out: &mut Vec<Span>) {
        let mut names = Vec::new();
        for hit in &scan.hits {
            match hit.class {
                Class::Number(_) | Class::Code | Class::Cvv | Class::Expiry | Class::Tail => {
                    labelled::find(self, scan, hit, out)
                }
                Class::Spoken => spoken::phone(scan, hit.start, out),
                Class::Unit => address::from_unit(self, scan, hit, out),
                Class::Address => address::from_cue(self, scan, hit, out),
                Class::Title(t) => people::titled(self, scan, hit, Some(t), &mut names),
                Class::NameAfter => people::titled(self, scan, hit, None, &mut names),
                Class::At => alnum::spoken_email(scan, hit, out),
                Class::NameLabel | Class::NameSay | Class::NameRole | Class::NameAsk => {
                    name::from_cue(self, scan, hit, &mut names)
                }
                Class::Opening => {}
            }
            match hit.class {
                Class::Number(MaskKind::Id18 | MaskKind::Phone) => {
                    people::before_number(self, scan, hit.start, false, &mut names)
                }
                Class::NameLabel => people::before_number(self, scan, hit.start, true, &mut names),
                _ => {}
            }
        }
        for s in out.iter() {
            if matches!(s.kind, MaskKind::Phone | MaskKind::Id18) {
                people::before_number(self, scan, s.start, false, &mut names);
            }
        }
        people::signature(self, scan, &mut names);
        people::alone(self, scan, &mut names);
        people::free(self, scan, &mut names);
        people::again(scan, &names, out);
        out.append(&mut names);
        labelled::again(self, scan, out);
    }

    /// Drops what overlaps: the higher rank stays, then the longer, then the earlier.
    fn settle(&self, scan: &Scan, mut found: Vec<Span>) -> Vec<Span> {
        found.retain(|s| {
            s.start < s.end
                && scan
                    .held
                    .iter()
                    .all(|h| s.end <= h.0.start || h.0.end <= s.start)
        });
        if found.len() < 2 {
            return found;
        }
        found.sort_by_key(|s| (s.start, std::cmp::Reverse(s.end), rank(s.kind)));
        let mut out: Vec<Span> = Vec::with_capacity(found.len());
        for s in found {
            match out.last_mut() {
                Some(p) if s.start < p.end => {
                    let longer = s.end - s.start > p.end - p.start;
                    if rank(s.kind) < rank(p.kind) || (rank(s.kind) == rank(p.kind) && longer) {
                        *p = s;
                        while out.len() > 1 && out[out.len() - 2].end > out[out.len() - 1].start {
                            let k = out.len() - 2;
                            out.remove(k);
                        }
                    }
                }
                _ => out.push(s),
            }
        }
        out
    }

    /// The text with its masks in place, the masks, and what each stands for in `text`.
    fn write(
        &self,
        text: &str,
        offsets: &Offsets,
        spans: &[Span],
    ) -> (String, Vec<Mask>, Vec<Range<usize>>) {
        let mut held = Vec::new();
        if text.contains('〔') {
            let mut end = 0;
            for at in memmem::find_iter(text.as_bytes(), "〔") {
                if at >= end
                    && let Some(h) = held_mask(text, at)
                {
                    end = h.0.end;
                    held.push(h);
                }
            }
        }
        if spans.is_empty() && held.is_empty() {
            return (text.to_owned(), Vec::new(), Vec::new());
        }
        let mut last: FxHashMap<&'static str, u16> = FxHashMap::default();
        for (_, kind, n) in &held {
            let top = last.entry(kind.label()).or_default();
            *top = (*top).max(*n);
        }
        let mut numbers: FxHashMap<(&'static str, String), u16> = FxHashMap::default();
        let mut out = String::with_capacity(text.len() + 16 * spans.len());
        let (mut masks, mut sources) = (Vec::new(), Vec::new());
        let mut at = 0;
        let mut held = held.into_iter().peekable();
        let mut spans = spans.iter().peekable();
        loop {
            let held_first = match (held.peek(), spans.peek()) {
                (None, None) => break,
                (Some(h), Some(s)) => h.0.start < s.start,
                (h, _) => h.is_some(),
            };
            let (range, kind, number) = if held_first {
                let Some(h) = held.next() else { break };
                h
            } else {
                let Some(s) = spans.next() else { break };
                let label = s.kind.label();
                let top = last.entry(label).or_default();
                let mut fresh = || {
                    *top = top.saturating_add(1);
                    *top
                };
                let number = if s.kind == MaskKind::Secret {
                    fresh()
                } else {
                    let value = checks::canonical(s.kind, &text[s.start..s.end]);
                    *numbers.entry((label, value)).or_insert_with(fresh)
                };
                (s.start..s.end, s.kind, number)
            };
            out.push_str(&text[at..range.start]);
            let start = out.len();
            if held_first {
                out.push_str(&text[range.clone()]);
            } else {
                out.push('〔');
                out.push_str(kind.label());
                out.push_str(&number.to_string());
                out.push('〕');
            }
            masks.push(Mask {
                kind,
                number,
                range: start..out.len(),
                original: offsets.source(range.clone()),
            });
            at = range.end;
            sources.push(range);
        }
        out.push_str(&text[at..]);
        (out, masks, sources)
    }
}

/// The scan of a masked text, from the cues of the text before. No cue holds a mask's brackets (`Tables::load` refuses it), so
/// those that no mask has swallowed are all that there are.
fn rescan<'a>(masked: &'a str, hits: &[Hit], masks: &[Mask], sources: &[Range<usize>]) -> Scan<'a> {
    let mut k = 0;
    let mut left = Vec::with_capacity(hits.len());
    for h in hits {
        // Hits come in order of their ends, sources in order.
        while k < sources.len() && sources[k].end < h.end {
            k += 1;
        }
        let inside = sources.get(k).is_some_and(|s| h.end > s.start);
        let before = k.checked_sub(1);
        if inside || before.is_some_and(|p| h.start < sources[p].end) {
            continue;
        }
        let (from, to) = before.map_or((0, 0), |p| (sources[p].end, masks[p].range.end));
        left.push(Hit {
            start: h.start - from + to,
            end: h.end - from + to,
            class: h.class,
        });
    }
    Scan {
        text: masked,
        bytes: masked.as_bytes(),
        hits: left,
        held: masks
            .iter()
            .map(|m| (m.range.clone(), m.kind, m.number))
            .collect(),
    }
}

/// Trust in a kind where two claim the same bytes; lower wins.
fn rank(kind: MaskKind) -> u8 {
    match kind {
        MaskKind::Secret => 0,
        MaskKind::Email => 1,
        MaskKind::Id18 => 2,
        MaskKind::PolicyNo | MaskKind::ContractNo | MaskKind::OrderNo => 3,
        MaskKind::Uscc => 4,
        MaskKind::Card => 5,
        MaskKind::Phone => 6,
        MaskKind::Id15 | MaskKind::Plate | MaskKind::Passport | MaskKind::Permit => 7,
        MaskKind::Landline | MaskKind::Wechat | MaskKind::Qq => 8,
        MaskKind::Address => 9,
        MaskKind::Name => 10,
        MaskKind::NamePartial => 11,
    }
}

/// The mask that opens at byte `at`, if what stands there is one.
fn held_mask(text: &str, at: usize) -> Option<(Range<usize>, MaskKind, u16)> {
    let body = text[at..].strip_prefix('〔')?;
    for kind in MaskKind::ALL {
        if let Some(rest) = body.strip_prefix(kind.label()) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u16 = rest[..digits].parse().ok()?;
            if rest.starts_with('0') || !rest[digits..].starts_with('〕') {
                return None;
            }
            let end = text.len() - rest.len() + digits + '〕'.len_utf8();
            return Some((at..end, kind, number));
        }
    }
    None
}
