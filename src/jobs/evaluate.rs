//! `xiaobao evaluate`: labelled files and a bundle to per-class figures, by the same road as triage.
//! Law: every figure with its n; urgency is scored as decided (model and rules) and as the model alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::Outcome;
use super::given::{Given, GivenHead, Models};
use super::labelled::{self, HeadColumn, heads_or_default};
use super::voices::{Split, Voices};
use crate::complaint::Complaint;
use crate::error::{Error, Result};
use crate::metrics::{Answer, Scorecard, score, score_multi};
use crate::model::{HeadKind, HeadSpec, Target};
use crate::sink::MARK;
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::{LabelSet, head};

/// What `evaluate` was asked to do.
#[derive(Debug)]
pub struct EvaluateOptions {
    pub inputs: Vec<PathBuf>,
    /// A fast bundle, or an encoder bundle by itself.
    pub model: PathBuf,
    /// An encoder bundle for what the fast model leaves below `auto`.
    pub cascade: Option<PathBuf>,
    /// The site's class mix.
    pub prior: Option<PathBuf>,
    pub data: PathBuf,
    pub source: SourceOptions,
    /// Empty: the heads of the bundle, in columns of their names.
    pub heads: Vec<HeadColumn>,
    /// Only rows of this split; needs `voices.toml`.
    pub split: Option<Split>,
    pub json: Option<PathBuf>,
    pub bad_cases: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    bundle: String,
    n: usize,
    rejected: usize,
    split: Option<String>,
    heads: Vec<Scorecard>,
    by_genre: BTreeMap<String, Vec<Scorecard>>,
    bands: BTreeMap<&'static str, BandFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cascade: Option<CascadeFigures>,
}

/// What the encoder changes, by the first scored head.
#[derive(Serialize)]
struct CascadeFigures {
    bundle: String,
    /// Rows below `auto`, and those of them with a label.
    sent_on: usize,
    labelled: usize,
    /// Of the labelled ones: right by the fast model, and by the encoder.
    right_fast: usize,
    right_encoder: usize,
}

fn cascade_figures(id: &str, given: &[Given], gold: &[Vec<Option<Target>>]) -> CascadeFigures {
    let mut figures = CascadeFigures {
        bundle: id.to_owned(),
        sent_on: 0,
        labelled: 0,
        right_fast: 0,
        right_encoder: 0,
    };
    for (given, gold) in given.iter().zip(gold) {
        let Some(alone) = &given.alone else { continue };
        figures.sent_on += 1;
        if let (
            Some(Some(Target::One(gold))),
            Some(GivenHead::One(before, _)),
            Some(GivenHead::One(after, _)),
        ) = (gold.first(), alone.first(), given.heads.first())
        {
            let gold = *gold as usize;
            figures.labelled += 1;
            figures.right_fast += usize::from(*before == gold);
            figures.right_encoder += usize::from(*after == gold);
        }
    }
    figures
}

/// How often the first label of the type is right in a band.
#[derive(Debug, Default, Serialize)]
struct BandFigures {
    n: usize,
    right: usize,
}

