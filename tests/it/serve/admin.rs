//! Changes without a gap: reload, going back, a challenger; each answer is decided by one bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::intake::{decision, samples};
use super::keys::{add, bearer};
use super::server::{Client, Server};
use crate::run::{json, root, xiaobao, xiaobao_fed};

/// A bundle that judges otherwise: trained on one voice alone.
pub fn challenger(dir: &Path) -> PathBuf {
    let rows = dir.join("rows.csv");
    std::fs::copy(root().join("data/complaints/k03.csv"), &rows).expect("copied");
    let out = dir.join("challenger");
    let [rows, name] = [&rows, &out].map(|p| p.to_str().expect("UTF-8"));
    let ran = xiaobao(&["train", rows, "--out", name]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    out
}

/// Makes `link` lead to `folder`, in one step.
fn lead(link: &Path, folder: &Path) {
    let next = link.with_extension("next");
    std::os::unix::fs::symlink(folder, &next).expect("a link");
    std::fs::rename(&next, link).expect("in place");
}

/// What `triage -` decides with a bundle, by text; and the bundle's id.
fn decided(model: &Path, lines: &[String]) -> (String, BTreeMap<String, Value>) {
    let input = lines.join("\n") + "\n";
    let model = model.to_str().expect("UTF-8");
    let ran = xiaobao_fed(&["triage", "-", "--model", model], input.as_bytes());
    let decisions: BTreeMap<String, Value> = lines
        .iter()
        .cloned()
        .zip(ran.stdout.lines().map(decision))
        .collect();
    let first = decisions.values().next().expect("a decision");
    (
        first["bundle"].as_str().expect("an id").to_owned(),
        decisions,
    )
}

#[test]
fn a_swap_under_load_loses_no_request_and_mixes_no_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let other = challenger(dir.path());
    let usual = root().join("models/default");
    let link = dir.path().join("model");
    lead(&link, &usual);
    let file = dir.path().join("keys.toml");
    let (key, admin) = (
        bearer(&add(&file, "intake", "triage")),
        bearer(&add(&file, "boss", "admin")),
    );
    let server = Server::start(&[
        "--model",
        link.to_str().expect("UTF-8"),
        "--keys",
        file.to_str().expect("UTF-8"),
        "--quiet",
    ]);
    let admin_post = |path: &str| server.send("POST", path, &[&admin], b"");
    let nothing = admin_post("/v1/admin/rollback");
    assert_eq!(json(&nothing.body)["code"], "rollback.nothing");
    assert_eq!(
        server.send("POST", "/v1/admin/reload", &[&key], b"").status,
        403
    );
    let lines: Vec<String> = samples().into_iter().take(60).collect();
    let wanted = BTreeMap::from([decided(&usual, &lines), decided(&other, &lines)]);
    assert_eq!(wanted.len(), 2);
    let ids: Vec<&String> = wanted.keys().collect();
    let (done, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let seen = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|n| {
                let (lines, key, wanted, done, over) = (&lines, &key, &wanted, &done, &over);
                let mut client = Client::new(&server.address);
                scope.spawn(move || {
                    let mut seen = BTreeMap::<String, usize>::new();
                    for line in lines.iter().cycle().skip(n * 7).take(20_000) {
                        let answer = client.post("/v1/triage", &[key], line.as_bytes());
                        assert_eq!(answer.status, 200, "{}", answer.body);
                        let found = decision(&answer.body);
                        let id = found["bundle"].as_str().expect("an id").to_owned();
                        assert!(
                            wanted[&id][line] == found,
                            "a decision that is not its bundle's"
                        );
                        *seen.entry(id).or_default() += 1;
                        done.fetch_add(1, Ordering::Relaxed);
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    seen
                })
            })
            .collect();
        // Each swap waits until some requests have gone through since the one before.
        let some = || {
            let from = done.load(Ordering::Relaxed);
            while done.load(Ordering::Relaxed) < from + 20 {
                std::thread::sleep(Duration::from_millis(2));
                assert!(!callers.iter().any(|c| c.is_finished()), "a caller gave up");
            }
        };
        let mut now = usual.clone();
        for round in 0..6 {
            some();
            let next = if now == usual { &other } else { &usual };
            lead(&link, next);
            let answer = admin_post("/v1/admin/reload");
            assert_eq!(answer.status, 200, "{}", answer.body);
            let swap = json(&answer.body);
            assert_ne!(swap["old"]["bundle"], swap["new"]["bundle"]);
            assert!(ids.iter().any(|id| swap["new"]["bundle"] == id.as_str()));
            now = next.clone();
            some();
            if round % 2 == 0 {
                let back = json(&admin_post("/v1/admin/rollback").body);
                assert_eq!(back["new"], swap["old"]);
                assert_eq!(back["old"], swap["new"]);
                some();
                assert_eq!(
                    json(&admin_post("/v1/admin/rollback").body)["new"],
                    swap["new"]
                );
            }
        }
        over.store(true, Ordering::Relaxed);
        let mut seen = BTreeMap::<String, usize>::new();
        for caller in callers {
            for (id, n) in caller.join().expect("no request failed") {
                *seen.entry(id).or_default() += n;
            }
        }
        seen
    });
    assert_eq!(seen.len(), 2, "both bundles decided: {seen:?}");
    // What cannot be loaded changes nothing.
    lead(&link, dir.path());
    let refused = admin_post("/v1/admin/reload");
    assert_eq!(
        (refused.status, json(&refused.body)["code"].clone()),
        (422, "reload.refused".into())
    );
    assert_eq!(
        server
            .send("POST", "/v1/triage", &[&key], lines[0].as_bytes())
            .status,
        200
    );
}

