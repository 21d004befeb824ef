//! `xiaobao triage`: inputs to decisions, work lists, handling sheets, rejects and a summary.
//! Law: nothing is lost; memory is bounded by a few batches, whatever the input's size.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Outcome, progress};
use crate::complaint::RejectCode;
use crate::decide::Raised;
use crate::error::{Error, Result};
use crate::pipeline::{CHUNK_RECORDS, Triage, Workspace};
use crate::reply::{Slot, Slots};
use crate::sink::{
    Cells, Layout, MARK, Names, Outputs, Row, line_of, list_header, write_rejected, write_ticket,
};
use crate::source::{Found, Record, Source, SourceOptions};
use crate::ticket::{Judge, Ticket};

/// Form of the decisions file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    #[default]
    Csv,
    Jsonl,
}

/// What `triage` was asked to do.
#[derive(Debug)]
pub struct TriageOptions {
    pub inputs: Vec<PathBuf>,
    /// `None`: filter, JSON Lines to standard output.
    pub out: Option<PathBuf>,
    pub format: Format,
    pub data: PathBuf,
    pub model: PathBuf,
    /// An encoder bundle for what the fast model leaves below `auto`.
    pub cascade: Option<PathBuf>,
    /// The site's class mix.
    pub prior: Option<PathBuf>,
    pub source: SourceOptions,
    /// Read and decide everything, write nothing.
    pub dry_run: bool,
    /// Replace the results of an earlier run.
    pub force: bool,
    /// Say nothing on stderr but errors.
    pub quiet: bool,
}

/// `summary.json`.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    pub read: u64,
    pub decided: u64,
    pub rejected: u64,
    pub inputs: Vec<Found>,
    pub bundle: String,
    pub data_sha256: String,
    pub by_type: BTreeMap<String, u64>,
    pub by_reason: BTreeMap<String, u64>,
    pub by_urgency: BTreeMap<String, u64>,
    pub by_band: BTreeMap<String, u64>,
    pub by_queue: BTreeMap<String, u64>,
    pub by_reject: BTreeMap<String, u64>,
    /// Levels raised above the model's by a rule.
    pub raised_by_rule: u64,
    /// Levels raised in doubt, because too many would be missed otherwise.
    pub raised_by_caution: u64,
    /// Complaints with a channel that no table names.
    pub channel_unknown: u64,
    /// Complaints without a time of receipt: no date could be computed.
    pub without_receipt: u64,
    /// Targets computed by weekends, past the calendar's last year.
    pub provisional_targets: u64,
    /// Handling sheets that a missing required slot prevented, by slot.
    pub sheets_missing_slot: BTreeMap<String, u64>,
    /// Masks put on, by kind; never their values.
    pub masks: BTreeMap<String, u64>,
    /// With `--cascade` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cascade: Option<CascadeCounts>,
    pub version: String,
}

/// What the encoder behind the fast model was asked.
#[derive(Debug, Default, Serialize)]
pub struct CascadeCounts {
    /// Id of the encoder bundle.
    pub bundle: String,
    /// Complaints that the fast model left below `auto`, judged by the encoder.
    pub sent_on: u64,
    /// Of those, the ones to which the encoder gave another type than the fast model.
    pub type_changed: u64,
    /// Of those, by the band that the encoder's answer reached.
    pub by_band: BTreeMap<String, u64>,
}

impl Summary {
    fn add(&mut self, other: Summary) {
        self.decided += other.decided;
        self.rejected += other.rejected;
        self.raised_by_rule += other.raised_by_rule;
        self.raised_by_caution += other.raised_by_caution;
        self.channel_unknown += other.channel_unknown;
        self.without_receipt += other.without_receipt;
        self.provisional_targets += other.provisional_targets;
        if let (Some(mine), Some(theirs)) = (&mut self.cascade, other.cascade) {
            mine.sent_on += theirs.sent_on;
            mine.type_changed += theirs.type_changed;
            for (band, n) in theirs.by_band {
                *mine.by_band.entry(band).or_default() += n;
            }
        }
        let pairs = [
            (&mut self.by_type, other.by_type),
            (&mut self.by_reason, other.by_reason),
            (&mut self.by_urgency, other.by_urgency),
            (&mut self.by_band, other.by_band),
            (&mut self.by_queue, other.by_queue),
            (&mut self.by_reject, other.by_reject),
            (&mut self.sheets_missing_slot, other.sheets_missing_slot),
            (&mut self.masks, other.masks),
        ];
        for (mine, theirs) in pairs {
            for (key, n) in theirs {
                *mine.entry(key).or_default() += n;
            }
        }
    }
}

