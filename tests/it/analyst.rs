//! The analyst's way: an export with wrong labels, checked, audited, mended, trained on, compared, promoted, undone.

use std::collections::HashMap;
use std::path::Path;

use crate::run::{csv_rows, read, root, write, xiaobao};

/// Rows of the shipped texts with their types: some to learn from, some to judge on.
fn labelled(n_train: usize, n_test: usize) -> (Vec<[String; 3]>, Vec<[String; 3]>) {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (voices, out, n) in [
        (["v01", "v02", "v03", "v04", "v05"], &mut train, n_train),
        (["t01", "t02", "t03", "t04", "t05"], &mut test, n_test),
    ] {
        for voice in voices {
            let file = root().join(format!("data/complaints/{voice}.csv"));
            for row in csv_rows(&file).into_iter().take(n / voices.len()) {
                out.push(["id", "text", "type"].map(|k| row[k].clone()));
            }
        }
    }
    (train, test)
}

/// As Excel exports it on a Chinese system.
fn export(rows: &[[String; 3]]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["编号", "投诉内容", "类型"])
        .expect("in memory");
    for row in rows {
        writer.write_record(row).expect("in memory");
    }
    let bytes = writer.into_inner().expect("in memory");
    let text = String::from_utf8(bytes).expect("UTF-8");
    encoding_rs::GB18030.encode(&text).0.into_owned()
}

fn ok(args: &[&str]) -> String {
    let ran = xiaobao(args);
    assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout
}

fn bundle_id(dir: &Path) -> String {
    let bytes = std::fs::read(dir.join("manifest.json")).expect("a manifest");
    use sha2::Digest;
    let hex: String = sha2::Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    hex[..12].to_owned()
}

