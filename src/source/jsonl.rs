//! JSON Lines: one object a line, in a bounded window; and one object that a caller holds.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::encoding::decode;
use super::{Carried, ColumnNames, Fields, LABEL_MARK, Record, Role, Source, Step, reject};
use crate::clock::{Event, parse_events};
use crate::complaint::{Position, RejectCode, Rejected};
use crate::error::Result;
use crate::taxonomy::Taxonomy;

impl Source {
    pub(super) fn json_step(&mut self, before: Position, taxonomy: &Taxonomy) -> Result<Step> {
        let n_bytes = match self.line_ahead(&before)? {
            Ok(n_bytes) => n_bytes,
            Err(step) => return Ok(step),
        };
        let bytes = self.window.bytes();
        let line = &bytes[..n_bytes];
        if line.iter().all(u8::is_ascii_whitespace) {
            self.window.consume(n_bytes);
            return Ok(Step::Skip);
        }
        let record = self.read_line(line, before, taxonomy);
        self.window.consume(n_bytes);
        Ok(Step::Record(record))
    }

    fn read_line(&self, line: &[u8], position: Position, taxonomy: &Taxonomy) -> Record {
        let n_bytes = line.len() as u64;
        let fault = |position, column: Option<&str>, code, what: &str| -> Rejected {
            reject(position, n_bytes, column.map(str::to_owned), code, what)
        };
        let text = match decode(line, self.encoding) {
            Ok(text) => text,
            Err(at) => {
                let what = format!("byte {} of the line is not {}", at + 1, self.encoding);
                return Err(fault(position, None, RejectCode::EncodingInvalid, &what));
            }
        };
        match serde_json::from_str(&text) {
            Ok(value) => self.objects().judge(value, position, n_bytes, taxonomy),
            Err(e) => {
                // serde_json's own message may quote the text; its place does not.
                let what = format!("not JSON at character {} of the line", e.column());
                Err(fault(position, None, RejectCode::JsonInvalid, &what))
            }
        }
    }

    pub(super) fn objects(&self) -> Objects<'_> {
        Objects {
            columns: &self.options.columns,
            labels: &self.options.labels,
            labels_seen: &self.labels_seen,
            as_it_is: self.options.as_it_is,
        }
    }
}

/// How the members of an object become a record.
pub struct Objects<'a> {
    columns: &'a ColumnNames,
    labels: &'a [String],
    labels_seen: &'a [Cell<bool>],
    as_it_is: bool,
}

