//! What an operator watches: requests, latencies, bands, queues, rejects.
//! Law: labels are codes; no text is ever one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

use super::Shared;
use crate::error::{Error, Result};

pub(super) struct Metrics {
    registry: Registry,
    pub requests: IntCounterVec,
    pub seconds: HistogramVec,
    pub decided: IntCounterVec,
    pub rejected: IntCounterVec,
    pub under_way: IntGauge,
    pub shadow_decided: IntCounter,
    pub shadow_dropped: IntCounter,
    pub shadow_differences: IntCounterVec,
}

impl Metrics {
    pub fn new() -> Result<Metrics> {
        let failed = |e| Error::Failed(format!("metrics cannot be set up: {e}"));
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let requests = counter(
            "xiaobao_requests_total",
            "Requests by route and outcome (ok or the code of the problem)",
            &["route", "outcome"],
        )
        .map_err(failed)?;
        let buckets = vec![
            0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0,
        ];
        let seconds = HistogramVec::new(
            HistogramOpts::new("xiaobao_request_seconds", "Time from header to answer")
                .buckets(buckets),
            &["route"],
        )
        .map_err(failed)?;
        let decided = counter(
            "xiaobao_decided_total",
            "Complaints decided by level, band and queue",
            &["urgency", "band", "queue"],
        )
        .map_err(failed)?;
        let rejected = counter(
            "xiaobao_rejected_total",
            "Records rejected by code",
            &["code"],
        )
        .map_err(failed)?;
        let under_way = IntGauge::new("xiaobao_requests_under_way", "Requests being decided")
            .map_err(failed)?;
        let shadow_decided = IntCounter::new(
            "xiaobao_shadow_decided_total",
            "Complaints that the challenger decided too",
        )
        .map_err(failed)?;
        let shadow_dropped = IntCounter::new(
            "xiaobao_shadow_dropped_total",
            "Complaints that the challenger had no time for",
        )
        .map_err(failed)?;
        let shadow_differences = counter(
            "xiaobao_shadow_differences_total",
            "Differences between the challenger and the bundle in force, by kind",
            &["kind"],
        )
        .map_err(failed)?;
        registry
            .register(Box::new(requests.clone()))
            .and_then(|()| registry.register(Box::new(seconds.clone())))
            .and_then(|()| registry.register(Box::new(decided.clone())))
            .and_then(|()| registry.register(Box::new(rejected.clone())))
            .and_then(|()| registry.register(Box::new(under_way.clone())))
            .and_then(|()| registry.register(Box::new(shadow_decided.clone())))
            .and_then(|()| registry.register(Box::new(shadow_dropped.clone())))
            .and_then(|()| registry.register(Box::new(shadow_differences.clone())))
            .map_err(failed)?;
        Ok(Metrics {
            registry,
            requests,
            seconds,
            decided,
            rejected,
            under_way,
            shadow_decided,
            shadow_dropped,
            shadow_differences,
        })
    }
}

/// `GET /metrics`, in Prometheus's text form.
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Response {
    let mut body = Vec::new();
    let encoder = TextEncoder::new();
    // Writing into memory does not fail; if it did, half a page is what there is.
    let _ = encoder.encode(&shared.metrics.registry.gather(), &mut body);
    let kind = encoder.format_type().to_owned();
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