#[test]
fn from_an_export_with_wrong_labels_to_a_better_model_in_force() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let (truth, test) = labelled(1500, 600);
    // Six in a hundred carry the label of a row far from it.
    let mut wrong = truth.clone();
    let mut flipped = HashMap::new();
    for i in (7..truth.len()).step_by(17) {
        let other = &truth[(i + truth.len() / 2) % truth.len()][2];
        if *other != truth[i][2] {
            wrong[i][2].clone_from(other);
            flipped.insert(truth[i][0].clone(), truth[i][2].clone());
        }
    }
    write(dir.path(), "export.csv", export(&wrong));
    write(dir.path(), "test.csv", export(&test));

    let found = ok(&["check", &at("export.csv"), "--head", "类型=type"]);
    assert!(found.contains("GB18030") || !found.is_empty());

    let quick = [
        "--head",
        "类型=type",
        "--members",
        "1",
        "--epochs",
        "40",
        "--dim",
        "32",
        "--hidden",
        "0",
    ];
    let train = |from: &str, to: &str| {
        let mut args = vec!["train", from, "--holdout", "0.1", "--out", to];
        args.extend(quick);
        ok(&args);
    };
    train(&at("export.csv"), &at("old"));

    let mut args = vec!["label-audit"];
    let (export_at, review_at) = (at("export.csv"), at("review.csv"));
    args.extend([export_at.as_str(), "--out", &review_at, "--most", "200"]);
    args.extend(quick);
    let told = ok(&args);
    assert!(told.contains("| type | 1500 |"), "{told}");
    let again = xiaobao(&args);
    assert_eq!(again.code, 2, "{}", again.stderr);
    let listed = csv_rows(Path::new(&review_at));
    let hits = listed.iter().filter(|r| flipped.contains_key(&r["编号"]));
    let hits = hits.count();
    assert!(
        hits * 10 >= flipped.len() * 6,
        "{hits} of {} flipped labels listed",
        flipped.len()
    );
    assert!(listed.iter().all(|r| r["文本指纹"].starts_with("sha256:")));

    // The analyst agrees where the list is right, names the label where it is not, and leaves the rest.
    let mut sheet = csv::Writer::from_writer(Vec::new());
    let mut reader = csv::Reader::from_path(&review_at).expect("the list");
    let header = reader.headers().expect("a header").clone();
    sheet.write_record(&header).expect("in memory");
    let place = |name: &str| {
        header
            .iter()
            .position(|h| h.trim_start_matches('\u{feff}') == name)
            .expect("the column")
    };
    let mut n_mended = 0;
    for record in reader.records() {
        let record = record.expect("a row");
        let mut cells: Vec<String> = record.iter().map(str::to_owned).collect();
        if let Some(right) = flipped.get(&cells[place("编号")]) {
            n_mended += 1;
            let new = place("改为");
            cells[new] = match cells[place("疑似应为")] == *right {
                true => "是".to_owned(),
                false => right.clone(),
            };
        }
        sheet.write_record(&cells).expect("in memory");
    }
    let text = String::from_utf8(sheet.into_inner().expect("in memory")).expect("UTF-8");
    // Saved in the system's encoding.
    let filled = write(
        dir.path(),
        "filled.csv",
        encoding_rs::GB18030.encode(&text).0,
    );
    let filled = filled.to_string_lossy();
    let mended = at("mended");
    ok(&[
        "label-audit",
        "--apply",
        &filled,
        "--out",
        &mended,
        "--head",
        "类型=type",
    ]);
    let after = csv_rows(Path::new(&mended).join("export.csv"));
    assert_eq!(after.len(), truth.len());
    for (row, (before, right)) in after.iter().zip(wrong.iter().zip(&truth)) {
        assert_eq!(row["投诉内容"], before[1]);
        let is_mended = flipped.contains_key(&before[0]) && row["类型"] != before[2];
        assert!(row["类型"] == before[2] || is_mended && row["类型"] == right[2]);
    }
    let changed = csv_rows(Path::new(&mended).join("changes.csv"));
    assert_eq!(changed.len(), n_mended);

    train(&format!("{mended}/export.csv"), &at("new"));
    let (old, new, judged) = (at("old"), at("new"), at("test.csv"));
    let flips = at("flips.csv");
    let head = ["--head", "类型=type"];
    let mut args = vec!["compare", &old, &new, &judged, "--flips", &flips];
    args.extend(head);
    let told = ok(&args);
    assert!(told.contains("macro-F1"), "{told}");
    let turns: Vec<String> = csv_rows(Path::new(&flips))
        .iter()
        .map(|r| r["对错变化"].clone())
        .collect();
    assert!(!turns.is_empty());

    let (before, candidate) = (bundle_id(Path::new(&old)), bundle_id(Path::new(&new)));
    let promote = |more: &[&str]| {
        let mut args = vec![
            "promote",
            &new,
            &judged,
            "--over",
            &old,
            "--by",
            "王审",
            "--why",
            "标注已改正",
        ];
        args.extend(head);
        args.extend(more);
        xiaobao(&args)
    };
    // A guard that nothing can pass: nothing changes.
    let refused = promote(&["--max-class-drop=-1"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("not promoted"),
        "{}",
        refused.stderr
    );
    assert_eq!(bundle_id(Path::new(&old)), before);
    let lenient = ["--max-class-drop", "0.5"];
    let dry = promote(&[&lenient[..], &["--dry-run"]].concat());
    assert_eq!((dry.code, bundle_id(Path::new(&old))), (0, before.clone()));
    let done = promote(&lenient);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(bundle_id(Path::new(&old)), candidate);
    let history = read(Path::new(&old).join("history.jsonl"));
    assert!(history.contains("王审") && history.contains("标注已改正"));
    ok(&[
        "promote",
        "--undo",
        "--over",
        &old,
        "--by",
        "王审",
        "--why",
        "先撤回",
    ]);
    assert_eq!(bundle_id(Path::new(&old)), before);
    assert_eq!(
        read(Path::new(&old).join("history.jsonl")).lines().count(),
        2
    );
}