impl<'a> Objects<'a> {
    /// Objects without labels, their members named as these columns.
    pub fn new(columns: &'a ColumnNames) -> Objects<'a> {
        Objects {
            columns,
            labels: &[],
            labels_seen: &[],
            as_it_is: false,
        }
    }

    /// The record that a value says; `n_bytes` is its length as it was written. What is no object is a reject.
    pub fn judge(
        &self,
        value: Value,
        position: Position,
        n_bytes: u64,
        taxonomy: &Taxonomy,
    ) -> Record {
        match value {
            Value::Object(members) => self.record_of(members, position, n_bytes, taxonomy),
            _ => {
                let what = "the line is not an object";
                let code = RejectCode::JsonInvalid;
                Err(reject(position, n_bytes, None, code, what))
            }
        }
    }

    /// As `judge`, of an object's members.
    pub(super) fn record_of(
        &self,
        mut members: Map<String, Value>,
        position: Position,
        n_bytes: u64,
        taxonomy: &Taxonomy,
    ) -> Record {
        let fault = |position, column: Option<&str>, code, what: &str| -> Rejected {
            reject(position, n_bytes, column.map(str::to_owned), code, what)
        };
        let whole = self.as_it_is.then(|| members.clone());
        let labels = match self.take_labels(&mut members) {
            Ok(labels) => labels,
            Err((column, what)) => {
                let code = RejectCode::FieldType;
                return Err(fault(position, Some(&column), code, what));
            }
        };
        let mut take = |role: Role| self.take(&mut members, role);
        let (id, written, channel, received_at) = match (
            string(take(Role::Id)),
            string(take(Role::Text)),
            string(take(Role::Channel)),
            string(take(Role::ReceivedAt)),
        ) {
            (Ok(id), Ok(text), Ok(channel), Ok(at)) => (id, text, channel, at),
            (id, text, channel, _) => {
                let column = match (id, text, channel) {
                    (Err(()), ..) => "id",
                    (_, Err(()), _) => "text",
                    (_, _, Err(())) => "channel",
                    _ => "received_at",
                };
                let what = format!("{column} is not a string");
                return Err(fault(position, Some(column), RejectCode::FieldType, &what));
            }
        };
        let events = match take(Role::Events) {
            None | Some(Value::Null) => None,
            Some(Value::String(cell)) => Some(parse_events(&cell).map_err(|e| e.to_string())),
            Some(other) => Some(
                serde_json::from_value::<Vec<Event>>(other)
                    .map_err(|_| "not a list of events".to_owned()),
            ),
        };
        let complainant = self.peek(&members, Role::Complainant);
        let institution = self.peek(&members, Role::Institution);
        Fields {
            id,
            text: written,
            channel,
            received_at,
            events,
            labels,
            complainant,
            institution,
            carried: Carried::Members(whole.unwrap_or(members)),
        }
        .into_record(position, n_bytes, taxonomy, self.as_it_is)
    }

    /// Takes the labels of every label column; fails with the column whose value is none, and what it is.
    fn take_labels(
        &self,
        members: &mut Map<String, Value>,
    ) -> std::result::Result<Vec<String>, (String, &'static str)> {
        let mut labels = Vec::with_capacity(self.labels.len());
        for (k, column) in self.labels.iter().enumerate() {
            let fault = |what| (column.clone(), what);
            let names = members.keys().map(String::as_str);
            let place = self.columns.label_place(column, names);
            let place = place.map_err(|()| fault("two members can be read as its labels"))?;
            let name = place.and_then(|at| members.keys().nth(at).cloned());
            let Some(value) = name.and_then(|name| members.shift_remove(&name)) else {
                labels.push(String::new());
                continue;
            };
            self.labels_seen[k].set(true);
            labels.push(written(&value).ok_or_else(|| {
                fault("is neither a label nor a list of labels (spans of the text are no labels)")
            })?);
        }
        Ok(labels)
    }

    /// Takes the member that plays a role, by any of its names.
    fn take(&self, members: &mut Map<String, Value>, role: Role) -> Option<Value> {
        let name = members
            .keys()
            .find(|k| self.columns.role(k) == Some(role))
            .cloned()?;
        members.shift_remove(&name)
    }

    /// The string or number that plays a role and is carried through as well, by any of its names.
    fn peek(&self, members: &Map<String, Value>, role: Role) -> Option<String> {
        let mut found = members
            .iter()
            .filter(|(name, _)| self.columns.role(name) == Some(role));
        string(found.next().map(|(_, value)| value.clone())).unwrap_or(None)
    }
}

/// Labels of a value, joined: a string, a number, a list of them, or Label Studio's `{"choices": […]}`; `None` for any other.
pub(super) fn written(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| (!item.is_array() && !item.is_object()).then(|| written(item))?)
                .collect();
            Some(items?.join(&LABEL_MARK.to_string()))
        }
        Value::Object(members) => written(members.get("choices").filter(|c| c.is_array())?),
    }
}

/// The labels of a cell of Label Studio's CSV, which holds `{"choices": […]}` where there are several; any other as it is.
pub(super) fn unfold(cell: String) -> String {
    if !cell.starts_with("{\"choices\"") {
        return cell;
    }
    let value = serde_json::from_str::<Value>(&cell).ok();
    value.as_ref().and_then(written).unwrap_or(cell)
}

/// A string, or a number written as one; null counts as absent.
fn string(value: Option<Value>) -> std::result::Result<Option<String>, ()> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(s)) => Ok(Some(s)),
        Some(Value::Number(n)) => Ok(Some(n.to_string())),
        Some(_) => Err(()),
    }
}
