//! A small file at the page: its records decided, shown as a table, kept some minutes as `decisions.csv`.
//! Laws: what was read is decided or rejected, and both are shown; the file is that of `triage`, byte for byte.

use std::collections::VecDeque;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{self, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Shared;
use super::auth::Caller;
use super::decide::{count, in_pool, options_of};
use super::html;
use super::keys::random_hex;
use super::page::band_name;
use super::problem::Problem;
use crate::error::Error;
use crate::pipeline::Triage;
use crate::sink::{Cells, Layout, MARK, Row};
use crate::source::Source;
use crate::ticket::{NO_RECEIPT, write_date};

/// Longest file, bytes.
pub(super) const FILE_BYTES: usize = 2 << 20;
/// Records of a file.
const ROWS: usize = 500;
/// Files kept for their download: how many, and how long.
const KEPT: usize = 16;
const KEPT_FOR: Duration = Duration::from_secs(600);

struct Made {
    token: String,
    key: Option<Arc<str>>,
    at: Instant,
    csv: Bytes,
}

/// Files that wait for their download.
#[derive(Default)]
pub(super) struct Downloads(Mutex<VecDeque<Made>>);

#[derive(Serialize)]
struct Decided {
    id: String,
    level_code: String,
    level: String,
    r#type: String,
    reason: String,
    queue: String,
    band: &'static str,
    due: String,
    text: String,
}

#[derive(Serialize)]
struct Refused {
    line: u64,
    code: &'static str,
    remedy: &'static str,
}

#[derive(Serialize, Default)]
struct View {
    signed_in: bool,
    problem: Option<String>,
    token: String,
    rows: Vec<Decided>,
    rejects: Vec<Refused>,
}

fn bad(what: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "file.unreadable", "这个文件读不了").detail(what)
}

/// Decides all records; the view, and the bytes of `decisions.csv`.
fn decide_file(
    shared: &Shared,
    triage: &Triage,
    name: &'static str,
    bytes: Bytes,
) -> std::result::Result<(View, Vec<u8>), Problem> {
    let said = |e: Error| bad(e.to_string());
    let options = options_of(shared, triage).map_err(said)?;
    let mut source =
        Source::read(Path::new(name), Box::new(Cursor::new(bytes)), &options).map_err(said)?;
    let tables = &triage.tables;
    let mut records = Vec::new();
    // A batch may end early, at a number of bytes.
    while records.len() <= ROWS {
        let more = source
            .next_batch(ROWS + 1, &tables.taxonomy)
            .map_err(said)?;
        if more.is_empty() {
            break;
        }
        records.extend(more);
    }
    if records.len() > ROWS {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "file.too_many_rows",
            "这个文件超过 500 条",
        )
        .detail("更多的请用 xiaobao triage 或 /v1/triage:batch"));
    }
    let carried = source.carried_names().map(<[String]>::to_vec);
    let layout = Layout::new(std::iter::once(carried.as_deref()));
    let places = layout.places(carried.as_deref().unwrap_or_default());
    let mut csv = [MARK, &layout.header()].concat();
    let (mut cells, mut row) = (Cells::new(), Row::new());
    let mut view = View::default();
    let mut work = crate::pipeline::Workspace::default();
    let decided = triage.each(&records, &mut work, |record| {
        match record {
            Err(rejected) => view.rejects.push(Refused {
                line: rejected.position.line,
                code: rejected.code.code(),
                remedy: rejected.remedy,
            }),
            Ok(ticket) => {
                count(shared, triage, &ticket);
                cells.read(&ticket, triage.names());
                row.clear();
                csv.extend(cells.decision_row(&ticket, &layout, &places, &mut row)?);
                let taxonomy = &tables.taxonomy;
                let (d, level) = (&ticket.decision, &taxonomy.levels[ticket.decision.level]);
                let mut due = String::new();
                match ticket.due.as_ref() {
                    None => due.push_str(NO_RECEIPT),
                    Some(found) => match &found.in_force {
                        Some(date) => write_date(date, &mut due),
                        None => due.push_str(found.status.label()),
                    },
                }
                view.rows.push(Decided {
                    id: ticket.complaint.id.clone(),
                    level_code: level.label.code.clone(),
                    level: level.label.name.clone(),
                    r#type: taxonomy.types[d.type_.first().label].label.name.clone(),
                    reason: taxonomy.reasons[d.reason.first().label].label.name.clone(),
                    queue: taxonomy.queues[ticket.route.queue].name.clone(),
                    band: band_name(d.band.code()),
                    due,
                    text: beginning(ticket.clean.text()),
                });
            }
        }
        Ok(())
    });
    decided.map_err(|_| Problem::internal())?;
    Ok((view, csv))
}

