//! The encoder tier: equal to Hugging Face transformers, learning, reproducible, behind the fast model in a cascade.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use xiaobao::clean::{CleanText, Cleaner};
use xiaobao::model::encoder::{Encoder, EncoderSpec, Pooling, Pretrained, WindowSpec};
use xiaobao::model::{HeadKind, HeadSpec};

use crate::run::{csv_rows, json, read, root, write, xiaobao};

fn fixture() -> PathBuf {
    root().join("tests/fixtures/encoder")
}

fn expected() -> serde_json::Value {
    json(&read(fixture().join("expected.json")))
}

fn numbers(value: &serde_json::Value) -> Vec<f32> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|v| v.as_f64().expect("a number") as f32)
        .collect()
}

/// The fixture's encoder with the fixture's heads, as if read from a bundle.
fn encoder(pooling: Pooling, window: WindowSpec) -> Encoder {
    let pretrained = Pretrained::load(&fixture()).expect("the fixture loads");
    let expected = expected();
    let rows = expected["heads_w"].as_array().expect("rows");
    let weights: Vec<f32> = rows.iter().flat_map(numbers).collect();
    let bias = numbers(&expected["heads_b"]);
    let bytes = std::fs::read(fixture().join("model.safetensors")).expect("weights");
    let mut tensors: HashMap<String, Tensor> =
        candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).expect("safetensors");
    let (wide, n_out) = (rows.len(), bias.len());
    let tensor = |v, shape: &[usize]| Tensor::from_vec(v, shape, &Device::Cpu).expect("a tensor");
    tensors.insert("heads.w".to_owned(), tensor(weights, &[wide, n_out]));
    tensors.insert("heads.b".to_owned(), tensor(bias, &[n_out]));
    let spec = EncoderSpec {
        config: pretrained.config().clone(),
        heads: vec![HeadSpec {
            name: "label".to_owned(),
            kind: HeadKind::Single,
            labels: (0..n_out).map(|i| i.to_string()).collect(),
        }],
        pooling,
        window,
    };
    let tokenizer = pretrained.tokenizer_json().expect("a tokenizer");
    Encoder::from_parts(spec, tokenizer.as_bytes(), tensors).expect("an encoder")
}

const WINDOW: WindowSpec = WindowSpec {
    tokens: 64,
    overlap: 16,
    most: 1,
};

fn cleaned(texts: &[&str]) -> Vec<CleanText> {
    let cleaner = Cleaner::load(&root().join("data/clean")).expect("the cleaner");
    texts.iter().map(|t| cleaner.apply(t)).collect()
}

#[test]
fn ids_and_logits_equal_hugging_face() {
    let pretrained = Pretrained::load(&fixture()).expect("the fixture loads");
    let expected = expected();
    for pooling in [Pooling::Cls, Pooling::Mean] {
        let encoder = encoder(pooling, WINDOW);
        let key = match pooling {
            Pooling::Cls => "cls",
            Pooling::Mean => "mean",
        };
        let mut windows = Vec::new();
        let mut wanted = Vec::new();
        for row in expected["texts"].as_array().expect("texts") {
            let text = row["text"].as_str().expect("a text");
            let ids: Vec<u32> = numbers(&row["ids"]).iter().map(|i| *i as u32).collect();
            assert_eq!(pretrained.ids(text).expect("ids"), ids, "{text}");
            // [PAD] [UNK] [CLS] [SEP] are 0 to 3 in the fixture's vocabulary.
            let mut window = vec![2];
            window.extend(ids.iter().take(62));
            window.push(3);
            windows.push(xiaobao::model::encoder::Windows {
                ids: vec![window],
                known_share: 1.0,
            });
            wanted.push(numbers(&row[key]));
        }
        let found = encoder.logits(&windows).expect("logits");
        for (found, wanted) in found.iter().zip(&wanted) {
            for (a, b) in found.iter().zip(wanted) {
                assert!((a - b).abs() < 1e-4, "{key}: {a} and {b}");
            }
        }
        // The differences are not all hidden by the tolerance.
        assert!((found[0][0] - found[1][0]).abs() > 1e-2);
    }
}

