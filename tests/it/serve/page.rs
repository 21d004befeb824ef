//! The page: what a person corrects becomes training data; a small file is decided as `triage` decides it.

use super::keys::add;
use super::server::{Answer, Server};
use crate::run::{csv_rows, json, read, root, write, xiaobao};

const FORM: &str = "content-type: application/x-www-form-urlencoded";

/// Pairs as browsers send them.
fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        out.push_str(&format!("&{name}="));
        for byte in value.bytes() {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out[1..].to_owned()
}

fn correct(server: &Server, pairs: &[(&str, &str)]) -> Answer {
    server.send("POST", "/correct", &[FORM], form(pairs).as_bytes())
}

const CORRECTION: [(&str, &str); 9] = [
    ("text", "=HYPERLINK(1) 年费太贵，电话13800138000"),
    ("channel", "hotline"),
    ("type", "BK01"),
    ("reason", "C07"),
    ("urgency", "U4"),
    ("flags", "F_LARGE"),
    ("flags", "F_VULN"),
    ("was", "BK02 C12 U3"),
    ("note", "应是年费，回电13900139000"),
];

#[test]
fn corrections_become_labelled_rows_that_train_takes() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("corrections.csv");
    let path = file.to_str().expect("UTF-8");
    let server = Server::start(&["--corrections", path]);
    let page = server.send(
        "POST",
        "/",
        &[FORM],
        form(&[("text", "年费太贵")]).as_bytes(),
    );
    assert!(page.body.contains("action=\"/correct\""));
    let answer = correct(&server, &CORRECTION);
    assert!(
        answer.status == 200 && answer.body.contains("更正已记下"),
        "{}",
        answer.body
    );
    for (name, value) in [
        ("type", "BK99"),
        ("reason", ""),
        ("urgency", "U9"),
        ("flags", "F_NONE"),
        ("channel", "鸽子"),
        ("text", "  "),
        ("note", &"长".repeat(501)),
    ] {
        let pairs = CORRECTION.map(|p| if p.0 == name { (name, value) } else { p });
        let answer = correct(&server, &pairs);
        assert_eq!(answer.status, 422, "{name}");
        assert!(answer.body.contains("role=\"alert\""));
    }
    let foreign = [FORM, "origin: http://evil.example"];
    let body = form(&CORRECTION);
    assert_eq!(
        server
            .send("POST", "/correct", &foreign, body.as_bytes())
            .status,
        403
    );
    let bytes = std::fs::read(&file).expect("written");
    assert!(
        bytes.starts_with(b"\xEF\xBB\xBFid,text,"),
        "Excel wants a mark"
    );
    let text = read(&file);
    assert!(
        !text.contains("13800138000") && !text.contains("13900139000"),
        "masked"
    );
    let rows = csv_rows(&file);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert!(row["text"].starts_with("'=HYPERLINK"), "{}", row["text"]);
    assert_eq!(
        (row["type"].as_str(), row["flags"].as_str()),
        ("BK01", "F_LARGE F_VULN")
    );
    assert_eq!(
        (row["was"].as_str(), row["by"].as_str()),
        ("BK02 C12 U3", "")
    );
    assert!(row["note"].contains("应是年费"));
    // Many people at a time: every row is whole.
    std::thread::scope(|scope| {
        for n in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for i in 0..20 {
                    let other = i % 2 == 0;
                    let text = format!(
                        "第{n}组第{i}条：{}",
                        if other {
                            "年费太贵"
                        } else {
                            "催收一天打四十个电话"
                        }
                    );
                    let (label, reason) = if other {
                        ("BK01", "C07")
                    } else {
                        ("BK02", "C12")
                    };
                    let pairs = [
                        ("text", text.as_str()),
                        ("type", label),
                        ("reason", reason),
                        ("urgency", "U4"),
                    ];
                    assert_eq!(correct(server, &pairs).status, 200);
                }
            });
        }
    });
    assert_eq!(csv_rows(&file).len(), 81);
    let out = dir.path().join("bundle");
    let ran = xiaobao(&["train", path, "--out", out.to_str().expect("UTF-8")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("81 rows"), "{}", ran.stderr);
    // Another file is not written to; without a file the form says so.
    let other = write(dir.path(), "other.csv", "a,b\n1,2\n");
    let ran = xiaobao(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--corrections",
        other.to_str().expect("UTF-8"),
    ]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("not a file of corrections"),
        "{}",
        ran.stderr
    );
    let plain = Server::start(&[]);
    let page = plain.send(
        "POST",
        "/",
        &[FORM],
        form(&[("text", "年费太贵")]).as_bytes(),
    );
    assert!(page.body.contains("--corrections") && !page.body.contains("action=\"/correct\""));
    assert_eq!(correct(&plain, &CORRECTION).status, 404);
}

/// A form with one file.
fn upload(server: &Server, headers: &[&str], name: &str, bytes: &[u8]) -> Answer {
    let head = format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: text/csv\r\n\r\n"
    );
    let body = [head.as_bytes(), bytes, b"\r\n--x--\r\n"].concat();
    let kind = "content-type: multipart/form-data; boundary=x";
    server.send("POST", "/table", &[headers, &[kind]].concat(), &body)
}

fn token(page: &str) -> &str {
    let (_, rest) = page.split_once("href=\"/table/").expect("a link");
    rest.split('"').next().expect("a token")
}

