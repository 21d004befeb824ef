//! Text in, `Moment` out: the dates of exports, forms and interfaces in Chinese use.
//! Law: one reading or none; a text that could mean two dates is refused, and so is a placeholder year.
//! Civil time of Shanghai (+08:00 all year, no time-zone database); an offset in the text is converted to it.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Years read at all (chosen): earlier ones are placeholders such as 1900-01-01 and 1970-01-01.
const YEARS: std::ops::RangeInclusive<i16> = 1990..=2199;
/// Longest text looked at, in characters (chosen; the longest form read has 42).
const MAX_CHARS: usize = 48;
/// Shanghai's offset from UTC; China has kept no other since summer time ended in 1991.
const SHANGHAI_MINUTES: i64 = 8 * 60;

// Bytes that stand for the Chinese unit marks while scanning; control characters in the input are refused.
const YEAR: u8 = 1;
const MONTH: u8 = 2;
const DAY: u8 = 3;
const HOUR: u8 = 4;
const MINUTE: u8 = 5;
const SECOND: u8 = 6;

/// A date, or a date and a time of day, in Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    at: DateTime,
    timed: bool,
}

impl Moment {
    /// The whole day `date`.
    pub fn on(date: Date) -> Moment {
        let at = date.to_datetime(Time::midnight());
        Moment { at, timed: false }
    }

    /// The instant `at`, civil time of Shanghai.
    pub fn at(at: DateTime) -> Moment {
        Moment { at, timed: true }
    }

    pub fn date(&self) -> Date {
        self.at.date()
    }

    /// Whether a time of day was given.
    pub fn has_time(&self) -> bool {
        self.timed
    }

    /// The first instant meant: 00:00:00 where no time was given.
    pub fn start(&self) -> DateTime {
        self.at
    }

    /// The last second meant: 23:59:59 where no time was given.
    pub fn end(&self) -> DateTime {
        if self.timed {
            self.at
        } else {
            self.at.date().at(23, 59, 59, 0)
        }
    }

    /// Appends what `Display` shows, without the formatting machinery: a row and its sheet hold a dozen dates.
    pub fn write_to(&self, out: &mut String) {
        let (d, t) = (self.at.date(), self.at.time());
        let year = d.year().unsigned_abs();
        push_two(out, (year / 100) as i8);
        push_two(out, (year % 100) as i8);
        for part in [d.month(), d.day()] {
            out.push('-');
            push_two(out, part);
        }
        if self.timed {
            for (mark, part) in [(' ', t.hour()), (':', t.minute()), (':', t.second())] {
                out.push(mark);
                push_two(out, part);
            }
        }
    }
}

/// `2026-03-01`, or `2026-03-01 14:05:09` where a time was given.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(19);
        self.write_to(&mut text);
        f.write_str(&text)
    }
}

/// Appends `value` with at least two digits.
fn push_two(out: &mut String, value: i8) {
    let value = value.unsigned_abs();
    out.push(char::from(b'0' + value / 10 % 10));
    out.push(char::from(b'0' + value % 10));
}

/// The text is no date that can be read in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date (expected 2026-03-01, 2026-03-01 14:05:09 or RFC 3339, years 1990 to 2199)")]
pub struct NotAMoment;

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(s: &str) -> Result<Moment, NotAMoment> {
        parse_moment(s).ok_or(NotAMoment)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads a date with or without a time of day.
///
/// Year, month, day in this order, apart by `-`, `/`, `.` or 年月日, or together (`20260301`, `20260301140509`);
/// then a space or `T` and `14:05[:09[.5]]`, or `14时[5分[9秒]]`; then `Z` or `+08:00`, converted to Shanghai.
/// Full-width forms count as their half-width ones. Fractions of a second are dropped, a leap second reads as :59.
/// Refused: two-digit years, day or month first, 24:00 (of which day?), 上午/下午 and AM/PM, years outside 1990–2199.
///
/// ```
/// use xiaobao::clock::parse_moment;
/// let m = parse_moment("2026年3月1日14时5分").unwrap();
/// assert_eq!(m.to_string(), "2026-03-01 14:05:00");
/// assert!(!parse_moment("２０２６/３/１").unwrap().has_time());
/// assert!(parse_moment("03/01/2026").is_none());
/// ```
pub fn parse_moment(s: &str) -> Option<Moment> {
    let mut bytes = [0u8; MAX_CHARS];
    let mut n = 0;
    for c in s.trim().chars() {
        *bytes.get_mut(n)? = half_width(c)?;
        n += 1;
    }
    let mut scan = Scan { rest: &bytes[..n] };
    let moment = scan.moment()?;
    (scan.rest.is_empty() && YEARS.contains(&moment.date().year())).then_some(moment)
}

fn half_width(c: char) -> Option<u8> {
    match c {
        ' '..='~' => Some(c as u8),
        '\u{ff01}'..='\u{ff5e}' => Some((c as u32 - 0xfee0) as u8),
        '\u{3000}' | '\u{a0}' | '\t' => Some(b' '),
        '年' => Some(YEAR),
        '月' => Some(MONTH),
        '日' | '号' => Some(DAY),
        '时' | '点' => Some(HOUR),
        '分' => Some(MINUTE),
        '秒' => Some(SECOND),
        _ => None,
    }
}

struct Scan<'b> {
    rest: &'b [u8],
}

