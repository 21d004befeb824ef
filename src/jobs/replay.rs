//! `xiaobao replay ID --run DIR`: derives one decision again from the input of a run, and compares.
//! Law: with the same bundle and tables the row is the same byte for byte; what is shown is masked.

use std::path::{Path, PathBuf};

use super::Outcome;
use super::triage::{Desk, Format, Manifest};
use crate::error::{Error, Result};
use crate::pipeline::{Triage, Workspace};
use crate::sink::Layout;
use crate::source::Source;

/// What `replay` was asked to do.
#[derive(Debug)]
pub struct ReplayOptions {
    /// `id` of the complaint.
    pub id: String,
    /// The folder of the run.
    pub dir: PathBuf,
    /// Tables and bundle, where they are not where the manifest says.
    pub data: Option<PathBuf>,
    pub model: Option<PathBuf>,
}

pub fn run(options: &ReplayOptions) -> Result<Outcome> {
    let manifest = Manifest::load(&options.dir)?;
    let data = options.data.as_ref().unwrap_or(&manifest.data);
    let model = options.model.as_ref().unwrap_or(&manifest.model);
    let (cascade, prior) = (manifest.cascade.as_deref(), manifest.prior.as_deref());
    let triage = Triage::load_with(data, model, cascade, prior)?;
    let bundle = triage.bundle_ids();
    if bundle != manifest.bundle || triage.tables.sha256 != manifest.data_sha256 {
        return Err(Error::Usage(format!(
            "{}: was decided by bundle {} and tables {}, here are {} and {}: name the old ones with --model and --data",
            options.dir.display(),
            manifest.bundle,
            &manifest.data_sha256[..12.min(manifest.data_sha256.len())],
            bundle,
            &triage.tables.sha256[..12]
        )));
    }
    let written = rows_of(
        &options.dir.join(&manifest.decisions.file),
        &options.id,
        manifest.options.format,
    )?;
    if written.is_empty() {
        return Err(Error::Usage(format!(
            "{}: holds no decision with this id; see rejects.jsonl",
            manifest.decisions.file.display()
        )));
    }
    let again = decide_again(&triage, &manifest, &written)?;
    let mut same = true;
    for ((n, old), new) in written.iter().zip(&again) {
        if old == new {
            println!("{}：第 {} 行，重算结果逐字节相同", options.id, n + 1);
        } else {
            same = false;
            println!("{}：第 {} 行，重算结果不同", options.id, n + 1);
            differences(old, new, manifest.options.format);
        }
    }
    if same {
        Ok(Outcome::Done)
    } else {
        Err(Error::Failed(
            "the decision is not what the run wrote".to_owned(),
        ))
    }
}

/// Rows of the decisions file with this id, with their number from 0.
fn rows_of(path: &Path, id: &str, format: Format) -> Result<Vec<(u64, Vec<u8>)>> {
    let failed = |e| Error::io(path, "cannot be read", e);
    let mut found = Vec::new();
    match format {
        Format::Jsonl => {
            let file = std::fs::File::open(path).map_err(failed)?;
            for (n, line) in
                std::io::BufRead::split(std::io::BufReader::new(file), b'\n').enumerate()
            {
                let mut line = line.map_err(failed)?;
                let own: Option<Own> = serde_json::from_slice(&line).ok();
                if own.is_some_and(|o| o.id == id) {
                    line.push(b'\n');
                    found.push((n as u64, line));
                }
            }
        }
        Format::Parquet => {
            return Err(Error::Usage(
                "replay compares rows of decisions.csv or decisions.jsonl; this run wrote Parquet"
                    .to_owned(),
            ));
        }
        Format::Csv => {
            let broken = |e: csv::Error| Error::Failed(format!("{}: {e}", path.display()));
            let mut file = std::fs::File::open(path).map_err(failed)?;
            let mut places = Vec::new();
            let mut reader = csv::ReaderBuilder::new()
                .flexible(true)
                .from_reader(std::io::BufReader::new(&file));
            let mut row = csv::ByteRecord::new();
            let mut n = 0;
            while reader.read_byte_record(&mut row).map_err(broken)? {
                let start = row.position().map_or(0, csv::Position::byte);
                let cell = row.get(0).unwrap_or_default();
                // Digits that Excel would change have a tab before them, formulas a `'`.
                let bare = cell.strip_prefix(b"\t").or(cell.strip_prefix(b"'"));
                if cell == id.as_bytes() || bare == Some(id.as_bytes()) {
                    places.push((n, start, reader.position().byte()));
                }
                n += 1;
            }
            drop(reader);
            for (n, start, end) in places {
                let mut bytes = vec![0; (end - start) as usize];
                std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(start)).map_err(failed)?;
                std::io::Read::read_exact(&mut file, &mut bytes).map_err(failed)?;
                // The reader may stop between the two bytes of a line end.
                let lead = bytes
                    .iter()
                    .take_while(|b| matches!(b, b'\r' | b'\n'))
                    .count();
                bytes.drain(..lead);
                if !bytes.ends_with(b"\n") {
                    let had = bytes.ends_with(b"\r");
                    bytes.extend(if had { &b"\n"[..] } else { &b"\r\n"[..] });
                }
                found.push((n, bytes));
            }
        }
    }
    Ok(found)
}