/// What one chunk of records became.
#[derive(Default)]
struct Written {
    decisions: Vec<u8>,
    rejects: Vec<u8>,
    lists: BTreeMap<usize, Vec<u8>>,
    sheets: BTreeMap<usize, String>,
    counts: Summary,
}

/// Records of a batch: enough chunks for all threads, little memory.
fn batch_records() -> usize {
    CHUNK_RECORDS * (8 * rayon::current_num_threads()).max(32)
}

pub fn run(options: &TriageOptions) -> Result<Outcome> {
    let (cascade, prior) = (options.cascade.as_deref(), options.prior.as_deref());
    let triage = Triage::load_with(&options.data, &options.model, cascade, prior)?;
    run_with(&triage, options)
}

/// As `run`, with tables and bundle already loaded.
pub fn run_with(triage: &Triage, given: &TriageOptions) -> Result<Outcome> {
    let source = triage.tables.source_options(&given.source)?;
    let options = &Job { given, source };
    match &given.out {
        Some(out) => to_folder(triage, options, out),
        None if given.dry_run => to_folder(triage, options, Path::new("")),
        None => to_stdout(triage, options),
    }
}

/// The options with the site's column names in them.
struct Job<'o> {
    given: &'o TriageOptions,
    source: SourceOptions,
}

fn to_folder(triage: &Triage, job: &Job<'_>, out: &Path) -> Result<Outcome> {
    let options = job.given;
    if !options.dry_run && !options.force && out.join("summary.json").exists() {
        return Err(Error::Usage(format!(
            "{}: holds the results of an earlier run: choose another --out, or add --force to replace them",
            out.display()
        )));
    }
    let mut sources = Vec::new();
    for input in &options.inputs {
        sources.push(Source::open(input, &job.source)?);
    }
    let layout = Layout::new(sources.iter().map(Source::carried_names));
    let mut outputs = (!options.dry_run).then(|| Outputs::new(out)).transpose()?;
    let names = Names {
        tables: &triage.tables,
        bundle_id: triage.bundle.id(),
        encoder_id: triage.cascade().map(|c| c.bundle.id()),
    };
    let mut total = Summary {
        bundle: triage.bundle.id().to_owned(),
        data_sha256: triage.tables.sha256.clone(),
        cascade: triage.cascade().map(|c| CascadeCounts {
            bundle: c.bundle.id().to_owned(),
            ..CascadeCounts::default()
        }),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Summary::default()
    };
    let bar = progress(
        None,
        "{spinner} {pos} 条 · {per_sec} · {elapsed} {wide_msg}",
    );
    for source in &mut sources {
        if !options.quiet {
            report(source.found());
        }
        total.inputs.push(source.found().clone());
        let places = layout.places(source.carried_names().unwrap_or(&[]));
        let taxonomy = &triage.tables.taxonomy;
        let finish = |records: &[Record], work: &mut Workspace| {
            write_chunk(
                triage,
                names,
                &layout,
                &places,
                options.format,
                records,
                work,
            )
        };
        let mut write = |chunks: Vec<Written>, total: &mut Summary| -> Result<()> {
            for chunk in chunks {
                if let Some(outputs) = &mut outputs {
                    put(outputs, triage, &layout, options.format, &chunk)?;
                }
                total.add(chunk.counts);
            }
            Ok(())
        };
        let mut batch = source.next_batch(batch_records(), taxonomy)?;
        let mut decided: Vec<Written> = Vec::new();
        while !batch.is_empty() {
            // While this batch is decided, the one before is written and the next one read.
            let before = std::mem::take(&mut decided);
            let (now, next) = rayon::join(
                || triage.map(&batch, finish),
                || {
                    write(before, &mut total)?;
                    source.next_batch(batch_records(), taxonomy)
                },
            );
            decided = now?;
            total.read += batch.len() as u64;
            bar.inc(batch.len() as u64);
            batch = next?;
        }
        write(decided, &mut total)?;
    }
    bar.finish_and_clear();
    if total.read != total.decided + total.rejected {
        return Err(Error::Failed(format!(
            "{} records were read, but {} decided and {} rejected: nothing was written",
            total.read, total.decided, total.rejected
        )));
    }
    if let Some(mut outputs) = outputs {
        let mut bytes = serde_json::to_vec_pretty(&total)
            .map_err(|e| Error::Failed(format!("summary.json cannot be written: {e}")))?;
        bytes.push(b'\n');
        let none = || Ok(Vec::new());
        outputs.write(Path::new("rejects.jsonl"), &none, b"")?;
        put(
            &mut outputs,
            triage,
            &layout,
            options.format,
            &Written::default(),
        )?;
        outputs.write(Path::new("summary.json"), &none, &bytes)?;
        let names = outputs.commit()?;
        if options.force {
            remove_older(out, &names)?;
        }
    }
    if !options.quiet {
        tell(&total, options.dry_run, out);
    }
    Ok(if total.rejected > 0 {
        Outcome::DoneWithRejects
    } else {
        Outcome::Done
    })
}

