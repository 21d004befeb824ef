//! The rule tables: TOML in, checked rules out, every fault with its line.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::facts::{FactWords, Facts, Stated};
use super::scope::{Counts, ScopeWords};
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
    pub(super) contrary: Vec<String>,
    pub(super) channel: Vec<String>,
    /// Whether cues that do not count are kept from the model; a rule of which they are not (safety) raises whatever the
    /// model finds.
    pub withhold: bool,
    pub(super) counts: Counts,
    people_at_least: Option<u32>,
    amount_at_least: Option<i64>,
    age_at_least: Option<u32>,
    age_at_most: Option<u32>,
    days_ago_at_most: Option<u32>,
    pub(super) line: usize,
}

/// How many days ago the event was that stands nearest to `cue`.
fn days_ago(facts: &Facts, cue: &Range<usize>) -> Option<u32> {
    let apart = |d: &&Stated| match d.range.start < cue.start {
        true => cue.start.saturating_sub(d.range.end),
        false => d.range.start.saturating_sub(cue.end),
    };
    Some(facts.days_ago.iter().min_by_key(apart)?.value)
}

impl Rule {
    /// Whether the facts reach every limit that the rule names.
    pub(super) fn holds_facts(&self, facts: &Facts, cue: &Range<usize>) -> bool {
        let recent = |most: u32| days_ago(facts, cue).is_some_and(|days| days <= most);
        self.days_ago_at_most.is_none_or(recent)
            && (!self.has_limit() || self.fact(facts).is_some())
    }

    /// Whether its cue stands by an event of more days ago than the rule allows.
    pub(super) fn is_late(&self, facts: &Facts, cue: &Range<usize>) -> bool {
        let late = |most: u32| days_ago(facts, cue).is_some_and(|days| days > most);
        self.days_ago_at_most.is_some_and(late)
    }

    /// A limit on a number that belongs to the text as a whole.
    fn has_limit(&self) -> bool {
        self.people_at_least.is_some()
            || self.amount_at_least.is_some()
            || self.age_at_least.is_some()
            || self.age_at_most.is_some()
    }

    /// Fires by numbers alone.
    pub(super) fn is_by_facts(&self) -> bool {
        self.any.is_empty() && self.channel.is_empty() && self.has_limit()
    }

    /// Where the facts reach the limits; `None` if one is missed or none is named.
    pub(super) fn fact(&self, facts: &Facts) -> Option<Range<usize>> {
        let mut found = None;
        if let Some(least) = self.people_at_least {
            let people = facts.people.as_ref().filter(|p| p.value >= least)?;
            found = Some(people.range.clone());
        }
        if let Some(least) = self.amount_at_least {
            let disputed = facts.amounts.iter().filter(|a| a.disputed);
            let largest = disputed.max_by_key(|a| a.fen)?;
            found = Some((largest.fen >= least * 100).then(|| largest.range.clone())?);
        }
        if let Some(least) = self.age_at_least {
            let age = facts.age.as_ref().filter(|a| a.value >= least)?;
            found = Some(age.range.clone());
        }
        if let Some(most) = self.age_at_most {
            let age = facts.age.as_ref().filter(|a| a.value <= most)?;
            found = Some(age.range.clone());
        }
        found
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub scope: ScopeWords,
    pub facts: FactWords,
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
    contrary: Vec<String>,
    #[serde(default)]
    channel: Vec<String>,
    #[serde(default = "yes")]
    withhold: bool,
    #[serde(default)]
    counts: Counts,
    people_at_least: Option<u32>,
    amount_at_least: Option<i64>,
    age_at_least: Option<u32>,
    age_at_most: Option<u32>,
    days_ago_at_most: Option<u32>,
}

fn yes() -> bool {
    true
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
                || r.age_at_most.is_some();
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
            let words = r.any.iter().chain(&r.with);
            let mut words = words.chain(&r.without).chain(&r.contrary);
            if words.any(|w| w.trim().is_empty()) {
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
                contrary: r.contrary.clone(),
                channel: r.channel.clone(),
                withhold: r.withhold,
                counts: r.counts,
                people_at_least: r.people_at_least,
                amount_at_least: r.amount_at_least,
                age_at_least: r.age_at_least,
                age_at_most: r.age_at_most,
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
