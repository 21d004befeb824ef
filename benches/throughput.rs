//! Documents and megabytes a second, room by room and end to end, beside bare jieba-rs on the same texts.
//!
//! `cargo bench` prints one table for short forms and one for transcripts; all figures of a table are taken in turn in
//! one run, best of several rounds, so that a noisy machine disturbs their ratios little.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jieba_rs::Jieba;
use xiaobao::clean::CleanText;
use xiaobao::complaint::{Carried, Complaint, Position};
use xiaobao::features::{Features, Scratch};
use xiaobao::jobs::triage::{Progress, TriageOptions, run_with};
use xiaobao::model::{Activations, Seed};
use xiaobao::pipeline::{Triage, Workspace};

const ROUNDS: usize = 5;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let triage = Triage::load(&root.join("data"), &root.join("models/default"))
        .unwrap_or_else(|e| panic!("{e}"));
    let clauses = clauses(&corpus(&root.join("data/complaints")));
    let forms = mix(&clauses, 60_000, 20..=60, false);
    table(&triage, "short forms, 20–60 characters", &forms);
    let calls = mix(&clauses, 8_000, 400..=800, true);
    table(&triage, "transcripts, 400–800 characters", &calls);
}

/// Clauses of the corpus, masks and marks as they stand.
fn clauses(texts: &[String]) -> Vec<String> {
    texts
        .iter()
        .flat_map(|t| t.split(['，', '。', '\n', '？', '！']))
        .map(str::trim)
        .filter(|c| (3..=40).contains(&c.chars().count()))
        .map(str::to_owned)
        .collect()
}

/// Texts that never repeat: few texts said over and over would sit in every cache and be learnt by heart by the CPU.
fn mix(
    clauses: &[String],
    n: usize,
    chars: std::ops::RangeInclusive<usize>,
    turns: bool,
) -> Vec<String> {
    let mut seed = Seed::new(7);
    let mut pick = |n: usize| (seed.next_u64() % n as u64) as usize;
    (0..n)
        .map(|_| {
            let wanted = chars.start() + pick(chars.end() - chars.start());
            let (mut text, mut length) = (String::new(), 0);
            while length < wanted {
                if turns && pick(4) == 0 {
                    text.push_str(["\n客户：", "\n客服："][pick(2)]);
                }
                let clause = &clauses[pick(clauses.len())];
                length += clause.chars().count() + 1;
                text.push_str(clause);
                text.push_str(["，", "，", "。"][pick(3)]);
            }
            text
        })
        .collect()
}

fn corpus(dir: &Path) -> Vec<String> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("data/complaints")
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "csv"))
        .collect();
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        let mut reader = csv::Reader::from_path(path).expect("a CSV file");
        let column = reader
            .headers()
            .expect("a header")
            .iter()
            .position(|h| h == "text");
        let column = column.expect("a text column");
        texts.extend(
            reader
                .records()
                .map(|r| r.expect("a row")[column].to_owned()),
        );
    }
    texts
}

