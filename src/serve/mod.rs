//! Requests in, the decisions of the batch out: the pipeline over HTTP.
//! Laws: row for row the decision that `triage` gives; only masked text leaves; every input is bounded; work beyond the
//! bounds is refused at once; health answers whatever the load.

mod access;
mod auth;
mod batch;
mod corrections;
mod decide;
mod html;
pub mod keys;
mod listen;
mod metrics;
mod openapi;
mod page;
mod problem;
mod reload;
mod schema;
mod shadow;
mod tls;
mod upload;

pub use tls::TlsFiles;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::{Error, Result};
use crate::pipeline::Triage;
use keys::Keys;
use metrics::Metrics;
use problem::Problem;

/// Bounds and places of a server.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub model: PathBuf,
    pub cascade: Option<PathBuf>,
    pub prior: Option<PathBuf>,
    /// Longest body of one complaint, bytes.
    pub max_body_bytes: usize,
    /// Longest text, characters.
    pub max_text_chars: usize,
    /// Records of one batch.
    pub max_batch_rows: u64,
    /// Requests let in at a time; more are refused with 503.
    pub max_concurrent: usize,
    /// From the first byte of the body to the last byte of the answer, for one complaint.
    pub timeout: Duration,
    /// One line a request on stderr.
    pub access_log: bool,
    /// File of the callers' keys; without it whoever reaches the address may call.
    pub keys: Option<PathBuf>,
    /// Certificate and key; without them HTTP is spoken in the clear.
    pub tls: Option<TlsFiles>,
    /// Bundle that decides the same traffic unseen.
    pub shadow: Option<PathBuf>,
    /// File that corrections made at the page are added to.
    pub corrections: Option<PathBuf>,
}

/// The route whose answer flows on after its head.
const BATCH: &str = "/v1/triage:batch";

/// What all handlers share.
struct Shared {
    options: ServeOptions,
    /// The tables and bundle in force; a request keeps those that it began with.
    triage: ArcSwap<Triage>,
    /// Those before.
    before: reload::Before,
    shadow: Option<shadow::Shadow>,
    /// Requests let in; those beyond are refused.
    permits: Arc<Semaphore>,
    /// Of those let in, the ones being decided: as many as there are processors.
    turns: Arc<Semaphore>,
    metrics: Metrics,
    answers: decide::Answers,
    draining: AtomicBool,
    /// The keys in force; `None` without `--keys`.
    keys: Option<ArcSwap<Keys>>,
    /// People signed in at the page.
    sessions: auth::Sessions,
    /// What handshakes are answered with; `None` without TLS.
    tls: Option<ArcSwap<ServerConfig>>,
    downloads: upload::Downloads,
}

fn load(options: &ServeOptions) -> Result<Triage> {
    let (cascade, prior) = (options.cascade.as_deref(), options.prior.as_deref());
    Triage::load_with(&options.data, &options.model, cascade, prior)
}

