//! Inputs as they come: damaged, mislabelled, too long. Each ends in a clear message and the right code; nothing is lost.

use std::path::Path;

use crate::run::{Ran, json, read, write, xiaobao, xiaobao_fed};

struct Tried {
    ran: Ran,
    summary: Option<serde_json::Value>,
    rejects: Vec<serde_json::Value>,
}

fn triage(dir: &Path, input: &Path, extra: &[&str]) -> Tried {
    let out = dir.join("out");
    let input = input.display().to_string();
    let out_name = out.display().to_string();
    let mut args = vec!["triage", &input, "--out", &out_name];
    args.extend_from_slice(extra);
    let ran = xiaobao(&args);
    let summary = out.join("summary.json");
    Tried {
        summary: summary.exists().then(|| json(&read(&summary))),
        rejects: std::fs::read_to_string(out.join("rejects.jsonl"))
            .unwrap_or_default()
            .lines()
            .map(json)
            .collect(),
        ran,
    }
}

impl Tried {
    /// (read, decided, rejected), conserved.
    fn counts(&self) -> (u64, u64, u64) {
        let summary = self.summary.as_ref().expect("a summary was written");
        let n = |key: &str| summary[key].as_u64().expect("a count");
        assert_eq!(n("read"), n("decided") + n("rejected"));
        (n("read"), n("decided"), n("rejected"))
    }

    fn codes(&self) -> Vec<&str> {
        self.rejects
            .iter()
            .map(|r| r["code"].as_str().expect("a code"))
            .collect()
    }
}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn an_empty_file_is_a_usage_error() {
    let dir = dir();
    let tried = triage(dir.path(), &write(dir.path(), "a.csv", ""), &[]);
    assert_eq!(tried.ran.code, 2);
    assert!(
        tried.ran.stderr.contains("is empty"),
        "{}",
        tried.ran.stderr
    );
    assert!(tried.summary.is_none());
}

#[test]
fn a_binary_file_is_refused() {
    let dir = dir();
    let bytes: Vec<u8> = b"\x7fELF"
        .iter()
        .copied()
        .chain((0..20_000u32).map(|i| ((i * 7919) >> 3) as u8))
        .collect();
    let tried = triage(dir.path(), &write(dir.path(), "a.csv", bytes), &[]);
    assert_eq!(tried.ran.code, 2);
    assert!(
        tried.ran.stderr.contains("is not text"),
        "{}",
        tried.ran.stderr
    );
}

#[test]
fn a_truncated_file_rejects_its_last_row() {
    let dir = dir();
    let text = "id,投诉内容,受理时间\n1,还款已到账还在催收,2026-03-01\n2,退保只退了现金价值,2026-03-02\n3,\"我要投诉客服";
    let tried = triage(dir.path(), &write(dir.path(), "a.csv", text), &[]);
    assert_eq!(tried.ran.code, 1);
    assert_eq!(tried.counts(), (3, 2, 1));
    assert_eq!(tried.codes(), ["csv.quote_open"]);
    assert_eq!(tried.rejects[0]["line"], 4);
}

#[test]
fn a_stray_quote_cannot_swallow_the_rest() {
    let dir = dir();
    let mut text = String::from("id,text\n1,\"客服说没有这回事\n");
    for i in 2..500 {
        text.push_str(&format!("{i},第{i}次打电话没有人接\n"));
    }
    let tried = triage(dir.path(), &write(dir.path(), "a.csv", text), &[]);
    assert_eq!(tried.ran.code, 1);
    assert_eq!(tried.counts(), (499, 498, 1));
    assert_eq!(tried.codes(), ["csv.quote_open"]);
}

#[test]
fn a_line_of_100_megabytes_is_one_reject() {
    let dir = dir();
    let mut bytes = "id,text\n1,分期提前还款被收违约金\n2,".as_bytes().to_vec();
    bytes.extend("投".as_bytes().repeat(35_000_000));
    bytes.extend("\n3,转账没有到账\n".as_bytes());
    assert!(bytes.len() > 100_000_000);
    let tried = triage(dir.path(), &write(dir.path(), "a.csv", bytes), &[]);
    assert_eq!(tried.ran.code, 1);
    assert_eq!(tried.counts(), (3, 2, 1));
    assert_eq!(tried.codes(), ["record.too_long"]);
}

#[test]
fn a_wrong_delimiter_is_named() {
    let dir = dir();
    let path = write(
        dir.path(),
        "a.csv",
        "编号;投诉内容\n1;利率和合同写的不一样\n",
    );
    let found = triage(dir.path(), &path, &[]);
    assert_eq!(found.ran.code, 0);
    assert!(found.ran.stderr.contains("delimiter semicolon"));
    let wrong = triage(&dir.path().join("b"), &path, &["--delimiter", ","]);
    assert_eq!(wrong.ran.code, 2);
    assert!(
        wrong.ran.stderr.contains("--delimiter"),
        "{}",
        wrong.ran.stderr
    );
}

