//! `xiaobao inspect`: what a bundle is, or what an input looks like to the reader (masked).

use std::path::{Path, PathBuf};

use super::Outcome;
use crate::bundle::Bundle;
use crate::error::{Error, Result};
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
    for (head, calibration) in m.network.heads.iter().zip(&bundle.calibration().heads) {
        let figures = &m.metrics[&head.name];
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
    for (file, hash) in &m.files {
        println!("file        {file} sha256 {hash}");
    }
    Ok(Outcome::Done)
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
