//! `evaluate --report`: one page that stands by itself, escapes what it shows, and says what `--json` says.

use std::path::Path;

use crate::run::{json, read, write, xiaobao};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn evaluate(dir: &Path, input: &str, more: &[&str]) -> (String, serde_json::Value) {
    let page = dir.join("out.html").display().to_string();
    let figures = dir.join("out.json").display().to_string();
    let mut args = vec!["evaluate", input, "--report", &page, "--json", &figures];
    args.extend_from_slice(more);
    let ran = xiaobao(&args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (read(&page), json(&read(&figures)))
}

#[test]
fn the_page_of_the_test_split_stands_by_itself() {
    let dir = dir();
    let (page, figures) = evaluate(dir.path(), "data/complaints", &["--split", "test"]);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    for foreign in ["<script", "src=", "@import", "url(", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // Addresses stand in the pictures' name space only.
    let addresses = page.matches("://").count();
    assert_eq!(
        addresses,
        page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(page.contains("Content-Security-Policy"));
    assert_eq!(page.matches("<svg").count(), 4 + 3 * 4);
    let miss = &figures["details"][2]["costs"];
    // A slash is escaped.
    let told = format!("{} &#x2f; {}", miss["missed"], miss["n_urgent"]);
    assert!(page.contains(&told), "{told}");
    let urgent = miss["n_urgent"].as_u64().expect("a count");
    assert!(urgent > 500 && miss["missed"].as_u64() < Some(urgent / 5));
    for class in figures["heads"][0]["classes"].as_array().expect("classes") {
        let bounds = |k: &str| (class[k][0].as_f64(), class[k][1].as_f64());
        for (value, interval) in [("f1", "f1_interval"), ("recall", "recall_interval")] {
            let (low, high) = bounds(interval);
            let value = class[value].as_f64();
            assert!(low < value && value < high, "{class}");
        }
    }
    // Marked words, and no number of a telephone.
    assert!(page.contains("<mark>"));
    let phones = regex::Regex::new(r"1[3-9]\d{9}").expect("a pattern");
    // Pictures hold long fractions, and no text.
    let pictures = regex::Regex::new("(?s)<svg.*?</svg>").expect("a pattern");
    assert!(!phones.is_match(&pictures.replace_all(&page, "")));
    let twice = dir.path().join("again.html").display().to_string();
    let ran = xiaobao(&[
        "evaluate",
        "data/complaints",
        "--split",
        "test",
        "--report",
        &twice,
        "--threads",
        "1",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(read(&twice), page);
    let again = xiaobao(&[
        "evaluate",
        "data/complaints",
        "--split",
        "test",
        "--report",
        &twice,
    ]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
}

#[test]
fn any_heads_have_a_page_and_texts_are_escaped() {
    let dir = dir();
    let mut text = String::from("正文,业务\n");
    for i in 0..30 {
        let (say, label) = [
            ("催收<b>天天打电话</b>&给我单位", "催收<i>"),
            ("年费乱扣要求退钱", "年费"),
            ("闪退登不上去系统坏了", "系统"),
        ][i % 3];
        // One in ten is labelled wrongly.
        let label = if i % 10 == 9 { "年费" } else { label };
        text.push_str(&format!("{say}{i},{label}\n"));
    }
    let file = write(dir.path(), "a.csv", text).display().to_string();
    let model = dir.path().join("m").display().to_string();
    let ran = xiaobao(&[
        "train",
        &file,
        "--out",
        &model,
        "--head",
        "业务",
        "--holdout",
        "0.2",
        "--epochs",
        "3",
        "--members",
        "1",
        "--dim",
        "8",
        "--hidden",
        "0",
        "--min-count",
        "1",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (page, figures) = evaluate(dir.path(), &file, &["--model", &model]);
    assert_eq!(figures["heads"][0]["n"], 30);
    assert!(page.contains("催收&lt;i&gt;"));
    assert!(!page.contains("<i>") && !page.contains("<b>天天"));
    assert!(!page.contains("判错等级的代价"));
}

#[test]
fn the_learning_curve_grows_by_doublings_and_learns_from_no_evaluated_row() {
    let dir = dir();
    let rows = |from: usize, to: usize| -> String {
        let one = |i| match i % 2 {
            0 => format!("信用卡被盗刷第{i}次要求赔钱,盗刷\n"),
            _ => format!("客服电话打了{i}遍没人接态度差,服务\n"),
        };
        (from..to).map(one).collect()
    };
    let named = |name: &str, rows: String| {
        let file = write(dir.path(), name, format!("text,业务\n{rows}"));
        file.display().to_string()
    };
    let train = named("train.csv", rows(0, 170));
    // The last ten rows of the training file are evaluated too.
    let test = named("test.csv", rows(160, 200));
    let model = dir.path().join("model").display().to_string();
    let quick = [
        "--epochs",
        "2",
        "--holdout",
        "0",
        "--head",
        "业务",
        "--out",
        &model,
    ];
    let mut learn = vec!["train", &train];
    learn.extend(quick);
    assert_eq!(xiaobao(&learn).code, 0);
    let more = [
        "--model",
        &model,
        "--head",
        "业务",
        "--learning-curve",
        &train,
    ];
    let (page, figures) = evaluate(dir.path(), &test, &more);
    let points = figures["learning_curve"].as_array().expect("points");
    let sizes: Vec<u64> = points.iter().filter_map(|p| p["rows"].as_u64()).collect();
    assert_eq!(sizes, [20, 40, 80, 160]);
    assert_eq!(points[3]["heads"][0]["n"], 40);
    assert!(points[3]["heads"][0]["macro_f1"].as_f64() > Some(0.9));
    assert!(page.contains("再标多少还有用") && page.contains("从 80 条到 160 条"));
}