#[test]
fn a_row_in_another_encoding_is_rejected_not_guessed() {
    let dir = dir();
    let mut bytes = "id,text\n1,理财亏了本金说好保本\n2,".as_bytes().to_vec();
    let (gb, ..) = encoding_rs::GB18030.encode("这一行是另一种编码");
    bytes.extend_from_slice(&gb);
    bytes.extend("\n3,车险定损太低\n".as_bytes());
    let tried = triage(dir.path(), &write(dir.path(), "a.csv", bytes), &[]);
    assert_eq!(tried.ran.code, 1);
    assert!(tried.ran.stderr.contains("UTF-8"));
    assert_eq!(tried.counts(), (3, 2, 1));
    assert_eq!(tried.codes(), ["encoding.invalid"]);
    assert_eq!(tried.rejects[0]["column"], "text");
    assert_eq!(tried.rejects[0]["row"], 2);
    assert_eq!(tried.rejects[0]["byte"], 8 + 2 + 30 + 1);
}

#[test]
fn a_file_without_header_is_refused_without_showing_it() {
    let dir = dir();
    let path = write(
        dir.path(),
        "a.csv",
        "1,我叫欧阳建平电话13800138000要求退款\n2,同上\n",
    );
    let tried = triage(dir.path(), &path, &[]);
    assert_eq!(tried.ran.code, 2);
    assert!(tried.ran.stderr.contains("--map"), "{}", tried.ran.stderr);
    assert!(!tried.ran.stderr.contains("13800138000"));
    assert!(!tried.ran.stderr.contains("欧阳"));
}

#[test]
fn bad_cells_are_rejected_with_their_place() {
    let dir = dir();
    let text = "编号,投诉内容,受理时间\n1,盗刷三千元,2026-02-30\n2,  ,2026-03-01\n3,少一列\n4,好的,2026-03-01\n";
    let tried = triage(dir.path(), &write(dir.path(), "a.csv", text), &[]);
    assert_eq!(tried.counts(), (4, 1, 3));
    assert_eq!(
        tried.codes(),
        ["received_at.invalid", "text.empty", "csv.column_count"]
    );
    assert_eq!(tried.rejects[0]["line"], 2);
}

#[test]
fn json_lines_reject_line_by_line() {
    let text = concat!(
        "{\"id\":\"a\",\"text\":\"扣了两次款\"}\n",
        "not json\n",
        "[1,2]\n",
        "{\"id\":\"b\"}\n",
        "\n",
        "{\"id\":\"c\",\"text\":{\"deep\":1}}\n",
        "{\"id\":7,\"text\":\"工号不对\",\"extra\":{\"k\":[1]}}"
    );
    let ran = xiaobao_fed(&["triage", "-"], text.as_bytes());
    assert_eq!(ran.code, 1);
    let lines: Vec<_> = ran.stdout.lines().map(json).collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0]["id"], "a");
    assert_eq!(lines[1]["rejected"]["code"], "json.invalid");
    assert_eq!(lines[2]["rejected"]["code"], "json.invalid");
    assert_eq!(lines[3]["rejected"]["code"], "text.missing");
    assert_eq!(lines[4]["rejected"]["code"], "json.field_type");
    assert_eq!(lines[5]["id"], "7");
    assert_eq!(lines[5]["carried"]["extra"]["k"][0], 1);
}

#[test]
fn nothing_on_standard_input_gives_nothing() {
    let ran = xiaobao_fed(&["triage", "-"], b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
}

#[test]
fn a_short_standard_input_that_is_no_text_is_an_error_and_not_nothing() {
    // What Spark hands to a script where nobody says that tabs stand between the cells.
    let ran = xiaobao_fed(
        &["triage", "-", "--tsv", "id,text"],
        b"1\x01a\x01b\n2\x01c\n",
    );
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not text"), "{}", ran.stderr);
}

#[test]
fn utf16_from_excel_is_read() {
    let dir = dir();
    let text = "编号\t投诉内容\n1\t自动扣款没有经过我同意\n";
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let tried = triage(dir.path(), &write(dir.path(), "a.txt", bytes), &[]);
    assert_eq!(tried.ran.code, 0, "{}", tried.ran.stderr);
    assert_eq!(tried.counts(), (1, 1, 0));
}

#[test]
fn complainant_and_institution_are_read_and_carried() {
    let dir = dir();
    let head = "编号,投诉内容,客户号,机构,网点,备注";
    let text = format!("{head}\n1,信用卡年费不退,KH001,某行,城东支行,甲\n");
    let input = write(dir.path(), "in.csv", text);
    let out = dir.path().join("out");
    let (input, out_arg) = (input.display().to_string(), out.display().to_string());
    let ran = xiaobao(&["triage", &input, "--out", &out_arg]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let decisions = read(out.join("decisions.csv"));
    let mut lines = decisions.lines();
    assert!(
        lines
            .next()
            .is_some_and(|l| l.ends_with(",客户号,机构,网点,备注"))
    );
    assert!(
        lines
            .next()
            .is_some_and(|l| l.ends_with(",KH001,某行,城东支行,甲"))
    );
}
