//! `xiaobao drift BUNDLE FILE…`: unlabelled complaints against what the bundle knew: has the world moved away from the model?
//! Law: every index stands beside what chance alone would give; no complaint text but words that many texts share.

mod page;
mod words;

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::calibrate::{Judged, single_heads};
use super::label_files::files;
use super::network::{ByNetwork, Work};
use super::page::shown;
use super::{Outcome, progress};
use crate::bundle::Bundle;
use crate::clean::CleanText;
use crate::error::{Error, Result};
use crate::metrics::{Reference, Seen, Spread, Stability, class_mix};
use crate::model::{HeadKind, offsets};
use crate::segment::{Segmenter, Segments};
use crate::sink::write_whole;
use crate::source::{Source, SourceOptions};
use crate::tables::Tables;
use rayon::prelude::*;
use words::{NewWord, Phrases};

/// What `drift` was asked to do.
#[derive(Debug)]
pub struct DriftOptions {
    pub model: PathBuf,
    pub inputs: Vec<PathBuf>,
    pub data: PathBuf,
    pub source: SourceOptions,
    pub json: Option<PathBuf>,
    pub report: Option<PathBuf>,
    pub force: bool,
    /// New words told.
    pub words: usize,
}

/// Indices from which a spread is called watched and moved, as the field uses them (Siddiqi 2006).
const WATCH: f64 = 0.1;
const MOVED: f64 = 0.25;

/// What was found.
#[derive(Debug, Serialize)]
struct Drift {
    bundle: String,
    n_reference: u64,
    n: usize,
    spreads: Vec<Moved>,
    expected: Vec<Expected>,
    new_words: Vec<NewWord>,
}

/// One thing that is spread otherwise, or not.
#[derive(Debug, Serialize)]
struct Moved {
    name: String,
    #[serde(flatten)]
    stability: Stability,
    verdict: &'static str,
    bins: Vec<Bin>,
}

/// Changes that are told.
const TOLD: usize = 3;

impl Moved {
    /// Places of the bins whose shares changed most, the largest change first.
    fn largest(&self) -> Vec<usize> {
        let change = |i: usize| (self.bins[i].now - self.bins[i].reference).abs();
        let mut places: Vec<usize> = (0..self.bins.len()).collect();
        places.sort_by(|a, b| change(*b).total_cmp(&change(*a)));
        places.truncate(TOLD);
        places
    }
}

#[derive(Debug, Serialize)]
struct Bin {
    name: String,
    /// Shares, 0..=1.
    reference: f64,
    now: f64,
}

/// How right a head probably is on these rows, by its own probabilities under their class mix.
#[derive(Debug, Serialize)]
struct Expected {
    head: String,
    /// Measured on the calibration rows.
    reference_accuracy: Option<f64>,
    accuracy: f64,
    /// By the probabilities as they are, had the mix not changed.
    accuracy_same_mix: f64,
}

pub fn run(options: &DriftOptions) -> Result<Outcome> {
    for path in options.json.iter().chain(&options.report) {
        super::refuse_existing(path, options.force)?;
    }
    let bundle = Bundle::load(&options.model)?;
    let reference = bundle.reference().ok_or_else(|| {
        Error::Usage(format!(
            "{}: the bundle keeps no reference: train it again with rows held out for calibration",
            options.model.display()
        ))
    })?;
    let tables = Tables::load(&options.data)?;
    let read = read(options, &tables, &bundle)?;
    if read.judged.logits.is_empty() {
        return Err(Error::Usage("no complaints to compare".to_owned()));
    }
    let heads = &bundle.network().spec().heads;
    let chars = read.n_chars.iter().copied();
    let seen: Vec<Seen> = read.judged.seen(heads, bundle.calibration(), chars);
    let now = Reference::of(&single_heads(heads), &seen);
    let drift = Drift {
        bundle: bundle.id().to_owned(),
        n_reference: reference.n,
        n: seen.len(),
        spreads: reference
            .spreads
            .iter()
            .filter_map(|old| Some(moved(old, now.spread(&old.name)?)))
            .collect(),
        expected: expected(&bundle, &read.judged),
        new_words: read.phrases.new_words(options.words),
    };
    print!("{}", text(&drift, &tables));
    if let Some(path) = &options.json {
        super::write_json(path, &drift)?;
    }
    if let Some(path) = &options.report {
        write_whole(path, &page::page(&drift, read.n_rejected, &tables)?)?;
    }
    Ok(Outcome::of(read.n_rejected))
}

struct Read {
    judged: Judged,
    n_chars: Vec<usize>,
    phrases: Phrases,
    n_rejected: usize,
}

