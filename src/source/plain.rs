//! Labelled lines without a header: fastText (`__label__X text`) and tab-separated cells (`label<TAB>text` or the other way
//! round).
//! Law: every line is one record, an empty one none; which column is which is found out from the beginning and told.

use std::fmt;
use std::path::Path;

use rustc_hash::FxHashSet;

use super::encoding::decode;
use super::{ANY_LABEL, Carried, Fields, LABEL_MARK, Record, Role, Source, Step, reject};
use crate::clock::parse_events;
use crate::complaint::{Position, RejectCode};
use crate::error::{Error, Result};
use crate::taxonomy::Taxonomy;

const PREFIX: &str = "__label__";

/// Lines looked at; chosen.
const LINES: usize = 2000;

/// A column of tab-separated lines without header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlainColumn {
    /// Not read.
    Skipped,
    Role(Role),
    /// Labels of the label column of this name.
    Label(String),
}

/// Reads `--columns label,text`: roles, `label` or a head's column for labels, `_` for a column that is not read.
pub fn plain_columns(written: &str) -> std::result::Result<Vec<PlainColumn>, String> {
    let mut columns = Vec::new();
    for name in written.split(',').map(str::trim) {
        let column = match (name, Role::parse(name)) {
            ("", _) => {
                return Err("a column has no name: write `_` for one that is not read".to_owned());
            }
            ("_", _) => PlainColumn::Skipped,
            (_, Some(role)) => PlainColumn::Role(role),
            (_, None) => PlainColumn::Label(name.to_owned()),
        };
        if column != PlainColumn::Skipped && columns.contains(&column) {
            return Err(format!("`{name}` stands twice"));
        }
        columns.push(column);
    }
    let has_label = columns.iter().any(|c| matches!(c, PlainColumn::Label(_)));
    if !columns.contains(&PlainColumn::Role(Role::Text)) || !has_label {
        return Err("one column must be `text`, and one a label, e.g. label,text".to_owned());
    }
    Ok(columns)
}

/// How such lines are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    FastText,
    Tabs {
        columns: Vec<PlainColumn>,
        /// Why they are what they are.
        ground: String,
    },
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::FastText => f.write_str("fasttext"),
            Form::Tabs { columns, ground } => {
                f.write_str("tab-separated without header: ")?;
                for (i, column) in columns.iter().enumerate() {
                    let name = match column {
                        PlainColumn::Skipped => "_",
                        PlainColumn::Role(role) => role.name(),
                        PlainColumn::Label(name) => name,
                    };
                    write!(f, "{}{name}", if i > 0 { "," } else { "" })?;
                }
                write!(f, " ({ground})")
            }
        }
    }
}

impl Source {
    /// Whether the window begins with such lines, and how they are read.
    pub(super) fn plain_form(&self, path: &Path) -> Result<Option<Form>> {
        if let Some(columns) = &self.options.plain {
            for column in columns {
                if let PlainColumn::Label(name) = column
                    && !self.options.labels.contains(name)
                {
                    return Err(Error::Usage(format!(
                        "--columns: `{name}` is neither a role ({}) nor a label column: add --head {name}, or write `label`",
                        Role::names()
                    )));
                }
            }
            return Ok(Some(Form::Tabs {
                columns: columns.clone(),
                ground: "by --columns".to_owned(),
            }));
        }
        let lines = self.first_lines();
        let Some(first) = lines.first() else {
            return Ok(None);
        };
        if first.trim_start().starts_with(PREFIX) {
            return Ok(Some(Form::FastText));
        }
        let is_csv = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        if is_csv || self.options.delimiter.is_some_and(|d| d != b'\t') || self.names_columns(first)
        {
            return Ok(None);
        }
        let pairs: Vec<(&str, &str)> = lines
            .iter()
            .filter_map(|line| line.split_once('\t'))
            .filter(|(_, after)| !after.contains('\t'))
            .collect();
        // A line in twenty may be broken.
        if pairs.len() * 20 < lines.len() * 19 {
            return Ok(None);
        }
        let left = Side::of(pairs.iter().map(|p| p.0));
        let right = Side::of(pairs.iter().map(|p| p.1));
        let label_first = match (left.is_label_beside(&right), right.is_label_beside(&left)) {
            (true, false) => true,
            (false, true) => false,
            _ => {
                return Err(Error::Usage(format!(
                    "{}: has two columns without header, and neither is plainly the label ({} and {} different values in {} lines): \
                     say which with --columns label,text or --columns text,label",
                    self.file,
                    left.n_different,
                    right.n_different,
                    pairs.len()
                )));
            }
        };
        let label = PlainColumn::Label(ANY_LABEL.to_owned());
        let text = PlainColumn::Role(Role::Text);
        let (columns, side) = if label_first {
            (vec![label, text], left)
        } else {
            (vec![text, label], right)
        };
        let ground = format!(
            "found out: {} different labels in the first {} lines",
            side.n_different,
            pairs.len()
        );
        Ok(Some(Form::Tabs { columns, ground }))
    }

