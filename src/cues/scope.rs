//! Whether a cue is the complainant's own, present assertion: negation, quotation, reported speech, tense, other people's
//! cases, conditions, what is settled. All words of scope come from the same pass over the text as the cues.

use serde::Deserialize;

use super::scan::Place;

/// The words that take a cue's force away; from `[scope]` of `urgency_rules.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeWords {
    adjacent: Vec<String>,
    negation: Vec<String>,
    denial: Vec<String>,
    harmless: Vec<String>,
    turn: Vec<String>,
    now: Vec<String>,
    own: Vec<String>,
    speaker: Vec<String>,
    saying: Vec<String>,
    toward: Vec<String>,
    own_saying: Vec<String>,
    past: Vec<String>,
    other_case: Vec<String>,
    unrelated: Vec<String>,
    conditional: Vec<String>,
    solved: Vec<String>,
}

/// What a word of scope does, one bit each.
pub(super) mod bit {
    pub const ADJACENT: u32 = 1;
    pub const NEGATION: u32 = 1 << 1;
    pub const DENIAL: u32 = 1 << 2;
    pub const HARMLESS: u32 = 1 << 3;
    pub const TURN: u32 = 1 << 4;
    pub const NOW: u32 = 1 << 5;
    pub const OWN: u32 = 1 << 6;
    pub const SPEAKER: u32 = 1 << 7;
    pub const SAYING: u32 = 1 << 8;
    pub const TOWARD: u32 = 1 << 9;
    pub const OWN_SAYING: u32 = 1 << 10;
    pub const PAST: u32 = 1 << 11;
    pub const OTHER_CASE: u32 = 1 << 12;
    pub const UNRELATED: u32 = 1 << 13;
    pub const CONDITIONAL: u32 = 1 << 14;
    pub const SOLVED: u32 = 1 << 15;
    pub const OPEN_QUOTE: u32 = 1 << 16;
    pub const CLOSE_QUOTE: u32 = 1 << 17;
    pub const OPEN_BOOK: u32 = 1 << 18;
    pub const CLOSE_BOOK: u32 = 1 << 19;
    /// Any of the above: the place bears on the cues around it.
    pub const SCOPE: u32 = (1 << 20) - 1;
    pub const CLAUSE_END: u32 = 1 << 20;
    pub const SENTENCE_END: u32 = 1 << 21;
    /// The word is a unit of numbers.
    pub const UNIT: u32 = 1 << 22;
    /// What the pass itself settles.
    pub const PASSING: u32 = CLAUSE_END | SENTENCE_END | TOWARD;
    /// The word needs no place, but for a unit behind a number.
    pub const SKIPPED: u32 = 1 << 30;
    /// The word has a role of its own.
    pub const HAS_ROLE: u32 = 1 << 31;
    pub const NEGATES: u32 = ADJACENT | NEGATION | DENIAL;
}

impl ScopeWords {
    /// Every word with its bit.
    pub fn words(&self) -> impl Iterator<Item = (&str, u32)> {
        [
            (&self.adjacent, bit::ADJACENT),
            (&self.negation, bit::NEGATION),
            (&self.denial, bit::DENIAL),
            (&self.harmless, bit::HARMLESS),
            (&self.turn, bit::TURN),
            (&self.now, bit::NOW),
            (&self.own, bit::OWN),
            (&self.speaker, bit::SPEAKER),
            (&self.saying, bit::SAYING),
            (&self.toward, bit::TOWARD),
            (&self.own_saying, bit::OWN_SAYING),
            (&self.past, bit::PAST),
            (&self.other_case, bit::OTHER_CASE),
            (&self.unrelated, bit::UNRELATED),
            (&self.conditional, bit::CONDITIONAL),
            (&self.solved, bit::SOLVED),
        ]
        .into_iter()
        .flat_map(|(words, bit)| words.iter().map(move |w| (w.as_str(), bit)))
    }
}

