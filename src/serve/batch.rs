//! Many complaints in, one line out for each, streamed.
//! Laws: memory does not grow with the batch; a client that neither sends nor reads loses its place.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::Shared;
use super::decide::{count, options_of, permit};
use super::problem::Problem;
use crate::error::{Error, Result};
use crate::pipeline::{Triage, Workspace};
use crate::sink::{write_rejected, write_ticket};
use crate::source::{Record, Source};

/// Longest silence of a client, sending or reading; chosen: a batch may come from another batch that is slow.
const IDLE: Duration = Duration::from_secs(30);

/// `POST /v1/triage:batch`: JSON Lines in and out, streamed; one line out for each record, in order.
pub(super) async fn batch(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> std::result::Result<Response, Problem> {
    let permit = permit(&shared)?;
    let stream = request.into_body().into_data_stream();
    let stream = stream.timeout(IDLE).map(|block| match block {
        Ok(block) => block.map_err(std::io::Error::other),
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
    });
    let body = StreamReader::new(stream);
    let reader = SyncIoBridge::new(Box::pin(body));
    // Two blocks wait at most: a client that does not read stops the reading, not the memory.
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(2);
    tokio::task::spawn_blocking(move || {
        let triage = shared.triage.load_full();
        shared.metrics.under_way.inc();
        let ended = decide_lines(&shared, &triage, Box::new(reader), &sender);
        shared.metrics.under_way.dec();
        if let Err(e) = ended {
            // The head of the answer is gone out: the last line says what happened.
            let problem =
                Problem::new(StatusCode::BAD_REQUEST, "batch.ended", "批次中断").detail(e);
            let line = serde_json::json!({ "problem": problem.json() }).to_string() + "\n";
            send(&sender, line.into_bytes());
        }
        drop(permit);
    });
    let kind = HeaderValue::from_static("application/x-ndjson; charset=utf-8");
    let body = Body::from_stream(ReceiverStream::new(receiver));
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// Whether a client took the block: one that is gone, or does not read, gets no more. Not to be called in async code.
fn send(sender: &mpsc::Sender<std::io::Result<Bytes>>, block: Vec<u8>) -> bool {
    let sending = tokio::time::timeout(IDLE, sender.send(Ok(Bytes::from(block))));
    matches!(
        tokio::runtime::Handle::current().block_on(sending),
        Ok(Ok(()))
    )
}

/// Returns what ended the batch before its end.
fn decide_lines(
    shared: &Shared,
    triage: &Triage,
    input: Box<dyn Read + Send>,
    sender: &mpsc::Sender<std::io::Result<Bytes>>,
) -> std::result::Result<(), String> {
    let said = |e: Error| e.to_string();
    let mut input = BufReader::new(input);
    // As the filter does: nothing gives nothing.
    if input
        .fill_buf()
        .map_err(|e| e.kind().to_string())?
        .is_empty()
    {
        return Ok(());
    }
    let options = options_of(shared, triage).map_err(said)?;
    let mut source =
        Source::read(Path::new("request.jsonl"), Box::new(input), &options).map_err(said)?;
    let mut n = 0;
    loop {
        let batch = source
            .next_batch(1024, &triage.tables.taxonomy)
            .map_err(said)?;
        if batch.is_empty() {
            return Ok(());
        }
        n += batch.len() as u64;
        if n > shared.options.max_batch_rows {
            return Err(format!(
                "超过 {} 条，其余未处理",
                shared.options.max_batch_rows
            ));
        }
        let chunks = triage
            .map(&batch, |records, work| lines(shared, triage, records, work))
            .map_err(said)?;
        for chunk in chunks {
            if !send(sender, chunk) {
                return Ok(());
            }
        }
    }
}

fn lines(
    shared: &Shared,
    triage: &Triage,
    records: &[Record],
    work: &mut Workspace,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    triage.each(records, work, |decided| match decided {
        Ok(ticket) => {
            count(shared, triage, &ticket);
            write_ticket(&ticket, triage.names(), &mut out)
        }
        Err(rejected) => {
            let code = rejected.code.code();
            shared.metrics.rejected.with_label_values(&[code]).inc();
            write_rejected(rejected, &mut out)
        }
    })?;
    Ok(out)
}