#[test]
fn a_text_is_judged_alone_and_over_all_its_windows() {
    let long = "催收每天打电话给我同事，说贷款利率的事。".repeat(12);
    let texts = cleaned(&["银行说要等", &long, "", "保险退保只退了一半", "款"]);
    let encoder = encoder(Pooling::Cls, WindowSpec { most: 8, ..WINDOW });
    let windows: Vec<_> = texts
        .iter()
        .map(|t| encoder.windows(t).expect("windows"))
        .collect();
    assert!(windows[1].ids.len() > 3 && windows[2].ids.len() == 1);
    assert_eq!(windows[2].known_share, 0.0);
    let together = encoder.logits(&windows).expect("logits");
    for (one, beside) in windows.iter().zip(&together) {
        let alone = encoder.logits(std::slice::from_ref(one)).expect("logits");
        for (a, b) in alone[0].iter().zip(beside) {
            assert_eq!(a.to_bits(), b.to_bits(), "{a} and {b}");
        }
    }
    // The long text is the mean of its windows.
    let parts: Vec<_> = windows[1]
        .ids
        .iter()
        .map(|w| xiaobao::model::encoder::Windows {
            ids: vec![w.clone()],
            known_share: 1.0,
        })
        .collect();
    let parts = encoder.logits(&parts).expect("logits");
    for (k, whole) in together[1].iter().enumerate() {
        let mean = parts.iter().map(|p| p[k]).sum::<f32>() / parts.len() as f32;
        assert!((mean - whole).abs() < 1e-4, "{mean} and {whole}");
    }
}

fn copied(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("entry").path();
        std::fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

#[test]
fn each_damage_of_a_site_s_folder_is_named() {
    let refused = |change: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        copied(&fixture(), dir.path());
        change(dir.path());
        let error = Pretrained::load(dir.path()).expect_err("refused");
        error.to_string()
    };
    let edit = |name: &'static str, from: &'static str, to: &'static str| {
        move |d: &Path| {
            let text = read(d.join(name));
            assert!(text.contains(from), "{name} has no {from}");
            write(d, name, text.replace(from, to));
        }
    };
    let remove =
        |name: &'static str| move |d: &Path| std::fs::remove_file(d.join(name)).expect("removed");
    type Change = Box<dyn Fn(&Path)>;
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(remove("config.json")),
            "config.json cannot be read",
        ),
        (
            Box::new(remove("vocab.txt")),
            "put tokenizer.json or vocab.txt",
        ),
        (
            Box::new(remove("model.safetensors")),
            "model.safetensors cannot be read",
        ),
        (
            Box::new(edit(
                "config.json",
                "\"model_type\": \"bert\"",
                "\"model_type\": \"gpt2\"",
            )),
            "model_type `gpt2` is not supported",
        ),
        (
            Box::new(edit(
                "config.json",
                "\"hidden_size\": 32",
                "\"hidden_size\": 64",
            )),
            "tensor `embeddings.word_embeddings.weight` has shape [102, 32], config.json says [102, 64]",
        ),
        (
            Box::new(edit(
                "config.json",
                "\"num_hidden_layers\": 2",
                "\"num_hidden_layers\": 3",
            )),
            "tensor `encoder.layer.2.attention.self.query.weight` is missing",
        ),
        (
            Box::new(edit(
                "config.json",
                "\"vocab_size\": 102",
                "\"vocab_size\": 90",
            )),
            "the tokenizer has 102 tokens",
        ),
        (
            Box::new(edit("vocab.txt", "[SEP]\n", "[sep]\n")),
            "the token [SEP] is missing",
        ),
        (
            Box::new(|d| {
                write(d, "tokenizer.json", "{");
            }),
            "tokenizer.json is damaged",
        ),
        (
            Box::new(|d| {
                let bytes = std::fs::read(d.join("model.safetensors")).expect("weights");
                write(d, "model.safetensors", &bytes[..bytes.len() / 2]);
            }),
            "model.safetensors is damaged",
        ),
        (
            Box::new(move |d| {
                remove("model.safetensors")(d);
                write(d, "pytorch_model.bin", "");
            }),
            "convert pytorch_model.bin",
        ),
    ];
    for (change, said) in &cases {
        let found = refused(change);
        assert!(found.contains(said), "{said}: {found}");
    }
}