    /// The first lines of the window that are text.
    fn first_lines(&self) -> Vec<String> {
        let mut lines: Vec<&[u8]> = self.window.bytes().split(|b| *b == b'\n').collect();
        if !self.window.ended() && lines.len() > 1 {
            // The last one may be cut off.
            lines.pop();
        }
        lines
            .into_iter()
            .filter_map(|line| decode(line, self.encoding).ok())
            .map(|line| line.trim_end_matches('\r').to_owned())
            .filter(|line| !line.trim().is_empty())
            .take(LINES)
            .collect()
    }

    /// A header: one of its cells is the name of a role or of a label column.
    fn names_columns(&self, line: &str) -> bool {
        let columns = &self.options.columns;
        line.split('\t').any(|cell| {
            columns.role(cell).is_some()
                || self.options.labels.iter().any(|label| {
                    let place = columns.label_place(label, std::iter::once(cell));
                    place != Ok(None)
                })
        })
    }

    pub(super) fn plain_step(
        &mut self,
        form: &Form,
        before: Position,
        taxonomy: &Taxonomy,
    ) -> Result<Step> {
        let n_bytes = match self.line_ahead(&before)? {
            Ok(n_bytes) => n_bytes,
            Err(step) => return Ok(step),
        };
        let line = &self.window.bytes()[..n_bytes];
        if line.iter().all(u8::is_ascii_whitespace) {
            self.window.consume(n_bytes);
            return Ok(Step::Skip);
        }
        let record = self.plain_record(form, line, before, taxonomy);
        self.window.consume(n_bytes);
        Ok(Step::Record(record))
    }

    fn plain_record(
        &self,
        form: &Form,
        line: &[u8],
        position: Position,
        taxonomy: &Taxonomy,
    ) -> Record {
        let n_bytes = line.len() as u64;
        let line = self.decoded(line, &position)?;
        let line = line.trim_end_matches(['\n', '\r']);
        let cells = form.cells(line).map_err(|what| {
            let code = RejectCode::ColumnCount;
            reject(position.clone(), n_bytes, None, code, &what)
        })?;
        let mut labels = vec![String::new(); self.options.labels.len()];
        for (column, cell) in &cells {
            // Of two label columns of one name the last is the one for any label.
            if let PlainColumn::Label(name) = column
                && let Some(k) = self.options.labels.iter().rposition(|l| l == name)
            {
                self.labels_seen[k].set(true);
                labels[k].clone_from(cell);
            }
        }
        let role = |role| {
            let found = cells.iter().find(|(c, _)| *c == PlainColumn::Role(role));
            found.map(|(_, cell)| cell.clone())
        };
        Fields {
            id: role(Role::Id),
            text: role(Role::Text),
            channel: role(Role::Channel),
            received_at: role(Role::ReceivedAt),
            complainant: role(Role::Complainant),
            institution: role(Role::Institution),
            events: role(Role::Events).map(|c| parse_events(&c).map_err(|e| e.to_string())),
            labels,
            carried: Carried::Cells(Vec::new()),
        }
        .into_record(position, n_bytes, taxonomy, self.options.as_it_is)
    }
}

