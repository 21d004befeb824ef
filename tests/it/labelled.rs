//! Labelled files as other tools write them: the same rows in every form give the same figures, and what is wrong is said.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::run::{Ran, json as parse, read, write, xiaobao};

/// Text, type, reason, level, flags: as codes, and as the names of the taxonomy.
const ROWS: [([&str; 5], [&str; 4]); 4] = [
    (
        [
            "催收一天打二十个电话，还打给我单位领导",
            "BK02",
            "C12",
            "U4",
            "",
        ],
        ["债务催收", "债务催收方式和手段", "一般", ""],
    ),
    (
        [
            "信用卡年费没人告诉我就扣了，我要打12378",
            "BK01",
            "C05",
            "U3",
            "F_REG_THREAT",
        ],
        ["信用卡息费与分期", "信息披露", "优先", "扬言投诉监管"],
    ),
    (
        ["转账页面一直闪退，登不上去", "CM02", "C02", "U4", ""],
        [
            "系统与设施故障",
            "金融机构服务设施、设备、业务系统",
            "一般",
            "",
        ],
    ),
    (
        [
            "老人七十三岁，被骗走九万块，昨天的事",
            "BK05",
            "C10",
            "U2",
            "F_VULN F_LARGE",
        ],
        [
            "盗刷与未授权交易",
            "消费者资金安全",
            "紧急",
            "特殊群体、大额",
        ],
    ),
];

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn evaluate(dir: &Path, file: &Path, more: &[&str]) -> (Ran, Option<Value>) {
    let out = dir.join("figures.json").display().to_string();
    let file = file.display().to_string();
    let mut args = vec!["evaluate", &file, "--json", &out];
    args.extend_from_slice(more);
    let ran = xiaobao(&args);
    let figures = (ran.code < 2).then(|| parse(&read(&out)));
    let _ = std::fs::remove_file(&out);
    (ran, figures)
}

/// The rows that each label has, by head.
fn counts(figures: &Value) -> Vec<(String, Vec<(String, u64)>)> {
    let list = |v: &Value| v.as_array().expect("a list").clone();
    let name = |v: &Value| v.as_str().expect("a name").to_owned();
    list(&figures["heads"])
        .iter()
        .map(|head| {
            let classes = list(&head["classes"]);
            let n = classes
                .iter()
                .map(|c| (name(&c["label"]), c["n"].as_u64().expect("a count")))
                .filter(|(_, n)| *n > 0);
            (name(&head["head"]), n.collect())
        })
        .collect()
}

fn expected() -> Vec<(String, Vec<(String, u64)>)> {
    let head = |name: &str, labels: &[(&str, u64)]| {
        let labels = labels.iter().map(|(l, n)| ((*l).to_owned(), *n));
        (name.to_owned(), labels.collect())
    };
    vec![
        head(
            "type",
            &[("BK01", 1), ("BK02", 1), ("BK05", 1), ("CM02", 1)],
        ),
        head("reason", &[("C02", 1), ("C05", 1), ("C10", 1), ("C12", 1)]),
        head("urgency", &[("U2", 1), ("U3", 1), ("U4", 2)]),
        head(
            "flags",
            &[("F_REG_THREAT", 1), ("F_VULN", 1), ("F_LARGE", 1)],
        ),
    ]
}

/// All labels of a row in one list.
fn all(codes: &[&'static str]) -> Vec<&'static str> {
    codes[1..]
        .iter()
        .flat_map(|c| c.split_whitespace())
        .collect()
}

fn csv(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("in memory");
    }
    String::from_utf8(writer.into_inner().expect("in memory")).expect("UTF-8")
}

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn chinese_csv() -> String {
    let header = strings(&["投诉正文", "投诉类型", "投诉原因", "紧急等级", "标志"]);
    let rows = ROWS.iter().map(|(codes, names)| {
        let mut row = strings(&codes[..1]);
        row.extend(strings(names));
        row
    });
    csv(std::iter::once(header).chain(rows))
}

fn choice(name: &str, labels: &[&str]) -> Value {
    json!({"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": labels}})
}

