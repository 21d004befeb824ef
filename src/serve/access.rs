//! One line a request, and its place in the metrics.
//! Law: no text, no query, no address of the caller: route, status, outcome and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::{Code, Problem};
use super::{Shared, auth};
use axum::http::StatusCode;
use axum::response::IntoResponse;

/// The answer bears it, so that both sides can speak of the same request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

static NUMBER: AtomicU64 = AtomicU64::new(1);

pub(super) async fn log(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let known = matched.as_ref().map(MatchedPath::as_str);
    let route = known.unwrap_or("unknown").to_owned();
    let method = request.method().clone();
    let admitted = auth::admit(&shared, known, &method, request.headers());
    let mut response = match admitted {
        Err(problem) if auth::is_page(&route) => auth::refused(problem, &method),
        Err(problem) => problem.into_response(),
        Ok(caller) => {
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
    let outcome = response.extensions().get::<Code>().map_or("ok", |c| c.0);
    let seconds = started.elapsed().as_secs_f64();
    let metrics = &shared.metrics;
    metrics
        .requests
        .with_label_values(&[route.as_str(), outcome])
        .inc();
    metrics
        .seconds
        .with_label_values(&[route.as_str()])
        .observe(seconds);
    if shared.options.access_log {
        let status = response.status().as_u16();
        let ms = (seconds * 1e6).round() / 1e3;
        eprintln!(
            "{{\"request\":{number},\"method\":\"{method}\",\"route\":\"{route}\",\"status\":{status},\"outcome\":\"{outcome}\",\"ms\":{ms}}}"
        );
    }
    response
        .headers_mut()
        .insert(REQUEST_ID, HeaderValue::from(number));
    response
}

/// Only single complaints have one answer to wait for; batches flow as long as their client sends.
async fn answer(shared: &Shared, route: &str, request: Request, next: Next) -> Response {
    if route == "/v1/triage:batch" {
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