#[test]
fn a_list_that_does_not_fit_the_file_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let header = "文件,行,编号,标签列,现标签,现标签名称,疑似应为,疑似名称,现标签概率,疑似概率,为什么像疑似标签,为什么像现标签,最相近的已标注文本,投诉内容（已脱敏）,文本指纹,改为";
    let rows = "id,text,type\n1,信用卡乱收年费,BK01\n2,保险退保不给退,IN02\n";
    let file = write(dir.path(), "rows.csv", rows);
    let line = |at: u32, print: &str, new: &str| {
        format!(
            "{},{at},1,type,BK01,,IN02,,0.1,0.9,,,,,{print},{new}",
            file.display()
        )
    };
    let out = dir.path().join("out");
    let run = |lines: &[String]| {
        let list = write(
            dir.path(),
            "list.csv",
            format!("{header}\n{}\n", lines.join("\n")),
        );
        xiaobao(&[
            "label-audit".as_ref(),
            "--apply".as_ref(),
            list.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ])
    };
    let changed = run(&[line(2, "sha256:0000000000000000", "IN02")]);
    assert_eq!(changed.code, 2, "{}", changed.stderr);
    assert!(changed.stderr.contains("list.csv:2"), "{}", changed.stderr);
    let empty = run(&[line(2, "sha256:0000000000000000", "")]);
    assert_eq!(empty.code, 2, "{}", empty.stderr);
    assert!(!out.exists());
}

#[test]
fn a_promise_that_the_rows_cannot_carry_is_refused() {
    let args = |share: &'static str| {
        [
            "thresholds",
            "models/default",
            "data/complaints",
            "--urgent-recall",
            share,
        ]
    };
    let refused = xiaobao(&args("0.9999"));
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("are needed"), "{}", refused.stderr);
    let told = ok(&args("0.95"));
    assert!(
        told.contains("with 95 % confidence at least 95.0 %"),
        "{told}"
    );
}

#[test]
fn suggestions_are_masked_and_leave_the_labels_to_a_person() {
    let dir = tempfile::tempdir().expect("a folder");
    let pool = write(
        dir.path(),
        "pool.csv",
        "id,text\n1,我叫王小明电话13800138000信用卡被盗刷三笔\n2,信用卡被盗刷三笔\n3,你们客服态度太差\n4,理赔拖了两个月不给钱\n",
    );
    let out = dir.path().join("next.csv");
    let ran = xiaobao(&[
        "suggest".as_ref(),
        pool.as_os_str(),
        "-n".as_ref(),
        "3".as_ref(),
        "--out".as_ref(),
        out.as_os_str(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!read(&out).contains("13800138000"));
    let rows = csv_rows(&out);
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter()
            .all(|r| r["type"].is_empty() && !r["type_predicted"].is_empty())
    );
}

#[test]
fn what_a_site_always_had_is_stable_and_what_it_never_had_has_moved() {
    let told = ok(&[
        "drift",
        "models/default",
        "data/complaints/t02.csv",
        "--words",
        "0",
    ]);
    assert!(told.contains("known features"), "{told}");
    let dir = tempfile::tempdir().expect("a folder");
    let other: String = (0..300)
        .map(|i| format!("{i},楼上漏水物业第{i}次不来修电梯又停了\n"))
        .collect();
    let file = write(dir.path(), "other.csv", format!("id,text\n{other}"));
    let json = dir.path().join("drift.json");
    let page = dir.path().join("drift.html");
    let ran = xiaobao(&[
        "drift".as_ref(),
        "models/default".as_ref(),
        file.as_os_str(),
        "--json".as_ref(),
        json.as_os_str(),
        "--report".as_ref(),
        page.as_os_str(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = crate::run::json(&read(&json));
    let verdict = |name: &str| {
        let all = found["spreads"].as_array().expect("a list");
        let one = all.iter().find(|s| s["name"] == name).expect("there");
        one["verdict"].as_str().expect("a word").to_owned()
    };
    assert_eq!(verdict("characters"), "moved");
    assert_eq!(verdict("type"), "moved");
    let page = read(&page);
    assert!(page.contains("类型、类型的把握") && page.contains("明显变了"));
    for foreign in ["<script", "src=", "://", "url(", "楼上漏水物业第"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}
