//! Bytes in, `Complaint` or `Rejected` out: CSV, TSV, JSON Lines, workbooks and Parquet, packed or not, from files and
//! standard input; with labels also fastText, tab-separated lines and the exports of doccano and Label Studio.
//! Law: every record of the input becomes one of the two; memory is bounded by `Limits`.
//! Does not clean or mask: the text leaves as it came.

mod delimited;
mod encoding;
mod header;
mod jsonl;
mod lines;
mod plain;
mod raw;
mod rows;
mod tabular;
mod tasks;
mod window;

pub use encoding::{Chosen, Encoding};
pub use header::{ANY_LABEL, ColumnNames, Header, NearName, Role};
pub use jsonl::Objects;
pub use lines::{LineColumn, line_columns};
pub use plain::{PlainColumn, plain_columns};
pub use raw::RawMark;
pub use rows::RowCells;
pub use tabular::{written_moment, written_number};

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::{Event, parse_events, parse_moment};
use crate::complaint::{
    Carried, ComplainantKey, Complaint, Position, RejectCode, Rejected, institution_name,
};
use crate::error::{Error, Result};
use crate::taxonomy::Taxonomy;
use delimited::{DELIMITERS, Piece, Splitter, first_cells};
use encoding::{FromUtf16, choose, decode};
use raw::{Meter, Wrapping, wrapping};
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
    /// Columns (or JSON members) that hold given labels, in the order of the heads; `ANY_LABEL` among them takes the labels
    /// of formats that know no columns.
    pub labels: Vec<String>,
    /// The input is tab-separated lines of a labelled file without header; these are its columns.
    pub plain: Option<Vec<PlainColumn>>,
    /// Carry every column, those that are read too, and reject no record for its date: for looking at a file.
    pub as_it_is: bool,
    /// The input is lines of tab-separated cells without header or quotes; these are the roles of their columns.
    pub lines: Option<Vec<LineColumn>>,
    pub limits: Limits,
}

/// What was found out about an input, for the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    pub file: String,
    pub format: Cow<'static, str>,
    /// `gzip` or `zstd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Cow<'static, str>>,
    /// Name of the sheet of a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    pub encoding: String,
    pub encoding_ground: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Cow<'static, str>>,
}

/// How far an input was read: where an interrupted run goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Records so far.
    pub row: u64,
    line: u64,
    /// Bytes of the unpacked input, mark of its encoding not counted.
    byte: u64,
    pub raw: RawMark,
}

/// One record: decided upon later, or rejected here.
pub type Record = std::result::Result<Complaint, Rejected>;

enum Format {
    Delimited {
        splitter: Box<Splitter>,
        header: Header,
    },
    JsonLines,
    /// An array of objects; `true` behind its end.
    JsonArray(bool),
    Lines(Vec<LineColumn>),
    Plain(plain::Form),
}

/// Labels of one record are joined by it; no code of the taxonomy holds it.
pub const LABEL_MARK: char = '|';

/// An open input.
pub struct Source {
    file: Arc<str>,
    window: Window,
    meter: Meter,
    encoding: Encoding,
    mark_bytes: u64,
    format: Format,
    options: SourceOptions,
    row: u64,
    found: Found,
    /// By label column: it was there, in the header or in one record at least.
    labels_seen: Vec<Cell<bool>>,
}

const BEGINNING_BYTES: usize = 1 << 20;

/// A batch ends with the record that reaches this many bytes: long transcripts fill memory no more than short forms.
const BATCH_BYTES: u64 = 8 << 20;

