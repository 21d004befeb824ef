//! Text in, `Span` out: `30m`, `4h`, `1wd`, `10d`, the lengths in tables and targets.
//! Law: a length is positive and says its unit; working and natural days are never mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Largest number a span may hold when read from text (chosen).
const MAX_N: u32 = 10_000;

/// What a span counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    Minutes,
    Hours,
    /// 工作日, over the calendar with its make-up workdays.
    WorkingDays,
    /// 自然日, never rolled by a holiday.
    NaturalDays,
}

/// A length of time such as `2wd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    pub n: u32,
    pub unit: Unit,
}

impl Span {
    pub const fn new(n: u32, unit: Unit) -> Span {
        Span { n, unit }
    }
}

/// The internal service targets of one urgency level; the levels' numbers are data of `decide`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    pub acknowledge: Span,
    pub first_reply: Span,
    pub handle: Span,
}

/// The text is no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a span (expected 1 to 10000 and a unit: 30m, 4h, 1wd or 10d)")]
pub struct NotASpan;

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(s: &str) -> Result<Span, NotASpan> {
        let digits = s.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = s.split_at(digits);
        let unit = match unit {
            "m" => Unit::Minutes,
            "h" => Unit::Hours,
            "wd" => Unit::WorkingDays,
            "d" => Unit::NaturalDays,
            _ => return Err(NotASpan),
        };
        match number.parse() {
            Ok(n @ 1..=MAX_N) => Ok(Span { n, unit }),
            _ => Err(NotASpan),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Minutes => "m",
            Unit::Hours => "h",
            Unit::WorkingDays => "wd",
            Unit::NaturalDays => "d",
        };
        write!(f, "{}{unit}", self.n)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_every_unit() {
        for text in ["30m", "4h", "1wd", "10d", "10000d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("2wd".parse(), Ok(Span::new(2, Unit::WorkingDays)));
    }

    #[test]
    fn refuses_what_is_no_length() {
        for text in [
            "",
            "d",
            "10",
            "0d",
            "-1d",
            "1.5h",
            "10 d",
            "10D",
            "1日",
            "10001d",
            "99999999999d",
            "1w",
        ] {
            assert_eq!(text.parse::<Span>(), Err(NotASpan), "{text}");
        }
    }

    #[test]
    fn targets_refuse_unknown_keys() {
        let json = r#"{"acknowledge":"30m","first_reply":"4h","handle":"3d"}"#;
        let targets: Targets = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&targets).unwrap(), json);
        let more = r#"{"acknowledge":"30m","first_reply":"4h","handle":"3d","close":"9d"}"#;
        assert!(serde_json::from_str::<Targets>(more).is_err());
    }
}