impl Scan<'_> {
    fn moment(&mut self) -> Option<Moment> {
        let digits = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let date = match digits {
            4 => self.separated_date()?,
            8 | 14 => self.compact_date()?,
            _ => return None,
        };
        if self.rest.is_empty() {
            return Some(Moment::on(date));
        }
        let time = if digits == 14 {
            self.compact_time()?
        } else {
            let apart = self.eat(b'T') || self.eat(b't') || self.spaces();
            // Only after 日 may the hour follow at once.
            if !apart && !self.rest.first()?.is_ascii_digit() {
                return None;
            }
            self.time()?
        };
        let mut at = date.to_datetime(time);
        self.spaces();
        if !self.rest.is_empty() {
            let minutes = SHANGHAI_MINUTES - self.offset_minutes()?;
            at = at.checked_add(SignedDuration::from_mins(minutes)).ok()?;
        }
        Some(Moment::at(at))
    }

    fn separated_date(&mut self) -> Option<Date> {
        let year = self.number(4, 4)?;
        let (month, day);
        if self.mark(YEAR) {
            month = self.number(1, 2)?;
            self.mark(MONTH).then_some(())?;
            day = self.number(1, 2)?;
            self.spaces();
            self.eat(DAY).then_some(())?;
        } else {
            let separator = *self.rest.first()?;
            matches!(separator, b'-' | b'/' | b'.').then_some(())?;
            self.eat(separator);
            month = self.number(1, 2)?;
            self.eat(separator).then_some(())?;
            day = self.number(1, 2)?;
            // `2026-03-0114:05` is a slip of the pen, not a date and a time.
            if self.rest.first().is_some_and(u8::is_ascii_digit) {
                return None;
            }
        }
        Date::new(year as i16, month as i8, day as i8).ok()
    }

    fn compact_date(&mut self) -> Option<Date> {
        let year = self.number(4, 4)?;
        let month = self.number(2, 2)?;
        let day = self.number(2, 2)?;
        Date::new(year as i16, month as i8, day as i8).ok()
    }

    fn compact_time(&mut self) -> Option<Time> {
        let hour = self.number(2, 2)?;
        let minute = self.number(2, 2)?;
        let second = self.number(2, 2)?;
        clock_time(hour, minute, second)
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.number(1, 2)?;
        let (mut minute, mut second) = (0, 0);
        if self.mark(HOUR) {
            if self.rest.first().is_some_and(u8::is_ascii_digit) {
                minute = self.number(1, 2)?;
                self.mark(MINUTE).then_some(())?;
                if self.rest.first().is_some_and(u8::is_ascii_digit) {
                    second = self.number(1, 2)?;
                    self.mark(SECOND).then_some(())?;
                }
            }
        } else {
            self.eat(b':').then_some(())?;
            minute = self.number(1, 2)?;
            if self.eat(b':') {
                second = self.number(1, 2)?;
                if self.eat(b'.') || self.eat(b',') {
                    self.number(1, 9)?;
                }
            }
        }
        clock_time(hour, minute, second)
    }

    fn offset_minutes(&mut self) -> Option<i64> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Some(0);
        }
        let sign = if self.eat(b'+') {
            1
        } else {
            self.eat(b'-').then_some(-1)?
        };
        let hours = self.number(2, 2)?;
        self.eat(b':');
        let minutes = if self.rest.is_empty() {
            0
        } else {
            self.number(2, 2)?
        };
        (hours <= 15 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes))
    }

    /// `min` to `max` digits; a further digit is left for the caller to refuse.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let digits = self.rest.iter().take(max);
        let n = digits.take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(n);
        self.rest = rest;
        (n >= min).then(|| {
            digits
                .iter()
                .fold(0, |sum, b| sum * 10 + u32::from(b - b'0'))
        })
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        self.rest = &self.rest[usize::from(found)..];
        found
    }

    fn spaces(&mut self) -> bool {
        let before = self.rest.len();
        while self.eat(b' ') {}
        self.rest.len() < before
    }

    /// A unit mark, with spaces on either side.
    fn mark(&mut self, mark: u8) -> bool {
        self.spaces();
        let found = self.eat(mark);
        self.spaces();
        found
    }
}