fn label_studio() -> Value {
    let task = |(i, (codes, names)): (usize, &([&'static str; 5], [&'static str; 4]))| {
        let flags: Vec<&str> = codes[4].split_whitespace().collect();
        let right = json!([
            choice("type", &[names[0]]),
            choice("reason", &codes[2..3]),
            choice("urgency", &codes[3..4]),
            choice("flags", &flags),
        ]);
        let wrong = json!([choice("type", &["CM99"])]);
        json!({
            "id": i + 1,
            "data": {"text": codes[0]},
            "predictions": [],
            "annotations": [
                {"id": 3, "created_at": "2026-02-03T08:00:00Z", "was_cancelled": false, "result": right},
                {"id": 1, "created_at": "2026-02-01T08:00:00Z", "was_cancelled": false, "result": wrong},
                {"id": 4, "created_at": "2026-02-04T08:00:00Z", "was_cancelled": true, "result": wrong},
            ],
        })
    };
    ROWS.iter().enumerate().map(task).collect()
}

/// File names and bytes of the same rows, and what the program says that each is.
fn forms() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let of = |line: &dyn Fn(&[&'static str; 5]) -> String| -> Vec<u8> {
        ROWS.iter()
            .flat_map(|(codes, _)| line(codes).into_bytes())
            .collect()
    };
    let gb = encoding_rs::GB18030.encode(&chinese_csv()).0.into_owned();
    let members = of(&|c| {
        let flags = all(&["", c[4]]);
        let row =
            json!({"text": c[0], "type": c[1], "reason": c[2], "urgency": c[3], "flags": flags});
        format!("{row}\n")
    });
    let doccano = of(&|c| {
        format!(
            "{}\n",
            json!({"id": 7, "text": c[0], "label": all(c), "Comments": []})
        )
    });
    let labels = of(&|c| format!("{}\n", json!({"text": c[0], "labels": all(c)})));
    let doccano_csv = csv(std::iter::once(strings(&["id", "data", "label"])).chain(
        ROWS.iter()
            .map(|(c, _)| strings(&["1", c[0], &all(c).join("#")])),
    ));
    let fasttext = of(&|c| {
        let labels = all(c)
            .into_iter()
            .map(|l| format!("__label__{l} "))
            .collect::<String>();
        format!("{labels}{}\n", c[0])
    });
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&fasttext).expect("in memory");
    let min: Value = ROWS
        .iter()
        .map(|(c, names)| {
            json!({
                "text": c[0], "id": 3, "type": names[0], "reason": c[2], "urgency": c[3],
                "flags": {"choices": all(&["", c[4]])}, "annotation_id": 9, "created_at": "yesterday", "lead_time": 3.5,
            })
        })
        .collect();
    let pretty = serde_json::to_vec_pretty(&label_studio()).expect("JSON");
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (r, line) in csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(chinese_csv().as_bytes())
        .records()
        .enumerate()
    {
        for (c, cell) in line.expect("a row").iter().enumerate() {
            sheet
                .write_string(r as u32, c as u16, cell)
                .expect("a cell");
        }
    }
    vec![
        ("utf8.csv", chinese_csv().into_bytes(), "csv, UTF-8"),
        ("gb.csv", gb, "csv, GB18030"),
        (
            "book.xlsx",
            book.save_to_buffer().expect("a workbook"),
            "xlsx",
        ),
        ("members.jsonl", members, "jsonl"),
        ("doccano.jsonl", doccano, "jsonl"),
        ("labels.jsonl", labels, "jsonl"),
        ("doccano.csv", doccano_csv.into_bytes(), "doccano csv"),
        ("ft.txt", fasttext, "fasttext"),
        (
            "ft.train.gz",
            packed.finish().expect("in memory"),
            "fasttext, UTF-8, gzip",
        ),
        ("studio.json", pretty, "json array"),
        ("min.json", min.to_string().into_bytes(), "json array"),
    ]
}

