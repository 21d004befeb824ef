//! Keys: made once, stored as hashes, asked for by every route that says something.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::server::Server;
use crate::run::{json, read, write, xiaobao};

/// A new key in `file`.
pub fn add(file: &Path, name: &str, scopes: &str) -> String {
    let file = file.to_str().expect("UTF-8");
    let ran = xiaobao(&["keys", "add", name, "--scope", scopes, "--file", file]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

/// The header that shows `key`.
pub fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}")
}

const TEXT: &[u8] = "{\"text\":\"年费太贵\"}".as_bytes();
const FORM: &str = "content-type: application/x-www-form-urlencoded";

#[test]
fn a_key_is_shown_once_and_kept_as_a_hash() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("keys.toml");
    let path = file.to_str().expect("UTF-8");
    let key = add(&file, "intake", "explain,triage,triage");
    let other = add(&file, "desk", "explain");
    assert!(key.starts_with("xb_") && key.len() == 67 && key != other);
    let stored = read(&file);
    assert!(!stored.contains(&key[3..]), "the key itself is stored");
    let mode = std::fs::metadata(&file)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let list = xiaobao(&["keys", "list", "--file", path]);
    assert_eq!(list.stdout.lines().count(), 3);
    assert!(list.stdout.contains("\tintake\ttriage,explain\t"));
    let again = xiaobao(&["keys", "add", "desk", "--scope", "admin", "--file", path]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    for (name, scope) in [("a b", "triage"), ("x", "root"), ("", "triage")] {
        let ran = xiaobao(&["keys", "add", name, "--scope", scope, "--file", path]);
        assert_eq!(ran.code, 2, "{name:?} {scope}");
    }
    assert_eq!(xiaobao(&["keys", "revoke", "desk", "--file", path]).code, 0);
    assert_eq!(xiaobao(&["keys", "revoke", "desk", "--file", path]).code, 2);
    assert!(!read(&file).contains("desk"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("ours");
    for args in [
        &["keys", "list", "--file", path][..],
        &["serve", "--listen", "127.0.0.1:0", "--keys", path],
    ] {
        let ran = xiaobao(args);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("chmod 600"), "{}", ran.stderr);
    }
    let odd = "[[key]]\nid=\"a\"\nname=\"a\"\nscopes=[\"triage\"]\ncreated=\"2026-01-01\"\nsha256=\"12\"\n";
    let odd = write(dir.path(), "odd.toml", odd);
    std::fs::set_permissions(&odd, std::fs::Permissions::from_mode(0o600)).expect("ours");
    let ran = xiaobao(&["keys", "list", "--file", odd.to_str().expect("UTF-8")]);
    assert!(ran.stderr.contains("64 hex digits"), "{}", ran.stderr);
}

#[test]
fn a_route_opens_to_its_scope_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("keys.toml");
    let [triage, explain, admin] =
        ["triage", "explain", "admin"].map(|scope| bearer(&add(&file, scope, scope)));
    let server = Server::start(&["--keys", file.to_str().expect("UTF-8")]);
    let wrong = bearer(&format!("xb_{}", "0".repeat(64)));
    let basic = "authorization: Basic eGI6eGI=".to_owned();
    let nothing = "x-nothing: x".to_owned();
    let routes = [
        ("POST", "/v1/triage", [200, 403, 403]),
        ("POST", "/v1/triage:batch", [200, 403, 403]),
        ("POST", "/v1/explain", [403, 200, 403]),
        ("GET", "/v1/taxonomy", [200; 3]),
        ("GET", "/v1/bundle", [200; 3]),
        ("GET", "/metrics", [200; 3]),
        ("GET", "/", [403, 200, 403]),
    ];
    for (method, path, wanted) in routes {
        for (key, status) in [&triage, &explain, &admin].into_iter().zip(wanted) {
            let answer = server.send(method, path, &[key], TEXT);
            assert_eq!(answer.status, status, "{path} {}", answer.body);
        }
        for key in [&wrong, &basic, &nothing] {
            let answer = server.send(method, path, &[key], TEXT);
            assert_eq!(answer.status, 401, "{path}");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("bearer realm=\"xiaobao\"")
            );
            if path != "/" {
                assert_eq!(json(&answer.body)["code"], "key.unknown");
            }
        }
    }
    for path in ["/healthz", "/readyz", "/page.css"] {
        assert_eq!(server.send("GET", path, &[], b"").status, 200);
    }
    assert_eq!(server.send("GET", "/v1/nothing", &[], b"").status, 404);
    // One caller's Idempotency-Key is not another's.
    let both = bearer(&add(&file, "both", "triage"));
    let path = file.to_str().expect("UTF-8");
    assert_eq!(
        xiaobao(&["keys", "revoke", "explain", "--file", path]).code,
        0
    );
    server.signal("-HUP");
    server.wait_for("reloaded: 3 keys");
    assert_eq!(
        server.send("POST", "/v1/explain", &[&explain], TEXT).status,
        401
    );
    let other = "{\"text\":\"另一条\"}".as_bytes();
    for (key, text) in [(&triage, TEXT), (&both, other)] {
        let headers = [key.as_str(), "idempotency-key: 1"];
        assert_eq!(
            server.send("POST", "/v1/triage", &headers, text).status,
            200
        );
    }
    // A file that others may read is not taken; the keys before stay.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("ours");
    server.signal("-HUP");
    server.wait_for("keys not reloaded");
    assert_eq!(
        server.send("POST", "/v1/triage", &[&both], TEXT).status,
        200
    );
}

