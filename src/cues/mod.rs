//! The customer's words in, `Findings` out: rules that may raise the urgency, facts, demands and products.
//! Law: a cue counts only as the complainant's own, present assertion (negation, quotation, tense: `scope`);
//! everything a site may change is in `data/urgency_rules.toml`, `demands.toml` and `products.toml`.
//! Does not decide the level: `decide` takes the highest.

mod facts;
mod rules;
mod scope;

pub use facts::{Amount, DateMention, Facts, Stated};
pub use rules::Rule;

use std::ops::Range;
use std::path::Path;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::error::{Error, Fault, Result};
use facts::Unit;
use rules::{ListFile, RuleFile, load_file};
use scope::Scope;

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Index into `Cues::rules`.
    pub rule: u16,
    /// The words that fired it, bytes of the text; `None` for a fact of the channel.
    pub range: Option<Range<usize>>,
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

/// What a pattern of the automaton stands for.
#[derive(Debug, Clone, Copy)]
enum Role {
    Any(u16),
    With(u16),
    Without(u16),
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
    automaton: AhoCorasick,
    /// Roles of each pattern: one word may serve several rules.
    roles: Vec<Vec<Role>>,
    scope: Scope,
}

/// One match of one pattern.
struct Match {
    start: usize,
    end: usize,
    pattern: usize,
}

impl Cues {
    /// Reads the three tables of `dir`.
    pub fn load(dir: &Path) -> Result<Cues> {
        let mut faults = Vec::new();
        let path = dir.join("urgency_rules.toml");
        let file: Option<RuleFile> = load_file(&path, &mut faults);
        let demands = load_file::<ListFile>(&dir.join("demands.toml"), &mut faults);
        let products = load_file::<ListFile>(&dir.join("products.toml"), &mut faults);
        let (Some(file), Some(demands), Some(products)) = (file, demands, products) else {
            return Err(Error::Config(faults));
        };
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let rules = file.rules(&path, &text, &mut faults);
        let (demands, products) = (demands.demand, products.product);
        for (file, name, items) in [
            ("demands.toml", "demand", &demands),
            ("products.toml", "product", &products),
        ] {
            if items.is_empty() {
                faults.push(Fault::new(
                    dir.join(file),
                    0,
                    "the list is empty",
                    format!("write [[{name}]] with name and any"),
                ));
            }
        }
        let mut patterns: Vec<String> = Vec::new();
        let mut roles: Vec<Vec<Role>> = Vec::new();
        let mut places = rustc_hash::FxHashMap::<String, usize>::default();
        let mut add = |word: &str, role: Role| {
            let at = *places.entry(word.to_owned()).or_insert_with(|| {
                patterns.push(word.to_owned());
                roles.push(Vec::new());
                patterns.len() - 1
            });
            roles[at].push(role);
        };
        for (i, rule) in rules.iter().enumerate() {
            let i = i as u16;
            rule.any.iter().for_each(|w| add(w, Role::Any(i)));
            rule.with.iter().for_each(|w| add(w, Role::With(i)));
            rule.without.iter().for_each(|w| add(w, Role::Without(i)));
        }
        for (items, role) in [
            (&demands, Role::Demand as fn(u16) -> Role),
            (&products, Role::Product as fn(u16) -> Role),
        ] {
            for (i, item) in items.iter().enumerate() {
                item.any.iter().for_each(|w| add(w, role(i as u16)));
            }
        }
        for &(word, unit) in facts::UNITS {
            add(word, Role::Unit(unit));
        }
        if !faults.is_empty() {
            return Err(Error::Config(faults));
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .build(&patterns)
            .map_err(|e| Error::Failed(format!("{}: {e}", path.display())))?;
        Ok(Cues {
            rules,
            demands: demands.into_iter().map(|d| d.name).collect(),
            products: products.into_iter().map(|p| p.name).collect(),
            automaton,
            roles,
            scope: file.scope,
        })
    }

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

    /// Everything found, as signals: rules, demands and products once each, numbers by the limits of the labelling guide.
    pub fn signals<'a>(&'a self, found: &'a Findings) -> Vec<Signal<'a>> {
        fn of<'a>(kind: char) -> impl Fn(&'a str) -> Signal<'a> {
            move |name| Signal { kind, name }
        }
        let rules = found.fired.iter();
        let rules = rules.map(|f| self.rules[usize::from(f.rule)].id.as_str());
        let demands = found.demands.iter().map(|h| self.demand_name(h));
        let products = found.products.iter().map(|h| self.product_name(h));
        let mut out: Vec<Signal<'a>> = rules.map(of('r')).collect();
        out.extend(demands.map(of('d')));
        out.extend(products.map(of('p')));
        for name in found.facts.ranges() {
            out.push(Signal { kind: 'n', name });
        }
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
    /// `received`: year, month and day of receipt; without it `昨天` has no date.
    pub fn apply(
        &self,
        text: &str,
        deciding: &[Range<usize>],
        channel: &str,
        received: Option<(i16, i8, i8)>,
    ) -> Findings {
        let mut found = Findings::default();
        for (i, rule) in self.rules.iter().enumerate() {
            if rule.channel.iter().any(|c| c == channel) {
                found.fired.push(Fired {
                    rule: i as u16,
                    range: None,
                });
            }
        }
        let mut matches: Vec<Match> = Vec::new();
        for range in deciding {
            let base = range.start;
            let own = &text[range.clone()];
            matches.extend(self.automaton.find_overlapping_iter(own).map(|m| Match {
                start: base + m.start(),
                end: base + m.end(),
                pattern: m.pattern().as_usize(),
            }));
        }
        for m in &matches {
            for role in &self.roles[m.pattern] {
                match *role {
                    Role::Unit(unit) => {
                        found.facts.read(text, m.start..m.end, unit, received);
                    }
                    Role::Demand(item) => self.hit(text, m, item, true, &mut found.demands),
                    Role::Product(item) => self.hit(text, m, item, false, &mut found.products),
                    _ => {}
                }
            }
        }
        found.facts.finish();
        for m in &matches {
            for role in &self.roles[m.pattern] {
                if let Role::Any(rule) = *role
                    && !found.has(rule)
                    && self.rules[rule as usize].holds_facts(&found.facts)
                    && self.scope.asserts(text, m.start..m.end)
                    && self.sentence_fits(text, rule, m, &matches)
                {
                    found.fired.push(Fired {
                        rule,
                        range: Some(m.start..m.end),
                    });
                }
            }
        }
        for (i, rule) in self.rules.iter().enumerate() {
            if rule.any.is_empty()
                && rule.channel.is_empty()
                && let Some(range) = rule.fact(&found.facts)
                && !self.scope.is_foreign(text, range.clone())
            {
                found.fired.push(Fired {
                    rule: i as u16,
                    range: Some(range),
                });
            }
        }
        found.fired.sort_by_key(|f| f.rule);
        found
    }

