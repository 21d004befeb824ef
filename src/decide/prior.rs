//! A site's class mix in, shifts of the logits out: the posterior for a site whose complaints are not mixed like the
//! training texts. Law: `p'(y) ∝ p(y) · site(y) / training(y)` (Saerens et al. 2002, eq. 4), nothing else is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Calibration;
use crate::digest::sha256;
use crate::error::{Error, Fault, Result};
use crate::model::{HeadKind, HeadSpec, Target, n_outputs, offsets};

/// How often each label of a head stood among the training rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelCounts {
    /// Rows with a label for the head, or with none of many.
    pub n: u64,
    /// By label, in the head's order.
    pub by_label: Vec<u64>,
}

impl LabelCounts {
    /// Counts per head; `rows`: targets by head.
    pub fn of<'t>(
        heads: &[HeadSpec],
        rows: impl Iterator<Item = &'t [Option<Target>]>,
    ) -> Vec<LabelCounts> {
        let mut counts: Vec<LabelCounts> = heads
            .iter()
            .map(|h| LabelCounts {
                n: 0,
                by_label: vec![0; h.labels.len()],
            })
            .collect();
        for row in rows {
            for (count, target) in counts.iter_mut().zip(row) {
                let labels: &[u32] = match target {
                    Some(Target::One(label)) => std::slice::from_ref(label),
                    Some(Target::Any(labels)) => labels,
                    None => continue,
                };
                count.n += 1;
                for label in labels {
                    count.by_label[*label as usize] += 1;
                }
            }
        }
        counts
    }

    /// Share of a label; one that never stood there counts as half a row, so that the ratio exists.
    fn share(&self, label: usize) -> f64 {
        (self.by_label[label] as f64).max(0.5) / self.n.max(1) as f64
    }
}

#[derive(Debug, Clone)]
struct Row {
    head: String,
    label: String,
    share: f64,
    line: usize,
}

/// The class mix of one site, as its file states it.
#[derive(Debug, Clone)]
pub struct Prior {
    path: PathBuf,
    rows: Vec<Row>,
    sha256: String,
}

const MEND_CSV: &str = "write the header `head,label,share`, then one label a line";
const MEND_TOML: &str = "write a table per head, `[type]`, and in it `LABEL = SHARE`";
const MEND_SHARE: &str =
    "write a share between 0 and 1, both excluded; a label that hardly occurs gets 0.0001";
/// A prior of all heads has some hundred rows.
const MAX_BYTES: u64 = 1 << 20;

