//! `xiaobao suggest FILE…`: unlabelled complaints in, those that teach most if they are labelled next out.
//! Law: the masked text leaves, never the raw one; memory is bounded by the number asked for, not by the pool.

use std::path::PathBuf;

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use serde_json::{Value, json};

use super::label_files::files;
use super::network::{ByNetwork, Work};
use super::{Outcome, progress};
use crate::bundle::Bundle;
use crate::complaint::Complaint;
use crate::error::{Error, Result};
use crate::model::{HeadKind, HeadSpec, offsets};
use crate::segment::Segmenter;
use crate::sink::{Sheet, write_whole};
use crate::source::{Source, SourceOptions};
use crate::tables::Tables;
use crate::taxonomy::head;
use crate::twins;

/// What `suggest` was asked to do.
#[derive(Debug)]
pub struct SuggestOptions {
    pub inputs: Vec<PathBuf>,
    pub model: PathBuf,
    pub data: PathBuf,
    pub source: SourceOptions,
    /// Heads that are to be labelled; empty: all of the bundle with one label a row.
    pub heads: Vec<String>,
    pub n: usize,
    /// How much more doubts about rare labels weigh, 0..=1: the power of one over how often a label was learnt from.
    pub rare: f32,
    pub out: PathBuf,
    pub form: Form,
    pub force: bool,
}

/// What the suggestions are written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// For Excel: empty label columns beside what the model says
    #[default]
    Csv,
    /// JSON Lines for doccano's text classification, labels filled in
    Doccano,
    /// JSON for Label Studio, with predictions
    LabelStudio,
}

/// Candidates kept for each row that is asked for: near-doubles of a row that is taken wait behind the others. Chosen.
const CANDIDATES: usize = 4;
/// Texts that share this much of their runs of twelve characters teach the same. Chosen: as `label-audit` keeps them together.
const TWIN_SHARE: f32 = 0.5;
/// The urgent levels weigh this much more than another doubt: one missed costs most. Chosen, not measured.
const URGENT_WEIGHT: f32 = 2.0;
const BATCH: usize = 4096;

/// A complaint that could be labelled.
struct Candidate {
    /// The more the sooner.
    worth: f32,
    file: String,
    line: u64,
    id: String,
    masked: String,
    /// By asked head: the two most probable labels.
    heads: Vec<[(usize, f32); 2]>,
    /// The head whose doubt weighs most.
    why: usize,
}

pub fn run(options: &SuggestOptions) -> Result<Outcome> {
    super::refuse_existing(&options.out, options.force)?;
    if !(1..=100_000).contains(&options.n) {
        return Err(Error::Usage("-n: 1 to 100000".to_owned()));
    }
    if !(0.0..=1.0).contains(&options.rare) {
        return Err(Error::Usage("--rare: 0 to 1".to_owned()));
    }
    let tables = Tables::load(&options.data)?;
    let bundle = Bundle::load(&options.model)?;
    let heads = asked(&options.heads, &bundle)?;
    let segmenter = Segmenter::new(bundle.dictionary())?;
    let judge = Judge {
        network: ByNetwork::new(&tables, &bundle, &segmenter),
        weights: heads
            .iter()
            .map(|h| Weights::of(h, options.rare, &bundle, &tables))
            .collect(),
        heads: &heads,
    };
    let source = tables.source_options(&options.source)?;
    let bar = progress(None, "{spinner} {pos} complaints read · {elapsed}");
    let (mut kept, mut n_read, mut n_rejected) = (Vec::<Candidate>::new(), 0, 0);
    for path in &options.inputs {
        for file in files(path)? {
            let mut source = Source::open(&file, &source)?;
            loop {
                let batch = source.next_batch(BATCH, &tables.taxonomy)?;
                if batch.is_empty() {
                    break;
                }
                bar.inc(batch.len() as u64);
                let rows: Vec<Complaint> = batch
                    .into_iter()
                    .filter_map(|r| r.map_err(|_| n_rejected += 1).ok())
                    .collect();
                n_read += rows.len();
                kept.par_extend(
                    rows.par_iter()
                        .map_init(Work::default, |work, row| judge.judge(row, work)),
                );
                most_worth(&mut kept, options.n * CANDIDATES);
            }
        }
    }
    bar.finish_and_clear();
    let picked = without_doubles(kept, options.n);
    let bytes = match options.form {
        Form::Csv => to_csv(&picked, &heads, &bundle),
        Form::Doccano => to_doccano(&picked, &heads),
        Form::LabelStudio => to_label_studio(&picked, &heads, &bundle)?,
    };
    write_whole(&options.out, &bytes)?;
    eprintln!(
        "{} of {n_read} complaints written to {}; what stands there is the model's opinion: a person decides",
        picked.len(),
        options.out.display()
    );
    if n_rejected > 0 {
        eprintln!("{n_rejected} records could not be read: `xiaobao inspect FILE` says why");
        return Ok(Outcome::DoneWithRejects);
    }
    Ok(Outcome::Done)
}

