//! Row for row the decision of `triage`, whichever way a complaint comes in.

use serde_json::Value;

use super::intake::{decision, samples};
use super::server::{Client, Dice, Server};
use crate::run::{csv_rows, json, root, xiaobao_fed};

const RANDOM_TEXTS: usize = 2000;

/// Sentences of shipped complaints.
fn pieces() -> Vec<String> {
    let mut pieces = Vec::new();
    for file in ["k01.csv", "v05.csv", "v17.csv", "t05.csv", "v28.csv"] {
        for row in csv_rows(root().join("data/complaints").join(file)) {
            let ends = |c: char| "。！？；，\n".contains(c);
            let parts = row["text"].split_inclusive(ends).map(str::to_owned);
            pieces.extend(parts.filter(|p| p.chars().count() > 2));
        }
    }
    pieces
}

/// A text that nobody wrote: pieces of complaints, noise, other scripts, what speech recognition leaves behind.
fn text(dice: &mut Dice, pieces: &[String]) -> String {
    const NOISE: [&str; 24] = [
        "😡",
        "👨‍👩‍👧",
        "🇨🇳",
        "呃那个就是说",
        "嗯嗯啊",
        "喂喂听得到吗",
        "信用卡被盜刷，請儘快處理",
        "貸款合約與當初說明不符",
        "１３８００１３８０００",
        "６２２２０２１２３４５６７８９０１２３",
        "110105194912310021",
        "五万八千块",
        "￥12,345.60",
        "\u{200b}",
        "\u{feff}",
        "\u{3000}",
        "=1+1",
        "<b>&amp;",
        "客户：",
        "坐席：您好。",
        "〔手机1〕",
        "\r\n",
        "\t",
        "\"'\\",
    ];
    let mut out = String::new();
    for _ in 0..1 + dice.below(9) {
        match dice.below(10) {
            0 | 1 => out.push_str(dice.one_of::<&str>(&NOISE)),
            2 => {
                for _ in 0..1 + dice.below(12) {
                    // Any character of the common planes.
                    let c = char::from_u32(0x21 + dice.below(0xFFD0) as u32);
                    out.extend(c.filter(|c| !c.is_control()));
                }
            }
            3 => {
                let piece = dice.one_of(pieces);
                let widen = |c: char| match c {
                    '0'..='9' => char::from_u32(c as u32 - '0' as u32 + '０' as u32).unwrap_or(c),
                    other => other,
                };
                out.extend(piece.chars().map(widen));
            }
            4 => {
                let piece = dice.one_of(pieces);
                out.extend(piece.chars().filter(|c| !"，。！？".contains(*c)));
            }
            _ => out.push_str(dice.one_of::<String>(pieces)),
        }
    }
    if out.trim().is_empty() {
        out.push('退');
    }
    out
}

fn lines() -> Vec<String> {
    let mut lines = samples();
    let pieces = pieces();
    let mut dice = Dice::new(6);
    let channels = ["hotline", "app", "监管转办", "柜面", "不存在的渠道", ""];
    let days = [
        "2026-03-01",
        "2026-02-14 23:59",
        "2025-12-31T08:00:00+08:00",
        "昨天",
        "",
    ];
    for n in 0..RANDOM_TEXTS {
        let mut line =
            serde_json::json!({ "id": format!("R{n}"), "text": text(&mut dice, &pieces) });
        for (name, values) in [("channel", &channels[..]), ("received_at", &days[..])] {
            let value = *dice.one_of(values);
            if !value.is_empty() {
                line[name] = value.into();
            }
        }
        lines.push(line.to_string());
    }
    lines
}

/// A form as browsers send it.
fn form(line: &str) -> String {
    let line = json(line);
    let mut out = String::new();
    for name in ["text", "channel", "received_at"] {
        out.push_str(&format!("&{name}="));
        for byte in line[name].as_str().unwrap_or_default().bytes() {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out[1..].to_owned()
}

#[test]
fn single_batch_and_page_decide_as_the_filter_does() {
    let lines = lines();
    let input = lines.join("\n") + "\n";
    let filter = xiaobao_fed(&["triage", "-"], input.as_bytes());
    let wanted: Vec<Value> = filter.stdout.lines().map(decision).collect();
    assert_eq!(wanted.len(), lines.len());
    let server = Server::start(&["--quiet"]);
    let (status, body) = server.post("/v1/triage:batch", input.as_bytes());
    assert_eq!(status, 200);
    let batch: Vec<Value> = body.lines().map(decision).collect();
    assert_eq!(batch.len(), wanted.len());
    for (n, (batch, wanted)) in batch.iter().zip(&wanted).enumerate() {
        // Where a record stood is the one thing that differs.
        let place = batch.get("rejected").is_some();
        assert!(place || batch == wanted, "batch, line {n}");
    }
    let mut client = Client::new(&server.address);
    let mut rejected = 0;
    for (n, (line, wanted)) in lines.iter().zip(&wanted).enumerate() {
        let single = client.post("/v1/triage", &[], line.as_bytes());
        let kind = "content-type: application/x-www-form-urlencoded";
        let page = client.post("/", &[kind], form(line).as_bytes());
        if wanted.get("rejected").is_some() {
            assert_eq!((single.status, page.status), (422, 422), "line {n}");
            assert_eq!(json(&single.body)["code"], wanted["rejected"]["code"]);
            rejected += 1;
            continue;
        }
        assert_eq!(single.status, 200, "line {n}: {}", single.body);
        assert!(decision(&single.body) == *wanted, "single, line {n}");
        assert_eq!(page.status, 200, "line {n}");
        for (attribute, value) in [
            ("type", &wanted["type"]),
            ("reason", &wanted["reason"]),
            ("urgency", &wanted["urgency"]),
            ("band", &wanted["band"]),
            ("queue", &wanted["queue"]),
            ("template", &wanted["template"]),
            ("sha256", &wanted["evidence"]["text_sha256"]),
            ("bundle", &wanted["bundle"]),
        ] {
            let shown = format!("data-{attribute}=\"{}\"", value.as_str().expect("a code"));
            assert!(page.body.contains(&shown), "page, line {n}: {shown}");
        }
    }
    assert!(rejected > 100 && rejected < 800, "{rejected}");
}
