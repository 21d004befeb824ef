//! The access log: enough to find a request again, nothing of what it said.

use super::keys::{add, bearer};
use super::server::Server;
use crate::run::json;

#[test]
fn a_line_names_the_request_and_tells_nothing_of_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("keys.toml");
    let key = add(&file, "intake", "triage");
    let server = Server::start(&["--keys", file.to_str().expect("UTF-8")]);
    let text = "{\"text\":\"张三丰的年费太贵\"}".as_bytes();
    let own = [&*bearer(&key), "x-request-id: intake-7.f_A"];
    let answer = server.send("POST", "/v1/triage?who=张三丰", &own, text);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-request-id"), Some("intake-7.f_a"));
    let line = json(&server.wait_for("intake-7.f_A"));
    assert_eq!(line["route"], "/v1/triage");
    assert_eq!(
        (&line["status"], &line["outcome"]),
        (&200.into(), &"ok".into())
    );
    assert_eq!(line["method"], "POST");
    assert!(
        line["key"]
            .as_str()
            .is_some_and(|k| k.len() == 9 && k.starts_with('k'))
    );
    assert!(line["ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert!(line["at"].as_str().is_some_and(|at| at.starts_with("20")));
    // Ids that are none get one of ours, each its own.
    let mut made = Vec::new();
    for id in ["张三丰", "a b", "\"},{\"x\":\"", &"9".repeat(65), ""] {
        let answer = server.send("GET", "/healthz", &[&format!("x-request-id: {id}")], b"");
        let given = answer.header("x-request-id").expect("an id").to_owned();
        assert!(given != id && given.contains('-'), "{given}");
        made.push(given);
    }
    made.dedup();
    assert_eq!(made.len(), 5);
    // A method and a path are any words.
    assert_eq!(
        server.send("ZHANGSANFENG", "/healthz", &[], b"").status,
        405
    );
    assert_eq!(
        server
            .send("GET", "/zhangsanfeng/13800138000", &[], b"")
            .status,
        404
    );
    // A batch is logged when it is over.
    let lines = [text, b"\n", text].concat();
    let whole = [&*bearer(&key), "x-request-id: whole-batch"];
    assert_eq!(
        server
            .send("POST", "/v1/triage:batch", &whole, &lines)
            .status,
        200
    );
    server.wait_for("whole-batch");
    server.wait_for("\"route\":\"unknown\"");
    let log = server.log();
    let n_lines = log.lines().filter(|l| l.starts_with('{')).count();
    assert_eq!(n_lines, 9, "{log}");
    for word in ["张三丰", "who=", "ZHANG", "zhang", "138", "年费", &key] {
        assert!(!log.contains(word), "{word} in {log}");
    }
}
