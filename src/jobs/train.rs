//! `xiaobao train`: labelled files to a bundle, by the same clean, segment and features as triage.
//! Law: calibration rows are never trained on, test rows are never touched; the same data and seed give the same bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::calibrate::{HeadFigures, HeldOut, Judged};
use super::labelled::{self, HeadColumn, heads_or_default};
use super::train_encoder::EncoderTraining;
use super::voices::{Split, Voices};
use super::{Outcome, progress};
use crate::bundle::{Bundle, FORMAT_VERSION, Manifest, cpu_class};
use crate::clean::CleanText;
use crate::complaint::Complaint;
use crate::cues::{Findings, Scratch, Signal};
use crate::decide::{LabelCounts, Precision};
use crate::digest::hex;
use crate::error::{Error, Result};
use crate::features::{FeatureSpec, Features, Vocabulary, VocabularyFit};
use crate::model::{Activations, Example, FitOptions, HeadKind, HeadSpec, Target, fit};
use crate::pipeline::Front;
use crate::segment::{Segmenter, Segments};
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::{LabelSet, Taxonomy, head};

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
    /// Share of rows held out for calibration where no voices are listed, 0..1.
    pub holdout: f64,
}

/// Labelled rows, cleaned and split: what both tiers train on.
pub(super) struct Prepared {
    pub tables: Tables,
    pub rows: Vec<Complaint>,
    pub rejected: usize,
    pub splits: Vec<Split>,
    pub specs: Vec<HeadSpec>,
    /// By row and head.
    pub targets: Vec<Vec<Option<Target>>>,
    pub cleaned: Vec<CleanText>,
    pub findings: Vec<Findings>,
}

impl Prepared {
    /// Places of the rows of one split.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.rows.len())
            .filter(|i| self.splits[*i] == split)
            .collect()
    }

    /// Labels among the training rows.
    pub fn label_counts(&self) -> Vec<LabelCounts> {
        let train = self.splits.iter().zip(&self.targets);
        let train = train.filter(|(split, _)| **split == Split::Train);
        LabelCounts::of(&self.specs, train.map(|(_, targets)| targets.as_slice()))
    }

    pub fn data_sha256(&self) -> String {
        data_hash(&self.rows)
    }

    pub fn outcome(&self) -> Outcome {
        if self.rejected > 0 {
            Outcome::DoneWithRejects
        } else {
            Outcome::Done
        }
    }
}

fn prepare(options: &TrainOptions) -> Result<Prepared> {
    if options.out.exists() && !options.force {
        return Err(Error::Usage(format!(
            "{}: exists already: choose another --out, or add --force",
            options.out.display()
        )));
    }
    if !(0.0..0.9).contains(&options.holdout) {
        return Err(Error::Usage("--holdout: must lie in 0..0.9".to_owned()));
    }
    let tables = Tables::load(&options.data)?;
    let heads = heads_or_default(&options.heads);
    let voices = Voices::find(&options.inputs)?;
    let source = tables.source_options(&options.source)?;
    let labelled = labelled::read(&options.inputs, &source, &tables, &heads, voices.as_ref())?;
    let rows = labelled.rows;
    let splits = split(&rows, voices.as_ref(), options.holdout)?;
    let count = |s: Split| splits.iter().filter(|x| **x == s).count();
    let n_train = count(Split::Train);
    eprintln!(
        "{} rows: {n_train} to train, {} to calibrate, {} left for tests",
        rows.len(),
        count(Split::Calibration),
        count(Split::Test)
    );
    if n_train < 2 {
        return Err(Error::Usage(
            "fewer than two rows to train on: check the label columns and voices.toml".to_owned(),
        ));
    }
    let specs = specs(&heads, &rows, &tables.taxonomy)?;
    let targets = targets(&rows, &specs, &tables.taxonomy)?;
    let cleaned: Vec<CleanText> = rows
        .par_iter()
        .map(|row| tables.cleaner.apply(&row.text))
        .collect();
    let findings: Vec<Findings> = rows
        .par_iter()
        .zip(&cleaned)
        .map_init(Scratch::default, |scratch, (row, clean)| {
            tables.findings(row, clean, scratch)
        })
        .collect();
    Ok(Prepared {
        rejected: labelled.rejected,
        tables,
        rows,
        splits,
        specs,
        targets,
        cleaned,
        findings,
    })
}

