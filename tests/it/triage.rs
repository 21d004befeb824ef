//! The main job on the shipped samples: conservation, one answer for any number of threads, encoding and door.

use std::collections::BTreeMap;
use std::path::Path;

use crate::run::{csv_rows, json, read, write, xiaobao, xiaobao_fed};

fn run(input: &str, out: &Path, extra: &[&str]) -> crate::run::Ran {
    let out = out.display().to_string();
    let mut args = vec!["triage", input, "--out", &out];
    args.extend_from_slice(extra);
    xiaobao(&args)
}

pub fn folder(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for sub in ["", "lists", "replies", "proof"] {
        let Ok(entries) = std::fs::read_dir(dir.join(sub)) else {
            continue;
        };
        for path in entries.map(|e| e.expect("entry").path()) {
            if path.is_file() {
                let name = path
                    .strip_prefix(dir)
                    .expect("inside")
                    .display()
                    .to_string();
                found.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

#[test]
fn the_samples_become_every_file_and_nothing_is_lost() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ran = run("data/samples/complaints.csv", dir.path(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let summary = json(&read(dir.path().join("summary.json")));
    let n = summary["read"].as_u64().expect("a count");
    assert!(n >= 200);
    assert_eq!(summary["decided"], n);
    let rows = csv_rows(dir.path().join("decisions.csv"));
    assert_eq!(rows.len() as u64, n);
    let files = folder(dir.path());
    assert!(files["decisions.csv"].starts_with(b"\xEF\xBB\xBF"));
    assert!(files.contains_key("rejects.jsonl"));
    let listed: usize = files
        .keys()
        .filter(|f| f.starts_with("lists/"))
        .map(|f| csv_rows(dir.path().join(f)).len())
        .sum();
    assert_eq!(listed as u64, n, "every decision stands in one work list");
    let sheets: usize = files
        .iter()
        .filter(|(f, _)| f.starts_with("replies/"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).matches("\n---\n").count())
        .sum();
    assert_eq!(sheets as u64, n, "every decision has its handling sheet");
    assert!(!files.keys().any(|f| f.contains(".part")));
    for row in &rows {
        assert!(!row["due_now"].is_empty());
        assert!(!row["queue"].is_empty() && !row["template"].is_empty());
    }
}

#[test]
fn threads_and_encodings_do_not_change_a_byte() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (one, two, gb) = (
        dir.path().join("1"),
        dir.path().join("2"),
        dir.path().join("gb"),
    );
    assert_eq!(
        run("data/samples/complaints.csv", &one, &["--threads", "1"]).code,
        0
    );
    assert_eq!(
        run("data/samples/complaints.csv", &two, &["--threads", "3"]).code,
        0
    );
    assert!(folder(&one) == folder(&two), "one thread and three differ");
    let ran = run("data/samples/complaints.gb18030.csv", &gb, &[]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("GB18030"));
    let (mut one, mut gb) = (folder(&one), folder(&gb));
    // These name the input.
    for file in ["summary.json", "manifest.json", "report.html"] {
        one.remove(file);
        gb.remove(file);
    }
    assert!(one == gb, "the GB18030 twin differs");
}

#[test]
fn the_filter_decides_as_the_batch_does() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ran = run(
        "data/samples/calls.jsonl",
        dir.path(),
        &["--format", "jsonl"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let batch = read(dir.path().join("decisions.jsonl"));
    let input = std::fs::read(crate::run::root().join("data/samples/calls.jsonl")).expect("sample");
    let fed = xiaobao_fed(&["triage", "-"], &input);
    assert_eq!(fed.code, 0);
    let strip = |text: &str| -> Vec<serde_json::Value> {
        text.lines()
            .map(|l| {
                let mut v = json(l);
                v["source"] = serde_json::Value::Null;
                v
            })
            .collect()
    };
    assert_eq!(strip(&batch), strip(&fed.stdout));
    assert!(batch.lines().count() >= 10);
    for line in batch.lines().map(json) {
        for key in [
            "id",
            "type",
            "reason",
            "urgency",
            "band",
            "queue",
            "template",
            "masked_text",
        ] {
            assert!(line[key].is_string(), "{key}");
        }
        for key in ["labels", "evidence", "due"] {
            assert!(line[key].is_object(), "{key}");
        }
        let sum: f64 = line["labels"]["urgency"]["ranked"]
            .as_array()
            .expect("a ranking")
            .iter()
            .map(|r| r["prob"].as_f64().expect("a probability"))
            .sum();
        assert!((0.0..=1.001).contains(&sum));
    }
}

#[test]
fn an_earlier_run_is_not_overwritten_unasked() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(run("data/samples/calls.jsonl", dir.path(), &[]).code, 0);
    let again = run("data/samples/calls.jsonl", dir.path(), &[]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--force"));
    let forced = run(
        "data/samples/calls.jsonl",
        dir.path(),
        &["--force", "--format", "jsonl"],
    );
    assert_eq!(forced.code, 0);
    assert!(!dir.path().join("decisions.csv").exists());
}

#[test]
fn a_dry_run_writes_nothing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let out = dir.path().join("out");
    let ran = run("data/samples/complaints.csv", &out, &["--dry-run"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("dry run"));
    assert!(!out.exists());
}

#[test]
fn carried_columns_come_through_and_formulas_do_not_run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let text = "工单号,投诉描述,网点,type,备注\n\
                00123,\"保险说是存款, 不给退\",城东支行,我方分类,=HYPERLINK(\"http://x\")\n\
                20260301000123456,信用卡被盗刷五千元,城西支行,,-3.5\n";
    let path = write(dir.path(), "a.csv", text).display().to_string();
    let out = dir.path().join("out");
    let ran = run(&path, &out, &["--map", "投诉描述=text"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let rows = csv_rows(out.join("decisions.csv"));
    assert_eq!(rows[0]["网点"], "城东支行");
    assert_eq!(rows[0]["input.type"], "我方分类");
    assert_eq!(rows[0]["备注"], "'=HYPERLINK(\"http://x\")");
    assert_eq!(rows[1]["备注"], "-3.5");
    assert_eq!(
        rows[0]["\u{feff}id".trim_start_matches('\u{feff}')],
        "\t00123"
    );
    assert_eq!(rows[1]["id"], "\t20260301000123456");
}

#[test]
fn events_move_the_statutory_date() {
    let line = |events: &str| {
        format!(
            "{{\"id\":\"1\",\"text\":\"退保一直不给办\",\"received_at\":\"2025-01-24\",\"events\":{events}}}\n"
        )
    };
    let input = [
        line("[]"),
        line("\"paused mediation 2025-01-28..2025-02-02 notified\""),
        line("\"new_facts 2025-02-03\""),
    ]
    .concat();
    let ran = xiaobao_fed(&["triage", "-"], input.as_bytes());
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let due: Vec<String> = ran
        .stdout
        .lines()
        .map(|l| {
            json(l)["due"]["in_force"]["by"]
                .as_str()
                .expect("a date")
                .to_owned()
        })
        .collect();
    assert_eq!(due, ["2025-02-08", "2025-02-13", "2025-02-18"]);
}

#[test]
fn a_site_may_bring_its_own_tables() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = dir.path().join("data");
    copy(&crate::run::root().join("data"), &data);
    let routing = read(data.join("routing.csv"));
    write(
        &data,
        "routing.csv",
        routing.replace("Q_TRIAGE", "Q_NOWHERE"),
    );
    let ran = xiaobao(&["check", "--data", &data.display().to_string()]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("routing.csv:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("unknown queue `Q_NOWHERE`"));
    assert_eq!(xiaobao(&["check"]).code, 0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("listed") {
        let path = entry.expect("entry").path();
        let name = path.file_name().expect("a name").to_owned();
        if path.is_dir() {
            if name != "complaints" {
                copy(&path, &to.join(name));
            }
        } else {
            std::fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}