/// Work lists and sheets of an earlier run that this run did not write again.
fn remove_older(out: &Path, written: &[PathBuf]) -> Result<()> {
    for (sub, end) in [("lists", "csv"), ("replies", "md")] {
        let dir = out.join(sub);
        let Ok(entries) = std::fs::read_dir(&dir) else {
            continue;
        };
        for path in entries.filter_map(|e| Some(e.ok()?.path())) {
            let name = Path::new(sub).join(path.file_name().unwrap_or_default());
            let ours = path.extension().is_some_and(|e| e == end);
            if ours && !written.contains(&name) {
                std::fs::remove_file(&path)
                    .map_err(|e| Error::io(&path, "cannot be removed", e))?;
            }
        }
    }
    let other = ["decisions.csv", "decisions.jsonl"];
    for name in other.map(PathBuf::from) {
        let path = out.join(&name);
        if !written.contains(&name) && path.exists() {
            std::fs::remove_file(&path).map_err(|e| Error::io(&path, "cannot be removed", e))?;
        }
    }
    Ok(())
}

fn put(
    outputs: &mut Outputs,
    triage: &Triage,
    layout: &Layout,
    format: Format,
    chunk: &Written,
) -> Result<()> {
    let with_mark = |head: Vec<u8>| Ok([MARK, &head].concat());
    match format {
        Format::Csv => outputs.write(
            Path::new("decisions.csv"),
            &|| with_mark(layout.header()),
            &chunk.decisions,
        )?,
        Format::Jsonl => outputs.write(
            Path::new("decisions.jsonl"),
            &|| Ok(Vec::new()),
            &chunk.decisions,
        )?,
    }
    if !chunk.rejects.is_empty() {
        outputs.write(
            Path::new("rejects.jsonl"),
            &|| Ok(Vec::new()),
            &chunk.rejects,
        )?;
    }
    for (queue, rows) in &chunk.lists {
        let code = &triage.tables.taxonomy.queues[*queue].code;
        let name = PathBuf::from(format!("lists/{code}.csv"));
        outputs.write(&name, &|| with_mark(list_header()), rows)?;
    }
    for (queue, sheets) in &chunk.sheets {
        let queue = &triage.tables.taxonomy.queues[*queue];
        let name = PathBuf::from(format!("replies/{}.md", queue.code));
        let head = || Ok(format!("# {} · 处理单\n", queue.name).into_bytes());
        outputs.write(&name, &head, sheets.as_bytes())?;
    }
    Ok(())
}

