//! Bytes in, `Complaint` or `Rejected` out: CSV, TSV and JSON Lines, from files and standard input.
//! Law: every record of the input becomes one of the two; memory is bounded by `Limits`.
//! Does not clean or mask: the text leaves as it came.

mod delimited;
mod encoding;
mod header;
mod jsonl;
mod window;

pub use encoding::{Chosen, Encoding};
pub use header::{ColumnNames, Header, Role};

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::clock::{Event, parse_events, parse_moment};
use crate::complaint::{
    Carried, ComplainantKey, Complaint, Position, RejectCode, Rejected, institution_name,
};
use crate::error::{Error, Result};
use crate::taxonomy::Taxonomy;
use delimited::{DELIMITERS, Piece, Splitter, first_cells};
use encoding::{FromUtf16, choose, decode};
use window::Window;

/// Bounds on what one record may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest record in bytes of the input. 1 MiB, chosen: a call of six hours has about 0.3 MB.
    pub max_record_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_record_bytes: 1 << 20,
        }
    }
}

/// How to read an input.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    pub encoding: Option<Encoding>,
    pub delimiter: Option<u8>,
    pub columns: ColumnNames,
    /// `--map COLUMN=ROLE`, as written.
    pub map: Vec<String>,
    /// Columns (or JSON members) that hold given labels, in the order of the heads.
    pub labels: Vec<String>,
    pub limits: Limits,
}

/// What was found out about an input, for the user.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Found {
    pub file: String,
    pub format: &'static str,
    pub encoding: String,
    pub encoding_ground: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<&'static str>,
}

/// One record: decided upon later, or rejected here.
pub type Record = std::result::Result<Complaint, Rejected>;

enum Format {
    Delimited {
        splitter: Box<Splitter>,
        header: Header,
    },
    JsonLines,
}

/// An open input.
pub struct Source {
    file: Arc<str>,
    window: Window,
    encoding: Encoding,
    mark_bytes: u64,
    format: Format,
    options: SourceOptions,
    row: u64,
    found: Found,
}

const BEGINNING_BYTES: usize = 1 << 20;

