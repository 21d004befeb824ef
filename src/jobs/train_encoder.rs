//! `xiaobao train --encoder`: a site's encoder, or a new one, fine-tuned on labelled rows into an encoder bundle.
//! Law: as for the fast model: calibration rows are never trained on, test rows are never touched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;

use super::calibrate::{HeldOut, Judged};
use super::prepared::Prepared;
use super::train::{TrainOptions, tell};
use super::{Outcome, Split, progress};
use crate::bundle::{ENCODER_FORMAT_VERSION, EncoderBundle, EncoderManifest, cpu_class};
use crate::error::{Error, Result};
use crate::model::encoder::{
    EncoderExample, EncoderFit, EncoderSpec, Freeze, NewEncoder, Pooling, Pretrained, WindowSpec,
    Windows, fit_encoder,
};

/// Where the encoder comes from.
#[derive(Debug, Clone)]
pub enum EncoderStart {
    /// A folder as Hugging Face transformers saves it.
    Folder(PathBuf),
    /// From nothing.
    New(NewEncoder),
}

/// How `train` was asked to fine-tune.
#[derive(Debug, Clone)]
pub struct EncoderTraining {
    pub start: EncoderStart,
    pub fit: EncoderFit,
    pub pooling: Pooling,
    pub window: WindowSpec,
}

pub(super) fn run(
    options: &TrainOptions,
    training: &EncoderTraining,
    prepared: Prepared,
) -> Result<Outcome> {
    let failed = |e: String| Error::Failed(format!("training failed: {e}"));
    let train = prepared.indices(Split::Train);
    let held = prepared.indices(Split::Calibration);
    let pretrained = match &training.start {
        EncoderStart::Folder(dir) => Pretrained::load(dir)?,
        EncoderStart::New(new) => {
            let texts = train.iter().map(|i| &prepared.cleaned[*i]);
            new.draw(texts, training.fit.seed)
                .map_err(|e| failed(e.to_string()))?
        }
    };
    let spec = EncoderSpec {
        config: pretrained.config().clone(),
        heads: prepared.specs.clone(),
        pooling: training.pooling,
        window: training.window,
    };
    spec.check()
        .map_err(|what| Error::Usage(format!("--encoder-window and its like: {what}")))?;
    let n_layers = spec.config.num_hidden_layers;
    if let Freeze::Lower(n) = training.fit.frozen
        && n > n_layers
    {
        return Err(Error::Usage(format!(
            "--encoder-layers-frozen {n}: the encoder has {n_layers} layers; write all to teach the heads alone"
        )));
    }
    let windows = |i: &usize| pretrained.windows(&prepared.cleaned[*i], training.window);
    let examples = train
        .par_iter()
        .map(|i| {
            Ok(EncoderExample {
                windows: windows(i)?.ids,
                targets: prepared.targets[*i].clone(),
            })
        })
        .collect::<Result<Vec<_>, String>>()
        .map_err(failed)?;
    let held_windows = held
        .par_iter()
        .map(windows)
        .collect::<Result<Vec<Windows>, String>>()
        .map_err(failed)?;
    let bar = progress(
        Some(training.fit.epochs as u64),
        "{bar:30} {pos}/{len} epochs · loss {msg} · {elapsed}",
    );
    let encoder = fit_encoder(
        spec,
        pretrained,
        &examples,
        &training.fit,
        &mut |_, _, loss| {
            bar.set_message(format!("{loss:.3}"));
            bar.inc(1);
        },
    )
    .map_err(|e| failed(e.to_string()))?;
    bar.finish_and_clear();
    let judged = Judged {
        logits: encoder
            .logits(&held_windows)
            .map_err(|e| failed(e.to_string()))?,
        known_shares: held_windows.iter().map(|w| w.known_share).collect(),
    };
    let held_out = HeldOut {
        indices: &held,
        findings: &prepared.findings,
        targets: &prepared.targets,
    };
    let (calibration, metrics) = held_out.calibrate(
        &prepared.specs,
        &judged,
        &prepared.tables,
        options.precision,
    );
    let manifest = EncoderManifest {
        format_version: ENCODER_FORMAT_VERSION,
        kind: String::new(),
        xiaobao: String::new(),
        encoder: encoder.spec().clone(),
        training: training.fit.clone(),
        data_sha256: prepared.data_sha256(),
        n_train: train.len(),
        n_calibration: held.len(),
        label_counts: prepared.label_counts(),
        cpu_class: cpu_class(),
        metrics,
        files: BTreeMap::new(),
    };
    let (bundle, files) = EncoderBundle::new(manifest, encoder, calibration)?;
    files.write(&options.out, options.force)?;
    tell(&bundle.manifest().metrics);
    eprintln!(
        "encoder bundle {} written to {}",
        bundle.id(),
        options.out.display()
    );
    Ok(prepared.outcome())
}
