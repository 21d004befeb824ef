//! Connections in, requests out; signals: SIGHUP loads anew, SIGTERM and SIGINT drain and end.
//! Laws: a slow client costs a connection, never a thread; what is under way at the end is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{Shared, reload};
use crate::error::{Error, Result};

/// A client has this long to send its header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// And this long for a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections open at a time; each may hold one body.
const CONNECTIONS: usize = 1024;
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
    let builder = Arc::new(builder);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        tokio::select! {
            // Those beyond the bound wait in the system's queue.
            (place, taken) = next(&listener, &places) => {
                // A client that is gone again, or no more file handles: the next one may do.
                let Ok((stream, _)) = taken else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                // Answers are whole: waiting for more to send with them would only cost time.
                let _ = stream.set_nodelay(true);
                let service = TowerToHyperService::new(app.clone());
                let tls = shared.tls.as_ref().map(|config| config.load_full());
                let (builder, watcher) = (builder.clone(), graceful.watcher());
                tokio::spawn(async move {
                    let _place = place;
                    // What goes wrong on one connection is that client's to see.
                    match tls {
                        None => {
                            let connection = builder.serve_connection(TokioIo::new(stream), service);
                            let _ = watcher.watch(connection.into_owned()).await;
                        }
                        Some(config) => {
                            let shaken = TlsAcceptor::from(config).accept(stream);
                            if let Ok(Ok(stream)) = timeout(HANDSHAKE_TIMEOUT, shaken).await {
                                let connection = builder.serve_connection(TokioIo::new(stream), service);
                                let _ = watcher.watch(connection.into_owned()).await;
                            }
                        }
                    }
                });
            }
            _ = hang_up.recv() => {
                let shared = shared.clone();
                tokio::task::spawn_blocking(move || reload::all(&shared));
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    shared.draining.store(true, Ordering::Relaxed);
    drop(listener);
    eprintln!("draining");
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        eprintln!("some requests did not end within {} s", DRAIN.as_secs());
    }
    Ok(())
}

/// The next client, as soon as there is a place for it.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (
    Option<OwnedSemaphorePermit>,
    std::io::Result<(TcpStream, SocketAddr)>,
) {
    // The semaphore is never closed.
    let place = places.clone().acquire_owned().await.ok();
    (place, listener.accept().await)
}