fn clock_time(hour: u32, minute: u32, second: u32) -> Option<Time> {
    let second = if second == 60 { 59 } else { second };
    Time::new(hour as i8, minute as i8, second as i8, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(s: &str) -> Option<String> {
        parse_moment(s).map(|m| m.to_string())
    }

    #[test]
    fn every_form_in_use() {
        for (text, want) in [
            ("2026-03-01", "2026-03-01"),
            ("2026-3-1", "2026-03-01"),
            ("2026.3.1", "2026-03-01"),
            ("20260301", "2026-03-01"),
            ("2026年3月1日", "2026-03-01"),
            ("2026 年 3 月 1 日", "2026-03-01"),
            ("2026年3月1号", "2026-03-01"),
            ("　２０２６－０３－０１　", "2026-03-01"),
            ("2026/3/1 14:05", "2026-03-01 14:05:00"),
            ("2026/3/1 0:00", "2026-03-01 00:00:00"),
            ("2026/3/1 9:5:3", "2026-03-01 09:05:03"),
            ("2026-03-01 14:05:09", "2026-03-01 14:05:09"),
            ("2026-03-01T14:05:09.123456789", "2026-03-01 14:05:09"),
            ("２０２６/３/１　１４：０５", "2026-03-01 14:05:00"),
            ("20260301140509", "2026-03-01 14:05:09"),
            ("20260301 14:05", "2026-03-01 14:05:00"),
            ("2026年3月1日14时5分", "2026-03-01 14:05:00"),
            ("2026年3月1日 14点", "2026-03-01 14:00:00"),
            ("2026年3月1日14时5分9秒", "2026-03-01 14:05:09"),
            ("2026年3月1日14:05", "2026-03-01 14:05:00"),
            ("2026-03-01T14:05:09+08:00", "2026-03-01 14:05:09"),
            ("2026-03-01T06:05:09Z", "2026-03-01 14:05:09"),
            ("2026-02-28T20:30:00-04:00", "2026-03-01 08:30:00"),
            ("2026-02-28T16:00:00Z", "2026-03-01 00:00:00"),
            ("2024-02-28 18:00:00 +0000", "2024-02-29 02:00:00"),
            ("2025-12-31T23:59:60Z", "2026-01-01 07:59:59"),
            ("2024-02-29", "2024-02-29"),
        ] {
            assert_eq!(read(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn no_date_or_two_dates_is_none() {
        let refused = "2|待补充|26-03-01|03/01/2026|2025-02-29|2026-13-01|2026-00-10|2026-03-32|2026-03/01|\
             2026-03-01 24:00|2026-03-01 14:60|2026-03-01 14|2026-03-0114:05|2026-03-01 14:05 下午|\
             2026-03-01 2:05 PM|1900-01-01|1970/1/1 0:00|9999-12-31|2026年3月|2026年3月1|202603011405|\
             2026-03-01T14:05:09+99:00|2026-03-01T14:05:09+08:60|2026-03-01+08:00|2026-03-01 T 14:05|2026Y3M1D|46082|\
             2026-03-01 客户来电|👍2026-03-01|2026-03-01 14:05:09.1234567890";
        let odd = ["", " ", "2026-03-01\u{1}", "2026\u{1}3\u{2}1\u{3}"];
        for text in refused.split('|').chain(odd) {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"1".repeat(20_000)), None);
    }

    #[test]
    fn whole_days_end_at_their_last_second() {
        let day = parse_moment("2026-03-01").unwrap();
        assert_eq!(day.end().to_string(), "2026-03-01T23:59:59");
        assert_eq!(day.start().to_string(), "2026-03-01T00:00:00");
        let timed = parse_moment("2026/3/1 0:00").unwrap();
        assert!(timed.has_time() && timed.end() == timed.start());
        assert_ne!(day, timed);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(s in ".{0,60}") {
            let _ = parse_moment(&s);
        }

        #[test]
        fn display_reads_back(days in 0i64..76_000, seconds in prop::option::of(0i64..86_400)) {
            let date = crate::clock::plus_days(jiff::civil::date(1990, 1, 1), days);
            let moment = match seconds {
                None => Moment::on(date),
                Some(s) => Moment::at(Moment::on(date).start() + SignedDuration::from_secs(s)),
            };
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
}
