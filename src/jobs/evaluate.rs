//! `xiaobao evaluate`: labelled files and a bundle to per-class figures, by the same road as triage.
//! Law: every figure with its n; urgency is scored as decided (model and rules) and as the model alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use super::Outcome;
use super::labelled::{self, HeadColumn, heads_or_default};
use super::voices::{Split, Voices};
use crate::bundle::Bundle;
use crate::complaint::Complaint;
use crate::decide::Band;
use crate::error::{Error, Result};
use crate::metrics::{Answer, Scorecard, score, score_multi};
use crate::model::{Activations, HeadKind, Target};
use crate::pipeline::{Front, Triage, Workspace};
use crate::segment::Segmenter;
use crate::sink::MARK;
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::head;

/// What `evaluate` was asked to do.
#[derive(Debug)]
pub struct EvaluateOptions {
    pub inputs: Vec<PathBuf>,
    pub model: PathBuf,
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
}

/// How often the first label of the type is right in a band.
#[derive(Debug, Default, Serialize)]
struct BandFigures {
    n: usize,
    right: usize,
}

/// What one row was given, by scored head.
struct Given {
    /// Label and calibrated probability of each single head, or the labels that pass.
    heads: Vec<GivenHead>,
    /// Urgency by the model alone, for bundles that triage.
    band: Option<Band>,
    genre: String,
    masked: String,
}

enum GivenHead {
    One(usize, f32),
    Any(Vec<usize>),
}

pub fn run(options: &EvaluateOptions) -> Result<Outcome> {
    let tables = Arc::new(Tables::load(&options.data)?);
    let bundle = Arc::new(Bundle::load(&options.model)?);
    let spec = bundle.network().spec();
    let columns = if options.heads.is_empty() && spec.heads.iter().all(|h| h.name != head::TYPE) {
        spec.heads
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
        let place = spec.heads.iter().position(|h| h.name == column.head);
        places.push(place.ok_or_else(|| {
            let names: Vec<&str> = spec.heads.iter().map(|h| h.name.as_str()).collect();
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
    let labelled = labelled::read(&options.inputs, &source, &tables, &columns, voices.as_ref())?;
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
    let given = give(&rows, &tables, &bundle, &places)?;
    let mut faults = Vec::new();
    let gold: Vec<Vec<Option<Target>>> = rows
        .iter()
        .map(|row| {
            places
                .iter()
                .enumerate()
                .map(|(i, p)| {
                    let head = &spec.heads[*p];
                    labelled::target(row, i, head.kind, &head.labels, &mut faults)
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
            let spec_head = &spec.heads[*place];
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
        bundle: bundle.id().to_owned(),
        n: rows.len(),
        rejected: labelled.rejected,
        split: options.split.map(|s| format!("{s:?}").to_lowercase()),
        heads: score_rows(&|_| true),
        by_genre,
        bands,
    };
    print!("{}", text(&report));
    if let Some(path) = &options.json {
        let mut bytes = serde_json::to_vec_pretty(&report)
            .map_err(|e| Error::Failed(format!("the report cannot be written: {e}")))?;
        bytes.push(b'\n');
        std::fs::write(path, bytes).map_err(|e| Error::io(path, "cannot be written", e))?;
    }
    if let Some(path) = &options.bad_cases {
        write_bad_cases(path, &rows, &given, &gold, &places, &bundle)?;
    }
    Ok(if labelled.rejected > 0 {
        Outcome::DoneWithRejects
    } else {
        Outcome::Done
    })
}

/// Decides every row: as triage does where the bundle has our heads, by the network alone for any other.
fn give(
    rows: &[Complaint],
    tables: &Arc<Tables>,
    bundle: &Arc<Bundle>,
    places: &[usize],
) -> Result<Vec<Given>> {
    let spec = bundle.network().spec();
    let offsets = spec.offsets();
    let by_network = |logits: &[f32]| -> Vec<GivenHead> {
        places
            .iter()
            .map(|p| {
                let head = &spec.heads[*p];
                let own = &logits[offsets[*p]..offsets[*p] + head.labels.len()];
                let calibration = &bundle.calibration().heads[*p];
                match head.kind {
                    HeadKind::Single => {
                        let (label, prob) = calibration.first(own);
                        GivenHead::One(label, prob)
                    }
                    HeadKind::Multi => GivenHead::Any(calibration.passing(own)),
                }
            })
            .collect()
    };
    let genre = |row: &Complaint| {
        row.channel
            .map_or_else(String::new, |c| tables.taxonomy.channels[c].genre.clone())
    };
    if spec.heads.iter().any(|h| h.name == head::TYPE)
        && let Ok(triage) = Triage::new(tables.clone(), bundle.clone())
    {
        return rows
            .par_iter()
            .map_init(Workspace::default, |work, row| {
                let ticket = triage.decide(row, work)?;
                let mut heads = by_network(work.activations.logits());
                for (k, p) in places.iter().enumerate() {
                    let head = &spec.heads[*p];
                    let codes = tables.taxonomy.codes(&head.name);
                    let own = |i: usize| head.labels.iter().position(|l| l == codes[i]);
                    if head.name == head::URGENCY
                        && let (Some(level), GivenHead::One(_, prob)) =
                            (own(ticket.decision.level), &heads[k])
                    {
                        heads[k] = GivenHead::One(level, *prob);
                    }
                    if head.name == head::FLAGS {
                        let flags = ticket.decision.flags.iter();
                        heads[k] = GivenHead::Any(flags.filter_map(|f| own(f.flag)).collect());
                    }
                }
                Ok(Given {
                    heads,
                    band: Some(ticket.decision.band),
                    genre: genre(row),
                    masked: ticket.clean.text().to_owned(),
                })
            })
            .collect();
    }
    let segmenter = Segmenter::new(bundle.dictionary())?;
    let front = Front {
        cleaner: &tables.cleaner,
        segmenter: &segmenter,
    };
    Ok(rows
        .par_iter()
        .map_init(Activations::default, |work, row| {
            let clean = front.clean(&row.text);
            let findings = tables.findings(row, &clean);
            let signals = tables.cues.signals(&findings);
            let features = bundle.vocabulary().apply(&front.segment(&clean), &signals);
            bundle.network().forward(&features, work);
            Given {
                heads: by_network(work.logits()),
                band: None,
                genre: genre(row),
                masked: clean.text().to_owned(),
            }
        })
        .collect())
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
    out
}

/// Rows that were given a wrong label, masked, as CSV for Excel.
fn write_bad_cases(
    path: &Path,
    rows: &[Complaint],
    given: &[Given],
    gold: &[Vec<Option<Target>>],
    places: &[usize],
    bundle: &Bundle,
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
            let head = &bundle.network().spec().heads[*p];
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
