//! A run into a folder: read, decide, write, with a checkpoint now and then, and everything in its place at the end.
//! Law: nothing is lost; memory is bounded by a few batches; a killed run goes on to the same bytes.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, RunKey, Stage, clear_parts};
use super::chunk::{Desk, InputPlace, Written};
use super::summary::{CascadeCounts, InputReport, tell};
use super::watch::Watch;
use super::{CHECKPOINT_ROWS, Job, Outcome, batch_records, finish};
use crate::error::{Error, Result};
use crate::pipeline::{Triage, Workspace};
use crate::sink::{Layout, Outputs, sync_dir};
use crate::source::{Found, Mark, Record, Source};

/// Longest time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(20);

/// An input before it is read.
struct Input {
    path: PathBuf,
    found: Found,
    carried: Option<Vec<String>>,
    n_bytes: Option<u64>,
    /// Kept open where it cannot be opened twice.
    open: Option<Source>,
}

fn look(job: &Job<'_>) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in &job.inputs {
        let source = Source::open(path, &job.source)?;
        let stdin = path.as_os_str() == "-";
        inputs.push(Input {
            path: path.clone(),
            found: source.found().clone(),
            carried: source.carried_names().map(<[String]>::to_vec),
            n_bytes: (!stdin)
                .then(|| std::fs::metadata(path).ok())
                .flatten()
                .map(|m| m.len()),
            open: stdin.then_some(source),
        });
    }
    Ok(inputs)
}

/// A run under way.
struct Night<'t, 'o> {
    job: &'o Job<'o>,
    desk: Desk<'t>,
    out: &'o Path,
    /// `None`: a dry run.
    outputs: Option<Outputs>,
    checkpoint: Checkpoint,
    /// A checkpoint is on disk.
    saved: bool,
    resumable: bool,
    rows_since: u64,
    saved_at: Instant,
    watch: Watch,
}

/// A batch that was decided and not yet written.
struct Decided {
    chunks: Vec<Written>,
    n: u64,
    /// Where its input stood after it.
    mark: Mark,
}

pub(super) fn to_folder(triage: &Triage, job: &Job<'_>, out: &Path) -> Result<Outcome> {
    let options = job.given;
    let found = if options.dry_run {
        None
    } else {
        Checkpoint::load_unless(out, options.force)?
    };
    let finished = out.join("summary.json").exists();
    match (&found, options.resume) {
        (Some(_), false) => {
            return Err(Error::Usage(format!(
                "{}: holds an interrupted run: go on with --resume, or start anew with --force",
                out.display()
            )));
        }
        (None, true) if finished => return already_done(out, options.quiet),
        (None, _) if finished && !options.dry_run && !options.force => {
            return Err(Error::Usage(format!(
                "{}: holds the results of an earlier run: choose another --out, or add --force to replace them",
                out.display()
            )));
        }
        _ => {}
    }
    let mut inputs = look(job)?;
    let layout = Layout::new(inputs.iter().map(|i| i.carried.as_deref()));
    let run = RunKey {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bundle: triage.bundle_ids(),
        data_sha256: triage.tables.sha256.clone(),
        inputs: inputs
            .iter()
            .map(|i| i.path.display().to_string())
            .collect(),
        options: job.kept(),
    };
    let resumed = found.is_some();
    let checkpoint = match found {
        Some(found) => {
            found.run.same_as(&run, out)?;
            found
        }
        None => Checkpoint::new(run),
    };
    if !options.dry_run && !resumed {
        clear_parts(out)?;
    }
    let outputs = match (options.dry_run, resumed) {
        (true, _) => None,
        (_, true) if checkpoint.stage == Stage::Committing => None,
        (_, true) => Some(Outputs::resume(out, &checkpoint.parts)?),
        (_, false) => Some(Outputs::new(out)?),
    };
    let bytes_total: Option<u64> = inputs.iter().map(|i| i.n_bytes).sum();
    let mut desk = Desk::new(triage, layout, options.format, options.lists);
    desk.spools = options.store.is_some();
    let mut night = Night {
        job,
        desk,
        out,
        outputs,
        saved: resumed,
        resumable: !options.dry_run && inputs.iter().all(|i| i.open.is_none()),
        checkpoint,
        rows_since: 0,
        saved_at: Instant::now(),
        watch: Watch::new(options.progress, bytes_total),
    };
    if resumed && !options.quiet {
        eprintln!(
            "{}: goes on after {} records",
            out.display(),
            night.checkpoint.state.total.read
        );
    }
    let result = night.run(&mut inputs, resumed);
    if night.saved && !matches!(result, Ok(_) | Err(Error::Interrupted)) {
        eprintln!(
            "{}: what was decided is kept: put right what is named below, then go on with --resume",
            out.display()
        );
    }
    result
}

/// `--resume` after the end: what a scheduler that tries again wants to hear.
fn already_done(out: &Path, quiet: bool) -> Result<Outcome> {
    let path = out.join("summary.json");
    let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, "cannot be read", e))?;
    let summary: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|_| Error::Failed(format!("{}: is not JSON", path.display())))?;
    if !quiet {
        eprintln!("{}: is complete, nothing to go on with", out.display());
    }
    Ok(match summary["rejected"].as_u64() {
        Some(0) => Outcome::Done,
        _ => Outcome::DoneWithRejects,
    })
}

