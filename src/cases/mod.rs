//! Tellings of a run and of the nights before in, `repeats.csv` and `alerts.csv` out: the same complaint told twice is one
//! case, and a wave of complaints is noticed.
//! Laws: pure in (spool, store, night), so finishing twice is finishing once; masked text only; memory holds one partition.
//! During the run `Telling::of` and `encode` append to the spool; `finish` does the rest; `Found::commit` puts it in place.

mod bytes;
pub mod history;
mod joint;
pub mod likeness;
mod link;
mod logistic;
pub mod novelty;
pub mod reading;
mod rows;
mod spool;
mod store;
mod tail;
mod telling;
pub mod waves;

pub use link::Proposal;
pub use rows::{alerts_header, repeats_header};
pub use telling::{Head, Key, Telling, date_of, day_number, partition_of};

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use rustc_hash::FxBuildHasher;

use crate::error::{Error, Result};
use crate::tables::Tables;
use history::{Counting, History};
use joint::JointCounting;
use store::{Kept, Raw, Reader, Writer};

type Keys = HashSet<Key, FxBuildHasher>;

/// What `finish` found; nothing is in its place before `commit`.
#[derive(Debug, Default)]
pub struct Found {
    /// Rows of `repeats.csv` without mark and header, in the order of the inputs.
    pub repeats: Vec<u8>,
    /// Rows of `alerts.csv` without mark and header.
    pub alerts: Vec<u8>,
    /// Distinct receipts of this run, and those of them that the store knew from an earlier run.
    pub n_receipts: u64,
    pub n_known: u64,
    pub n_repeats: u64,
    pub n_restarts: u64,
    pub n_alerts: u64,
    /// Nights that the expected levels were taken from.
    pub n_history_nights: u64,
    /// Temporary and final names.
    files: Vec<(PathBuf, PathBuf)>,
}

impl Found {
    /// Renames the store's new files into place. Interrupted half-way, `finish` and `commit` again give the same store.
    pub fn commit(mut self) -> Result<()> {
        for (from, to) in std::mem::take(&mut self.files) {
            std::fs::rename(&from, &to).map_err(|e| Error::io(&to, "cannot be put in place", e))?;
        }
        Ok(())
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        for (from, _) in &self.files {
            let _ = std::fs::remove_file(from);
        }
    }
}

/// Links the tellings of a run to those before and looks for waves.
///
/// `spool`: one file a partition, `Telling::encode` records, in the order of partitions; a missing file is empty.
/// `folder`: the store, made if it is missing. `night`: the date of the run, never the wall clock's.
pub fn finish(spool: &[PathBuf], folder: &Path, night: Date, tables: &Tables) -> Result<Found> {
    let settings = &tables.cases;
    if spool.len() != settings.partitions {
        return Err(Error::Failed(format!(
            "{} spool files for {} partitions",
            spool.len(),
            settings.partitions
        )));
    }
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "cannot be made", e))?;
    let night = day_number(night);
    let mut run = Run {
        tables,
        night,
        days: BTreeSet::new(),
        counting: Counting::default(),
        joint: JointCounting::default(),
        found: Found::default(),
        rows: Vec::new(),
    };
    for path in spool {
        spool::days(path, night, &mut |day| {
            run.days.insert(day);
        })?;
    }
    for (p, path) in spool.iter().enumerate() {
        run.partition(path, folder, p)?;
    }
    run.rows.sort_by_key(|(order, _)| *order);
    for (_, row) in &run.rows {
        run.found.repeats.extend(row);
    }
    run.alerts(folder)?;
    Ok(run.found)
}

/// Monday is 0; a day off is a Sunday, a day worked at a weekend is a Friday.
fn night_class(day: i32, tables: &Tables) -> usize {
    let date = date_of(day);
    let weekday = date.weekday().to_monday_zero_offset() as usize;
    match (tables.clock.calendar().is_working(date), weekday) {
        (true, 5..) => 4,
        (false, ..5) => 6,
        _ => weekday,
    }
}

/// One run of `finish`.
struct Run<'t> {
    tables: &'t Tables,
    night: i32,
    /// Days on which this run's tellings were received.
    days: BTreeSet<i32>,
    counting: Counting,
    joint: JointCounting,
    found: Found,
    rows: Vec<((u32, u64), Vec<u8>)>,
}

