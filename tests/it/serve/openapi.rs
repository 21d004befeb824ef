//! The document describes what is served: each route, each key, in both directions.

use std::collections::BTreeSet;

use serde_json::Value;

use super::admin::challenger;
use super::intake::samples;
use super::keys::{add, bearer};
use super::server::Server;
use crate::run::json;

struct Described {
    document: Value,
    /// Places of the schemas that an answer has had, `Type.member`.
    seen: BTreeSet<String>,
}

impl Described {
    fn resolve<'d>(document: &'d Value, schema: &'d Value) -> (Option<String>, &'d Value) {
        match schema["$ref"].as_str() {
            None => (None, schema),
            Some(to) => {
                let name = to.rsplit('/').next().expect("a name");
                (
                    Some(name.to_owned()),
                    &document["components"]["schemas"][name],
                )
            }
        }
    }

    /// Checks a value against a schema and notes what it had.
    fn check(&mut self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let document = self.document.clone();
        let (name, schema) = Described::resolve(&document, schema);
        let at = name.as_deref().unwrap_or(at);
        for of in ["oneOf", "anyOf"] {
            if let Some(parts) = schema[of].as_array() {
                let fits: Vec<_> = parts
                    .iter()
                    .filter(|p| self.check(p, value, at).is_ok())
                    .collect();
                return if fits.is_empty() {
                    Err(format!("{at}: fits none"))
                } else {
                    Ok(())
                };
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            // The members of all parts together.
            let mut members = serde_json::Map::new();
            let mut required = Vec::new();
            for part in parts {
                let (_, part) = Described::resolve(&document, part);
                members.extend(
                    part["properties"]
                        .as_object()
                        .into_iter()
                        .flatten()
                        .map(|(k, v)| (k.clone(), v.clone())),
                );
                required.extend(part["required"].as_array().into_iter().flatten().cloned());
            }
            let whole = serde_json::json!({ "type": "object", "properties": members, "required": required });
            return self.check(&whole, value, at);
        }
        if let Some(values) = schema["enum"].as_array() {
            return values
                .contains(value)
                .then_some(())
                .ok_or(format!("{at}: {value} is not listed"));
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        let fits = kinds.iter().any(|k| match *k {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "null" => value.is_null(),
            _ => false,
        });
        if !fits {
            return Err(format!("{at}: {value} is no {kinds:?}"));
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for value in values {
                self.check(items, value, at)?;
            }
        }
        if let (Some(members), Some(object)) = (schema["properties"].as_object(), value.as_object())
        {
            for (key, value) in object {
                let Some(member) = members.get(key) else {
                    return Err(format!("{at}: `{key}` is written, not described"));
                };
                if !value.is_null() || kinds.len() == 1 {
                    self.seen.insert(format!("{at}.{key}"));
                }
                self.check(member, value, &format!("{at}.{key}"))?;
            }
            for key in schema["required"].as_array().into_iter().flatten() {
                if object.get(key.as_str().expect("a name")).is_none() {
                    return Err(format!("{at}: {key} is required, not written"));
                }
            }
        }
        Ok(())
    }

    /// Checks the answer of an operation.
    fn answer(&mut self, method: &str, path: &str, status: u16, body: &Value) {
        let answer = &self.document["paths"][path][method]["responses"][status.to_string()];
        let (_, content) = answer["content"]
            .as_object()
            .and_then(|c| c.iter().next())
            .unwrap_or_else(|| panic!("{method} {path} {status} is not described"));
        let schema = content["schema"].clone();
        if let Err(what) = self.check(&schema, body, path) {
            panic!("{method} {path} {status}: {what}\n{body}");
        }
    }
}

#[test]
fn every_key_is_described_and_every_description_is_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("keys.toml");
    let key = bearer(&add(&file, "all", "triage,explain,admin"));
    let shadow = challenger(dir.path());
    let server = Server::start(&[
        "--keys",
        file.to_str().expect("UTF-8"),
        "--shadow",
        shadow.to_str().expect("UTF-8"),
    ]);
    let document = server.send("GET", "/v1/openapi.json", &[], b"");
    let document = json(&document.body);
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|v| v.starts_with("3.1"))
    );
    let mut described = Described {
        document: document.clone(),
        seen: BTreeSet::new(),
    };
    let mut lines = samples();
    lines.push(serde_json::json!({
        "text": "我妈72岁，昨天被人冒充客服骗走八万块，10月1日理赔又被拒，要求退款，再不处理我就打12378",
        "received_at": "2099-03-02", "events": "paused mediation 2099-03-03.. notified; new_facts 2099-03-01", "x": 1,
    }).to_string());
    lines.push(serde_json::json!({ "text": "qwxz" }).to_string());
    for line in &lines {
        let answer = server.send("POST", "/v1/triage", &[&key], line.as_bytes());
        described.answer("post", "/v1/triage", answer.status, &json(&answer.body));
    }
    let answer = server.send("POST", "/v1/explain", &[&key], lines[0].as_bytes());
    described.answer("post", "/v1/explain", 200, &json(&answer.body));
    let batch = "{\"text\":\"年费\"}\n{\"id\":\"1\"}\n{\"text\":\"年费\",\"received_at\":\"x\"}\n";
    let answer = server.send("POST", "/v1/triage:batch", &[&key], batch.as_bytes());
    assert_eq!(answer.body.lines().count(), 3);
    for line in answer.body.lines() {
        described.answer("post", "/v1/triage:batch", 200, &json(line));
    }
    for (method, path, body, status) in [
        ("post", "/v1/triage", "{", 400),
        ("post", "/v1/explain", "{}", 422),
        ("get", "/v1/taxonomy", "", 200),
        ("get", "/v1/bundle", "", 200),
        ("post", "/v1/admin/rollback", "", 409),
        ("post", "/v1/admin/reload", "", 200),
        ("post", "/v1/admin/rollback", "", 200),
    ] {
        let answer = server.send(&method.to_uppercase(), path, &[&key], body.as_bytes());
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        described.answer(method, path, status, &json(&answer.body));
    }
    // The challenger has differed by now, or will have soon.
    for line in &lines {
        server.send("POST", "/v1/triage", &[&key], line.as_bytes());
    }
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let answer = json(&server.send("GET", "/v1/admin/shadow", &[&key], b"").body);
        if answer["latest"].as_array().is_some_and(|l| !l.is_empty()) {
            described.answer("get", "/v1/admin/shadow", 200, &answer);
            break;
        }
        assert!(std::time::Instant::now() < until, "{answer}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // Without a key every route that needs one says so as described.
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let answer = server.send(&method.to_uppercase(), path, &[], b"");
            assert!(
                ![404, 405].contains(&answer.status),
                "{method} {path} is described, not served"
            );
            let needs = operation["security"].is_array();
            assert_eq!(answer.status == 401, needs, "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
    // What no answer had: only with an encoder, and the end of a batch that breaks off.
    let rare = ["Decision.model", "Evidence.words_by", "EndedLine.problem"];
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    for (name, schema) in schemas {
        // What is sent, not answered.
        if name == "Complaint" {
            continue;
        }
        for member in schema["properties"].as_object().into_iter().flatten() {
            let place = format!("{name}.{}", member.0);
            assert!(
                described.seen.contains(&place) || rare.contains(&place.as_str()),
                "{place} is described, never written"
            );
        }
    }
}

#[test]
fn what_is_served_is_described_and_can_be_read() {
    let server = Server::start(&[]);
    let document = json(&server.send("GET", "/v1/openapi.json", &[], b"").body);
    let routes = crate::run::read(crate::run::root().join("src/serve/mod.rs"));
    for (at, _) in routes.match_indices("\"/v1/") {
        let path = routes[at + 1..].split('"').next().expect("a path");
        assert!(
            document["paths"].get(path).is_some(),
            "{path} is served, not described"
        );
    }
    let page = server.send("GET", "/docs", &[], b"");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("default-src 'none'"));
    for word in [
        "/v1/triage:batch",
        "分办一条",
        "ProblemDocument",
        "masked_text",
        "Retry-After",
    ] {
        // The page escapes more than it must.
        assert!(page.body.contains(&word.replace('/', "&#x2f;")), "{word}");
    }
    assert!(!page.body.contains("<script"), "it needs none");
}