impl Night<'_, '_> {
    fn run(&mut self, inputs: &mut [Input], resumed: bool) -> Result<Outcome> {
        let options = self.job.given;
        let triage = self.desk.triage;
        if !resumed {
            self.checkpoint.state.total = super::Summary {
                bundle: triage.bundle.id().to_owned(),
                data_sha256: triage.tables.sha256.clone(),
                cascade: triage.cascade().map(|c| CascadeCounts {
                    bundle: c.bundle.id().to_owned(),
                    ..CascadeCounts::default()
                }),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..super::Summary::default()
            };
        }
        let before: u64 = inputs[..self.checkpoint.input.min(inputs.len())]
            .iter()
            .filter_map(|i| i.n_bytes)
            .sum();
        let total = &self.checkpoint.state.total;
        self.watch
            .begin_at(total.read, before + self.checkpoint.mark.raw.n_bytes);
        if self.checkpoint.stage == Stage::Reading {
            for (i, input) in inputs.iter_mut().enumerate().skip(self.checkpoint.input) {
                self.read(i, input)?;
            }
            self.checkpoint.input = inputs.len();
            self.watch.finish();
            let total = &self.checkpoint.state.total;
            if total.read != total.decided + total.rejected {
                return Err(Error::Failed(format!(
                    "{} records were read, but {} decided and {} rejected: nothing was written",
                    total.read, total.decided, total.rejected
                )));
            }
            self.check_rejects(true)?;
            // Opens the files that every run has, if no record did.
            self.put(vec![Written::default()])?;
            self.checkpoint.stage = Stage::Finishing;
            if self.resumable {
                self.save()?;
            }
        }
        if !options.dry_run {
            finish::run(
                &self.desk,
                self.job,
                self.out,
                self.outputs.take(),
                &mut self.checkpoint,
                self.resumable,
            )?;
        }
        let total = &self.checkpoint.state.total;
        if !options.quiet {
            tell(total, options.dry_run, self.out);
        }
        Ok(if total.rejected > 0 {
            Outcome::DoneWithRejects
        } else {
            Outcome::Done
        })
    }

    /// Reads one input to its end.
    fn read(&mut self, i: usize, input: &mut Input) -> Result<()> {
        let options = self.job.given;
        let goes_on = self.checkpoint.input == i && self.checkpoint.mark != Mark::default();
        let mut source = match input.open.take() {
            Some(open) => open,
            None => {
                let mark = goes_on.then_some(&self.checkpoint.mark);
                Source::open_at(&input.path, &self.job.source, mark)?
            }
        };
        if !goes_on {
            self.checkpoint.input = i;
            self.checkpoint.mark = Mark::default();
            self.checkpoint.state.total.inputs.push(InputReport {
                found: input.found.clone(),
                read: 0,
                decided: 0,
                rejected: 0,
                n_bytes: 0,
                sha256: String::new(),
            });
        }
        if !options.quiet {
            report(source.found());
        }
        let bytes_before = self.watch_base(i);
        let place = InputPlace {
            number: u32::try_from(i).unwrap_or(u32::MAX),
            cells: self
                .desk
                .layout
                .places(source.carried_names().unwrap_or(&[])),
        };
        let taxonomy = &self.desk.triage.tables.taxonomy;
        let mut decided: Option<Decided> = None;
        let mut batch = source.next_batch(batch_records(), taxonomy)?;
        let mut mark = source.mark();
        while !batch.is_empty() && !options.stop.load(Ordering::Relaxed) {
            // While this batch is decided, the one before is written and the next one read.
            let before = decided.take();
            let (desk, triage) = (&self.desk, self.desk.triage);
            let finish =
                |records: &[Record], work: &mut Workspace| desk.chunk(records, &place, work);
            let mut other = Other {
                outputs: &mut self.outputs,
                checkpoint: &mut self.checkpoint,
                watch: &mut self.watch,
            };
            let ((now, decide), next) = rayon::join(
                || {
                    let started = Instant::now();
                    (triage.map(&batch, finish), started.elapsed())
                },
                || {
                    if let Some(before) = before {
                        other.write(desk, before)?;
                    }
                    let started = Instant::now();
                    let batch = source.next_batch(batch_records(), taxonomy)?;
                    other.watch.busy.read += started.elapsed();
                    Ok::<_, Error>((batch, source.mark()))
                },
            );
            self.watch.busy.decide += decide;
            let (next, next_mark) = next?;
            let n = batch.len() as u64;
            self.rows_since += n;
            decided = Some(Decided {
                chunks: now?,
                n,
                mark: std::mem::replace(&mut mark, next_mark),
            });
            batch = next;
            let total = &self.checkpoint.state.total;
            self.watch.at(
                total.read,
                total.rejected,
                bytes_before + self.checkpoint.mark.raw.n_bytes,
            );
            if self.rows_since >= options.checkpoint_rows.unwrap_or(CHECKPOINT_ROWS)
                || self.saved_at.elapsed() >= CHECKPOINT_EVERY
            {
                self.write(decided.take())?;
                self.check_rejects(false)?;
                if self.resumable {
                    self.save()?;
                }
            }
        }
        self.write(decided)?;
        if options.stop.load(Ordering::Relaxed) {
            return self.interrupted();
        }
        let raw = mark.raw;
        let total = &self.checkpoint.state.total;
        self.watch
            .at(total.read, total.rejected, bytes_before + raw.n_bytes);
        if let Some(report) = self.checkpoint.state.total.inputs.last_mut() {
            report.n_bytes = raw.n_bytes;
            report.sha256 = raw.sha256;
            if !options.quiet && self.job.inputs.len() > 1 {
                eprintln!(
                    "{}: read {} = decided {} + rejected {}",
                    report.found.file, report.read, report.decided, report.rejected
                );
            }
        }
        self.checkpoint.input = i + 1;
        self.checkpoint.mark = Mark::default();
        Ok(())
    }

