//! The customer's words in, `Findings` out: rules that may raise the urgency, facts, demands and products.
//! Law: a cue counts only as the complainant's own, present assertion (negation, quotation, tense: `scope`);
//! everything a site may change is in `data/urgency_rules.toml`, `demands.toml` and `products.toml`.
//! Does not decide the level: `decide` takes the highest.

mod facts;
mod load;
mod numbers;
mod people;
mod rules;
mod scan;
mod scope;
mod trie;
mod units;

pub use facts::{Amount, DateMention, Facts, Stated};
pub use rules::Rule;
pub use scan::Scratch;
pub use scope::Ground;

use std::ops::Range;

use facts::Reader;
use scan::Place;
use scope::{Counts, bit};
use trie::Trie;
use units::Unit;

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Index into `Cues::rules`.
    pub rule: u16,
    /// The words that fired it, bytes of the text; `None` for a fact of the channel.
    pub range: Option<Range<usize>>,
}

/// A rule whose cue stands in the text but does not count, and why: 没打算曝光.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// Index into `Cues::rules`.
    pub rule: u16,
    pub ground: Ground,
}

/// A demand or a product found in the text: index into its list, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub item: u16,
    pub range: Range<usize>,
}

/// What was found in one text.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Findings {
    pub fired: Vec<Fired>,
    /// Rules that did not fire though their cues are there, once each.
    pub denied: Vec<Denied>,
    /// Words of cues and numbers that do not count, bytes of the text, in no order: what a model must not read as said.
    pub withheld: Vec<Range<usize>>,
    pub facts: Facts,
    pub demands: Vec<Hit>,
    pub products: Vec<Hit>,
}

/// One thing found out about a text as a whole, by which a model may judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal<'a> {
    /// `r` a rule that fired, `d` a demand, `p` a product, `n` a number in its range.
    pub kind: char,
    pub name: &'a str,
}

/// What a word of the tables stands for, beside its bits.
#[derive(Debug, Clone, Copy)]
enum Role {
    Any(u16),
    With(u16),
    Without(u16),
    Contrary(u16),
    Demand(u16),
    Product(u16),
    Unit(Unit),
}

/// All cues in one automaton; built once, shared by all threads.
#[derive(Debug)]
pub struct Cues {
    rules: Vec<Rule>,
    demands: Vec<String>,
    products: Vec<String>,
    trie: Trie,
    /// By word: what it does to the cues and numbers around it.
    bits: Vec<u32>,
    /// By word: where its roles begin in `roles`; one entry more than words.
    first_role: Vec<u32>,
    roles: Vec<Role>,
    no_money: Vec<String>,
    /// (channel, rule) of the rules that a channel fires.
    by_channel: Vec<(String, u16)>,
    /// Rules that numbers alone fire.
    by_facts: Vec<u16>,
}

/// Whatever the words around it, a product is named.
const ANYHOW: Option<Counts> = None;
/// A demand under a condition, or beside something settled, is a demand.
const DEMAND: Option<Counts> = Some(Counts {
    reported: false,
    past: false,
    conditional: true,
    solved: true,
    foreign: false,
});

impl Cues {
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Levels that rules raise to, with the line that says so.
    pub fn levels(&self) -> impl Iterator<Item = (usize, &str)> {
        let rules = self.rules.iter();
        rules.filter_map(|r| Some((r.line, r.raises.as_deref()?)))
    }

    /// Flags that rules set, with the line that says so.
    pub fn flags(&self) -> impl Iterator<Item = (usize, &str)> {
        let rules = self.rules.iter();
        rules.filter_map(|r| Some((r.line, r.flag.as_deref()?)))
    }

    /// Channels that rules name, with their line.
    pub fn channels(&self) -> impl Iterator<Item = (usize, &str)> {
        let rules = self.rules.iter();
        rules.flat_map(|r| r.channel.iter().map(|c| (r.line, c.as_str())))
    }