fn write_chunk(
    triage: &Triage,
    names: Names<'_>,
    layout: &Layout,
    places: &[Option<usize>],
    format: Format,
    records: &[Record],
    work: &mut Workspace,
) -> Result<Written> {
    let tables = names.tables;
    let mut out = Written::default();
    let mut decisions = Row::new();
    let mut lists: BTreeMap<usize, Row> = BTreeMap::new();
    let mut cells = Cells::new();
    let mut slots = Slots::new();
    let mut together = triage
        .together(records.iter().map(|r| r.as_ref().ok()), work)?
        .into_iter();
    for record in records {
        let judged = together.next().flatten();
        let complaint = match record {
            Ok(complaint) => complaint,
            Err(rejected) => {
                line_of(rejected, &mut out.rejects)?;
                count_reject(&mut out.counts, rejected.code);
                continue;
            }
        };
        let ticket = match judged {
            Some(ticket) => ticket,
            None => triage.decide(complaint, work)?,
        };
        count(&mut out.counts, &ticket, names);
        cells.read(&ticket, names);
        match format {
            Format::Csv => cells.decision_row(&ticket, layout, places, &mut decisions)?,
            Format::Jsonl => write_ticket(&ticket, names, &mut out.decisions)?,
        }
        let queue = ticket.route.queue;
        let sheets = out.sheets.entry(queue).or_default();
        let before = sheets.len();
        let place = match write_sheet(&ticket, names, &mut slots, sheets) {
            Ok(()) => format!("replies/{}.md", tables.taxonomy.queues[queue].code),
            Err(slot) => {
                sheets.truncate(before);
                let missing = &mut out.counts.sheets_missing_slot;
                *missing.entry(slot.name().to_owned()).or_default() += 1;
                format!("缺少必填项 {}", slot.name())
            }
        };
        cells.list_row(&place, lists.entry(queue).or_default());
    }
    if format == Format::Csv {
        out.decisions = decisions.into_bytes();
    }
    for (queue, rows) in lists {
        out.lists.insert(queue, rows.into_bytes());
    }
    Ok(out)
}

