//! One complaint in, its decision out: the objects are those of `triage -`.
//! Law: a record goes the road that the batch goes, from its reader on.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::auth::Caller;
use super::problem::Problem;
use crate::complaint::{Complaint, Position};
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::pipeline::{Triage, Workspace};
use crate::sink::{Names, write_ticket};
use crate::source::{Limits, Objects, SourceOptions};
use crate::ticket::Ticket;

/// A client that repeats a request with the same key gets the first answer.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Answers kept for repeated keys.
const KEPT: usize = 10_000;

#[derive(Default)]
pub(super) struct Answers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Hash of the body, and the answer, by key.
    by_key: HashMap<String, (String, Bytes)>,
    order: VecDeque<String>,
}

impl Answers {
    /// The answer that this key had; a problem if it came with another body.
    fn get(&self, key: &str, body: &str) -> std::result::Result<Option<Bytes>, Problem> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.by_key.get(key) {
            None => Ok(None),
            Some((hash, answer)) if hash == body => Ok(Some(answer.clone())),
            Some(_) => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency.reused",
                "这个 Idempotency-Key 已用于另一条内容",
            )),
        }
    }

    fn put(&self, key: String, body: String, answer: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_key.insert(key.clone(), (body, answer)).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > KEPT {
            if let Some(oldest) = kept.order.pop_front() {
                kept.by_key.remove(&oldest);
            }
        }
    }
}

pub(super) fn too_large(shared: &Shared) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body.too_large",
        "请求体过长",
    )
    .detail(format!("上限 {} 字节", shared.options.max_body_bytes))
}

pub(super) fn permit(shared: &Shared) -> std::result::Result<OwnedSemaphorePermit, Problem> {
    shared.permits.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "正在处理的请求已满，请稍后重试",
        )
        .retry_after(1)
    })
}

/// `POST /v1/triage`: the object of `triage -` in and out.
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> std::result::Result<Response, Problem> {
    let key = headers.get(IDEMPOTENCY_KEY).map(|v| v.as_bytes());
    let key = match key {
        None => None,
        // Each caller numbers its own requests.
        Some(key) if is_idempotency_key(key) => {
            let whose = caller.key.as_deref().unwrap_or_default();
            Some(sha256(&[whose.as_bytes(), b"\0", key].concat()))
        }
        Some(_) => {
            let what = "Idempotency-Key 应为 1 至 255 个可见的 ASCII 字符";
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency.invalid",
                what,
            ));
        }
    };
    let hash = key.as_ref().map(|_| sha256(&body));
    if let (Some(key), Some(hash)) = (&key, &hash)
        && let Some(answer) = shared.answers.get(key, hash)?
    {
        return Ok(json_line(answer));
    }
    let answer = by_size(&shared, body.len(), move |shared, triage| {
        let record = read_one(triage, &body, shared)?;
        let mut line = Vec::new();
        with_ticket(triage, shared, &record, |ticket, names| {
            write_ticket(ticket, names, &mut line)
        })?;
        Ok(Bytes::from(line))
    })
    .await?;
    if let (Some(key), Some(hash)) = (key, hash) {
        shared.answers.put(key, hash, answer.clone());
    }
    Ok(json_line(answer))
}

fn is_idempotency_key(key: &[u8]) -> bool {
    (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic)
}

/// `POST /v1/explain`: the decision, the filled sheet, and the same as a person reads it.
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> std::result::Result<Response, Problem> {
    let value = in_pool(&shared, move |shared, triage| {
        let record = read_one(triage, &body, shared)?;
        explained(triage, shared, &record)
    })
    .await?;
    Ok(axum::Json(value).into_response())
}

/// The object of a decision with `sheet`, the filled handling sheet, beside the rest.
pub(super) fn explained(
    triage: &Triage,
    shared: &Shared,
    complaint: &Complaint,
) -> std::result::Result<Value, Problem> {
    let mut value = Value::Null;
    with_ticket(triage, shared, complaint, |ticket, names| {
        let mut line = Vec::new();
        write_ticket(ticket, names, &mut line)?;
        value = serde_json::from_slice(&line)
            .map_err(|e| Error::Failed(format!("a decision is no JSON: {e}")))?;
        value["sheet"] = ticket.sheet(&triage.tables).into();
        Ok(())
    })?;
    Ok(value)
}

/// A body of so many bytes is decided by the thread that read it, in about a tenth of a millisecond: handing it to
/// another costs more, and what waits behind it waits no longer than that. Chosen; figures in docs/serve.md.
const AT_ONCE_BYTES: usize = 4096;