#[derive(serde::Deserialize)]
struct Own {
    id: String,
}

/// Reads the inputs as the run did and decides the records that became these rows.
fn decide_again(
    triage: &Triage,
    manifest: &Manifest,
    written: &[(u64, Vec<u8>)],
) -> Result<Vec<Vec<u8>>> {
    let source_options = triage
        .tables
        .source_options(&manifest.options.source_options())?;
    let mut sources = Vec::new();
    for input in &manifest.inputs {
        if input.found.file == "-" {
            return Err(Error::Usage(
                "the run read standard input, which cannot be read again".to_owned(),
            ));
        }
        sources.push(Source::open(Path::new(&input.found.file), &source_options)?);
    }
    let layout = Layout::new(sources.iter().map(Source::carried_names));
    let desk = Desk::new(
        triage,
        layout,
        manifest.options.format,
        manifest.options.lists,
    );
    let mut work = Workspace::default();
    let mut again = Vec::new();
    let mut n = 0;
    for (source, input) in sources.iter_mut().zip(&manifest.inputs) {
        // The whole input need not be read for a row of another.
        if !written
            .iter()
            .any(|(w, _)| (n..n + input.decided).contains(w))
        {
            n += input.decided;
            continue;
        }
        let places = desk.layout.places(source.carried_names().unwrap_or(&[]));
        loop {
            let batch = source.next_batch(4096, &triage.tables.taxonomy)?;
            if batch.is_empty() {
                break;
            }
            for complaint in batch.iter().flatten() {
                if written.iter().any(|(w, _)| *w == n) {
                    again.push(desk.row(complaint, &places, &mut work)?);
                }
                n += 1;
            }
        }
    }
    if again.len() == written.len() {
        Ok(again)
    } else {
        Err(Error::Failed(
            "the inputs hold fewer records than the run read: they were changed".to_owned(),
        ))
    }
}

/// Prints the cells that differ; both sides are masked texts and codes.
fn differences(old: &[u8], new: &[u8], format: Format) {
    if format == Format::Jsonl {
        println!("  写出时 {}", String::from_utf8_lossy(old).trim_end());
        println!("  现在   {}", String::from_utf8_lossy(new).trim_end());
        return;
    }
    let cells = |bytes: &[u8]| -> Vec<String> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let row = reader.records().next().and_then(std::result::Result::ok);
        row.map(|r| r.iter().map(str::to_owned).collect())
            .unwrap_or_default()
    };
    let names = Layout::new(std::iter::empty()).header();
    let (names, old, new) = (cells(&names), cells(old), cells(new));
    for i in 0..old.len().max(new.len()) {
        let (a, b) = (old.get(i), new.get(i));
        if a != b {
            let name = names.get(i).map_or("（随带列）", String::as_str);
            let show = |cell: Option<&String>| cell.map_or("（无）".to_owned(), Clone::clone);
            println!("  {name}：写出时 {}｜现在 {}", show(a), show(b));
        }
    }
}
