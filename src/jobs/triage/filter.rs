//! The filter: every record becomes one line on standard output, flushed batch by batch.
//! JSON Lines give JSON Lines; the tab-separated lines of `--tsv` give tab-separated lines, one out for each one in.

use std::io::{BufRead, Write};
use std::path::Path;

use super::{Job, Outcome, batch_records};
use crate::error::{Error, Result};
use crate::pipeline::{Triage, Workspace};
use crate::sink::{Cells, Names, reject_line, write_rejected, write_ticket};
use crate::source::{Record, Source};

pub(super) fn to_stdout(triage: &Triage, job: &Job<'_>) -> Result<Outcome> {
    let names = triage.names();
    let tabs = job.source.lines.is_some();
    let taxonomy = &triage.tables.taxonomy;
    let failed = |e| Error::io(Path::new("standard output"), "cannot be written", e);
    let mut any_rejected = false;
    for input in &job.inputs {
        // A filter over nothing gives nothing; an input that cannot be read is an error, however short it is.
        if input.as_os_str() == "-" && job.inputs.len() == 1 && nothing_comes() {
            return Ok(Outcome::Done);
        }
        let mut source = Source::open(input, &job.source)?;
        loop {
            let batch = source.next_batch(batch_records(), taxonomy)?;
            if batch.is_empty() {
                break;
            }
            any_rejected |= batch.iter().any(std::result::Result::is_err);
            let chunks = triage.map(&batch, |records, work| {
                lines(triage, names, tabs, records, work)
            })?;
            let mut lock = std::io::stdout().lock();
            for chunk in chunks {
                lock.write_all(&chunk).map_err(failed)?;
            }
            lock.flush().map_err(failed)?;
        }
    }
    Ok(if any_rejected {
        Outcome::DoneWithRejects
    } else {
        Outcome::Done
    })
}

fn lines(
    triage: &Triage,
    names: Names<'_>,
    tabs: bool,
    records: &[Record],
    work: &mut Workspace,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut cells = Cells::new();
    triage.each(records, work, |decided| {
        match decided {
            Err(rejected) if tabs => reject_line(rejected.code.code(), &mut out),
            Err(rejected) => write_rejected(rejected, &mut out)?,
            Ok(ticket) if tabs => {
                cells.read(&ticket, names);
                cells.line(&mut out);
            }
            Ok(ticket) => write_ticket(&ticket, names, &mut out)?,
        }
        Ok(())
    })?;
    Ok(out)
}

/// Standard input ends before its first byte; waits for that byte, and leaves it where it is.
fn nothing_comes() -> bool {
    matches!(std::io::stdin().lock().fill_buf(), Ok([]))
}