fn asked<'b>(names: &[String], bundle: &'b Bundle) -> Result<Vec<&'b HeadSpec>> {
    let own = &bundle.network().spec().heads;
    if names.is_empty() {
        let single = own.iter().filter(|h| h.kind == HeadKind::Single);
        return Ok(single.collect());
    }
    names
        .iter()
        .map(|name| {
            own.iter()
                .find(|h| h.name == *name && h.kind == HeadKind::Single)
                .ok_or_else(|| {
                    Error::Usage(format!(
                        "--head {name}: the bundle has no such head with one label a row"
                    ))
                })
        })
        .collect()
}

/// How much a doubt about each label of a head weighs.
struct Weights {
    /// Place of the head's logits.
    first: usize,
    temperature: f32,
    /// Of one over how often each was learnt from, to the power asked for; mean one.
    by_label: Vec<f32>,
    /// Labels at or above the last urgent level, of the head of levels.
    urgent: Vec<bool>,
}

impl Weights {
    fn of(head: &HeadSpec, rare: f32, bundle: &Bundle, tables: &Tables) -> Weights {
        let heads = &bundle.network().spec().heads;
        // `asked` took the head from these.
        let place = heads.iter().position(|h| h == head).unwrap_or(0);
        let n = head.labels.len();
        let counts = bundle.manifest().label_counts.get(place);
        let mut by_label: Vec<f32> = (0..n)
            .map(|l| counts.map_or(1.0, |c| 1.0 / (c.by_label[l] as f32 + 1.0).powf(rare)))
            .collect();
        let mean = by_label.iter().sum::<f32>() / n.max(1) as f32;
        by_label.iter_mut().for_each(|w| *w /= mean);
        let last = tables.taxonomy.last_urgent();
        let is_urgent = |label: &String| {
            head.name == self::head::URGENCY
                && tables.taxonomy.index(self::head::URGENCY, label) <= last
                && last.is_some()
        };
        Weights {
            first: offsets(heads)[place],
            temperature: bundle.calibration().heads[place].temperature,
            by_label,
            urgent: head.labels.iter().map(is_urgent).collect(),
        }
    }
}

struct Judge<'b> {
    network: ByNetwork<'b>,
    heads: &'b [&'b HeadSpec],
    weights: Vec<Weights>,
}

impl Judge<'_> {
    fn judge(&self, row: &Complaint, work: &mut Work) -> Candidate {
        let clean = self.network.clean(row);
        self.network.read(row, &clean, work);
        let work = &work.activations;
        let mut heads = Vec::with_capacity(self.heads.len());
        let (mut worth, mut most, mut why) = (0.0, 0.0, 0);
        for (k, (head, weights)) in self.heads.iter().zip(&self.weights).enumerate() {
            let logits = &work.logits()[weights.first..weights.first + head.labels.len()];
            let probs = crate::decide::softmax(logits, weights.temperature);
            let two = first_two(&probs);
            let own = weights.doubt(&probs, two);
            worth += own;
            if own > most {
                (most, why) = (own, k);
            }
            heads.push(two);
        }
        Candidate {
            worth,
            file: row.position.file.to_string(),
            line: row.position.line,
            id: row.id.clone(),
            masked: clean.text().to_owned(),
            heads,
            why,
        }
    }
}

impl Weights {
    /// What stands between the two most probable labels, by their rarity; for levels also whether it is urgent at all.
    fn doubt(&self, probs: &[f32], [first, second]: [(usize, f32); 2]) -> f32 {
        let margin = 1.0 - (first.1 - second.1);
        let rarity = (self.by_label[first.0] + self.by_label[second.0]) / 2.0;
        let urgent: f32 = probs
            .iter()
            .zip(&self.urgent)
            .filter(|(_, urgent)| **urgent)
            .map(|(p, _)| p)
            .sum();
        margin * rarity + URGENT_WEIGHT * 4.0 * urgent * (1.0 - urgent)
    }
}

fn first_two(probs: &[f32]) -> [(usize, f32); 2] {
    let mut two = [(0, -1.0f32), (0, -1.0f32)];
    for (label, &prob) in probs.iter().enumerate() {
        if prob > two[0].1 {
            two = [(label, prob), two[0]];
        } else if prob > two[1].1 {
            two[1] = (label, prob);
        }
    }
    two
}

