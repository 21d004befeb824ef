//! `xiaobao evaluate`: labelled files and a bundle to per-class figures, by the same road as triage.
//! Law: every figure with its n; urgency is scored as decided (model and rules) and as the model alone.

mod bad_cases;
mod charts;
mod learning;
mod page;
mod text;
mod worst;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::Outcome;
use super::given::{Given, GivenHead, Models};
use super::labelled::{self, HeadColumn, columns_for};
use super::voices::{Split, Voices};
use crate::complaint::Complaint;
use crate::error::{Error, Result};
use crate::metrics::{
    Answer, CurvePoint, LevelCosts, Scorecard, at, curve, level_costs, score, score_multi,
};
use crate::model::{HeadKind, HeadSpec, Target};
use crate::sink::write_whole;
use crate::source::SourceOptions;
use crate::tables::Tables;
use crate::taxonomy::head;

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
    /// The figures as one page.
    pub report: Option<PathBuf>,
    /// Labelled files from which ever larger shares are learnt; empty: no learning curve.
    pub learning_curve: Vec<PathBuf>,
    /// Overwrite results.
    pub force: bool,
}

#[derive(Serialize)]
struct Report {
    bundle: String,
    n: usize,
    rejected: usize,
    split: Option<String>,
    heads: Vec<Scorecard>,
    /// By head, the same order.
    details: Vec<HeadDetails>,
    by_length: Vec<LengthFigures>,
    by_genre: BTreeMap<String, Vec<Scorecard>>,
    bands: BTreeMap<&'static str, BandFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cascade: Option<CascadeFigures>,
    /// By number of rows learnt from, growing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    learning_curve: Vec<learning::Point>,
}

/// What the classes do not tell of a head.
#[derive(Serialize)]
struct HeadDetails {
    /// Precision and errors by the share that goes by itself; empty for heads with any number of labels.
    curve: Vec<CurvePoint>,
    /// What the thresholds of the bundle give on these rows.
    thresholds: Vec<ThresholdFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    costs: Option<LevelCosts>,
}

/// A threshold of the bundle, and what it gives here.
#[derive(Serialize)]
struct ThresholdFigures {
    name: &'static str,
    /// Precision that was asked for when it was fitted.
    asked: f32,
    point: CurvePoint,
}

/// The figures of texts of one length.
#[derive(Serialize)]
struct LengthFigures {
    name: &'static str,
    heads: Vec<Scorecard>,
}

/// Lengths of masked texts in characters; chosen.
const LENGTHS: [(&str, usize, usize); 6] = [
    ("1–20 字", 0, 21),
    ("21–50 字", 21, 51),
    ("51–100 字", 51, 101),
    ("101–300 字", 101, 301),
    ("301–1000 字", 301, 1001),
    ("1000 字以上", 1001, usize::MAX),
];

/// The rows with what they carry and were given.
struct Picked<'a> {
    rows: &'a [Complaint],
    given: &'a [Given],
    /// By row and head.
    gold: &'a [Vec<Option<Target>>],
    /// Places of the scored heads among the model's.
    places: &'a [usize],
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

/// The rows with a label for single head `k`.
fn answers(k: usize, rows: &[usize], gold: &[Vec<Option<Target>>], given: &[Given]) -> Vec<Answer> {
    rows.iter()
        .filter_map(|i| match (&gold[*i][k], &given[*i].heads[k]) {
            (Some(Target::One(gold)), GivenHead::One(given, prob)) => Some(Answer {
                gold: *gold as usize,
                given: *given,
                prob: *prob,
            }),
            _ => None,
        })
        .collect()
}

fn score_head(
    head: &HeadSpec,
    k: usize,
    rows: &[usize],
    gold: &[Vec<Option<Target>>],
    given: &[Given],
) -> Scorecard {
    match head.kind {
        HeadKind::Single => score(&head.name, &head.labels, &answers(k, rows, gold, given)),
        HeadKind::Multi => {
            let pairs: Vec<(Vec<usize>, Vec<usize>)> = rows
                .iter()
                .filter_map(|i| match (&gold[*i][k], &given[*i].heads[k]) {
                    (Some(Target::Any(gold)), GivenHead::Any(given)) => {
                        let gold = gold.iter().map(|g| *g as usize).collect();
                        Some((gold, given.clone()))
                    }
                    _ => None,
                })
                .collect();
            score_multi(&head.name, &head.labels, &pairs)
        }
    }
}

