//! Held-out rows in, `Calibration` and figures out: temperatures, thresholds, and the limits of the urgent levels.
//! Law: these rows were never trained on.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::cues::Findings;
use crate::decide::{
    Calibration, Caution, Doubt, HeadCalibration, LabelledLogits, Precision, RuleEffect, fit_head,
};
use crate::metrics::{Answer, Scorecard, Seen, score, score_multi};
use crate::model::{HeadKind, HeadSpec, Target, offsets};
use crate::tables::Tables;
use crate::taxonomy::head;

/// Accuracy, macro-F1 and n by head.
pub(super) type HeadFigures = BTreeMap<String, BTreeMap<String, f64>>;

/// The held-out rows, as places among all labelled rows.
pub(super) struct HeldOut<'a> {
    pub indices: &'a [usize],
    pub findings: &'a [Findings],
    /// By row and head.
    pub targets: &'a [Vec<Option<Target>>],
}

/// What a model says about the held-out rows, in their order.
pub(super) struct Judged {
    pub logits: Vec<Vec<f32>>,
    /// Share of each text that the model knows, 0..=1.
    pub known_shares: Vec<f32>,
}

/// Name and labels of the heads with one label a row.
pub(super) fn single_heads(heads: &[HeadSpec]) -> Vec<(&str, &[String])> {
    let single = heads.iter().filter(|h| h.kind == HeadKind::Single);
    single
        .map(|h| (h.name.as_str(), h.labels.as_slice()))
        .collect()
}

impl Judged {
    /// What drift is measured by; `n_chars`: characters of each row's text.
    pub fn seen(
        &self,
        heads: &[HeadSpec],
        calibration: &Calibration,
        n_chars: impl Iterator<Item = usize>,
    ) -> Vec<Seen> {
        let places: Vec<(usize, usize)> = offsets(heads).into_iter().enumerate().collect();
        let rows = self.logits.iter().zip(&self.known_shares).zip(n_chars);
        rows.map(|((logits, known_share), n_chars)| {
            let single = places
                .iter()
                .filter(|(k, _)| heads[*k].kind == HeadKind::Single);
            let firsts: Vec<(usize, f32)> = single
                .clone()
                .map(|(k, first)| {
                    let own = &logits[*first..first + heads[*k].labels.len()];
                    calibration.heads[*k].first(own)
                })
                .collect();
            let limit = single
                .clone()
                .next()
                .map(|(k, _)| calibration.heads[*k].auto.prob);
            let is_auto = *known_share >= calibration.min_known_share
                && firsts
                    .first()
                    .zip(limit)
                    .is_some_and(|(f, limit)| f.1 >= limit);
            Seen {
                firsts,
                known_share: *known_share,
                n_chars,
                is_auto,
            }
        })
        .collect()
    }
}

