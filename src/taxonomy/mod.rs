//! `data/taxonomy/` in, `Taxonomy` out: the labels of every head, and the channels and queues they meet.
//! Law: table-driven; nothing in the code knows a label by name, only the four heads.
//! All tables are checked together and every fault is reported.

mod spelling;
mod table;

pub use spelling::{LabelSet, Spelling, fold_label};
pub use table::{Row, Table};

use std::path::Path;

use rustc_hash::FxHashMap;

use crate::clock::{Span, Targets};
use crate::error::Fault;

/// Names of the heads, as they stand in CSV headers, JSON keys and bundles.
pub mod head {
    /// What the complaint is about and who handles it.
    pub const TYPE: &str = "type";
    /// The primary cause.
    pub const REASON: &str = "reason";
    /// How soon it must be handled; the first row of the table is the highest.
    pub const URGENCY: &str = "urgency";
    /// Evidence for the level; any number.
    pub const FLAGS: &str = "flags";
}

/// One label with its Chinese name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub code: String,
    pub name: String,
    pub definition: String,
}

/// A type: who handles it by default, and which special clocks run beside the statutory one.
#[derive(Debug, Clone)]
pub struct TypeLabel {
    pub label: Label,
    /// Index into `Taxonomy::queues`.
    pub queue: usize,
    pub parallel: Vec<String>,
}

/// A cause and the consumer rights behind it (Order 2022 No. 9, mapping chosen by this project).
#[derive(Debug, Clone)]
pub struct ReasonLabel {
    pub label: Label,
    /// Indices into `Taxonomy::rights`.
    pub rights: Vec<usize>,
}

/// A level of urgency and its service targets.
#[derive(Debug, Clone)]
pub struct Level {
    pub label: Label,
    pub targets: Targets,
    /// Share of the complaints at this level or above that must reach it, 0..=1; the model then raises in doubt.
    pub min_recall: Option<f32>,
}

/// How a complaint came in.
#[derive(Debug, Clone)]
pub struct Channel {
    pub code: String,
    pub name: String,
    pub genre: String,
}

/// A work list and the department that answers for it.
#[derive(Debug, Clone)]
pub struct Queue {
    pub code: String,
    pub name: String,
    pub department: String,
}

/// All label sets and the tables around them.
#[derive(Debug)]
pub struct Taxonomy {
    pub types: Vec<TypeLabel>,
    pub reasons: Vec<ReasonLabel>,
    /// Highest first.
    pub levels: Vec<Level>,
    pub flags: Vec<Label>,
    /// By flag: who must stay out of the case when it holds; mostly empty.
    pub recusal: Vec<String>,
    pub rights: Vec<Label>,
    pub channels: Vec<Channel>,
    pub queues: Vec<Queue>,
    channel_names: FxHashMap<String, usize>,
}

impl Taxonomy {
    /// Reads the seven tables of `dir`; what it can read is returned even if there are faults.
    pub fn load(dir: &Path, faults: &mut Vec<Fault>) -> Taxonomy {
        let rights = labels(dir, "right.csv", &["code", "name", "duty"], "duty", faults);
        let queues: Vec<Queue> = {
            let table = coded(dir, "queue.csv", &["code", "name", "department"], faults);
            let rows = table.rows();
            rows.map(|row| Queue {
                code: row.get("code").to_owned(),
                name: row.get("name").to_owned(),
                department: row.get("department").to_owned(),
            })
            .collect()
        };
        let types = types(dir, &queues, faults);
        let reasons = reasons(dir, &rights, faults);
        let levels = levels(dir, faults);
        let (flags, recusal) = flags(dir, faults);
        let (channels, channel_names) = channels(dir, faults);
        Taxonomy {
            types,
            reasons,
            levels,
            flags,
            recusal,
            rights,
            channels,
            queues,
            channel_names,
        }
    }

