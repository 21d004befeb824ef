//! Connections in, requests out; signals: SIGHUP loads anew, SIGTERM and SIGINT drain and end.
//! Laws: a slow client costs a connection, never a thread; what is under way at the end is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use super::keys::Keys;
use super::{Shared, load};
use crate::error::{Error, Result};

/// A client has this long to send its header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests under way have this long to end.
const DRAIN: Duration = Duration::from_secs(30);

/// Takes connections until a signal, then lets those under way end.
pub(super) async fn accept(listener: TcpListener, app: Router, shared: &Arc<Shared>) -> Result<()> {
    let failed = |e| Error::Failed(format!("signals cannot be listened to: {e}"));
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    loop {
        tokio::select! {
            taken = listener.accept() => {
                // A client that is gone again, or no more file handles: the next one may do.
                let Ok((stream, _)) = taken else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let service = TowerToHyperService::new(app.clone());
                let connection = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .into_owned();
                let watched = graceful.watch(connection);
                tokio::spawn(async move {
                    // What goes wrong on one connection is that client's to see.
                    let _ = watched.await;
                });
            }
            _ = hang_up.recv() => load_anew(shared.clone()),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    shared.draining.store(true, Ordering::Relaxed);
    drop(listener);
    eprintln!("draining");
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        eprintln!("some requests did not end within {} s", DRAIN.as_secs());
    }
    Ok(())
}

/// Loads keys, tables and bundle beside those in force, checks them, and only then puts them in their place.
fn load_anew(shared: Arc<Shared>) {
    tokio::task::spawn_blocking(move || {
        // First and alone: a revoked key must not stay because of a table with a fault.
        if let (Some(path), Some(keys)) = (&shared.options.keys, &shared.keys) {
            match Keys::load(path) {
                Ok(found) => {
                    eprintln!("reloaded: {} keys", found.iter().count());
                    keys.store(Arc::new(found));
                }
                Err(e) => eprintln!("keys not reloaded, the old ones stay in force: {e}"),
            }
        }
        match load(&shared.options) {
            Ok(triage) => {
                eprintln!("reloaded: bundle {}", triage.bundle_ids());
                shared.triage.store(Arc::new(triage));
            }
            Err(e) => eprintln!("not reloaded, the old ones stay in force: {e}"),
        }
    });
}
