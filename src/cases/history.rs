//! `history.csv` of the store: how many people complained, by night and cell.
//! Law: distinct people of one night; a night counted again is replaced, so finishing twice is finishing once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::store::temporary;
use super::telling::{Telling, date_of, day_number};
use crate::error::{Error, Result};

/// How many kinds of cells there are.
pub const N_KINDS: usize = 8;

/// What complaints are counted by.
///
/// A wave mostly has one cause, so the narrow cells see it first; the wide ones see what has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellKind {
    All,
    Type,
    Reason,
    Institution,
    InstitutionType,
    InstitutionTypeReason,
    TypeReason,
    Phrase,
}

impl CellKind {
    const ALL: [CellKind; N_KINDS] = [
        CellKind::All,
        CellKind::Type,
        CellKind::Reason,
        CellKind::Institution,
        CellKind::InstitutionType,
        CellKind::InstitutionTypeReason,
        CellKind::TypeReason,
        CellKind::Phrase,
    ];

    /// English code, as in `history.csv`.
    pub fn code(self) -> &'static str {
        match self {
            CellKind::All => "all",
            CellKind::Type => "type",
            CellKind::Reason => "reason",
            CellKind::Institution => "institution",
            CellKind::InstitutionType => "institution_type",
            CellKind::InstitutionTypeReason => "institution_type_reason",
            CellKind::TypeReason => "type_reason",
            CellKind::Phrase => "phrase",
        }
    }

    /// Chinese name for users.
    pub fn name(self) -> &'static str {
        match self {
            CellKind::All => "全部",
            CellKind::Type => "类型",
            CellKind::Reason => "原因",
            CellKind::Institution => "机构",
            CellKind::InstitutionType => "机构×类型",
            CellKind::InstitutionTypeReason => "机构×类型×原因",
            CellKind::TypeReason => "类型×原因",
            CellKind::Phrase => "关键词",
        }
    }

    fn parse(code: &str) -> Option<CellKind> {
        CellKind::ALL.into_iter().find(|k| k.code() == code)
    }
}

/// A cell: what is counted by, and which of it. The parts of a cell are joined by `×`.
pub type Cell = (CellKind, String);

/// The cells that a telling falls into, each once.
pub fn cells(telling: &Telling) -> Vec<Cell> {
    let mut out = vec![
        (CellKind::All, String::new()),
        (CellKind::Type, telling.type_.clone()),
        (CellKind::Reason, telling.reason.clone()),
        (
            CellKind::TypeReason,
            format!("{}×{}", telling.type_, telling.reason),
        ),
    ];
    if !telling.institution.is_empty() {
        let of_type = format!("{}×{}", telling.institution, telling.type_);
        let of_reason = format!("{of_type}×{}", telling.reason);
        out.push((CellKind::Institution, telling.institution.clone()));
        out.push((CellKind::InstitutionTypeReason, of_reason));
        out.push((CellKind::InstitutionType, of_type));
    }
    let products = telling.products.iter().map(|(_, name)| name);
    for phrase in products.chain(&telling.phrases) {
        let cell = (CellKind::Phrase, phrase.clone());
        if !out.contains(&cell) {
            out.push(cell);
        }
    }
    out
}

/// People by night and cell; a night that is there was counted, a cell that is not in it had nobody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    pub nights: BTreeMap<i32, FxHashMap<Cell, u32>>,
}

/// Where the file lies.
pub fn history_path(folder: &Path) -> PathBuf {
    folder.join("history.csv")
}

