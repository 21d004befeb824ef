//! `calendar.csv` in, `Calendar` out: which days are worked, and the n-th working day after one.
//! Law: make-up workdays count, holidays do not; beyond the published years weekends decide and the
//! answer says that it is provisional. Does not know deadlines or articles.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::{Date, Weekday, date};

use super::moment::parse_moment;
use super::{days_between, plus_days};
use crate::error::{Error, Fault, Result};

/// The working calendar; a look-up costs two table reads inside the published years.
#[derive(Debug)]
pub struct Calendar {
    /// First day of the tables.
    first: Date,
    /// By days since `first`: working days from `first` up to and with that day.
    worked: Vec<u32>,
    /// By number of working days passed: days since `first` of the next one.
    nth: Vec<u32>,
    /// First and last day of the years that are known whole.
    known: (Date, Date),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Holiday,
    Workday,
}

impl Calendar {
    /// Reads `date,kind,name` with kind `holiday` or `workday`; all faults come together.
    pub fn load(path: &Path) -> Result<Calendar> {
        let text =
            std::fs::read_to_string(path).map_err(|e| Error::io(path, "cannot be read", e))?;
        Calendar::parse(path, &text)
    }

    /// As `load`, from text already read; `path` is for the faults.
    ///
    /// A year counts as published when its 1 October is among the holidays: notices name stray days of the
    /// neighbouring years too, and those alone make no year known. A published year may not be missing in between.
    pub fn parse(path: &Path, text: &str) -> Result<Calendar> {
        let mut faults = Vec::new();
        let rows = read_rows(path, text, &mut faults);
        let published: Vec<i16> = rows
            .iter()
            .filter(|(d, kind)| d.month() == 10 && d.day() == 1 && **kind == Kind::Holiday)
            .map(|(d, _)| d.year())
            .collect();
        for pair in published.windows(2) {
            if pair[1] != pair[0] + 1 {
                faults.push(Fault::new(
                    path,
                    0,
                    format!(
                        "{} and {} are known, the years between are not",
                        pair[0], pair[1]
                    ),
                    "add their holidays, the National Day among them",
                ));
            }
        }
        if published.is_empty() {
            faults.push(Fault::new(
                path,
                0,
                "no year is known: a 1 October as holiday is missing",
                "add the holidays of at least one year",
            ));
        }
        if !faults.is_empty() {
            faults.sort_by_key(|f| f.line);
            return Err(Error::Config(faults));
        }
        Ok(Calendar::tables(&rows, &published))
    }

    /// `rows` and `published` hold at least one entry.
    fn tables(rows: &BTreeMap<Date, Kind>, published: &[i16]) -> Calendar {
        let years = |d: Option<&Date>| d.map_or(0, |d| d.year());
        let first = date(years(rows.keys().next()), 1, 1);
        let last = date(years(rows.keys().next_back()), 12, 31);
        let (mut worked, mut nth) = (Vec::new(), Vec::new());
        let mut day = first;
        for i in 0..=days_between(first, last) as u32 {
            let works = rows
                .get(&day)
                .map_or(!is_weekend(day), |kind| *kind == Kind::Workday);
            if works {
                nth.push(i);
            }
            worked.push(nth.len() as u32);
            day = plus_days(day, 1);
        }
        let known = (
            date(published[0], 1, 1),
            date(published[published.len() - 1], 12, 31),
        );
        Calendar {
            first,
            worked,
            nth,
            known,
        }
    }

    /// The last year whose holidays are published here; later dates are provisional.
    pub fn last_year(&self) -> i16 {
        self.known.1.year()
    }

    /// Whether offices work on `date`; by weekends alone outside the table.
    pub fn is_working(&self, date: Date) -> bool {
        match self.index(date) {
            Some(0) => self.worked[0] == 1,
            Some(i) => self.worked[i] > self.worked[i - 1],
            None => !is_weekend(date),
        }
    }

    /// The `n`-th working day after `date`, and whether a year not yet published had a say in it.
    ///
    /// The start day never counts, worked or free; `n` = 0 gives `date` itself.
    pub fn add_working_days(&self, date: Date, n: u32) -> (Date, bool) {
        let end = match self.look_up(date, n) {
            Some(end) => end,
            None => self.walk(date, n),
        };
        (end, date < self.known.0 || end > self.known.1)
    }

    fn look_up(&self, date: Date, n: u32) -> Option<Date> {
        let Some(after) = n.checked_sub(1) else {
            return Some(date);
        };
        let passed = self.worked[self.index(date)?] as usize;
        let offset = self.nth.get(passed + after as usize)?;
        Some(plus_days(self.first, i64::from(*offset)))
    }

    /// Day by day, for starts or ends outside the table.
    fn walk(&self, date: Date, n: u32) -> Date {
        let (mut day, mut left) = (date, n);
        while left > 0 && day < Date::MAX {
            day = plus_days(day, 1);
            left -= u32::from(self.is_working(day));
        }
        day
    }

