//! Training and inference: reproducible, and equal by hand and by tensor.

use std::path::Path;

use xiaobao::bundle::Bundle;
use xiaobao::features::Features;
use xiaobao::model::{Activations, Contributions};
use xiaobao::pipeline::Front;
use xiaobao::segment::Segmenter;
use xiaobao::tables::Tables;

use crate::run::{csv_rows, read, root, xiaobao};

fn default_bundle() -> (Tables, Bundle) {
    let tables = Tables::load(&root().join("data")).expect("the tables load");
    let bundle = Bundle::load(&root().join("models/default")).expect("the bundle loads");
    (tables, bundle)
}

fn sample_features(tables: &Tables, bundle: &Bundle) -> Vec<Features> {
    let segmenter = Segmenter::new(bundle.dictionary()).expect("the dictionary loads");
    let front = Front {
        cleaner: &tables.cleaner,
        segmenter: &segmenter,
    };
    csv_rows(root().join("data/samples/complaints.csv"))
        .iter()
        .map(|row| {
            let clean = front.clean(&row["投诉内容"]);
            let findings = tables.cues.apply(
                clean.text(),
                clean.deciding(),
                "web",
                None,
                &mut xiaobao::cues::Scratch::default(),
            );
            let signals = tables.cues.signals(&findings);
            bundle.vocabulary().apply(&front.segment(&clean), &signals)
        })
        .collect()
}

#[test]
fn the_kernel_equals_the_tensors() {
    let (tables, bundle) = default_bundle();
    let mut features = sample_features(&tables, &bundle);
    features.push(Features::default());
    let network = bundle.network();
    let tensors = network
        .forward_tensors(&features)
        .and_then(|t| t.to_vec2::<f32>())
        .expect("candle runs");
    let mut work = Activations::default();
    for (features, row) in features.iter().zip(&tensors) {
        network.forward(features, &mut work);
        for (a, b) in work.logits().iter().zip(row) {
            assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} and {b}");
        }
    }
}

#[test]
fn contributions_add_up_to_the_logit() {
    let (tables, bundle) = default_bundle();
    let network = bundle.network();
    let (mut work, mut parts) = (Activations::default(), Contributions::default());
    for features in sample_features(&tables, &bundle) {
        network.forward(&features, &mut work);
        for outputs in [[0, 7], [33, network.spec().n_outputs() - 1]] {
            network.contributions(&features, &work, outputs, &mut parts);
            for (k, output) in outputs.into_iter().enumerate() {
                let sum = parts.bias[k] + parts.words.iter().map(|w| w[k]).sum::<f32>();
                let logit = work.logits()[output];
                assert!(
                    (sum - logit).abs() < 1e-3 * (1.0 + logit.abs()),
                    "{sum} and {logit}"
                );
            }
        }
    }
}

/// The README's training command, but for the folder.
fn train(out: &Path, threads: &str) {
    let readme = read(root().join("README.md"));
    let line = readme
        .lines()
        .find(|l| l.contains("train data/complaints --out models/default"))
        .expect("README.md has the training command");
    let args = line.split_once(" train ").expect("a command").1;
    let out = out.display().to_string();
    let args = args.replace("models/default", &out);
    let mut all = vec!["train", "--threads", threads];
    all.extend(args.split_whitespace());
    let ran = xiaobao(&all);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn training_again_gives_the_committed_bundle() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    train(&one, "1");
    train(&two, "2");
    let committed = root().join("models/default");
    let manifest = crate::run::json(&read(committed.join("manifest.json")));
    let same_class = manifest["cpu_class"] == xiaobao::bundle::cpu_class();
    for name in [
        "model.safetensors",
        "tokenizer.json",
        "dictionary.txt",
        "calibration.json",
        "manifest.json",
    ] {
        let bytes = |dir: &Path| std::fs::read(dir.join(name)).expect("a file of the bundle");
        assert!(
            bytes(&one) == bytes(&two),
            "{name}: one thread and two differ"
        );
        if same_class {
            assert!(
                bytes(&one) == bytes(&committed),
                "{name} is not the committed one: run the README's training command"
            );
        }
    }
    if !same_class {
        eprintln!(
            "this CPU is of another class than the committed bundle's: comparing decisions only"
        );
    }
    let decide = |model: &Path| {
        let out = tempfile::tempdir().expect("a temporary folder");
        let args = [
            "triage".to_owned(),
            "data/samples/complaints.csv".to_owned(),
            "--model".to_owned(),
            model.display().to_string(),
            "--out".to_owned(),
            out.path().display().to_string(),
        ];
        assert_eq!(xiaobao(&args).code, 0);
        csv_rows(out.path().join("decisions.csv"))
            .iter()
            .map(|r| [&r["type"], &r["reason"], &r["urgency"], &r["queue"]].map(String::clone))
            .collect::<Vec<_>>()
    };
    assert_eq!(decide(&one), decide(&committed));
}