#[test]
fn the_same_rows_in_every_form_give_the_same_figures() {
    let dir = dir();
    for (name, bytes, told) in forms() {
        let file = write(dir.path(), name, bytes);
        let (ran, figures) = evaluate(dir.path(), &file, &[]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{name}: {}", ran.stderr);
        assert_eq!(counts(&figures.expect("figures")), expected(), "{name}");
    }
}

#[test]
fn a_folder_gives_all_its_labelled_files_and_no_readme() {
    let dir = dir();
    let folder = dir.path().join("all");
    let forms = forms();
    for (name, bytes, _) in &forms {
        if *name != "ft.train.gz" {
            write(&folder, name, bytes);
        }
    }
    write(&folder, "readme.txt", "这里放标注文件\n");
    let (ran, figures) = evaluate(dir.path(), &folder, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let n = figures.expect("figures")["n"].as_u64();
    assert_eq!(n, Some(4 * (forms.len() as u64 - 1)));
}

#[test]
fn two_columns_without_header_are_told_apart() {
    let dir = dir();
    let pairs: Vec<(&str, &str)> = ROWS
        .iter()
        .cycle()
        .take(8)
        .zip(0..)
        .map(|((codes, names), i)| (if i < 4 { codes[0] } else { names[1] }, codes[1]))
        .collect();
    let lines = |line: &dyn Fn(&str, &str) -> String| -> String {
        pairs
            .iter()
            .map(|(text, label)| line(text, label))
            .collect()
    };
    let label_first = lines(&|text, label| format!("{label}\t{text}\n"));
    let text_first = lines(&|text, label| format!("{text}\t{label}\r\n"));
    for (name, bytes, columns) in [
        ("a.txt", label_first, "label,text"),
        ("b.tsv", text_first, "text,label"),
    ] {
        let file = write(dir.path(), name, &bytes);
        let (ran, figures) = evaluate(dir.path(), &file, &["--head", "type"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(columns), "{}", ran.stderr);
        let found = counts(&figures.expect("figures"));
        assert_eq!(found[0].1.len(), 4);
        assert_eq!(found[0].1[0], ("BK01".to_owned(), 2));
        // Told by hand, and in vain the wrong way round.
        let given = evaluate(dir.path(), &file, &["--head", "type", "--columns", columns]);
        assert_eq!(counts(&given.1.expect("figures")), found);
        let wrong: Vec<&str> = columns.split(',').rev().collect();
        let wrong = evaluate(
            dir.path(),
            &file,
            &["--head", "type", "--columns", &wrong.join(",")],
        );
        assert_eq!(wrong.0.code, 2, "{}", wrong.0.stderr);
    }
    let unclear = write(dir.path(), "c.txt", "甲\t乙\n丙\t丁\n戊\t己\n");
    let (ran, _) = evaluate(dir.path(), &unclear, &["--head", "type"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("--columns label,text"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains('甲'), "{}", ran.stderr);
}

#[test]
fn a_label_outside_the_set_is_asked_about() {
    let dir = dir();
    let file = write(
        dir.path(),
        "a.csv",
        "text,type\n催收天天打电话,催收类\n年费乱扣,BK01\n",
    );
    let (ran, _) = evaluate(dir.path(), &file, &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("a.csv:2: "), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("是不是 BK02 债务催收？"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("催收类"), "{}", ran.stderr);
}

#[test]
fn heads_that_a_file_does_not_label_are_left_out_or_asked_for() {
    let dir = dir();
    let file = write(
        dir.path(),
        "a.csv",
        "text,业务类型\n催收天天打电话,债务催收\n年费乱扣,bk01\n",
    );
    let (ran, figures) = evaluate(dir.path(), &file, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = counts(&figures.expect("figures"));
    assert_eq!(
        found,
        [(
            "type".to_owned(),
            vec![("BK01".to_owned(), 1), ("BK02".to_owned(), 1)]
        )]
    );
    let out = dir.path().join("m").display().to_string();
    let ran = xiaobao(&["train", &file.display().to_string(), "--out", &out]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("reason") && ran.stderr.contains("--head type"),
        "{}",
        ran.stderr
    );
    let (ran, _) = evaluate(dir.path(), &file, &["--head", "类型=type"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("类型"), "{}", ran.stderr);
}

#[test]
fn a_lone_column_of_labels_is_read_for_what_it_holds() {
    let dir = dir();
    let types = write(
        dir.path(),
        "a.csv",
        "文本,标签\n催收天天打电话,债务催收\n年费乱扣,BK01\n",
    );
    let (ran, figures) = evaluate(dir.path(), &types, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = counts(&figures.expect("figures"));
    assert_eq!((found.len(), found[0].0.as_str()), (1, "type"));
    let flags = write(
        dir.path(),
        "b.csv",
        "文本,标签\n老人被骗,特殊群体\n年费乱扣,\n",
    );
    let (ran, figures) = evaluate(dir.path(), &flags, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = counts(&figures.expect("figures"));
    assert_eq!(
        found,
        [("flags".to_owned(), vec![("F_VULN".to_owned(), 1)])]
    );
}

#[test]
fn damaged_exports_cost_their_rows_and_name_the_place() {
    let dir = dir();
    let task = |text: &str| format!("{{\"text\":\"{text}\",\"type\":\"BK01\"}}");
    let good = task("信用卡年费没人告诉我就扣了");
    let cases = [
        (
            "broken.json",
            format!("[{good},\n{{\"text\":\"账单"),
            "not closed",
        ),
        ("open.json", format!("[{good},{good}"), "breaks off"),
        (
            "scalar.json",
            format!("[{good},12,{good}]"),
            "not an object",
        ),
        (
            "long.json",
            format!("[{good},{},{good}]", task(&"账".repeat(2000))),
            "longer than",
        ),
        (
            "spans.jsonl",
            format!("{good}\n{{\"text\":\"年费\",\"type\":[[0,2,\"BK01\"]]}}\n"),
            "list of labels",
        ),
    ];
    for (name, bytes, what) in cases {
        let file = write(dir.path(), name, &bytes);
        let (ran, figures) = evaluate(
            dir.path(),
            &file,
            &["--head", "type", "--max-record-bytes", "2048"],
        );
        assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(what) && ran.stderr.contains(&format!("{name}:")),
            "{name}: {}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("账单"), "{name}");
        let figures = figures.expect("figures");
        assert_eq!(figures["rejected"], 1, "{name}");
    }
}

#[test]
fn any_label_columns_are_heads_and_rows_that_miss_one_count_for_the_others() {
    let dir = dir();
    let mut text = String::from("\u{feff}投诉内容,类型,业务线\n");
    for i in 0..40 {
        let (codes, names) = &ROWS[i % 4];
        let line = ["对公", "零售"][i % 2];
        let line = if i % 5 == 0 { "" } else { line };
        text.push_str(&format!("{}第{i}次,{},{line}\n", codes[0], names[0]));
    }
    let file = write(dir.path(), "a.csv", text);
    let out = dir.path().join("m").display().to_string();
    let ran = xiaobao(&[
        "train",
        &file.display().to_string(),
        "--out",
        &out,
        "--head",
        "类型=type",
        "--head",
        "业务线",
        "--holdout",
        "0",
        "--epochs",
        "1",
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
    let manifest = parse(&read(Path::new(&out).join("manifest.json")));
    assert_eq!(manifest["label_counts"][0]["n"], 40);
    assert_eq!(manifest["label_counts"][1]["n"], 32);
    assert_eq!(
        manifest["network"]["heads"][1]["labels"],
        json!(["对公", "零售"])
    );
}