/// Enough of a text to know it by.
fn beginning(text: &str) -> String {
    const CHARS: usize = 80;
    let mut out: String = text.chars().take(CHARS).collect();
    if text.chars().nth(CHARS).is_some() {
        out.push('…');
    }
    out
}

/// The field `file`: a name that tells its form, and its bytes.
async fn field(mut parts: Multipart) -> std::result::Result<(&'static str, Bytes), Problem> {
    let failed = |e: MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let what = "这个文件超过 2 MB";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "file.too_large", what)
        }
        _ => bad("表单不完整"),
    };
    while let Some(part) = parts.next_field().await.map_err(failed)? {
        if part.name() != Some("file") {
            continue;
        }
        let given = part.file_name().unwrap_or_default().to_lowercase();
        let name = match given.rsplit('.').next() {
            Some("jsonl" | "ndjson" | "json") => "upload.jsonl",
            Some("csv") => "upload.csv",
            Some("tsv") => "upload.tsv",
            _ => "upload",
        };
        let bytes = part.bytes().await.map_err(failed)?;
        if bytes.len() > FILE_BYTES {
            let what = "这个文件超过 2 MB";
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "file.too_large",
                what,
            ));
        }
        return Ok((name, bytes));
    }
    Err(bad("表单里没有文件"))
}

/// `POST /table`
pub(super) async fn table(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    parts: Multipart,
) -> Response {
    let signed_in = caller.key.is_some();
    let made = async {
        let (name, bytes) = field(parts).await?;
        in_pool(&shared, move |shared, triage| {
            let (mut view, csv) = decide_file(shared, triage, name, bytes)?;
            view.token = shared.downloads.keep(csv.into(), caller.key)?;
            Ok(view)
        })
        .await
    };
    match made.await {
        Ok(mut view) => {
            view.signed_in = signed_in;
            html::page("table.html", &view)
        }
        Err(problem) => {
            let view = View {
                signed_in,
                problem: Some(problem.full()),
                ..View::default()
            };
            let mut response = html::page("table.html", &view);
            problem.mark(&mut response);
            response
        }
    }
}

impl Downloads {
    fn keep(&self, csv: Bytes, key: Option<Arc<str>>) -> std::result::Result<String, Problem> {
        let token = random_hex::<16>().map_err(|_| Problem::internal())?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|m| m.at.elapsed() < KEPT_FOR);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Made {
            token: token.clone(),
            key,
            at: Instant::now(),
            csv,
        });
        Ok(token)
    }

    fn find(&self, token: &str, key: Option<&Arc<str>>) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = kept
            .iter()
            .find(|m| m.token == token && m.key.as_ref() == key)?;
        (made.at.elapsed() < KEPT_FOR).then(|| made.csv.clone())
    }
}

/// `GET /table/{token}`: the file of an upload, for who made it.
pub(super) async fn download(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    extract::Path(token): extract::Path<String>,
) -> std::result::Result<Response, Problem> {
    let Some(csv) = shared.downloads.find(&token, caller.key.as_ref()) else {
        let what = "结果已不在，请再上传一次";
        return Err(Problem::new(StatusCode::NOT_FOUND, "file.gone", what));
    };
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let name = HeaderValue::from_static("attachment; filename=\"decisions.csv\"");
    Ok((
        [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_DISPOSITION, name),
        ],
        csv,
    )
        .into_response())
}