/// Short complaints of three types by many voices; k02 and k03 to calibrate on.
fn subset(dir: &Path) -> String {
    let rows = dir.join("rows");
    std::fs::create_dir_all(&rows).expect("made");
    let mut out = csv::Writer::from_path(rows.join("rows.csv")).expect("made");
    let columns = ["text", "type", "reason", "urgency", "flags", "voice"];
    out.write_record(columns).expect("written");
    let mut voices = String::new();
    for voice in
        "v02 v04 v05 v06 v07 v09 v10 v11 v13 v14 v15 v16 w01 w03 w04 w05 w06 w07 k02 k03".split(' ')
    {
        for row in csv_rows(root().join(format!("data/complaints/{voice}.csv"))) {
            let short = row["text"].chars().count() <= 60 && !row["text"].contains('\n');
            if short && ["BK01", "PY01", "IN02"].contains(&row["type"].as_str()) {
                out.write_record(columns.map(|c| &row[c])).expect("written");
            }
        }
        let split = if voice.starts_with('k') {
            "calibration"
        } else {
            "train"
        };
        voices.push_str(&format!(
            "[voice.{voice}]\nsplit = \"{split}\"\nbrief = \"\"\n"
        ));
    }
    out.flush().expect("written");
    write(&rows, "voices.toml", voices);
    rows.display().to_string()
}

const TINY: &str = "--encoder-new layers=1,hidden=32,heads=2,inner=64,positions=64 --encoder-pooling mean \
--encoder-window 64 --encoder-overlap 8 --encoder-learning-rate 0.005 --encoder-heads-learning-rate 0.005 \
--encoder-batch 8";