impl HeldOut<'_> {
    pub fn calibrate(
        &self,
        heads: &[HeadSpec],
        judged: &Judged,
        tables: &Tables,
        precision: Precision,
    ) -> (Calibration, HeadFigures) {
        let logits = &judged.logits;
        let mut calibration = Calibration {
            heads: Vec::new(),
            cautions: Vec::new(),
            min_known_share: min_known_share(judged.known_shares.clone()),
        };
        let mut figures = HeadFigures::new();
        for (k, (head, first)) in heads.iter().zip(offsets(heads)).enumerate() {
            let own: Vec<&[f32]> = logits
                .iter()
                .map(|l| &l[first..first + head.labels.len()])
                .collect();
            let rows = self.labelled(k, &own);
            let fitted = fit_head(head, &rows, precision);
            let card = scorecard(head, &fitted, &rows);
            figures.insert(
                head.name.clone(),
                BTreeMap::from([
                    ("accuracy".to_owned(), card.accuracy),
                    ("macro_f1".to_owned(), card.macro_f1),
                    ("n".to_owned(), card.n as f64),
                ]),
            );
            if head.name == head::URGENCY {
                calibration.cautions = self.cautions(k, &fitted, &own, tables);
            }
            calibration.heads.push(fitted);
        }
        (calibration, figures)
    }

    /// Logits and right labels of the held-out rows that have a label for head `k`.
    fn labelled(&self, k: usize, logits: &[&[f32]]) -> Vec<LabelledLogits> {
        let rows = self.indices.iter().zip(logits);
        rows.filter_map(|(i, logits)| {
            let gold = match self.targets[*i][k].as_ref()? {
                Target::One(label) => vec![*label],
                Target::Any(labels) => labels.clone(),
            };
            Some((logits.to_vec(), gold))
        })
        .collect()
    }

    /// The limits of the levels that ask for a recall, by what model and rules reach together.
    fn cautions(
        &self,
        k: usize,
        fitted: &HeadCalibration,
        logits: &[&[f32]],
        tables: &Tables,
    ) -> Vec<Caution> {
        let asking = self.doubts(k, fitted, logits, tables);
        let fits = asking.iter().map(|(level, doubts)| {
            let row = &tables.taxonomy.levels[*level];
            Caution::fit(&row.label.code, row.min_recall.unwrap_or(0.0), doubts)
        });
        fits.collect()
    }

    /// By level that asks for a recall: each held-out row's doubt about it; nothing where no row has a level.
    pub fn doubts(
        &self,
        k: usize,
        fitted: &HeadCalibration,
        logits: &[&[f32]],
        tables: &Tables,
    ) -> Vec<(usize, Vec<Doubt>)> {
        let judged: Vec<(usize, Vec<f32>, usize)> = self
            .indices
            .par_iter()
            .zip(logits)
            .filter_map(|(&i, logits)| match &self.targets[i][k] {
                Some(Target::One(gold)) => {
                    let probs = fitted.probs(logits);
                    let by_rule = rule_level(tables, &self.findings[i], &probs);
                    Some((*gold as usize, probs, by_rule))
                }
                _ => None,
            })
            .collect();
        if judged.is_empty() {
            return Vec::new();
        }
        let asking = tables.taxonomy.levels.iter().enumerate();
        asking
            .filter(|(_, row)| row.min_recall.is_some())
            .map(|(level, _)| {
                let doubts = judged
                    .iter()
                    .map(|(gold, probs, by_rule)| {
                        // The most probable level is this one or a higher one; ties go to the higher.
                        let top = |p: &[f32]| p.iter().copied().fold(f32::MIN, f32::max);
                        let by_model = top(&probs[..=level]) >= top(&probs[level + 1..]);
                        Doubt {
                            prob: probs[..=level].iter().sum(),
                            is_high: *gold <= level,
                            reached: by_model || *by_rule <= level,
                        }
                    })
                    .collect();
                (level, doubts)
            })
            .collect()
    }
}

/// The smallest share of 99.5 % of the held-out texts.
fn min_known_share(mut shares: Vec<f32>) -> f32 {
    shares.sort_by(f32::total_cmp);
    shares.get(shares.len() / 200).copied().unwrap_or(0.0)
}

fn scorecard(head: &HeadSpec, fitted: &HeadCalibration, rows: &[LabelledLogits]) -> Scorecard {
    match head.kind {
        HeadKind::Single => {
            let answers: Vec<Answer> = rows
                .iter()
                .map(|(logits, gold)| {
                    let (given, prob) = fitted.first(logits);
                    Answer {
                        gold: gold[0] as usize,
                        given,
                        prob,
                    }
                })
                .collect();
            score(&head.name, &head.labels, &answers)
        }
        HeadKind::Multi => {
            let rows: Vec<(Vec<usize>, Vec<usize>)> = rows
                .iter()
                .map(|(logits, gold)| {
                    let gold = gold.iter().map(|g| *g as usize).collect();
                    (gold, fitted.passing(logits))
                })
                .collect();
            score_multi(&head.name, &head.labels, &rows)
        }
    }
}

/// The highest level that a rule gives, as an index; past the last one if none does. `probs`: by level.
fn rule_level(tables: &Tables, findings: &Findings, probs: &[f32]) -> usize {
    let fired = findings.fired.iter().filter_map(|f| {
        let rule = &tables.cues.rules()[f.rule as usize];
        RuleEffect::of(rule, &tables.taxonomy).level(f, |level| probs[..=level].iter().sum())
    });
    fired.min().unwrap_or(usize::MAX)
}
