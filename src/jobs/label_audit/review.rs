//! The review list: each doubted label with the likely one, why, and the nearest labelled texts; for Excel.
//! Law: masked text only; the order of doubt within a head.

use std::fmt::Write as _;
use std::path::Path;

use rayon::prelude::*;

use super::super::learn::{Learner, Learnt};
use super::super::nearest::Index;
use super::super::prepared::Prepared;
use super::{HeadDoubts, LabelAuditOptions};
use crate::error::Result;
use crate::features::Features;
use crate::metrics::Suspect;
use crate::model::{Activations, Contributions, HeadSpec, Target, offsets};
use crate::sink::{Sheet, write_whole};
use crate::tables::Tables;

/// Columns of the list; the last is the user's to fill.
pub(super) const COLUMNS: [&str; 16] = [
    "文件",
    "行",
    "编号",
    "标签列",
    "现标签",
    "现标签名称",
    "疑似应为",
    "疑似名称",
    "现标签概率",
    "疑似概率",
    "为什么像疑似标签",
    "为什么像现标签",
    "最相近的已标注文本",
    "投诉内容（已脱敏）",
    "文本指纹",
    "改为",
];

/// Words and neighbours told for a label.
const N_WORDS: usize = 5;
const N_NEAREST: usize = 3;
/// Characters of a text shown.
const SHOWN_CHARS: usize = 400;

/// Writes the list; returns how many labels it holds.
pub(super) fn write(
    options: &LabelAuditOptions,
    prepared: &Prepared,
    learner: &Learner<'_>,
    rows: &[usize],
    targets: &[Vec<Option<Target>>],
    found: &[HeadDoubts],
) -> Result<usize> {
    let picked: Vec<(&HeadDoubts, &Suspect)> = found
        .iter()
        .flat_map(|own| {
            let counted = own.doubts.suspects.iter().filter(|s| s.counted).count();
            let most = options.most.unwrap_or(counted);
            own.doubts.suspects.iter().take(most).map(move |s| (own, s))
        })
        .collect();
    // A network that learnt none of the doubted labels says why.
    let learnt = learner.learn(rows, targets, &mut |_, _, _| {})?;
    let features: Vec<Features> = rows
        .par_iter()
        .map(|i| learner.features(&learnt.vocabulary, *i))
        .collect();
    let totals: Vec<Vec<(u32, f32)>> = features.par_iter().map(Features::totals).collect();
    let index = Index::new(&totals);
    let place_of = |row: usize| rows.partition_point(|r| *r < row);
    let lines: Vec<Vec<String>> = picked
        .par_iter()
        .map(|(own, suspect)| {
            let row = own.rows[suspect.row];
            let at = place_of(row);
            let near = index.nearest(&totals[at], N_NEAREST, |other| {
                other == at || targets[rows[other]][own.head].is_none()
            });
            let near: Vec<String> = near
                .iter()
                .map(|n| {
                    let other = rows[n.row];
                    format!(
                        "{}:{} {} {:.2}",
                        prepared.rows[other].position.file,
                        prepared.rows[other].position.line,
                        written(
                            &prepared.specs[own.head],
                            &prepared.targets[other][own.head]
                        ),
                        n.cosine
                    )
                })
                .collect();
            let why = why(prepared, &learnt, &features[at], row, own, suspect);
            line(prepared, own, suspect, why, near.join("；"))
        })
        .collect();
    let mut sheet = Sheet::new(COLUMNS);
    for line in &lines {
        sheet.push(line.iter().map(String::as_str));
    }
    write_whole(&options.out, &sheet.into_bytes())?;
    Ok(lines.len())
}

/// The words that speak for the likely label against the given one, and the other way round.
fn why(
    prepared: &Prepared,
    learnt: &Learnt,
    features: &Features,
    row: usize,
    own: &HeadDoubts,
    suspect: &Suspect,
) -> [String; 2] {
    let first = offsets(&prepared.specs)[own.head];
    let (mut activations, mut found) = (Activations::default(), Contributions::default());
    learnt.network.forward(features, &mut activations);
    let outputs = match own.label {
        None => [first + suspect.likely, first + suspect.given],
        Some(label) => [first + label; 2],
    };
    learnt
        .network
        .contributions(features, &activations, outputs, &mut found);
    let text = prepared.cleaned[row].text();
    let words = features.words().iter().zip(&found.words);
    let mut told: Vec<(f32, &str)> = words
        .map(|(word, pair)| {
            let value = match own.label {
                None => pair[0] - pair[1],
                // There is one logit: it speaks for the label, or against it.
                Some(_) if suspect.likely == 1 => pair[0],
                Some(_) => -pair[0],
            };
            (value, &text[word.byte_range()])
        })
        .collect();
    told.sort_by(|a, b| b.0.total_cmp(&a.0));
    let strongest = |told: &mut dyn Iterator<Item = &(f32, &str)>| {
        let mut seen: Vec<&str> = Vec::new();
        let mut out = String::new();
        for (value, word) in told {
            if seen.contains(word) {
                continue;
            }
            seen.push(word);
            if !out.is_empty() {
                out.push(' ');
            }
            let _ = write!(out, "{word} {:.2}", value.abs());
            if seen.len() == N_WORDS {
                break;
            }
        }
        out
    };
    [
        strongest(&mut told.iter().filter(|t| t.0 > 0.05)),
        strongest(&mut told.iter().rev().filter(|t| t.0 < -0.05)),
    ]
}

