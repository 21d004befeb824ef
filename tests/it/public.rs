//! The public benchmark of citizens' complaints, where `../shared` has it: flags alone, choices made on a dev split.

use crate::run::{json, read, root, xiaobao};

#[test]
fn civic_complaints_are_above_fasttext() {
    let set = root().join("../shared/bench/civic_complaints");
    if !set.is_dir() {
        eprintln!("skipped: ../shared/bench/civic_complaints is not here");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let bundle = dir.path().join("civic").display().to_string();
    let report = dir.path().join("report.json");
    let train = set.join("train.csv").display().to_string();
    let mut args = vec!["train", &train, "--out", &bundle];
    args.extend("--head label --holdout 0".split(' '));
    let ran = xiaobao(&args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let test = set.join("test.csv").display().to_string();
    let report_name = report.display().to_string();
    let ran = xiaobao(&[
        "evaluate",
        &test,
        "--model",
        &bundle,
        "--json",
        &report_name,
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let head = &json(&read(&report))["heads"][0];
    assert_eq!(head["n"], 918);
    // fastText published 91.42 and 91.19 on these messages.
    assert!(
        head["accuracy"].as_f64() > Some(0.9142),
        "{}",
        head["accuracy"]
    );
    assert!(
        head["macro_f1"].as_f64() > Some(0.9119),
        "{}",
        head["macro_f1"]
    );
}