    fn index(&self, date: Date) -> Option<usize> {
        let i = usize::try_from(days_between(self.first, date)).ok()?;
        (i < self.worked.len()).then_some(i)
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn read_rows(path: &Path, text: &str, faults: &mut Vec<Fault>) -> BTreeMap<Date, Kind> {
    let mut rows = BTreeMap::new();
    let mut fault = |line: u64, what: String, mend: &str| {
        faults.push(Fault::new(path, line as usize, what, mend));
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    for (i, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                fault(
                    e.position().map_or(0, csv::Position::line),
                    "the row cannot be read".into(),
                    "write date,kind,name",
                );
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<&str> = record.iter().collect();
        if i == 0 {
            if cells != ["date", "kind", "name"] {
                fault(
                    line,
                    "the header is another".into(),
                    "write date,kind,name in the first line",
                );
            }
            continue;
        }
        let &[day, kind, _name] = &cells[..] else {
            fault(
                line,
                format!("{} columns", cells.len()),
                "write date,kind,name",
            );
            continue;
        };
        let day = match parse_moment(day) {
            Some(moment) if !moment.has_time() => moment.date(),
            _ => {
                fault(line, "not a date".into(), "write a day such as 2026-10-01");
                continue;
            }
        };
        let kind = match kind {
            "holiday" => Kind::Holiday,
            "workday" if is_weekend(day) => Kind::Workday,
            "workday" => {
                fault(
                    line,
                    format!("{day} is worked anyway"),
                    "mend the date, or delete the row: make-up workdays are Saturdays or Sundays",
                );
                continue;
            }
            _ => {
                fault(line, "unknown kind".into(), "write holiday or workday");
                continue;
            }
        };
        if rows.insert(day, kind).is_some() {
            fault(
                line,
                format!("{day} stands here a second time"),
                "keep one of the two rows",
            );
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static CALENDAR: LazyLock<Calendar> = LazyLock::new(|| {
        Calendar::load(Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/data/calendar.csv"
        )))
        .unwrap()
    });

    #[test]
    fn holidays_and_make_up_days() {
        let c = &*CALENDAR;
        assert_eq!(c.last_year(), 2026);
        assert!(!c.is_working(date(2025, 10, 8))); // Wednesday in the holiday
        assert!(c.is_working(date(2025, 10, 11))); // Saturday made up
        assert!(!c.is_working(date(2025, 10, 12)));
        assert!(!c.is_working(date(2024, 1, 1))); // first day of the table
        assert!(c.is_working(date(2026, 12, 31))); // last day of the table
        assert!(c.is_working(date(2027, 1, 1))); // a Friday, beyond the table
        assert!(!c.is_working(date(2027, 1, 2)));
    }

    #[test]
    fn the_start_day_never_counts() {
        let c = &*CALENDAR;
        for (start, n, want) in [
            ((2025, 9, 30), 1, (2025, 10, 9)),   // over the long holiday
            ((2025, 9, 30), 3, (2025, 10, 11)),  // the third is a made-up Saturday
            ((2025, 10, 11), 1, (2025, 10, 13)), // received on a made-up Saturday
            ((2025, 10, 4), 1, (2025, 10, 9)),   // received on a holiday
            ((2025, 12, 31), 1, (2026, 1, 4)),   // over the year's end to a made-up Sunday
            ((2026, 3, 6), 0, (2026, 3, 6)),
            ((2026, 3, 7), 0, (2026, 3, 7)), // zero does not roll
        ] {
            let start = date(start.0, start.1, start.2);
            let want = date(want.0, want.1, want.2);
            assert_eq!(c.add_working_days(start, n), (want, false), "{start} {n}");
        }
    }

    #[test]
    fn unpublished_years_are_provisional() {
        let c = &*CALENDAR;
        let end = date(2026, 12, 31);
        assert_eq!(c.add_working_days(date(2026, 12, 30), 1), (end, false));
        assert_eq!(c.add_working_days(end, 1), (date(2027, 1, 1), true));
        assert_eq!(
            c.add_working_days(date(2030, 5, 31), 2),
            (date(2030, 6, 4), true)
        );
        assert_eq!(
            c.add_working_days(date(2023, 12, 29), 1),
            (date(2024, 1, 2), true)
        );
        assert_eq!(c.add_working_days(Date::MAX, 5), (Date::MAX, true));
    }

    #[test]
    fn stray_days_make_no_year_known() {
        let text = "date,kind,name\n2025-12-31,holiday,元旦\n2026-10-01,holiday,国庆节\n2027-01-01,holiday,元旦\n";
        let c = Calendar::parse(Path::new("c.csv"), text).unwrap();
        assert_eq!(c.last_year(), 2026);
        assert!(!c.is_working(date(2025, 12, 31)));
        assert!(!c.is_working(date(2027, 1, 1)));
        assert!(c.add_working_days(date(2026, 12, 31), 1).1);
        assert!(c.add_working_days(date(2025, 12, 30), 1).1);
    }

    #[test]
    fn all_faults_come_together_with_their_lines() {
        let text = "date,kind,name\n2026-02-30,holiday,x\n2026-10-01,holiday,国庆节\n2026-10-01,holiday,国庆节\n\
                    2026-03-03,workday,x\n2026-03-07,free,x\n2026-03-08,holiday\n2028-10-01,holiday,国庆节\n";
        let Err(Error::Config(faults)) = Calendar::parse(Path::new("c.csv"), text) else {
            panic!()
        };
        let lines: Vec<usize> = faults.iter().map(|f| f.line).collect();
        assert_eq!(lines, [0, 2, 4, 5, 6, 7], "{faults:#?}");
        let shown = Error::Config(faults).to_string();
        assert!(shown.contains("c.csv:5: 2026-03-03 is worked anyway: mend"));
        for (text, line) in [("", 0), ("day,what\n", 0), ("day,what\n", 1)] {
            let Err(Error::Config(faults)) = Calendar::parse(Path::new("c.csv"), text) else {
                panic!()
            };
            assert!(faults.iter().any(|f| f.line == line));
        }
    }

    proptest! {
        #[test]
        fn equals_the_naive_count(start in -900i64..2_200, n in 0u32..400) {
            let c = &*CALENDAR;
            let start = plus_days(date(2024, 1, 1), start);
            let (mut naive, mut left) = (start, n);
            while left > 0 {
                naive = naive.tomorrow().unwrap();
                if c.is_working(naive) {
                    left -= 1;
                }
            }
            prop_assert_eq!(c.add_working_days(start, n).0, naive);
        }
    }
}
