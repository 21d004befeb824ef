//! `xiaobao inspect`: what a bundle is, or what an input looks like to the reader (masked).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Outcome;
use super::calibrate::HeadFigures;
use crate::bundle::{Bundle, EncoderBundle, is_encoder};
use crate::decide::Calibration;
use crate::error::{Error, Result};
use crate::model::HeadSpec;
use crate::source::{Source, SourceOptions};
use crate::tables::Tables;

/// What `inspect` was asked to do.
#[derive(Debug)]
pub struct InspectOptions {
    /// A bundle's folder, or an input.
    pub path: PathBuf,
    pub data: PathBuf,
    pub source: SourceOptions,
    /// Records of an input to show.
    pub n_records: usize,
}

pub fn run(options: &InspectOptions) -> Result<Outcome> {
    if is_encoder(&options.path) {
        return encoder_bundle(&options.path);
    }
    if options.path.join("manifest.json").is_file() {
        return bundle(&options.path);
    }
    input(options)
}

fn bundle(path: &Path) -> Result<Outcome> {
    let bundle = Bundle::load(path)?;
    let m = bundle.manifest();
    println!(
        "bundle      {} (format {}, xiaobao {})",
        bundle.id(),
        m.format_version,
        m.xiaobao
    );
    println!("network     {:?}", bundle.network());
    println!(
        "features    words to {}, characters to {}, in at least {} texts",
        m.features.word_ngram, m.features.char_ngram, m.features.min_count
    );
    println!(
        "trained on  {} rows, calibrated on {}, seed {}, {}",
        m.n_train, m.n_calibration, m.training.seed, m.cpu_class
    );
    println!("data        sha256 {}", m.data_sha256);
    show_heads(&m.network.heads, bundle.calibration(), &m.metrics);
    show_files(&m.files);
    Ok(Outcome::Done)
}

fn encoder_bundle(path: &Path) -> Result<Outcome> {
    let bundle = EncoderBundle::load(path)?;
    let m = bundle.manifest();
    println!(
        "bundle      {} (encoder format {}, xiaobao {})",
        bundle.id(),
        m.format_version,
        m.xiaobao
    );
    println!("network     {:?}", bundle.encoder());
    println!(
        "fine-tuned  on {} rows, calibrated on {}, seed {}, {} epochs, frozen {:?}, {}",
        m.n_train,
        m.n_calibration,
        m.training.seed,
        m.training.epochs,
        m.training.frozen,
        m.cpu_class
    );
    println!("data        sha256 {}", m.data_sha256);
    show_heads(&m.encoder.heads, bundle.calibration(), &m.metrics);
    show_files(&m.files);
    Ok(Outcome::Done)
}

fn show_heads(heads: &[HeadSpec], calibration: &Calibration, metrics: &HeadFigures) {
    for (head, calibration) in heads.iter().zip(&calibration.heads) {
        let figures = &metrics[&head.name];
        println!(
            "head        {}: {} labels · T {:.2} · calibration split: accuracy {:.3}, macro-F1 {:.3}, n {}",
            head.name,
            head.labels.len(),
            calibration.temperature,
            figures["accuracy"],
            figures["macro_f1"],
            calibration.n
        );
        for (name, t) in [
            ("auto", &calibration.auto),
            ("suggest", &calibration.suggest),
        ] {
            if t.n_pass > 0 {
                println!(
                    "            {name} ≥ {:.3}: precision {:.3} (asked {:.2}) on {} of {} rows",
                    t.prob, t.precision, t.asked, t.n_pass, t.n
                );
            }
        }
    }
}

fn show_files(files: &BTreeMap<String, String>) {
    for (file, hash) in files {
        println!("file        {file} sha256 {hash}");
    }
}

fn input(options: &InspectOptions) -> Result<Outcome> {
    let tables = Tables::load(&options.data)?;
    let source_options = tables.source_options(&options.source)?;
    let mut source = Source::open(&options.path, &source_options)?;
    let found = source.found().clone();
    println!(
        "{}: {}, {} ({})",
        found.file, found.format, found.encoding, found.encoding_ground
    );
    if let Some(delimiter) = found.delimiter {
        println!("delimiter   {delimiter}");
    }
    if let Some(names) = source.carried_names() {
        println!("carried     {}", names.join(" · "));
    }
    let mut shown = 0;
    while shown < options.n_records {
        let batch = source.next_batch(options.n_records - shown, &tables.taxonomy)?;
        if batch.is_empty() {
            break;
        }
        for record in batch {
            shown += 1;
            match record {
                Ok(c) => {
                    let clean = tables.cleaner.apply(&c.text);
                    let end = clean
                        .text()
                        .char_indices()
                        .nth(60)
                        .map_or(clean.text().len(), |x| x.0);
                    let channel = c.channel.map_or("—", |i| &tables.taxonomy.channels[i].name);
                    let at = c.received.map_or_else(|| "—".to_owned(), |m| m.to_string());
                    println!(
                        "row {:<5} {} · {channel} · {at} · {} 轮 · {} 处脱敏 · {}…",
                        c.position.row,
                        c.id,
                        clean.turns().len(),
                        clean.masks().len(),
                        clean.text()[..end].replace('\n', " ")
                    );
                }
                Err(r) => println!(
                    "row {:<5} rejected {}: {}",
                    r.position.row,
                    r.code.code(),
                    r.what
                ),
            }
        }
    }
    if shown == 0 {
        return Err(Error::Usage(format!(
            "{}: holds no records",
            options.path.display()
        )));
    }
    Ok(Outcome::Done)
}