/// Keeps the `n` of most worth; ties by place.
fn most_worth(kept: &mut Vec<Candidate>, n: usize) {
    kept.sort_by(|a, b| {
        b.worth
            .total_cmp(&a.worth)
            .then_with(|| (&a.file, a.line).cmp(&(&b.file, b.line)))
    });
    kept.truncate(n);
}

/// The first `n` of candidates in the order of their worth; near-doubles of an earlier one wait behind all others.
fn without_doubles(candidates: Vec<Candidate>, n: usize) -> Vec<Candidate> {
    let texts = candidates.iter().map(|c| c.masked.as_str());
    let doubles: FxHashSet<usize> = twins::find(texts, TWIN_SHARE)
        .iter()
        .map(|twin| twin.later)
        .collect();
    let (waiting, mut picked): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .enumerate()
        .partition(|(i, _)| doubles.contains(i));
    picked.extend(waiting);
    picked.truncate(n);
    picked.into_iter().map(|(_, c)| c).collect()
}

/// For Excel: a column of its own for each head, empty, and what the model says beside it.
fn to_csv(picked: &[Candidate], heads: &[&HeadSpec], bundle: &Bundle) -> Vec<u8> {
    let mut header = vec!["id".to_owned(), "text".to_owned()];
    header.extend(heads.iter().map(|h| h.name.clone()));
    for head in heads {
        for part in ["predicted", "prob", "second"] {
            header.push(format!("{}_{part}", head.name));
        }
    }
    header.extend(["why", "worth", "file", "line", "bundle"].map(str::to_owned));
    let mut sheet = Sheet::new(header.iter().map(String::as_str));
    for c in picked {
        let mut cells = vec![c.id.clone(), c.masked.clone()];
        cells.extend(heads.iter().map(|_| String::new()));
        for (head, [first, second]) in heads.iter().zip(&c.heads) {
            cells.push(head.labels[first.0].clone());
            cells.push(format!("{:.3}", first.1));
            cells.push(head.labels[second.0].clone());
        }
        cells.push(heads[c.why].name.clone());
        cells.push(format!("{:.3}", c.worth));
        cells.extend([c.file.clone(), c.line.to_string(), bundle.id().to_owned()]);
        sheet.push(cells.iter().map(String::as_str));
    }
    sheet.into_bytes()
}

/// One object a line; with several heads a label is `head=label`.
fn to_doccano(picked: &[Candidate], heads: &[&HeadSpec]) -> Vec<u8> {
    let mut out = Vec::new();
    for c in picked {
        let labels: Vec<String> = heads
            .iter()
            .zip(&c.heads)
            .map(|(head, [first, _])| match heads.len() {
                1 => head.labels[first.0].clone(),
                _ => format!("{}={}", head.name, head.labels[first.0]),
            })
            .collect();
        let line = json!({ "id": c.id, "text": c.masked, "label": labels });
        out.extend(line.to_string().into_bytes());
        out.push(b'\n');
    }
    out
}

fn to_label_studio(picked: &[Candidate], heads: &[&HeadSpec], bundle: &Bundle) -> Result<Vec<u8>> {
    let tasks: Vec<Value> = picked
        .iter()
        .map(|c| {
            let result: Vec<Value> = heads
                .iter()
                .zip(&c.heads)
                .map(|(head, [first, _])| {
                    json!({
                        "from_name": head.name,
                        "to_name": "text",
                        "type": "choices",
                        "value": { "choices": [head.labels[first.0]] },
                    })
                })
                .collect();
            let least = c.heads.iter().map(|h| h[0].1).fold(1.0f32, f32::min);
            json!({
                "data": { "id": c.id, "text": c.masked },
                "predictions": [{ "model_version": bundle.id(), "score": least, "result": result }],
            })
        })
        .collect();
    serde_json::to_vec_pretty(&tasks)
        .map_err(|e| Error::Failed(format!("the suggestions cannot be written: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(worth: f32, masked: &str, line: u64) -> Candidate {
        Candidate {
            worth,
            file: "a.csv".to_owned(),
            line,
            id: line.to_string(),
            masked: masked.to_owned(),
            heads: Vec::new(),
            why: 0,
        }
    }

    #[test]
    fn a_double_waits_behind_what_is_new() {
        let told = "信用卡被盗刷三笔一共六千八百元";
        let pool = || {
            vec![
                candidate(1.0, told, 1),
                candidate(0.99, &format!("{told}。"), 2),
                candidate(0.5, "理赔拖了两个月不给钱也没人回电话", 3),
            ]
        };
        let order = |n| -> Vec<u64> { without_doubles(pool(), n).iter().map(|c| c.line).collect() };
        assert_eq!(order(2), [1, 3]);
        assert_eq!(order(3), [1, 3, 2], "nothing is lost that was asked for");
    }
}