impl Form {
    /// What the cells of a line are, or why they are not what was expected.
    fn cells(&self, line: &str) -> std::result::Result<Vec<(PlainColumn, String)>, String> {
        match self {
            Form::FastText => {
                let (labels, text) = fasttext(line);
                Ok(vec![
                    (PlainColumn::Label(ANY_LABEL.to_owned()), labels),
                    (PlainColumn::Role(Role::Text), text),
                ])
            }
            Form::Tabs { columns, .. } => {
                let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
                if cells.len() != columns.len() {
                    return Err(format!("{} cells, expected {}", cells.len(), columns.len()));
                }
                Ok(columns.iter().cloned().zip(cells).collect())
            }
        }
    }
}

/// Labels of a line, joined, and what is left: fastText takes every word with the prefix for a label, wherever it stands.
fn fasttext(line: &str) -> (String, String) {
    let mut labels: Vec<&str> = Vec::new();
    let mut rest = line.trim_start();
    while let Some(after) = rest.strip_prefix(PREFIX) {
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        labels.push(&after[..end]);
        rest = after[end..].trim_start();
    }
    let mut text = rest.to_owned();
    if rest.contains(PREFIX) {
        let words = rest.split(' ');
        let (found, kept): (Vec<&str>, Vec<&str>) = words.partition(|w| w.starts_with(PREFIX));
        labels.extend(found.iter().map(|w| &w[PREFIX.len()..]));
        text = kept.join(" ");
    }
    (labels.join(&LABEL_MARK.to_string()), text)
}

/// One of two columns.
struct Side {
    n: usize,
    n_different: usize,
    mean_chars: f64,
}

impl Side {
    fn of<'c>(cells: impl Iterator<Item = &'c str>) -> Side {
        let (mut n, mut n_chars) = (0usize, 0usize);
        let mut different = FxHashSet::default();
        for cell in cells {
            n += 1;
            n_chars += cell.chars().count();
            different.insert(cell);
        }
        Side {
            n,
            n_different: different.len(),
            mean_chars: n_chars as f64 / n.max(1) as f64,
        }
    }

    /// Shorter than the other, and the same values come again and again.
    fn is_label_beside(&self, other: &Side) -> bool {
        self.n >= 2
            && self.mean_chars < other.mean_chars
            && self.n_different < other.n_different
            && self.n_different * 2 <= self.n.max(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_anywhere_in_a_fasttext_line() {
        let split = |line| fasttext(line);
        let pair = |labels: &str, text: &str| (labels.to_owned(), text.to_owned());
        assert_eq!(
            split("__label__BK02 又 打 电话"),
            pair("BK02", "又 打 电话")
        );
        assert_eq!(split("__label__a\t__label__b  退 款"), pair("a|b", "退 款"));
        assert_eq!(split("退 款 __label__a 了"), pair("a", "退 款 了"));
        assert_eq!(split("__label__a"), pair("a", ""));
        assert_eq!(split("退款"), pair("", "退款"));
    }

    #[test]
    fn columns_are_roles_labels_or_nothing() {
        let label = |name: &str| PlainColumn::Label(name.to_owned());
        let text = PlainColumn::Role(Role::Text);
        assert_eq!(
            plain_columns("label,text"),
            Ok(vec![label("label"), text.clone()])
        );
        assert_eq!(
            plain_columns("id,_,text,type"),
            Ok(vec![
                PlainColumn::Role(Role::Id),
                PlainColumn::Skipped,
                text,
                label("type")
            ])
        );
        for wrong in ["text", "label", "text,,label", "label,label,text"] {
            assert!(plain_columns(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_label_is_the_side_that_comes_again() {
        let side = |cells: &[&'static str]| Side::of(cells.iter().copied());
        let labels = side(&["体育", "财经", "体育", "财经"]);
        let texts = side(&["昨天又赢了一场", "股市跌了三天", "主教练换人", "利率下调了"]);
        assert!(labels.is_label_beside(&texts) && !texts.is_label_beside(&labels));
        let same = side(&["a", "b", "c", "d"]);
        assert!(!same.is_label_beside(&texts));
    }
}
