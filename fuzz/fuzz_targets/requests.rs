//! Any body to any route that takes one: the answer is never a fault of the server's own.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;
use xiaobao::serve::{ServeOptions, routes};

/// What the first byte of the input chooses.
const ROUTES: [(&str, &str); 7] = [
    ("/v1/triage", "application/json"),
    ("/v1/triage", "application/x-www-form-urlencoded"),
    ("/v1/triage:batch", "application/x-ndjson"),
    ("/v1/explain", "application/json"),
    ("/", "application/x-www-form-urlencoded"),
    ("/table", "multipart/form-data; boundary=b"),
    ("/correct", "application/x-www-form-urlencoded"),
];

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime")
});

static APP: LazyLock<Router> = LazyLock::new(|| {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let options = ServeOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        data: root.join("data"),
        model: root.join("models/default"),
        cascade: None,
        prior: None,
        max_body_bytes: 1 << 20,
        max_text_chars: 20_000,
        max_batch_rows: 1_000,
        max_concurrent: 8,
        timeout: Duration::from_secs(10),
        access_log: false,
        keys: None,
        tls: None,
        shadow: None,
        corrections: None,
    };
    routes(options).expect("the shipped tables and bundle")
});

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let (route, kind) = ROUTES[usize::from(*first) % ROUTES.len()];
    let request = Request::post(route)
        .header("host", "localhost")
        .header("content-type", kind)
        .body(Body::from(body.to_vec()))
        .expect("a request");
    RUNTIME.block_on(async {
        let answer = APP.clone().oneshot(request).await.expect("an answer");
        // A panic is answered with 500; 503 is said when there is no room, and nobody else is here.
        assert!(
            answer.status().as_u16() < 500,
            "{route}: {}",
            answer.status()
        );
        let bytes = axum::body::to_bytes(answer.into_body(), 64 << 20)
            .await
            .expect("a whole answer");
        assert!(std::str::from_utf8(&bytes).is_ok(), "{route}: not UTF-8");
    });
});
