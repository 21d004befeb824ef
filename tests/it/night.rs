//! The overnight run: what a site hands over is read, a killed run goes on to the same bytes, every row can be proved.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::run::{command, json, read, root, write, xiaobao, xiaobao_fed};
use crate::triage::folder;

const SAMPLE: &str = "data/samples/complaints.csv";

/// The sample many times over, with new ids: enough for a run that can be interrupted.
fn long_input(dir: &Path, times: usize) -> PathBuf {
    let mut rows = csv::Reader::from_path(root().join(SAMPLE)).expect("the sample");
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(rows.headers().expect("a header"))
        .expect("memory");
    let rows: Vec<csv::StringRecord> = rows.records().map(|r| r.expect("a row")).collect();
    for n in 0..times {
        for (i, row) in rows.iter().enumerate() {
            let id = format!("N{n:05}{i:05}");
            let cells = row.iter().enumerate();
            let row: Vec<&str> = cells.map(|(c, v)| if c == 0 { &*id } else { v }).collect();
            out.write_record(row).expect("memory");
        }
    }
    write(dir, "long.csv", out.into_inner().expect("memory"))
}

fn args<'a>(input: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["triage", input, "--out", out, "--quiet"];
    args.extend_from_slice(more);
    args
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let input = long_input(dir.path(), 60).display().to_string();
    let whole = dir.path().join("whole");
    let store = dir.path().join("store").display().to_string();
    let ran = xiaobao(&args(
        &input,
        &whole.display().to_string(),
        &["--store", &store],
    ));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let wanted = folder(&whole);
    assert!(wanted.contains_key("proof/decisions.leaves"));
    let mut killed = 0;
    for (i, wait) in [80, 250, 330, 410, 500, 620].into_iter().enumerate() {
        let out = dir.path().join(format!("killed{i}"));
        let out_name = out.display().to_string();
        let store = dir.path().join(format!("store{i}")).display().to_string();
        let every = ["--checkpoint-rows", "600", "--store", &store];
        let mut child = command(&args(&input, &out_name, &every))
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(Duration::from_millis(wait));
        // SIGKILL: nothing can be tidied up.
        child.kill().expect("it can be killed");
        let status = child.wait().expect("it ends");
        killed += usize::from(!status.success());
        let ran = xiaobao(&args(
            &input,
            &out_name,
            &["--resume", "--checkpoint-rows", "600", "--store", &store],
        ));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(folder(&out) == wanted, "killed after {wait} ms");
    }
    assert!(killed > 0, "no run was killed before its end");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_cleanly_and_it_goes_on() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let input = long_input(dir.path(), 150).display().to_string();
    let out = dir.path().join("out").display().to_string();
    let mut child = command(&args(&input, &out, &[]))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // Once it writes, it also listens to signals.
    let part = Path::new(&out).join(".decisions.csv.part");
    while !part.exists() && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(sent.expect("kill(1)").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(4), "4 is: interrupted, resumable");
    assert!(!Path::new(&out).join("decisions.csv").exists());
    // Neither overwritten nor mixed with another run unasked.
    let ran = xiaobao(&args(&input, &out, &[]));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--resume"), "{}", ran.stderr);
    let ran = xiaobao(&args(&input, &out, &["--resume", "--format", "jsonl"]));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("options"), "{}", ran.stderr);
    // Another input under the same name is refused.
    let kept = std::fs::read(&input).expect("the input");
    let mut other = kept.clone();
    let at = other.iter().position(|b| *b == b'N').expect("an id");
    other[at] = b'M';
    std::fs::write(&input, &other).expect("writable");
    let ran = xiaobao(&args(&input, &out, &["--resume"]));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("long.csv"), "{}", ran.stderr);
    std::fs::write(&input, &kept).expect("writable");
    let ran = xiaobao(&args(&input, &out, &["--resume"]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // A scheduler that tries once more hears that all is done.
    let ran = xiaobao(&["triage", &input, "--out", &out, "--resume"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("complete"), "{}", ran.stderr);
    let ran = xiaobao(&["audit", &out]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
}

#[test]
fn a_packed_file_a_folder_and_a_pattern_are_read_like_the_file() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let bytes = std::fs::read(root().join(SAMPLE)).expect("the sample");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&bytes).expect("memory");
    write(dir.path(), "in/b.csv.gz", gz.finish().expect("memory"));
    let zst = zstd::encode_all(&bytes[..], 1).expect("memory");
    write(dir.path(), "in/a.csv.zst", zst);
    write(dir.path(), "in/notes.md", "not an input");
    let decisions = |name: &str, input: &Path| {
        let out = dir.path().join(name);
        let (input, out_name) = (input.display().to_string(), out.display().to_string());
        let ran = xiaobao(&args(&input, &out_name, &[]));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        (
            read(out.join("decisions.csv")),
            json(&read(out.join("summary.json"))),
        )
    };
    let (plain, _) = decisions("plain", &root().join(SAMPLE));
    let (packed, summary) = decisions("packed", &dir.path().join("in/b.csv.gz"));
    assert_eq!(plain, packed);
    assert_eq!(summary["inputs"][0]["packed"], "gzip");
    let (both, summary) = decisions("both", &dir.path().join("in"));
    let (header, rows) = plain.split_once("\r\n").expect("a header");
    assert_eq!(both, format!("{header}\r\n{rows}{rows}"));
    assert_eq!(summary["inputs"][0]["packed"], "zstd");
    let (pattern, _) = decisions("pattern", &dir.path().join("in/*.zst"));
    assert_eq!(plain, pattern);
    let nothing = dir.path().join("in/*.xls").display().to_string();
    let ran = xiaobao(&["triage", &nothing, "--dry-run"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no file fits"), "{}", ran.stderr);
}

#[test]
fn a_workbook_gives_the_decisions_of_its_rows() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut book = rust_xlsxwriter::Workbook::new();
    let date = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd hh:mm");
    book.add_worksheet().set_name("说明").expect("a name");
    let sheet = book.add_worksheet();
    let header = ["受理编号", "投诉内容", "渠道", "受理时间", "网点"];
    for (i, name) in (0..).zip(header) {
        sheet.write_string(0, i, name).expect("a cell");
    }
    let at = rust_xlsxwriter::ExcelDateTime::parse_from_str("2026-03-02 09:30:00").expect("a date");
    // A number as Excel keeps it, a date as it keeps it, an empty last cell, a blank row between.
    sheet.write_number(1, 0, 20_260_302_001.0).expect("a cell");
    sheet
        .write_string(1, 1, "信用卡被盗刷八千元，\n请止付")
        .expect("a cell");
    sheet.write_string(1, 2, "电话").expect("a cell");
    sheet
        .write_datetime_with_format(1, 3, &at, &date)
        .expect("a cell");
    sheet.write_string(3, 0, "b").expect("a cell");
    sheet
        .write_string(3, 1, "年费太贵，要求退")
        .expect("a cell");
    sheet.write_string(3, 4, "城东支行").expect("a cell");
    let book = book.save_to_buffer().expect("a workbook");
    let book = write(dir.path(), "calls.xlsx", book).display().to_string();
    let csv = "受理编号,投诉内容,渠道,受理时间,网点\n\
               20260302001,\"信用卡被盗刷八千元，\n请止付\",电话,2026-03-02 09:30:00,\n\
               b,年费太贵，要求退,,,城东支行\n";
    let csv = write(dir.path(), "calls.csv", csv).display().to_string();
    let run = |input: &str, name: &str| {
        let out = dir.path().join(name);
        let ran = xiaobao(&args(input, &out.display().to_string(), &[]));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        read(out.join("decisions.csv"))
    };
    assert_eq!(run(&book, "a"), run(&csv, "b"));
    let renamed = write(dir.path(), "zip.csv", b"PK\x03\x04 nothing");
    let ran = xiaobao(&["triage", &renamed.display().to_string(), "--dry-run"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("workbook"), "{}", ran.stderr);
}

#[test]
fn parquet_goes_out_with_types_and_comes_in_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let out = dir.path().join("first").display().to_string();
    let ran = xiaobao(&args(SAMPLE, &out, &["--format", "parquet"]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let file = dir.path().join("first/decisions.parquet");
    assert_eq!(
        folder(&dir.path().join("first"))
            .keys()
            .filter(|n| n.starts_with("decisions"))
            .count(),
        1
    );
    let ran = xiaobao(&["audit", &out]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    // The masked text decided again: the same types.
    let again = dir.path().join("again").display().to_string();
    let file = file.display().to_string();
    let map = [
        "--map",
        "masked_text=text",
        "--map",
        "received_at=received_at",
    ];
    let ran = xiaobao(&args(&file, &again, &map));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let rows = crate::run::csv_rows(dir.path().join("again/decisions.csv"));
    assert!(rows.len() >= 200);
    let same = rows.iter().filter(|r| r["type"] == r["input.type"]).count();
    assert!(same * 100 >= rows.len() * 99, "{same} of {}", rows.len());
    assert!(rows.iter().all(|r| r["received_at"].starts_with("2026-")));
}

#[test]
fn work_lists_may_be_workbooks() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let out = dir.path().join("out");
    let run = |out: &Path| {
        let ran = xiaobao(&args(
            SAMPLE,
            &out.display().to_string(),
            &["--lists", "xlsx"],
        ));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    run(&out);
    let files = folder(&out);
    let books: Vec<&String> = files.keys().filter(|f| f.starts_with("lists/")).collect();
    assert!(books.len() > 5 && books.iter().all(|b| b.ends_with(".xlsx")));
    let again = dir.path().join("again");
    run(&again);
    assert!(files == folder(&again), "the same rows give the same bytes");
    // What was written is read: every decision stands in one list.
    let mut rows = 0;
    for book in books {
        let path = out.join(book).display().to_string();
        let map = ["--map", "投诉内容（已脱敏）=text"];
        let ran = xiaobao(&[&["triage", &path, "--dry-run"][..], &map[..]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let (_, n) = ran.stderr.split_once("read ").expect("a count");
        let n = n.split(' ').next().expect("a number");
        rows += n.parse::<usize>().expect("a number");
    }
    let summary = json(&read(out.join("summary.json")));
    assert_eq!(summary["decided"], rows);
}

#[test]
fn lines_of_hive_go_in_and_as_many_come_out() {
    let input = "a1\t信用卡被盗刷了三千块，快止付\t电话\n\
                 a2\t\\N\t网站\n\
                 \n\
                 a3\t第一句\\n第二句：年费太高\t\\N\n\
                 a4\t只有两格\n";
    let ran = xiaobao_fed(
        &["triage", "-", "--tsv", "id,text,channel"],
        input.as_bytes(),
    );
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let lines: Vec<Vec<&str>> = ran
        .stdout
        .lines()
        .map(|l| l.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), 5, "{}", ran.stdout);
    // As `--help` names them.
    assert!(lines.iter().all(|l| l.len() == 15));
    assert_eq!(lines[0][..2], ["a1", "BK05"]);
    let last = lines[0].len() - 1;
    assert_eq!(lines[0][last], "\\N");
    assert_eq!(lines[1][last], "text.missing");
    assert_eq!(lines[2][last], "csv.column_count");
    assert!(lines[3].iter().any(|c| c.contains("第一句\\n第二句")));
    assert_eq!(lines[4][last], "csv.column_count");
    let ran = xiaobao_fed(&["triage", "-", "--tsv", "id,channel"], b"");
    assert_eq!(ran.code, 2);
}

#[test]
fn too_many_rejects_end_the_run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let csv = "id,text\n1,年费太贵\n2,\n3,\n4,利息算错\n";
    let input = write(dir.path(), "in.csv", csv).display().to_string();
    let out = dir.path().join("out").display().to_string();
    let ran = xiaobao(&args(&input, &out, &["--max-rejects", "1"]));
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("2 of 4"), "{}", ran.stderr);
    assert!(!Path::new(&out).join("decisions.csv").exists());
    let ran = xiaobao(&args(&input, &out, &["--max-rejects", "50%", "--resume"]));
    assert_eq!(ran.code, 1, "{}", ran.stderr);
}

#[test]
fn every_change_of_the_results_is_found() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let input = std::fs::read(root().join(SAMPLE)).expect("the sample");
    let input = write(dir.path(), "in.csv", input).display().to_string();
    let store = dir.path().join("store").display().to_string();
    let out = dir.path().join("out");
    let out_name = out.display().to_string();
    for night in ["out0", "out"] {
        let out = dir.path().join(night).display().to_string();
        let ran = xiaobao(&args(&input, &out, &["--store", &store]));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let audit = || xiaobao(&["audit", &out_name, "--store", &store]);
    let ran = audit();
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("成立").count(), 2);
    let original = folder(&out);
    let decisions = String::from_utf8(original["decisions.csv"].clone()).expect("UTF-8");
    let lines: Vec<&str> = decisions.split_inclusive("\r\n").collect();
    let restore = |name: &str| std::fs::write(out.join(name), &original[name]).expect("writable");
    let finds = |what: &str| {
        let ran = audit();
        assert_eq!(ran.code, 3, "{what}: {}", ran.stdout);
        assert!(ran.stdout.contains(what), "{what}: {}", ran.stdout);
    };
    let change =
        |bytes: String| std::fs::write(out.join("decisions.csv"), bytes).expect("writable");
    change(decisions.replacen("2026-03-17", "2026-03-18", 1));
    finds("内容被改动");
    change([&lines[..7], &lines[8..]].concat().concat());
    finds("第 7 行");
    finds("删去");
    change([&lines[..7], &lines[3..4], &lines[7..]].concat().concat());
    finds("插入");
    change(lines[..lines.len() - 2].concat());
    finds("行起缺失");
    restore("decisions.csv");
    let lists: Vec<&String> = original
        .keys()
        .filter(|f| f.starts_with("lists/"))
        .collect();
    std::fs::write(out.join(lists[0]), &original[lists[1]]).expect("writable");
    finds(lists[0]);
    restore(lists[0]);
    std::fs::write(out.join("lists/Q_NEW.csv"), "x").expect("writable");
    finds("Q_NEW");
    std::fs::remove_file(out.join("lists/Q_NEW.csv")).expect("removable");
    let manifest = read(out.join("manifest.json"));
    std::fs::write(
        out.join("manifest.json"),
        manifest.replacen("\"read\": 2", "\"read\": 3", 1),
    )
    .expect("writable");
    finds("链");
    finds("总数不符");
    std::fs::write(out.join("manifest.json"), manifest).expect("writable");
    assert_eq!(audit().code, 0);
    let mut changed = std::fs::read(&input).expect("the input");
    changed.extend(b"\n");
    std::fs::write(&input, changed).expect("writable");
    finds("输入文件");
}

#[test]
fn one_decision_is_derived_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for format in ["csv", "jsonl"] {
        let out = dir.path().join(format).display().to_string();
        let two = [SAMPLE, "data/samples/calls.jsonl"];
        let mut all = vec!["triage", two[0], two[1], "--out", &out, "--quiet"];
        all.extend(["--format", format]);
        assert_eq!(xiaobao(&all).code, 0);
        let rows = read(dir.path().join(format).join(format!("decisions.{format}")));
        for id in ["2026000000000003", "CALL-0003"] {
            assert!(rows.contains(id), "{id}");
            let ran = xiaobao(&["replay", id, "--run", &out]);
            assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
            assert!(ran.stdout.contains("逐字节相同"), "{}", ran.stdout);
        }
        let file = dir.path().join(format).join(format!("decisions.{format}"));
        std::fs::write(&file, rows.replace("BK01", "BK02")).expect("writable");
        let ran = xiaobao(&["replay", "2026000000000001", "--run", &out]);
        assert_eq!(ran.code, 3, "{}", ran.stdout);
        assert!(ran.stdout.contains("BK01") && ran.stdout.contains("BK02"));
    }
    let out = dir.path().join("csv").display().to_string();
    assert_eq!(xiaobao(&["replay", "none", "--run", &out]).code, 2);
}

#[test]
fn a_scheduler_reads_lines_of_json() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let out = dir.path().join("out").display().to_string();
    let ran = xiaobao(&args(SAMPLE, &out, &["--progress", "json"]));
    assert_eq!(ran.code, 0);
    let last = ran.stderr.lines().last().expect("a line");
    let line = json(last);
    assert_eq!(line["event"], "read");
    assert_eq!(line["bytes"], line["bytes_total"]);
    assert!(line["busy"]["decide"].as_f64().expect("a share") > 0.0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_a_clear_error() {
    let ran = xiaobao(&args(SAMPLE, "/proc/nowhere", &[]));
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("/proc/nowhere"), "{}", ran.stderr);
}

/// `repeats.csv` without its header.
fn repeats(out: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    crate::run::csv_rows(out.join("repeats.csv"))
}

#[test]
fn the_same_complaint_told_on_two_nights_is_one_case() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let first = "id,text,received_at,客户号,机构\n\
        A1,去年十一月我在城东支行办的贷款三十六万，上月起利率从4.1涨到5.3，没有任何通知，请说明并调回,2026-03-02,C1,某行城东支行\n\
        A2,信用卡年费三百六，说好刷六次免，我刷了十次还收，要求退年费,2026-03-02,C2,某行城东支行\n";
    let second = "id,text,received_at,客户号,机构\n\
        B1,上次反映过城东支行那笔三十六万贷款利率由4.1涨到5.3没有通知的事，到现在没人答复。3月5号一位姓周的客户经理来电说合同里写了，我要求提供合同复印件,2026-03-09,C1,某行城东支行\n\
        B2,手机银行今天登不上，一直转圈闪退,2026-03-09,C2,某行城东支行\n\
        B3,去年十一月我在城东支行办的贷款三十六万，上月起利率从4.1涨到5.3，没有任何通知,2026-03-09,C9,某行城东支行\n";
    let nights = [
        write(dir.path(), "n1.csv", first),
        write(dir.path(), "n2.csv", second),
    ];
    let store = dir.path().join("store").display().to_string();
    let run = |night: usize, out: &str, more: &[&str]| {
        let input = nights[night].display().to_string();
        let out = dir.path().join(out);
        let out_name = out.display().to_string();
        let all = [&["--store", &store][..], more].concat();
        let ran = xiaobao(&args(&input, &out_name, &all));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        out
    };
    assert!(repeats(&run(0, "o1", &[])).is_empty());
    let out = run(1, "o2", &[]);
    let found = repeats(&out);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["受理编号"], "B1");
    assert_eq!(found[0]["原投诉编号"], "A1");
    assert!(
        found[0]["新内容（已脱敏）"].contains("合同复印件"),
        "{found:?}"
    );
    assert!(found[0]["本案已收各次"].contains("A1") && found[0]["本案已收各次"].contains("B1"));
    assert!(found[0]["依据"].contains("办法"));
    // The night once more, into another folder: the same answer, and nothing twice.
    let again = run(1, "o3", &[]);
    assert_eq!(repeats(&again), found);
    let summary = json(&read(again.join("summary.json")));
    assert_eq!(summary["cases"]["known"], 3);
    assert_eq!(summary["cases"]["receipts"], 3);
    let page = read(again.join("report.html"));
    assert!(page.contains("2026-03-09") && !page.contains("三十六万"));
    assert!(!page.contains("http://") && !page.contains("<script"));
    let report = xiaobao(&["audit", &again.display().to_string(), "--store", &store]);
    assert_eq!(report.code, 0, "{}", report.stdout);
}

#[test]
fn a_store_needs_a_night() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let input = write(dir.path(), "in.csv", "id,text\n1,年费太贵\n")
        .display()
        .to_string();
    let out = dir.path().join("out").display().to_string();
    let store = dir.path().join("store").display().to_string();
    let ran = xiaobao(&args(&input, &out, &["--store", &store]));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--night"), "{}", ran.stderr);
    let more = ["--store", &store, "--night", "2026-03-01", "--resume"];
    assert_eq!(xiaobao(&args(&input, &out, &more)).code, 0);
}
