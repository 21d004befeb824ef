//! A thousand requests that mean no good: each gets the right refusal, none reaches the log with its words.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::keys::{add, bearer};
use super::server::{Answer, Dice, Server};

/// Stands in every request, in each of its places; in no line of the log.
const SECRET: &str = "ZhangSanFeng";
const REQUESTS: usize = 1000;

struct Attack {
    /// For the message of a failed test.
    name: &'static str,
    bytes: Vec<u8>,
    /// What may be answered; 0 is a connection closed without a word.
    right: &'static [u16],
}

fn attack(name: &'static str, bytes: impl Into<Vec<u8>>, right: &'static [u16]) -> Attack {
    Attack {
        name,
        bytes: bytes.into(),
        right,
    }
}

/// A whole request with a body.
fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// A request whose head is written out by hand.
fn raw(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), body].concat()
}

fn body_attack(dice: &mut Dice, key: &str) -> Attack {
    let path = *dice.one_of(&["/v1/triage", "/v1/explain"]);
    let post = |body: &[u8]| request("POST", path, &[key], body);
    match dice.below(7) {
        0 => {
            let mut body = format!("{{\"text\":\"{SECRET}\"}}").into_bytes();
            let at = 9 + dice.below(SECRET.len());
            body[at] = 0x80 + dice.below(0x80) as u8;
            attack("broken UTF-8", post(&body), &[400])
        }
        1 => {
            let open = *dice.one_of(&["[", "{\"a\":", "{\"text\":["]);
            let deep = open.repeat(200 + dice.below(6_000)) + SECRET;
            attack("deep JSON", post(deep.as_bytes()), &[400])
        }
        2 => {
            let number = "9".repeat(1 + dice.below(300))
                + dice.one_of::<&str>(&["e999999", "E+99999", ".e1"]);
            let body = format!("{{\"text\":\"{SECRET}\",\"x\":{number}}}");
            attack("huge number", post(body.as_bytes()), &[400])
        }
        3 => {
            let wrong = *dice.one_of(&["null", "[]", "{}", "true"]);
            let body = format!("{{\"text\":{wrong},\"id\":\"{SECRET}\"}}");
            attack("no text", post(body.as_bytes()), &[422])
        }
        4 => {
            let wrong = *dice.one_of(&["[]", "\"x\"", "1", "null", "true", ""]);
            attack("no object", post(wrong.as_bytes()), &[400, 422])
        }
        5 => {
            let text = SECRET.repeat(6_000 + dice.below(9_000));
            let body = format!("{{\"text\":\"{text}\"}}");
            attack("long body", post(body.as_bytes()), &[413])
        }
        _ => {
            let whole = format!("{{\"text\":\"{SECRET}\"}}");
            let cut = &whole[..dice.below(whole.len() - 1)];
            attack("cut short", post(cut.as_bytes()), &[400])
        }
    }
}

fn head_attack(dice: &mut Dice, key: &str) -> Attack {
    let text = format!("{{\"text\":\"{SECRET}\"}}");
    let n = text.len();
    match dice.below(9) {
        0 => {
            let flood: String = (0..150 + dice.below(900))
                .map(|i| format!("x-{i}: {SECRET}\r\n"))
                .collect();
            let head = format!("POST /v1/triage HTTP/1.1\r\nhost: x\r\n{flood}\r\n");
            attack("many headers", head, &[431, 0])
        }
        1 => {
            let long = SECRET.repeat(50_000 + dice.below(20_000));
            let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n");
            attack("long header", head, &[431, 0])
        }
        2 => {
            let path = SECRET.repeat(6_000 + dice.below(6_000));
            attack(
                "long path",
                request("GET", &format!("/{path}"), &[], b""),
                &[404, 414, 431, 0],
            )
        }
        3 => {
            let value = *dice.one_of(&["-1", "x", "99999999999999999999999", "1 1", "0x10", ""]);
            let head = format!(
                "POST /v1/triage HTTP/1.1\r\nhost: x\r\n{key}\r\ncontent-length: {value}\r\n\r\n"
            );
            attack("content-length", raw(&head, text.as_bytes()), &[400, 0])
        }
        4 => {
            let head = format!(
                "POST /v1/triage HTTP/1.1\r\nhost: x\r\n{key}\r\ncontent-length: {n}\r\ncontent-length: {}\r\n\r\n",
                n + 1 + dice.below(9)
            );
            attack("two lengths", raw(&head, text.as_bytes()), &[400, 0])
        }
        5 => {
            let head = format!(
                "POST /v1/triage HTTP/1.1\r\nhost: x\r\n{key}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            let nonsense = *dice.one_of(&[
                "ZhangSanFeng\r\n",
                "-5\r\nhello\r\n",
                "fffffffffffffffff\r\n",
                "5\r\nhelloworld\r\n0\r\n\r\n",
                "5;\0\r\n",
            ]);
            attack(
                "chunked nonsense",
                raw(&head, nonsense.as_bytes()),
                &[400, 408, 0],
            )
        }
        6 => {
            let head = format!(
                "POST /v1/triage HTTP/1.1\r\nhost: x\r\n{key}\r\nconnection: close\r\n\r\n"
            );
            attack("no length", raw(&head, b""), &[400])
        }
        7 => {
            let line = *dice.one_of(&[
                "GET / HTTP/9.9",
                "GET  / HTTP/1.1",
                "GET /",
                "ZhangSanFeng",
                "G@T\u{7f} / HTTP/1.1",
                "GET /\u{1} HTTP/1.1",
            ]);
            attack(
                "no request",
                format!("{line}\r\nhost: x\r\n\r\n"),
                &[400, 505, 0],
            )
        }
        _ => {
            let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
            hello.extend((0..512).map(|_| dice.below(256) as u8));
            attack("TLS in the clear", hello, &[400, 0])
        }
    }
}