fn line(
    prepared: &Prepared,
    own: &HeadDoubts,
    suspect: &Suspect,
    why: [String; 2],
    near: String,
) -> Vec<String> {
    let row = own.rows[suspect.row];
    let (complaint, clean) = (&prepared.rows[row], &prepared.cleaned[row]);
    let spec = &prepared.specs[own.head];
    let given = written(spec, &prepared.targets[row][own.head]);
    let likely = match own.label {
        None => spec.labels[suspect.likely].clone(),
        Some(label) => toggled(spec, &prepared.targets[row][own.head], label),
    };
    let names = |cell: &str| names(&prepared.tables, &spec.name, cell);
    let [for_likely, for_given] = why;
    vec![
        complaint.position.file.to_string(),
        complaint.position.line.to_string(),
        complaint.id.clone(),
        spec.name.clone(),
        given.clone(),
        names(&given),
        likely.clone(),
        names(&likely),
        format!("{:.3}", suspect.given_prob),
        format!("{:.3}", suspect.likely_prob),
        for_likely,
        for_given,
        near,
        shown(clean.text()),
        fingerprint(clean.text()),
        String::new(),
    ]
}

/// Names a text so that an edited list can be told from another file's.
pub(super) fn fingerprint(masked: &str) -> String {
    format!("sha256:{}", &crate::digest::sha256(masked.as_bytes())[..16])
}

fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN_CHARS).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

/// A target as a cell of the file holds it.
fn written(spec: &HeadSpec, target: &Option<Target>) -> String {
    match target {
        None => String::new(),
        Some(Target::One(label)) => spec.labels[*label as usize].clone(),
        Some(Target::Any(labels)) => {
            let labels = labels.iter().map(|l| spec.labels[*l as usize].as_str());
            labels.collect::<Vec<_>>().join("|")
        }
    }
}

/// The set with `label` put in, or taken out if it is there.
fn toggled(spec: &HeadSpec, target: &Option<Target>, label: usize) -> String {
    let mut labels = match target {
        Some(Target::Any(labels)) => labels.clone(),
        _ => Vec::new(),
    };
    match labels.iter().position(|l| *l as usize == label) {
        Some(at) => {
            labels.remove(at);
        }
        None => {
            labels.push(label as u32);
            labels.sort_unstable();
        }
    }
    written(spec, &Some(Target::Any(labels)))
}

fn names(tables: &Tables, head: &str, cell: &str) -> String {
    let names = super::super::labelled::split(cell).map(|code| tables.taxonomy.name(head, code));
    names.collect::<Vec<_>>().join("、")
}

/// One line a row: place, then the probability of each label of each head.
pub(super) fn write_probabilities(
    path: &Path,
    prepared: &Prepared,
    rows: &[usize],
    folds: &[usize],
    probs: &[Vec<f32>],
) -> Result<()> {
    let mut header = ["file", "line", "id", "fold"].map(str::to_owned).to_vec();
    for spec in &prepared.specs {
        header.extend(spec.labels.iter().map(|l| format!("{}={l}", spec.name)));
    }
    let mut sheet = Sheet::new(header.iter().map(String::as_str));
    for ((i, fold), probs) in rows.iter().zip(folds).zip(probs) {
        let row = &prepared.rows[*i];
        let mut cells = vec![
            row.position.file.to_string(),
            row.position.line.to_string(),
            row.id.clone(),
            fold.to_string(),
        ];
        cells.extend(probs.iter().map(|p| format!("{p:.5}")));
        sheet.push(cells.iter().map(String::as_str));
    }
    write_whole(path, &sheet.into_bytes())
}

/// What was found, for the terminal: by head the estimate, and the pairs that are most often confused.
pub(super) fn summary(specs: &[HeadSpec], found: &[HeadDoubts]) -> String {
    let mut out = String::from(
        "| head | rows | wrong (estimate) | share | most often: given → likely |\n|---|---|---|---|---|\n",
    );
    for own in found {
        let spec = &specs[own.head];
        let mut pairs: Vec<((usize, usize), usize)> = Vec::new();
        for s in own.doubts.suspects.iter().filter(|s| s.counted) {
            let key = (s.given, s.likely);
            match pairs.iter_mut().find(|p| p.0 == key) {
                Some(pair) => pair.1 += 1,
                None => pairs.push((key, 1)),
            }
        }
        pairs.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let (name, label): (String, &dyn Fn(usize) -> String) = match own.label {
            None => (spec.name.clone(), &|l| spec.labels[l].clone()),
            Some(label) => (format!("{} {}", spec.name, spec.labels[label]), &|l| {
                if l == 1 { "yes" } else { "no" }.to_owned()
            }),
        };
        let pairs: Vec<String> = pairs
            .iter()
            .take(3)
            .map(|((given, likely), n)| format!("{} → {} ({n})", label(*given), label(*likely)))
            .collect();
        let _ = writeln!(
            out,
            "| {name} | {} | {:.0} | {:.1} % | {} |",
            own.doubts.n,
            own.doubts.n_wrong,
            100.0 * own.doubts.n_wrong / own.doubts.n.max(1) as f64,
            pairs.join("; ")
        );
    }
    out
}