impl Source {
    /// Opens a file, or standard input for `-`, and finds out what it is.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Source> {
        Source::open_at(path, options, None)
    }

    /// As `open`, and goes on where an interrupted run stopped; an input that changed since is refused.
    pub fn open_at(path: &Path, options: &SourceOptions, mark: Option<&Mark>) -> Result<Source> {
        let meter = Meter::default();
        if let Some(mark) = mark {
            meter.expect(&mark.raw);
        }
        let failed = |e| Error::io(path, "cannot be read", e);
        let mut source = if path.as_os_str() == "-" {
            Source::from_stream(path, Box::new(std::io::stdin()), options, meter)?
        } else {
            let meta = std::fs::metadata(path).map_err(failed)?;
            if meta.is_dir() {
                return Err(Error::Usage(format!(
                    "{}: is a folder; name its files",
                    path.display()
                )));
            }
            let mut file =
                std::fs::File::open(path).map_err(|e| Error::io(path, "cannot be opened", e))?;
            let mut beginning = [0; 4];
            let n = read_up_to(&mut file, &mut beginning).map_err(failed)?;
            std::io::Seek::rewind(&mut file).map_err(failed)?;
            match wrapping(&beginning[..n]) {
                found @ (Wrapping::Zip | Wrapping::Parquet) => {
                    meter.whole(&mut file).map_err(failed)?;
                    let (made, sheet) = match found {
                        Wrapping::Zip => tabular::workbook(path, file)
                            .map(|(made, sheet)| (made, Some(sheet)))?,
                        _ => (tabular::parquet(path, file)?, None),
                    };
                    let options = SourceOptions {
                        encoding: Some(Encoding::Utf8),
                        delimiter: Some(b','),
                        ..options.clone()
                    };
                    let made = Window::new(made);
                    let mut source = Source::from_window(path, made, &options, meter)?;
                    source.found.format = if sheet.is_some() { "xlsx" } else { "parquet" }.into();
                    source.found.encoding_ground = "by the format".into();
                    source.found.delimiter = None;
                    source.found.sheet = sheet;
                    source
                }
                _ => Source::from_stream(path, Box::new(file), options, meter)?,
            }
        };
        if let Some(mark) = mark {
            source.skip_to(mark)?;
        }
        Ok(source)
    }

    /// As `open`, over any stream; `path` is its name in messages and its extension a hint.
    pub fn read(
        path: &Path,
        input: Box<dyn Read + Send>,
        options: &SourceOptions,
    ) -> Result<Source> {
        Source::from_stream(path, input, options, Meter::default())
    }

    /// Unpacks what is packed.
    fn from_stream(
        path: &Path,
        input: Box<dyn Read + Send>,
        options: &SourceOptions,
        meter: Meter,
    ) -> Result<Source> {
        let failed = |e| Error::io(path, "cannot be read", e);
        let mut window = Window::new(Box::new(meter.reader(input)));
        window.fill_to(4).map_err(failed)?;
        let packed = match wrapping(window.bytes()) {
            Wrapping::Gzip => "gzip",
            Wrapping::Zstd => "zstd",
            Wrapping::Zip | Wrapping::Parquet => {
                return Err(Error::Usage(format!(
                    "{}: a workbook or a Parquet file is read from a file, not from a stream: name the file",
                    path.display()
                )));
            }
            Wrapping::None => return Source::from_window(path, window, options, meter),
        };
        let wrapping = wrapping(window.bytes());
        let inner = raw::unpack(wrapping, window.into_reader()).map_err(failed)?;
        let mut source = Source::from_window(path, Window::new(inner), options, meter)?;
        source.found.packed = Some(packed.into());
        Ok(source)
    }

    fn from_window(
        path: &Path,
        mut window: Window,
        options: &SourceOptions,
        meter: Meter,
    ) -> Result<Source> {
        let file: Arc<str> = path.display().to_string().into();
        let failed = |e| Error::io(path, "cannot be read", e);
        // Standard input may be a conversation: look only at what is there.
        let wanted = if &*file == "-" { 1 } else { BEGINNING_BYTES };
        window.fill_to(wanted).map_err(failed)?;
        if window.bytes().is_empty() {
            return Err(Error::Usage(format!("{file}: is empty: nothing to read")));
        }
        let Some(chosen) = choose(window.bytes(), options.encoding) else {
            return Err(Error::Usage(format!(
                "{file}: is not text in UTF-8, GB18030 or UTF-16 (another kind of archive, or an old .xls?): \
                 export it as CSV or .xlsx, or name its encoding with --encoding"
            )));
        };
        window.consume(chosen.mark_bytes);
        let mut mark_bytes = chosen.mark_bytes as u64;
        if matches!(chosen.encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
            let rest = window.into_reader();
            window = Window::new(Box::new(FromUtf16::new(rest, chosen.encoding)));
            window.fill_to(wanted).map_err(failed)?;
        } else {
            // The window counts the mark itself.
            mark_bytes = 0;
        }
        let mut source = Source {
            found: Found {
                file: file.to_string(),
                format: "jsonl".into(),
                packed: None,
                sheet: None,
                encoding: chosen.encoding.to_string(),
                encoding_ground: chosen.ground.into(),
                delimiter: None,
            },
            file,
            window,
            meter,
            encoding: chosen.encoding,
            mark_bytes,
            format: Format::JsonLines,
            options: options.clone(),
            row: 0,
            labels_seen: vec![Cell::new(false); options.labels.len()],
        };
        let labelled = !options.labels.is_empty();
        if let Some(columns) = &options.lines {
            source.found.format = "lines".into();
            source.format = Format::Lines(columns.clone());
        } else if labelled && source.open_array() {
            source.found.format = "json array".into();
            source.format = Format::JsonArray(false);
        } else if labelled && let Some(form) = source.plain_form(path)? {
            source.found.format = form.to_string().into();
            source.format = Format::Plain(form);
        } else if !source.is_json_lines(path) {
            let delimiter = source.sniff_delimiter();
            source.found.format = if delimiter == b'\t' { "tsv" } else { "csv" }.into();
            source.found.delimiter = Some(delimiter_name(delimiter).into());
            source.format = source.read_header(delimiter)?;
            if let Format::Delimited { header, .. } = &source.format {
                for (seen, place) in source.labels_seen.iter().zip(&header.labels) {
                    seen.set(place.is_some());
                }
                if header.joined_by_hash {
                    source.found.format = "doccano csv".into();
                }
            }
        }
        Ok(source)
    }

    /// How far it was read, up to the record given last.
    pub fn mark(&self) -> Mark {
        Mark {
            row: self.row,
            line: self.window.line,
            byte: self.window.byte,
            raw: self.meter.mark(),
        }
    }

    /// Bytes read from the disk so far.
    pub fn raw_bytes(&self) -> u64 {
        self.meter.n_bytes()
    }

    fn skip_to(&mut self, mark: &Mark) -> Result<()> {
        while self.window.byte < mark.byte {
            if self.window.bytes().is_empty() && !self.fill()? {
                break;
            }
            self.window.consume((mark.byte - self.window.byte) as usize);
        }
        // What was read ahead then is read again, so that its hash can be compared.
        while self.meter.n_bytes() < mark.raw.n_bytes && self.fill()? {}
        if self.window.byte != mark.byte || self.meter.changed() {
            return Err(Error::Usage(format!(
                "{}: is not what the interrupted run read: give it back, or start anew with --force",
                self.file
            )));
        }
        self.window.line = mark.line;
        self.row = mark.row;
        Ok(())
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
            Format::Lines(_) => Some(&[]),
            Format::JsonLines | Format::JsonArray(_) | Format::Plain(_) => None,
        }
    }

    /// The place of a role's column, from 0; `None` where the input has no header or no such column.
    pub fn place(&self, role: Role) -> Option<usize> {
        match &self.format {
            Format::Delimited { header, .. } => header.roles.get(&role).copied(),
            _ => None,
        }
    }

    /// The places of the label columns, from 0; `None` for the ones that are not there, all of them without a header.
    pub fn label_places(&self) -> Vec<Option<usize>> {
        match &self.format {
            Format::Delimited { header, .. } => header.labels.clone(),
            _ => vec![None; self.options.labels.len()],
        }
    }

    /// By label column: it was met so far.
    pub fn labels_seen(&self) -> Vec<bool> {
        self.labels_seen.iter().map(Cell::get).collect()
    }

    /// The format has one list of labels and no columns that could be named.
    pub fn has_no_columns(&self) -> bool {
        matches!(self.format, Format::Plain(_))
    }

    /// Columns that are not read though their names are near known ones.
    pub fn near_names(&self) -> &[NearName] {
        match &self.format {
            Format::Delimited { header, .. } => &header.near,
            _ => &[],
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
            self.options.as_it_is,
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

    /// The next records: up to `n_max` or `BATCH_BYTES`, but no fewer than one unless the input has ended.
    ///
    /// From standard input it returns what is at hand rather than wait for more, so that a conversation is answered line
    /// by line.
    pub fn next_batch(&mut self, n_max: usize, taxonomy: &Taxonomy) -> Result<Vec<Record>> {
        let mut batch = Vec::new();
        let enough = self.window.byte + BATCH_BYTES;
        let mut format = std::mem::replace(&mut self.format, Format::JsonLines);
        let result = loop {
            if batch.len() >= n_max || (self.window.byte >= enough && !batch.is_empty()) {
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
                Format::JsonArray(ended) => self.array_step(ended, before, taxonomy),
                Format::Plain(form) => self.plain_step(form, before, taxonomy),
                Format::Lines(columns) => self.line_step(columns, before, taxonomy),
            };
            match step {
                Ok(Step::Record(record)) => {
                    self.row += 1;
                    batch.push(record);
                }
                Ok(Step::Skip) => {}
                Ok(Step::Wait)
                    if !batch.is_empty() && (self.window.byte >= enough || !self.at_hand()) =>
                {
                    break Ok(());
                }
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

    /// Reading on would not wait for somebody to write.
    fn at_hand(&self) -> bool {
        &*self.file != "-" || stdin_at_hand()
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

    /// Length of the line at the front of the window, its end included; or what there is instead.
    fn line_ahead(&mut self, before: &Position) -> Result<std::result::Result<usize, Step>> {
        let max_bytes = self.options.limits.max_record_bytes;
        let bytes = self.window.bytes();
        let line = memchr::memchr(b'\n', &bytes[..bytes.len().min(max_bytes + 1)]);
        Ok(match line {
            Some(at) => Ok(at + 1),
            None if bytes.len() > max_bytes => {
                let skipped = self
                    .window
                    .skip_line()
                    .map_err(|e| Error::io(Path::new(&*self.file), "cannot be read further", e))?;
                Err(Step::Record(Err(self.too_long(before.clone(), skipped))))
            }
            None if !self.window.ended() => Err(Step::Wait),
            None if bytes.is_empty() => Err(Step::End),
            None => Ok(bytes.len()),
        })
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
                .map(|i| match i {
                    Some(i) if header.joined_by_hash => {
                        text_of(*i).replace('#', &LABEL_MARK.to_string())
                    }
                    Some(i) => jsonl::unfold(text_of(*i)),
                    None => String::new(),
                })
                .collect(),
            complainant: role(Role::Complainant),
            institution: role(Role::Institution),
            carried: Carried::Cells(header.carried.iter().map(|i| text_of(*i)).collect()),
        };
        fields.into_record(position, n_bytes, taxonomy, self.options.as_it_is)
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
    fn into_record(
        self,
        position: Position,
        n_bytes: u64,
        taxonomy: &Taxonomy,
        as_it_is: bool,
    ) -> Record {
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
                None if as_it_is => None,
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
            Some(Err(_)) if as_it_is => Vec::new(),
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

fn read_up_to(file: &mut std::fs::File, out: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < out.len() {
        match file.read(&mut out[n..])? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
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

#[cfg(unix)]
fn stdin_at_hand() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = std::io::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&at_once)).is_ok_and(|n| n > 0)
}

/// Where it cannot be asked, every read may wait.
#[cfg(not(unix))]
fn stdin_at_hand() -> bool {
    false
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
