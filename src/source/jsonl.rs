//! JSON Lines: one object a line, in a bounded window.

use serde_json::{Map, Value};

use super::encoding::decode;
use super::{Carried, Fields, Record, Role, Source, Step, reject};
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
        let mut members = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => {
                let what = "the line is not an object";
                return Err(fault(position, None, RejectCode::JsonInvalid, what));
            }
            Err(e) => {
                // serde_json's own message may quote the text; its place does not.
                let what = format!("not JSON at character {} of the line", e.column());
                return Err(fault(position, None, RejectCode::JsonInvalid, &what));
            }
        };
        let labels = self
            .options
            .labels
            .iter()
            .map(|name| match members.shift_remove(name) {
                Some(Value::String(s)) => s,
                Some(Value::Array(items)) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
                _ => String::new(),
            })
            .collect();
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
            carried: Carried::Members(members),
        }
        .into_record(position, n_bytes, taxonomy)
    }

    /// Takes the member that plays a role, by any of its names.
    fn take(&self, members: &mut Map<String, Value>, role: Role) -> Option<Value> {
        let name = members
            .keys()
            .find(|k| self.options.columns.role(k) == Some(role))
            .cloned()?;
        members.shift_remove(&name)
    }

    /// The string or number that plays a role and is carried through as well, by any of its names.
    fn peek(&self, members: &Map<String, Value>, role: Role) -> Option<String> {
        let mut found = members
            .iter()
            .filter(|(name, _)| self.options.columns.role(name) == Some(role));
        string(found.next().map(|(_, value)| value.clone())).unwrap_or(None)
    }
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
