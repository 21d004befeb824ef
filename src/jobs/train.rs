//! `xiaobao train`: labelled files to a bundle, by the same clean, segment and features as triage.
//! Law: calibration rows are never trained on, test rows are never touched; the same data and seed give the same bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::calibrate::{HeadFigures, HeldOut, single_heads};
use super::labelled::HeadColumn;
use super::learn::{Learner, Learnt, Recipe};
use super::prepared::{Prepared, Reading};
use super::train_encoder::EncoderTraining;
use super::voices::Split;
use super::{Outcome, progress};
use crate::bundle::{Bundle, FORMAT_VERSION, Manifest, cpu_class};
use crate::decide::Precision;
use crate::error::{Error, Result};
use crate::features::FeatureSpec;
use crate::metrics::Reference;
use crate::model::FitOptions;
use crate::segment::Segmenter;
use crate::source::SourceOptions;

/// What `train` was asked to do.
#[derive(Debug)]
pub struct TrainOptions {
    pub inputs: Vec<PathBuf>,
    pub out: PathBuf,
    pub force: bool,
    pub data: PathBuf,
    pub source: SourceOptions,
    /// Empty: the four heads of the taxonomy.
    pub heads: Vec<HeadColumn>,
    pub features: FeatureSpec,
    pub fit: FitOptions,
    pub precision: Precision,
    /// `Some`: fine-tune an encoder instead of the fast model.
    pub encoder: Option<EncoderTraining>,
    /// A bundle to begin with instead of chance.
    pub init: Option<PathBuf>,
    /// Share of rows held out for calibration where no voices are listed, 0..1.
    pub holdout: f64,
}

pub fn run(options: &TrainOptions) -> Result<Outcome> {
    if options.out.exists() && !options.force {
        return Err(Error::Usage(format!(
            "{}: exists already: choose another --out, or add --force",
            options.out.display()
        )));
    }
    if !(0.0..0.9).contains(&options.holdout) {
        return Err(Error::Usage("--holdout: must lie in 0..0.9".to_owned()));
    }
    let prepared = Prepared::read(&Reading {
        inputs: &options.inputs,
        data: &options.data,
        source: &options.source,
        heads: &options.heads,
        holdout: options.holdout,
    })?;
    let train = prepared.indices(Split::Train);
    let held = prepared.indices(Split::Calibration);
    eprintln!(
        "{} rows: {} to train, {} to calibrate, {} left for tests",
        prepared.rows.len(),
        train.len(),
        held.len(),
        prepared.rows.len() - train.len() - held.len()
    );
    if train.len() < 2 {
        return Err(Error::Usage(
            "fewer than two rows to train on: check the label columns and voices.toml".to_owned(),
        ));
    }
    if let Some(encoder) = &options.encoder {
        return super::train_encoder::run(options, encoder, prepared);
    }
    let init = options.init.as_deref().map(Bundle::load).transpose()?;
    let (features, fit) = recipe(options, init.as_ref(), train.len());
    let dictionary = match &init {
        Some(bundle) => bundle.dictionary().to_owned(),
        None => prepared.tables.dictionary.clone(),
    };
    let segmenter = Segmenter::new(&dictionary)?;
    let recipe = Recipe {
        features,
        fit: &fit,
        init: init.as_ref(),
    };
    let learner = Learner::new(&prepared, &segmenter, recipe);
    let bar = progress(
        Some((fit.epochs * fit.members) as u64),
        "{bar:30} {pos}/{len} epochs · loss {msg} · {elapsed}",
    );
    let learnt = learner.learn(&train, &prepared.targets, &mut |_, _, loss| {
        bar.set_message(format!("{loss:.3}"));
        bar.inc(1);
    })?;
    bar.finish_and_clear();

    let held_out = HeldOut {
        indices: &held,
        findings: &prepared.findings,
        targets: &prepared.targets,
    };
    let judged = learner.judge(&learnt, &held);
    let (calibration, metrics) = held_out.calibrate(
        &prepared.specs,
        &judged,
        &prepared.tables,
        options.precision,
    );
    let reference = (!held.is_empty()).then(|| {
        let chars = held
            .iter()
            .map(|i| prepared.cleaned[*i].text().chars().count());
        let seen = judged.seen(&prepared.specs, &calibration, chars);
        Reference::of(&single_heads(&prepared.specs), &seen)
    });
    let Learnt {
        vocabulary,
        network,
    } = learnt;
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        xiaobao: env!("CARGO_PKG_VERSION").to_owned(),
        network: network.spec().clone(),
        features,
        training: fit.clone(),
        data_sha256: prepared.data_sha256(),
        n_train: train.len(),
        n_calibration: held.len(),
        label_counts: prepared.label_counts(),
        cpu_class: cpu_class(),
        metrics,
        files: BTreeMap::new(),
    };
    let (bundle, files) = Bundle::new(
        manifest,
        network,
        vocabulary,
        dictionary,
        calibration,
        reference,
    )?;
    files.write(&options.out, options.force)?;
    tell(&bundle.manifest().metrics);
    eprintln!(
        "bundle {} written to {}",
        bundle.id(),
        options.out.display()
    );
    Ok(prepared.outcome())
}

/// The figures of the calibration split on stderr.
pub(super) fn tell(metrics: &HeadFigures) {
    for (name, figures) in metrics {
        eprintln!(
            "calibration split: {name} accuracy {:.4}, macro-F1 {:.4} (n {})",
            figures["accuracy"], figures["macro_f1"], figures["n"]
        );
    }
}

/// What is learnt with: a bundle that is begun with settles features, widths and members.
fn recipe(
    options: &TrainOptions,
    init: Option<&Bundle>,
    n_rows: usize,
) -> (FeatureSpec, FitOptions) {
    let mut fit = options.fit.clone();
    fit.rows = Some(fit.rows_for(n_rows, init.is_some()));
    let Some(bundle) = init else {
        return (options.features, fit);
    };
    let spec = bundle.network().spec();
    fit.members = spec.blocks;
    fit.dim = spec.dim / spec.blocks;
    fit.hidden = spec.hidden / spec.blocks;
    (bundle.manifest().features, fit)
}
