//! After the last record: what is made from all of them, the manifest, and every file under its name.
//! Law: may be run again from its start after a crash; the manifest comes last.

use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::checkpoint::{Checkpoint, Stage, clear_parts};
use super::chunk::{DECISION_LEAVES, Desk, LIST_ROWS, REJECT_LEAVES, REJECTS, spool_name};
use super::manifest::{self, Manifest, Rows};
use super::summary::CaseCounts;
use super::{Format, Job, Lists, Summary, report};
use crate::cases;
use crate::error::{Error, Result};
use crate::sink::{MARK, Outputs, SHEET_ROWS, part_path, put_in_place, to_parquet, to_workbook};

const SUMMARY: &str = "summary.json";

pub(super) fn run(
    desk: &Desk<'_>,
    job: &Job<'_>,
    out: &Path,
    mut outputs: Option<Outputs>,
    checkpoint: &mut Checkpoint,
    resumable: bool,
) -> Result<()> {
    if let Some(outputs) = &mut outputs {
        outputs.sync()?;
    }
    let store = job.given.store.as_deref();
    let cases = store
        .map(|store| find_cases(desk, job, out, store, checkpoint))
        .transpose()?;
    if let Some(mut outputs) = outputs {
        if desk.format == Format::Parquet {
            make_parquet(&mut outputs)?;
        }
        if desk.lists == Lists::Xlsx {
            make_workbooks(&mut outputs, desk)?;
        }
        if let Some(found) = &cases {
            write_cases(&mut outputs, found)?;
            checkpoint.state.total.cases = Some(counts(found, night_of(job, checkpoint)?));
        }
        for partition in 0..desk.names.tables.cases.partitions {
            outputs.take_back(&spool_name(partition))?;
        }
        let total = &checkpoint.state.total;
        write_summary(&mut outputs, total)?;
        let alerts = cases.as_ref().map_or(Vec::new(), |c| {
            [cases::alerts_header(), c.alerts.clone()].concat()
        });
        let page = report::page(total, desk.names.tables, &alerts, store)?;
        outputs.write(Path::new(report::FILE), &Vec::new, &page)?;
        let manifest = Manifest {
            previous: store.map(manifest::last_of).transpose()?.flatten(),
            decisions: Rows::new(
                desk.format.file(),
                DECISION_LEAVES,
                &checkpoint.state.decisions,
            ),
            rejects: Rows::new(REJECTS, REJECT_LEAVES, &checkpoint.state.rejects),
            files: outputs.marks(),
            ..Manifest::of(&checkpoint.state.total, &checkpoint.run, job)
        };
        outputs.write(Path::new(manifest::FILE), &Vec::new, &manifest.to_bytes()?)?;
        checkpoint.parts = outputs.sync()?;
        checkpoint.stage = Stage::Committing;
        if resumable {
            checkpoint.save(out)?;
            outputs.keep();
        }
        outputs.commit(Path::new(manifest::FILE))?;
    } else {
        // Killed amid its renames.
        let names: Vec<PathBuf> = checkpoint.parts.keys().cloned().collect();
        put_in_place(out, &names, Path::new(manifest::FILE))?;
    }
    if let Some(found) = cases {
        found.commit()?;
    }
    if let Some(store) = store {
        manifest::append_to(store, out)?;
    }
    if job.given.force {
        remove_older(out, checkpoint)?;
    }
    clear_parts(out)?;
    // Empty by now, if it was there at all.
    let _ = std::fs::remove_dir(out.join("spool"));
    Checkpoint::remove(out)
}

fn night_of(job: &Job<'_>, checkpoint: &Checkpoint) -> Result<Date> {
    let latest = checkpoint.state.latest.map(cases::date_of);
    job.given.night.or(latest).ok_or_else(|| {
        Error::Usage(
            "--store: no record says when it was received: name the night with --night 2026-03-01, and go on with --resume"
                .to_owned(),
        )
    })
}

/// Pure in spool and store: a run that was killed here finds the same again.
fn find_cases(
    desk: &Desk<'_>,
    job: &Job<'_>,
    out: &Path,
    store: &Path,
    checkpoint: &Checkpoint,
) -> Result<cases::Found> {
    let tables = desk.names.tables;
    let spool: Vec<PathBuf> = (0..tables.cases.partitions)
        .map(|p| part_path(out, &spool_name(p)))
        .collect();
    cases::finish(&spool, store, night_of(job, checkpoint)?, tables)
}

