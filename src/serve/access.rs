//! One line a request, and its place in the metrics.
//! Law: no text, no query, no address of the caller, no word that a caller chose: route, key, status, outcome and time.
//! The request id alone comes from the caller, and only if it looks like one.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_stream::StreamExt;

use super::problem::{Code, Problem};
use super::{Shared, auth};

/// The answer bears it, so that both sides can speak of the same request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over, characters.
const ID_CHARS: usize = 64;

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// What one request came to; written when its answer has left.
struct Entry {
    shared: Arc<Shared>,
    started: Instant,
    id: String,
    key: Option<Arc<str>>,
    method: &'static str,
    route: String,
    status: u16,
    outcome: &'static str,
}

pub(super) async fn log(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let known = matched.as_ref().map(MatchedPath::as_str);
    let route = known.unwrap_or("unknown").to_owned();
    let method = request.method().clone();
    let id = request_id(request.headers().get(REQUEST_ID));
    let mut key = None;
    let admitted = auth::admit(&shared, known, &method, request.headers());
    let mut response = match admitted {
        Err(problem) if auth::is_page(&route) => auth::refused(problem, &method),
        Err(problem) => problem.into_response(),
        Ok(caller) => {
            key = caller.key.clone();
            request.extensions_mut().insert(caller);
            answer(&shared, &route, request, next).await
        }
    };
    // axum's own refusal of a body that is too long.
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE
        && response.extensions().get::<Code>().is_none()
    {
        response = super::decide::too_large(&shared).into_response();
    }
    // Letters, digits and three marks: always a header.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let entry = Entry {
        started,
        id,
        key,
        method: name_of(&method),
        status: response.status().as_u16(),
        outcome: response.extensions().get::<Code>().map_or("ok", |c| c.0),
        route,
        shared,
    };
    if entry.route == super::BATCH && entry.status == 200 {
        // A batch is over when its last line has gone out, or when its client has.
        let (parts, body) = response.into_parts();
        let blocks = body.into_data_stream().map(move |block| {
            let _until_the_end = &entry;
            block
        });
        return Response::from_parts(parts, Body::from_stream(blocks));
    }
    response
}

/// Only single complaints have one answer to wait for; batches flow as long as their client sends.
async fn answer(shared: &Shared, route: &str, request: Request, next: Next) -> Response {
    if route == super::BATCH {
        return next.run(request).await;
    }
    match tokio::time::timeout(shared.options.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let what = "超过时限，没有产生决定";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", what).into_response()
        }
    }
}

/// The caller's own id if it is short and plain, else one of ours.
fn request_id(given: Option<&HeaderValue>) -> String {
    let is_plain = |id: &&str| {
        (1..=ID_CHARS).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match given.and_then(|v| v.to_str().ok()).filter(is_plain) {
        Some(id) => id.to_owned(),
        None => {
            // Told apart from those of the run before, whose log may be the same file.
            static RUN: OnceLock<String> = OnceLock::new();
            let run = RUN.get_or_init(|| super::keys::random_hex::<4>().unwrap_or_default());
            format!("{run}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
        }
    }
}

/// A method is any word that a caller sends.
fn name_of(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let metrics = &self.shared.metrics;
        let route = self.route.as_str();
        metrics
            .requests
            .with_label_values(&[route, self.outcome])
            .inc();
        metrics.seconds.with_label_values(&[route]).observe(seconds);
        if !self.shared.options.access_log {
            return;
        }
        // Every value is ours or plain: nothing needs escaping.
        let line = format!(
            "{{\"at\":\"{:.3}\",\"request\":\"{}\",\"key\":\"{}\",\"method\":\"{}\",\"route\":\"{route}\",\"status\":{},\"outcome\":\"{}\",\"ms\":{}}}\n",
            jiff::Timestamp::now(),
            self.id,
            self.key.as_deref().unwrap_or("-"),
            self.method,
            self.status,
            self.outcome,
            (seconds * 1e6).round() / 1e3,
        );
        // A log that nobody takes any more is no reason to stop.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}
