//! `train` and `evaluate` as the command does them.

use std::path::PathBuf;

use pyo3::prelude::*;
use xiaobao::bundle::Bundle;
use xiaobao::decide::Precision;
use xiaobao::error::Error;
use xiaobao::features::FeatureSpec;
use xiaobao::jobs::evaluate::EvaluateOptions;
use xiaobao::jobs::train::TrainOptions;
use xiaobao::jobs::{self, HeadColumn, Split};
use xiaobao::model::FitOptions;
use xiaobao::source::SourceOptions;

use crate::errors;

fn heads(written: &[String]) -> PyResult<Vec<HeadColumn>> {
    let head = |h: &String| {
        h.parse()
            .map_err(|e| errors::usage(&format!("heads=`{h}`: {e}")))
    };
    written.iter().map(head).collect()
}

fn split_of(name: &str) -> PyResult<Split> {
    match name {
        "train" => Ok(Split::Train),
        "calibration" => Ok(Split::Calibration),
        "test" => Ok(Split::Test),
        _ => Err(errors::usage(&format!(
            "split=`{name}`: use train, calibration or test"
        ))),
    }
}

/// Labelled files to a bundle in `out`; its id, and its manifest as JSON.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "keywords of the Python function")]
pub fn train(
    py: Python<'_>,
    inputs: Vec<PathBuf>,
    out: PathBuf,
    data: PathBuf,
    heads: Vec<String>,
    init: Option<PathBuf>,
    members: Option<usize>,
    epochs: Option<usize>,
    seed: Option<u64>,
    holdout: f64,
    force: bool,
) -> PyResult<(String, String)> {
    let usual = FitOptions::default();
    let fit = FitOptions {
        members: members.unwrap_or(usual.members),
        epochs: epochs.unwrap_or(usual.epochs),
        seed: seed.unwrap_or(usual.seed),
        ..usual
    };
    if !(1..=16).contains(&fit.members) || fit.epochs == 0 {
        return Err(errors::usage("members: 1 to 16, epochs: at least 1"));
    }
    let options = TrainOptions {
        inputs,
        out,
        force,
        data,
        source: SourceOptions::default(),
        heads: self::heads(&heads)?,
        features: FeatureSpec::default(),
        fit,
        precision: Precision::default(),
        encoder: None,
        init,
        holdout,
    };
    py.detach(|| {
        jobs::train::run(&options)?;
        let bundle = Bundle::load(&options.out)?;
        let manifest = serde_json::to_string(bundle.manifest())
            .map_err(|e| Error::Failed(format!("the manifest is no JSON: {e}")))?;
        Ok((bundle.id().to_owned(), manifest))
    })
    .map_err(errors::of_error)
}

/// Labelled files and a bundle to figures: text for people, JSON, and how many records were rejected.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "keywords of the Python function")]
pub fn evaluate(
    py: Python<'_>,
    inputs: Vec<PathBuf>,
    model: PathBuf,
    data: PathBuf,
    heads: Vec<String>,
    split: Option<&str>,
    cascade: Option<PathBuf>,
    prior: Option<PathBuf>,
    report: Option<PathBuf>,
    bad_cases: Option<PathBuf>,
    force: bool,
) -> PyResult<(String, String, usize)> {
    let options = EvaluateOptions {
        inputs,
        model,
        cascade,
        prior,
        data,
        source: SourceOptions::default(),
        heads: self::heads(&heads)?,
        split: split.map(split_of).transpose()?,
        json: None,
        bad_cases,
        report,
        learning_curve: Vec::new(),
        force,
    };
    py.detach(|| jobs::evaluate::measure(&options))
        .map(|measured| {
            (
                measured.text,
                measured.figures.to_string(),
                measured.rejected,
            )
        })
        .map_err(errors::of_error)
}
