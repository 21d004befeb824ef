//! `xiaobao thresholds BUNDLE FILE…`: how much may be automatic at which precision, and the limits set for a promise.
//! Law: a promise that the rows are too few for is refused; the bundle on disk stays as it is.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Outcome;
use super::calibrate::HeldOut;
use super::labelled::HeadColumn;
use super::learn::{Learner, Learnt, Recipe};
use super::prepared::{Prepared, Reading};
use super::voices::Split;
use crate::bundle::Bundle;
use crate::decide::{Calibration, Caution, LEAST_AUTO_PROB, Threshold, fit_threshold};
use crate::error::{Error, Result};
use crate::metrics::exact::{lower_bound, may_be_missed, rows_needed};
use crate::model::{HeadKind, HeadSpec, Target, offsets};
use crate::segment::Segmenter;
use crate::source::SourceOptions;
use crate::taxonomy::head;

/// What `thresholds` was asked to do.
#[derive(Debug)]
pub struct ThresholdsOptions {
    pub model: PathBuf,
    pub inputs: Vec<PathBuf>,
    pub data: PathBuf,
    pub source: SourceOptions,
    pub heads: Vec<HeadColumn>,
    /// Rows of this split only, where the folder has voices.
    pub split: Split,
    /// How the automatic band is set; `None`: it stays.
    pub auto: Option<AutoGoal>,
    /// Share of the urgent complaints that is promised to be raised; `None`: the limits stay.
    pub urgent_recall: Option<f64>,
    pub confidence: f64,
    /// Where the bundle with the new limits goes; `None`: only show.
    pub out: Option<PathBuf>,
    pub force: bool,
}

/// What the automatic band is set for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AutoGoal {
    /// Share of right answers in the band, 0..1.
    Precision(f64),
    /// Share of all complaints that people can read, 0..1.
    ReviewShare(f64),
}

/// Precisions shown.
const SHOWN: [f32; 7] = [0.90, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995];

/// One labelled row of one head: the first label, its probability, whether it is right.
#[derive(Clone, Copy)]
struct First {
    label: usize,
    gold: usize,
    prob: f32,
}

pub fn run(options: &ThresholdsOptions) -> Result<Outcome> {
    let bundle = Bundle::load(&options.model)?;
    let heads = match options.heads.is_empty() {
        false => options.heads.clone(),
        true => super::labelled::columns_of(&bundle.network().spec().heads),
    };
    let prepared = Prepared::read(&Reading {
        inputs: &options.inputs,
        data: &options.data,
        source: &options.source,
        heads: &heads,
        holdout: 0.0,
    })?;
    if prepared.data_sha256() == bundle.manifest().data_sha256 && options.split == Split::Train {
        return Err(Error::Usage(
            "these are the rows that the bundle was trained on: name rows that it has not seen"
                .to_owned(),
        ));
    }
    let voiced = prepared.splits.iter().any(|s| *s != Split::Train);
    let indices = match voiced {
        true => prepared.indices(options.split),
        false => (0..prepared.rows.len()).collect(),
    };
    if indices.is_empty() {
        return Err(Error::Usage(
            "no rows of this split: name another with --split".to_owned(),
        ));
    }
    let segmenter = Segmenter::new(bundle.dictionary())?;
    let recipe = Recipe {
        features: bundle.manifest().features,
        fit: &bundle.manifest().training,
        init: Some(&bundle),
    };
    let learner = Learner::new(&prepared, &segmenter, recipe);
    let learnt = Learnt {
        vocabulary: bundle.vocabulary().clone(),
        network: bundle.network().clone(),
    };
    let logits = learner.judge(&learnt, &indices).logits;
    let mut calibration = bundle.calibration().clone();
    let own = &bundle.network().spec().heads;
    let mut out = String::new();
    let _ = writeln!(out, "bundle {} · n {}", bundle.id(), indices.len());
    for (k, spec) in prepared.specs.iter().enumerate() {
        let place = own.iter().position(|h| h == spec).ok_or_else(|| {
            Error::Usage(format!(
                "head `{}`: the bundle has no such head with these labels",
                spec.name
            ))
        })?;
        let from = offsets(own)[place];
        let parts: Vec<&[f32]> = logits
            .iter()
            .map(|l| &l[from..from + spec.labels.len()])
            .collect();
        if spec.kind == HeadKind::Single {
            let fitted = &calibration.heads[place];
            let rows: Vec<First> = indices
                .iter()
                .zip(&parts)
                .filter_map(|(i, logits)| match &prepared.targets[*i][k] {
                    Some(Target::One(gold)) => {
                        let (label, prob) = fitted.first(logits);
                        Some(First {
                            label,
                            gold: *gold as usize,
                            prob,
                        })
                    }
                    _ => None,
                })
                .collect();
            let set = options.auto.map(|goal| set_auto(&rows, goal)).transpose()?;
            one_head(
                spec,
                &rows,
                &calibration.heads[place].auto,
                set.as_ref(),
                &prepared,
                &mut out,
            );
            if let Some(set) = set {
                calibration.heads[place].auto = set;
            }
        }
        if spec.name == head::URGENCY {
            let held = HeldOut {
                indices: &indices,
                findings: &prepared.findings,
                targets: &prepared.targets,
            };
            let fitted = &calibration.heads[place];
            let doubts = held.doubts(k, fitted, &parts, &prepared.tables);
            urgent(options, &prepared, doubts, &mut calibration, &mut out)?;
        }
    }
    print!("{out}");
    if let Some(dir) = &options.out {
        let (written, files) = bundle.with_calibration(calibration)?;
        files.write(dir, options.force)?;
        eprintln!(
            "bundle {} with the new limits written to {}",
            written.id(),
            dir.display()
        );
    } else if options.auto.is_some() || options.urgent_recall.is_some() {
        eprintln!("nothing was changed: --out DIR writes a bundle with these limits");
    }
    Ok(prepared.outcome())
}

