//! Logits and rule findings in, `Decision` out: calibrated probabilities, bands, and the level of urgency.
//! Law: a rule may raise an urgency, never lower one; an abstention is visible as `Band::Review`.

mod calibration;
mod prior;

pub use calibration::{
    Calibration, Caution, Doubt, HeadCalibration, LEAST_AUTO_PROB, LabelledLogits, Precision,
    Threshold, fit_head, fit_threshold,
};
pub use prior::{LabelCounts, Prior};

use serde::Serialize;

use crate::cues::{Cues, Findings, Fired, Rule};
use crate::error::{Error, Result};
use crate::model::{HeadKind, HeadSpec, offsets};
use crate::taxonomy::{Taxonomy, head};
use calibration::sigmoid;
pub(crate) use calibration::softmax;

/// How far the machine vouches for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// The first label may be used as it is.
    Auto,
    /// One of the first three should be chosen by a person.
    Suggest,
    /// A person must read it.
    Review,
}

impl Band {
    pub const ALL: [Band; 3] = [Band::Auto, Band::Suggest, Band::Review];

    pub fn code(self) -> &'static str {
        match self {
            Band::Auto => "auto",
            Band::Suggest => "suggest",
            Band::Review => "review",
        }
    }

    /// As readers see it.
    pub fn name(self) -> &'static str {
        match self {
            Band::Auto => "自动",
            Band::Suggest => "建议",
            Band::Review => "人工复核",
        }
    }
}

/// A label of a head with its calibrated probability, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    pub label: usize,
    pub prob: f32,
}

/// The answer to one head: at most three labels, most probable first.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadDecision {
    pub ranked: Vec<Ranked>,
    pub band: Band,
}

impl HeadDecision {
    pub fn first(&self) -> Ranked {
        self.ranked[0]
    }
}

/// Why a decision went to review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewGround {
    /// No label is probable enough.
    CloseCall,
    /// Too little of the text is known to the model.
    UnknownText,
}

/// A flag that holds, with its grounds.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagDecision {
    /// Index into `Taxonomy::flags`.
    pub flag: usize,
    /// The model's calibrated probability.
    pub prob: f32,
    /// A rule says so by a fact of the channel, or by the text and the model does not find it improbable.
    pub by_rule: bool,
}

/// What raised a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Raised {
    /// Index into the fired findings.
    Rule(usize),
    /// The model's probability of this level or a higher one, at or above the level's limit.
    Caution(f32),
}

/// What was decided about one complaint; label numbers are those of `Taxonomy`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub type_: HeadDecision,
    pub reason: HeadDecision,
    pub urgency: HeadDecision,
    /// Index into `Taxonomy::levels`: the highest of model, caution and rules.
    pub level: usize,
    /// What raised the level above the model's most probable one.
    pub raised_by: Option<Raised>,
    /// By fired finding: the level that its rule raises to, if it counts.
    pub rule_levels: Vec<Option<usize>>,
    pub flags: Vec<FlagDecision>,
    /// The band of the type, on which the queue depends.
    pub band: Band,
    pub review_ground: Option<ReviewGround>,
}

impl Decision {
    /// Leaves the type to a person, because the text is not of the kind that the model knows.
    pub fn abstain_unknown(&mut self) {
        self.type_.band = Band::Review;
        self.band = Band::Review;
        self.review_ground = Some(ReviewGround::UnknownText);
    }
}

/// A rule raises a level by the text unless the model finds that level or a higher one less probable than this: of 50 texts
/// of voices never trained on where it did (n 3,357), the rule was right in 3 and the model in 42. Safety and what the
/// channel says count in any case.
const RULE_LEVEL_PROB: f32 = 0.05;

/// A rule sets a flag by the text unless the model finds it less probable than this: on the
/// calibration split all flags are right in .906 of the texts with it and in .854 without (n 1,198); 0.1: .898, 0.3: .911.
const RULE_FLAG_PROB: f32 = 0.2;

/// Where each of our heads stands among the network's logits, and its label order in the taxonomy.
#[derive(Debug)]
struct HeadPlace {
    head: usize,
    first: usize,
    /// Network label to taxonomy label.
    labels: Vec<usize>,
}

/// What a rule does when it fires.
#[derive(Debug)]
pub struct RuleEffect {
    /// Level that it raises to.
    level: Option<usize>,
    flag: Option<usize>,
    /// It raises whatever the model finds.
    always: bool,
}