impl Source {
    /// Opens a file, or standard input for `-`, and finds out what it is.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Source> {
        let input: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(std::io::stdin())
        } else {
            let meta = std::fs::metadata(path).map_err(|e| Error::io(path, "cannot be read", e))?;
            if meta.is_dir() {
                return Err(Error::Usage(format!(
                    "{}: is a folder; name its files",
                    path.display()
                )));
            }
            Box::new(std::fs::File::open(path).map_err(|e| Error::io(path, "cannot be opened", e))?)
        };
        Self::read(path, input, options)
    }

    /// As `open`, over any stream; `path` is its name in messages and its extension a hint.
    pub fn read(
        path: &Path,
        input: Box<dyn Read + Send>,
        options: &SourceOptions,
    ) -> Result<Source> {
        let file: Arc<str> = path.display().to_string().into();
        let failed = |e| Error::io(path, "cannot be read", e);
        let mut window = Window::new(input);
        // Standard input may be a conversation: look only at what is there.
        let wanted = if &*file == "-" { 1 } else { BEGINNING_BYTES };
        window.fill_to(wanted).map_err(failed)?;
        if window.bytes().is_empty() {
            return Err(Error::Usage(format!("{file}: is empty: nothing to read")));
        }
        let Some(chosen) = choose(window.bytes(), options.encoding) else {
            return Err(Error::Usage(format!(
                "{file}: is not text in UTF-8, GB18030 or UTF-16 (a workbook or an archive?): \
                 export it as CSV, or name its encoding with --encoding"
            )));
        };
        window.consume(chosen.mark_bytes);
        if matches!(chosen.encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
            let rest = window.into_reader();
            window = Window::new(Box::new(FromUtf16::new(rest, chosen.encoding)));
            window.fill_to(wanted).map_err(failed)?;
        }
        let mut found = Found {
            file: file.to_string(),
            format: "jsonl",
            encoding: chosen.encoding.to_string(),
            encoding_ground: chosen.ground,
            delimiter: None,
        };
        let mut source = Source {
            file,
            window,
            encoding: chosen.encoding,
            mark_bytes: chosen.mark_bytes as u64,
            format: Format::JsonLines,
            options: options.clone(),
            row: 0,
            found: found.clone(),
        };
        if !source.is_json_lines(path) {
            let delimiter = source.sniff_delimiter();
            found.format = if delimiter == b'\t' { "tsv" } else { "csv" };
            found.delimiter = Some(delimiter_name(delimiter));
            source.format = source.read_header(delimiter)?;
        }
        source.found = found;
        Ok(source)
    }

    pub fn found(&self) -> &Found {
        &self.found
    }

    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Names of the columns that are carried through; `None` for JSON Lines.
    pub fn carried_names(&self) -> Option<&[String]> {
        match &self.format {
            Format::Delimited { header, .. } => Some(&header.carried_names),
            Format::JsonLines => None,
        }
    }

    fn is_json_lines(&self, path: &Path) -> bool {
        match path.extension().and_then(|e| e.to_str()) {
            Some("jsonl" | "ndjson" | "json") => true,
            Some("csv" | "tsv") => false,
            _ => self
                .window
                .bytes()
                .iter()
                .find(|b| !b.is_ascii_whitespace())
                .is_some_and(|b| *b == b'{'),
        }
    }

    fn sniff_delimiter(&self) -> u8 {
        if let Some(delimiter) = self.options.delimiter {
            return delimiter;
        }
        let fit = |delimiter: u8| {
            let cells = first_cells(self.window.bytes(), delimiter);
            let known = cells
                .iter()
                .filter_map(|c| decode(c, self.encoding).ok())
                .filter(|c| self.options.columns.role(c).is_some())
                .count();
            (known, cells.len())
        };
        // The first of the equally good ones, in the order of `DELIMITERS`.
        DELIMITERS
            .into_iter()
            .rev()
            .max_by_key(|d| fit(*d))
            .unwrap_or(b',')
    }

    fn read_header(&mut self, delimiter: u8) -> Result<Format> {
        if delimiter == b'|' && self.encoding == Encoding::Gb18030 {
            return Err(Error::Usage(format!(
                "{}: `|` can be half of a character in GB18030 and cannot delimit it: export as UTF-8 or with commas",
                self.file
            )));
        }
        let mut splitter = Splitter::new(delimiter, self.options.limits.max_record_bytes);
        let piece = loop {
            match self.step(&mut splitter)? {
                Piece::Wait => self.fill()?,
                other => break !matches!(other, Piece::Record { .. }),
            };
        };
        if piece {
            return Err(Error::Usage(format!(
                "{}:1: the first row is no header (too long, or an open quote)",
                self.file
            )));
        }
        let cells: Option<Vec<String>> = (0..splitter.n_cells())
            .map(|i| Some(decode(splitter.cell(i), self.encoding).ok()?.into_owned()))
            .collect();
        let Some(cells) = cells else {
            return Err(Error::Usage(format!(
                "{}:1: the header is not valid {}: name the encoding with --encoding",
                self.file, self.encoding
            )));
        };
        let header = Header::read(
            &cells,
            &self.options.columns,
            &self.options.labels,
            &self.file,
        )?;
        Ok(Format::Delimited {
            splitter: Box::new(splitter),
            header,
        })
    }

    fn step(&mut self, splitter: &mut Splitter) -> Result<Piece> {
        splitter
            .next(&mut self.window)
            .map_err(|e| Error::io(Path::new(&*self.file), "cannot be read further", e))
    }

    fn fill(&mut self) -> Result<bool> {
        self.window
            .fill()
            .map_err(|e| Error::io(Path::new(&*self.file), "cannot be read further", e))
    }

    /// The next records: up to `n_max`, but no fewer than one unless the input has ended.
    ///
    /// Returns what is at hand rather than wait for more, so that a conversation is answered line by line.
    pub fn next_batch(&mut self, n_max: usize, taxonomy: &Taxonomy) -> Result<Vec<Record>> {
        let mut batch = Vec::new();
        let mut format = std::mem::replace(&mut self.format, Format::JsonLines);
        let result = loop {
            if batch.len() >= n_max {
                break Ok(());
            }
            let before = self.position();
            let step = match &mut format {
                Format::Delimited { splitter, header } => {
                    Splitter::skip_blank(&mut self.window);
                    let before = self.position();
                    self.step(splitter).map(|piece| match piece {
                        Piece::Record { n_bytes } => Step::Record(
                            self.read_cells(splitter, header, before, n_bytes, taxonomy),
                        ),
                        Piece::QuoteOpen { n_bytes } => Step::Record(Err(reject(
                            before,
                            n_bytes,
                            None,
                            RejectCode::QuoteOpen,
                            "a quote is opened and not closed",
                        ))),
                        Piece::TooLong { n_bytes } => {
                            Step::Record(Err(self.too_long(before, n_bytes)))
                        }
                        Piece::Wait => Step::Wait,
                        Piece::End => Step::End,
                    })
                }
                Format::JsonLines => self.json_step(before, taxonomy),
            };
            match step {
                Ok(Step::Record(record)) => {
                    self.row += 1;
                    batch.push(record);
                }
                Ok(Step::Skip) => {}
                Ok(Step::Wait) if !batch.is_empty() => break Ok(()),
                Ok(Step::Wait) => {
                    if let Err(e) = self.fill() {
                        break Err(e);
                    }
                }
                Ok(Step::End) => break Ok(()),
                Err(e) => break Err(e),
            }
        };
        self.format = format;
        result.map(|()| batch)
    }

    /// Place of the window's first byte, as the next row.
    fn position(&self) -> Position {
        Position {
            file: self.file.clone(),
            row: self.row + 1,
            line: self.window.line,
            byte: self.window.byte + self.mark_bytes,
        }
    }

    fn too_long(&self, position: Position, n_bytes: u64) -> Rejected {
        reject(
            position,
            n_bytes,
            None,
            RejectCode::RecordTooLong,
            &format!(
                "the record is longer than {} bytes",
                self.options.limits.max_record_bytes
            ),
        )
    }

    fn read_cells(
        &self,
        splitter: &Splitter,
        header: &Header,
        position: Position,
        n_bytes: u64,
        taxonomy: &Taxonomy,
    ) -> Record {
        let rejected = |position, column: Option<&str>, code, what: &str| {
            reject(position, n_bytes, column.map(str::to_owned), code, what)
        };
        if splitter.n_cells() != header.n_columns {
            let what = format!(
                "{} columns, the header has {}",
                splitter.n_cells(),
                header.n_columns
            );
            return Err(rejected(position, None, RejectCode::ColumnCount, &what));
        }
        let mut cells = Vec::with_capacity(splitter.n_cells());
        for i in 0..splitter.n_cells() {
            match decode(splitter.cell(i), self.encoding) {
                Ok(cell) => cells.push(cell),
                Err(at) => {
                    let what = format!("byte {} of the cell is not {}", at + 1, self.encoding);
                    let column = header
                        .roles
                        .iter()
                        .find(|(_, c)| **c == i)
                        .map_or_else(|| format!("column {}", i + 1), |(r, _)| r.name().to_owned());
                    return Err(rejected(
                        position,
                        Some(&column),
                        RejectCode::EncodingInvalid,
                        &what,
                    ));
                }
            }
        }
        let text_of = |i: usize| cells.get(i).map_or_else(String::new, |c| (**c).to_owned());
        let role = |role: Role| header.roles.get(&role).map(|i| text_of(*i));
        let fields = Fields {
            id: role(Role::Id),
            text: role(Role::Text),
            channel: role(Role::Channel),
            received_at: role(Role::ReceivedAt),
            events: role(Role::Events).map(|cell| parse_events(&cell).map_err(|e| e.to_string())),
            labels: header
                .labels
                .iter()
                .map(|i| i.map_or_else(String::new, text_of))
                .collect(),
            complainant: role(Role::Complainant),
            institution: role(Role::Institution),
            carried: Carried::Cells(header.carried.iter().map(|i| text_of(*i)).collect()),
        };
        fields.into_record(position, n_bytes, taxonomy)
    }
}