/// Runs what decides where it costs least; a long text, or one that an encoder may judge, goes to the pool.
async fn by_size<T: Send + 'static>(
    shared: &Arc<Shared>,
    n_bytes: usize,
    work: impl FnOnce(&Shared, &Triage) -> std::result::Result<T, Problem> + Send + 'static,
) -> std::result::Result<T, Problem> {
    if n_bytes > AT_ONCE_BYTES || shared.options.cascade.is_some() {
        return in_pool(shared, work).await;
    }
    let _permit = permit(shared)?;
    let _turn = shared.turns.clone().acquire_owned().await.ok();
    let triage = shared.triage.load_full();
    shared.metrics.under_way.inc();
    let result = catch_unwind(AssertUnwindSafe(|| work(shared, &triage)));
    shared.metrics.under_way.dec();
    result.unwrap_or_else(|_| Err(Problem::internal()))
}

/// Runs what decides on the bounded pool, with the tables and bundle in force.
pub(super) async fn in_pool<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared, &Triage) -> std::result::Result<T, Problem> + Send + 'static,
) -> std::result::Result<T, Problem> {
    let permit = permit(shared)?;
    // More threads than processors would only push aside those that read, refuse and tell their health. Never closed.
    let turn = shared.turns.clone().acquire_owned().await.ok();
    let shared = shared.clone();
    let task = tokio::task::spawn_blocking(move || {
        let triage = shared.triage.load_full();
        shared.metrics.under_way.inc();
        let result = work(&shared, &triage);
        shared.metrics.under_way.dec();
        drop((permit, turn));
        result
    });
    task.await.unwrap_or_else(|_| Err(Problem::internal()))
}

/// One record of many is bounded like one that comes alone.
fn record_limit(shared: &Shared) -> Limits {
    Limits {
        max_record_bytes: shared.options.max_body_bytes,
    }
}

pub(super) fn options_of(shared: &Shared, triage: &Triage) -> Result<SourceOptions> {
    triage.tables.source_options(&SourceOptions {
        limits: record_limit(shared),
        ..SourceOptions::default()
    })
}

/// Reads one object, laid out over lines or not.
fn read_one(
    triage: &Triage,
    body: &[u8],
    shared: &Shared,
) -> std::result::Result<Complaint, Problem> {
    let value: Value = serde_json::from_slice(body).map_err(|e| {
        let (code, what) = ("json.invalid", "请求体不是一条投诉");
        Problem::new(StatusCode::BAD_REQUEST, code, what).detail(format!(
            "第 {} 行第 {} 个字符处不是 JSON",
            e.line(),
            e.column()
        ))
    })?;
    complaint_of(triage, value, body.len(), shared)
}

/// The complaint of a JSON object of so many bytes, judged as the batch judges a line of its input.
pub(super) fn complaint_of(
    triage: &Triage,
    value: Value,
    n_bytes: usize,
    shared: &Shared,
) -> std::result::Result<Complaint, Problem> {
    let position = Position {
        file: "request.jsonl".into(),
        row: 1,
        line: 1,
        byte: 0,
    };
    let taxonomy = &triage.tables.taxonomy;
    let objects = Objects::new(&triage.tables.columns);
    let record = objects.judge(value, position, n_bytes as u64, taxonomy);
    match record {
        Ok(complaint) => {
            let n = complaint.text.chars().count();
            if n > shared.options.max_text_chars {
                let code = "text.too_long";
                return Err(
                    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, code, "投诉内容过长")
                        .detail(format!("{n} 字，上限 {} 字", shared.options.max_text_chars)),
                );
            }
            Ok(complaint)
        }
        Err(rejected) => {
            let code = rejected.code.code();
            shared.metrics.rejected.with_label_values(&[code]).inc();
            Err(
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, "这条记录不能受理")
                    .detail(rejected.remedy),
            )
        }
    }
}

thread_local! {
    /// A thread that decides keeps its memory from request to request.
    static WORK: RefCell<Workspace> = RefCell::default();
}

fn with_ticket(
    triage: &Triage,
    shared: &Shared,
    complaint: &Complaint,
    take: impl FnOnce(&Ticket<'_>, Names<'_>) -> Result<()>,
) -> std::result::Result<(), Problem> {
    WORK.with_borrow_mut(|work| {
        let decided = triage.one(complaint, work).and_then(|ticket| {
            count(shared, triage, &ticket);
            take(&ticket, triage.names())
        });
        decided.map_err(|_| Problem::internal())
    })
}

/// Counts a decision, and shows it to the challenger.
pub(super) fn count(shared: &Shared, triage: &Triage, ticket: &Ticket<'_>) {
    let taxonomy = &triage.tables.taxonomy;
    let labels = [
        taxonomy.levels[ticket.decision.level].label.code.as_str(),
        ticket.decision.band.code(),
        taxonomy.queues[ticket.route.queue].code.as_str(),
    ];
    shared.metrics.decided.with_label_values(&labels).inc();
    if let Some(shadow) = &shared.shadow {
        shadow.offer(ticket, triage, shared);
    }
}

fn json_line(line: Bytes) -> Response {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], line).into_response()
}
