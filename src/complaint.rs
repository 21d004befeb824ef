//! What comes in: a `Complaint`, or a `Rejected` record with its place, reason code and remedy.
//! Law: neither prints complaint text; a reject never carries any.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::clock::{Event, Moment};

/// Where a record began in its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// Input as the user named it; `-` for standard input.
    pub file: Arc<str>,
    /// Record number, from 1, the header not counted.
    pub row: u64,
    /// Line number, from 1.
    pub line: u64,
    /// Byte offset of the record's first byte.
    pub byte: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The columns that we do not read, kept as they came.
#[derive(Clone, PartialEq)]
pub enum Carried {
    /// Cells in the order of `Header::carried`.
    Cells(Vec<String>),
    /// Members of a JSON record.
    Members(serde_json::Map<String, serde_json::Value>),
}

/// Who complains, as a key: the first 16 bytes of SHA-256 over the reference, which itself is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComplainantKey(pub [u8; 16]);

impl ComplainantKey {
    /// Of a customer number, telephone or document number: spaces and hyphens dropped, width and case folded; `None` if
    /// nothing is left or it is a placeholder (`无`, `匿名`, zeros).
    pub fn of(written: &str) -> Option<ComplainantKey> {
        let folded: String = written
            .nfkc()
            .filter(|c| !c.is_whitespace() && !c.is_control() && *c != '-')
            .flat_map(char::to_uppercase)
            .collect();
        let is_placeholder = [
            "无",
            "未知",
            "匿名",
            "不详",
            "未提供",
            "NULL",
            "NONE",
            "N/A",
            "/",
        ]
        .contains(&folded.as_str());
        if is_placeholder || folded.chars().all(|c| c == '0') {
            return None;
        }
        let digest = Sha256::digest([b"xiaobao complainant 1\0", folded.as_bytes()].concat());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Some(ComplainantKey(key))
    }
}

/// The cell of an institution's column, trimmed and width-folded; `None` if it is empty.
pub fn institution_name(written: &str) -> Option<String> {
    let name: String = written.nfkc().filter(|c| !c.is_control()).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// One complaint, its text as it came: only `clean` may look at it.
#[derive(Clone)]
pub struct Complaint {
    pub id: String,
    pub text: String,
    /// Index into `Taxonomy::channels`; `None` if not given or not known.
    pub channel: Option<usize>,
    /// The channel was given, but no table names it.
    pub channel_unknown: bool,
    pub received: Option<Moment>,
    pub events: Vec<Event>,
    /// Given labels, one per head asked for; empty where the row has none.
    pub labels: Vec<String>,
    pub complainant: Option<ComplainantKey>,
    /// Branch, firm or merchant, as the column names it.
    pub institution: Option<String>,
    pub carried: Carried,
    pub position: Position,
}

impl fmt::Debug for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Complaint({}, {} bytes)", self.position, self.text.len())
    }
}

/// Why a record could not be read; the codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectCode {
    EncodingInvalid,
    RecordTooLong,
    QuoteOpen,
    ColumnCount,
    TextEmpty,
    TextMissing,
    ReceivedAtInvalid,
    EventsInvalid,
    JsonInvalid,
    FieldType,
}

impl RejectCode {
    const ALL: [RejectCode; 10] = [
        RejectCode::EncodingInvalid,
        RejectCode::RecordTooLong,
        RejectCode::QuoteOpen,
        RejectCode::ColumnCount,
        RejectCode::TextEmpty,
        RejectCode::TextMissing,
        RejectCode::ReceivedAtInvalid,
        RejectCode::EventsInvalid,
        RejectCode::JsonInvalid,
        RejectCode::FieldType,
    ];

    pub fn parse(code: &str) -> Option<RejectCode> {
        RejectCode::ALL.into_iter().find(|c| c.code() == code)
    }

    pub fn code(self) -> &'static str {
        match self {
            RejectCode::EncodingInvalid => "encoding.invalid",
            RejectCode::RecordTooLong => "record.too_long",
            RejectCode::QuoteOpen => "csv.quote_open",
            RejectCode::ColumnCount => "csv.column_count",
            RejectCode::TextEmpty => "text.empty",
            RejectCode::TextMissing => "text.missing",
            RejectCode::ReceivedAtInvalid => "received_at.invalid",
            RejectCode::EventsInvalid => "events.invalid",
            RejectCode::JsonInvalid => "json.invalid",
            RejectCode::FieldType => "json.field_type",
        }
    }

    /// What the user can do, in Chinese.
    pub fn remedy(self) -> &'static str {
        match self {
            RejectCode::EncodingInvalid => {
                "该行含有与文件编码不符的字节：请从源系统重新导出，或用 --encoding 指定编码"
            }
            RejectCode::RecordTooLong => {
                "该记录超过长度上限：请检查是否缺少换行或引号，确需处理可调大 --max-record-bytes"
            }
            RejectCode::QuoteOpen => {
                "引号没有闭合：请把正文中的英文双引号写成两个，或用引号包住整个单元格"
            }
            RejectCode::ColumnCount => {
                "列数与表头不一致：请检查正文里的分隔符是否用引号包住，或用 --delimiter 指定分隔符"
            }
            RejectCode::TextEmpty => "投诉内容为空：请补录后重跑该行",
            RejectCode::TextMissing => "记录没有投诉内容字段：请补上 text，或用 --map 指定对应字段",
            RejectCode::ReceivedAtInvalid => {
                "受理时间无法识别：请写成 2026-03-01、2026-03-01 14:05 或 RFC 3339"
            }
            RejectCode::EventsInvalid => "事件无法识别：写法见 README“时限与事件”",
            RejectCode::JsonInvalid => "不是完整的 JSON 对象：每行应是一个对象",
            RejectCode::FieldType => "字段类型不对：id、text、channel、received_at 应为字符串",
        }
    }
}

/// A record that was not decided: nothing is lost, everything is accounted for.
#[derive(Debug, Clone, Serialize)]
pub struct Rejected {
    #[serde(flatten)]
    pub position: Position,
    /// Length of the record in bytes of the input.
    pub n_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(serialize_with = "as_code")]
    pub code: RejectCode,
    /// What is wrong, without any of the record's text.
    pub what: String,
    pub remedy: &'static str,
}

fn as_code<S: serde::Serializer>(code: &RejectCode, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(code.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complainant_is_one_key_however_it_is_written() {
        let key = ComplainantKey::of("kh-1380013");
        assert!(key.is_some());
        assert_eq!(key, ComplainantKey::of(" ＫＨ１３８ ００１３ "));
        assert_ne!(key, ComplainantKey::of("kh-1380014"));
        for nobody in ["", "  ", "无", "匿名", "0000", "null"] {
            assert_eq!(ComplainantKey::of(nobody), None, "{nobody}");
        }
    }
}