fn path_attack(dice: &mut Dice, key: &str) -> Attack {
    match dice.below(5) {
        0 => {
            let path = *dice.one_of(&[
                "/../../etc/passwd",
                "/%2e%2e/%2e%2e/etc/passwd",
                "//v1/triage",
                "/v1/triage%00",
                "/v1/triage/",
                "/v1/./triage",
                "/V1/TRIAGE",
                "/v1/triage;x=1",
                "/v1/triage:batch/x",
                "/page.css/../keys.toml",
                "/%c0%ae%c0%ae/",
                "/v1\\triage",
            ]);
            let path = format!("{path}?q={SECRET}");
            attack("path", request("GET", &path, &[key], b""), &[404, 400])
        }
        1 => {
            let path = format!("/{SECRET}/{}", dice.below(1_000_000));
            attack("unknown path", request("GET", &path, &[], b""), &[404])
        }
        2 => {
            let known = [
                "/v1/triage",
                "/v1/triage:batch",
                "/v1/explain",
                "/v1/bundle",
                "/v1/admin/reload",
            ];
            let path = *dice.one_of(&known);
            let wrong = match dice.below(5) {
                0 => format!("authorization: Bearer {SECRET}"),
                1 => "authorization: Bearer ".to_owned(),
                2 => format!("authorization: Basic {SECRET}"),
                3 => format!(
                    "authorization: Bearer xb_{:064x}",
                    dice.below(usize::MAX >> 1)
                ),
                _ => key.replace("Bearer xb_", "Bearer XB_"),
            };
            let body = format!("{{\"text\":\"{SECRET}\"}}");
            let method = if path == "/v1/bundle" { "GET" } else { "POST" };
            attack(
                "wrong key",
                request(method, path, &[&wrong], body.as_bytes()),
                &[401],
            )
        }
        3 => {
            let method =
                *dice.one_of(&["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", SECRET]);
            let path = *dice.one_of(&["/v1/triage", "/v1/triage:batch"]);
            attack("wrong method", request(method, path, &[key], b""), &[405])
        }
        _ => {
            let path =
                *dice.one_of(&["/v1/admin/reload", "/v1/admin/rollback", "/v1/explain", "/"]);
            attack(
                "beyond its scope",
                request("POST", path, &[key], SECRET.as_bytes()),
                &[403],
            )
        }
    }
}

fn stalled(dice: &mut Dice, key: &str) -> Attack {
    let body = format!("{{\"text\":\"{SECRET}\"}}");
    let whole = request("POST", "/v1/triage", &[key], body.as_bytes());
    let kept = whole.len() - 1 - dice.below(body.len());
    // The rest never comes.
    attack("slow body", &whole[..kept], &[408])
}

/// Whether the answer was right.
fn strike(address: &str, attack: &Attack) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|e| e.to_string())?;
    let patience = Some(Duration::from_secs(20));
    stream
        .set_read_timeout(patience)
        .map_err(|e| e.to_string())?;
    // A server that has heard enough may hang up.
    let _ = stream.write_all(&attack.bytes);
    let mut answer = Vec::new();
    let mut block = [0; 4096];
    loop {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(n) => answer.extend(&block[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(e) => return Err(format!("{}: no end: {e}", attack.name)),
        }
    }
    let status = match Answer::parse(answer) {
        Some(answer) if answer.body.contains(SECRET) => {
            return Err(format!("{}: the answer says the secret", attack.name));
        }
        Some(answer) => answer.status,
        None => 0,
    };
    if attack.right.contains(&status) {
        Ok(())
    } else {
        Err(format!("{}: {status}, not {:?}", attack.name, attack.right))
    }
}

#[test]
fn a_thousand_hostile_requests_are_refused_and_forgotten() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("keys.toml");
    let key = bearer(&add(&file, "intake", "triage"));
    let both = bearer(&add(&file, "desk", "triage,explain"));
    let server = Server::start(&[
        "--keys",
        file.to_str().expect("UTF-8"),
        "--max-body-bytes",
        "65536",
        "--timeout-ms",
        "1000",
    ]);
    let mut dice = Dice::new(20_261_129);
    let attacks: Vec<Attack> = (0..REQUESTS)
        .map(|n| match n % 20 {
            0 => stalled(&mut dice, &key),
            1..=7 => body_attack(&mut dice, &both),
            8..=13 => head_attack(&mut dice, &key),
            _ => path_attack(&mut dice, &key),
        })
        .collect();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let shares: Vec<_> = attacks
            .chunks(REQUESTS / 20)
            .map(|share| {
                let address = &server.address;
                scope.spawn(move || {
                    let struck = share.iter().map(|attack| strike(address, attack));
                    struck.filter_map(Result::err).collect::<Vec<String>>()
                })
            })
            .collect();
        shares
            .into_iter()
            .flat_map(|s| s.join().expect("no panic"))
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {REQUESTS}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(12)]
    );
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    let text = "{\"text\":\"年费太贵\"}".as_bytes();
    assert_eq!(server.send("POST", "/v1/triage", &[&key], text).status, 200);
    let log = server.log();
    assert!(log.lines().count() > 500, "the log is kept");
    for word in [SECRET, "zhangsan", "passwd", "?q", "xb_"] {
        assert!(!log.contains(word), "{word} stands in the log");
    }
}