pub fn run(options: &EvaluateOptions) -> Result<Outcome> {
    let tables = Arc::new(Tables::load(&options.data)?);
    let models = Models::load(
        &options.model,
        options.cascade.as_deref(),
        options.prior.as_deref(),
    )?;
    let heads = models.heads();
    let columns = if options.heads.is_empty() && heads.iter().all(|h| h.name != head::TYPE) {
        heads
            .iter()
            .map(|h| HeadColumn {
                column: h.name.clone(),
                head: h.name.clone(),
            })
            .collect()
    } else {
        heads_or_default(&options.heads)
    };
    let mut places = Vec::new();
    for column in &columns {
        let place = heads.iter().position(|h| h.name == column.head);
        places.push(place.ok_or_else(|| {
            let names: Vec<&str> = heads.iter().map(|h| h.name.as_str()).collect();
            Error::Usage(format!(
                "--head {}: the bundle's heads are {}",
                column.head,
                names.join(", ")
            ))
        })?);
    }
    let voices = match options.split {
        Some(_) => Some(Voices::find(&options.inputs)?.ok_or_else(|| {
            Error::Usage("--split: the input folder has no voices.toml".to_owned())
        })?),
        None => None,
    };
    let source = tables.source_options(&options.source)?;
    let by_name = options.heads.is_empty();
    let read = if by_name {
        labelled::read_present
    } else {
        labelled::read
    };
    let labelled = read(&options.inputs, &source, &tables, &columns, voices.as_ref())?;
    let places: Vec<usize> = columns
        .iter()
        .zip(places)
        .filter(|(c, _)| labelled.heads.contains(c))
        .map(|(_, p)| p)
        .collect();
    let mut rows = Vec::new();
    for row in labelled.rows {
        let keep = match (&voices, options.split) {
            (Some(voices), Some(split)) => voices.split(&row)? == split,
            _ => true,
        };
        if keep {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Err(Error::Usage("no labelled rows to evaluate on".to_owned()));
    }
    let given = models.give(&rows, &tables, &places)?;
    let mut faults = Vec::new();
    let sets: Vec<LabelSet> = places
        .iter()
        .map(|p| LabelSet::new(&tables.taxonomy, &heads[*p].name, &heads[*p].labels))
        .collect();
    let gold: Vec<Vec<Option<Target>>> = rows
        .iter()
        .map(|row| {
            places
                .iter()
                .enumerate()
                .map(|(i, p)| {
                    let head = &heads[*p];
                    labelled::target(row, i, head.kind, &sets[i], &mut faults)
                })
                .collect()
        })
        .collect();
    if !faults.is_empty() {
        faults.truncate(50);
        return Err(Error::Config(faults));
    }
    let score_rows = |keep: &dyn Fn(usize) -> bool| -> Vec<Scorecard> {
        let mut cards = Vec::new();
        for (k, place) in places.iter().enumerate() {
            let spec_head = &heads[*place];
            let picked = (0..rows.len()).filter(|i| keep(*i));
            let card = match spec_head.kind {
                HeadKind::Single => {
                    let answers: Vec<Answer> = picked
                        .filter_map(|i| match (&gold[i][k], &given[i].heads[k]) {
                            (Some(Target::One(gold)), GivenHead::One(given, prob)) => {
                                Some(Answer {
                                    gold: *gold as usize,
                                    given: *given,
                                    prob: *prob,
                                })
                            }
                            _ => None,
                        })
                        .collect();
                    score(&spec_head.name, &spec_head.labels, &answers)
                }
                HeadKind::Multi => {
                    let pairs: Vec<(Vec<usize>, Vec<usize>)> = picked
                        .filter_map(|i| match (&gold[i][k], &given[i].heads[k]) {
                            (Some(Target::Any(gold)), GivenHead::Any(given)) => {
                                let gold = gold.iter().map(|g| *g as usize).collect();
                                Some((gold, given.clone()))
                            }
                            _ => None,
                        })
                        .collect();
                    score_multi(&spec_head.name, &spec_head.labels, &pairs)
                }
            };
            cards.push(card);
        }
        cards
    };
    let mut by_genre = BTreeMap::new();
    for genre in given.iter().map(|g| &g.genre).filter(|g| !g.is_empty()) {
        if !by_genre.contains_key(genre) {
            by_genre.insert(genre.clone(), score_rows(&|i| &given[i].genre == genre));
        }
    }
    let mut bands: BTreeMap<&'static str, BandFigures> = BTreeMap::new();
    for (given, gold) in given.iter().zip(&gold) {
        if let (Some(band), Some(Some(Target::One(gold))), Some(GivenHead::One(label, _))) =
            (given.band, gold.first(), given.heads.first())
        {
            let figures = bands.entry(band.code()).or_default();
            figures.n += 1;
            figures.right += usize::from(*gold as usize == *label);
        }
    }
    let report = Report {
        bundle: models.id().to_owned(),
        n: rows.len(),
        rejected: labelled.rejected,
        split: options.split.map(|s| format!("{s:?}").to_lowercase()),
        heads: score_rows(&|_| true),
        by_genre,
        bands,
        cascade: models
            .cascade_id()
            .map(|id| cascade_figures(id, &given, &gold)),
    };
    print!("{}", text(&report));
    if let Some(path) = &options.json {
        let mut bytes = serde_json::to_vec_pretty(&report)
            .map_err(|e| Error::Failed(format!("the report cannot be written: {e}")))?;
        bytes.push(b'\n');
        std::fs::write(path, bytes).map_err(|e| Error::io(path, "cannot be written", e))?;
    }
    if let Some(path) = &options.bad_cases {
        write_bad_cases(path, &rows, &given, &gold, &places, heads)?;
    }
    Ok(if labelled.rejected > 0 {
        Outcome::DoneWithRejects
    } else {
        Outcome::Done
    })
}

/// The report for people: one block a head.
fn text(report: &Report) -> String {
    let mut out = String::new();
    let pct = |v: Option<f64>| v.map_or_else(|| "—".to_owned(), |v| format!("{v:.3}"));
    let _ = writeln!(out, "bundle {} · n {}", report.bundle, report.n);
    for card in &report.heads {
        let _ = writeln!(
            out,
            "\n{}: accuracy {:.4} · macro-F1 {:.4} · ECE {:.3} · n {}",
            card.head, card.accuracy, card.macro_f1, card.expected_calibration_error, card.n
        );
        let _ = writeln!(out, "  label            P      R      F1     n  given");
        for c in &card.classes {
            let _ = writeln!(
                out,
                "  {:<14} {:>6} {:>6} {:>6} {:>5} {:>6}",
                c.label,
                pct(c.precision),
                pct(c.recall),
                pct(c.f1),
                c.n,
                c.n_given
            );
        }
        if !card.confusion.is_empty() && card.classes.len() <= 24 {
            let _ = writeln!(out, "  confusion (rows gold, columns given)");
            for (c, row) in card.classes.iter().zip(&card.confusion) {
                let cells: Vec<String> = row
                    .iter()
                    .map(|n| {
                        if *n == 0 {
                            "   ·".to_owned()
                        } else {
                            format!("{n:>4}")
                        }
                    })
                    .collect();
                let _ = writeln!(out, "  {:<14}{}", c.label, cells.concat());
            }
        }
    }
    for (genre, cards) in &report.by_genre {
        let parts: Vec<String> = cards
            .iter()
            .map(|c| format!("{} {:.3}/{:.3}", c.head, c.accuracy, c.macro_f1))
            .collect();
        let n = cards.first().map_or(0, |c| c.n);
        let _ = writeln!(
            out,
            "\ngenre {genre} (n {n}; accuracy/macro-F1): {}",
            parts.join(" · ")
        );
    }
    for (band, f) in &report.bands {
        let _ = writeln!(
            out,
            "band {band}: {} of {} rows, type right in {:.3}",
            f.n,
            report.n,
            f.right as f64 / f.n.max(1) as f64
        );
    }
    if let Some(c) = &report.cascade {
        let share = |n: usize, of: usize| n as f64 / of.max(1) as f64;
        let _ = writeln!(
            out,
            "cascade: {} of {} rows ({:.3}) sent on to encoder {}; there the first head is right in {:.3} by the fast model, {:.3} by the encoder (n {})",
            c.sent_on,
            report.n,
            share(c.sent_on, report.n),
            c.bundle,
            share(c.right_fast, c.labelled),
            share(c.right_encoder, c.labelled),
            c.labelled
        );
    }
    out
}

/// Rows that were given a wrong label, masked, as CSV for Excel.
fn write_bad_cases(
    path: &Path,
    rows: &[Complaint],
    given: &[Given],
    gold: &[Vec<Option<Target>>],
    places: &[usize],
    heads: &[HeadSpec],
) -> Result<()> {
    let failed = |e: csv::Error| Error::Failed(format!("{}: {e}", path.display()));
    let mut writer = csv::Writer::from_writer(MARK.to_vec());
    writer
        .write_record([
            "file",
            "line",
            "id",
            "head",
            "gold",
            "given",
            "prob",
            "masked_text",
        ])
        .map_err(failed)?;
    for ((row, given), gold) in rows.iter().zip(given).zip(gold) {
        for (k, p) in places.iter().enumerate() {
            let head = &heads[*p];
            if let (Some(Target::One(gold)), GivenHead::One(label, prob)) =
                (&gold[k], &given.heads[k])
                && *gold as usize != *label
            {
                let line = row.position.line.to_string();
                let prob = format!("{prob:.3}");
                writer
                    .write_record([
                        &*row.position.file,
                        &line,
                        &row.id,
                        &head.name,
                        &head.labels[*gold as usize],
                        &head.labels[*label],
                        &prob,
                        &given.masked,
                    ])
                    .map_err(failed)?;
            }
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|e| Error::Failed(format!("{}: {e}", path.display())))?;
    std::fs::write(path, bytes).map_err(|e| Error::io(path, "cannot be written", e))
}
