//! What was found in labelled files: kind, places, what is wrong and what to do.
//! Law: no text of a complaint and no personal value in a finding; labels only where the set knows them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::complaint::Position;
use crate::error::Result;

/// Findings of one kind that are listed on the screen; the rest is counted.
const LISTED: usize = 20;

/// Kinds, in the order in which they are told; the codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Rejected,
    Date,
    LabelUnknown,
    LabelSpelling,
    LabelMissing,
    TwoLabels,
    Shifted,
    Damaged,
    Number,
    ColumnNear,
    ClassThin,
    DoubleAcross,
    DuplicateAcross,
    Duplicate,
    Double,
    Opening,
    TextLong,
    NotChinese,
    PersonalData,
}

impl Kind {
    pub fn code(self) -> &'static str {
        self.names().0
    }

    /// Told, but no fault of the file: `--deny-warnings` does not count it.
    pub fn is_note(self) -> bool {
        matches!(self, Kind::PersonalData | Kind::NotChinese)
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Kind::Rejected => ("record.rejected", "读不了的记录"),
            Kind::Date => ("cell.date", "无法识别的日期"),
            Kind::LabelUnknown => ("label.unknown", "标签不在标签表中"),
            Kind::LabelSpelling => ("label.spelling", "标签写法不一"),
            Kind::LabelMissing => ("label.missing", "缺标签"),
            Kind::TwoLabels => ("text.two_labels", "同一文本，标签不同"),
            Kind::Shifted => ("cell.shifted", "疑似错列"),
            Kind::Damaged => ("text.damaged", "乱码"),
            Kind::Number => ("cell.number", "被 Excel 改写的数字"),
            Kind::ColumnNear => ("column.near", "列名近似"),
            Kind::ClassThin => ("class.thin", "类别太少"),
            Kind::DoubleAcross => ("text.near_across_splits", "跨训练、测试的近似文本"),
            Kind::DuplicateAcross => ("text.duplicate_across_splits", "跨训练、测试的重复文本"),
            Kind::Duplicate => ("text.duplicate", "重复文本"),
            Kind::Double => ("text.near", "近似文本"),
            Kind::Opening => ("text.opening", "雷同开头"),
            Kind::TextLong => ("text.long", "过长文本"),
            Kind::NotChinese => ("text.not_chinese", "非中文文本"),
            Kind::PersonalData => ("personal_data", "未脱敏的个人信息"),
        }
    }
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub file: String,
    /// Record number, from 1, the header not counted; 0: the file as a whole.
    pub row: u64,
    /// Line number, from 1.
    pub line: u64,
}

impl Place {
    pub fn of(position: &Position) -> Place {
        Place {
            file: position.file.to_string(),
            row: position.row,
            line: position.line,
        }
    }

    pub fn of_file(file: &str) -> Place {
        Place {
            file: file.to_owned(),
            row: 0,
            line: 0,
        }
    }

    fn shown(&self) -> String {
        match (self.row, self.line) {
            (0, 0) => self.file.clone(),
            (row, line) => format!("{}:{line}（第 {row} 条）", self.file),
        }
    }
}

/// One thing that was found.
#[derive(Debug, Serialize)]
struct Finding {
    kind: &'static str,
    note: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    /// The place, and the others that it is about.
    places: Vec<Place>,
    what: String,
    remedy: String,
}

/// Everything that was found, by kind.
#[derive(Default)]
pub(super) struct Findings {
    by_kind: BTreeMap<Kind, Vec<Finding>>,
}

impl Findings {
    pub fn add(
        &mut self,
        kind: Kind,
        head: Option<&str>,
        places: Vec<Place>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.by_kind.entry(kind).or_default().push(Finding {
            kind: kind.code(),
            note: kind.is_note(),
            head: head.map(str::to_owned),
            places,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    /// Findings that are faults, and those that are only told.
    pub fn counts(&self) -> (usize, usize) {
        let count = |note: bool| {
            let own = self.by_kind.iter().filter(|(k, _)| k.is_note() == note);
            own.map(|(_, found)| found.len()).sum()
        };
        (count(false), count(true))
    }

    pub fn print(&self) {
        for (kind, found) in &self.by_kind {
            let (code, name) = kind.names();
            println!("{name}（{code}）：{}", found.len());
            for finding in found.iter().take(LISTED) {
                let places: Vec<String> = finding.places.iter().map(Place::shown).collect();
                let places = places.join("、");
                let between = if places.is_empty() { "" } else { ": " };
                println!("  {places}{between}{}: {}", finding.what, finding.remedy);
            }
            if found.len() > LISTED {
                println!("  … 另有 {} 处（--json 列出全部）", found.len() - LISTED);
            }
        }
    }

    /// All findings as JSON.
    pub fn write(&self, path: &Path, n_rows: usize, n_rejected: usize) -> Result<()> {
        #[derive(Serialize)]
        struct Report<'f> {
            rows: usize,
            rejected: usize,
            findings: usize,
            notes: usize,
            by_kind: BTreeMap<&'static str, usize>,
            list: Vec<&'f Finding>,
        }
        let (findings, notes) = self.counts();
        let report = Report {
            rows: n_rows,
            rejected: n_rejected,
            findings,
            notes,
            by_kind: self
                .by_kind
                .iter()
                .map(|(k, f)| (k.code(), f.len()))
                .collect(),
            list: self.by_kind.values().flatten().collect(),
        };
        crate::jobs::write_json(path, &report)
    }
}