    /// Everything found, as signals: rules, demands and products once each, numbers by the limits of the labelling guide,
    /// and the rules whose cues are there but do not count.
    pub fn signals<'a>(&'a self, found: &'a Findings) -> Vec<Signal<'a>> {
        fn of<'a>(kind: char) -> impl Fn(&'a str) -> Signal<'a> {
            move |name| Signal { kind, name }
        }
        let rule = |i: u16| self.rules[usize::from(i)].id.as_str();
        let rules = found.fired.iter().map(|f| rule(f.rule));
        let demands = found.demands.iter().map(|h| self.demand_name(h));
        let products = found.products.iter().map(|h| self.product_name(h));
        let denied = found.denied.iter().map(|d| rule(d.rule));
        let mut out: Vec<Signal<'a>> = rules.map(of('r')).collect();
        out.extend(demands.map(of('d')));
        out.extend(products.map(of('p')));
        let numbers = found.facts.ranges();
        out.extend(numbers.map(|name| Signal { kind: 'n', name }));
        out.extend(denied.map(of('q')));
        out.dedup();
        out
    }

    pub fn demand_name(&self, hit: &Hit) -> &str {
        &self.demands[hit.item as usize]
    }

    pub fn product_name(&self, hit: &Hit) -> &str {
        &self.products[hit.item as usize]
    }

    /// Reads the deciding ranges of a cleaned text.
    ///
    /// `received`: year, month and day of receipt; without it a date is no number of days ago.
    pub fn apply(
        &self,
        text: &str,
        deciding: impl IntoIterator<Item = Range<usize>>,
        channel: &str,
        received: Option<(i16, i8, i8)>,
        scratch: &mut Scratch,
    ) -> Findings {
        let mut found = Findings::default();
        for (name, rule) in &self.by_channel {
            if name == channel {
                found.fire(*rule, None);
            }
        }
        found.facts.alone = self.scan(text, deciding, scratch);
        let mut reader = Reader {
            text,
            places: &scratch.places,
            bits: &self.bits,
            no_money: &self.no_money,
            received,
            facts: &mut found.facts,
            withheld: &mut found.withheld,
        };
        let places = &scratch.places;
        for &at in &scratch.cues {
            let at = at as usize;
            for role in self.roles(&places[at]) {
                match *role {
                    Role::Unit(unit) => reader.read(at, unit),
                    Role::Demand(item) => {
                        self.hit(reader.places, at, item, DEMAND, &mut found.demands)
                    }
                    Role::Product(item) => {
                        self.hit(reader.places, at, item, ANYHOW, &mut found.products)
                    }
                    _ => {}
                }
            }
        }
        for &at in &scratch.cues {
            let place = &places[at as usize];
            for role in self.roles(place) {
                match *role {
                    Role::Any(rule) => self.try_rule(rule, at as usize, places, &mut found),
                    Role::Contrary(rule) => {
                        found.deny(rule, Ground::Contrary);
                        if self.rules[usize::from(rule)].withhold {
                            found.withheld.push(place.range());
                        }
                    }
                    _ => {}
                }
            }
        }
        for &rule in &self.by_facts {
            if let Some(range) = self.rules[usize::from(rule)].fact(&found.facts) {
                found.fire(rule, Some(range));
            }
        }
        found.fired.sort_by_key(|f| f.rule);
        found
    }

    /// The one pass: every word with its clause and its sentence. True if a word says that the writer complains alone.
    fn scan(
        &self,
        text: &str,
        deciding: impl IntoIterator<Item = Range<usize>>,
        scratch: &mut Scratch,
    ) -> bool {
        let Scratch {
            chars,
            places,
            cues,
        } = scratch;
        places.clear();
        cues.clear();
        let (mut clause, mut sentence, mut all) = (0, 0, 0);
        let mut addressed = usize::MAX;
        for range in deciding {
            let base = range.start;
            let bytes = &text.as_bytes()[..range.end];
            self.trie.scan(&text[range], chars, |start, end, word| {
                let bits = self.bits[usize::from(word)];
                clause += u32::from(bits & (bit::CLAUSE_END | bit::SENTENCE_END) != 0);
                sentence += u32::from(bits & bit::SENTENCE_END != 0);
                if bits & bit::TOWARD != 0 {
                    addressed = base + end;
                }
                // Most words go no further: marks, words of address, units without a number.
                let is_number =
                    || bits & bit::UNIT != 0 && numbers::may_end(&bytes[..base + start]);
                if bits & bit::SKIPPED != 0 && !is_number() {
                    return;
                }
                all |= bits;
                if bits & bit::HAS_ROLE != 0 {
                    cues.push(places.len() as u32);
                }
                places.push(Place {
                    start: (base + start) as u32,
                    end: (base + end) as u32,
                    word,
                    addressed: addressed == base + start,
                    clause,
                    sentence,
                });
            });
            clause += 1;
            sentence += 1;
        }
        all & facts::word::ALONE != 0
    }

    #[inline(always)]
    fn roles(&self, place: &Place) -> &[Role] {
        let word = usize::from(place.word);
        &self.roles[self.first_role[word] as usize..self.first_role[word + 1] as usize]
    }

    fn hit(
        &self,
        places: &[Place],
        at: usize,
        item: u16,
        counts: Option<Counts>,
        hits: &mut Vec<Hit>,
    ) {
        let place = &places[at];
        let judge = |c| scope::judge(places, &self.bits, at, place.start, c).is_none();
        if !hits.iter().any(|h| h.item == item) && counts.is_none_or(judge) {
            hits.push(Hit {
                item,
                range: place.range(),
            });
        }
    }

    /// Fires the rule, or denies it, by its cue at `at`.
    fn try_rule(&self, rule: u16, at: usize, places: &[Place], found: &mut Findings) {
        let place = &places[at];
        let needs = &self.rules[usize::from(rule)];
        if found.fired.iter().any(|f| f.rule == rule) {
            return;
        }
        let holds = needs.holds_facts(&found.facts, &place.range());
        if !holds && !needs.is_late(&found.facts, &place.range()) {
            return;
        }
        let Some(is_with) = self.sentence_fits(rule, place, places) else {
            return;
        };
        match scope::judge(places, &self.bits, at, place.start, needs.counts) {
            None if is_with && holds => found.fire(rule, Some(place.range())),
            None if is_with => found.deny(rule, Ground::Late),
            Some(_) if !holds => {}
            None => {}
            Some(ground) => {
                found.deny(rule, ground);
                if !needs.withhold {
                    return;
                }
                found.withheld.push(place.range());
                for p in in_sentence(places, place) {
                    let is_with = |r: &Role| matches!(r, Role::With(i) if *i == rule);
                    if p.clause == place.clause && self.roles(p).iter().any(is_with) {
                        found.withheld.push(p.range());
                    }
                }
            }
        }
    }

    /// Whether one of the rule's `with` words stands in the cue's sentence; `None` if one of its `without` words does.
    fn sentence_fits(&self, rule: u16, cue: &Place, places: &[Place]) -> Option<bool> {
        let needs = &self.rules[usize::from(rule)];
        let mut is_with = needs.with.is_empty();
        if is_with && needs.without.is_empty() {
            return Some(true);
        }
        for p in in_sentence(places, cue) {
            for role in self.roles(p) {
                match *role {
                    Role::With(i) if i == rule => is_with = true,
                    // 是我签的 is no objection to 不是我签的.
                    Role::Without(i) if i == rule && (p.start < cue.start || p.end > cue.end) => {
                        return None;
                    }
                    _ => {}
                }
            }
        }
        Some(is_with)
    }
}

/// The places around the cue in its sentence, within reach.
fn in_sentence<'p>(places: &'p [Place], cue: &Place) -> impl Iterator<Item = &'p Place> {
    let (sentence, start) = (cue.sentence, cue.start);
    let from = places
        .partition_point(|p| p.sentence < sentence || p.start + scope::SENTENCE_BYTES < start);
    places[from..]
        .iter()
        .take_while(move |p| p.sentence == sentence && p.start <= start + scope::SENTENCE_BYTES)
}

impl Findings {
    fn fire(&mut self, rule: u16, range: Option<Range<usize>>) {
        self.denied.retain(|d| d.rule != rule);
        self.fired.push(Fired { rule, range });
    }

    fn deny(&mut self, rule: u16, ground: Ground) {
        let known = self.fired.iter().any(|f| f.rule == rule);
        if !known && !self.denied.iter().any(|d| d.rule == rule) {
            self.denied.push(Denied { rule, ground });
        }
    }
}

#[cfg(test)]
mod tests;