// Lives for one step; a box would cost an allocation a record.
#[expect(clippy::large_enum_variant)]
enum Step {
    Record(Record),
    /// An empty line: no record.
    Skip,
    Wait,
    End,
}

/// What a record said, before it is judged.
struct Fields {
    id: Option<String>,
    text: Option<String>,
    channel: Option<String>,
    received_at: Option<String>,
    events: Option<std::result::Result<Vec<Event>, String>>,
    labels: Vec<String>,
    complainant: Option<String>,
    institution: Option<String>,
    carried: Carried,
}

impl Fields {
    fn into_record(self, position: Position, n_bytes: u64, taxonomy: &Taxonomy) -> Record {
        let rejected = |position, column: &str, code, what: &str| {
            Err(reject(
                position,
                n_bytes,
                Some(column.to_owned()),
                code,
                what,
            ))
        };
        let Some(text) = self.text else {
            let what = "the record has no text";
            return rejected(position, "text", RejectCode::TextMissing, what);
        };
        if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
            return rejected(position, "text", RejectCode::TextEmpty, "the text is empty");
        }
        let received = match self.received_at.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(written) => match parse_moment(written) {
                Some(moment) => Some(moment),
                None => {
                    let what = "not a date (expected 2026-03-01 or RFC 3339)";
                    let code = RejectCode::ReceivedAtInvalid;
                    return rejected(position, "received_at", code, what);
                }
            },
        };
        let events = match self.events {
            None => Vec::new(),
            Some(Ok(events)) => events,
            Some(Err(what)) => {
                return rejected(position, "events", RejectCode::EventsInvalid, &what);
            }
        };
        let written = self.channel.as_deref().map(str::trim).unwrap_or("");
        let channel = taxonomy.channel(written);
        let id = match self.id {
            Some(id) if !id.trim().is_empty() => id.trim().to_owned(),
            _ => format!("row{}", position.row),
        };
        Ok(Complaint {
            id,
            text,
            channel,
            channel_unknown: channel.is_none() && !written.is_empty(),
            received,
            events,
            labels: self.labels,
            complainant: self.complainant.as_deref().and_then(ComplainantKey::of),
            institution: self.institution.as_deref().and_then(institution_name),
            carried: self.carried,
            position,
        })
    }
}

fn reject(
    position: Position,
    n_bytes: u64,
    column: Option<String>,
    code: RejectCode,
    what: &str,
) -> Rejected {
    Rejected {
        position,
        n_bytes,
        column,
        code,
        what: what.to_owned(),
        remedy: code.remedy(),
    }
}

fn delimiter_name(delimiter: u8) -> &'static str {
    match delimiter {
        b',' => "comma",
        b'\t' => "tab",
        b';' => "semicolon",
        b'|' => "bar",
        _ => "other",
    }
}