fn train(rows: &str, out: &Path, extra: &str) -> crate::run::Ran {
    let out = out.display().to_string();
    let mut args = vec!["train", rows, "--out", &out];
    args.extend(extra.split_whitespace());
    xiaobao(&args)
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_file() {
            found.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
    found
}

fn triage(model: &Path, cascade: Option<&Path>, out: &Path, extra: &str) -> crate::run::Ran {
    let (model, out) = (model.display().to_string(), out.display().to_string());
    let cascade = cascade.map(|c| c.display().to_string());
    let mut args = vec![
        "triage",
        "data/samples/complaints.csv",
        "--model",
        &model,
        "--out",
        &out,
    ];
    args.extend(extra.split_whitespace());
    if let Some(cascade) = &cascade {
        args.extend(["--cascade", cascade]);
    }
    xiaobao(&args)
}

/// One training for the tests that only read its bundle: learning, reproduction, cascade, damage, evaluation.
#[test]
fn an_encoder_from_nothing_learns_and_stands_behind_the_fast_model() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let rows = subset(dir.path());
    let one = dir.path().join("one");
    let ran = train(&rows, &one, &format!("{TINY} --encoder-epochs 6"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let manifest = json(&read(one.join("manifest.json")));
    let type_ = &manifest["metrics"]["type"];
    let accuracy = type_["accuracy"].as_f64().expect("a figure");
    // Three types, voices that wrote no training text: guessing gives a third; 0.89 when written (n 27).
    assert!(accuracy > 0.6, "type accuracy {accuracy} of {}", type_["n"]);
    let [first, second] = ["1", "2"].map(|threads| {
        let out = dir.path().join(format!("threads-{threads}"));
        let ran = train(
            &rows,
            &out,
            &format!("{TINY} --encoder-epochs 1 --threads {threads}"),
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        files(&out)
    });
    assert!(first == second, "one thread and two differ");

    cascade_is_the_fast_model_where_that_is_sure(dir.path(), &one);
    evaluate_takes_both_kinds(dir.path(), &rows, &one);
    a_prior_moves_decisions(dir.path(), &one);
    each_damage_of_an_encoder_bundle_is_named(&one);
    frozen_layers_stay(dir.path(), &rows, &one);
}

fn cascade_is_the_fast_model_where_that_is_sure(dir: &Path, encoder: &Path) {
    let fast = root().join("models/default");
    let [alone, one, two] = ["alone", "c1", "c2"].map(|n| dir.join(n));
    assert_eq!(triage(&fast, None, &alone, "").code, 0);
    let ran = triage(&fast, Some(encoder), &one, "--threads 1");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(triage(&fast, Some(encoder), &two, "--threads 2").code, 0);
    assert!(files(&one) == files(&two), "one thread and two differ");
    let (fast_rows, rows) = (
        csv_rows(alone.join("decisions.csv")),
        csv_rows(one.join("decisions.csv")),
    );
    let summary = json(&read(one.join("summary.json")));
    let id = summary["cascade"]["bundle"].as_str().expect("an id");
    let mut sent = 0;
    let mut other = 0;
    for (fast, row) in fast_rows.iter().zip(&rows) {
        if fast["band"] == "auto" {
            assert_eq!(fast, row);
            continue;
        }
        sent += 1;
        assert_eq!(row["bundle"], id);
        other += u64::from(row["type"] != fast["type"]);
        // A rule's level holds whatever model judges.
        if fast["urgency_ground"].starts_with("规则") {
            assert!(
                row["urgency"] <= fast["urgency"],
                "a level was lowered below a rule's"
            );
        }
    }
    assert!(sent > 0, "no row was sent on");
    assert_eq!(summary["cascade"]["sent_on"], sent);
    assert_eq!(summary["cascade"]["type_changed"], other);
    let jsonl = dir.join("c3");
    assert_eq!(
        triage(&fast, Some(encoder), &jsonl, "--format jsonl").code,
        0
    );
    for line in read(jsonl.join("decisions.jsonl")).lines() {
        let line = json(line);
        let by_encoder = line["bundle"] == id;
        assert_eq!(line["model"], if by_encoder { "encoder" } else { "fast" });
        assert_eq!(by_encoder, line["evidence"]["words_by"] == "fast");
    }
}

fn evaluate_takes_both_kinds(dir: &Path, rows: &str, encoder: &Path) {
    let report = dir.join("report.json").display().to_string();
    let encoder = encoder.display().to_string();
    let args = [
        "evaluate",
        rows,
        "--split",
        "calibration",
        "--json",
        &report,
        "--force",
        "--model",
    ];
    let ran = xiaobao(&[&args[..], &[&encoder]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let alone = json(&read(&report));
    let manifest = json(&read(Path::new(&encoder).join("manifest.json")));
    let wanted = &manifest["metrics"]["type"]["accuracy"];
    let found = alone["heads"][0]["accuracy"].as_f64().expect("a figure");
    assert!((found - wanted.as_f64().expect("a figure")).abs() < 1e-9);
    let ran = xiaobao(&[&args[..], &["models/default", "--cascade", &encoder]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let cascade = &json(&read(&report))["cascade"];
    assert!(cascade["sent_on"].as_u64() > Some(0), "{cascade}");
    let wrong = xiaobao(&["evaluate", rows, "--model", &encoder, "--cascade", &encoder]);
    assert_eq!(wrong.code, 2);
    let wrong = xiaobao(&[
        "evaluate",
        rows,
        "--model",
        "models/default",
        "--cascade",
        "models/default",
    ]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("is no encoder bundle"),
        "{}",
        wrong.stderr
    );
    let wrong = xiaobao(&[
        "triage",
        "data/samples/complaints.csv",
        "--dry-run",
        "--model",
        &encoder,
    ]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("--cascade"), "{}", wrong.stderr);
}

fn a_prior_moves_decisions(dir: &Path, encoder: &Path) {
    let fast = root().join("models/default");
    let manifest = json(&read(fast.join("manifest.json")));
    let head = &manifest["network"]["heads"][0];
    assert_eq!(head["name"], "type");
    let counts = numbers(&manifest["label_counts"][0]["by_label"]);
    let n: f64 = counts.iter().map(|c| f64::from(*c)).sum();
    let labels = head["labels"].as_array().expect("labels");
    let list = |share: &dyn Fn(usize) -> f64| {
        let mut text = "head,label,share\n".to_owned();
        for (i, label) in labels.iter().enumerate() {
            text.push_str(&format!(
                "type,{},{}\n",
                label.as_str().expect("a code"),
                share(i)
            ));
        }
        text
    };
    let same = write(dir, "same.csv", list(&|i| f64::from(counts[i]) / n));
    let other = write(
        dir,
        "other.csv",
        list(&|i| {
            if i == 0 {
                0.9
            } else {
                0.1 / (labels.len() - 1) as f64
            }
        }),
    );
    let types = |out: &Path| -> Vec<String> {
        csv_rows(out.join("decisions.csv"))
            .iter()
            .map(|r| r["type"].clone())
            .collect()
    };
    let run = |prior: Option<&Path>, cascade: Option<&Path>, name: &str| {
        let out = dir.join(name);
        let extra = prior.map_or(String::new(), |p| format!("--prior {}", p.display()));
        let ran = triage(&fast, cascade, &out, &extra);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        out
    };
    let (plain, identical) = (run(None, None, "p0"), run(Some(&same), None, "p1"));
    // All but the bundle's name, which says that a prior was used.
    for (a, b) in csv_rows(plain.join("decisions.csv"))
        .iter()
        .zip(csv_rows(identical.join("decisions.csv")))
    {
        for (key, value) in a {
            if key == "bundle" {
                // A name of digits alone has a tab before it, for Excel.
                let value = value.trim_start();
                assert!(b[key].starts_with(&format!("{value}+prior.")));
            } else {
                assert_eq!(value, &b[key], "{key}");
            }
        }
    }
    let first = labels[0].as_str().expect("a code");
    let share = |types: Vec<String>| types.iter().filter(|t| *t == first).count();
    let before = share(types(&plain));
    assert!(share(types(&run(Some(&other), None, "p2"))) > before);
    assert!(share(types(&run(Some(&other), Some(encoder), "p3"))) > before);
    let damaged = write(dir, "damaged.csv", "head,label,share\ntype,BK01,much\n");
    let ran = triage(
        &fast,
        None,
        &dir.join("p4"),
        &format!("--prior {}", damaged.display()),
    );
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("damaged.csv:2: the share is no number"),
        "{}",
        ran.stderr
    );
}

fn each_damage_of_an_encoder_bundle_is_named(bundle: &Path) {
    let refused = |change: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        copied(bundle, dir.path());
        change(dir.path());
        let fast = root().join("models/default");
        let ran = triage(
            &fast,
            Some(dir.path()),
            &dir.path().join("out"),
            "--dry-run",
        );
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        ran.stderr
    };
    let flipped = |name: &'static str| {
        refused(&move |d: &Path| {
            let mut bytes = std::fs::read(d.join(name)).expect("a file");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            write(d, name, bytes);
        })
    };
    for name in [
        "model.safetensors",
        "tokenizer.json",
        "config.json",
        "calibration.json",
    ] {
        let said = flipped(name);
        assert!(said.contains(&format!("{name} is not the file")), "{said}");
        let said = refused(&|d| std::fs::remove_file(d.join(name)).expect("removed"));
        assert!(said.contains(&format!("{name} cannot be read")), "{said}");
    }
    let edited = |from: &'static str, to: &'static str| {
        refused(&move |d: &Path| {
            let text = read(d.join("manifest.json"));
            assert!(text.contains(from), "{from}");
            write(d, "manifest.json", text.replacen(from, to, 1));
        })
    };
    let said = edited("\"format_version\": 1", "\"format_version\": 9");
    assert!(said.contains("encoder format version 9"), "{said}");
    let said = edited("\"kind\": \"encoder\"", "\"kind\": \"other\"");
    assert!(said.contains("is no encoder bundle"), "{said}");
    let said = edited("\"hidden_size\": 32", "\"hidden_size\": 64");
    assert!(said.contains("describe different encoders"), "{said}");
    let said = edited("\"U1\"", "\"U9\"");
    assert!(said.contains("head `urgency`"), "{said}");
    let said = refused(&|d| {
        write(d, "manifest.json", "{");
    });
    assert!(said.contains("manifest.json is damaged"), "{said}");
}

/// A site's folder made of the bundle's own encoder: with all layers frozen only the heads change.
fn frozen_layers_stay(dir: &Path, rows: &str, bundle: &Path) {
    let load = |dir: &Path| {
        let bytes = std::fs::read(dir.join("model.safetensors")).expect("weights");
        let found = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).expect("tensors");
        let values = |t: &Tensor| {
            t.flatten_all()
                .and_then(|t| t.to_vec1::<f32>())
                .expect("values")
        };
        found
            .iter()
            .map(|(n, t)| (n.clone(), values(t)))
            .collect::<BTreeMap<_, _>>()
    };
    let before = load(bundle);
    let site = bundle.display().to_string();
    for (frozen, moved) in [
        ("all", ["heads.w"].as_slice()),
        ("1", &["heads.w"]),
        ("0", &["heads.w", "embeddings.word_embeddings.weight"]),
    ] {
        let out = dir.join(format!("frozen-{frozen}"));
        let extra = format!(
            "--encoder {site} --encoder-layers-frozen {frozen} --encoder-epochs 1 --encoder-window 64 --encoder-overlap 8"
        );
        let ran = train(rows, &out, &extra);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let after = load(&out);
        for (name, values) in &before {
            let same = values == &after[name];
            if moved.contains(&name.as_str()) {
                assert!(!same, "{frozen}: {name} has not moved");
            } else if frozen != "0" && name != "heads.b" {
                assert!(same, "{frozen}: {name} has moved");
            }
        }
    }
}