/// The filled handling sheet under a heading with the complaint's id.
fn write_sheet(
    ticket: &Ticket<'_>,
    names: Names<'_>,
    slots: &mut Slots,
    out: &mut String,
) -> std::result::Result<(), Slot> {
    let Some(template) = ticket.template(names.tables) else {
        return Err(Slot::r#type);
    };
    ticket.fill(names.tables, slots);
    out.push_str("\n---\n\n");
    template.fill(slots, out)?;
    out.push('\n');
    Ok(())
}

fn count(counts: &mut Summary, ticket: &Ticket<'_>, names: Names<'_>) {
    let taxonomy = &names.tables.taxonomy;
    let d = &ticket.decision;
    counts.decided += 1;
    let mut bump = |map: fn(&mut Summary) -> &mut BTreeMap<String, u64>, key: &str| {
        let map = map(counts);
        match map.get_mut(key) {
            Some(n) => *n += 1,
            None => {
                map.insert(key.to_owned(), 1);
            }
        }
    };
    bump(|c| &mut c.by_type, ticket.type_code(names.tables));
    bump(
        |c| &mut c.by_reason,
        &taxonomy.reasons[d.reason.first().label].label.code,
    );
    bump(|c| &mut c.by_urgency, &taxonomy.levels[d.level].label.code);
    bump(|c| &mut c.by_band, d.band.code());
    bump(
        |c| &mut c.by_queue,
        &taxonomy.queues[ticket.route.queue].code,
    );
    for mask in ticket.clean.masks() {
        bump(|c| &mut c.masks, mask.kind.code());
    }
    match d.raised_by {
        Some(Raised::Rule(_)) => counts.raised_by_rule += 1,
        Some(Raised::Caution(_)) => counts.raised_by_caution += 1,
        None => {}
    }
    if let Judge::Encoder { fast_type } = ticket.judge {
        let cascade = counts.cascade.get_or_insert_default();
        cascade.sent_on += 1;
        cascade.type_changed += u64::from(d.type_.first().label != fast_type);
        *cascade.by_band.entry(d.band.code().to_owned()).or_default() += 1;
    }
    counts.channel_unknown += u64::from(ticket.complaint.channel_unknown);
    match &ticket.due {
        Some(due) => {
            let targets = [
                &due.targets.acknowledge,
                &due.targets.first_reply,
                &due.targets.handle,
            ];
            counts.provisional_targets += u64::from(targets.iter().any(|t| t.provisional));
        }
        None => counts.without_receipt += 1,
    }
}

fn count_reject(counts: &mut Summary, code: RejectCode) {
    counts.rejected += 1;
    *counts.by_reject.entry(code.code().to_owned()).or_default() += 1;
}

fn report(found: &Found) {
    let delimiter = found
        .delimiter
        .map_or_else(String::new, |d| format!(", delimiter {d}"));
    eprintln!(
        "{}: {}, {} ({}){delimiter}",
        found.file, found.format, found.encoding, found.encoding_ground
    );
}

fn tell(total: &Summary, dry_run: bool, out: &Path) {
    let part = |map: &BTreeMap<String, u64>| {
        let parts: Vec<String> = map.iter().map(|(k, n)| format!("{k} {n}")).collect();
        parts.join(" · ")
    };
    eprintln!(
        "read {} = decided {} + rejected {}",
        total.read, total.decided, total.rejected
    );
    eprintln!("urgency  {}", part(&total.by_urgency));
    eprintln!("band     {}", part(&total.by_band));
    if let Some(c) = &total.cascade {
        eprintln!(
            "cascade  {} of {} sent on to encoder {}, {} given another type; there {}",
            c.sent_on,
            total.decided,
            c.bundle,
            c.type_changed,
            part(&c.by_band)
        );
    }
    if total.rejected > 0 {
        eprintln!("rejects  {}", part(&total.by_reject));
    }
    if total.channel_unknown > 0 {
        eprintln!(
            "warning: {} records name a channel that data/taxonomy/channel.csv does not know: add it to an alias there",
            total.channel_unknown
        );
    }
    if total.without_receipt > 0 {
        eprintln!(
            "warning: {} records have no time of receipt: their dates could not be computed",
            total.without_receipt
        );
    }
    if total.provisional_targets > 0 {
        eprintln!(
            "warning: {} records have targets past the calendar's last year: computed by weekends, marked 暂定; add the year to data/calendar.csv",
            total.provisional_targets
        );
    }
    if !total.sheets_missing_slot.is_empty() {
        eprintln!(
            "warning: handling sheets not written for want of a required slot: {}",
            part(&total.sheets_missing_slot)
        );
    }
    if dry_run {
        eprintln!("dry run: nothing was written");
    } else {
        eprintln!("written to {}", out.display());
    }
}

/// The filter: every record becomes one line on standard output, flushed batch by batch.
fn to_stdout(triage: &Triage, job: &Job<'_>) -> Result<Outcome> {
    let options = job.given;
    let names = Names {
        tables: &triage.tables,
        bundle_id: triage.bundle.id(),
        encoder_id: triage.cascade().map(|c| c.bundle.id()),
    };
    let taxonomy = &triage.tables.taxonomy;
    let stdout = Path::new("standard output");
    let mut any_rejected = false;
    for input in &options.inputs {
        let mut source = match Source::open(input, &job.source) {
            Ok(source) => source,
            // A filter over nothing gives nothing.
            Err(Error::Usage(_))
                if input.as_os_str() == "-" && options.inputs.len() == 1 && at_end() =>
            {
                return Ok(Outcome::Done);
            }
            Err(e) => return Err(e),
        };
        loop {
            let batch = source.next_batch(batch_records(), taxonomy)?;
            if batch.is_empty() {
                break;
            }
            any_rejected |= batch.iter().any(std::result::Result::is_err);
            let chunks = triage.map(&batch, |records, work| {
                let mut out = Vec::new();
                let mut together = triage
                    .together(records.iter().map(|r| r.as_ref().ok()), work)?
                    .into_iter();
                for record in records {
                    let judged = together.next().flatten();
                    match record {
                        Ok(complaint) => {
                            let ticket = match judged {
                                Some(ticket) => ticket,
                                None => triage.decide(complaint, work)?,
                            };
                            write_ticket(&ticket, names, &mut out)?;
                        }
                        Err(rejected) => write_rejected(rejected, &mut out)?,
                    }
                }
                Ok(out)
            })?;
            let mut lock = std::io::stdout().lock();
            for chunk in chunks {
                lock.write_all(&chunk)
                    .map_err(|e| Error::io(stdout, "cannot be written", e))?;
            }
            lock.flush()
                .map_err(|e| Error::io(stdout, "cannot be written", e))?;
        }
    }
    Ok(if any_rejected {
        Outcome::DoneWithRejects
    } else {
        Outcome::Done
    })
}

fn at_end() -> bool {
    let mut byte = [0];
    matches!(std::io::Read::read(&mut std::io::stdin(), &mut byte), Ok(0))
}