impl RuleEffect {
    pub fn of(rule: &Rule, taxonomy: &Taxonomy) -> RuleEffect {
        let index = |head, code: Option<&str>| code.and_then(|c| taxonomy.index(head, c));
        RuleEffect {
            level: index(head::URGENCY, rule.raises.as_deref()),
            flag: index(head::FLAGS, rule.flag.as_deref()),
            always: !rule.withhold,
        }
    }

    /// The level that it raises to where it fired so, if it counts; `at_least`: how probable the model finds a level or a
    /// higher one.
    pub fn level(&self, fired: &Fired, at_least: impl Fn(usize) -> f32) -> Option<usize> {
        let by_channel = fired.range.is_none();
        self.level
            .filter(|l| self.always || by_channel || at_least(*l) >= RULE_LEVEL_PROB)
    }
}

/// Turns logits into decisions for one bundle and one set of tables.
#[derive(Debug)]
pub struct Decider {
    type_: HeadPlace,
    reason: HeadPlace,
    urgency: HeadPlace,
    flags: HeadPlace,
    rules: Vec<RuleEffect>,
    /// (level, limit of the probability of it or a higher one), the highest level first.
    cautions: Vec<(usize, f32)>,
}

impl Decider {
    /// Checks that the bundle's labels are the tables' labels, and that rules name known ones.
    pub fn new(
        heads: &[HeadSpec],
        calibration: &Calibration,
        taxonomy: &Taxonomy,
        cues: &Cues,
    ) -> Result<Decider> {
        let place = |name: &str, kind: HeadKind| -> Result<HeadPlace> {
            let head = heads
                .iter()
                .position(|h| h.name == name)
                .ok_or_else(|| {
                    Error::Usage(format!(
                        "the bundle has no head `{name}`: triage needs a bundle trained with the heads type, reason, urgency and flags"
                    ))
                })?;
            let found = &heads[head];
            let codes = taxonomy.codes(name);
            let labels = found
                .labels
                .iter()
                .map(|l| codes.iter().position(|c| c == l))
                .collect::<Option<Vec<_>>>();
            match labels {
                Some(labels) if found.kind == kind && labels.len() == codes.len() => {
                    Ok(HeadPlace {
                        head,
                        first: offsets(heads)[head],
                        labels,
                    })
                }
                _ => Err(Error::Usage(format!(
                    "head `{name}`: the bundle's {} labels are not the {} of the tables: train again with this --data, or point --data at the tables it was trained with",
                    found.labels.len(),
                    codes.len()
                ))),
            }
        };
        let mut cautions: Vec<(usize, f32)> = calibration
            .cautions
            .iter()
            .filter_map(|c| Some((taxonomy.index(head::URGENCY, &c.level)?, c.prob)))
            .collect();
        cautions.sort_by_key(|c| c.0);
        Ok(Decider {
            cautions,
            type_: place(head::TYPE, HeadKind::Single)?,
            reason: place(head::REASON, HeadKind::Single)?,
            urgency: place(head::URGENCY, HeadKind::Single)?,
            flags: place(head::FLAGS, HeadKind::Multi)?,
            rules: cues
                .rules()
                .iter()
                .map(|r| RuleEffect::of(r, taxonomy))
                .collect(),
        })
    }

    /// Logit number of a label of `type`, `reason` or `urgency`, for explanations.
    pub fn output(&self, head: &str, label: usize) -> usize {
        match head {
            head::TYPE => output(&self.type_, label),
            head::REASON => output(&self.reason, label),
            _ => output(&self.urgency, label),
        }
    }

