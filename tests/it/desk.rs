//! `check` on labelled files with one fault of each kind: found, named by row, and mended by `--fix` without a guess.

use std::path::Path;

use serde_json::Value;

use crate::run::{Ran, csv_rows, json, read, write, xiaobao};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

struct Checked {
    ran: Ran,
    report: Value,
}

fn check(dir: &Path, file: &Path, more: &[&str]) -> Checked {
    let out = dir.join("findings.json").display().to_string();
    let file = file.display().to_string();
    let mut args = vec![
        "check",
        &file,
        "--json",
        &out,
        "--force",
        "--least-per-class",
        "1",
    ];
    args.extend_from_slice(more);
    let ran = xiaobao(&args);
    assert!(ran.code < 2, "{}", ran.stderr);
    Checked {
        ran,
        report: json(&read(&out)),
    }
}

impl Checked {
    /// Rows of the findings of one kind.
    fn rows(&self, kind: &str) -> Vec<u64> {
        self.of(kind)
            .iter()
            .map(|f| f["places"][0]["row"].as_u64().expect("a row"))
            .collect()
    }

    fn of(&self, kind: &str) -> Vec<&Value> {
        let list = self.report["list"].as_array().expect("a list");
        list.iter().filter(|f| f["kind"] == kind).collect()
    }
}

/// Good rows that share nothing.
const GOOD: [(&str, &str); 4] = [
    ("催收一天打二十个电话，还打给我单位领导和同事", "BK02"),
    ("信用卡年费没人告诉我就扣了，要求退还三百元", "BK01"),
    ("转账页面一直闪退，登不上去，换了手机也没有用", "CM02"),
    ("老人昨天被冒充客服的人骗走九万块养老钱", "BK05"),
];

fn with(dir: &Path, more: &[(&str, &str)]) -> std::path::PathBuf {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["投诉内容", "类型"])
        .expect("in memory");
    for (text, label) in GOOD.iter().chain(more) {
        writer.write_record([text, label]).expect("in memory");
    }
    write(dir, "a.csv", writer.into_inner().expect("in memory"))
}

#[test]
fn a_sound_file_has_no_finding() {
    let dir = dir();
    let checked = check(dir.path(), &with(dir.path(), &[]), &["--deny-warnings"]);
    // Only the classes that four rows cannot have.
    let kinds = checked.report["by_kind"].as_object().expect("kinds");
    assert_eq!(
        kinds.keys().collect::<Vec<_>>(),
        ["class.thin"],
        "{}",
        checked.ran.stdout
    );
    assert_eq!(checked.ran.code, 1);
    let by_head = with(dir.path(), &[]);
    let checked = check(
        dir.path(),
        &by_head,
        &["--deny-warnings", "--head", "类型=业务"],
    );
    assert_eq!(checked.ran.code, 0, "{}", checked.ran.stdout);
}

#[test]
fn each_fault_is_found_in_its_row() {
    let long = "账".repeat(20_001);
    let (as_gbk, ..) = encoding_rs::GBK.decode("我的信用卡被盗刷了两千块钱".as_bytes());
    let as_gbk = as_gbk.replace('\u{fffd}', "");
    let cases: [(&str, &str, &str); 15] = [
        ("label.unknown", "利息算错了，要求重新计算", "催收类"),
        ("label.spelling", "逾期一天就打电话到我公司", "bk02"),
        ("label.spelling", "天天打电话骚扰我的父母", "債務催收"),
        ("label.spelling", "催收人员冒充法院给我打电话", "ＢＫ０２ "),
        ("label.missing", "手机银行登录不上去怎么办", ""),
        ("text.two_labels", GOOD[1].0, "BK08"),
        ("text.duplicate", GOOD[1].0, "BK01"),
        (
            "text.near",
            "信用卡年费没人告诉我就扣了，要求退还三百元，今天就要",
            "BK01",
        ),
        ("cell.shifted", "债务催收", "BK02"),
        (
            "cell.shifted",
            "网点排队三个小时",
            "等了三个小时，没有人理我，柜员说系统坏了，让我明天再来一趟，态度很差",
        ),
        (
            "text.damaged",
            "扣了我的\u{fffd}\u{fffd}不退，请查一查",
            "BK01",
        ),
        ("text.damaged", "锟斤拷锟斤拷锟斤拷", "BK01"),
        ("text.damaged", &as_gbk, "BK05"),
        (
            "text.not_chinese",
            "my card was charged twice please refund",
            "BK01",
        ),
        ("text.long", &long, "BK01"),
    ];
    for (kind, text, label) in cases {
        let dir = dir();
        let checked = check(dir.path(), &with(dir.path(), &[(text, label)]), &[]);
        assert_eq!(checked.rows(kind), [5], "{kind}: {}", checked.ran.stdout);
        let others = checked.report["list"].as_array().expect("a list");
        let others = others
            .iter()
            .filter(|f| f["kind"] != kind && f["kind"] != "class.thin");
        assert_eq!(others.count(), 0, "{kind}: {}", checked.ran.stdout);
        assert_eq!(checked.ran.code, 0);
        let finding = checked.of(kind)[0];
        assert!(!finding["remedy"].as_str().expect("a remedy").is_empty());
    }
}

