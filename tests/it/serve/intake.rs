//! The intake step: the decision of the batch over HTTP, bounded, masked, and gone without a gap.

use serde_json::Value;

use super::server::Server;
use crate::run::{json, read, root, xiaobao, xiaobao_fed};

/// A decision without the place where its record stood.
pub fn decision(line: &str) -> Value {
    let mut value = json(line);
    if let Some(members) = value.as_object_mut() {
        members.remove("source");
    }
    value
}

/// The samples as JSON Lines.
pub fn samples() -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for row in crate::run::csv_rows(root().join("data/samples/complaints.csv")) {
        let line = serde_json::json!({
            "id": row["编号"], "text": row["投诉内容"], "channel": row["渠道"], "received_at": row["受理时间"],
        });
        lines.push(line.to_string());
    }
    let calls = read(root().join("data/samples/calls.jsonl"));
    lines.extend(calls.lines().map(str::to_owned));
    lines
}

#[test]
fn one_many_and_the_filter_decide_alike() {
    let lines = samples();
    let input = lines.join("\n") + "\n";
    let filter = xiaobao_fed(&["triage", "-"], input.as_bytes());
    let wanted: Vec<Value> = filter.stdout.lines().map(decision).collect();
    assert_eq!(wanted.len(), lines.len());
    let server = Server::start(&[]);
    let (status, body) = server.post("/v1/triage:batch", input.as_bytes());
    assert_eq!(status, 200);
    let batch: Vec<Value> = body.lines().map(decision).collect();
    assert!(batch == wanted);
    assert_eq!(
        server.post("/v1/triage:batch", b""),
        (200, String::new()),
        "nothing gives nothing"
    );
    for (line, wanted) in lines.iter().zip(&wanted) {
        // Laid out over lines, as programs write JSON.
        let pretty = serde_json::to_string_pretty(&json(line)).expect("JSON");
        let (status, body) = server.post("/v1/triage", pretty.as_bytes());
        if wanted.get("rejected").is_some() {
            assert_eq!(status, 422);
        } else {
            assert_eq!(status, 200, "{body}");
            assert_eq!(&decision(&body), wanted);
        }
    }
    let (status, body) = server.post("/v1/explain", lines[0].as_bytes());
    assert_eq!(status, 200);
    assert!(
        json(&body)["sheet"]
            .as_str()
            .expect("a sheet")
            .contains("临时措施")
    );
}

#[test]
fn what_is_wrong_is_said_with_a_code() {
    let server = Server::start(&["--max-body-bytes", "4096", "--max-text-chars", "100"]);
    let long = serde_json::json!({ "text": "退".repeat(200) }).to_string();
    let huge = serde_json::json!({ "text": "退".repeat(9000) }).to_string();
    let cases: [(&str, &str, &[u8], u16, &str); 7] = [
        ("POST", "/v1/triage", b"{\"text\"", 400, "json.invalid"),
        ("POST", "/v1/triage", b"{\"id\":\"1\"}", 422, "text.missing"),
        (
            "POST",
            "/v1/triage",
            b"{\"text\":\"x\",\"received_at\":\"y\"}",
            422,
            "received_at.invalid",
        ),
        ("POST", "/v1/triage", long.as_bytes(), 413, "text.too_long"),
        ("POST", "/v1/triage", huge.as_bytes(), 413, "body.too_large"),
        ("GET", "/v1/nothing", b"", 404, "route.unknown"),
        ("GET", "/v1/triage", b"", 405, "method.unknown"),
    ];
    for (method, path, body, status, code) in cases {
        let (found, head, body) = server.ask(method, path, &[], body);
        assert_eq!(found, status, "{code}: {body}");
        assert!(head.contains("application/problem+json"), "{head}");
        let problem = json(&body);
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
    }
    let (status, _, body) = server.ask("GET", "/metrics", &[], b"");
    assert_eq!(status, 200);
    assert!(body.contains("outcome=\"text.missing\"") && !body.contains("退退"));
    assert_eq!(server.ask("GET", "/healthz", &[], b"").0, 200);
    assert_eq!(server.ask("GET", "/readyz", &[], b"").0, 200);
    let (_, _, taxonomy) = server.ask("GET", "/v1/taxonomy", &[], b"");
    assert_eq!(json(&taxonomy)["type"].as_array().map(Vec::len), Some(20));
}

#[test]
fn a_repeated_key_gets_the_first_answer() {
    let server = Server::start(&[]);
    let key = ["idempotency-key: k1"];
    let first = server.ask(
        "POST",
        "/v1/triage",
        &key,
        "{\"text\":\"年费太贵\"}".as_bytes(),
    );
    let again = server.ask(
        "POST",
        "/v1/triage",
        &key,
        "{\"text\":\"年费太贵\"}".as_bytes(),
    );
    assert_eq!((first.0, &first.2), (200, &again.2));
    for odd in [
        "idempotency-key: ",
        "idempotency-key: a b",
        "idempotency-key: 编号",
    ] {
        let refused = server.send("POST", "/v1/triage", &[odd], b"{\"text\":\"x\"}");
        assert_eq!(refused.status, 400, "{odd}");
        assert_eq!(json(&refused.body)["code"], "idempotency.invalid");
    }
    let other = server.ask(
        "POST",
        "/v1/triage",
        &key,
        "{\"text\":\"另一条\"}".as_bytes(),
    );
    assert_eq!(other.0, 422);
    assert_eq!(json(&other.2)["code"], "idempotency.reused");
}

#[test]
fn the_page_shows_masked_text_only() {
    let server = Server::start(&[]);
    let form = ["content-type: application/x-www-form-urlencoded"];
    let body = "text=%3Cscript%3E+13800138000+%E5%8D%A1%E8%A2%AB%E7%9B%97%E5%88%B7&channel=hotline&received_at=2026-03-02";
    let (status, head, page) = server.ask("POST", "/", &form, body.as_bytes());
    assert_eq!(status, 200);
    assert!(head.contains("content-security-policy"));
    assert!(page.contains("手机1") && page.contains("盗刷"));
    assert!(!page.contains("13800138000") && !page.contains("<script>"));
    let (status, _, page) = server.ask("POST", "/", &form, b"text=+&received_at=");
    assert_eq!(status, 422);
    assert!(page.contains("role=\"alert\""));
}

#[cfg(unix)]
#[test]
fn it_ends_cleanly_and_serves_nobody_else() {
    let mut server = Server::start(&[]);
    server.signal("-HUP");
    server.wait_for("reloaded: bundle");
    assert_eq!(
        server
            .post("/v1/triage", "{\"text\":\"年费太贵\"}".as_bytes())
            .0,
        200
    );
    server.signal("-TERM");
    assert_eq!(server.end(), Some(0));
    let ran = xiaobao(&["serve", "--listen", "0.0.0.0:8099"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("127.0.0.1"), "{}", ran.stderr);
}