/// The limit for a goal.
fn set_auto(rows: &[First], goal: AutoGoal) -> Result<Threshold> {
    let n = rows.len();
    match goal {
        AutoGoal::Precision(asked) => {
            let pairs = rows.iter().map(|r| (r.prob, r.label == r.gold)).collect();
            let asked = asked as f32;
            let found = fit_threshold(pairs, asked, LEAST_AUTO_PROB.min(asked));
            if found.n_pass == 0 {
                return Err(Error::Usage(format!(
                    "--precision {asked}: no limit reaches it on these {n} rows: ask for less, or label more"
                )));
            }
            Ok(found)
        }
        AutoGoal::ReviewShare(share) => {
            let mut probs: Vec<f32> = rows.iter().map(|r| r.prob).collect();
            probs.sort_by(f32::total_cmp);
            let below = ((n as f64 * share) as usize).min(n.saturating_sub(1));
            let prob = probs.get(below).copied().unwrap_or(1.1);
            let pass: Vec<&First> = rows.iter().filter(|r| r.prob >= prob).collect();
            let right = pass.iter().filter(|r| r.label == r.gold).count();
            let precision = right as f32 / pass.len().max(1) as f32;
            Ok(Threshold {
                prob,
                asked: precision,
                precision,
                n_pass: pass.len(),
                n,
            })
        }
    }
}