    pub fn apply(
        &self,
        logits: &[f32],
        known_share: f32,
        calibration: &Calibration,
        findings: &Findings,
    ) -> Decision {
        let probs = |place: &HeadPlace| {
            let own = &logits[place.first..place.first + place.labels.len()];
            softmax(own, calibration.heads[place.head].temperature)
        };
        let single = |place: &HeadPlace, probs: &[f32]| {
            let calibration = &calibration.heads[place.head];
            let mut ranked: Vec<Ranked> = Vec::with_capacity(4);
            for (&label, &prob) in place.labels.iter().zip(probs) {
                // Ties keep the order of the labels.
                let at = ranked.partition_point(|r| r.prob >= prob);
                if at < 3 {
                    ranked.insert(at, Ranked { label, prob });
                    ranked.truncate(3);
                }
            }
            let top = ranked[0].prob;
            let band = if top >= calibration.auto.prob {
                Band::Auto
            } else if top >= calibration.suggest.prob {
                Band::Suggest
            } else {
                Band::Review
            };
            HeadDecision { ranked, band }
        };
        let level_probs = probs(&self.urgency);
        let (mut type_, reason, urgency) = (
            single(&self.type_, &probs(&self.type_)),
            single(&self.reason, &probs(&self.reason)),
            single(&self.urgency, &level_probs),
        );
        let unknown = known_share < calibration.min_known_share;
        if unknown {
            type_.band = Band::Review;
        }
        let band = type_.band;
        let review_ground = match (band, unknown) {
            (Band::Review, true) => Some(ReviewGround::UnknownText),
            (Band::Review, false) => Some(ReviewGround::CloseCall),
            _ => None,
        };
        let modelled = urgency.first().label;
        let rule_levels: Vec<Option<usize>> = findings
            .fired
            .iter()
            .map(|f| self.rules[f.rule as usize].level(f, self.at_least(&level_probs)))
            .collect();
        // Levels are listed from the highest: the smaller index is the higher level.
        let by_rule = (0..)
            .zip(&rule_levels)
            .filter_map(|(i, level)| Some(((*level)?, i)))
            .min()
            .map(|(level, i)| (level, Raised::Rule(i)));
        // A rule is the better ground: caution counts only where it reaches higher.
        let raised = [by_rule, self.caution(&level_probs)]
            .into_iter()
            .flatten()
            .min_by_key(|(level, _)| *level)
            .filter(|(level, _)| *level < modelled);
        Decision {
            level: raised.map_or(modelled, |(level, _)| level),
            raised_by: raised.map(|(_, by)| by),
            rule_levels,
            flags: self.flags(logits, calibration, findings),
            band,
            review_ground,
            type_,
            reason,
            urgency,
        }
    }

    /// How probable a level or a higher one is.
    fn at_least(&self, level_probs: &[f32]) -> impl Fn(usize) -> f32 {
        let labels = self.urgency.labels.iter();
        move |level| {
            let own = labels.clone().zip(level_probs);
            own.filter(|(l, _)| **l <= level).map(|(_, p)| p).sum()
        }
    }

    /// The highest level that is probable enough, together with those above it, not to be passed over.
    fn caution(&self, level_probs: &[f32]) -> Option<(usize, Raised)> {
        self.cautions.iter().find_map(|&(level, limit)| {
            let prob = self.at_least(level_probs)(level);
            (prob >= limit).then_some((level, Raised::Caution(prob)))
        })
    }

    fn flags(
        &self,
        logits: &[f32],
        calibration: &Calibration,
        findings: &Findings,
    ) -> Vec<FlagDecision> {
        let calibration = &calibration.heads[self.flags.head];
        let mut flags: Vec<FlagDecision> = Vec::new();
        for (i, &flag) in self.flags.labels.iter().enumerate() {
            let prob = sigmoid(logits[self.flags.first + i] / calibration.temperature);
            let limit = calibration.labels.get(i).copied().unwrap_or(0.5);
            // What the channel says is a fact, whatever the text sounds like.
            let by_rule = findings.fired.iter().any(|f| {
                self.rules[f.rule as usize].flag == Some(flag)
                    && (f.range.is_none() || prob >= RULE_FLAG_PROB)
            });
            if by_rule || prob >= limit {
                flags.push(FlagDecision {
                    flag,
                    prob,
                    by_rule,
                });
            }
        }
        flags.sort_by_key(|f| f.flag);
        flags
    }
}

fn output(place: &HeadPlace, label: usize) -> usize {
    place.first + place.labels.iter().position(|l| *l == label).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_counts_unless_the_model_finds_its_level_improbable() {
        let rule = |always| RuleEffect {
            level: Some(2),
            flag: None,
            always,
        };
        let by_text = Fired {
            rule: 0,
            range: Some(0..3),
        };
        let by_channel = Fired {
            rule: 0,
            range: None,
        };
        let (likely, unlikely) = (RULE_LEVEL_PROB, RULE_LEVEL_PROB / 2.0);
        assert_eq!(rule(false).level(&by_text, |_| likely), Some(2));
        assert_eq!(rule(false).level(&by_text, |_| unlikely), None);
        assert_eq!(rule(false).level(&by_channel, |_| unlikely), Some(2));
        assert_eq!(rule(true).level(&by_text, |_| unlikely), Some(2));
    }
}
