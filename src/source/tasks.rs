//! An array of JSON objects: the exports of Label Studio (tasks with annotations, and its shorter JSON-MIN) and of doccano.
//! Law: objects are found one by one in a bounded window, so the file may be of any size; one that breaks off ends the file
//! with one reject.

use serde_json::{Map, Value};

use super::encoding::{Encoding, decode};
use super::jsonl::written;
use super::{Record, Role, Source, Step, reject};
use crate::complaint::{Position, RejectCode, Rejected};
use crate::error::Result;
use crate::taxonomy::Taxonomy;

/// Where a scan of a JSON value stands.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The next byte is the second one of a GB18030 character, which may look like a bracket.
    trailing: bool,
}

impl Scan {
    /// Bytes of the value up to and with its end; `None` if it does not end here. A bare value ends before its `,` or `]`.
    fn end(&mut self, bytes: &[u8], encoding: Encoding) -> Option<usize> {
        let wide = encoding == Encoding::Gb18030;
        for (i, b) in bytes.iter().enumerate() {
            if std::mem::take(&mut self.trailing) {
                continue;
            }
            if wide && *b >= 0x81 {
                self.trailing = true;
                continue;
            }
            if self.in_string {
                match b {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match b {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b']' | b',' if self.depth == 0 => return Some(i),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(i + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

impl Source {
    /// Steps into the array that the window begins with; `false`: it begins with something else.
    pub(super) fn open_array(&mut self) -> bool {
        let bytes = self.window.bytes();
        let Some(at) = bytes.iter().position(|b| !b.is_ascii_whitespace()) else {
            return false;
        };
        // A line of JSON Lines could be an array, too, but then of anything but objects.
        let next = bytes[at + 1..].iter().find(|b| !b.is_ascii_whitespace());
        let opens = bytes[at] == b'[' && matches!(next, Some(b'{' | b']'));
        if opens {
            self.window.consume(at + 1);
        }
        opens
    }

    pub(super) fn array_step(
        &mut self,
        ended: &mut bool,
        before: Position,
        taxonomy: &Taxonomy,
    ) -> Result<Step> {
        let blank = |b: &&u8| b.is_ascii_whitespace() || **b == b',';
        let n_blank = self.window.bytes().iter().take_while(blank).count();
        if *ended {
            let n = self.window.bytes().len();
            self.window.consume(n);
            return Ok(if n == 0 && self.window.ended() {
                Step::End
            } else {
                Step::Wait
            });
        }
        if n_blank > 0 {
            self.window.consume(n_blank);
            return Ok(Step::Skip);
        }
        match self.window.bytes().first() {
            None if self.window.ended() => {
                *ended = true;
                let what = "the array is not closed: the file breaks off";
                return Ok(Step::Record(Err(reject(
                    before,
                    0,
                    None,
                    RejectCode::JsonInvalid,
                    what,
                ))));
            }
            None => return Ok(Step::Wait),
            Some(b']') => {
                *ended = true;
                return Ok(Step::Skip);
            }
            Some(_) => {}
        }
        let max_bytes = self.options.limits.max_record_bytes;
        let mut scan = Scan::default();
        let bytes = self.window.bytes();
        match scan.end(bytes, self.encoding) {
            Some(n_bytes) if n_bytes <= max_bytes => {
                let record = self.read_task(&bytes[..n_bytes], before, taxonomy);
                // A stray bracket has no length, and must not be met again.
                self.window.consume(n_bytes.max(1));
                Ok(Step::Record(record))
            }
            None if bytes.len() <= max_bytes && !self.window.ended() => Ok(Step::Wait),
            None if bytes.len() <= max_bytes => {
                let n_bytes = bytes.len();
                self.window.consume(n_bytes);
                *ended = true;
                let what = "an object of the array is not closed: what follows cannot be read";
                let code = RejectCode::JsonInvalid;
                Ok(Step::Record(Err(reject(
                    before,
                    n_bytes as u64,
                    None,
                    code,
                    what,
                ))))
            }
            _ => {
                let n_bytes = self.skip_value()?;
                Ok(Step::Record(Err(self.too_long(before, n_bytes))))
            }
        }
    }

    /// Consumes the value at the front, however long it is; returns its bytes.
    fn skip_value(&mut self) -> Result<u64> {
        let mut scan = Scan::default();
        let mut n_bytes = 0;
        loop {
            let held = self.window.bytes().len();
            let end = scan.end(self.window.bytes(), self.encoding);
            let n = end.unwrap_or(held);
            self.window.consume(n);
            n_bytes += n as u64;
            if end.is_some() || !self.fill()? {
                return Ok(n_bytes);
            }
        }
    }

    fn read_task(&self, bytes: &[u8], position: Position, taxonomy: &Taxonomy) -> Record {
        let n_bytes = bytes.len() as u64;
        let fault = |position, code, what: &str| -> Rejected {
            reject(position, n_bytes, None, code, what)
        };
        let text = match decode(bytes, self.encoding) {
            Ok(text) => text,
            Err(at) => {
                let what = format!("byte {} of the object is not {}", at + 1, self.encoding);
                return Err(fault(position, RejectCode::EncodingInvalid, &what));
            }
        };
        let mut members = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => {
                let what = "an element of the array is not an object";
                return Err(fault(position, RejectCode::JsonInvalid, what));
            }
            Err(e) => {
                // serde_json's own message may quote the text; its place does not.
                let what = format!(
                    "not JSON at line {}, character {} of the object",
                    e.line(),
                    e.column()
                );
                return Err(fault(position, RejectCode::JsonInvalid, &what));
            }
        };
        let is_task = matches!(members.get("data"), Some(Value::Object(_)))
            && ["annotations", "completions", "predictions"]
                .iter()
                .any(|name| matches!(members.get(*name), Some(Value::Array(_))));
        if is_task {
            members = match self.flat_task(members) {
                Ok(members) => members,
                Err(what) => return Err(fault(position, RejectCode::FieldType, what)),
            };
        } else if members.contains_key("annotation_id") || members.contains_key("lead_time") {
            // JSON-MIN: when it was labelled is not when the complaint was received.
            members.retain(|name, _| !matches!(name.as_str(), "created_at" | "updated_at"));
        }
        self.objects()
            .record_of(members, position, n_bytes, taxonomy)
    }

    /// A task of Label Studio as one flat object: its data, its id, and the choices of its newest annotation by their names.
    fn flat_task(
        &self,
        mut task: Map<String, Value>,
    ) -> std::result::Result<Map<String, Value>, &'static str> {
        let Some(Value::Object(mut flat)) = task.shift_remove("data") else {
            return Err("the task has no data");
        };
        let has = |flat: &Map<String, Value>, role| {
            flat.keys()
                .any(|name| self.options.columns.role(name) == Some(role))
        };
        if !has(&flat, Role::Text) {
            // A labelling set-up may call the text as it likes; a single string can be nothing else.
            let mut strings = flat.iter().filter(|(_, v)| v.is_string());
            if let (Some((name, _)), None) = (strings.next(), strings.next()) {
                let name = name.clone();
                if let Some(text) = flat.shift_remove(&name) {
                    flat.insert(Role::Text.name().to_owned(), text);
                }
            }
        }
        if let (false, Some(id)) = (has(&flat, Role::Id), task.shift_remove("id")) {
            flat.insert(Role::Id.name().to_owned(), id);
        }
        let annotations = task
            .shift_remove("annotations")
            .or_else(|| task.shift_remove("completions"));
        if let Some(Value::Array(annotations)) = annotations
            && let Some(newest) = newest(&annotations)
        {
            let results = newest.get("result").and_then(Value::as_array);
            for result in results.into_iter().flatten() {
                let name = result.get("from_name").and_then(Value::as_str);
                if let (Some(name), Some(labels)) = (name, choices(result)) {
                    flat.insert(name.to_owned(), Value::String(labels));
                }
            }
        }
        Ok(flat)
    }
}

/// The annotation that counts: not cancelled, the latest by its date, of equals the last.
fn newest(annotations: &[Value]) -> Option<&Value> {
    let when = |a: &Value| -> String {
        let date = |name| a.get(name).and_then(Value::as_str);
        // RFC 3339 in UTC, of one length: their order is that of the letters.
        date("updated_at")
            .or_else(|| date("created_at"))
            .unwrap_or("")
            .to_owned()
    };
    annotations
        .iter()
        .filter(|a| a.get("was_cancelled").and_then(Value::as_bool) != Some(true))
        .max_by_key(|a| when(a))
}

/// The labels of one result: of `choices`, or of `taxonomy` the last step of each path.
fn choices(result: &Value) -> Option<String> {
    let value = result.get("value")?;
    if let Some(chosen) = value.get("choices") {
        return written(chosen);
    }
    let paths = value.get("taxonomy")?.as_array()?;
    let leaves: Option<Vec<Value>> = paths
        .iter()
        .map(|path| path.as_array()?.last().cloned())
        .collect();
    written(&Value::Array(leaves?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_characters_end_nothing() {
        let end = |text: &str| Scan::default().end(text.as_bytes(), Encoding::Utf8);
        assert_eq!(end(r#"{"a":"}]\"}"},"#), Some(13));
        assert_eq!(end(r#"{"a":[1,{"b":2}]} ]"#), Some(17));
        assert_eq!(end("12,"), Some(2));
        assert_eq!(end(r#"{"a":"#), None);
        // In GB18030 the second byte of a character may be that of a bracket.
        let bytes = [b'{', b'"', 0xd5, 0x7d, b'"', b'}'];
        assert_eq!(Scan::default().end(&bytes, Encoding::Gb18030), Some(6));
    }

    #[test]
    fn the_newest_annotation_that_was_not_cancelled_counts() {
        let annotations = serde_json::json!([
            {"id": 1, "created_at": "2026-01-02T00:00:00Z"},
            {"id": 2, "created_at": "2026-01-01T00:00:00Z"},
            {"id": 3, "created_at": "2026-01-03T00:00:00Z", "was_cancelled": true},
        ]);
        let found = annotations
            .as_array()
            .and_then(|a| newest(a))
            .and_then(|a| a.get("id"));
        assert_eq!(found, Some(&Value::from(1)));
    }
}