#[test]
fn the_nearest_label_is_asked_about_and_none_is_shown() {
    let dir = dir();
    let file = with(dir.path(), &[("利息算错了，要求重新计算", "催收类")]);
    let checked = check(dir.path(), &file, &[]);
    let finding = checked.of("label.unknown")[0].to_string();
    assert!(finding.contains("是不是 BK02 债务催收？"), "{finding}");
    assert!(!finding.contains("催收类"), "{finding}");
}

#[test]
fn a_text_in_the_place_of_a_label_is_not_shown() {
    let dir = dir();
    let file = with(dir.path(), &[("年费", "等了三个小时，没有人理我")]);
    let checked = check(dir.path(), &file, &["--head", "类型=业务"]);
    assert_eq!(checked.rows("cell.shifted"), [5]);
    let told = format!("{}{}", checked.ran.stdout, checked.report);
    assert!(!told.contains("三个小时"), "{told}");
}

#[test]
fn personal_data_is_named_by_kind_and_denied_by_none() {
    let dir = dir();
    let text = "我叫张晓明，手机13800138000，请回电";
    let file = with(
        dir.path(),
        &[
            (text, "BK01"),
            ("客户〔姓名1〕的卡〔银行卡1〕被盗刷", "BK05"),
        ],
    );
    let checked = check(
        dir.path(),
        &file,
        &["--head", "类型=业务", "--deny-warnings"],
    );
    assert_eq!(checked.rows("personal_data"), [5]);
    assert_eq!(checked.ran.code, 0, "{}", checked.ran.stdout);
    let told = format!(
        "{}{}{}",
        checked.ran.stdout, checked.ran.stderr, checked.report
    );
    assert!(told.contains("手机") && !told.contains("1380013"), "{told}");
}

#[test]
fn numbers_dates_and_columns_that_excel_or_people_changed() {
    let dir = dir();
    let file = write(
        dir.path(),
        "a.csv",
        "投诉内容,投诉類型,客户号,受理时间,渠 道\n\
         催收一天打二十个电话,BK02,1.1E+17,2026-03-01,网站\n\
         信用卡年费没人告诉我就扣了,BK01,110101199003070000,46082,网站\n\
         转账页面一直闪退,CM02,110101199003071234,昨天,网站\n\
         老人昨天被骗走九万块,BK05\n",
    );
    let checked = check(dir.path(), &file, &["--head", "投诉類型=type"]);
    assert_eq!(
        checked.rows("cell.number"),
        [1, 2],
        "{}",
        checked.ran.stdout
    );
    assert_eq!(checked.rows("cell.date"), [2, 3]);
    assert_eq!(checked.rows("record.rejected"), [4]);
    let near: Vec<String> = checked
        .of("column.near")
        .iter()
        .map(|f| f.to_string())
        .collect();
    assert!(
        near.len() == 1 && near[0].contains("第 5 列") && near[0].contains("渠道"),
        "{near:?}"
    );
    // What cannot be read ends with 1 by itself.
    assert_eq!(checked.ran.code, 1);
}

#[test]
fn doubles_across_splits_are_told_apart() {
    let dir = dir();
    let folder = dir.path().join("corpus");
    let row = |text: &str, voice: &str| format!("{text},BK01,{voice}\n");
    let a = GOOD[1].0;
    let rows = [row(a, "a"), row(a, "b"), row(&format!("{a}并且道歉"), "b")];
    write(
        &folder,
        "a.csv",
        format!("text,type,voice\n{}", rows.concat()),
    );
    let voice =
        |name: &str, split: &str| format!("[voice.{name}]\nsplit = \"{split}\"\nbrief = \"\"\n");
    write(
        &folder,
        "voices.toml",
        voice("a", "train") + &voice("b", "test"),
    );
    let checked = check(dir.path(), &folder, &[]);
    assert_eq!(
        checked.rows("text.duplicate_across_splits"),
        [2],
        "{}",
        checked.ran.stdout
    );
    assert_eq!(checked.rows("text.near_across_splits"), [3]);
}

