//! Tables and bundle are loaded beside those in force, checked, swapped; the ones before are kept for going back.
//! Laws: one swap at a time; what cannot be loaded changes nothing; a request keeps those that it began with.

use std::sync::{Arc, Mutex, TryLockError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Shared, keys, load, shadow, tls};
use crate::error::Result;
use crate::pipeline::Triage;

/// Those before the ones in force; locked for as long as a swap takes.
#[derive(Default)]
pub(super) struct Before(Mutex<Option<Arc<Triage>>>);

/// Which bundle and tables these are.
fn name(triage: &Triage) -> Value {
    json!({ "bundle": triage.bundle_ids(), "data_sha256": triage.tables.sha256 })
}

/// Everything that SIGHUP reads anew; each part on its own, so that a fault in one does not keep another from its change.
pub(super) fn all(shared: &Shared) {
    // First: a revoked key must not stay because of a table with a fault.
    if let (Some(path), Some(keys)) = (&shared.options.keys, &shared.keys) {
        match keys::Keys::load(path) {
            Ok(found) => {
                eprintln!("reloaded: {} keys", found.iter().count());
                keys.store(Arc::new(found));
            }
            Err(e) => eprintln!("keys not reloaded, the old ones stay in force: {e}"),
        }
    }
    if let (Some(files), Some(config)) = (&shared.options.tls, &shared.tls) {
        match tls::load(files) {
            Ok(found) => {
                config.store(found);
                eprintln!("reloaded: certificate");
            }
            Err(e) => eprintln!("certificate not reloaded, the old one stays in force: {e}"),
        }
    }
    match forward(shared) {
        Some(Ok(_)) => eprintln!("reloaded: bundle {}", shared.triage.load().bundle_ids()),
        Some(Err(e)) => eprintln!("not reloaded, the old ones stay in force: {e}"),
        None => eprintln!("not reloaded: another reload is under way"),
    }
}

/// The answer of a swap; `None` if another is under way.
fn forward(shared: &Shared) -> Option<Result<Value>> {
    let mut before = match shared.before.0.try_lock() {
        Ok(before) => before,
        Err(TryLockError::Poisoned(e)) => e.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    let mut swap = || {
        let new = Arc::new(load(&shared.options)?);
        let challenger = shadow::load(&shared.options)?;
        let answer_new = name(&new);
        let old = shared.triage.swap(new);
        if let (Some(shadow), Some(challenger)) = (&shared.shadow, challenger) {
            shadow.replace(challenger);
        }
        let answer = json!({ "old": name(&old), "new": answer_new });
        *before = Some(old);
        Ok(answer)
    };
    Some(swap())
}

fn back(shared: &Shared) -> Option<std::result::Result<Value, Problem>> {
    let mut before = match shared.before.0.try_lock() {
        Ok(before) => before,
        Err(TryLockError::Poisoned(e)) => e.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    let Some(new) = before.take() else {
        let what = "没有上一个可退回";
        return Some(Err(Problem::new(
            StatusCode::CONFLICT,
            "rollback.nothing",
            what,
        )));
    };
    let answer_new = name(&new);
    let old = shared.triage.swap(new);
    let answer = json!({ "old": name(&old), "new": answer_new });
    // Going back twice is going forward again.
    *before = Some(old);
    Some(Ok(answer))
}

fn under_way() -> Problem {
    let what = "另一次更换正在进行";
    Problem::new(StatusCode::CONFLICT, "reload.under_way", what).retry_after(2)
}

/// `POST /v1/admin/reload`
pub(super) async fn reload(
    State(shared): State<Arc<Shared>>,
) -> std::result::Result<Response, Problem> {
    let done = tokio::task::spawn_blocking(move || forward(&shared)).await;
    match done {
        Ok(Some(Ok(answer))) => {
            eprintln!("reloaded: bundle {}", answer["new"]["bundle"]);
            Ok(axum::Json(answer).into_response())
        }
        Ok(None) => Err(under_way()),
        Ok(Some(Err(e))) => {
            let what = "新的不能装入，旧的仍在用";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(Problem::new(status, "reload.refused", what).detail(e.to_string()))
        }
        Err(_) => Err(Problem::internal()),
    }
}

/// `POST /v1/admin/rollback`
pub(super) async fn rollback(
    State(shared): State<Arc<Shared>>,
) -> std::result::Result<Response, Problem> {
    match back(&shared) {
        Some(answer) => {
            let answer = answer?;
            eprintln!("went back: bundle {}", answer["new"]["bundle"]);
            Ok(axum::Json(answer).into_response())
        }
        None => Err(under_way()),
    }
}
