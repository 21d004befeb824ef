//! `xiaobao label-audit`: labelled files in, the labels that are probably wrong out, ranked, for a person to judge.
//! Law: a row is judged by networks that did not see it; nothing is deleted or changed, test rows are not looked at.

mod apply;
mod review;

pub use apply::{ApplyOptions, apply};

use std::path::PathBuf;

use rayon::prelude::*;

use super::folds::{deal, out_of_sample};
use super::labelled::HeadColumn;
use super::learn::{Learner, Recipe};
use super::prepared::{Prepared, Reading};
use super::voices::Split;
use super::{Outcome, progress};
use crate::decide::{HeadCalibration, Precision, fit_head};
use crate::error::{Error, Result};
use crate::features::FeatureSpec;
use crate::metrics::Doubts;
use crate::model::{FitOptions, HeadKind, HeadSpec, Target, offsets};
use crate::segment::Segmenter;
use crate::source::SourceOptions;

/// What `label-audit` was asked to do.
#[derive(Debug)]
pub struct LabelAuditOptions {
    pub inputs: Vec<PathBuf>,
    /// The review list.
    pub out: PathBuf,
    pub force: bool,
    pub data: PathBuf,
    pub source: SourceOptions,
    pub heads: Vec<HeadColumn>,
    pub features: FeatureSpec,
    pub fit: FitOptions,
    pub folds: usize,
    /// Passes over all folds; each later one learns without the labels that the ones before doubt.
    pub rounds: usize,
    /// Labels listed for a head; as many as the estimate says if not given.
    pub most: Option<usize>,
    /// Where the out-of-sample probabilities go.
    pub probabilities: Option<PathBuf>,
}

/// What is doubted about one head: for a head with any number of labels, one of them, which is there (1) or not (0).
struct HeadDoubts {
    head: usize,
    /// The label that is asked for, of a head with any number of labels.
    label: Option<usize>,
    /// Places of the rows with a label for the head.
    rows: Vec<usize>,
    doubts: Doubts,
}

pub fn run(options: &LabelAuditOptions) -> Result<Outcome> {
    for path in std::iter::once(&options.out).chain(&options.probabilities) {
        super::refuse_existing(path, options.force)?;
    }
    if !(2..=50).contains(&options.folds) || !(1..=10).contains(&options.rounds) {
        return Err(Error::Usage(
            "--folds: 2 to 50; --rounds: 1 to 10".to_owned(),
        ));
    }
    let prepared = Prepared::read(&Reading {
        inputs: &options.inputs,
        data: &options.data,
        source: &options.source,
        heads: &options.heads,
        holdout: 0.0,
    })?;
    let rows: Vec<usize> = (0..prepared.rows.len())
        .filter(|i| prepared.splits[*i] != Split::Test)
        .collect();
    eprintln!(
        "{} rows, {} of them judged; test rows are left alone",
        prepared.rows.len(),
        rows.len()
    );
    if rows.len() < options.folds * 10 {
        return Err(Error::Usage(format!(
            "{} rows are too few for {} folds: give at least ten rows a fold",
            rows.len(),
            options.folds
        )));
    }
    let segmenter = Segmenter::new(&prepared.tables.dictionary)?;
    let recipe = Recipe {
        features: options.features,
        fit: &options.fit,
        init: None,
    };
    let learner = Learner::new(&prepared, &segmenter, recipe);
    let n_epochs = options.rounds * options.folds * options.fit.epochs * options.fit.members;
    let bar = progress(
        Some(n_epochs as u64),
        "{bar:30} {pos}/{len} epochs · loss {msg} · {elapsed}, {eta} left",
    );
    let tell = |loss: f64| {
        bar.set_message(format!("{loss:.3}"));
        bar.inc(1);
    };
    let mut targets = prepared.targets.clone();
    let (mut folds, mut probs) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    for round in 0..options.rounds {
        folds = deal(
            &prepared,
            &rows,
            options.folds,
            options.fit.seed + round as u64,
        );
        let logits = out_of_sample(&learner, &targets, &rows, &folds, &tell)?;
        probs = calibrated(&prepared, &rows, &logits);
        found = doubts(&prepared, &rows, &probs);
        targets.clone_from(&prepared.targets);
        for own in &found {
            for suspect in own.doubts.suspects.iter().filter(|s| s.counted) {
                targets[own.rows[suspect.row]][own.head] = None;
            }
        }
    }
    bar.finish_and_clear();
    if let Some(path) = &options.probabilities {
        review::write_probabilities(path, &prepared, &rows, &folds, &probs)?;
    }
    let n = review::write(options, &prepared, &learner, &rows, &targets, &found)?;
    print!("{}", review::summary(&prepared.specs, &found));
    eprintln!("{n} doubtful labels written to {}", options.out.display());
    eprintln!(
        "fill the last column, then: xiaobao label-audit --apply {} --out DIR",
        options.out.display()
    );
    Ok(prepared.outcome())
}