#[test]
fn the_cleaned_copy_lists_what_it_changed_and_guesses_nothing() {
    let dir = dir();
    let more = [
        ("  逾期一天就打电话到我公司 ", "bk02"),
        ("天天打电话骚扰我的父母", " 債務催收"),
        (GOOD[0].0, "BK02"),
        (GOOD[1].0, "BK08"),
        ("利息算错了，要求重新计算", "催收类"),
        ("=HYPERLINK(\"http://x\")退款", "BK01"),
    ];
    let file = with(dir.path(), &more);
    let mut bytes = std::fs::read(&file).expect("the file");
    bytes.extend("只有一个单元格\n".as_bytes());
    std::fs::write(&file, bytes).expect("the file");
    let out = dir.path().join("clean.csv");
    let name = out.display().to_string();
    // The exit code tells of the row that cannot be read.
    let ran = xiaobao(&["check", &file.display().to_string(), "--fix", &name]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        std::fs::read(&out)
            .expect("the copy")
            .starts_with(b"\xef\xbb\xbf")
    );
    let rows: Vec<(String, String)> = csv_rows(&out)
        .into_iter()
        .map(|mut r| {
            (
                r.remove("\u{feff}投诉内容")
                    .or(r.remove("投诉内容"))
                    .expect("a text"),
                r["类型"].clone(),
            )
        })
        .collect();
    let pair = |(text, label): &(&str, &str)| ((*text).to_owned(), (*label).to_owned());
    let mut expected: Vec<_> = GOOD.iter().map(pair).collect();
    expected.extend(
        [
            ("逾期一天就打电话到我公司", "BK02"),
            ("天天打电话骚扰我的父母", "债务催收"),
            (GOOD[1].0, "BK08"),
            ("利息算错了，要求重新计算", "催收类"),
            ("'=HYPERLINK(\"http://x\")退款", "BK01"),
        ]
        .iter()
        .map(pair),
    );
    assert_eq!(rows, expected);
    let list = dir.path().join("clean.changes.csv");
    let changes: Vec<[String; 4]> = csv_rows(&list)
        .into_iter()
        .map(|r| ["row", "kind", "before", "after"].map(|k| r[k].clone()))
        .collect();
    let has = |row: &str, kind: &str| changes.iter().any(|c| c[0] == row && c[1] == kind);
    assert!(
        has("5", "space") && has("5", "label") && has("6", "label"),
        "{changes:?}"
    );
    assert!(
        has("7", "duplicate") && has("11", "rejected"),
        "{changes:?}"
    );
    assert_eq!(changes.len(), 5, "{changes:?}");
    assert!(!read(&list).contains("逾期"));

    // Nothing is overwritten unasked, an input never.
    let again = xiaobao(&["check", &file.display().to_string(), "--fix", &name]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    let forced = xiaobao(&["check", &name, "--fix", &name, "--force"]);
    assert_eq!(forced.code, 2, "{}", forced.stderr);
    // What is clean stays as it is.
    let twice = dir.path().join("twice.csv");
    let ran = xiaobao(&["check", &name, "--fix", &twice.display().to_string()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(read(&twice), read(&out));
    assert_eq!(csv_rows(dir.path().join("twice.changes.csv")).len(), 0);
}

#[test]
fn a_copy_of_records_without_a_header_can_be_read_again() {
    let dir = dir();
    let lines =
        "__label__bk02 __label__C12 催收天天打电话\n__label__BK01 __label__C05 年费没有告诉我\n";
    let file = write(dir.path(), "a.txt", lines);
    let out = dir.path().join("b.csv");
    let ran = xiaobao(&[
        "check",
        &file.display().to_string(),
        "--fix",
        &out.display().to_string(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let rows = csv_rows(&out);
    assert_eq!(rows[0]["type"], "BK02");
    assert_eq!(rows[1]["reason"], "C05");
    let again = check(dir.path(), &out, &[]);
    assert_eq!(again.rows("label.unknown"), [0u64; 0]);
    assert_eq!(again.report["rows"], 2);
}

#[test]
fn our_own_corpus_has_no_finding() {
    let ran = xiaobao(&["check", "data/complaints", "--deny-warnings"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("24140 rows, 0 rejected, 0 findings"),
        "{}",
        ran.stdout
    );
}