    fn hit(&self, text: &str, m: &Match, item: u16, own: bool, hits: &mut Vec<Hit>) {
        let known = hits.iter().any(|h| h.item == item);
        if !known && (!own || self.scope.asserts(text, m.start..m.end)) {
            hits.push(Hit {
                item,
                range: m.start..m.end,
            });
        }
    }

    /// The rule's `with` words stand in the same sentence, its `without` words do not.
    fn sentence_fits(&self, text: &str, rule: u16, m: &Match, matches: &[Match]) -> bool {
        let needs = &self.rules[rule as usize];
        if needs.with.is_empty() && needs.without.is_empty() {
            return true;
        }
        let sentence = scope::sentence(text, m.start);
        let inside = |wanted: fn(&Role, u16) -> bool| {
            matches.iter().any(|o| {
                sentence.start <= o.start
                    && o.end <= sentence.end
                    && self.roles[o.pattern].iter().any(|r| wanted(r, rule))
            })
        };
        (needs.with.is_empty() || inside(|r, k| matches!(r, Role::With(i) if *i == k)))
            && !inside(|r, k| matches!(r, Role::Without(i) if *i == k))
    }
}

impl Findings {
    fn has(&self, rule: u16) -> bool {
        self.fired.iter().any(|f| f.rule == rule)
    }
}

#[cfg(test)]
mod tests;