/// Probabilities of all labels, by row of `rows`; the temperatures are fitted on the given labels.
fn calibrated(prepared: &Prepared, rows: &[usize], logits: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut out: Vec<Vec<f32>> = logits.iter().map(|l| Vec::with_capacity(l.len())).collect();
    for (k, (head, first)) in prepared
        .specs
        .iter()
        .zip(offsets(&prepared.specs))
        .enumerate()
    {
        let own = |l: &[f32]| l[first..first + head.labels.len()].to_vec();
        let labelled: Vec<(Vec<f32>, Vec<u32>)> = rows
            .iter()
            .zip(logits)
            .filter_map(|(i, logits)| {
                let gold = match prepared.targets[*i][k].as_ref()? {
                    Target::One(label) => vec![*label],
                    Target::Any(labels) => labels.clone(),
                };
                Some((own(logits), gold))
            })
            .collect();
        let fitted = fit_head(head, &labelled, Precision::default());
        out.par_iter_mut()
            .zip(logits)
            .for_each(|(out, logits)| out.extend(probs_of(head, &fitted, &own(logits))));
    }
    out
}

fn probs_of(head: &HeadSpec, fitted: &HeadCalibration, logits: &[f32]) -> Vec<f32> {
    match head.kind {
        HeadKind::Single => fitted.probs(logits),
        HeadKind::Multi => fitted.label_probs(logits),
    }
}

/// One entry for each head, or for each label of a head with any number.
fn doubts(prepared: &Prepared, rows: &[usize], probs: &[Vec<f32>]) -> Vec<HeadDoubts> {
    let mut out = Vec::new();
    for (head, (spec, first)) in prepared
        .specs
        .iter()
        .zip(offsets(&prepared.specs))
        .enumerate()
    {
        let places: Vec<usize> = (0..rows.len())
            .filter(|at| prepared.targets[rows[*at]][head].is_some())
            .collect();
        let given = |at: &usize| prepared.targets[rows[*at]][head].as_ref();
        let own: Vec<usize> = places.iter().map(|at| rows[*at]).collect();
        let n = spec.labels.len();
        match spec.kind {
            HeadKind::Single => {
                let given: Vec<u32> = places
                    .iter()
                    .map(|at| match given(at) {
                        Some(Target::One(label)) => *label,
                        _ => 0,
                    })
                    .collect();
                let probs: Vec<Vec<f32>> = places
                    .iter()
                    .map(|at| probs[*at][first..first + n].to_vec())
                    .collect();
                out.push(HeadDoubts {
                    head,
                    label: None,
                    doubts: Doubts::find(&probs, &given, n),
                    rows: own,
                });
            }
            HeadKind::Multi => {
                for label in 0..n {
                    let given: Vec<u32> = places
                        .iter()
                        .map(|at| match given(at) {
                            Some(Target::Any(labels)) => {
                                u32::from(labels.contains(&(label as u32)))
                            }
                            _ => 0,
                        })
                        .collect();
                    let probs: Vec<Vec<f32>> = places
                        .iter()
                        .map(|at| vec![1.0 - probs[*at][first + label], probs[*at][first + label]])
                        .collect();
                    out.push(HeadDoubts {
                        head,
                        label: Some(label),
                        doubts: Doubts::find(&probs, &given, 2),
                        rows: own.clone(),
                    });
                }
            }
        }
    }
    out
}