impl History {
    /// Reads `night,kind,cell,people`; a missing file is an empty history.
    pub fn load(folder: &Path) -> Result<History> {
        let path = history_path(folder);
        let mut history = History::default();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(history),
            Err(e) => return Err(Error::io(&path, "cannot be read", e)),
        };
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        for (i, record) in reader.records().enumerate() {
            let row = record.ok().and_then(|r| {
                let night = day_number(r.get(0)?.parse().ok()?);
                let cell = (CellKind::parse(r.get(1)?)?, r.get(2)?.to_owned());
                Some((night, cell, r.get(3)?.parse().ok()?))
            });
            let Some((night, cell, people)) = row else {
                return Err(Error::Failed(format!(
                    "{}:{}: is no row `night,kind,cell,people`: mend it, or delete the file and lose the expected levels",
                    path.display(),
                    i + 2
                )));
            };
            history
                .nights
                .entry(night)
                .or_default()
                .insert(cell, people);
        }
        Ok(history)
    }

    /// Writes all nights from `oldest` on under a temporary name; returns it and the final one.
    pub fn save(&self, folder: &Path, oldest: i32) -> Result<(PathBuf, PathBuf)> {
        let path = history_path(folder);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |e: csv::Error| Error::Failed(format!("{}: {e}", path.display()));
        writer
            .write_record(["night", "kind", "cell", "people"])
            .map_err(failed)?;
        for (night, cells) in self.nights.range(oldest..) {
            let date = date_of(*night).to_string();
            let mut sorted: Vec<_> = cells.iter().collect();
            sorted.sort();
            for ((kind, name), people) in sorted {
                let people = people.to_string();
                writer
                    .write_record([&date, kind.code(), name, &people])
                    .map_err(failed)?;
            }
        }
        let bytes = writer
            .into_inner()
            .map_err(|e| Error::io(&path, "cannot be written", e.into_error()))?;
        let part = temporary(&path);
        std::fs::write(&part, bytes)
            .and_then(|()| std::fs::File::open(&part)?.sync_all())
            .map_err(|e| Error::io(&path, "cannot be written", e))?;
        Ok((part, path))
    }

    /// Takes in nights counted now. Nights from `whole` on were counted over everything that the store holds and are
    /// replaced; of earlier ones the store has forgotten people, and the larger number stays.
    pub fn take(&mut self, counted: History, whole: i32) {
        for (night, cells) in counted.nights {
            let own = self.nights.entry(night).or_default();
            if night >= whole {
                *own = cells;
                continue;
            }
            for (cell, people) in cells {
                let known = own.entry(cell).or_default();
                *known = people.max(*known);
            }
        }
    }

    /// People of one cell in one night.
    pub fn people(&self, night: i32, cell: &Cell) -> u32 {
        let cells = self.nights.get(&night);
        cells.and_then(|c| c.get(cell)).copied().unwrap_or(0)
    }
}

/// Ids shown with an alarm.
const MOST_IDS: usize = 10;

/// Where an id stands among the ids of a cell.
type Place = (i32, u32, u64);

/// Counts people, one after the other.
#[derive(Debug, Default)]
pub struct Counting {
    pub history: History,
    /// Of the nights that are tested: the first ids of each cell.
    ids: FxHashMap<(i32, Cell), BTreeMap<Place, String>>,
}

impl Counting {
    /// One person's tellings: day, the night in which it was read, and what was told; `is_tested`: days whose ids are kept.
    pub fn person<'t>(
        &mut self,
        tellings: impl Iterator<Item = (i32, i32, &'t Telling)>,
        is_tested: impl Fn(i32) -> bool,
    ) {
        let mut seen: BTreeSet<(i32, Cell)> = BTreeSet::new();
        for (day, night, telling) in tellings {
            for cell in cells(telling) {
                if is_tested(day) {
                    let ids = self.ids.entry((day, cell.clone())).or_default();
                    ids.insert((night, telling.input, telling.row), telling.id.clone());
                    if ids.len() > MOST_IDS {
                        ids.pop_last();
                    }
                }
                seen.insert((day, cell));
            }
        }
        for (day, cell) in seen {
            *self
                .history
                .nights
                .entry(day)
                .or_default()
                .entry(cell)
                .or_default() += 1;
        }
    }

    /// The first ids of a cell over some days.
    pub fn ids(&self, days: impl Iterator<Item = i32>, cell: &Cell) -> Vec<&str> {
        let mut all: Vec<(&Place, &str)> = days
            .filter_map(|day| self.ids.get(&(day, cell.clone())))
            .flat_map(|ids| ids.iter().map(|(place, id)| (place, id.as_str())))
            .collect();
        all.sort();
        all.truncate(MOST_IDS);
        all.into_iter().map(|(_, id)| id).collect()
    }
}
