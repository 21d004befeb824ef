//! The three tables in, `Cues` out: every word once, with its bits and roles, in one trie.
//! Law: all faults of all three files are told together, each with its line.

use std::path::Path;

use super::rules::{Item, ListFile, Rule, RuleFile, load_file};
use super::scope::{self, bit};
use super::trie::Trie;
use super::units::UNITS;
use super::{Cues, Role};
use crate::error::{Error, Fault, Result};

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
        let mut words = Words::default();
        for (i, rule) in (0..).zip(&rules) {
            rule.any.iter().for_each(|w| words.role(w, Role::Any(i)));
            rule.with.iter().for_each(|w| words.role(w, Role::With(i)));
            let without = rule.without.iter();
            without.for_each(|w| words.role(w, Role::Without(i)));
            let contrary = rule.contrary.iter();
            contrary.for_each(|w| words.role(w, Role::Contrary(i)));
        }
        for (items, role) in [
            (&demands, Role::Demand as fn(u16) -> Role),
            (&products, Role::Product as fn(u16) -> Role),
        ] {
            for (i, item) in (0..).zip(items) {
                item.any.iter().for_each(|w| words.role(w, role(i)));
            }
        }
        for &(word, unit) in UNITS {
            words.role(word, Role::Unit(unit));
        }
        let marks = scope::MARKS.iter().copied();
        for (word, bit) in marks.chain(file.scope.words()).chain(file.facts.words()) {
            words.bit(word, bit);
        }
        if !faults.is_empty() {
            return Err(Error::Config(faults));
        }
        let no_money = file.facts.no_money;
        words
            .finish(&rules, &demands, &products, no_money)
            .ok_or_else(|| {
                Error::Failed(format!(
                    "{}: more than 65,534 words, or one with a character outside the basic plane",
                    path.display()
                ))
            })
    }
}

/// The words of all tables while they are gathered: one word may serve several rules.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    bits: Vec<u32>,
    roles: Vec<Vec<Role>>,
    places: rustc_hash::FxHashMap<String, usize>,
}

impl Words {
    fn at(&mut self, word: &str) -> usize {
        if let Some(at) = self.places.get(word) {
            return *at;
        }
        self.places.insert(word.to_owned(), self.words.len());
        self.words.push(word.to_owned());
        self.bits.push(0);
        self.roles.push(Vec::new());
        self.words.len() - 1
    }

    fn role(&mut self, word: &str, role: Role) {
        let at = self.at(word);
        self.roles[at].push(role);
    }

    fn bit(&mut self, word: &str, bit: u32) {
        let at = self.at(word);
        self.bits[at] |= bit;
    }

    /// `None` for more words than the automaton takes.
    fn finish(
        mut self,
        rules: &[Rule],
        demands: &[Item],
        products: &[Item],
        no_money: Vec<String>,
    ) -> Option<Cues> {
        let mut first_role = vec![0];
        for (bits, roles) in self.bits.iter_mut().zip(&self.roles) {
            // 夫妻俩 and 昨天 are numbers themselves.
            let needs_number = |r: &Role| matches!(r, Role::Unit(u) if u.needs_number());
            if *bits & !bit::PASSING == 0 && roles.iter().all(needs_number) {
                *bits |= bit::SKIPPED;
            }
            if !roles.is_empty() {
                *bits |= bit::HAS_ROLE;
            }
            if roles.iter().any(needs_number) {
                *bits |= bit::UNIT;
            }
            first_role.push(first_role[first_role.len() - 1] + roles.len() as u32);
        }
        let names = |items: &[Item]| items.iter().map(|i| i.name.clone()).collect();
        let channels = |(i, r): (u16, &Rule)| -> Vec<(String, u16)> {
            r.channel.iter().map(|c| (c.clone(), i)).collect()
        };
        Some(Cues {
            trie: Trie::new(&self.words)?,
            bits: self.bits,
            first_role,
            roles: self.roles.into_iter().flatten().collect(),
            by_channel: (0..).zip(rules).flat_map(channels).collect(),
            by_facts: (0..)
                .zip(rules)
                .filter(|(_, r)| r.is_by_facts())
                .map(|(i, _)| i)
                .collect(),
            rules: rules.to_vec(),
            demands: names(demands),
            products: names(products),
            no_money,
        })
    }
}