/// The marks that end a sentence or a clause, and those that quote.
pub(super) const MARKS: &[(&str, u32)] = &[
    ("。", bit::SENTENCE_END),
    ("!", bit::SENTENCE_END),
    ("?", bit::SENTENCE_END),
    ("！", bit::SENTENCE_END),
    ("？", bit::SENTENCE_END),
    ("\n", bit::SENTENCE_END),
    ("；", bit::SENTENCE_END),
    (";", bit::SENTENCE_END),
    (",", bit::CLAUSE_END),
    ("，", bit::CLAUSE_END),
    (":", bit::CLAUSE_END),
    ("：", bit::CLAUSE_END),
    (" ", bit::CLAUSE_END),
    ("“", bit::CLAUSE_END | bit::OPEN_QUOTE),
    ("”", bit::CLAUSE_END | bit::CLOSE_QUOTE),
    ("「", bit::CLAUSE_END | bit::OPEN_QUOTE),
    ("」", bit::CLAUSE_END | bit::CLOSE_QUOTE),
    ("《", bit::OPEN_BOOK),
    ("》", bit::CLOSE_BOOK),
];

/// Why a cue does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// 没打算曝光.
    Negated,
    /// In quotation marks or a title: 《…办法》, 他说“…”.
    Quoted,
    /// 催收说已起诉.
    Reported,
    /// 去年曾经想过.
    Past,
    /// 听说邻居….
    Foreign,
    /// 万一…, 会不会….
    Conditional,
    /// …早已解决.
    Solved,
    /// The text says the opposite: 第一次投诉.
    Contrary,
    /// More days ago than the rule allows: 五天前被盗刷.
    Late,
}

impl Ground {
    /// As a feature's name has it.
    pub fn name(self) -> &'static str {
        match self {
            Ground::Negated => "negated",
            Ground::Quoted => "quoted",
            Ground::Reported => "reported",
            Ground::Past => "past",
            Ground::Foreign => "foreign",
            Ground::Conditional => "conditional",
            Ground::Solved => "solved",
            Ground::Contrary => "contrary",
            Ground::Late => "late",
        }
    }
}

/// A setting in which a rule's cues count all the same, as `counts` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Setting {
    Reported,
    Past,
    Conditional,
    Solved,
    Foreign,
}

/// The settings in which a rule's cues count all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<Setting>")]
pub(super) struct Counts {
    pub reported: bool,
    pub past: bool,
    pub conditional: bool,
    pub solved: bool,
    pub foreign: bool,
}

impl From<Vec<Setting>> for Counts {
    fn from(settings: Vec<Setting>) -> Counts {
        let has = |s| settings.contains(&s);
        Counts {
            reported: has(Setting::Reported),
            past: has(Setting::Past),
            conditional: has(Setting::Conditional),
            solved: has(Setting::Solved),
            foreign: has(Setting::Foreign),
        }
    }
}

/// 没有真的想不开: a plain negation reaches this far to its right, in bytes of three a character; chosen.
const NEGATION_BYTES: u32 = 24;
/// 催收打电话讲: a speaker stands at most this far before the verb; chosen.
const SPEAKER_BYTES: u32 = 24;
/// Longest way looked back or ahead in one sentence; speech recognition ends none at all. Chosen.
pub(super) const SENTENCE_BYTES: u32 = 180;