#[test]
fn a_challenger_is_compared_and_never_heard() {
    let dir = tempfile::tempdir().expect("a folder");
    let other = challenger(dir.path());
    let file = dir.path().join("keys.toml");
    let (key, admin) = (
        bearer(&add(&file, "intake", "triage")),
        bearer(&add(&file, "boss", "admin")),
    );
    let server = Server::start(&[
        "--shadow",
        other.to_str().expect("UTF-8"),
        "--keys",
        file.to_str().expect("UTF-8"),
    ]);
    let lines: Vec<String> = samples().into_iter().take(120).collect();
    let (usual_id, ours) = decided(&root().join("models/default"), &lines);
    let (other_id, theirs) = decided(&other, &lines);
    let mut client = Client::new(&server.address);
    for line in &lines {
        let answer = client.post("/v1/triage", &[&key], line.as_bytes());
        assert!(ours[line] == decision(&answer.body));
    }
    let until = Instant::now() + Duration::from_secs(30);
    let report = loop {
        let answer = server.send("GET", "/v1/admin/shadow", &[&admin], b"");
        let report = json(&answer.body);
        let n = report["decided"].as_u64().expect("a number")
            + report["dropped"].as_u64().expect("a number");
        if n == 120 {
            assert!(!answer.body.contains("投诉"), "no text");
            break report;
        }
        assert!(Instant::now() < until, "{report}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(
        (&report["bundle"], &report["challenger"]),
        (&usual_id.into(), &other_id.into())
    );
    assert_eq!(report["dropped"], 0, "120 fit the queue");
    let count = |differs: &dyn Fn(&Value, &Value) -> bool| {
        lines
            .iter()
            .filter(|l| differs(&ours[*l], &theirs[*l]))
            .count() as u64
    };
    let code = |v: &Value| v["urgency"].as_str().expect("a code").to_owned();
    let n_type = count(&|a, b| a["type"] != b["type"]);
    assert!(n_type > 0, "the two bundles differ");
    let found = &report["differences"];
    assert_eq!(found["type"], n_type);
    assert_eq!(found["reason"], count(&|a, b| a["reason"] != b["reason"]));
    assert_eq!(found["queue"], count(&|a, b| a["queue"] != b["queue"]));
    assert_eq!(found["band"], count(&|a, b| a["band"] != b["band"]));
    assert_eq!(found["urgency_up"], count(&|a, b| code(b) < code(a)));
    assert_eq!(found["urgency_down"], count(&|a, b| code(b) > code(a)));
    let same = report["same"].as_u64().expect("a number");
    let latest = report["latest"].as_array().expect("a list");
    assert_eq!(same + latest.len() as u64, 120);
    let first = &latest[0];
    assert!(
        first["id"].is_string() && first["ours"]["type"].is_string(),
        "{first}"
    );
    let metrics = server.send("GET", "/metrics", &[&key], b"").body;
    let line = format!("xiaobao_shadow_differences_total{{kind=\"type\"}} {n_type}");
    assert!(metrics.contains(&line), "{metrics}");
    assert!(metrics.contains("xiaobao_shadow_decided_total 120"));
    // Without a challenger there is nothing to show; without keys there is no admin.
    let plain = Server::start(&[]);
    let answer = plain.send("GET", "/v1/admin/shadow", &[], b"");
    assert_eq!(json(&answer.body)["code"], "admin.needs_keys");
}