    /// Bytes of the inputs before this one.
    fn watch_base(&self, i: usize) -> u64 {
        let inputs = &self.checkpoint.state.total.inputs;
        inputs.iter().take(i).map(|r| r.n_bytes).sum()
    }

    fn write(&mut self, decided: Option<Decided>) -> Result<()> {
        let mut other = Other {
            outputs: &mut self.outputs,
            checkpoint: &mut self.checkpoint,
            watch: &mut self.watch,
        };
        match decided {
            Some(decided) => other.write(&self.desk, decided),
            None => Ok(()),
        }
    }

    fn put(&mut self, chunks: Vec<Written>) -> Result<()> {
        let state = &mut self.checkpoint.state;
        if let Some(outputs) = &mut self.outputs {
            for chunk in chunks {
                self.desk
                    .put(outputs, &mut state.decisions, &mut state.rejects, chunk)?;
            }
        }
        Ok(())
    }

    /// Syncs what is written, then says so on disk.
    fn save(&mut self) -> Result<()> {
        if let Some(outputs) = &mut self.outputs {
            self.checkpoint.parts = outputs.sync()?;
            outputs.keep();
            sync_dir(self.out)?;
            self.checkpoint.save(self.out)?;
            self.saved = true;
        }
        self.rows_since = 0;
        self.saved_at = Instant::now();
        Ok(())
    }

    fn interrupted(&mut self) -> Result<()> {
        self.watch.finish();
        if self.resumable {
            self.save()?;
            eprintln!(
                "interrupted after {} records: go on with --resume",
                self.checkpoint.state.total.read
            );
        } else {
            eprintln!("interrupted; standard input cannot be gone on with: start anew");
        }
        Err(Error::Interrupted)
    }

    /// `--max-rejects`; a share is judged from `MIN_ROWS` on, and at the end.
    fn check_rejects(&mut self, at_end: bool) -> Result<()> {
        const MIN_ROWS: u64 = 1000;
        let total = &self.checkpoint.state.total;
        let Some(limit) = self.job.given.max_rejects else {
            return Ok(());
        };
        let judged = at_end || total.read >= MIN_ROWS;
        if !limit.passed(total.rejected, total.read, judged) {
            return Ok(());
        }
        let message = format!(
            "{} of {} records were rejected, more than --max-rejects {limit}: see their codes with a --dry-run; \
             mend the input and start anew with --force, or go on with --resume and a higher limit",
            total.rejected, total.read
        );
        if self.resumable {
            self.save()?;
        }
        Err(Error::Failed(message))
    }
}

/// What the thread that writes and reads on may touch while the others decide.
struct Other<'n> {
    outputs: &'n mut Option<Outputs>,
    checkpoint: &'n mut Checkpoint,
    watch: &'n mut Watch,
}

impl Other<'_> {
    fn write(&mut self, desk: &Desk<'_>, decided: Decided) -> Result<()> {
        let started = Instant::now();
        let state = &mut self.checkpoint.state;
        for mut chunk in decided.chunks {
            let counts = std::mem::take(&mut chunk.counts);
            let latest = chunk.latest;
            if let Some(outputs) = self.outputs {
                desk.put(outputs, &mut state.decisions, &mut state.rejects, chunk)?;
            }
            if let Some(report) = state.total.inputs.last_mut() {
                report.read += counts.decided + counts.rejected;
                report.decided += counts.decided;
                report.rejected += counts.rejected;
            }
            state.latest = state.latest.max(latest);
            state.total.add(counts);
        }
        state.total.read += decided.n;
        self.checkpoint.mark = decided.mark;
        self.watch.busy.write += started.elapsed();
        Ok(())
    }
}

fn report(found: &Found) {
    let mut more = String::new();
    if let Some(packed) = &found.packed {
        more.push_str(&format!(", {packed}"));
    }
    if let Some(delimiter) = &found.delimiter {
        more.push_str(&format!(", delimiter {delimiter}"));
    }
    if let Some(sheet) = &found.sheet {
        more.push_str(&format!(", sheet {sheet}"));
    }
    eprintln!(
        "{}: {}, {} ({}){more}",
        found.file, found.format, found.encoding, found.encoding_ground
    );
}