/// Why the words that begin at byte `start` and end with place `at` do not count; `None` if they do.
pub(super) fn judge(
    places: &[Place],
    bits: &[u32],
    at: usize,
    start: u32,
    counts: Counts,
) -> Option<Ground> {
    let own = &places[at];
    let (mut turned, mut now, mut subject) = (false, false, false);
    let (mut closed_quote, mut closed_book) = (false, false);
    let mut quote: Option<u32> = None;
    let mut said: Option<(u32, u32)> = None;
    for (j, w) in places[..at].iter().enumerate().rev() {
        if w.sentence != own.sentence || start.saturating_sub(w.start) > SENTENCE_BYTES {
            break;
        }
        let b = bits[usize::from(w.word)] & bit::SCOPE;
        if b == 0 || w.end > start {
            continue;
        }
        if let Some(open) = quote {
            // One's own words quoted count: 我说“我要跳楼”.
            if b & bit::OWN_SAYING != 0 && open - w.end <= 6 {
                return None;
            }
            continue;
        }
        let here = w.clause == own.clause;
        if b & bit::NEGATES != 0
            && here
            && !turned
            && negates(b, w, start, subject)
            && !is_shielded(places, bits, j)
        {
            return Some(Ground::Negated);
        }
        closed_quote |= b & bit::CLOSE_QUOTE != 0;
        closed_book |= b & bit::CLOSE_BOOK != 0;
        if b & bit::OPEN_BOOK != 0 && !closed_book {
            return Some(Ground::Quoted);
        }
        if b & bit::OPEN_QUOTE != 0 && !closed_quote && !counts.reported {
            quote = Some(w.start);
            continue;
        }
        if b & bit::SPEAKER != 0
            && let Some((saying, clause)) = said
            && w.clause == clause
            && w.end <= saying
            && saying - w.end <= SPEAKER_BYTES
            // 我跟客服说: the one named is spoken to.
            && !w.addressed
        {
            return Some(Ground::Reported);
        }
        // What others say goes on until the complainant speaks of himself again.
        if b & bit::SAYING != 0 && !counts.reported && !turned && (here || !subject) {
            said = Some((w.start, w.clause));
        }
        if b & bit::PAST != 0 && here && !turned && !now && !counts.past {
            return Some(Ground::Past);
        }
        if b & bit::OTHER_CASE != 0 && !counts.foreign && (here || !subject) {
            return Some(Ground::Foreign);
        }
        if b & bit::CONDITIONAL != 0 && !counts.conditional && w.clause + 1 >= own.clause {
            return Some(Ground::Conditional);
        }
        if b & bit::SOLVED != 0 && here && !counts.solved && !turned {
            return Some(Ground::Solved);
        }
        turned |= here && b & bit::TURN != 0;
        now |= b & bit::NOW != 0;
        subject |= b & bit::OWN != 0;
    }
    if quote.is_some() {
        return Some(Ground::Quoted);
    }
    ahead(places, bits, at, counts)
}

/// What follows in the same sentence: 已妥善解决, 跟你们无关.
fn ahead(places: &[Place], bits: &[u32], at: usize, counts: Counts) -> Option<Ground> {
    let own = &places[at];
    for (j, w) in places.iter().enumerate().skip(at + 1) {
        if w.sentence != own.sentence || w.start - own.start > SENTENCE_BYTES {
            return None;
        }
        let b = bits[usize::from(w.word)];
        if b & (bit::SOLVED | bit::UNRELATED) == 0 || w.start < own.end {
            continue;
        }
        let denied = places[..j]
            .iter()
            .rev()
            .take_while(|n| w.start - n.start <= 12)
            .any(|n| n.end <= w.start && bits[usize::from(n.word)] & bit::NEGATES != 0);
        if denied {
            continue;
        }
        if b & bit::SOLVED != 0 && !counts.solved {
            return Some(Ground::Solved);
        }
        if b & bit::UNRELATED != 0 && !counts.foreign {
            return Some(Ground::Foreign);
        }
    }
    None
}

/// Whether the negation `w` reaches the cue at `start`; `subject`: 我 stands between.
fn negates(b: u32, w: &Place, start: u32, subject: bool) -> bool {
    b & bit::DENIAL != 0
        || (b & bit::NEGATION != 0 && !subject && start - w.start <= NEGATION_BYTES)
        || (b & bit::ADJACENT != 0 && w.end == start)
}

/// Part of a longer word that negates nothing (别人, 不得不, 不是没).
fn is_shielded(places: &[Place], bits: &[u32], at: usize) -> bool {
    let w = &places[at];
    let is_shield = |p: &Place| {
        bits[usize::from(p.word)] & bit::HARMLESS != 0 && p.start < w.end && p.end > w.start
    };
    let near = |p: &&Place| p.start + 24 > w.start && p.start < w.end;
    places[..at].iter().rev().take_while(near).any(is_shield)
        || places[at + 1..].iter().take_while(near).any(is_shield)
}