impl Run<'_> {
    /// Goes through store and spool side by side, by ascending link.
    fn partition(&mut self, spool: &Path, folder: &Path, p: usize) -> Result<()> {
        let n = self.tables.cases.partitions;
        let mut fresh = spool::Fresh::open(spool, self.night)?;
        let mut reader = Reader::open(folder, p, n)?;
        let mut writer = Writer::create(folder, p, n)?;
        loop {
            let link = match (reader.link(), fresh.link()) {
                (None, None) => break,
                (Some(a), Some(b)) => a.min(b),
                (a, b) => a.or(b).unwrap_or_default(),
            };
            let mut old = Vec::new();
            if reader.link() == Some(link) {
                old = reader.group()?;
                self.forget(&mut old, fresh.link() == Some(link));
            }
            let own = fresh.take(link)?;
            if own.is_empty() {
                self.pass(&old, &reader, &mut writer)?;
            } else {
                self.join(&old, own, &reader, &mut writer)?;
            }
        }
        self.found.files.push(writer.finish()?);
        Ok(())
    }

    /// Drops the cases whose last telling was read too long ago, and that this run does not touch.
    fn forget(&self, old: &mut Vec<Raw>, is_touched: bool) {
        let oldest = self.night - self.tables.cases.window_days;
        if is_touched || old.iter().all(|r| r.night >= oldest) {
            return;
        }
        let alive: Keys = old
            .iter()
            .filter(|r| r.night >= oldest)
            .map(Raw::case)
            .collect();
        old.retain(|r| alive.contains(&r.case()));
    }

    /// A person of whom this run knows nothing new.
    fn pass(&mut self, old: &[Raw], reader: &Reader, writer: &mut Writer) -> Result<()> {
        let joint = self.night - self.tables.cases.joint.days + 1..=self.night;
        let counts = |raw: &Raw| joint.contains(&raw.day) || self.days.contains(&raw.day);
        if old.iter().any(counts) {
            let kept = old.iter().filter(|raw| counts(raw)).map(Raw::kept);
            let kept: Option<Vec<Kept>> = kept.collect();
            let kept = kept.ok_or_else(|| store::damaged(reader.path()))?;
            self.count(&kept, &Keys::default());
        }
        old.iter().try_for_each(|raw| writer.raw(raw))
    }

    /// Counts one person where he or she complained on a day that this run touches.
    fn count(&mut self, group: &[Kept], asked: &Keys) {
        let settings = &self.tables.cases;
        let (night, rolling) = (self.night, settings.waves.rolling_nights);
        let is_tested = |day: i32| (night - rolling + 1..=night).contains(&day);
        let days = &self.days;
        let all = group.iter().map(|k| (k.day, k.night, &k.telling));
        self.counting
            .person(all.filter(|(day, ..)| days.contains(day)), is_tested);
        let is_asked = |k: &Kept| asked.contains(&k.telling.key);
        let all = group
            .iter()
            .map(|k| (k.day, k.night, is_asked(k), &k.telling));
        self.joint.person(all, night, &settings.joint);
    }

    /// Tests the nights that this run touches, and writes the history anew.
    fn alerts(&mut self, folder: &Path) -> Result<()> {
        let tables = self.tables;
        let settings = &tables.cases;
        let waves = &settings.waves;
        let mut history = History::load(folder)?;
        let counted = std::mem::take(&mut self.counting.history);
        history.take(counted, self.night - settings.window_days);
        // The last nights tested look back from earlier ones.
        let oldest = self.night - waves.history_nights - waves.rolling_nights;
        self.found.files.push(history.save(folder, oldest)?);
        let class_of = |day: i32| night_class(day, tables);
        let recent = self.night - waves.rolling_nights + 1..=self.night;
        for night in recent.filter(|n| self.days.contains(n)) {
            let tested = waves::alarms(&history, night, &class_of, waves);
            if night == self.night {
                self.found.n_history_nights = tested.n_history as u64;
                if tested.n_history < waves.least_nights {
                    let row = rows::short_history_row(night, tested.n_history, tables);
                    self.found.alerts.extend(row);
                }
            }
            for alarm in &tested.alarms {
                self.found.n_alerts += 1;
                let days = night - alarm.n_nights + 1..=night;
                let ids = self.counting.ids(days, &alarm.cell);
                let row = rows::alarm_row(alarm, &ids, tested.n_history, tables);
                self.found.alerts.extend(row);
            }
        }
        for joint in std::mem::take(&mut self.joint).found(&settings.joint) {
            self.found.n_alerts += 1;
            let row = rows::joint_row(&joint, self.night, tables);
            self.found.alerts.extend(row);
        }
        Ok(())
    }

    /// A person with tellings in this run.
    fn join(
        &mut self,
        old: &[Raw],
        fresh: Vec<Telling>,
        reader: &Reader,
        writer: &mut Writer,
    ) -> Result<()> {
        let kept: Option<Vec<Kept>> = old.iter().map(Raw::kept).collect();
        let mut group = kept.ok_or_else(|| store::damaged(reader.path()))?;
        let known: Keys = old.iter().map(|r| r.head.key).collect();
        let asked: Keys = fresh.iter().map(|t| t.key).collect();
        let first_new = group.len();
        self.found.n_receipts += fresh.len() as u64;
        for telling in fresh {
            if known.contains(&telling.key) {
                self.found.n_known += 1;
                // Rows stand in the order of this run's inputs.
                if let Some(k) = group.iter_mut().find(|k| k.telling.key == telling.key) {
                    (k.telling.input, k.telling.row) = (telling.input, telling.row);
                }
            } else {
                group.push(Kept {
                    parent: None,
                    day: telling.day.unwrap_or(self.night),
                    night: self.night,
                    telling,
                });
            }
        }
        self.count(&group, &asked);
        let settings = &self.tables.cases;
        let repeats = link::link(&mut group, first_new, &|key| asked.contains(key), settings);
        for repeat in &repeats {
            self.found.n_repeats += 1;
            self.found.n_restarts += u64::from(repeat.proposal == Proposal::Restart);
            let order = group[repeat.at].telling.order();
            let row = rows::repeat_row(&group, repeat, self.tables);
            self.rows.push((order, row));
        }
        group.iter().try_for_each(|kept| writer.kept(kept))
    }
}

#[cfg(test)]
mod tests;