fn details(
    models: &Models,
    places: &[usize],
    gold: &[Vec<Option<Target>>],
    given: &[Given],
) -> Vec<HeadDetails> {
    let all: Vec<usize> = (0..given.len()).collect();
    let detail = |(k, place): (usize, &usize)| {
        let head = &models.heads()[*place];
        if head.kind == HeadKind::Multi {
            return HeadDetails {
                curve: Vec::new(),
                thresholds: Vec::new(),
                costs: None,
            };
        }
        let answers = answers(k, &all, gold, given);
        let thresholds = models
            .thresholds(*place)
            .map(|(name, threshold)| ThresholdFigures {
                name,
                asked: threshold.asked,
                point: at(&answers, threshold.prob),
            });
        // Levels stand in the order of the table, which is that of the bundle's labels.
        let costs = (head.name == head::URGENCY).then(|| {
            let card = score(&head.name, &head.labels, &answers);
            level_costs(&card.confusion)
        });
        HeadDetails {
            curve: curve(&answers),
            thresholds: thresholds.collect(),
            costs,
        }
    };
    places.iter().enumerate().map(detail).collect()
}

/// The figures of one evaluation.
#[derive(Debug)]
pub struct Measured {
    /// For a person at a terminal.
    pub text: String,
    /// The object of `--json`.
    pub figures: serde_json::Value,
    pub rejected: usize,
}

pub fn run(options: &EvaluateOptions) -> Result<Outcome> {
    let measured = measure(options)?;
    print!("{}", measured.text);
    Ok(Outcome::of(measured.rejected))
}

/// Evaluates and writes the files that were asked for; prints nothing.
pub fn measure(options: &EvaluateOptions) -> Result<Measured> {
    let outputs = [&options.report, &options.json, &options.bad_cases];
    for path in outputs.into_iter().flatten() {
        super::refuse_existing(path, options.force)?;
    }
    let tables = Arc::new(Tables::load(&options.data)?);
    let models = Models::load(
        &options.model,
        options.cascade.as_deref(),
        options.prior.as_deref(),
    )?;
    let heads = models.heads();
    let columns = columns_for(&options.heads, heads);
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
    let voices = Voices::for_split(&options.inputs, options.split)?;
    let source = tables.source_options(&options.source)?;
    let by_name = options.heads.is_empty();
    let read = if by_name {
        labelled::read_present
    } else {
        labelled::read
    };
    let mut labelled = read(&options.inputs, &source, &tables, &columns, voices.as_ref())?;
    let places: Vec<usize> = columns
        .iter()
        .zip(places)
        .filter(|(c, _)| labelled.heads.contains(c))
        .map(|(_, p)| p)
        .collect();
    labelled.keep(voices.as_ref(), options.split)?;
    let rows = labelled.rows;
    if rows.is_empty() {
        return Err(Error::Usage("no labelled rows to evaluate on".to_owned()));
    }
    let given = models.give(&rows, &tables, &places)?;
    let gold = labelled::targets(&rows, places.iter().map(|p| &heads[*p]), &tables.taxonomy)?;
    let score_rows = |keep: &dyn Fn(usize) -> bool| -> Vec<Scorecard> {
        let kept: Vec<usize> = (0..rows.len()).filter(|i| keep(*i)).collect();
        places
            .iter()
            .enumerate()
            .map(|(k, place)| score_head(&heads[*place], k, &kept, &gold, &given))
            .collect()
    };
    let mut by_genre = BTreeMap::new();
    for genre in given.iter().map(|g| &g.genre).filter(|g| !g.is_empty()) {
        if !by_genre.contains_key(genre) {
            by_genre.insert(genre.clone(), score_rows(&|i| &given[i].genre == genre));
        }
    }
    let by_length = LENGTHS.map(|(name, from, to)| {
        let inside = |i: usize| (from..to).contains(&given[i].masked.chars().count());
        LengthFigures {
            name,
            heads: score_rows(&inside),
        }
    });
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
    let picked = Picked {
        rows: &rows,
        given: &given,
        gold: &gold,
        places: &places,
    };
    let learning_curve = match options.learning_curve.as_slice() {
        [] => Vec::new(),
        inputs => learning::curve(options, inputs, &picked)?,
    };
    let report = Report {
        learning_curve,
        bundle: models.id().to_owned(),
        n: rows.len(),
        rejected: labelled.rejected,
        split: options.split.map(|s| format!("{s:?}").to_lowercase()),
        heads: score_rows(&|_| true),
        details: details(&models, &places, &gold, &given),
        by_genre,
        by_length: by_length
            .into_iter()
            .filter(|l| l.heads.iter().any(|h| h.n > 0))
            .collect(),
        bands,
        cascade: models
            .cascade_id()
            .map(|id| cascade_figures(id, &given, &gold)),
    };
    if let Some(path) = &options.report {
        let worst = worst::find(&models, &tables, &picked)?;
        write_whole(path, &page::page(&report, &tables, worst)?)?;
    }
    if let Some(path) = &options.json {
        super::write_json(path, &report)?;
    }
    if let Some(path) = &options.bad_cases {
        bad_cases::write(path, &rows, &given, &gold, &places, heads)?;
    }
    Ok(Measured {
        text: text::text(&report),
        figures: serde_json::to_value(&report)
            .map_err(|e| Error::Failed(format!("the figures cannot be written: {e}")))?,
        rejected: labelled.rejected,
    })
}