fn counts(found: &cases::Found, night: Date) -> CaseCounts {
    CaseCounts {
        night: night.to_string(),
        receipts: found.n_receipts,
        known: found.n_known,
        repeats: found.n_repeats,
        restarts: found.n_restarts,
        alerts: found.n_alerts,
        history_nights: found.n_history_nights,
    }
}

fn write_cases(outputs: &mut Outputs, found: &cases::Found) -> Result<()> {
    let with_mark = |head: Vec<u8>| [MARK, &head].concat();
    let head = || with_mark(cases::repeats_header());
    outputs.write(Path::new("repeats.csv"), &head, &found.repeats)?;
    let head = || with_mark(cases::alerts_header());
    outputs.write(Path::new("alerts.csv"), &head, &found.alerts)
}

/// Bytes that a writer of files with types gives, into an output.
struct Into<'o> {
    outputs: &'o mut Outputs,
    name: PathBuf,
}

impl Write for Into<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.outputs
            .write(&self.name, &Vec::new, bytes)
            .map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn make_parquet(outputs: &mut Outputs) -> Result<()> {
    let format = Format::Parquet;
    let Some(rows) = outputs.take_back(Path::new(format.rows()))? else {
        return Ok(());
    };
    let into = Into {
        outputs,
        name: PathBuf::from(format.file()),
    };
    to_parquet(BufReader::new(rows), into)
}

/// One workbook a queue, and more where a sheet is full: `Q.xlsx`, `Q-2.xlsx`.
fn make_workbooks(outputs: &mut Outputs, desk: &Desk<'_>) -> Result<()> {
    let dir = outputs.dir().to_owned();
    let lists = outputs.names();
    let lists = lists
        .iter()
        .filter(|n| n.starts_with("lists") && n.extension().is_some_and(|e| e == LIST_ROWS));
    for name in lists {
        let Some(mut rows) = outputs.take_back(name)? else {
            continue;
        };
        let code = name.file_stem().unwrap_or_default().to_string_lossy();
        let queues = &desk.names.tables.taxonomy.queues;
        let title = queues
            .iter()
            .find(|q| q.code == code)
            .map_or(&*code, |q| &q.name);
        // What Excel refuses in the name of a sheet, and its limit of 31 characters.
        let title: String = title
            .chars()
            .map(|c| if "[]:*?/\\".contains(c) { '·' } else { c })
            .take(31)
            .collect();
        let (mut done, mut number) = (0, 1);
        loop {
            std::io::Seek::rewind(&mut rows).map_err(|e| Error::io(name, "cannot be read", e))?;
            // A workbook is written out of order: whole in memory, it is packed to a tenth.
            let mut bytes = std::io::Cursor::new(Vec::new());
            let n = to_workbook(BufReader::new(&rows), done, &title, &dir, &mut bytes)?;
            done += n;
            let ending = match number {
                1 => String::new(),
                n => format!("-{n}"),
            };
            let file = PathBuf::from(format!("lists/{code}{ending}.xlsx"));
            outputs.write(&file, &Vec::new, &bytes.into_inner())?;
            if n + 1 < u64::from(SHEET_ROWS) {
                break;
            }
            number += 1;
        }
    }
    Ok(())
}

fn write_summary(outputs: &mut Outputs, total: &Summary) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(total)
        .map_err(|e| Error::Failed(format!("{SUMMARY} cannot be written: {e}")))?;
    bytes.push(b'\n');
    outputs.write(Path::new(SUMMARY), &Vec::new, &bytes)
}

/// Files of an earlier run that this run did not write again.
fn remove_older(out: &Path, checkpoint: &Checkpoint) -> Result<()> {
    let ours = |sub: &str, path: &Path| match sub {
        "lists" => path.extension().is_some_and(|e| e == "csv" || e == "xlsx"),
        "replies" => path.extension().is_some_and(|e| e == "md"),
        _ => path.file_stem().is_some_and(|s| s == "decisions"),
    };
    for sub in ["", "lists", "replies"] {
        let Ok(entries) = std::fs::read_dir(out.join(sub)) else {
            continue;
        };
        for path in entries.filter_map(|e| Some(e.ok()?.path())) {
            let name = Path::new(sub).join(path.file_name().unwrap_or_default());
            if ours(sub, &path) && !checkpoint.parts.contains_key(&name) {
                std::fs::remove_file(&path)
                    .map_err(|e| Error::io(&path, "cannot be removed", e))?;
            }
        }
    }
    Ok(())
}