impl Prior {
    /// Reads `.toml` as TOML and anything else as CSV; every fault at once.
    pub fn load(path: &Path) -> Result<Prior> {
        let unreadable = |e| Error::io(path, "cannot be read", e);
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_BYTES {
            return Err(Error::Usage(format!(
                "--prior {}: {size} bytes are no list of shares: name the right file",
                path.display()
            )));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            let line = 1 + bytes[..e.valid_up_to()]
                .iter()
                .filter(|b| **b == b'\n')
                .count();
            Error::Config(vec![Fault::new(
                path,
                line,
                "not UTF-8",
                "save the file as UTF-8",
            )])
        })?;
        let is_toml = path.extension().is_some_and(|e| e == "toml");
        Prior::parse(text, path, is_toml)
    }

    fn parse(text: &str, path: &Path, is_toml: bool) -> Result<Prior> {
        let mut faults = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let rows = if is_toml {
            toml_rows(text, path, &mut faults)
        } else {
            csv_rows(text, path, &mut faults)
        };
        let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for row in &rows {
            if !(row.share > 0.0 && row.share < 1.0) {
                let what = format!("`{}` has the share {}", row.label, row.share);
                faults.push(Fault::new(path, row.line, what, MEND_SHARE));
            }
            if let Some(line) = seen.insert((&row.head, &row.label), row.line) {
                let what = format!(
                    "`{}` of `{}` stands on line {line} too",
                    row.label, row.head
                );
                faults.push(Fault::new(path, row.line, what, "keep one of the lines"));
            }
        }
        if rows.is_empty() && faults.is_empty() {
            let mend = if is_toml { MEND_TOML } else { MEND_CSV };
            faults.push(Fault::new(path, 0, "holds no share", mend));
        }
        if faults.is_empty() {
            return Ok(Prior {
                path: path.to_owned(),
                rows,
                sha256: sha256(text.as_bytes()),
            });
        }
        faults.sort_by_key(|f| f.line);
        Err(Error::Config(faults))
    }

    /// SHA-256 of the file's text, hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What to add to each logit so that the calibrated probabilities become those of the site.
    ///
    /// A head with one label needs all its labels; of a head with many, those not listed stay as they are. Heads that
    /// the file does not name stay as they are.
    pub fn shifts(
        &self,
        heads: &[HeadSpec],
        calibration: &Calibration,
        counts: &[LabelCounts],
    ) -> Result<Vec<f32>> {
        let mut faults = Vec::new();
        let mut shifts = vec![0f32; n_outputs(heads)];
        if counts.len() != heads.len() {
            return Err(Error::Usage(format!(
                "--prior {}: the bundle does not say how its training texts were mixed: train it again with this program",
                self.path.display()
            )));
        }
        for row in &self.rows {
            if heads.iter().all(|h| h.name != row.head) {
                let names: Vec<&str> = heads.iter().map(|h| h.name.as_str()).collect();
                let what = format!("the bundle has no head `{}`", row.head);
                let mend = format!("write one of {}", names.join(", "));
                faults.push(Fault::new(&self.path, row.line, what, mend));
            }
        }
        let each = heads.iter().zip(offsets(heads)).zip(counts);
        for (((head, first), counts), calibration) in each.zip(&calibration.heads) {
            let mut shares: Vec<Option<f64>> = vec![None; head.labels.len()];
            let (mut line, mut n_rows) = (0, 0);
            for row in self.rows.iter().filter(|r| r.head == head.name) {
                (line, n_rows) = (row.line, n_rows + 1);
                match head.labels.iter().position(|l| *l == row.label) {
                    Some(label) => shares[label] = Some(row.share),
                    None => faults.push(Fault::new(
                        &self.path,
                        row.line,
                        format!("`{}` is no label of `{}`", row.label, head.name),
                        "correct the label, or take the line out",
                    )),
                }
            }
            if n_rows == 0 {
                continue;
            }
            let total = match head.kind {
                HeadKind::Multi => 1.0,
                HeadKind::Single => {
                    let missing: Vec<&str> = head
                        .labels
                        .iter()
                        .zip(&shares)
                        .filter(|(_, s)| s.is_none())
                        .map(|(l, _)| l.as_str())
                        .collect();
                    let total: f64 = shares.iter().flatten().sum();
                    if !missing.is_empty() {
                        faults.push(Fault::new(
                            &self.path,
                            line,
                            format!("head `{}` misses {}", head.name, missing.join(", ")),
                            "list every label of the head",
                        ));
                    } else if (total - 1.0).abs() > 0.01 {
                        faults.push(Fault::new(
                            &self.path,
                            line,
                            format!("the shares of `{}` sum to {total:.4}", head.name),
                            "let them sum to 1",
                        ));
                    }
                    total
                }
            };
            for (label, share) in shares.into_iter().enumerate() {
                let Some(share) = share else { continue };
                let (site, training) = (share / total, counts.share(label));
                let ratio = match head.kind {
                    HeadKind::Single => site / training,
                    HeadKind::Multi => {
                        let odds = |p: f64| p / (1.0 - p).max(1e-6);
                        odds(site) / odds(training)
                    }
                };
                // Logits are divided by the temperature before they become probabilities.
                shifts[first + label] = (f64::from(calibration.temperature) * ratio.ln()) as f32;
            }
        }
        if faults.is_empty() {
            return Ok(shifts);
        }
        faults.sort_by_key(|f| f.line);
        Err(Error::Config(faults))
    }
}

fn csv_rows(text: &str, path: &Path, faults: &mut Vec<Fault>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    match reader.headers() {
        Ok(h) if h.iter().eq(["head", "label", "share"]) => {}
        _ => {
            faults.push(Fault::new(path, 1, "another header", MEND_CSV));
            return rows;
        }
    }
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                let line = e.position().map_or(0, |p| p.line() as usize);
                faults.push(Fault::new(path, line, "not three fields", MEND_CSV));
                continue;
            }
        };
        let line = record.position().map_or(0, |p| p.line() as usize);
        match record[2].parse::<f64>() {
            Ok(share) => rows.push(Row {
                head: record[0].to_owned(),
                label: record[1].to_owned(),
                share,
                line,
            }),
            Err(_) => faults.push(Fault::new(path, line, "the share is no number", MEND_SHARE)),
        }
    }
    rows
}

