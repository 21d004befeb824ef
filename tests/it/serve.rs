//! The intake step: the decision of the batch over HTTP, bounded, masked, and gone without a gap.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::run::{command, json, read, root, xiaobao, xiaobao_fed};

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(more: &[&str]) -> Server {
        let args = [&["serve", "--listen", "127.0.0.1:0"][..], more].concat();
        let mut child = command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let first = lines.next().expect("a line").expect("UTF-8");
        let (_, rest) = first.split_once("http://").expect("an address");
        let address = rest.split(',').next().expect("an address").to_owned();
        // Somebody must read on, or the server waits.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, address }
    }

    /// Status, headers in lower case, body.
    fn ask(&self, method: &str, path: &str, more: &[&str], body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for header in more {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        // A server that refuses a long body may hang up before its end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        let mut body = body.to_owned();
        if head.to_lowercase().contains("transfer-encoding: chunked") {
            body = unchunk(&body);
        }
        (status.expect("a status"), head.to_lowercase(), body)
    }

    fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        let (status, _, body) = self.ask("POST", path, &[], body);
        (status, body)
    }
}

fn unchunk(body: &str) -> String {
    let mut out = Vec::new();
    let mut rest = body.as_bytes();
    loop {
        let at = rest.windows(2).position(|w| w == b"\r\n").expect("a size");
        let size = std::str::from_utf8(&rest[..at]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return String::from_utf8(out).expect("UTF-8");
        }
        out.extend(&rest[at + 2..at + 2 + size]);
        rest = &rest[at + 2 + size + 2..];
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A decision without the place where its record stood.
fn decision(line: &str) -> Value {
    let mut value = json(line);
    if let Some(members) = value.as_object_mut() {
        members.remove("source");
    }
    value
}

/// The samples as JSON Lines.
fn samples() -> Vec<String> {
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
    let pid = server.child.id().to_string();
    let kill = |signal: &str| {
        let sent = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(sent.expect("kill(1)").success());
    };
    kill("-HUP");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(
        server
            .post("/v1/triage", "{\"text\":\"年费太贵\"}".as_bytes())
            .0,
        200
    );
    kill("-TERM");
    assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
    let ran = xiaobao(&["serve", "--listen", "0.0.0.0:8099"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("127.0.0.1"), "{}", ran.stderr);
}