fn read(options: &DriftOptions, tables: &Tables, bundle: &Bundle) -> Result<Read> {
    let segmenter = Segmenter::new(bundle.dictionary())?;
    let network = ByNetwork::new(tables, bundle, &segmenter);
    let source = tables.source_options(&options.source)?;
    let mut out = Read {
        judged: Judged {
            logits: Vec::new(),
            known_shares: Vec::new(),
        },
        n_chars: Vec::new(),
        phrases: Phrases::new(bundle.vocabulary()),
        n_rejected: 0,
    };
    let bar = progress(None, "{spinner} {pos} complaints read · {elapsed}");
    for path in &options.inputs {
        for file in files(path)? {
            let mut source = Source::open(&file, &source)?;
            loop {
                let batch = source.next_batch(4096, &tables.taxonomy)?;
                if batch.is_empty() {
                    break;
                }
                bar.inc(batch.len() as u64);
                let n = batch.len();
                let rows: Vec<_> = batch.into_iter().filter_map(|r| r.ok()).collect();
                out.n_rejected += n - rows.len();
                let cleaned: Vec<CleanText> = rows.par_iter().map(|r| network.clean(r)).collect();
                let judged: Vec<(Vec<f32>, f32, Segments<'_>)> = rows
                    .par_iter()
                    .zip(&cleaned)
                    .map_init(Work::default, |work, (row, clean)| {
                        let (segments, features) = network.read(row, clean, work);
                        let logits = work.activations.logits().to_vec();
                        (logits, features.known_share(), segments)
                    })
                    .collect();
                for ((logits, known_share, segments), clean) in judged.into_iter().zip(&cleaned) {
                    out.judged.logits.push(logits);
                    out.judged.known_shares.push(known_share);
                    out.n_chars.push(clean.text().chars().count());
                    out.phrases.add(&segments);
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(out)
}

fn moved(old: &Spread, new: &Spread) -> Moved {
    let stability = Stability::of(&old.counts, &new.counts);
    let share =
        |counts: &[u64], i: usize| counts[i] as f64 / counts.iter().sum::<u64>().max(1) as f64;
    Moved {
        name: old.name.clone(),
        verdict: match stability {
            s if s.psi <= s.by_chance || s.psi < WATCH => "stable",
            s if s.psi < MOVED => "watch",
            _ => "moved",
        },
        stability,
        bins: old
            .bins
            .iter()
            .enumerate()
            .map(|(i, name)| Bin {
                name: name.clone(),
                reference: share(&old.counts, i),
                now: share(&new.counts, i),
            })
            .collect(),
    }
}

fn expected(bundle: &Bundle, judged: &Judged) -> Vec<Expected> {
    let heads = &bundle.network().spec().heads;
    let counts = &bundle.manifest().label_counts;
    let mut out = Vec::new();
    for (k, (head, first)) in heads.iter().zip(offsets(heads)).enumerate() {
        if head.kind != HeadKind::Single {
            continue;
        }
        let calibration = &bundle.calibration().heads[k];
        let probs: Vec<Vec<f32>> = judged
            .logits
            .iter()
            .map(|l| calibration.probs(&l[first..first + head.labels.len()]))
            .collect();
        let n = probs.len() as f64;
        let prior: Vec<f64> = match counts.get(k) {
            Some(counts) => {
                let all: f64 = counts.by_label.iter().map(|c| *c as f64 + 0.5).sum();
                counts
                    .by_label
                    .iter()
                    .map(|c| (*c as f64 + 0.5) / all)
                    .collect()
            }
            None => vec![1.0 / head.labels.len() as f64; head.labels.len()],
        };
        let (_, adjusted) = class_mix(&probs, &prior);
        let top = |row: &[f32]| {
            let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a)));
            best.unwrap_or(0)
        };
        let mean = |of: &[Vec<f32>]| {
            let sum: f64 = probs
                .iter()
                .zip(of)
                .map(|(own, row)| f64::from(row[top(own)]))
                .sum();
            sum / n
        };
        let figures = bundle.manifest().metrics.get(&head.name);
        out.push(Expected {
            head: head.name.clone(),
            reference_accuracy: figures.and_then(|f| f.get("accuracy").copied()),
            accuracy: mean(&adjusted),
            accuracy_same_mix: mean(&probs),
        });
    }
    out
}

fn text(drift: &Drift, tables: &Tables) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "bundle {} · reference n {} · now n {}",
        drift.bundle, drift.n_reference, drift.n
    );
    let _ = writeln!(
        out,
        "\nwhat                      PSI  by chance¹  verdict   largest changes"
    );
    for moved in &drift.spreads {
        let largest: Vec<String> = moved
            .largest()
            .into_iter()
            .map(|i| {
                let bin = &moved.bins[i];
                format!(
                    "{} {:.1} → {:.1} %",
                    shown(tables, &moved.name, &bin.name),
                    bin.reference * 100.0,
                    bin.now * 100.0
                )
            })
            .collect();
        let _ = writeln!(
            out,
            "{:<22} {:>6.3} {:>11.3}  {:<8}  {}",
            moved.name,
            moved.stability.psi,
            moved.stability.by_chance,
            moved.verdict,
            largest.join("; ")
        );
    }
    let _ = writeln!(
        out,
        "¹ 95th percentile of the index had nothing changed; below it, or below {WATCH}, stable; from {MOVED} on, moved"
    );
    let _ = writeln!(
        out,
        "\nexpected accuracy without labels (under the mix of these rows; as if the mix were the training's)"
    );
    for e in &drift.expected {
        let reference = e.reference_accuracy;
        let reference = reference.map_or_else(|| "—".to_owned(), |a| format!("{a:.3}"));
        let _ = writeln!(
            out,
            "  {:<10} {:.3} ({:.3}); on the calibration rows it was {reference}",
            e.head, e.accuracy, e.accuracy_same_mix
        );
    }
    if !drift.new_words.is_empty() {
        let _ = writeln!(
            out,
            "\nnew words for data/dictionary.txt, if they are words (texts · how they are cut today)"
        );
        for w in &drift.new_words {
            let _ = writeln!(out, "  {:<10} {:>5}  {}", w.word, w.n_texts, w.cut);
        }
    }
    out
}