    /// Codes of one head, in the order of its table; empty for a head that is not ours.
    pub fn codes(&self, head: &str) -> Vec<&str> {
        match head {
            head::TYPE => self.types.iter().map(|t| t.label.code.as_str()).collect(),
            head::REASON => self.reasons.iter().map(|r| r.label.code.as_str()).collect(),
            head::URGENCY => self.levels.iter().map(|l| l.label.code.as_str()).collect(),
            head::FLAGS => self.flags.iter().map(|f| f.code.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// The lowest level that must not be missed, an index into `levels`: the table says so by `min_recall`.
    pub fn last_urgent(&self) -> Option<usize> {
        self.levels.iter().rposition(|l| l.min_recall.is_some())
    }

    /// Index of a label's code within its head.
    pub fn index(&self, head: &str, code: &str) -> Option<usize> {
        self.codes(head).iter().position(|c| *c == code)
    }

    /// Chinese name of a label; the code itself if the tables do not hold it.
    pub fn name<'a>(&'a self, head: &str, code: &'a str) -> &'a str {
        let find = |l: &'a Label| (l.code == code).then_some(l.name.as_str());
        match head {
            head::TYPE => self.types.iter().find_map(|t| find(&t.label)),
            head::REASON => self.reasons.iter().find_map(|r| find(&r.label)),
            head::URGENCY => self.levels.iter().find_map(|l| find(&l.label)),
            head::FLAGS => self.flags.iter().find_map(find),
            _ => None,
        }
        .unwrap_or(code)
    }

    /// The channel that `written` names: its code, its name or one of its aliases.
    pub fn channel(&self, written: &str) -> Option<usize> {
        let trimmed = written.trim();
        self.channel_names
            .get(trimmed)
            .or_else(|| self.channel_names.get(&trimmed.to_lowercase()))
            .copied()
    }

    pub fn queue(&self, code: &str) -> Option<usize> {
        self.queues.iter().position(|q| q.code == code)
    }
}

/// Reads a table whose first column `code` must be filled, free of spaces and unique.
fn coded(
    dir: &Path,
    file: &str,
    columns: &'static [&'static str],
    faults: &mut Vec<Fault>,
) -> Table {
    let table = Table::read(&dir.join(file), columns, faults);
    let mut seen: FxHashMap<&str, usize> = FxHashMap::default();
    for row in table.rows() {
        let code = row.get("code");
        if code.is_empty() || code.contains(|c: char| c.is_whitespace() || c == '|') {
            faults.push(row.fault(
                format!("code `{code}` is empty or holds a space or `|`"),
                "give the row a code without them",
            ));
        } else if let Some(first) = seen.insert(code, row.line) {
            faults.push(row.fault(
                format!("code `{code}` stands on line {first} already"),
                "give each row its own code",
            ));
        }
        if row.get("name").is_empty() {
            faults.push(row.fault("the name is empty", "write the name that readers see"));
        }
    }
    if faults.is_empty() && table.rows().next().is_none() {
        faults.push(Fault::new(
            table.path(),
            0,
            "no rows",
            "list at least one label",
        ));
    }
    table
}

fn label(row: Row<'_>, third: &str) -> Label {
    Label {
        code: row.get("code").to_owned(),
        name: row.get("name").to_owned(),
        definition: row.get(third).to_owned(),
    }
}

fn labels(
    dir: &Path,
    file: &str,
    columns: &'static [&'static str],
    third: &str,
    faults: &mut Vec<Fault>,
) -> Vec<Label> {
    let table = coded(dir, file, columns, faults);
    table.rows().map(|row| label(row, third)).collect()
}

fn flags(dir: &Path, faults: &mut Vec<Fault>) -> (Vec<Label>, Vec<String>) {
    let columns = &["code", "name", "definition", "recusal"];
    let table = coded(dir, "flag.csv", columns, faults);
    let recusal = |row: Row<'_>| row.get("recusal").to_owned();
    table
        .rows()
        .map(|row| (label(row, "definition"), recusal(row)))
        .unzip()
}

fn types(dir: &Path, queues: &[Queue], faults: &mut Vec<Fault>) -> Vec<TypeLabel> {
    let columns = &["code", "name", "definition", "queue", "parallel"];
    let table = coded(dir, "type.csv", columns, faults);
    let mut out = Vec::new();
    for row in table.rows() {
        let code = row.get("queue");
        let queue = queues.iter().position(|q| q.code == code);
        if queue.is_none() {
            faults.push(row.fault(
                format!("unknown queue `{code}`"),
                "use a code of queue.csv, or add it there",
            ));
        }
        out.push(TypeLabel {
            label: label(row, "definition"),
            queue: queue.unwrap_or(0),
            parallel: row
                .get("parallel")
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        });
    }
    out
}

fn reasons(dir: &Path, rights: &[Label], faults: &mut Vec<Fault>) -> Vec<ReasonLabel> {
    let columns = &["code", "name", "definition", "rights"];
    let table = coded(dir, "reason.csv", columns, faults);
    let mut out = Vec::new();
    for row in table.rows() {
        let mut found = Vec::new();
        for code in row.get("rights").split_whitespace() {
            match rights.iter().position(|r| r.code == code) {
                Some(i) => found.push(i),
                None => faults
                    .push(row.fault(format!("unknown right `{code}`"), "use a code of right.csv")),
            }
        }
        out.push(ReasonLabel {
            label: label(row, "definition"),
            rights: found,
        });
    }
    out
}

fn levels(dir: &Path, faults: &mut Vec<Fault>) -> Vec<Level> {
    let columns = &[
        "code",
        "name",
        "definition",
        "acknowledge",
        "first_reply",
        "handle",
        "min_recall",
    ];
    let table = coded(dir, "urgency.csv", columns, faults);
    let mut out = Vec::new();
    for row in table.rows() {
        let mut span = |column: &str| parse_span(row, column, faults);
        let targets = (span("acknowledge"), span("first_reply"), span("handle"));
        if let (Some(acknowledge), Some(first_reply), Some(handle)) = targets {
            out.push(Level {
                label: label(row, "definition"),
                targets: Targets {
                    acknowledge,
                    first_reply,
                    handle,
                },
                min_recall: parse_share(row, "min_recall", faults),
            });
        }
    }
    out
}

/// A share such as `0.97`; `None` for an empty cell, a fault besides if it is no share.
fn parse_share(row: Row<'_>, column: &str, faults: &mut Vec<Fault>) -> Option<f32> {
    let cell = row.get(column);
    if cell.is_empty() {
        return None;
    }
    let share = cell.parse().ok().filter(|s| (0.0..=1.0).contains(s));
    if share.is_none() {
        faults.push(row.fault(
            format!("{column}: `{cell}` is not a share"),
            "write a number from 0 to 1, or leave the cell empty",
        ));
    }
    share
}

/// A span cell such as `30m`, `4h`, `1wd`, `10d`; a fault and `None` if it is not one.
pub fn parse_span(row: Row<'_>, column: &str, faults: &mut Vec<Fault>) -> Option<Span> {
    let cell = row.get(column);
    match cell.parse() {
        Ok(span) => Some(span),
        Err(_) => {
            faults.push(row.fault(
                format!("{column}: `{cell}` is not a span"),
                "write 30m, 4h, 1wd (working days) or 10d (natural days)",
            ));
            None
        }
    }
}

fn channels(dir: &Path, faults: &mut Vec<Fault>) -> (Vec<Channel>, FxHashMap<String, usize>) {
    let columns = &["code", "name", "genre", "aliases"];
    let table = coded(dir, "channel.csv", columns, faults);
    let mut names: FxHashMap<String, usize> = FxHashMap::default();
    let mut out = Vec::new();
    for row in table.rows() {
        let index = out.len();
        let own = [row.get("code"), row.get("name")];
        for name in own.into_iter().chain(row.get("aliases").split('|')) {
            let name = name.trim();
            if name.is_empty() {
                continue;
            }
            for form in [name.to_owned(), name.to_lowercase()] {
                if names
                    .insert(form, index)
                    .is_some_and(|other| other != index)
                {
                    faults.push(row.fault(
                        format!("`{name}` names two channels"),
                        "keep it with one of them",
                    ));
                }
            }
        }
        out.push(Channel {
            code: row.get("code").to_owned(),
            name: row.get("name").to_owned(),
            genre: row.get("genre").to_owned(),
        });
    }
    (out, names)
}
