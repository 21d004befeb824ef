//! The rule tables: TOML in, checked rules out, every fault with its line.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::facts::Facts;
use super::scope::Scope;
use crate::error::{Fault, line_of};

/// One rule: what must stand in the text, and what follows.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    /// As readers see it.
    pub name: String,
    /// Level it raises to, at least.
    pub raises: Option<String>,
    /// Flag it sets.
    pub flag: Option<String>,
    pub(super) any: Vec<String>,
    pub(super) with: Vec<String>,
    pub(super) without: Vec<String>,
    pub(super) channel: Vec<String>,
    people_at_least: Option<u32>,
    amount_at_least: Option<i64>,
    age_at_least: Option<u32>,
    days_ago_at_most: Option<u32>,
    pub(super) line: usize,
}

impl Rule {
    /// Whether the facts reach every limit that the rule names.
    pub(super) fn holds_facts(&self, facts: &Facts) -> bool {
        let limited = self.people_at_least.is_some()
            || self.amount_at_least.is_some()
            || self.age_at_least.is_some()
            || self.days_ago_at_most.is_some();
        !limited || self.fact(facts).is_some()
    }

    /// Where the facts reach the limits; `None` if one is missed or none is named.
    pub(super) fn fact(&self, facts: &Facts) -> Option<Range<usize>> {
        let mut found = None;
        if let Some(least) = self.people_at_least {
            found = Some(
                facts
                    .people
                    .as_ref()
                    .filter(|p| p.value >= least)?
                    .range
                    .clone(),
            );
        }
        if let Some(least) = self.amount_at_least {
            let most = facts.amounts.iter().filter(|a| a.disputed);
            let largest = most.max_by_key(|a| a.fen)?;
            found = Some((largest.fen >= least * 100).then(|| largest.range.clone())?);
        }
        if let Some(least) = self.age_at_least {
            found = Some(
                facts
                    .age
                    .as_ref()
                    .filter(|a| a.value >= least)?
                    .range
                    .clone(),
            );
        }
        if let Some(most) = self.days_ago_at_most {
            found = Some(
                facts
                    .days_ago
                    .as_ref()
                    .filter(|d| d.value <= most)?
                    .range
                    .clone(),
            );
        }
        found
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub scope: Scope,
    #[serde(default)]
    rule: Vec<Spanned<RuleRow>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    id: String,
    name: String,
    raises: Option<String>,
    flag: Option<String>,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    channel: Vec<String>,
    people_at_least: Option<u32>,
    amount_at_least: Option<i64>,
    age_at_least: Option<u32>,
    days_ago_at_most: Option<u32>,
}

impl RuleFile {
    /// The rules, with what is wrong with them in `faults`.
    pub fn rules(&self, path: &Path, text: &str, faults: &mut Vec<Fault>) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for row in &self.rule {
            let line = line_of(text, row.span().start);
            let r = row.get_ref();
            let mut fault = |what: String, mend: &str| {
                faults.push(Fault::new(path, line, what, mend));
            };
            let has_fact = r.people_at_least.is_some()
                || r.amount_at_least.is_some()
                || r.age_at_least.is_some()
                || r.days_ago_at_most.is_some();
            if r.any.is_empty() && r.channel.is_empty() && !has_fact {
                fault(
                    format!("rule `{}` can never fire", r.id),
                    "give it any, channel or a limit on a fact",
                );
            }
            if r.raises.is_none() && r.flag.is_none() {
                fault(
                    format!("rule `{}` does nothing", r.id),
                    "give it raises or flag",
                );
            }
            if rules.iter().any(|other| other.id == r.id) {
                fault(format!("rule `{}` stands above already", r.id), "rename it");
            }
            let words = r.any.iter().chain(&r.with).chain(&r.without);
            if words.clone().any(|w| w.trim().is_empty()) {
                fault(format!("rule `{}` has an empty cue", r.id), "remove it");
            }
            rules.push(Rule {
                id: r.id.clone(),
                name: r.name.clone(),
                raises: r.raises.clone(),
                flag: r.flag.clone(),
                any: r.any.clone(),
                with: r.with.clone(),
                without: r.without.clone(),
                channel: r.channel.clone(),
                people_at_least: r.people_at_least,
                amount_at_least: r.amount_at_least,
                age_at_least: r.age_at_least,
                days_ago_at_most: r.days_ago_at_most,
                line,
            });
        }
        rules
    }
}

/// `demands.toml` or `products.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFile {
    #[serde(default)]
    pub demand: Vec<Item>,
    #[serde(default)]
    pub product: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub name: String,
    pub any: Vec<String>,
}

/// Reads a TOML file; syntax and unknown keys become faults.
pub(super) fn load_file<T: for<'de> Deserialize<'de>>(
    path: &Path,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => {
            faults.push(Fault::new(
                path,
                0,
                format!("cannot be read ({e})"),
                "restore the file as UTF-8, or point --data at a complete folder",
            ));
            return None;
        }
    };
    match toml::from_str(&text) {
        Ok(value) => Some(value),
        Err(e) => {
            faults.push(Fault::toml(path, &text, &e, "mend the entry"));
            None
        }
    }
}