fn one_head(
    spec: &HeadSpec,
    rows: &[First],
    now: &Threshold,
    set: Option<&Threshold>,
    prepared: &Prepared,
    out: &mut String,
) {
    let n = rows.len();
    let seen = |prob: f32, label: Option<usize>| {
        let pass = rows
            .iter()
            .filter(|r| r.prob >= prob && label.is_none_or(|l| r.label == l));
        let n_pass = pass.clone().count();
        (pass.filter(|r| r.label == r.gold).count(), n_pass)
    };
    let cells = |(right, n_pass): (usize, usize)| match n_pass {
        0 => format!("{:>9} {:>11} {:>6}", "—", "—", 0),
        _ => format!(
            "{:>9.3} {:>11.3} {:>6}",
            right as f64 / n_pass as f64,
            lower_bound(right, n_pass, 0.95),
            n_pass
        ),
    };
    let _ = writeln!(out, "\n{} (n {n})", spec.name);
    let _ = writeln!(
        out,
        "  asked    limit  automatic  precision  at least¹      n"
    );
    let mut line = |name: &str, prob: f32| {
        let counted = seen(prob, None);
        let share = counted.1 as f64 / n.max(1) as f64;
        let _ = writeln!(
            out,
            "  {name:<7} {prob:>6.3} {share:>10.3} {}",
            cells(counted)
        );
    };
    for asked in SHOWN {
        let pairs = rows.iter().map(|r| (r.prob, r.label == r.gold)).collect();
        let found = fit_threshold(pairs, asked, 0.0);
        if found.n_pass > 0 {
            line(&format!("{asked}"), found.prob);
        }
    }
    line("now", now.prob);
    if let Some(set) = set {
        line("set", set.prob);
    }
    let prob = set.unwrap_or(now).prob;
    let _ = writeln!(
        out,
        "  label        n  automatic  precision  at least¹      n   (at {prob:.3})"
    );
    for (label, code) in spec.labels.iter().enumerate() {
        let gold: Vec<&First> = rows.iter().filter(|r| r.gold == label).collect();
        if gold.is_empty() {
            continue;
        }
        let auto = gold.iter().filter(|r| r.prob >= prob).count() as f64 / gold.len() as f64;
        let name = match prepared.tables.taxonomy.name(&spec.name, code) {
            name if name == code => "",
            name => name,
        };
        let _ = writeln!(
            out,
            "  {code:<8} {:>5} {auto:>10.3} {}   {name}",
            gold.len(),
            cells(seen(prob, Some(label)))
        );
    }
    let _ = writeln!(
        out,
        "  ¹ one-sided lower bound at 95 % confidence (Clopper and Pearson)"
    );
}

/// Shows what the levels that must not be missed reach, and sets their limits where that was asked for.
fn urgent(
    options: &ThresholdsOptions,
    prepared: &Prepared,
    doubts: Vec<(usize, Vec<crate::decide::Doubt>)>,
    calibration: &mut Calibration,
    out: &mut String,
) -> Result<()> {
    let levels = &prepared.tables.taxonomy.levels;
    for (level, rows) in doubts {
        let code = &levels[level].label.code;
        let n = rows.iter().filter(|r| r.is_high).count();
        let n_lower = rows.len() - n;
        let without = rows.iter().filter(|r| !r.is_high && r.reached).count();
        let caution = match options.urgent_recall {
            None => {
                let now = calibration.cautions.iter().find(|c| c.level == *code);
                let prob = now.map_or(1.1, |c| c.prob);
                let missed = rows
                    .iter()
                    .filter(|r| r.is_high && !r.reached && r.prob < prob)
                    .count();
                let _ = writeln!(
                    out,
                    "\n{code} and above (n {n}): {} raised; with {:.0} % confidence at least {:.1} %",
                    n - missed,
                    options.confidence * 100.0,
                    100.0 * lower_bound(n - missed, n, options.confidence)
                );
                continue;
            }
            Some(share) => {
                let may_miss = may_be_missed(n, share, options.confidence).ok_or_else(|| {
                    Error::Usage(format!(
                        "--urgent-recall {share}: {} complaints at {code} or above are needed to promise it with {:.0} % confidence, these files have {n}: label more, or promise at most {:.3}",
                        rows_needed(share, options.confidence),
                        options.confidence * 100.0,
                        (1.0 - options.confidence).powf(1.0 / n.max(1) as f64)
                    ))
                })?;
                Caution {
                    confidence: Some(options.confidence),
                    ..Caution::leaving(code, share as f32, may_miss, &rows)
                }
            }
        };
        let raised = (caution.raised * n_lower as f32).round() as usize;
        let _ = writeln!(
            out,
            "\n{code} and above (n {n}): with {:.0} % confidence at least {:.1} % are raised (here {:.1} %), at {:.1} % extra review ({} of {n_lower} lower ones beside the {without} that model and rules raise anyway); limit {:.3}",
            options.confidence * 100.0,
            f64::from(caution.asked) * 100.0,
            caution.recall * 100.0,
            100.0 * raised.saturating_sub(without) as f64 / rows.len().max(1) as f64,
            raised.saturating_sub(without),
            caution.prob
        );
        match calibration.cautions.iter_mut().find(|c| c.level == *code) {
            Some(now) => *now = caution,
            None => calibration.cautions.push(caution),
        }
    }
    Ok(())
}