/// Serves until SIGTERM or SIGINT, then answers what is under way and returns.
pub fn run(options: ServeOptions) -> Result<()> {
    let shared = share(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One more than may decide at a time: whoever reads, refuses and tells its health never waits for a decision.
        .worker_threads(deciders() + 1)
        // Long texts are decided here; the semaphore lets no more than its permits in.
        .max_blocking_threads(shared.options.max_concurrent + 4)
        .enable_all()
        .build()
        .map_err(|e| Error::Failed(format!("the server cannot be started: {e}")))?;
    runtime.block_on(serve(shared))
}

/// The routes without a listener, for an axum application that has one of its own; every route answers as under `run`.
///
/// Needs a tokio runtime with time enabled. Errors as `run` before it listens.
pub fn routes(options: ServeOptions) -> Result<Router> {
    Ok(router(share(options)?))
}

/// Loads what requests share; a challenger begins to wait for work.
fn share(options: ServeOptions) -> Result<Arc<Shared>> {
    let keys = match &options.keys {
        Some(path) => Some(Keys::load(path)?),
        None if options.listen.ip().is_loopback() => None,
        None => {
            return Err(Error::Usage(format!(
                "--listen {}: without keys only this machine is served: listen on 127.0.0.1, or name the callers by \
                 `xiaobao keys add` and give --keys FILE",
                options.listen
            )));
        }
    };
    if keys
        .as_ref()
        .is_some_and(|keys| keys.iter().next().is_none())
    {
        eprintln!("the file of keys holds none: nobody may call; see `xiaobao keys add`");
    }
    if keys.is_some() && options.tls.is_none() && !options.listen.ip().is_loopback() {
        eprintln!(
            "keys and complaints cross the network in the clear: give --tls-cert and --tls-key unless a gateway speaks TLS"
        );
    }
    if let Some(path) = &options.corrections {
        corrections::open(path)?;
    }
    let certificate = options.tls.as_ref().map(tls::load).transpose()?;
    let triage = load(&options)?;
    let challenger = shadow::load(&options)?.map(shadow::Shadow::new);
    let (shadow, waiting) = challenger.unzip();
    let shared = Arc::new(Shared {
        permits: Arc::new(Semaphore::new(options.max_concurrent)),
        turns: Arc::new(Semaphore::new(deciders())),
        triage: ArcSwap::from_pointee(triage),
        before: reload::Before::default(),
        shadow,
        metrics: Metrics::new()?,
        answers: decide::Answers::default(),
        draining: AtomicBool::new(false),
        keys: keys.map(ArcSwap::from_pointee),
        sessions: auth::Sessions::default(),
        tls: certificate.map(ArcSwap::from),
        downloads: upload::Downloads::default(),
        options,
    });
    if let Some(waiting) = waiting {
        let shared = shared.clone();
        std::thread::Builder::new()
            .name("shadow".to_owned())
            .spawn(move || shadow::work(&shared, waiting))
            .map_err(|e| Error::Failed(format!("the challenger cannot be started: {e}")))?;
    }
    Ok(shared)
}

/// How many complaints are decided at a time: as many as there are processors.
fn deciders() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

async fn serve(shared: Arc<Shared>) -> Result<()> {
    let address = shared.options.listen;
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Error::Usage(format!(
            "--listen {address}: {e}: choose another port, or end what listens there"
        ))
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    eprintln!(
        "serving on {}://{bound}, bundle {}; SIGHUP loads tables, bundle, keys and certificate anew, SIGTERM ends",
        if shared.tls.is_some() {
            "https"
        } else {
            "http"
        },
        shared.triage.load().bundle_ids()
    );
    let app = router(shared.clone());
    listen::accept(listener, app, &shared).await
}

fn router(shared: Arc<Shared>) -> Router {
    let fixed =
        |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    let limits = &shared.options;
    Router::new()
        .route("/v1/triage", post(decide::one))
        .route(
            BATCH,
            post(batch::batch).layer(DefaultBodyLimit::disable()),
        )
        .route("/v1/explain", post(decide::explain))
        .route("/v1/taxonomy", get(taxonomy))
        .route("/v1/bundle", get(bundle))
        .route("/v1/openapi.json", get(openapi::json))
        .route("/docs", get(openapi::page))
        .route("/v1/admin/reload", post(reload::reload))
        .route("/v1/admin/rollback", post(reload::rollback))
        .route("/v1/admin/shadow", get(shadow::show))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::show))
        .route("/", get(page::empty).post(page::decided))
        .route("/correct", post(corrections::correct))
        .route(
            "/table",
            // The other parts of the form, and its borders.
            post(upload::table).layer(DefaultBodyLimit::max(upload::FILE_BYTES + (64 << 10))),
        )
        .route(auth::DOWNLOAD, get(upload::download))
        .route("/login", get(auth::form).post(auth::login))
        .route("/logout", post(auth::logout))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "route.unknown", "没有这个地址") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method.unknown",
                "这个地址不接受这种方法",
            )
        })
        .layer(DefaultBodyLimit::max(limits.max_body_bytes))
        .layer(axum::middleware::from_fn_with_state(
            shared.clone(),
            access::log,
        ))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::internal().into_response()
        }))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // `no-referrer` would make browsers send `Origin: null` with our own forms.
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .with_state(shared)
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if shared.draining.load(Ordering::Relaxed) {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", "正在停机")
            .into_response();
    }
    "ready\n".into_response()
}

async fn bundle(State(shared): State<Arc<Shared>>) -> Response {
    let triage = shared.triage.load();
    axum::Json(serde_json::json!({
        "bundle": triage.bundle_ids(),
        "data_sha256": triage.tables.sha256,
        "version": env!("CARGO_PKG_VERSION"),
    }))
    .into_response()
}

async fn taxonomy(State(shared): State<Arc<Shared>>) -> Response {
    let triage = shared.triage.load();
    let taxonomy = &triage.tables.taxonomy;
    let pair = |code: &str, name: &str| serde_json::json!({ "code": code, "name": name });
    let labels = |labels: Vec<&crate::taxonomy::Label>| -> Vec<serde_json::Value> {
        labels.into_iter().map(|l| pair(&l.code, &l.name)).collect()
    };
    axum::Json(serde_json::json!({
        "type": labels(taxonomy.types.iter().map(|t| &t.label).collect()),
        "reason": labels(taxonomy.reasons.iter().map(|r| &r.label).collect()),
        "urgency": labels(taxonomy.levels.iter().map(|l| &l.label).collect()),
        "flags": taxonomy.flags.iter().map(|f| pair(&f.code, &f.name)).collect::<Vec<_>>(),
        "channels": taxonomy.channels.iter().map(|c| pair(&c.code, &c.name)).collect::<Vec<_>>(),
        "queues": taxonomy.queues.iter().map(|q| pair(&q.code, &q.name)).collect::<Vec<_>>(),
    }))
    .into_response()
}