pub fn run(options: &TrainOptions) -> Result<Outcome> {
    let prepared = prepare(options)?;
    if let Some(encoder) = &options.encoder {
        return super::train_encoder::run(options, encoder, prepared);
    }
    let Prepared {
        tables,
        splits,
        specs,
        targets,
        cleaned,
        findings,
        ..
    } = &prepared;
    let segmenter = Segmenter::new(&tables.dictionary)?;
    let front = Front {
        cleaner: &tables.cleaner,
        segmenter: &segmenter,
    };
    let lexicon = tables.lexicon.clone();
    let signals: Vec<Vec<Signal<'_>>> = findings.iter().map(|f| tables.cues.signals(f)).collect();
    let fit_vocabulary = VocabularyFit::new(options.features, lexicon);
    let vocabulary = vocabulary(fit_vocabulary, &front, cleaned, findings, &signals, splits);
    if vocabulary.is_empty() {
        return Err(Error::Usage(
            "no feature stands in enough texts: lower --min-count, or give more rows".to_owned(),
        ));
    }
    let features: Vec<Features> = cleaned
        .par_iter()
        .zip(findings)
        .zip(&signals)
        .map(|((clean, found), signals)| vocabulary.apply(&segment(&front, clean, found), signals))
        .collect();
    let examples: Vec<Example> = splits
        .iter()
        .zip(&features)
        .zip(targets)
        .filter(|((split, _), _)| **split == Split::Train)
        .map(|((_, features), targets)| Example {
            words: features.totals(),
            signals: features.signals().to_vec(),
            targets: targets.clone(),
        })
        .collect();
    let bar = progress(
        Some((options.fit.epochs * options.fit.members) as u64),
        "{bar:30} {pos}/{len} epochs · loss {msg} · {elapsed}",
    );
    let network = fit(
        vocabulary.len(),
        specs,
        &examples,
        &options.fit,
        &mut |_, _, loss| {
            bar.set_message(format!("{loss:.3}"));
            bar.inc(1);
        },
    )
    .map_err(|e| Error::Failed(format!("training failed: {e}")))?;
    bar.finish_and_clear();

    let indices = prepared.indices(Split::Calibration);
    let judged = Judged {
        logits: indices
            .par_iter()
            .map_init(Activations::default, |work, i| {
                network.forward(&features[*i], work);
                work.logits().to_vec()
            })
            .collect(),
        known_shares: indices.iter().map(|i| features[*i].known_share()).collect(),
    };
    let held = HeldOut {
        indices: &indices,
        findings,
        targets,
    };
    let (calibration, metrics) = held.calibrate(specs, judged, tables, options.precision);
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        xiaobao: env!("CARGO_PKG_VERSION").to_owned(),
        network: network.spec().clone(),
        features: options.features,
        training: options.fit.clone(),
        data_sha256: prepared.data_sha256(),
        n_train: prepared.indices(Split::Train).len(),
        n_calibration: indices.len(),
        label_counts: prepared.label_counts(),
        cpu_class: cpu_class(),
        metrics,
        files: BTreeMap::new(),
    };
    let dictionary = tables.dictionary.clone();
    let (bundle, files) = Bundle::new(manifest, network, vocabulary, dictionary, calibration)?;
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

fn split(rows: &[Complaint], voices: Option<&Voices>, holdout: f64) -> Result<Vec<Split>> {
    rows.iter()
        .map(|row| match voices {
            Some(voices) => voices.split(row),
            None => {
                // By the text alone: a row keeps its split when others come and go.
                let digest = Sha256::digest(row.text.as_bytes());
                let point = f64::from(u16::from_be_bytes([digest[0], digest[1]])) / 65536.0;
                Ok(if point < holdout {
                    Split::Calibration
                } else {
                    Split::Train
                })
            }
        })
        .collect()
}

/// Label sets: the taxonomy's for our heads, what occurs for any other.
fn specs(heads: &[HeadColumn], rows: &[Complaint], taxonomy: &Taxonomy) -> Result<Vec<HeadSpec>> {
    let mut out = Vec::new();
    for (i, head_column) in heads.iter().enumerate() {
        let name = &head_column.head;
        let known = taxonomy.codes(name);
        let kind = if name == head::FLAGS {
            HeadKind::Multi
        } else {
            HeadKind::Single
        };
        let labels = if known.is_empty() {
            let mut found: Vec<String> = rows
                .iter()
                .map(|r| r.labels[i].trim().to_owned())
                .filter(|l| !l.is_empty())
                .collect();
            found.sort();
            found.dedup();
            found
        } else {
            known.into_iter().map(str::to_owned).collect()
        };
        if labels.len() < 2 {
            return Err(Error::Usage(format!(
                "column `{}`: fewer than two different labels",
                head_column.column
            )));
        }
        if labels.len() > 2000 {
            return Err(Error::Usage(format!(
                "column `{}`: {} different labels: is it really a label column?",
                head_column.column,
                labels.len()
            )));
        }
        out.push(HeadSpec {
            name: name.clone(),
            kind,
            labels,
        });
    }
    Ok(out)
}

fn targets(
    rows: &[Complaint],
    specs: &[HeadSpec],
    taxonomy: &Taxonomy,
) -> Result<Vec<Vec<Option<Target>>>> {
    let mut faults = Vec::new();
    let sets: Vec<LabelSet> = specs
        .iter()
        .map(|s| LabelSet::new(taxonomy, &s.name, &s.labels))
        .collect();
    let targets = rows
        .iter()
        .map(|row| {
            specs
                .iter()
                .enumerate()
                .map(|(i, spec)| labelled::target(row, i, spec.kind, &sets[i], &mut faults))
                .collect()
        })
        .collect();
    if faults.is_empty() {
        return Ok(targets);
    }
    faults.truncate(50);
    Err(Error::Config(faults))
}

/// The words of a text without those that do not count.
fn segment<'c>(front: &Front<'_>, clean: &'c CleanText, found: &Findings) -> Segments<'c> {
    let mut segments = front.segment(clean);
    segments.withhold(&found.withheld);
    segments
}

fn vocabulary(
    mut fit: VocabularyFit,
    front: &Front<'_>,
    cleaned: &[CleanText],
    findings: &[Findings],
    signals: &[Vec<Signal<'_>>],
    splits: &[Split],
) -> Vocabulary {
    let chunks = cleaned.chunks(1024).zip(findings.chunks(1024));
    let chunks = chunks.zip(signals.chunks(1024));
    for (((texts, found), signals), splits) in chunks.zip(splits.chunks(1024)) {
        let both = texts.par_iter().zip(found);
        let segments: Vec<_> = both.map(|(c, f)| segment(front, c, f)).collect();
        for ((segments, signals), split) in segments.iter().zip(signals).zip(splits) {
            if *split == Split::Train {
                fit.add(segments, signals);
            }
        }
    }
    fit.finish()
}

/// Over texts and labels, in order, each with its length so that no two data sets look alike.
fn data_hash(rows: &[Complaint]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        for part in std::iter::once(&row.text).chain(&row.labels) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hex(&hash.finalize())
}