#[test]
fn a_small_file_is_decided_as_triage_decides_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&[]);
    for sample in ["complaints.csv", "complaints.gb18030.csv"] {
        let input = root().join("data/samples").join(sample);
        let out = dir.path().join(sample);
        let ran = xiaobao(&[
            "triage",
            input.to_str().expect("UTF-8"),
            "--out",
            out.to_str().expect("UTF-8"),
        ]);
        let wanted = read(out.join("decisions.csv"));
        let page = upload(&server, &[], sample, &std::fs::read(&input).expect("there"));
        assert_eq!(page.status, 200, "{}", page.body);
        let n = csv_rows(out.join("decisions.csv")).len();
        assert!(
            page.body.contains(&format!("{n} 条已决定")),
            "{}",
            ran.stderr
        );
        let file = server.send("GET", &format!("/table/{}", token(&page.body)), &[], b"");
        assert!(file.body == wanted, "{sample}");
        assert!(file.head.contains("filename=\"decisions.csv\""));
    }
    let calls = read(root().join("data/samples/calls.jsonl"));
    let page = upload(&server, &[], "calls.jsonl", calls.as_bytes());
    assert!(page.body.contains("12 条已决定"), "{}", page.body);
    // Nothing is lost: what is rejected is shown with its line.
    let page = upload(
        &server,
        &[],
        "a.csv",
        "id,text\n1,年费太贵\n2,\n".as_bytes(),
    );
    assert!(page.body.contains("1 条已决定，1 条拒收") && page.body.contains("text.empty"));
    let page = upload(
        &server,
        &[],
        "a.csv",
        "text\n<script>alert(1)</script>13800138000\n".as_bytes(),
    );
    assert!(!page.body.contains("<script>alert") && !page.body.contains("13800138000"));
    let long = "text\n".to_owned() + &"年费太贵\n".repeat(501);
    let large = "text\n".to_owned() + &"a".repeat(3 << 20);
    for (bytes, status, code) in [
        (long.as_bytes(), 413, "file.too_many_rows"),
        (large.as_bytes(), 413, "file.too_large"),
        (b"PK\x03\x04aaaa", 400, "file.unreadable"),
        (b"", 400, "file.unreadable"),
    ] {
        let page = upload(&server, &[], "a.csv", bytes);
        assert_eq!(page.status, status, "{code}");
        assert!(page.body.contains("role=\"alert\""));
        server.wait_for(code);
    }
    assert_eq!(server.send("GET", "/table/0123", &[], b"").status, 404);
}

#[test]
fn a_file_is_its_makers_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = dir.path().join("keys.toml");
    let [one, two] = ["one", "two"].map(|n| add(&keys, n, "explain"));
    let server = Server::start(&["--keys", keys.to_str().expect("UTF-8")]);
    let [one, two] = [one, two].map(|key| format!("authorization: Bearer {key}"));
    let page = upload(&server, &[&one], "a.csv", "text\n年费太贵\n".as_bytes());
    let path = format!("/table/{}", token(&page.body));
    assert_eq!(server.send("GET", &path, &[&one], b"").status, 200);
    assert_eq!(server.send("GET", &path, &[&two], b"").status, 404);
    assert_eq!(server.send("GET", &path, &[], b"").status, 401);
    let log = server.log();
    assert!(
        log.contains("/table/{token}") && !log.contains(&path),
        "the log has no tokens"
    );
}

#[test]
fn the_page_has_all_that_a_supervisor_asks_for() {
    let server = Server::start(&[]);
    let text =
        "我妈72岁，昨天被人冒充客服骗走八万块，卡号6200 0000 0000 0000 000，再不处理我就打12378";
    let body = form(&[
        ("text", text),
        ("channel", "hotline"),
        ("received_at", "2026-03-02"),
    ]);
    let page = server.send("POST", "/", &[FORM], body.as_bytes()).body;
    let asked =
        serde_json::json!({ "text": text, "channel": "hotline", "received_at": "2026-03-02" });
    let asked = asked.to_string();
    let decided = json(
        &server
            .send("POST", "/v1/triage", &[], asked.as_bytes())
            .body,
    );
    let runner_up = &decided["labels"]["type"]["ranked"][1]["name"];
    for word in [
        "盗刷与未授权交易",
        runner_up.as_str().expect("a name"),
        "消费者资金安全",
        "紧急",
        "反欺诈",
        "2026-03-17",
        "2026-03-02 04:00",
        "第十八条第一款",
        "内部目标",
        "当前时限",
        "据此升级",
        "data-copy=\"sheet\"",
        "判错了？",
        "<meter",
    ] {
        assert!(page.contains(word), "{word}");
    }
    let order = |a: &str, b: &str| page.find(a).expect("a") < page.find(b).expect("b");
    assert!(order("2026-03-09", "2026-03-17") && order("2026-03-17", "2026-05-01"));
    // No script of its own, no style of its own, nothing from elsewhere.
    for word in [" style=", " onclick", "<style", "http://", "https://"] {
        assert!(!page.contains(word), "{word}");
    }
    let bundle = json(&server.send("GET", "/v1/bundle", &[], b"").body);
    assert!(page.contains(bundle["bundle"].as_str().expect("an id")));
}