fn toml_rows(text: &str, path: &Path, faults: &mut Vec<Fault>) -> Vec<Row> {
    type Table = BTreeMap<String, BTreeMap<String, toml::Spanned<f64>>>;
    match toml::from_str::<Table>(text) {
        Ok(table) => table
            .into_iter()
            .flat_map(|(head, labels)| {
                labels.into_iter().map(move |(label, share)| Row {
                    head: head.clone(),
                    label,
                    line: crate::error::line_of(text, share.span().start),
                    share: share.into_inner(),
                })
            })
            .collect(),
        Err(e) => {
            faults.push(Fault::toml(path, text, &e, MEND_TOML));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::calibration::{sigmoid, softmax};
    use crate::decide::{HeadCalibration, Threshold};

    fn heads() -> Vec<HeadSpec> {
        let head = |name: &str, kind, labels: &[&str]| HeadSpec {
            name: name.to_owned(),
            kind,
            labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        };
        vec![
            head("type", HeadKind::Single, &["A", "B", "C"]),
            head("flags", HeadKind::Multi, &["x", "y"]),
        ]
    }

    fn calibration() -> Calibration {
        let none = Threshold {
            prob: 0.9,
            asked: 0.95,
            precision: 0.95,
            n_pass: 1,
            n: 1,
        };
        let head = |temperature| HeadCalibration {
            temperature,
            auto: none.clone(),
            suggest: none.clone(),
            labels: Vec::new(),
            n: 1,
        };
        Calibration {
            heads: vec![head(1.7), head(0.8)],
            cautions: Vec::new(),
            min_known_share: 0.0,
        }
    }

    fn counts() -> Vec<LabelCounts> {
        let of = |n, by_label: &[u64]| LabelCounts {
            n,
            by_label: by_label.to_vec(),
        };
        vec![of(100, &[60, 30, 10]), of(100, &[20, 50])]
    }

    fn shifts(text: &str) -> Result<Vec<f32>> {
        Prior::parse(text, Path::new("site.csv"), false)?.shifts(
            &heads(),
            &calibration(),
            &counts(),
        )
    }

    #[test]
    fn reweighting_is_bayes_by_hand() {
        let text = "head,label,share\ntype,A,0.2\ntype,B,0.3\ntype,C,0.5\nflags,x,0.05\n";
        let shifts = shifts(text).expect("a prior");
        let logits = [1.2f32, 0.4, -0.7, 0.6, -0.3];
        let before = softmax(&logits[..3], 1.7);
        // By hand: p(y|x) · site / training, over their sum.
        let weight = [0.2 / 0.6, 0.3 / 0.3, 0.5 / 0.1];
        let joint: Vec<f32> = before.iter().zip(weight).map(|(p, w)| p * w).collect();
        let sum: f32 = joint.iter().sum();
        let shifted: Vec<f32> = logits.iter().zip(&shifts).map(|(l, s)| l + s).collect();
        let after = softmax(&shifted[..3], 1.7);
        for (hand, found) in joint.iter().map(|j| j / sum).zip(&after) {
            assert!((hand - found).abs() < 1e-6, "{hand} and {found}");
        }
        let p = sigmoid(logits[3] / 0.8);
        let odds = p / (1.0 - p) * (0.05 / 0.95) / (0.2 / 0.8);
        let found = sigmoid(shifted[3] / 0.8);
        assert!((found - odds / (1.0 + odds)).abs() < 1e-6, "{found}");
        assert_eq!(shifts[4], 0.0, "a flag that is not listed stays");
    }

    #[test]
    fn the_training_mix_changes_nothing() {
        let text =
            "head,label,share\ntype,A,0.6\ntype,B,0.3\ntype,C,0.1\nflags,x,0.2\nflags,y,0.5\n";
        for shift in shifts(text).expect("a prior") {
            assert!(shift.abs() < 1e-6, "{shift}");
        }
    }

    #[test]
    fn toml_says_the_same_as_csv() {
        let text = "[type]\nA = 0.2\nB = 0.3\nC = 0.5\n";
        let prior = Prior::parse(text, Path::new("site.toml"), true).expect("a prior");
        let found = prior
            .shifts(&heads(), &calibration(), &counts())
            .expect("shifts");
        let csv =
            shifts("head,label,share\ntype,A,0.2\ntype,B,0.3\ntype,C,0.5\n").expect("a prior");
        assert_eq!(found, csv);
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let said = |text: &str| shifts(text).expect_err("refused").to_string();
        for (text, parts) in [
            ("label,share\nA,1\n", &["site.csv:1: another header"][..]),
            (
                "head,label,share\ntype,A,many\ntype,B,0\ntype,B,0.2\n",
                &[
                    "site.csv:2: the share is no number",
                    "site.csv:3: `B` has the share 0",
                    "site.csv:4: `B` of `type` stands on line 3",
                ],
            ),
            (
                "head,label,share\ntype,A,0.5\ntype,B,0.5\n",
                &["site.csv:3: head `type` misses C"],
            ),
            (
                "head,label,share\ntype,A,0.5\ntype,B,0.5\ntype,C,0.5\n",
                &["sum to 1.5000"],
            ),
            (
                "head,label,share\nkind,A,0.5\ntype,Z,0.5\n",
                &["no head `kind`", "site.csv:3: `Z` is no label"],
            ),
            ("head,label,share\n", &["holds no share"]),
        ] {
            let found = said(text);
            for part in parts {
                assert!(found.contains(part), "{text}: {found}");
            }
        }
        let toml = Prior::parse("[type]\nA = 1\n", Path::new("s.toml"), true);
        assert!(toml.expect_err("refused").to_string().contains("s.toml:2"));
    }
}