#[test]
fn a_person_signs_in_and_no_other_site_acts_for_her() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("keys.toml");
    let key = add(&file, "desk", "explain");
    let path = file.to_str().expect("UTF-8");
    let server = Server::start(&["--keys", path]);
    let page = server.send("GET", "/", &[], b"");
    assert!(page.status == 401 && page.body.contains("action=\"/login\""));
    assert!(!page.body.contains("role=\"alert\""));
    let wrong = server.send("POST", "/login", &[FORM], b"key=xb_1");
    assert!(wrong.status == 401 && wrong.body.contains("role=\"alert\""));
    assert!(wrong.header("set-cookie").is_none());
    let sent = format!("key={key}");
    let foreign = ["sec-fetch-site: cross-site", FORM];
    assert_eq!(
        server
            .send("POST", "/login", &foreign, sent.as_bytes())
            .status,
        403
    );
    let signed = server.send("POST", "/login", &[FORM], sent.as_bytes());
    assert_eq!((signed.status, signed.header("location")), (303, Some("/")));
    let cookie = signed.header("set-cookie").expect("a cookie").to_owned();
    for word in ["httponly", "samesite=strict", "path=/", "max-age=43200"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains(&key[3..]), "the cookie is not the key");
    let cookie = format!("cookie: a=b; {}", cookie.split(';').next().expect("a pair"));
    let text = "text=%E5%B9%B4%E8%B4%B9%E5%A4%AA%E8%B4%B5";
    let post = |more: &[&str]| {
        let headers = [&[cookie.as_str(), FORM], more].concat();
        server.send("POST", "/", &headers, text.as_bytes()).status
    };
    assert_eq!(server.send("GET", "/", &[&cookie], b"").status, 200);
    assert_eq!(post(&[]), 200);
    assert_eq!(post(&["origin: http://x"]), 200);
    assert_eq!(post(&["sec-fetch-site: same-origin", "origin: null"]), 200);
    assert_eq!(post(&["origin: http://evil"]), 403);
    assert_eq!(post(&["origin: null"]), 403);
    assert_eq!(post(&["sec-fetch-site: same-site"]), 403);
    // The session opens the page, not the interface of programs.
    assert_eq!(
        server.send("POST", "/v1/explain", &[&cookie], TEXT).status,
        401
    );
    assert_eq!(server.send("POST", "/logout", &[&cookie], b"").status, 303);
    assert_eq!(post(&[]), 401);
    // A revoked key ends its sessions.
    let signed = server.send("POST", "/login", &[FORM], sent.as_bytes());
    let cookie = signed.header("set-cookie").expect("a cookie");
    let cookie = format!("cookie: {}", cookie.split(';').next().expect("a pair"));
    assert_eq!(server.send("GET", "/", &[&cookie], b"").status, 200);
    assert_eq!(xiaobao(&["keys", "revoke", "desk", "--file", path]).code, 0);
    server.signal("-HUP");
    server.wait_for("reloaded: 0 keys");
    assert_eq!(server.send("GET", "/", &[&cookie], b"").status, 401);
}