/// Best time of one pass over all texts.
fn best(mut pass: impl FnMut()) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            pass();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn table(triage: &Triage, title: &str, texts: &[String]) {
    let n = texts.len();
    let bytes: usize = texts.iter().map(String::len).sum();
    let chars: usize = texts.iter().map(|t| t.chars().count()).sum::<usize>() / n;
    println!("\n{title}: {n} different rows, mean {chars} characters");
    let jieba = Jieba::new();
    let bare = best(|| {
        for text in texts {
            black_box(jieba.cut(text, false));
        }
    });
    let line = |name: &str, seconds: f64| {
        println!(
            "  {name:<34} {:>9.0} docs/s {:>8.1} MB/s {:>7.2} µs/doc {:>6.2} × jieba's time",
            n as f64 / seconds,
            bytes as f64 / seconds / 1e6,
            seconds / n as f64 * 1e6,
            seconds / bare
        );
    };
    line("bare jieba-rs, no HMM (ceiling)", bare);
    line(
        "bare jieba-rs, HMM",
        best(|| {
            for text in texts {
                black_box(jieba.cut(text, true));
            }
        }),
    );
    let front = triage.front();
    line(
        "clean (normalise, turns, mask)",
        best(|| {
            for text in texts {
                black_box(front.clean(text));
            }
        }),
    );
    let cleaned: Vec<CleanText> = texts.iter().map(|t| front.clean(t)).collect();
    line(
        "segment",
        best(|| {
            for clean in &cleaned {
                black_box(front.segment(clean));
            }
        }),
    );
    let segments: Vec<_> = cleaned.iter().map(|c| front.segment(c)).collect();
    let vocabulary = triage.bundle.vocabulary();
    let (mut scratch, mut features) = (Scratch::default(), Features::default());
    line(
        "features",
        best(|| {
            for s in &segments {
                vocabulary.apply_into(s, &[], &mut scratch, &mut features);
                black_box(&features);
            }
        }),
    );
    let all: Vec<Features> = segments.iter().map(|s| vocabulary.apply(s, &[])).collect();
    let mut work = Activations::default();
    line(
        "network",
        best(|| {
            for f in &all {
                triage.bundle.network().forward(f, &mut work);
                black_box(&work);
            }
        }),
    );
    let mut cues = xiaobao::cues::Scratch::default();
    line(
        "rules and facts",
        best(|| {
            for clean in &cleaned {
                black_box(triage.tables.cues.apply(
                    clean.text(),
                    clean.deciding(),
                    "hotline",
                    Some((2026, 3, 1)),
                    &mut cues,
                ));
            }
        }),
    );
    let complaints: Vec<Complaint> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| complaint(i, text))
        .collect();
    let mut workspace = Workspace::default();
    line(
        "decide (clean to route and clock)",
        best(|| {
            for c in &complaints {
                black_box(triage.decide(c, &mut workspace).expect("a decision"));
            }
        }),
    );
    let dir = std::env::temp_dir().join(format!("xiaobao-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a temporary folder");
    let input = dir.join("in.csv");
    let mut writer = csv::Writer::from_path(&input).expect("an input");
    writer
        .write_record(["id", "text", "received_at", "channel"])
        .expect("a header");
    for (i, text) in texts.iter().enumerate() {
        writer
            .write_record([
                &format!("B{i}"),
                text.as_str(),
                "2026-03-01 09:00",
                "hotline",
            ])
            .expect("a row");
    }
    writer.flush().expect("written");
    let options = TriageOptions {
        inputs: vec![input],
        out: Some(dir.join("out")),
        force: true,
        quiet: true,
        progress: Progress::None,
        ..TriageOptions::default()
    };
    let mut seconds = [0.0; 2];
    for (threads, seconds) in [1, 2].into_iter().zip(&mut seconds) {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        *seconds = pool.install(|| {
            best(|| {
                run_with(triage, &options).expect("a run");
            })
        });
        line(
            &format!("end to end, file to files, {threads} thread"),
            *seconds,
        );
    }
    let wide = bytes as f64 / 1e6;
    println!(
        "  one core: {:.0} % of bare jieba without HMM ({wide:.1} MB); two cores {:.2} × one",
        bare / seconds[0] * 100.0,
        seconds[0] / seconds[1]
    );
    std::fs::remove_dir_all(&dir).expect("cleaned up");
}

fn complaint(i: usize, text: &str) -> Complaint {
    Complaint {
        id: format!("B{i}"),
        text: text.to_owned(),
        channel: Some(0),
        channel_unknown: false,
        received: xiaobao::clock::parse_moment("2026-03-01 09:00"),
        events: Vec::new(),
        labels: Vec::new(),
        complainant: None,
        institution: None,
        carried: Carried::Cells(Vec::new()),
        position: Position {
            file: "bench".into(),
            row: i as u64 + 1,
            line: i as u64 + 2,
            byte: 0,
        },
    }
}
