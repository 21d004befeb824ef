//! How much more rows would bring: the bundle's recipe learnt from ever larger shares of its training rows. `--learning-curve`.
//! Law: a row that is evaluated is never learnt from; a smaller share is part of every larger one.

use std::path::PathBuf;

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use serde::Serialize;

use super::Picked;
use crate::bundle::Bundle;
use crate::error::{Error, Result};
use crate::jobs::labelled::columns_of;
use crate::jobs::learn::{Learner, Recipe};
use crate::jobs::network::{ByNetwork, Work};
use crate::jobs::prepared::{Prepared, Reading};
use crate::jobs::progress;
use crate::jobs::voices::Split;
use crate::metrics::{Answer, score};
use crate::model::{FitOptions, HeadKind, HeadSpec, Seed, Target, offsets};
use crate::segment::Segmenter;

/// Halvings of all rows: the least share is one over two to this.
const HALVINGS: u32 = 4;
/// Fewer rows teach nothing.
const LEAST_ROWS: usize = 20;

/// What so many rows bring.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    pub rows: usize,
    pub heads: Vec<PointHead>,
}

/// Figures of one head with one label a row, by the network alone.
#[derive(Debug, Serialize)]
pub(super) struct PointHead {
    pub head: String,
    pub n: usize,
    pub accuracy: f64,
    pub macro_f1: f64,
}

/// Learns from shares of `options.learning_curve`, and judges the picked rows.
pub(super) fn curve(
    options: &super::EvaluateOptions,
    inputs: &[PathBuf],
    picked: &Picked<'_>,
) -> Result<Vec<Point>> {
    let bundle = Bundle::load(&options.model)?;
    let all = &bundle.network().spec().heads;
    let asked: Vec<HeadSpec> = picked.places.iter().map(|p| all[*p].clone()).collect();
    let columns = if options.heads.is_empty() {
        columns_of(&asked)
    } else {
        options.heads.clone()
    };
    let prepared = Prepared::read(&Reading {
        inputs,
        data: &options.data,
        source: &options.source,
        heads: &columns,
        holdout: 0.0,
    })?;
    let judged: FxHashSet<&str> = picked.rows.iter().map(|r| r.text.as_str()).collect();
    let mut rows = prepared.indices(Split::Train);
    rows.retain(|i| !judged.contains(prepared.rows[*i].text.as_str()));
    if rows.len() < LEAST_ROWS {
        return Err(Error::Usage(format!(
            "--learning-curve: {} rows to learn from that are not evaluated; at least {LEAST_ROWS} are needed",
            rows.len()
        )));
    }
    let manifest = bundle.manifest();
    Seed::new(manifest.training.seed).shuffle(&mut rows);
    let sizes = (0..=HALVINGS).rev().map(|k| rows.len() >> k);
    let sizes: Vec<usize> = sizes.filter(|n| *n >= LEAST_ROWS).collect();
    let segmenter = Segmenter::new(&prepared.tables.dictionary)?;
    let mut fit = manifest.training.clone();
    // Rows learn as suits each size, unless the bundle's own were asked for otherwise.
    let unasked = FitOptions {
        rows: None,
        ..fit.clone()
    };
    if fit.rows == Some(unasked.rows_for(manifest.n_train, false)) {
        fit = unasked;
    }
    let recipe = Recipe {
        features: manifest.features,
        fit: &fit,
        init: None,
    };
    let learner = Learner::new(&prepared, &segmenter, recipe);
    let n_epochs = sizes.len() * fit.epochs * fit.members;
    let bar = progress(
        Some(n_epochs as u64),
        "learning curve {bar:30} {pos}/{len} epochs · {elapsed}",
    );
    let mut points = Vec::new();
    for n in sizes {
        let mut learnt_from = rows[..n].to_vec();
        learnt_from.sort_unstable();
        let learnt = learner.learn(&learnt_from, &prepared.targets, &mut |_, _, _| bar.inc(1))?;
        let network = ByNetwork::of(
            &prepared.tables,
            &learnt.vocabulary,
            &learnt.network,
            &segmenter,
        );
        points.push(point(n, &network, &prepared.specs, &asked, picked));
    }
    bar.finish_and_clear();
    Ok(points)
}

fn point(
    rows: usize,
    network: &ByNetwork<'_>,
    specs: &[HeadSpec],
    asked: &[HeadSpec],
    picked: &Picked<'_>,
) -> Point {
    let logits: Vec<Vec<f32>> = picked
        .rows
        .par_iter()
        .map_init(Work::default, |work, row| {
            network.read(row, &network.clean(row), work);
            work.activations.logits().to_vec()
        })
        .collect();
    let mut heads = Vec::new();
    for (k, head) in asked.iter().enumerate() {
        let Some(place) = specs.iter().position(|s| s.name == head.name) else {
            continue;
        };
        if head.kind == HeadKind::Multi {
            continue;
        }
        let own = &specs[place].labels;
        let first = offsets(specs)[place];
        // Labels of either set, the bundle's first.
        let mut labels = head.labels.clone();
        labels.extend(own.iter().filter(|l| !head.labels.contains(l)).cloned());
        let answers: Vec<Answer> = logits
            .iter()
            .zip(picked.gold)
            .filter_map(|(logits, gold)| match gold[k] {
                Some(Target::One(gold)) => {
                    let logits = &logits[first..first + own.len()];
                    let best = (0..own.len())
                        .max_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a)))?;
                    Some(Answer {
                        gold: gold as usize,
                        given: labels.iter().position(|l| *l == own[best])?,
                        prob: 1.0,
                    })
                }
                _ => None,
            })
            .collect();
        let card = score(&head.name, &labels, &answers);
        heads.push(PointHead {
            head: head.name.clone(),
            n: card.n,
            accuracy: card.accuracy,
            macro_f1: card.macro_f1,
        });
    }
    Point { rows, heads }
}
